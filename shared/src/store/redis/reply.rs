//! Reading what the functions answer.

use bytes::Bytes;
use redis::Value;

use crate::{
    clock::Timestamp,
    job::JobId,
    store::{Error, Result},
};

fn unexpected(what: &str) -> Error {
    Error::corrupt(format!("a function answered {what}"))
}

pub(super) fn list(value: Value) -> Result<Vec<Value>> {
    match value {
        Value::Array(values) => Ok(values),
        Value::Nil => Ok(Vec::new()),
        _ => Err(unexpected("no list")),
    }
}

pub(super) fn bytes(value: Value) -> Result<Bytes> {
    match value {
        Value::BulkString(bytes) => Ok(bytes.into()),
        Value::SimpleString(text) => Ok(text.into_bytes().into()),
        _ => Err(unexpected("no text")),
    }
}

/// `None` for an empty text.
pub(super) fn some(value: Value) -> Result<Option<Bytes>> {
    Ok(Some(bytes(value)?).filter(|bytes| !bytes.is_empty()))
}

pub(super) fn text(value: Value) -> Result<String> {
    as_text(&bytes(value)?)
}

pub(super) fn as_text(bytes: &[u8]) -> Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| unexpected("what is not UTF-8"))
}

/// A number, however the server writes it; `None` for an empty text.
pub(super) fn maybe_number(value: Value) -> Result<Option<i64>> {
    match value {
        Value::Int(number) => Ok(Some(number)),
        other => some(other)?
            .map(|text| {
                let number = as_text(&text)?.parse();
                number.map_err(|_| unexpected("what is no number"))
            })
            .transpose(),
    }
}

pub(super) fn number(value: Value) -> Result<i64> {
    maybe_number(value)?.ok_or_else(|| unexpected("nothing for a number"))
}

/// A number that is none below zero.
pub(super) fn count(value: Value) -> Result<u64> {
    u64::try_from(number(value)?).map_err(|_| unexpected("a count below zero"))
}

pub(super) fn size(value: Value) -> Result<usize> {
    usize::try_from(number(value)?).map_err(|_| unexpected("a size below zero"))
}

pub(super) fn instant(value: Value) -> Result<Timestamp> {
    Ok(Timestamp::from_micros(number(value)?))
}

pub(super) fn id(value: Value) -> Result<JobId> {
    read_id(&bytes(value)?)
}

pub(super) fn read_id(bytes: &[u8]) -> Result<JobId> {
    let bytes = bytes.try_into().map_err(|_| unexpected("what is no id"))?;
    JobId::from_bytes(bytes).map_err(|_| unexpected("what is no id"))
}

/// Values in their order.
pub(super) struct Values(std::vec::IntoIter<Value>);

impl Values {
    pub(super) fn of(value: Value) -> Result<Self> {
        Ok(Self(list(value)?.into_iter()))
    }

    pub(super) fn next(&mut self) -> Result<Value> {
        self.0.next().ok_or_else(|| unexpected("too little"))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    pub(super) fn rest(self) -> impl Iterator<Item = Value> {
        self.0
    }
}

/// A big-endian number.
pub(super) fn big_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// An instant in seven bytes and what follows it.
pub(super) fn split_instant(bytes: &Bytes) -> Result<(Timestamp, Bytes)> {
    if bytes.len() < 7 {
        return Err(unexpected("no instant"));
    }
    let micros = i64::try_from(big_endian(&bytes[..7])).unwrap_or(i64::MAX);
    Ok((Timestamp::from_micros(micros), bytes.slice(7..)))
}
