//! Schedules and their ticks.

use sqlx::postgres::PgRow;

use super::{
    PostgresStore,
    database::{Database, only},
    enqueue::{self, Each},
    row::{get, integer, state, utf8},
};
use crate::{
    job::{JobId, name::Label},
    store::{
        Error, PutSchedule, RecordTick, Result, ScheduleRecord, Tick, TickDecision, TickStatus,
    },
};

const SCHEDULE_LIST: &str = include_str!("sql/schedule_list.sql");
const SCHEDULE_PUT: &str = include_str!("sql/schedule_put.sql");
const SCHEDULE_REMOVE: &str = include_str!("sql/schedule_remove.sql");
const SCHEDULE_PAUSE: &str = include_str!("sql/schedule_pause.sql");
const SCHEDULE_RESUME: &str = include_str!("sql/schedule_resume.sql");
const TICK_LIST: &str = include_str!("sql/tick_list.sql");
const TICK_RECORD: &str = include_str!("sql/tick_record.sql");

/// How the statuses of ticks are kept; the schema names these numbers as well.
const FIRED: i16 = 1;
const HELD: i16 = 2;
const SKIPPED: i16 = 3;

/// See [`crate::store::ScheduleStore::put_schedule`].
pub(super) async fn put(database: &Database, params: PutSchedule) -> Result<ScheduleRecord> {
    let rows = database.write(SCHEDULE_PUT, |call| {
        call.bind(database.now())
            .bind(&params.name)
            .bind(params.definition.as_bytes())
            .bind(params.rewind)
    });
    record(&only(rows.await?)?)
}

/// See [`crate::store::ScheduleStore::remove_schedule`].
pub(super) async fn remove(database: &Database, name: Label) -> Result<()> {
    let rows = database.write(SCHEDULE_REMOVE, |call| call.bind(&name));
    rows.await.map(drop)
}

/// See [`crate::store::ScheduleStore::schedules`].
pub(super) async fn list(database: &Database) -> Result<Vec<ScheduleRecord>> {
    let rows = database.read(SCHEDULE_LIST, |call| call).await?;
    rows.iter().map(record).collect()
}

/// See [`crate::store::ScheduleStore::set_schedule_paused`].
pub(super) async fn set_paused(database: &Database, name: Label, paused: bool) -> Result<()> {
    let sql = if paused {
        SCHEDULE_PAUSE
    } else {
        SCHEDULE_RESUME
    };
    let rows = database.write(sql, |call| call.bind(database.now()).bind(&name));
    match rows.await?.first() {
        Some(_) => Ok(()),
        None => Err(unknown(&name)),
    }
}

/// See [`crate::store::ScheduleStore::record_tick`].
pub(super) async fn record_tick(store: &PostgresStore, params: RecordTick) -> Result<Tick> {
    let RecordTick {
        schedule,
        at,
        decision,
    } = params;
    let (status, reason, job) = match decision {
        TickDecision::Fire(job) => (FIRED, None, Some(*job)),
        TickDecision::Hold => (HELD, None, None),
        TickDecision::Skip(reason) => (SKIPPED, Some(reason), None),
    };
    enqueue::check(store, job.as_slice()).await?;
    let each = Each::of(job.as_slice());
    let database = &store.database;
    let rows = database.write(TICK_RECORD, |call| {
        let call = call.bind(database.now()).bind(&schedule).bind(at);
        let reason = reason.as_ref().map(String::as_bytes);
        each.bind(call.bind(status).bind(reason))
    });
    let rows = rows.await?;
    let row = rows.first().ok_or_else(|| unknown(&schedule))?;
    // Of a job that was not accepted, the answer is no state.
    let accepted: Option<i16> = get(row, 5)?;
    if let (Some(job), Some(Ok(became))) = (&job, accepted.map(state)) {
        enqueue::tell(store, &job.queue, became);
    }
    tick(row)
}

/// See [`crate::store::ScheduleStore::ticks`].
pub(super) async fn ticks(database: &Database, name: Label, limit: usize) -> Result<Vec<Tick>> {
    let rows = database.read(TICK_LIST, |call| call.bind(&name).bind(integer(limit)));
    rows.await?.iter().map(tick).collect()
}

fn unknown(name: &Label) -> Error {
    Error::NotFound {
        what: "schedule",
        name: name.to_string(),
    }
}

fn record(row: &PgRow) -> Result<ScheduleRecord> {
    let (fired_at, fired_job): (Option<_>, Option<_>) = (get(row, 5)?, get(row, 6)?);
    Ok(ScheduleRecord {
        name: get(row, 0)?,
        definition: utf8(row, 1)?.unwrap_or_default(),
        cursor: get(row, 2)?,
        fired: fired_at.zip(fired_job),
        held: get(row, 7)?,
        paused_at: get(row, 3)?,
        updated_at: get(row, 4)?,
    })
}

fn tick(row: &PgRow) -> Result<Tick> {
    let job: Option<JobId> = get(row, 2)?;
    let status = match (get(row, 1)?, job) {
        (FIRED, Some(job)) => TickStatus::Fired(job),
        (HELD, _) => TickStatus::Held,
        (SKIPPED, _) => TickStatus::Skipped(utf8(row, 3)?.unwrap_or_default()),
        (other, _) => return Err(Error::corrupt(format!("{other} is no status of a tick"))),
    };
    Ok(Tick {
        at: get(row, 0)?,
        status,
        recorded_at: get(row, 4)?,
    })
}
