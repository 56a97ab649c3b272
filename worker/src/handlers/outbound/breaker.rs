//! The circuit breaker of a destination: a pure state machine, told the time.
//!
//! ```text
//! closed --n failures in a row--> open --after open_for--> trial --success--> closed
//!                                   ^                        |
//!                                   +--------failure---------+
//! ```
//!
//! It protects two sides: a destination that is down is not hammered while it gets up, and jobs
//! do not spend their attempts on it. It is kept in this process only: what it knows is cheap to
//! learn again.

use std::time::{Duration, Instant};

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    /// So many failures in a row open it; at least 1.
    pub(crate) failures: u32,
    /// Nothing is sent for so long; then one call tries.
    pub(crate) open_for: Duration,
}

/// Whether a call may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permit {
    /// It may; what becomes of it is to be told.
    Go,
    /// Not before this time has passed.
    Wait(Duration),
}

/// The breaker of one destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Breaker(State);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
    },
    /// One call is under way. Should nobody tell what became of it, another may try after
    /// `until`.
    Trial {
        until: Instant,
    },
}

impl Default for State {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Breaker {
    /// Asks to make a call.
    pub(crate) fn ask(&mut self, settings: Settings, now: Instant) -> Permit {
        match self.0 {
            State::Open { until } | State::Trial { until } if now < until => {
                Permit::Wait(until - now)
            }
            State::Open { .. } | State::Trial { .. } => {
                let until = now + settings.open_for;
                self.0 = State::Trial { until };
                Permit::Go
            }
            State::Closed { .. } => Permit::Go,
        }
    }

    /// A call succeeded.
    pub(crate) fn succeeded(&mut self) {
        self.0 = State::default();
    }

    /// A call failed.
    pub(crate) fn failed(&mut self, settings: Settings, now: Instant) {
        let until = now + settings.open_for;
        self.0 = match self.0 {
            State::Closed { failures } if failures + 1 < settings.failures => State::Closed {
                failures: failures + 1,
            },
            // A call that was made before it opened says nothing new.
            State::Open { until } => State::Open { until },
            State::Closed { .. } | State::Trial { .. } => State::Open { until },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = Settings {
        failures: 3,
        open_for: Duration::from_secs(30),
    };

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            assert_eq!(breaker.ask(SETTINGS, now), Permit::Go);
            breaker.failed(SETTINGS, now);
        }
        breaker
    }

    #[test]
    fn it_opens_after_failures_in_a_row_only() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            breaker.failed(SETTINGS, now);
            breaker.failed(SETTINGS, now);
            breaker.succeeded();
        }
        assert_eq!(breaker.ask(SETTINGS, now), Permit::Go);
        assert_eq!(
            opened(now).ask(SETTINGS, now + Duration::from_secs(10)),
            Permit::Wait(Duration::from_secs(20))
        );
    }

    #[test]
    fn after_its_time_one_call_tries_and_decides() {
        let now = Instant::now();
        let later = now + SETTINGS.open_for;
        let mut breaker = opened(now);
        assert_eq!(breaker.ask(SETTINGS, later), Permit::Go);
        assert_eq!(
            breaker.ask(SETTINGS, later),
            Permit::Wait(SETTINGS.open_for),
            "a second call waits for the first"
        );
        let mut recovered = breaker;
        recovered.succeeded();
        assert_eq!(recovered.ask(SETTINGS, later), Permit::Go);
        assert_eq!(recovered, Breaker::default());
        breaker.failed(SETTINGS, later);
        assert_eq!(
            breaker.ask(SETTINGS, later),
            Permit::Wait(SETTINGS.open_for)
        );
    }

    #[test]
    fn a_trial_that_is_never_heard_of_again_is_replaced() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let trial = now + SETTINGS.open_for;
        assert_eq!(breaker.ask(SETTINGS, trial), Permit::Go);
        assert_eq!(breaker.ask(SETTINGS, trial + SETTINGS.open_for), Permit::Go);
    }

    #[test]
    fn late_failures_do_not_keep_it_open_for_longer() {
        let now = Instant::now();
        let mut breaker = opened(now);
        breaker.failed(SETTINGS, now + Duration::from_secs(29));
        assert_eq!(breaker.ask(SETTINGS, now + SETTINGS.open_for), Permit::Go);
    }
}
