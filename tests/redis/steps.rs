//! What is too large for one function is made in steps, and shows nothing of it.

use shared::{
    clock::Clock,
    job::{Args, ClaimedJob, JobId, NewJob},
    store::{ClaimParams, Enqueued, Replay, Replayed, Settled, Store, open},
};
use std::sync::Arc;
use windlass_tests::{
    harness::{LEASE, worker_info},
    make::{DONE, discard, end_of, job, job_in, jobs, want},
    server::redis::PrivateServer,
};

async fn opened() -> (PrivateServer, Arc<dyn Store>) {
    let server = PrivateServer::start(&[]).await;
    let store = open(&server.url(), Clock::system()).await.unwrap();
    (server, store)
}

fn ids(claimed: &[ClaimedJob]) -> Vec<JobId> {
    claimed.iter().map(|job| job.id).collect()
}

#[tokio::test]
async fn a_claim_of_many_is_one_claim() {
    let (_server, store) = opened().await;
    let mut batch: Vec<NewJob> = (0..300).map(|_| job_in("a")).collect();
    batch.extend((0..300).map(|_| job_in("b")));
    let all: Vec<JobId> = batch.iter().map(|job| job.id).collect();
    store.enqueue(batch).await.unwrap();
    let worker = store.register(worker_info("w"), LEASE).await.unwrap();
    let wants = vec![want("b", 200), want("a", 250), want("b", 999)];
    let params = ClaimParams {
        worker,
        claim: 1,
        wants,
        max: 520,
    };
    let claimed = store.claim(params.clone()).await.unwrap();
    let expected = [&all[300..500], &all[..250], &all[500..570]].concat();
    assert_eq!(ids(&claimed), expected);
    // Told again it is the same, in whatever order.
    let mut again = store.claim(params.clone()).await.unwrap();
    again.sort_by_key(|job| job.id);
    let mut first = claimed.clone();
    first.sort_by_key(|job| job.id);
    assert_eq!(again, first);
    let items = claimed.iter().map(|job| end_of(job, DONE)).collect();
    let settled = store.settle(items).await.unwrap();
    assert!(settled.iter().all(|one| matches!(one, Settled::Kept(_))));
    assert_eq!(store.claim(params).await.unwrap(), []);
    assert_eq!(store.workers().await.unwrap()[0].running, 0);
}

#[tokio::test]
async fn a_claim_from_hundreds_of_queues_reaches_the_last() {
    let (_server, store) = opened().await;
    let names: Vec<String> = (0..350).map(|number| format!("q{number}")).collect();
    let last = job_in(&names[349]);
    store.enqueue(vec![last.clone()]).await.unwrap();
    let worker = store.register(worker_info("w"), LEASE).await.unwrap();
    let wants = names.iter().map(|name| want(name, 1)).collect();
    let params = ClaimParams {
        worker,
        claim: 1,
        wants,
        max: 9,
    };
    assert_eq!(ids(&store.claim(params).await.unwrap()), [last.id]);
}

#[tokio::test]
async fn large_args_are_kept_handed_out_and_replayed() {
    let (_server, store) = opened().await;
    let large = |byte: u8| Args::new(vec![byte; 300_000], Some("text/plain")).unwrap();
    let batch: Vec<NewJob> = (0..20)
        .map(|byte| NewJob {
            args: large(byte),
            ..job()
        })
        .collect();
    let answer = store.enqueue(batch.clone()).await.unwrap();
    assert!(answer.iter().all(|one| matches!(one, Enqueued::New(_))));
    let worker = store.register(worker_info("w"), LEASE).await.unwrap();
    let claim = |claim| {
        let (wants, max) = (vec![want("default", 50)], 50);
        store.claim(ClaimParams {
            worker,
            claim,
            wants,
            max,
        })
    };
    let claimed = claim(1).await.unwrap();
    assert_eq!(claimed.len(), 20);
    assert!(
        claimed
            .iter()
            .zip(&batch)
            .all(|(one, other)| one.args == other.args)
    );
    let items = claimed.iter().map(|job| end_of(job, discard())).collect();
    store.settle(items).await.unwrap();
    let replays: Vec<Replay> = (0_u8..)
        .zip(&claimed)
        .map(|(number, job)| Replay {
            dead: job.id,
            new: JobId::generate(),
            trace: None,
            args: match number % 3 {
                0 => None,
                1 => Some(large(99)),
                _ => Some(Args::default()),
            },
        })
        .collect();
    let answer = store.replay(replays).await.unwrap();
    assert_eq!(answer, [Replayed::New; 20]);
    for (at, run) in claim(2).await.unwrap().iter().enumerate() {
        let expected = match at % 3 {
            0 => batch[at].args.clone(),
            1 => large(99),
            _ => Args::default(),
        };
        assert_eq!(run.args, expected, "{at}");
    }
}

#[tokio::test]
async fn a_batch_of_many_is_accepted_in_its_order_and_again_changes_nothing() {
    let (_server, store) = opened().await;
    let batch = jobs(1000);
    let answer = store.enqueue(batch.clone()).await.unwrap();
    assert!(answer.iter().all(|one| matches!(one, Enqueued::New(_))));
    let again = store.enqueue(batch.clone()).await.unwrap();
    assert!(again.iter().all(|one| *one == Enqueued::Repeated));
    let worker = store.register(worker_info("w"), LEASE).await.unwrap();
    let (wants, max) = (vec![want("default", 1000)], 1000);
    let claimed = store.claim(ClaimParams {
        worker,
        claim: 1,
        wants,
        max,
    });
    let expected: Vec<JobId> = batch.iter().map(|job| job.id).collect();
    assert_eq!(ids(&claimed.await.unwrap()), expected);
}
