//! The way to the server: every call is one statement, on a connection of the pool.
//!
//! One statement is one transaction, so a call has happened or it has not, and nothing is held
//! while this process thinks. A call that lost a race (a deadlock, a serialisation failure) has
//! changed nothing and is made again here; whatever else fails is told to the caller, who knows
//! whether to go on.
//!
//! # Connections die
//!
//! A server is restarted, another one takes its place, a firewall forgets. That a connection died
//! while it was idle shows when it is used: one that was idle for long is asked first, and a call
//! that met a dead one is made again on the next, for every call but a registration may be
//! repeated. Only connections that were there already are given up like that, so a statement that
//! kills the server is sent twice at most. What is cut off in the middle is told to the caller as
//! perhaps applied.
//!
//! # Poolers
//!
//! A pooler that gives every transaction another connection to the server must not come between
//! the steps of one call: behind it a call is a transaction that says so, with a statement that
//! nobody keeps ([`Address::is_pooled`](super::Address::is_pooled)).
//!
//! # Plans
//!
//! All statements look up a few rows by indexes. A server that knows no figures of a table yet takes
//! some of them for large ones and compiles them first, which takes twenty times as long as they do:
//! it is told not to.

use sqlx::{
    Connection, PgConnection, PgPool,
    pool::PoolConnection,
    postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow, Postgres},
    query::Query,
};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::timeout;

use super::error;
use crate::{
    clock::{Clock, Timestamp},
    shutdown::Tasks,
    store::{Error, Result},
};

/// A statement with its parameters.
pub(super) type Call = Query<'static, Postgres, PgArguments>;

/// Longest wait for a connection of the pool.
const ACQUIRE: Duration = Duration::from_secs(5);

/// Longest a statement may take. A server that does not answer for so long is taken for dead.
const ANSWER: Duration = Duration::from_secs(30);

/// A connection that was idle for so long is asked whether it lives before it is used. Asking all
/// of them would cost every call a round trip.
const LONG_IDLE: Duration = Duration::from_secs(1);

/// Longest wait for a connection to say that it lives.
const LIVES: Duration = Duration::from_secs(1);

/// Longest wait for a connection to be done with a call that nobody waits for any more.
const BACK: Duration = Duration::from_secs(5);

/// Tells the server not to compile statements, on a connection of one's own.
const PLAIN: &str = "set jit = off";

/// The same within a transaction.
const BEGIN_PLAIN: &str = "begin; set local jit = off";

/// How often a call that lost a race is made again.
const RACES: u32 = 8;

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// Nothing.
    Reads,
    /// It changes something; made again, it changes nothing more.
    Writes,
    /// It changes something each time.
    Adds,
}

/// How far a call came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It got no connection.
    Acquire,
    /// It asked its connection whether it lives.
    Ask,
    /// It was sent, or a part of it.
    Sent,
}

/// The pool of connections.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pool: PgPool,
    pooled: bool,
    clock: Clock,
    /// Counts the connections that were opened.
    opened: Arc<AtomicU64>,
    /// Connections on their way back.
    returning: Tasks,
}

