//! Buffers: entries that wait for a destination, and the receipts of those that wait no more.

use bytes::Bytes;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Duration,
};

use super::{Tables, jobs::Jobs};
use crate::{
    clock::Timestamp,
    job::{JobId, name::Label},
    store::{
        AppendParams, DestinationRecord, Entry, EntryId, Error, Fate, NewEntry, Note, Receipt,
        Result,
    },
};

/// The number of an entry: the order in which entries were added, of all destinations.
type Number = u64;

/// An entry, from when it is added until its receipt is forgotten.
#[derive(Debug)]
struct Kept {
    id: EntryId,
    destination: Label,
    origin: Option<JobId>,
    /// Let go of when the entry waits no more.
    body: Bytes,
    added_at: Timestamp,
    fate: Option<(Fate, Timestamp)>,
}

#[derive(Debug, Default)]
struct Destination {
    /// Every entry that is kept, so that it is not added twice.
    known: HashMap<EntryId, Number>,
    waiting: BTreeSet<Number>,
    disabled: Option<(Timestamp, String)>,
    succeeded_at: Option<Timestamp>,
    failed: Option<(Timestamp, String)>,
}

/// All buffers.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    destinations: BTreeMap<Label, Destination>,
    entries: BTreeMap<Number, Kept>,
    by_origin: HashMap<JobId, BTreeSet<Number>>,
    /// Receipts that hang on no job, by when their fate was decided.
    loose: BTreeSet<(Timestamp, Number)>,
    last: Number,
}

impl Buffers {
    fn add(&mut self, destination: &Label, entry: NewEntry, now: Timestamp) {
        self.last += 1;
        let number = self.last;
        let buffer = self.destinations.entry(destination.clone()).or_default();
        buffer.known.insert(entry.id, number);
        buffer.waiting.insert(number);
        if let Some(origin) = entry.origin {
            self.by_origin.entry(origin).or_default().insert(number);
        }
        let kept = Kept {
            id: entry.id,
            destination: destination.clone(),
            origin: entry.origin,
            body: entry.body,
            added_at: now,
            fate: None,
        };
        self.entries.insert(number, kept);
    }

    fn forget(&mut self, number: Number) {
        let Some(kept) = self.entries.remove(&number) else {
            return;
        };
        if let Some(buffer) = self.destinations.get_mut(&kept.destination) {
            buffer.known.remove(&kept.id);
        }
        if let Some(origin) = kept.origin
            && let Some(of_origin) = self.by_origin.get_mut(&origin)
        {
            of_origin.remove(&number);
            if of_origin.is_empty() {
                self.by_origin.remove(&origin);
            }
        }
    }

    /// Forgets the receipts that hang on a job which is forgotten. Entries that still wait hang
    /// on nothing from now on.
    pub(super) fn forget_origin(&mut self, origin: JobId) {
        let of_origin = self.by_origin.get(&origin).into_iter().flatten();
        let decided: Vec<Number> = of_origin
            .filter(|number| self.entries.get(number).is_some_and(|e| e.fate.is_some()))
            .copied()
            .collect();
        for number in decided {
            self.forget(number);
        }
    }

    /// Forgets receipts that hang on no job, at most `limit`; answers whether more could go.
    pub(super) fn prune(
        &mut self,
        jobs: &Jobs,
        kept_for: Duration,
        limit: usize,
        now: Timestamp,
    ) -> bool {
        let over = |first: Option<&(Timestamp, Number)>| {
            first.is_some_and(|(decided_at, _)| *decided_at + kept_for <= now)
        };
        for _ in 0..limit {
            if !over(self.loose.first()) {
                return false;
            }
            let Some((_, number)) = self.loose.pop_first() else {
                return false;
            };
            // A job may have been accepted under the id of its origin since: it goes with that.
            let origin = self.entries.get(&number).and_then(|kept| kept.origin);
            if origin.is_none_or(|origin| jobs.find(origin).is_none()) {
                self.forget(number);
            }
        }
        over(self.loose.first())
    }
}

