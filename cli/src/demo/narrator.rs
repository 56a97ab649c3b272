//! What happens after the first screen, told as it happens: bounded, so that a screen stays
//! readable whatever is submitted.

use shared::{
    job::{JobId, Kind, State},
    schedule::definition::PIPELINE_KIND,
    store::{Filter, Hint, ListParams, Store},
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::mpsc;

use super::{
    event::{Ended, Event, Teller},
    first::{First, Seen},
    receiver::Happening,
};

/// Ended jobs that one look takes into account.
const LOOKED_AT: usize = 100;

/// Lines that one look may bring.
const LINES: usize = 5;

/// Hints are gathered for so long.
const GATHER: Duration = Duration::from_millis(200);

/// How long to wait when no hint comes.
const LOOK: Duration = Duration::from_secs(2);

/// Watches the store and the receiver.
pub(super) struct Narrator {
    store: Arc<dyn Store>,
    /// The ended jobs that the last look has seen: they are not told again.
    known: BTreeSet<JobId>,
    pub(super) pipeline_runs: u64,
    pub(super) other_jobs: u64,
}

impl Narrator {
    /// A narrator; what the first screen has told is not told again.
    pub(super) fn new(store: Arc<dyn Store>, first: First, seen: &Seen) -> Self {
        let (run, failing) = (seen.run.summary.state, seen.failing.summary.state);
        let told = [(first.run, run), (first.failing, failing)];
        let told = told.into_iter().filter(|(_, state)| state.is_terminal());
        Self {
            store,
            known: told.map(|(id, _)| id).collect(),
            pipeline_runs: u64::from(run.is_terminal()),
            other_jobs: u64::from(failing.is_terminal()),
        }
    }

    /// Tells what happens until draining begins.
    ///
    /// # Cancel safety
    /// Safe.
    pub(super) async fn run(
        &mut self,
        happenings: &mut mpsc::Receiver<Happening>,
        teller: &Teller,
    ) {
        let shutdown = &teller.shutdown;
        let mut wakeups = self.store.wakeups();
        while !shutdown.is_draining() {
            self.look(teller).await;
            let ended = async { while !matches!(wakeups.next().await, Hint::Ended | Hint::Any) {} };
            tokio::select! {
                () = shutdown.draining() => return,
                Some(happening) = happenings.recv() => teller.tell(&happening.into()),
                hinted = tokio::time::timeout(LOOK, ended) => {
                    if hinted.is_ok() && !shutdown.sleep(GATHER).await {
                        return;
                    }
                }
            }
        }
    }

    /// Tells the jobs that have ended since the last look.
    pub(super) async fn look(&mut self, teller: &Teller) {
        match self.fresh().await {
            Ok((fresh, more)) => {
                for ended in fresh {
                    teller.tell(&Event::JobEnded(ended));
                }
                if more > 0 {
                    teller.tell(&Event::MoreEnded { jobs: more });
                }
            }
            Err(error) => tracing::warn!("the demo cannot read its store: {error}"),
        }
    }

    /// The jobs that have ended since the last look, oldest first, and how many more there are.
    async fn fresh(&mut self) -> anyhow::Result<(Vec<Ended>, usize)> {
        let filter = Filter {
            states: BTreeSet::from([State::Completed, State::Cancelled, State::Discarded]),
            kinds: BTreeSet::from([Kind::new(PIPELINE_KIND)?, Kind::new("http")?]),
            ..Filter::default()
        };
        let page = self.store.list(ListParams {
            filter,
            cursor: None,
            limit: LOOKED_AT,
        });
        let items = page.await?.items;
        let fresh: Vec<_> = items
            .iter()
            .filter(|job| !self.known.contains(&job.id))
            .collect();
        for job in &fresh {
            if job.kind.as_str() == PIPELINE_KIND {
                self.pipeline_runs += 1;
            } else {
                self.other_jobs += 1;
            }
        }
        let told: Vec<JobId> = fresh.iter().rev().take(LINES).map(|job| job.id).collect();
        let more = fresh.len() - told.len();
        self.known = items.iter().map(|job| job.id).collect();
        let told = self.store.get(told).await?;
        Ok((told.iter().flatten().map(Ended::of).collect(), more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{
        clock::Clock,
        job::NewJob,
        store::{self, CancelParams},
    };

    #[tokio::test]
    async fn jobs_are_told_once_and_only_a_few_at_once() {
        let store = store::open("memory:", Clock::system()).await.unwrap();
        let mut narrator = Narrator {
            store: Arc::clone(&store),
            known: BTreeSet::new(),
            pipeline_runs: 0,
            other_jobs: 0,
        };
        let job = |kind: &str| NewJob::new(kind, &()).unwrap();
        let jobs: Vec<NewJob> = std::iter::repeat_with(|| job("http")).take(7).collect();
        let others = [job("pipeline"), job("collect")];
        let ids: Vec<JobId> = jobs.iter().chain(&others).map(|job| job.id).collect();
        store
            .enqueue(jobs.into_iter().chain(others).collect())
            .await
            .unwrap();
        assert_eq!(
            narrator.fresh().await.unwrap(),
            (Vec::new(), 0),
            "none has ended"
        );

        let reason = "enough".to_owned();
        store
            .cancel(CancelParams {
                ids: ids.clone(),
                reason,
            })
            .await
            .unwrap();
        let (told, more) = narrator.fresh().await.unwrap();
        let told: Vec<JobId> = told.iter().map(|ended| ended.job).collect();
        assert_eq!(
            (told.as_slice(), more),
            (&ids[..LINES], 3),
            "the oldest first"
        );
        assert_eq!((narrator.pipeline_runs, narrator.other_jobs), (1, 7));
        assert_eq!(
            narrator.fresh().await.unwrap(),
            (Vec::new(), 0),
            "all were told"
        );
    }
}
