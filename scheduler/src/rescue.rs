//! Jobs of workers that died go back.

use shared::patience::jittered;
use shared::store::RescueParams;
use std::time::Duration;

use crate::duty::{Duty, Halt, Reach};

/// Most jobs taken back by one call.
const BATCH: usize = 1000;

/// Looks for expired leases every so often.
#[derive(Debug)]
pub(crate) struct Rescue {
    pub(crate) every: Duration,
    pub(crate) max_crashes: u32,
}

impl Duty for Rescue {
    const WHAT: &'static str = "take jobs back from dead workers";

    async fn turn(&mut self, reach: &Reach) -> Result<Duration, Halt> {
        let params = RescueParams {
            max_crashes: self.max_crashes,
            limit: BATCH,
        };
        let rescued = reach.call(reach.store().rescue(params)).await?;
        let (requeued, discarded, cancelled) = (
            rescued.requeued.len(),
            rescued.discarded.len(),
            rescued.cancelled.len(),
        );
        let taken_back = requeued + discarded + cancelled;
        if taken_back > 0 {
            tracing::warn!(
                requeued,
                discarded,
                cancelled,
                "took {taken_back} jobs back from workers that died or were cut off"
            );
        }
        for worker in rescued.workers {
            tracing::info!(worker = %worker, "worker {worker} is gone: its lease expired");
        }
        let more = taken_back >= BATCH;
        Ok(if more {
            Duration::ZERO
        } else {
            jittered(self.every)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;
    use shared::{
        job::{NewJob, State},
        store::{JobStore, WorkStore},
    };

    #[tokio::test(start_paused = true)]
    async fn jobs_of_a_worker_that_is_not_heard_of_go_back() {
        let world = World::standing();
        let job = NewJob::new("noop", &()).unwrap();
        let id = job.id;
        world.store.enqueue(vec![job]).await.unwrap();
        let lease = Duration::from_secs(20);
        let mut rescue = Rescue {
            every: Duration::from_secs(1),
            max_crashes: 2,
        };
        for (crash, state) in [(1, State::Available), (2, State::Discarded)] {
            let (_, held) = world.claim(lease).await;
            assert_eq!(held.len(), 1);
            let wait = rescue.turn(&world.reach()).await.unwrap();
            let tenth = Duration::from_millis(100);
            assert!(wait.abs_diff(rescue.every) <= tenth, "{wait:?}");
            assert_eq!(world.state(id).await, Some(State::Running));
            world.clock.advance(lease);
            rescue.turn(&world.reach()).await.unwrap();
            assert_eq!(world.state(id).await, Some(state), "crash {crash}");
        }
        assert_eq!(world.store.workers().await.unwrap(), []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_loss_is_taken_back_at_once_and_in_batches() {
        let world = World::standing();
        let job = || NewJob::new("noop", &()).unwrap();
        let lease = Duration::from_secs(20);
        for _ in 0..2 {
            let jobs = (0..BATCH).map(|_| job()).collect();
            world.store.enqueue(jobs).await.unwrap();
            assert_eq!(world.claim(lease).await.1.len(), BATCH);
        }
        world.clock.advance(lease);
        let mut rescue = Rescue {
            every: Duration::from_secs(1),
            max_crashes: 3,
        };
        let reach = world.reach();
        assert_eq!(rescue.turn(&reach).await.unwrap(), Duration::ZERO);
        assert_eq!(rescue.turn(&reach).await.unwrap(), Duration::ZERO);
        assert!(rescue.turn(&reach).await.unwrap() > Duration::ZERO);
        assert_eq!(world.claim(lease).await.1.len(), BATCH);
    }
}
