//! `backlog`: whether a job costs more when many wait.

use anyhow::ensure;
use futures_util::future::BoxFuture;
use shared::{
    job::{JobId, Outcome, State},
    store::{Filter, ListParams, Store},
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};
use tokio::sync::Notify;
use worker::{Context, Handler, Settings, Shutdown, Worker};

use crate::{
    lifecycle::{self, as_f64},
    report::Report,
    store::Place,
};

#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Options {
    /// How many jobs wait at first.
    #[arg(long, default_value_t = 1_000_000)]
    jobs: usize,
    /// Jobs per enqueue.
    #[arg(long, default_value_t = 1000)]
    batch: usize,
    /// Jobs the worker runs at once.
    #[arg(long, default_value_t = 256)]
    concurrency: usize,
}

/// Tenths of the backlog, of which the second and the ninth are compared: the first and the last
/// hold the start and the end of the worker.
const PARTS: usize = 10;

pub(crate) async fn run(url: &str, options: &Options) -> anyhow::Result<Option<Report>> {
    ensure!(
        options.jobs >= PARTS && options.batch > 0,
        "--jobs must be at least {PARTS}, and --batch at least 1"
    );
    let place = Place::new(url).await?;
    let store = place.open().await?;
    for start in (0..options.jobs).step_by(options.batch) {
        let end = (start + options.batch).min(options.jobs);
        let jobs: anyhow::Result<Vec<_>> = (start..end).map(|at| lifecycle::job(at, 128)).collect();
        store.enqueue(jobs?).await?;
    }
    let drain = Arc::new(Drain::new(options.jobs));
    let settings = Settings {
        concurrency: options.concurrency,
        ..Settings::default()
    };
    let worker = Worker::builder(Arc::clone(&store))
        .settings(settings)
        .handler("noop", Noop(Arc::clone(&drain)))
        .build()?;
    let (shutdown, tasks) = (Shutdown::new(), shared::shutdown::Tasks::new());
    tasks.spawn(worker.run(shutdown.clone()));
    drain.half.notified().await;
    // Every state that matters is there now, in great numbers.
    let looks = Looks::measure(&store).await?;
    drain.all.notified().await;
    shutdown.drain();
    tasks.finished().await;
    store.close().await;

    let mut report = Report::default();
    report.add("scenario", "backlog");
    report.add("jobs", options.jobs);
    report.add_f64("full_per_s", drain.rate_of_part(1));
    report.add_f64("empty_per_s", drain.rate_of_part(PARTS - 2));
    report.add_f64("counts_ms", looks.counts);
    report.add_f64("list_ms", looks.list);
    report.add_f64("get_ms", looks.get);
    Ok(Some(report))
}

/// How long looking takes in the middle of it, in milliseconds: the median of several looks.
struct Looks {
    counts: f64,
    list: f64,
    get: f64,
}

impl Looks {
    async fn measure(store: &Arc<dyn Store>) -> anyhow::Result<Self> {
        let (mut counts, mut lists, mut gets) = (Vec::new(), Vec::new(), Vec::new());
        let states = [
            None,
            Some(State::Available),
            Some(State::Completed),
            Some(State::Running),
        ];
        let mut some: Vec<JobId> = Vec::new();
        for _ in 0..9 {
            let started = Instant::now();
            store.queues().await?;
            counts.push(ms(started));
            for state in states {
                let filter = Filter {
                    states: state.into_iter().collect(),
                    ..Filter::default()
                };
                let params = ListParams {
                    filter,
                    cursor: None,
                    limit: 50,
                };
                let started = Instant::now();
                let page = store.list(params).await?;
                lists.push(ms(started));
                some.extend(page.items.iter().take(2).map(|job| job.id));
            }
            for id in some.drain(..) {
                let started = Instant::now();
                store.get(vec![id]).await?;
                gets.push(ms(started));
            }
        }
        Ok(Self {
            counts: median(counts),
            list: median(lists),
            get: median(gets),
        })
    }
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or(f64::NAN)
}

/// When each part of the backlog had run.
struct Drain {
    jobs: usize,
    ran: AtomicUsize,
    marks: Mutex<Vec<Instant>>,
    half: Notify,
    all: Notify,
}

impl Drain {
    fn new(jobs: usize) -> Self {
        Self {
            jobs,
            ran: AtomicUsize::new(0),
            marks: Mutex::new(Vec::new()),
            half: Notify::new(),
            all: Notify::new(),
        }
    }

    fn part(&self) -> usize {
        self.jobs / PARTS
    }

    fn note(&self) {
        let ran = self.ran.fetch_add(1, Ordering::Relaxed) + 1;
        if ran.is_multiple_of(self.part()) {
            let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
            marks.push(Instant::now());
        }
        if ran == self.part() * PARTS / 2 {
            self.half.notify_one();
        }
        if ran == self.jobs {
            self.all.notify_one();
        }
    }

    /// The rate of one part, counted from 0; not of the first, whose start is not noted.
    fn rate_of_part(&self, part: usize) -> f64 {
        let marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(start), Some(end)) = (marks.get(part - 1), marks.get(part)) else {
            return f64::NAN;
        };
        as_f64(self.part()) / end.duration_since(*start).as_secs_f64()
    }
}

struct Noop(Arc<Drain>);

impl Handler for Noop {
    fn run(&self, _: Context) -> BoxFuture<'static, Outcome> {
        self.0.note();
        Box::pin(std::future::ready(Outcome::done()))
    }
}
