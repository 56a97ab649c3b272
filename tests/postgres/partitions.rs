//! The partitions of bodies: made ahead, dropped with what was forgotten, never in anybody's way.

use shared::{
    job::{JobId, NewJob, State},
    store::Replay,
};
use std::time::Duration;
use windlass_tests::make::{DONE, discard, end_of, job, jobs, retry};

use crate::world::{DAY, Step, World, name_of, read_step};

/// A world in which no partition is of a day that tests speak of: those that the schema came with
/// are of the day when it was made.
async fn world() -> World {
    let mut world = World::new().await;
    world.h.advance(DAY * 400).await;
    world.maintain_all().await;
    world
}

#[tokio::test]
async fn partitions_are_made_ahead() {
    let mut world = world().await;
    for ahead in 0..=2 {
        assert!(world.has_day(ahead).await, "{ahead}");
    }
    assert!(!world.has_day(3).await);
    assert_eq!(world.maintain().await, Step::default());
    world.h.advance(DAY).await;
    let step = world.maintain().await;
    assert_eq!((step.made, step.is_late), (1, false));
    assert!(world.has_day(2).await);
}

#[tokio::test]
async fn whoever_prunes_looks_after_them() {
    let mut world = World::new().await;
    world.h.advance(DAY * 400).await;
    assert!(!world.has_day(0).await);
    world.h.prune(DAY, 10).await;
    assert!(world.has_day(0).await);
}

#[tokio::test]
async fn a_job_of_any_day_finds_a_place_and_runs() {
    let mut world = world().await;
    for ahead in [-20_000, -1, 0, 2, 7] {
        let job = world.job_of(ahead, "any").await;
        let id = job.id;
        let day = name_of(world.day(ahead).await);
        world.h.run(job, DONE).await;
        assert_eq!(world.h.state(id).await, State::Completed);
        let place = if (0..=2).contains(&ahead) {
            &day
        } else {
            "job_default"
        };
        assert_eq!(world.bodies(place, id).await, "1", "{ahead}");
    }
}

#[tokio::test]
async fn what_came_too_early_moves_to_its_partition() {
    let mut world = world().await;
    let early = world.job_of(4, "early").await;
    let day = name_of(world.day(4).await);
    let id = world.h.enqueue(early).await;
    assert_eq!(world.bodies("job_default", id).await, "1");
    world.h.advance(DAY * 2).await;
    world.maintain().await;
    assert_eq!(world.bodies("job_default", id).await, "0");
    assert_eq!(world.bodies(&day, id).await, "1");
    assert_eq!(world.h.hand().await.take().await.id, id);
}

#[tokio::test]
async fn a_day_goes_when_its_jobs_were_forgotten() {
    let mut world = world().await;
    let day = name_of(world.day(0).await);
    for label in ["one", "two"] {
        let job = world.job_of(0, label).await;
        world.h.run(job, DONE).await;
    }
    world.h.prune(Duration::ZERO, 10).await;
    world.h.advance(DAY).await;
    assert_eq!(world.maintain_all().await, [""; 0], "a day of grace");
    world.h.advance(DAY).await;
    assert_eq!(world.maintain_all().await, [&*day]);
    assert_eq!(world.value("select count(*) from windlass.job").await, "0");
    // Its ids are as good as new.
    let again = world.job_of(-2, "one").await;
    world.h.run(again, DONE).await;
}

#[tokio::test]
async fn a_day_stays_while_one_of_its_jobs_runs() {
    let mut world = world().await;
    let day = name_of(world.day(0).await);
    let job = world.job_of(0, "long").await;
    world.h.enqueue(job).await;
    let hand = world.h.hand_for(DAY * 30).await;
    let claimed = hand.take().await;
    world.h.advance(DAY * 5).await;
    world.maintain_all().await;
    assert!(world.has(&day).await);
    world.h.settle(&claimed, DONE).await;
    world.h.prune(Duration::ZERO, 10).await;
    world.maintain_all().await;
    assert!(!world.has(&day).await);
}

