//! Every statement file: that it is used, that it fits the schema, and how it is carried out.

use rusqlite::Connection;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    clock::Timestamp,
    store::sqlite::{connection, migrate},
};

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/sqlite")
}

/// The text of every statement file by its name.
fn statements() -> BTreeMap<String, String> {
    fs::read_dir(here().join("sql"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

fn sources(dir: &Path, found: &mut String) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

fn migrated() -> (tempfile::TempDir, Connection) {
    let dir = tempfile::tempdir().unwrap();
    let connection = connection::writer(&dir.path().join("jobs.db")).unwrap();
    migrate::up(&connection, Timestamp::default(), false).unwrap();
    (dir, connection)
}

/// The steps by which a statement is carried out.
fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection
        .prepare(&format!("explain query plan {sql}"))
        .unwrap();
    let parameters = statement.parameter_count();
    let nulls = std::iter::repeat_n(None::<i64>, parameters);
    let steps = statement
        .query_map(rusqlite::params_from_iter(nulls), |row| row.get(3))
        .unwrap();
    steps.map(|step| step.unwrap()).collect()
}

#[test]
fn every_statement_fits_the_schema_and_says_what_it_is_for() {
    let (_dir, connection) = migrated();
    for (name, sql) in statements() {
        if let Err(error) = connection.prepare(&sql) {
            panic!("{name}: {error}");
        }
        assert!(sql.starts_with("-- "), "{name} has no heading");
        let parameters = connection.prepare(&sql).unwrap().parameter_count();
        let heading: String = sql
            .lines()
            .take_while(|line| line.starts_with("--"))
            .collect();
        for number in 1..=parameters {
            let parameter = format!("?{number}");
            assert!(
                heading.contains(&parameter),
                "{name} does not explain {parameter}"
            );
        }
    }
}

#[test]
fn no_statement_is_left_behind() {
    let mut code = String::new();
    sources(&here(), &mut code);
    for name in statements().keys() {
        let used = code.contains(&format!("sql/{name}.sql\""));
        assert!(used, "nobody uses {name}.sql");
    }
}

/// Statements that may sort.
const SORTED: [&str; 6] = [
    "claim_repeat",
    "lease_of_worker",
    "promote_count",
    "promote_ready",
    "receipt_list",
    "worker_list",
];

/// Tables that grow with the number of jobs or entries.
const LARGE: [&str; 16] = [
    "job",
    "ready",
    "put_off",
    "handed_back",
    "scheduled",
    "finished",
    "finished_run",
    "ended",
    "result",
    "progress",
    "attempt_error",
    "cancel_request",
    "job_tag",
    "unique_key",
    "buffer_entry",
    "receipt",
];

#[test]
fn no_statement_looks_through_a_large_table_or_sorts_it() {
    let (_dir, connection) = migrated();
    for (name, sql) in statements() {
        for step in plan(&connection, &sql) {
            let scanned = step
                .strip_prefix("SCAN ")
                .and_then(|rest| rest.split(' ').next());
            // To walk along an index in its order and stop is no scan that anybody minds.
            let in_order = step.contains("USING") && sql.contains("limit");
            let large = scanned.is_some_and(|table| LARGE.contains(&table));
            assert!(!large || in_order, "{name}: {step}");
            // Sorting is for what is few: what one worker holds, the entries of one job, and what
            // one step takes of a table that it reads in order.
            let sorts = step.contains("TEMP B-TREE") && !SORTED.contains(&&*name);
            assert!(!sorts, "{name}: {step}");
        }
    }
}

/// What is done for every job or at every poll, and how.
const HOT: [(&str, &[&str]); 16] = [
    (
        "claim_read",
        &[
            "SEARCH ready USING PRIMARY KEY (queue=?)",
            "SEARCH job USING INTEGER PRIMARY KEY (rowid=?)",
        ],
    ),
    (
        "claim_lease",
        &["SEARCH ready USING PRIMARY KEY (queue=? AND (priority,place)<(?,?))"],
    ),
    (
        "claim_unready",
        &["SEARCH ready USING PRIMARY KEY (queue=? AND (priority,place)<(?,?))"],
    ),
    ("ready_any", &["SEARCH ready USING PRIMARY KEY (queue=?)"]),
    (
        "ready_insert_new",
        &["SEARCH job USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"],
    ),
    (
        "ready_lane",
        &[
            "SEARCH ready USING PRIMARY KEY ((queue,priority)>(?,?))",
            "SEARCH job USING INTEGER PRIMARY KEY (rowid=?)",
        ],
    ),
    (
        "complete_read",
        &[
            "SEARCH lease USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
            "SEARCH job USING INTEGER PRIMARY KEY (rowid=?)",
        ],
    ),
    (
        "complete_finish",
        &["SEARCH lease USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"],
    ),
    (
        "complete_unlease",
        &["SEARCH lease USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"],
    ),
    (
        "lease_get",
        &[
            "SEARCH lease USING INTEGER PRIMARY KEY (rowid=?)",
            "SEARCH job USING INTEGER PRIMARY KEY (rowid=?)",
        ],
    ),
    (
        "job_seq",
        &["SEARCH job USING COVERING INDEX sqlite_autoindex_job_1 (id=?)"],
    ),
    (
        "scheduled_next",
        &["SEARCH scheduled USING COVERING INDEX scheduled_by_due"],
    ),
    (
        "prune_finished_runs",
        &["SEARCH finished_run USING PRIMARY KEY (ended_at<?)"],
    ),
    (
        "prune_ended_any",
        &["SEARCH ended USING COVERING INDEX ended_by_time (state=? AND ended_at<?)"],
    ),
    (
        "unique_key_holder",
        &["SEARCH unique_key USING PRIMARY KEY (queue=? AND kind=? AND key=?)"],
    ),
    (
        "entry_peek",
        &["SEARCH buffer_entry USING INDEX buffer_entry_by_destination (destination=?)"],
    ),
];

#[test]
fn hot_statements_use_the_indexes_they_were_written_for() {
    let (_dir, connection) = migrated();
    let statements = statements();
    for (name, expected) in HOT {
        let steps = plan(&connection, &statements[name]);
        for step in expected {
            assert!(steps.iter().any(|s| s == step), "{name}: {steps:#?}");
        }
    }
    let summary = plan(&connection, &statements["job_summary"]);
    let put_off = summary.iter().find(|step| step.contains("put_off"));
    assert!(
        put_off.is_some_and(|step| step.contains("INDEX ready_put_off (seq=?)")),
        "{summary:#?}"
    );
}

#[test]
fn no_statement_is_planned_anew_for_other_values() {
    let (_dir, connection) = migrated();
    for (name, sql) in statements() {
        let mut statement = connection.prepare(&sql).unwrap();
        if !statement.readonly() {
            continue;
        }
        for value in [1_i64, 70_000, 2] {
            let values = std::iter::repeat_n(value, statement.parameter_count());
            let mut rows = statement.query(rusqlite::params_from_iter(values)).unwrap();
            while rows.next().unwrap().is_some() {}
        }
        let again = statement.get_status(rusqlite::StatementStatus::RePrepare);
        assert_eq!(again, 0, "{name}");
    }
}
