//! Settings that hold from the start of the process to its end.
//!
//! Everything that is not listed here may change while the program runs, and whoever uses it reads
//! it from [`super::Current`] each time.
//!
//! **Invariant:** settings that are related to each other (`config/check.rs`) stand on the same
//! side, so that an old one and a new one never contradict each other.

use crate::config::Config;

macro_rules! cold {
    ($($section:ident . $field:ident),* $(,)?) => {
        /// The keys.
        pub const KEYS: &[&str] = &[$(concat!(stringify!($section), ".", stringify!($field))),*];

        /// Puts the old values of cold settings into `new`; answers the keys that had others.
        pub(super) fn keep(old: &Config, new: &mut Config) -> Vec<&'static str> {
            let mut kept = Vec::new();
            $(
                if old.$section.$field != new.$section.$field {
                    new.$section.$field = old.$section.$field.clone();
                    kept.push(concat!(stringify!($section), ".", stringify!($field)));
                }
            )*
            kept
        }
    };
}

cold!(
    // Jobs do not move.
    store.url,
    store.password,
    // A listener is bound once, and its layers are put together once.
    api.listen,
    api.max_body,
    api.request_timeout,
    // A worker registers with these, or its engine is sized by them.
    worker.name,
    worker.queues,
    worker.concurrency,
    worker.lease,
    worker.heartbeat,
    worker.drain_timeout,
    worker.poll,
    // Its loops are built with these.
    scheduler.lease,
    scheduler.rescue_every,
    scheduler.prune_every,
    scheduler.prune_batch,
    // Lines of two forms in one stream help nobody.
    logs.format,
    // The exporter is built once, and every span names its process in the same way.
    telemetry.exporter,
    telemetry.endpoint,
    telemetry.protocol,
    telemetry.timeout,
    telemetry.headers,
    telemetry.service_name,
    telemetry.attributes,
    telemetry.sampler,
    telemetry.metrics_listen,
);
