//! `pickup`: how soon an idle worker starts a job that another process enqueues.
//!
//! The loop is open: the producer sends by the clock, whatever became of the job before, so a
//! stall is seen in every job that it delays. Both processes read the same machine's clock.

use anyhow::{Context as _, ensure};
use shared::{
    clock::{Clock, Timestamp},
    job::{JobId, NewJob},
    shutdown::Tasks,
};
use std::{
    collections::HashMap,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::io::{AsyncBufReadExt, BufReader};
use worker::{Context, Shutdown, Worker};

use crate::{
    report::Report,
    store::{self, Place},
};

#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Options {
    /// Jobs per second.
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// How long.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
}

/// Runs the worker here and the producer in another process.
pub(crate) async fn run(url: &str, options: &Options) -> anyhow::Result<Option<Report>> {
    let place = Place::new(url).await?;
    let store = place.open().await?;
    ensure!(
        store.capabilities().shared_by_processes,
        "pickup needs a store that two processes share, such as sqlite:///tmp/bench.db",
    );
    let starts: Arc<Mutex<HashMap<JobId, Timestamp>>> = Arc::default();
    let note = Arc::clone(&starts);
    let worker = Worker::builder(Arc::clone(&store))
        .handle("noop", move |ctx: Context, (): ()| {
            let now = Clock::system().now();
            note.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(ctx.id())
                .or_insert(now);
            std::future::ready(())
        })
        .build()?;
    let (shutdown, tasks) = (Shutdown::new(), Tasks::new());
    tasks.spawn(worker.run(shutdown.clone()));

    let commits = producer(&place.url(), options).await?;
    let deadline = Instant::now() + Duration::from_secs(10);
    let started = || starts.lock().unwrap_or_else(PoisonError::into_inner).len();
    while started() < commits.len() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    shutdown.drain();
    tasks.finished().await;
    store.close().await;

    let starts = starts.lock().unwrap_or_else(PoisonError::into_inner);
    let mut waits: Vec<f64> = commits
        .iter()
        .filter_map(|(id, commit)| starts.get(id).map(|start| start.since(*commit)))
        .map(|wait| wait.as_secs_f64() * 1000.0)
        .collect();
    waits.sort_by(f64::total_cmp);
    let mut report = Report::default();
    report.add("scenario", "pickup");
    report.add("jobs", commits.len());
    report.add("lost", commits.len() - waits.len());
    report.add_f64("p50_ms", percentile(&waits, 50));
    report.add_f64("p99_ms", percentile(&waits, 99));
    report.add_f64("max_ms", percentile(&waits, 100));
    Ok(Some(report))
}

fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(rank).copied().unwrap_or(f64::NAN)
}

/// Starts the producer and reads which job was committed when.
async fn producer(url: &str, options: &Options) -> anyhow::Result<Vec<(JobId, Timestamp)>> {
    let mut child = tokio::process::Command::new(std::env::current_exe()?)
        .args(["produce", "--store", url])
        .args([
            "--rate",
            &options.rate.to_string(),
            "--seconds",
            &options.seconds.to_string(),
        ])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start the producer")?;
    let stdout = child.stdout.take().context("the producer has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    let mut commits = Vec::new();
    while let Some(line) = lines.next_line().await? {
        let (id, at) = line
            .split_once(' ')
            .context("the producer speaks another language")?;
        commits.push((id.parse()?, Timestamp::from_micros(at.parse()?)));
    }
    ensure!(child.wait().await?.success(), "the producer failed");
    Ok(commits)
}

/// The producer: one job at a time, by the clock; prints its id and when its enqueue was answered.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
pub(crate) async fn produce(url: &str, options: &Options) -> anyhow::Result<Option<Report>> {
    ensure!(
        (1..=100_000).contains(&options.rate),
        "--rate must be between 1 and 100000"
    );
    let store = store::open(url).await?;
    let clock = Clock::system();
    let interval = Duration::from_secs(1) / options.rate;
    let started = tokio::time::Instant::now();
    for number in 0..options.rate * options.seconds {
        tokio::time::sleep_until(started + interval * number).await;
        let job = NewJob::new("noop", &())?;
        let id = job.id;
        store.enqueue(vec![job]).await?;
        println!("{id} {}", clock.now().as_micros());
    }
    store.close().await;
    Ok(None)
}
