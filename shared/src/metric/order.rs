//! In which order computed metrics are computed: each after those that it needs.

use std::collections::{BTreeMap, BTreeSet};

use super::{Expression, MetricKey};

/// Metrics that need each other in a circle: the first is told again at the end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub struct Cycle(pub Vec<MetricKey>);

impl Cycle {
    fn text(&self) -> String {
        let keys: Vec<&str> = self.0.iter().map(MetricKey::as_str).collect();
        format!("needs itself: {}", keys.join(" -> "))
    }
}

/// The keys of `computed`, each after those that it needs. Metrics that are not computed count as
/// known.
///
/// # Errors
/// [`Cycle`] when there is no such order.
pub fn in_order(computed: &BTreeMap<MetricKey, Expression>) -> Result<Vec<MetricKey>, Cycle> {
    let needs = |key: &MetricKey| -> Vec<&MetricKey> {
        let variables = computed.get(key).map(Expression::variables);
        let variables = variables.into_iter().flatten();
        variables
            .filter(|key| computed.contains_key(*key))
            .collect()
    };
    let mut open: BTreeMap<&MetricKey, usize> = BTreeMap::new();
    let mut needed_by: BTreeMap<&MetricKey, Vec<&MetricKey>> = BTreeMap::new();
    for key in computed.keys() {
        open.insert(key, needs(key).len());
        for need in needs(key) {
            needed_by.entry(need).or_default().push(key);
        }
    }
    let mut ready: BTreeSet<&MetricKey> = open
        .iter()
        .filter(|(_, count)| **count == 0)
        .map(|(key, _)| *key)
        .collect();
    let mut order = Vec::new();
    while let Some(key) = ready.pop_first() {
        open.remove(key);
        order.push(key.clone());
        for waiting in needed_by.get(key).into_iter().flatten() {
            if let Some(count) = open.get_mut(waiting) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(waiting);
                }
            }
        }
    }
    match open.keys().next() {
        None => Ok(order),
        Some(start) => Err(cycle(start, &|key| {
            needs(key).into_iter().find(|need| open.contains_key(need))
        })),
    }
}

/// Follows `next` from `start` until a key comes again.
fn cycle<'k>(start: &'k MetricKey, next: &dyn Fn(&'k MetricKey) -> Option<&'k MetricKey>) -> Cycle {
    let mut walked = vec![start];
    while let Some(key) = walked.last().and_then(|key| next(key)) {
        let seen = walked.iter().position(|earlier| *earlier == key);
        walked.push(key);
        if let Some(seen) = seen {
            return Cycle(walked.split_off(seen).into_iter().cloned().collect());
        }
    }
    Cycle(walked.into_iter().cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(computed: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let computed = computed
            .iter()
            .map(|(key, text)| (key.parse().unwrap(), Expression::parse(text).unwrap()))
            .collect();
        match in_order(&computed) {
            Ok(order) => Ok(order.into_iter().map(String::from).collect()),
            Err(cycle) => Err(cycle.to_string()),
        }
    }

    #[test]
    fn each_comes_after_what_it_needs() {
        let told = order(&[
            ("a", "b + c * c"),
            ("b", "c + x"),
            ("c", "x - y"),
            ("d", "1"),
        ]);
        assert_eq!(told.unwrap(), ["c", "b", "a", "d"]);
        assert_eq!(order(&[]).unwrap(), [""; 0]);
    }

    #[test]
    fn circles_are_told_step_by_step() {
        assert_eq!(
            order(&[("a", "a + 1")]).unwrap_err(),
            "needs itself: a -> a"
        );
        assert_eq!(
            order(&[
                ("a", "b"),
                ("b", "c"),
                ("c", "d + x"),
                ("d", "b"),
                ("x", "y")
            ])
            .unwrap_err(),
            "needs itself: b -> c -> d -> b"
        );
    }

    #[test]
    fn a_long_chain_does_not_overflow() {
        let chain: Vec<(String, String)> = (0..5_000)
            .map(|n| (format!("k{n}"), format!("k{} + 1", n + 1)))
            .collect();
        let chain: Vec<(&str, &str)> = chain
            .iter()
            .map(|(key, text)| (key.as_str(), text.as_str()))
            .collect();
        assert_eq!(order(&chain).unwrap().len(), 5_000);
    }
}
