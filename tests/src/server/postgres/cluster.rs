//! A data directory and the server that runs on it.

use std::{
    fs::{self, File, Permissions},
    io::Write as _,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::programs;

/// The user of the server, who may do everything.
const USER: &str = "windlass";

/// What a server need not do whose data are worth nothing.
const CARELESS: [&str; 3] = ["fsync=off", "full_page_writes=off", "max_wal_size=4GB"];

pub(super) struct Cluster {
    data: PathBuf,
    programs: PathBuf,
}

impl Cluster {
    pub(super) fn at(data: PathBuf) -> Self {
        Self {
            data,
            programs: programs::directory(),
        }
    }

    /// Makes it a copy of another, on which no server runs, whose own follows that of the other on
    /// `port`.
    pub(super) fn follow(&self, other: &Self, port: u16) {
        let copy = Command::new("cp")
            .arg("-a")
            .args([&other.data, &self.data])
            .status();
        assert!(
            copy.unwrap().success(),
            "{} is copied",
            other.data.display()
        );
        fs::copy(other.password_file(), self.password_file()).unwrap();
        let word = fs::read_to_string(self.password_file()).unwrap();
        let settings = self.data.join("postgresql.auto.conf");
        let mut settings = File::options().append(true).open(settings).unwrap();
        writeln!(
            settings,
            "primary_conninfo = 'host=127.0.0.1 port={port} user={USER} password={word}'"
        )
        .unwrap();
        let signal = self.data.join("standby.signal");
        fs::write(&signal, "").unwrap();
        let_servers_in(&signal);
    }

    /// Makes the server that runs on it, and follows another, the first.
    pub(super) fn promote(&self) {
        let mut promote = self.command("pg_ctl");
        promote.args(["promote", "--pgdata"]).arg(&self.data);
        let output = promote.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "pg_ctl promote: {told}");
    }

    /// Whether it was made, to the end.
    pub(super) fn is_whole(&self) -> bool {
        self.mark().exists()
    }

    /// Makes the data directory, with a password: others on this machine can reach its port.
    ///
    /// # Panics
    /// When it cannot be made, with what the program says.
    pub(super) fn make(&self) {
        drop(fs::remove_file(self.mark()));
        drop(fs::remove_dir_all(&self.data));
        fs::create_dir_all(&self.data).unwrap();
        fs::set_permissions(&self.data, Permissions::from_mode(0o700)).unwrap();
        let word = self.password_file();
        fs::write(&word, "").unwrap();
        fs::set_permissions(&word, Permissions::from_mode(0o600)).unwrap();
        fs::write(&word, format!("{:032x}", rand::random::<u128>())).unwrap();
        let_servers_in(&self.data);
        let_servers_in(&word);
        let mut initdb = self.command("initdb");
        initdb
            .args(["--auth=password", "--encoding=UTF8", "--locale=C"])
            .args(["--no-sync", "--username", USER, "--pwfile"])
            .arg(&word)
            .arg("--pgdata")
            .arg(&self.data);
        let output = initdb.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "initdb: {told}");
        fs::write(self.mark(), "").unwrap();
    }

    /// The port of the server that runs on it, if one does.
    pub(super) fn port_of_the_running(&self) -> Option<u16> {
        let told = fs::read_to_string(self.data.join("postmaster.pid")).ok()?;
        told.lines().nth(3)?.parse().ok()
    }

    /// The URL of a database on the server that runs on it.
    pub(super) fn url(&self, port: u16) -> String {
        let word = fs::read_to_string(self.password_file()).unwrap_or_default();
        format!("postgres://{USER}:{word}@127.0.0.1:{port}/postgres?sslmode=disable")
    }

    /// Starts a server that is a child of this process.
    pub(super) fn start(&self, port: u16, log: &Path) -> Child {
        self.server(port, log).spawn().unwrap()
    }

    /// Starts a server that goes on when this process ends.
    pub(super) fn start_for_good(&self, port: u16, log: &Path) {
        let mut server = self.server(port, log);
        for setting in CARELESS {
            server.args(["-c", setting]);
        }
        // Whatever ends the group of this process must not end it.
        drop(server.process_group(0).spawn().unwrap());
    }

    /// Stops a server that runs on it, without a checkpoint.
    pub(super) fn stop(&self) {
        let mut stop = self.command("pg_ctl");
        stop.args(["stop", "--mode=immediate", "--pgdata"])
            .arg(&self.data);
        drop(stop.output());
    }

    fn server(&self, port: u16, log: &Path) -> Command {
        let log = File::options().create(true).append(true).open(log);
        let mut server = self.command("postgres");
        server.arg("-D").arg(&self.data).stderr(log.unwrap());
        server.arg("-p").arg(port.to_string());
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=200",
        ] {
            server.args(["-c", setting]);
        }
        server
    }

    fn command(&self, program: &str) -> Command {
        command(&self.programs.join(program))
    }

    fn password_file(&self) -> PathBuf {
        self.data.with_extension("password")
    }

    fn mark(&self) -> PathBuf {
        self.data.with_extension("whole")
    }
}

/// A program that refuses root, by a user who is not.
pub(super) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    if let Some((user, group)) = other_user() {
        command.uid(user).gid(group);
    }
    command
}

/// Whoever runs the tests: whatever it makes is its own.
fn this_user() -> u32 {
    let made = tempfile::tempfile().unwrap();
    made.metadata().unwrap().uid()
}

pub(in crate::server) fn is_root() -> bool {
    this_user() == 0
}

/// Whether a directory is this user's, and one: others may write beside it.
pub(super) fn is_ours(dir: &Path) -> bool {
    let told = fs::symlink_metadata(dir).unwrap();
    told.is_dir() && told.uid() == this_user()
}

/// Gives a file or a directory to the user who runs servers.
pub(super) fn let_servers_in(path: &Path) {
    if let Some((user, group)) = other_user() {
        chown(path, Some(user), Some(group)).unwrap();
    }
}

/// Who runs servers when root may not: the user and the group of `postgres`, or of `nobody`.
fn other_user() -> Option<(u32, u32)> {
    if !is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &str| {
        let mut lines = users.lines().map(|line| line.split(':'));
        let mut fields = lines.find(|fields| fields.clone().next() == Some(name))?;
        let user = fields.nth(2)?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        Some((user, group))
    };
    let found = find("postgres").or_else(|| find("nobody"));
    Some(found.expect("there is a user postgres or nobody, who is not root"))
}
