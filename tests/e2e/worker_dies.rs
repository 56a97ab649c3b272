//! A process is killed with a thousand jobs in flight; another takes its place.

use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use shared::job::{JobId, State};
use std::collections::HashMap;

use crate::{
    process::{Place, Process, on_every_store},
    target::Target,
};

on_every_store!(killed_with_a_thousand_jobs_in_flight_it_loses_none_and_ends_none_twice);

const JOBS: usize = 1000;

/// Every job is in flight, and some are being settled at the very moment of the kill.
async fn killed_with_a_thousand_jobs_in_flight_it_loses_none_and_ends_none_twice(place: Place) {
    let target = Target::start().await;
    let place = place
        .with("WORKER__CONCURRENCY", "1000")
        .with("WORKER__LEASE", "3s")
        .with("WORKER__HEARTBEAT", "1s")
        .with("OUTBOUND__TIMEOUT", "2m");
    let mut first = place.start(&["up"]);
    let api = first.api().await;
    let ids = api.submit(&target.jobs(JOBS)).await;
    target.came(JOBS).await;
    target.answer(600);
    api.ended(&target.caller(0)).await;
    first.kill().await;
    place.quiet().await;

    let before = results(&place, &ids).await;
    let called_before = target.calls_by_job();
    target.answer_all();
    let second = place.start(&["up"]);
    let after = all_ended(&second, &ids).await;

    let completed = after
        .values()
        .filter(|job| job["state"] == "completed")
        .count();
    let called_after = target.calls_by_job();
    let twice = ids.iter().filter(|id| {
        let ended_before = before.get(*id);
        let ran_again = called_after[*id] > called_before[*id];
        ended_before.is_some_and(|result| ran_again || *result != after[*id]["result"])
    });
    let twice = twice.count();
    report(completed, twice, before.len());
    assert_eq!((completed, twice), (JOBS, 0));
    for (id, job) in &after {
        // No more than one crash each, and no attempt counted for it.
        let crashed = usize::from(!before.contains_key(id));
        assert_eq!(
            (&job["crashes"], &job["attempt"]),
            (&crashed.into(), &1.into()),
            "{job}"
        );
    }
}

#[expect(clippy::print_stdout, reason = "what is measured is also told")]
fn report(completed: usize, twice: usize, before: usize) {
    println!(
        "accepted {JOBS}, completed {completed}, lost {}, accepted twice {twice}; \
         {before} had ended before the kill",
        JOBS - completed
    );
}

/// The results of the jobs that had completed, read from the store that the dead process left.
async fn results(place: &Place, ids: &[String]) -> HashMap<String, Value> {
    let store = place.store().await;
    let keys: Vec<JobId> = ids.iter().map(|id| id.parse().unwrap()).collect();
    let mut results = HashMap::new();
    for job in store.get(keys).await.unwrap().into_iter().flatten() {
        if job.summary.state == State::Completed {
            let result = job.result.expect("an http job has a result");
            results.insert(
                job.summary.id.to_string(),
                serde_json::from_slice(&result).unwrap(),
            );
        }
    }
    store.close().await;
    results
}

async fn all_ended(process: &Process, ids: &[String]) -> HashMap<String, Value> {
    let api = process.api().await;
    let one = |id: String| {
        let api = api.clone();
        async move { (id.clone(), api.ended(&id).await) }
    };
    stream::iter(ids.to_vec())
        .map(one)
        .buffer_unordered(32)
        .collect()
        .await
}
