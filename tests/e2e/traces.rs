//! One trace of what several processes did, as a collector sees it.

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use serde_json::{Value, json};
use shared::{clock::Timestamp, shutdown::Tasks};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use tokio::net::TcpListener;

use crate::{
    collector::{Collector, Seen, Spans},
    http::Api,
    process::{Place, Process, on_every_store},
};

on_every_store!(
    a_job_that_fails_twice_is_one_trace_across_processes,
    a_run_of_a_pipeline_is_one_trace_from_its_tick_to_its_delivery,
);

const CALLER: &str = "00f067aa0ba902b7";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The other side of every outbound call.
#[derive(Default)]
struct World {
    flaky: AtomicUsize,
    /// The `traceparent` of every delivery.
    deliveries: Mutex<Vec<String>>,
}

/// Answers a source's questions, takes deliveries, and fails twice where it is flaky.
async fn world() -> (String, Arc<World>, Tasks) {
    async fn flaky(State(world): State<Arc<World>>) -> StatusCode {
        match world.flaky.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::OK,
        }
    }
    async fn hook(State(world): State<Arc<World>>, headers: HeaderMap) {
        let parent = headers["traceparent"].to_str().unwrap().to_owned();
        world.deliveries.lock().unwrap().push(parent);
    }
    let world = Arc::<World>::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new()
        .route("/stats", get(async || Json(json!({ "orders": 12 }))))
        .route("/hook", post(hook))
        .route("/flaky", post(flaky))
        .with_state(Arc::clone(&world));
    let tasks = Tasks::new();
    tasks.spawn(async { axum::serve(listener, app).await.unwrap() });
    (url, world, tasks)
}

/// An API, two schedulers and three workers.
struct Fleet {
    api: Api,
    processes: Vec<Process>,
}

impl Fleet {
    async fn start(place: &Place) -> Self {
        let mut processes = vec![place.start(&["api"])];
        let api = processes[0].api().await;
        for role in ["scheduler", "scheduler", "worker", "worker", "worker"] {
            let process = place.start(&[role]);
            process.line("runs:").await;
            processes.push(process);
        }
        Self { api, processes }
    }

    /// Everybody goes in peace; what they recorded was exported by then.
    async fn stop(mut self) -> Vec<Process> {
        for process in self.processes.iter_mut().rev() {
            process.stop().await;
        }
        self.processes
    }
}

