//! `pipeline`: collects from sources, computes, publishes, and says what became of it all.
//!
//! ```text
//! start: a collect job per source --> wait until all have ended --> compute, add to the buffers
//!                                                                        |
//!        result <-- wait until every entry was delivered or refused <----+
//! ```
//!
//! The job holds no place in the worker while it waits: each look is a run of its own that ends
//! in a snooze. What it has done is read from the store each time: the children and the entries
//! have ids that derive from the run's, so a run that is repeated starts nothing twice. A source
//! that fails does not stop the rest. The time of the pipeline bounds the waiting, not the
//! publishing: what was collected is added to the buffers in any case and delivered when it can
//! be, and the result tells what still waited. A pipeline that is cancelled leaves its collections
//! and deliveries to themselves.

mod report;
mod stage;

use serde::{Deserialize, Serialize};
use shared::{
    buffer::{self, entry},
    clock::Timestamp,
    config::{Pipeline, human::format_duration},
    job::{
        Args as JobArgs, Invalid, JobDetail, JobId, Kind as JobKind, NewJob, Outcome, Tag,
        name::Label,
    },
    patience::chain,
    store::{CancelParams, DestinationRecord, Error, NewEntry, Receipt, Result},
    telemetry::traces::{self, Kind, Recording},
};
use std::{collections::HashSet, time::Duration};

use crate::{
    Context,
    handlers::{
        COLLECT, collect,
        compute::compute,
        pipeline::{
            report::{Delivery, Gathered, report},
            stage::{Collecting, collecting, pause},
        },
        setup::Setup,
    },
};

/// What a job of kind `pipeline` carries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Args {
    /// The pipeline, as the configuration names it.
    pipeline: Label,
}

/// What a run leaves behind for its next look, and shows to people meanwhile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Progress {
    /// When its collections were enqueued. Numbers without a date are of then.
    begun_at: Timestamp,
    /// How many sources have been collected, or have failed.
    collected: usize,
    /// Of so many.
    sources: usize,
    /// How many entries wait for their destinations, once they were added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waiting: Option<u64>,
}

/// Why a look ended early.
enum Early {
    Store(Error),
    Invalid(Invalid),
}

impl From<Error> for Early {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<Invalid> for Early {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

/// Runs one look.
pub(crate) async fn run(ctx: Context, args: Args, setup: &Setup) -> Outcome {
    let name = &args.pipeline;
    let pipeline = match setup.pipeline(name) {
        Ok(pipeline) => pipeline,
        Err(unknown) => return Outcome::retry(unknown),
    };
    let run = Run {
        ctx: &ctx,
        setup,
        name,
        pipeline,
    };
    match run.look().await {
        Ok(outcome) => outcome,
        Err(Early::Store(error)) => Outcome::retry(chain(&error)),
        Err(Early::Invalid(invalid)) => Outcome::retry(invalid.to_string()),
    }
}

/// One run of a pipeline.
struct Run<'a> {
    ctx: &'a Context,
    setup: &'a Setup,
    name: &'a Label,
    pipeline: &'a Pipeline,
}

impl Run<'_> {
    async fn look(&self) -> Result<Outcome, Early> {
        let Some(mut progress) = self.ctx.last_progress::<Progress>()? else {
            return self.begin().await;
        };
        let now = self.ctx.store().now().await?;
        let begun_at = progress.begun_at;
        let mut children = self.children().await?;
        match collecting(&children, begun_at, now, self.pipeline.timeout) {
            Collecting::Wait(wait) => {
                let ended = |child: &&Option<JobDetail>| stage::has_ended(child.as_ref());
                progress.collected = children.iter().filter(ended).count();
                self.ctx.progress(&progress)?;
                return Ok(Outcome::snooze(wait));
            }
            Collecting::GiveUp(open) => {
                self.cancel(open).await?;
                // One may have ended just before: what is read from now on stays as it is.
                children = self.children().await?;
            }
            Collecting::Over => {}
        }
        let gathered = Gathered::new(self.pipeline, &self.setup.config.sources, &children);
        // Looks that wait for deliveries compute the same again, which nobody wants told.
        let first = progress.waiting.is_none();
        let span = first
            .then(|| self.computing(gathered.points.len()))
            .flatten();
        let computed = compute(&gathered.points, &self.pipeline.computed);
        drop(span);
        let gathered = gathered.with(computed);
        let deliveries = self.deliver(&gathered, begun_at).await?;
        let open: u64 = deliveries.iter().map(|(_, delivery)| delivery.open()).sum();
        if open > 0 && now.since(begun_at) < self.pipeline.timeout {
            progress.collected = progress.sources;
            progress.waiting = Some(open);
            self.ctx.progress(&progress)?;
            return Ok(Outcome::snooze(pause(now.since(begun_at))));
        }
        let took = now.since(begun_at);
        let result = report(self.name, begun_at, took, gathered, deliveries);
        Ok(
            Outcome::result(&result)
                .unwrap_or_else(|invalid| Outcome::discard(invalid.to_string())),
        )
    }

    /// The span of a computation from so many points.
    fn computing(&self, points: usize) -> Option<Recording> {
        let place = self.ctx.trace().and_then(traces::read)?;
        let name = || format!("compute {}", self.name).into();
        let mut span = Recording::begin(Some(&place), Kind::Internal, name)?;
        span.set("windlass.pipeline", self.name.to_string());
        span.set("windlass.points", i64::try_from(points).unwrap_or(i64::MAX));
        let metrics = self.pipeline.computed.len();
        span.set(
            "windlass.computed",
            i64::try_from(metrics).unwrap_or(i64::MAX),
        );
        Some(span)
    }

