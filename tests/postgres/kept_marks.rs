//! The marks that are kept on the server, by which a process begins that remembers none.

use shared::{
    clock::Clock,
    job::{JobId, NewJob},
    store::{
        JobStore,
        postgres::{
            PostgresStore,
            sqlx::{Connection, PgConnection, Row},
        },
    },
};
use windlass_tests::make::jobs;

use crate::place::{Place, row, run};

/// Another process: it remembers nothing.
async fn forget(place: &mut Place) {
    let address = place.database.url().parse().unwrap();
    let opened = PostgresStore::open(&address, Clock::system()).await;
    place.store = opened.unwrap();
}

/// Whoever uses a new name first has others wait until the end of the transaction.
async fn know_the_queue(place: &Place) {
    accept(place, jobs(1)).await;
    assert_eq!(place.claim_ids("default").await.len(), 1);
}

async fn accept(place: &Place, jobs: Vec<NewJob>) -> Vec<JobId> {
    let ids = jobs.iter().map(|job| job.id).collect();
    place.store.enqueue(jobs).await.unwrap();
    ids
}

async fn mark(sql: &mut PgConnection) -> (String, String) {
    let kept = "select marks[12]::text, stragglers::text from windlass.mark";
    let row = row(sql, kept).await.unwrap();
    (row.get(0), row.get(1))
}

/// As if nobody had written for long.
async fn age(sql: &mut PgConnection) {
    let age = "update windlass.mark set written_at = written_at - interval '1 minute'";
    run(sql, age).await.unwrap();
}

#[tokio::test]
async fn what_commits_behind_a_kept_mark_is_found_by_who_begins_there() {
    let mut place = Place::new().await;
    let (mut sql, mut writer) = (place.connect().await, place.connect().await);
    know_the_queue(&place).await;
    let mut open = writer.begin().await.unwrap();
    let late = jobs(1);
    let late_id = late[0].id;
    place.store.enqueue_tx(&mut open, late).await.unwrap();

    let early = accept(&place, jobs(3)).await;
    assert_eq!(place.claim_ids("default").await, early);
    let (begun, _) = mark(&mut sql).await;
    assert_ne!(begun, "0");

    // Others go on from there, and write anew while it is still open.
    for _ in 0..2 {
        forget(&mut place).await;
        age(&mut sql).await;
        let next = accept(&place, jobs(2)).await;
        assert_eq!(place.claim_ids("default").await, next);
    }
    let (now, stragglers) = mark(&mut sql).await;
    assert_ne!(now, begun);
    assert_ne!(stragglers, "{}");
    open.commit().await.unwrap();
    forget(&mut place).await;
    assert_eq!(place.claim_ids("default").await, [late_id]);
}

#[tokio::test]
async fn a_kept_mark_does_not_pass_over_what_a_claim_left() {
    let mut place = Place::new().await;
    let all = accept(&place, jobs(3)).await;
    let some = place.claim_at_most("default", 2).await;
    assert_eq!(some, all[..2]);
    forget(&mut place).await;
    assert_eq!(place.claim_ids("default").await, all[2..]);
}

#[tokio::test]
async fn a_kept_mark_of_another_server_is_not_used() {
    let mut place = Place::new().await;
    let mut sql = place.connect().await;
    accept(&place, jobs(1)).await;
    place.claim_ids("default").await;
    let foreign = "update windlass.mark set marks = array_fill('9000000000000'::xid8, array[20])";
    run(&mut sql, foreign).await.unwrap();
    forget(&mut place).await;
    let ids = accept(&place, jobs(2)).await;
    assert_eq!(place.claim_ids("default").await, ids);
    // It is written anew.
    assert_ne!(mark(&mut sql).await.0, "9000000000000");
}

#[tokio::test]
async fn the_oldest_available_job_is_found_behind_a_kept_mark_as_well() {
    let place = Place::new().await;
    let mut writer = place.connect().await;
    know_the_queue(&place).await;
    let mut open = writer.begin().await.unwrap();
    place.store.enqueue_tx(&mut open, jobs(1)).await.unwrap();
    accept(&place, jobs(1)).await;
    place.claim_ids("default").await;
    assert_eq!(place.oldest("default").await, None);
    open.commit().await.unwrap();
    assert!(place.oldest("default").await.is_some());
    accept(&place, jobs(1)).await;
    let before = place.oldest("default").await;
    assert!(before.is_some());
    place.claim_ids("default").await;
    assert_eq!(place.oldest("default").await, None);
}
