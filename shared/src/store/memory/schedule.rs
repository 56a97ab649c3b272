//! Schedules and what became of their ticks.

use std::collections::BTreeMap;

use super::Tables;
use crate::{
    clock::Timestamp,
    job::name::Label,
    store::{
        Enqueued, Error, PutSchedule, RecordTick, Result, ScheduleRecord, Tick, TickDecision,
        TickStatus,
    },
};

/// Ticks of a schedule that a prune leaves, beside those that the next tick is judged by.
pub(super) const KEPT_TICKS: usize = 100;

/// A schedule with its ticks.
#[derive(Debug)]
pub(super) struct Schedule {
    record: ScheduleRecord,
    ticks: BTreeMap<Timestamp, Tick>,
}

impl Schedule {
    /// Keeps what became of a tick.
    fn keep(&mut self, tick: Tick) {
        let record = &mut self.record;
        record.cursor = record.cursor.max(tick.at);
        record.held.retain(|at| *at != tick.at);
        match tick.status {
            TickStatus::Held => {
                let place = record.held.partition_point(|at| *at < tick.at);
                record.held.insert(place, tick.at);
            }
            TickStatus::Fired(job) if record.fired.is_none_or(|(at, _)| at < tick.at) => {
                record.fired = Some((tick.at, job));
            }
            TickStatus::Fired(_) | TickStatus::Skipped(_) => {}
        }
        self.ticks.insert(tick.at, tick);
    }

    /// Forgets ticks beyond the newest `kept`, but for those that are held and the newest that
    /// fired.
    pub(super) fn prune(&mut self, kept: usize) {
        let Some(newer_than) = self.ticks.keys().rev().nth(kept).copied() else {
            return;
        };
        let fired = self.record.fired.map(|(at, _)| at);
        self.ticks.retain(|at, tick| {
            *at > newer_than || tick.status == TickStatus::Held || Some(*at) == fired
        });
    }
}

fn unknown(name: &Label) -> Error {
    Error::NotFound {
        what: "schedule",
        name: name.to_string(),
    }
}

impl Tables {
    pub(super) fn put_schedule(&mut self, params: PutSchedule, now: Timestamp) -> ScheduleRecord {
        let name = params.name.clone();
        let schedule = self.schedules.entry(name).or_insert_with(|| Schedule {
            record: ScheduleRecord {
                name: params.name,
                definition: params.definition.clone(),
                cursor: now,
                fired: None,
                held: Vec::new(),
                paused_at: None,
                updated_at: now,
            },
            ticks: BTreeMap::new(),
        });
        let record = &mut schedule.record;
        if record.definition != params.definition {
            record.definition = params.definition;
            record.updated_at = now;
        }
        if params.rewind {
            record.cursor = now;
        }
        record.clone()
    }

    pub(super) fn list_schedules(&self) -> Vec<ScheduleRecord> {
        let all = self.schedules.values();
        all.map(|schedule| schedule.record.clone()).collect()
    }

    pub(super) fn set_schedule_paused(
        &mut self,
        name: &Label,
        paused: bool,
        now: Timestamp,
    ) -> Result<()> {
        let schedule = self.schedules.get_mut(name);
        let record = &mut schedule.ok_or_else(|| unknown(name))?.record;
        if paused {
            record.paused_at.get_or_insert(now);
        } else if record.paused_at.take().is_some() {
            record.cursor = now;
        }
        Ok(())
    }

    pub(super) fn record_tick(&mut self, params: RecordTick, now: Timestamp) -> Result<Tick> {
        let RecordTick {
            schedule: name,
            at,
            decision,
        } = params;
        let schedule = self.schedules.get(&name).ok_or_else(|| unknown(&name))?;
        if let Some(known) = schedule.ticks.get(&at) {
            let still_held = known.status == TickStatus::Held && decision != TickDecision::Hold;
            if !still_held {
                return Ok(known.clone());
            }
        }
        let status = match decision {
            TickDecision::Fire(job) => {
                job.check(now)?;
                let id = job.id;
                TickStatus::Fired(match self.accept(*job, None, now) {
                    Enqueued::New(_) | Enqueued::Repeated => id,
                    Enqueued::Duplicate { holder } => holder,
                })
            }
            TickDecision::Hold => TickStatus::Held,
            TickDecision::Skip(why) => TickStatus::Skipped(why),
        };
        let tick = Tick {
            at,
            status,
            recorded_at: now,
        };
        let schedule = self
            .schedules
            .get_mut(&name)
            .ok_or_else(|| unknown(&name))?;
        schedule.keep(tick.clone());
        Ok(tick)
    }

    pub(super) fn ticks(&self, name: &Label, limit: usize) -> Vec<Tick> {
        let schedule = self.schedules.get(name).into_iter();
        schedule
            .flat_map(|schedule| schedule.ticks.values().rev().take(limit))
            .cloned()
            .collect()
    }
}
