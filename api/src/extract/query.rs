//! Parameters by name, every fault at once: those of a query, or those that a body has in common
//! with one.

use shared::job::Invalid;
use std::{borrow::Cow, collections::BTreeSet, str::FromStr};
use url::form_urlencoded;

use super::json::unknown;
use crate::problem::{Faults, Place, Problem};

/// The parameters that nobody has asked for yet, and the faults found so far.
pub(crate) struct Query<'a> {
    left: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    base: Place,
    known: Vec<&'static str>,
    faults: Faults,
}

impl<'a> Query<'a> {
    /// The parameters of a query.
    pub(crate) fn new(query: Option<&'a str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self::of(Place::query(), pairs)
    }

    /// Parameters that stand at `base`.
    pub(crate) fn of(
        base: Place,
        parameters: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
    ) -> Self {
        Self {
            left: parameters.into_iter().collect(),
            base,
            known: Vec::new(),
            faults: Faults::default(),
        }
    }

    /// Takes a parameter that may stand there once, and reads it.
    pub(crate) fn one<T, E: ToString>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let mut values = self.take(name).into_iter();
        let value = values.next()?;
        if values.next().is_some() {
            self.fault(name, "is given twice");
            return None;
        }
        read(&value)
            .map_err(|wrong| self.fault(name, wrong.to_string()))
            .ok()
    }

    /// Takes a parameter that may stand there several times, each a list with commas.
    pub(crate) fn many<T>(&mut self, name: &'static str) -> BTreeSet<T>
    where
        T: FromStr<Err = Invalid> + Ord,
    {
        let values = self.take(name);
        let mut set = BTreeSet::new();
        for text in values.iter().flat_map(|value| value.split(',')) {
            match text.parse() {
                Ok(value) => {
                    set.insert(value);
                }
                Err(Invalid { why, .. }) => self.fault(name, why),
            }
        }
        set
    }

    /// Ends the reading; answers what is wrong, which includes every parameter that nobody asked
    /// for.
    pub(crate) fn into_faults(mut self) -> Faults {
        for (name, _) in std::mem::take(&mut self.left) {
            let why = unknown(&name, &self.known);
            self.fault(&name, why);
        }
        self.faults
    }

    /// Ends the reading of a query.
    ///
    /// # Errors
    /// Whatever is wrong.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        let faults = self.into_faults();
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Problem::validation(faults))
        }
    }

    fn take(&mut self, name: &'static str) -> Vec<Cow<'a, str>> {
        self.known.push(name);
        let taken = self.left.extract_if(.., |(key, _)| key == name);
        taken.map(|(_, value)| value).collect()
    }

    fn fault(&mut self, name: &str, detail: impl Into<String>) {
        self.faults.add(self.base.member(name), detail);
    }
}

/// Reads `true` or `false`.
pub(crate) fn flag(text: &str) -> Result<bool, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is neither true nor false"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::job::{QueueName, State};

    #[test]
    fn parameters_may_be_repeated_or_separated_by_commas() {
        let mut query = Query::new(Some("state=running,dead&state=delayed&queue=a%2Cb"));
        let states: Vec<State> = query.many("state").into_iter().collect();
        assert_eq!(states, [State::Scheduled, State::Running, State::Discarded]);
        assert_eq!(query.many::<QueueName>("queue").len(), 2);
        assert!(query.finish().is_ok());
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let mut query = Query::new(Some("limit=1&limit=2&state=gone,,running&lmit=3&open=%ff"));
        query.one("limit", str::parse::<usize>);
        query.many::<State>("state");
        query.one("open", flag);
        let told = serde_json::to_value(query.into_faults()).unwrap();
        let told: Vec<&str> = told["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| fault["parameter"].as_str().unwrap())
            .collect();
        assert_eq!(told, ["limit", "state", "state", "open", "lmit"]);
    }
}
