//! Which layer says what, and how it is told.

use std::{path::PathBuf, time::Duration};

use super::{faults_with, load, variables};
use crate::config::{Config, Flag, Layers, ServedQueue};

#[test]
fn each_layer_is_laid_over_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.toml");
    let file = "[worker]\nname = 'file'\nlease = '1m'\nconcurrency = 7\n";
    std::fs::write(&path, file).unwrap();
    let environment = [
        ("WINDLASS__WORKER__NAME", "environment"),
        ("WINDLASS__WORKER__LEASE", "2m"),
        ("WINDLASS__WORKER__QUEUES", "mail, *"),
    ];
    let layers = Layers {
        file: Some(path.clone()),
        environment: variables(&environment, ""),
        flags: vec![Flag {
            key: "worker.name",
            value: "flag".to_owned(),
            name: "--name",
        }],
    };
    let loaded = layers.load().unwrap();
    let worker = &loaded.config.worker;
    assert_eq!((worker.name.as_str(), worker.concurrency), ("flag", 7));
    assert_eq!(worker.lease, Duration::from_mins(2));
    let queues: Vec<_> = worker.queues.iter().map(ServedQueue::as_str).collect();
    assert_eq!(queues, ["mail", "*"]);
    let origin = |key| loaded.origin(key).unwrap().to_string();
    assert_eq!(origin("worker.name"), "flag --name");
    assert_eq!(
        origin("worker.lease"),
        "environment WINDLASS__WORKER__LEASE"
    );
    assert_eq!(
        origin("worker.concurrency"),
        format!("{} line 4", path.display())
    );
    assert_eq!(origin("worker.poll"), "default");
}

#[test]
fn all_faults_are_told_at_once_each_in_its_place() {
    let file = "[worker]\nconcurency = 5\nlease = 30\nheartbeat = '9s'\n\
                queues = ['a b', 'c', 'c']\n[workers]\n[api]\nlisten = 'localhost'\n\
                [retry]\nmax_attempts = 0\n";
    let environment = [
        ("WINDLASS__LOGS__FORMAT", "jsn"),
        ("WINDLASS__LOGS__FILTR", "info"),
        ("WINDLASS__", "x"),
    ];
    let told = load(file, &environment).map(|_| ()).unwrap_err();
    assert_eq!(
        told,
        r#"the configuration has 10 faults:

  environment WINDLASS__
      has an empty part in its name; it is written WINDLASS__SECTION__KEY

  api.listen  (w.toml line 8)
      "localhost" is no address with a port, such as "127.0.0.1:7400"

  worker.queues[0]  (w.toml line 5)
      "a b" holds ' '; letters, digits, `_` and any of `.-` are allowed

  worker.lease  (w.toml line 3)
      is 30, not a length of time, such as "250ms", "30s" or "1h30m"

  worker.queues  (w.toml line 5)
      names "c" twice

  worker.concurency  (w.toml line 2)
      no such key; did you mean `concurrency`?

  retry.max_attempts  (w.toml line 10)
      is 0; 1 to 1000 is allowed

  logs.format  (environment WINDLASS__LOGS__FORMAT)
      is "jsn"; did you mean `json`?

  logs.filtr  (environment WINDLASS__LOGS__FILTR)
      no such key; did you mean `filter`?

  workers  (w.toml line 6)
      no such key; did you mean `worker`?"#
    );
}

#[test]
fn a_fault_is_data_too() {
    let faults = Layers {
        environment: variables(&[("WINDLASS__WORKER__POLL", "never")], ""),
        ..Layers::default()
    }
    .load()
    .unwrap_err();
    assert_eq!(
        serde_json::to_value(&faults).unwrap(),
        serde_json::json!([{
            "key": "worker.poll",
            "origin": {"layer": "environment", "variable": "WINDLASS__WORKER__POLL"},
            "problem": "\"never\" is not a length of time, such as \"250ms\", \"30s\" or \"1h30m\"",
        }])
    );
}

#[test]
fn sections_are_not_set_as_a_whole_by_the_environment() {
    let told = faults_with(
        "",
        &[("WINDLASS__WORKER", "5"), ("WINDLASS__WORKER__NAME", "x")],
    );
    assert_eq!(
        told,
        [
            "environment WINDLASS__WORKER__NAME: sets a key within \"worker\", which is no table \
             but set by environment WINDLASS__WORKER",
            "worker: is the text \"5\", not a table; set its keys one by one",
        ]
    );
    let sources = [("WINDLASS__RETRY__KINDS", "{ http = { cap = \"1d\" } }")];
    assert_eq!(faults_with("", &sources), [""; 0]);
}

#[test]
fn a_missing_file_is_a_fault_only_when_it_is_named() {
    let layers = Layers {
        file: Some(PathBuf::from("/nonexistent/w.toml")),
        ..Layers::default()
    };
    let told = layers.load().unwrap_err().to_string();
    assert!(
        told.contains("/nonexistent/w.toml\n      cannot be read: "),
        "{told}"
    );
    assert_eq!(Layers::default().load().unwrap().config, Config::default());
}
