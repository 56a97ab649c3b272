//! Lists of jobs, newest first.
//!
//! A list is fed by **lanes**: each yields the places of jobs of one kind of standing in falling
//! order. Without states or with a tag there is one lane, over all jobs or over the tag; else
//! there is one for each state asked for; for the available ones, one for each queue and priority
//! and one for all that were put off. The lanes are merged, each job is looked at, and those that fit make the page.

use rusqlite::{Connection, OptionalExtension, ToSql};

use std::collections::BinaryHeap;

use super::{
    queue::{ReadyLane, next_lane},
    row::integer,
    stored,
};
use crate::{
    job::{JobSummary, State},
    page::{Cursor, LOOK_BUDGET, MAX_LIMIT, Page},
    store::{Filter, ListParams, Result},
};

const LIST_JOB: &str = include_str!("sql/list_job.sql");
const LIST_TAG: &str = include_str!("sql/list_tag.sql");
const LIST_PUT_OFF: &str = include_str!("sql/list_put_off.sql");
const LIST_READY: &str = include_str!("sql/list_ready.sql");
const LIST_LEASE: &str = include_str!("sql/list_lease.sql");
const LIST_SCHEDULED: &str = include_str!("sql/list_scheduled.sql");
const LIST_FINISHED: &str = include_str!("sql/list_finished.sql");
const LIST_ENDED: &str = include_str!("sql/list_ended.sql");
const QUEUE_NUMBER: &str = include_str!("sql/queue_number.sql");

/// Places read from a lane at once.
const CHUNK: usize = 128;

/// See [`crate::store::JobStore::list`].
pub(super) fn list(connection: &Connection, params: &ListParams) -> Result<Page<JobSummary>> {
    let filter = &params.filter;
    let fingerprint = filter.fingerprint();
    let below = match &params.cursor {
        Some(cursor) => place_of(cursor.key_for(fingerprint)?),
        None => i64::MAX,
    };
    let limit = params.limit.clamp(1, MAX_LIMIT);
    let lanes = lanes(connection, filter)?;
    let mut places = Places::new(connection, lanes, below);
    let mut items = Vec::new();
    let mut last = None;
    for _ in 0..LOOK_BUDGET {
        if items.len() == limit {
            break;
        }
        let Some(seq) = places.next()? else {
            return Ok(Page { items, next: None });
        };
        last = Some(seq);
        if let Some(job) = stored::by_seq(connection, seq)?
            && filter.fits(&job.summary)
        {
            items.push(job.into_summary(connection)?);
        }
    }
    // A page that ends where the list does says so.
    let next = if places.next()?.is_some() { last } else { None };
    let next = next.map(|seq| Cursor {
        key: key_of(seq),
        filter: fingerprint,
    });
    Ok(Page { items, next })
}

fn key_of(seq: i64) -> [u8; 16] {
    i128::from(seq).to_be_bytes()
}

fn place_of(key: [u8; 16]) -> i64 {
    integer(i128::from_be_bytes(key))
}

/// A statement that yields places below a place, and what else it is given.
#[derive(Debug, PartialEq, Eq)]
struct Lane {
    sql: &'static str,
    given: Vec<Given>,
}

#[derive(Debug, PartialEq, Eq)]
enum Given {
    Number(i64),
    Text(String),
}

impl ToSql for Given {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        match self {
            Self::Number(number) => number.to_sql(),
            Self::Text(text) => text.to_sql(),
        }
    }
}

impl Lane {
    fn all(sql: &'static str) -> Self {
        Self {
            sql,
            given: Vec::new(),
        }
    }

    fn of(sql: &'static str, given: impl IntoIterator<Item = Given>) -> Self {
        Self {
            sql,
            given: given.into_iter().collect(),
        }
    }

    fn ready(lane: ReadyLane) -> Self {
        let given = [Given::Number(lane.queue), Given::Number(lane.priority)];
        Self::of(LIST_READY, given)
    }

    /// The next places, at most [`CHUNK`].
    fn read(&self, connection: &Connection, below: i64) -> Result<Vec<i64>> {
        let chunk = integer(CHUNK);
        let mut params: Vec<&dyn ToSql> = vec![&below, &chunk];
        params.extend(self.given.iter().map(|given| given as &dyn ToSql));
        let mut statement = connection.prepare_cached(self.sql)?;
        let seqs = statement.query_map(&params[..], |row| row.get(0))?;
        Ok(seqs.collect::<rusqlite::Result<_>>()?)
    }
}

