//! Two at once, step by step: one holds its transaction open after its statement while another
//! runs its own, then the first commits or rolls back. Every pair of what processes do to jobs.
//!
//! Whatever the pair, afterwards no job is lost, none is handed out twice, the counts equal a
//! recount, and everything drains. That somebody has to wait is seen as such: a producer waits for
//! nobody and nobody waits for a producer, but for the moment in which a partition goes.

use shared::{
    job::{JobId, State},
    lease::WorkerId,
    store::postgres::admin::{Rows, Session},
};
use std::{collections::HashSet, time::Duration};
use windlass_tests::{
    harness::{LEASE, worker_info},
    make::{DONE, job, secs},
};

use crate::world::{DAY, PATIENCE, World, name_of};

/// What one of the two does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Enqueue,
    Claim,
    /// Less than there is: a chunk is split.
    ClaimSome,
    Settle,
    Rescue,
    CancelWaiting,
    CancelRunning,
    CancelScheduled,
    Promote,
    RunNow,
    /// The partition of the jobs that wait goes.
    Maintain,
}

const ACTS: [Act; 11] = [
    Act::Enqueue,
    Act::Claim,
    Act::ClaimSome,
    Act::Settle,
    Act::Rescue,
    Act::CancelWaiting,
    Act::CancelRunning,
    Act::CancelScheduled,
    Act::Promote,
    Act::RunNow,
    Act::Maintain,
];

/// One pair on its stage.
struct Stage {
    now: String,
    /// Wait in one chunk, in a partition of their own.
    waiting: Vec<JobId>,
    /// Is due, in the same partition.
    scheduled: JobId,
    /// Run, by a worker whose lease has expired.
    running: Vec<JobId>,
    victim: WorkerId,
    /// Who claims, on each side, and what is enqueued.
    workers: [WorkerId; 2],
    new: [JobId; 2],
}

impl Stage {
    async fn set(world: &mut World, run: usize) -> Self {
        let old = name_of(world.day(-3).await);
        let make = format!("select windlass.make_day(to_date('{old}', '\"job_\"YYYYMMDD'))");
        world.sql(&make).await;
        let h = &world.h;
        let running = h.enqueue_all(vec![job(), job()]).await;
        let victim = h.hand_for(LEASE).await;
        assert_eq!(victim.claim(9).await.len(), 2);
        let mut jobs = Vec::new();
        for at in 0..3 {
            jobs.push(world.job_of(-3, &format!("{run} {at}")).await);
        }
        let waiting = h.enqueue_all(jobs).await;
        let scheduled = world.job_of(-3, &format!("{run} later")).await;
        let scheduled = h.enqueue(scheduled.delay(secs(10))).await;
        h.advance(LEASE + secs(10)).await;
        let mut workers = Vec::new();
        for _ in 0..2 {
            let registered = h.store.register(worker_info("other"), DAY * 1000).await;
            workers.push(registered.unwrap());
        }
        Self {
            now: h.now().await.to_string(),
            waiting,
            scheduled,
            running,
            victim: victim.id,
            workers: [workers[0], workers[1]],
            new: [JobId::generate(), JobId::generate()],
        }
    }

    /// The statement of an act.
    fn statement(&self, act: Act, side: usize) -> String {
        let now = &self.now;
        let worker = self.workers[side];
        let cancel = |id: JobId| {
            format!("select windlass.cancel('{now}', array['{id}']::uuid[], 'not needed')")
        };
        let claim = |want: usize| {
            format!(
                "select slot, id from windlass.claim('{now}', {worker}, 1, array['default'], \
                 array[{want}], {want}, array[null], array[null]) where slot >= 0"
            )
        };
        match act {
            Act::Enqueue => {
                let id = self.new[side];
                format!(
                    "select windlass.accept_groups('{now}', array[1], array['default'], \
                     array[4]::smallint[], array[5]::smallint[], array[null]::timestamptz[], \
                     array[null]::bigint[], array['{id}']::uuid[], array['{id}']::uuid[], \
                     array['{id}']::uuid[], array['noop'], array['{{}}']::bytea[], null, false)"
                )
            }
            Act::Claim => claim(9),
            Act::ClaimSome => claim(2),
            Act::Settle => {
                let (id, victim) = (self.running[0], self.victim);
                format!(
                    "select (windlass.settle_each('{now}', array[{victim}]::bigint[], \
                     array[1]::bigint[], array[0], array['{id}']::uuid[], array[0]::smallint[], \
                     array[0]::bigint[], array[null]::text[], array[null]::bytea[], \
                     array[null]::bytea[]))[1]"
                )
            }
            Act::Rescue => {
                let failure = "{\"kind\": \"crashed\", \"message\": \"gone\"}";
                format!("select job from windlass.rescue('{now}', 3, 10, '{failure}')")
            }
            Act::CancelWaiting => cancel(self.waiting[1]),
            Act::CancelRunning => cancel(self.running[0]),
            Act::CancelScheduled => cancel(self.scheduled),
            Act::Promote => format!("select o_count from windlass.promote('{now}', 10)"),
            Act::RunNow => {
                let id = self.scheduled;
                format!("select windlass.run_now('{now}', array['{id}']::uuid[])")
            }
            Act::Maintain => {
                format!("select o_is_late, o_dropped from windlass.maintain('{now}', 10)")
            }
        }
    }
}

/// Tries an act; `None`: it would have to wait.
async fn try_act(session: &mut Session, stage: &Stage, act: Act, side: usize) -> Option<Rows> {
    let rows = session.try_run(&stage.statement(act, side)).await.unwrap();
    rows.filter(|rows| act != Act::Maintain || rows[0][0] == "f")
}

