//! Who may depend on whom: `cli -> {api, worker, scheduler} -> shared`, and nothing else.

use std::collections::BTreeMap;

use crate::tree;

/// Each package, its folder, and which of ours it may depend on, for its tests too.
const ARROWS: [(&str, &str, &[&str]); 7] = [
    ("windlass-shared", "shared", &[]),
    ("windlass-worker", "worker", &["windlass-shared"]),
    ("windlass-scheduler", "scheduler", &["windlass-shared"]),
    ("windlass-api", "api", &["windlass-shared"]),
    (
        "windlass",
        "cli",
        &[
            "windlass-api",
            "windlass-scheduler",
            "windlass-shared",
            "windlass-tests",
            "windlass-worker",
        ],
    ),
    (
        "windlass-tests",
        "tests",
        &[
            "windlass",
            "windlass-api",
            "windlass-scheduler",
            "windlass-shared",
            "windlass-worker",
        ],
    ),
    (
        "windlass-bench",
        "bench",
        &["windlass-shared", "windlass-worker"],
    ),
];

fn manifest(path: &str) -> toml::Table {
    let text = std::fs::read_to_string(tree::root().join(path)).expect("a manifest can be read");
    text.parse().expect("a manifest is TOML")
}

/// The names that the workspace gives to our packages: `shared` is `windlass-shared`.
fn nicknames() -> BTreeMap<String, String> {
    let workspace = manifest("Cargo.toml");
    let dependencies = workspace["workspace"]["dependencies"]
        .as_table()
        .expect("a table")
        .clone();
    dependencies
        .into_iter()
        .filter(|(_, value)| value.get("path").is_some())
        .map(|(name, value)| {
            let package = value
                .get("package")
                .and_then(toml::Value::as_str)
                .unwrap_or(&name);
            (name.clone(), package.to_owned())
        })
        .collect()
}

#[test]
fn no_arrow_but_the_ones_of_the_house() {
    let nicknames = nicknames();
    for (package, folder, allowed) in ARROWS {
        let manifest = manifest(&format!("{folder}/Cargo.toml"));
        assert_eq!(
            manifest["package"]["name"].as_str(),
            Some(package),
            "{folder}"
        );
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(dependencies) = manifest.get(section).and_then(toml::Value::as_table) else {
                continue;
            };
            for (name, value) in dependencies {
                assert!(
                    value.get("path").is_none() && value.get("workspace").is_some(),
                    "{folder}: {name} is declared here; it belongs into the workspace's manifest",
                );
                if let Some(ours) = nicknames.get(name) {
                    assert!(
                        ours != "windlass-tests" || section == "dev-dependencies",
                        "{package} is built with the tests' harness",
                    );
                    assert!(
                        allowed.contains(&ours.as_str()),
                        "{package} depends on {ours} ({section}); the arrows are \
                         cli -> {{api, worker, scheduler}} -> shared",
                    );
                }
            }
        }
    }
}

#[test]
fn every_member_is_known_here() {
    let workspace = manifest("Cargo.toml");
    let members = workspace["workspace"]["members"]
        .as_array()
        .expect("a list")
        .clone();
    let mut members: Vec<&str> = members.iter().filter_map(toml::Value::as_str).collect();
    members.sort_unstable();
    let mut known: Vec<&str> = ARROWS.iter().map(|(_, folder, _)| *folder).collect();
    known.sort_unstable();
    assert_eq!(members, known);
}
