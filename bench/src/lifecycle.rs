//! `lifecycle`: what a job costs from its enqueue to its end.

use anyhow::{Context as _, ensure};
use futures_util::future::{BoxFuture, try_join_all};
use shared::{
    job::{Args, Kind, NewJob, Outcome, State},
    store::Store,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;
use worker::{Context, Handler, Settings, Shutdown, Worker};

use crate::{floor, process, report::Report, store::Place};

#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Options {
    /// How many jobs.
    #[arg(long, default_value_t = 100_000)]
    pub(crate) jobs: usize,
    /// Bytes of args of each.
    #[arg(long, default_value_t = 128)]
    pub(crate) payload_bytes: usize,
    /// Jobs per enqueue.
    #[arg(long, default_value_t = 1000)]
    pub(crate) batch: usize,
    /// Jobs the worker runs at once.
    #[arg(long, default_value_t = 256)]
    pub(crate) concurrency: usize,
    /// Enqueues one job per call, from `--producers` tasks at once.
    #[arg(long)]
    pub(crate) lone: bool,
    /// Tasks that enqueue at once.
    #[arg(long)]
    pub(crate) producers: Option<usize>,
    /// Measures the floor in the same run, before, and reports the ratio.
    #[arg(long)]
    pub(crate) with_floor: bool,
}

pub(crate) async fn run(url: &str, options: &Options) -> anyhow::Result<Option<Report>> {
    ensure!(
        options.jobs > 0 && options.batch > 0,
        "--jobs and --batch must be at least 1"
    );
    let floor = if options.with_floor {
        Some(floor::measure(url, &options.into()).await?)
    } else {
        None
    };
    let place = Place::new(url).await?;
    let store = place.open().await?;
    let cpu = process::cpu_seconds();
    let before = place.counters().await?;

    let enqueue_s = enqueue(&store, options).await?;
    let runs = Arc::new(Runs::new(options.jobs));
    let process_s = drain(&store, options, &runs).await?;
    let completed = count(&store, State::Completed).await?;

    let mut report = Report::default();
    report.add("scenario", "lifecycle");
    report.add("store", store.capabilities().name);
    report.add("jobs", options.jobs);
    let per_s = |seconds: f64| as_f64(options.jobs) / seconds;
    report.add_f64("enqueue_per_s", per_s(enqueue_s));
    report.add_f64("process_per_s", per_s(process_s));
    report.add_f64("lifecycle_per_s", per_s(enqueue_s + process_s));
    report.add("lost", options.jobs.saturating_sub(completed));
    report.add("duplicated", runs.duplicated());
    if let Some((before, after)) = cpu.zip(process::cpu_seconds()) {
        report.add_f64("client_cpu_s", after - before);
    }
    if let Some(mib) = process::peak_rss_mib() {
        report.add_f64("peak_rss_mib", mib);
    }
    if let Some(floor) = floor {
        report.add_f64("floor_lifecycle_per_s", floor.lifecycle_per_s());
        report.add_f64(
            "ratio_to_floor",
            per_s(enqueue_s + process_s) / floor.lifecycle_per_s(),
        );
    }
    store.close().await;
    if let Some((before, after)) = before.zip(place.counters().await?) {
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let per_job = |count: u64| count as f64 / as_f64(options.jobs);
        report.add_f64(
            "wal_bytes_per_job",
            per_job(after.wal_bytes - before.wal_bytes),
        );
        report.add_f64(
            "dead_tuples_per_job",
            per_job(after.dead_tuples - before.dead_tuples),
        );
    }
    Ok(Some(report))
}

