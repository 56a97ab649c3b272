//! Names that the writer has met: queues with their numbers, and kinds.
//!
//! A queue's number never changes, so what is here stays true whatever other processes do. A
//! rollback may take back the row of a queue that was new, so it empties all this.

use std::collections::{HashMap, HashSet};

use crate::job::{Kind, QueueName};

/// Kinds remembered; they are as many as there are handlers, unless somebody makes them up.
const KINDS: usize = 1024;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<QueueName, i64>,
    queues: HashMap<i64, QueueName>,
    kinds: HashSet<Kind>,
}

impl Names {
    /// The number of a queue.
    pub(super) fn number(&self, queue: &QueueName) -> Option<i64> {
        self.numbers.get(queue).copied()
    }

    /// The queue with a number.
    pub(super) fn queue(&self, number: i64) -> Option<&QueueName> {
        self.queues.get(&number)
    }

    /// Remembers a queue.
    pub(super) fn learn(&mut self, queue: QueueName, number: i64) {
        self.numbers.insert(queue.clone(), number);
        self.queues.insert(number, queue);
    }

    /// A kind by its name, so that the jobs of one kind share one text.
    pub(super) fn kind(&self, name: &str) -> Option<Kind> {
        self.kinds.get(name).cloned()
    }

    /// Remembers a kind.
    pub(super) fn learn_kind(&mut self, kind: Kind) {
        if self.kinds.len() >= KINDS {
            self.kinds.clear();
        }
        self.kinds.insert(kind);
    }

    /// Forgets everything.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}