    /// Starts the collections. The look that follows knows them by the progress left behind: from
    /// then on, one that is not there any more was forgotten, and is not started anew.
    async fn begin(&self) -> Result<Outcome, Early> {
        let sources = &self.pipeline.sources;
        let jobs = sources
            .iter()
            .map(|source| self.collection(source))
            .collect::<Result<Vec<NewJob>, Invalid>>()?;
        self.ctx.enqueue(jobs).await?;
        self.ctx.progress(&Progress {
            begun_at: self.ctx.store().now().await?,
            collected: 0,
            sources: sources.len(),
            waiting: None,
        })?;
        Ok(Outcome::snooze(pause(Duration::ZERO)))
    }

    fn collection(&self, source: &Label) -> Result<NewJob, Invalid> {
        let args = collect::Args {
            source: source.clone(),
            run: Some(self.ctx.id()),
        };
        let mut job = NewJob::with(JobKind::new(COLLECT)?, JobArgs::json(&args)?);
        job.id = self.child(source);
        job.queue = self.ctx.queue().clone();
        job.max_attempts = self.pipeline.max_attempts;
        // A name of more than 55 bytes is too long for a tag.
        job.tags = Tag::new(format!("pipeline:{}", self.name))
            .into_iter()
            .collect();
        Ok(job)
    }

    /// The id of a source's collection.
    fn child(&self, source: &Label) -> JobId {
        JobId::derive(self.ctx.id(), &format!("collect:{source}"))
    }

    /// The collections, in the order of the sources.
    async fn children(&self) -> Result<Vec<Option<JobDetail>>> {
        let sources = self.pipeline.sources.iter();
        let ids = sources.map(|source| self.child(source)).collect();
        self.ctx.store().get(ids).await
    }

    async fn cancel(&self, ids: Vec<JobId>) -> Result<()> {
        let timeout = format_duration(self.pipeline.timeout);
        let reason = format!(
            "not collected within {timeout}, the time of pipeline {}",
            self.name
        );
        let params = CancelParams { ids, reason };
        self.ctx.store().cancel(params).await.map(drop)
    }

    /// Adds what was gathered to the buffers, and says how far each destination is.
    async fn deliver(
        &self,
        gathered: &Gathered,
        begun_at: Timestamp,
    ) -> Result<Vec<(Label, Delivery)>> {
        let store = self.ctx.store();
        let mut receipts = store.receipts(self.ctx.id()).await?;
        let mut full: Vec<(Label, String)> = Vec::new();
        for name in &self.pipeline.destinations {
            let Ok(destination) = self.setup.destination(name) else {
                continue;
            };
            let about = [
                ("pipeline", self.name.as_str().into()),
                ("run", self.ctx.id().to_string().into()),
            ];
            let points = &gathered.points;
            let entries =
                entry::of_points(destination.takes(), points, self.ctx.id(), begun_at, &about);
            match self
                .add(name, destination.buffer(), entries, &receipts)
                .await
            {
                Ok(()) => {}
                Err(error @ Error::Full { .. }) => full.push((name.clone(), chain(&error))),
                Err(error) => return Err(error),
            }
        }
        receipts = store.receipts(self.ctx.id()).await?;
        let records = store.destinations().await?;
        let mut deliveries = Vec::new();
        for name in &self.pipeline.destinations {
            let delivery = if let Err(unknown) = self.setup.destination(name) {
                Delivery::Impossible(unknown)
            } else {
                let full = full.iter().find(|(of, _)| of == name);
                let record = records.iter().find(|record| record.name == *name);
                delivery(name, &receipts, record, full, begun_at)
            };
            deliveries.push((name.clone(), delivery));
        }
        Ok(deliveries)
    }

    /// Adds entries to a buffer unless they were added before; either way sees to their flush.
    async fn add(
        &self,
        name: &Label,
        buffer: &shared::config::destinations::Buffer,
        entries: Vec<NewEntry>,
        receipts: &[Receipt],
    ) -> Result<()> {
        let of_mine = receipts
            .iter()
            .filter(|receipt| receipt.destination == *name);
        let known: HashSet<_> = of_mine.clone().map(|receipt| receipt.id).collect();
        let (store, trace) = (self.ctx.store().as_ref(), self.ctx.trace());
        if entries.iter().any(|entry| !known.contains(&entry.id)) {
            return buffer::add(store, name, buffer, entries, trace)
                .await
                .map(drop);
        }
        if of_mine.clone().any(|receipt| receipt.fate.is_none()) {
            buffer::look_after(store, name, buffer, trace).await?;
        }
        Ok(())
    }
}

/// How far a destination is with the entries of this run.
fn delivery(
    name: &Label,
    receipts: &[Receipt],
    record: Option<&DestinationRecord>,
    full: Option<&(Label, String)>,
    begun_at: Timestamp,
) -> Delivery {
    if let Some((_, why)) = full {
        return Delivery::Full(why.clone());
    }
    let mine = receipts
        .iter()
        .filter(|receipt| receipt.destination == *name);
    let fates = mine.map(|receipt| receipt.fate.clone()).collect();
    let disabled = record.and_then(|record| record.disabled.clone());
    // A failure from before this run says nothing about it.
    let failed = record.and_then(|record| record.failed.clone());
    let failed = failed.filter(|(at, _)| *at >= begun_at);
    Delivery::Added {
        fates,
        disabled: disabled.map(|(_, why)| why),
        failed: failed.map(|(_, why)| why),
    }
}

#[cfg(test)]
mod tests;
