//! Programs of servers: whether they are there, and how they get there.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The program of that name, if there is one.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let path = path();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let mut programs = places.map(|dir| dir.join(name));
    programs.find(|program| program.is_file())
}

/// Whether a package may be installed: on a Debian, by root.
pub(super) fn may_install() -> bool {
    super::postgres::cluster::is_root() && Path::new("/etc/debian_version").exists()
}

/// Where programs are looked for.
#[expect(
    clippy::disallowed_methods,
    reason = "where programs are is no setting of ours"
)]
pub(super) fn path() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

/// Installs a package. Whether that worked shows in whether its program is there then.
pub(super) fn install(package: &str) {
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