impl Database {
    /// A pool of at most `connections`, which are opened as they are needed; `pooled`: to a pooler
    /// that gives every transaction another connection to the server.
    pub(super) fn new(
        options: PgConnectOptions,
        connections: u32,
        pooled: bool,
        clock: Clock,
    ) -> Self {
        let opened = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&opened);
        let pool = PgPoolOptions::new()
            .after_connect(move |connection, _| {
                counter.fetch_add(1, Ordering::SeqCst);
                Box::pin(async move {
                    if !pooled {
                        sqlx::raw_sql(PLAIN).execute(connection).await?;
                    }
                    Ok(())
                })
            })
            .before_acquire(|connection, past| {
                Box::pin(
                    async move { Ok(past.idle_for < LONG_IDLE || lives(connection).await.is_ok()) },
                )
            })
            .max_connections(connections)
            .acquire_timeout(ACQUIRE)
            .idle_timeout(Duration::from_mins(5))
            .test_before_acquire(false)
            .connect_lazy_with(options);
        Self {
            pool,
            pooled,
            clock,
            opened,
            returning: Tasks::new(),
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

    /// The rows that a statement answers that changes something, and nothing more when it is made
    /// again.
    pub(super) async fn write(
        &self,
        sql: &'static str,
        bind: impl Fn(Call) -> Call + Send + Sync,
    ) -> Result<Vec<PgRow>> {
        self.call(Effect::Writes, sql, bind).await
    }

    /// The rows that a statement answers that must not be made again unless it is known to have
    /// failed.
    pub(super) async fn add(
        &self,
        sql: &'static str,
        bind: impl Fn(Call) -> Call + Send + Sync,
    ) -> Result<Vec<PgRow>> {
        self.call(Effect::Adds, sql, bind).await
    }

    async fn call(
        &self,
        effect: Effect,
        sql: &'static str,
        bind: impl Fn(Call) -> Call + Send + Sync,
    ) -> Result<Vec<PgRow>> {
        let mut races = 0;
        // How many connections there were when the first proved dead.
        let mut old = None;
        let mut maybe_applied = false;
        loop {
            let (stage, failed) = match self.once(effect, sql, &bind).await {
                Ok(rows) => return Ok(rows),
                Err(failed) => failed,
            };
            let sent = stage == Stage::Sent;
            if sent && error::lost_race(&failed) && races < RACES {
                races += 1;
                tokio::time::sleep(pause(races)).await;
                continue;
            }
            maybe_applied |= sent && effect != Effect::Reads && error::lost_answer(&failed);
            let again = match stage {
                Stage::Acquire => false,
                Stage::Ask => true,
                Stage::Sent => effect != Effect::Adds && error::is_cut_off(&failed),
            };
            let old = old.get_or_insert_with(|| self.pool.size() + 1);
            if !again || *old == 0 {
                return Err(error::map(failed, maybe_applied));
            }
            *old -= 1;
        }
    }

    async fn once(
        &self,
        effect: Effect,
        sql: &'static str,
        bind: &(impl Fn(Call) -> Call + Send + Sync),
    ) -> Result<Vec<PgRow>, (Stage, sqlx::Error)> {
        let acquired = self.pool.acquire().await;
        let mut lent = Lent {
            connection: Some(acquired.map_err(|failed| (Stage::Acquire, failed))?),
            returning: &self.returning,
        };
        let (mut stage, mut answer) = (Stage::Ask, Ok(Vec::new()));
        if let Some(connection) = &mut lent.connection {
            if effect == Effect::Adds {
                answer = lives(connection).await.map(|()| Vec::new());
            }
            if answer.is_ok() {
                stage = Stage::Sent;
                let call = bind(sqlx::query(sql));
                answer = in_time(ANSWER, run(connection, call, self.pooled)).await;
            }
        }
        if answer.as_ref().is_err_and(error::is_unfit) {
            lent.cut();
        }
        answer.map_err(|failed| (stage, failed))
    }

    /// Lets go of all connections.
    pub(super) async fn close(&self) {
        self.pool.close().await;
        self.returning.finished().await;
    }
}

/// A connection of the pool that a call is on.
struct Lent<'d> {
    connection: Option<PoolConnection<Postgres>>,
    returning: &'d Tasks,
}

impl Lent<'_> {
    /// Cuts the connection. What it still does is nobody's; it must not answer the next call.
    fn cut(&mut self) {
        drop(self.connection.take().map(PoolConnection::detach));
    }
}

impl Drop for Lent<'_> {
    /// Gives the connection back, once it is done: the caller may have gone in the middle of the
    /// call. One that does not get done is cut, else a network that swallows everything would
    /// keep all of them.
    fn drop(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            let back = connection.return_to_pool();
            self.returning.spawn(async move {
                drop(timeout(BACK, back).await);
            });
        }
    }
}

/// Runs a statement as a transaction.
async fn run(
    connection: &mut PgConnection,
    call: Call,
    pooled: bool,
) -> Result<Vec<PgRow>, sqlx::Error> {
    if !pooled {
        return call.fetch_all(connection).await;
    }
    let mut transaction = connection.begin_with(BEGIN_PLAIN).await?;
    let rows = call.persistent(false).fetch_all(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(rows)
}

/// Asks a connection whether it lives.
async fn lives(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    in_time(LIVES, connection.ping()).await
}

async fn in_time<T>(
    longest: Duration,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let late = |late| sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, late));
    timeout(longest, answer).await.map_err(late)?
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
