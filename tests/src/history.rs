//! Randomised histories: random operations made on a store and on the reference in lockstep.
//!
//! A seed gives a history. Every answer of the store is compared with the reference's, and now
//! and then everything that can be seen of either. What the contract leaves to the store (which
//! of several jobs that were put off comes first, slots, which jobs a bounded step takes) is
//! followed or evened out, nothing else. Beside that a ledger checks what must hold whatever the
//! reference says, so that the reference is tested too.
//!
//! A failure names its seed and the shortest part of the history that shows it. To run seeds of
//! your own: `WINDLASS_SEEDS=7,100..200`.

mod choose;
mod ledger;
mod op;
mod snapshot;
mod walk;

use std::collections::BTreeSet;

use crate::Harness;
use choose::Chooser;
use shared::job::State;
use walk::Walk;

/// What kind of histories.
#[derive(Debug, Clone, Copy)]
pub struct Flavour {
    /// How often each kind of operation is chosen, relative to the others.
    weights: [(op::Sort, u32); 13],
}

/// Histories of one flavour, unless `WINDLASS_SEEDS` says otherwise.
const SEEDS: u64 = 6;

/// Operations in one history.
const STEPS: usize = 300;

/// Operations between two comparisons of all that can be seen.
const LOOK_EVERY: usize = 10;

impl Flavour {
    /// A bit of everything that happens to jobs.
    pub const JOBS: Self = Self::of([18, 10, 4, 22, 26, 5, 10, 10, 2, 3, 0, 0, 0]);
    /// Few keys for many jobs, much stopping and replaying.
    pub const KEYS: Self = Self::of([30, 18, 3, 16, 20, 2, 8, 10, 1, 2, 2, 0, 0]);
    /// Workers that die, and come back as if nothing had happened.
    pub const DEATHS: Self = Self::of([12, 5, 10, 24, 22, 12, 16, 14, 2, 2, 0, 0, 0]);
    /// Schedules, leaders and buffers, and the jobs they hang on.
    pub const BESIDES: Self = Self::of([6, 3, 2, 6, 8, 1, 12, 8, 1, 2, 22, 12, 30]);

    const fn of(weights: [u32; 13]) -> Self {
        use op::Sort::{
            Beat, Buffer, Claim, Duty, Enqueue, Lead, List, Pause, Schedule, Settle, Staff, Steer,
            Time,
        };
        let sorts = [
            Enqueue, Steer, Staff, Claim, Settle, Beat, Time, Duty, Pause, List, Schedule, Lead,
            Buffer,
        ];
        let mut all = [(Enqueue, 0); 13];
        let mut at = 0;
        while at < all.len() {
            all[at] = (sorts[at], weights[at]);
            at += 1;
        }
        Self { weights: all }
    }
}

/// Why a history failed.
struct Failure {
    /// The operation at which it showed, from 1.
    step: usize,
    why: String,
    /// The operations up to there.
    done: Vec<String>,
}

/// Makes histories on clean stores like `h`'s and on the reference.
///
/// # Panics
/// When a store and the reference differ, or either breaks a rule.
pub async fn agree(h: &Harness, flavour: Flavour) {
    let seeds = seeds().unwrap_or_else(|| (1..=SEEDS).collect());
    agree_on(h, flavour, seeds).await;
}

/// Makes the histories of these seeds. Answers the transitions that jobs made in them.
async fn agree_on(h: &Harness, flavour: Flavour, seeds: Vec<u64>) -> BTreeSet<(State, State)> {
    let mut transitions = BTreeSet::new();
    for seed in seeds {
        match run(h, flavour, seed, STEPS, LOOK_EVERY).await {
            Ok(seen) => transitions.extend(seen),
            Err(failure) => {
                let shortest = shorten(h, flavour, seed, failure).await;
                let from = shortest.done.len().saturating_sub(30);
                panic!(
                    "seed {seed} fails at operation {}: {}\nthe last operations:\n{}",
                    shortest.step,
                    shortest.why,
                    shortest.done[from..].join("\n"),
                );
            }
        }
    }
    transitions
}

/// Makes the history again, looking at everything after each operation: where it fails then is
/// its shortest part that fails.
async fn shorten(h: &Harness, flavour: Flavour, seed: u64, found: Failure) -> Failure {
    match run(h, flavour, seed, found.step, 1).await {
        Err(shorter) => shorter,
        Ok(_) => found,
    }
}

async fn run(
    h: &Harness,
    flavour: Flavour,
    seed: u64,
    steps: usize,
    look_every: usize,
) -> Result<BTreeSet<(State, State)>, Failure> {
    let mut chooser = Chooser::new(seed, flavour.weights);
    let mut walk = Walk::new(h.fresh().await);
    let mut done = Vec::new();
    for step in 1..=steps {
        let op = chooser.choose(&walk.known);
        done.push(format!("{step:4} {op:?}"));
        let mut outcome = walk.step(op).await;
        if outcome.is_ok() && (step % look_every == 0 || step == steps) {
            outcome = walk.look().await;
        }
        if let Err(why) = outcome {
            return Err(Failure { step, why, done });
        }
    }
    Ok(walk.transitions())
}

/// The seeds that whoever runs the tests asks for: `7`, `1,2`, `100..200`.
fn seeds() -> Option<Vec<u64>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch of the tests, not a setting of the program"
    )]
    let asked = std::env::var("WINDLASS_SEEDS").ok()?;
    let number = |text: &str| text.trim().parse::<u64>().expect("a seed is a number");
    let ranges = asked.split(',').map(|part| match part.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => number(part)..number(part) + 1,
    });
    Some(ranges.flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::memory;

    #[test]
    fn histories_drive_every_arrow_of_the_table() {
        crate::run(memory::open, async |h| {
            let driven = agree_on(h, Flavour::JOBS, (1..=12).collect()).await;
            // No job can be made to wait for others yet.
            let from = State::ALL.into_iter().filter(|s| *s != State::Pending);
            let table = from.flat_map(|from| from.next().iter().map(move |to| (from, *to)));
            assert_eq!(driven, table.collect());
        });
    }

    #[test]
    fn the_same_seed_makes_the_same_history() {
        crate::run(memory::open, async |h| {
            let first = run(h, Flavour::BESIDES, 7, 60, 10).await;
            let again = run(h, Flavour::BESIDES, 7, 60, 10).await;
            assert_eq!(first.ok(), again.ok());
        });
    }
}
