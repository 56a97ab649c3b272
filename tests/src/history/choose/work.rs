//! What workers do next.

use bytes::Bytes;
use rand::{RngExt, seq::IteratorRandom};

use super::Chooser;
use crate::{
    history::op::{Known, Number, Op},
    make::{done, secs},
};
use shared::{
    backoff::Backoff,
    job::{
        Outcome, QueueName,
        attempt::{ErrorKind, Failure},
        outcome::{self, Ending},
    },
    lease::WorkerInfo,
    store::Want,
};

impl Chooser {
    pub(super) fn staff(&mut self, known: &Known) -> Op {
        if known.workers.len() < 2 || self.chance(0.6) {
            let count = self.rng.random_range(0..3);
            let queues: Vec<QueueName> = (0..count).map(|_| self.queue()).collect();
            let info = WorkerInfo {
                name: "walker".to_owned(),
                host: "here".to_owned(),
                pid: self.rng.random_range(1..999),
                version: "0.1.0".to_owned(),
                queues,
                concurrency: 4,
            };
            let lease = self.one(&[secs(10), secs(20), secs(120)]);
            return Op::Register(info, lease);
        }
        let worker = self.worker(known);
        Op::Leave { worker }
    }

    /// Mostly one of the newest workers; the others are gone, but may not know it.
    fn worker(&mut self, known: &Known) -> usize {
        let count = known.workers.len();
        if self.chance(0.9) {
            return self.rng.random_range(count.saturating_sub(3)..count);
        }
        self.rng.random_range(0..count)
    }

    pub(super) fn claim(&mut self, known: &Known) -> Op {
        let wants = (0..self.rng.random_range(1..=3)).map(|_| Want {
            queue: self.queue(),
            max: self.rng.random_range(0..=5),
        });
        let wants = wants.collect();
        let number = match self.rng.random_range(0..20) {
            0 | 1 => Number::Same,
            2 => Number::Older,
            3 => Number::Next(3),
            _ => Number::Next(1),
        };
        Op::Claim {
            worker: self.worker(known),
            number,
            wants,
            max: self.rng.random_range(0..=8),
        }
    }

    /// Mostly a claim of a job that was not settled yet.
    fn grant(&mut self, known: &Known) -> Option<usize> {
        let count = known.grants.len();
        let recent = count.saturating_sub(20)..count;
        if self.chance(0.85) {
            let open = recent.filter(|at| !known.grants[*at].settled);
            if let Some(at) = open.choose(&mut self.rng) {
                return Some(at);
            }
        }
        (0..count).choose(&mut self.rng)
    }

    pub(super) fn settle(&mut self, known: &Known) -> Op {
        let mut items = Vec::new();
        for _ in 0..self.rng.random_range(1..=5) {
            if let Some(grant) = self.grant(known) {
                let of = &known.grants[grant];
                let ending = self.ending(of.attempt, of.max_attempts);
                let reports = self.chance(0.2);
                let progress = reports.then(|| Bytes::from_static(b"\"at the end\""));
                items.push((grant, ending, progress));
            }
        }
        Op::Settle(items)
    }

    fn ending(&mut self, attempt: u32, max_attempts: u32) -> Ending {
        let outcome = match self.rng.random_range(0..12) {
            0..=2 => Outcome::done(),
            3 => return done("{\"n\":1}"),
            4..=6 => Outcome::retry_after(self.length(), "it failed"),
            7 => Outcome::snooze(self.length()),
            8 => {
                let why = Failure::new(ErrorKind::Snoozed, "busy");
                Outcome::SnoozeBecause(self.length(), why)
            }
            9 => Outcome::cancel("no longer wanted"),
            10 => Outcome::discard("never again"),
            _ => return Ending::Release,
        };
        outcome::conclude(outcome, attempt, max_attempts, &Backoff::default(), 0.5)
    }

    pub(super) fn beat(&mut self, known: &Known) -> Op {
        let mut progress = Vec::new();
        for _ in 0..self.rng.random_range(0..3) {
            if let Some(grant) = self.grant(known) {
                let value = self.rng.random_range(0..100).to_string();
                progress.push((grant, Bytes::from(value)));
            }
        }
        Op::Beat {
            worker: self.worker(known),
            lease: self.one(&[secs(10), secs(20)]),
            progress,
        }
    }
}
