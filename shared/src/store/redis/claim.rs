//! How jobs are handed out.

use redis::Value;
use std::collections::VecDeque;

use super::{
    RedisStore, body, reply,
    row::{ROW, Row},
};
use crate::{
    job::{Args, ClaimedJob},
    store::{ClaimParams, Error, Result, Want},
};

/// Most jobs of one step.
const MOST: usize = 256;

/// Most queues of one step.
const MOST_WANTS: usize = 100;

/// See [`crate::store::WorkStore::claim`].
///
/// A claim of many is made in steps under the one number. When the answer to one of them is lost, the
/// caller's repetition is told what all of them handed out.
pub(super) async fn claim(store: &RedisStore, params: &ClaimParams) -> Result<Vec<ClaimedJob>> {
    let mut wants: VecDeque<Want> = params.wants.iter().cloned().collect();
    let (mut claimed, mut handed_out) = (Vec::new(), 0);
    loop {
        let most = params.max.saturating_sub(handed_out).min(MOST);
        let asked = wants.len().min(MOST_WANTS);
        let goes_on = handed_out > 0;
        let mut call = store.server.function("claim");
        call.arg(params.worker.0)
            .arg(store.nonce(params.worker))
            .arg(params.claim);
        call.arg(if goes_on { "1" } else { "" }).arg(most);
        for Want { queue, max } in wants.iter().take(asked) {
            call.arg(queue.as_str()).arg((*max).min(most));
        }
        let step = read_step(store, store.server.write(call).await?).await?;
        let full = step.handed_out >= most;
        handed_out += step.handed_out;
        claimed.extend(step.jobs);
        // What was handed out under this number before is told whole, and nothing more is.
        if step.given.is_empty() {
            return Ok(claimed);
        }
        for (at, given) in step.given.iter().enumerate() {
            if let Some(want) = wants.get_mut(at) {
                want.max = want.max.saturating_sub(*given);
            }
        }
        // Unless the step was full, there is nothing more for those that it asked for.
        let done = if full {
            wants
                .iter()
                .take(asked)
                .take_while(|want| want.max == 0)
                .count()
        } else {
            asked
        };
        wants.drain(..done);
        if wants.is_empty() || handed_out >= params.max {
            return Ok(claimed);
        }
    }
}

/// What one step handed out, and how much of it to each want.
struct Step {
    jobs: Vec<ClaimedJob>,
    handed_out: usize,
    given: Vec<usize>,
}

async fn read_step(store: &RedisStore, answer: Value) -> Result<Step> {
    let mut values = reply::Values::of(answer)?;
    let rows = reply::bytes(values.next()?)?;
    let bodies = bodies(store, &rows).await?;
    let mut jobs = Vec::with_capacity(bodies.len());
    for (row, body) in rows.chunks(ROW).zip(bodies) {
        jobs.push(match body {
            // It was taken back and forgotten since: the lease has expired.
            Value::Nil => None,
            body => read_job(store, Row::read(row)?, body).await?,
        });
    }
    for more in reply::list(values.next()?)? {
        let mut more = reply::Values::of(more)?;
        let at = reply::size(more.next()?)?;
        let progress = reply::bytes(more.next()?)?;
        if let Some(Some(job)) = jobs.get_mut(at) {
            job.progress = Some(progress);
        }
    }
    let given = reply::list(values.next()?)?.into_iter().map(reply::size);
    Ok(Step {
        handed_out: jobs.len(),
        jobs: jobs.into_iter().flatten().collect(),
        given: given.collect::<Result<_>>()?,
    })
}

/// The bodies of the jobs of some rows.
async fn bodies(store: &RedisStore, rows: &[u8]) -> Result<Vec<Value>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut call = redis::cmd("HMGET");
    call.arg(store.server.key("job"));
    for row in rows.chunks(ROW) {
        call.arg(row.get(..16).unwrap_or_default());
    }
    let bodies = reply::list(store.server.read(call).await?)?;
    if rows.len() == bodies.len() * ROW {
        return Ok(bodies);
    }
    Err(Error::corrupt("a claim with other rows than bodies"))
}

/// A job that was handed out, unless it is not there any more.
async fn read_job(store: &RedisStore, row: Row<'_>, body: Value) -> Result<Option<ClaimedJob>> {
    let body = body::read(reply::bytes(body)?)?;
    let Some(args) = args_of(store, &row, body.args).await? else {
        return Ok(None);
    };
    Ok(Some(ClaimedJob {
        id: row.id()?,
        kind: body.kind,
        queue: body.queue,
        args,
        attempt: row.attempt(),
        max_attempts: body.max_attempts,
        crashes: row.crashes(),
        timeout: body.timeout,
        backoff: body.backoff,
        trace: body.trace,
        progress: None,
        accepted_at: row.accepted_at(),
        available_at: row.at(),
        claimed_at: row.claimed_at().unwrap_or_default(),
        token: row.token(body.number),
    }))
}

/// The args of a job: those of its body, or those that lie by themselves; `None` when the job is not
/// there any more.
pub(super) async fn args_of(
    store: &RedisStore,
    row: &Row<'_>,
    of_body: Option<Args>,
) -> Result<Option<Args>> {
    if of_body.is_some() {
        return Ok(of_body);
    }
    let mut call = redis::cmd("HGET");
    call.arg(store.server.key("args")).arg(row.id_bytes());
    match store.server.read(call).await? {
        Value::Nil => Ok(None),
        large => body::read_args(&reply::bytes(large)?).map(Some),
    }
}
