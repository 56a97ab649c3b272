//! What must hold whatever the reference says: rules that are checked from outside, by looking.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
};

use super::snapshot::Snapshot;
use shared::{
    clock::Timestamp,
    job::{JobDetail, JobId, State, Unique, UniquePolicy, attempt::MAX_KEPT},
    store::ListOrder,
};

/// Crashes after which a history's rescue discards a job.
pub(super) const MAX_CRASHES: u32 = 2;

#[derive(Debug, Clone, Copy)]
struct Seen {
    state: State,
    /// Whether it ever ran: an until-started key is let go of then.
    started: bool,
}

/// What was seen of jobs so far.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    seen: HashMap<JobId, Seen>,
    pub(super) transitions: BTreeSet<(State, State)>,
    /// Jobs in the order in which they were accepted.
    accepted: Vec<JobId>,
}

impl Ledger {
    /// Notes that a job was accepted. The id may be that of a job which was forgotten.
    pub(super) fn accept(&mut self, id: JobId) {
        self.accepted.retain(|other| *other != id);
        self.accepted.push(id);
    }

    /// Looks at all jobs after one operation: each may have made one step at most.
    pub(super) fn observe(
        &mut self,
        ids: &[JobId],
        found: &[Option<JobDetail>],
        now: Timestamp,
    ) -> Result<(), String> {
        let mut holders = HashMap::new();
        for (id, job) in ids.iter().zip(found) {
            self.step(*id, job.as_ref())?;
            let Some(job) = job else { continue };
            consistent(job).map_err(|why| format!("{id}: {why}: {job:?}"))?;
            if let Some(unique) = &job.unique
                && self.holds(job, unique, now)
            {
                let summary = &job.summary;
                let whole = (&summary.queue, &summary.kind, &unique.key);
                let other = holders.insert(whole, *id);
                if other.is_some_and(|other| other != *id) {
                    return Err(format!("{id} and {other:?} both hold {:?}", unique.key));
                }
            }
        }
        Ok(())
    }

    fn step(&mut self, id: JobId, job: Option<&JobDetail>) -> Result<(), String> {
        let before = self.seen.get(&id).copied();
        let Some(job) = job else {
            self.seen.remove(&id);
            return match before {
                Some(seen) if !seen.state.is_terminal() => {
                    Err(format!("{id} was lost while {}", seen.state))
                }
                _ => Ok(()),
            };
        };
        let state = job.summary.state;
        let legal = match before {
            None => State::INITIAL.contains(&state),
            Some(seen) => seen.state == state || seen.state.may_become(state),
        };
        if !legal {
            return Err(format!("{id} went from {before:?} to {state}"));
        }
        if let Some(seen) = before
            && seen.state != state
        {
            self.transitions.insert((seen.state, state));
        }
        let started = state == State::Running || before.is_some_and(|seen| seen.started);
        self.seen.insert(id, Seen { state, started });
        Ok(())
    }

    fn holds(&self, job: &JobDetail, unique: &Unique, now: Timestamp) -> bool {
        let summary = &job.summary;
        let ended = summary.state.is_terminal();
        let started = self.seen.get(&summary.id).is_some_and(|seen| seen.started);
        match unique.policy {
            UniquePolicy::UntilStarted => !started && !ended,
            UniquePolicy::UntilFinished => !ended,
            // A dead letter's hold passed on to its new run.
            UniquePolicy::Window(window) => {
                now < summary.accepted_at + window && summary.replayed_as.is_none()
            }
        }
    }

    /// Looks at everything that can be seen of a store.
    pub(super) fn check(&self, all: &Snapshot, order: ListOrder) -> Result<(), String> {
        let kept: Vec<JobId> = all.list.iter().map(|job| job.id).collect();
        let known: BTreeSet<JobId> = all.jobs.iter().flatten().map(|j| j.summary.id).collect();
        let newest_first = self.accepted.iter().rev();
        let mut expected: Vec<JobId> = newest_first
            .filter(|id| known.contains(id))
            .copied()
            .collect();
        if order == ListOrder::Id {
            expected.sort_by_key(|id| Reverse(*id));
        }
        if kept != expected {
            return Err("the list is not what was accepted, newest first".to_owned());
        }
        for queue in &all.queues {
            for state in State::ALL {
                let jobs = all.list.iter();
                let counted = jobs.filter(|job| job.queue == queue.name && job.state == state);
                let counted = counted.count() as u64;
                if queue.exact && queue.count(state) != counted {
                    let told = queue.count(state);
                    let name = &queue.name;
                    return Err(format!("{name} holds {counted} {state} jobs, not {told}"));
                }
            }
        }
        for job in all.jobs.iter().flatten() {
            let holds = |id| all.workers.iter().any(|worker| worker.id.0 == id);
            if job.worker.is_some_and(|id| !holds(id)) {
                return Err(format!("nobody runs {}", job.summary.id));
            }
        }
        for worker in &all.workers {
            let ids: BTreeSet<JobId> = all
                .jobs
                .iter()
                .flatten()
                .filter(|job| job.worker == Some(worker.id.0))
                .map(|job| job.summary.id)
                .collect();
            if ids.len() as u64 != worker.running {
                return Err(format!("worker {} runs {} jobs", worker.id, ids.len()));
            }
        }
        Ok(())
    }
}

/// What each part of a job says about the others.
fn consistent(job: &JobDetail) -> Result<(), &'static str> {
    let summary = &job.summary;
    let state = summary.state;
    let running = state == State::Running;
    let crashed = summary.crashes >= MAX_CRASHES;
    for (holds, why) in [
        (summary.attempt <= summary.max_attempts, "too many attempts"),
        (!running || summary.attempt > 0, "runs without an attempt"),
        (
            !crashed || state.is_terminal(),
            "lives after its last crash",
        ),
        (state.is_terminal() == summary.ended_at.is_some(), "its end"),
        (
            state.is_terminal() == summary.due_at.is_none(),
            "when it is due",
        ),
        (running == job.worker.is_some(), "its worker"),
        (
            !running || summary.claimed_at.is_some(),
            "when it was claimed",
        ),
        (
            job.result.is_none() || state == State::Completed,
            "a result without an end",
        ),
        (job.errors.len() <= MAX_KEPT, "too many errors"),
        (
            job.errors.last() == summary.last_error.as_ref(),
            "its last error",
        ),
        (
            job.cancel_requested.is_none() || running || state.is_terminal(),
            "waits though it was stopped",
        ),
    ] {
        if !holds {
            return Err(why);
        }
    }
    Ok(())
}
