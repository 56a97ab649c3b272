//! Domain types as SQLite keeps them, and back.

use bytes::Bytes;
use rusqlite::{
    Row, ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};
use std::time::Duration;

use crate::{
    clock::Timestamp,
    job::{JobId, Kind, Priority, QueueName, State, name::Label},
    lease::WorkerId,
    store::EntryId,
};

/// A count or a number of the caller's as SQLite keeps it. What does not fit is larger than
/// anything that is kept, and stays so.
pub(super) fn integer(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// A length of time in nanoseconds: up to 292 years, and none that is longer passes the checks.
pub(super) fn nanos(length: Duration) -> i64 {
    integer(length.as_nanos())
}

/// The length of time in a column of nanoseconds.
pub(super) fn length(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Duration>> {
    let nanos: Option<i64> = row.get(column)?;
    Ok(nanos.map(|nanos| Duration::from_nanos(nanos.unsigned_abs())))
}

/// The bytes in a column.
pub(super) fn bytes(row: &Row<'_>, column: usize) -> rusqlite::Result<Bytes> {
    let blob = row.get_ref(column)?.as_blob();
    Ok(Bytes::copy_from_slice(blob.map_err(rusqlite::Error::from)?))
}

/// The count in a column.
pub(super) fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let count: i64 = row.get(column)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_micros().into())
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self::from_micros)
    }
}

/// States are kept as their place in [`State::ALL`]. A test pins the numbers.
impl ToSql for State {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok((*self as i64).into())
    }
}

impl FromSql for State {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        let place = usize::try_from(number).ok();
        place
            .and_then(|place| Self::ALL.get(place).copied())
            .ok_or(FromSqlError::OutOfRange(number))
    }
}

impl ToSql for JobId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.as_bytes())))
    }
}

impl FromSql for JobId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::from_bytes(FromSql::column_result(value)?).map_err(FromSqlError::other)
    }
}

impl ToSql for EntryId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.0.as_bytes())))
    }
}

impl FromSql for EntryId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = FromSql::column_result(value)?;
        Ok(Self(uuid::Uuid::from_bytes(bytes)))
    }
}

impl ToSql for WorkerId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(integer(self.0).into())
    }
}

impl FromSql for WorkerId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        u64::try_from(number)
            .map(Self)
            .map_err(|_| FromSqlError::OutOfRange(number))
    }
}

impl ToSql for Priority {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.get().into())
    }
}

impl FromSql for Priority {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        Self::new(number.unsigned_abs()).map_err(FromSqlError::other)
    }
}

macro_rules! text {
    ($($name:ident)*) => {$(
        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                Self::new(value.as_str()?).map_err(FromSqlError::other)
            }
        }
    )*};
}

text!(QueueName Kind Label);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_the_numbers_that_files_hold() {
        let numbers = State::ALL.map(|state| (state as i64, state.as_str()));
        assert_eq!(
            numbers,
            [
                (0, "pending"),
                (1, "scheduled"),
                (2, "available"),
                (3, "running"),
                (4, "retryable"),
                (5, "completed"),
                (6, "cancelled"),
                (7, "discarded"),
            ]
        );
        for state in State::ALL {
            let value = ValueRef::Integer(state as i64);
            assert_eq!(State::column_result(value), Ok(state));
        }
        assert!(State::column_result(ValueRef::Integer(8)).is_err());
        assert!(State::column_result(ValueRef::Integer(-1)).is_err());
    }
}
