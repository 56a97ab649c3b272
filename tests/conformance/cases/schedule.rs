//! Schedules: their definitions, their cursors and their ticks.

use shared::{
    clock::Timestamp,
    job::{NewJob, State, UniquePolicy},
    store::{Error, PutSchedule, RecordTick, ScheduleRecord, Tick, TickDecision, TickStatus},
};
use windlass_tests::{
    Harness,
    make::{DONE, job, job_in, label, secs, unique},
};

async fn put(h: &Harness, name: &str, definition: &str, rewind: bool) -> ScheduleRecord {
    let params = PutSchedule {
        name: label(name),
        definition: definition.to_owned(),
        rewind,
    };
    h.store.put_schedule(params).await.unwrap()
}

async fn record(h: &Harness, at: Timestamp, decision: TickDecision) -> Tick {
    try_record(h, at, decision).await.unwrap()
}

async fn try_record(h: &Harness, at: Timestamp, decision: TickDecision) -> Result<Tick, Error> {
    let params = RecordTick {
        schedule: label("s"),
        at,
        decision,
    };
    h.store.record_tick(params).await
}

fn fire(job: &NewJob) -> TickDecision {
    TickDecision::Fire(Box::new(job.clone()))
}

async fn cursor(h: &Harness) -> Timestamp {
    h.store.schedules().await.unwrap()[0].cursor
}

async fn ticks(h: &Harness) -> Vec<Tick> {
    h.store.ticks(label("s"), 1000).await.unwrap()
}

pub(crate) async fn a_definition_is_kept_as_it_was_put(h: &Harness) {
    let now = h.now().await;
    let expected = |name: &str, definition: &str| ScheduleRecord {
        name: label(name),
        definition: definition.to_owned(),
        cursor: now,
        fired: None,
        held: Vec::new(),
        paused_at: None,
        updated_at: now,
    };
    let nightly = expected("nightly", "{\"cron\":\"30 2 * * *\"} ž");
    assert_eq!(put(h, "nightly", &nightly.definition, false).await, nightly);
    let early = expected("early", "");
    assert_eq!(put(h, "early", "", true).await, early);
    assert_eq!(h.store.schedules().await.unwrap(), [early, nightly]);
}

pub(crate) async fn putting_again_keeps_the_cursor_unless_it_is_to_rewind(h: &Harness) {
    let first = put(h, "s", "one", false).await;
    h.advance(secs(1)).await;
    assert_eq!(put(h, "s", "one", false).await, first);
    h.advance(secs(1)).await;
    let changed_at = h.now().await;
    let changed = put(h, "s", "two", false).await;
    assert_eq!(changed.definition, "two");
    assert_eq!(
        (changed.cursor, changed.updated_at),
        (first.cursor, changed_at)
    );
    h.advance(secs(1)).await;
    let rewound = put(h, "s", "two", true).await;
    assert_eq!(
        (rewound.cursor, rewound.updated_at),
        (h.now().await, changed_at)
    );
    assert_eq!(h.store.schedules().await.unwrap(), [rewound]);
}

pub(crate) async fn a_tick_that_fires_enqueues_its_job(h: &Harness) {
    let at = put(h, "s", "d", false).await.cursor + secs(60);
    h.advance(secs(61)).await;
    let job = job();
    let tick = record(h, at, fire(&job)).await;
    let expected = Tick {
        at,
        status: TickStatus::Fired(job.id),
        recorded_at: h.now().await,
    };
    assert_eq!(tick, expected);
    assert_eq!(ticks(h).await, [tick]);
    assert_eq!(cursor(h).await, at);
    assert_eq!(h.hand().await.take().await.id, job.id);
}

pub(crate) async fn a_tick_is_recorded_once_whoever_records_it(h: &Harness) {
    let at = put(h, "s", "d", false).await.cursor;
    let first = job();
    let tick = record(h, at, fire(&first)).await;
    h.advance(secs(1)).await;
    let second = job();
    let skip = TickDecision::Skip("late".to_owned());
    for again in [fire(&first), fire(&second), TickDecision::Hold, skip] {
        assert_eq!(record(h, at, again).await, tick);
    }
    assert_eq!(h.find(second.id).await, None);
    assert_eq!(ticks(h).await, [tick]);
    assert_eq!(h.queue("default").await.count(State::Available), 1);
}

pub(crate) async fn a_tick_that_is_left_out_says_why(h: &Harness) {
    let at = put(h, "s", "d", false).await.cursor;
    let skip = |why: &str| TickDecision::Skip(why.to_owned());
    let tick = record(h, at, skip("missed")).await;
    assert_eq!(tick.status, TickStatus::Skipped("missed".to_owned()));
    assert_eq!(record(h, at, skip("other")).await, tick);
    assert_eq!(record(h, at, fire(&job())).await, tick);
    assert_eq!(h.store.queues().await.unwrap(), []);
}

