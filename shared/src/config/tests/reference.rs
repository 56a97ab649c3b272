//! The reference tells the truth: every key, every default, every example.

use std::{collections::BTreeSet, path::Path, time::Duration};

use super::load_in;
use crate::{
    config::{
        Config, Databox, Destination, Layers, Origin, Pipeline, REFERENCE,
        destinations::{Breaker, Buffer, Wire},
        file,
        live::cold,
        notes::Notes,
        read::Reader,
        tree,
    },
    schedule::{Overlap, Timing},
    secret::Secret,
};

/// The reference with its examples in force, the secrets that they name lying in `folder`.
pub(super) fn examples(folder: &Path) -> String {
    let key = format!("whsec_{}", "YWFh".repeat(8));
    for (name, secret) in [
        ("databox", "t0ken"),
        ("partner", &key),
        ("partner.previous", &key),
    ] {
        std::fs::write(folder.join(name), format!("{secret}\r\n")).unwrap();
    }
    let mut text = String::new();
    let mut within = false;
    for line in REFERENCE.lines() {
        within = line.starts_with('#') && (within || line.starts_with("#   ["));
        let line = if within {
            line.trim_start_matches('#')
        } else {
            line
        };
        text.push_str(&line.replace("/run/secrets", "DIR"));
        text.push('\n');
    }
    text
}

#[test]
fn the_reference_is_the_default() {
    assert_eq!(Layers::default().load().unwrap().config, Config::default());
}

#[test]
fn the_examples_load_and_show_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let loaded = load_in(folder.path(), &examples(folder.path()), &[]);
    let config = loaded.unwrap_or_else(|told| panic!("{told}")).config;
    let Destination::Databox(databox) = &config.destinations["databox"] else {
        panic!("{config:?}");
    };
    assert_eq!(databox.token, Secret::new("t0ken"));
    assert_eq!(databox.url.to_string(), format!("{}/", Databox::URL));
    assert_eq!(databox.wire, Wire::default());
    assert_eq!(databox.buffer, Buffer::default());
    assert_eq!(databox.breaker, Breaker::default());
    let pipeline = &config.pipelines["economy"];
    let timing = pipeline.timing.clone().unwrap();
    let default = Timing {
        overlap: Overlap::Skip,
        ..Timing::new(timing.when.clone())
    };
    assert_eq!(timing, default);
    assert_eq!(pipeline.timeout, Pipeline::TIMEOUT);
    assert_eq!(pipeline.max_attempts, Pipeline::ATTEMPTS);
    let jitter = config.schedules["nightly-report"].timing.jitter;
    assert_eq!(jitter, Duration::from_secs(30));
    assert_eq!((config.retry.kinds.len(), config.sources.len()), (1, 2));
}

#[test]
fn every_key_that_is_read_stands_in_the_reference() {
    let folder = tempfile::tempdir().unwrap();
    let tree = file::parse(&examples(folder.path()), &|_| Origin::Default).unwrap();
    let notes = Notes::new(tree::origins(&tree), None);
    Reader::read(&tree, &notes, Config::read);
    let paths = tree::origins(&tree).into_keys();
    let written: BTreeSet<String> = paths.map(|path| form(&path)).collect();
    let known = notes.known();
    assert!(known.len() > 90, "{} keys", known.len());
    for key in known {
        // A key that excludes another stands there as a comment, or as a variable.
        let name = key.rsplit('.').next().unwrap();
        let comment = format!("#   # {name} = ");
        let variable = format!("__{}", name.to_uppercase());
        // A table of free names stands there as its heading.
        let heading = key.strip_suffix(".*").map(|table| format!("\n[{table}]"));
        let told = written.contains(&key)
            || REFERENCE.contains(&comment)
            || REFERENCE.contains(&variable)
            || heading.is_some_and(|heading| REFERENCE.contains(&heading));
        assert!(told, "{key} does not stand in the reference");
    }
}

/// A path with `*` for the names that people choose, and without indexes.
fn form(path: &str) -> String {
    let mut parts: Vec<&str> = path.split('.').collect();
    let named = match parts.as_slice() {
        ["retry", "kinds", _, ..] => 2,
        [
            "schedules" | "sources" | "destinations" | "pipelines",
            _,
            ..,
        ] => 1,
        _ => parts.len(),
    };
    if let Some(part) = parts.get_mut(named) {
        *part = "*";
    }
    let chosen = |before: &str| ["headers", "select", "computed"].contains(&before);
    if let [.., before, last] = parts.as_mut_slice()
        && chosen(before)
    {
        *last = "*";
    }
    let plain = parts
        .iter()
        .map(|part| part.split('[').next().unwrap_or(part));
    plain.collect::<Vec<_>>().join(".")
}

#[test]
fn what_needs_a_restart_says_so() {
    for key in cold::KEYS {
        let (section, field) = key.split_once('.').unwrap();
        let heading = format!("[{section}]");
        let (above, within) = REFERENCE.split_once(&heading).unwrap();
        let comment = |text: &str| {
            let lines = text.lines().rev().skip_while(|line| line.is_empty());
            lines
                .take_while(|line| line.starts_with('#'))
                .any(|line| line.contains("restart"))
        };
        // A secret stands there as the file that holds it.
        let lines = [
            format!("\n{field} = "),
            format!("\n#   # {field}_file = "),
            format!("\n[{section}.{field}]"),
        ];
        let mut found = lines.iter().filter_map(|line| within.split_once(line));
        let (before, _) = found.next().unwrap();
        assert!(comment(above) || comment(before), "{key}");
    }
}

#[test]
fn lines_of_the_reference_are_short() {
    for line in REFERENCE.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}
