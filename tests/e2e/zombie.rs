//! A worker that slept past its lease wakes up with work that is no longer its own.

use rusqlite::Connection;
use rustix::process::Signal;

use crate::{
    process::{Place, Process, on_every_store},
    target::Target,
};

on_every_store!(a_worker_that_wakes_after_its_lease_cannot_end_an_attempt_of_another);

async fn a_worker_that_wakes_after_its_lease_cannot_end_an_attempt_of_another(place: Place) {
    let target = Target::start().await;
    let place = place
        .with("WORKER__LEASE", "1s")
        .with("WORKER__HEARTBEAT", "200ms");
    let sleeper = place.start(&["worker", "--name", "sleeper"]);
    sleeper.line("is registered").await;
    let api = place.start(&["api"]);
    let api = api.api().await;
    let ids = api.submit(&target.jobs(1)).await;
    target.came(1).await;
    freeze(&place, &sleeper);

    // Its answer waits for it, and so does another worker.
    target.answer_all();
    target.answered(1).await;
    let other = place.start(&["up", "--name", "other"]);
    let job = api.ended(&ids[0]).await;
    assert_eq!(
        (&job["state"], &job["crashes"]),
        (&"completed".into(), &1.into()),
        "{job}"
    );
    assert_eq!(
        job["result"]["body"]["call"], 1,
        "the second call's answer: {job}"
    );

    sleeper.signal(Signal::CONT);
    sleeper.nth_line("is registered", 2).await;
    assert_eq!(
        api.get(&format!("/v1/jobs/{}", ids[0])).await,
        job,
        "nothing has changed"
    );
    assert_eq!(target.calls(), 2);
    drop(other);
}

/// Stops a process while it does not write to a file: a writer that sleeps would hold up all others,
/// which is what a single file means, and not what is looked at here.
fn freeze(place: &Place, process: &Process) {
    if !place.is_a_file() {
        return process.signal(Signal::STOP);
    }
    let file = Connection::open(place.path().join("windlass.db")).unwrap();
    file.busy_timeout(crate::process::PATIENCE).unwrap();
    file.execute_batch("begin immediate").unwrap();
    process.signal(Signal::STOP);
    file.execute_batch("rollback").unwrap();
}
