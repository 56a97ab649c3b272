//! What is counted and measured, in the text that Prometheus reads. Declared once, here and in
//! [`fleet`]; `docs/TELEMETRY.md` says what each is good for.
//!
//! A process tells what it did itself. What is true of all of them (depths of queues, who leads)
//! is read from the store when somebody asks, and told by the API alone.
//!
//! Labels are few: names of queues and kinds are people's own, so beyond [`MOST_LABELS`] pairs of
//! them the rest is `other`.

pub mod fleet;

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Metric, Registry},
};
use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, PoisonError, RwLock},
    time::Duration,
};

use crate::{
    job::{Kind, QueueName},
    store::Store,
};

/// The type of what [`render`] makes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Most pairs of queue and kind that are told apart.
const MOST_LABELS: usize = 500;

/// What stands for the names beyond.
const OTHER: &str = "other";

/// Seconds, from a no-op to an hour.
const SECONDS: [f64; 18] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    300.0, 900.0, 3600.0,
];

/// Jobs in a batch.
const BATCHES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// How an attempt may end, in this process's eyes.
pub const OUTCOMES: [&str; 7] = [
    "done",
    "retry",
    "snooze",
    "cancel",
    "discard",
    "handed_back",
    "lease_lost",
];

/// A job's queue and kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfJob {
    queue: String,
    kind: String,
}

/// How an attempt ended, of which queue and kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfEnding {
    queue: String,
    kind: String,
    outcome: &'static str,
}

/// A method of the store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCall {
    call: &'static str,
}

/// A method of the store, and what went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfError {
    call: &'static str,
    error: &'static str,
}

/// One of a few words.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfWord {
    decision: &'static str,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRequest {
    method: &'static str,
    /// The pattern of its path.
    route: String,
    status: u16,
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// Everything that this process counts.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    names: Vec<String>,
    jobs: RwLock<HashMap<QueueName, HashMap<Kind, Arc<OfJobs>>>>,
    enqueued: Family<OfJob, Counter>,
    claimed: Family<OfJob, Counter>,
    ended: Family<OfEnding, Counter>,
    wait: Histograms<OfJob>,
    run: Histograms<OfJob>,
    /// Settles and reports that came with a token nobody holds any more.
    pub fenced: Counter,
    /// Jobs handed out by one claim.
    pub claim_size: Histogram,
    /// Verdicts settled at once.
    pub settle_size: Histogram,
    /// Jobs that this worker may run at once.
    pub slots: Gauge,
    /// Jobs that it holds now.
    pub slots_busy: Gauge,
    calls: Histograms<OfCall>,
    call_errors: Family<OfError, Counter>,
    /// Whether this process leads the schedulers.
    pub leads: Gauge,
    ticks: Family<OfWord, Counter>,
    tick_lag: Histogram,
    /// Jobs that became available because their time had come.
    pub promoted: Counter,
    /// Jobs that were taken back from dead workers.
    pub rescued: Counter,
    requests: Histograms<OfRequest>,
}

/// What this process counts.
pub fn metrics() -> &'static Metrics {
    static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);
    &METRICS
}

/// Metrics being declared.
#[derive(Default)]
struct Declared {
    registry: Registry,
    names: Vec<String>,
}

impl Declared {
    /// Declares a metric; of a counter the name is written without the `_total` that it gets.
    fn with<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.registry.register(name, help, metric.clone());
        self.names.push(name.to_owned());
        metric
    }
}

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

fn batches() -> Histogram {
    Histogram::new(BATCHES)
}

fn by<L: Clone + std::hash::Hash + Eq>() -> Histograms<L> {
    Family::new_with_constructor(seconds as fn() -> Histogram)
}

