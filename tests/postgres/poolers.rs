//! Through a pooler that gives every transaction another connection to the server.

use shared::{
    clock::Clock,
    job::{NewJob, State, outcome::Ending},
    patience::chain,
    shutdown::{Shutdown, Tasks},
    store::{
        ClaimParams, Filter, HeartbeatParams, Hint, ListParams, Settled, Store, Wake, Want, open,
    },
};
use std::{sync::Arc, time::Duration};
use windlass_tests::{
    harness::{LEASE, worker_info},
    make::{end_of, job, job_in, jobs, queue},
    server::postgres::{PrivateServer, pooler::Pooler},
};
use worker::{Settings, Worker};

async fn at(url: &str) -> Arc<dyn Store> {
    open(url, Clock::system()).await.unwrap()
}

/// What a worker of one queue does, and somebody who looks.
async fn one_worker(store: &dyn Store, number: usize) {
    let name = format!("q{number}");
    let worker = store.register(worker_info(&name), LEASE).await.unwrap();
    for claim in 1..=10 {
        let batch = (0..5).map(|_| job_in(&name)).collect();
        store.enqueue(batch).await.unwrap();
        let params = ClaimParams {
            worker,
            claim,
            wants: vec![Want {
                queue: queue(&name),
                max: 5,
            }],
            max: 5,
        };
        let claimed = store.claim(params).await.unwrap();
        assert_eq!(claimed.len(), 5);
        let beat = HeartbeatParams {
            worker,
            lease: LEASE,
            progress: Vec::new(),
        };
        assert!(store.heartbeat(beat).await.unwrap().cancel.is_empty());
        let ends = claimed
            .iter()
            .map(|job| end_of(job, Ending::Complete { result: None }));
        let settled = store.settle(ends.collect()).await.unwrap();
        assert_eq!(settled, [Settled::Kept(State::Completed); 5]);
        let filter = Filter {
            queues: [queue(&name)].into(),
            ..Filter::default()
        };
        let params = ListParams {
            filter,
            cursor: None,
            limit: 100,
        };
        let page = store.list(params).await.unwrap();
        assert_eq!(page.items.len(), usize::try_from(claim).unwrap() * 5);
    }
    assert_eq!(store.leave(worker).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_goes_through_a_pooler_that_is_told_of() {
    let server = PrivateServer::start().await;
    let pooler = Pooler::start(&server).await;
    let url = format!("{}&pooler=transaction&pool_max=8", pooler.url(&server));
    // The schema too.
    let store = at(&url).await;
    assert_eq!(store.capabilities().wake, Wake::Local);
    let workers = (0..8).map(|number| one_worker(&*store, number));
    futures_util::future::join_all(workers).await;

    let producer = at(&url).await;
    let (shutdown, tasks) = (Shutdown::new(), Tasks::new());
    let settings = Settings {
        poll: Duration::from_secs(1),
        ..Settings::default()
    };
    let worker = Worker::builder(Arc::clone(&store))
        .settings(settings)
        .alone();
    let worker = worker.handle("noop", |_, (): ()| std::future::ready(()));
    tasks.spawn(worker.build().unwrap().run(shutdown.clone()));
    let batch: Vec<NewJob> = jobs(500);
    let ids: Vec<_> = batch.iter().map(|job| job.id).collect();
    producer.enqueue(batch).await.unwrap();
    loop {
        let found = producer.get(ids.clone()).await.unwrap();
        let mut found = found.into_iter().flatten();
        if found.all(|job| job.summary.state == State::Completed) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    shutdown.drain();
    tasks.finished().await;
    store.close().await;
    producer.close().await;
}

#[tokio::test]
async fn hints_come_from_the_server_itself_where_that_is_known() {
    let server = PrivateServer::start().await;
    let pooler = Pooler::start(&server).await;
    let through = format!("{}&pooler=transaction", pooler.url(&server));
    let here = at(&through).await;
    let there = at(&format!("{through}&listen=127.0.0.1:{}", server.port())).await;
    let mut wakeups = there.wakeups();
    assert_eq!(wakeups.next().await, Hint::Any);
    assert_eq!(there.capabilities().wake, Wake::Everywhere);
    here.enqueue(vec![job()]).await.unwrap();
    assert_eq!(wakeups.next().await, Hint::Available(queue("default")));
    here.close().await;
    there.close().await;
}

#[tokio::test]
async fn a_pooler_that_nobody_told_of_is_recognised() {
    let server = PrivateServer::start().await;
    let pooler = Pooler::start(&server).await;
    let url = pooler.url(&server);
    let (one, two) = (at(&url).await, at(&url).await);
    let told = loop {
        let (queues, now) = tokio::join!(one.queues(), two.now());
        if let Some(refused) = queues.err().or(now.err()) {
            break chain(&refused);
        }
    };
    assert!(told.contains("add pooler=transaction to it"), "{told}");
    one.close().await;
    two.close().await;
}
