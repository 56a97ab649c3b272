//! Which traces are recorded.

use opentelemetry::trace::{SpanContext, TraceId};
use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use crate::config::telemetry::{Root, Sampler as Setting};

/// Decides, as the configuration says.
#[derive(Debug)]
pub(super) struct Sampler {
    parent_based: bool,
    root: Decide,
}

#[derive(Debug)]
enum Decide {
    All,
    None,
    /// Those whose id, as a number of 63 bits, is below this.
    Below(u64),
    PerSecond(Bucket),
}

impl Sampler {
    pub(super) fn new(setting: Setting) -> Self {
        let root = match setting.root {
            Root::All => Decide::All,
            Root::None => Decide::None,
            Root::Ratio(part) => Decide::Below(below(part)),
            Root::PerSecond(number) => Decide::PerSecond(Bucket::new(number)),
        };
        Self {
            parent_based: setting.parent_based,
            root,
        }
    }

    /// Whether a span below `parent`, or the first of a trace, is recorded.
    pub(super) fn wants(&self, parent: Option<&SpanContext>, trace_id: TraceId) -> bool {
        match parent {
            Some(parent) if self.parent_based => parent.is_sampled(),
            _ => self.begins(trace_id),
        }
    }

    fn begins(&self, trace_id: TraceId) -> bool {
        match &self.root {
            Decide::All => true,
            Decide::None => false,
            // As every SDK does it, so that all processes choose the same traces.
            Decide::Below(limit) => low(trace_id) >> 1 < *limit,
            Decide::PerSecond(bucket) => bucket.take(Instant::now()),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a part of 2^63, at most all of it"
)]
fn below(part: f64) -> u64 {
    (part * (1_u64 << 63) as f64) as u64
}

/// The lower half of an id, of which the specification says that it is random.
fn low(trace_id: TraceId) -> u64 {
    let bytes = trace_id.to_bytes();
    let mut half = [0; 8];
    half.copy_from_slice(&bytes[8..]);
    u64::from_be_bytes(half)
}

/// So many a second; what was not used of one second is not kept for the next.
#[derive(Debug)]
struct Bucket {
    per_second: f64,
    state: Mutex<(f64, Option<Instant>)>,
}

impl Bucket {
    fn new(per_second: u32) -> Self {
        let per_second = f64::from(per_second);
        Self {
            per_second,
            state: Mutex::new((per_second, None)),
        }
    }

    fn take(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, at) = &mut *state;
        let since = at.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        *left = (*left + since * self.per_second).min(self.per_second);
        *at = Some(now);
        let enough = *left >= 1.0;
        if enough {
            *left -= 1.0;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::{SpanId, TraceFlags, TraceState};
    use std::time::Duration;

    fn sampler(text: &str) -> Sampler {
        Sampler::new(text.parse().unwrap())
    }

    fn parent(flags: TraceFlags) -> SpanContext {
        let (trace, span) = (TraceId::from(1), SpanId::from(1));
        SpanContext::new(trace, span, flags, true, TraceState::default())
    }

    #[test]
    fn what_a_caller_decided_holds_unless_the_sampler_says_otherwise() {
        let (yes, no) = (parent(TraceFlags::SAMPLED), parent(TraceFlags::NOT_SAMPLED));
        let id = TraceId::from(1);
        for (text, of_yes, of_no, of_none) in [
            ("parentbased_always_on", true, false, true),
            ("parentbased_always_off", true, false, false),
            ("per_second:0", true, false, false),
            ("always_on", true, true, true),
            ("always_off", false, false, false),
        ] {
            let sampler = sampler(text);
            assert_eq!(sampler.wants(Some(&yes), id), of_yes, "{text}");
            assert_eq!(sampler.wants(Some(&no), id), of_no, "{text}");
            assert_eq!(sampler.wants(None, id), of_none, "{text}");
        }
    }

    #[test]
    fn a_part_is_chosen_by_id_and_the_same_one_everywhere() {
        let half = sampler("traceidratio:0.5");
        let chosen = (0..1000_u128)
            .filter(|n| half.wants(None, TraceId::from(n * 0x0041_8937_4bc6_a7ef)))
            .count();
        assert!((450..550).contains(&chosen), "{chosen}");
        assert!(sampler("traceidratio:1").wants(None, TraceId::from(u128::MAX)));
        assert!(!sampler("traceidratio:0").wants(None, TraceId::from(1 << 64)));
    }

    #[test]
    fn so_many_a_second_and_no_more() {
        let (bucket, began) = (Bucket::new(2), Instant::now());
        let take = |after| bucket.take(began + Duration::from_millis(after));
        assert_eq!([0, 0, 0].map(take), [true, true, false]);
        assert_eq!([500, 500].map(take), [true, false]);
        assert_eq!([60_000, 60_000, 60_000].map(take), [true, true, false]);
    }
}
