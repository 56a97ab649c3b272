//! A service over a memory store whose clock stands still, and what its tests say to it.

use axum::{Router, body::Body, response::Response};
use http::{HeaderMap, Request};
use serde_json::{Value, json};
use shared::{
    clock::Clock,
    config::destinations::{Buffer, Takes},
    job::{
        ClaimedJob, QueueName,
        attempt::{ErrorKind, Failure},
        outcome::Ending,
    },
    lease::{WorkerId, WorkerInfo},
    shutdown::Shutdown,
    store::{ClaimParams, Settle, Settled, Want, WorkStore, memory::MemoryStore},
};
use std::{fmt::Write as _, sync::Arc, time::Duration};
use tower::ServiceExt;
use uuid::Uuid;
use windlass_api::{Api, Destination, Live, Pipeline, Settings};

/// The instant at which every test begins.
pub(crate) const START: &str = "2026-11-21T07:00:00Z";

/// A service and the store behind it.
pub(crate) struct Service {
    pub(crate) app: Router,
    pub(crate) api: Api,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Clock,
    pub(crate) shutdown: Shutdown,
}

impl Service {
    /// A service with the settings of the configuration reference and one pipeline, `economy`.
    pub(crate) fn new() -> Self {
        Self::with(Settings::default())
    }

    /// A service with other settings.
    pub(crate) fn with(settings: Settings) -> Self {
        Self::build(settings, live())
    }

    /// A service that goes by another part of the configuration.
    pub(crate) fn going_by(live: Live) -> Self {
        Self::build(Settings::default(), live)
    }

    fn build(settings: Settings, live: Live) -> Self {
        let clock = Clock::manual(START.parse().unwrap());
        let store = Arc::new(MemoryStore::new(clock.clone()));
        let shutdown = Shutdown::new();
        let api = Api::new(settings, live, Arc::clone(&store) as Arc<_>).unwrap();
        Self {
            app: api.app(&shutdown),
            api,
            store,
            clock,
            shutdown,
        }
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(self.app.clone().oneshot(request).await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path).body(Body::empty()).unwrap())
            .await
    }

    /// Sends a body that is declared as JSON, whatever it is.
    pub(crate) async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        let request = request("POST", path).header("content-type", "application/json");
        self.send(request.body(body.into()).unwrap()).await
    }

    /// Sends no body.
    pub(crate) async fn poke(&self, path: &str) -> Answer {
        self.send(request("POST", path).body(Body::empty()).unwrap())
            .await
    }

    /// Submits one job, and answers its id.
    pub(crate) async fn submit(&self, job: Value) -> String {
        let answer = self.post("/v1/jobs", job.to_string()).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// How many jobs there are.
    pub(crate) async fn jobs(&self) -> usize {
        let list = self.get("/v1/jobs?limit=1000").await.json();
        list["items"].as_array().unwrap().len()
    }

    /// A worker that takes jobs by hand.
    pub(crate) async fn hands(&self) -> Hands {
        let info = WorkerInfo {
            name: "bench".to_owned(),
            host: "here".to_owned(),
            pid: 7,
            version: "0.1.0".to_owned(),
            queues: vec![QueueName::default()],
            concurrency: 4,
        };
        let lease = Duration::from_mins(1);
        Hands {
            worker: self.store.register(info, lease).await.unwrap(),
            claim: 0,
            store: Arc::clone(&self.store),
        }
    }

    /// Submits a job and discards it; answers its id.
    pub(crate) async fn dead_letter(&self, mut job: Value) -> String {
        job["max_attempts"] = json!(1);
        let id = self.submit(job).await;
        self.hands().await.discard("no such mailbox").await;
        id
    }
}

/// One destination, `databox`, one pipeline, `economy`, and the limits of the configuration reference.
pub(crate) fn live() -> Live {
    let economy = Pipeline {
        sources: vec!["unemployment".parse().unwrap(), "shop".parse().unwrap()],
        destinations: vec!["databox".parse().unwrap()],
    };
    let databox = Destination {
        takes: Takes::Points,
        buffer: Buffer::default(),
    };
    Live {
        destinations: [("databox".parse().unwrap(), databox)].into(),
        pipelines: [("economy".parse().unwrap(), economy)].into(),
        ..Live::default()
    }
}