impl Metrics {
    #[expect(clippy::too_many_lines, reason = "a line or a few for each metric")]
    fn new() -> Self {
        let mut d = Declared::default();
        Self {
            enqueued: d.with(
                "windlass_jobs_enqueued",
                "Jobs accepted through this process",
                Family::default(),
            ),
            claimed: d.with(
                "windlass_jobs_claimed",
                "Jobs handed out to this worker",
                Family::default(),
            ),
            ended: d.with(
                "windlass_attempts_ended",
                "Attempts of this worker, by outcome",
                Family::default(),
            ),
            wait: d.with(
                "windlass_job_wait_seconds",
                "From available to claimed",
                by(),
            ),
            run: d.with("windlass_attempt_seconds", "How long attempts took", by()),
            fenced: d.with(
                "windlass_settles_fenced",
                "Ends that came after the lease was lost",
                Counter::default(),
            ),
            claim_size: d.with(
                "windlass_claim_jobs",
                "Jobs handed out by one claim",
                batches(),
            ),
            settle_size: d.with("windlass_settle_jobs", "Ends kept by one settle", batches()),
            slots: d.with(
                "windlass_worker_slots",
                "Jobs that this worker may run at once",
                Gauge::default(),
            ),
            slots_busy: d.with(
                "windlass_worker_slots_busy",
                "Jobs that this worker holds",
                Gauge::default(),
            ),
            calls: d.with(
                "windlass_store_call_seconds",
                "How long calls to the store took",
                by(),
            ),
            call_errors: d.with(
                "windlass_store_call_errors",
                "Calls to the store that failed",
                Family::default(),
            ),
            leads: d.with(
                "windlass_scheduler_leads",
                "1 while this process leads the schedulers",
                Gauge::default(),
            ),
            ticks: d.with(
                "windlass_ticks",
                "Ticks recorded by this process, by decision",
                Family::default(),
            ),
            tick_lag: d.with(
                "windlass_tick_lag_seconds",
                "From a tick's instant to its record",
                seconds(),
            ),
            promoted: d.with(
                "windlass_jobs_promoted",
                "Jobs made available when they were due",
                Counter::default(),
            ),
            rescued: d.with(
                "windlass_jobs_rescued",
                "Jobs taken back from dead workers",
                Counter::default(),
            ),
            requests: d.with(
                "windlass_http_request_seconds",
                "How long requests took",
                by(),
            ),
            jobs: RwLock::default(),
            registry: d.registry,
            names: d.names,
        }
    }

    /// What is counted of the jobs of one kind in one queue. Ask once for each job.
    pub fn of(&self, queue: &QueueName, kind: &Kind) -> Arc<OfJobs> {
        let known = self.jobs.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(queue).and_then(|kinds| kinds.get(kind)) {
            return Arc::clone(found);
        }
        drop(known);
        let mut jobs = self.jobs.write().unwrap_or_else(PoisonError::into_inner);
        let pairs: usize = jobs.values().map(HashMap::len).sum();
        if pairs >= MOST_LABELS {
            return Arc::new(OfJobs::new(self, OTHER, OTHER));
        }
        let kinds = jobs.entry(queue.clone()).or_default();
        let made = || Arc::new(OfJobs::new(self, queue.as_str(), kind.as_str()));
        Arc::clone(kinds.entry(kind.clone()).or_insert_with(made))
    }

    /// A call to the store took so long, and went wrong perhaps.
    pub fn called(&self, call: &'static str, took: Duration, error: Option<&'static str>) {
        self.calls
            .get_or_create(&OfCall { call })
            .observe(took.as_secs_f64());
        if let Some(error) = error {
            self.call_errors
                .get_or_create(&OfError { call, error })
                .inc();
        }
    }

    /// A request was answered.
    pub fn requested(&self, method: &http::Method, route: &str, status: u16, took: Duration) {
        // Whoever calls may make up methods.
        let known = ["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"];
        let method = known.into_iter().find(|known| *known == method.as_str());
        let labels = OfRequest {
            method: method.unwrap_or("_OTHER"),
            route: route.to_owned(),
            status,
        };
        self.requests
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// A tick was recorded, so long after its instant.
    pub fn ticked(&self, decision: &'static str, late: Duration) {
        self.ticks.get_or_create(&OfWord { decision }).inc();
        self.tick_lag.observe(late.as_secs_f64());
    }
}

/// What is counted of the jobs of one kind in one queue.
#[derive(Debug)]
pub struct OfJobs {
    /// Accepted through this process.
    pub enqueued: Counter,
    /// Handed out to this worker.
    pub claimed: Counter,
    /// From available to claimed.
    pub wait: Histogram,
    /// How long their handlers ran.
    pub run: Histogram,
    ended: [Counter; OUTCOMES.len()],
}

impl OfJobs {
    fn new(metrics: &Metrics, queue: &str, kind: &str) -> Self {
        let labels = OfJob {
            queue: queue.to_owned(),
            kind: kind.to_owned(),
        };
        let ended = |outcome| {
            let OfJob { queue, kind } = labels.clone();
            let labels = OfEnding {
                queue,
                kind,
                outcome,
            };
            metrics.ended.get_or_create_owned(&labels)
        };
        Self {
            enqueued: metrics.enqueued.get_or_create_owned(&labels),
            claimed: metrics.claimed.get_or_create_owned(&labels),
            wait: metrics.wait.get_or_create_owned(&labels),
            run: metrics.run.get_or_create_owned(&labels),
            ended: OUTCOMES.map(ended),
        }
    }

