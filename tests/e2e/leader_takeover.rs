//! The leader of the schedulers dies; another takes over, and no tick is lost or doubled.

use shared::clock::Timestamp;
use std::time::Duration;

use crate::{
    process::{Place, on_every_store},
    target::Target,
};

on_every_store!(another_scheduler_takes_over_and_every_tick_fires_once);

async fn another_scheduler_takes_over_and_every_tick_fires_once(place: Place) {
    let target = Target::start().await;
    target.answer_all();
    let config = format!(
        "[schedules.every-second]\ncron = \"* * * * * *\"\nmisfire = \"all\"\nkind = \"http\"\n\
         args = {{ url = \"{}\", method = \"POST\" }}\n",
        target.url()
    );
    let place = place.with("SCHEDULER__LEASE", "1s");
    std::fs::write(place.path().join("windlass.toml"), config).unwrap();
    let _worker = place.start(&["worker"]);
    let mut first = place.start(&["scheduler"]);
    first.line("leads the schedulers").await;
    let second = place.start(&["scheduler"]);
    second.line("runs:").await;
    target.came(2).await;
    assert_eq!(second.count("leads the schedulers"), 0, "one leads");

    first.kill().await;
    second.line("leads the schedulers").await;
    let so_far = target.calls();
    target.came(so_far + 3).await;

    let store = place.store().await;
    let name = "every-second".parse().unwrap();
    let mut ticks = store.ticks(name, 100).await.unwrap();
    store.close().await;
    ticks.sort_by_key(|tick| tick.at);
    let at: Vec<Timestamp> = ticks.iter().map(|tick| tick.at).collect();
    assert!(at.len() >= 5, "{ticks:?}");
    for pair in at.windows(2) {
        assert_eq!(pair[1].since(pair[0]), Duration::from_secs(1), "{ticks:?}");
    }
    let jobs = target.calls_by_job();
    assert!(jobs.values().all(|calls| *calls == 1), "{jobs:?}");
}
