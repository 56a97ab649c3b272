//! Buffers: entries that wait for a destination, and receipts.

use redis::Value;

use super::{RedisStore, reply};
use crate::{
    clock::Timestamp,
    job::{JobId, name::Label},
    store::{
        AppendParams, DestinationRecord, Entry, EntryId, Error, Fate, NewEntry, Note, Receipt,
        Result,
    },
};
use uuid::Uuid;

/// Most entries of one step.
const MOST: usize = 256;

/// See [`crate::store::BufferStore::append`].
///
/// Many are added in steps, after a look at whether all of them have room.
pub(super) async fn append(store: &RedisStore, params: &AppendParams) -> Result<u64> {
    let AppendParams {
        destination,
        capacity,
        entries,
    } = params;
    if entries.len() <= MOST {
        return append_step(store, destination, Some(*capacity), entries).await;
    }
    let (mut fresh, mut waiting) = (0, 0);
    for step in entries.chunks(MOST) {
        let mut call = store.server.function("count_new");
        call.arg(destination.as_str());
        for entry in step {
            call.arg(&entry.id.0.as_bytes()[..]);
        }
        let mut values = reply::Values::of(store.server.read(call).await?)?;
        fresh += reply::count(values.next()?)?;
        waiting = reply::count(values.next()?)?;
    }
    if fresh > 0 && waiting + fresh > *capacity {
        return Err(full(destination, waiting, *capacity));
    }
    for step in entries.chunks(MOST) {
        waiting = append_step(store, destination, None, step).await?;
    }
    Ok(waiting)
}

fn full(destination: &Label, waiting: u64, capacity: u64) -> Error {
    Error::Full {
        destination: destination.to_string(),
        waiting,
        capacity,
    }
}

async fn append_step(
    store: &RedisStore,
    destination: &Label,
    capacity: Option<u64>,
    entries: &[NewEntry],
) -> Result<u64> {
    let mut call = store.server.function("append");
    call.arg(destination.as_str());
    match capacity {
        Some(capacity) => call.arg(capacity.min(1 << 52)),
        None => call.arg(-1),
    };
    for NewEntry { id, origin, body } in entries {
        call.arg(&id.0.as_bytes()[..]);
        call.arg(
            origin
                .as_ref()
                .map_or(&[][..], |origin| &origin.as_bytes()[..]),
        );
        call.arg(&body[..]);
    }
    let mut values = reply::Values::of(store.server.keep(call).await?)?;
    let (waiting, wanted) = (reply::count(values.next()?)?, reply::count(values.next()?)?);
    match capacity {
        Some(capacity) if wanted > waiting => Err(full(destination, waiting, capacity)),
        _ => Ok(waiting),
    }
}

fn read_entry_id(value: Value) -> Result<EntryId> {
    let bytes = reply::bytes(value)?;
    let id = Uuid::from_slice(&bytes).map_err(|_| Error::corrupt("an entry without an id"))?;
    Ok(EntryId(id))
}

/// See [`crate::store::BufferStore::peek`].
pub(super) async fn peek(
    store: &RedisStore,
    destination: &Label,
    limit: usize,
) -> Result<Vec<Entry>> {
    let mut call = store.server.function("peek");
    call.arg(destination.as_str()).arg(limit.min(100_000));
    let mut entries = Vec::new();
    for entry in reply::list(store.server.read(call).await?)? {
        let mut values = reply::Values::of(entry)?;
        entries.push(Entry {
            id: read_entry_id(values.next()?)?,
            origin: reply::some(values.next()?)?
                .map(|id| reply::read_id(&id))
                .transpose()?,
            body: reply::bytes(values.next()?)?,
            added_at: reply::instant(values.next()?)?,
        });
    }
    Ok(entries)
}

/// See [`crate::store::BufferStore::resolve`].
pub(super) async fn resolve(
    store: &RedisStore,
    destination: &Label,
    fates: &[(EntryId, Fate)],
) -> Result<()> {
    for step in fates.chunks(MOST) {
        let mut call = store.server.function("resolve");
        call.arg(destination.as_str());
        for (id, fate) in step {
            call.arg(&id.0.as_bytes()[..]);
            match fate {
                Fate::Delivered => call.arg("D"),
                Fate::Refused(why) => call.arg(format!("R{why}")),
            };
        }
        store.server.keep(call).await?;
    }
    Ok(())
}

/// See [`crate::store::BufferStore::receipts`].
pub(super) async fn receipts(store: &RedisStore, origin: JobId) -> Result<Vec<Receipt>> {
    let mut call = store.server.function("receipts");
    call.arg(&origin.as_bytes()[..]);
    let mut receipts = Vec::new();
    for receipt in reply::list(store.server.read(call).await?)? {
        let mut values = reply::Values::of(receipt)?;
        let id = read_entry_id(values.next()?)?;
        let destination = read_name(values.next()?)?;
        let fate = match &reply::bytes(values.next()?)?[..] {
            [] => None,
            [b'R', why @ ..] => Some(Fate::Refused(reply::as_text(why)?)),
            _ => Some(Fate::Delivered),
        };
        let at = reply::instant(values.next()?)?;
        receipts.push(Receipt {
            id,
            destination,
            fate,
            at,
        });
    }
    Ok(receipts)
}

fn read_name(value: Value) -> Result<Label> {
    Label::new(reply::text(value)?).map_err(|why| Error::corrupt(why.to_string()))
}

/// See [`crate::store::BufferStore::destinations`].
pub(super) async fn destinations(store: &RedisStore) -> Result<Vec<DestinationRecord>> {
    let answer = store
        .server
        .read(store.server.function("destinations"))
        .await?;
    let mut destinations = Vec::new();
    for destination in reply::list(answer)? {
        let mut values = reply::Values::of(destination)?;
        let name = read_name(values.next()?)?;
        let waiting = reply::count(values.next()?)?;
        let oldest = reply::number(values.next()?)?;
        let disabled = read_note(values.next()?)?;
        let succeeded_at = read_note(values.next()?)?.map(|(at, _)| at);
        destinations.push(DestinationRecord {
            name,
            waiting,
            oldest_at: (oldest >= 0).then(|| Timestamp::from_micros(oldest)),
            disabled,
            succeeded_at,
            failed: read_note(values.next()?)?,
        });
    }
    destinations.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(destinations)
}

fn read_note(value: Value) -> Result<Option<(Timestamp, String)>> {
    let Some(note) = reply::some(value)? else {
        return Ok(None);
    };
    let (at, text) = reply::split_instant(&note)?;
    Ok(Some((at, reply::as_text(&text)?)))
}

/// See [`crate::store::BufferStore::note`].
pub(super) async fn note(store: &RedisStore, destination: &Label, note: &Note) -> Result<()> {
    let (what, text) = match note {
        Note::Succeeded => ("succeeded", ""),
        Note::Failed(how) => ("failed", how.as_str()),
        Note::Disable(why) => ("disable", why.as_str()),
        Note::Enable => ("enable", ""),
    };
    let mut call = store.server.function("note");
    call.arg(destination.as_str()).arg(what).arg(text);
    store.server.keep(call).await.map(drop)
}
