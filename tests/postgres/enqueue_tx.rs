//! Enqueueing from Rust in a transaction of the caller's.

use shared::{
    job::{NewJob, State, UniquePolicy},
    store::{
        Enqueued, Error, Hint, JobStore, Store,
        postgres::sqlx::{Connection, Row},
    },
};
use std::time::Duration;
use windlass_tests::make::{job, job_in, jobs, unique};

use crate::place::{Place, row, run};

const NEW: Enqueued = Enqueued::New(State::Available);

#[tokio::test]
async fn jobs_are_there_with_the_commit_and_not_without_it() {
    let place = Place::new().await;
    let mut sql = place.connect().await;
    run(&mut sql, "create table orders (id bigint)")
        .await
        .unwrap();
    for commits in [false, true] {
        let mut transaction = sql.begin().await.unwrap();
        run(&mut transaction, "insert into orders values (1)")
            .await
            .unwrap();
        let batch = jobs(70);
        let (first, last) = (batch[0].id, batch[69].id);
        let accepted = place.store.enqueue_tx(&mut transaction, batch).await;
        assert_eq!(accepted.unwrap(), [NEW; 70]);
        assert_eq!(place.detail(first).await, None);
        if commits {
            let mut hints = place.store.wakeups();
            transaction.commit().await.unwrap();
            place.store.committed();
            assert_eq!(hints.next().await, Hint::Any);
        } else {
            transaction.rollback().await.unwrap();
        }
        assert_eq!(place.detail(first).await.is_some(), commits);
        assert_eq!(place.detail(last).await.is_some(), commits);
        let claimed = place.claim("default").await;
        assert_eq!(claimed.len(), if commits { 70 } else { 0 });
    }
    let orders = row(&mut sql, "select count(*) from orders").await;
    assert_eq!(orders.unwrap().get::<i64, _>(0), 1);
}

#[tokio::test]
async fn a_known_id_or_key_does_not_spoil_the_transaction() {
    let place = Place::new().await;
    let mut sql = place.connect().await;
    let known = job();
    place.store.enqueue(vec![known.clone()]).await.unwrap();
    let held = job().unique(unique("k", UniquePolicy::UntilFinished));
    place.store.enqueue(vec![held.clone()]).await.unwrap();

    let mut transaction = sql.begin().await.unwrap();
    let fresh = job();
    let batch = vec![known.clone(), fresh.clone()];
    let accepted = place.store.enqueue_tx(&mut transaction, batch).await;
    assert_eq!(accepted.unwrap(), [Enqueued::Repeated, NEW]);
    let second = job().unique(unique("k", UniquePolicy::UntilFinished));
    let accepted = place.store.enqueue_tx(&mut transaction, vec![second]).await;
    assert_eq!(accepted.unwrap(), [Enqueued::Duplicate { holder: held.id }]);
    let none = place.store.enqueue_tx(&mut transaction, Vec::new()).await;
    assert_eq!(none.unwrap(), []);
    let refused = job().max_attempts(0);
    let refused = place
        .store
        .enqueue_tx(&mut transaction, vec![refused])
        .await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    let mut at_a_time = job();
    at_a_time.due = shared::job::new::Due::At(place.store.now().await.unwrap());
    let accepted = place
        .store
        .enqueue_tx(&mut transaction, vec![at_a_time])
        .await;
    assert_eq!(accepted.unwrap(), [NEW]);
    transaction.commit().await.unwrap();
    assert_eq!(place.claim("default").await.len(), 4);
    assert!(place.detail(fresh.id).await.is_some());
}

#[tokio::test]
async fn a_lost_race_is_one_that_goes_away_when_all_is_made_again() {
    let place = Place::new().await;
    let mut sql = place.connect().await;
    let begin = "begin isolation level repeatable read; select count(*) from windlass.job";
    let same = NewJob {
        queue: job_in("q").queue,
        ..job()
    };
    run(&mut sql, begin).await.unwrap();
    place.store.enqueue(vec![same.clone()]).await.unwrap();
    let lost = place.store.enqueue_tx(&mut sql, vec![same.clone()]).await;
    let lost = lost.unwrap_err();
    assert!(lost.is_transient(), "{lost:?}");
    assert!(!matches!(
        lost,
        Error::Unavailable {
            maybe_applied: true,
            ..
        }
    ));
    run(&mut sql, "rollback").await.unwrap();
    run(&mut sql, begin).await.unwrap();
    let again = place.store.enqueue_tx(&mut sql, vec![same]).await;
    assert_eq!(again.unwrap(), [Enqueued::Repeated]);
    run(&mut sql, "commit").await.unwrap();
}

#[tokio::test]
async fn later_means_later() {
    let place = Place::new().await;
    let mut sql = place.connect().await;
    let mut transaction = sql.begin().await.unwrap();
    let late = job().delay(Duration::from_hours(1));
    let id = late.id;
    let accepted = place.store.enqueue_tx(&mut transaction, vec![late]).await;
    assert_eq!(accepted.unwrap(), [Enqueued::New(State::Scheduled)]);
    transaction.commit().await.unwrap();
    assert_eq!(place.counted("default", State::Scheduled).await, 1);
    let detail = place.detail(id).await.unwrap();
    let due = detail.summary.accepted_at + Duration::from_hours(1);
    assert_eq!(detail.summary.due_at, Some(due));
}
