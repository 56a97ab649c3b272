//! The memory store as the oracle of another store.
//!
//! The contract lets a store choose where a job that was put off joins the jobs that wait. Two
//! stores may therefore answer the same claim differently and both be right. To walk beside such
//! a store the oracle is told what was handed out: it checks that the contract allows it, and
//! hands out the same.

use std::collections::BTreeMap;

use super::{
    MemoryStore, Tables,
    index::Queue,
    job::{Job, Seq},
};
use crate::{
    job::{ClaimedJob, JobId},
    store::{ClaimParams, Result},
};

impl MemoryStore {
    /// Makes a claim that another store answered with the jobs `chosen`, and hands out the same
    /// ones in the same order. The second answer says why the contract does not allow that
    /// choice, if so; then what was handed out means nothing.
    ///
    /// # Errors
    /// As [`crate::store::WorkStore::claim`].
    pub fn claim_chosen(
        &self,
        params: &ClaimParams,
        chosen: &[JobId],
    ) -> Result<(Vec<ClaimedJob>, Option<String>)> {
        self.on(|tables, now| {
            let mut left = chosen.iter();
            let mut wrong = None;
            let claimed = tables.claim_by(params, now, |tables, name, max| {
                let Some(queue) = tables.queue(name).filter(|q| q.paused_at.is_none()) else {
                    return Vec::new();
                };
                let available: usize = queue.lanes.iter().map(BTreeMap::len).sum();
                let mut taken = Vec::new();
                for _ in 0..max.min(available) {
                    match tables.allows(queue, &taken, left.next().copied()) {
                        Ok(seq) => taken.push(seq),
                        Err(why) => {
                            wrong.get_or_insert(why);
                            break;
                        }
                    }
                }
                taken
            })?;
            // Of a repeated claim nothing is handed out anew, but all of it is in the answer.
            let beyond = left.find(|id| claimed.iter().all(|job| job.id != **id));
            if let Some(id) = beyond {
                wrong.get_or_insert_with(|| format!("{id} was handed out beyond the limits"));
            }
            Ok((claimed, wrong))
        })
    }
}

impl Tables {
    /// The job `id`, if it may be handed out next from `queue`, after `taken`.
    ///
    /// # Errors
    /// Says why not.
    fn allows(
        &self,
        queue: &Queue,
        taken: &[Seq],
        id: Option<JobId>,
    ) -> std::result::Result<Seq, String> {
        let id = id.ok_or("fewer jobs were handed out than were wanted and available")?;
        let lanes = queue.lanes.iter().flat_map(|lane| lane.values());
        let in_order: Vec<&Job> = lanes
            .filter(|seq| !taken.contains(seq))
            .map(|seq| self.jobs.get(*seq))
            .collect();
        let job = in_order.iter().find(|job| job.body.id == id);
        let job = job.ok_or_else(|| format!("{id} is not available in {}", queue.name))?;
        let may_wait = |other: &Job| {
            other.body.priority == job.body.priority && (other.was_put_off() || job.was_put_off())
        };
        let mut ahead = in_order.iter().take_while(|other| other.seq != job.seq);
        match ahead.find(|other| !may_wait(other)) {
            Some(other) => Err(format!("{id} was handed out before {}", other.body.id)),
            None => Ok(job.seq),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Clock,
        job::{NewJob, Priority, QueueName},
        lease::WorkerInfo,
        store::{JobStore, QueueStore, Want, WorkStore},
    };
    use std::time::Duration;

    fn job(priority: u64) -> NewJob {
        let job = NewJob::new("noop", &()).unwrap();
        job.priority(Priority::new(priority).unwrap())
    }

    /// What is said about a claim of `max` jobs that another store answered with `chosen`, the
    /// places of jobs in `accepted`; the last one of these was put off and promoted.
    async fn judged(accepted: &[u64], max: usize, chosen: &[usize], paused: bool) -> String {
        let clock = Clock::manual("2026-11-21T07:00:00Z".parse().unwrap());
        let store = MemoryStore::new(clock);
        let jobs: Vec<NewJob> = accepted.iter().map(|number| job(*number)).collect();
        let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
        let mut jobs = jobs.into_iter();
        let last = jobs.next_back().unwrap().delay(Duration::from_secs(1));
        store.enqueue(vec![last]).await.unwrap();
        store.enqueue(jobs.collect()).await.unwrap();
        store.run_now(vec![*ids.last().unwrap()]).await.unwrap();
        let queue = QueueName::default();
        store.set_paused(queue.clone(), paused).await.unwrap();
        let info = WorkerInfo {
            name: "w".to_owned(),
            host: "h".to_owned(),
            pid: 1,
            version: "0".to_owned(),
            queues: Vec::new(),
            concurrency: 1,
        };
        let worker = store.register(info, Duration::from_secs(9)).await.unwrap();
        let params = ClaimParams {
            worker,
            claim: 1,
            wants: vec![Want { queue, max }],
            max,
        };
        let chosen: Vec<JobId> = chosen.iter().map(|at| ids[*at]).collect();
        let (claimed, wrong) = store.claim_chosen(&params, &chosen).unwrap();
        if wrong.is_none() {
            let claimed: Vec<JobId> = claimed.iter().map(|job| job.id).collect();
            assert_eq!(claimed, chosen);
        }
        wrong.unwrap_or_default()
    }

    #[tokio::test]
    async fn a_job_that_was_put_off_may_come_at_any_place_of_its_priority() {
        for chosen in [[0, 1, 2], [0, 2, 1], [2, 0, 1]] {
            assert_eq!(judged(&[5, 5, 5], 3, &chosen, false).await, "");
        }
        assert_eq!(judged(&[5, 5, 5], 2, &[0, 1], false).await, "");
    }

    #[tokio::test]
    async fn what_the_contract_does_not_allow_is_told() {
        for (accepted, max, chosen, paused, why) in [
            (
                &[5, 5, 9][..],
                3,
                &[1, 0, 2][..],
                false,
                "was handed out before",
            ),
            (&[5, 0, 5], 3, &[0, 1, 2], false, "was handed out before"),
            (&[5, 5, 9], 3, &[2, 0, 1], false, "was handed out before"),
            (&[5, 5, 5], 3, &[0, 1], false, "fewer jobs"),
            (&[5, 5, 5], 2, &[0, 1, 2], false, "beyond the limits"),
            (&[5, 5, 5], 3, &[0, 0, 1], false, "is not available"),
            (&[5, 5, 5], 3, &[0], true, "beyond the limits"),
        ] {
            let told = judged(accepted, max, chosen, paused).await;
            assert!(told.contains(why), "{chosen:?}: {told}");
        }
    }
}
