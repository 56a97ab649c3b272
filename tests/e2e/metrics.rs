//! What each role counts, and what a scaler is told.

use serde_json::json;

use crate::{
    http::Api,
    process::{Place, Process, on_every_store},
    target::Target,
};

on_every_store!(each_role_tells_what_it_did_and_the_api_what_is_true_of_all);

/// Where a process tells its metrics.
async fn scraped(process: &Process) -> Api {
    let line = process.line("metrics are told at").await;
    let (_, url) = line.split_once("told at ").unwrap();
    Api::new(url.trim_end_matches("/metrics"))
}

async fn assert_told(api: &Api, lines: &[&str]) {
    let told = api.text("/metrics").await;
    for line in lines {
        assert!(told.lines().any(|told| told == *line), "{line} in:\n{told}");
    }
}

async fn each_role_tells_what_it_did_and_the_api_what_is_true_of_all(place: Place) {
    let target = Target::start().await;
    target.answer_all();
    let place = place.with("TELEMETRY__METRICS_LISTEN", "127.0.0.1:0");
    let process = place.start(&["api"]);
    let api = process.api().await;
    let ids = api.submit(&target.jobs(3)).await;
    let waiting = api.get("/v1/autoscale?queue=default").await;
    assert_eq!(
        (&waiting["waiting"], &waiting["running"]),
        (&json!(3), &json!(0))
    );
    assert!(
        waiting["oldest_seconds"].as_f64().unwrap() > 0.0,
        "{waiting}"
    );
    // Where other machines may ask too.
    let beside = scraped(&process).await;
    assert_eq!(beside.get("/v1/autoscale").await["waiting"], 3);
    assert_eq!(beside.get("/v1/autoscale?queue=other").await["waiting"], 0);
    assert_eq!(beside.text("/healthz").await, "alive");

    let worker = place.start(&["worker", "--concurrency", "7"]);
    let scheduler = place.start(&["scheduler"]);
    scheduler.line("leads the schedulers").await;
    for id in &ids {
        assert_eq!(api.ended(id).await["state"], "completed");
    }
    let of_fleet = [
        "windlass_jobs_enqueued_total{queue=\"default\",kind=\"http\"} 3",
        "windlass_queue_jobs{queue=\"default\",state=\"completed\"} 3",
        "windlass_queue_jobs{queue=\"default\",state=\"available\"} 0",
        "windlass_workers 1",
        "windlass_leader_term 1",
        "windlass_store_up 1",
        "windlass_http_request_seconds_count{method=\"POST\",route=\"/v1/jobs\",status=\"201\"} 1",
    ];
    assert_told(&api, &of_fleet).await;
    assert_told(&beside, &of_fleet).await;
    let of_worker = [
        "windlass_jobs_claimed_total{queue=\"default\",kind=\"http\"} 3",
        "windlass_attempts_ended_total{queue=\"default\",kind=\"http\",outcome=\"done\"} 3",
        "windlass_job_wait_seconds_count{queue=\"default\",kind=\"http\"} 3",
        "windlass_attempt_seconds_count{queue=\"default\",kind=\"http\"} 3",
        "windlass_settle_jobs_sum 3.0",
        "windlass_worker_slots 7",
        "windlass_worker_slots_busy 0",
    ];
    assert_told(&scraped(&worker).await, &of_worker).await;
    let of_scheduler = ["windlass_scheduler_leads 1"];
    assert_told(&scraped(&scheduler).await, &of_scheduler).await;
}
