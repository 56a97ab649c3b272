//! How jobs are handed out to workers.

use std::cmp::Ordering;

use super::{
    Tables,
    index::Queue,
    job::{Grant, Seq, Standing},
};
use crate::{
    clock::Timestamp,
    job::{ClaimedJob, QueueName},
    store::{ClaimParams, Result},
};

impl Queue {
    /// The jobs that are handed out next, at most `max`.
    fn first(&self, max: usize) -> Vec<Seq> {
        let ordered = self.lanes.iter().flat_map(|lane| lane.values());
        ordered.take(max).copied().collect()
    }
}

impl Tables {
    pub(super) fn claim(
        &mut self,
        params: &ClaimParams,
        now: Timestamp,
    ) -> Result<Vec<ClaimedJob>> {
        self.claim_by(params, now, |tables, name, max| {
            tables
                .queue(name)
                .filter(|queue| queue.paused_at.is_none())
                .map_or_else(Vec::new, |queue| queue.first(max))
        })
    }

    /// A claim in which `pick` says which jobs of a queue are handed out, at most so many.
    pub(super) fn claim_by<P>(
        &mut self,
        params: &ClaimParams,
        now: Timestamp,
        mut pick: P,
    ) -> Result<Vec<ClaimedJob>>
    where
        P: FnMut(&Self, &QueueName, usize) -> Vec<Seq>,
    {
        let grant = Grant {
            worker: params.worker,
            claim: params.claim,
        };
        match params
            .claim
            .cmp(&self.alive(params.worker, now)?.last_claim)
        {
            Ordering::Less => return Ok(Vec::new()),
            Ordering::Equal => return Ok(self.handed_out(grant)),
            Ordering::Greater => {}
        }
        let mut claimed = Vec::new();
        for want in &params.wants {
            let max = want.max.min(params.max.saturating_sub(claimed.len()));
            for seq in pick(self, &want.queue, max) {
                claimed.extend(self.hand_out(seq, grant, now));
            }
        }
        if !claimed.is_empty() {
            self.alive(params.worker, now)?.last_claim = params.claim;
        }
        Ok(claimed)
    }

    /// What an earlier claim handed out and is still held.
    fn handed_out(&self, grant: Grant) -> Vec<ClaimedJob> {
        let range = (grant, Seq(0))..=(grant, Seq(u64::MAX));
        let held = self.index.held.range(range);
        held.filter_map(|(_, seq)| self.jobs.get(*seq).claimed())
            .collect()
    }

    fn hand_out(&mut self, seq: Seq, grant: Grant, now: Timestamp) -> Option<ClaimedJob> {
        let job = self.jobs.get_mut(seq);
        let Standing::Available(place) = job.standing else {
            return None;
        };
        job.attempt += 1;
        let running = Standing::Running {
            grant,
            claimed_at: now,
            place,
        };
        self.index.move_to(job, running);
        job.claimed()
    }
}
