//! Accepting jobs.
//!
//! Jobs without unique keys are accepted in bulk: the batch is cut where queue, priority, limit or
//! due time change, and each group is a few statements on the server, whatever its length. When
//! one of the ids is known already, or a job has a unique key, the batch is judged job by job.
//!
//! The same statements run in a transaction of the caller's ([`enqueue_tx`]): there nothing may fail
//! that is no reason to give the transaction up, nothing is tried again, and nobody is told before it
//! is committed.

use sqlx::{PgConnection, postgres::PgRow};

use super::{
    NOW, PostgresStore,
    database::{self, Call},
    error, gather,
    opts::Opts,
    row::{get, micros, state},
};
use crate::{
    clock::Timestamp,
    job::{JobId, Kind, NewJob, QueueName, State, new::Due},
    store::{Enqueued, Error, Hint, Result},
};

const ACCEPT_GROUPS: &str = include_str!("sql/accept_groups.sql");
const ACCEPT_GROUPS_IF_NEW: &str = include_str!("sql/accept_groups_if_new.sql");
const ACCEPT_EACH: &str = include_str!("sql/accept_each.sql");

/// See [`crate::store::JobStore::enqueue`].
pub(super) async fn enqueue(store: &PostgresStore, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>> {
    check(store, &jobs).await?;
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let answer = if jobs.len() > gather::SMALL {
        accept(store, &jobs).await?
    } else {
        let make = |jobs: Vec<NewJob>| async move { accept(store, &jobs).await };
        store.gather.enqueue(jobs.clone(), make).await?
    };
    let mut told = None;
    for (job, enqueued) in jobs.iter().zip(&answer) {
        if let Enqueued::New(became) = *enqueued
            && told.replace((&job.queue, became)) != Some((&job.queue, became))
        {
            tell(store, job.queue.as_str(), became);
        }
    }
    Ok(answer)
}

async fn accept(store: &PostgresStore, jobs: &[NewJob]) -> Result<Vec<Enqueued>> {
    let now = store.database.now();
    let batch = Batch::of(jobs);
    if batch.is_plain() {
        let groups = Groups::of(jobs);
        let call = groups.call(now, &batch);
        match store.database.write(ACCEPT_GROUPS, call).await {
            Err(error) if error::is_unique_violation(&error) => {}
            rows => return groups.answer(&get::<Vec<i16>>(&database::only(rows?)?, 0)?),
        }
    }
    let each = Each::of(jobs);
    let rows = store.database.write(ACCEPT_EACH, each.call(now, &batch));
    each.answer(&rows.await?)
}

/// See [`PostgresStore::enqueue_tx`].
pub(super) async fn enqueue_tx(
    store: &PostgresStore,
    connection: &mut PgConnection,
    jobs: &[NewJob],
) -> Result<Vec<Enqueued>> {
    let now = store.database.now();
    let clock = if is_timed(jobs) {
        let rows = database::within(connection, NOW, |call| call.bind(now)).await?;
        get(&database::only(rows)?, 0)?
    } else {
        Timestamp::default()
    };
    check_at(clock, jobs)?;
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let batch = Batch::of(jobs);
    if batch.is_plain() {
        let groups = Groups::of(jobs);
        let call = groups.call(now, &batch);
        let rows = database::within(connection, ACCEPT_GROUPS_IF_NEW, call).await?;
        let states: Option<Vec<i16>> = get(&database::only(rows)?, 0)?;
        if let Some(states) = states {
            return groups.answer(&states);
        }
    }
    let each = Each::of(jobs);
    let rows = database::within(connection, ACCEPT_EACH, each.call(now, &batch));
    each.answer(&rows.await?)
}

/// Checks the jobs, against the server's clock where it matters.
pub(super) async fn check(store: &PostgresStore, jobs: &[NewJob]) -> Result<()> {
    let now = if is_timed(jobs) {
        store.server_now().await?
    } else {
        Timestamp::default()
    };
    check_at(now, jobs)
}

fn is_timed(jobs: &[NewJob]) -> bool {
    jobs.iter().any(|job| matches!(job.due, Due::At(_)))
}

fn check_at(now: Timestamp, jobs: &[NewJob]) -> Result<()> {
    for job in jobs {
        job.check(now)?;
    }
    Ok(())
}

/// One job as the functions of the schema take it.
#[derive(Debug, Clone)]
pub(super) struct Body {
    pub(super) id: JobId,
    pub(super) queue: QueueName,
    pub(super) priority: i16,
    pub(super) max_attempts: i16,
    pub(super) run_at: Option<Timestamp>,
    pub(super) delay_us: Option<i64>,
    pub(super) kind: Kind,
    pub(super) args: Vec<u8>,
    pub(super) opts: Option<String>,
}

impl Body {
    /// A job that was checked.
    pub(super) fn of(job: &NewJob, replay_of: Option<JobId>) -> Self {
        let (run_at, delay_us) = due(job.due);
        Self {
            id: job.id,
            queue: job.queue.clone(),
            priority: i16::from(job.priority.get()),
            max_attempts: max_attempts(job),
            run_at,
            delay_us,
            kind: job.kind.clone(),
            args: job.args.bytes().to_vec(),
            opts: Opts::written(job, replay_of),
        }
    }
}

fn due(due: Due) -> (Option<Timestamp>, Option<i64>) {
    match due {
        Due::Now => (None, None),
        Due::In(delay) => (None, Some(micros(delay))),
        Due::At(at) => (Some(at), None),
    }
}

fn max_attempts(job: &NewJob) -> i16 {
    i16::try_from(job.max_attempts).unwrap_or(i16::MAX)
}

/// What both ways take of every job.
struct Batch<'j> {
    ids: Vec<JobId>,
    kinds: Vec<&'j str>,
    args: Vec<&'j [u8]>,
    opts: Vec<Option<String>>,
    unique: bool,
    tagged: bool,
}

