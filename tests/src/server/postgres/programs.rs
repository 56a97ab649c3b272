//! The programs of PostgreSQL on this machine: where they are, or how they get there.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::told;
use crate::server::programs;

/// Names the directory with `initdb`, `pg_ctl` and `postgres`: of another release than the one that
/// would be found.
const NAMED: &str = "WINDLASS_TEST_POSTGRES_PROGRAMS";

/// The directory with `initdb` and `postgres`.
///
/// # Panics
/// When there is none and none can be installed, with what to install.
pub(super) fn directory() -> PathBuf {
    if let Some(named) = named() {
        let is_right = has_programs(&named);
        assert!(is_right, "{NAMED} names no programs: {}", named.display());
        return named;
    }
    if let Some(found) = find() {
        return found;
    }
    if programs::may_install() {
        programs::install("postgresql");
        if let Some(found) = find() {
            return found;
        }
    }
    panic!(
        "no PostgreSQL for the tests: name a server in WINDLASS_TEST_POSTGRES \
         (postgres://user@host/database, of a user who may make databases), start one on \
         127.0.0.1:5432, or install its programs, and the tests start one themselves: \
         `apt-get install postgresql`, `dnf install postgresql-server`, `brew install postgresql`"
    );
}

/// The directory that is named, if one is.
pub(super) fn named() -> Option<PathBuf> {
    told(NAMED).map(PathBuf::from)
}

/// The release of the programs in a directory, such as `16.4`.
pub(super) fn release(directory: &Path) -> String {
    let told = Command::new(directory.join("postgres"))
        .arg("--version")
        .output();
    let told = String::from_utf8(told.unwrap().stdout).unwrap();
    let release = told.split_whitespace().nth(2);
    release.expect("postgres tells its release").to_owned()
}

/// The pooler.
///
/// # Panics
/// When there is none and none can be installed, with what to install.
pub(super) fn pgbouncer() -> PathBuf {
    let find = || programs::find("pgbouncer");
    if let Some(found) = find() {
        return found;
    }
    if programs::may_install() {
        programs::install("pgbouncer");
        if let Some(found) = find() {
            return found;
        }
    }
    panic!(
        "no PgBouncer for the tests of what goes through a pooler; install it: \
         `apt-get install pgbouncer`, `dnf install pgbouncer`, `brew install pgbouncer`"
    );
}

fn find() -> Option<PathBuf> {
    let told = Command::new("pg_config").arg("--bindir").output().ok();
    let told = told.and_then(|output| String::from_utf8(output.stdout).ok());
    let told = told.map(|text| PathBuf::from(text.trim()));
    let mut installed: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|release| release.path().join("bin"))
        .collect();
    // The newest first; all releases that will do have two digits.
    installed.sort();
    installed.reverse();
    let path = std::env::split_paths(&programs::path()).collect::<Vec<_>>();
    let mut places = told.into_iter().chain(installed).chain(path);
    places.find(|dir| has_programs(dir))
}

fn has_programs(dir: &Path) -> bool {
    dir.join("initdb").is_file() && dir.join("postgres").is_file()
}
