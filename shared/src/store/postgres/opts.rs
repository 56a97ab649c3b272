//! What few jobs have beside what every job has: kept with the body as one JSON object, so that
//! a job without any of it pays nothing.

use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::{
    backoff::Backoff,
    job::{NewJob, Tag, TraceContext, Unique, UniqueKey, UniquePolicy},
    store::{Error, Result},
};

/// See `windlass.job.opts` in the schema. What only the schema's functions write and read is missing
/// here: `replay_of`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Opts {
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backoff: Option<Waits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unique: Option<Hold>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracestate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Waits {
    base_ns: u64,
    factor: f64,
    cap_ns: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Hold {
    key: UniqueKey,
    policy: Policy,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window_ns: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Policy {
    UntilStarted,
    UntilFinished,
    Window,
}

/// A length in nanoseconds: up to 584 years, and none that is longer passes the checks.
fn nanos(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}

impl Opts {
    /// What a new job has, as it is kept; `None`: nothing of it.
    pub(super) fn written(job: &NewJob) -> Option<String> {
        let opts = Self {
            timeout_ns: job.timeout.map(nanos),
            backoff: job.backoff.map(|backoff| Waits {
                base_ns: nanos(backoff.base),
                factor: backoff.factor,
                cap_ns: nanos(backoff.cap),
            }),
            unique: job.unique.as_ref().map(|unique| {
                let (policy, window) = match unique.policy {
                    UniquePolicy::UntilStarted => (Policy::UntilStarted, None),
                    UniquePolicy::UntilFinished => (Policy::UntilFinished, None),
                    UniquePolicy::Window(window) => (Policy::Window, Some(window)),
                };
                Hold {
                    key: unique.key.clone(),
                    policy,
                    window_ns: window.map(nanos),
                }
            }),
            tags: job.tags.clone(),
            traceparent: job.trace.as_ref().map(|t| t.traceparent().to_owned()),
            tracestate: job
                .trace
                .as_ref()
                .and_then(|t| t.tracestate().map(str::to_owned)),
            content_type: job.args.other_content_type().map(str::to_owned),
        };
        if opts == Self::default() {
            return None;
        }
        // Every field has a JSON form.
        serde_json::to_string(&opts).ok()
    }

    /// What is kept, read back.
    pub(super) fn read(kept: Option<&str>) -> Result<Self> {
        kept.map_or_else(
            || Ok(Self::default()),
            |kept| {
                serde_json::from_str(kept).map_err(|cause| Error::Corrupt {
                    what: "the opts of a job cannot be read".to_owned(),
                    source: Some(cause.into()),
                })
            },
        )
    }

    pub(super) fn timeout(&self) -> Option<Duration> {
        self.timeout_ns.map(Duration::from_nanos)
    }

    pub(super) fn backoff(&self) -> Option<Backoff> {
        self.backoff.map(|waits| Backoff {
            base: Duration::from_nanos(waits.base_ns),
            factor: waits.factor,
            cap: Duration::from_nanos(waits.cap_ns),
        })
    }

    pub(super) fn unique(&self) -> Option<Unique> {
        self.unique.as_ref().map(|hold| Unique {
            key: hold.key.clone(),
            policy: match hold.policy {
                Policy::UntilStarted => UniquePolicy::UntilStarted,
                Policy::UntilFinished => UniquePolicy::UntilFinished,
                Policy::Window => {
                    UniquePolicy::Window(Duration::from_nanos(hold.window_ns.unwrap_or_default()))
                }
            },
        })
    }

    pub(super) fn trace(&self) -> Result<Option<TraceContext>> {
        let Some(traceparent) = &self.traceparent else {
            return Ok(None);
        };
        let trace = TraceContext::new(traceparent, self.tracestate.as_deref());
        trace.map(Some).map_err(Error::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_job_has_is_read_back() {
        let mut job = NewJob::new("noop", &()).unwrap();
        assert_eq!(Opts::written(&job), None);
        job.timeout = Some(Duration::from_nanos(1_500_000_001));
        job.backoff = Some(Backoff::default());
        job.tags = vec![Tag::new("a").unwrap()];
        job.unique = Some(Unique {
            key: UniqueKey::new("k\"1").unwrap(),
            policy: UniquePolicy::Window(Duration::from_micros(7)),
        });
        let kept = Opts::written(&job).unwrap();
        let read = Opts::read(Some(&kept)).unwrap();
        assert_eq!(read.timeout(), job.timeout);
        assert_eq!(read.backoff(), job.backoff);
        assert_eq!(read.unique(), job.unique);
        assert_eq!(read.tags, job.tags);
    }
}
