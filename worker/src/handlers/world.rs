//! A world for tests of whole handlers: a memory store on a clock that stands still, a worker with
//! the built-in handlers on it, and ways to wait for what happens.

use serde_json::{Value, json};
use shared::{
    clock::{Clock, Timestamp},
    config::{
        Config, Databox, Destination, Webhook,
        destinations::{Breaker, Buffer, Wire},
        live::Current,
    },
    job::{JobDetail, JobId, NewJob, State, name::Label},
    secret::{Secret, SigningKey},
    shutdown::{Shutdown, Tasks},
    store::{DestinationRecord, Store, memory::MemoryStore},
};
use std::{sync::Arc, time::Duration};
use url::Url;

use crate::{BuiltIn, Settings, Worker, handlers::publish::keeper};

/// The key that webhooks are signed with here.
pub(crate) const KEY: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// A store, a clock, a worker.
pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    handlers: BuiltIn,
    shutdown: Shutdown,
    tasks: Tasks,
}

impl World {
    /// A worker with this configuration, which may call loopback.
    pub(crate) fn new(config: Config) -> Self {
        Self::with(config, |clock| Arc::new(MemoryStore::new(clock)))
    }

    /// The same on another store.
    pub(crate) fn with(mut config: Config, open: impl FnOnce(Clock) -> Arc<dyn Store>) -> Self {
        config.outbound.allow.push("127.0.0.0/8".parse().unwrap());
        let clock = Clock::manual(Timestamp::from_micros(1_763_000_000_000_000));
        let store = open(clock.clone());
        let handlers = BuiltIn::new(Current::fixed(config), clock.clone());
        let settings = Settings {
            // The clock is moved by hours: the lease must hold.
            lease: Duration::from_hours(1),
            heartbeat: Duration::from_secs(5),
            ..Settings::default()
        };
        let builder = Worker::builder(Arc::clone(&store)).settings(settings);
        let worker = handlers.register(builder).build().unwrap();
        let (shutdown, tasks) = (Shutdown::new(), Tasks::new());
        tasks.spawn(worker.run(shutdown.clone()));
        Self {
            store,
            clock,
            handlers,
            shutdown,
            tasks,
        }
    }

    /// Enqueues a job; answers its id.
    pub(crate) async fn enqueue(&self, kind: &str, args: Value) -> JobId {
        let job = NewJob::new(kind, &args).unwrap();
        self.enqueue_job(job).await
    }

    pub(crate) async fn enqueue_job(&self, job: NewJob) -> JobId {
        let id = job.id;
        self.store.enqueue(vec![job]).await.unwrap();
        id
    }

    /// Runs a job's next attempt, and answers what became of it.
    pub(crate) async fn run(&self, kind: &str, args: Value) -> JobDetail {
        let id = self.enqueue(kind, args).await;
        self.at_rest(id).await
    }

    pub(crate) async fn get(&self, id: JobId) -> JobDetail {
        self.store.get(vec![id]).await.unwrap().remove(0).unwrap()
    }

    /// Waits until a job neither runs nor can.
    pub(crate) async fn at_rest(&self, id: JobId) -> JobDetail {
        self.until(id, |job| {
            !matches!(job.summary.state, State::Available | State::Running)
        })
        .await
    }

    async fn until(&self, id: JobId, fits: impl Fn(&JobDetail) -> bool) -> JobDetail {
        let mut wakeups = self.store.wakeups();
        loop {
            let job = self.get(id).await;
            if fits(&job) {
                return job;
            }
            // Not everything comes with a hint.
            drop(tokio::time::timeout(Duration::from_millis(20), wakeups.next()).await);
        }
    }

    /// Moves the clock on, and lets what is due become available.
    pub(crate) async fn advance(&self, length: Duration) {
        self.clock.advance(length);
        self.store.promote(1000).await.unwrap();
    }

    /// Moves the clock on, step by step, until a job has ended.
    pub(crate) async fn to_the_end(&self, id: JobId, step: Duration) -> JobDetail {
        loop {
            let job = self.at_rest(id).await;
            if job.summary.state.is_terminal() {
                return job;
            }
            self.advance(step).await;
        }
    }

    /// The job that flushes a destination, at rest after its last run. There must be one.
    pub(crate) async fn flush(&self, name: &str) -> JobDetail {
        let handle = json!({ "destination": name });
        let order = self.run("publish", handle).await;
        let result: Value = serde_json::from_slice(&order.result.unwrap()).unwrap();
        let id: JobId = result["flush"].as_str().unwrap().parse().unwrap();
        self.at_rest(id).await
    }

    /// What the keeper does now and then.
    pub(crate) async fn keep(&self) {
        keeper::look(&self.handlers, self.store.as_ref())
            .await
            .unwrap();
    }

    /// The handlers.
    pub(crate) fn handlers(&self) -> BuiltIn {
        self.handlers.clone()
    }

    pub(crate) async fn destination(&self, name: &str) -> DestinationRecord {
        let records = self.store.destinations().await.unwrap();
        let found = records
            .into_iter()
            .find(|record| record.name.as_str() == name);
        found.unwrap()
    }

    /// Drains the worker and waits until it has ended.
    pub(crate) async fn end(self) {
        self.shutdown.drain();
        self.tasks.finished().await;
    }
}

/// A name.
pub(crate) fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

/// What a job left behind.
pub(crate) fn result(job: &JobDetail) -> Value {
    serde_json::from_slice(job.result.as_ref().unwrap()).unwrap()
}

/// The message of a job's newest error.
pub(crate) fn error(job: &JobDetail) -> String {
    let error = job.summary.last_error.as_ref().unwrap();
    error.failure.message.to_string()
}

/// A configuration with one destination.
pub(crate) fn to(name: &str, destination: Destination) -> Config {
    let mut config = Config::default();
    config.destinations.insert(label(name), destination);
    config
}

/// Databox at an address.
pub(crate) fn databox(url: &Url, wire: Wire) -> Destination {
    Destination::Databox(Databox {
        url: url.as_str().parse().unwrap(),
        wire,
        token: Secret::new("t0ken"),
        buffer: Buffer::default(),
        breaker: Breaker::default(),
    })
}

/// A subscriber at an address, whose breaker opens after three failures for a moment.
pub(crate) fn webhook(url: &Url) -> Destination {
    Destination::Webhook(Webhook {
        url: url.as_str().parse().unwrap(),
        secret: SigningKey::parse(&Secret::new(KEY)).unwrap(),
        previous_secret: None,
        buffer: Buffer::default(),
        breaker: Breaker {
            failures: 3,
            open_for: Duration::from_secs(1),
        },
    })
}
