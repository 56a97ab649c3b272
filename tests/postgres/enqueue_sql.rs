//! Enqueueing by the SQL functions, in transactions that commit, roll back and stay open. What they
//! are given: `enqueue_args`.

use shared::{
    clock::Clock,
    job::{JobId, NewJob, State, UniquePolicy},
    shutdown::Shutdown,
    store::{Enqueued, JobStore, ListParams, postgres::sqlx::Row},
};
use std::time::Duration;
use worker::{Context, Done, Worker};

use crate::place::{Place, id, row, run, told};

#[tokio::test]
async fn a_job_is_there_when_the_transaction_commits_and_never_was_when_it_does_not() {
    let place = Place::new().await;
    let mut sql = place.connect().await;
    let table = "create table orders (id bigint)";
    run(&mut sql, table).await.unwrap();
    run(&mut sql, "begin").await.unwrap();
    let gone = id(&mut sql, "select windlass.enqueue('mail.send')").await;
    run(&mut sql, "insert into orders values (1); rollback")
        .await
        .unwrap();
    assert_eq!(place.detail(gone.unwrap()).await, None);

    run(&mut sql, "begin; insert into orders values (2)")
        .await
        .unwrap();
    let made = "select windlass.enqueue('mail.send', '{\"to\": 7}')";
    let made = id(&mut sql, made).await.unwrap();
    assert_eq!(place.detail(made).await, None);
    assert_eq!(place.claim_ids("default").await, []);
    run(&mut sql, "commit").await.unwrap();
    let job = place.detail(made).await.unwrap();
    assert_eq!(job.summary.state, State::Available);
    assert_eq!(job.summary.max_attempts, 25);
    assert_eq!(&job.args.bytes()[..], b"{\"to\": 7}");
    assert_eq!(place.counted("default", State::Available).await, 1);
    let off = job.summary.accepted_at.as_micros() - made.made_at().as_micros();
    assert!((-1000..1_000_000).contains(&off), "{off}");
    assert_eq!(place.claim_ids("default").await, [made]);
}

/// The marks of a claim lie beyond the transaction number of what was enqueued before it and is
/// committed after it.
#[tokio::test]
async fn what_stays_open_for_long_holds_nobody_up_and_is_found_at_its_end() {
    let place = Place::new().await;
    let mut slow = place.connect().await;
    run(&mut slow, "begin").await.unwrap();
    let late = id(&mut slow, "select windlass.enqueue('late')").await;
    // The first use of a queue's name waits for its end; this name is known to this transaction
    // alone, so the rest goes to another.
    let mut quick = place.connect().await;
    run(&mut quick, "select windlass.enqueue('quick', queue => 'q')")
        .await
        .unwrap();
    run(&mut slow, "savepoint s").await.unwrap();
    let nested = "select windlass.enqueue('late', queue => 'q')";
    let nested = id(&mut slow, nested).await.unwrap();
    run(&mut slow, "release savepoint s").await.unwrap();
    for turn in 0..3 {
        let more = "select windlass.enqueue('quick', queue => 'q')";
        let more = id(&mut quick, more).await.unwrap();
        let claimed = place.claim_ids("q").await;
        assert_eq!(claimed.last(), Some(&more), "{turn}");
        assert!(!claimed.contains(&nested));
    }
    run(&mut slow, "commit").await.unwrap();
    assert_eq!(place.claim_ids("q").await, [nested]);
    assert_eq!(place.claim_ids("default").await, [late.unwrap()]);
}

#[tokio::test]
async fn an_enqueue_does_not_wait_for_the_lock_that_claims_take() {
    let place = Place::new().await;
    let mut sql = place.connect().await;
    let first = id(&mut sql, "select windlass.enqueue('a')").await.unwrap();
    let mut claim = place.connect().await;
    let locked = "begin; select windlass.lock_queue(id) from windlass.queue";
    run(&mut claim, locked).await.unwrap();
    run(&mut sql, "set lock_timeout = '100ms'").await.unwrap();
    let second = id(&mut sql, "select windlass.enqueue('a')").await.unwrap();
    let many = "select windlass.enqueue_many('a', array['{}', '1']::jsonb[])";
    run(&mut sql, many).await.unwrap();
    run(&mut claim, "rollback").await.unwrap();
    let claimed = place.claim_ids("default").await;
    assert_eq!(claimed.len(), 4);
    assert_eq!(claimed[..2], [first, second]);
}