#[tokio::test]
async fn a_day_stays_while_many_of_its_jobs_wait() {
    let mut world = world().await;
    let noon = world.day(0).await;
    let of_today = |at: usize| NewJob {
        id: JobId::of_instant(&at.to_string(), noon),
        ..job()
    };
    world
        .h
        .enqueue_all((0..10_001).map(of_today).collect())
        .await;
    world.h.advance(DAY * 5).await;
    let day = name_of(noon);
    world.maintain_all().await;
    assert!(world.has(&day).await);
    let hand = world.h.hand().await;
    assert_eq!(hand.claim(1).await.len(), 1);
    hand.leave().await;
    assert_eq!(hand_over_all(&world).await, 10_001);
    world.h.prune(Duration::ZERO, 20_000).await;
    world.maintain_all().await;
    assert!(!world.has(&day).await);
}

/// Claims and completes whatever there is.
async fn hand_over_all(world: &World) -> usize {
    let hand = world.h.hand().await;
    let mut done = 0;
    loop {
        let claimed = hand.claim(5000).await;
        if claimed.is_empty() {
            return done;
        }
        done += claimed.len();
        let ends = claimed.iter().map(|job| end_of(job, DONE));
        world.h.store.settle(ends.collect()).await.unwrap();
    }
}

#[tokio::test]
async fn a_few_jobs_outlive_their_partition() {
    let mut world = world().await;
    let day = name_of(world.day(0).await);
    let dead = world.job_of(0, "dead").await;
    let dead = world.h.run(dead, discard()).await;
    let late = world.job_of(0, "late").await.delay(DAY * 10);
    let late = world.h.enqueue(late).await;
    let tried = world.job_of(0, "tried").await;
    let tried = world.h.run(tried, retry(DAY * 10)).await;
    let done = world.job_of(0, "done").await;
    let done = world.h.run(done, DONE).await;
    let waits = world.job_of(0, "waits").await;
    let waits = world.h.enqueue(waits).await;
    let before = world.h.detail(dead).await;
    world.h.advance(DAY * 2).await;
    assert_eq!(world.maintain_all().await, [day]);
    let ids = [dead, late, tried, done, waits];
    for id in ids {
        assert_eq!(world.bodies("job_default", id).await, "1");
    }
    assert_eq!(world.h.detail(dead).await, before);
    world.h.recount().await;
    // What is forgotten is swept from there too, and nothing else.
    assert_eq!(world.h.hand().await.take().await.id, waits);
    world.h.prune(DAY, 1).await;
    assert_eq!(world.h.find(done).await, None);
    world.maintain_all().await;
    assert_eq!(world.bodies("job_default", done).await, "0");

    let replay = Replay {
        dead,
        new: JobId::generate(),
        args: None,
        trace: None,
    };
    world.h.store.replay(vec![replay.clone()]).await.unwrap();
    world.h.advance(DAY * 10).await;
    assert_eq!(world.h.promote().await.count, 2);
    let mut claimed = Vec::new();
    for job in world.h.hand().await.claim(10).await {
        claimed.push(job.id);
        world.h.settle(&job, DONE).await;
    }
    claimed.sort_unstable();
    let mut expected = [replay.new, late, tried];
    expected.sort_unstable();
    assert_eq!(claimed, expected);
}

#[tokio::test]
async fn sweeping_goes_on_where_it_stopped_and_begins_anew() {
    let mut world = world().await;
    let mut ids = Vec::new();
    for ahead in -30..-20 {
        for label in ["forgotten", "kept"] {
            let job = world.job_of(ahead, label).await;
            ids.push((label, world.h.run(job, DONE).await));
        }
    }
    for (label, id) in &ids {
        if *label == "forgotten" {
            // As a prune does that gets only as far.
            let batch = format!("delete from windlass.finished_batch where '{id}' = any (ids)");
            world.sql(&batch).await;
            world
                .sql("insert into windlass.delta values (1, 5, -1)")
                .await;
        }
    }
    let mut forgotten = 0;
    for _ in 0..12 {
        let swept = world.value("select windlass.sweep_default(3)").await;
        forgotten += swept.parse::<u64>().unwrap();
    }
    assert_eq!(forgotten, 10);
    for (label, id) in &ids {
        let there = if *label == "kept" { "1" } else { "0" };
        assert_eq!(world.bodies("job_default", *id).await, there);
    }
    world.h.recount().await;
}

