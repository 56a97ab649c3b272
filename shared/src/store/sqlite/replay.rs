//! New runs of dead letters.

use std::collections::HashMap;

use super::{enqueue, stored, stored::Stored, writer::Turn};
use crate::{
    job::{Invalid, JobDetail, JobId, NewJob, State, new::Due},
    store::{Enqueued, Replay, Replayed, Result},
};

const ENDED_REPLAYED: &str = include_str!("sql/ended_replayed.sql");
const UNIQUE_KEY_PASS_ON: &str = include_str!("sql/unique_key_pass_on.sql");

/// See [`crate::store::JobStore::replay`].
pub(super) fn apply(turn: &mut Turn<'_>, replays: &[Replay]) -> Result<Vec<Replayed>> {
    check(turn, replays)?;
    replays.iter().map(|replay| one(turn, replay)).collect()
}

/// Refuses new ids that are another job's already.
fn check(turn: &Turn<'_>, replays: &[Replay]) -> Result<()> {
    let mut given: HashMap<JobId, JobId> = HashMap::new();
    for Replay { dead, new, .. } in replays {
        if *given.entry(*new).or_insert(*dead) != *dead {
            let why = format!("{new} is given to two dead letters");
            return Err(Invalid::new("new", why).into());
        }
        let holder = stored::by_id(turn.connection(), *new)?;
        if holder.is_some_and(|job| job.summary.replay_of != Some(*dead)) {
            let why = format!("{new} is the id of another job");
            return Err(Invalid::new("new", why).into());
        }
    }
    Ok(())
}

fn one(turn: &mut Turn<'_>, replay: &Replay) -> Result<Replayed> {
    let Some(dead) = stored::by_id(turn.connection(), replay.dead)? else {
        return Ok(Replayed::Unknown);
    };
    if dead.summary.state != State::Discarded {
        return Ok(Replayed::NotDead(dead.summary.state));
    }
    match dead.summary.replayed_as {
        Some(new) if new == replay.new => return Ok(Replayed::Repeated),
        Some(other) => return Ok(Replayed::Already(other)),
        None => {}
    }
    run_again(turn, dead, replay)
}

fn run_again(turn: &mut Turn<'_>, dead: Stored, replay: &Replay) -> Result<Replayed> {
    let (seq, queue) = (dead.seq, dead.queue);
    let new = new_run(dead.into_detail(turn.connection())?, replay);
    if let Some(unique) = &new.unique {
        let (kind, key) = (new.kind.as_str(), unique.key.as_str());
        turn.execute(UNIQUE_KEY_PASS_ON, (queue, kind, key, replay.dead))?;
    }
    match enqueue::accept(turn, &new, Some(replay.dead))? {
        Enqueued::New(_) => {
            turn.execute(ENDED_REPLAYED, (seq, new.id))?;
            Ok(Replayed::New)
        }
        Enqueued::Duplicate { holder } => Ok(Replayed::Duplicate { holder }),
        // The check has refused ids of other jobs, and this dead letter has no new run yet.
        Enqueued::Repeated => Ok(Replayed::Repeated),
    }
}

fn new_run(dead: JobDetail, replay: &Replay) -> NewJob {
    NewJob {
        id: replay.new,
        kind: dead.summary.kind,
        queue: dead.summary.queue,
        args: replay.args.clone().unwrap_or(dead.args),
        priority: dead.summary.priority,
        due: Due::Now,
        max_attempts: dead.summary.max_attempts,
        timeout: dead.timeout,
        backoff: dead.backoff,
        unique: dead.unique,
        tags: dead.summary.tags,
        trace: replay.trace.clone().or(dead.trace),
    }
}
