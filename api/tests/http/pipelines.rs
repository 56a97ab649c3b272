//! Pipelines: what they are, how they went, and running one.

use insta::assert_json_snapshot;
use serde_json::json;

use crate::harness::Service;

#[tokio::test]
async fn a_pipeline_is_run_and_its_result_shown() {
    let service = Service::new();
    let answer = service.poke("/v1/pipelines/economy/run").await;
    assert_json_snapshot!("run", answer.shown());
    let job = service.get(answer.header("location")).await.json();
    assert_eq!(job, answer.json());

    service
        .hands()
        .await
        .complete(json!({ "published": 3 }))
        .await;
    service.poke("/v1/pipelines/economy/run").await;
    service.hands().await.fail("a source is away").await;
    assert_json_snapshot!(
        "pipeline",
        service.get("/v1/pipelines/economy").await.shown()
    );
    assert_json_snapshot!("pipelines", service.get("/v1/pipelines").await.shown());
}

#[tokio::test]
async fn the_last_result_is_found_behind_many_failed_runs() {
    let service = Service::new();
    service.poke("/v1/pipelines/economy/run").await;
    service
        .hands()
        .await
        .complete(json!({ "published": 3 }))
        .await;
    for _ in 0..20 {
        service.poke("/v1/pipelines/economy/run").await;
        service.hands().await.discard("no").await;
    }
    let pipeline = service.get("/v1/pipelines/economy").await.json();
    assert_eq!(pipeline["last_result"]["result"], json!({ "published": 3 }));
    assert_eq!(pipeline["runs"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn an_unknown_pipeline_is_told_by_its_name() {
    let service = Service::new();
    let answer = service.poke("/v1/pipelines/ecnomy/run").await;
    assert_json_snapshot!(answer.shown());
    let answer = service.get("/v1/pipelines/no%20body").await;
    assert_eq!(answer.problem(), "pipeline-not-found");
    assert_eq!(service.jobs().await, 0);
}
