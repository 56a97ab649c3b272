//! The part of a walk that has little to do with jobs: schedules, leaders, buffers.

use super::{Agreed, Walk, equal};
use crate::history::op::Op;
use shared::{
    job::JobId,
    store::{
        AppendParams, BufferStore, ElectParams, LeaderStore, RecordTick, ScheduleStore,
        TickDecision, TickStatus,
    },
};

impl Walk {
    pub(super) async fn apply_besides(&mut self, op: Op) -> Agreed {
        match op {
            Op::PutSchedule(params) => {
                let reference = self.reference.put_schedule(params.clone()).await;
                equal(reference, self.store().put_schedule(params).await).map(drop)
            }
            Op::RemoveSchedule(name) => {
                let reference = self.reference.remove_schedule(name.clone()).await;
                equal(reference, self.store().remove_schedule(name).await).map(drop)
            }
            Op::PauseSchedule(name, paused) => {
                let reference = self.reference.set_schedule_paused(name.clone(), paused);
                let reference = reference.await;
                let tested = self.store().set_schedule_paused(name, paused).await;
                equal(reference, tested).map(drop)
            }
            Op::Tick(params) => self.tick(params).await,
            Op::Elect(params) => self.elect(params).await,
            Op::Resign {
                role,
                candidate,
                term,
            } => {
                let reference = self.reference.resign(role.clone(), candidate.clone(), term);
                let reference = reference.await;
                equal(reference, self.store().resign(role, candidate, term).await).map(drop)
            }
            Op::Append(params) => self.append(params).await,
            Op::Resolve(destination, fates) => {
                let reference = self.reference.resolve(destination.clone(), fates.clone());
                let reference = reference.await;
                equal(reference, self.store().resolve(destination, fates).await).map(drop)
            }
            Op::Note(destination, note) => {
                let reference = self.reference.note(destination.clone(), note.clone()).await;
                equal(reference, self.store().note(destination, note).await).map(drop)
            }
            other => Err(format!("nobody makes {other:?}")),
        }
    }

    async fn tick(&mut self, params: RecordTick) -> Agreed {
        let fires: Option<JobId> = match &params.decision {
            TickDecision::Fire(job) => Some(job.id),
            TickDecision::Hold | TickDecision::Skip(_) => None,
        };
        let reference = self.reference.record_tick(params.clone()).await;
        let tick = equal(reference, self.store().record_tick(params).await)?;
        if let Some(id) = fires {
            self.offered(id);
            // The id was made for this tick, so whoever bears it was accepted just now.
            if tick.is_some_and(|tick| tick.status == TickStatus::Fired(id)) {
                self.ledger.accept(id);
            }
        }
        Ok(())
    }

    async fn elect(&mut self, params: ElectParams) -> Agreed {
        let reference = self.reference.elect(params.clone()).await;
        let election = equal(reference, self.store().elect(params).await)?;
        let term = election.map_or(0, |election| election.term);
        self.known.term = self.known.term.max(term);
        Ok(())
    }

    async fn append(&mut self, params: AppendParams) -> Agreed {
        let ids = params.entries.iter().map(|entry| entry.id);
        self.known.entries.extend(ids);
        let reference = self.reference.append(params.clone()).await;
        equal(reference, self.store().append(params).await).map(drop)
    }
}
