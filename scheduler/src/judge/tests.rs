//! Every policy, alone and together, on a schedule that fires each minute.

use super::*;
use shared::schedule::RawTiming;

const NOW: &str = "2026-11-21T07:00:00.250Z";

fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

/// `07:00` as the instant of that minute.
fn minute(text: &str) -> Timestamp {
    at(&format!("2026-11-21T{text}:00Z"))
}

fn minutes(timing: &mut RawTiming) -> Timing {
    timing.every = Some(Duration::from_mins(1));
    timing.check().unwrap().unwrap()
}

fn misfire(misfire: Misfire) -> Timing {
    minutes(&mut RawTiming {
        misfire: Some(misfire),
        overlap: Some(Overlap::Allow),
        ..RawTiming::default()
    })
}

fn overlapping(overlap: Overlap) -> Timing {
    minutes(&mut RawTiming {
        misfire: Some(Misfire::All),
        overlap: Some(overlap),
        ..RawTiming::default()
    })
}

fn case(timing: &Timing, cursor: Timestamp) -> Case<'_> {
    Case {
        timing,
        cursor,
        held: &[],
        busy: None,
        now: at(NOW),
        grace: Duration::from_secs(15),
    }
}

fn busy(tick: &str) -> Busy {
    let tick = minute(tick);
    Busy {
        tick,
        job: JobId::of_instant("it", tick),
        state: State::Running,
    }
}

/// Ticks as `06:59 fire`, one a line.
fn lines(judgement: &Judgement) -> Vec<String> {
    let line = |(at, act): &(Timestamp, Act)| {
        let time = at.to_string();
        let time = time.get(11..16).unwrap_or_default();
        match act {
            Act::Fire { instead_of: None } => format!("{time} fire"),
            Act::Fire {
                instead_of: Some(_),
            } => format!("{time} fire instead"),
            Act::Hold => format!("{time} hold"),
            Act::Skip(reason) => format!("{time} skip: {reason}"),
        }
    };
    judgement.acts.iter().map(line).collect()
}

#[test]
fn a_tick_on_time_fires_and_one_that_is_not_due_does_not() {
    for policy in [Misfire::Skip, Misfire::Once, Misfire::All] {
        let timing = misfire(policy);
        let due = judge(&case(&timing, minute("06:59")));
        assert_eq!(lines(&due), ["07:00 fire"]);
        assert!(!due.more);
        let nothing = judge(&case(&timing, minute("07:00")));
        assert_eq!(nothing, Judgement::default());
        let ahead = judge(&case(&timing, minute("08:00")));
        assert_eq!(ahead, Judgement::default(), "the clock was set back");
    }
}

#[test]
fn a_tick_within_the_grace_is_late_and_beyond_it_missed() {
    let timing = misfire(Misfire::Skip);
    let mut late = case(&timing, minute("06:59"));
    late.now = minute("07:00") + late.grace;
    assert_eq!(lines(&judge(&late)), ["07:00 fire"]);
    late.now = late.now + TICK;
    let reason = "missed while no scheduler ran; the misfire policy is skip";
    assert_eq!(lines(&judge(&late)), [format!("07:00 skip: {reason}")]);
}

#[test]
fn each_misfire_policy_does_what_it_says() {
    let skip = "missed while no scheduler ran, as were 8 before it; the misfire policy is skip";
    let once = "missed while no scheduler ran, as were 7 before it; the latest of them fires";
    for (policy, expected) in [
        (
            Misfire::Skip,
            vec![format!("06:59 skip: {skip}"), "07:00 fire".to_owned()],
        ),
        (
            Misfire::Once,
            vec![
                format!("06:58 skip: {once}"),
                "06:59 fire".to_owned(),
                "07:00 fire".to_owned(),
            ],
        ),
        (
            Misfire::All,
            (51..=60).map(|n| format!("{} fire", clock(n))).collect(),
        ),
    ] {
        let timing = misfire(policy);
        let judgement = judge(&case(&timing, minute("06:50")));
        assert_eq!(lines(&judgement), expected);
    }
}

/// The minute `n` after 06:00.
fn clock(n: u32) -> String {
    format!("{:02}:{:02}", 6 + n / 60, n % 60)
}

#[test]
fn all_goes_back_as_far_as_its_window() {
    let mut timing = misfire(Misfire::All);
    timing.misfire_window = Duration::from_mins(3);
    let judgement = judge(&case(&timing, minute("06:50")));
    let reason = "missed while no scheduler ran, as were 6 before it; the newest 1000 at most \
                  fire, within 3m";
    assert_eq!(
        lines(&judgement),
        [
            &format!("06:57 skip: {reason}"),
            "06:58 fire",
            "06:59 fire",
            "07:00 fire"
        ]
    );
    // Nothing is left within the window when it is shorter than the interval.
    timing.misfire_window = Duration::from_secs(1);
    let mut case = case(&timing, minute("06:50"));
    case.now = minute("07:00") + Duration::from_secs(30);
    let lines = lines(&judge(&case));
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("07:00 skip: missed"), "{lines:?}");
}

