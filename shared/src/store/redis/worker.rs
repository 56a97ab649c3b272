//! Workers: how they register, stay alive, leave, and are shown.

use redis::Value;
use std::time::Duration;

use super::{
    RedisStore, reply,
    row::{self, Nonce, RUNNING},
};
use crate::{
    job::JobId,
    lease::{WorkerId, WorkerInfo, WorkerRecord},
    store::{Beat, Error, HeartbeatParams, Hint, Progress, Result},
};

/// Most jobs of one step.
const MOST: usize = 128;

/// Microseconds as the functions read them.
pub(super) fn micros(length: Duration) -> u64 {
    // A function counts with real numbers, which are exact up to here.
    const MOST: u64 = 1 << 52;
    u64::try_from(length.as_micros()).map_or(MOST, |micros| micros.min(MOST))
}

/// See [`crate::store::WorkStore::register`].
pub(super) async fn register(
    store: &RedisStore,
    info: &WorkerInfo,
    lease: Duration,
) -> Result<WorkerId> {
    let nonce: Nonce = rand::random();
    let text = serde_json::to_vec(info)
        .map_err(|error| Error::corrupt(format!("a worker that cannot be described: {error}")))?;
    let mut call = store.server.function("register");
    call.arg(&nonce[..]).arg(text).arg(micros(lease));
    for queue in &info.queues {
        call.arg(queue.as_str());
    }
    let id = WorkerId(reply::count(store.server.add(call).await?)?);
    store.remember(id, nonce);
    Ok(id)
}

/// See [`crate::store::WorkStore::heartbeat`].
pub(super) async fn heartbeat(store: &RedisStore, params: &HeartbeatParams) -> Result<Beat> {
    let mine = |report: &&Progress| report.token.worker == params.worker;
    let reports: Vec<&Progress> = params.progress.iter().filter(mine).collect();
    let mut steps = reports.chunks(MOST);
    let mut step = steps.next().unwrap_or_default();
    loop {
        let mut call = store.server.function("heartbeat");
        call.arg(params.worker.0)
            .arg(store.nonce(params.worker))
            .arg(micros(params.lease));
        for report in step {
            let Some(token) = row::token_bytes(&report.token) else {
                continue;
            };
            let mut held = report.id.as_bytes().to_vec();
            held.push(RUNNING);
            held.extend_from_slice(&token);
            let number = reply::big_endian(&row::number_of(&report.token));
            call.arg(number).arg(held).arg(&report.value[..]);
        }
        let answer = store.server.write(call).await?;
        match steps.next() {
            Some(next) => step = next,
            None => {
                return Ok(Beat {
                    cancel: read_cancels(answer)?,
                });
            }
        }
    }
}

/// See [`crate::store::WorkStore::cancels`].
pub(super) async fn cancels(store: &RedisStore, worker: WorkerId) -> Result<Vec<(JobId, String)>> {
    let mut call = store.server.function("cancels");
    call.arg(worker.0);
    read_cancels(store.server.read(call).await?)
}

fn read_cancels(answer: Value) -> Result<Vec<(JobId, String)>> {
    let mut values = reply::Values::of(answer)?;
    let mut told = Vec::new();
    while !values.is_empty() {
        told.push((reply::id(values.next()?)?, reply::text(values.next()?)?));
    }
    told.sort();
    Ok(told)
}

/// See [`crate::store::WorkStore::leave`].
pub(super) async fn leave(store: &RedisStore, worker: WorkerId) -> Result<u64> {
    let mut released = 0;
    loop {
        let mut call = store.server.function("leave");
        call.arg(worker.0).arg(store.nonce(worker)).arg(MOST);
        let mut values = reply::Values::of(store.server.keep(call).await?)?;
        released += reply::count(values.next()?)?;
        if reply::count(values.next()?)? == 1 {
            break;
        }
    }
    store.forget(worker);
    if released > 0 {
        store.hint(Hint::Any);
    }
    Ok(released)
}

/// See [`crate::store::WorkStore::workers`].
pub(super) async fn list(store: &RedisStore) -> Result<Vec<WorkerRecord>> {
    let answer = store.server.read(store.server.function("workers")).await?;
    let mut workers = Vec::new();
    for worker in reply::list(answer)? {
        let mut values = reply::Values::of(worker)?;
        let id = WorkerId(reply::count(values.next()?)?);
        let info = serde_json::from_slice(&reply::bytes(values.next()?)?);
        workers.push(WorkerRecord {
            id,
            info: info.map_err(|error| Error::corrupt(format!("worker {id}: {error}")))?,
            started_at: reply::instant(values.next()?)?,
            beat_at: reply::instant(values.next()?)?,
            expires_at: reply::instant(values.next()?)?,
            running: reply::count(values.next()?)?,
        });
    }
    workers.sort_by_key(|worker| worker.id);
    Ok(workers)
}
