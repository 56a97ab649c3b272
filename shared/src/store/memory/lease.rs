//! Workers: how they register, stay alive, leave, and are shown.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Tables,
    job::{Grant, Seq},
    settle::{End, Next},
};
use crate::{
    clock::Timestamp,
    job::JobId,
    lease::{WorkerId, WorkerInfo, WorkerRecord},
    store::{Beat, Error, HeartbeatParams, Result},
};

/// A registration that has not ended.
#[derive(Debug)]
pub(super) struct Worker {
    info: WorkerInfo,
    started_at: Timestamp,
    beat_at: Timestamp,
    pub(super) expires_at: Timestamp,
    /// The number of the last claim that handed something out.
    pub(super) last_claim: u64,
}

/// Every registration that has not ended.
#[derive(Debug, Default)]
pub(super) struct Workers {
    pub(super) by_id: BTreeMap<WorkerId, Worker>,
    /// The last id that was given out.
    last: u64,
}

impl Tables {
    pub(super) fn register(
        &mut self,
        info: WorkerInfo,
        lease: Duration,
        now: Timestamp,
    ) -> WorkerId {
        for queue in &info.queues {
            self.index.queue(queue);
        }
        self.workers.last += 1;
        let id = WorkerId(self.workers.last);
        let worker = Worker {
            info,
            started_at: now,
            beat_at: now,
            expires_at: now + lease,
            last_claim: 0,
        };
        self.workers.by_id.insert(id, worker);
        id
    }

    /// A worker whose lease has not expired.
    pub(super) fn alive(&mut self, id: WorkerId, now: Timestamp) -> Result<&mut Worker> {
        self.workers
            .by_id
            .get_mut(&id)
            .filter(|worker| now < worker.expires_at)
            .ok_or(Error::LeaseLost { worker: id.0 })
    }

    pub(super) fn heartbeat(&mut self, params: HeartbeatParams, now: Timestamp) -> Result<Beat> {
        let worker = self.alive(params.worker, now)?;
        worker.beat_at = now;
        worker.expires_at = now + params.lease;
        for report in params.progress {
            let grant = Grant {
                worker: report.token.worker,
                claim: report.token.claim,
            };
            if let Some(job) = self.jobs.named(Seq(report.token.slot))
                && job.body.id == report.id
                && job.grant() == Some(grant)
                && grant.worker == params.worker
            {
                job.past_mut().progress = Some(report.value);
            }
        }
        Ok(Beat {
            cancel: self.cancels(params.worker),
        })
    }

    /// The jobs of a worker that somebody wants stopped, and why.
    pub(super) fn cancels(&self, worker: WorkerId) -> Vec<(JobId, String)> {
        let unwanted = self.index.unwanted_of(worker);
        let told = unwanted.filter_map(|seq| {
            let job = self.jobs.get(seq);
            let (_, reason) = job.past().cancel.as_ref()?;
            Some((job.body.id, reason.clone()))
        });
        told.collect()
    }

    pub(super) fn leave(&mut self, id: WorkerId, now: Timestamp) -> u64 {
        self.workers.by_id.remove(&id);
        let held: Vec<Seq> = self.index.held_by(id).collect();
        for seq in &held {
            let end = End {
                next: Next::Back,
                counted: false,
                failure: None,
            };
            self.end_attempt(*seq, end, now);
        }
        held.len() as u64
    }

    pub(super) fn list_workers(&self) -> Vec<WorkerRecord> {
        let registered = self.workers.by_id.iter();
        registered
            .map(|(id, worker)| WorkerRecord {
                id: *id,
                info: worker.info.clone(),
                started_at: worker.started_at,
                beat_at: worker.beat_at,
                expires_at: worker.expires_at,
                running: self.index.held_by(*id).count() as u64,
            })
            .collect()
    }
}
