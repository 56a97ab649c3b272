//! Jobs whose retention has passed are forgotten.

use shared::patience::jittered;
use shared::store::PruneParams;
use std::time::Duration;
use tokio::{sync::watch, time::Instant};

use crate::{
    duty::{Duty, Halt, Reach},
    settings::Live,
};

/// Forgets a batch every so often, and batch after batch while there is more.
#[derive(Debug)]
pub(crate) struct Prune {
    pub(crate) every: Duration,
    pub(crate) batch: usize,
    pub(crate) live: watch::Receiver<Live>,
}

impl Duty for Prune {
    const WHAT: &'static str = "forget ended jobs";

    async fn turn(&mut self, reach: &Reach) -> Result<Duration, Halt> {
        let params = PruneParams {
            retention: self.live.borrow().retention,
            limit: self.batch,
        };
        let began = Instant::now();
        let pruned = reach.call(reach.store().prune(params)).await?;
        if pruned.count > 0 {
            tracing::debug!(jobs = pruned.count, "forgot ended jobs");
        }
        // A large backlog takes half of the time at most: the store has other work.
        Ok(if pruned.more {
            began.elapsed().min(self.every)
        } else {
            jittered(self.every)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{World, live};
    use shared::{
        job::NewJob,
        store::{JobStore, Retention},
    };

    #[tokio::test(start_paused = true)]
    async fn ended_jobs_are_forgotten_batch_by_batch_once_their_retention_has_passed() {
        let world = World::standing();
        let jobs: Vec<NewJob> = (0..25).map(|_| NewJob::new("noop", &()).unwrap()).collect();
        let ids = jobs.iter().map(|job| job.id).collect::<Vec<_>>();
        world.store.enqueue(jobs).await.unwrap();
        world.complete().await;
        let (reload, live) = live(Vec::new());
        let mut prune = Prune {
            every: Duration::from_secs(10),
            batch: 10,
            live,
        };
        let kept = async || {
            let details = world.store.get(ids.clone()).await.unwrap();
            details.iter().flatten().count()
        };
        let hour = Duration::from_hours(1);
        reload.retention(Retention {
            completed: hour,
            cancelled: hour,
            discarded: hour,
        });
        let wait = prune.turn(&world.reach()).await.unwrap();
        assert!(
            wait.abs_diff(prune.every) <= Duration::from_secs(1),
            "{wait:?}"
        );
        assert_eq!(kept().await, 25);
        world.clock.advance(hour);
        for left in [15, 5] {
            let wait = prune.turn(&world.reach()).await.unwrap();
            assert!(wait < Duration::from_secs(1), "more wait: {wait:?}");
            assert_eq!(kept().await, left);
        }
        let wait = prune.turn(&world.reach()).await.unwrap();
        assert!(wait > Duration::from_secs(1), "{wait:?}");
        assert_eq!(kept().await, 0);
    }
}
