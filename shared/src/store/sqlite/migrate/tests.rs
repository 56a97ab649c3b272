//! The ladder against the directory and its dump, against itself, and against files of other
//! versions.

use super::*;
use crate::store::{Error, sqlite::connection};
use std::path::Path;
use tempfile::TempDir;

const NOW: Timestamp = Timestamp::from_micros(1_000_000);

fn empty() -> (TempDir, Connection) {
    let dir = tempfile::tempdir().unwrap();
    let connection = connection::writer(&dir.path().join("jobs.db")).unwrap();
    (dir, connection)
}

/// The ladder with one more rung than this program has.
fn longer(text: &'static str) -> Vec<Migration> {
    let mut ladder = LADDER.to_vec();
    ladder.push(Migration::new("9999_future", text));
    ladder
}

fn directory() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/sqlite"))
}

#[test]
fn the_ladder_is_the_directory() {
    ladder::hold_against(LADDER, directory());
}

#[test]
fn a_ladder_is_climbed_once() {
    let (_dir, connection) = empty();
    let climbed = up(&connection, NOW, false).unwrap();
    assert_eq!(climbed.len(), LADDER.len());
    assert!(climbed.iter().all(|step| step.applied_at == Some(NOW)));
    assert_eq!(status(&connection).unwrap(), climbed);
    assert_eq!(up(&connection, NOW, false).unwrap(), []);
}

#[test]
fn a_dry_run_tries_everything_and_keeps_nothing() {
    let (_dir, connection) = empty();
    assert_eq!(up(&connection, NOW, true).unwrap().len(), LADDER.len());
    assert_eq!(status(&connection).unwrap(), nothing_applied());
    let broken = longer("create table job (again integer)");
    assert!(up_on(&broken, &connection, NOW, true).is_err());
}

#[test]
fn a_rung_that_breaks_leaves_the_file_as_it_was() {
    let (_dir, connection) = empty();
    let broken = longer("create table fine (x integer); create table job (again integer)");
    assert!(up_on(&broken, &connection, NOW, false).is_err());
    assert_eq!(status(&connection).unwrap(), nothing_applied());
    assert_eq!(up(&connection, NOW, false).unwrap().len(), LADDER.len());
}

#[test]
fn a_breaking_schema_of_the_future_is_refused_with_what_to_do() {
    let (_dir, connection) = empty();
    let future = longer("-- breaking\nselect 1;");
    up_on(&future, &connection, NOW, false).unwrap();
    for refused in [status(&connection), up(&connection, NOW, false)] {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, Error::Corrupt { .. }), "{refused:?}");
        let text = refused.to_string();
        assert!(
            text.contains("9999_future") && text.contains("use a newer windlass"),
            "{text}"
        );
    }
}

#[test]
fn a_schema_of_the_future_that_only_adds_is_used_and_shown() {
    let (_dir, connection) = empty();
    up_on(
        &longer("create table more (x integer);"),
        &connection,
        NOW,
        false,
    )
    .unwrap();
    assert_eq!(up(&connection, NOW, false).unwrap(), []);
    let steps = status(&connection).unwrap();
    let last = steps.last().unwrap();
    assert_eq!(
        (last.number, last.known, last.breaking),
        (9999, false, false)
    );
}

#[test]
fn a_migration_that_was_edited_after_it_was_applied_is_refused() {
    let (_dir, connection) = empty();
    up_on(&longer("select 1;"), &connection, NOW, false).unwrap();
    let refused = status_on(&longer("select 2;"), &connection).unwrap_err();
    assert!(refused.to_string().contains("9999_future"), "{refused}");
}

#[test]
fn many_may_open_a_new_file_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let climbed: usize = std::thread::scope(|scope| {
        let openers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let connection = connection::writer(&path).unwrap();
                    up(&connection, NOW, false).unwrap().len()
                })
            })
            .collect();
        openers
            .into_iter()
            .map(|opener| opener.join().unwrap())
            .sum()
    });
    assert_eq!(climbed, LADDER.len());
}

/// What every object of the schema was made with, in the order they were made.
fn dump(connection: &Connection) -> String {
    let mut statement = connection
        .prepare("select sql from sqlite_schema where sql is not null order by rowid")
        .unwrap();
    let objects = statement.query_map((), |row| row.get::<_, String>(0));
    let objects = objects.unwrap().map(|sql| sql.unwrap().trim().to_owned());
    let objects: Vec<String> = objects.collect();
    format!(
        "-- The schema as the migrations leave it; a test keeps this file equal to it.\n\n{};\n",
        objects.join(";\n\n")
    )
}

#[test]
fn the_dump_is_what_the_migrations_leave() {
    let (_dir, connection) = empty();
    up(&connection, NOW, false).unwrap();
    let kept = std::fs::read_to_string(directory().join("schema.sql")).unwrap_or_default();
    let dump = dump(&connection);
    assert!(
        kept == dump,
        "migrations/sqlite/schema.sql should be:\n{dump}"
    );
}
