//! Fills the inbox: claims as many jobs as there are free hands, and a few more when jobs are
//! short. One claim is under way at a time; jobs of the one before run meanwhile.

use shared::{
    job::QueueName,
    lease::WorkerId,
    patience::Patience,
    shutdown::Shutdown,
    store::{Capabilities, ClaimParams, Error, Wake, Want},
    telemetry::{metrics::metrics, traces},
};
use std::{sync::Arc, time::Duration};

use crate::{
    engine::{Engine, Registration},
    settings::Queues,
};

/// While a backlog waits, single free hands wait this long for company, so that a claim is worth
/// its round trip.
const GATHER: Duration = Duration::from_millis(1);

/// Jobs that were held ready this long without one being started are handed back.
const STALE: Duration = Duration::from_millis(500);

/// How often to look for work of other processes while their hints do not come: a job of theirs
/// starts this much later at worst, and a look costs the store little.
const UNHINTED: Duration = Duration::from_millis(20);

/// Most of the other queues that one claim asks. Each costs the store a look, and may cost it a lock
/// while the claim lasts; of many, several claims ask in turn.
const AT_ONCE: usize = 250;

/// Claims until draining begins.
pub(super) async fn run(engine: Arc<Engine>, shutdown: Shutdown) {
    tokio::select! {
        () = claim_for_ever(&engine) => {}
        () = look_for_queues(&engine) => {}
        () = hand_back_stale(&engine) => {}
        () = shutdown.draining() => {}
    }
}

async fn claim_for_ever(engine: &Engine) {
    let mut claimer = Claimer {
        engine,
        registration: None,
        number: 0,
        unfilled: 0,
        served: Served::new(&engine.settings.queues),
        patience: Patience::new("claim jobs"),
    };
    let mut hungry = true;
    loop {
        if !hungry {
            claimer.wait_for_work().await;
        }
        let room = claimer.wait_for_room(hungry).await;
        let registration = claimer.wait_for_registration().await;
        hungry = claimer.claim(registration.worker, room).await;
    }
}

struct Claimer<'a> {
    engine: &'a Engine,
    registration: Option<Registration>,
    /// The number of the last claim of this registration.
    number: u64,
    /// How many claims in a row found less than there was room for.
    unfilled: usize,
    served: Served,
    patience: Patience,
}

