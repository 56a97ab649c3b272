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
use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

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

/// Claims until draining begins.
pub(super) async fn run(engine: Arc<Engine>, shutdown: Shutdown) {
    tokio::select! {
        () = claim_for_ever(&engine) => {}
        () = hand_back_stale(&engine) => {}
        () = shutdown.draining() => {}
    }
}

async fn claim_for_ever(engine: &Engine) {
    let mut claimer = Claimer {
        engine,
        registration: None,
        number: 0,
        served: Served::new(&engine.settings.queues),
        refreshed: None,
        patience: Patience::new("claim jobs"),
    };
    let mut hungry = true;
    loop {
        if !hungry {
            claimer.wait_for_work().await;
        }
        let room = claimer.wait_for_room(hungry).await;
        let registration = claimer.wait_for_registration().await;
        claimer.refresh_queues().await;
        hungry = claimer.claim(registration.worker, room).await;
    }
}

struct Claimer<'a> {
    engine: &'a Engine,
    registration: Option<Registration>,
    /// The number of the last claim of this registration.
    number: u64,
    served: Served,
    /// When the store was last asked which queues there are.
    refreshed: Option<Instant>,
    patience: Patience,
}

impl Claimer<'_> {
    /// Claims once; answers whether there may be more. The same number is used until the store
    /// has answered, so that a claim whose answer was lost is found again.
    async fn claim(&mut self, worker: WorkerId, room: usize) -> bool {
        self.number += 1;
        let wants = self.served.wants(self.number, room);
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
                    return full;
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

    /// Learns which queues there are: when a hint named one that is not known, and now and then,
    /// because another process's new queue comes without its name.
    async fn refresh_queues(&mut self) {
        let poll = self.engine.settings.poll;
        let old = self.served.known.is_empty()
            || self
                .refreshed
                .is_none_or(|refreshed| refreshed.elapsed() >= poll);
        let changed = self.engine.queues_changed.swap(false, Ordering::AcqRel);
        if !self.served.others || !(changed || old) {
            return;
        }
        match self.engine.call(self.engine.store.queues()).await {
            Ok(queues) => {
                let names: Vec<QueueName> = queues.into_iter().map(|queue| queue.name).collect();
                self.engine.know_queues(&names);
                self.served.know(names);
                self.refreshed = Some(Instant::now());
            }
            Err(error) => {
                self.engine.queues_changed.store(true, Ordering::Release);
                tokio::time::sleep(self.patience.failed(&error)).await;
            }
        }
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
    known: Vec<QueueName>,
}

impl Served {
    fn new(queues: &Queues) -> Self {
        Self {
            first: queues.first.clone(),
            others: queues.others,
            known: Vec::new(),
        }
    }

    fn know(&mut self, names: Vec<QueueName>) {
        self.known = names
            .into_iter()
            .filter(|name| !self.first.contains(name))
            .collect();
    }

    /// The named queues in their order, then the others; each claim starts with another one of
    /// these, so that a busy one does not keep the rest waiting.
    fn wants(&self, number: u64, max: usize) -> Vec<Want> {
        let turn = usize::try_from(number).unwrap_or(0) % self.known.len().max(1);
        let (later, sooner) = self.known.split_at(turn);
        let all = self.first.iter().chain(sooner).chain(later);
        all.map(|queue| Want {
            queue: queue.clone(),
            max,
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{
        clock::Clock,
        store::{Store, memory::MemoryStore},
    };

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
        let mut served = Served::new(&queues);
        served.know(["a", "b", "urgent"].map(name).to_vec());
        let order = |number| -> Vec<String> {
            served
                .wants(number, 1)
                .iter()
                .map(|want| want.queue.to_string())
                .collect()
        };
        assert_eq!(order(0), ["urgent", "a", "b"]);
        assert_eq!(order(1), ["urgent", "b", "a"]);
        assert_eq!(order(2), ["urgent", "a", "b"]);
    }
}
