//! A walk through one history: each operation is made on both stores and the answers compared.

mod besides;
mod duty;
mod work;

use std::{cmp::Reverse, collections::BTreeSet, fmt::Debug};

use super::{
    ledger::Ledger,
    op::{Known, Op},
    snapshot::{self, Snapshot},
};
use crate::{Harness, backends};
use shared::{
    clock::Clock,
    job::{JobId, JobSummary, NewJob, State},
    lease::{LeaseToken, WorkerId},
    store::{
        CancelParams, Enqueued, Error, Filter, JobStore, ListOrder, QueueStore, Replay, Replayed,
        Result, Store, memory::MemoryStore,
    },
};

/// What says where the two stores differ.
type Agreed<T = ()> = std::result::Result<T, String>;

/// The two stores, and what is known of them.
pub(super) struct Walk {
    pub(super) known: Known,
    tested: Harness,
    reference: MemoryStore,
    clock: Clock,
    ledger: Ledger,
    /// Per grant: the job and its tokens.
    tokens: Vec<Tokens>,
    /// Per worker: its id, the same in both stores.
    workers: Vec<WorkerId>,
}

/// What the two stores call one claim of one job.
#[derive(Debug, Clone, Copy)]
struct Tokens {
    id: JobId,
    reference: LeaseToken,
    tested: LeaseToken,
}

impl Tokens {
    fn of(&self, tested: bool) -> LeaseToken {
        if tested { self.tested } else { self.reference }
    }
}

impl Walk {
    pub(super) fn new(tested: Harness) -> Self {
        let clock = Clock::manual(backends::start());
        Self {
            known: Known {
                now: clock.now(),
                ids: Vec::new(),
                grants: Vec::new(),
                workers: Vec::new(),
                entries: Vec::new(),
                term: 0,
            },
            tested,
            reference: MemoryStore::new(clock.clone()),
            clock,
            ledger: Ledger::default(),
            tokens: Vec::new(),
            workers: Vec::new(),
        }
    }

    /// The transitions that jobs made so far.
    pub(super) fn transitions(self) -> BTreeSet<(State, State)> {
        self.ledger.transitions
    }

    /// Makes one operation on both stores.
    pub(super) async fn step(&mut self, op: Op) -> Agreed {
        self.apply(op).await?;
        let found = self.reference.get(self.known.ids.clone()).await;
        let found = found.map_err(|error| format!("the reference: {error}"))?;
        self.ledger.observe(&self.known.ids, &found, self.known.now)
    }

    /// Compares everything that can be seen.
    pub(super) async fn look(&mut self) -> Agreed {
        let reference = Snapshot::of(&self.reference, &self.known).await;
        let mut reference = reference.map_err(|error| format!("the reference: {error}"))?;
        self.in_order(&mut reference.list);
        let tested = Snapshot::of(&*self.tested.store, &self.known).await;
        let tested = tested.map_err(|error| format!("the store: {error:?}"))?;
        let order = self.store().capabilities().list_order;
        self.ledger.check(&reference, order)?;
        reference.compare(&tested)?;
        self.ledger.check(&tested, order)
    }

    async fn apply(&mut self, op: Op) -> Agreed {
        match op {
            Op::Enqueue(batch) => self.enqueue(batch).await,
            Op::Cancel(ids, reason) => {
                let params = CancelParams { ids, reason };
                let reference = self.reference.cancel(params.clone()).await;
                equal(reference, self.tested.store.cancel(params).await).map(drop)
            }
            Op::RunNow(ids) => {
                let reference = self.reference.run_now(ids.clone()).await;
                equal(reference, self.tested.store.run_now(ids).await).map(drop)
            }
            Op::Replay(replays) => self.replay(replays).await,
            Op::Pause(queue, paused) => {
                let reference = self.reference.set_paused(queue.clone(), paused).await;
                equal(reference, self.tested.store.set_paused(queue, paused).await).map(drop)
            }
            Op::List(filter, limit) => self.list(filter, limit).await,
            Op::Advance(length) => {
                self.tested.advance(length).await;
                self.clock.advance(length);
                self.known.now = self.clock.now();
                Ok(())
            }
            other => self.apply_work(other).await,
        }
    }

    async fn enqueue(&mut self, batch: Vec<NewJob>) -> Agreed {
        let ids: Vec<JobId> = batch.iter().map(|job| job.id).collect();
        let reference = self.reference.enqueue(batch.clone()).await;
        let answer = equal(reference, self.tested.store.enqueue(batch).await)?;
        for (at, id) in ids.into_iter().enumerate() {
            self.offered(id);
            let verdict = answer.as_ref().and_then(|all| all.get(at));
            if matches!(verdict, Some(Enqueued::New(_))) {
                self.ledger.accept(id);
            }
        }
        Ok(())
    }

    async fn replay(&mut self, replays: Vec<Replay>) -> Agreed {
        let ids: Vec<JobId> = replays.iter().map(|replay| replay.new).collect();
        let reference = self.reference.replay(replays.clone()).await;
        let answer = equal(reference, self.tested.store.replay(replays).await)?;
        for (at, id) in ids.into_iter().enumerate() {
            self.offered(id);
            if answer.as_ref().and_then(|all| all.get(at)) == Some(&Replayed::New) {
                self.ledger.accept(id);
            }
        }
        Ok(())
    }

    async fn list(&mut self, filter: Filter, limit: usize) -> Agreed {
        let mut reference = snapshot::list(&self.reference, &filter, limit).await;
        if let Ok(jobs) = &mut reference {
            self.in_order(jobs);
        }
        let tested = snapshot::list(&*self.tested.store, &filter, limit).await;
        equal(reference, tested).map(drop)
    }

    /// A list of the reference's in the order of the tested store's.
    fn in_order(&self, jobs: &mut [JobSummary]) {
        if self.store().capabilities().list_order == ListOrder::Id {
            jobs.sort_by_key(|job| Reverse(job.id));
        }
    }

    fn offered(&mut self, id: JobId) {
        if !self.known.ids.contains(&id) {
            self.known.ids.push(id);
        }
    }

    fn store(&self) -> &dyn Store {
        &*self.tested.store
    }
}

/// The answer that both stores gave; `None` when both refused for the same reason.
///
/// # Errors
/// Says how they differ.
fn equal<T: PartialEq + Debug>(reference: Result<T>, tested: Result<T>) -> Agreed<Option<T>> {
    match (reference, tested) {
        (Ok(expected), Ok(found)) if expected == found => Ok(Some(found)),
        (Err(expected), Err(found)) if same_reason(&expected, &found) => Ok(None),
        (expected, found) => Err(format!(
            "the answers differ\n  reference: {expected:?}\n  store:     {found:?}"
        )),
    }
}

fn same_reason(one: &Error, other: &Error) -> bool {
    match (one, other) {
        (Error::Invalid(one), Error::Invalid(other)) => one.field == other.field,
        (Error::Unavailable { .. } | Error::Corrupt { .. }, _) => false,
        _ => one.to_string() == other.to_string(),
    }
}