impl Claimer<'_> {
    /// Claims once; answers whether there may be more. The same number is used until the store
    /// has answered, so that a claim whose answer was lost is found again.
    async fn claim(&mut self, worker: WorkerId, room: usize) -> bool {
        self.number += 1;
        let (wants, turns) =
            self.served
                .wants(&self.engine.queues.known().names, self.number, room);
        if wants.is_empty() {
            return false;
        }
        let params = ClaimParams {
            worker,
            claim: self.number,
            wants,
            max: room,
        };
        let began = traces::now();
        loop {
            match self
                .engine
                .call(self.engine.store.claim(params.clone()))
                .await
            {
                Ok(jobs) => {
                    self.patience.succeeded();
                    let full = jobs.len() >= room;
                    if !jobs.is_empty() {
                        metrics().claim_size.observe(count(jobs.len()));
                        let recorded = jobs.iter().filter_map(traces::jobs::recorded);
                        let (what, all) = ("receive", jobs.len());
                        drop(traces::jobs::batch(what, what, began, all, recorded));
                        self.engine.accept(worker, jobs);
                    }
                    self.unfilled = if full { 0 } else { self.unfilled + 1 };
                    if self.unfilled < turns {
                        return true;
                    }
                    self.unfilled = 0;
                    return false;
                }
                // The heartbeat registers anew; until then there is nobody to claim for.
                Err(Error::LeaseLost { .. }) => {
                    self.engine.lost.send_replace(Some(worker));
                    let mut changes = self.engine.registration.subscribe();
                    let other = |now: &Option<Registration>| now.is_none_or(|r| r.worker != worker);
                    drop(changes.wait_for(other).await);
                    return true;
                }
                Err(error) => {
                    tokio::time::sleep(self.patience.failed(&error)).await;
                    if !self.engine.is(worker) {
                        return true;
                    }
                }
            }
        }
    }

    async fn wait_for_registration(&mut self) -> Registration {
        let mut changes = self.engine.registration.subscribe();
        let current = loop {
            if let Some(current) = *changes.borrow_and_update() {
                break current;
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        if self.registration.replace(current) != Some(current) {
            self.number = 0;
            self.unfilled = 0;
        }
        current
    }

    /// Waits until enough hands are free; answers how many jobs to claim.
    async fn wait_for_room(&self, hungry: bool) -> usize {
        let settings = &self.engine.settings;
        let mut gathered = false;
        loop {
            let window = settings.concurrency + self.engine.prefetch();
            // What is finished and not settled counts too: else a store that hands out and does
            // not take back would fill the memory.
            let backed_up = self.engine.outbox.unsettled() > 4 * window.max(256);
            let room = if backed_up {
                0
            } else {
                window.saturating_sub(self.engine.running.len())
            };
            if room > window / 4 || (room > 0 && (!hungry || gathered)) {
                return room;
            }
            if room > 0 {
                tokio::time::sleep(GATHER).await;
                gathered = true;
            } else {
                self.engine.room.notified().await;
            }
        }
    }

    async fn wait_for_work(&self) {
        let poll = poll(self.engine.settings.poll, self.engine.store.capabilities());
        let poll = poll.mul_f64(0.75 + rand::random::<f64>() / 2.0);
        // The timeout is the poll: hints may be lost.
        drop(tokio::time::timeout(poll, self.engine.work.notified()).await);
    }
}

/// A number of jobs, to be measured.
pub(super) fn count(jobs: usize) -> f64 {
    f64::from(u32::try_from(jobs).unwrap_or(u32::MAX))
}

/// How long to wait for a hint before looking for work.
fn poll(setting: Duration, store: Capabilities) -> Duration {
    if store.shared_by_processes && store.wake == Wake::Local {
        setting.min(UNHINTED)
    } else {
        setting
    }
}

/// Learns which queues there are, now and then and when a hint does not say which: beside the claims,
/// which do not wait for it.
async fn look_for_queues(engine: &Engine) {
    if !engine.settings.queues.others {
        return std::future::pending().await;
    }
    let mut patience = Patience::new("look for queues");
    loop {
        let before = Arc::clone(&engine.queues.known());
        let wait = match engine.call(engine.store.queue_names()).await {
            Ok(names) => {
                patience.succeeded();
                if engine.queues.replace(&before, names) {
                    engine.work.notify_one();
                }
                engine.settings.poll
            }
            Err(error) => patience.failed(&error),
        };
        drop(tokio::time::timeout(wait, engine.queues_changed.notified()).await);
    }
}

/// Hands back what was held ready for too long.
async fn hand_back_stale(engine: &Engine) {
    loop {
        tokio::time::sleep(STALE).await;
        for ctx in engine.inbox.take_stale(STALE) {
            engine.finish(&ctx, crate::engine::Verdict::HandedBack);
        }
    }
}

/// The queues to claim from, in order.
#[derive(Debug)]
struct Served {
    first: Vec<QueueName>,
    others: bool,
}

impl Served {
    fn new(queues: &Queues) -> Self {
        Self {
            first: queues.first.clone(),
            others: queues.others,
        }
    }

    /// The named queues in their order, then the others of those that are known; each claim starts
    /// with another one of these, so that a busy one does not keep the rest waiting. Of more than
    /// [`AT_ONCE`] each claim asks those that follow on the last one's; also answers how many
    /// claims in a row ask all.
    fn wants(&self, known: &[QueueName], number: u64, max: usize) -> (Vec<Want>, usize) {
        let known = if self.others { known } else { &[] };
        let others: Vec<&QueueName> = known.iter().filter(|q| !self.first.contains(q)).collect();
        let count = others.len().max(1);
        let turns = count.div_ceil(AT_ONCE);
        let step = if turns > 1 { AT_ONCE } else { 1 };
        let turn = usize::try_from(number).unwrap_or(0) % count;
        let (later, sooner) = others.split_at(turn * step % count);
        let others = sooner.iter().chain(later).copied().take(AT_ONCE);
        let wants = self.first.iter().chain(others).map(|queue| Want {
            queue: queue.clone(),
            max,
        });
        (wants.collect(), turns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{
        clock::Clock,
        store::{Store, memory::MemoryStore},
    };
    use std::collections::HashSet;

    #[test]
    fn work_of_other_processes_is_looked_for_often_while_their_hints_do_not_come() {
        let (second, soon) = (Duration::from_secs(1), Duration::from_millis(1));
        let mut store = MemoryStore::new(Clock::system()).capabilities();
        assert_eq!(
            (store.shared_by_processes, store.wake),
            (false, Wake::Local)
        );
        assert_eq!(poll(second, store), second);
        store.shared_by_processes = true;
        assert_eq!(poll(second, store), UNHINTED);
        assert_eq!(poll(soon, store), soon);
        store.wake = Wake::Everywhere;
        assert_eq!(poll(second, store), second);
    }

    #[test]
    fn named_queues_come_first_and_the_others_take_turns() {
        let name = |text: &str| QueueName::new(text).unwrap();
        let queues = Queues {
            first: vec![name("urgent")],
            others: true,
        };
        let served = Served::new(&queues);
        let known = ["a", "b", "urgent"].map(name);
        let order = |number| -> Vec<String> {
            served
                .wants(&known, number, 1)
                .0
                .iter()
                .map(|want| want.queue.to_string())
                .collect()
        };
        assert_eq!(order(0), ["urgent", "a", "b"]);
        assert_eq!(order(1), ["urgent", "b", "a"]);
        assert_eq!(order(2), ["urgent", "a", "b"]);
    }
    #[test]
    fn many_queues_are_asked_in_turns_that_leave_none_out() {
        let served = Served {
            first: vec![QueueName::new("urgent").unwrap()],
            others: true,
        };
        let name = |n: usize| QueueName::new(format!("q{n}")).unwrap();
        let known: Vec<QueueName> = (0..2 * AT_ONCE + 7).map(name).collect();
        for first in [0, 1, 5, 500] {
            let mut asked = HashSet::new();
            for number in first..first + 3 {
                let (wants, turns) = served.wants(&known, number, 1);
                assert_eq!((wants.len(), turns), (1 + AT_ONCE, 3));
                assert_eq!(wants[0].queue.as_str(), "urgent");
                asked.extend(wants.into_iter().skip(1).map(|want| want.queue));
            }
            assert_eq!(asked.len(), known.len());
        }
        assert_eq!(served.wants(&known[..AT_ONCE], 3, 1).1, 1);
    }
}
