//! The programs of PostgreSQL on this machine: where they are, or how they get there.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{cluster::is_root, told};

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
    if may_install() {
        install("postgresql");
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
    let find = || {
        let path = path();
        let places = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
        let mut programs = places.map(|dir| dir.join("pgbouncer"));
        programs.find(|program| program.is_file())
    };
    if let Some(found) = find() {
        return found;
    }
    if may_install() {
        install("pgbouncer");
        if let Some(found) = find() {
            return found;
        }
    }
    panic!(
        "no PgBouncer for the tests of what goes through a pooler; install it: \
         `apt-get install pgbouncer`, `dnf install pgbouncer`, `brew install pgbouncer`"
    );
}

fn may_install() -> bool {
    is_root() && Path::new("/etc/debian_version").exists()
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
    let path = std::env::split_paths(&path()).collect::<Vec<_>>();
    let mut places = told.into_iter().chain(installed).chain(path);
    places.find(|dir| has_programs(dir))
}

fn has_programs(dir: &Path) -> bool {
    dir.join("initdb").is_file() && dir.join("postgres").is_file()
}

#[expect(
    clippy::disallowed_methods,
    reason = "where programs are is no setting of ours"
)]
fn path() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

fn install(package: &str) {
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let install = ["install", "-y", "--no-install-recommends", package];
    if !apt(&install) && apt(&["update"]) {
        apt(&install);
    }
}
