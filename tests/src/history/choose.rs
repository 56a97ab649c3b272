//! Which operation comes next: random, from a world so small that everything meets.

mod besides;
mod work;

use rand::{
    RngExt, SeedableRng,
    rngs::StdRng,
    seq::{IndexedRandom, IteratorRandom},
};
use std::time::Duration;

use super::op::{Known, Op, Sort};
use crate::make::{job, kind, priority, queue, secs, tag, unique};
use shared::{
    backoff::Backoff,
    job::{Args, JobId, NewJob, QueueName, State, UniquePolicy, new::Due},
    store::{Filter, PruneParams, Replay, Retention},
};

const QUEUES: [&str; 3] = ["default", "mail", "slow"];
const KINDS: [&str; 2] = ["noop", "send"];
const TAGS: [&str; 3] = ["a", "b", "c"];
const KEYS: [&str; 3] = ["k1", "k2", "k3"];
pub(super) const SCHEDULES: [&str; 3] = ["nightly", "hourly", "never"];
pub(super) const ROLES: [&str; 2] = ["scheduler", "flush"];
pub(super) const DESTINATIONS: [&str; 3] = ["databox", "partner", "webhook"];
const CANDIDATES: [&str; 3] = ["one", "two", "three"];

/// Lengths of time that meet each other: waits, leases, retentions and steps of the clock.
const LENGTHS: [Duration; 9] = [
    Duration::ZERO,
    Duration::from_micros(1),
    Duration::from_millis(20),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_micros(9_999_999),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_mins(2),
];

/// Chooses operations.
pub(super) struct Chooser {
    rng: StdRng,
    weights: [(Sort, u32); 13],
}

