//! Counts: what is added up, while transactions stay open and snapshots are held.

use shared::{
    job::State,
    store::{JobStore, postgres::sqlx::Connection},
};
use windlass_tests::make::jobs;

use crate::place::{Place, run};

#[tokio::test]
async fn what_commits_after_it_was_added_up_counts() {
    let place = Place::new().await;
    // Whoever uses a new name first would have the others wait.
    place.store.enqueue(jobs(1)).await.unwrap();
    let (mut long, mut short) = (place.connect().await, place.connect().await);
    let (mut sql, mut open) = (place.connect().await, long.begin().await.unwrap());
    let accepted = place.store.enqueue_tx(&mut open, jobs(2)).await;
    assert_eq!(accepted.unwrap().len(), 2);

    // Each is under way while others begin, end and are added up.
    for round in 1..=3 {
        let mut next = short.begin().await.unwrap();
        let accepted = place.store.enqueue_tx(&mut next, jobs(10)).await;
        assert_eq!(accepted.unwrap().len(), 10);
        run(&mut sql, "select windlass.fold()").await.unwrap();
        assert_eq!(available(&place).await, 1 + 10 * (round - 1));
        next.commit().await.unwrap();
        assert_eq!(available(&place).await, 1 + 10 * round);
    }
    run(&mut sql, "select windlass.fold()").await.unwrap();
    assert_eq!(available(&place).await, 31);
    open.commit().await.unwrap();
    assert_eq!(available(&place).await, 33);
    for _ in 0..2 {
        run(&mut sql, "select windlass.fold()").await.unwrap();
        assert_eq!(available(&place).await, 33);
    }
}

#[tokio::test]
async fn tables_that_were_copied_to_a_younger_server_count_on() {
    let place = Place::new().await;
    let mut sql = place.connect().await;
    let accepted = place.store.enqueue_tx(&mut sql, jobs(3)).await;
    assert_eq!(accepted.unwrap().len(), 3);
    run(&mut sql, "select windlass.fold()").await.unwrap();
    // The transactions of the server that it was copied from had higher numbers.
    let older = "update windlass.folded set mark = '9000000000000', stragglers = '{8999999999999}'";
    run(&mut sql, older).await.unwrap();
    let accepted = place.store.enqueue_tx(&mut sql, jobs(4)).await;
    assert_eq!(accepted.unwrap().len(), 4);
    assert_eq!(available(&place).await, 7);
    run(&mut sql, "select windlass.fold()").await.unwrap();
    assert_eq!(available(&place).await, 7);
}

async fn available(place: &Place) -> u64 {
    place.counted("default", State::Available).await
}