impl<'j> Batch<'j> {
    fn of(jobs: &'j [NewJob]) -> Self {
        Self {
            ids: jobs.iter().map(|job| job.id).collect(),
            kinds: jobs.iter().map(|job| job.kind.as_str()).collect(),
            args: jobs.iter().map(|job| &job.args.bytes()[..]).collect(),
            opts: jobs.iter().map(|job| Opts::written(job, None)).collect(),
            unique: jobs.iter().any(|job| job.unique.is_some()),
            tagged: jobs.iter().any(|job| !job.tags.is_empty()),
        }
    }

    /// Whether they may be accepted in groups.
    fn is_plain(&self) -> bool {
        !self.unique
    }

    /// What few jobs have, unless none has any of it.
    fn opts(&self) -> Option<&[Option<String>]> {
        self.opts
            .iter()
            .any(Option::is_some)
            .then_some(&self.opts[..])
    }
}

/// Jobs in a row that share all that decides where they are put.
#[derive(Debug, Default)]
struct Groups<'j> {
    sizes: Vec<i32>,
    queues: Vec<&'j str>,
    priorities: Vec<i16>,
    max_attempts: Vec<i16>,
    run_at: Vec<Option<Timestamp>>,
    delay_us: Vec<Option<i64>>,
    /// Bounds of the ids, where the ids of a group do not rise.
    least: Vec<Option<JobId>>,
    greatest: Vec<Option<JobId>>,
}

impl<'j> Groups<'j> {
    fn of(jobs: &'j [NewJob]) -> Self {
        let same = |one: &NewJob, next: &NewJob| {
            one.queue == next.queue
                && one.priority == next.priority
                && one.max_attempts == next.max_attempts
                && one.due == next.due
        };
        let mut groups = Self::default();
        for group in jobs.chunk_by(same) {
            let Some(first) = group.first() else { continue };
            let (run_at, delay_us) = due(first.due);
            groups.sizes.push(super::row::short(group.len()));
            groups.queues.push(first.queue.as_str());
            groups.priorities.push(i16::from(first.priority.get()));
            groups.max_attempts.push(max_attempts(first));
            groups.run_at.push(run_at);
            groups.delay_us.push(delay_us);
            let rise = group.is_sorted_by_key(|job| job.id);
            let bound = |id: Option<JobId>| if rise { None } else { id };
            let ids = || group.iter().map(|job| job.id);
            groups.least.push(bound(ids().min()));
            groups.greatest.push(bound(ids().max()));
        }
        groups
    }

