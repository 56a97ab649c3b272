//! A server that follows the first: it answers lists as long as it can, and may become the first.

use shared::{
    clock::Clock,
    job::{JobId, NewJob, State},
    patience::chain,
    store::{
        Enqueued, Error, Filter, ListParams, Store, open,
        postgres::admin::{Scratch, Session},
    },
};
use std::{sync::Arc, time::Duration};
use windlass_tests::{
    backends::postgres::database,
    make::{job, jobs},
    server::postgres::PrivateServer,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// The URL of a database, with the option of where to list.
fn with_replica(url: &str, replica: &str) -> String {
    let more = if url.contains('?') { '&' } else { '?' };
    format!("{url}{more}replica={replica}")
}

/// Where a database is: `host:port/name`.
fn place_of(database: &Scratch) -> &str {
    let url = database.url();
    let (_, place) = url.rsplit_once('@').unwrap();
    place.split('?').next().unwrap()
}

async fn listed(store: &dyn Store, filter: Filter) -> Vec<JobId> {
    let params = ListParams {
        filter,
        cursor: None,
        limit: 10,
    };
    let page = store.list(params).await.unwrap();
    page.items.iter().map(|job| job.id).collect()
}

/// Every job that is listed, newest first.
async fn all(store: &dyn Store) -> Vec<JobId> {
    listed(store, Filter::default()).await
}

async fn filled(database: &Scratch, job: &NewJob) {
    let store = open(database.url(), Clock::system()).await.unwrap();
    store.enqueue(vec![job.clone()]).await.unwrap();
    store.close().await;
}

/// Two databases that have nothing to do with each other tell who answered.
#[tokio::test]
async fn lists_come_from_the_replica_and_everything_else_from_the_first() {
    let (first, replica) = (database().await, database().await);
    let (here, there) = (job(), job());
    filled(&first, &here).await;
    filled(&replica, &there).await;
    let url = with_replica(first.url(), place_of(&replica));
    let store = open(&url, Clock::system()).await.unwrap();
    assert_eq!(all(&*store).await, [there.id]);
    for state in [State::Available, State::Completed] {
        let filter = Filter {
            states: [state].into(),
            ..Filter::default()
        };
        let expected: &[JobId] = if state == State::Available {
            &[there.id]
        } else {
            &[]
        };
        assert_eq!(listed(&*store, filter).await, expected);
    }
    let found = store.get(vec![here.id, there.id]).await.unwrap();
    assert!(found[0].is_some() && found[1].is_none());
    // What is replayed is looked up like this, and must not come up again.
    let dead = Filter {
        open_dead_letters: true,
        ..Filter::default()
    };
    assert_eq!(listed(&*store, dead).await, [here.id]);
    let more = store.enqueue(jobs(1)).await.unwrap();
    assert_eq!(more, [Enqueued::New(State::Available)]);
    assert_eq!(all(&*store).await, [there.id]);
    store.close().await;
}

#[tokio::test]
async fn a_replica_that_will_not_do_is_passed_over() {
    let first = database().await;
    let here = job();
    filled(&first, &here).await;
    for damage in [
        "drop schema windlass cascade",
        "delete from windlass.migration where number = (select max(number) from windlass.migration)",
        "insert into windlass.migration values (9999, 'future', 'x', true, now())",
        "alter table windlass.job rename to elsewhere",
    ] {
        let replica = database().await;
        filled(&replica, &job()).await;
        let mut session = Session::open(replica.url(), PATIENCE).await.unwrap();
        session.run(damage).await.unwrap();
        let url = with_replica(first.url(), place_of(&replica));
        let store = open(&url, Clock::system()).await.unwrap();
        assert_eq!(all(&*store).await, [here.id], "{damage}");
        store.close().await;
    }
    let place = place_of(&first).replace(first.name(), "none_such");
    for nowhere in ["127.0.0.1:1", &place] {
        let url = with_replica(first.url(), nowhere);
        let store = open(&url, Clock::system()).await.unwrap();
        for _ in 0..2 {
            assert_eq!(all(&*store).await, [here.id], "{nowhere}");
        }
        store.close().await;
    }
}

/// Waits until a job is listed.
async fn comes(store: &dyn Store, id: JobId) {
    let comes = async {
        while !all(store).await.contains(&id) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, comes).await;
    waited.expect("it is listed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stands_by_answers_lists_and_takes_over() {
    let mut first = PrivateServer::start().await;
    let before = open(&first.url(), Clock::system()).await.unwrap();
    before.close().await;
    let mut standby = first.standby().await;
    let url = with_replica(&first.url(), &format!("127.0.0.1:{}", standby.port()));
    let store = open(&url, Clock::system()).await.unwrap();
    let one = job();
    store.enqueue(vec![one.clone()]).await.unwrap();
    comes(&*store, one.id).await;

    // Lists need the first no more; everything else does.
    first.kill();
    assert_eq!(all(&*store).await, [one.id]);
    let away = store.get(vec![one.id]).await.unwrap_err();
    assert!(away.is_transient(), "{away:?}");
    store.close().await;

    let follower = open(&standby.url(), Clock::system()).await.unwrap();
    let found = follower.get(vec![one.id]).await.unwrap();
    assert!(found[0].is_some());
    assert_eq!(all(&*follower).await, [one.id]);
    let two = vec![job()];
    let refused = follower.enqueue(two.clone()).await.unwrap_err();
    let told = chain(&refused);
    assert!(told.contains("the server only reads"), "{told}");
    assert!(!matches!(refused, Error::Unavailable { maybe_applied, .. } if maybe_applied));
    standby.promote();
    let accepted = until_accepted(&follower, &two).await;
    assert_eq!(accepted, [Enqueued::New(State::Available)]);
    assert_eq!(all(&*follower).await, [two[0].id, one.id]);
    follower.close().await;
    standby.kill();
}

/// Enqueues until the server writes.
async fn until_accepted(store: &Arc<dyn Store>, jobs: &[NewJob]) -> Vec<Enqueued> {
    let accepted = async {
        loop {
            match store.enqueue(jobs.to_vec()).await {
                Ok(accepted) => return accepted,
                Err(refused) => assert!(refused.is_transient(), "{refused:?}"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let accepted = tokio::time::timeout(PATIENCE, accepted).await;
    accepted.expect("it becomes the first")
}
