//! What the configuration says about requests: replaced as a whole while they are answered.

use arc_swap::ArcSwap;
use shared::{
    backoff,
    config::{
        HttpUrl,
        destinations::{Buffer, Takes},
    },
    job::{Invalid, Tag, name::Label, new::check_max_attempts},
};
use std::{collections::BTreeMap, sync::Arc};

/// The part of the configuration that may change while the API runs. A request goes by what held
/// when it was begun. The defaults are those of the configuration reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// Where callers may publish to.
    pub destinations: BTreeMap<Label, Destination>,
    /// What callers may run by name.
    pub pipelines: BTreeMap<Label, Pipeline>,
    /// Most jobs in one request; at least 1.
    pub max_jobs_per_request: usize,
    /// How often a job may fail unless it says otherwise.
    pub max_attempts: u32,
    /// The address of Jaeger's pages: jobs are shown with links to their traces.
    pub jaeger_url: Option<HttpUrl>,
}

/// What a pipeline is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pipeline {
    /// Where its numbers come from.
    pub sources: Vec<Label>,
    /// Where they go.
    pub destinations: Vec<Label>,
}

/// Where numbers and events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// What it takes.
    pub takes: Takes,
    /// What waits for it.
    pub buffer: Buffer,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            destinations: BTreeMap::new(),
            pipelines: BTreeMap::new(),
            max_jobs_per_request: 10_000,
            max_attempts: backoff::DEFAULT_MAX_ATTEMPTS,
            jaeger_url: None,
        }
    }
}

impl Live {
    fn check(&self) -> Result<(), Invalid> {
        if self.max_jobs_per_request == 0 {
            let why = "is 0; at least 1 is right";
            return Err(Invalid::new("max_jobs_per_request", why));
        }
        check_max_attempts(self.max_attempts)?;
        self.pipelines
            .keys()
            .try_for_each(|name| tag(name).map(drop))
    }
}

/// Replaces what holds while the API runs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reload(Arc<ArcSwap<Live>>);

impl Reload {
    pub(crate) fn new(live: Live) -> Result<Self, Invalid> {
        live.check()?;
        Ok(Self(Arc::new(ArcSwap::from_pointee(live))))
    }

    /// Lets `live` hold for requests that are begun from now on.
    ///
    /// # Errors
    /// `Invalid` when a number is out of range, or the name of a pipeline so long that its tag
    /// would not be one; what held before holds on then.
    pub fn replace(&self, live: Live) -> Result<(), Invalid> {
        live.check()?;
        self.0.store(Arc::new(live));
        Ok(())
    }

    /// What holds at this moment.
    pub(crate) fn snapshot(&self) -> Arc<Live> {
        self.0.load_full()
    }
}

/// The tag that the runs of a pipeline are found by.
pub(crate) fn tag(name: &Label) -> Result<Tag, Invalid> {
    Tag::new(format!("pipeline:{name}")).map_err(|_| {
        let why = format!("{name}: the name is too long for a tag");
        Invalid::new("pipelines", why)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str) -> Live {
        Live {
            pipelines: BTreeMap::from([(Label::new(name).unwrap(), Pipeline::default())]),
            ..Live::default()
        }
    }

    #[test]
    fn what_cannot_hold_is_refused_and_nothing_replaced() {
        let reload = Reload::new(with("economy")).unwrap();
        for wrong in [
            with(&"x".repeat(60)),
            Live {
                max_jobs_per_request: 0,
                ..Live::default()
            },
            Live {
                max_attempts: 0,
                ..Live::default()
            },
        ] {
            assert!(Reload::new(wrong.clone()).is_err(), "{wrong:?}");
            assert!(reload.replace(wrong).is_err());
        }
        assert_eq!(*reload.snapshot(), with("economy"));
    }

    #[test]
    fn a_replacement_holds_for_every_handle_and_leaves_snapshots_alone() {
        let reload = Reload::new(with("economy")).unwrap();
        let before = reload.clone().snapshot();
        reload.clone().replace(with("eu")).unwrap();
        assert_eq!(*before, with("economy"));
        assert_eq!(*reload.snapshot(), with("eu"));
    }
}
