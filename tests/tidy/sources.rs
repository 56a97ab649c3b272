//! What every source file keeps to: its size, its first words, its name.

use std::path::Path;

use crate::tree;

/// A file longer than this is no one thing any more.
const MOST_LINES: usize = 600;

/// Names of drawers: they say that something is in them, not what.
const DRAWERS: [&str; 8] = [
    "util", "utils", "common", "helper", "helpers", "types", "models", "core",
];

#[test]
fn no_file_is_too_long() {
    for (path, text) in tree::files(&[".rs"]) {
        let lines = text.lines().count();
        assert!(
            lines <= MOST_LINES,
            "{path} has {lines} lines, more than {MOST_LINES}"
        );
    }
}

#[test]
fn every_file_says_what_lives_in_it() {
    for (path, text) in tree::files(&[".rs"]) {
        let first = text
            .lines()
            .find(|line| !line.starts_with("#!") || line.contains("doc ="));
        let told = first.is_some_and(|line| line.starts_with("//!") || line.starts_with("#![doc"));
        assert!(told, "{path} does not open with a sentence (//!)");
    }
}

#[test]
fn no_module_is_a_drawer() {
    for (path, _) in tree::files(&[".rs"]) {
        let name = Path::new(&path)
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        assert!(!DRAWERS.contains(&name), "{path} is named like a drawer");
        assert_ne!(name, "mod", "{path}: write it beside its folder");
    }
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file does not find itself.
    let marks =
        ["TO", "FIX"].map(|start| start.to_owned() + if start == "TO" { "DO" } else { "ME" });
    let ignored = format!("#[{}", "ignore");
    for (path, text) in tree::files(&[".rs", ".sql", ".sh", ".md"]) {
        for mark in &marks {
            assert!(!text.contains(mark.as_str()), "{path} holds a {mark}");
        }
        assert!(!text.contains(&ignored), "{path} leaves a test out");
    }
}
