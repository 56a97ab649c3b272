//! Schedules and their ticks.

use rusqlite::{Connection, OptionalExtension, Row, types::FromSqlError};

use super::{enqueue, row::integer, writer::Turn};
use crate::{
    job::{JobId, name::Label},
    store::{
        Enqueued, Error, PutSchedule, RecordTick, Result, ScheduleRecord, Tick, TickDecision,
        TickStatus,
    },
};

const SCHEDULE_GET: &str = include_str!("sql/schedule_get.sql");
const SCHEDULE_LIST: &str = include_str!("sql/schedule_list.sql");
const SCHEDULE_PUT: &str = include_str!("sql/schedule_put.sql");
const SCHEDULE_DELETE: &str = include_str!("sql/schedule_delete.sql");
const SCHEDULE_PAUSE: &str = include_str!("sql/schedule_pause.sql");
const SCHEDULE_RESUME: &str = include_str!("sql/schedule_resume.sql");
const SCHEDULE_ADVANCE: &str = include_str!("sql/schedule_advance.sql");
const TICK_GET: &str = include_str!("sql/tick_get.sql");
const TICK_LIST: &str = include_str!("sql/tick_list.sql");
const TICK_PUT: &str = include_str!("sql/tick_put.sql");
const TICK_DELETE: &str = include_str!("sql/tick_delete.sql");
const TICK_FIRED: &str = include_str!("sql/tick_fired.sql");
const TICK_HELD: &str = include_str!("sql/tick_held.sql");

/// How the statuses of ticks are kept; the statements about fired and about held ticks name these
/// numbers as well, because the indexes that they read do.
const FIRED: i64 = 1;
const HELD: i64 = 2;
const SKIPPED: i64 = 3;

/// See [`crate::store::ScheduleStore::put_schedule`].
pub(super) fn put(turn: &mut Turn<'_>, params: &PutSchedule) -> Result<ScheduleRecord> {
    let PutSchedule {
        name,
        definition,
        rewind,
    } = params;
    turn.execute(
        SCHEDULE_PUT,
        (name.as_str(), definition, turn.now(), rewind),
    )?;
    let (schedule, record) = known(turn, name)?;
    judged_by(turn.connection(), schedule, record)
}

/// See [`crate::store::ScheduleStore::remove_schedule`].
pub(super) fn remove(turn: &mut Turn<'_>, name: &Label) -> Result<()> {
    let found = turn.row(SCHEDULE_GET, (name.as_str(),), |row| row.get::<_, i64>(0))?;
    if let Some(schedule) = found {
        turn.execute(TICK_DELETE, (schedule,))?;
        turn.execute(SCHEDULE_DELETE, (schedule,))?;
    }
    Ok(())
}

/// See [`crate::store::ScheduleStore::set_schedule_paused`].
pub(super) fn set_paused(turn: &mut Turn<'_>, (name, paused): &(Label, bool)) -> Result<()> {
    let (schedule, _) = known(turn, name)?;
    let sql = if *paused {
        SCHEDULE_PAUSE
    } else {
        SCHEDULE_RESUME
    };
    turn.execute(sql, (schedule, turn.now()))?;
    Ok(())
}

/// See [`crate::store::ScheduleStore::schedules`].
pub(super) fn list(connection: &Connection) -> Result<Vec<ScheduleRecord>> {
    let mut statement = connection.prepare_cached(SCHEDULE_LIST)?;
    let mut rows = statement.query(())?;
    let mut schedules = Vec::new();
    while let Some(row) = rows.next()? {
        schedules.push(judged_by(connection, row.get(0)?, record(row)?)?);
    }
    Ok(schedules)
}

/// Adds to a record what the schedule's next tick is judged by.
fn judged_by(
    connection: &Connection,
    schedule: i64,
    mut record: ScheduleRecord,
) -> Result<ScheduleRecord> {
    let mut statement = connection.prepare_cached(TICK_FIRED)?;
    record.fired = statement
        .query_row((schedule,), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let mut statement = connection.prepare_cached(TICK_HELD)?;
    let held = statement.query_map((schedule,), |row| row.get(0))?;
    record.held = held.collect::<rusqlite::Result<_>>()?;
    Ok(record)
}

/// See [`crate::store::ScheduleStore::record_tick`].
pub(super) fn record_tick(turn: &mut Turn<'_>, params: &RecordTick) -> Result<Tick> {
    let (schedule, _) = known(turn, &params.schedule)?;
    match turn.row(TICK_GET, (schedule, params.at), read_tick)? {
        Some(tick) if tick.status != TickStatus::Held => return Ok(tick),
        Some(tick) if params.decision == TickDecision::Hold => return Ok(tick),
        _ => {}
    }
    let status = decide(turn, &params.decision)?;
    let (number, job, reason) = match &status {
        TickStatus::Fired(job) => (FIRED, Some(*job), None),
        TickStatus::Held => (HELD, None, None),
        TickStatus::Skipped(reason) => (SKIPPED, None, Some(reason)),
    };
    turn.execute(
        TICK_PUT,
        (schedule, params.at, number, job, reason, turn.now()),
    )?;
    turn.execute(SCHEDULE_ADVANCE, (schedule, params.at))?;
    Ok(Tick {
        at: params.at,
        status,
        recorded_at: turn.now(),
    })
}

/// What becomes of a tick; enqueues its job when it fires.
fn decide(turn: &mut Turn<'_>, decision: &TickDecision) -> Result<TickStatus> {
    Ok(match decision {
        TickDecision::Fire(job) => {
            job.check(turn.now())?;
            TickStatus::Fired(match enqueue::accept(turn, job, None)? {
                Enqueued::New(_) | Enqueued::Repeated => job.id,
                Enqueued::Duplicate { holder } => holder,
            })
        }
        TickDecision::Hold => TickStatus::Held,
        TickDecision::Skip(reason) => TickStatus::Skipped(reason.clone()),
    })
}

/// See [`crate::store::ScheduleStore::ticks`].
pub(super) fn ticks(connection: &Connection, name: &Label, limit: usize) -> Result<Vec<Tick>> {
    let mut statement = connection.prepare_cached(TICK_LIST)?;
    let rows = statement.query_map((name.as_str(), integer(limit)), read_tick)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The number and the record of a schedule.
fn known(turn: &Turn<'_>, name: &Label) -> Result<(i64, ScheduleRecord)> {
    let found = turn.row(SCHEDULE_GET, (name.as_str(),), |row| {
        Ok((row.get(0)?, record(row)?))
    })?;
    found.ok_or_else(|| Error::NotFound {
        what: "schedule",
        name: name.to_string(),
    })
}

fn record(row: &Row<'_>) -> rusqlite::Result<ScheduleRecord> {
    Ok(ScheduleRecord {
        name: row.get(1)?,
        definition: row.get(2)?,
        cursor: row.get(3)?,
        fired: None,
        held: Vec::new(),
        paused_at: row.get(4)?,
        updated_at: row.get(5)?,
    })
}

fn read_tick(row: &Row<'_>) -> rusqlite::Result<Tick> {
    let job: Option<JobId> = row.get(2)?;
    let reason: Option<String> = row.get(3)?;
    let status = match (row.get(1)?, job) {
        (FIRED, Some(job)) => TickStatus::Fired(job),
        (HELD, _) => TickStatus::Held,
        (SKIPPED, _) => TickStatus::Skipped(reason.unwrap_or_default()),
        (other, _) => return Err(FromSqlError::OutOfRange(other).into()),
    };
    Ok(Tick {
        at: row.get(0)?,
        status,
        recorded_at: row.get(4)?,
    })
}