pub(crate) async fn a_held_tick_is_recorded_once_more(h: &Harness) {
    let at = put(h, "s", "d", false).await.cursor;
    let held = record(h, at, TickDecision::Hold).await;
    assert_eq!(held.status, TickStatus::Held);
    h.advance(secs(1)).await;
    assert_eq!(record(h, at, TickDecision::Hold).await, held);
    let job = job();
    let fired = record(h, at, fire(&job)).await;
    assert_eq!(fired.status, TickStatus::Fired(job.id));
    assert_eq!(fired.recorded_at, h.now().await);
    assert_eq!(record(h, at, TickDecision::Hold).await, fired);
    assert_eq!(h.state(job.id).await, State::Available);

    let later = at + secs(1);
    record(h, later, TickDecision::Hold).await;
    let skipped = record(h, later, TickDecision::Skip("cleared".to_owned())).await;
    assert_eq!(skipped.status, TickStatus::Skipped("cleared".to_owned()));
    assert_eq!(ticks(h).await, [skipped, fired]);
}

pub(crate) async fn a_schedule_tells_what_its_next_tick_is_judged_by(h: &Harness) {
    let start = put(h, "s", "d", false).await.cursor;
    let told = || async {
        let record = h.store.schedules().await.unwrap().remove(0);
        let seconds = |at: Timestamp| at.since(start).as_secs();
        let held: Vec<u64> = record.held.into_iter().map(seconds).collect();
        (record.fired.map(|(at, job)| (seconds(at), job)), held)
    };
    let (first, second, early) = (job(), job(), job());
    record(h, start + secs(3), TickDecision::Hold).await;
    record(h, start + secs(2), fire(&first)).await;
    record(h, start + secs(4), TickDecision::Skip("late".to_owned())).await;
    record(h, start + secs(1), TickDecision::Hold).await;
    record(h, start + secs(5), TickDecision::Hold).await;
    assert_eq!(told().await, (Some((2, first.id)), vec![1, 3, 5]));
    // Of ticks that fire in another order than their own the newest one counts.
    record(h, start + secs(3), fire(&second)).await;
    assert_eq!(told().await, (Some((3, second.id)), vec![1, 5]));
    record(h, start + secs(1), fire(&early)).await;
    record(h, start + secs(5), TickDecision::Skip("cleared".to_owned())).await;
    assert_eq!(told().await, (Some((3, second.id)), vec![]));
    // Neither a new definition nor a pause makes it forget.
    let put_again = put(h, "s", "other", true).await;
    assert_eq!(put_again.fired, Some((start + secs(3), second.id)));
    h.store.set_schedule_paused(label("s"), true).await.unwrap();
    assert_eq!(told().await.0, Some((3, second.id)));
}

pub(crate) async fn the_cursor_moves_to_a_tick_and_never_back(h: &Harness) {
    let start = put(h, "s", "d", false).await.cursor;
    for (at, after) in [(3, 3), (1, 3), (5, 5), (4, 5)] {
        let decision = TickDecision::Skip("judged".to_owned());
        record(h, start + secs(at), decision).await;
        assert_eq!(cursor(h).await, start + secs(after));
    }
    // A tick that is recorded already moves nothing, even behind a cursor that was set back.
    put(h, "s", "d", true).await;
    record(h, start + secs(5), TickDecision::Hold).await;
    assert_eq!(cursor(h).await, start);
}

pub(crate) async fn a_tick_whose_key_is_held_names_the_holder(h: &Harness) {
    let at = put(h, "s", "d", false).await.cursor;
    let keyed = || job().unique(unique("k", UniquePolicy::UntilFinished));
    let holder = h.enqueue(keyed()).await;
    let refused = keyed();
    let tick = record(h, at, fire(&refused)).await;
    assert_eq!(tick.status, TickStatus::Fired(holder));
    assert_eq!(h.find(refused.id).await, None);
    // A job that is known already is its own.
    let tick = record(
        h,
        at + secs(1),
        fire(&NewJob {
            id: holder,
            ..keyed()
        }),
    )
    .await;
    assert_eq!(tick.status, TickStatus::Fired(holder));
}

pub(crate) async fn a_tick_with_a_bad_job_is_refused_whole(h: &Harness) {
    let at = put(h, "s", "d", false).await.cursor + secs(1);
    let bad = job_in("bad").max_attempts(0);
    let refused = try_record(h, at, fire(&bad)).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    assert_eq!(ticks(h).await, []);
    assert_eq!(cursor(h).await, at - secs(1));
    assert_eq!(h.store.queues().await.unwrap(), []);
}