#[tokio::test]
async fn whoever_uses_the_table_is_not_waited_for_long() {
    let mut world = world().await;
    let day = name_of(world.day(0).await);
    world.h.enqueue_all(jobs(3)).await;
    world.h.advance(DAY * 2).await;
    let mut other = world.session().await;
    let look = "begin; set local enable_partition_pruning = off; select count(*) from windlass.job";
    other.run(look).await.unwrap();
    let step = world.maintain().await;
    let late = Step {
        is_late: true,
        ..Step::default()
    };
    assert_eq!(step, late);
    assert!(!world.has_day(2).await, "nothing is half done");
    other.run("commit").await.unwrap();
    assert_eq!(world.maintain_all().await, [day]);
    world.h.recount().await;
}

#[tokio::test]
async fn one_at_a_time_looks_after_them() {
    let mut world = world().await;
    world.h.advance(DAY).await;
    let mut other = world.session().await;
    let statement = world.maintaining().await;
    other.run("begin").await.unwrap();
    let step = read_step(&other.run(&statement).await.unwrap());
    assert_eq!(step.made, 1);
    assert_eq!(world.maintain().await, Step::default());
    other.run("commit").await.unwrap();
    assert!(world.has_day(2).await);
}

#[tokio::test]
async fn whoever_waits_for_a_drop_finds_what_moved() {
    let mut world = world().await;
    let ids = [
        world.job_of(0, "dead").await,
        world.job_of(0, "waits").await,
    ];
    let [dead, waits] = ids;
    let dead = world.h.run(dead, discard()).await;
    let waits = world.h.enqueue(waits).await;
    world.h.advance(DAY * 2).await;
    world.maintain().await;
    let hand = world.h.hand().await;
    let mut other = world.session().await;
    let statement = world.maintaining().await;
    other.run("begin").await.unwrap();
    let step = read_step(&other.run(&statement).await.unwrap());
    assert_eq!(step.moved, 2, "{step:?}");
    let looks = async {
        tokio::join!(world.h.find(dead), hand.claim(10), async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            other.run("commit").await.unwrap();
        })
    };
    let (found, claimed, ()) = looks.await;
    assert!(found.is_some(), "the body moved while somebody waited");
    let claimed: Vec<JobId> = claimed.iter().map(|job| job.id).collect();
    assert_eq!(claimed, [waits]);
}

#[tokio::test]
async fn a_claim_looks_into_the_partitions_of_its_jobs_only() {
    let mut world = world().await;
    let many = "select windlass.make_day((select max(day) from windlass.days()) + i) \
                from generate_series(1, 30) i";
    world.sql(many).await;
    let mut jobs = Vec::new();
    for (label, ahead) in [("one", 0), ("two", 1), ("three", 1)] {
        jobs.push(world.job_of(ahead, label).await);
    }
    world.h.enqueue_all(jobs).await;
    let hand = world.h.hand().await;
    assert_eq!(hand.claim(10).await.len(), 3);
    let mut session = world.session().await;
    session.run("begin").await.unwrap();
    let held = format!("select slot from windlass.held({}, 1)", hand.id);
    assert_eq!(session.run(&held).await.unwrap().len(), 3);
    let probes = "select relname, idx_scan from pg_stat_xact_user_tables \
                  where relname like 'job\\_%' and idx_scan + seq_scan > 0 order by relname";
    let probed = session.run(probes).await.unwrap();
    let (today, tomorrow) = (world.day(0).await, world.day(1).await);
    // One look for each job in those between the first and the last, and none in the others.
    let looks = |day| [name_of(day), "3".to_owned()];
    assert_eq!(probed, [looks(today), looks(tomorrow)]);
}
