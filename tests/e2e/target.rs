//! A server that jobs of kind `http` call: it counts the calls, and holds its answers back until a
//! test lets them go.

use axum::{Json, Router, extract::State, http::HeaderMap, routing::post};
use serde_json::{Value, json};
use shared::shutdown::Tasks;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, sync::watch, time::timeout};

use crate::process::PATIENCE;

/// A server on loopback, for as long as its test.
pub(crate) struct Target {
    url: String,
    seen: Arc<Seen>,
    _tasks: Tasks,
}

struct Seen {
    /// The job of each call, in the order of their coming.
    calls: Mutex<Vec<String>>,
    /// How many calls came.
    came: watch::Sender<usize>,
    /// How many calls may be answered: the first so many.
    open: watch::Sender<usize>,
    /// How many calls were answered.
    answered: watch::Sender<usize>,
}

impl Target {
    /// One that answers no call until it is told to.
    pub(crate) async fn start() -> Self {
        let seen = Arc::new(Seen {
            calls: Mutex::default(),
            came: watch::Sender::new(0),
            open: watch::Sender::new(0),
            answered: watch::Sender::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let app = Router::new()
            .route("/", post(answer))
            .with_state(Arc::clone(&seen));
        let tasks = Tasks::new();
        tasks.spawn(async { axum::serve(listener, app).await.unwrap() });
        Self {
            url,
            seen,
            _tasks: tasks,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A job that calls it.
    pub(crate) fn job(&self) -> Value {
        json!({ "kind": "http", "args": { "url": self.url, "method": "POST" } })
    }

    /// So many of them.
    pub(crate) fn jobs(&self, count: usize) -> Value {
        (0..count).map(|_| self.job()).collect()
    }

    /// Lets the first `count` calls be answered.
    pub(crate) fn answer(&self, count: usize) {
        self.seen.open.send_replace(count);
    }

    /// Lets every call be answered.
    pub(crate) fn answer_all(&self) {
        self.answer(usize::MAX);
    }

    /// Waits until `count` calls came.
    pub(crate) async fn came(&self, count: usize) {
        reached(&self.seen.came, count, "came").await;
    }

    /// Waits until `count` calls were answered.
    pub(crate) async fn answered(&self, count: usize) {
        reached(&self.seen.answered, count, "were answered").await;
    }

    /// The job of the call that came `nth`, from 0.
    pub(crate) fn caller(&self, nth: usize) -> String {
        self.seen.calls.lock().unwrap()[nth].clone()
    }

    /// How many calls came so far.
    pub(crate) fn calls(&self) -> usize {
        *self.seen.came.borrow()
    }

    /// How often each job called.
    pub(crate) fn calls_by_job(&self) -> HashMap<String, usize> {
        let mut calls = HashMap::new();
        for job in self.seen.calls.lock().unwrap().iter() {
            *calls.entry(job.clone()).or_default() += 1;
        }
        calls
    }
}

async fn reached(number: &watch::Sender<usize>, count: usize, what: &str) {
    let mut watched = number.subscribe();
    let waited = timeout(PATIENCE, watched.wait_for(|number| *number >= count)).await;
    assert!(
        waited.is_ok(),
        "{} of {count} calls {what}",
        *number.borrow()
    );
}

/// Answers with the number of the call, so that the answer tells which call it belongs to.
async fn answer(State(seen): State<Arc<Seen>>, headers: HeaderMap) -> Json<Value> {
    let job = headers["windlass-job-id"].to_str().unwrap().to_owned();
    let number = {
        let mut calls = seen.calls.lock().unwrap();
        calls.push(job);
        calls.len() - 1
    };
    seen.came.send_modify(|came| *came += 1);
    let mut open = seen.open.subscribe();
    open.wait_for(|open| number < *open).await.unwrap();
    seen.answered.send_modify(|answered| *answered += 1);
    Json(json!({ "call": number }))
}
