//! `held-snapshot`: whether a claim costs more the longer somebody holds a snapshot open, so that
//! nothing that was claimed can be cleaned up.

use anyhow::{bail, ensure};
use futures_util::future::BoxFuture;
use shared::{job::Outcome, store::postgres::admin::Admin};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use worker::{Context, Handler, Settings, Shutdown, Worker};

use crate::{
    lifecycle::{self, as_f64},
    report::Report,
    store::Place,
};

#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Options {
    /// How long.
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// Jobs per enqueue.
    #[arg(long, default_value_t = 100)]
    batch: usize,
}

/// Jobs that may wait before the producer does.
const AHEAD: usize = 2000;

/// The part of the time that is compared, at the start and at the end.
const SHARE: u32 = 6;

/// How often what is due is promoted, and what was counted is added up.
const PROMOTE: Duration = Duration::from_secs(1);

/// How often pages are counted.
const PROBE: Duration = Duration::from_millis(250);

pub(crate) async fn run(url: &str, options: &Options) -> anyhow::Result<Option<Report>> {
    ensure!(
        options.seconds >= 6 && options.batch > 0,
        "--seconds must be at least 6, and --batch at least 1"
    );
    let place = Place::new(url).await?;
    let Place::Server(_) = &place else {
        bail!("snapshots are held on a PostgreSQL server: --store postgres://user@host/database");
    };
    let store = place.open().await?;
    let ran = Arc::new(AtomicUsize::new(0));
    let worker = Worker::builder(Arc::clone(&store))
        .settings(Settings {
            concurrency: 256,
            ..Settings::default()
        })
        .handler("noop", Noop(Arc::clone(&ran)))
        .build()?;
    let (shutdown, tasks) = (Shutdown::new(), shared::shutdown::Tasks::new());
    tasks.spawn(worker.run(shutdown.clone()));

    let mut probe = Admin::connect(&place.url()).await?;
    let mut holder = Admin::connect(&place.url()).await?;
    let hold = "begin isolation level repeatable read; select count(*) from windlass.queue";
    holder.execute(hold).await?;

    let whole = Duration::from_secs(options.seconds);
    let started = Instant::now();
    let mut promoted = started;
    let (mut enqueued, mut mark) = (0, "0".to_owned());
    let mut samples: Vec<(Duration, usize, u64)> = Vec::new();
    while started.elapsed() < whole {
        if enqueued < ran.load(Ordering::Relaxed) + AHEAD {
            let next = enqueued..enqueued + options.batch;
            let jobs: anyhow::Result<Vec<_>> = next.map(|at| lifecycle::job(at, 128)).collect();
            store.enqueue(jobs?).await?;
            enqueued += options.batch;
        } else {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        // As the scheduler does.
        if promoted.elapsed() >= PROMOTE {
            store.promote(1000).await?;
            promoted = Instant::now();
        }
        let last = samples.last().map_or(Duration::ZERO, |(at, ..)| *at);
        if started.elapsed() >= last + PROBE {
            // First up to where claims are now, then what the next one reads from there.
            (_, mark) = probe.scan_pages(&mark).await?;
            let (pages, _) = probe.scan_pages(&mark).await?;
            samples.push((started.elapsed(), ran.load(Ordering::Relaxed), pages));
        }
    }
    holder.close().await?;
    shutdown.drain();
    tasks.finished().await;
    store.close().await;

    let share = whole / SHARE;
    let first: Vec<_> = samples.iter().filter(|(at, ..)| *at <= share).collect();
    let last: Vec<_> = samples
        .iter()
        .filter(|(at, ..)| *at + share >= whole)
        .collect();
    let mut report = Report::default();
    report.add("scenario", "held-snapshot");
    report.add("jobs", enqueued);
    report.add_f64("first_per_s", rate(&first));
    report.add_f64("last_per_s", rate(&last));
    report.add("pages_per_claim_first", pages(&first));
    report.add("pages_per_claim_last", pages(&last));
    Ok(Some(report))
}

fn rate(samples: &[&(Duration, usize, u64)]) -> f64 {
    let (Some((start, before, _)), Some((end, after, _))) = (samples.first(), samples.last())
    else {
        return f64::NAN;
    };
    as_f64(after - before) / end.saturating_sub(*start).as_secs_f64()
}

/// The median.
fn pages(samples: &[&(Duration, usize, u64)]) -> u64 {
    let mut pages: Vec<u64> = samples.iter().map(|(.., pages)| *pages).collect();
    pages.sort_unstable();
    pages.get(pages.len() / 2).copied().unwrap_or(0)
}

struct Noop(Arc<AtomicUsize>);

impl Handler for Noop {
    fn run(&self, _: Context) -> BoxFuture<'static, Outcome> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(Outcome::done()))
    }
}
