//! Queues: what they hold, and whether they are paused.

use super::{Tables, index::Queue};
use crate::{
    clock::Timestamp,
    job::QueueName,
    store::{Error, QueueRecord, Result},
};

impl Queue {
    /// Since when its oldest available job is available. Places are given out in the order in
    /// which jobs become available, so that is the first of one of the lanes.
    fn oldest(&self) -> impl Iterator<Item = super::job::Seq> {
        let lanes = self.lanes.iter();
        lanes.filter_map(|lane| lane.first_key_value().map(|(_, seq)| *seq))
    }
}

impl Tables {
    /// A queue that is known.
    pub(super) fn queue(&self, name: &QueueName) -> Option<&Queue> {
        let at = self.index.queue_names.get(name)?;
        self.index.queues.get(at.0)
    }

    pub(super) fn list_queues(&self) -> Vec<QueueRecord> {
        let by_name = self.index.queue_names.values();
        by_name
            .map(|at| {
                let queue = &self.index.queues[at.0];
                let due = queue
                    .oldest()
                    .map(|seq| self.jobs.get(seq).summary().due_at);
                QueueRecord {
                    name: queue.name.clone(),
                    paused_at: queue.paused_at,
                    counts: queue.counts,
                    exact: true,
                    oldest_available_at: due.flatten().min(),
                }
            })
            .collect()
    }

    pub(super) fn set_paused(
        &mut self,
        name: &QueueName,
        paused: bool,
        now: Timestamp,
    ) -> Result<()> {
        let Some(at) = self.index.queue_names.get(name).copied() else {
            return Err(Error::NotFound {
                what: "queue",
                name: name.to_string(),
            });
        };
        let queue = &mut self.index.queues[at.0];
        if paused {
            queue.paused_at.get_or_insert(now);
        } else if queue.paused_at.take().is_some() {
            self.index.opened(at);
        }
        Ok(())
    }
}
