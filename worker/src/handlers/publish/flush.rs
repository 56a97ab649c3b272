//! One run of a destination's flush: peek, deliver, resolve, until nothing that is due waits.
//!
//! Entries that wait when the run starts are due, whatever made it start. Entries that are added
//! meanwhile are sent along while they fill whole calls; what is left then waits for its own
//! interval, and the job is put off until then. A run ends after [`BUDGET`] and is put off for no
//! time at all, so that a long backlog does not hold a place in the worker, or run into its
//! deadline.
//!
//! What the destination took or refused is kept before anything else is sent. A run that is cut
//! off between an answer and that sends the same again: an event has the same id each time, a
//! point the same date.
//!
//! **Failures.** A run that failed and delivered nothing is a failed attempt, and the job's backoff
//! follows. A run that delivered something, one that met an open breaker, and one that was sent
//! away for a while are put off and are not counted: the job is given up only when nothing gets
//! through for as long as its attempts last. Its entries stay even then.

use serde::Serialize;
use shared::{
    clock::Timestamp,
    config::{Destination, destinations},
    job::{
        Outcome,
        attempt::{ErrorKind, Failure},
        name::Label,
    },
    patience::chain,
    store::{self, DestinationRecord, Entry, EntryId, Fate, Note},
};
use std::time::{Duration, Instant};

use super::{databox, lanes::Lanes, webhook};
use crate::{
    Context,
    handlers::{
        outbound::{Call, Error, Reply, breaker, retry_after::tempered},
        setup::Setup,
    },
};

/// How long one run may go on.
const BUDGET: Duration = Duration::from_secs(30);

/// A destination that asks for more patience is asked again nevertheless: it must not be able to
/// park its buffer for ever.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// The wait after a failure that is not counted, when nobody says how long.
const PAUSE: Duration = Duration::from_secs(10);

/// Why a run ends.
#[derive(Debug)]
pub(super) enum End {
    /// Nothing waits.
    Empty,
    /// What waits is due after this time.
    Later(Duration),
    /// The time of the run is over.
    Budget,
    /// The breaker is open for so long.
    Open(Duration),
    /// The destination sends us away for so long.
    Throttled { wait: Duration, why: String },
    /// The destination failed, and says for how long, perhaps.
    Failed { why: String, wait: Option<Duration> },
    /// The destination takes nothing any more.
    Disabled(String),
    /// The store failed.
    Store(store::Error),
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(super) struct Tally {
    delivered: u64,
    refused: u64,
    /// Why an entry failed that may yet be taken.
    #[serde(skip)]
    failed: Option<String>,
}

/// One run.
pub(super) struct Flush<'a> {
    ctx: &'a Context,
    setup: &'a Setup,
    lanes: &'a Lanes,
    name: &'a Label,
    breaker: breaker::Settings,
    started: Instant,
    tally: Tally,
}

/// Runs the flush of a destination.
pub(super) async fn run(
    ctx: &Context,
    setup: &Setup,
    lanes: &Lanes,
    name: &Label,
    destination: &Destination,
) -> Outcome {
    let record = match record(ctx, name).await {
        Ok(record) => record,
        Err(error) => return Outcome::retry(chain(&error)),
    };
    if let Some((_, why)) = record.as_ref().and_then(|record| record.disabled.as_ref()) {
        return disabled(why);
    }
    let mut flush = Flush {
        ctx,
        setup,
        lanes,
        name,
        breaker: breaker_settings(destination.breaker()),
        started: Instant::now(),
        tally: Tally::default(),
    };
    let end = flush.drain(destination).await;
    if let Err(error) = flush.note(&end).await {
        return Outcome::retry(chain(&error));
    }
    let last = record.and_then(|record| record.failed).map(|(_, why)| why);
    conclude(end, &flush.tally, name, last, rand::random())
}

async fn record(ctx: &Context, name: &Label) -> store::Result<Option<DestinationRecord>> {
    let records = ctx.store().destinations().await?;
    Ok(records.into_iter().find(|record| record.name == *name))
}

fn breaker_settings(breaker: &destinations::Breaker) -> breaker::Settings {
    breaker::Settings {
        failures: breaker.failures,
        open_for: breaker.open_for,
    }
}

