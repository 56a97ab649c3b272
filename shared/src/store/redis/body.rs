//! Bodies: what never changes about a job, as `migrations/redis/accept.lua` lays them out, and what
//! only programs read of it.

use bytes::{BufMut, Bytes};
use std::{sync::Arc, time::Duration};

use crate::{
    backoff::Backoff,
    job::{Args, Kind, NewJob, QueueName, Tag, TraceContext, Unique, UniqueKey, UniquePolicy},
    store::{
        Error, Result,
        redis::reply::{as_text, big_endian},
    },
};

/// Args of more bytes lie by themselves, so that whoever looks at many jobs does not move them.
const LARGE: usize = 4096;

/// Bytes of the number before a body that is kept.
pub(super) const NUMBER: usize = 6;

const HAS_TIMEOUT: u8 = 1;
const HAS_BACKOFF: u8 = 2;
const HAS_TRACE: u8 = 4;
const HAS_STATE: u8 = 8;

const UNIQUE_TRAIT: u8 = 1;
const TAGS_TRAIT: u8 = 2;
const LARGE_TRAIT: u8 = 4;

/// What a job is made of, for the functions.
pub(super) struct Written {
    pub(super) traits: u8,
    /// Without its number.
    pub(super) body: Vec<u8>,
    /// The content type and the args, when they are large.
    pub(super) large: Option<Vec<u8>>,
}

/// A body that was read, without its args when they are large.
pub(super) struct Body {
    pub(super) number: u64,
    pub(super) kind: Kind,
    pub(super) queue: QueueName,
    pub(super) max_attempts: u32,
    pub(super) timeout: Option<Duration>,
    pub(super) backoff: Option<Backoff>,
    pub(super) unique: Option<Unique>,
    pub(super) tags: Vec<Tag>,
    pub(super) trace: Option<TraceContext>,
    pub(super) args: Option<Args>,
}

/// Writes a text that is short enough with its length before it.
fn short(to: &mut Vec<u8>, text: &str) {
    let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
    to.put_u8(length);
    to.extend_from_slice(&text.as_bytes()[..usize::from(length)]);
}

fn nanos(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}

fn write_unique(to: &mut Vec<u8>, unique: Option<&Unique>) {
    let Some(unique) = unique else {
        return to.put_u8(0);
    };
    let (policy, window) = match unique.policy {
        UniquePolicy::UntilStarted => (1, 0),
        UniquePolicy::UntilFinished => (2, 0),
        UniquePolicy::Window(window) => (3, window.as_micros()),
    };
    let key = unique.key.as_str();
    to.put_u8(u8::try_from(key.len()).unwrap_or(u8::MAX));
    to.put_u8(policy);
    let window = u64::try_from(window).unwrap_or(u64::MAX).to_be_bytes();
    to.extend_from_slice(&window[1..]);
    to.extend_from_slice(key.as_bytes());
}

fn write_meta(to: &mut Vec<u8>, job: &NewJob) {
    write_unique(to, job.unique.as_ref());
    to.put_u8(u8::try_from(job.tags.len()).unwrap_or(u8::MAX));
    for tag in &job.tags {
        short(to, tag.as_str());
    }
    short(to, job.kind.as_str());
    short(to, job.queue.as_str());
    to.put_u16(u16::try_from(job.max_attempts).unwrap_or(u16::MAX));
    let state = job.trace.as_ref().and_then(TraceContext::tracestate);
    let has = |there: bool, flag: u8| if there { flag } else { 0 };
    to.put_u8(
        has(job.timeout.is_some(), HAS_TIMEOUT)
            | has(job.backoff.is_some(), HAS_BACKOFF)
            | has(job.trace.is_some(), HAS_TRACE)
            | has(state.is_some(), HAS_STATE),
    );
    if let Some(timeout) = job.timeout {
        to.put_u64(nanos(timeout));
    }
    if let Some(backoff) = job.backoff {
        to.put_u64(nanos(backoff.base));
        to.put_f64(backoff.factor);
        to.put_u64(nanos(backoff.cap));
    }
    if let Some(trace) = &job.trace {
        write_trace(to, trace);
    }
}

fn write_trace(to: &mut Vec<u8>, trace: &TraceContext) {
    short(to, trace.traceparent());
    if let Some(state) = trace.tracestate() {
        to.put_u16(u16::try_from(state.len()).unwrap_or(u16::MAX));
        to.extend_from_slice(state.as_bytes());
    }
}

/// A trace as it lies in a body, behind the flags that say what there is of it.
pub(super) fn trace(trace: &TraceContext) -> Vec<u8> {
    let state = if trace.tracestate().is_some() {
        HAS_STATE
    } else {
        0
    };
    let mut written = vec![HAS_TRACE | state];
    write_trace(&mut written, trace);
    written
}

fn write_args(to: &mut Vec<u8>, args: &Args) {
    short(to, args.other_content_type().unwrap_or_default());
    to.extend_from_slice(args.bytes());
}

/// Args as they lie in a body, and whether they are to lie by themselves.
pub(super) fn args(args: &Args) -> (Vec<u8>, bool) {
    let mut written = Vec::with_capacity(args.bytes().len() + 1);
    write_args(&mut written, args);
    (written, args.bytes().len() > LARGE)
}

