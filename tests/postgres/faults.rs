//! Faults of a server that goes on serving: what it refuses has not happened, the refusal says what
//! would help, and the same call made again happens once.

use shared::{
    clock::Clock,
    job::{NewJob, State},
    patience::chain,
    store::{
        ClaimParams, Enqueued, Error, Filter, ListParams, Settle, Settled, Store, open,
        postgres::admin::{Admin, Scratch, Session},
    },
};
use std::{sync::Arc, time::Duration};
use windlass_tests::{
    backends::postgres::database,
    harness::worker_info,
    make::{DONE, end_of, job, jobs, want},
    server,
    server::postgres::{PrivateServer, proxy::Proxy},
};

use crate::place::{Place, run};

const PATIENCE: Duration = Duration::from_secs(30);

/// A store, whose worker holds one of two jobs, and a call of each kind that is to be made.
struct Scene {
    store: Arc<dyn Store>,
    enqueue: Vec<NewJob>,
    claim: ClaimParams,
    settle: Vec<Settle>,
}

impl Scene {
    async fn on(url: &str) -> Self {
        let store = open(url, Clock::system()).await.unwrap();
        store.enqueue(jobs(2)).await.unwrap();
        let lease = Duration::from_hours(1);
        let worker = store.register(worker_info("hand"), lease).await.unwrap();
        let claim = |claim| ClaimParams {
            worker,
            claim,
            wants: vec![want("default", 1)],
            max: 1,
        };
        let held = store.claim(claim(1)).await.unwrap();
        Self {
            store,
            enqueue: jobs(2),
            claim: claim(2),
            settle: vec![end_of(&held[0], DONE)],
        }
    }

    /// What each of the calls is refused with: nothing has happened, and the help is told.
    async fn is_refused(&self, help: &str) {
        let refused = [
            self.store.enqueue(self.enqueue.clone()).await.err(),
            self.store.claim(self.claim.clone()).await.err(),
            self.store.settle(self.settle.clone()).await.err(),
        ];
        for (refused, call) in refused.into_iter().zip(["enqueue", "claim", "settle"]) {
            let refused = refused.unwrap_or_else(|| panic!("{call} is not refused"));
            let nothing = matches!(
                refused,
                Error::Unavailable {
                    maybe_applied: false,
                    ..
                }
            );
            assert!(nothing, "{call}: {refused:?}");
            let told = chain(&refused);
            assert!(told.contains(help), "{call}: {told}");
        }
    }

    /// The calls, as they were, happen; each once.
    async fn goes_on(self) {
        let enqueued = self.store.enqueue(self.enqueue).await.unwrap();
        assert_eq!(enqueued, [Enqueued::New(State::Available); 2]);
        assert_eq!(self.store.claim(self.claim).await.unwrap().len(), 1);
        let settled = self.store.settle(self.settle).await.unwrap();
        assert_eq!(settled, [Settled::Kept(State::Completed)]);
        assert_eq!(counts(&*self.store).await, [2, 1, 1]);
        self.store.close().await;
    }
}

/// How many jobs are available, running and completed.
async fn counts(store: &dyn Store) -> [u64; 3] {
    let queues = store.queues().await.unwrap();
    let states = [State::Available, State::Running, State::Completed];
    states.map(|state| queues[0].count(state))
}

/// A connection beside the store's, whose statements wait for locks.
async fn beside(database: &Scratch) -> Session {
    Session::open(database.url(), PATIENCE).await.unwrap()
}

/// Sets something for whoever connects to a database from now on.
async fn set(session: &mut Session, database: &Scratch, setting: &str) {
    let name = database.name();
    let set = format!("alter database {name} {setting}");
    session.run(&set).await.unwrap();
}

/// Has the next `times` inserts into each of the tables that calls write to fail.
async fn fail(session: &mut Session, code: &str, times: u64) {
    // A sequence counts them, because it is not rolled back with them.
    let trap = format!(
        "create sequence public.trapped; \
         create function public.trap() returns trigger language plpgsql as $$ begin \
           if nextval('public.trapped') <= {times} then \
             raise exception 'trapped' using errcode = '{code}'; \
           end if; return null; end $$; \
         create trigger trap before insert on windlass.ready execute function public.trap(); \
         create trigger trap before insert on windlass.lease execute function public.trap(); \
         create trigger trap before insert on windlass.finished_batch execute function public.trap()"
    );
    session.run(&trap).await.unwrap();
}

async fn mend(session: &mut Session) {
    let mend = "drop function public.trap cascade; drop sequence public.trapped";
    session.run(mend).await.unwrap();
}

#[tokio::test]
async fn a_timeout_that_is_set_for_the_user_undoes_the_call_and_is_named() {
    for setting in ["statement_timeout", "lock_timeout"] {
        let database = database().await;
        let mut holder = beside(&database).await;
        set(&mut holder, &database, &format!("set {setting} = '1s'")).await;
        let scene = Scene::on(database.url()).await;
        let hold = "begin; lock table windlass.job, windlass.ready, windlass.lease";
        holder.run(hold).await.unwrap();
        scene
            .is_refused(&format!("a {setting} that is set for the user"))
            .await;
        holder.run("rollback").await.unwrap();
        scene.goes_on().await;
    }
}

