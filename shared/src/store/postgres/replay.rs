//! New runs of dead letters.

use super::{
    PostgresStore, enqueue,
    row::{get, state},
};
use crate::{
    job::{JobId, State, TraceContext},
    store::{Error, Replay, Replayed, Result},
};

const REPLAY: &str = include_str!("sql/replay.sql");

/// See [`crate::store::JobStore::replay`].
pub(super) async fn replay(store: &PostgresStore, replays: Vec<Replay>) -> Result<Vec<Replayed>> {
    let dead: Vec<JobId> = replays.iter().map(|replay| replay.dead).collect();
    let new: Vec<JobId> = replays.iter().map(|replay| replay.new).collect();
    let edited = || replays.iter().map(|replay| replay.args.as_ref());
    let args: Vec<Option<&[u8]>> = edited().map(|args| args.map(|a| &a.bytes()[..])).collect();
    let types: Vec<Option<&str>> = edited()
        .map(|args| args.and_then(|args| args.other_content_type()))
        .collect();
    let traces: Vec<Option<&str>> = replays
        .iter()
        .map(|replay| replay.trace.as_ref().map(TraceContext::traceparent))
        .collect();
    let states: Vec<Option<&str>> = replays
        .iter()
        .map(|replay| replay.trace.as_ref().and_then(TraceContext::tracestate))
        .collect();
    let rows = store.database.write(REPLAY, |call| {
        call.bind(store.database.now())
            .bind(&dead)
            .bind(&new)
            .bind(&args)
            .bind(&types)
            .bind(&traces)
            .bind(&states)
    });
    let rows = rows.await?;
    let mut told = Vec::with_capacity(rows.len());
    for row in &rows {
        let other: Option<JobId> = get(row, 1)?;
        told.push(match (get::<i16>(row, 0)?, other) {
            (-1, _) => Replayed::Unknown,
            (-2, Some(holder)) => Replayed::Duplicate { holder },
            (-3, _) => {
                enqueue::tell(store, &get(row, 2)?, State::Available);
                Replayed::New
            }
            (-4, _) => Replayed::Repeated,
            (-5, Some(other)) => Replayed::Already(other),
            (number, _) => Replayed::NotDead(state(number)?),
        });
    }
    if told.len() == replays.len() {
        return Ok(told);
    }
    Err(Error::corrupt("a replay was answered for other jobs"))
}
