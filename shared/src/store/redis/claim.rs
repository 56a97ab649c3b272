//! How jobs are handed out.

use redis::Value;
use std::collections::VecDeque;

use super::{
    RedisStore, body, reply,
    row::{ROW, Row},
};
use crate::{
    job::ClaimedJob,
    store::{ClaimParams, Error, Result, Want},
};

/// Most jobs of one step.
const MOST: usize = 128;

/// Most queues of one step.
const MOST_WANTS: usize = 100;

/// See [`crate::store::WorkStore::claim`].
///
/// A claim of many is made in steps under the one number. When the answer to one of them is lost, the
/// caller's repetition is told what all of them handed out.
pub(super) async fn claim(store: &RedisStore, params: &ClaimParams) -> Result<Vec<ClaimedJob>> {
    let mut wants: VecDeque<Want> = params.wants.iter().cloned().collect();
    let mut claimed = Vec::new();
    loop {
        let most = params.max.saturating_sub(claimed.len()).min(MOST);
        let asked = wants.len().min(MOST_WANTS);
        let goes_on = !claimed.is_empty();
        let mut call = store.server.function("claim");
        call.arg(params.worker.0)
            .arg(store.nonce(params.worker))
            .arg(params.claim);
        call.arg(if goes_on { "1" } else { "" }).arg(most);
        for Want { queue, max } in wants.iter().take(asked) {
            call.arg(queue.as_str()).arg((*max).min(most));
        }
        let step = read_step(store.server.write(call).await?)?;
        let full = step.jobs.len() >= most;
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
        if wants.is_empty() || claimed.len() >= params.max {
            return Ok(claimed);
        }
    }
}

/// What one step handed out, and how much of it to each want.
struct Step {
    jobs: Vec<ClaimedJob>,
    given: Vec<usize>,
}

fn read_step(answer: Value) -> Result<Step> {
    let mut values = reply::Values::of(answer)?;
    let rows = reply::bytes(values.next()?)?;
    let bodies = reply::list(values.next()?)?;
    if rows.len() != bodies.len() * ROW {
        return Err(Error::corrupt("a claim with more rows than bodies"));
    }
    let read = rows
        .chunks(ROW)
        .zip(bodies)
        .map(|(row, body)| read_job(Row::read(row)?, body));
    let mut jobs: Vec<ClaimedJob> = read.collect::<Result<_>>()?;
    for more in reply::list(values.next()?)? {
        let mut more = reply::Values::of(more)?;
        let at = reply::size(more.next()?)?;
        let is_args = &reply::bytes(more.next()?)?[..] == b"A";
        let value = reply::bytes(more.next()?)?;
        let Some(job) = jobs.get_mut(at) else {
            return Err(Error::corrupt(
                "a claim that tells of a job it does not hold",
            ));
        };
        if is_args {
            job.args = body::read_args(&value)?;
        } else {
            job.progress = Some(value);
        }
    }
    let given = reply::list(values.next()?)?.into_iter().map(reply::size);
    Ok(Step {
        jobs,
        given: given.collect::<Result<_>>()?,
    })
}

fn read_job(row: Row<'_>, body: Value) -> Result<ClaimedJob> {
    let body = body::read(reply::bytes(body)?)?;
    Ok(ClaimedJob {
        id: row.id()?,
        kind: body.kind,
        queue: body.queue,
        args: body.args.unwrap_or_default(),
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
    })
}
