//! Ticks on a store, turn by turn: the clock stands still until a test moves it.

use super::*;
use crate::world::{START, World, every, live, schedule};
use shared::{
    job::name::Label,
    schedule::{Misfire, Origin, RawTiming},
    store::{
        DutyStore, JobStore, ListParams, PruneParams, PutSchedule, Retention, ScheduleStore,
        TickStatus, WorkStore,
    },
};
use std::collections::BTreeSet;

const LEASE: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_mins(1);

fn minutely(overlap: Overlap) -> RawTiming {
    RawTiming {
        overlap: Some(overlap),
        ..every(MINUTE)
    }
}

/// A leader with these schedules, after its first turn.
async fn leader(world: &World, schedules: Vec<Definition>) -> (Cron, Reach) {
    let (_, watch) = live(schedules);
    let mut cron = Cron::new(watch, LEASE);
    let reach = world.reach();
    cron.turn(&reach).await.unwrap();
    (cron, reach)
}

async fn jobs(world: &World) -> Vec<JobId> {
    let params = ListParams {
        limit: 1000,
        ..ListParams::default()
    };
    let page = world.store.list(params).await.unwrap();
    page.items.iter().map(|job| job.id).collect()
}

#[tokio::test(start_paused = true)]
async fn each_tick_becomes_one_job_and_the_turn_says_when_the_next_is_due() {
    let world = World::standing();
    let it = schedule("it", &minutely(Overlap::Allow));
    let (mut cron, reach) = leader(&world, vec![it.clone()]).await;
    assert_eq!(jobs(&world).await, []);
    world.clock.advance(Duration::from_millis(59_980));
    assert_eq!(cron.turn(&reach).await.unwrap(), Duration::from_millis(20));
    world.clock.advance(Duration::from_millis(20));
    assert_eq!(cron.turn(&reach).await.unwrap(), POLL);
    let tick = world.now();
    let job = it.job(tick, tick).id;
    assert_eq!(jobs(&world).await, [job]);
    assert_eq!(world.state(job).await, Some(State::Available));
    assert_eq!(world.ticks("it").await[0].status, TickStatus::Fired(job));
    cron.turn(&reach).await.unwrap();
    world.clock.advance(MINUTE);
    cron.turn(&reach).await.unwrap();
    assert_eq!(
        world.lines("it").await,
        ["07:01:00 fired", "07:02:00 fired"]
    );
    assert_eq!(jobs(&world).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn jitter_puts_the_job_off_and_not_the_tick() {
    let world = World::standing();
    let timing = RawTiming {
        jitter: Some(Duration::from_secs(30)),
        ..minutely(Overlap::Allow)
    };
    let it = schedule("it", &timing);
    let (mut cron, reach) = leader(&world, vec![it.clone()]).await;
    world.clock.advance(MINUTE);
    cron.turn(&reach).await.unwrap();
    let job = it.job(world.now(), world.now()).id;
    assert_eq!(world.state(job).await, Some(State::Scheduled));
    world.clock.advance(Duration::from_secs(30));
    world.store.promote(10).await.unwrap();
    assert_eq!(world.state(job).await, Some(State::Available));
}

#[tokio::test(start_paused = true)]
async fn two_that_both_believe_they_lead_enqueue_no_tick_twice() {
    let world = World::standing();
    let timing = RawTiming {
        jitter: Some(Duration::from_secs(5)),
        ..minutely(Overlap::Allow)
    };
    let it = schedule("it", &timing);
    let (mut one, reach) = leader(&world, vec![it.clone()]).await;
    let (mut other, _) = leader(&world, vec![it.clone()]).await;
    for _ in 0..60 {
        // The other has read what is due when the first records it, and records it too.
        world.clock.advance(MINUTE);
        let read = world.store.schedules().await.unwrap();
        let read_at = world.now();
        one.turn(&reach).await.unwrap();
        world.clock.advance(Duration::from_secs(3));
        let due = Due {
            record: &read[0],
            definition: Arc::new(it.clone()),
        };
        other.record_due(&reach, &[due], read_at).await.unwrap();
        other.turn(&reach).await.unwrap();
    }
    let ticks = world.ticks("it").await;
    let fired: BTreeSet<JobId> = ticks
        .iter()
        .map(|tick| match tick.status {
            TickStatus::Fired(job) => job,
            _ => panic!("{tick:?}"),
        })
        .collect();
    assert_eq!(
        (ticks.len(), fired.len()),
        (63, 63),
        "an hour and 60 times 3 s"
    );
    assert_eq!(jobs(&world).await.len(), 63);
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_missed_ticks_get_what_their_policy_says() {
    for (misfire, expected) in [
        (Misfire::Skip, vec!["07:09:00 skipped", "07:10:00 fired"]),
        (
            Misfire::Once,
            vec!["07:08:00 skipped", "07:09:00 fired", "07:10:00 fired"],
        ),
        (
            Misfire::All,
            vec![
                "07:05:00 skipped",
                "07:06:00 fired",
                "07:07:00 fired",
                "07:08:00 fired",
                "07:09:00 fired",
                "07:10:00 fired",
            ],
        ),
    ] {
        let world = World::standing();
        let timing = RawTiming {
            misfire: Some(misfire),
            misfire_window: Some(Duration::from_mins(4) + Duration::from_secs(1)),
            ..minutely(Overlap::Allow)
        };
        let it = schedule("it", &timing);
        drop(leader(&world, vec![it.clone()]).await);
        // Ten minutes without a scheduler; the last tick is only a little late.
        world.clock.advance(MINUTE * 10 + Duration::from_secs(1));
        let (mut cron, reach) = leader(&world, vec![it]).await;
        assert_eq!(world.lines("it").await, expected);
        cron.turn(&reach).await.unwrap();
        assert_eq!(
            world.lines("it").await,
            expected,
            "and nothing is judged again"
        );
        let fired = expected.iter().filter(|line| line.ends_with("fired"));
        assert_eq!(jobs(&world).await.len(), fired.count());
    }
}

#[tokio::test(start_paused = true)]
async fn held_ticks_fire_one_by_one_in_order_as_jobs_end() {
    let world = World::standing();
    let it = schedule("it", &minutely(Overlap::Queue));
    let (mut cron, reach) = leader(&world, vec![it]).await;
    assert!(!cron.is_woken_by(&Hint::Ended));
    for _ in 0..3 {
        world.clock.advance(MINUTE);
        cron.turn(&reach).await.unwrap();
    }
    let lines = ["07:01:00 fired", "07:02:00 held", "07:03:00 held"];
    assert_eq!(world.lines("it").await, lines);
    assert!(cron.is_woken_by(&Hint::Ended) && !cron.is_woken_by(&Hint::Scheduled));
    for fired in 2..=3 {
        assert_eq!(world.complete().await.len(), 1, "one at a time");
        cron.turn(&reach).await.unwrap();
        let lines = world.lines("it").await;
        let so_far = lines.iter().filter(|line| line.ends_with("fired"));
        assert_eq!(so_far.count(), fired, "{lines:?}");
        assert!(lines[..fired].iter().all(|line| line.ends_with("fired")));
    }
    // A new leader finds what is held in the store.
    world.clock.advance(MINUTE);
    cron.turn(&reach).await.unwrap();
    let lines = world.lines("it").await;
    assert_eq!(lines[3], "07:04:00 held");
    world.complete().await;
    let again = schedule("it", &minutely(Overlap::Queue));
    leader(&world, vec![again]).await;
    assert_eq!(world.lines("it").await[3], "07:04:00 fired");
}

#[tokio::test(start_paused = true)]
async fn cancel_stops_the_last_job_before_the_next_takes_its_place() {
    let world = World::standing();
    let it = schedule("it", &minutely(Overlap::Cancel));
    let (mut cron, reach) = leader(&world, vec![it.clone()]).await;
    world.clock.advance(MINUTE);
    cron.turn(&reach).await.unwrap();
    let first = it.job(world.now(), world.now()).id;
    world.clock.advance(MINUTE);
    cron.turn(&reach).await.unwrap();
    let second = it.job(world.now(), world.now()).id;
    assert_eq!(world.state(first).await, Some(State::Cancelled));
    assert_eq!(world.state(second).await, Some(State::Available));
    let detail = world
        .store
        .get(vec![first])
        .await
        .unwrap()
        .remove(0)
        .unwrap();
    let (_, reason) = detail.cancel_requested.unwrap();
    assert!(
        reason.contains("07:02:00Z of schedule it takes its place"),
        "{reason}"
    );
}

#[tokio::test(start_paused = true)]
async fn skip_remembers_the_job_that_runs_however_many_ticks_were_left_out() {
    let world = World::standing();
    let timing = RawTiming {
        overlap: Some(Overlap::Skip),
        ..every(Duration::from_secs(1))
    };
    let it = schedule("it", &timing);
    let (mut cron, reach) = leader(&world, vec![it.clone()]).await;
    world.clock.advance(Duration::from_secs(1));
    cron.turn(&reach).await.unwrap();
    let (_, running) = world.claim(Duration::from_hours(1)).await;
    for _ in 0..300 {
        world.clock.advance(Duration::from_secs(1));
        cron.turn(&reach).await.unwrap();
    }
    let hour = Duration::from_hours(1);
    let params = PruneParams {
        retention: Retention {
            completed: hour,
            cancelled: hour,
            discarded: hour,
        },
        limit: 1000,
    };
    world.store.prune(params).await.unwrap();
    let lines = world.lines("it").await;
    assert_eq!(lines[0], "07:00:01 fired", "kept though it is old");
    assert!(
        lines.len() <= 102,
        "the others were forgotten: {}",
        lines.len()
    );
    // A new leader, which remembers nothing, still knows.
    let (mut cron, reach) = leader(&world, vec![it.clone()]).await;
    world.clock.advance(Duration::from_secs(1));
    cron.turn(&reach).await.unwrap();
    let tick = world.ticks("it").await.pop().unwrap();
    let TickStatus::Skipped(reason) = tick.status else {
        panic!("{tick:?}")
    };
    assert!(reason.ends_with("is running"), "{reason}");
    world.store.settle(running).await.unwrap();
    world.clock.advance(Duration::from_secs(1));
    cron.turn(&reach).await.unwrap();
    assert!(world.lines("it").await.pop().unwrap().ends_with("fired"));
}

#[tokio::test(start_paused = true)]
async fn a_backlog_takes_several_turns_and_lets_other_schedules_in_between() {
    let world = World::standing();
    let timing = RawTiming {
        misfire: Some(Misfire::All),
        overlap: Some(Overlap::Allow),
        ..every(Duration::from_secs(1))
    };
    let both = vec![schedule("a", &timing), schedule("b", &timing)];
    drop(leader(&world, both.clone()).await);
    world.clock.advance(Duration::from_secs(250));
    let (_, watch) = live(both);
    let mut cron = Cron::new(watch, LEASE);
    for (turn, so_far) in [(1, 100), (2, 200), (3, 250)] {
        let wait = cron.turn(&world.reach()).await.unwrap();
        assert_eq!(wait.is_zero(), so_far < 250, "turn {turn}");
        assert_eq!(world.ticks("a").await.len(), so_far, "turn {turn}");
        assert_eq!(world.ticks("b").await.len(), so_far, "turn {turn}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_schedule_has_no_ticks_and_no_backlog_when_it_goes_on() {
    let world = World::standing();
    let (mut cron, reach) = leader(&world, vec![schedule("it", &minutely(Overlap::Allow))]).await;
    let name = Label::new("it").unwrap();
    world
        .store
        .set_schedule_paused(name.clone(), true)
        .await
        .unwrap();
    world.clock.advance(MINUTE * 5);
    cron.turn(&reach).await.unwrap();
    world.store.set_schedule_paused(name, false).await.unwrap();
    world.clock.advance(MINUTE);
    cron.turn(&reach).await.unwrap();
    assert_eq!(world.lines("it").await, ["07:06:00 fired"]);
}

#[tokio::test(start_paused = true)]
async fn the_stores_schedules_become_those_of_the_configuration_again_and_again() {
    let world = World::standing();
    let old = schedule("old", &minutely(Overlap::Allow));
    let mut apis = schedule("apis", &minutely(Overlap::Allow));
    apis.origin = Origin::Api;
    let put = PutSchedule {
        name: apis.name.clone(),
        definition: apis.to_text().unwrap(),
        rewind: false,
    };
    world.store.put_schedule(put).await.unwrap();
    let (reload, watch) = live(vec![old]);
    let mut cron = Cron::new(watch, LEASE);
    let reach = world.reach();
    cron.turn(&reach).await.unwrap();
    let names = async || {
        let records = world.store.schedules().await.unwrap();
        let names = records.iter().map(|record| record.name.to_string());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["apis", "old"]);
    let new = schedule("new", &minutely(Overlap::Allow));
    reload.schedules(vec![new.clone()]).unwrap();
    cron.turn(&reach).await.unwrap();
    assert_eq!(names().await, ["apis", "new"]);
    // Between reloads what somebody else does to them stays.
    world.store.remove_schedule(new.name).await.unwrap();
    cron.turn(&reach).await.unwrap();
    assert_eq!(names().await, ["apis"]);
    let wrong = vec![schedule("x", &every(MINUTE)), schedule("x", &every(MINUTE))];
    assert!(reload.schedules(wrong).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_cannot_be_read_stops_no_other() {
    let world = World::standing();
    let put = PutSchedule {
        name: Label::new("a").unwrap(),
        definition: "from the future".to_owned(),
        rewind: false,
    };
    world.store.put_schedule(put).await.unwrap();
    let (mut cron, reach) = leader(&world, vec![schedule("b", &minutely(Overlap::Allow))]).await;
    world.clock.advance(MINUTE);
    cron.turn(&reach).await.unwrap();
    assert_eq!(world.lines("a").await.len(), 0);
    assert_eq!(world.lines("b").await, ["07:01:00 fired"]);
    assert!(world.now() > START.parse().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_job_that_the_store_refuses_does_not_hold_its_schedule_up() {
    let world = World::standing();
    let mut it = schedule("it", &minutely(Overlap::Allow));
    let (_, reach) = leader(&world, vec![it.clone()]).await;
    world.clock.advance(MINUTE);
    it.template.max_attempts = 0;
    let fire = Act::Fire { instead_of: None };
    let judgement = Judgement {
        acts: vec![(world.now(), fire)],
        more: false,
    };
    carry_out(&reach, &it, judgement, world.now())
        .await
        .unwrap();
    let tick = world.ticks("it").await.pop().unwrap();
    let TickStatus::Skipped(reason) = tick.status else {
        panic!("{tick:?}")
    };
    assert!(
        reason.starts_with("its job is refused: max_attempts"),
        "{reason}"
    );
    let records = world.store.schedules().await.unwrap();
    assert_eq!(records[0].cursor, world.now());
}