#[tokio::test]
async fn an_old_snapshot_enqueues_or_is_told_to_begin_anew() {
    let place = Place::new().await;
    for level in ["repeatable read", "serializable"] {
        let queue = level.replace(' ', "-");
        let begin = format!("begin isolation level {level}; select count(*) from windlass.queue");
        let enqueue = format!("select windlass.enqueue('a', queue => '{queue}')");
        let mut sql = place.connect().await;
        let mut other = place.connect().await;

        // Both make the queue known: one with a snapshot that does not show the other's.
        run(&mut sql, &begin).await.unwrap();
        let theirs = id(&mut other, &enqueue).await.unwrap();
        assert_eq!(told(id(&mut sql, &enqueue).await).0, "40001", "{level}");
        run(&mut sql, "rollback").await.unwrap();
        run(&mut sql, &begin).await.unwrap();
        let ours = id(&mut sql, &enqueue).await.unwrap();
        run(&mut sql, "commit").await.unwrap();
        assert_eq!(place.claim_ids(&queue).await, [theirs, ours]);

        // Many at once do not get into each other's way.
        let mut open = Vec::new();
        for _ in 0..4 {
            let mut sql = place.connect().await;
            run(&mut sql, &begin).await.unwrap();
            open.push(sql);
        }
        for sql in &mut open {
            run(sql, &enqueue).await.unwrap();
            run(
                sql,
                "select windlass.enqueue_many('a', array['1']::jsonb[])",
            )
            .await
            .unwrap();
        }
        for sql in &mut open {
            run(sql, "commit").await.unwrap();
        }
        assert_eq!(place.claim(&queue).await.len(), 4);

        // A key that was taken after the snapshot.
        let keyed = format!(
            "select windlass.enqueue('a', queue => '{queue}', unique_key => 'k', \
             unique_until => 'finished')"
        );
        run(&mut sql, &begin).await.unwrap();
        let holder = id(&mut other, &keyed).await.unwrap();
        assert_eq!(told(id(&mut sql, &keyed).await).0, "40001", "{level}");
        run(&mut sql, "rollback").await.unwrap();
        run(&mut sql, &begin).await.unwrap();
        assert_eq!(id(&mut sql, &keyed).await.unwrap(), holder);
        run(&mut sql, "commit").await.unwrap();
    }
}

#[tokio::test]
async fn one_job_at_a_time_holds_a_unique_key() {
    let place = Place::new().await;
    let mut sql = place.connect().await;
    let ask = |rest: &str| {
        format!("select job_id, verdict from windlass.try_enqueue('a', unique_key => 'k', {rest})")
    };
    let asked = async |sql: &mut _, rest: &str| {
        let row = row(sql, &ask(rest)).await.unwrap();
        (row.get::<JobId, _>(0), row.get::<String, _>(1))
    };
    let (holder, verdict) = asked(&mut sql, "unique_until => 'started'").await;
    assert_eq!(verdict, "new");
    let again = asked(&mut sql, "unique_for => '1 hour'").await;
    assert_eq!(again, (holder, "duplicate".to_owned()));
    let simple = "select windlass.enqueue('a', unique_key => 'k', unique_until => 'finished')";
    assert_eq!(id(&mut sql, simple).await.unwrap(), holder);
    assert_eq!(place.claim_ids("default").await, [holder]);
    let (second, verdict) = asked(&mut sql, "unique_for => '1 hour'").await;
    assert_eq!((second != holder, &*verdict), (true, "new"));
    let unique = place.detail(second).await.unwrap().unique.unwrap();
    let hour = UniquePolicy::Window(Duration::from_hours(1));
    assert_eq!((unique.key.as_str(), unique.policy), ("k", hour));

    let known = format!("id => '{second}', unique_for => '1 hour'");
    assert_eq!(
        asked(&mut sql, &known).await,
        (second, "repeated".to_owned())
    );
    assert_eq!(place.counted("default", State::Available).await, 1);
}

