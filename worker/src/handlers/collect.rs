//! `collect`: takes the numbers of one source and leaves them as the job's result.
//!
//! A source is asked once per attempt. What comes back is hostile until it was read: a page where
//! JSON was expected, sizes that disagree, a category that is gone are failures of the attempt that
//! say what and where. A number that is merely missing is left out, and the result says so.

mod fetch;
mod http_json;
mod jsonstat;

use serde::{Deserialize, Serialize};
use shared::{
    config::Source,
    job::{JobId, Outcome, args::MAX_BYTES, name::Label},
    metric::{MetricKey, Point},
};
use std::time::Instant;

use crate::{Context, handlers::setup::Setup};

/// What a job of kind `collect` carries.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Args {
    /// The source, as the configuration names it.
    pub(crate) source: Label,
    /// The run of a pipeline that wants it, for people to follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<JobId>,
}

/// What a source gave: a collection's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Collected {
    /// Which source.
    pub(crate) source: Label,
    /// How long it took to ask and to read.
    pub(crate) took_ms: u64,
    /// How much it answered.
    pub(crate) bytes: usize,
    /// Its numbers and what has none.
    #[serde(flatten)]
    pub(crate) reading: Reading,
}

/// What was read from an answer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Reading {
    /// The numbers.
    pub(crate) points: Vec<Point>,
    /// What has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) left_out: Vec<LeftOut>,
}

/// A number that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeftOut {
    /// Of which metric.
    pub(crate) key: MetricKey,
    /// Why.
    pub(crate) why: String,
}

impl Reading {
    fn leave_out(&mut self, key: &MetricKey, why: String) {
        let key = key.clone();
        self.left_out.push(LeftOut { key, why });
    }
}

/// Runs one attempt.
pub(crate) async fn run(ctx: Context, args: Args, setup: &Setup) -> Outcome {
    let source = match setup.source(&args.source) {
        Ok(source) => source,
        Err(unknown) => return Outcome::retry(unknown),
    };
    let started = Instant::now();
    let call = match source {
        Source::Jsonstat(source) => jsonstat::call(source, ctx.trace()),
        Source::HttpJson(source) => http_json::call(source, ctx.trace()),
    };
    let limit = setup.config.outbound.max_response.as_usize();
    let body = match fetch::fetch(&setup.outbound, call, limit).await {
        Ok(body) => body,
        Err(outcome) => return outcome,
    };
    let read = match source {
        Source::Jsonstat(source) => jsonstat::read(source, &body),
        Source::HttpJson(source) => http_json::read(source, &body),
    };
    let reading = match read {
        Ok(reading) => reading,
        Err(why) => return Outcome::retry(format!("source {:?}: {why}", args.source.as_str())),
    };
    let points = reading.points.len();
    let collected = Collected {
        source: args.source,
        took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        bytes: body.len(),
        reading,
    };
    Outcome::result(&collected).unwrap_or_else(|_| {
        Outcome::discard(format!(
            "{points} numbers make a result of more than {MAX_BYTES} bytes: select fewer \
             categories or dates"
        ))
    })
}

#[cfg(test)]
mod tests;
