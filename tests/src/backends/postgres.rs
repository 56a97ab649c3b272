//! The PostgreSQL store under test: a database of its own, a copy of one that has the schema, on a
//! manual clock.

use async_trait::async_trait;
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use super::{Backend, start};
use crate::server;
use shared::{
    clock::Clock,
    store::{
        Store,
        postgres::{
            Address, PostgresStore,
            admin::{self, Admin, Scratch},
        },
    },
};

/// How the names of templates begin, and how long one that no schema of today has is kept.
const TEMPLATE: &str = "windlass_template";
const TEMPLATE_KEPT: Duration = Duration::from_hours(48);

/// The lock of whoever makes the template: "template" in ASCII.
const LOCK: i64 = 0x7465_6d70_6c61_7465;

/// A database with its clock and a store on it.
pub struct Postgres {
    clock: Clock,
    store: Arc<PostgresStore>,
    /// Dropped after the store, which stands before it.
    database: Scratch,
}

/// Opens one.
pub fn open() -> Pin<Box<dyn Future<Output = Box<dyn Backend>> + Send>> {
    Box::pin(async { Box::new(Postgres::open().await) as Box<dyn Backend> })
}

impl Postgres {
    /// Opens one.
    pub async fn open() -> Self {
        let clock = Clock::manual(start());
        let database = database().await;
        let store = open_at(database.url(), &clock).await;
        Self {
            clock,
            store,
            database,
        }
    }

    /// The URL of the database.
    pub fn url(&self) -> &str {
        self.database.url()
    }
}

/// Commits do not wait for the disk: no case cuts the power.
async fn open_at(url: &str, clock: &Clock) -> Arc<PostgresStore> {
    let more = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{more}options[synchronous_commit]=off");
    let address: Address = url.parse().unwrap();
    PostgresStore::open(&address, clock.clone()).await.unwrap()
}

/// A new database that has the schema.
pub async fn database() -> Scratch {
    let server = server::postgres::url();
    let template = template(server).await;
    let database = Scratch::new(server, "windlass_test", Some(&template)).await;
    database.unwrap()
}

/// The database that has the schema of this build, made by the first who needs it. Its name tells
/// the schema, so that another build makes another.
async fn template(server: &str) -> String {
    const DAY: i64 = 24 * 60 * 60;
    let now = Clock::system().now().as_secs();
    let day = now - now % DAY;
    let schema: String = admin::fingerprint().chars().take(16).collect();
    let name = admin::dated(TEMPLATE, day, &schema);
    let mut admin = Admin::connect(server).await.unwrap();
    if is_there(&mut admin, &name).await {
        return name;
    }
    admin.lock(LOCK).await.unwrap();
    if is_there(&mut admin, &name).await {
        return name;
    }
    admin.sweep(TEMPLATE, TEMPLATE_KEPT).await.unwrap();
    // Under a name of its own until it is whole: whoever makes it may be killed.
    let unfinished = admin::dated(TEMPLATE, day, &format!("{schema}_new"));
    admin.drop_database(&unfinished).await.unwrap();
    let url = admin.create_database(&unfinished, None).await.unwrap();
    let now = Clock::system().now();
    shared::store::migrate::up(&url, now, false).await.unwrap();
    admin.rename_database(&unfinished, &name).await.unwrap();
    name
}

async fn is_there(admin: &mut Admin, name: &str) -> bool {
    let found = admin.databases(name).await.unwrap();
    found.iter().any(|database| database == name)
}

#[async_trait]
impl Backend for Postgres {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    /// Another store on the same database, with connections of its own: what another process has.
    async fn another(&self) -> Arc<dyn Store> {
        open_at(self.database.url(), &self.clock).await
    }

    async fn advance(&self, length: Duration) {
        self.clock.advance(length);
    }
}
