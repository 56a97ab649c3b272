//! Accepting jobs: bodies are kept, unique keys taken, and each becomes available or is put off.

use rusqlite::{CachedStatement, params};

use super::{flags, row::nanos, writer::Turn};
use crate::{
    clock::Timestamp,
    job::{JobId, NewJob, State, Tag, TraceContext, UniquePolicy, new::Due},
    store::{Enqueued, Result},
};

const JOB_INSERT_PLAIN: &str = include_str!("sql/job_insert_plain.sql");
const JOB_INSERT: &str = include_str!("sql/job_insert.sql");
const JOB_SEQ: &str = include_str!("sql/job_seq.sql");
const READY_INSERT: &str = include_str!("sql/ready_insert.sql");
const READY_INSERT_NEW: &str = include_str!("sql/ready_insert_new.sql");
const SCHEDULED_INSERT: &str = include_str!("sql/scheduled_insert.sql");
const JOB_TAG_INSERT: &str = include_str!("sql/job_tag_insert.sql");
const UNIQUE_KEY_HOLDER: &str = include_str!("sql/unique_key_holder.sql");
const UNIQUE_KEY_TAKE: &str = include_str!("sql/unique_key_take.sql");

/// See [`crate::store::JobStore::enqueue`].
pub(super) fn apply(turn: &mut Turn<'_>, jobs: &[NewJob]) -> Result<Vec<Enqueued>> {
    for job in jobs {
        job.check(turn.now())?;
    }
    let mut accepting = Accepting::new(turn)?;
    let verdicts = jobs
        .iter()
        .map(|job| accepting.accept(turn, job, None))
        .collect::<Result<_>>()?;
    accepting.finish(turn)?;
    Ok(verdicts)
}

/// Accepts one job, which was checked; for callers that have just one.
pub(super) fn accept(
    turn: &mut Turn<'_>,
    job: &NewJob,
    replay_of: Option<JobId>,
) -> Result<Enqueued> {
    let mut accepting = Accepting::new(turn)?;
    let verdict = accepting.accept(turn, job, replay_of)?;
    accepting.finish(turn)?;
    Ok(verdict)
}

/// A batch that is being accepted.
struct Accepting<'a> {
    insert: CachedStatement<'a>,
    /// First and last of the jobs accepted in a row that still have to be made available.
    run: Option<(i64, i64)>,
}

impl<'a> Accepting<'a> {
    fn new(turn: &Turn<'a>) -> Result<Self> {
        Ok(Self {
            insert: turn.statement(JOB_INSERT_PLAIN)?,
            run: None,
        })
    }

    fn accept(
        &mut self,
        turn: &mut Turn<'a>,
        job: &NewJob,
        replay_of: Option<JobId>,
    ) -> Result<Enqueued> {
        let known = turn.queue(&job.queue)?;
        // A job that is refused must not make its queue known, nor take its own key twice.
        if (known.is_none() || job.unique.is_some())
            && let Some(refused) = refusal(turn, job, known)?
        {
            return Ok(refused);
        }
        let queue = match known {
            Some(queue) => queue,
            None => turn.known_queue(&job.queue)?,
        };
        let seq = turn.next_number()?;
        let inserted = if is_plain(job) && replay_of.is_none() {
            self.insert.execute((
                job.id,
                queue,
                job.kind.as_str(),
                job.priority,
                job.max_attempts,
                turn.now(),
                &job.args.bytes()[..],
                seq,
            ))?
        } else {
            insert(turn, job, queue, seq, replay_of)?
        };
        if inserted == 0 {
            return Ok(Enqueued::Repeated);
        }
        turn.use_numbers(1);
        take_key(turn, job, queue)?;
        for tag in &job.tags {
            turn.execute(JOB_TAG_INSERT, (tag.as_str(), seq))?;
        }
        self.place(turn, job, queue, seq).map(Enqueued::New)
    }

    /// Gives a new job its first state.
    fn place(&mut self, turn: &mut Turn<'a>, job: &NewJob, queue: i64, seq: i64) -> Result<State> {
        let flags = flags_of(job);
        let priority = job.priority;
        let none: Option<i64> = None;
        let state = match run_at(job.due, turn.now()) {
            None if flags == flags::NONE => {
                self.run = match self.run {
                    Some((first, last)) if last + 1 == seq => Some((first, seq)),
                    before => {
                        make_available(turn, before)?;
                        Some((seq, seq))
                    }
                };
                State::Available
            }
            None => {
                let row = (queue, priority, seq, seq, 0, 0, flags, none, none, none);
                turn.execute(READY_INSERT, row)?;
                State::Available
            }
            Some(run_at) => {
                let state = State::Scheduled;
                let row = (seq, run_at, state, queue, priority, 0, 0, flags, none, none);
                turn.execute(SCHEDULED_INSERT, row)?;
                state
            }
        };
        turn.arrived(queue, state, 1);
        Ok(state)
    }