/// Where everything is recorded, said as the specification says it.
fn recorded(place: Place, collector: &Collector) -> Place {
    place
        .with_variable("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())
        .with_variable("OTEL_TRACES_SAMPLER", "always_on")
}

fn micros(job: &Value, time: &str) -> i64 {
    let time: Timestamp = job[time].as_str().unwrap().parse().unwrap();
    time.as_micros()
}

/// Where a span is linked to.
fn is_linked(span: &Seen, to: &Seen) -> bool {
    span.links.contains(&to.id)
}

async fn a_job_that_fails_twice_is_one_trace_across_processes(place: Place) {
    let collector = Collector::start().await;
    let (url, _world, _tasks) = world().await;
    let place = recorded(place, &collector).with("TELEMETRY__JAEGER_URL", "http://jaeger:16686");
    let fleet = Fleet::start(&place).await;
    let job = json!({
        "kind": "http",
        "args": { "url": format!("{url}/flaky"), "method": "POST" },
        "backoff": { "base": "10ms", "factor": 1, "cap": "10ms" },
    });
    let id = fleet
        .api
        .submit_within(&format!("00-{TRACE}-{CALLER}-01"), &job)
        .await;
    let job = fleet.api.ended(&id).await;
    assert_eq!(
        (&job["state"], &job["attempt"]),
        (&json!("completed"), &json!(3)),
        "{job}"
    );
    assert_eq!(job["trace_id"], TRACE);
    assert_eq!(
        job["trace_url"],
        format!("http://jaeger:16686/trace/{TRACE}")
    );
    let processes = fleet.stop().await;
    let logged = processes
        .iter()
        .flat_map(|process| process.whole_lines(TRACE));
    let failures = logged.filter(|line| line.contains("failed, next in") && line.contains(&id));
    assert_eq!(failures.count(), 2, "the log names the trace and the job");

    let all = collector.spans();
    let spans = all.of(TRACE);
    spans.assert_whole(CALLER);
    let request = spans.named("POST /v1/jobs");
    let request = request.only();
    assert_eq!(
        (request.service.as_str(), request.kind),
        ("windlass-api", 2)
    );
    assert_eq!((request.parent.as_str(), request.failed), (CALLER, false));
    assert_eq!(request.attributes["http.response.status_code"], "201");
    let send = spans.named("send default");
    let send = send.only();
    assert_eq!((send.service.as_str(), send.kind), ("windlass-api", 4));
    assert_eq!(send.parent, request.id);
    assert_eq!(send.attributes["messaging.message.id"], id);

    let waits = spans.named("wait default").0;
    let attempts = spans.named("process default").0;
    assert_eq!((waits.len(), attempts.len()), (3, 3), "{spans:?}");
    assert_eq!(waits[0].began_us, micros(&job, "accepted_at"));
    assert_eq!(waits[2].ended_us, micros(&job, "claimed_at"));
    for (number, attempt) in attempts.iter().enumerate() {
        let wait = &waits[number];
        assert_eq!((&wait.parent, &attempt.parent), (&send.id, &send.id));
        assert_eq!(
            (attempt.service.as_str(), attempt.kind),
            ("windlass-worker", 5)
        );
        assert!(wait.began_us <= wait.ended_us, "{spans:?}");
        assert_eq!(
            attempt.attributes["windlass.job.attempt"],
            (number + 1).to_string()
        );
        assert_eq!(attempt.failed, number < 2);
        let call = spans.below(attempt);
        let call = call.only();
        assert_eq!(
            (call.name.as_str(), call.kind, call.failed),
            ("POST", 3, number < 2)
        );
        let before = number
            .checked_sub(1)
            .map(|before| attempts[before].id.clone());
        assert_eq!(attempt.links, Vec::from_iter(before), "{spans:?}");
    }
    assert_batches(&all, send, &attempts);
}

/// Batches stand by themselves and name what was in them.
fn assert_batches(all: &Spans, send: &Seen, attempts: &[Seen]) {
    let receive = all.named("receive").those(|span| is_linked(span, send));
    assert_eq!(receive.0.len(), 3, "one claim for each attempt: {all:?}");
    for attempt in attempts {
        let settle = all.named("settle").those(|span| is_linked(span, attempt));
        let settle = settle.only();
        assert_eq!((settle.kind, settle.parent.as_str()), (3, ""));
    }
}

async fn a_run_of_a_pipeline_is_one_trace_from_its_tick_to_its_delivery(place: Place) {
    let collector = Collector::start().await;
    let (url, world, _tasks) = world().await;
    let source = |name: &str| {
        format!(
            "[sources.{name}]\ntype = \"http_json\"\nurl = \"{url}/stats\"\n\
             [[sources.{name}.metrics]]\nkey = \"{name}\"\npath = \"$.orders\"\n"
        )
    };
    let config = format!(
        "{}{}[destinations.partner]\ntype = \"webhook\"\nurl = \"{url}/hook\"\n\
         [destinations.partner.buffer]\nflush_interval = \"1s\"\n\
         [pipelines.economy]\nsources = [\"north\", \"south\"]\ndestinations = [\"partner\"]\n\
         cron = \"* * * * * *\"\noverlap = \"skip\"\n\
         [pipelines.economy.computed]\nboth = \"north + south\"\n",
        source("north"),
        source("south"),
    );
    std::fs::write(place.path().join("windlass.toml"), config).unwrap();
    let place = recorded(place, &collector).with("DESTINATIONS__PARTNER__SECRET", SECRET);
    let fleet = Fleet::start(&place).await;
    let run = first_run(&fleet.api).await;
    let run = fleet.api.ended(&run).await;
    assert_eq!(run["state"], "completed", "{run}");
    let paused = fleet
        .api
        .post("/v1/schedules/pipeline.economy/pause", &json!({}))
        .await;
    assert!(paused.0.is_success(), "{paused:?}");
    fleet.stop().await;

    let trace = run["trace_id"].as_str().unwrap();
    let spans = collector.spans().of(trace);
    spans.assert_whole("");
    let tick = spans.those(|span| span.name.starts_with("tick "));
    let tick = tick.only();
    assert_eq!(
        (tick.service.as_str(), tick.parent.as_str()),
        ("windlass-scheduler", "")
    );
    let send = spans.below(tick);
    let send = send.only();
    assert_eq!((send.name.as_str(), send.kind), ("send default", 4));
    let of_kind = |kind: &str| {
        spans.those(|span| {
            span.name.starts_with("process ") && span.attributes["windlass.job.kind"] == kind
        })
    };
    let looks = of_kind("pipeline");
    assert!(looks.0.len() >= 3, "begins, collects, delivers: {spans:?}");
    for look in &looks.0 {
        assert_eq!(
            (look.parent.as_str(), look.service.as_str()),
            (send.id.as_str(), "windlass-worker")
        );
    }
    // The first look enqueues the collections, both at once.
    let collecting = spans.named("send default").below(&looks.0[0]);
    let collecting = collecting.only();
    assert_eq!(collecting.attributes["messaging.batch.message_count"], "2");
    let collects = of_kind("collect");
    assert_eq!(collects.0.len(), 2, "{spans:?}");
    for collect in &collects.0 {
        assert_eq!(collect.parent, collecting.id);
        assert_eq!(spans.below(collect).only().name, "GET");
    }
    let compute = spans.named("compute economy");
    assert!(
        looks.0.iter().any(|look| look.id == compute.only().parent),
        "{spans:?}"
    );
    // The delivery, down to the call that the destination saw.
    let flushes = of_kind("publish");
    let delivered = spans.named("POST");
    let delivered = delivered.only();
    assert!(
        flushes.0.iter().any(|flush| flush.id == delivered.parent),
        "{spans:?}"
    );
    let sent_on = format!("00-{trace}-{}-01", delivered.id);
    assert!(world.deliveries.lock().unwrap().contains(&sent_on));
}

/// The first run that a tick enqueued.
async fn first_run(api: &Api) -> String {
    let deadline = tokio::time::Instant::now() + crate::process::PATIENCE;
    while tokio::time::Instant::now() < deadline {
        let jobs = api.get("/v1/jobs?kind=pipeline").await;
        if let Some(first) = jobs["items"].as_array().unwrap().last() {
            return first["id"].as_str().unwrap().to_owned();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("no tick fires");
}

/// A collector that takes connections and never answers: jobs run, and the process ends although
/// one export may take five minutes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_hangs_holds_up_neither_jobs_nor_the_end() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (log, _) = without_a_collector(&url).await;
    assert_eq!(log, 1, "what could not be exported is told to be lost");
}

/// Nobody listens: that is told once, not for every span.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_refuses_holds_up_neither_jobs_nor_the_end() {
    let (_, told) = without_a_collector("http://127.0.0.1:1").await;
    assert_eq!(told, 1);
}

/// Runs jobs and stops; answers how often it is said that the last traces are lost, and that
/// nothing can be exported.
async fn without_a_collector(url: &str) -> (usize, usize) {
    let (target, _world, _tasks) = world().await;
    let place = Place::new()
        .with("TELEMETRY__ENDPOINT", url)
        .with("TELEMETRY__TIMEOUT", "5m")
        .with("TELEMETRY__SAMPLER", "always_on")
        // Several exports, while the jobs run.
        .with_variable("OTEL_BSP_SCHEDULE_DELAY", "10");
    let mut process = place.start(&["up"]);
    let api = process.api().await;
    let job =
        json!({ "kind": "http", "args": { "url": format!("{target}/hook"), "method": "POST" } });
    for id in api.submit(&(0..20).map(|_| job.clone()).collect()).await {
        assert_eq!(api.ended(&id).await["state"], "completed");
    }
    process.stop().await;
    assert_eq!(process.count("stopped"), 1);
    (
        process.count("the last traces are lost"),
        process.count("traces cannot be exported"),
    )
}

/// Over HTTP, as the specification's variables ask, with a header of one's own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traces_go_over_http_too() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/otlp", listener.local_addr().unwrap());
    let seen = Arc::<Mutex<Vec<(HeaderMap, Vec<u8>)>>>::default();
    let kept = Arc::clone(&seen);
    let take = async move |headers: HeaderMap, body: axum::body::Bytes| {
        kept.lock().unwrap().push((headers, body.to_vec()));
    };
    let app = Router::new().route("/otlp/v1/traces", post(take));
    let tasks = Tasks::new();
    tasks.spawn(async { axum::serve(listener, app).await.unwrap() });
    let place = Place::new()
        .with_variable("OTEL_EXPORTER_OTLP_ENDPOINT", &url)
        .with_variable("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        .with_variable("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=north")
        .with_variable("OTEL_SERVICE_NAME", "winch");
    let mut process = place.start(&["up"]);
    process.api().await.get("/v1/queues").await;
    process.stop().await;
    let seen = seen.lock().unwrap();
    let (headers, body) = seen.last().expect("something was exported");
    assert_eq!(headers["content-type"], "application/x-protobuf");
    assert_eq!(headers["x-tenant"], "north");
    let holds = |text: &str| body.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds("winch") && holds("GET /v1/queues"));
}
