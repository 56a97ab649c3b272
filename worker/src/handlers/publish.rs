//! `publish`: points and events to a destination, by way of its buffer.
//!
//! A job with points or events adds them to the buffer, and is done when they are kept there. A
//! job without is an order to flush. The flush itself is a job too: the one that holds the
//! destination's unique key (see [`shared::buffer`]); any other one only asks for it.

pub(crate) mod keeper;
pub(crate) mod lanes;

mod databox;
mod flush;
mod rests;
mod webhook;

use serde::Deserialize;
use serde_json::json;
use shared::{
    buffer::{
        self, FlushDue, QUEUE,
        entry::{self, NewEvent},
    },
    config::{Destination, destinations::Takes},
    job::{Outcome, UniquePolicy, name::Label},
    metric::Point,
    patience::chain,
    store::{Error, NewEntry, Result},
};
use std::time::Duration;

use crate::{
    Context,
    handlers::{outbound::retry_after::tempered, publish::lanes::Lanes, setup::Setup},
};

/// A buffer that is full is tried again after at most so long.
const FULL: Duration = Duration::from_mins(1);

/// What a job of kind `publish` carries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Args {
    /// The destination, as the configuration names it.
    destination: Label,
    /// Numbers to publish. One without a date is of when the job was accepted.
    #[serde(default)]
    points: Vec<Point>,
    /// Events to publish, to a destination that takes them.
    #[serde(default)]
    events: Vec<NewEvent>,
}

/// Runs one attempt.
pub(crate) async fn run(ctx: Context, args: Args, setup: &Setup, lanes: &Lanes) -> Outcome {
    let destination = match setup.destination(&args.destination) {
        Ok(destination) => destination,
        Err(unknown) => return Outcome::retry(unknown),
    };
    if !args.points.is_empty() || !args.events.is_empty() {
        return add(&ctx, &args, destination).await;
    }
    match is_flush(&ctx, &args.destination).await {
        Ok(true) => flush::run(&ctx, setup, lanes, &args.destination, destination).await,
        Ok(false) => order(&ctx, &args.destination).await,
        Err(error) => Outcome::retry(chain(&error)),
    }
}

/// Whether this very job holds the destination's flush.
async fn is_flush(ctx: &Context, destination: &Label) -> Result<bool> {
    let detail = ctx.store().get(vec![ctx.id()]).await?.pop().flatten();
    let unique = detail.and_then(|job| job.unique);
    Ok(unique.is_some_and(|unique| {
        unique.key == buffer::key(destination) && unique.policy == UniquePolicy::UntilFinished
    }) && ctx.queue().as_str() == QUEUE)
}

/// Asks for a flush at once.
async fn order(ctx: &Context, destination: &Label) -> Outcome {
    let store = ctx.store().as_ref();
    match buffer::ask(store, destination, FlushDue::Ordered, ctx.trace()).await {
        Ok(id) => result(&json!({ "flush": id })),
        Err(error) => Outcome::retry(chain(&error)),
    }
}

/// Adds what the job carries to the buffer.
async fn add(ctx: &Context, args: &Args, destination: &Destination) -> Outcome {
    let name = &args.destination;
    if !args.events.is_empty() && destination.takes() == Takes::Points {
        let why = format!("destination {:?} takes numbers, no events", name.as_str());
        return Outcome::discard(why);
    }
    let entries = entries(ctx, args, destination);
    let (added, buffer) = (entries.len() as u64, destination.buffer());
    if added > buffer.capacity {
        return Outcome::discard(format!(
            "{added} entries never fit into the buffer of {:?}, which holds {}",
            name.as_str(),
            buffer.capacity
        ));
    }
    let store = ctx.store().as_ref();
    match buffer::add(store, name, buffer, entries, ctx.trace()).await {
        Ok(waiting) => result(&json!({ "added": added, "waiting": waiting })),
        Err(error @ Error::Full { .. }) => {
            let wait = tempered(buffer.flush_interval, FULL, rand::random());
            Outcome::retry_after(wait, chain(&error))
        }
        Err(error) => Outcome::retry(chain(&error)),
    }
}

fn entries(ctx: &Context, args: &Args, destination: &Destination) -> Vec<NewEntry> {
    // Not the time of the attempt: a repetition makes the same entries.
    let (origin, now) = (ctx.id(), ctx.accepted_at());
    let mut entries = entry::of_points(destination.takes(), &args.points, origin, now, &[]);
    entries.extend(entry::of_events(&args.events, origin, now));
    entries
}

fn result(value: &serde_json::Value) -> Outcome {
    Outcome::result(value).unwrap_or_else(|invalid| Outcome::discard(invalid.to_string()))
}

#[cfg(test)]
mod tests;
