//! Accepting jobs.
//!
//! Jobs without unique keys are accepted in bulk: the batch is cut where queue, priority, limit or
//! due time change, and each group is a few statements on the server, whatever its length. When
//! one of the ids is known already, or a job has a unique key, the batch is judged job by job.

use super::{
    PostgresStore, database, error, gather,
    opts::Opts,
    row::{get, micros, state},
};
use crate::{
    clock::Timestamp,
    job::{JobId, Kind, NewJob, QueueName, State, new::Due},
    store::{Enqueued, Error, Hint, Result},
};

const ACCEPT_GROUPS: &str = include_str!("sql/accept_groups.sql");
const ACCEPT_EACH: &str = include_str!("sql/accept_each.sql");

/// See [`crate::store::JobStore::enqueue`].
pub(super) async fn enqueue(store: &PostgresStore, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>> {
    check(store, &jobs).await?;
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    if jobs.len() > gather::SMALL {
        return accept(store, jobs).await;
    }
    let make = |jobs| accept(store, jobs);
    store.gather.enqueue(jobs, make).await
}

/// Accepts jobs that were checked.
async fn accept(store: &PostgresStore, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>> {
    let batch = Batch::of(&jobs);
    if jobs.iter().all(|job| job.unique.is_none()) {
        match in_groups(store, &jobs, &batch).await {
            Err(error) if error::is_unique_violation(&error) => {}
            answer => return answer,
        }
    }
    one_by_one(store, &jobs, &batch).await
}

/// Checks the jobs, against the server's clock where it matters.
pub(super) async fn check(store: &PostgresStore, jobs: &[NewJob]) -> Result<()> {
    let timed = jobs.iter().any(|job| matches!(job.due, Due::At(_)));
    let now = if timed {
        store.server_now().await?
    } else {
        Timestamp::default()
    };
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
}

impl<'j> Batch<'j> {
    fn of(jobs: &'j [NewJob]) -> Self {
        Self {
            ids: jobs.iter().map(|job| job.id).collect(),
            kinds: jobs.iter().map(|job| job.kind.as_str()).collect(),
            args: jobs.iter().map(|job| &job.args.bytes()[..]).collect(),
            opts: jobs.iter().map(|job| Opts::written(job, None)).collect(),
        }
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
}

async fn in_groups(
    store: &PostgresStore,
    jobs: &[NewJob],
    batch: &Batch<'_>,
) -> Result<Vec<Enqueued>> {
    let groups = Groups::of(jobs);
    let opts = batch.opts.iter().any(Option::is_some);
    let opts = opts.then_some(&batch.opts[..]);
    let tagged = jobs.iter().any(|job| !job.tags.is_empty());
    let rows = store.database.write(ACCEPT_GROUPS, |call| {
        call.bind(store.database.now())
            .bind(&groups.sizes)
            .bind(&groups.queues)
            .bind(&groups.priorities)
            .bind(&groups.max_attempts)
            .bind(&groups.run_at)
            .bind(&groups.delay_us)
            .bind(&groups.least)
            .bind(&groups.greatest)
            .bind(&batch.ids)
            .bind(&batch.kinds)
            .bind(&batch.args)
            .bind(opts)
            .bind(tagged)
    });
    let states: Vec<i16> = get(&database::only(rows.await?)?, 0)?;
    let mut answer = Vec::with_capacity(jobs.len());
    for (at, number) in states.into_iter().enumerate() {
        let became = state(number)?;
        let size = groups.sizes.get(at).copied().unwrap_or_default();
        let size = usize::try_from(size).unwrap_or_default();
        answer.extend(std::iter::repeat_n(Enqueued::New(became), size));
        let queue = groups.queues.get(at).copied().unwrap_or_default();
        tell(store, queue, became);
    }
    Ok(answer)
}

async fn one_by_one(
    store: &PostgresStore,
    jobs: &[NewJob],
    batch: &Batch<'_>,
) -> Result<Vec<Enqueued>> {
    let queues: Vec<&str> = jobs.iter().map(|job| job.queue.as_str()).collect();
    let priorities: Vec<i16> = jobs.iter().map(|j| i16::from(j.priority.get())).collect();
    let limits: Vec<i16> = jobs.iter().map(max_attempts).collect();
    let (run_at, delay_us): (Vec<_>, Vec<_>) = jobs.iter().map(|job| due(job.due)).unzip();
    let rows = store.database.write(ACCEPT_EACH, |call| {
        call.bind(store.database.now())
            .bind(&batch.ids)
            .bind(&queues)
            .bind(&priorities)
            .bind(&limits)
            .bind(&run_at)
            .bind(&delay_us)
            .bind(&batch.kinds)
            .bind(&batch.args)
            .bind(&batch.opts)
    });
    let rows = rows.await?;
    let mut answer = Vec::with_capacity(jobs.len());
    for (row, job) in rows.iter().zip(jobs) {
        let holder: Option<JobId> = get(row, 1)?;
        answer.push(match (get::<i16>(row, 0)?, holder) {
            (-1, _) => Enqueued::Repeated,
            (-2, Some(holder)) => Enqueued::Duplicate { holder },
            (number, _) => {
                let became = state(number)?;
                tell(store, job.queue.as_str(), became);
                Enqueued::New(became)
            }
        });
    }
    if answer.len() == jobs.len() {
        return Ok(answer);
    }
    Err(Error::corrupt("an enqueue was answered for other jobs"))
}

/// Hints at a job that was accepted.
pub(super) fn tell(store: &PostgresStore, queue: &str, became: State) {
    if became == State::Scheduled {
        store.hint(Hint::Scheduled);
    } else if let Ok(queue) = QueueName::new(queue) {
        store.hint(Hint::Available(queue));
    }
}
