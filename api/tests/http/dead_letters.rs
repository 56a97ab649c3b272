//! Dead letters: seeing them, and replaying them.

use insta::assert_json_snapshot;
use serde_json::{Value, json};
use shared::job::JobId;

use crate::harness::Service;

const REPLAY: &str = "/v1/dead-letters/replay";

fn verdicts(report: &Value) -> Vec<&str> {
    let items = report["items"].as_array().unwrap();
    let verdict = |item: &Value| item["verdict"].as_str().unwrap().to_owned();
    let verdicts: Vec<String> = items.iter().map(verdict).collect();
    verdicts
        .into_iter()
        .map(|verdict| &*verdict.leak())
        .collect()
}

#[tokio::test]
async fn dead_letters_are_listed_with_why_they_died_until_they_are_replayed() {
    let service = Service::new();
    service
        .submit(json!({ "kind": "noop", "queue": "other" }))
        .await;
    let dead = service
        .dead_letter(json!({ "kind": "mail", "tags": ["tenant:42"] }))
        .await;
    assert_json_snapshot!(service.get("/v1/dead-letters").await.shown());
    let count = async |query: &str| {
        let list = service
            .get(&format!("/v1/dead-letters{query}"))
            .await
            .json();
        list["items"].as_array().unwrap().len()
    };
    assert_eq!(count("?kind=mail&tag=tenant:42&queue=default").await, 1);
    assert_eq!(count("?kind=other").await, 0);

    service
        .post(REPLAY, json!({ "ids": [dead] }).to_string())
        .await;
    assert_eq!(count("").await, 0);
    assert_eq!(count("?open=false").await, 1);
}

#[tokio::test]
async fn a_replay_is_a_new_run_and_each_knows_the_other() {
    let service = Service::new();
    let dead = service
        .dead_letter(json!({ "kind": "mail", "args": { "to": "x" } }))
        .await;
    let body = json!({ "ids": [dead], "args": { "to": "ada@example.com" } }).to_string();
    let answer = service.post(REPLAY, body.clone()).await;
    assert_json_snapshot!(answer.shown());

    let run = answer.json()["items"][0]["replayed_as"]
        .as_str()
        .unwrap()
        .to_owned();
    let job = service.get(&format!("/v1/jobs/{run}")).await.json();
    assert_eq!(job["args"], json!({ "to": "ada@example.com" }));
    assert_eq!(
        (&job["state"], &job["attempt"]),
        (&json!("available"), &json!(0))
    );
    assert_eq!(job["replay_of"], json!(dead));
    let old = service.get(&format!("/v1/jobs/{dead}")).await.json();
    assert_eq!(
        (&old["state"], &old["replayed_as"]),
        (&json!("discarded"), &json!(run))
    );

    let again = service.post(REPLAY, body).await.json();
    assert_eq!(verdicts(&again), ["already"]);
    assert_eq!(
        (&again["items"][0]["replayed_as"], &again["replayed"]),
        (&json!(run), &json!(0))
    );
}

#[tokio::test]
async fn each_id_has_its_own_verdict() {
    let service = Service::new();
    let unique = json!({ "key": "k", "until": "finished" });
    let dead = service.dead_letter(json!({ "kind": "mail" })).await;
    let held = service
        .dead_letter(json!({ "kind": "sync", "unique": unique }))
        .await;
    let holder = service
        .submit(json!({ "kind": "sync", "unique": unique }))
        .await;
    let ids = json!([dead, held, holder, JobId::generate(), dead]);
    let dry = json!({ "ids": ids, "dry_run": true }).to_string();
    let dry = service.post(REPLAY, dry).await.json();
    assert_eq!(verdicts(&dry), ["would", "would", "not_dead", "unknown"]);
    assert_eq!(
        (&dry["dry_run"], &dry["replayed"]),
        (&json!(true), &json!(2))
    );

    let answer = service
        .post(REPLAY, json!({ "ids": ids }).to_string())
        .await;
    assert_json_snapshot!(answer.shown());
    assert_eq!(answer.json()["items"][1]["holder"], json!(holder));
}

#[tokio::test]
async fn a_filter_replays_the_newest_that_fit_and_says_whether_more_do() {
    let service = Service::new();
    let mut mail = Vec::new();
    for _ in 0..3 {
        mail.push(service.dead_letter(json!({ "kind": "mail" })).await);
        service.dead_letter(json!({ "kind": "other" })).await;
    }
    let replay = async |body: Value| service.post(REPLAY, body.to_string()).await.json();
    let filter = json!({ "kind": "mail,sms", "queue": "default" });
    let dry = replay(json!({ "filter": filter, "dry_run": true })).await;
    assert_eq!((verdicts(&dry).len(), &dry["more"]), (3, &json!(false)));

    let first = replay(json!({ "filter": filter, "limit": 2 })).await;
    let ids = |report: &Value| -> Vec<String> {
        let items = report["items"].as_array().unwrap().iter();
        items
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        (&first["replayed"], &first["more"]),
        (&json!(2), &json!(true))
    );
    assert_eq!(ids(&first), [mail[2].clone(), mail[1].clone()]);
    let second = replay(json!({ "filter": filter, "limit": 2 })).await;
    assert_eq!(
        (ids(&second), &second["more"]),
        (vec![mail[0].clone()], &json!(false))
    );
    let all = replay(json!({ "filter": {} })).await;
    assert_eq!(all["replayed"], 3);
}

#[tokio::test]
async fn more_than_a_page_is_replayed_in_one_request() {
    let service = Service::new();
    let jobs = vec![json!({ "kind": "noop", "max_attempts": 1 }); 1500];
    service.post("/v1/jobs", json!(jobs).to_string()).await;
    let mut hands = service.hands().await;
    for _ in 0..1500 {
        hands.discard("no").await;
    }
    let body = json!({ "filter": {}, "limit": 1200 }).to_string();
    let report = service.post(REPLAY, body).await.json();
    assert_eq!(
        (&report["replayed"], &report["more"]),
        (&json!(1200), &json!(true))
    );
}