impl Flush<'_> {
    /// Delivers until there is a reason to end.
    async fn drain(&mut self, destination: &Destination) -> End {
        loop {
            if let Err(end) = self.step(destination).await {
                return end;
            }
        }
    }

    /// Delivers one batch.
    async fn step(&mut self, destination: &Destination) -> Result<(), End> {
        let buffer = destination.buffer();
        let batch = usize::try_from(buffer.batch_size).unwrap_or(usize::MAX);
        let limit = self
            .lanes
            .rests(self.name, |rests| rests.len())
            .saturating_add(batch);
        let waiting = self.ctx.store().peek(self.name.clone(), limit).await;
        let (mut entries, rest) = self.awake(waiting.map_err(End::Store)?);
        entries.truncate(batch);
        let started_at = self.ctx.job().claimed_at;
        match (
            next(
                &entries,
                batch,
                started_at,
                self.now(),
                buffer.flush_interval,
            ),
            rest,
        ) {
            (Next::Send, _) => {}
            (Next::Later(wait), None) => return Err(End::Later(wait)),
            (Next::Later(wait), Some(rest)) => return Err(End::Later(wait.min(rest))),
            (Next::Nothing, Some(rest)) => return Err(End::Later(rest)),
            (Next::Nothing, None) => return Err(End::Empty),
        }
        match destination {
            Destination::Databox(databox) => databox::deliver(self, databox, entries).await,
            Destination::Webhook(webhook) => webhook::deliver(self, webhook, entries).await,
        }
    }

    /// The entries that do not rest, and how long the first of the others does.
    fn awake(&self, waiting: Vec<Entry>) -> (Vec<Entry>, Option<Duration>) {
        let now = self.now();
        self.lanes.rests(self.name, |rests| {
            let mut first: Option<Duration> = None;
            let mut entries = waiting;
            entries.retain(|entry| {
                let left = rests.left(entry.id, now);
                first = first.into_iter().chain(left).min();
                left.is_none()
            });
            (entries, first)
        })
    }

    /// The store's time, near enough.
    pub(super) fn now(&self) -> Timestamp {
        self.ctx.job().claimed_at + self.started.elapsed()
    }

    /// A call of the destination, in the trace of the job that asked for this flush.
    pub(super) fn call(&self, url: url::Url) -> Call<'_> {
        Call::new(reqwest::Method::POST, url, self.ctx.trace())
    }

    /// Makes a call, at least `gap` after the one before. What its answer says about the
    /// destination is to be told to [`Flush::tell`].
    pub(super) async fn send(&self, call: Call<'_>, gap: Duration) -> Result<Reply, End> {
        if self.started.elapsed() >= BUDGET {
            return Err(End::Budget);
        }
        let asked = self.lanes.ask(self.name, self.breaker, gap, Instant::now());
        tokio::time::sleep(asked.map_err(End::Open)?).await;
        let sent = self.setup.outbound.send(call).await;
        sent.map_err(|error| self.unanswered(&error))
    }

    /// The end of a run whose call was not answered, or not to its end.
    pub(super) fn unanswered(&self, error: &Error) -> End {
        // What this process refuses to call says nothing about who is there.
        let ours = matches!(error, Error::Refused(_) | Error::Setup(_));
        self.tell(ours);
        let why = error.to_string();
        End::Failed { why, wait: None }
    }

    /// Says whether the destination is well.
    pub(super) fn tell(&self, well: bool) {
        self.lanes
            .tell(self.name, self.breaker, well, Instant::now());
    }

    /// An entry was not taken, and others may be.
    pub(super) fn rest(&mut self, id: EntryId, why: String) {
        let now = self.now();
        self.lanes
            .rests(self.name, |rests| rests.failed(id, rand::random(), now));
        self.tally.failed = Some(why);
    }

    /// How often an entry was not taken, as far as this process knows.
    pub(super) fn failures(&self, id: EntryId) -> u32 {
        self.lanes.rests(self.name, |rests| rests.failures(id))
    }

    /// Keeps what became of entries.
    pub(super) async fn decide(&mut self, fates: Vec<(EntryId, Fate)>) -> Result<(), End> {
        for (id, fate) in &fates {
            match fate {
                Fate::Delivered => self.tally.delivered += 1,
                Fate::Refused(why) => {
                    self.tally.refused += 1;
                    let name = self.name.as_str();
                    tracing::warn!("destination {name:?} refused entry {}: {why}", id.0);
                }
            }
        }
        let ids = fates.iter().map(|(id, _)| id);
        self.lanes.rests(self.name, |rests| rests.forget(ids));
        let resolved = self.ctx.store().resolve(self.name.clone(), fates).await;
        resolved.map_err(End::Store)
    }

    /// Notes what the run showed about the destination.
    async fn note(&self, end: &End) -> store::Result<()> {
        let failed = match end {
            End::Disabled(why) => Some(Note::Disable(why.clone())),
            End::Failed { why, .. } | End::Throttled { why, .. } => Some(Note::Failed(why.clone())),
            _ => self.tally.failed.clone().map(Note::Failed),
        };
        if let End::Disabled(why) = end {
            let name = self.name.as_str();
            tracing::warn!("destination {name:?} is disabled, its entries are kept: {why}");
        }
        let succeeded = (self.tally.delivered > 0).then_some(Note::Succeeded);
        for note in succeeded.into_iter().chain(failed) {
            self.ctx.store().note(self.name.clone(), note).await?;
        }
        Ok(())
    }
}

