//! Which queues there are, as far as this process knows.

use arc_swap::{ArcSwap, Guard};
use shared::job::QueueName;
use std::{collections::HashSet, sync::Arc};

#[derive(Default)]
pub(crate) struct Queues(ArcSwap<Known>);

/// What is known at one moment.
#[derive(Debug, Default, Clone)]
pub(crate) struct Known {
    pub(crate) names: Vec<QueueName>,
    set: HashSet<QueueName>,
}

impl Queues {
    pub(crate) fn known(&self) -> Guard<Arc<Known>> {
        self.0.load()
    }

    /// Knows one more, by a hint.
    pub(crate) fn add(&self, name: &QueueName) {
        if !self.0.load().set.contains(name) {
            self.0.rcu(|known| known.with([name.clone()]));
        }
    }

    /// Takes the store's answer, and what was added since the question ([`Queues::known`] was
    /// `before`): it may have come too late for the answer. Answers whether any is new.
    pub(crate) fn replace(&self, before: &Known, names: Vec<QueueName>) -> bool {
        let answer = Known::default().with(names);
        let old = self.0.rcu(|known| {
            let since = known
                .names
                .iter()
                .filter(|name| !before.set.contains(*name));
            answer.with(since.cloned())
        });
        !answer.set.is_subset(&old.set)
    }
}

impl Known {
    fn with(&self, more: impl IntoIterator<Item = QueueName>) -> Self {
        let mut all = self.clone();
        for name in more {
            if all.set.insert(name.clone()) {
                all.names.push(name);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> QueueName {
        QueueName::new(text).unwrap()
    }

    #[test]
    fn an_answer_takes_the_place_of_what_was_known_but_not_of_what_was_hinted_at_meanwhile() {
        let queues = Queues::default();
        assert!(queues.replace(&queues.known().clone(), vec![name("a"), name("b")]));
        let before = queues.known().clone();
        queues.add(&name("c"));
        queues.add(&name("c"));
        assert!(!queues.replace(&before, vec![name("a")]));
        assert_eq!(queues.known().names, [name("a"), name("c")]);
        assert!(!queues.replace(&queues.known().clone(), vec![name("a")]));
        assert_eq!(queues.known().names, [name("a")]);
    }
}
