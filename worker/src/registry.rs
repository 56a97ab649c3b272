//! From kind to handler.

use shared::job::{Invalid, Kind, Outcome, attempt::ErrorKind, attempt::Failure};
use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use crate::{Context, Handler};

/// The handlers of a worker, by kind.
#[derive(Clone, Default)]
pub struct Registry(BTreeMap<Kind, Arc<dyn Handler>>);

/// Shortest and longest wait before a job of an unknown kind is looked at again.
const UNKNOWN_WAIT: (Duration, Duration) = (Duration::from_secs(10), Duration::from_mins(10));

impl Registry {
    /// No handlers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a handler.
    ///
    /// # Errors
    /// `Invalid` when the kind has one already.
    pub fn add(&mut self, kind: Kind, handler: impl Handler) -> Result<(), Invalid> {
        if self.0.contains_key(&kind) {
            return Err(Invalid::new(
                "kind",
                format!("{kind:?} has a handler already"),
            ));
        }
        self.0.insert(kind, Arc::new(handler));
        Ok(())
    }

    /// The handler of a kind.
    pub fn get(&self, kind: &Kind) -> Option<&Arc<dyn Handler>> {
        self.0.get(kind)
    }

    /// The kinds that have handlers, by name.
    pub fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.0.keys()
    }

    /// What becomes of a job that nobody here can run: it is put off without counting the
    /// attempt, because another worker, or the next version of this one, may know its kind. It
    /// waits as long again as half its age, so that a backlog of them is not run in circles.
    pub(crate) fn unknown(&self, ctx: &Context, random: f64) -> Outcome {
        let known: Vec<&str> = self.kinds().map(Kind::as_str).collect();
        let known = if known.is_empty() {
            "none".to_owned()
        } else {
            known.join(", ")
        };
        let message = format!(
            "no handler for kind {:?}; this worker knows {known}",
            ctx.kind()
        );
        let wait = (ctx.age() / 2)
            .clamp(UNKNOWN_WAIT.0, UNKNOWN_WAIT.1)
            .mul_f64(0.5 + random);
        Outcome::SnoozeBecause(wait, Failure::new(ErrorKind::UnknownKind, message))
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.kinds()).finish()
    }
}
