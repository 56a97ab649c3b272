//! Buffers and destinations.

use bytes::Bytes;
use sqlx::postgres::PgRow;

use super::{
    database::{Database, only},
    row::{count, get, integer, utf8},
};
use crate::{
    job::{JobId, name::Label},
    store::{AppendParams, DestinationRecord, Entry, EntryId, Error, Fate, Note, Receipt, Result},
};

const ENTRY_APPEND: &str = include_str!("sql/entry_append.sql");
const ENTRY_PEEK: &str = include_str!("sql/entry_peek.sql");
const ENTRY_RESOLVE: &str = include_str!("sql/entry_resolve.sql");
const RECEIPT_LIST: &str = include_str!("sql/receipt_list.sql");
const DESTINATION_LIST: &str = include_str!("sql/destination_list.sql");
const DESTINATION_SUCCEEDED: &str = include_str!("sql/destination_succeeded.sql");
const DESTINATION_FAILED: &str = include_str!("sql/destination_failed.sql");
const DESTINATION_DISABLE: &str = include_str!("sql/destination_disable.sql");
const DESTINATION_ENABLE: &str = include_str!("sql/destination_enable.sql");

/// How fates are kept.
const DELIVERED: i16 = 1;
const REFUSED: i16 = 2;

/// See [`crate::store::BufferStore::append`].
pub(super) async fn append(database: &Database, params: AppendParams) -> Result<u64> {
    let AppendParams {
        destination,
        capacity,
        entries,
    } = params;
    let ids: Vec<EntryId> = entries.iter().map(|entry| entry.id).collect();
    let origins: Vec<Option<JobId>> = entries.iter().map(|entry| entry.origin).collect();
    let bodies: Vec<&[u8]> = entries.iter().map(|entry| &entry.body[..]).collect();
    let rows = database.write(ENTRY_APPEND, |call| {
        call.bind(database.now())
            .bind(&destination)
            .bind(integer(capacity))
            .bind(&ids)
            .bind(&origins)
            .bind(&bodies)
    });
    let row = only(rows.await?)?;
    let waiting = count(&row, 0)?;
    if get(&row, 1)? {
        return Err(Error::Full {
            destination: destination.to_string(),
            waiting,
            capacity,
        });
    }
    Ok(waiting)
}

/// See [`crate::store::BufferStore::peek`].
pub(super) async fn peek(
    database: &Database,
    destination: Label,
    limit: usize,
) -> Result<Vec<Entry>> {
    let rows = database.read(ENTRY_PEEK, |call| {
        call.bind(&destination).bind(integer(limit))
    });
    rows.await?.iter().map(entry).collect()
}

fn entry(row: &PgRow) -> Result<Entry> {
    let body: Vec<u8> = get(row, 2)?;
    Ok(Entry {
        id: get(row, 0)?,
        origin: get(row, 1)?,
        body: Bytes::from(body),
        added_at: get(row, 3)?,
    })
}

/// See [`crate::store::BufferStore::resolve`].
pub(super) async fn resolve(
    database: &Database,
    destination: Label,
    fates: Vec<(EntryId, Fate)>,
) -> Result<()> {
    let ids: Vec<EntryId> = fates.iter().map(|(id, _)| *id).collect();
    let told = fates.iter().map(|(_, fate)| match fate {
        Fate::Delivered => (DELIVERED, None),
        Fate::Refused(reason) => (REFUSED, Some(reason.as_bytes())),
    });
    let (numbers, reasons): (Vec<i16>, Vec<Option<&[u8]>>) = told.unzip();
    let rows = database.write(ENTRY_RESOLVE, |call| {
        call.bind(database.now())
            .bind(&destination)
            .bind(&ids)
            .bind(&numbers)
            .bind(&reasons)
    });
    rows.await.map(drop)
}

/// See [`crate::store::BufferStore::receipts`].
pub(super) async fn receipts(database: &Database, origin: JobId) -> Result<Vec<Receipt>> {
    let rows = database.read(RECEIPT_LIST, |call| call.bind(origin));
    rows.await?.iter().map(receipt).collect()
}

fn receipt(row: &PgRow) -> Result<Receipt> {
    let fate = match get(row, 2)? {
        None => None,
        Some(DELIVERED) => Some(Fate::Delivered),
        Some(REFUSED) => Some(Fate::Refused(utf8(row, 3)?.unwrap_or_default())),
        Some(other) => return Err(Error::corrupt(format!("{other} is no fate of an entry"))),
    };
    Ok(Receipt {
        id: get(row, 0)?,
        destination: get(row, 1)?,
        fate,
        at: get(row, 4)?,
    })
}

/// See [`crate::store::BufferStore::destinations`].
pub(super) async fn destinations(database: &Database) -> Result<Vec<DestinationRecord>> {
    let rows = database.read(DESTINATION_LIST, |call| call).await?;
    rows.iter().map(destination).collect()
}

fn destination(row: &PgRow) -> Result<DestinationRecord> {
    let disabled_at: Option<_> = get(row, 3)?;
    let failed_at: Option<_> = get(row, 6)?;
    Ok(DestinationRecord {
        name: get(row, 0)?,
        waiting: count(row, 1)?,
        oldest_at: get(row, 2)?,
        disabled: disabled_at.zip(utf8(row, 4)?),
        succeeded_at: get(row, 5)?,
        failed: failed_at.zip(utf8(row, 7)?),
    })
}

/// See [`crate::store::BufferStore::note`].
pub(super) async fn note(database: &Database, destination: Label, note: Note) -> Result<()> {
    let sql = match note {
        Note::Succeeded => DESTINATION_SUCCEEDED,
        Note::Failed(_) => DESTINATION_FAILED,
        Note::Disable(_) => DESTINATION_DISABLE,
        Note::Enable => DESTINATION_ENABLE,
    };
    let rows = database.write(sql, |call| {
        let call = call.bind(&destination);
        match &note {
            Note::Enable => call,
            Note::Succeeded => call.bind(database.now()),
            Note::Failed(why) | Note::Disable(why) => {
                call.bind(database.now()).bind(why.as_bytes())
            }
        }
    });
    rows.await.map(drop)
}
