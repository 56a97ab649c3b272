//! One transaction of the writer, as the calls in it see it.

use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row};

use super::{
    names::Names,
    tally::{self, Tally},
};
use crate::{
    clock::{Clock, Timestamp},
    job::{Kind, QueueName, State},
    store::{Error, Hint, Hints, Result},
};

const BEGIN: &str = "begin immediate";
const COMMIT: &str = "commit";
const ROLLBACK: &str = "rollback";
const SEQUENCE_GET: &str = include_str!("../sql/sequence_get.sql");
const SEQUENCE_PUT: &str = include_str!("../sql/sequence_put.sql");
const QUEUE_NUMBER: &str = include_str!("../sql/queue_number.sql");
const QUEUE_NAME: &str = include_str!("../sql/queue_name.sql");
const QUEUE_INSERT: &str = include_str!("../sql/queue_insert.sql");
const COUNTER_ADD: &str = include_str!("../sql/counter_add.sql");
const FINISHED_RUN_INSERT: &str = include_str!("../sql/finished_run_insert.sql");

/// See the module.
pub(in crate::store::sqlite) struct Turn<'a> {
    connection: &'a Connection,
    clock: &'a Clock,
    hints: &'a Hints,
    names: &'a mut Names,
    now: Timestamp,
    tally: Tally,
    /// The last number given out, before the transaction and now, once it was asked for.
    numbers: Option<(i64, i64)>,
    begun: bool,
}

/// Why a transaction was not kept.
pub(super) enum Uncommitted {
    /// The commit itself failed: it may have been kept nevertheless.
    Perhaps(rusqlite::Error),
    /// Something failed before it, and all is undone.
    Undone(Error),
}