#[tokio::test]
async fn who_waits_for_a_key_gets_it_when_the_other_rolls_back() {
    let place = Place::new().await;
    let keyed = "select windlass.enqueue('a', unique_key => 'k', unique_until => 'finished')";
    for end in ["rollback", "commit"] {
        let mut one = place.connect().await;
        let mut other = place.connect().await;
        // So that the key is what is waited for, not the queue's name.
        run(&mut one, "select windlass.enqueue('b')").await.unwrap();
        run(&mut one, "begin").await.unwrap();
        let first = id(&mut one, keyed).await.unwrap();
        let backend = row(&mut other, "select pg_backend_pid()").await.unwrap();
        let waits = format!(
            "select wait_event_type is not distinct from 'Lock' from pg_stat_activity where pid = {}",
            backend.get::<i32, _>(0)
        );
        let mut watch = place.connect().await;
        let (second, ()) = tokio::join!(id(&mut other, keyed), async {
            while !row(&mut watch, &waits).await.unwrap().get::<bool, _>(0) {
                tokio::task::yield_now().await;
            }
            run(&mut one, end).await.unwrap();
        });
        let second = second.unwrap();
        assert_eq!(second == first, end == "commit");
        assert!(place.detail(second).await.is_some());
        run(&mut one, "delete from windlass.unique_key")
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn many_stand_in_chunks_in_the_order_of_their_args() {
    let place = Place::new().await;
    let mut sql = place.connect().await;
    let many = "select array_agg(x) from windlass.enqueue_many('a', \
                array(select to_jsonb(n) from generate_series(1, 130) n), tags => array['t']) x";
    let ids: Vec<JobId> = row(&mut sql, many).await.unwrap().get(0);
    assert_eq!(ids.len(), 130);
    assert!(ids.is_sorted());
    let chunks = row(
        &mut sql,
        "select array_agg(cardinality(ids)) from windlass.ready",
    )
    .await;
    assert_eq!(chunks.unwrap().get::<Vec<i32>, _>(0), [64, 64, 2]);
    let claimed = place.claim("default").await;
    for (at, (job, id)) in claimed.iter().zip(&ids).enumerate() {
        assert_eq!((job.id, job.args.decode::<usize>().unwrap()), (*id, at + 1));
    }
    assert_eq!(claimed.len(), 130);
    let page = place.store.list(ListParams::default()).await.unwrap();
    assert_eq!(page.items.first().map(|job| job.id), ids.last().copied());
    let none = "select count(*) from windlass.enqueue_many('a', '{}')";
    assert_eq!(row(&mut sql, none).await.unwrap().get::<i64, _>(0), 0);
}

#[tokio::test]
async fn ids_made_here_are_ids() {
    let place = Place::new().await;
    let mut sql = place.connect().await;
    let made = "select array_agg(windlass.new_id()) from generate_series(1, 1000)";
    let ids: Vec<JobId> = row(&mut sql, made).await.unwrap().get(0);
    let now = Clock::system().now();
    for id in &ids {
        let age = now.as_micros() - id.made_at().as_micros();
        assert!((0..60_000_000).contains(&age), "{id}: {age}");
    }
    let mut once = ids.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), ids.len());
}

#[tokio::test]
async fn jobs_from_sql_and_from_rust_are_run_by_a_worker() {
    let place = Place::new().await;
    let mut sql = place.connect().await;
    let ours = NewJob::new("double", &4).unwrap();
    let mut ids = vec![ours.id];
    let answer = place.store.enqueue(vec![ours]).await.unwrap();
    assert_eq!(answer, [Enqueued::New(State::Available)]);
    for asked in [
        "select windlass.enqueue('double', '1')",
        "select windlass.enqueue('double', '2', delay => '50 ms')",
        "select windlass.enqueue('double', '3', unique_key => 'k', unique_until => 'finished')",
    ] {
        ids.push(id(&mut sql, asked).await.unwrap());
    }
    let shutdown = Shutdown::new();
    let store = std::sync::Arc::clone(&place.store);
    let double = |_: Context, number: u64| async move { Done(number * 2) };
    let worker = Worker::builder(store).handle("double", double).alone();
    let run = worker.build().unwrap().run(shutdown.clone());
    let watched = async {
        let mut results = Vec::new();
        for id in &ids {
            loop {
                let job = place.detail(*id).await.unwrap();
                if job.summary.state == State::Completed {
                    results.push(String::from_utf8(job.result.unwrap().to_vec()).unwrap());
                    break;
                }
                assert!(!job.summary.state.is_terminal());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        shutdown.drain();
        results
    };
    let ((), results) = tokio::join!(run, watched);
    assert_eq!(results, ["8", "2", "4", "6"]);
    assert_eq!(place.counted("default", State::Completed).await, 4);
    let keys = row(&mut sql, "select count(*) from windlass.unique_key").await;
    assert_eq!(keys.unwrap().get::<i64, _>(0), 0);
}
