//! A job with everything that is known about it, wherever it stands.

use rusqlite::{Connection, OptionalExtension, Row, types::FromSqlError};

use super::{
    claim::{backoff, trace},
    flags,
    row::{bytes, length},
};
use crate::{
    job::{
        Args, AttemptError, JobDetail, JobId, JobSummary, State, Tag, Unique, UniqueKey,
        UniquePolicy,
    },
    lease::WorkerId,
    store::Result,
};

const JOB_SEQ: &str = include_str!("sql/job_seq.sql");
const JOB_SUMMARY: &str = include_str!("sql/job_summary.sql");
const JOB_BODY: &str = include_str!("sql/job_body.sql");
const ATTEMPT_ERROR_LIST: &str = include_str!("sql/attempt_error_list.sql");
const ATTEMPT_ERROR_NEWEST: &str = include_str!("sql/attempt_error_newest.sql");
const PROGRESS_GET: &str = include_str!("sql/progress_get.sql");
const RESULT_GET: &str = include_str!("sql/result_get.sql");
const CANCEL_REQUEST_GET: &str = include_str!("sql/cancel_request_get.sql");

/// A job as the tables hold it; the summary still lacks its newest error.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) seq: i64,
    pub(super) queue: i64,
    pub(super) flags: i64,
    /// Its place among the available jobs, if it is one.
    pub(super) place: Option<i64>,
    pub(super) worker: Option<WorkerId>,
    pub(super) settled: Option<(WorkerId, i64)>,
    pub(super) summary: JobSummary,
}

/// The job with an id.
pub(super) fn by_id(connection: &Connection, id: JobId) -> Result<Option<Stored>> {
    let seq: Option<i64> = connection
        .prepare_cached(JOB_SEQ)?
        .query_row((id,), |row| row.get(0))
        .optional()?;
    seq.map_or(Ok(None), |seq| by_seq(connection, seq))
}

/// The job at a place.
pub(super) fn by_seq(connection: &Connection, seq: i64) -> Result<Option<Stored>> {
    let mut statement = connection.prepare_cached(JOB_SUMMARY)?;
    Ok(statement.query_row((seq,), read).optional()?)
}

impl Stored {
    /// The summary, with the newest error.
    pub(super) fn into_summary(self, connection: &Connection) -> Result<JobSummary> {
        let mut summary = self.summary;
        if flags::any(self.flags, flags::ERRORS) {
            let mut statement = connection.prepare_cached(ATTEMPT_ERROR_NEWEST)?;
            summary.last_error = statement.query_row((self.seq,), attempt_error).optional()?;
        }
        Ok(summary)
    }

    /// Everything.
    pub(super) fn into_detail(self, connection: &Connection) -> Result<JobDetail> {
        let seq = self.seq;
        let extra = |flag, sql: &str| -> Result<_> {
            if !flags::any(self.flags, flag) {
                return Ok(None);
            }
            let mut statement = connection.prepare_cached(sql)?;
            Ok(statement
                .query_row((seq,), |row| bytes(row, 0))
                .optional()?)
        };
        let progress = extra(flags::PROGRESS, PROGRESS_GET)?;
        let result = extra(flags::RESULT, RESULT_GET)?;
        let errors: Vec<AttemptError> = if flags::any(self.flags, flags::ERRORS) {
            let mut statement = connection.prepare_cached(ATTEMPT_ERROR_LIST)?;
            let errors = statement.query_map((seq,), attempt_error)?;
            errors.collect::<rusqlite::Result<_>>()?
        } else {
            Vec::new()
        };
        let cancel_requested = if flags::any(self.flags, flags::STOP) {
            let mut statement = connection.prepare_cached(CANCEL_REQUEST_GET)?;
            let request = statement.query_row((seq,), |row| Ok((row.get(0)?, row.get(1)?)));
            request.optional()?
        } else {
            None
        };
        let mut summary = self.summary;
        summary.last_error = errors.last().cloned();
        let mut statement = connection.prepare_cached(JOB_BODY)?;
        let detail = statement.query_row((seq,), |row| {
            Ok(JobDetail {
                args: Args::from_stored(bytes(row, 0)?, row.get(1)?),
                timeout: length(row, 2)?,
                backoff: backoff(row, 3)?,
                unique: unique(row, 6)?,
                trace: trace(row, 9)?,
                errors,
                progress,
                result,
                worker: self.worker.map(|worker| worker.0),
                cancel_requested,
                summary,
            })
        })?;
        Ok(detail)
    }
}

/// A row of the statement `job_summary`.
fn read(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let state: State = row.get(6)?;
    let settled_worker: Option<WorkerId> = row.get(19)?;
    let settled_claim: Option<i64> = row.get(20)?;
    let due_at: Option<_> = row.get(13)?;
    let accepted_at = row.get(12)?;
    // What became available when it was accepted does not say so in a column of its own.
    let since_accepted = matches!(state, State::Available | State::Running).then_some(accepted_at);
    Ok(Stored {
        seq: row.get(0)?,
        queue: row.get(3)?,
        flags: row.get(10)?,
        place: row.get(21)?,
        worker: row.get(18)?,
        settled: settled_worker.zip(settled_claim),
        summary: JobSummary {
            id: row.get(1)?,
            kind: row.get(2)?,
            queue: row.get(4)?,
            priority: row.get(5)?,
            state,
            attempt: row.get(7)?,
            max_attempts: row.get(8)?,
            crashes: row.get(9)?,
            tags: tags(row, 11)?,
            accepted_at,
            due_at: due_at.or(since_accepted),
            claimed_at: row.get(14)?,
            ended_at: row.get(15)?,
            last_error: None,
            replay_of: row.get(16)?,
            replayed_as: row.get(17)?,
        },
    })
}

fn tags(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<Tag>> {
    let tags = row.get_ref(column)?.as_str_or_null()?.unwrap_or_default();
    tags.split_terminator(' ')
        .map(|tag| Tag::new(tag).map_err(|invalid| FromSqlError::other(invalid).into()))
        .collect()
}

fn unique(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Unique>> {
    let Some(number) = row.get::<_, Option<i64>>(column)? else {
        return Ok(None);
    };
    let policy = match number {
        1 => UniquePolicy::UntilStarted,
        2 => UniquePolicy::UntilFinished,
        _ => UniquePolicy::Window(length(row, column + 2)?.unwrap_or_default()),
    };
    let key = row.get_ref(column + 1)?.as_str()?;
    let key = UniqueKey::new(key).map_err(FromSqlError::other)?;
    Ok(Some(Unique { key, policy }))
}

fn attempt_error(row: &Row<'_>) -> rusqlite::Result<AttemptError> {
    let error = row.get_ref(0)?.as_str()?;
    serde_json::from_str(error).map_err(|error| FromSqlError::other(error).into())
}

/// See [`crate::store::JobStore::get`].
pub(super) fn get(connection: &Connection, ids: &[JobId]) -> Result<Vec<Option<JobDetail>>> {
    ids.iter()
        .map(|id| {
            let stored = by_id(connection, *id)?;
            stored
                .map(|stored| stored.into_detail(connection))
                .transpose()
        })
        .collect()
}