impl<'a> Turn<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        clock: &'a Clock,
        hints: &'a Hints,
        names: &'a mut Names,
    ) -> Self {
        Self {
            connection,
            clock,
            hints,
            names,
            now: clock.now(),
            tally: Tally::default(),
            numbers: None,
            begun: false,
        }
    }

    /// Notes what time it is, before a call that is looked at outside of a transaction: the one
    /// before may have been answered since, and its caller may have seen the clock move.
    pub(super) fn look(&mut self) {
        self.now = self.clock.now();
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Takes the lock. The time is read after it: waiting for the lock may have taken long.
    pub(super) fn begin(&mut self) -> rusqlite::Result<()> {
        self.connection.prepare_cached(BEGIN)?.execute(())?;
        self.begun = true;
        self.numbers = None;
        self.now = self.clock.now();
        Ok(())
    }

    /// Writes the tally, commits, and gives the hints that are due.
    pub(super) fn commit(&mut self) -> Result<(), Uncommitted> {
        if let Err(error) = self.write_tally() {
            self.roll_back();
            return Err(Uncommitted::Undone(error));
        }
        let committed = self
            .connection
            .prepare_cached(COMMIT)
            .and_then(|mut commit| commit.execute(()));
        if let Err(cause) = committed {
            self.roll_back();
            return Err(Uncommitted::Perhaps(cause));
        }
        self.begun = false;
        self.give_hints();
        self.tally = Tally::default();
        Ok(())
    }

    /// Undoes everything since `begin`.
    pub(super) fn roll_back(&mut self) {
        // Some failures roll back by themselves.
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch(ROLLBACK)
        {
            tracing::error!("a transaction cannot be rolled back: {error}");
        }
        self.begun = false;
        self.tally = Tally::default();
        self.names.forget();
    }

    /// How many rows this connection has changed so far.
    pub(super) fn changes(&self) -> u64 {
        self.connection.total_changes()
    }

    /// Whether the transaction is still there and nothing was changed in it since `changes`.
    pub(super) fn is_as_it_was(&self, changes: u64) -> bool {
        self.changes() == changes && !self.connection.is_autocommit()
    }

    /// The store's now, the same for the whole turn.
    pub(in crate::store::sqlite) fn now(&self) -> Timestamp {
        self.now
    }

    /// The connection, for what only reads.
    pub(in crate::store::sqlite) fn connection(&self) -> &'a Connection {
        self.connection
    }

    /// A statement, prepared once per connection.
    pub(in crate::store::sqlite) fn statement(&self, sql: &str) -> Result<CachedStatement<'a>> {
        Ok(self.connection.prepare_cached(sql)?)
    }

    /// Executes a statement; answers how many rows it changed.
    pub(in crate::store::sqlite) fn execute(
        &self,
        sql: &str,
        params: impl Params,
    ) -> Result<usize> {
        Ok(self.connection.prepare_cached(sql)?.execute(params)?)
    }

    /// The first row of a query, if there is one.
    pub(in crate::store::sqlite) fn row<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row(params, read).optional()?)
    }

    /// All rows of a query.
    pub(in crate::store::sqlite) fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(params, read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// `count` jobs of a queue entered the store, in `state`.
    pub(in crate::store::sqlite) fn arrived(&mut self, queue: i64, state: State, count: i64) {
        self.tally.arrive(queue, state, count);
    }

    /// `count` jobs of a queue went from state to state.
    pub(in crate::store::sqlite) fn moved(
        &mut self,
        queue: i64,
        from: State,
        to: State,
        count: i64,
    ) {
        self.tally.leave(queue, from, count);
        self.tally.arrive(queue, to, count);
    }

    /// `count` jobs of a queue that had ended were forgotten.
    pub(in crate::store::sqlite) fn forgot(&mut self, queue: i64, state: State, count: i64) {
        self.tally.leave(queue, state, count);
    }

    /// `count` neighbours completed; [`Turn::moved`] is to be told as well.
    pub(in crate::store::sqlite) fn finished(&mut self, first: i64, count: i64) {
        self.tally.finished.push((first, count));
    }

    /// Somebody asked to stop a running job.
    pub(in crate::store::sqlite) fn asked_to_stop(&mut self) {
        self.tally.stop = true;
    }

    /// Jobs of a queue may be claimed again.
    pub(in crate::store::sqlite) fn opened(&mut self, queue: i64) {
        self.tally.queues.entry(queue).or_default().arrived = true;
    }

    /// The number that the next job gets that is accepted, or becomes available again.
    pub(in crate::store::sqlite) fn next_number(&mut self) -> Result<i64> {
        if let Some((_, last)) = self.numbers {
            return Ok(last + 1);
        }
        let last = self.row(SEQUENCE_GET, (), |row| row.get(0))?;
        let last = last.ok_or_else(|| Error::corrupt("the sequence has no row"))?;
        self.numbers = Some((last, last));
        Ok(last + 1)
    }

    /// Uses up the next `count` numbers.
    pub(in crate::store::sqlite) fn use_numbers(&mut self, count: i64) {
        if let Some((_, last)) = &mut self.numbers {
            *last += count;
        }
    }

    /// The number of a queue, if it is known.
    pub(in crate::store::sqlite) fn queue(&mut self, name: &QueueName) -> Result<Option<i64>> {
        if let Some(number) = self.names.number(name) {
            return Ok(Some(number));
        }
        let number = self.row(QUEUE_NUMBER, (name.as_str(),), |row| row.get(0))?;
        if let Some(number) = number {
            self.names.learn(name.clone(), number);
        }
        Ok(number)
    }

    /// The number of a queue, which is known from now on.
    pub(in crate::store::sqlite) fn known_queue(&mut self, name: &QueueName) -> Result<i64> {
        if let Some(number) = self.queue(name)? {
            return Ok(number);
        }
        self.execute(QUEUE_INSERT, (name.as_str(),))?;
        let number = self.connection.last_insert_rowid();
        self.names.learn(name.clone(), number);
        Ok(number)
    }

    /// The name of a queue.
    pub(in crate::store::sqlite) fn queue_name(&mut self, number: i64) -> Result<QueueName> {
        if let Some(name) = self.names.queue(number) {
            return Ok(name.clone());
        }
        let name: Option<QueueName> = self.row(QUEUE_NAME, (number,), |row| row.get(0))?;
        let name = name.ok_or_else(|| Error::corrupt(format!("there is no queue {number}")))?;
        self.names.learn(name.clone(), number);
        Ok(name)
    }

    /// A kind by its name, which was checked when it came in.
    pub(in crate::store::sqlite) fn kind(&mut self, name: &str) -> Result<Kind> {
        if let Some(kind) = self.names.kind(name) {
            return Ok(kind);
        }
        let kind = Kind::new(name).map_err(|invalid| Error::corrupt(invalid.to_string()))?;
        self.names.learn_kind(kind.clone());
        Ok(kind)
    }

    fn write_tally(&mut self) -> Result<()> {
        if let Some((before, last)) = self.numbers
            && before != last
        {
            self.execute(SEQUENCE_PUT, (last,))?;
        }
        let mut add = self.statement(COUNTER_ADD)?;
        for (queue, tally) in &self.tally.queues {
            for (state, count) in State::ALL.into_iter().zip(tally.counts) {
                if count != 0 {
                    add.execute((queue, state, count))?;
                }
            }
        }
        let mut insert = self.statement(FINISHED_RUN_INSERT)?;
        for (first, count) in tally::join(std::mem::take(&mut self.tally.finished)) {
            insert.execute((self.now, first, count))?;
        }
        Ok(())
    }

    fn give_hints(&mut self) {
        let Tally {
            queues,
            put_off,
            ended,
            stop,
            ..
        } = std::mem::take(&mut self.tally);
        for number in queues
            .into_iter()
            .filter_map(|(number, q)| q.arrived.then_some(number))
        {
            self.hints.give(match self.names.queue(number) {
                Some(name) => Hint::Available(name.clone()),
                None => Hint::Any,
            });
        }
        for (due, hint) in [
            (put_off, Hint::Scheduled),
            (stop, Hint::Cancel),
            (ended, Hint::Ended),
        ] {
            if due {
                self.hints.give(hint);
            }
        }
    }
}
