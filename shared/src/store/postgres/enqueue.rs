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
use std::sync::Arc;

use super::{
    NOW, PostgresStore,
    database::{self, Call},
    error, gather,
    opts::Opts,
    row::{get, micros, short, state},
};
use crate::{
    clock::Timestamp,
    job::{JobId, NewJob, QueueName, State, new::Due},
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
    let jobs = Arc::new(jobs);
    let answer = if jobs.len() > gather::SMALL {
        accept(store, &jobs).await?
    } else {
        let make = |jobs: Arc<Vec<NewJob>>| async move { accept(store, &jobs).await };
        store.gather.enqueue(&jobs, make).await?
    };
    let mut told = None;
    for (job, enqueued) in jobs.iter().zip(&answer) {
        if let Enqueued::New(became) = *enqueued
            && told.replace((&job.queue, became)) != Some((&job.queue, became))
        {
            tell(store, &job.queue, became);
        }
    }
    Ok(answer)
}

async fn accept(store: &PostgresStore, jobs: &[NewJob]) -> Result<Vec<Enqueued>> {
    let database = &store.database;
    let now = database.now();
    if are_plain(jobs) {
        let groups = Groups::of(jobs);
        let rows = database.write(ACCEPT_GROUPS, |call| groups.bind(call.bind(now)));
        match rows.await {
            Err(error) if error::is_unique_violation(&error) => {}
            rows => return groups.answer(&get::<Vec<i16>>(&database::only(rows?)?, 0)?),
        }
    }
    let each = Each::of(jobs);
    let rows = database.write(ACCEPT_EACH, |call| each.bind(call.bind(now)));
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
    if are_plain(jobs) {
        let groups = Groups::of(jobs);
        let bind = |call: Call| groups.bind(call.bind(now));
        let rows = database::within(connection, ACCEPT_GROUPS_IF_NEW, bind).await?;
        let states: Option<Vec<i16>> = get(&database::only(rows)?, 0)?;
        if let Some(states) = states {
            return groups.answer(&states);
        }
    }
    let each = Each::of(jobs);
    let rows = database::within(connection, ACCEPT_EACH, |call| each.bind(call.bind(now)));
    each.answer(&rows.await?)
}

/// Checks jobs that are to be accepted, against the server's clock where it matters.
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

/// Whether jobs may be accepted in groups.
fn are_plain(jobs: &[NewJob]) -> bool {
    jobs.iter().all(|job| job.unique.is_none())
}

/// What jobs are.
struct Bodies<'j> {
    ids: Vec<JobId>,
    kinds: Vec<&'j str>,
    args: Vec<&'j [u8]>,
    /// `None`: none of them has any.
    opts: Option<Vec<Option<String>>>,
}

impl<'j> Bodies<'j> {
    fn of(jobs: &'j [NewJob]) -> Self {
        let opts: Vec<Option<String>> = jobs.iter().map(Opts::written).collect();
        Self {
            ids: jobs.iter().map(|job| job.id).collect(),
            kinds: jobs.iter().map(|job| job.kind.as_str()).collect(),
            args: jobs.iter().map(|job| &job.args.bytes()[..]).collect(),
            opts: opts.iter().any(Option::is_some).then_some(opts),
        }
    }

    fn bind(&self, call: Call) -> Call {
        call.bind(&self.kinds).bind(&self.args).bind(&self.opts)
    }
}

/// Where jobs are put.
struct Places<'j> {
    queues: Vec<&'j str>,
    priorities: Vec<i16>,
    max_attempts: Vec<i16>,
    run_at: Vec<Option<Timestamp>>,
    delay_us: Vec<Option<i64>>,
}

impl<'j> Places<'j> {
    fn of(jobs: &[&'j NewJob]) -> Self {
        let (run_at, delay_us) = jobs.iter().map(|job| due(job.due)).unzip();
        Self {
            queues: jobs.iter().map(|job| job.queue.as_str()).collect(),
            priorities: jobs.iter().map(|j| i16::from(j.priority.get())).collect(),
            max_attempts: jobs.iter().map(|job| max_attempts(job)).collect(),
            run_at,
            delay_us,
        }
    }

    fn bind(&self, call: Call) -> Call {
        call.bind(&self.queues)
            .bind(&self.priorities)
            .bind(&self.max_attempts)
            .bind(&self.run_at)
            .bind(&self.delay_us)
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

/// Jobs in groups: those in a row that share all that decides where they are put.
struct Groups<'j> {
    sizes: Vec<i32>,
    places: Places<'j>,
    /// Bounds of the ids, where the ids of a group do not rise.
    least: Vec<Option<JobId>>,
    greatest: Vec<Option<JobId>>,
    bodies: Bodies<'j>,
    tagged: bool,
}

impl<'j> Groups<'j> {
    fn of(jobs: &'j [NewJob]) -> Self {
        let same = |one: &NewJob, next: &NewJob| {
            one.queue == next.queue
                && one.priority == next.priority
                && one.max_attempts == next.max_attempts
                && one.due == next.due
        };
        let groups: Vec<&[NewJob]> = jobs.chunk_by(same).collect();
        let firsts: Vec<&NewJob> = groups.iter().filter_map(|group| group.first()).collect();
        let bounds = groups.iter().map(|group| {
            let ids = || group.iter().map(|job| job.id);
            let rise = ids().is_sorted();
            let bound = |id: Option<JobId>| if rise { None } else { id };
            (bound(ids().min()), bound(ids().max()))
        });
        let (least, greatest) = bounds.unzip();
        Self {
            sizes: groups.iter().map(|group| short(group.len())).collect(),
            places: Places::of(&firsts),
            least,
            greatest,
            bodies: Bodies::of(jobs),
            tagged: jobs.iter().any(|job| !job.tags.is_empty()),
        }
    }

    /// The parameters of [`ACCEPT_GROUPS`] behind the first, which is now.
    fn bind(&self, call: Call) -> Call {
        let call = self.places.bind(call.bind(&self.sizes));
        let call = call.bind(&self.least).bind(&self.greatest);
        let call = self.bodies.bind(call.bind(&self.bodies.ids));
        call.bind(self.tagged)
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

/// Jobs each of which is judged alone.
pub(super) struct Each<'j> {
    places: Places<'j>,
    bodies: Bodies<'j>,
}

impl<'j> Each<'j> {
    /// Jobs that were checked.
    pub(super) fn of(jobs: &'j [NewJob]) -> Self {
        let all: Vec<&NewJob> = jobs.iter().collect();
        Self {
            places: Places::of(&all),
            bodies: Bodies::of(jobs),
        }
    }

    /// The parameters of `windlass.accept_each` behind the first, which is now.
    pub(super) fn bind(&self, call: Call) -> Call {
        let call = call.bind(&self.bodies.ids);
        self.bodies.bind(self.places.bind(call))
    }

    /// What became of each job.
    fn answer(&self, rows: &[PgRow]) -> Result<Vec<Enqueued>> {
        if rows.len() != self.bodies.ids.len() {
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
pub(super) fn tell(store: &PostgresStore, queue: &QueueName, became: State) {
    store.hint(match became {
        State::Scheduled => Hint::Scheduled,
        _ => Hint::Available(queue.clone()),
    });
}
