//! The program of Redis, or of Valkey, on this machine: where it is, or how it gets there.

use std::path::PathBuf;

use crate::server::programs;

/// What it may be called.
const NAMES: [&str; 2] = ["redis-server", "valkey-server"];

/// The program.
///
/// # Panics
/// When there is none and none can be installed, with what to install.
pub(super) fn server() -> PathBuf {
    let find = || NAMES.iter().find_map(|name| programs::find(name));
    if let Some(found) = find() {
        return found;
    }
    if programs::may_install() {
        programs::install("redis-server");
        if let Some(found) = find() {
            return found;
        }
    }
    panic!(
        "no Redis for the tests: name a server in WINDLASS_TEST_REDIS (redis://host:6379/0), start one \
         on 127.0.0.1:6379, or install its program, and the tests start one themselves: \
         `apt-get install redis-server`, `dnf install valkey`, `brew install redis`"
    );
}
