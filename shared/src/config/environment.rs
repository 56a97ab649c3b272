//! The layers of the environment and the flags: names to places in the tree.
//!
//! `WINDLASS__DESTINATIONS__MY_SHOP__TOKEN` stands for `destinations.my-shop.token`. Names that
//! people choose may hold letters that the environment does not know, so a part of the name is
//! compared with what earlier layers hold, every such letter standing as `_`; a part that fits
//! nothing is taken in lower case.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
};

use super::{
    fault::{Fault, excerpt},
    origin::Origin,
    tree::{Node, Table, Value},
};
use crate::store::redacted_url;

/// What the names of our variables begin with.
const PREFIX: &str = "WINDLASS__";

/// Most parts of a name: the tree is walked by functions that call themselves.
const DEEPEST: usize = 16;

/// One setting from the command line.
#[derive(Clone, PartialEq, Eq)]
pub struct Flag {
    /// The key it sets: `api.listen`.
    pub key: &'static str,
    /// What it says.
    pub value: String,
    /// The flag as people write it: `--listen`.
    pub name: &'static str,
}

impl fmt::Debug for Flag {
    /// Without a password, which the address of a store may hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flag")
            .field("key", &self.key)
            .field("value", &redacted_url(&self.value))
            .field("name", &self.name)
            .finish()
    }
}

/// Lays the environment's values over `tree`.
pub(super) fn apply(tree: &mut Table, variables: &[(OsString, OsString)], faults: &mut Vec<Fault>) {
    // The order of the environment means nothing; sorted, a fault is told the same way each time.
    let ours: BTreeMap<&OsStr, &OsStr> = variables
        .iter()
        .filter(|(name, _)| name.to_string_lossy().starts_with(PREFIX))
        .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
        .collect();
    for (name, value) in ours {
        if let Err(problem) = apply_one(tree, name, value) {
            faults.push(Fault {
                key: String::new(),
                origin: Some(Origin::Environment {
                    variable: excerpt(&name.to_string_lossy()),
                }),
                problem,
            });
        }
    }
}

fn apply_one(tree: &mut Table, name: &OsStr, value: &OsStr) -> Result<(), String> {
    let name = name.to_str().ok_or("has a name that is not UTF-8")?;
    let value = value.to_str().ok_or("has a value that is not UTF-8")?;
    let path = resolve(tree, name.strip_prefix(PREFIX).unwrap_or_default())?;
    let origin = Origin::Environment {
        variable: name.to_owned(),
    };
    insert(tree, &path, value, &origin)
}

/// Lays the flags' values over `tree`.
pub(super) fn apply_flags(tree: &mut Table, flags: &[Flag], faults: &mut Vec<Fault>) {
    for flag in flags {
        let origin = Origin::Flag {
            flag: flag.name.to_owned(),
        };
        let path: Vec<String> = flag.key.split('.').map(str::to_owned).collect();
        if let Err(problem) = insert(tree, &path, &flag.value, &origin) {
            faults.push(Fault {
                key: flag.key.to_owned(),
                origin: Some(origin),
                problem,
            });
        }
    }
}

/// The place that the rest of a variable's name stands for.
fn resolve(tree: &Table, name: &str) -> Result<Vec<String>, String> {
    let mut path: Vec<String> = Vec::new();
    let mut table = Some(tree);
    let mut rest = Some(name);
    while let Some(name) = rest {
        let (key, after) = part(table, name)?;
        if key.is_empty() {
            return Err(
                "has an empty part in its name; it is written WINDLASS__SECTION__KEY".into(),
            );
        }
        table = match table
            .and_then(|table| table.get(&key))
            .map(|node| &node.value)
        {
            Some(Value::Table(inner)) => Some(inner),
            _ => None,
        };
        path.push(key);
        rest = after;
        if path.len() > DEEPEST {
            return Err("has more parts in its name than any key".to_owned());
        }
    }
    Ok(path)
}

/// The first key in `name`, and what follows it.
fn part<'n>(table: Option<&Table>, name: &'n str) -> Result<(String, Option<&'n str>), String> {
    let mut found: Option<(&String, Option<&str>)> = None;
    for key in table.into_iter().flat_map(Table::keys) {
        let written = written(key);
        let after = match name.strip_prefix(written.as_str()) {
            Some("") => None,
            Some(rest) => match rest.strip_prefix("__") {
                Some(after) => Some(after),
                None => continue,
            },
            None => continue,
        };
        // A kind such as `Billing::Invoice` holds the separator itself: the longest key wins.
        match found {
            Some((other, _)) if self::written(other) == written => {
                return Err(format!("may mean {other:?} or {key:?}; set it in the file"));
            }
            Some((other, _)) if other.len() > key.len() => {}
            _ => found = Some((key, after)),
        }
    }
    Ok(match found {
        Some((key, after)) => (key.clone(), after),
        None => match name.split_once("__") {
            Some((key, after)) => (key.to_lowercase(), Some(after)),
            None => (name.to_lowercase(), None),
        },
    })
}

/// A key as the environment writes it.
fn written(key: &str) -> String {
    key.chars()
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() => c.to_ascii_uppercase(),
            _ => '_',
        })
        .collect()
}

