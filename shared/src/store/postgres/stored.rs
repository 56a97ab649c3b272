//! Jobs as the tables hold them.

use bytes::Bytes;
use sqlx::postgres::PgRow;
use std::collections::HashMap;

use super::{
    PostgresStore,
    database::Database,
    opts::Opts,
    row::{get as value, state},
};
use crate::{
    clock::Timestamp,
    job::{Args, AttemptError, JobDetail, JobId, JobSummary, Tag, attempt::Failure},
    store::{Error, Result},
};

const DETAILS: &str = include_str!("sql/details.sql");
const SUMMARIES: &str = include_str!("sql/summaries.sql");

/// Jobs looked up by one statement.
const AT_ONCE: usize = 1000;

/// See [`crate::store::JobStore::get`].
pub(super) async fn get(store: &PostgresStore, ids: Vec<JobId>) -> Result<Vec<Option<JobDetail>>> {
    let mut found: HashMap<JobId, JobDetail> = HashMap::with_capacity(ids.len());
    for some in ids.chunks(AT_ONCE) {
        let rows = store.database.read(DETAILS, |call| call.bind(some));
        for row in rows.await? {
            let detail = detail(&row)?;
            found.insert(detail.summary.id, detail);
        }
    }
    Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
}

/// What a list shows of jobs; of those that are unknown, nothing.
pub(super) async fn summaries(
    database: &Database,
    ids: &[JobId],
) -> Result<HashMap<JobId, JobSummary>> {
    let rows = database.read(SUMMARIES, |call| call.bind(ids));
    let rows = rows.await?;
    rows.iter()
        .map(|row| summary(row, last_error(row)?).map(|summary| (summary.id, summary)))
        .collect()
}

fn number(number: i16) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

/// The columns that both statements begin with.
fn summary(row: &PgRow, last_error: Option<AttemptError>) -> Result<JobSummary> {
    let tags: Option<Vec<String>> = value(row, 6)?;
    let tags = tags.unwrap_or_default().into_iter().map(Tag::new);
    Ok(JobSummary {
        id: value(row, 0)?,
        kind: value(row, 1)?,
        queue: value(row, 2)?,
        priority: value(row, 3)?,
        max_attempts: number(value(row, 4)?),
        accepted_at: value(row, 5)?,
        tags: tags.collect::<Result<_, _>>()?,
        replay_of: value(row, 7)?,
        state: state(value(row, 8)?)?,
        attempt: number(value(row, 9)?),
        crashes: number(value(row, 10)?),
        due_at: value(row, 11)?,
        claimed_at: value(row, 12)?,
        ended_at: value(row, 13)?,
        replayed_as: value(row, 14)?,
        last_error,
    })
}

fn last_error(row: &PgRow) -> Result<Option<AttemptError>> {
    let attempt: Option<i16> = value(row, 15)?;
    attempt
        .map(|attempt| error(attempt, value(row, 16)?, value(row, 17)?, value(row, 18)?))
        .transpose()
}

fn error(attempt: i16, at: Timestamp, worker: i64, failure: &str) -> Result<AttemptError> {
    let failure: Failure = serde_json::from_str(failure).map_err(|cause| Error::Corrupt {
        what: "an attempt's error cannot be read".to_owned(),
        source: Some(cause.into()),
    })?;
    Ok(AttemptError {
        attempt: number(attempt),
        at,
        worker: u64::try_from(worker).unwrap_or(0),
        failure,
    })
}

fn detail(row: &PgRow) -> Result<JobDetail> {
    let bytes = |column| -> Result<Option<Bytes>> {
        let body: Option<&[u8]> = value(row, column)?;
        Ok(body.map(Bytes::copy_from_slice))
    };
    let opts = Opts::read(value(row, 16)?)?;
    let content_type = opts.content_type.as_deref().map(Into::into);
    let worker: Option<i64> = value(row, 18)?;
    let cancel_at: Option<Timestamp> = value(row, 20)?;
    let cancel_reason: Option<String> = value(row, 21)?;
    let errors = errors(row)?;
    let args: &[u8] = value(row, 15)?;
    Ok(JobDetail {
        summary: summary(row, errors.last().cloned())?,
        args: Args::from_stored(Bytes::copy_from_slice(args), content_type),
        timeout: opts.timeout(),
        backoff: opts.backoff(),
        unique: opts.unique(),
        trace: opts.trace()?,
        result: bytes(17)?,
        worker: worker.and_then(|worker| u64::try_from(worker).ok()),
        progress: bytes(19)?,
        cancel_requested: cancel_at.zip(cancel_reason),
        errors,
    })
}

fn errors(row: &PgRow) -> Result<Vec<AttemptError>> {
    let attempts: Option<Vec<i16>> = value(row, 22)?;
    let ats: Option<Vec<Timestamp>> = value(row, 23)?;
    let workers: Option<Vec<i64>> = value(row, 24)?;
    let failures: Option<Vec<String>> = value(row, 25)?;
    let instants = attempts
        .unwrap_or_default()
        .into_iter()
        .zip(ats.unwrap_or_default());
    let rest = workers.unwrap_or_default().into_iter();
    let rest = rest.zip(failures.unwrap_or_default());
    instants
        .zip(rest)
        .map(|((attempt, at), (worker, failure))| error(attempt, at, worker, &failure))
        .collect()
}
