//! How jobs that wait for their time become available.

use super::{Tables, job::Standing};
use crate::{clock::Timestamp, store::Promoted};

impl Tables {
    pub(super) fn promote(&mut self, limit: usize, now: Timestamp) -> Promoted {
        let mut count = 0;
        while count < limit
            && let Some((due_at, seq)) = self.index.waiting.first().copied()
            && due_at <= now
        {
            let place = self.index.last_place(now);
            let job = self.jobs.get_mut(seq);
            self.index.move_to(job, Standing::Available(place));
            count += 1;
        }
        let next = self.index.waiting.first();
        let next_in = next.map(|(due_at, _)| due_at.since(now));
        Promoted { count, next_in }
    }
}
