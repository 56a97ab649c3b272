//! What a server must be, what it tells, and what happens when it loses everything.

use shared::{
    clock::Clock,
    lease::WorkerId,
    store::{ClaimParams, Durability, Error, Store, open},
};
use std::sync::Arc;
use windlass_tests::{
    harness::{LEASE, worker_info},
    make::{job, jobs, want},
    server::redis::PrivateServer,
};

async fn why_not(url: &str) -> String {
    match open(url, Clock::system()).await {
        Ok(_) => panic!("{url} was opened"),
        Err(Error::Invalid(invalid)) => invalid.to_string(),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_that_may_forget_jobs_is_refused_with_what_helps() {
    let server = PrivateServer::start(&["--maxmemory-policy", "allkeys-lru"]).await;
    let why = why_not(&server.url()).await;
    assert!(why.contains("allkeys-lru"), "{why}");
    let fix = "redis-cli config set maxmemory-policy noeviction";
    assert!(why.contains(fix), "{why}");
    let mut connection = server.connect().await;
    let mut set = redis::cmd("CONFIG");
    set.arg(&["SET", "maxmemory-policy", "noeviction"]);
    set.exec_async(&mut connection).await.unwrap();
    open(&server.url(), Clock::system()).await.unwrap();
}

#[tokio::test]
async fn a_full_server_takes_nothing_more_and_lets_workers_catch_up() {
    let server = PrivateServer::start(&[]).await;
    let store = open(&server.url(), Clock::system()).await.unwrap();
    let worker = store.register(worker_info("w"), LEASE).await.unwrap();
    store.enqueue(jobs(10)).await.unwrap();
    let mut connection = server.connect().await;
    let mut set = redis::cmd("CONFIG");
    set.arg(&["SET", "maxmemory", "1mb"]);
    set.exec_async(&mut connection).await.unwrap();
    let refused = store.enqueue(vec![job()]).await;
    let told = matches!(
        refused,
        Err(Error::Unavailable {
            maybe_applied: false,
            ..
        })
    );
    assert!(told, "{refused:?}");
    assert_eq!(claim(&store, worker, 1).await.unwrap(), 5);
}

async fn claim(store: &Arc<dyn Store>, worker: WorkerId, claim: u64) -> Result<usize, Error> {
    let (wants, max) = (vec![want("default", 5)], 5);
    let params = ClaimParams {
        worker,
        claim,
        wants,
        max,
    };
    store.claim(params).await.map(|jobs| jobs.len())
}

#[tokio::test]
async fn what_survives_what_is_told_as_the_server_has_it() {
    let server = PrivateServer::start(&[]).await;
    let told = || async {
        let store = open(&server.url(), Clock::system()).await.unwrap();
        store.capabilities().durability
    };
    assert_eq!(told().await, Durability::None);
    let mut connection = server.connect().await;
    for (setting, value, durability) in [
        ("appendonly", "yes", Durability::Process),
        ("appendfsync", "always", Durability::Disk),
        ("appendfsync", "no", Durability::Process),
    ] {
        let mut set = redis::cmd("CONFIG");
        set.arg(&["SET", setting, value]);
        set.exec_async(&mut connection).await.unwrap();
        assert_eq!(told().await, durability, "{setting} {value}");
    }
}

#[tokio::test]
async fn waiting_for_disks_is_refused_where_it_cannot_be_done() {
    let server = PrivateServer::start(&[]).await;
    for durability in ["local", "replicated"] {
        let url = format!("{}?durability={durability}", server.url());
        let why = why_not(&url).await;
        assert!(why.contains("asks for durability"), "{why}");
    }
}

#[tokio::test]
async fn a_worker_of_before_is_told_that_a_server_lost_everything() {
    let mut server = PrivateServer::start(&[]).await;
    let store = open(&server.url(), Clock::system()).await.unwrap();
    let before = store.register(worker_info("before"), LEASE).await.unwrap();
    store.enqueue(jobs(5)).await.unwrap();
    assert_eq!(claim(&store, before, 1).await.unwrap(), 5);
    server.restart().await;
    // Workers are counted anew, so another one has its number now.
    let other = open(&server.url(), Clock::system()).await.unwrap();
    let after = other.register(worker_info("after"), LEASE).await.unwrap();
    assert_eq!(after, before);
    other.enqueue(jobs(5)).await.unwrap();
    let refused = claim(&store, before, 2).await;
    assert!(
        matches!(refused, Err(Error::LeaseLost { .. })),
        "{refused:?}"
    );
    assert_eq!(store.leave(before).await.unwrap(), 0);
    assert_eq!(claim(&other, after, 1).await.unwrap(), 5);
}

#[tokio::test]
async fn stores_of_two_prefixes_are_apart() {
    let server = PrivateServer::start(&[]).await;
    let at = |prefix: &str| format!("{}?prefix={prefix}", server.url());
    let one = open(&at("one"), Clock::system()).await.unwrap();
    let other = open(&at("other"), Clock::system()).await.unwrap();
    one.enqueue(vec![job()]).await.unwrap();
    assert_eq!(one.queues().await.unwrap().len(), 1);
    assert_eq!(other.queues().await.unwrap().len(), 0);
}
