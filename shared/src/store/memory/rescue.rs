//! How jobs are taken back from workers that were not heard of.

use std::time::Duration;

use super::{
    Tables,
    job::Seq,
    settle::{End, Next},
};
use crate::{
    clock::Timestamp,
    job::{State, attempt::Failure},
    lease::WorkerId,
    store::{RescueParams, Rescued},
};

impl Tables {
    pub(super) fn rescue(&mut self, params: RescueParams, now: Timestamp) -> Rescued {
        let expired: Vec<WorkerId> = self
            .workers
            .by_id
            .iter()
            .filter(|(_, worker)| worker.expires_at <= now)
            .map(|(id, _)| *id)
            .collect();
        let mut rescued = Rescued::default();
        let mut left = params.limit;
        for worker in expired {
            let held: Vec<Seq> = self.index.held_by(worker).take(left).collect();
            left -= held.len();
            for seq in held {
                self.rescue_one(seq, params.max_crashes, now, &mut rescued);
            }
            if self.index.held_by(worker).next().is_none() {
                self.workers.by_id.remove(&worker);
                rescued.workers.push(worker);
            }
        }
        rescued
    }

    fn rescue_one(&mut self, seq: Seq, max_crashes: u32, now: Timestamp, rescued: &mut Rescued) {
        let job = self.jobs.get_mut(seq);
        job.crashes += 1;
        let id = job.body.id;
        let next = if job.crashes >= max_crashes && !job.is_unwanted() {
            Next::End(State::Discarded)
        } else {
            Next::Off {
                failed: false,
                wait: Duration::ZERO,
            }
        };
        let end = End {
            next,
            counted: false,
            failure: Some(Failure::crashed()),
        };
        match self.end_attempt(seq, end, now) {
            State::Discarded => rescued.discarded.push(id),
            State::Cancelled => rescued.cancelled.push(id),
            _ => rescued.requeued.push(id),
        }
    }
}