/// Puts a value at a place, making the tables on the way.
pub(super) fn insert(
    table: &mut Table,
    path: &[String],
    value: &str,
    origin: &Origin,
) -> Result<(), String> {
    let Some((key, deeper)) = path.split_first() else {
        return Ok(());
    };
    let node = |value| Node {
        origin: origin.clone(),
        value,
    };
    if deeper.is_empty() {
        if matches!(origin, Origin::Environment { .. })
            && let Some(other) = table.get(key).map(|node| &node.origin)
            && let Origin::Environment { variable } = other
            && variable.starts_with(PREFIX)
        {
            return Err(format!("sets what {other} has set already"));
        }
        table.insert(key.clone(), node(Value::Raw(value.to_owned())));
        return Ok(());
    }
    let inner = table
        .entry(key.clone())
        .or_insert_with(|| node(Value::Table(Table::new())));
    match &mut inner.value {
        Value::Table(inner) => insert(inner, deeper, value, origin),
        _ => Err(format!(
            "sets a key within {key:?}, which is no table but set by {}",
            inner.origin
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{file, tree};
    use proptest::prelude::*;
    use std::os::unix::ffi::OsStringExt;

    fn applied(file: &str, variables: &[(&str, &str)]) -> (serde_json::Value, Vec<String>) {
        let mut table = file::parse(file, &|_| Origin::Default).unwrap();
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .collect();
        let mut faults = Vec::new();
        apply(&mut table, &variables, &mut faults);
        let node = Node {
            origin: Origin::Default,
            value: Value::Table(table),
        };
        (
            node.json().unwrap(),
            faults.iter().map(ToString::to_string).collect(),
        )
    }

    #[test]
    fn names_find_their_keys() {
        let file = "[worker]\nname = ''\n[sources.my-shop]\n[sources.\"a.b\"]\n\
                    [retry.kinds.\"Billing::Invoice\"]";
        let (tree, faults) = applied(
            file,
            &[
                ("WINDLASS__WORKER__NAME", "north"),
                ("WINDLASS__SOURCES__MY_SHOP__URL", "u"),
                ("WINDLASS__SOURCES__A_B__URL", "v"),
                ("WINDLASS__SOURCES__NEW__URL", "w"),
                ("WINDLASS__RETRY__KINDS__BILLING__INVOICE__CAP", "1m"),
                ("WINDLASS__RETRY__MAX_ATTEMPTS", "3"),
                ("WINDLASS_LOG", "not ours"),
                ("windlass__worker__name", "not ours"),
            ],
        );
        assert_eq!(faults, [""; 0]);
        assert_eq!(
            tree,
            serde_json::json!({
                "worker": {"name": "north"},
                "sources": {"my-shop": {"url": "u"}, "a.b": {"url": "v"}, "new": {"url": "w"}},
                "retry": {"kinds": {"Billing::Invoice": {"cap": "1m"}}, "max_attempts": 3},
            })
        );
    }

    #[test]
    fn odd_names_are_refused_by_name() {
        for (name, reason) in [
            ("WINDLASS__", "empty part"),
            ("WINDLASS____X", "empty part"),
            ("WINDLASS__WORKER__", "empty part"),
            (&format!("WINDLASS__{}", "A__".repeat(30_000)), "more parts"),
            ("WINDLASS__WORKER__NAME__X", "which is no table"),
            ("WINDLASS__SOURCES__A_B__URL", "may mean"),
        ] {
            let file = "[worker]\nname = ''\n[sources.a-b]\n[sources.\"a.b\"]";
            let (_, faults) = applied(file, &[(name, "1")]);
            assert_eq!(faults.len(), 1, "{name}");
            assert!(
                faults[0].contains(&excerpt(name)) && faults[0].contains(reason),
                "{faults:?}"
            );
        }
    }

    #[test]
    fn one_key_is_set_by_one_variable() {
        let twice = [
            ("WINDLASS__WORKER__NAME", "a"),
            ("WINDLASS__worker__name", "b"),
        ];
        let (tree, faults) = applied("", &twice);
        assert_eq!(tree["worker"]["name"], "a");
        assert!(faults[0].contains("has set already"), "{faults:?}");
    }

    #[test]
    fn values_that_are_no_text_are_refused() {
        let bad = OsString::from_vec(vec![0xff]);
        let mut name = OsString::from("WINDLASS__X");
        name.push(&bad);
        let mut faults = Vec::new();
        let variables = [
            ("WINDLASS__WORKER__NAME".into(), bad.clone()),
            (name, "1".into()),
        ];
        apply(&mut Table::new(), &variables, &mut faults);
        assert_eq!(faults.len(), 2);
        assert!(
            faults
                .iter()
                .all(|fault| fault.problem.contains("not UTF-8"))
        );
    }

    #[test]
    fn a_flag_is_laid_over_the_environment() {
        let mut table = Table::new();
        let variables = [("WINDLASS__API__LISTEN".into(), "a".into())];
        apply(&mut table, &variables, &mut Vec::new());
        let mut faults = Vec::new();
        let flag = |key, value: &str| Flag {
            key,
            value: value.to_owned(),
            name: "--listen",
        };
        apply_flags(
            &mut table,
            &[flag("api.listen", "b"), flag("api.listen.x", "c")],
            &mut faults,
        );
        assert_eq!(
            tree::origins(&table)["api.listen"].to_string(),
            "flag --listen"
        );
        assert!(faults[0].to_string().contains("no table"), "{faults:?}");
    }

    proptest! {
        #[test]
        fn no_name_panics(name in "(WINDLASS|_|[A-Z]|\\PC){0,20}", value in "\\PC{0,10}") {
            let mut table = file::parse("[a-b]\n[a.b]\nc = 1", &|_| Origin::Default).unwrap();
            let name = format!("{PREFIX}{name}");
            apply(&mut table, &[(name.into(), value.into())], &mut Vec::new());
        }
    }
}
