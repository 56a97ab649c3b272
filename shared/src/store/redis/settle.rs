//! How attempts end.

use bytes::Bytes;
use std::collections::{BTreeMap, HashSet};

use super::{RedisStore, reply, row};
use crate::{
    job::{State, attempt::Failure, outcome::Ending},
    store::{Error, Hint, Result, Settle, Settled},
};

/// Most items of one step, and most bytes of what they bring.
const MOST: usize = 128;
const MOST_BYTES: usize = 1 << 20;

/// The bit that says that progress comes with an end.
const PROGRESS: u8 = 16;

/// A failure as it is kept.
pub(super) fn failure_text(failure: &Failure) -> Result<Vec<u8>> {
    serde_json::to_vec(failure)
        .map_err(|error| Error::corrupt(format!("a failure without a form: {error}")))
}

/// An item as the functions read it: how it ends, and the values that come with that.
struct Written {
    code: u8,
    values: Vec<Bytes>,
}

impl Written {
    fn of(item: &Settle) -> Result<Self> {
        let text = |failure: &Failure| failure_text(failure).map(Bytes::from);
        let micros = |wait: &std::time::Duration| Bytes::from(wait.as_micros().to_string());
        let (mut code, mut values) = match &item.ending {
            Ending::Complete { result: None } => (0, vec![]),
            Ending::Complete {
                result: Some(result),
            } => (1, vec![result.clone()]),
            Ending::Retry { wait, failure } => (2, vec![micros(wait), text(failure)?]),
            Ending::Snooze { wait, failure } => {
                let failure = failure.as_ref().map(text).transpose()?;
                (3, vec![micros(wait), failure.unwrap_or_default()])
            }
            Ending::Cancel { failure } => (4, vec![text(failure)?]),
            Ending::Discard { failure } => (5, vec![text(failure)?]),
            Ending::Release => (6, vec![]),
        };
        if let Some(progress) = &item.progress {
            code |= PROGRESS;
            values.insert(0, progress.clone());
        }
        Ok(Self { code, values })
    }

    fn bytes(&self) -> usize {
        self.values.iter().map(Bytes::len).sum()
    }
}

/// See [`crate::store::WorkStore::settle`].
pub(super) async fn settle(store: &RedisStore, items: &[Settle]) -> Result<Vec<Settled>> {
    let mut settled = Vec::with_capacity(items.len());
    let mut rest = items;
    while !rest.is_empty() {
        let (mut step, mut bytes) = (Vec::new(), 0);
        for item in rest.iter().take(MOST) {
            let written = Written::of(item)?;
            bytes += written.bytes();
            if bytes > MOST_BYTES && !step.is_empty() {
                break;
            }
            step.push(written);
        }
        let (now, later) = rest.split_at(step.len());
        settled.extend(settle_step(store, now, step).await?);
        rest = later;
    }
    hint(store, &settled);
    Ok(settled)
}

/// Settles some items, those of one claim together; of one claim they stay in their order, and no two
/// claims hold one job.
async fn settle_step(
    store: &RedisStore,
    items: &[Settle],
    written: Vec<Written>,
) -> Result<Vec<Settled>> {
    let mut claims: BTreeMap<[u8; 12], Vec<usize>> = BTreeMap::new();
    for (at, item) in items.iter().enumerate() {
        if let Some(token) = row::token_bytes(&item.token) {
            claims.entry(token).or_default().push(at);
        }
    }
    let mut call = store.server.function("settle");
    call.arg(claims.len());
    let mut order = Vec::with_capacity(items.len());
    for (token, places) in &claims {
        let mut heads = Vec::with_capacity(places.len() * 23);
        for at in places {
            heads.extend_from_slice(&row::number_of(&items[*at].token));
            heads.extend_from_slice(items[*at].id.as_bytes());
            heads.push(written[*at].code);
            order.push(*at);
        }
        call.arg(&token[..]).arg(heads);
    }
    for at in &order {
        for value in &written[*at].values {
            call.arg(&value[..]);
        }
    }
    // What nobody can hold is not even asked for.
    let mut settled = vec![Settled::Fenced; items.len()];
    if order.is_empty() {
        return Ok(settled);
    }
    let answer = reply::bytes(store.server.keep(call).await?)?;
    if answer.len() != order.len() {
        return Err(Error::corrupt("a settle that is answered for other items"));
    }
    for (at, letter) in order.into_iter().zip(answer) {
        settled[at] = match letter {
            b'R' => Settled::Repeated,
            b'F' => Settled::Fenced,
            state => Settled::Kept(row::state(state)?),
        };
    }
    Ok(settled)
}

fn hint(store: &RedisStore, settled: &[Settled]) {
    let states: HashSet<State> = settled
        .iter()
        .filter_map(|settled| match settled {
            Settled::Kept(state) => Some(*state),
            Settled::Repeated | Settled::Fenced => None,
        })
        .collect();
    if states.iter().any(|state| state.is_terminal()) {
        store.hint(Hint::Ended);
    }
    if states.contains(&State::Scheduled) || states.contains(&State::Retryable) {
        store.hint(Hint::Scheduled);
    }
    // Which queue they are of nobody here knows.
    if states.contains(&State::Available) {
        store.hint(Hint::Any);
    }
}
