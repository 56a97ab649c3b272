//! A database with a store on it, and connections beside the store's.

use shared::{
    clock::{Clock, Timestamp},
    job::{ClaimedJob, JobDetail, JobId, State},
    store::{
        ClaimParams, JobStore, QueueStore, WorkStore,
        postgres::{
            Address, PostgresStore,
            admin::Scratch,
            sqlx::{self, AssertSqlSafe, Connection, PgConnection, postgres::PgRow},
        },
    },
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use windlass_tests::{backends::postgres::database, harness::worker_info, make};

/// A store whose clock is the server's.
pub(crate) struct Place {
    pub(crate) store: Arc<PostgresStore>,
    claims: AtomicU64,
    /// Dropped after the store, which stands before it.
    pub(crate) database: Scratch,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let database = database().await;
        let address: Address = database.url().parse().unwrap();
        let store = PostgresStore::open(&address, Clock::system()).await;
        Self {
            store: store.unwrap(),
            claims: AtomicU64::new(0),
            database,
        }
    }

    /// A connection that has nothing to do with the store.
    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(self.database.url()).await.unwrap()
    }

    /// Claims everything that is available in a queue, by a new worker.
    pub(crate) async fn claim(&self, queue: &str) -> Vec<ClaimedJob> {
        self.claim_some(queue, 1000).await
    }

    async fn claim_some(&self, queue: &str, max: usize) -> Vec<ClaimedJob> {
        let lease = Duration::from_mins(1);
        let worker = self.store.register(worker_info("hand"), lease).await;
        let params = ClaimParams {
            worker: worker.unwrap(),
            claim: self.claims.fetch_add(1, Ordering::Relaxed) + 1,
            wants: vec![make::want(queue, max)],
            max,
        };
        self.store.claim(params).await.unwrap()
    }

    /// The ids of [`Self::claim`].
    pub(crate) async fn claim_ids(&self, queue: &str) -> Vec<JobId> {
        let claimed = self.claim(queue).await;
        claimed.iter().map(|job| job.id).collect()
    }

    /// The same of a few of them.
    pub(crate) async fn claim_at_most(&self, queue: &str, max: usize) -> Vec<JobId> {
        let claimed = self.claim_some(queue, max).await;
        claimed.iter().map(|job| job.id).collect()
    }

    /// Since when the oldest available job of a queue has been.
    pub(crate) async fn oldest(&self, queue: &str) -> Option<Timestamp> {
        let queues = self.store.queues().await.unwrap();
        let found = queues.iter().find(|record| record.name.as_str() == queue);
        found.and_then(|record| record.oldest_available_at)
    }

    pub(crate) async fn detail(&self, id: JobId) -> Option<JobDetail> {
        self.store.get(vec![id]).await.unwrap().remove(0)
    }

    /// How many jobs of a queue are counted in a state.
    pub(crate) async fn counted(&self, queue: &str, state: State) -> u64 {
        let queues = self.store.queues().await.unwrap();
        let of = |record: &shared::store::QueueRecord| record.name.as_str() == queue;
        let found = queues.iter().find(|record| of(record));
        found.map_or(0, |record| record.count(state))
    }
}

/// Runs statements; the failure is the server's.
pub(crate) async fn run(on: &mut PgConnection, statements: &str) -> Result<(), sqlx::Error> {
    let statements = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()));
    statements.execute(on).await.map(|_| ())
}

/// The one row that a statement answers.
pub(crate) async fn row(on: &mut PgConnection, statement: &str) -> Result<PgRow, sqlx::Error> {
    let statement = sqlx::query(AssertSqlSafe(statement.to_owned()));
    statement.fetch_one(on).await
}

/// The id that a statement answers.
pub(crate) async fn id(on: &mut PgConnection, statement: &str) -> Result<JobId, sqlx::Error> {
    let statement = sqlx::query_scalar(AssertSqlSafe(statement.to_owned()));
    statement.fetch_one(on).await
}

/// What the server says about a statement that it refuses: the `SQLSTATE` and the message.
pub(crate) fn told<T>(answer: Result<T, sqlx::Error>) -> (String, String) {
    let Err(refused) = answer else {
        panic!("it is not refused");
    };
    let refused = refused.into_database_error().unwrap();
    let code = refused.code().unwrap_or_default().into_owned();
    (code, refused.message().to_owned())
}
