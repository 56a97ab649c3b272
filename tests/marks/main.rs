//! Marks, the one clever part of the PostgreSQL store: the claim of
//! `migrations/postgres/0003_claim.sql` in small worlds, in which every order of steps is tried.
//!
//! A world has transactions with numbers and snapshots as the server has them, chunks of available
//! jobs, producers that insert and commit or roll back, claimers with memories of their own, and
//! whoever else takes chunks away or puts them back. Of a claim two steps are told apart, for
//! others go on between them: with the queue's lock it takes the snapshot that it remembers by,
//! then it scans, by a later one. The rest of it nobody can tell apart from one step.
//!
//! What is held against every claim of every order: it takes exactly what a claim takes that
//! remembers nothing and looks at everything, in the same order; and at any time, whoever claimed
//! next would find whatever is committed. So marks lose nothing and change nothing.
//!
//! That the worlds are large enough is shown by rules with one mistake each: all are found out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod claim;
mod world;

use std::collections::HashSet;

use claim::Rule;
use world::{Plan, Step, World};

/// Tries every order of steps; answers how many worlds there are, or the steps to one that is
/// wrong and what is wrong with it.
fn explore(plan: &Plan, rule: Rule) -> Result<usize, (Vec<Step>, String)> {
    let first = World::new(plan);
    let mut known = HashSet::from([first.clone()]);
    // Worlds with the steps that have not been tried, and the step that led there.
    let mut path = vec![(first.clone(), first.steps(plan), None)];
    while let Some((world, steps, _)) = path.last_mut() {
        let Some(step) = steps.pop() else {
            path.pop();
            continue;
        };
        let next = world.after(step, plan, rule).and_then(|next| {
            next.is_all_in_reach()?;
            Ok(next)
        });
        match next {
            Ok(next) => {
                if known.insert(next.clone()) {
                    let steps = next.steps(plan);
                    path.push((next, steps, Some(step)));
                }
            }
            Err(wrong) => {
                let mut steps: Vec<Step> = path.iter().filter_map(|(_, _, step)| *step).collect();
                steps.push(step);
                return Err((steps, wrong));
            }
        }
    }
    Ok(known.len())
}

/// Small worlds; each of their transactions, claims and wants makes them ten times as many.
fn plans() -> Vec<Plan> {
    vec![
        // Jobs that are handed back, in front.
        Plan {
            producers: vec![vec![(1, 2)], vec![(3, 1)]],
            claimers: 1,
            claims: 4,
            wants: vec![1, 9],
            hand_backs: 1,
            ..Plan::default()
        },
        // Chunks that are split, by two claimers of whom one knows less than the other.
        Plan {
            producers: vec![vec![(1, 3)], vec![(1, 1), (3, 1)]],
            claimers: 2,
            claims: 3,
            wants: vec![2, 9],
            cancels: 1,
            ..Plan::default()
        },
        // Transactions that overlap in every way, in two lanes.
        Plan {
            producers: vec![vec![(1, 1), (3, 1)], vec![(1, 1)], vec![(3, 1)]],
            claimers: 1,
            claims: 3,
            wants: vec![1, 9],
            ..Plan::default()
        },
        // Jobs that come back, behind all others, while producers are under way.
        Plan {
            producers: vec![vec![(1, 2)], vec![(3, 1)]],
            claimers: 1,
            claims: 3,
            wants: vec![1, 9],
            rescues: 2,
            ..Plan::default()
        },
    ]
}

#[test]
fn marks_lose_nothing_and_change_nothing() {
    for plan in plans() {
        let worlds = explore(&plan, Rule::Right);
        let worlds = worlds.unwrap_or_else(|(steps, wrong)| panic!("{wrong} after {steps:?}"));
        assert!(worlds > 10_000, "{worlds} worlds are few: {plan:?}");
    }
}

#[test]
fn every_mistake_is_found() {
    for rule in [
        Rule::NoStragglers,
        Rule::EndThoughStopped,
        Rule::LanesNotReached,
        Rule::PassedByLooking,
        Rule::BehindTheLast,
        Rule::BeyondTheSnapshot,
        Rule::ForgottenUnread,
        Rule::ForgottenRunning,
        Rule::OneMark,
        Rule::MarkInFront,
        Rule::SnapshotAfterwards,
    ] {
        let found = plans().iter().any(|plan| explore(plan, rule).is_err());
        assert!(found, "{rule:?} does no harm in these worlds");
    }
}
