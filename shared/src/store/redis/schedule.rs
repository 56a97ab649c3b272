//! Schedules and their ticks; who leads.

use redis::Value;
use std::time::Duration;

use super::{RedisStore, enqueue, reply, worker::micros};
use crate::{
    clock::Timestamp,
    job::{JobId, QueueName, name::Label},
    store::{
        ElectParams, Election, Error, Hint, PutSchedule, RecordTick, Result, ScheduleRecord, Tick,
        TickDecision, TickStatus,
    },
};

fn unknown(name: &Label) -> Error {
    Error::NotFound {
        what: "schedule",
        name: name.to_string(),
    }
}

/// See [`crate::store::ScheduleStore::put_schedule`].
pub(super) async fn put(store: &RedisStore, params: &PutSchedule) -> Result<ScheduleRecord> {
    let mut call = store.server.function("put_schedule");
    call.arg(params.name.as_str()).arg(&params.definition);
    call.arg(if params.rewind { "1" } else { "" });
    read_schedule(store.server.keep(call).await?)
}

fn read_schedule(told: Value) -> Result<ScheduleRecord> {
    let mut values = reply::Values::of(told)?;
    let definition = reply::text(values.next()?)?;
    let (cursor, updated_at) = (
        reply::instant(values.next()?)?,
        reply::instant(values.next()?)?,
    );
    let maybe = |value: Value| -> Result<Option<Timestamp>> {
        Ok(reply::maybe_number(value)?.map(Timestamp::from_micros))
    };
    let (paused_at, fired_at) = (maybe(values.next()?)?, maybe(values.next()?)?);
    let fired = reply::some(values.next()?)?;
    let fired: Option<JobId> = fired.map(|id| reply::read_id(&id)).transpose()?;
    let held = reply::list(values.next()?)?.into_iter().map(reply::instant);
    let held = held.collect::<Result<_>>()?;
    let name = Label::new(reply::text(values.next()?)?);
    Ok(ScheduleRecord {
        name: name.map_err(|why| Error::corrupt(why.to_string()))?,
        definition,
        cursor,
        fired: fired_at.zip(fired),
        held,
        paused_at,
        updated_at,
    })
}

/// See [`crate::store::ScheduleStore::remove_schedule`].
pub(super) async fn remove(store: &RedisStore, name: &Label) -> Result<()> {
    let mut call = store.server.function("remove_schedule");
    call.arg(name.as_str());
    store.server.keep(call).await.map(drop)
}

/// See [`crate::store::ScheduleStore::schedules`].
pub(super) async fn list(store: &RedisStore) -> Result<Vec<ScheduleRecord>> {
    let answer = store
        .server
        .read(store.server.function("schedules"))
        .await?;
    let read = reply::list(answer)?.into_iter().map(read_schedule);
    let mut schedules: Vec<ScheduleRecord> = read.collect::<Result<_>>()?;
    schedules.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(schedules)
}

/// See [`crate::store::ScheduleStore::set_schedule_paused`].
pub(super) async fn set_paused(store: &RedisStore, name: &Label, paused: bool) -> Result<()> {
    let mut call = store.server.function("pause_schedule");
    call.arg(name.as_str()).arg(if paused { "1" } else { "" });
    match reply::count(store.server.keep(call).await?)? {
        0 => Err(unknown(name)),
        _ => Ok(()),
    }
}

/// See [`crate::store::ScheduleStore::record_tick`].
pub(super) async fn record_tick(store: &RedisStore, params: &RecordTick) -> Result<Tick> {
    let mut call = store.server.function("record_tick");
    call.arg(params.schedule.as_str())
        .arg(params.at.as_micros());
    let mut queue: Option<QueueName> = None;
    match &params.decision {
        TickDecision::Fire(job) => {
            call.arg("F");
            enqueue::check(store, std::slice::from_ref(job)).await?;
            enqueue::add_job(&mut call, job);
            queue = Some(job.queue.clone());
        }
        TickDecision::Hold => {
            call.arg("H");
        }
        TickDecision::Skip(why) => {
            call.arg("S").arg(why);
        }
    }
    let told = reply::list(store.server.keep(call).await?)?;
    if told.is_empty() {
        return Err(unknown(&params.schedule));
    }
    if let Some(queue) = queue {
        store.hint(Hint::Available(queue));
        store.hint(Hint::Scheduled);
    }
    read_tick(Value::Array(told))
}

fn read_tick(told: Value) -> Result<Tick> {
    let mut values = reply::Values::of(told)?;
    let at = reply::instant(values.next()?)?;
    let status = reply::bytes(values.next()?)?;
    let recorded_at = reply::instant(values.next()?)?;
    let status = match &status[..] {
        [b'F', id @ ..] => TickStatus::Fired(reply::read_id(id)?),
        [b'S', why @ ..] => TickStatus::Skipped(reply::as_text(why)?),
        _ => TickStatus::Held,
    };
    Ok(Tick {
        at,
        status,
        recorded_at,
    })
}

/// See [`crate::store::ScheduleStore::ticks`].
pub(super) async fn ticks(store: &RedisStore, name: &Label, limit: usize) -> Result<Vec<Tick>> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let mut call = store.server.function("ticks");
    call.arg(name.as_str()).arg(limit.min(10_000));
    let answer = store.server.read(call).await?;
    reply::list(answer)?.into_iter().map(read_tick).collect()
}

fn read_election(told: Value) -> Result<Option<Election>> {
    let mut values = reply::Values::of(told)?;
    if values.is_empty() {
        return Ok(None);
    }
    Ok(Some(Election {
        leader: reply::text(values.next()?)?,
        term: reply::count(values.next()?)?,
        expires_in: Duration::from_micros(reply::count(values.next()?)?),
    }))
}

/// See [`crate::store::LeaderStore::elect`].
pub(super) async fn elect(store: &RedisStore, params: &ElectParams) -> Result<Election> {
    let mut call = store.server.function("elect");
    call.arg(&params.role)
        .arg(&params.candidate)
        .arg(micros(params.lease));
    let told = read_election(store.server.keep(call).await?)?;
    told.ok_or_else(|| Error::corrupt("an election without a leader"))
}

/// See [`crate::store::LeaderStore::resign`].
pub(super) async fn resign(
    store: &RedisStore,
    role: &str,
    candidate: &str,
    term: u64,
) -> Result<()> {
    let mut call = store.server.function("resign");
    call.arg(role).arg(candidate).arg(term);
    store.server.write(call).await.map(drop)
}

/// See [`crate::store::LeaderStore::leader`].
pub(super) async fn leader(store: &RedisStore, role: &str) -> Result<Option<Election>> {
    let mut call = store.server.function("leader");
    call.arg(role);
    read_election(store.server.read(call).await?)
}
