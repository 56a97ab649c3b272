//! Queues: what they hold, and whether they are open.

use super::{PostgresStore, row::get};
use crate::{
    job::QueueName,
    store::{Error, Hint, QueueRecord, Result},
};

const QUEUE_LIST: &str = include_str!("sql/queue_list.sql");
const QUEUE_NAMES: &str = include_str!("sql/queue_names.sql");
const QUEUE_PAUSE: &str = include_str!("sql/queue_pause.sql");

/// See [`crate::store::QueueStore::queues`].
pub(super) async fn list(store: &PostgresStore) -> Result<Vec<QueueRecord>> {
    let rows = store.database.read(QUEUE_LIST, |call| call).await?;
    rows.iter()
        .map(|row| {
            let held: Vec<i64> = get(row, 2)?;
            let mut counts = [0; 8];
            for (count, held) in counts.iter_mut().zip(held) {
                *count = u64::try_from(held).unwrap_or(0);
            }
            Ok(QueueRecord {
                name: get(row, 0)?,
                paused_at: get(row, 1)?,
                counts,
                exact: true,
                oldest_available_at: get(row, 3)?,
            })
        })
        .collect()
}

/// See [`crate::store::QueueStore::queue_names`].
pub(super) async fn names(store: &PostgresStore) -> Result<Vec<QueueName>> {
    let rows = store.database.read(QUEUE_NAMES, |call| call).await?;
    rows.iter().map(|row| get(row, 0)).collect()
}

/// See [`crate::store::QueueStore::set_paused`].
pub(super) async fn set_paused(
    store: &PostgresStore,
    queue: QueueName,
    paused: bool,
) -> Result<()> {
    let rows = store.database.write(QUEUE_PAUSE, |call| {
        call.bind(store.database.now())
            .bind(queue.as_str())
            .bind(paused)
    });
    if rows.await?.is_empty() {
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