#[tokio::test]
async fn a_full_disk_undoes_the_call_and_is_told() {
    let database = database().await;
    let mut session = beside(&database).await;
    let scene = Scene::on(database.url()).await;
    fail(&mut session, "53100", u64::from(u32::MAX)).await;
    scene.is_refused("the disk of the server is full").await;
    mend(&mut session).await;
    scene.goes_on().await;
}

#[tokio::test]
async fn a_server_that_only_reads_is_read_from_and_told_apart() {
    let database = database().await;
    let mut session = beside(&database).await;
    let scene = Scene::on(database.url()).await;
    let only_reads = "set default_transaction_read_only = on";
    set(&mut session, &database, only_reads).await;
    cut(&mut session).await;
    // A call that a connection of before was to carry may have happened.
    while scene.store.enqueue(scene.enqueue.clone()).await.is_err_and(
        |refused| matches!(refused, Error::Unavailable { maybe_applied, .. } if maybe_applied),
    ) {}
    scene.is_refused("the server only reads").await;
    assert_eq!(counts(&*scene.store).await, [1, 1, 0]);
    let found = scene.store.get(vec![scene.settle[0].id]).await.unwrap();
    assert_eq!(found[0].as_ref().unwrap().summary.state, State::Running);
    let all = ListParams {
        filter: Filter::default(),
        cursor: None,
        limit: 10,
    };
    assert_eq!(scene.store.list(all).await.unwrap().items.len(), 2);
    // Whoever starts meanwhile starts.
    let another = open(database.url(), Clock::system()).await.unwrap();
    assert_eq!(counts(&*another).await, [1, 1, 0]);
    another.close().await;
    let writes = "reset default_transaction_read_only";
    set(&mut session, &database, writes).await;
    scene.goes_on().await;
}

/// Ends all connections to a session's database but its own.
async fn cut(session: &mut Session) {
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity \
               where datname = current_database() and pid <> pg_backend_pid()";
    session.run(cut).await.unwrap();
}

#[tokio::test]
async fn lost_races_are_run_again_and_nobody_hears_of_them() {
    for code in ["40001", "40P01"] {
        let database = database().await;
        let mut session = beside(&database).await;
        let scene = Scene::on(database.url()).await;
        fail(&mut session, code, 3).await;
        scene.goes_on().await;
        let tried = session.run("select last_value from trapped").await.unwrap();
        let tried: u64 = tried[0][0].parse().unwrap();
        assert!(tried > 3, "{tried} tries");
    }
}

#[tokio::test]
async fn a_call_that_loses_every_race_has_changed_nothing() {
    let database = database().await;
    let mut session = beside(&database).await;
    let scene = Scene::on(database.url()).await;
    fail(&mut session, "40001", u64::from(u32::MAX)).await;
    scene.is_refused("trapped").await;
    mend(&mut session).await;
    scene.goes_on().await;
}

#[tokio::test]
async fn a_deadlock_is_lost_and_run_again() {
    let database = database().await;
    let mut holder = beside(&database).await;
    // Whoever looks for a deadlock is the one that gives way; the other never looks.
    set(&mut holder, &database, "set deadlock_timeout = '2s'").await;
    let scene = Scene::on(database.url()).await;
    let hold = "set deadlock_timeout = '10min'; begin; lock table windlass.ready";
    holder.run(hold).await.unwrap();
    let mut watcher = beside(&database).await;
    let crossing = async {
        blocked(&mut watcher).await;
        // The enqueue has written here, and waits for the other table.
        let cross = "lock table windlass.job in share mode; commit";
        holder.run(cross).await.unwrap();
    };
    let (enqueued, ()) = tokio::join!(scene.store.enqueue(scene.enqueue.clone()), crossing);
    assert_eq!(enqueued.unwrap(), [Enqueued::New(State::Available); 2]);
    assert_eq!(counts(&*scene.store).await, [3, 1, 0]);
    scene.store.close().await;
}

/// Waits until somebody waits for a lock.
async fn blocked(session: &mut Session) {
    until(
        session,
        "select count(*) > 0 from pg_stat_activity \
         where datname = current_database() and wait_event_type = 'Lock'",
    )
    .await;
}