/// Enqueues everything; answers the seconds it took. Building the jobs is not measured.
async fn enqueue(store: &Arc<dyn Store>, options: &Options) -> anyhow::Result<f64> {
    let batch = if options.lone { 1 } else { options.batch };
    let producers = options
        .producers
        .unwrap_or(if options.lone { 64 } else { 1 });
    let mut batches: Vec<Vec<Vec<NewJob>>> = vec![Vec::new(); producers];
    for (number, start) in (0..options.jobs).step_by(batch).enumerate() {
        let end = (start + batch).min(options.jobs);
        let jobs: anyhow::Result<Vec<NewJob>> = (start..end)
            .map(|index| job(index, options.payload_bytes))
            .collect();
        batches[number % producers].push(jobs?);
    }
    let started = Instant::now();
    try_join_all(batches.into_iter().map(|share| {
        let store = Arc::clone(store);
        async move {
            for jobs in share {
                store.enqueue(jobs).await?;
            }
            anyhow::Ok(())
        }
    }))
    .await?;
    Ok(started.elapsed().as_secs_f64())
}

pub(crate) fn job(index: usize, bytes: usize) -> anyhow::Result<NewJob> {
    let mut args = format!("{{\"index\":{index:>10},\"pad\":\"");
    let pad = bytes.saturating_sub(args.len() + 2);
    args.extend(std::iter::repeat_n('x', pad));
    args.push_str("\"}");
    Ok(NewJob::with(
        Kind::new("noop")?,
        Args::from_json_bytes(args)?,
    ))
}

/// Drains everything; answers the seconds until the store has kept every end.
async fn drain(store: &Arc<dyn Store>, options: &Options, runs: &Arc<Runs>) -> anyhow::Result<f64> {
    let settings = Settings {
        concurrency: options.concurrency,
        ..Settings::default()
    };
    let worker = Worker::builder(Arc::clone(store))
        .settings(settings)
        .handler("noop", Noop(Arc::clone(runs)))
        .build()?;
    let shutdown = Shutdown::new();
    let tasks = shared::shutdown::Tasks::new();
    let started = Instant::now();
    tasks.spawn(worker.run(shutdown.clone()));
    runs.all.notified().await;
    while count(store, State::Completed).await? < options.jobs {
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    let took = started.elapsed().as_secs_f64();
    shutdown.drain();
    tasks.finished().await;
    Ok(took)
}

async fn count(store: &Arc<dyn Store>, state: State) -> anyhow::Result<usize> {
    let queues = store.queues().await.context("cannot count jobs")?;
    Ok(usize::try_from(
        queues.iter().map(|queue| queue.count(state)).sum::<u64>(),
    )?)
}

/// How often each job ran.
struct Runs {
    times: Vec<AtomicU8>,
    different: AtomicUsize,
    all: Notify,
}

impl Runs {
    fn new(jobs: usize) -> Self {
        let times = std::iter::repeat_with(AtomicU8::default)
            .take(jobs)
            .collect();
        Self {
            times,
            different: AtomicUsize::new(0),
            all: Notify::new(),
        }
    }

    fn note(&self, index: usize) {
        let first = self
            .times
            .get(index)
            .is_some_and(|t| t.fetch_add(1, Ordering::Relaxed) == 0);
        if first && self.different.fetch_add(1, Ordering::Relaxed) + 1 == self.times.len() {
            self.all.notify_one();
        }
    }

    fn duplicated(&self) -> usize {
        self.times
            .iter()
            .filter(|times| times.load(Ordering::Relaxed) > 1)
            .count()
    }
}

/// Does nothing but note which job it was: the number stands at a fixed place of the args.
struct Noop(Arc<Runs>);

impl Handler for Noop {
    fn run(&self, ctx: Context) -> BoxFuture<'static, Outcome> {
        let digits = ctx.job().args.bytes().get(9..19).unwrap_or_default();
        let number = std::str::from_utf8(digits)
            .ok()
            .and_then(|text| text.trim().parse().ok());
        if let Some(index) = number {
            self.0.note(index);
        }
        Box::pin(std::future::ready(Outcome::done()))
    }
}

#[expect(clippy::cast_precision_loss, reason = "job counts are far below 2^52")]
pub(crate) fn as_f64(count: usize) -> f64 {
    count as f64
}
