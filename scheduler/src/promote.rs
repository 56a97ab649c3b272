//! Jobs whose time has come become available, as soon as it has.

use shared::store::Hint;
use std::time::Duration;

use crate::duty::{Duty, Halt, Reach};

/// Most jobs made available by one call: enough for any rate, short enough to let others in.
const BATCH: usize = 1000;

/// How soon a job is found that nobody gave a hint of: put off by another process, on a store
/// whose hints do not leave theirs.
const POLL: Duration = Duration::from_millis(500);

/// Sleeps until the next job is due, or a hint says that one was put off.
#[derive(Debug)]
pub(crate) struct Promote;

impl Duty for Promote {
    const WHAT: &'static str = "make due jobs available";

    async fn turn(&mut self, reach: &Reach) -> Result<Duration, Halt> {
        let promoted = reach.call(reach.store().promote(BATCH)).await?;
        if promoted.count > 0 {
            tracing::debug!(jobs = promoted.count, "made due jobs available");
        }
        Ok(promoted.next_in.map_or(POLL, |next| next.min(POLL)))
    }

    fn is_woken_by(&self, hint: &Hint) -> bool {
        matches!(hint, Hint::Scheduled | Hint::Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{duty, world::World};
    use shared::{
        job::{NewJob, State},
        store::JobStore,
    };
    use tokio::time::sleep;

    fn job(delay: Duration) -> NewJob {
        NewJob::new("noop", &()).unwrap().delay(delay)
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_waits_for_the_next_job_and_goes_on_while_more_are_due() {
        let world = World::standing();
        let reach = world.reach();
        assert_eq!(Promote.turn(&reach).await.unwrap(), POLL);
        let later = vec![job(Duration::from_millis(80)), job(Duration::from_mins(1))];
        world.store.enqueue(later).await.unwrap();
        let wait = Promote.turn(&reach).await.unwrap();
        assert_eq!(wait, Duration::from_millis(80));
        world.clock.advance(wait);
        assert_eq!(
            Promote.turn(&reach).await.unwrap(),
            POLL,
            "a minute is long"
        );
        let many = (0..=BATCH).map(|_| job(Duration::from_millis(1))).collect();
        world.store.enqueue(many).await.unwrap();
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(Promote.turn(&reach).await.unwrap(), Duration::ZERO);
        assert_eq!(Promote.turn(&reach).await.unwrap(), POLL);
    }

    #[tokio::test(start_paused = true)]
    async fn a_delayed_job_is_available_at_its_time_though_nothing_polls_for_it() {
        let world = World::turning();
        let reach = world.reach();
        let scenario = async {
            for (delay, nearly) in [(30, 20), (100, 90), (250, 240)] {
                let (delay, nearly) = (Duration::from_millis(delay), Duration::from_millis(nearly));
                // The duty sleeps until something is due, or is told.
                sleep(Duration::from_millis(100)).await;
                let job = job(delay);
                let id = job.id;
                world.store.enqueue(vec![job]).await.unwrap();
                sleep(nearly).await;
                assert_eq!(world.state(id).await, Some(State::Scheduled), "{delay:?}");
                sleep(Duration::from_millis(20)).await;
                assert_eq!(world.state(id).await, Some(State::Available), "{delay:?}");
            }
        };
        tokio::select! {
            () = duty::run(Promote, &reach) => panic!("the term goes on"),
            () = scenario => {}
        }
    }
}
