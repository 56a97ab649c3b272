//! A server and connections that die: what was answered is kept, what was not is told, and whoever
//! uses the store goes on by itself.

use shared::{
    clock::Clock,
    job::{JobId, NewJob, State},
    lease::WorkerId,
    shutdown::{Shutdown, Tasks},
    store::{Enqueued, Error, Result, Store, open, postgres::admin::Admin},
};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};
use windlass_tests::{
    backends::postgres::database,
    harness::{LEASE, worker_info},
    make::{job, jobs},
    server::{self, postgres::PrivateServer},
};
use worker::{Settings, Worker};

/// A worker on a store, and what it has run.
struct Running {
    store: Arc<dyn Store>,
    ran: Arc<Mutex<HashSet<JobId>>>,
    shutdown: Shutdown,
    tasks: Tasks,
}

impl Running {
    fn on(store: &Arc<dyn Store>) -> Self {
        let ran = Arc::new(Mutex::new(HashSet::new()));
        let runs = Arc::clone(&ran);
        let settings = Settings {
            lease: Duration::from_secs(3),
            heartbeat: Duration::from_millis(200),
            poll: Duration::from_millis(100),
            concurrency: 8,
            ..Settings::default()
        };
        let worker = Worker::builder(Arc::clone(store))
            .settings(settings)
            .alone()
            .handle("noop", move |ctx: worker::Context, (): ()| {
                runs.lock().unwrap().insert(ctx.id());
                std::future::ready(())
            });
        let (shutdown, tasks) = (Shutdown::new(), Tasks::new());
        tasks.spawn(worker.build().unwrap().run(shutdown.clone()));
        Self {
            store: Arc::clone(store),
            ran,
            shutdown,
            tasks,
        }
    }

    fn ran(&self) -> usize {
        self.ran.lock().unwrap().len()
    }