/// The lanes that hold every job that may fit.
fn lanes(connection: &Connection, filter: &Filter) -> Result<Vec<Lane>> {
    if let Some(tag) = &filter.tag {
        let tag = Given::Text(tag.as_str().to_owned());
        return Ok(vec![Lane::of(LIST_TAG, [tag])]);
    }
    if filter.states.is_empty() {
        return Ok(vec![Lane::all(LIST_JOB)]);
    }
    let mut lanes = Vec::new();
    for state in &filter.states {
        match state {
            State::Pending => {}
            State::Available => lanes.extend(available(connection, filter)?),
            State::Running => lanes.push(Lane::all(LIST_LEASE)),
            State::Scheduled | State::Retryable => {
                // One table holds both: asked for both, it is one lane.
                if !lanes.contains(&Lane::all(LIST_SCHEDULED)) {
                    lanes.push(Lane::all(LIST_SCHEDULED));
                }
            }
            State::Completed => lanes.push(Lane::all(LIST_FINISHED)),
            State::Cancelled | State::Discarded => {
                lanes.push(Lane::of(LIST_ENDED, [Given::Number(*state as i64)]));
            }
        }
    }
    Ok(lanes)
}

/// A lane for each priority of the queues that may fit, if jobs are available there, and one for
/// all jobs that were put off, which do not stand in the order of their acceptance.
fn available(connection: &Connection, filter: &Filter) -> Result<Vec<Lane>> {
    let mut lanes = vec![Lane::all(LIST_PUT_OFF)];
    if filter.queues.is_empty() {
        let (mut queue, mut priority) = (0, 0);
        while let Some(lane) = next_lane(connection, queue, priority)? {
            lanes.push(Lane::ready(lane));
            (queue, priority) = (lane.queue, lane.priority);
        }
        return Ok(lanes);
    }
    for name in &filter.queues {
        let mut statement = connection.prepare_cached(QUEUE_NUMBER)?;
        let number = statement.query_row((name.as_str(),), |row| row.get(0));
        let Some(queue) = number.optional()? else {
            continue;
        };
        let mut priority = -1;
        while let Some(lane) = next_lane(connection, queue, priority)?
            && lane.queue == queue
        {
            lanes.push(Lane::ready(lane));
            priority = lane.priority;
        }
    }
    Ok(lanes)
}

/// The places of all lanes in falling order.
struct Places<'a> {
    connection: &'a Connection,
    /// Lanes that may hold more, each with the place below which it is still to be read.
    lanes: Vec<(Lane, i64)>,
    /// Read and not yet given out.
    read: BinaryHeap<i64>,
}

impl<'a> Places<'a> {
    fn new(connection: &'a Connection, lanes: Vec<Lane>, below: i64) -> Self {
        Self {
            connection,
            lanes: lanes.into_iter().map(|lane| (lane, below)).collect(),
            read: BinaryHeap::new(),
        }
    }

    /// The next place. What lies below the point to which some lane was read has to wait, because
    /// that lane may hold something in between.
    fn next(&mut self) -> Result<Option<i64>> {
        while let Some(floor) = self.lanes.iter().map(|(_, below)| *below).max() {
            if self.read.peek().is_some_and(|place| *place >= floor) {
                break;
            }
            self.read_on(floor)?;
        }
        Ok(self.read.pop())
    }

    /// Reads on in the lanes that were read the least far, down to `floor`.
    fn read_on(&mut self, floor: i64) -> Result<()> {
        for (lane, below) in std::mem::take(&mut self.lanes) {
            if below < floor {
                self.lanes.push((lane, below));
                continue;
            }
            let places = lane.read(self.connection, below)?;
            if let Some(last) = places.last()
                && places.len() == CHUNK
            {
                self.lanes.push((lane, *last));
            }
            self.read.extend(places);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_fits_into_a_cursor() {
        for seq in [1, 1 << 40, i64::MAX] {
            assert_eq!(place_of(key_of(seq)), seq);
        }
        // A key of somebody else's making is at most a strange place to start.
        assert_eq!(place_of([0xff; 16]), -1);
        assert_eq!(place_of([0x7f; 16]), i64::MAX);
    }
}
