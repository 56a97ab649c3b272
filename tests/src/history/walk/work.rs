//! The part of a walk that workers take: register, claim, settle, heartbeat, leave.

use bytes::Bytes;
use std::time::Duration;

use super::{Agreed, Tokens, Walk, equal};
use crate::history::op::{Grant, Number, Op, Worker};
use shared::{
    job::{ClaimedJob, JobId, outcome::Ending},
    lease::WorkerInfo,
    store::{ClaimParams, HeartbeatParams, Progress, Result, Settle, Settled, Want, WorkStore},
};

impl Walk {
    pub(super) async fn apply_work(&mut self, op: Op) -> Agreed {
        match op {
            Op::Register(info, lease) => self.register(info, lease).await,
            Op::Leave { worker } => {
                let id = self.workers[worker];
                let reference = self.reference.leave(id).await;
                equal(reference, self.store().leave(id).await).map(drop)
            }
            Op::Claim {
                worker,
                number,
                wants,
                max,
            } => self.claim(worker, number, wants, max).await,
            Op::Settle(items) => self.settle(items).await,
            Op::Beat {
                worker,
                lease,
                progress,
            } => self.beat(worker, lease, progress).await,
            other => self.apply_duty(other).await,
        }
    }

    async fn register(&mut self, info: WorkerInfo, lease: Duration) -> Agreed {
        let reference = self.reference.register(info.clone(), lease).await;
        let id = equal(reference, self.store().register(info, lease).await)?;
        self.workers.extend(id);
        self.known.workers.push(Worker {
            last_claim: 0,
            wanted: (Vec::new(), 0),
        });
        Ok(())
    }

    async fn claim(
        &mut self,
        worker: usize,
        number: Number,
        wants: Vec<Want>,
        max: usize,
    ) -> Agreed {
        let of = &self.known.workers[worker];
        let last = of.last_claim;
        let (claim, (wants, max)) = match number {
            Number::Same if last > 0 => (last, of.wanted.clone()),
            Number::Older if last > 1 => (last - 1, (wants, max)),
            Number::Next(step) => (last + step, (wants, max)),
            Number::Same | Number::Older => (last + 1, (wants, max)),
        };
        let params = ClaimParams {
            worker: self.workers[worker],
            claim,
            wants,
            max,
        };
        let tested = self.store().claim(params.clone()).await;
        let chosen: Vec<JobId> = tested.iter().flatten().map(|job| job.id).collect();
        let reference = self.reference.claim_chosen(&params, &chosen);
        let reference = match reference {
            Ok((_, Some(wrong))) => return Err(wrong),
            Ok((claimed, None)) => Ok(claimed),
            Err(refused) => Err(refused),
        };
        equal(
            comparable(&reference, claim <= last),
            comparable(&tested, claim <= last),
        )?;
        let (Ok(reference), Ok(tested)) = (reference, tested) else {
            return Ok(());
        };
        if claim > last && !tested.is_empty() {
            let of = &mut self.known.workers[worker];
            of.last_claim = claim;
            of.wanted = (params.wants, params.max);
            for (reference, tested) in reference.iter().zip(&tested) {
                self.granted(reference, tested);
            }
        }
        Ok(())
    }

    fn granted(&mut self, reference: &ClaimedJob, tested: &ClaimedJob) {
        self.known.grants.push(Grant {
            attempt: tested.attempt,
            max_attempts: tested.max_attempts,
            settled: false,
        });
        self.tokens.push(Tokens {
            id: tested.id,
            reference: reference.token,
            tested: tested.token,
        });
    }

    /// Settles, and tells a token that was settled before from one that was taken away: stores
    /// may recognise a repetition for longer or shorter than the reference.
    async fn settle(&mut self, items: Vec<(usize, Ending, Option<Bytes>)>) -> Agreed {
        let both = [false, true].map(|tested| {
            let all = items.iter().map(|(at, ending, progress)| {
                let tokens = self.tokens[*at];
                Settle {
                    id: tokens.id,
                    token: tokens.of(tested),
                    ending: ending.clone(),
                    progress: progress.clone(),
                }
            });
            all.collect::<Vec<_>>()
        });
        let [for_reference, for_tested] = both;
        let reference = self.reference.settle(for_reference).await;
        let tested = self.store().settle(for_tested).await;
        let (Ok(reference), Ok(tested)) = (&reference, &tested) else {
            return equal(reference, tested).map(drop);
        };
        if reference.len() != tested.len() {
            return Err(format!("{} items are answered by {tested:?}", items.len()));
        }
        for (((at, ..), expected), found) in items.iter().zip(reference).zip(tested) {
            let grant = &mut self.known.grants[*at];
            let told = |settled| matches!(settled, Settled::Repeated | Settled::Fenced);
            let repeated = grant.settled && told(*expected) && told(*found);
            if expected != found && !repeated {
                let id = self.tokens[*at].id;
                return Err(format!(
                    "{id}: {expected:?} by the reference, {found:?} by the store"
                ));
            }
            grant.settled |= matches!(found, Settled::Kept(_));
        }
        Ok(())
    }

    async fn beat(
        &mut self,
        worker: usize,
        lease: Duration,
        progress: Vec<(usize, Bytes)>,
    ) -> Agreed {
        let worker = self.workers[worker];
        let params = |tested: bool| {
            let reports = progress.iter().map(|(at, value)| {
                let tokens = self.tokens[*at];
                Progress {
                    id: tokens.id,
                    token: tokens.of(tested),
                    value: value.clone(),
                }
            });
            HeartbeatParams {
                worker,
                lease,
                progress: reports.collect(),
            }
        };
        let (for_reference, for_tested) = (params(false), params(true));
        let sorted = |mut told: Vec<(JobId, String)>| {
            told.sort();
            told
        };
        let reference = self.reference.heartbeat(for_reference).await;
        let tested = self.store().heartbeat(for_tested).await;
        equal(
            reference.map(|beat| sorted(beat.cancel)),
            tested.map(|beat| sorted(beat.cancel)),
        )?;
        let reference = self.reference.cancels(worker).await.map(sorted);
        let tested = self.store().cancels(worker).await.map(sorted);
        equal(reference, tested).map(drop)
    }
}

/// What two stores must agree on of a claim: all but the slots, and of a repetition not the
/// order.
fn comparable(claimed: &Result<Vec<ClaimedJob>>, repeated: bool) -> Result<Vec<ClaimedJob>> {
    let claimed = match claimed {
        Ok(claimed) => claimed,
        Err(shared::store::Error::LeaseLost { worker }) => {
            return Err(shared::store::Error::LeaseLost { worker: *worker });
        }
        Err(other) => return Err(shared::store::Error::corrupt(format!("{other:?}"))),
    };
    let mut all = claimed.clone();
    for job in &mut all {
        job.token.slot = 0;
    }
    if repeated {
        all.sort_by_key(|job| job.id);
    }
    Ok(all)
}
