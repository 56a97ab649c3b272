//! Several processes share one store.

use crate::{
    process::{Place, on_every_store},
    target::Target,
};

on_every_store!(
    two_workers_share_the_jobs_of_one_store_and_each_job_runs_once,
    each_role_may_be_a_process_of_its_own,
);

async fn two_workers_share_the_jobs_of_one_store_and_each_job_runs_once(place: Place) {
    const EACH: usize = 50;
    let target = Target::start().await;
    let place = place.with("WORKER__CONCURRENCY", &EACH.to_string());
    let up = place.start(&["up", "--name", "first"]);
    let api = up.api().await;
    let mut worker = place.start(&["worker", "--name", "second"]);
    worker.line("is registered").await;

    let ids = api.submit(&target.jobs(2 * EACH)).await;
    target.came(2 * EACH).await;
    let workers = api.get("/v1/workers").await;
    let mut running: Vec<(String, u64)> = workers["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|worker| {
            let name = worker["name"].as_str().unwrap().to_owned();
            (name, worker["running"].as_u64().unwrap())
        })
        .collect();
    running.sort();
    assert_eq!(
        running,
        [("first".to_owned(), 50), ("second".to_owned(), 50)]
    );

    target.answer_all();
    for id in &ids {
        assert_eq!(api.ended(id).await["state"], "completed");
    }
    assert_eq!(target.calls(), 2 * EACH, "each ran once");
    worker.stop().await;
}

/// The API of one process, the worker of another, the scheduler of a third: a job that is due
/// later needs all of them.
async fn each_role_may_be_a_process_of_its_own(place: Place) {
    let target = Target::start().await;
    target.answer_all();
    let api = place.start(&["api"]);
    let worker = place.start(&["worker"]);
    let scheduler = place.start(&["scheduler"]);
    worker.line("is registered").await;
    scheduler.line("leads the schedulers").await;

    let mut job = target.job();
    job["delay"] = "200ms".into();
    let api = api.api().await;
    let ids = api.submit(&job).await;
    assert_eq!(api.ended(&ids[0]).await["state"], "completed");
}