/// An act that waits for as long as it has to.
async fn wait_for(session: &mut Session, stage: &Stage, act: Act) -> Rows {
    session.run("set lock_timeout = 0").await.unwrap();
    let answer = loop {
        // Looking after partitions waits for nobody: it is done again.
        if let Some(rows) = try_act(session, stage, act, 1).await {
            break rows;
        }
    };
    let patience = format!("set lock_timeout = {}", PATIENCE.as_millis());
    session.run(&patience).await.unwrap();
    answer
}

/// The jobs that a claim answered.
fn claimed(act: Act, rows: &Rows) -> Vec<String> {
    match act {
        Act::Claim | Act::ClaimSome => rows.iter().map(|row| row[1].clone()).collect(),
        _ => Vec::new(),
    }
}

/// Plays `first` against all others, each twice: it commits, it rolls back.
async fn play(first: Act) {
    let mut world = World::new().await;
    world.h.advance(DAY * 400).await;
    world.maintain_all().await;
    let mut sessions = [world.session().await, world.session().await];
    let mut run = 0;
    for second in ACTS {
        for commits in [true, false] {
            run += 1;
            let what = format!("{first:?} ({commits}) and {second:?}");
            let stage = Stage::set(&mut world, run).await;
            let [one, other] = &mut sessions;
            one.run("begin").await.unwrap();
            let held = try_act(one, &stage, first, 0).await;
            let held = held.unwrap_or_else(|| panic!("{first:?} waits for nobody"));
            let answer = try_act(other, &stage, second, 1).await;
            if answer.is_none() {
                let producer = first == Act::Enqueue || second == Act::Enqueue;
                let drop = first == Act::Maintain || second == Act::Maintain;
                assert!(
                    !producer || drop,
                    "{what}: a producer waits or is waited for"
                );
            }
            let end = if commits { "commit" } else { "rollback" };
            let answer = if let Some(answer) = answer {
                one.run(end).await.unwrap();
                answer
            } else {
                // Once more, and it waits until the other is through.
                let (answer, ()) = tokio::join!(wait_for(other, &stage, second), async {
                    tokio::time::sleep(Duration::from_millis(30)).await;
                    one.run(end).await.unwrap();
                });
                answer
            };

            let mut out = claimed(second, &answer);
            if commits {
                out.extend(claimed(first, &held));
            }
            let once: HashSet<&String> = out.iter().collect();
            assert_eq!(
                once.len(),
                out.len(),
                "{what}: {out:?} were handed out twice"
            );
            let mut settled = second == Act::Settle && answer[0][0] == "5";
            settled |= first == Act::Settle && commits && held[0][0] == "5";
            let enqueued = [first == Act::Enqueue && commits, second == Act::Enqueue];
            drain(&world, &stage, settled, enqueued, &what).await;
            if first == Act::Maintain || second == Act::Maintain {
                forget_all(&mut world, &what).await;
            }
        }
    }
}

/// Runs whatever there is, and looks whether that is everything.
async fn drain(world: &World, stage: &Stage, settled: bool, enqueued: [bool; 2], what: &str) {
    let h = &world.h;
    h.recount().await;
    for worker in stage.workers {
        h.store.leave(worker).await.unwrap();
    }
    h.rescue().await;
    h.promote().await;
    let hand = h.hand_for(DAY * 1000).await;
    let mut ran = HashSet::new();
    loop {
        let claimed = hand.claim(2).await;
        if claimed.is_empty() {
            break;
        }
        for job in claimed {
            assert!(ran.insert(job.id), "{what}: {} ran twice", job.id);
            h.settle(&job, DONE).await;
        }
    }
    hand.leave().await;
    assert!(
        !settled || !ran.contains(&stage.running[0]),
        "{what}: it had ended"
    );
    let mut ids = stage.running.clone();
    ids.extend(&stage.waiting);
    ids.push(stage.scheduled);
    for (side, id) in stage.new.into_iter().enumerate() {
        if enqueued[side] {
            ids.push(id);
        } else {
            assert_eq!(h.find(id).await, None, "{what}");
        }
    }
    for id in ids {
        let state = h.state(id).await;
        let ended = matches!(state, State::Completed | State::Cancelled);
        assert!(ended, "{what}: {id} is {state}");
        assert!(
            state == State::Cancelled || ran.contains(&id) || settled,
            "{what}: {id}"
        );
    }
    h.recount().await;
}

/// Nothing is left of jobs that were forgotten.
async fn forget_all(world: &mut World, what: &str) {
    while world.h.prune(Duration::ZERO, 1000).await.more {}
    world.maintain_all().await;
    let left = world.value("select count(*) from windlass.job").await;
    assert_eq!(left, "0", "{what}");
}

macro_rules! plays {
    ($($name:ident: $act:ident,)*) => {$(
        #[tokio::test]
        async fn $name() {
            play(Act::$act).await;
        }
    )*};
}

plays! {
    an_open_enqueue: Enqueue,
    an_open_claim: Claim,
    an_open_claim_that_splits: ClaimSome,
    an_open_settle: Settle,
    an_open_rescue: Rescue,
    an_open_cancel_of_what_waits: CancelWaiting,
    an_open_cancel_of_what_runs: CancelRunning,
    an_open_cancel_of_what_is_scheduled: CancelScheduled,
    an_open_promote: Promote,
    an_open_run_now: RunNow,
    an_open_drop_of_a_partition: Maintain,
}