    /// The parameters of [`ACCEPT_GROUPS`].
    fn call(
        &self,
        now: Option<Timestamp>,
        batch: &Batch<'_>,
    ) -> impl Fn(Call) -> Call + Send + Sync {
        move |call| {
            call.bind(now)
                .bind(&self.sizes)
                .bind(&self.queues)
                .bind(&self.priorities)
                .bind(&self.max_attempts)
                .bind(&self.run_at)
                .bind(&self.delay_us)
                .bind(&self.least)
                .bind(&self.greatest)
                .bind(&batch.ids)
                .bind(&batch.kinds)
                .bind(&batch.args)
                .bind(batch.opts())
                .bind(batch.tagged)
        }
    }

    /// What became of each job, by what became of each group.
    fn answer(&self, states: &[i16]) -> Result<Vec<Enqueued>> {
        let mut answer = Vec::new();
        for (number, size) in states.iter().zip(&self.sizes) {
            let size = usize::try_from(*size).unwrap_or_default();
            answer.extend(std::iter::repeat_n(Enqueued::New(state(*number)?), size));
        }
        Ok(answer)
    }
}

/// What is taken of every job where each is judged alone.
struct Each<'j> {
    queues: Vec<&'j str>,
    priorities: Vec<i16>,
    max_attempts: Vec<i16>,
    run_at: Vec<Option<Timestamp>>,
    delay_us: Vec<Option<i64>>,
}

impl<'j> Each<'j> {
    fn of(jobs: &'j [NewJob]) -> Self {
        let (run_at, delay_us) = jobs.iter().map(|job| due(job.due)).unzip();
        Self {
            queues: jobs.iter().map(|job| job.queue.as_str()).collect(),
            priorities: jobs.iter().map(|j| i16::from(j.priority.get())).collect(),
            max_attempts: jobs.iter().map(max_attempts).collect(),
            run_at,
            delay_us,
        }
    }

    /// The parameters of [`ACCEPT_EACH`].
    fn call(
        &self,
        now: Option<Timestamp>,
        batch: &Batch<'_>,
    ) -> impl Fn(Call) -> Call + Send + Sync {
        move |call| {
            call.bind(now)
                .bind(&batch.ids)
                .bind(&self.queues)
                .bind(&self.priorities)
                .bind(&self.max_attempts)
                .bind(&self.run_at)
                .bind(&self.delay_us)
                .bind(&batch.kinds)
                .bind(&batch.args)
                .bind(&batch.opts)
        }
    }

    /// What became of each job.
    fn answer(&self, rows: &[PgRow]) -> Result<Vec<Enqueued>> {
        if rows.len() != self.queues.len() {
            return Err(Error::corrupt("an enqueue was answered for other jobs"));
        }
        let verdict = |row| {
            let holder: Option<JobId> = get(row, 1)?;
            Ok(match (get::<i16>(row, 0)?, holder) {
                (-1, _) => Enqueued::Repeated,
                (-2, Some(holder)) => Enqueued::Duplicate { holder },
                (number, _) => Enqueued::New(state(number)?),
            })
        };
        rows.iter().map(verdict).collect()
    }
}

/// Hints at a job that was accepted.
pub(super) fn tell(store: &PostgresStore, queue: &str, became: State) {
    if became == State::Scheduled {
        store.hint(Hint::Scheduled);
    } else if let Ok(queue) = QueueName::new(queue) {
        store.hint(Hint::Available(queue));
    }
}