    /// An attempt ended, as one of [`OUTCOMES`].
    pub fn ended(&self, outcome: &str) {
        let counted = OUTCOMES.iter().zip(&self.ended);
        if let Some((_, counter)) = counted.into_iter().find(|(word, _)| **word == outcome) {
            counter.inc();
        }
    }
}

/// Everything as text: what this process counts, and with a store what is true of the whole fleet.
/// A store that cannot be asked is told as `windlass_store_up 0`.
pub async fn render(store: Option<&dyn Store>) -> String {
    let mut out = String::new();
    let mut registries = vec![];
    let fleet;
    if let Some(store) = store {
        fleet = fleet::measure(store).await;
        registries.push(&fleet);
    }
    registries.push(&metrics().registry);
    for registry in registries {
        // Writing to a text cannot fail.
        text::encode_registry(&mut out, registry).unwrap_or_default();
    }
    text::encode_eof(&mut out).unwrap_or_default();
    out
}

/// The name of every metric, as it is declared.
pub fn names() -> Vec<String> {
    let mut names = metrics().names.clone();
    names.extend(fleet::names());
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Clock, store::memory::MemoryStore};
    use std::collections::BTreeSet;

    #[tokio::test]
    async fn what_was_counted_is_told_and_the_fleet_with_it() {
        let (queue, kind) = (QueueName::new("mail").unwrap(), Kind::new("send").unwrap());
        let jobs = metrics().of(&queue, &kind);
        jobs.claimed.inc();
        jobs.wait.observe(0.02);
        jobs.ended("done");
        let store = MemoryStore::new(Clock::system());
        let told = render(Some(&store)).await;
        for line in [
            "windlass_jobs_claimed_total{queue=\"mail\",kind=\"send\"} 1",
            "windlass_attempts_ended_total{queue=\"mail\",kind=\"send\",outcome=\"done\"} 1",
            "windlass_job_wait_seconds_count{queue=\"mail\",kind=\"send\"} 1",
            "windlass_store_up 1",
        ] {
            assert!(told.lines().any(|told| told == line), "{line} in:\n{told}");
        }
        assert!(told.ends_with("# EOF\n"));
        assert!(!render(None).await.contains("windlass_store_up"));
    }

    #[test]
    fn names_without_end_are_not_told_apart() {
        let metrics = Metrics::new();
        let kind = Kind::new("send").unwrap();
        for n in 0..2 * MOST_LABELS {
            let queue = QueueName::new(format!("q{n}")).unwrap();
            metrics.of(&queue, &kind).ended("done");
        }
        let ended = |queue: &str, kind: &str| {
            let labels = OfEnding {
                queue: queue.to_owned(),
                kind: kind.to_owned(),
                outcome: "done",
            };
            metrics.ended.get_or_create_owned(&labels).get()
        };
        assert_eq!((ended("q0", "send"), ended("q999", "send")), (1, 0));
        assert_eq!(ended(OTHER, OTHER), MOST_LABELS as u64);
    }

    #[test]
    fn the_list_in_the_documentation_is_that_of_the_code() {
        let document = include_str!("../../../docs/TELEMETRY.md");
        let listed: BTreeSet<String> = document
            .lines()
            .filter_map(|line| line.strip_prefix("| `windlass_"))
            .filter_map(|line| line.split('`').next())
            .map(|name| format!("windlass_{}", name.trim_end_matches("_total")))
            .collect();
        let declared: BTreeSet<String> = names().into_iter().collect();
        assert_eq!(listed, declared);
    }

    #[test]
    fn alerts_and_dashboard_ask_for_metrics_that_there_are() {
        let declared: BTreeSet<String> = names().into_iter().collect();
        let mut asked = BTreeSet::new();
        for text in [
            include_str!("../../../deploy/prometheus/windlass.rules.yml"),
            include_str!("../../../deploy/grafana/windlass.json"),
        ] {
            let letter = |c: char| c.is_ascii_lowercase() || c == '_';
            let words = text.split(|c| !letter(c));
            for word in words.filter(|word| word.starts_with("windlass_")) {
                let suffixes = ["_total", "_bucket", "_count", "_sum"];
                let bare = suffixes.iter().find_map(|suffix| word.strip_suffix(suffix));
                asked.insert(bare.unwrap_or(word).to_owned());
            }
        }
        assert!(asked.len() > 20, "{asked:?}");
        let unknown: Vec<_> = asked.difference(&declared).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}
