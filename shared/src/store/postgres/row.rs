//! Domain types as Postgres keeps them, and back.

use sqlx::{
    Decode, Encode, Row, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{
        PgArgumentBuffer, PgHasArrayType, PgRow, PgTypeInfo, PgValueRef, Postgres, types::Oid,
    },
};
use std::time::Duration;
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    job::{JobId, Kind, Priority, QueueName, State, name::Label},
    lease::WorkerId,
    store::{EntryId, Error, Result},
};

/// Microseconds from 1970 to 2000, from which Postgres counts.
const EPOCH: i64 = 946_684_800_000_000;

/// `timestamptz` and its array, by their numbers, which never change (`pg_type.dat`).
const TIMESTAMPTZ: PgTypeInfo = PgTypeInfo::with_oid(Oid(1184));
const TIMESTAMPTZ_ARRAY: PgTypeInfo = PgTypeInfo::with_oid(Oid(1185));

/// A count or a number of the caller's as Postgres keeps it. What does not fit is larger than
/// anything that is kept, and stays so.
pub(super) fn integer(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// As [`integer`], for columns of four bytes.
pub(super) fn short(number: impl TryInto<i32>) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}

/// A length of time in microseconds: up to 292,000 years, and none that is longer passes the
/// checks.
pub(super) fn micros(length: Duration) -> i64 {
    integer(length.as_micros())
}

/// Text as Postgres keeps it, which takes every character but NUL.
pub(super) fn text(given: &str) -> std::borrow::Cow<'_, str> {
    if given.contains('\0') {
        given.replace('\0', "\u{fffd}").into()
    } else {
        given.into()
    }
}

/// The value in a column.
pub(super) fn get<'r, T: Decode<'r, Postgres> + Type<Postgres>>(
    row: &'r PgRow,
    column: usize,
) -> Result<T> {
    Ok(row.try_get(column)?)
}

/// The count in a column.
pub(super) fn count(row: &PgRow, column: usize) -> Result<u64> {
    let count: i64 = get(row, column)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// The text in a column that keeps it as bytes, because it may hold a NUL.
pub(super) fn utf8(row: &PgRow, column: usize) -> Result<Option<String>> {
    let bytes: Option<Vec<u8>> = get(row, column)?;
    let text = bytes.map(String::from_utf8).transpose();
    text.map_err(|error| Error::corrupt(format!("a text is no UTF-8: {error}")))
}

/// The state with a number: its place in [`State::ALL`].
pub(super) fn state(number: i16) -> Result<State> {
    let place = usize::try_from(number).ok();
    place
        .and_then(|place| State::ALL.get(place).copied())
        .ok_or_else(|| Error::corrupt(format!("{number} is no state")))
}

impl Type<Postgres> for Timestamp {
    fn type_info() -> PgTypeInfo {
        TIMESTAMPTZ
    }
}

impl PgHasArrayType for Timestamp {
    fn array_type_info() -> PgTypeInfo {
        TIMESTAMPTZ_ARRAY
    }
}

impl Encode<'_, Postgres> for Timestamp {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&(self.as_micros() - EPOCH).to_be_bytes());
        Ok(IsNull::No)
    }
}

impl Decode<'_, Postgres> for Timestamp {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        let bytes = <[u8; 8]>::try_from(value.as_bytes()?)?;
        Ok(Self::from_micros(
            i64::from_be_bytes(bytes).saturating_add(EPOCH),
        ))
    }
}

/// Types that are kept as another one.
macro_rules! kept_as {
    ($($name:ty as $kept:ty: $to:expr, $from:expr;)*) => {$(
        impl Type<Postgres> for $name {
            fn type_info() -> PgTypeInfo {
                <$kept as Type<Postgres>>::type_info()
            }

            fn compatible(given: &PgTypeInfo) -> bool {
                <$kept as Type<Postgres>>::compatible(given)
            }
        }

        impl PgHasArrayType for $name {
            fn array_type_info() -> PgTypeInfo {
                <$kept as PgHasArrayType>::array_type_info()
            }
        }

        impl Encode<'_, Postgres> for $name {
            fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
                let kept: $kept = $to(self);
                Encode::<Postgres>::encode_by_ref(&kept, buffer)
            }
        }

        impl Decode<'_, Postgres> for $name {
            fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
                let kept = <$kept as Decode<Postgres>>::decode(value)?;
                $from(kept)
            }
        }
    )*};
}

kept_as! {
    JobId as Uuid: |id: &JobId| Uuid::from(*id), |kept| Ok(JobId::try_from(kept)?);
    EntryId as Uuid: |id: &EntryId| id.0, |kept| Ok(EntryId(kept));
    WorkerId as i64: |id: &WorkerId| integer(id.0), |kept: i64| Ok(WorkerId(u64::try_from(kept)?));
    Priority as i16: |p: &Priority| i16::from(p.get()), |kept: i16| Ok(Priority::new(u64::try_from(kept)?)?);
    QueueName as String: |name: &QueueName| name.as_str().to_owned(), |kept: String| Ok(QueueName::new(kept)?);
    Kind as String: |kind: &Kind| kind.as_str().to_owned(), |kept: String| Ok(Kind::new(kept)?);
    Label as String: |label: &Label| label.as_str().to_owned(), |kept: String| Ok(Label::new(kept)?);
}
