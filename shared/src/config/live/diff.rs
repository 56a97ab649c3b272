//! What differs between two configurations, by key.

use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

use crate::config::{Config, origin::join};

/// The keys whose values differ, sorted. A destination in which only a secret differs is told as
/// a whole.
pub(super) fn changed_keys(old: &Config, new: &Config) -> Vec<String> {
    let (before, after) = (leaves(old), leaves(new));
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut changed: BTreeSet<String> = keys
        .into_iter()
        .filter(|key| before.get(*key) != after.get(*key))
        .cloned()
        .collect();
    let secret = |section: &str, name: &str| {
        let path = join(section, name);
        let within = format!("{path}.");
        let told = changed.iter().any(|key| key.starts_with(&within));
        (!told).then(|| format!("{path} (a secret)"))
    };
    let destinations = new.destinations.iter().filter_map(|(name, now)| {
        let then = old.destinations.get(name)?;
        (then != now).then(|| secret("destinations", name.as_str()))?
    });
    let sources = new.sources.iter().filter_map(|(name, now)| {
        let then = old.sources.get(name)?;
        (then != now).then(|| secret("sources", name.as_str()))?
    });
    let secrets: Vec<String> = destinations.chain(sources).collect();
    changed.extend(secrets);
    changed.into_iter().collect()
}

fn leaves(config: &Config) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    // Both were read from TOML; if one could not be written, no key would be told.
    flatten("", &Table::try_from(config).unwrap_or_default(), &mut found);
    found
}

fn flatten(path: &str, table: &Table, found: &mut BTreeMap<String, Value>) {
    for (key, value) in table {
        let path = join(path, key);
        match value {
            Value::Table(inner) => flatten(&path, inner, found),
            _ => {
                found.insert(path, value.clone());
            }
        }
    }
}
