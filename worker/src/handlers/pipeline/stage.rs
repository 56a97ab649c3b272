//! Where a pipeline's run stands, and how long to wait until the next look. Pure.

use shared::{
    clock::Timestamp,
    job::{JobDetail, JobId},
};
use std::time::Duration;

/// Shortest and longest wait between two looks.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// How far the collections are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Collecting {
    /// Some are open: look again after this time.
    Wait(Duration),
    /// The time is over: these are to be cancelled.
    GiveUp(Vec<JobId>),
    /// All have ended.
    Over,
}

/// Judges the collections. One whose cancellation was asked for counts as ended, however it ends:
/// nobody waits for it any more.
pub(super) fn collecting(
    children: &[Option<JobDetail>],
    begun_at: Timestamp,
    now: Timestamp,
    timeout: Duration,
) -> Collecting {
    let open: Vec<JobId> = children
        .iter()
        .flatten()
        .filter(|child| !has_ended(Some(child)))
        .map(|child| child.summary.id)
        .collect();
    let elapsed = now.since(begun_at);
    if open.is_empty() {
        Collecting::Over
    } else if elapsed >= timeout {
        Collecting::GiveUp(open)
    } else {
        Collecting::Wait(pause(elapsed))
    }
}

/// Whether there is nothing to wait for: a collection ended, was given up or was forgotten.
pub(super) fn has_ended(child: Option<&JobDetail>) -> bool {
    child.is_none_or(|child| child.summary.state.is_terminal() || child.cancel_requested.is_some())
}

/// How long to wait after so long: short at first, longer while it lasts.
pub(super) fn pause(elapsed: Duration) -> Duration {
    (elapsed / 8).clamp(PAUSE.0, PAUSE.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handlers::pipeline::report::tests::child;
    use shared::job::State;

    #[test]
    fn the_collections_are_over_when_each_has_ended_in_whatever_way() {
        let (begun, timeout) = (Timestamp::default(), Duration::from_mins(5));
        let judge = |children: &[Option<JobDetail>], after| {
            collecting(children, begun, begun + Duration::from_secs(after), timeout)
        };
        let running = child("a", State::Running, None);
        let mut given_up = child("b", State::Running, None);
        given_up.cancel_requested = Some((begun, "late".to_owned()));
        let ended = [
            Some(child("c", State::Completed, None)),
            Some(child("d", State::Discarded, None)),
            Some(child("e", State::Cancelled, None)),
            Some(given_up),
            None,
        ];
        assert_eq!(judge(&ended, 1), Collecting::Over);
        let id = running.summary.id;
        let mut open = ended.to_vec();
        open.push(Some(running));
        assert_eq!(judge(&open, 0), Collecting::Wait(PAUSE.0));
        assert_eq!(
            judge(&open, 4),
            Collecting::Wait(Duration::from_millis(500))
        );
        assert_eq!(judge(&open, 299), Collecting::Wait(PAUSE.1));
        assert_eq!(judge(&open, 300), Collecting::GiveUp(vec![id]));
    }
}
