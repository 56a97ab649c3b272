//! Whole schedulers on one store: takeover, stopping, reloading. Time is simulated.

use super::*;
use crate::{
    ROLE,
    world::{World, every, schedule, settings},
};
use shared::{
    job::{JobId, NewJob, State},
    schedule::{Definition, Overlap, RawTiming},
    shutdown::Tasks,
    store::{JobStore, LeaderStore, ScheduleStore, TickStatus},
};
use std::{collections::BTreeSet, time::Duration};
use tokio::{task::JoinHandle, time::sleep};

fn secondly() -> Vec<Definition> {
    let timing = RawTiming {
        overlap: Some(Overlap::Allow),
        ..every(Duration::from_secs(1))
    };
    vec![schedule("it", &timing)]
}

/// A scheduler that runs, and what stops it.
struct Running {
    shutdown: Shutdown,
    reload: Reload,
    task: JoinHandle<()>,
}

fn start(world: &World, name: &str, schedules: Vec<Definition>) -> Running {
    let settings = Settings {
        name: name.to_owned(),
        ..settings(schedules)
    };
    let scheduler = Scheduler::new(settings, world.store()).unwrap();
    let shutdown = Shutdown::new();
    let reload = scheduler.reload();
    let task = Tasks::new().spawn(scheduler.run(shutdown.clone()));
    Running {
        shutdown,
        reload,
        task,
    }
}

async fn leader(world: &World) -> Option<String> {
    let election = world.store.leader(ROLE.to_owned()).await.unwrap()?;
    let name = election.leader.split('/').next()?;
    Some(format!("{name} {}", election.term))
}

async fn seconds(length: u64) {
    sleep(Duration::from_secs(length)).await;
}

#[tokio::test(start_paused = true)]
async fn when_the_leader_dies_no_tick_is_lost_and_none_fires_twice() {
    let world = World::turning();
    let one = start(&world, "one", secondly());
    seconds(1).await;
    let other = start(&world, "other", secondly());
    seconds(30).await;
    assert_eq!(leader(&world).await.as_deref(), Some("one 1"));
    let before = world.ticks("it").await.len();
    assert!((29..=31).contains(&before), "{before} ticks in 31 s");
    one.task.abort();
    seconds(30).await;
    assert_eq!(leader(&world).await.as_deref(), Some("other 2"));
    let ticks = world.ticks("it").await;
    let jobs: BTreeSet<JobId> = ticks
        .iter()
        .map(|tick| match tick.status {
            TickStatus::Fired(job) => job,
            _ => panic!("{tick:?}"),
        })
        .collect();
    assert_eq!(jobs.len(), ticks.len());
    let gap = |two: &[shared::store::Tick]| two[1].at.since(two[0].at);
    assert!(
        ticks
            .windows(2)
            .all(|two| gap(two) == Duration::from_secs(1))
    );
    assert!(
        (59..=61).contains(&ticks.len()),
        "{} ticks in 61 s",
        ticks.len()
    );
    let page = shared::store::ListParams {
        limit: 1000,
        ..shared::store::ListParams::default()
    };
    let listed = world.store.list(page).await.unwrap().items.len();
    assert_eq!(listed, ticks.len());
    other.shutdown.abort();
    other.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_scheduler_that_drains_resigns_and_one_that_aborts_does_not() {
    let world = World::turning();
    let one = start(&world, "one", Vec::new());
    seconds(1).await;
    one.shutdown.drain();
    one.task.await.unwrap();
    assert_eq!(leader(&world).await, None);
    let two = start(&world, "two", Vec::new());
    seconds(1).await;
    assert_eq!(leader(&world).await.as_deref(), Some("two 2"));
    two.shutdown.abort();
    two.task.await.unwrap();
    assert_eq!(leader(&world).await.as_deref(), Some("two 2"));
}

#[tokio::test(start_paused = true)]
async fn every_duty_is_done_while_it_leads() {
    let world = World::turning();
    let running = start(&world, "one", secondly());
    let job = |delay| NewJob::new("noop", &()).unwrap().delay(delay);
    let (lost, late) = (job(Duration::ZERO), job(Duration::from_millis(1500)));
    let (lost_id, late_id) = (lost.id, late.id);
    world.store.enqueue(vec![lost, late]).await.unwrap();
    world.claim(Duration::from_secs(1)).await;
    assert_eq!(world.state(lost_id).await, Some(State::Running));
    seconds(3).await;
    assert_eq!(
        world.state(lost_id).await,
        Some(State::Available),
        "rescued"
    );
    assert_eq!(
        world.state(late_id).await,
        Some(State::Available),
        "promoted"
    );
    assert!(!world.ticks("it").await.is_empty(), "enqueued");
    world.complete().await;
    world.clock.advance(Duration::from_hours(25));
    seconds(15).await;
    assert_eq!(world.state(lost_id).await, None, "pruned");
    // The clock's leap ended the term at the store, and a new one began.
    assert_eq!(leader(&world).await.as_deref(), Some("one 2"));
    running.shutdown.drain();
    running.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn only_the_leaders_configuration_counts_and_a_reload_of_it_at_once() {
    let world = World::turning();
    let old = start(&world, "old", secondly());
    seconds(1).await;
    let new = start(
        &world,
        "new",
        vec![schedule("other", &every(Duration::from_mins(1)))],
    );
    let names = async || {
        let records = world.store.schedules().await.unwrap();
        let names = records.iter().map(|record| record.name.to_string());
        names.collect::<Vec<_>>()
    };
    seconds(60).await;
    assert_eq!(names().await, ["it"]);
    let mut both = secondly();
    both.push(schedule("more", &every(Duration::from_mins(1))));
    old.reload.schedules(both).unwrap();
    seconds(2).await;
    assert_eq!(names().await, ["it", "more"]);
    old.shutdown.drain();
    old.task.await.unwrap();
    seconds(5).await;
    assert_eq!(names().await, ["other"]);
    new.shutdown.drain();
    new.task.await.unwrap();
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let world = World::standing();
    let refused = |change: fn(&mut Settings)| {
        let mut settings = settings(secondly());
        change(&mut settings);
        let scheduler = Scheduler::new(settings, world.store());
        scheduler.err().map(|fault| fault.field)
    };
    assert_eq!(refused(|_| ()), None);
    assert_eq!(refused(|s| s.lease = Duration::ZERO), Some("lease"));
    assert_eq!(
        refused(|s| s.rescue_every = Duration::ZERO),
        Some("rescue_every")
    );
    assert_eq!(
        refused(|s| s.prune_every = Duration::ZERO),
        Some("prune_every")
    );
    assert_eq!(refused(|s| s.prune_batch = 0), Some("prune_batch"));
    assert_eq!(refused(|s| s.max_crashes = 0), Some("max_crashes"));
    assert_eq!(
        refused(|s| s.schedules.extend(secondly())),
        Some("schedules")
    );
    let absurd = |s: &mut Settings| s.schedules[0].template.max_attempts = 0;
    assert_eq!(refused(absurd), Some("schedules"));
}
