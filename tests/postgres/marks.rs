//! Marks on a server: what the search through small worlds (`tests/marks`) found once.

use shared::job::JobId;
use std::time::Duration;
use windlass_tests::make::{job, jobs, priority};

use crate::world::World;

#[tokio::test]
async fn what_is_left_of_a_chunk_is_found_though_other_lanes_follow() {
    let world = World::new().await;
    let first = world.h.enqueue_all(jobs(3)).await;
    let later = world.h.enqueue(job().priority(priority(9))).await;
    let hand = world.h.hand().await;
    assert_eq!(hand.claim(2).await.len(), 2);
    let rest: Vec<JobId> = hand.claim(9).await.iter().map(|job| job.id).collect();
    assert_eq!(rest, [first[2], later]);
}

/// Where a claim waits that has its snapshot and has not scanned: at a lock that the test puts
/// there.
const GATE: &str = "do $$ declare v_text text := \
    pg_get_functiondef('windlass.claim'::regproc); \
    begin \
      if v_text !~ 'v_tids := ''\\{\\}'';' then raise 'the claim has no such line'; end if; \
      execute replace(v_text, 'v_tids := ''{}'';', \
        'perform pg_advisory_xact_lock(42); v_tids := ''{}'';'); \
    end $$";

#[tokio::test]
async fn what_begins_between_the_snapshot_and_the_scan_is_not_passed_over() {
    let mut world = World::new().await;
    world.sql(GATE).await;
    let templates = world.h.enqueue_all(jobs(2)).await;
    let hand = world.h.hand().await;
    assert_eq!(hand.claim(9).await.len(), 2);
    let mut gate = world.session().await;
    gate.run("begin; select pg_advisory_xact_lock(42)")
        .await
        .unwrap();
    let mut open = world.session().await;
    let mut done = world.session().await;
    let between = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        // As an enqueue does it, of jobs whose bodies are there.
        let ready = |id: JobId| {
            format!(
                "insert into windlass.ready \
                   (queue_id, lane, no, ids, min_id, max_id, available_at, put_off) \
                 select queue_id, 9, nextval('windlass.place'), array[id], id, id, now(), false \
                 from windlass.job where id = '{id}'"
            )
        };
        open.run("begin").await.unwrap();
        open.run(&ready(templates[0])).await.unwrap();
        done.run(&ready(templates[1])).await.unwrap();
        gate.run("commit").await.unwrap();
    };
    let (claimed, ()) = tokio::join!(hand.claim(1), between);
    assert_eq!(claimed.len(), 1);
    open.run("commit").await.unwrap();
    let late: Vec<JobId> = hand.claim(9).await.iter().map(|job| job.id).collect();
    assert_eq!(late, [templates[0]]);
}
