//! How what ended long ago is forgotten.

use super::{Tables, job::Seq, schedule::KEPT_TICKS};
use crate::{
    clock::Timestamp,
    job::State,
    store::{PruneParams, Pruned, Retention},
};

impl Retention {
    /// How long jobs that ended as `state` are kept; `None` for states that are no end.
    const fn of(&self, state: State) -> Option<std::time::Duration> {
        match state {
            State::Completed => Some(self.completed),
            State::Cancelled => Some(self.cancelled),
            State::Discarded => Some(self.discarded),
            _ => None,
        }
    }
}

impl Tables {
    pub(super) fn prune(&mut self, params: PruneParams, now: Timestamp) -> Pruned {
        let PruneParams { retention, limit } = params;
        let mut count = 0;
        let mut more = false;
        for state in State::ALL {
            let Some(kept_for) = retention.of(state) else {
                continue;
            };
            let over: Vec<Seq> = self
                .index
                .ended_as(state)
                .iter()
                .take_while(|(ended_at, _)| *ended_at + kept_for <= now)
                .map(|(_, seq)| *seq)
                .take((limit - count).saturating_add(1))
                .collect();
            let forgotten = over.len().min(limit - count);
            more |= forgotten < over.len();
            count += forgotten;
            for seq in over.into_iter().take(forgotten) {
                self.forget(seq);
            }
        }
        more |= self.index.keys.prune(limit, now);
        let longest = retention
            .completed
            .max(retention.cancelled)
            .max(retention.discarded);
        more |= self.buffers.prune(&self.jobs, longest, limit, now);
        for schedule in self.schedules.values_mut() {
            schedule.prune(KEPT_TICKS);
        }
        Pruned { count, more }
    }

    fn forget(&mut self, seq: Seq) {
        let job = self.jobs.remove(seq);
        self.index.leave(&job);
        self.buffers.forget_origin(job.body.id);
    }
}