#[test]
fn a_month_of_missed_seconds_is_worked_off_a_bounded_turn_at_a_time() {
    let mut timing = misfire(Misfire::All);
    timing.when = RawTiming {
        cron: Some("* * * * * *".to_owned()),
        ..RawTiming::default()
    }
    .check()
    .unwrap()
    .unwrap()
    .when;
    let now = at(NOW);
    let mut cursor = now - Duration::from_hours(31 * 24);
    let mut fired = Vec::new();
    let mut skipped = 0;
    loop {
        let judgement = judge(&case(&timing, cursor));
        assert!(judgement.acts.len() <= MAX_PER_TURN + 1);
        assert!(judgement.acts.is_sorted_by_key(|(at, _)| *at));
        for (at, act) in &judgement.acts {
            assert!(*at > cursor);
            cursor = *at;
            match act {
                Act::Fire { .. } => fired.push(*at),
                Act::Skip(reason) => {
                    skipped += 1;
                    assert!(reason.contains("1000 or more before it"), "{reason}");
                }
                Act::Hold => panic!("nothing overlaps"),
            }
        }
        if !judgement.more {
            break;
        }
    }
    // What was missed, and what came due within the grace.
    assert_eq!((fired.len(), skipped), (MAX_MISSED + 15, 1));
    assert!(
        fired
            .windows(2)
            .all(|two| two[1] == two[0] + Duration::from_secs(1))
    );
    assert_eq!(fired.last(), Some(&minute("07:00")));
}

#[test]
fn while_the_last_job_runs_each_overlap_policy_does_what_it_says() {
    for (policy, expected) in [
        (Overlap::Allow, "07:00 fire"),
        (Overlap::Queue, "07:00 hold"),
        (Overlap::Cancel, "07:00 fire instead"),
    ] {
        let timing = overlapping(policy);
        let mut case = case(&timing, minute("06:59"));
        case.busy = Some(busy("06:59"));
        assert_eq!(lines(&judge(&case)), [expected]);
        case.busy = None;
        assert_eq!(lines(&judge(&case)), ["07:00 fire"], "{policy:?}");
    }
    let timing = overlapping(Overlap::Skip);
    let mut case = case(&timing, minute("06:59"));
    assert_eq!(lines(&judge(&case)), ["07:00 fire"]);
    let running = busy("06:59");
    case.busy = Some(running);
    let job = running.job;
    let reason =
        format!("the job of the tick at 2026-11-21T06:59:00Z has not ended: {job} is running");
    assert_eq!(lines(&judge(&case)), [format!("07:00 skip: {reason}")]);
}

#[test]
fn ticks_that_come_due_together_overlap_each_other() {
    let since = minute("06:57");
    let together = |other| format!("came due together with the tick at 2026-11-21T{other}:00Z");
    for (policy, expected) in [
        (
            Overlap::Skip,
            vec![
                "06:58 fire".to_owned(),
                format!("07:00 skip: {}; so did 1 before it", together("06:58")),
            ],
        ),
        (
            Overlap::Cancel,
            vec![
                format!("06:59 skip: {}; so did 1 before it", together("07:00")),
                "07:00 fire".to_owned(),
            ],
        ),
        (
            Overlap::Queue,
            ["06:58 fire", "06:59 hold", "07:00 hold"]
                .map(str::to_owned)
                .to_vec(),
        ),
    ] {
        let timing = overlapping(policy);
        assert_eq!(lines(&judge(&case(&timing, since))), expected, "{policy:?}");
    }
}

#[test]
fn held_ticks_fire_one_at_a_time_and_before_newer_ones() {
    let timing = overlapping(Overlap::Queue);
    let held = [minute("06:57"), minute("06:58")];
    let mut case = case(&timing, minute("06:59"));
    case.held = &held;
    case.busy = Some(busy("06:56"));
    assert_eq!(lines(&judge(&case)), ["07:00 hold"]);
    case.busy = None;
    assert_eq!(lines(&judge(&case)), ["06:57 fire", "07:00 hold"]);
    case.cursor = minute("07:00");
    assert_eq!(lines(&judge(&case)), ["06:57 fire"]);
}

#[test]
fn only_so_many_ticks_are_held() {
    let timing = overlapping(Overlap::Queue);
    let held: Vec<Timestamp> = (0..MAX_HELD as u64 - 1)
        .map(|n| minute("05:00") + Duration::from_mins(n))
        .collect();
    let mut case = case(&timing, minute("06:57"));
    case.held = &held;
    case.busy = Some(busy("04:59"));
    let reason = "100 ticks are held already; so did 1 before it";
    let expected = ["06:58 hold".to_owned(), format!("07:00 skip: {reason}")];
    assert_eq!(lines(&judge(&case)), expected);
}

#[test]
fn ticks_held_by_a_policy_that_is_gone_are_judged_by_the_new_one() {
    let held = [minute("06:57"), minute("06:58")];
    let running = "has not ended";
    for (policy, expected) in [
        (Overlap::Allow, ["06:57 fire", "06:58 fire", "07:00 fire"]),
        (Overlap::Skip, [running, running, running]),
        (Overlap::Cancel, ["together", "together", "fire instead"]),
    ] {
        let timing = overlapping(policy);
        let mut case = case(&timing, minute("06:59"));
        case.held = &held;
        case.busy = Some(busy("06:56"));
        let lines = lines(&judge(&case));
        assert_eq!(lines.len(), 3, "{lines:?}");
        for (line, part) in lines.iter().zip(expected) {
            assert!(line.contains(part), "{policy:?}: {lines:?}");
        }
    }
}

#[test]
fn held_ticks_come_before_the_record_of_missed_ones() {
    let mut timing = overlapping(Overlap::Queue);
    timing.misfire = Misfire::Once;
    let held = [minute("06:40")];
    let mut case = case(&timing, minute("06:50"));
    case.held = &held;
    let lines = lines(&judge(&case));
    let begins = [
        "06:40 fire",
        "06:58 skip: missed",
        "06:59 hold",
        "07:00 hold",
    ];
    assert_eq!(lines.len(), begins.len());
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{lines:?}");
    }
}
