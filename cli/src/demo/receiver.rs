//! The sample receiver: Databox, a subscriber of events, and a service that is out of order until
//! it is mended. What it took can be read at its root.

mod basic;
mod databox;
mod webhook;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    clock::Clock,
    secret::{Secret, SigningKey},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::mpsc;

use crate::demo::receiver::{
    databox::{Answer, Wire},
    webhook::Verdict,
};

/// Databox takes so many bytes in one call.
const MAX_PUSH: usize = 500_000;

/// Largest event, and largest call of the service.
const MAX_BODY: usize = 1024 * 1024;

/// Metrics whose latest value is remembered, and events that are known when they come again.
const REMEMBERED: usize = 1000;

/// Things that happened and were not told yet; more are not told.
const UNTOLD: usize = 64;

/// What the receiver knows its callers by.
#[derive(Debug, Clone)]
pub(super) struct Secrets {
    /// Databox's token.
    pub(super) token: Secret,
    /// What events are signed with.
    pub(super) key: SigningKey,
    /// Who may mend and break the service.
    pub(super) switch: Secret,
}

/// Something that people should be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Happening {
    /// The service was mended, or broken again.
    Switched { mended: bool },
    /// A push or an event was refused.
    Refused { what: &'static str, why: String },
}

/// What the receiver took so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(super) struct Taken {
    /// Calls of Databox that were taken, at least in part.
    pub(super) pushes: u64,
    /// The values in them.
    pub(super) values: u64,
    /// Events whose signature was right, each counted once.
    pub(super) events: u64,
    /// Pushes and events that were refused.
    pub(super) refused: u64,
    /// Calls that the service answered with 503.
    pub(super) failed_calls: u64,
    /// Calls that it answered well.
    pub(super) answered_calls: u64,
}

/// The receiver. Clones are handles on the same one.
#[derive(Debug, Clone)]
pub(super) struct Receiver(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The demo it belongs to: whoever finds its address in an old file must notice.
    demo: String,
    secrets: Secrets,
    clock: Clock,
    told: mpsc::Sender<Happening>,
    state: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    mended: bool,
    taken: Taken,
    /// The latest value of each metric.
    latest: BTreeMap<String, databox::Item>,
    /// The ids of the newest events.
    events: VecDeque<String>,
}

/// The position of the switch, as it is asked for and answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// The demo.
    pub(super) demo: String,
    /// Whether the service answers well.
    pub(super) mended: bool,
    /// Whether this call has changed that.
    pub(super) changed: bool,
}

/// What the switch is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Turn {
    /// Whether the service is to answer well.
    pub(super) mended: bool,
}

impl Receiver {
    /// A receiver whose service is out of order, and what happens to it.
    pub(super) fn new(
        demo: String,
        secrets: Secrets,
        clock: Clock,
    ) -> (Self, mpsc::Receiver<Happening>) {
        let (told, happenings) = mpsc::channel(UNTOLD);
        let receiver = Self(Arc::new(Inner {
            demo,
            secrets,
            clock,
            told,
            state: Mutex::default(),
        }));
        (receiver, happenings)
    }

    /// What was taken so far.
    pub(super) fn taken(&self) -> Taken {
        self.memory().taken
    }

    /// The server's addresses.
    pub(super) fn router(&self) -> Router {
        let pushes = Router::new()
            .route("/databox", post(push_a))
            .route("/databox/data", post(push_b))
            .layer(DefaultBodyLimit::max(MAX_PUSH));
        let others = Router::new()
            .route("/", get(overview))
            .route("/webhook", post(event))
            .route("/fragile", any(fragile))
            .route("/switch", get(position).put(turn))
            .layer(DefaultBodyLimit::max(MAX_BODY));
        pushes.merge(others).with_state(self.clone())
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        let state = &self.0.state;
        state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, happening: Happening) {
        // Full: so much happens that one line less is no loss.
        drop(self.0.told.try_send(happening));
    }

    fn refuse(&self, what: &'static str, why: &str) {
        self.memory().taken.refused += 1;
        let why = why.to_owned();
        self.tell(Happening::Refused { what, why });
    }

    /// A push, in either format.
    fn push(&self, wire: Wire, headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Answer {
        let answer = match basic::check(headers, &self.0.secrets.token) {
            Ok(()) => databox::judge(wire, headers, body.ok().as_deref()),
            Err(why) => Answer::refused("Unauthorized", why),
        };
        if answer.items.is_empty() {
            self.refuse("a push to Databox", answer.why());
            return answer;
        }
        let mut memory = self.memory();
        memory.taken.pushes += 1;
        memory.taken.values += answer.items.len() as u64;
        for item in &answer.items {
            if memory.latest.len() < REMEMBERED || memory.latest.contains_key(&item.key) {
                memory.latest.insert(item.key.clone(), item.clone());
            }
        }
        answer
    }

    fn turn(&self, mended: bool) -> Position {
        let changed = std::mem::replace(&mut self.memory().mended, mended) != mended;
        if changed {
            self.tell(Happening::Switched { mended });
        }
        Position {
            demo: self.0.demo.clone(),
            mended,
            changed,
        }
    }
}

async fn push_a(
    State(receiver): State<Receiver>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    receiver.push(Wire::A, &headers, body)
}

async fn push_b(
    State(receiver): State<Receiver>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    receiver.push(Wire::B, &headers, body)
}

/// Takes an event when its signature is right. One that comes again is taken and not counted.
async fn event(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Response {
    let now = receiver.0.clock.now();
    match webhook::verify(&receiver.0.secrets.key, &headers, &body, now) {
        Verdict::Right(id) => {
            let mut memory = receiver.memory();
            if !memory.events.contains(&id) {
                memory.taken.events += 1;
                memory.events.push_back(id);
                if memory.events.len() > REMEMBERED {
                    memory.events.pop_front();
                }
            }
            StatusCode::NO_CONTENT.into_response()
        }
        Verdict::Wrong(why) => {
            receiver.refuse("an event", why);
            (StatusCode::UNAUTHORIZED, format!("{why}\n")).into_response()
        }
    }
}

/// The service that is out of order until it is mended.
async fn fragile(State(receiver): State<Receiver>, body: Bytes) -> Response {
    let mut memory = receiver.memory();
    if memory.mended {
        memory.taken.answered_calls += 1;
        let answer = json!({ "ok": true, "received_bytes": body.len() });
        return Json(answer).into_response();
    }
    memory.taken.failed_calls += 1;
    let why = "out of order\n";
    (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
}

/// What was taken, for people.
async fn overview(State(receiver): State<Receiver>) -> Response {
    let memory = receiver.memory();
    let told = json!({
        "taken": memory.taken,
        "databox": memory.latest.values().collect::<Vec<_>>(),
        "fragile": if memory.mended { "answers" } else { "is out of order" },
    });
    Json(told).into_response()
}

async fn position(State(receiver): State<Receiver>, headers: HeaderMap) -> Response {
    if !may_switch(&receiver, &headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let position = Position {
        demo: receiver.0.demo.clone(),
        mended: receiver.memory().mended,
        changed: false,
    };
    Json(position).into_response()
}

async fn turn(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Response {
    if !may_switch(&receiver, &headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match serde_json::from_slice(&body) {
        Ok(Turn { mended }) => Json(receiver.turn(mended)).into_response(),
        Err(_) => StatusCode::UNPROCESSABLE_ENTITY.into_response(),
    }
}

fn may_switch(receiver: &Receiver, headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION);
    let given = given.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    given.is_some_and(|given| basic::same(&receiver.0.secrets.switch, given))
}

#[cfg(test)]
mod tests;