    fn finish(self, turn: &Turn<'a>) -> Result<()> {
        make_available(turn, self.run)
    }
}

fn make_available(turn: &Turn<'_>, run: Option<(i64, i64)>) -> Result<()> {
    if let Some((first, last)) = run {
        turn.execute(READY_INSERT_NEW, (first, last))?;
    }
    Ok(())
}

/// Why a job is not accepted, if that is so.
fn refusal(turn: &Turn<'_>, job: &NewJob, queue: Option<i64>) -> Result<Option<Enqueued>> {
    let known: Option<i64> = turn.row(JOB_SEQ, (job.id,), |row| row.get(0))?;
    if known.is_some() {
        return Ok(Some(Enqueued::Repeated));
    }
    let (Some(unique), Some(queue)) = (&job.unique, queue) else {
        return Ok(None);
    };
    let key = (queue, job.kind.as_str(), unique.key.as_str(), turn.now());
    let holder = turn.row(UNIQUE_KEY_HOLDER, key, |row| row.get(0))?;
    Ok(holder.map(|holder| Enqueued::Duplicate { holder }))
}

fn take_key(turn: &Turn<'_>, job: &NewJob, queue: i64) -> Result<()> {
    let Some(unique) = &job.unique else {
        return Ok(());
    };
    let expires_at = match unique.policy {
        UniquePolicy::Window(window) => Some(turn.now() + window),
        UniquePolicy::UntilStarted | UniquePolicy::UntilFinished => None,
    };
    let (kind, key) = (job.kind.as_str(), unique.key.as_str());
    turn.execute(UNIQUE_KEY_TAKE, (queue, kind, key, job.id, expires_at))?;
    Ok(())
}

/// When a job is due, if that is later.
fn run_at(due: Due, now: Timestamp) -> Option<Timestamp> {
    let at = match due {
        Due::Now => now,
        Due::In(delay) => now + delay,
        Due::At(at) => at,
    };
    (at > now).then_some(at)
}

fn flags_of(job: &NewJob) -> i64 {
    let key = match job.unique.as_ref().map(|unique| unique.policy) {
        Some(UniquePolicy::UntilStarted) => flags::KEY_UNTIL_STARTED,
        Some(UniquePolicy::UntilFinished) => flags::KEY_UNTIL_FINISHED,
        Some(UniquePolicy::Window(_)) | None => flags::NONE,
    };
    let tags = if job.tags.is_empty() {
        flags::NONE
    } else {
        flags::TAGS
    };
    key | tags
}

/// Whether the short statement holds all there is to say about a job.
fn is_plain(job: &NewJob) -> bool {
    job.timeout.is_none()
        && job.backoff.is_none()
        && job.unique.is_none()
        && job.tags.is_empty()
        && job.trace.is_none()
        && job.args.other_content_type().is_none()
}

fn insert(
    turn: &Turn<'_>,
    job: &NewJob,
    queue: i64,
    seq: i64,
    replay_of: Option<JobId>,
) -> Result<usize> {
    let unique = job.unique.as_ref();
    let (policy, window) = match unique.map(|unique| unique.policy) {
        None => (None, None),
        Some(UniquePolicy::UntilStarted) => (Some(1), None),
        Some(UniquePolicy::UntilFinished) => (Some(2), None),
        Some(UniquePolicy::Window(window)) => (Some(3), Some(nanos(window))),
    };
    let tags: Vec<&str> = job.tags.iter().map(Tag::as_str).collect();
    let tags = (!tags.is_empty()).then(|| tags.join(" "));
    turn.execute(
        JOB_INSERT,
        params![
            job.id,
            queue,
            job.kind.as_str(),
            job.priority,
            job.max_attempts,
            turn.now(),
            &job.args.bytes()[..],
            seq,
            job.timeout.map(nanos),
            job.backoff.map(|backoff| nanos(backoff.base)),
            job.backoff.map(|backoff| backoff.factor),
            job.backoff.map(|backoff| nanos(backoff.cap)),
            policy,
            unique.map(|unique| unique.key.as_str()),
            window,
            tags,
            job.trace.as_ref().map(TraceContext::traceparent),
            job.trace.as_ref().and_then(TraceContext::tracestate),
            replay_of,
            job.args.other_content_type(),
        ],
    )
}
