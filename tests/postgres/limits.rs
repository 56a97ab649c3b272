//! What a job may cost a server, counted by the server, so that no test depends on how fast a machine
//! is.

use shared::{
    clock::Clock,
    job::State,
    lease::WorkerId,
    store::{
        ClaimParams, Settled, Store, open,
        postgres::admin::{Admin, Counters, Session},
    },
};
use std::{sync::Arc, time::Duration};
use windlass_tests::{
    harness::worker_info,
    make::{DONE, end_of, jobs, want},
    server::postgres::PrivateServer,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// How many jobs are enqueued, claimed and settled together: as a busy worker does.
const BATCH: usize = 250;

/// A server of one's own, so that nobody else writes its log, which nothing disturbs: no checkpoint,
/// after which every page would be written whole once more, and no vacuum. On a server under load a
/// checkpoint comes every five minutes; what it adds is shared by the jobs of five minutes, and is
/// measured by `windlass-bench lifecycle`, not here.
struct Quiet {
    server: PrivateServer,
    admin: Session,
    store: Arc<dyn Store>,
    worker: WorkerId,
    claims: u64,
    /// Rows of the table that tells when the server has taken in what others told.
    marks: u64,
}

impl Quiet {
    async fn start() -> Self {
        let server = PrivateServer::start().await;
        let mut admin = Session::open(&server.url(), PATIENCE).await.unwrap();
        for setting in [
            "autovacuum = off",
            "checkpoint_timeout = '1d'",
            "max_wal_size = '10GB'",
        ] {
            let set = format!("alter system set {setting}");
            admin.run(&set).await.unwrap();
        }
        let reload = "select pg_reload_conf(); create table public.mark (no bigint)";
        admin.run(reload).await.unwrap();
        let store = open(&server.url(), Clock::system()).await.unwrap();
        let lease = Duration::from_hours(1);
        let worker = store.register(worker_info("hand"), lease).await.unwrap();
        Self {
            server,
            admin,
            store,
            worker,
            claims: 0,
            marks: 0,
        }
    }

    /// Takes so many batches of jobs from their enqueue to their end.
    async fn run(&mut self, batches: usize) {
        for _ in 0..batches {
            self.store.enqueue(jobs(BATCH)).await.unwrap();
            self.claims += 1;
            let claim = ClaimParams {
                worker: self.worker,
                claim: self.claims,
                wants: vec![want("default", BATCH)],
                max: BATCH,
            };
            let claimed = self.store.claim(claim).await.unwrap();
            assert_eq!(claimed.len(), BATCH);
            let ends = claimed.iter().map(|job| end_of(job, DONE)).collect();
            let settled = self.store.settle(ends).await.unwrap();
            let kept = Settled::Kept(State::Completed);
            assert!(settled.iter().all(|verdict| *verdict == kept));
        }
    }

    /// What the server has done so far. The store is closed and opened, because a connection tells
    /// some of what it did only when it ends.
    async fn counters(&mut self) -> Counters {
        self.store.close().await;
        self.told().await;
        let mut admin = Admin::connect(&self.server.url()).await.unwrap();
        let counters = admin.counters("postgres").await.unwrap();
        admin.close().await.unwrap();
        self.store = open(&self.server.url(), Clock::system()).await.unwrap();
        counters
    }

    /// Waits until the server has taken in what connections told that have ended: what another one
    /// tells after them.
    async fn told(&mut self) {
        let gone = "select count(*) = 0 from pg_stat_activity \
                    where backend_type = 'client backend' and pid <> pg_backend_pid()";
        until(&mut self.admin, gone).await;
        let mut last = Session::open(&self.server.url(), PATIENCE).await.unwrap();
        let mark = "insert into public.mark values (1)";
        last.run(mark).await.unwrap();
        drop(last);
        self.marks += 1;
        let seen = format!(
            "select sum(n_tup_ins) = {} from pg_stat_user_tables \
             where schemaname = 'public' and relname = 'mark'",
            self.marks
        );
        until(&mut self.admin, &seen).await;
    }
}

async fn until(session: &mut Session, condition: &str) {
    let is_true = async {
        while session.run(condition).await.unwrap() != [["t"]] {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, is_true).await;
    waited.unwrap_or_else(|_| panic!("it never comes true: {condition}"));
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn per_job(count: u64, batches: usize) -> f64 {
    count as f64 / (batches * BATCH) as f64
}

#[tokio::test]
async fn a_job_writes_few_bytes_and_leaves_few_dead_rows() {
    const BATCHES: usize = 20;
    let mut quiet = Quiet::start().await;
    // Pages that are there have been written whole once.
    quiet.run(BATCHES).await;
    let before = quiet.counters().await;
    quiet.run(BATCHES).await;
    let after = quiet.counters().await;
    let bytes = per_job(after.wal_bytes - before.wal_bytes, BATCHES);
    let dead = per_job(after.dead_tuples - before.dead_tuples, BATCHES);
    told(&format!(
        "{bytes:.0} bytes of log and {dead:.4} dead rows per job"
    ));
    // At least the body is written, and at least the chunk and the lease are taken away.
    assert!(
        (100.0..=450.0).contains(&bytes),
        "{bytes} bytes of log per job"
    );
    assert!((0.001..=0.05).contains(&dead), "{dead} dead rows per job");
}

#[tokio::test]
async fn a_claim_reads_few_pages_however_much_was_claimed_under_a_held_snapshot() {
    let mut quiet = Quiet::start().await;
    quiet.run(1).await;
    let mut holder = Session::open(&quiet.server.url(), PATIENCE).await.unwrap();
    let hold = "begin isolation level repeatable read; select count(*) from windlass.queue";
    holder.run(hold).await.unwrap();
    let mut probe = Admin::connect(&quiet.server.url()).await.unwrap();
    let (mut mark, mut most) = ("0".to_owned(), 0);
    for batch in 0..200 {
        quiet.run(1).await;
        // From where the claim before has left off, as the next one would.
        let (pages, next) = probe.scan_pages(&mark).await.unwrap();
        mark = next;
        if batch >= 100 {
            most = most.max(pages);
        }
    }
    let (walked, _) = probe.scan_pages("0").await.unwrap();
    told(&format!(
        "{most} pages from the mark, {walked} from the start"
    ));
    assert!(most <= 12, "{most} pages");
    // What is not walked over is there.
    assert!(walked > 12, "{walked} pages");
}

#[expect(clippy::print_stdout, reason = "what is measured is also told")]
fn told(what: &str) {
    println!("{what}");
}
