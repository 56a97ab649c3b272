//! Workers: registering, staying alive, leaving.

use rusqlite::{Connection, Row, types::FromSqlError};
use std::time::Duration;

use super::{
    flags,
    held::Held,
    row::{count, integer},
    settle,
    writer::Turn,
};
use crate::{
    job::JobId,
    lease::{WorkerId, WorkerInfo, WorkerRecord},
    store::{Beat, Error, HeartbeatParams, Progress, Result},
};

const WORKER_INSERT: &str = include_str!("sql/worker_insert.sql");
const WORKER_BEAT: &str = include_str!("sql/worker_beat.sql");
const WORKER_DELETE: &str = include_str!("sql/worker_delete.sql");
const WORKER_LIST: &str = include_str!("sql/worker_list.sql");
const LEASE_GET: &str = include_str!("sql/lease_get.sql");
const LEASE_FLAG: &str = include_str!("sql/lease_flag.sql");
const LEASE_OF_WORKER: &str = include_str!("sql/lease_of_worker.sql");
const PROGRESS_PUT: &str = include_str!("sql/progress_put.sql");
const CANCEL_REQUEST_OF_WORKER: &str = include_str!("sql/cancel_request_of_worker.sql");

/// See [`crate::store::WorkStore::register`].
pub(super) fn register(
    turn: &mut Turn<'_>,
    (info, lease): &(WorkerInfo, Duration),
) -> Result<WorkerId> {
    for queue in &info.queues {
        turn.known_queue(queue)?;
    }
    let now = turn.now();
    let info = serde_json::to_string(info)
        .map_err(|error| Error::corrupt(format!("a worker has no JSON form: {error}")))?;
    turn.execute(WORKER_INSERT, (info, now, now + *lease))?;
    let id = turn.connection().last_insert_rowid();
    Ok(WorkerId(id.unsigned_abs()))
}

/// See [`crate::store::WorkStore::heartbeat`].
pub(super) fn heartbeat(turn: &mut Turn<'_>, params: &HeartbeatParams) -> Result<Beat> {
    let now = turn.now();
    let alive = turn.execute(WORKER_BEAT, (params.worker, now, now + params.lease))?;
    if alive == 0 {
        return Err(Error::LeaseLost {
            worker: params.worker.0,
        });
    }
    for progress in &params.progress {
        keep_progress(turn, params.worker, progress)?;
    }
    let cancel = cancels(turn.connection(), params.worker)?;
    Ok(Beat { cancel })
}

fn keep_progress(turn: &Turn<'_>, worker: WorkerId, progress: &Progress) -> Result<()> {
    let Progress { id, token, value } = progress;
    let held = turn.row(LEASE_GET, (integer(token.slot),), Held::read)?;
    let is_held = held.filter(|held| {
        held.id == *id
            && held.worker == worker
            && held.worker == token.worker
            && held.claim == integer(token.claim)
    });
    if let Some(held) = is_held {
        turn.execute(PROGRESS_PUT, (held.seq, &value[..]))?;
        turn.execute(LEASE_FLAG, (held.seq, flags::PROGRESS))?;
    }
    Ok(())
}

/// See [`crate::store::WorkStore::cancels`].
pub(super) fn cancels(connection: &Connection, worker: WorkerId) -> Result<Vec<(JobId, String)>> {
    let mut statement = connection.prepare_cached(CANCEL_REQUEST_OF_WORKER)?;
    let rows = statement.query_map((worker, flags::STOP), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// See [`crate::store::WorkStore::leave`].
pub(super) fn leave(turn: &mut Turn<'_>, worker: WorkerId) -> Result<u64> {
    let held = held_by(turn, worker, usize::MAX)?;
    let count = held.len() as u64;
    for job in held {
        settle::release(turn, job)?;
    }
    turn.execute(WORKER_DELETE, (worker,))?;
    Ok(count)
}

/// What a worker holds, at most `limit`.
pub(super) fn held_by(turn: &Turn<'_>, worker: WorkerId, limit: usize) -> Result<Vec<Held>> {
    turn.rows(LEASE_OF_WORKER, (worker, integer(limit)), Held::read)
}

/// See [`crate::store::WorkStore::workers`].
pub(super) fn list(connection: &Connection) -> Result<Vec<WorkerRecord>> {
    let mut statement = connection.prepare_cached(WORKER_LIST)?;
    let rows = statement.query_map((), record)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn record(row: &Row<'_>) -> rusqlite::Result<WorkerRecord> {
    let info = row.get_ref(1)?.as_str()?;
    Ok(WorkerRecord {
        id: row.get(0)?,
        info: serde_json::from_str(info).map_err(FromSqlError::other)?,
        started_at: row.get(2)?,
        beat_at: row.get(3)?,
        expires_at: row.get(4)?,
        running: count(row, 5)?,
    })
}
