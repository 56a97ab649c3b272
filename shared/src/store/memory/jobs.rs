//! All jobs that are kept, found by the order in which they were accepted, by id or by tag.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    hash::IdHashing,
    job::{Job, Seq},
};
use crate::job::{JobId, Tag};

/// Every job.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    /// Boxed, so that the tree moves pointers.
    kept: BTreeMap<Seq, Box<Job>>,
    ids: HashMap<JobId, Seq, IdHashing>,
    tags: HashMap<Tag, BTreeSet<Seq>>,
}

/// Why the lookups by [`Seq`] below find their job.
const KEPT: &str = "every Seq in an index is that of a job that is kept";

impl Jobs {
    pub(super) fn add(&mut self, job: Job) {
        self.ids.insert(job.body.id, job.seq);
        for tag in &job.body.tags {
            self.tags.entry(tag.clone()).or_default().insert(job.seq);
        }
        self.kept.insert(job.seq, Box::new(job));
    }

    pub(super) fn remove(&mut self, seq: Seq) -> Box<Job> {
        let job = self.kept.remove(&seq).expect(KEPT);
        self.ids.remove(&job.body.id);
        for tag in &job.body.tags {
            if let Some(tagged) = self.tags.get_mut(tag) {
                tagged.remove(&seq);
                if tagged.is_empty() {
                    self.tags.remove(tag);
                }
            }
        }
        job
    }

    /// A job that an index names.
    pub(super) fn get(&self, seq: Seq) -> &Job {
        self.kept.get(&seq).expect(KEPT)
    }

    /// A job that an index names, to be changed.
    pub(super) fn get_mut(&mut self, seq: Seq) -> &mut Job {
        self.kept.get_mut(&seq).expect(KEPT)
    }

    /// The job at a number that somebody outside named; it may be no job's.
    pub(super) fn named(&mut self, seq: Seq) -> Option<&mut Job> {
        self.kept.get_mut(&seq).map(|job| &mut **job)
    }

    pub(super) fn find(&self, id: JobId) -> Option<&Job> {
        self.ids.get(&id).map(|seq| self.get(*seq))
    }

    pub(super) fn find_mut(&mut self, id: JobId) -> Option<&mut Job> {
        let seq = *self.ids.get(&id)?;
        Some(self.get_mut(seq))
    }

    /// The jobs accepted before `before`, newest first: all, or those with a tag.
    pub(super) fn newest_before(
        &self,
        before: Seq,
        tag: Option<&Tag>,
    ) -> Box<dyn Iterator<Item = Seq> + '_> {
        match tag {
            None => Box::new(self.kept.range(..before).rev().map(|(seq, _)| *seq)),
            Some(tag) => {
                let tagged = self.tags.get(tag).into_iter();
                Box::new(tagged.flat_map(move |all| all.range(..before).rev().copied()))
            }
        }
    }
}
