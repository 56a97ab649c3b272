//! What a process does.

use std::fmt;

/// The roles of a process; at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Roles {
    /// Takes jobs and answers questions.
    pub(crate) api: bool,
    /// Runs jobs.
    pub(crate) worker: bool,
    /// Stands for election, and does the leader's duties.
    pub(crate) scheduler: bool,
}

impl Roles {
    /// All of them: one machine needs no other process.
    pub(crate) const ALL: Self = Self {
        api: true,
        worker: true,
        scheduler: true,
    };
    /// The API alone.
    pub(crate) const API: Self = Self {
        worker: false,
        scheduler: false,
        ..Self::ALL
    };
    /// A worker alone.
    pub(crate) const WORKER: Self = Self {
        api: false,
        scheduler: false,
        ..Self::ALL
    };
    /// A scheduler alone.
    pub(crate) const SCHEDULER: Self = Self {
        api: false,
        worker: false,
        ..Self::ALL
    };
}

impl Roles {
    fn names(self) -> Vec<&'static str> {
        let all = [
            ("api", self.api),
            ("worker", self.worker),
            ("scheduler", self.scheduler),
        ];
        let on = all.into_iter().filter(|(_, on)| *on);
        on.map(|(name, _)| name).collect()
    }

    /// The one role of a process that has one.
    pub(crate) fn only(self) -> Option<&'static str> {
        match self.names()[..] {
            [name] => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(", "))
    }
}
