//! Waiting for a job's end: hints say when to look, and looking now and then finds what no hint
//! told.

use shared::{
    job::{JobDetail, JobId},
    store::{Hint, Wakeups},
};
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::look;
use crate::{
    problem::{Problem, catalog},
    state::{AppState, MAX_WAITERS},
};

/// How often to look when nothing hints at an end: what a job of another process takes longer to
/// be seen than one of this.
const POLL: Duration = Duration::from_millis(500);

/// Shortest time between two looks. Hints name no job, so on a busy store they come all the time.
const PACE: Duration = Duration::from_millis(20);

/// The job once it has ended, or as it stands after `wait` or when the process is to stop.
///
/// # Errors
/// The job is unknown, the store does not answer, or no place to wait is free.
///
/// # Cancel safety
/// Safe: it only looks.
pub(super) async fn until_ended(
    app: &AppState,
    id: JobId,
    wait: Duration,
) -> Result<JobDetail, Problem> {
    let end = Instant::now() + wait;
    // Listening begins before the first look, so that no end falls between the two.
    let mut hints = app.store.wakeups();
    let mut job = look(app, id).await?;
    if job.summary.state.is_terminal() || wait.is_zero() {
        return Ok(job);
    }
    let Ok(_place) = app.waiters.try_acquire() else {
        let detail = format!("{MAX_WAITERS} requests wait for jobs to end already");
        return Err(Problem::with(&catalog::TOO_MANY_WAITERS, detail).retry_after(1));
    };
    loop {
        let looked = Instant::now();
        let over = tokio::select! {
            () = app.shutdown.draining() => true,
            () = sleep_until(end) => true,
            () = next_look(&mut hints, looked) => false,
        };
        job = look(app, id).await?;
        if over || job.summary.state.is_terminal() {
            return Ok(job);
        }
    }
}

/// Waits until a look may be worth it: at a hint, but not too soon after the last look, or when
/// none has come for long.
async fn next_look(hints: &mut Wakeups, looked: Instant) {
    let hinted = async { while !matches!(hints.next().await, Hint::Ended | Hint::Any) {} };
    drop(timeout_at(looked + POLL, hinted).await);
    sleep_until(looked + PACE).await;
}