/// What to do with the entries that wait.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Send,
    Later(Duration),
    Nothing,
}

/// Decides what to do with entries, of which at most `batch` were looked at. Those that waited
/// when the run started are due; so is a full batch; the rest is due by its own age.
fn next(
    entries: &[Entry],
    batch: usize,
    started_at: Timestamp,
    now: Timestamp,
    interval: Duration,
) -> Next {
    let Some(oldest) = entries.first() else {
        return Next::Nothing;
    };
    let left = interval.saturating_sub(now.since(oldest.added_at));
    if oldest.added_at <= started_at || entries.len() >= batch || left.is_zero() {
        Next::Send
    } else {
        Next::Later(left)
    }
}

/// What becomes of the job. `last` is the last failure of the destination that is known.
fn conclude(end: End, tally: &Tally, name: &Label, last: Option<String>, random: f64) -> Outcome {
    let got_through = tally.delivered > 0;
    let put_off =
        |wait, why: String| Outcome::SnoozeBecause(wait, Failure::new(ErrorKind::Snoozed, why));
    match (end, tally.failed.clone()) {
        (End::Store(error), _) => Outcome::retry(chain(&error)),
        (End::Disabled(why), _) => disabled(&why),
        (End::Throttled { wait, why }, _) => put_off(tempered(wait, LONGEST_PAUSE, random), why),
        (End::Failed { why, wait }, _) => {
            let wait = wait.map(|wait| tempered(wait, LONGEST_PAUSE, random));
            match wait {
                _ if got_through => put_off(wait.unwrap_or(PAUSE), why),
                Some(wait) => Outcome::retry_after(wait, why),
                None => Outcome::retry(why),
            }
        }
        (End::Open(wait) | End::Later(wait), Some(failed)) if got_through => put_off(wait, failed),
        (End::Open(wait) | End::Later(wait), Some(failed)) => Outcome::retry_after(wait, failed),
        (End::Open(wait), None) => {
            let last = last.map(|last| format!("; it failed last with: {last}"));
            let name = name.as_str();
            let why = format!(
                "the breaker of {name:?} is open{}",
                last.unwrap_or_default()
            );
            put_off(wait, why)
        }
        (End::Later(wait), None) => Outcome::snooze(wait),
        (End::Budget, _) => Outcome::snooze(Duration::ZERO),
        (End::Empty, _) => {
            Outcome::result(tally).unwrap_or_else(|invalid| Outcome::discard(invalid.to_string()))
        }
    }
}

/// A destination that is disabled gets nothing; its entries wait until it is enabled.
fn disabled(why: &str) -> Outcome {
    let result = serde_json::json!({ "disabled": why });
    Outcome::result(&result).unwrap_or_else(|invalid| Outcome::discard(invalid.to_string()))
}

#[cfg(test)]
mod tests;
