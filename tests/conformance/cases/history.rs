//! Random histories against the reference, and the table of transitions, arrow by arrow.

use std::collections::BTreeSet;

use shared::{
    job::{JobId, State, outcome::Ending},
    store::RescueParams,
};
use windlass_tests::{
    Harness,
    harness::LEASE,
    history::{self, Flavour},
    make::{DONE, discard, job, retry, secs, snooze, stopped},
};

/// Every arrow of the table, but those of `pending`: no job can be made to wait for others yet.
fn table() -> BTreeSet<(State, State)> {
    let from = State::ALL
        .into_iter()
        .filter(|state| *state != State::Pending);
    from.flat_map(|from| from.next().iter().map(move |to| (from, *to)))
        .collect()
}

/// What may move a job.
#[derive(Debug, Clone)]
enum Push {
    Promote,
    RunNow,
    Cancel,
    Claim,
    Settle(Ending),
    /// With its stop wanted.
    Stop(Ending),
    Leave,
    Rescue {
        max_crashes: u32,
    },
}

/// Brings a job that waits, is available or runs into the state `from`.
async fn bring(h: &Harness, from: State) -> JobId {
    match from {
        State::Scheduled => h.enqueue(job().delay(secs(1))).await,
        State::Retryable => h.run(job(), retry(secs(1))).await,
        _ => h.enqueue(job()).await,
    }
}

/// Pushes one job from one state; answers the step that it made.
async fn push(h: &Harness, from: State, push: Push) -> (State, State) {
    let id = bring(h, from).await;
    let hand = h.hand().await;
    let mut claimed = None;
    if from == State::Running {
        claimed = Some(hand.take().await);
    }
    assert_eq!(h.state(id).await, from);
    match (push, claimed) {
        (Push::Promote, _) => {
            h.advance(secs(1)).await;
            h.promote().await;
        }
        (Push::RunNow, _) => drop(h.store.run_now(vec![id]).await.unwrap()),
        (Push::Cancel, _) => drop(h.cancel(id, "not needed").await),
        (Push::Claim, _) => drop(hand.take().await),
        (Push::Settle(ending), Some(claimed)) => drop(h.settle(&claimed, ending).await),
        (Push::Stop(ending), Some(claimed)) => {
            h.cancel(id, "not needed").await;
            h.settle(&claimed, ending).await;
        }
        (Push::Leave, _) => drop(hand.leave().await),
        (Push::Rescue { max_crashes }, _) => {
            h.advance(LEASE).await;
            let limit = 10;
            let params = RescueParams { max_crashes, limit };
            h.store.rescue(params).await.unwrap();
        }
        (push, None) => panic!("{push:?} needs a job that runs"),
    }
    let to = h.state(id).await;
    // Nothing is left for the next one to stumble over.
    h.cancel(id, "the case is over").await;
    hand.leave().await;
    (from, to)
}

pub(crate) async fn every_arrow_of_the_table_is_driven_and_no_other(h: &Harness) {
    let mut driven = BTreeSet::new();
    for from in [State::Scheduled, State::Retryable] {
        for how in [Push::Promote, Push::RunNow, Push::Cancel] {
            driven.insert(push(h, from, how).await);
        }
    }
    for how in [Push::Claim, Push::Cancel] {
        driven.insert(push(h, State::Available, how).await);
    }
    let endings = || {
        let waits = [
            retry(secs(1)),
            retry(secs(0)),
            snooze(secs(1)),
            snooze(secs(0)),
        ];
        let ends = [DONE, stopped(), discard(), Ending::Release];
        waits.into_iter().chain(ends)
    };
    let rescues = [1, 2].map(|max_crashes| Push::Rescue { max_crashes });
    let all = endings().map(Push::Settle);
    let all = all.chain(endings().map(Push::Stop));
    for how in all.chain(rescues).chain([Push::Leave]) {
        driven.insert(push(h, State::Running, how).await);
    }
    assert_eq!(driven, table());
}

pub(crate) async fn histories_of_jobs_agree_with_the_reference(h: &Harness) {
    history::agree(h, Flavour::JOBS).await;
}

pub(crate) async fn histories_of_few_keys_agree_with_the_reference(h: &Harness) {
    history::agree(h, Flavour::KEYS).await;
}

pub(crate) async fn histories_of_deaths_agree_with_the_reference(h: &Harness) {
    history::agree(h, Flavour::DEATHS).await;
}

pub(crate) async fn histories_of_what_is_beside_agree_with_the_reference(h: &Harness) {
    history::agree(h, Flavour::BESIDES).await;
}
