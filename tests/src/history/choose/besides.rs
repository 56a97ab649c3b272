//! What happens next beside the jobs: schedules, leaders, buffers.

use bytes::Bytes;
use rand::{RngExt, seq::IteratorRandom};

use super::{CANDIDATES, Chooser, DESTINATIONS, ROLES, SCHEDULES};
use crate::{
    history::op::{Known, Op},
    make::{failure, label, secs},
};
use shared::{
    clock::Timestamp,
    store::{
        AppendParams, ElectParams, EntryId, Fate, NewEntry, Note, PutSchedule, RecordTick,
        TickDecision,
    },
};

impl Chooser {
    pub(super) fn schedule(&mut self, known: &Known) -> Op {
        let name = label(self.one(&SCHEDULES));
        match self.rng.random_range(0..10) {
            0 | 1 => Op::PutSchedule(PutSchedule {
                name,
                definition: self.one(&["a", "b"]).to_owned(),
                rewind: self.chance(0.3),
            }),
            2 => Op::PauseSchedule(name, self.chance(0.5)),
            3 if self.chance(0.2) => Op::RemoveSchedule(name),
            _ => {
                let decision = match self.rng.random_range(0..4) {
                    0 => TickDecision::Hold,
                    1 => TickDecision::Skip("overlap".to_owned()),
                    _ => TickDecision::Fire(Box::new(self.new_job(known))),
                };
                // Instants that are met again.
                let back = secs(10) * self.rng.random_range(0..4);
                let at = known.now.as_secs() / 10 * 10_000_000;
                let at = Timestamp::from_micros(at) - back;
                Op::Tick(RecordTick {
                    schedule: name,
                    at,
                    decision,
                })
            }
        }
    }

    pub(super) fn lead(&mut self, known: &Known) -> Op {
        let role = self.one(&ROLES).to_owned();
        let candidate = self.one(&CANDIDATES).to_owned();
        if self.chance(0.7) {
            let lease = self.one(&[secs(1), secs(10), secs(20)]);
            return Op::Elect(ElectParams {
                role,
                candidate,
                lease,
            });
        }
        let term = known.term.saturating_sub(self.rng.random_range(0..2));
        Op::Resign {
            role,
            candidate,
            term,
        }
    }

    pub(super) fn buffer(&mut self, known: &Known) -> Op {
        let destination = label(self.one(&DESTINATIONS));
        match self.rng.random_range(0..9) {
            0..=3 => {
                let count = self.rng.random_range(0..5);
                let entries = (0..count).map(|_| self.entry(known)).collect();
                Op::Append(AppendParams {
                    destination,
                    capacity: self.one(&[3, 6, 12]),
                    entries,
                })
            }
            4..=7 => {
                let recent = known.entries.len().saturating_sub(15);
                let count = self.rng.random_range(0..4);
                let some = known.entries[recent..].iter().sample(&mut self.rng, count);
                let fates = some.into_iter().map(|id| (*id, self.fate()));
                Op::Resolve(destination, fates.collect())
            }
            _ => {
                let note = match self.rng.random_range(0..4) {
                    0 => Note::Succeeded,
                    1 => Note::Failed("503".to_owned()),
                    2 => Note::Disable(self.one(&["410", "breaker"]).to_owned()),
                    _ => Note::Enable,
                };
                Op::Note(destination, note)
            }
        }
    }

    fn fate(&mut self) -> Fate {
        if self.chance(0.7) {
            return Fate::Delivered;
        }
        Fate::Refused(failure("bad").message.into())
    }

    fn entry(&mut self, known: &Known) -> NewEntry {
        let parent = self.some_id(known);
        let name = self.one(&["x", "y"]);
        NewEntry {
            id: EntryId::derive(parent, name),
            origin: self.chance(0.8).then_some(parent),
            body: Bytes::from_static(b"{\"v\":1}"),
        }
    }
}
