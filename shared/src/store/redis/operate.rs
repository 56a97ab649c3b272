//! What people change about single jobs and about queues.

use redis::Value;
use std::collections::HashMap;

use super::{RedisStore, body, reply, row};
use crate::{
    clock::Timestamp,
    job::{Invalid, JobId, QueueName},
    store::{CancelParams, Cancelled, Error, Hint, QueueRecord, Replay, Replayed, Result, RunNow},
};

/// Most jobs of one step.
const MOST: usize = 128;

/// Most queues of one step.
const MOST_QUEUES: usize = 32;

/// See [`crate::store::JobStore::cancel`].
pub(super) async fn cancel(store: &RedisStore, params: &CancelParams) -> Result<Vec<Cancelled>> {
    let mut verdicts = Vec::with_capacity(params.ids.len());
    for ids in params.ids.chunks(MOST) {
        let mut call = store.server.function("cancel");
        call.arg(&params.reason);
        for id in ids {
            call.arg(&id.as_bytes()[..]);
        }
        for letter in reply::bytes(store.server.keep(call).await?)? {
            verdicts.push(match letter {
                b'D' => Cancelled::Done,
                b'Q' => Cancelled::Requested,
                b'U' => Cancelled::Unknown,
                state => Cancelled::Ended(row::state(state)?),
            });
        }
    }
    if verdicts.contains(&Cancelled::Requested) {
        store.hint(Hint::Cancel);
    }
    if verdicts.contains(&Cancelled::Done) {
        store.hint(Hint::Ended);
    }
    Ok(verdicts)
}

/// See [`crate::store::JobStore::run_now`].
pub(super) async fn run_now(store: &RedisStore, ids: &[JobId]) -> Result<Vec<RunNow>> {
    let mut verdicts = Vec::with_capacity(ids.len());
    for ids in ids.chunks(MOST) {
        let mut call = store.server.function("run_now");
        for id in ids {
            call.arg(&id.as_bytes()[..]);
        }
        for letter in reply::bytes(store.server.keep(call).await?)? {
            verdicts.push(match letter {
                b'D' => RunNow::Done,
                b'U' => RunNow::Unknown,
                state => RunNow::NotWaiting(row::state(state)?),
            });
        }
    }
    if verdicts.contains(&RunNow::Done) {
        store.hint(Hint::Any);
    }
    Ok(verdicts)
}

fn taken(new: JobId) -> Error {
    Error::Invalid(Invalid::new(
        "new",
        format!("{new} is the id of another job"),
    ))
}

/// See [`crate::store::JobStore::replay`].
pub(super) async fn replay(store: &RedisStore, replays: &[Replay]) -> Result<Vec<Replayed>> {
    let mut wanted = HashMap::new();
    for replay in replays {
        if wanted
            .insert(replay.new, replay.dead)
            .is_some_and(|dead| dead != replay.dead)
        {
            return Err(taken(replay.new));
        }
    }
    for step in replays.chunks(MOST) {
        let mut call = store.server.function("check_replays");
        for replay in step {
            call.arg(&replay.dead.as_bytes()[..])
                .arg(&replay.new.as_bytes()[..])
                .arg("")
                .arg("")
                .arg("");
        }
        if let Some(at) = reply::maybe_number(store.server.read(call).await?)? {
            let at = usize::try_from(at).unwrap_or_default();
            return Err(taken(
                step.get(at).map_or(replays[0].new, |replay| replay.new),
            ));
        }
    }
    let mut verdicts = Vec::with_capacity(replays.len());
    for step in replays.chunks(MOST) {
        let mut call = store.server.function("replay");
        for replay in step {
            let (args, large) = replay.args.as_ref().map(body::args).unwrap_or_default();
            call.arg(&replay.dead.as_bytes()[..])
                .arg(&replay.new.as_bytes()[..]);
            call.arg(args).arg(if large { "1" } else { "" });
            call.arg(replay.trace.as_ref().map(body::trace).unwrap_or_default());
        }
        for verdict in reply::list(store.server.keep(call).await?)? {
            verdicts.push(read_replayed(verdict)?);
        }
    }
    if verdicts.contains(&Replayed::New) {
        store.hint(Hint::Any);
    }
    Ok(verdicts)
}

fn read_replayed(verdict: Value) -> Result<Replayed> {
    let verdict = reply::bytes(verdict)?;
    Ok(match &verdict[..] {
        b"N" => Replayed::New,
        b"R" => Replayed::Repeated,
        b"U" => Replayed::Unknown,
        [b'A', id @ ..] if !id.is_empty() => Replayed::Already(reply::read_id(id)?),
        [b'H', id @ ..] if !id.is_empty() => Replayed::Duplicate {
            holder: reply::read_id(id)?,
        },
        [state] => Replayed::NotDead(row::state(*state)?),
        _ => return Err(Error::corrupt("a replay without a verdict")),
    })
}

/// See [`crate::store::QueueStore::set_paused`].
pub(super) async fn set_paused(store: &RedisStore, queue: QueueName, paused: bool) -> Result<()> {
    let mut call = store.server.function("set_paused");
    call.arg(queue.as_str()).arg(if paused { "1" } else { "" });
    if reply::count(store.server.keep(call).await?)? == 0 {
        return Err(Error::NotFound {
            what: "queue",
            name: queue.to_string(),
        });
    }
    if !paused {
        store.hint(Hint::Available(queue));
    }
    Ok(())
}

/// See [`crate::store::QueueStore::queue_names`].
pub(super) async fn queue_names(store: &RedisStore) -> Result<Vec<QueueName>> {
    let known = known(store).await?.into_iter();
    Ok(known.map(|(name, _)| name).collect())
}

/// Every known queue, by name, with its number.
async fn known(store: &RedisStore) -> Result<Vec<(QueueName, u64)>> {
    let answer = store.server.read(store.server.function("queues")).await?;
    let mut values = reply::Values::of(answer)?;
    let mut known = Vec::new();
    while !values.is_empty() {
        let name = reply::text(values.next()?)?;
        let name = QueueName::new(name).map_err(|why| Error::corrupt(why.to_string()))?;
        known.push((name, reply::count(values.next()?)?));
    }
    known.sort();
    Ok(known)
}

/// See [`crate::store::QueueStore::queues`].
pub(super) async fn queues(store: &RedisStore) -> Result<Vec<QueueRecord>> {
    let known = known(store).await?;
    let mut records = Vec::with_capacity(known.len());
    for step in known.chunks(MOST_QUEUES) {
        let mut call = store.server.function("look_at_queues");
        for (_, number) in step {
            call.arg(*number);
        }
        let told = reply::list(store.server.write(call).await?)?;
        for ((name, _), told) in step.iter().zip(told) {
            records.push(read_queue(name.clone(), told)?);
        }
    }
    Ok(records)
}

fn read_queue(name: QueueName, told: Value) -> Result<QueueRecord> {
    let mut values = reply::Values::of(told)?;
    let paused_at = reply::maybe_number(values.next()?)?.map(Timestamp::from_micros);
    let mut counts = [0; 8];
    for count in counts.iter_mut().skip(1) {
        let told = reply::maybe_number(values.next()?)?.unwrap_or_default();
        *count = u64::try_from(told).unwrap_or_default();
    }
    let oldest = reply::number(values.next()?)?;
    Ok(QueueRecord {
        name,
        paused_at,
        counts,
        exact: true,
        oldest_available_at: (oldest >= 0).then(|| Timestamp::from_micros(oldest)),
    })
}
