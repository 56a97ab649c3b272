//! A caller of the API.

use reqwest::{Client, StatusCode};
use serde_json::Value;

use crate::process::PATIENCE;

/// The API of one process.
#[derive(Clone)]
pub(crate) struct Api {
    base: String,
    client: Client,
}

impl Api {
    pub(crate) fn new(base: &str) -> Self {
        // Fails when another test in this process was first.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::builder().no_proxy().timeout(PATIENCE).build();
        Self {
            base: base.to_owned(),
            client: client.unwrap(),
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.base
    }

    /// What a GET is answered with; it must succeed.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.client.get(format!("{}{path}", self.base)).send().await;
        let answer = answer.unwrap();
        let status = answer.status();
        let body = answer.json().await.unwrap();
        assert!(status.is_success(), "GET {path}: {status} {body}");
        body
    }

    /// What a GET is answered with, as text.
    pub(crate) async fn text(&self, path: &str) -> String {
        let answer = self.client.get(format!("{}{path}", self.base)).send().await;
        let answer = answer.unwrap();
        assert!(
            answer.status().is_success(),
            "GET {path}: {}",
            answer.status()
        );
        answer.text().await.unwrap()
    }

    /// What a POST of JSON is answered with.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = self.client.post(format!("{}{path}", self.base)).json(body);
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// Submits jobs; answers their ids.
    pub(crate) async fn submit(&self, jobs: &Value) -> Vec<String> {
        let (status, body) = self.post("/v1/jobs", jobs).await;
        assert_eq!(status, 201, "{body}");
        let id = |job: &Value| job["id"].as_str().unwrap().to_owned();
        match body["items"].as_array() {
            Some(items) => items.iter().map(id).collect(),
            None => vec![id(&body)],
        }
    }

    /// Submits a job within a trace; answers its id.
    pub(crate) async fn submit_within(&self, traceparent: &str, job: &Value) -> String {
        let request = self.client.post(format!("{}/v1/jobs", self.base));
        let request = request.header("traceparent", traceparent).json(job);
        let answer = request.send().await.unwrap();
        let told = answer.headers()["traceresponse"].to_str().unwrap();
        assert_eq!(told.split('-').nth(1), traceparent.split('-').nth(1));
        let body: Value = answer.json().await.unwrap();
        body["id"].as_str().unwrap().to_owned()
    }

    /// A job, once it has ended.
    pub(crate) async fn ended(&self, id: &str) -> Value {
        for _ in 0..PATIENCE.as_secs() / 5 {
            let job = self.get(&format!("/v1/jobs/{id}?wait=10s")).await;
            if job["ended_at"].is_string() {
                return job;
            }
        }
        panic!("job {id} does not end");
    }
}
