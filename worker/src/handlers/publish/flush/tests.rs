//! The decisions of a flush, without a destination.

use super::*;
use bytes::Bytes;
use shared::job::JobId;

const SECOND: Duration = Duration::from_secs(1);

fn start() -> Timestamp {
    Timestamp::default() + SECOND * 1000
}

/// Entries that were added so many seconds before the run started.
fn entries(ages: &[i64]) -> Vec<Entry> {
    let origin = JobId::generate();
    let entry = |age: &i64| Entry {
        id: EntryId::derive(origin, &age.to_string()),
        origin: None,
        body: Bytes::new(),
        added_at: Timestamp::from_micros(start().as_micros() - age * 1_000_000),
    };
    ages.iter().map(entry).collect()
}

#[test]
fn what_waited_at_the_start_is_due_and_what_came_later_has_its_own_time() {
    let (batch, interval) = (3, SECOND * 10);
    let now = start() + SECOND * 4;
    for (ages, expected) in [
        (&[][..], Next::Nothing),
        (&[0], Next::Send),
        (&[5, -3], Next::Send),
        (&[-1], Next::Later(SECOND * 7)),
        (&[-1, -2], Next::Later(SECOND * 7)),
        (&[-1, -2, -3], Next::Send),
    ] {
        let told = next(&entries(ages), batch, start(), now, interval);
        assert_eq!(told, expected, "{ages:?}");
    }
    let late = next(
        &entries(&[-1]),
        batch,
        start(),
        start() + SECOND * 11,
        interval,
    );
    assert_eq!(late, Next::Send);
}

fn outcome(end: End, delivered: u64, failed: Option<&str>) -> Outcome {
    let tally = Tally {
        delivered,
        refused: 0,
        failed: failed.map(str::to_owned),
    };
    conclude(
        end,
        &tally,
        &Label::new("x").unwrap(),
        Some("old".to_owned()),
        0.0,
    )
}

fn failed(wait: Option<Duration>) -> End {
    let why = "down".to_owned();
    End::Failed { why, wait }
}

#[test]
fn a_run_without_any_success_is_a_failed_attempt() {
    assert!(matches!(outcome(failed(None), 0, None), Outcome::Retry(_)));
    let asked = outcome(failed(Some(SECOND * 7)), 0, None);
    assert!(matches!(asked, Outcome::RetryAfter(wait, _) if wait == SECOND * 7));
    for end in [End::Open(SECOND), End::Later(SECOND)] {
        let counted = outcome(end, 0, Some("500"));
        assert!(
            matches!(counted, Outcome::RetryAfter(wait, why) if wait == SECOND && &*why.message == "500")
        );
    }
}

#[test]
fn a_run_that_got_something_through_is_not() {
    assert!(
        matches!(outcome(failed(None), 1, None), Outcome::SnoozeBecause(wait, _) if wait == PAUSE)
    );
    for end in [End::Open(SECOND), End::Later(SECOND)] {
        let put_off = outcome(end, 1, Some("500"));
        assert!(matches!(put_off, Outcome::SnoozeBecause(wait, _) if wait == SECOND));
    }
}

#[test]
fn an_open_breaker_and_a_pause_that_is_asked_for_are_not_counted_either() {
    let Outcome::SnoozeBecause(wait, why) = outcome(End::Open(SECOND), 0, None) else {
        panic!("counted")
    };
    assert_eq!(wait, SECOND);
    assert!(
        why.message.contains("breaker") && why.message.contains("old"),
        "{}",
        why.message
    );
    let why = "429".to_owned();
    let long = outcome(
        End::Throttled {
            wait: SECOND * 86_400,
            why,
        },
        0,
        None,
    );
    assert!(matches!(long, Outcome::SnoozeBecause(wait, _) if wait == LONGEST_PAUSE));
}

#[test]
fn an_empty_buffer_is_the_end_and_anything_else_is_not() {
    assert!(matches!(
        outcome(End::Empty, 3, None),
        Outcome::Done(Some(_))
    ));
    assert!(matches!(
        outcome(End::Disabled("410".to_owned()), 0, None),
        Outcome::Done(Some(_))
    ));
    assert!(
        matches!(outcome(End::Later(SECOND), 3, None), Outcome::Snooze(wait) if wait == SECOND)
    );
    assert!(matches!(
        outcome(End::Budget, 3, None),
        Outcome::Snooze(Duration::ZERO)
    ));
    let lost = End::Store(store::Error::unavailable("away"));
    assert!(matches!(outcome(lost, 3, None), Outcome::Retry(_)));
}
