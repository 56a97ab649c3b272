//! How jobs come in.

use redis::{Cmd, Value};
use std::collections::{HashMap, HashSet};

use super::{RedisStore, body, reply};
use crate::{
    job::{JobId, NewJob, QueueName, State, new::Due},
    store::{Enqueued, Error, Hint, Result},
};

/// Most jobs of one step, and most bytes: a step that takes longer keeps everybody else waiting.
const MOST: usize = 128;
const MOST_BYTES: usize = 1 << 20;

/// The sorts of the jobs of a step: what many of them have in common.
#[derive(Default)]
struct Sorts<'j> {
    places: HashMap<(&'j str, &'j str, u8, u8), usize>,
    order: Vec<(&'j str, &'j str, u8, u8)>,
}

impl<'j> Sorts<'j> {
    fn place(&mut self, job: &'j NewJob, traits: u8) -> usize {
        let sort = (
            job.queue.as_str(),
            job.kind.as_str(),
            job.priority.get(),
            traits,
        );
        *self.places.entry(sort).or_insert_with(|| {
            self.order.push(sort);
            self.order.len()
        })
    }

    fn write(&self, call: &mut Cmd) {
        call.arg(self.order.len());
        for (queue, kind, priority, traits) in &self.order {
            call.arg(queue).arg(kind).arg(&[*priority, *traits][..]);
        }
    }
}

/// A job as the functions read it: its head, its body, its args when they are large.
type Parts = (Vec<u8>, Vec<u8>, Option<Vec<u8>>);

fn write_job<'j>(job: &'j NewJob, sorts: &mut Sorts<'j>) -> Parts {
    let written = body::write(job);
    let place = sorts.place(job, written.traits);
    let mut head = Vec::with_capacity(26);
    head.extend_from_slice(job.id.as_bytes());
    head.extend_from_slice(&u16::try_from(place).unwrap_or(u16::MAX).to_be_bytes());
    let due = match job.due {
        Due::Now => None,
        Due::In(delay) => Some((b'I', u64::try_from(delay.as_micros()).unwrap_or(u64::MAX))),
        Due::At(at) => Some((b'A', u64::try_from(at.as_micros()).unwrap_or(0))),
    };
    if let Some((how, micros)) = due {
        head.push(how);
        head.extend_from_slice(&micros.to_be_bytes()[1..]);
    }
    (head, written.body, written.large)
}

/// Adds a single job to a call, with its sort.
pub(super) fn add_job(call: &mut Cmd, job: &NewJob) {
    let mut sorts = Sorts::default();
    let parts = write_job(job, &mut sorts);
    sorts.write(call);
    add_parts(call, parts);
}

fn add_parts(call: &mut Cmd, (head, body, large): Parts) {
    call.arg(head).arg(body);
    if let Some(large) = large {
        call.arg(large);
    }
}

/// Checks jobs against the server's clock, which is asked only when it matters.
///
/// # Errors
/// `Invalid` with the first field that is out of range.
pub(super) async fn check(store: &RedisStore, jobs: &[NewJob]) -> Result<()> {
    let asks = jobs.iter().any(|job| matches!(job.due, Due::At(_)));
    let now = if asks {
        store.server.now().await?
    } else {
        crate::clock::Timestamp::default()
    };
    for job in jobs {
        job.check(now)?;
    }
    Ok(())
}

/// See [`crate::store::JobStore::enqueue`].
pub(super) async fn enqueue(store: &RedisStore, jobs: &[NewJob]) -> Result<Vec<Enqueued>> {
    check(store, jobs).await?;
    let mut verdicts = Vec::with_capacity(jobs.len());
    let mut rest = jobs;
    while !rest.is_empty() {
        let (step, later) = rest.split_at(step(rest));
        verdicts.extend(enqueue_step(store, step).await?);
        rest = later;
    }
    Ok(verdicts)
}

/// How many jobs the next step takes: no two of one id, because a step looks once at what is there.
fn step(jobs: &[NewJob]) -> usize {
    let mut ids: HashSet<JobId> = HashSet::new();
    let mut bytes = 0;
    let fits = jobs.iter().take(MOST).take_while(|job| {
        bytes += job.args.bytes().len();
        let room = bytes <= MOST_BYTES || ids.is_empty();
        ids.insert(job.id) && room
    });
    fits.count()
}

async fn enqueue_step(store: &RedisStore, jobs: &[NewJob]) -> Result<Vec<Enqueued>> {
    let mut sorts = Sorts::default();
    let parts: Vec<Parts> = jobs.iter().map(|job| write_job(job, &mut sorts)).collect();
    let mut call = store.server.function("enqueue");
    sorts.write(&mut call);
    for part in parts {
        add_parts(&mut call, part);
    }
    let verdicts = read_verdicts(store.server.keep(call).await?)?;
    hint(store, jobs, &verdicts);
    Ok(verdicts)
}

fn read_verdicts(answer: Value) -> Result<Vec<Enqueued>> {
    let mut values = reply::Values::of(answer)?;
    let letters = reply::bytes(values.next()?)?;
    let mut holders = values.rest();
    let verdict = |letter: &u8| {
        Ok(match letter {
            b'N' => Enqueued::New(State::Available),
            b'S' => Enqueued::New(State::Scheduled),
            b'R' => Enqueued::Repeated,
            _ => {
                let holder = holders
                    .next()
                    .ok_or_else(|| Error::corrupt("a verdict without its holder"))?;
                Enqueued::Duplicate {
                    holder: reply::id(holder)?,
                }
            }
        })
    };
    letters.iter().map(verdict).collect()
}

fn hint(store: &RedisStore, jobs: &[NewJob], verdicts: &[Enqueued]) {
    let mut available: HashSet<&QueueName> = HashSet::new();
    let mut scheduled = false;
    for (job, verdict) in jobs.iter().zip(verdicts) {
        match verdict {
            Enqueued::New(State::Available) => {
                if available.insert(&job.queue) {
                    store.hint(Hint::Available(job.queue.clone()));
                }
            }
            Enqueued::New(_) => scheduled = true,
            Enqueued::Repeated | Enqueued::Duplicate { .. } => {}
        }
    }
    if scheduled {
        store.hint(Hint::Scheduled);
    }
}
