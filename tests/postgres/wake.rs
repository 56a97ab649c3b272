//! Hints from process to process.

use shared::{
    clock::Clock,
    job::{NewJob, QueueName},
    store::{
        Hint, Store, Wake, Wakeups, open,
        postgres::admin::{Admin, Scratch},
    },
};
use std::{sync::Arc, time::Duration};
use windlass_tests::{
    backends::postgres::database,
    make::{job_in, queue},
    server,
};

/// Until a hint that must come is given up for lost.
const PATIENCE: Duration = Duration::from_secs(30);

async fn next(wakeups: &mut Wakeups) -> Hint {
    let hint = tokio::time::timeout(PATIENCE, wakeups.next()).await;
    hint.expect("there is a hint")
}

async fn comes(wakeups: &mut Wakeups, expected: Hint) {
    while next(wakeups).await != expected {}
}

fn available(name: &str) -> Hint {
    Hint::Available(queue(name))
}

async fn open_at(database: &Scratch) -> Arc<dyn Store> {
    open(database.url(), Clock::system()).await.unwrap()
}

/// A store, and its hints from when others' come too.
async fn listening(database: &Scratch) -> (Arc<dyn Store>, Wakeups) {
    let store = open_at(database).await;
    let mut wakeups = store.wakeups();
    comes(&mut wakeups, Hint::Any).await;
    (store, wakeups)
}

#[tokio::test]
async fn what_one_process_does_is_hinted_at_in_another() {
    let database = database().await;
    let here = open_at(&database).await;
    let (there, mut wakeups) = listening(&database).await;
    assert_eq!(there.capabilities().wake, Wake::Everywhere);
    let jobs = |name: &'static str| -> Vec<NewJob> { (0..100).map(|_| job_in(name)).collect() };
    here.enqueue(jobs("mail")).await.unwrap();
    assert_eq!(next(&mut wakeups).await, available("mail"));
    let id = here.enqueue(vec![job_in("mail").delay(PATIENCE)]).await;
    assert_eq!(id.unwrap().len(), 1);
    comes(&mut wakeups, Hint::Scheduled).await;
    // Whoever ends at once has told before.
    here.enqueue(jobs("last")).await.unwrap();
    here.close().await;
    comes(&mut wakeups, available("last")).await;
    there.close().await;
}

#[tokio::test]
async fn a_process_does_not_take_its_own_hints_for_anothers() {
    let database = database().await;
    let (here, mut own) = listening(&database).await;
    let (there, mut foreign) = listening(&database).await;
    for _ in 0..5 {
        here.enqueue(vec![job_in("mail")]).await.unwrap();
        // Once the other process was told, this one has had as long to be told too.
        comes(&mut foreign, available("mail")).await;
        assert_eq!(next(&mut own).await, available("mail"));
    }
    there.enqueue(vec![job_in("other")]).await.unwrap();
    assert_eq!(next(&mut own).await, available("other"));
    here.close().await;
    there.close().await;
}

#[tokio::test]
async fn whoever_notifies_in_sql_wakes_everybody() {
    let database = database().await;
    let (store, mut wakeups) = listening(&database).await;
    let mut admin = Admin::connect(database.url()).await.unwrap();
    admin.execute("notify windlass").await.unwrap();
    assert_eq!(next(&mut wakeups).await, Hint::Any);
    admin.close().await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn a_listener_that_lost_its_connection_makes_another_and_says_that_it_missed_something() {
    let database = database().await;
    let here = open_at(&database).await;
    let (there, mut wakeups) = listening(&database).await;
    let mut admin = Admin::connect(server::postgres::url()).await.unwrap();
    for _ in 0..3 {
        let listeners = format!(
            "select pg_terminate_backend(pid) from pg_stat_activity \
             where datname = '{}' and query ilike 'listen%'",
            database.name()
        );
        admin.execute(&listeners).await.unwrap();
        comes(&mut wakeups, Hint::Any).await;
        here.enqueue(vec![job_in("mail")]).await.unwrap();
        comes(&mut wakeups, available("mail")).await;
        assert_eq!(there.capabilities().wake, Wake::Everywhere);
    }
    assert_eq!(
        there.queues().await.unwrap()[0].name,
        QueueName::new("mail").unwrap()
    );
    here.close().await;
    there.close().await;
}
