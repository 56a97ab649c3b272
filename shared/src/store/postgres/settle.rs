//! Ends of attempts. Nearly every attempt ends well and says nothing: those of one claim are
//! settled together, which on the server is one row taken and one row kept. Everything else is
//! judged one by one, in the same statement.

use std::collections::HashSet;

use super::{
    PostgresStore, database,
    row::{get, integer, micros, short, state},
};
use crate::{
    job::{JobId, State, attempt::Failure, outcome::Ending},
    lease::WorkerId,
    store::{Error, Hint, Result, Settle, Settled},
};

const SETTLE: &str = include_str!("sql/settle.sql");

/// See [`crate::store::WorkStore::settle`].
pub(super) async fn settle(store: &PostgresStore, items: Vec<Settle>) -> Result<Vec<Settled>> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let places = Places::of(&items);
    let groups = Groups::of(&items, &places.plain);
    let each = Each::of(&items, &places.each)?;
    let rows = store.database.write(SETTLE, |call| {
        call.bind(store.database.now())
            .bind(&groups.sizes)
            .bind(&groups.workers)
            .bind(&groups.claims)
            .bind(&groups.least)
            .bind(&groups.greatest)
            .bind(&groups.slots)
            .bind(&groups.ids)
            .bind(&each.workers)
            .bind(&each.claims)
            .bind(&each.slots)
            .bind(&each.ids)
            .bind(&each.endings)
            .bind(&each.waits)
            .bind(&each.failures)
            .bind(&each.results)
            .bind(&each.progress)
    });
    let row = database::only(rows.await?)?;
    let plain: Option<Vec<Option<i16>>> = get(&row, 0)?;
    let judged: Vec<i16> = get(&row, 1)?;
    let mut verdicts = vec![Settled::Kept(State::Completed); items.len()];
    for (at, verdict) in places.plain.iter().zip(plain.unwrap_or_default()) {
        if let Some(number) = verdict {
            verdicts[*at] = settled(number)?;
        }
    }
    if judged.len() != places.each.len() {
        return Err(Error::corrupt("a settle was answered for other jobs"));
    }
    for (at, number) in places.each.iter().zip(judged) {
        verdicts[*at] = settled(number)?;
    }
    tell(store, &verdicts);
    Ok(verdicts)
}

fn settled(number: i16) -> Result<Settled> {
    Ok(match number {
        -1 => Settled::Fenced,
        -2 => Settled::Repeated,
        number => Settled::Kept(state(number)?),
    })
}

fn tell(store: &PostgresStore, verdicts: &[Settled]) {
    let any = |test: fn(State) -> bool| {
        let test = |verdict: &Settled| matches!(verdict, Settled::Kept(state) if test(*state));
        verdicts.iter().any(test)
    };
    if any(State::is_terminal) {
        store.hint(Hint::Ended);
    }
    if any(|state| matches!(state, State::Scheduled | State::Retryable)) {
        store.hint(Hint::Scheduled);
    }
    if any(|state| state == State::Available) {
        // Which queues these jobs are of, only the server has looked up.
        store.hint(Hint::Any);
    }
}

/// Which items are settled together, and which one by one.
#[derive(Debug, PartialEq, Eq)]
struct Places {
    /// By worker, claim and slot.
    plain: Vec<usize>,
    /// The same, but in the order given when one job is named twice.
    each: Vec<usize>,
}

impl Places {
    fn of(items: &[Settle]) -> Self {
        // When one job is named twice the order of the items counts.
        let mut seen = HashSet::with_capacity(items.len());
        if !items.iter().all(|item| seen.insert(item.token)) {
            return Self {
                plain: Vec::new(),
                each: (0..items.len()).collect(),
            };
        }
        let says_nothing = |at: &usize| {
            let item = &items[*at];
            item.ending == Ending::Complete { result: None } && item.progress.is_none()
        };
        let places = (0..items.len()).partition::<Vec<usize>, _>(says_nothing);
        let (mut plain, mut each) = places;
        // Leases are locked by key.
        for places in [&mut plain, &mut each] {
            places.sort_unstable_by_key(|at| key(&items[*at]));
        }
        Self { plain, each }
    }
}

fn key(item: &Settle) -> (WorkerId, u64, u64) {
    (item.token.worker, item.token.claim, item.token.slot)
}

/// Items of one claim, side by side.
#[derive(Debug, Default)]
struct Groups {
    sizes: Vec<i32>,
    workers: Vec<i64>,
    claims: Vec<i64>,
    least: Vec<JobId>,
    greatest: Vec<JobId>,
    slots: Vec<i32>,
    ids: Vec<JobId>,
}

impl Groups {
    fn of(items: &[Settle], plain: &[usize]) -> Self {
        let claim = |at: &usize| (items[*at].token.worker, items[*at].token.claim);
        let mut groups = Self::default();
        for group in plain.chunk_by(|one, next| claim(one) == claim(next)) {
            let ids = || group.iter().map(|at| items[*at].id);
            let (Some(least), Some(greatest)) = (ids().min(), ids().max()) else {
                continue;
            };
            let (worker, number) = claim(&group[0]);
            groups.sizes.push(short(group.len()));
            groups.workers.push(integer(worker.0));
            groups.claims.push(integer(number));
            groups.least.push(least);
            groups.greatest.push(greatest);
            groups.ids.extend(ids());
            let slots = group.iter().map(|at| short(items[*at].token.slot));
            groups.slots.extend(slots);
        }
        groups
    }
}

/// Items as the function that judges them one by one takes them.
#[derive(Debug, Default)]
struct Each {
    workers: Vec<i64>,
    claims: Vec<i64>,
    slots: Vec<i32>,
    ids: Vec<JobId>,
    endings: Vec<i16>,
    waits: Vec<i64>,
    failures: Vec<Option<String>>,
    results: Vec<Option<Vec<u8>>>,
    progress: Vec<Option<Vec<u8>>>,
}

impl Each {
    fn of(items: &[Settle], places: &[usize]) -> Result<Self> {
        let mut each = Self::default();
        for at in places {
            let item = &items[*at];
            each.workers.push(integer(item.token.worker.0));
            each.claims.push(integer(item.token.claim));
            each.slots.push(short(item.token.slot));
            each.ids.push(item.id);
            each.progress
                .push(item.progress.as_ref().map(|body| body.to_vec()));
            let (ending, wait, failure, result) = match &item.ending {
                Ending::Complete { result } => (0, None, None, result.as_ref()),
                Ending::Retry { wait, failure } => (1, Some(*wait), Some(failure), None),
                Ending::Snooze { wait, failure } => (2, Some(*wait), failure.as_ref(), None),
                Ending::Cancel { failure } => (3, None, Some(failure), None),
                Ending::Discard { failure } => (4, None, Some(failure), None),
                Ending::Release => (5, None, None, None),
            };
            each.endings.push(ending);
            each.waits.push(wait.map_or(0, micros));
            each.failures.push(failure.map(written).transpose()?);
            each.results.push(result.map(|body| body.to_vec()));
        }
        Ok(each)
    }
}

/// A failure as it is kept.
pub(super) fn written(failure: &Failure) -> Result<String> {
    serde_json::to_string(failure)
        .map_err(|error| Error::corrupt(format!("an error has no JSON form: {error}")))
}
