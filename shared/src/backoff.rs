//! How long to wait before the next attempt: exponential with full jitter and a cap.
//!
//! Full jitter (a uniformly random wait between zero and the exponential ceiling) spreads a herd
//! of failures best at the least total work; see "Exponential Backoff And Jitter", AWS
//! Architecture Blog, 2015. The functions are pure: the caller brings the randomness.

use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::job::Invalid;

/// The waits between the attempts of a job.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backoff {
    /// Ceiling of the first wait.
    #[serde(with = "crate::config::human::duration")]
    pub base: Duration,
    /// What each ceiling is multiplied by.
    pub factor: f64,
    /// No ceiling is higher.
    #[serde(with = "crate::config::human::duration")]
    pub cap: Duration,
}

/// Attempts of a job unless it says otherwise; as many as Sidekiq and River give.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 25;

/// Most attempts a job may ask for.
pub const MAX_ATTEMPTS: u32 = 1000;

/// Longest wait that is kept; also the farthest a job may be put off.
pub const MAX_WAIT: Duration = Duration::from_hours(87600);

impl Default for Backoff {
    /// With [`DEFAULT_MAX_ATTEMPTS`] a job is given up after about twenty days: long enough to
    /// mend what is broken over a holiday, and pinned by a test.
    fn default() -> Self {
        Self {
            base: Duration::from_secs(10),
            factor: 2.0,
            cap: Duration::from_hours(96),
        }
    }
}

impl Backoff {
    /// The longest wait after failed attempt number `attempt` (from 1).
    pub fn ceiling(&self, attempt: u32) -> Duration {
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let seconds = self.base.as_secs_f64() * self.factor.powi(exponent);
        Duration::try_from_secs_f64(seconds).map_or(self.cap, |wait| wait.min(self.cap))
    }

    /// The wait after failed attempt number `attempt`, for `random` in `[0, 1)`.
    pub fn wait(&self, attempt: u32, random: f64) -> Duration {
        self.ceiling(attempt).mul_f64(random.clamp(0.0, 1.0))
    }

    /// How long after its first failure a job with `max_attempts` is given up, on average.
    pub fn expected_window(&self, max_attempts: u32) -> Duration {
        (1..max_attempts)
            .map(|attempt| self.ceiling(attempt))
            .sum::<Duration>()
            / 2
    }

    /// # Errors
    /// `Invalid` when the cap is below the base or above ten years, or the factor is not between
    /// 1 and 100.
    pub fn check(self) -> Result<Self, Invalid> {
        if self.base > self.cap {
            return Err(Invalid::new("backoff.cap", "is shorter than backoff.base"));
        }
        if self.cap > MAX_WAIT {
            return Err(Invalid::new("backoff.cap", "is longer than ten years"));
        }
        if !(1.0..=100.0).contains(&self.factor) {
            return Err(Invalid::new("backoff.factor", "is not between 1 and 100"));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: f64 = 24.0 * 3600.0;

    #[test]
    fn the_default_policy_gives_up_after_about_twenty_days() {
        let days = Backoff::default()
            .expected_window(DEFAULT_MAX_ATTEMPTS)
            .as_secs_f64()
            / DAY;
        assert!((19.5..20.5).contains(&days), "{days} days");
        let simulated: f64 = (0..1000)
            .map(|run| {
                (1..DEFAULT_MAX_ATTEMPTS)
                    .map(|n| {
                        Backoff::default()
                            .wait(n, f64::from(run) / 1000.0)
                            .as_secs_f64()
                    })
                    .sum::<f64>()
            })
            .sum::<f64>()
            / 1000.0
            / DAY;
        assert!((19.5..20.5).contains(&simulated), "{simulated} days");
    }

    #[test]
    fn ceilings_double_up_to_the_cap_and_never_overflow() {
        let policy = Backoff::default();
        assert_eq!(policy.ceiling(1), Duration::from_secs(10));
        assert_eq!(policy.ceiling(2), Duration::from_secs(20));
        assert_eq!(policy.ceiling(40), policy.cap);
        assert_eq!(policy.ceiling(u32::MAX), policy.cap);
        assert_eq!(policy.ceiling(0), Duration::from_secs(10));
    }

    #[test]
    fn the_wait_lies_between_zero_and_the_ceiling() {
        let policy = Backoff::default();
        assert_eq!(policy.wait(3, 0.0), Duration::ZERO);
        assert!(policy.wait(3, 0.999) < policy.ceiling(3));
        assert_eq!(policy.wait(3, f64::NAN.max(0.0)), Duration::ZERO);
    }

    #[test]
    fn impossible_policies_are_refused() {
        let good = Backoff::default();
        assert!(
            Backoff {
                cap: Duration::ZERO,
                ..good
            }
            .check()
            .is_err()
        );
        assert!(
            Backoff {
                factor: f64::NAN,
                ..good
            }
            .check()
            .is_err()
        );
        assert!(
            Backoff {
                factor: 0.5,
                ..good
            }
            .check()
            .is_err()
        );
        assert!(good.check().is_ok());
    }
}