impl Chooser {
    pub(super) fn new(seed: u64, weights: [(Sort, u32); 13]) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        Self { rng, weights }
    }

    pub(super) fn choose(&mut self, known: &Known) -> Op {
        if known.workers.is_empty() {
            return self.staff(known);
        }
        let weights = self.weights;
        let chosen = weights.choose_weighted(&mut self.rng, |(_, weight)| *weight);
        let (sort, _) = chosen.expect("some weight is above zero");
        match sort {
            Sort::Enqueue => self.enqueue(known),
            Sort::Steer => self.steer(known),
            Sort::Staff => self.staff(known),
            Sort::Claim => self.claim(known),
            Sort::Settle => self.settle(known),
            Sort::Beat => self.beat(known),
            Sort::Time => Op::Advance(self.length()),
            Sort::Duty => self.duty(),
            Sort::Pause => Op::Pause(self.queue(), self.chance(0.5)),
            Sort::List => Op::List(self.filter(known), self.rng.random_range(1..=20)),
            Sort::Schedule => self.schedule(known),
            Sort::Lead => self.lead(known),
            Sort::Buffer => self.buffer(known),
        }
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.rng.random_bool(probability)
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of.choose(&mut self.rng).expect("there is a choice").clone()
    }

    fn length(&mut self) -> Duration {
        self.one(&LENGTHS)
    }

    fn queue(&mut self) -> QueueName {
        queue(self.one(&QUEUES))
    }

    /// A version 7 id of about now, that this seed makes again.
    fn id(&mut self, known: &Known) -> JobId {
        let ms = (known.now.as_micros() / 1000).to_be_bytes();
        let mut bytes: [u8; 16] = self.rng.random();
        bytes[..6].copy_from_slice(&ms[2..]);
        bytes[6] = (bytes[6] & 0x0f) | 0x70;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        JobId::from_bytes(bytes).expect("the version and the variant are set")
    }

    /// Mostly a job that was offered lately, now and then any, or none.
    fn some_id(&mut self, known: &Known) -> JobId {
        let recent = &known.ids[known.ids.len().saturating_sub(25)..];
        let among = if self.chance(0.8) { recent } else { &known.ids };
        if among.is_empty() || self.chance(0.03) {
            return self.id(known);
        }
        self.one(among)
    }

    fn some_ids(&mut self, known: &Known) -> Vec<JobId> {
        let count = self.rng.random_range(1..=4);
        (0..count).map(|_| self.some_id(known)).collect()
    }

    fn new_job(&mut self, known: &Known) -> NewJob {
        let mut job = job().queue(self.queue());
        job.id = self.id(known);
        job.kind = kind(self.one(&KINDS));
        job.args = Args::json(&self.rng.random_range(0..9)).expect("a number is small JSON");
        job.priority = priority(self.one(&[0, 5, 5, 5, 9]));
        job.max_attempts = self.rng.random_range(1..=4);
        job.due = match self.rng.random_range(0..6) {
            0 => Due::In(self.length()),
            1 => Due::At(known.now + self.length()),
            2 => Due::At(known.now - self.length()),
            _ => Due::Now,
        };
        for _ in 0..self.rng.random_range(0..3) {
            job.tags.push(tag(self.one(&TAGS)));
        }
        if self.chance(0.5) {
            let window = UniquePolicy::Window(self.one(&LENGTHS[1..]));
            let policy = [
                UniquePolicy::UntilStarted,
                UniquePolicy::UntilFinished,
                window,
            ];
            job.unique = Some(unique(self.one(&KEYS), self.one(&policy)));
        }
        if self.chance(0.2) {
            job.timeout = Some(Duration::from_millis(1500));
            job.backoff = Some(Backoff::default());
        }
        job
    }

    fn enqueue(&mut self, known: &Known) -> Op {
        let count = self.one(&[1, 1, 2, 3, 8]);
        let mut batch: Vec<NewJob> = (0..count).map(|_| self.new_job(known)).collect();
        if self.chance(0.1) {
            batch[0].id = self.some_id(known);
        }
        if self.chance(0.05) {
            let last = batch.len() - 1;
            batch[last].id = batch[0].id;
        }
        if self.chance(0.02) {
            batch[0].max_attempts = 0;
        }
        Op::Enqueue(batch)
    }

    fn steer(&mut self, known: &Known) -> Op {
        match self.rng.random_range(0..4) {
            0 | 1 => {
                let reason = self.one(&["not needed", "too late"]).to_owned();
                Op::Cancel(self.some_ids(known), reason)
            }
            2 => Op::RunNow(self.some_ids(known)),
            _ => {
                let dead = self.some_ids(known).into_iter();
                let mut replays: Vec<Replay> = dead.map(|dead| self.replay(dead, known)).collect();
                if self.chance(0.05) {
                    replays[0].new = self.some_id(known);
                }
                Op::Replay(replays)
            }
        }
    }

    fn replay(&mut self, dead: JobId, known: &Known) -> Replay {
        // Half of the time the same id for the same dead letter: a repetition.
        let new = if self.chance(0.5) {
            JobId::derive(dead, "replay")
        } else {
            self.id(known)
        };
        let edited = self.chance(0.3);
        let args = edited.then(|| Args::json("edited").expect("a word is small JSON"));
        Replay {
            dead,
            new,
            args,
            trace: None,
        }
    }

    fn duty(&mut self) -> Op {
        let limit = self.one(&[1, 2, 7, 1000]);
        match self.rng.random_range(0..5) {
            0 | 1 => Op::Promote { limit },
            2 | 3 => Op::Rescue { limit },
            _ => {
                let retention = Retention {
                    completed: self.one(&[secs(10), secs(60)]),
                    cancelled: secs(20),
                    discarded: self.one(&[secs(60), secs(240)]),
                };
                Op::Prune(PruneParams { retention, limit })
            }
        }
    }

    fn filter(&mut self, known: &Known) -> Filter {
        let mut filter = Filter::default();
        if self.chance(0.5) {
            filter.states = State::ALL
                .into_iter()
                .sample(&mut self.rng, 3)
                .into_iter()
                .collect();
        }
        if self.chance(0.3) {
            filter.kinds.insert(kind(self.one(&KINDS)));
        }
        if self.chance(0.3) {
            filter.queues.insert(self.queue());
        }
        if self.chance(0.4) {
            filter.tag = Some(tag(self.one(&TAGS)));
        }
        if self.chance(0.2) {
            filter.accepted_from = Some(known.now - self.length());
        }
        if self.chance(0.2) {
            filter.accepted_before = Some(known.now - self.length());
        }
        filter.open_dead_letters = self.chance(0.2);
        filter
    }
}
