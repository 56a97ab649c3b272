//! A process is asked to stop while it has work.

use rustix::process::Signal;

use crate::{
    process::{Place, on_every_store},
    target::Target,
};

on_every_store!(
    what_runs_may_finish_and_what_waits_is_left_uncounted,
    what_does_not_finish_in_time_is_handed_back_uncounted,
    a_second_signal_stops_at_once,
    every_role_stops_in_peace,
);

async fn what_runs_may_finish_and_what_waits_is_left_uncounted(place: Place) {
    let target = Target::start().await;
    let place = place.with("WORKER__CONCURRENCY", "4");
    let mut first = place.start(&["up"]);
    let ids = first.api().await.submit(&target.jobs(10)).await;
    target.came(4).await;

    first.signal(Signal::TERM);
    first.line("worker drains").await;
    target.answer_all();
    assert_eq!(first.ended().await.code(), Some(0));
    assert_eq!(target.calls(), 4, "nothing starts once it drains");

    let second = place.start(&["up"]);
    let api = second.api().await;
    for id in &ids {
        let job = api.ended(id).await;
        assert_eq!(
            (&job["state"], &job["attempt"]),
            (&"completed".into(), &1.into()),
            "{job}"
        );
        assert_eq!(job["errors"], serde_json::json!([]), "{job}");
    }
    assert_eq!(target.calls(), 10, "none runs twice");
}

async fn what_does_not_finish_in_time_is_handed_back_uncounted(place: Place) {
    let target = Target::start().await;
    let place = place.with("WORKER__DRAIN_TIMEOUT", "100ms");
    let mut first = place.start(&["up"]);
    let ids = first.api().await.submit(&target.jobs(1)).await;
    target.came(1).await;
    first.stop().await;

    target.answer_all();
    let second = place.start(&["up"]);
    let job = second.api().await.ended(&ids[0]).await;
    assert_eq!(
        (&job["attempt"], &job["crashes"]),
        (&1.into(), &0.into()),
        "{job}"
    );
    assert_eq!(target.calls(), 2);
}

async fn a_second_signal_stops_at_once(place: Place) {
    let target = Target::start().await;
    let place = place.with("WORKER__DRAIN_TIMEOUT", "10m");
    let mut process = place.start(&["up"]);
    process.api().await.submit(&target.jobs(1)).await;
    target.came(1).await;
    process.signal(Signal::TERM);
    process.line("worker drains").await;
    process.signal(Signal::INT);
    assert_eq!(process.ended().await.code(), Some(1));
    assert_eq!(process.count("second SIGINT: stopping at once"), 1);
}

async fn every_role_stops_in_peace(place: Place) {
    for role in ["up", "api", "worker", "scheduler"] {
        let mut process = place.start(&[role]);
        process.line("windlass").await;
        process.line("runs:").await;
        process.stop().await;
        assert_eq!(process.count("ended of itself"), 0, "{role}");
    }
}