impl Tables {
    pub(super) fn append(&mut self, params: AppendParams, now: Timestamp) -> Result<u64> {
        let AppendParams {
            destination,
            capacity,
            entries,
        } = params;
        let buffer = self.buffers.destinations.get(&destination);
        let waiting = buffer.map_or(0, |buffer| buffer.waiting.len() as u64);
        let mut seen = HashSet::new();
        let mut fresh = entries;
        fresh.retain(|entry| {
            let known = buffer.is_some_and(|buffer| buffer.known.contains_key(&entry.id));
            !known && seen.insert(entry.id)
        });
        let after = waiting + fresh.len() as u64;
        if !fresh.is_empty() && after > capacity {
            return Err(Error::Full {
                destination: destination.to_string(),
                waiting,
                capacity,
            });
        }
        for entry in fresh {
            self.buffers.add(&destination, entry, now);
        }
        Ok(after)
    }

    pub(super) fn peek(&self, destination: &Label, limit: usize) -> Vec<Entry> {
        let buffer = self.buffers.destinations.get(destination).into_iter();
        buffer
            .flat_map(|buffer| buffer.waiting.iter().take(limit))
            .filter_map(|number| self.buffers.entries.get(number))
            .map(|kept| Entry {
                id: kept.id,
                origin: kept.origin,
                body: kept.body.clone(),
                added_at: kept.added_at,
            })
            .collect()
    }

    pub(super) fn resolve(
        &mut self,
        destination: &Label,
        fates: Vec<(EntryId, Fate)>,
        now: Timestamp,
    ) {
        let Some(buffer) = self.buffers.destinations.get_mut(destination) else {
            return;
        };
        for (id, fate) in fates {
            if let Some(number) = buffer.known.get(&id)
                && buffer.waiting.remove(number)
                && let Some(kept) = self.buffers.entries.get_mut(number)
            {
                kept.fate = Some((fate, now));
                kept.body = Bytes::new();
                if kept
                    .origin
                    .is_none_or(|origin| self.jobs.find(origin).is_none())
                {
                    self.buffers.loose.insert((now, *number));
                }
            }
        }
    }

    pub(super) fn receipts(&self, origin: JobId) -> Vec<Receipt> {
        let numbers = self.buffers.by_origin.get(&origin).into_iter().flatten();
        numbers
            .filter_map(|number| self.buffers.entries.get(number))
            .map(|kept| Receipt {
                id: kept.id,
                destination: kept.destination.clone(),
                fate: kept.fate.as_ref().map(|(fate, _)| fate.clone()),
                at: kept.fate.as_ref().map_or(kept.added_at, |(_, at)| *at),
            })
            .collect()
    }

    pub(super) fn list_destinations(&self) -> Vec<DestinationRecord> {
        let all = self.buffers.destinations.iter();
        all.map(|(name, buffer)| {
            let oldest = buffer.waiting.first();
            DestinationRecord {
                name: name.clone(),
                waiting: buffer.waiting.len() as u64,
                oldest_at: oldest
                    .and_then(|number| self.buffers.entries.get(number))
                    .map(|kept| kept.added_at),
                disabled: buffer.disabled.clone(),
                succeeded_at: buffer.succeeded_at,
                failed: buffer.failed.clone(),
            }
        })
        .collect()
    }

    pub(super) fn note(&mut self, destination: Label, note: Note, now: Timestamp) {
        let buffer = self.buffers.destinations.entry(destination).or_default();
        match note {
            Note::Succeeded => buffer.succeeded_at = Some(now),
            Note::Failed(how) => buffer.failed = Some((now, how)),
            Note::Disable(why) => {
                buffer.disabled.get_or_insert((now, why));
            }
            Note::Enable => buffer.disabled = None,
        }
    }
}
