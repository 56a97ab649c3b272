//! Relations between settings, each of which is right by itself.
//!
//! A relation is judged only when what it relates was read without a fault: one mistake is told
//! once. What may be meant, because other processes see to the rest, is no fault but a warning.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use super::{
    Config,
    destinations::Buffer,
    fault::Fault,
    human::format_duration,
    notes::Notes,
    origin::join,
    pipelines::Pipeline,
    read::meant_or_known,
    sources::Source,
    tree::{Table, Value},
    worker::{BEATS_PER_LEASE, ServedQueue},
};
use crate::{
    backoff::Backoff,
    buffer,
    job::name::Label,
    metric::{MetricKey, in_order},
};

/// The names that people gave, those with faults in them included.
#[derive(Debug, Default)]
pub(super) struct Names {
    sources: BTreeSet<String>,
    destinations: BTreeSet<String>,
}

impl Names {
    pub(super) fn of(tree: &Table) -> Self {
        let names = |section: &str| match tree.get(section).map(|node| &node.value) {
            Some(Value::Table(table)) => table.keys().cloned().collect(),
            _ => BTreeSet::new(),
        };
        Self {
            sources: names("sources"),
            destinations: names("destinations"),
        }
    }
}

/// Notes every relation that does not hold.
pub(super) fn relations(config: &Config, names: &Names, notes: &Notes) {
    worker(config, notes);
    retry(config, notes);
    outbound(config, notes);
    for (name, destination) in &config.destinations {
        capacity(
            &join("destinations", name.as_str()),
            destination.buffer(),
            notes,
        );
    }
    for (name, pipeline) in &config.pipelines {
        let path = join("pipelines", name.as_str());
        references(&path, pipeline, names, notes);
        metrics(&path, pipeline, config, notes);
    }
}

/// What may not be meant, without its origin.
pub(super) fn warnings(config: &Config) -> Vec<Fault> {
    let served = &config.worker.queues;
    let serves = |queue: &ServedQueue| ["*", buffer::QUEUE].contains(&queue.as_str());
    if config.destinations.is_empty() || served.iter().any(serves) {
        return Vec::new();
    }
    let problem = format!(
        "name neither {:?} nor \"*\": such a worker delivers nothing to the destinations, so \
         another one must",
        buffer::QUEUE
    );
    vec![Fault {
        key: "worker.queues".to_owned(),
        origin: None,
        problem,
    }]
}

fn worker(config: &Config, notes: &Notes) {
    let worker = &config.worker;
    let least = worker.heartbeat.saturating_mul(BEATS_PER_LEASE);
    if notes.fine(&["worker.heartbeat", "worker.lease"]) && least > worker.lease {
        notes.blame(
            "worker.heartbeat",
            format!(
                "is {}, which does not fit {BEATS_PER_LEASE} times into worker.lease, which is {}; \
                 at most {} would, or a lease of at least {}",
                format_duration(worker.heartbeat),
                format_duration(worker.lease),
                format_duration(worker.lease / BEATS_PER_LEASE),
                format_duration(least),
            ),
        );
    }
}

fn retry(config: &Config, notes: &Notes) {
    let retry = &config.retry;
    let all = ["retry.base", "retry.factor", "retry.cap"];
    if notes.fine(&all) {
        let whole = Backoff {
            base: retry.base,
            factor: retry.factor,
            cap: retry.cap,
        };
        if let Err(invalid) = whole.check() {
            notes.blame("retry.cap", invalid.why.replace("backoff.", "retry."));
        }
    }
    for kind in retry.kinds.keys() {
        let path = join("retry.kinds", kind.as_str());
        if !notes.fine(&all) || !notes.fine(&[&path]) {
            continue;
        }
        if let Err(invalid) = retry.backoff(kind).check() {
            notes.blame(
                &path,
                invalid.why.replace(
                    "is shorter than backoff.base",
                    "has a cap shorter than its base",
                ),
            );
        }
    }
}

