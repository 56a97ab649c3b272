//! Looks after the buffers: asks for the flush of each that waits and has none.
//!
//! Who adds entries asks for a flush, but that may be lost: to a flush that was just ending, to
//! one that became a dead letter, to a destination that was disabled meanwhile or configured only
//! now. The keeper looks now and then. Any number of processes may run one: a flush is unique.

use shared::{
    buffer::{FlushDue, LONGEST_WAIT, ask},
    clock::Timestamp,
    config::destinations::Buffer,
    patience::Patience,
    shutdown::Shutdown,
    store::{DestinationRecord, Result, Store},
};
use std::{sync::Arc, time::Duration};

use crate::handlers::BuiltIn;

/// How often it looks, about.
const EVERY: Duration = Duration::from_secs(5);

/// Looks after the buffers until the shutdown drains.
pub(crate) async fn run(handlers: BuiltIn, store: Arc<dyn Store>, shutdown: Shutdown) {
    let mut patience = Patience::new("look after the buffers");
    let keep = async {
        loop {
            tokio::time::sleep(EVERY.mul_f64(0.5 + rand::random::<f64>())).await;
            match look(&handlers, store.as_ref()).await {
                Ok(()) => patience.succeeded(),
                Err(error) => tokio::time::sleep(patience.failed(&error)).await,
            }
        }
    };
    tokio::select! {
        () = keep => {}
        () = shutdown.draining() => {}
    }
}

/// Looks once.
pub(crate) async fn look(handlers: &BuiltIn, store: &dyn Store) -> Result<()> {
    let setup = handlers.setup();
    if setup.config.destinations.is_empty() {
        return Ok(());
    }
    let records = store.destinations().await?;
    if records.iter().all(|record| record.waiting == 0) {
        return Ok(());
    }
    let now = store.now().await?;
    for record in records {
        let Some(destination) = setup.config.destinations.get(&record.name) else {
            continue;
        };
        if let Some(wait) = wanted(&record, destination.buffer(), now) {
            ask(store, &record.name, FlushDue::In(wait), None).await?;
        }
    }
    Ok(())
}

/// After how long a buffer wants a flush, if it does. One that failed lately was given up, or is
/// about to be tried again: a new one takes its time.
fn wanted(record: &DestinationRecord, buffer: &Buffer, now: Timestamp) -> Option<Duration> {
    if record.waiting == 0 || record.disabled.is_some() {
        return None;
    }
    let waited = record
        .oldest_at
        .map_or(Duration::ZERO, |oldest| now.since(oldest));
    let due = if record.waiting >= u64::from(buffer.flush_every) {
        Duration::ZERO
    } else {
        buffer.flush_interval.saturating_sub(waited)
    };
    let rest = match &record.failed {
        Some((at, _)) if record.succeeded_at.is_none_or(|well| well < *at) => {
            LONGEST_WAIT.saturating_sub(now.since(*at))
        }
        _ => Duration::ZERO,
    };
    Some(due.max(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::job::name::Label;

    #[test]
    fn a_buffer_wants_a_flush_when_its_oldest_entry_is_due() {
        let (buffer, now) = (Buffer::default(), Timestamp::default() + LONGEST_WAIT * 10);
        let seconds = Duration::from_secs;
        let record = |waiting, waited, failed: Option<u64>, disabled: bool| DestinationRecord {
            name: Label::new("x").unwrap(),
            waiting,
            oldest_at: Some(now - seconds(waited)),
            disabled: disabled.then(|| (now, String::new())),
            succeeded_at: None,
            failed: failed.map(|ago| (now - seconds(ago), String::new())),
        };
        for (record, expected) in [
            (record(0, 0, None, false), None),
            (record(5, 60, None, true), None),
            (record(5, 4, None, false), Some(seconds(6))),
            (record(5, 60, None, false), Some(Duration::ZERO)),
            (record(250, 0, None, false), Some(Duration::ZERO)),
            (record(250, 60, Some(100), false), Some(seconds(200))),
            (record(250, 60, Some(900), false), Some(Duration::ZERO)),
        ] {
            assert_eq!(wanted(&record, &buffer, now), expected, "{record:?}");
        }
        let mut recovered = record(250, 60, Some(100), false);
        recovered.succeeded_at = Some(now);
        assert_eq!(wanted(&recovered, &buffer, now), Some(Duration::ZERO));
    }
}
