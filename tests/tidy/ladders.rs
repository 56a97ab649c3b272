//! Migrations: one ladder per store, numbered without gaps.

use std::{collections::BTreeMap, fs};

use crate::tree;

fn ladders() -> BTreeMap<String, Vec<String>> {
    let mut ladders = BTreeMap::new();
    for store in fs::read_dir(tree::root().join("migrations")).expect("migrations are there") {
        let store = store.expect("migrations are there").path();
        if !store.is_dir() {
            continue;
        }
        let names = fs::read_dir(&store).expect("a ladder is there").flatten();
        let mut steps: Vec<String> = names
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| name.starts_with(|c: char| c.is_ascii_digit()))
            .collect();
        steps.sort();
        ladders.insert(store.display().to_string(), steps);
    }
    ladders
}

#[test]
fn the_ladders_are_numbered_without_gaps() {
    let ladders = ladders();
    assert!(!ladders.is_empty());
    for (store, steps) in &ladders {
        for (at, step) in steps.iter().enumerate() {
            let number = format!("{:04}_", at + 1);
            assert!(
                step.starts_with(&number),
                "{store}: {step} is not number {}",
                at + 1
            );
        }
    }
}