/// Writes a job.
pub(super) fn write(job: &NewJob) -> Written {
    let large = job.args.bytes().len() > LARGE;
    let room = if large { 0 } else { job.args.bytes().len() };
    let mut body = Vec::with_capacity(64 + room);
    body.put_u16(0);
    write_meta(&mut body, job);
    let meta = u16::try_from(body.len() - 2).unwrap_or(u16::MAX);
    body[..2].copy_from_slice(&meta.to_be_bytes());
    let mut traits = 0;
    if job.unique.is_some() {
        traits |= UNIQUE_TRAIT;
    }
    if !job.tags.is_empty() {
        traits |= TAGS_TRAIT;
    }
    let large = if large {
        traits |= LARGE_TRAIT;
        Some(args(&job.args).0)
    } else {
        write_args(&mut body, &job.args);
        None
    };
    Written {
        traits,
        body,
        large,
    }
}

/// Reads args that were written.
pub(super) fn read_args(written: &Bytes) -> Result<Args> {
    let mut reader = Reader(written.clone());
    let content_type = reader.short()?;
    let content_type = Some(content_type).filter(|text| !text.is_empty());
    Ok(Args::from_stored(reader.0, content_type.map(Arc::from)))
}

struct Reader(Bytes);

impl Reader {
    fn take(&mut self, count: usize) -> Result<Bytes> {
        if count > self.0.len() {
            return Err(Error::corrupt("a body that ends too early"));
        }
        Ok(self.0.split_to(count))
    }

    fn number(&mut self, size: usize) -> Result<u64> {
        Ok(big_endian(&self.take(size)?))
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn short(&mut self) -> Result<String> {
        let length = self.byte()?;
        as_text(&self.take(usize::from(length))?)
    }

    fn nanos(&mut self) -> Result<Duration> {
        Ok(Duration::from_nanos(self.number(8)?))
    }

    fn unique(&mut self) -> Result<Option<Unique>> {
        let length = usize::from(self.byte()?);
        if length == 0 {
            return Ok(None);
        }
        let policy = self.byte()?;
        let window = Duration::from_micros(self.number(7)?);
        let key = valid(UniqueKey::new(as_text(&self.take(length)?)?))?;
        let policy = match policy {
            1 => UniquePolicy::UntilStarted,
            2 => UniquePolicy::UntilFinished,
            _ => UniquePolicy::Window(window),
        };
        Ok(Some(Unique { key, policy }))
    }
}

fn valid<T>(read: Result<T, crate::job::Invalid>) -> Result<T> {
    read.map_err(|why| Error::corrupt(format!("a body whose {why}")))
}

/// Reads a body that is kept.
pub(super) fn read(body: Bytes) -> Result<Body> {
    let mut reader = Reader(body);
    let number = reader.number(NUMBER)?;
    let length = usize::try_from(reader.number(2)?).unwrap_or(usize::MAX);
    let mut meta = Reader(reader.take(length)?);
    let unique = meta.unique()?;
    let mut tags = Vec::new();
    for _ in 0..meta.byte()? {
        tags.push(valid(Tag::new(meta.short()?))?);
    }
    let kind = valid(Kind::new(meta.short()?))?;
    let queue = valid(QueueName::new(meta.short()?))?;
    let max_attempts = u32::try_from(meta.number(2)?).unwrap_or(u32::MAX);
    let has = meta.byte()?;
    let mut read = Body {
        number,
        kind,
        queue,
        max_attempts,
        timeout: None,
        backoff: None,
        unique,
        tags,
        trace: None,
        args: None,
    };
    if has & HAS_TIMEOUT != 0 {
        read.timeout = Some(meta.nanos()?);
    }
    if has & HAS_BACKOFF != 0 {
        let base = meta.nanos()?;
        let factor = f64::from_bits(meta.number(8)?);
        let cap = meta.nanos()?;
        read.backoff = Some(Backoff { base, factor, cap });
    }
    if has & HAS_TRACE != 0 {
        let parent = meta.short()?;
        let mut state = None;
        if has & HAS_STATE != 0 {
            let length = usize::try_from(meta.number(2)?).unwrap_or(usize::MAX);
            state = Some(as_text(&meta.take(length)?)?);
        }
        read.trace = Some(valid(TraceContext::new(&parent, state.as_deref()))?);
    }
    if !reader.0.is_empty() {
        read.args = Some(read_args(&reader.0)?);
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Tag;

    #[test]
    fn a_body_is_written_and_read_back() {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let mut job = NewJob::new("Billing::Invoice", &[1, 2]).unwrap();
        job.tags = vec![Tag::new("a:1").unwrap(), Tag::new("b").unwrap()];
        job.unique = Some(Unique {
            key: UniqueKey::new("ključ").unwrap(),
            policy: UniquePolicy::Window(Duration::from_micros(90_000_001)),
        });
        job.timeout = Some(Duration::from_nanos(1_250_000_001));
        job.backoff = Some(Backoff {
            factor: 1.1,
            ..Backoff::default()
        });
        job.trace = Some(TraceContext::new(trace, Some("vendor=1")).unwrap());
        for size in [0, LARGE, LARGE + 1] {
            job.args = Args::new(vec![7; size], Some("text/plain")).unwrap();
            let written = write(&job);
            assert_eq!(written.large.is_some(), size > LARGE);
            let mut kept = vec![0, 0, 0, 0, 1, 2];
            kept.extend(&written.body);
            let read = read(kept.into()).unwrap();
            assert_eq!((read.number, read.max_attempts), (258, job.max_attempts));
            assert_eq!((&read.kind, &read.queue), (&job.kind, &job.queue));
            assert_eq!((&read.unique, &read.tags), (&job.unique, &job.tags));
            assert_eq!((read.timeout, read.backoff), (job.timeout, job.backoff));
            assert_eq!(read.trace, job.trace);
            let args = read
                .args
                .or_else(|| Some(read_args(&written.large?.into()).unwrap()));
            assert_eq!(args, Some(job.args.clone()));
        }
    }
}