/// Waits until something is true.
async fn until(session: &mut Session, condition: &str) {
    let is_true = async {
        while session.run(condition).await.unwrap() != [["t"]] {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, is_true).await;
    waited.unwrap_or_else(|_| panic!("it never comes true: {condition}"));
}

#[tokio::test]
async fn a_transaction_that_idled_too_long_has_enqueued_nothing() {
    let place = Place::new().await;
    let mut app = place.connect().await;
    let begin = "set idle_in_transaction_session_timeout = '100ms'; begin";
    run(&mut app, begin).await.unwrap();
    let lost = vec![job()];
    let accepted = place.store.enqueue_tx(&mut app, lost.clone()).await;
    assert_eq!(accepted.unwrap(), [Enqueued::New(State::Available)]);
    let mut watcher = beside(&place.database).await;
    let ended = "select count(*) = 0 from pg_stat_activity \
                 where datname = current_database() and state = 'idle in transaction'";
    until(&mut watcher, ended).await;
    run(&mut app, "commit").await.unwrap_err();
    assert!(place.detail(lost[0].id).await.is_none());
    let again = shared::store::JobStore::enqueue(&*place.store, lost).await;
    assert_eq!(again.unwrap(), [Enqueued::New(State::Available)]);
}

#[tokio::test]
async fn connections_that_the_server_ends_for_being_idle_cost_no_call() {
    let database = database().await;
    let mut admin = Session::open(server::postgres::url(), PATIENCE)
        .await
        .unwrap();
    for setting in [
        "idle_session_timeout",
        "idle_in_transaction_session_timeout",
    ] {
        let set_it = format!("set {setting} = '500ms'");
        set(&mut admin, &database, &set_it).await;
    }
    let store = open(database.url(), Clock::system()).await.unwrap();
    for _ in 0..3 {
        let enqueued = store.enqueue(jobs(2)).await.unwrap();
        assert_eq!(enqueued, [Enqueued::New(State::Available); 2]);
        let worker = store.register(worker_info("hand"), PATIENCE).await;
        worker.unwrap();
        let name = database.name();
        let gone = format!("select count(*) = 0 from pg_stat_activity where datname = '{name}'");
        until(&mut admin, &gone).await;
    }
    assert_eq!(counts(&*store).await, [6, 0, 0]);
    store.close().await;
}

#[tokio::test]
async fn another_isolation_is_refused_with_what_to_do() {
    let database = database().await;
    for level in ["repeatable read", "serializable"] {
        let more = if database.url().contains('?') {
            '&'
        } else {
            '?'
        };
        let level_in_url = level.replace(' ', "%20");
        let url = format!(
            "{}{more}options[default_transaction_isolation]={level_in_url}",
            database.url()
        );
        let refused = open(&url, Clock::system()).await.err().unwrap();
        assert!(matches!(refused, Error::Invalid(_)), "{refused:?}");
        let told = chain(&refused);
        assert!(
            told.contains(&format!("begins transactions as {level}")),
            "{told}"
        );
        assert!(
            told.contains("set default_transaction_isolation = 'read committed'"),
            "{told}"
        );
    }
}

/// A network that fails between the commit and its answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_lost_behind_the_commit_loses_and_doubles_nothing() {
    let server = PrivateServer::start().await;
    let mut admin = Admin::connect(&server.url()).await.unwrap();
    let direct = admin.create_database("windlass_jobs", None).await.unwrap();
    let proxy = Proxy::start(&server).await;
    let through = proxy.url(&server).replace("/postgres?", "/windlass_jobs?");
    let scene = Scene::on(&through).await;
    let truth = open(&direct, Clock::system()).await.unwrap();

    proxy.swallow(1, "windlass.accept_groups(");
    let enqueued = scene.store.enqueue(scene.enqueue.clone()).await.unwrap();
    assert_eq!(enqueued, [Enqueued::Repeated; 2]);
    assert_eq!(proxy.swallowed(), 1);
    assert_eq!(counts(&*truth).await, [3, 1, 0]);

    proxy.swallow(1, "windlass.claim(");
    let claimed = scene.store.claim(scene.claim.clone()).await.unwrap();
    assert_eq!((claimed.len(), proxy.swallowed()), (1, 1));
    assert_eq!(counts(&*truth).await, [2, 2, 0]);

    proxy.swallow(1, "windlass.settle_completed(");
    let settled = scene.store.settle(scene.settle.clone()).await.unwrap();
    assert_eq!(settled, [Settled::Repeated]);
    assert_eq!(proxy.swallowed(), 1);
    assert_eq!(counts(&*truth).await, [2, 1, 1]);

    // When every answer is lost the caller is told, and repeats the call when it can.
    for (text, call) in [
        ("windlass.accept_groups(", "enqueue"),
        ("into windlass.worker", "register"),
    ] {
        proxy.swallow(usize::MAX, text);
        let batch = vec![job()];
        let refused = if call == "enqueue" {
            scene.store.enqueue(batch).await.err()
        } else {
            let worker = scene.store.register(worker_info("two"), PATIENCE).await;
            worker.err()
        };
        let maybe = matches!(
            refused,
            Some(Error::Unavailable {
                maybe_applied: true,
                ..
            })
        );
        assert!(maybe, "{call}: {refused:?}");
        assert!(proxy.swallowed() >= 1);
        proxy.swallow(0, "");
    }
    assert_eq!(counts(&*truth).await, [3, 1, 1]);
    assert_eq!(truth.workers().await.unwrap().len(), 2);
    truth.close().await;
    scene.store.close().await;
}
