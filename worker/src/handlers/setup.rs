//! What the built-in handlers work with: the configuration that holds, and the client it asks for.

use shared::{
    clock::Clock,
    config::{self, Config, Destination, Pipeline, Source, suggest::nearest},
    job::name::Label,
};
use std::sync::Arc;

use crate::handlers::outbound::{Outbound, client, guard::Guard};

/// One reading of the configuration, and what was made of it.
#[derive(Debug)]
pub(crate) struct Setup {
    /// The configuration.
    pub(crate) config: Arc<Config>,
    /// Makes calls.
    pub(crate) outbound: Outbound,
}

impl Setup {
    /// What a configuration says. Takes the client of `before` over when the settings for calls
    /// are the same, and its open connections with it.
    pub(crate) fn new(config: Arc<Config>, clock: &Clock, before: Option<&Self>) -> Self {
        let outbound = match before {
            Some(before) if before.config.outbound == config.outbound => before.outbound.clone(),
            _ => Outbound::new(call_settings(&config.outbound), clock.clone()),
        };
        Self { config, outbound }
    }

    /// A source.
    ///
    /// # Errors
    /// Says that it is not configured here, and what is. Another worker's configuration may be
    /// ahead of this one's, so that trying again may help.
    pub(crate) fn source(&self, name: &Label) -> Result<&Source, String> {
        let known = &self.config.sources;
        known
            .get(name)
            .ok_or_else(|| unknown("source", name, known.keys()))
    }

    /// A destination.
    ///
    /// # Errors
    /// As of [`Self::source`].
    pub(crate) fn destination(&self, name: &Label) -> Result<&Destination, String> {
        let known = &self.config.destinations;
        known
            .get(name)
            .ok_or_else(|| unknown("destination", name, known.keys()))
    }

    /// A pipeline.
    ///
    /// # Errors
    /// As of [`Self::source`].
    pub(crate) fn pipeline(&self, name: &Label) -> Result<&Pipeline, String> {
        let known = &self.config.pipelines;
        known
            .get(name)
            .ok_or_else(|| unknown("pipeline", name, known.keys()))
    }
}

fn call_settings(settings: &config::Outbound) -> client::Settings {
    client::Settings {
        guard: Guard::new(settings.allow.iter().copied()),
        connect_timeout: settings.connect_timeout,
        timeout: settings.timeout,
    }
}

fn unknown<'a>(what: &str, name: &Label, known: impl Iterator<Item = &'a Label>) -> String {
    let known: Vec<&str> = known.map(Label::as_str).collect();
    let hint = match nearest(name.as_str(), known.iter().copied()) {
        Some(meant) => format!("did you mean {meant:?}?"),
        None if known.is_empty() => "it has none".to_owned(),
        None => format!("it has {}", known.join(", ")),
    };
    let name = name.as_str();
    format!("this worker's configuration has no {what} {name:?}; {hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_kept_until_its_settings_change() {
        let clock = Clock::system();
        let config = Config::default();
        let first = Setup::new(Arc::new(config.clone()), &clock, None);
        let mut other = config.clone();
        other.worker.concurrency += 1;
        let same = Setup::new(Arc::new(other.clone()), &clock, Some(&first));
        assert!(same.outbound.is(&first.outbound));
        other.outbound.allow.push("10.0.0.0/8".parse().unwrap());
        let changed = Setup::new(Arc::new(other), &clock, Some(&same));
        assert!(!changed.outbound.is(&first.outbound));
    }

    #[test]
    fn a_name_that_is_not_configured_says_which_was_meant() {
        let setup = Setup::new(Arc::default(), &Clock::system(), None);
        let refused = setup.source(&Label::new("x").unwrap()).unwrap_err();
        assert!(
            refused.contains("no source \"x\"; it has none"),
            "{refused}"
        );
    }
}