fn outbound(config: &Config, notes: &Notes) {
    let outbound = &config.outbound;
    if notes.fine(&["outbound.connect_timeout", "outbound.timeout"])
        && outbound.connect_timeout > outbound.timeout
    {
        notes.blame(
            "outbound.connect_timeout",
            format!(
                "is {}, longer than outbound.timeout, which is {} for the whole call",
                format_duration(outbound.connect_timeout),
                format_duration(outbound.timeout),
            ),
        );
    }
}

fn capacity(path: &str, buffer: &Buffer, notes: &Notes) {
    let path = join(path, "buffer");
    let key = |key: &str| join(&path, key);
    let (batch, every, capacity) = (key("batch_size"), key("flush_every"), key("capacity"));
    if notes.fine(&[&batch, &every]) && buffer.flush_every < buffer.batch_size {
        let problem = format!(
            "is {}, less than batch_size, which is {}: no batch would ever be full",
            buffer.flush_every, buffer.batch_size
        );
        notes.blame(&every, problem);
    }
    if notes.fine(&[&every, &capacity]) && buffer.capacity < u64::from(buffer.flush_every) {
        let problem = format!(
            "is {}, less than flush_every, which is {}: it would be full before it is flushed",
            buffer.capacity, buffer.flush_every
        );
        notes.blame(&capacity, problem);
    }
}

fn references(path: &str, pipeline: &Pipeline, names: &Names, notes: &Notes) {
    let lists = [
        ("sources", &pipeline.sources, &names.sources),
        ("destinations", &pipeline.destinations, &names.destinations),
    ];
    for (key, list, known) in lists {
        let path = join(path, key);
        let mut seen = BTreeSet::new();
        for name in list {
            if !known.contains(name.as_str()) {
                let hint = if known.is_empty() {
                    format!("there are no {key} yet")
                } else {
                    meant_or_known(name.as_str(), known.iter().map(String::as_str))
                };
                notes.blame(
                    &path,
                    format!(
                        "name {:?}, which is not among the {key}; {hint}",
                        name.as_str()
                    ),
                );
            }
            if !seen.insert(name) {
                notes.blame(&path, format!("name {:?} twice", name.as_str()));
            }
        }
    }
}

fn metrics(path: &str, pipeline: &Pipeline, config: &Config, notes: &Notes) {
    let sources = join(path, "sources");
    let mut offered: BTreeMap<&MetricKey, &Label> = BTreeMap::new();
    for name in &pipeline.sources {
        let keys = config.sources.get(name).map(Source::metric_keys);
        for key in keys.into_iter().flatten() {
            if let Some(other) = offered.insert(key, name)
                && other != name
            {
                let problem = format!("give two metrics {key:?}: {other} and {name}");
                notes.blame(&sources, problem);
            }
        }
    }
    let computed = join(path, "computed");
    let blame = |key: &MetricKey, problem: &dyn Display| {
        notes.blame(&join(&computed, key.as_str()), problem.to_string());
    };
    // What a faulty source would have offered is not known, nor what a faulty expression needs.
    let whole = |name: &Label| {
        config.sources.contains_key(name) && notes.fine(&[&join("sources", name.as_str())])
    };
    let complete = pipeline.sources.iter().all(whole) && notes.fine(&[&sources, &computed]);
    for (key, expression) in &pipeline.computed {
        if let Some(source) = offered.get(key) {
            blame(
                key,
                &format!("is the name of a metric of source {source} too"),
            );
        }
        if expression.variables().is_empty()
            && let Err(error) = expression.evaluate(|_| None)
        {
            blame(key, &error);
        }
        if !complete {
            continue;
        }
        let others = pipeline.computed.keys().filter(|other| *other != key);
        let known = offered.keys().copied().chain(others).map(MetricKey::as_str);
        let missing = |variable: &&MetricKey| {
            !offered.contains_key(*variable) && !pipeline.computed.contains_key(*variable)
        };
        for variable in expression.variables().iter().filter(missing) {
            let hint = meant_or_known(variable.as_str(), known.clone());
            let problem = "which is no metric of this pipeline";
            blame(key, &format!("needs {variable:?}, {problem}; {hint}"));
        }
    }
    if let Err(cycle) = in_order(&pipeline.computed)
        && let Some(key) = cycle.0.first()
    {
        blame(key, &cycle);
    }
}
