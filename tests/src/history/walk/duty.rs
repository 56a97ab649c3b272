//! The part of a walk that leaders take: promote, rescue, prune.
//!
//! Which jobs a bounded step takes first is the store's affair, so steps are repeated until
//! nothing is left, and the sums compared.

use std::time::Duration;

use super::{Agreed, Walk, equal};
use crate::history::{ledger::MAX_CRASHES, op::Op};
use shared::store::{DutyStore, PruneParams, RescueParams, Rescued, Result, Store};

impl Walk {
    pub(super) async fn apply_duty(&mut self, op: Op) -> Agreed {
        match op {
            Op::Promote { limit } => {
                let reference = promote(&self.reference, limit).await?;
                equal(Ok(reference), Ok(promote(self.store(), limit).await?)).map(drop)
            }
            Op::Rescue { limit } => {
                let reference = rescue(&self.reference, limit).await?;
                equal(Ok(reference), Ok(rescue(self.store(), limit).await?)).map(drop)
            }
            Op::Prune(params) => {
                let reference = prune(&self.reference, params).await?;
                equal(Ok(reference), Ok(prune(self.store(), params).await?)).map(drop)
            }
            other => self.apply_besides(other).await,
        }
    }
}

fn answered<T>(answer: Result<T>) -> Agreed<T> {
    answer.map_err(|error| format!("a duty failed: {error:?}"))
}

/// How many were promoted in all, and when the next one is due.
async fn promote(store: &dyn Store, limit: usize) -> Agreed<(usize, Option<Duration>)> {
    let mut sum = 0;
    loop {
        let step = answered(DutyStore::promote(store, limit).await)?;
        if step.count > limit {
            return Err(format!("{} promoted, {limit} allowed", step.count));
        }
        sum += step.count;
        if step.next_in != Some(Duration::ZERO) {
            return Ok((sum, step.next_in));
        }
        if step.count == 0 {
            return Err("a job is due and not promoted".to_owned());
        }
    }
}

async fn rescue(store: &dyn Store, limit: usize) -> Agreed<Rescued> {
    let mut sum = Rescued::default();
    loop {
        let params = RescueParams {
            max_crashes: MAX_CRASHES,
            limit,
        };
        let step = answered(DutyStore::rescue(store, params).await)?;
        let jobs = step.requeued.len() + step.discarded.len() + step.cancelled.len();
        if jobs > limit {
            return Err(format!("{jobs} rescued, {limit} allowed"));
        }
        if jobs == 0 && step.workers.is_empty() {
            break;
        }
        sum.requeued.extend(step.requeued);
        sum.discarded.extend(step.discarded);
        sum.cancelled.extend(step.cancelled);
        sum.workers.extend(step.workers);
    }
    sum.requeued.sort();
    sum.discarded.sort();
    sum.cancelled.sort();
    sum.workers.sort();
    Ok(sum)
}

async fn prune(store: &dyn Store, params: PruneParams) -> Agreed<usize> {
    let mut sum = 0;
    loop {
        let step = answered(DutyStore::prune(store, params).await)?;
        if step.count > params.limit {
            return Err(format!("{} pruned, {} allowed", step.count, params.limit));
        }
        sum += step.count;
        if !step.more {
            return Ok(sum);
        }
    }
}
