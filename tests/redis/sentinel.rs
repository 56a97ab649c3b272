//! Servers that sentinels watch: the first one is found, and so is the one that takes its place.

use shared::{
    clock::Clock,
    job::NewJob,
    store::{Enqueued, Store, open},
};
use std::{fs, time::Duration};
use windlass_tests::{make::jobs, server::redis::PrivateServer};

/// A sentinel that watches a server.
async fn watching(first: &PrivateServer) -> PrivateServer {
    let mut sentinel = PrivateServer::prepare(&[]);
    let file = sentinel.dir().join("sentinel.conf");
    let port = first.port();
    fs::write(&file, format!("sentinel monitor main 127.0.0.1 {port} 1\n")).unwrap();
    sentinel
        .start_as(&[file.to_str().unwrap(), "--sentinel"])
        .await;
    sentinel
}

/// Enqueues jobs however long nobody takes any; answers how many were taken.
async fn enqueue(store: &dyn Store, jobs: Vec<NewJob>) -> usize {
    loop {
        match store.enqueue(jobs.clone()).await {
            Ok(answer) => {
                let kept = |one: &&Enqueued| !matches!(one, Enqueued::Duplicate { .. });
                return answer.iter().filter(kept).count();
            }
            Err(error) => assert!(error.is_transient(), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_server_that_takes_over_is_found() {
    let first = PrivateServer::start(&[]).await;
    let port = first.port().to_string();
    let second = PrivateServer::start(&["--replicaof", "127.0.0.1", &port]).await;
    second.until("master_link_status:up").await;
    let sentinel = watching(&first).await;
    let url = format!("redis+sentinel://127.0.0.1:{}/main", sentinel.port());
    let store = open(&url, Clock::system()).await.unwrap();
    assert_eq!(enqueue(&*store, jobs(20)).await, 20);
    let mut to_first = first.connect().await;
    let mut wait = redis::cmd("WAIT");
    let replicas: i64 = wait.arg(1).arg(0).query_async(&mut to_first).await.unwrap();
    assert_eq!(replicas, 1);
    // The sentinel learns of the second from the first, now and then.
    let mut to_sentinel = sentinel.connect().await;
    let mut failover = redis::cmd("SENTINEL");
    failover.arg(&["FAILOVER", "main"]);
    while failover.exec_async(&mut to_sentinel).await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    second.until("role:master").await;
    first.until("role:slave").await;
    assert_eq!(enqueue(&*store, jobs(20)).await, 20);
    let mut to_second = second.connect().await;
    let mut count = redis::cmd("HLEN");
    let kept: usize = count
        .arg("{windlass}:job")
        .query_async(&mut to_second)
        .await
        .unwrap();
    assert_eq!(kept, 40);
}

#[tokio::test]
async fn a_name_that_sentinels_do_not_know_is_told() {
    let first = PrivateServer::start(&[]).await;
    let sentinel = watching(&first).await;
    let url = format!("redis+sentinel://127.0.0.1:{}/other", sentinel.port());
    let refused = open(&url, Clock::system()).await.err().unwrap();
    assert!(refused.to_string().contains("\"other\""), "{refused}");
}
