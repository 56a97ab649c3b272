//! The trace a job belongs to, carried as W3C Trace Context so that any language can read it.

use std::{fmt, sync::Arc};

use super::Invalid;

/// A `traceparent` and its optional `tracestate`
/// (<https://www.w3.org/TR/trace-context/>, version 00).
#[derive(Clone, PartialEq, Eq)]
pub struct TraceContext {
    traceparent: Arc<str>,
    tracestate: Option<Arc<str>>,
}

impl TraceContext {
    /// # Errors
    /// `Invalid` when `traceparent` is not of the form `00-<32 hex>-<16 hex>-<2 hex>` with ids
    /// that are not all zero. A `tracestate` that is too long or not printable is dropped, as the
    /// recommendation asks.
    pub fn new(traceparent: &str, tracestate: Option<&str>) -> Result<Self, Invalid> {
        let parts: Vec<&str> = traceparent.split('-').collect();
        let hex = |text: &str, len: usize| {
            text.len() == len && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let set = |text: &str| text.bytes().any(|b| b != b'0');
        match parts[..] {
            ["00", trace, parent, flags]
                if hex(trace, 32)
                    && hex(parent, 16)
                    && hex(flags, 2)
                    && set(trace)
                    && set(parent) => {}
            _ => {
                let why = format!("{traceparent:?} is not 00-<trace id>-<parent id>-<flags>");
                return Err(Invalid::new("traceparent", why));
            }
        }
        let tracestate = tracestate
            .filter(|s| {
                !s.is_empty() && s.len() <= 512 && s.bytes().all(|b| (0x20..0x7f).contains(&b))
            })
            .map(Arc::from);
        Ok(Self {
            traceparent: Arc::from(traceparent),
            tracestate,
        })
    }

    /// The `traceparent` header.
    pub fn traceparent(&self) -> &str {
        &self.traceparent
    }

    /// The `tracestate` header, if there is one.
    pub fn tracestate(&self) -> Option<&str> {
        self.tracestate.as_deref()
    }

    /// The trace id: 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        self.traceparent.split('-').nth(1).unwrap_or_default()
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.traceparent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_and_a_broken_one_refused() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace = TraceContext::new(text, Some("vendor=1")).unwrap();
        assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        for bad in [
            "",
            "00-0-0-0",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert!(TraceContext::new(bad, None).is_err(), "{bad}");
        }
        let zero = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        assert!(TraceContext::new(zero, None).is_err());
    }
}
