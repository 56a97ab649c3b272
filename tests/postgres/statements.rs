//! Every statement file and every function of the schema: that they fit the tables, and that
//! somebody uses them.

use shared::store::postgres::sqlx::{AssertSqlSafe, Executor, Row, SqlSafeStr as _, query};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::place::Place;

/// What people call themselves; `docs/ENQUEUE_FROM_SQL.md`.
const FOR_PEOPLE: [&str; 3] = ["enqueue", "enqueue_many", "try_enqueue"];

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/src/store/postgres")
}

/// The text of every statement file by its name.
fn statements() -> BTreeMap<String, String> {
    let files = fs::read_dir(sources().join("sql")).unwrap();
    let texts = files.map(|file| {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, fs::read_to_string(path).unwrap())
    });
    texts.collect()
}

/// The code of the store, all of it.
fn code(folder: &Path) -> String {
    let mut found = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.push_str(&code(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push_str(&fs::read_to_string(path).unwrap());
        }
    }
    found
}

#[tokio::test]
async fn every_statement_fits_the_schema() {
    let place = Place::new().await;
    let mut connection = place.connect().await;
    let mut wrong = Vec::new();
    for (name, text) in statements() {
        let text = AssertSqlSafe(text).into_sql_str();
        if let Err(refused) = connection.prepare(text).await {
            wrong.push(format!("{name}: {refused}"));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn no_statement_is_left_behind() {
    let door = fs::read_to_string(sources().with_extension("rs")).unwrap();
    let code = door + &code(&sources());
    for name in statements().keys() {
        let used = code.contains(&format!("sql/{name}\""));
        assert!(used, "nobody uses {name}");
    }
}

#[tokio::test]
async fn no_function_is_left_behind() {
    let place = Place::new().await;
    let mut connection = place.connect().await;
    let functions = query(
        "select proname::text, prosrc from pg_proc \
         where pronamespace = 'windlass'::regnamespace",
    );
    let functions = functions.fetch_all(&mut connection).await.unwrap();
    let functions: Vec<(String, String)> = functions
        .iter()
        .map(|function| (function.get(0), function.get(1)))
        .collect();
    let statements: String = statements().into_values().collect();
    assert!(functions.len() > FOR_PEOPLE.len());
    for (name, _) in &functions {
        let call = format!("windlass.{name}(");
        let others = functions.iter().filter(|(other, _)| other != name);
        let used = FOR_PEOPLE.contains(&&**name)
            || statements.contains(&call)
            || others.into_iter().any(|(_, body)| body.contains(&call));
        assert!(used, "nobody calls {name}");
    }
}
