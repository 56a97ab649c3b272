//! Workers: registering, staying alive, leaving.

use std::time::Duration;

use super::{
    PostgresStore, database,
    row::{count, get, integer, micros, short},
};
use crate::{
    job::{JobId, QueueName},
    lease::{WorkerId, WorkerInfo, WorkerRecord},
    store::{Beat, Error, HeartbeatParams, Hint, Progress, Result},
};

const WORKER_REGISTER: &str = include_str!("sql/worker_register.sql");
const WORKER_BEAT: &str = include_str!("sql/worker_beat.sql");
const WORKER_CANCELS: &str = include_str!("sql/worker_cancels.sql");
const WORKER_LEAVE: &str = include_str!("sql/worker_leave.sql");
const WORKER_LIST: &str = include_str!("sql/worker_list.sql");

/// See [`crate::store::WorkStore::register`].
pub(super) async fn register(
    store: &PostgresStore,
    info: WorkerInfo,
    lease: Duration,
) -> Result<WorkerId> {
    let queues: Vec<&str> = info.queues.iter().map(QueueName::as_str).collect();
    let written = serde_json::to_string(&info)
        .map_err(|error| Error::corrupt(format!("a worker has no JSON form: {error}")))?;
    let rows = store.database.add(WORKER_REGISTER, |call| {
        call.bind(store.database.now())
            .bind(&*written)
            .bind(&queues)
            .bind(micros(lease))
    });
    get(&database::only(rows.await?)?, 0)
}

/// See [`crate::store::WorkStore::heartbeat`].
pub(super) async fn heartbeat(store: &PostgresStore, params: HeartbeatParams) -> Result<Beat> {
    let of_this = |progress: &&Progress| progress.token.worker == params.worker;
    let reports: Vec<&Progress> = params.progress.iter().filter(of_this).collect();
    let ids: Vec<JobId> = reports.iter().map(|report| report.id).collect();
    let claims: Vec<i64> = reports.iter().map(|r| integer(r.token.claim)).collect();
    let slots: Vec<i32> = reports.iter().map(|r| short(r.token.slot)).collect();
    let values: Vec<&[u8]> = reports.iter().map(|report| &report.value[..]).collect();
    let rows = store.database.write(WORKER_BEAT, |call| {
        call.bind(store.database.now())
            .bind(params.worker)
            .bind(micros(params.lease))
            .bind(&ids)
            .bind(&claims)
            .bind(&slots)
            .bind(&values)
    });
    let rows = rows.await?;
    let cancel = rows.iter().map(|row| Ok((get(row, 0)?, get(row, 1)?)));
    let cancel = cancel.collect::<Result<_>>()?;
    Ok(Beat { cancel })
}

/// See [`crate::store::WorkStore::cancels`].
pub(super) async fn cancels(
    store: &PostgresStore,
    worker: WorkerId,
) -> Result<Vec<(JobId, String)>> {
    let rows = store
        .database
        .read(WORKER_CANCELS, |call| call.bind(worker))
        .await?;
    rows.iter()
        .map(|row| Ok((get(row, 0)?, get(row, 1)?)))
        .collect()
}

/// See [`crate::store::WorkStore::leave`].
pub(super) async fn leave(store: &PostgresStore, worker: WorkerId) -> Result<u64> {
    let rows = store.database.write(WORKER_LEAVE, |call| {
        call.bind(store.database.now()).bind(worker)
    });
    let released = count(&database::only(rows.await?)?, 0)?;
    store.memory.left(worker);
    if released > 0 {
        store.hint(Hint::Any);
    }
    Ok(released)
}

/// See [`crate::store::WorkStore::workers`].
pub(super) async fn list(store: &PostgresStore) -> Result<Vec<WorkerRecord>> {
    let rows = store.database.read(WORKER_LIST, |call| call).await?;
    rows.iter()
        .map(|row| {
            let info: &str = get(row, 1)?;
            let info = serde_json::from_str(info).map_err(|cause| Error::Corrupt {
                what: "a worker's registration cannot be read".to_owned(),
                source: Some(cause.into()),
            })?;
            Ok(WorkerRecord {
                id: get(row, 0)?,
                info,
                started_at: get(row, 2)?,
                beat_at: get(row, 3)?,
                expires_at: get(row, 4)?,
                running: count(row, 5)?,
            })
        })
        .collect()
}
