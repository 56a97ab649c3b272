//! Buffers and destinations.

use rusqlite::{Connection, Row, types::FromSqlError};
use std::collections::HashSet;

use super::{
    row::{bytes, count, integer},
    writer::Turn,
};
use crate::{
    job::{JobId, name::Label},
    store::{
        AppendParams, DestinationRecord, Entry, EntryId, Error, Fate, NewEntry, Note, Receipt,
        Result,
    },
};

const DESTINATION_GET: &str = include_str!("sql/destination_get.sql");
const DESTINATION_INSERT: &str = include_str!("sql/destination_insert.sql");
const DESTINATION_WAIT: &str = include_str!("sql/destination_wait.sql");
const DESTINATION_LIST: &str = include_str!("sql/destination_list.sql");
const DESTINATION_SUCCEEDED: &str = include_str!("sql/destination_succeeded.sql");
const DESTINATION_FAILED: &str = include_str!("sql/destination_failed.sql");
const DESTINATION_DISABLE: &str = include_str!("sql/destination_disable.sql");
const DESTINATION_ENABLE: &str = include_str!("sql/destination_enable.sql");
const ENTRY_KNOWN: &str = include_str!("sql/entry_known.sql");
const ENTRY_INSERT: &str = include_str!("sql/entry_insert.sql");
const ENTRY_PEEK: &str = include_str!("sql/entry_peek.sql");
const ENTRY_TAKE: &str = include_str!("sql/entry_take.sql");
const RECEIPT_INSERT: &str = include_str!("sql/receipt_insert.sql");
const RECEIPT_LIST: &str = include_str!("sql/receipt_list.sql");

/// How fates are kept.
const DELIVERED: i64 = 1;
const REFUSED: i64 = 2;

/// The number of a destination, and how many entries wait for it.
fn get(turn: &Turn<'_>, name: &Label) -> Result<Option<(i64, u64)>> {
    turn.row(DESTINATION_GET, (name.as_str(),), |row| {
        Ok((row.get(0)?, count(row, 1)?))
    })
}

/// The number of a destination, which is known from now on.
fn known(turn: &Turn<'_>, name: &Label) -> Result<i64> {
    if let Some((destination, _)) = get(turn, name)? {
        return Ok(destination);
    }
    turn.execute(DESTINATION_INSERT, (name.as_str(),))?;
    Ok(turn.connection().last_insert_rowid())
}

/// See [`crate::store::BufferStore::append`].
pub(super) fn append(turn: &mut Turn<'_>, params: &AppendParams) -> Result<u64> {
    let found = get(turn, &params.destination)?;
    let waiting = found.map_or(0, |(_, waiting)| waiting);
    let new = unknown(
        turn,
        found.map(|(destination, _)| destination),
        &params.entries,
    )?;
    let total = waiting + new.len() as u64;
    // A repetition adds nothing, and must not fail because others have filled the buffer since.
    if new.is_empty() {
        return Ok(total);
    }
    if total > params.capacity {
        return Err(Error::Full {
            destination: params.destination.to_string(),
            waiting,
            capacity: params.capacity,
        });
    }
    let destination = known(turn, &params.destination)?;
    for entry in &new {
        let row = (
            entry.id,
            destination,
            entry.origin,
            turn.now(),
            &entry.body[..],
        );
        turn.execute(ENTRY_INSERT, row)?;
    }
    turn.execute(DESTINATION_WAIT, (destination, integer(new.len())))?;
    Ok(total)
}

/// The entries that neither wait nor have a receipt, each id once.
fn unknown<'e>(
    turn: &Turn<'_>,
    destination: Option<i64>,
    entries: &'e [NewEntry],
) -> Result<Vec<&'e NewEntry>> {
    let mut seen = HashSet::new();
    let mut new = Vec::new();
    for entry in entries {
        let is_known = match destination {
            Some(number) => turn
                .row(ENTRY_KNOWN, (number, entry.id), |_| Ok(()))?
                .is_some(),
            None => false,
        };
        if seen.insert(entry.id) && !is_known {
            new.push(entry);
        }
    }
    Ok(new)
}

