//! For tests: a memory store whose clock keeps up with tokio's paused time, and things to put
//! into it.

use shared::{
    clock::{Clock, Timestamp},
    job::{Args, JobId, Kind, State, name::Label, outcome::Ending},
    lease::{WorkerId, WorkerInfo},
    schedule::{Definition, Origin, RawTiming, Template},
    shutdown::Tasks,
    store::{
        ClaimParams, JobStore, ScheduleStore, Settle, Store, Tick, TickStatus, Want, WorkStore,
        memory::MemoryStore,
    },
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

use crate::{
    duty::Reach,
    leader::Term,
    settings::{Live, Reload, Settings},
};

/// Where the store's clock starts: on a full hour.
pub(crate) const START: &str = "2026-11-21T07:00:00Z";

/// How far the store's clock lags behind tokio's at most.
pub(crate) const STEP: Duration = Duration::from_millis(5);

/// A store and its clock.
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) store: Arc<MemoryStore>,
}

impl World {
    /// A world whose clock stands still.
    pub(crate) fn standing() -> Self {
        let clock = Clock::manual(START.parse().unwrap());
        let store = Arc::new(MemoryStore::new(clock.clone()));
        Self { clock, store }
    }

    /// A world whose clock keeps up with tokio's, which is to be paused.
    pub(crate) fn turning() -> Self {
        let world = Self::standing();
        let clock = world.clock.clone();
        drop(Tasks::new().spawn(async move {
            loop {
                sleep(STEP).await;
                clock.advance(STEP);
            }
        }));
        world
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as _
    }

    /// The store, as a leader reaches it whose term goes on.
    pub(crate) fn reach(&self) -> Reach {
        let far = Instant::now() + Duration::from_hours(8760);
        Reach::new(self.store(), Term::new(1, far))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) async fn state(&self, job: JobId) -> Option<State> {
        let details = self.store.get(vec![job]).await.unwrap();
        details[0].as_ref().map(|detail| detail.summary.state)
    }

    /// The ticks of a schedule, oldest first.
    pub(crate) async fn ticks(&self, name: &str) -> Vec<Tick> {
        let name = Label::new(name).unwrap();
        let mut ticks = self.store.ticks(name, 10_000).await.unwrap();
        ticks.reverse();
        ticks
    }

    /// The same in short: `07:00:00 fired`.
    pub(crate) async fn lines(&self, name: &str) -> Vec<String> {
        let line = |tick: &Tick| {
            let at = tick.at.to_string();
            let status = match &tick.status {
                TickStatus::Fired(_) => "fired",
                TickStatus::Held => "held",
                TickStatus::Skipped(_) => "skipped",
            };
            format!("{} {status}", at.get(11..19).unwrap_or_default())
        };
        self.ticks(name).await.iter().map(line).collect()
    }

    /// Registers a worker and claims what is available.
    pub(crate) async fn claim(&self, lease: Duration) -> (WorkerId, Vec<Settle>) {
        let info = WorkerInfo {
            name: String::new(),
            host: String::new(),
            pid: 1,
            version: String::new(),
            queues: Vec::new(),
            concurrency: 1,
        };
        let worker = self.store.register(info, lease).await.unwrap();
        let params = ClaimParams {
            worker,
            claim: 1,
            wants: vec![Want {
                queue: shared::job::QueueName::default(),
                max: 1000,
            }],
            max: 1000,
        };
        let claimed = self.store.claim(params).await.unwrap();
        let done = |job: shared::job::ClaimedJob| Settle {
            id: job.id,
            token: job.token,
            ending: Ending::Complete { result: None },
            progress: None,
        };
        (worker, claimed.into_iter().map(done).collect())
    }

    /// Completes every available job; answers which.
    pub(crate) async fn complete(&self) -> Vec<JobId> {
        let (_, settles) = self.claim(Duration::from_secs(20)).await;
        let ids = settles.iter().map(|settle| settle.id).collect();
        self.store.settle(settles).await.unwrap();
        ids
    }
}

/// A schedule of the configuration, of jobs that do nothing.
pub(crate) fn schedule(name: &str, timing: &RawTiming) -> Definition {
    Definition {
        name: Label::new(name).unwrap(),
        origin: Origin::Config,
        timing: timing.check().unwrap().unwrap(),
        template: Template::new(Kind::new("noop").unwrap(), Args::default()),
    }
}

/// A timing with everything but its interval as by default.
pub(crate) fn every(length: Duration) -> RawTiming {
    RawTiming {
        every: Some(length),
        ..RawTiming::default()
    }
}

/// Settings with these schedules.
pub(crate) fn settings(schedules: Vec<Definition>) -> Settings {
    Settings {
        schedules,
        ..Settings::default()
    }
}

/// What duties watch, and who may change it.
pub(crate) fn live(schedules: Vec<Definition>) -> (Reload, tokio::sync::watch::Receiver<Live>) {
    let reload = Reload::new(&mut settings(schedules));
    let live = reload.watch();
    (reload, live)
}
