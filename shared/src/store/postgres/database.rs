//! The way to the server: every call is one statement, on a connection of the pool.
//!
//! One statement is one transaction, so a call has happened or it has not, and nothing is held
//! while this process thinks. A call that lost a race (a deadlock, a serialisation failure) has
//! changed nothing and is made again here; whatever else fails is told to the caller, who knows
//! whether to go on.

use sqlx::{
    PgConnection, PgPool,
    postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow, Postgres},
    query::Query,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::error;
use crate::{
    clock::{Clock, Timestamp},
    store::{Error, Result},
};

/// A statement with its parameters.
pub(super) type Call = Query<'static, Postgres, PgArguments>;

/// Longest wait for a connection of the pool.
const ACQUIRE: Duration = Duration::from_secs(5);

/// Longest a statement may take. A server that does not answer for so long is taken for dead.
const ANSWER: Duration = Duration::from_secs(30);

/// How often a call that lost a race is made again.
const RACES: u32 = 8;

/// Whether a call changes anything: then nobody knows whether it has happened when its answer is
/// lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Reads,
    Writes,
}

/// The pool of connections.
#[derive(Debug)]
pub(super) struct Database {
    pool: PgPool,
    clock: Clock,
    /// Counts the connections that were opened.
    opened: Arc<AtomicU64>,
}

impl Database {
    /// A pool of at most `connections`, which are opened as they are needed.
    pub(super) fn new(options: PgConnectOptions, connections: u32, clock: Clock) -> Self {
        let opened = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&opened);
        let pool = PgPoolOptions::new()
            .after_connect(move |_, _| {
                counter.fetch_add(1, Ordering::SeqCst);
                Box::pin(async { Ok(()) })
            })
            .max_connections(connections)
            .acquire_timeout(ACQUIRE)
            .idle_timeout(Duration::from_mins(5))
            // A connection that died idle shows when it is used; asking first costs every call a
            // round trip.
            .test_before_acquire(false)
            .connect_lazy_with(options);
        Self {
            pool,
            clock,
            opened,
        }
    }

    /// Changes whenever a connection is opened. What is remembered of the server from an earlier
    /// epoch may have been undone by a crash.
    pub(super) fn epoch(&self) -> u64 {
        self.opened.load(Ordering::SeqCst)
    }

    /// What a statement takes for now: null, which is the server's clock, except in tests.
    pub(super) fn now(&self) -> Option<Timestamp> {
        self.clock.set_by_hand()
    }

    /// The rows that a statement reads.
    pub(super) async fn read(
        &self,
        sql: &'static str,
        bind: impl Fn(Call) -> Call + Send + Sync,
    ) -> Result<Vec<PgRow>> {
        self.call(Effect::Reads, sql, bind).await
    }

    /// The rows that a statement answers that changes something.
    pub(super) async fn write(
        &self,
        sql: &'static str,
        bind: impl Fn(Call) -> Call + Send + Sync,
    ) -> Result<Vec<PgRow>> {
        self.call(Effect::Writes, sql, bind).await
    }

    async fn call(
        &self,
        effect: Effect,
        sql: &'static str,
        bind: impl Fn(Call) -> Call + Send + Sync,
    ) -> Result<Vec<PgRow>> {
        let mut races = 0;
        loop {
            let failed = match self.once(sql, &bind).await {
                Ok(rows) => return Ok(rows),
                Err(failed) => failed,
            };
            if error::lost_race(&failed) && races < RACES {
                races += 1;
                tokio::time::sleep(pause(races)).await;
            } else {
                return Err(error::map(failed, effect == Effect::Writes));
            }
        }
    }

    async fn once(
        &self,
        sql: &'static str,
        bind: &(impl Fn(Call) -> Call + Send + Sync),
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let call = bind(sqlx::query(sql)).fetch_all(&mut *connection);
        match tokio::time::timeout(ANSWER, call).await {
            Ok(answer) => answer,
            Err(late) => {
                // What it still does is nobody's; it must not answer the next call.
                drop(connection.detach());
                Err(sqlx::Error::Io(std::io::Error::new(
                    std::io::ErrorKind::TimedOut,
                    late,
                )))
            }
        }
    }

    /// Lets go of all connections.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// The rows that a statement answers in a transaction of the caller's, which alone decides how long
/// it waits and whether all of it is made again: what fails here has changed nothing, for that
/// transaction cannot be committed any more.
pub(super) async fn within(
    connection: &mut PgConnection,
    sql: &'static str,
    bind: impl Fn(Call) -> Call + Send + Sync,
) -> Result<Vec<PgRow>> {
    let rows = bind(sqlx::query(sql)).fetch_all(connection).await;
    rows.map_err(|failed| error::map(failed, false))
}

/// Full jitter below a growing bound.
fn pause(races: u32) -> Duration {
    let most = 2_u64.saturating_pow(races).min(64);
    Duration::from_micros(rand::random_range(0..most * 1000))
}

/// The one row of an answer that always has one.
pub(super) fn only(rows: Vec<PgRow>) -> Result<PgRow> {
    let mut rows = rows.into_iter();
    rows.next()
        .ok_or_else(|| Error::corrupt("a statement that answers one row answered none"))
}