pub(crate) async fn an_unknown_schedule_is_told(h: &Harness) {
    let now = h.now().await;
    let job = job();
    let told = |refused: &Result<(), Error>| {
        matches!(
            refused,
            Err(Error::NotFound {
                what: "schedule",
                ..
            })
        )
    };
    let refused = try_record(h, now, fire(&job)).await.map(drop);
    assert!(told(&refused), "{refused:?}");
    assert_eq!(h.find(job.id).await, None);
    let refused = h.store.set_schedule_paused(label("s"), true).await;
    assert!(told(&refused), "{refused:?}");
    assert_eq!(ticks(h).await, []);
    h.store.remove_schedule(label("s")).await.unwrap();
}

pub(crate) async fn a_removed_schedule_takes_its_ticks_but_not_its_jobs(h: &Harness) {
    let at = put(h, "s", "d", false).await.cursor;
    let job = job();
    record(h, at, fire(&job)).await;
    for _ in 0..2 {
        h.store.remove_schedule(label("s")).await.unwrap();
        assert_eq!(h.store.schedules().await.unwrap(), []);
    }
    assert_eq!(h.state(job.id).await, State::Available);
    put(h, "s", "d", false).await;
    assert_eq!(ticks(h).await, []);
    let anew = record(h, at, TickDecision::Hold).await;
    assert_eq!(anew.status, TickStatus::Held);
}

pub(crate) async fn a_schedule_that_is_resumed_starts_from_now(h: &Harness) {
    let start = put(h, "s", "d", false).await.cursor;
    let pause = |paused| h.store.set_schedule_paused(label("s"), paused);
    h.advance(secs(1)).await;
    // It is not paused, so there is nothing to resume.
    pause(false).await.unwrap();
    assert_eq!(cursor(h).await, start);
    for _ in 0..2 {
        pause(true).await.unwrap();
        let record = &h.store.schedules().await.unwrap()[0];
        assert_eq!(record.paused_at, Some(start + secs(1)));
        assert_eq!(record.cursor, start);
        // Putting a definition does not resume it.
        put(h, "s", "d", false).await;
        h.advance(secs(1)).await;
    }
    pause(false).await.unwrap();
    let record = h.store.schedules().await.unwrap().remove(0);
    assert_eq!(record.paused_at, None);
    assert_eq!(record.cursor, start + secs(3));
}

pub(crate) async fn ticks_are_listed_newest_first(h: &Harness) {
    let start = put(h, "s", "d", false).await.cursor;
    for at in [2, 5, 1, 4, 3] {
        let decision = TickDecision::Skip(at.to_string());
        record(h, start + secs(at), decision).await;
    }
    let instants: Vec<Timestamp> = ticks(h).await.iter().map(|tick| tick.at).collect();
    let newest_first = [5, 4, 3, 2, 1].map(|at| start + secs(at));
    assert_eq!(instants, newest_first);
    let two = h.store.ticks(label("s"), 2).await.unwrap();
    assert_eq!(two, ticks(h).await[..2]);
}

pub(crate) async fn ticks_that_the_next_one_is_judged_by_outlive_the_newest_hundred(h: &Harness) {
    let start = put(h, "s", "d", false).await.cursor;
    let (older, fired) = (job(), job());
    record(h, start, TickDecision::Hold).await;
    record(h, start + secs(1), fire(&older)).await;
    record(h, start + secs(2), fire(&fired)).await;
    for at in 3..=130 {
        let decision = TickDecision::Skip(at.to_string());
        record(h, start + secs(at), decision).await;
    }
    let before = ticks(h).await;
    while h.prune(secs(0), 1000).await.more {}
    let after = ticks(h).await;
    assert_eq!(after[..100], before[..100]);
    let oldest: Vec<&TickStatus> = after[100..].iter().map(|tick| &tick.status).collect();
    assert!(oldest.contains(&&TickStatus::Fired(fired.id)), "{oldest:?}");
    assert!(oldest.contains(&&TickStatus::Held), "{oldest:?}");
    let record = h.store.schedules().await.unwrap().remove(0);
    assert_eq!(record.fired, Some((start + secs(2), fired.id)));
    assert_eq!(record.held, [start]);
}

pub(crate) async fn ticks_of_two_schedules_are_apart(h: &Harness) {
    let at = put(h, "s", "d", false).await.cursor;
    put(h, "t", "d", false).await;
    let (one, other) = (job(), job());
    record(h, at, fire(&one)).await;
    let params = RecordTick {
        schedule: label("t"),
        at,
        decision: fire(&other),
    };
    let tick = h.store.record_tick(params).await.unwrap();
    assert_eq!(tick.status, TickStatus::Fired(other.id));
    let ran = h.hand().await.claim(5).await;
    assert_eq!(ran.len(), 2);
    h.settle(&ran[0], DONE).await;
}