/// A worker that takes jobs by hand.
pub(crate) struct Hands {
    pub(crate) worker: WorkerId,
    claim: u64,
    store: Arc<MemoryStore>,
}

impl Hands {
    /// Claims the next job of the default queue.
    pub(crate) async fn claim(&mut self) -> ClaimedJob {
        self.claim += 1;
        let params = ClaimParams {
            worker: self.worker,
            claim: self.claim,
            wants: vec![Want {
                queue: QueueName::default(),
                max: 1,
            }],
            max: 1,
        };
        self.store.claim(params).await.unwrap().pop().unwrap()
    }

    /// Ends an attempt.
    pub(crate) async fn settle(&self, job: &ClaimedJob, ending: Ending) {
        let settle = Settle {
            id: job.id,
            token: job.token,
            ending,
            progress: None,
        };
        let settled = self.store.settle(vec![settle]).await.unwrap();
        assert!(matches!(settled[..], [Settled::Kept(_)]));
    }

    /// Claims a job and completes it with `result`.
    pub(crate) async fn complete(&mut self, result: Value) {
        let job = self.claim().await;
        let result = Some(result.to_string().into());
        self.settle(&job, Ending::Complete { result }).await;
    }

    /// Claims a job, fails, and leaves it for later.
    pub(crate) async fn fail(&mut self, message: &str) {
        let job = self.claim().await;
        let ending = Ending::Retry {
            wait: Duration::from_secs(10),
            failure: Failure::new(ErrorKind::Failed, message).of_type("smtp::Error"),
        };
        self.settle(&job, ending).await;
    }

    /// Claims a job and gives it up.
    pub(crate) async fn discard(&mut self, message: &str) {
        let job = self.claim().await;
        let failure = Failure::new(ErrorKind::Refused, message);
        self.settle(&job, Ending::Discard { failure }).await;
    }
}

/// A request with a host that is served.
pub(crate) fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost:7400")
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        assert!(self.header("content-type").contains("json"), "{self:?}");
        serde_json::from_str(&self.text).unwrap()
    }

    /// The problem's name; empty when it is none.
    pub(crate) fn problem(&self) -> String {
        if self.header("content-type") != "application/problem+json" {
            return String::new();
        }
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        let uri = problem["type"].as_str().unwrap();
        uri.strip_prefix("/problems/").unwrap().to_owned()
    }

    /// What a snapshot shows: everything but what differs from run to run.
    pub(crate) fn shown(&self) -> Value {
        let mut shown = json!({ "status": self.status });
        for name in ["content-type", "location", "allow", "retry-after"] {
            if let Some(value) = self.headers.get(name) {
                shown[name] = json!(value.to_str().unwrap());
            }
        }
        shown["body"] = if self.header("content-type").contains("json") {
            self.json()
        } else {
            json!(self.text)
        };
        let mut ids = Vec::new();
        redact(&mut shown, &mut ids);
        shown
    }
}

/// Numbers ids by their first appearance, so that equal ones still show as equal, and hides
/// cursors.
fn redact(value: &mut Value, ids: &mut Vec<String>) {
    match value {
        Value::String(text) => *text = number_ids(text, ids),
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, ids)),
        Value::Object(members) => {
            for (name, member) in members {
                if name == "next" && member.is_string() {
                    *member = json!("[cursor]");
                }
                redact(member, ids);
            }
        }
        _ => {}
    }
}

fn number_ids(text: &str, ids: &mut Vec<String>) -> String {
    const LENGTH: usize = 36;
    let mut shown = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let id = rest.get(..LENGTH).filter(|id| Uuid::try_parse(id).is_ok());
        let Some(id) = id else {
            shown.push(first);
            rest = rest.strip_prefix(first).unwrap();
            continue;
        };
        let number = ids.iter().position(|known| known == id);
        let number = number.unwrap_or_else(|| {
            ids.push(id.to_owned());
            ids.len() - 1
        });
        write!(shown, "[id {}]", number + 1).unwrap();
        rest = rest.strip_prefix(id).unwrap();
    }
    shown
}
