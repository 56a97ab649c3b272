//! Hints from process to process.

use shared::{
    clock::Clock,
    store::{Hint, Store, Wake, Wakeups, open},
};
use std::{sync::Arc, time::Duration};
use windlass_tests::{
    harness::{LEASE, worker_info},
    make::{job_in, jobs, queue, want},
    server::redis::PrivateServer,
};

/// Until a hint that must come is given up for lost.
const PATIENCE: Duration = Duration::from_secs(30);

async fn comes(wakeups: &mut Wakeups, expected: Hint) {
    let wait = async { while wakeups.next().await != expected {} };
    let came = tokio::time::timeout(PATIENCE, wait).await;
    assert!(came.is_ok(), "no {expected:?}");
}

/// A store, and its hints from when others' come too.
async fn listening(url: &str) -> (Arc<dyn Store>, Wakeups) {
    let store = open(url, Clock::system()).await.unwrap();
    let mut wakeups = store.wakeups();
    comes(&mut wakeups, Hint::Any).await;
    (store, wakeups)
}

#[tokio::test]
async fn what_one_process_does_is_hinted_at_in_another() {
    let server = PrivateServer::start(&[]).await;
    let here = open(&server.url(), Clock::system()).await.unwrap();
    let (there, mut wakeups) = listening(&server.url()).await;
    assert_eq!(there.capabilities().wake, Wake::Everywhere);
    here.enqueue(vec![job_in("mail")]).await.unwrap();
    comes(&mut wakeups, Hint::Available(queue("mail"))).await;
    here.enqueue(vec![job_in("mail").delay(PATIENCE)])
        .await
        .unwrap();
    comes(&mut wakeups, Hint::Scheduled).await;
    let ids: Vec<_> = here
        .list(shared::store::ListParams::default())
        .await
        .unwrap()
        .items;
    let waiting = ids.iter().map(|job| job.id).collect();
    let reason = "not needed".to_owned();
    let params = shared::store::CancelParams {
        ids: waiting,
        reason,
    };
    here.cancel(params).await.unwrap();
    comes(&mut wakeups, Hint::Ended).await;
    there.close().await;
}

#[tokio::test]
async fn a_worker_that_waits_is_told_when_there_is_something_again() {
    let server = PrivateServer::start(&[]).await;
    let here = open(&server.url(), Clock::system()).await.unwrap();
    let (there, mut wakeups) = listening(&server.url()).await;
    let worker = there.register(worker_info("w"), LEASE).await.unwrap();
    let mut claimed = 0;
    for claim in 1..=5 {
        here.enqueue(jobs(3)).await.unwrap();
        comes(&mut wakeups, Hint::Available(queue("default"))).await;
        let (wants, max) = (vec![want("default", 9)], 9);
        let params = shared::store::ClaimParams {
            worker,
            claim,
            wants,
            max,
        };
        claimed += there.claim(params).await.unwrap().len();
    }
    assert_eq!(claimed, 15);
}

#[tokio::test]
async fn who_does_not_hear_says_so_and_hears_again() {
    let mut server = PrivateServer::start(&[]).await;
    let (there, mut wakeups) = listening(&server.url()).await;
    server.kill();
    while there.capabilities().wake == Wake::Everywhere {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.restart().await;
    comes(&mut wakeups, Hint::Any).await;
    assert_eq!(there.capabilities().wake, Wake::Everywhere);
    let here = open(&server.url(), Clock::system()).await.unwrap();
    here.enqueue(vec![job_in("mail")]).await.unwrap();
    comes(&mut wakeups, Hint::Available(queue("mail"))).await;
}