/// See [`crate::store::BufferStore::peek`].
pub(super) fn peek(connection: &Connection, name: &Label, limit: usize) -> Result<Vec<Entry>> {
    let mut statement = connection.prepare_cached(ENTRY_PEEK)?;
    let rows = statement.query_map((name.as_str(), integer(limit)), |row| {
        Ok(Entry {
            id: row.get(0)?,
            origin: row.get(1)?,
            body: bytes(row, 2)?,
            added_at: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// See [`crate::store::BufferStore::resolve`].
pub(super) fn resolve(
    turn: &mut Turn<'_>,
    (name, fates): &(Label, Vec<(EntryId, Fate)>),
) -> Result<()> {
    let Some((destination, _)) = get(turn, name)? else {
        return Ok(());
    };
    let mut resolved = 0;
    for (id, fate) in fates {
        let taken = turn.row(ENTRY_TAKE, (destination, id), |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Option<JobId>>(1)?))
        })?;
        let Some((number, origin)) = taken else {
            continue;
        };
        let (fate, reason) = match fate {
            Fate::Delivered => (DELIVERED, None),
            Fate::Refused(reason) => (REFUSED, Some(reason)),
        };
        let row = (number, id, destination, origin, fate, reason, turn.now());
        turn.execute(RECEIPT_INSERT, row)?;
        resolved += 1;
    }
    if resolved > 0 {
        turn.execute(DESTINATION_WAIT, (destination, -resolved))?;
    }
    Ok(())
}

/// See [`crate::store::BufferStore::receipts`].
pub(super) fn receipts(connection: &Connection, origin: JobId) -> Result<Vec<Receipt>> {
    let mut statement = connection.prepare_cached(RECEIPT_LIST)?;
    let rows = statement.query_map((origin,), receipt)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn receipt(row: &Row<'_>) -> rusqlite::Result<Receipt> {
    let reason: Option<String> = row.get(3)?;
    let fate = match row.get(2)? {
        None => None,
        Some(DELIVERED) => Some(Fate::Delivered),
        Some(REFUSED) => Some(Fate::Refused(reason.unwrap_or_default())),
        Some(other) => return Err(FromSqlError::OutOfRange(other).into()),
    };
    Ok(Receipt {
        id: row.get(0)?,
        destination: row.get(1)?,
        fate,
        at: row.get(4)?,
    })
}

/// See [`crate::store::BufferStore::destinations`].
pub(super) fn destinations(connection: &Connection) -> Result<Vec<DestinationRecord>> {
    let mut statement = connection.prepare_cached(DESTINATION_LIST)?;
    let rows = statement.query_map((), |row| {
        let disabled: (Option<_>, Option<String>) = (row.get(3)?, row.get(4)?);
        let failed: (Option<_>, Option<String>) = (row.get(6)?, row.get(7)?);
        Ok(DestinationRecord {
            name: row.get(0)?,
            waiting: count(row, 1)?,
            oldest_at: row.get(2)?,
            disabled: disabled.0.zip(disabled.1),
            succeeded_at: row.get(5)?,
            failed: failed.0.zip(failed.1),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// See [`crate::store::BufferStore::note`].
pub(super) fn note(turn: &mut Turn<'_>, (name, note): &(Label, Note)) -> Result<()> {
    let destination = known(turn, name)?;
    let now = turn.now();
    match note {
        Note::Succeeded => turn.execute(DESTINATION_SUCCEEDED, (destination, now)),
        Note::Failed(how) => turn.execute(DESTINATION_FAILED, (destination, now, how)),
        Note::Disable(why) => turn.execute(DESTINATION_DISABLE, (destination, now, why)),
        Note::Enable => turn.execute(DESTINATION_ENABLE, (destination,)),
    }
    .map(drop)
}
