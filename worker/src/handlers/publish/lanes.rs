//! What this process remembers about its destinations: their breakers, when they were called,
//! and which of their entries rest.

use shared::job::name::Label;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::rests::Rests;
use crate::handlers::outbound::breaker::{Breaker, Permit, Settings};

/// One destination.
#[derive(Debug, Default)]
struct Lane {
    breaker: Breaker,
    /// No call is made before.
    next: Option<Instant>,
    rests: Rests,
}

/// All destinations.
#[derive(Debug, Default)]
pub(crate) struct Lanes(Mutex<HashMap<Label, Lane>>);

impl Lanes {
    /// Asks to call a destination: how long to wait for the turn, `gap` after the call before.
    ///
    /// # Errors
    /// How long its breaker is open yet.
    pub(super) fn ask(
        &self,
        name: &Label,
        settings: Settings,
        gap: Duration,
        now: Instant,
    ) -> Result<Duration, Duration> {
        self.on(name, |lane| match lane.breaker.ask(settings, now) {
            Permit::Wait(wait) => Err(wait),
            Permit::Go => {
                let turn = lane.next.map_or(now, |next| next.max(now));
                lane.next = Some(turn + gap);
                Ok(turn - now)
            }
        })
    }

    /// Says what became of a call: whether the destination is well.
    pub(super) fn tell(&self, name: &Label, settings: Settings, well: bool, now: Instant) {
        self.on(name, |lane| {
            if well {
                lane.breaker.succeeded();
            } else {
                lane.breaker.failed(settings, now);
            }
        });
    }

    /// Works with the entries of a destination that rest.
    pub(super) fn rests<T>(&self, name: &Label, act: impl FnOnce(&mut Rests) -> T) -> T {
        self.on(name, |lane| act(&mut lane.rests))
    }

    fn on<T>(&self, name: &Label, act: impl FnOnce(&mut Lane) -> T) -> T {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(lanes.entry(name.clone()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_keep_their_distance_and_destinations_do_not_wait_for_each_other() {
        let settings = Settings {
            failures: 1,
            open_for: Duration::from_secs(9),
        };
        let (gap, now) = (Duration::from_millis(100), Instant::now());
        let (lanes, a, b) = (Lanes::default(), label("a"), label("b"));
        let ask = |name: &Label, now| lanes.ask(name, settings, gap, now);
        assert_eq!(ask(&a, now), Ok(Duration::ZERO));
        assert_eq!(ask(&a, now), Ok(gap));
        assert_eq!(ask(&a, now + gap), Ok(gap));
        assert_eq!(ask(&b, now), Ok(Duration::ZERO));
        assert_eq!(ask(&a, now + gap * 9), Ok(Duration::ZERO));
        lanes.tell(&b, settings, false, now);
        assert_eq!(ask(&b, now), Err(settings.open_for));
        assert!(ask(&a, now).is_ok());
    }

    fn label(text: &str) -> Label {
        Label::new(text).unwrap()
    }
}
