//! From the configuration to what each part needs to know, as plain values.

use shared::{
    config::{Config, ServedQueue},
    job::{Args, Invalid},
    schedule::{Definition, Origin, Template},
    store::Retention,
};
use worker::{Queues, RetryPolicy};

/// What this machine is called, for people.
pub(crate) fn host() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// What the worker of this process is called, for people.
fn name(config: &Config) -> String {
    if config.worker.name.is_empty() {
        host()
    } else {
        config.worker.name.clone()
    }
}

pub(super) fn worker(config: &Config) -> worker::Settings {
    let worker = &config.worker;
    worker::Settings {
        name: name(config),
        host: host(),
        queues: queues(&worker.queues),
        concurrency: usize::try_from(worker.concurrency).unwrap_or(usize::MAX),
        lease: worker.lease,
        heartbeat: worker.heartbeat,
        drain_timeout: worker.drain_timeout,
        poll: worker.poll,
        // A scheduler promotes, rescues and prunes, in this process or another.
        alone: None,
    }
}

fn queues(served: &[ServedQueue]) -> Queues {
    let mut queues = Queues {
        first: Vec::new(),
        others: false,
    };
    for queue in served {
        match queue {
            ServedQueue::Named(name) => queues.first.push(name.clone()),
            ServedQueue::Others => queues.others = true,
        }
    }
    queues
}

pub(super) fn policy(config: &Config) -> RetryPolicy {
    let kinds = config.retry.kinds.keys();
    RetryPolicy {
        job_timeout: config.worker.job_timeout,
        default: config.retry.backoff_of_all(),
        kinds: kinds
            .map(|kind| (kind.clone(), config.retry.backoff(kind)))
            .collect(),
    }
}

pub(super) fn api(config: &Config) -> api::Settings {
    let api = &config.api;
    api::Settings {
        listen: api.listen,
        max_body: api.max_body.as_usize(),
        request_timeout: api.request_timeout,
    }
}

/// What the API goes by and may change while it runs.
pub(super) fn live(config: &Config) -> api::Live {
    let pipelines = config.pipelines.iter();
    let pipelines = pipelines
        .map(|(name, pipeline)| {
            let pipeline = api::Pipeline {
                sources: pipeline.sources.clone(),
                destinations: pipeline.destinations.clone(),
            };
            (name.clone(), pipeline)
        })
        .collect();
    let destinations = config.destinations.iter();
    let destinations = destinations
        .map(|(name, destination)| {
            let destination = api::Destination {
                takes: destination.takes(),
                buffer: destination.buffer().clone(),
            };
            (name.clone(), destination)
        })
        .collect();
    api::Live {
        destinations,
        pipelines,
        max_jobs_per_request: usize::try_from(config.api.max_jobs_per_request)
            .unwrap_or(usize::MAX),
        max_attempts: config.retry.max_attempts,
        jaeger_url: config.telemetry.jaeger_url.clone(),
    }
}

/// # Errors
/// `Invalid` when a schedule says what only its job's own check can refuse.
pub(super) fn scheduler(config: &Config) -> Result<scheduler::Settings, Invalid> {
    let scheduler = &config.scheduler;
    Ok(scheduler::Settings {
        name: format!("{}/{}", name(config), std::process::id()),
        lease: scheduler.lease,
        rescue_every: scheduler.rescue_every,
        prune_every: scheduler.prune_every,
        prune_batch: usize::try_from(scheduler.prune_batch).unwrap_or(usize::MAX),
        retention: retention(config),
        schedules: schedules(config)?,
        ..scheduler::Settings::default()
    })
}

pub(super) fn retention(config: &Config) -> Retention {
    Retention {
        completed: config.retention.completed,
        cancelled: config.retention.cancelled,
        discarded: config.retention.discarded,
    }
}

/// The schedules of the configuration, and those of its pipelines.
pub(crate) fn schedules(config: &Config) -> Result<Vec<Definition>, Invalid> {
    let mut definitions = Vec::new();
    for (name, schedule) in &config.schedules {
        let mut template = Template::new(schedule.kind.clone(), Args::json(&schedule.args)?);
        template.queue = schedule.queue.clone();
        template.priority = schedule.priority;
        template.max_attempts = schedule.max_attempts.unwrap_or(config.retry.max_attempts);
        definitions.push(Definition {
            name: name.clone(),
            origin: Origin::Config,
            timing: schedule.timing.clone(),
            template,
        });
    }
    for (name, pipeline) in &config.pipelines {
        if let Some(timing) = &pipeline.timing {
            definitions.push(Definition::pipeline(name, timing.clone())?);
        }
    }
    Ok(definitions)
}