    /// Waits until so many jobs have run.
    async fn until(&self, count: usize) {
        while self.ran() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until all of them have completed.
    async fn completed(&self, ids: &[JobId]) {
        let over = |state: State| state == State::Completed;
        loop {
            let found = self.store.get(ids.to_vec()).await.unwrap_or_default();
            let completed = found.iter().flatten().filter(|j| over(j.summary.state));
            if completed.count() == ids.len() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn end(self) {
        self.shutdown.drain();
        self.tasks.finished().await;
        self.store.close().await;
    }
}

/// Enqueues jobs in batches, each until it is answered; answers their ids.
async fn enqueue(store: &dyn Store, batches: Vec<Vec<NewJob>>) -> Vec<JobId> {
    let mut accepted = Vec::new();
    for batch in batches {
        let answer = until_answered(|| store.enqueue(batch.clone())).await;
        let kept = |one: &Enqueued| matches!(one, Enqueued::New(_) | Enqueued::Repeated);
        assert!(answer.len() == batch.len() && answer.iter().all(kept));
        accepted.extend(batch.iter().map(|job| job.id));
    }
    accepted
}

async fn until_answered<T, F: Future<Output = Result<T>>>(call: impl Fn() -> F) -> T {
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(error) => assert!(error.is_transient(), "{error:?}"),
        }
    }
}

/// Ends all connections to a database, except that of `admin`.
async fn cut(admin: &mut Admin, database: &str) {
    let cut = format!(
        "select pg_terminate_backend(pid) from pg_stat_activity \
         where datname = '{database}' and pid <> pg_backend_pid()"
    );
    admin.execute(&cut).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_under_load_loses_nothing_that_was_answered() {
    const JOBS: usize = 1000;
    let mut server = PrivateServer::start().await;
    let store = open(&server.url(), Clock::system()).await.unwrap();
    let running = Running::on(&store);
    let batches = (0..JOBS / 10).map(|_| jobs(10)).collect();
    let tasks = Tasks::new();
    let enqueueing = tasks.spawn({
        let store = Arc::clone(&store);
        async move { enqueue(&*store, batches).await }
    });
    for ran in [JOBS / 10, JOBS / 2] {
        running.until(ran).await;
        server.restart().await;
    }
    let ids = enqueueing.await.unwrap();
    running.completed(&ids).await;
    assert_eq!(running.ran(), JOBS);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_all_the_time_hinder_nobody_for_ever() {
    const JOBS: usize = 2000;
    let database = database().await;
    let store = open(database.url(), Clock::system()).await.unwrap();
    let ids = enqueue(&*store, vec![jobs(JOBS)]).await;
    let running = Running::on(&store);
    let mut admin = Admin::connect(server::postgres::url()).await.unwrap();
    while running.ran() < JOBS {
        cut(&mut admin, database.name()).await;
        running.until((running.ran() + 25).min(JOBS)).await;
    }
    running.completed(&ids).await;
    running.end().await;
}

#[tokio::test]
async fn connections_that_died_idle_cost_no_call() {
    let database = database().await;
    let store = open(database.url(), Clock::system()).await.unwrap();
    let mut admin = Admin::connect(server::postgres::url()).await.unwrap();
    let open_many = || async {
        let calls = (0..8).map(|_| store.now());
        futures_util::future::try_join_all(calls).await.unwrap();
    };
    open_many().await;
    cut(&mut admin, database.name()).await;
    store.now().await.unwrap();
    open_many().await;
    cut(&mut admin, database.name()).await;
    let answer = store.enqueue(jobs(3)).await.unwrap();
    assert_eq!(answer.len(), 3);
    // A registration is not made again, so its connection is asked before.
    open_many().await;
    cut(&mut admin, database.name()).await;
    let worker = store.register(worker_info("one"), LEASE).await.unwrap();
    let workers = store.workers().await.unwrap();
    let known: Vec<WorkerId> = workers.iter().map(|worker| worker.id).collect();
    assert_eq!(known, [worker]);
    store.close().await;
}

#[tokio::test]
async fn a_call_that_is_cut_off_in_the_middle_says_that_it_may_have_happened() {
    let database = database().await;
    let store = open(database.url(), Clock::system()).await.unwrap();
    let mut admin = Admin::connect(server::postgres::url()).await.unwrap();
    let mut holder = Admin::connect(database.url()).await.unwrap();
    let hold = "begin; lock table windlass.queue, windlass.worker, windlass.job";
    holder.execute(hold).await.unwrap();
    let waiting = format!(
        "select pg_terminate_backend(pid) from pg_stat_activity \
         where datname = '{}' and wait_event_type = 'Lock'",
        database.name()
    );
    let batch = vec![job()];
    let calls = async {
        let refused = store.enqueue(batch.clone()).await.unwrap_err();
        let registered = store.register(worker_info("one"), LEASE).await;
        (refused, registered.unwrap_err())
    };
    let cutting = async {
        loop {
            admin.execute(&waiting).await.unwrap();
        }
    };
    let (enqueued, registered) = tokio::select! {
        refused = calls => refused,
        () = cutting => unreachable!("it cuts for ever"),
    };
    for refused in [enqueued, registered] {
        let maybe = matches!(
            refused,
            Error::Unavailable {
                maybe_applied: true,
                ..
            }
        );
        assert!(maybe, "{refused:?}");
    }
    holder.execute("rollback").await.unwrap();
    let answer = store.enqueue(batch).await.unwrap();
    assert_eq!(answer, [Enqueued::New(State::Available)]);
    store.close().await;
}

#[tokio::test]
async fn a_server_without_room_for_connections_is_waited_for() {
    let server = PrivateServer::start().await;
    let mut admin = Admin::connect(&server.url()).await.unwrap();
    let make = "create role guest login password 'guest'";
    admin.execute(make).await.unwrap();
    let url = admin.create_database("windlass_jobs", None).await.unwrap();
    let own = "alter database windlass_jobs owner to guest";
    admin.execute(own).await.unwrap();
    let (_, place) = url.split_once('@').unwrap();
    let url = format!("postgres://guest:guest@{place}");
    let store = open(&url, Clock::system()).await.unwrap();
    store.enqueue(jobs(2)).await.unwrap();

    let full = "alter role guest connection limit 0";
    admin.execute(full).await.unwrap();
    cut(&mut admin, "windlass_jobs").await;
    // A call that none of the connections can carry has not been sent.
    let refused = loop {
        if let Err(refused) = store.enqueue(jobs(1)).await {
            break refused;
        }
    };
    assert!(refused.is_transient(), "{refused:?}");
    let refused = store.enqueue(jobs(1)).await.unwrap_err();
    let unsent = matches!(
        refused,
        Error::Unavailable {
            maybe_applied: false,
            ..
        }
    );
    assert!(unsent, "{refused:?}");

    let room = "alter role guest connection limit -1";
    admin.execute(room).await.unwrap();
    until_answered(|| store.now()).await;
    store.close().await;
}
