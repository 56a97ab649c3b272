//! How jobs are read: by id, or in pages through a filter.

use super::{Tables, job::Seq};
use crate::{
    job::{JobDetail, JobId, JobSummary},
    page::{Cursor, LOOK_BUDGET, MAX_LIMIT, Page},
    store::{ListParams, Result},
};

/// The key of a cursor: the number of the last job that was looked at.
fn key_of(seq: Seq) -> [u8; 16] {
    u128::from(seq.0).to_be_bytes()
}

fn seq_of(key: [u8; 16]) -> Seq {
    Seq(u64::try_from(u128::from_be_bytes(key)).unwrap_or(u64::MAX))
}

impl Tables {
    pub(super) fn details(&self, ids: &[JobId]) -> Vec<Option<JobDetail>> {
        ids.iter()
            .map(|id| self.jobs.find(*id).map(super::job::Job::detail))
            .collect()
    }

    pub(super) fn list(&self, params: &ListParams) -> Result<Page<JobSummary>> {
        let filter = params.filter.fingerprint();
        let before = match params.cursor {
            Some(cursor) => seq_of(cursor.key_for(filter)?),
            None => Seq(u64::MAX),
        };
        let limit = params.limit.clamp(1, MAX_LIMIT);
        let mut rows = self.jobs.newest_before(before, params.filter.tag.as_ref());
        let mut items = Vec::new();
        let mut last = before;
        for seq in rows.by_ref().take(LOOK_BUDGET) {
            last = seq;
            let job = self.jobs.get(seq).summary();
            if params.filter.fits(&job) {
                items.push(job);
            }
            if items.len() == limit {
                break;
            }
        }
        let next = rows.next().map(|_| Cursor {
            key: key_of(last),
            filter,
        });
        Ok(Page { items, next })
    }
}
