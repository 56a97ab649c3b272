//! Queues: what they hold, and whether they are open.

use rusqlite::{Connection, OptionalExtension};
use std::collections::HashMap;

use super::{row::count, writer::Turn};
use crate::{
    clock::Timestamp,
    job::{QueueName, State},
    store::{Error, QueueRecord, Result},
};

const QUEUE_LIST: &str = include_str!("sql/queue_list.sql");
const COUNTER_LIST: &str = include_str!("sql/counter_list.sql");
const READY_LANE: &str = include_str!("sql/ready_lane.sql");
const QUEUE_PAUSE: &str = include_str!("sql/queue_pause.sql");

/// See [`crate::store::QueueStore::queues`].
pub(super) fn list(connection: &Connection) -> Result<Vec<QueueRecord>> {
    let mut counts = counts(connection)?;
    let oldest = oldest(connection)?;
    let mut statement = connection.prepare_cached(QUEUE_LIST)?;
    let mut rows = statement.query(())?;
    let mut queues = Vec::new();
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        queues.push(QueueRecord {
            name: row.get(1)?,
            paused_at: row.get(2)?,
            counts: counts.remove(&number).unwrap_or_default(),
            exact: true,
            oldest_available_at: oldest.get(&number).copied(),
        });
    }
    Ok(queues)
}

fn counts(connection: &Connection) -> Result<HashMap<i64, [u64; State::ALL.len()]>> {
    let mut counts: HashMap<i64, [u64; State::ALL.len()]> = HashMap::new();
    let mut statement = connection.prepare_cached(COUNTER_LIST)?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let state: State = row.get(1)?;
        counts.entry(row.get(0)?).or_default()[state as usize] = count(row, 2)?;
    }
    Ok(counts)
}

/// The available jobs of one queue and priority.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadyLane {
    pub(super) queue: i64,
    pub(super) priority: i64,
    /// Since when the oldest of them is available.
    oldest_at: Timestamp,
}

/// The next queue and priority after these in which jobs are available: one step down an index,
/// however many jobs there are.
pub(super) fn next_lane(
    connection: &Connection,
    queue: i64,
    priority: i64,
) -> Result<Option<ReadyLane>> {
    let mut statement = connection.prepare_cached(READY_LANE)?;
    let lane = statement.query_row((queue, priority), |row| {
        Ok(ReadyLane {
            queue: row.get(0)?,
            priority: row.get(1)?,
            oldest_at: row.get(2)?,
        })
    });
    Ok(lane.optional()?)
}

/// Since when the oldest available job of each queue is available.
fn oldest(connection: &Connection) -> Result<HashMap<i64, Timestamp>> {
    let mut oldest: HashMap<i64, Timestamp> = HashMap::new();
    let (mut queue, mut priority) = (0, 0);
    while let Some(lane) = next_lane(connection, queue, priority)? {
        (queue, priority) = (lane.queue, lane.priority);
        oldest
            .entry(queue)
            .and_modify(|at| *at = lane.oldest_at.min(*at))
            .or_insert(lane.oldest_at);
    }
    Ok(oldest)
}

/// See [`crate::store::QueueStore::set_paused`].
pub(super) fn set_paused(turn: &mut Turn<'_>, (name, paused): &(QueueName, bool)) -> Result<()> {
    let Some(queue) = turn.queue(name)? else {
        return Err(Error::NotFound {
            what: "queue",
            name: name.to_string(),
        });
    };
    let since = paused.then(|| turn.now());
    turn.execute(QUEUE_PAUSE, (queue, since))?;
    if !paused {
        turn.opened(queue);
    }
    Ok(())
}
