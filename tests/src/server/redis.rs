//! A Redis server for tests: the one that is named, the one on this machine, or one of our own from the
//! program that is installed. Never none: a test that needs a server and has none fails.

mod programs;

use redis::aio::MultiplexedConnection;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};
use tempfile::TempDir;

use super::{free_port, told};
use crate::apart;

/// Names the server: its URL.
const NAMED: &str = "WINDLASS_TEST_REDIS";

/// Where one is looked for that is not named.
const HERE: &str = "redis://127.0.0.1:6379/0";

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The URL of a server on which tests may have keys of their own.
///
/// # Panics
/// When there is none and none can be started, with what to install.
pub fn url() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| apart(find))
}

async fn find() -> String {
    if let Some(named) = told(NAMED) {
        match answers(&named).await {
            Ok(()) => return named,
            Err(why) => panic!("{NAMED} names a server that will not do: {why}"),
        }
    }
    if answers(HERE).await.is_ok() {
        return HERE.to_owned();
    }
    of_the_run().await
}

async fn answers(url: &str) -> redis::RedisResult<()> {
    let mut connection = connect(url).await?;
    redis::cmd("PING").query_async(&mut connection).await
}

/// A connection of a test's own.
///
/// # Errors
/// When nobody answers.
pub async fn connect(url: &str) -> redis::RedisResult<MultiplexedConnection> {
    let client = redis::Client::open(url)?;
    client.get_multiplexed_async_connection().await
}

/// The server of all tests of this build: started by the first and left running, because every test may
/// be a process of its own and none knows whether it is the last. What it holds is worth nothing.
async fn of_the_run() -> String {
    let home = std::env::temp_dir().join("windlass-test-redis");
    fs::create_dir_all(&home).unwrap();
    let lock = File::create(home.join("lock")).unwrap();
    lock.lock().unwrap();
    let noted = home.join("port");
    if let Ok(port) = fs::read_to_string(&noted) {
        let url = format!("redis://127.0.0.1:{}/0", port.trim());
        if answers(&url).await.is_ok() {
            return url;
        }
    }
    let port = free_port();
    let mut server = Command::new(programs::server());
    settings(&mut server, &home, port);
    server
        .args(["--daemonize", "yes", "--logfile"])
        .arg(home.join("log"));
    drop(server.spawn().unwrap().wait());
    let url = format!("redis://127.0.0.1:{port}/0");
    wait_for(&url, &home.join("log")).await;
    fs::write(noted, port.to_string()).unwrap();
    url
}

/// What every server of tests is told.
fn settings(server: &mut Command, dir: &Path, port: u16) {
    server
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    server
        .args(["--bind", "127.0.0.1", "--save", "", "--port"])
        .arg(port.to_string());
    server.arg("--dir").arg(dir);
}

/// Waits until a server that was started answers.
async fn wait_for(url: &str, log: &Path) {
    let begun = Instant::now();
    while let Err(why) = answers(url).await {
        if begun.elapsed() > PATIENCE {
            let log = fs::read_to_string(log).unwrap_or_default();
            panic!("Redis does not start: {why}\n{log}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A server of one test's own, for what nobody else would survive.
pub struct PrivateServer {
    port: u16,
    first: Vec<String>,
    settings: Vec<String>,
    process: Option<Child>,
    dir: TempDir,
}

impl PrivateServer {
    /// Starts one with these settings, as they are written on a command line: `--appendonly`, `yes`.
    pub async fn start(settings: &[&str]) -> Self {
        let mut server = Self::prepare(settings);
        server.restart().await;
        server
    }

    /// One that is not started yet.
    pub fn prepare(settings: &[&str]) -> Self {
        let prefix = "windlass-test-redis-";
        Self {
            port: free_port(),
            first: Vec::new(),
            settings: settings
                .iter()
                .map(|setting| (*setting).to_owned())
                .collect(),
            process: None,
            dir: tempfile::Builder::new().prefix(prefix).tempdir().unwrap(),
        }
    }

    /// The URL of it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A connection to it.
    pub async fn connect(&self) -> MultiplexedConnection {
        connect(&self.url()).await.unwrap()
    }

    /// Ends it as a crash would: nothing is said to anybody. The machine goes on.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts it, on the same port, with what it has on the disk; one that runs is killed before.
    pub async fn restart(&mut self) {
        self.kill();
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .unwrap();
        let mut server = Command::new(programs::server());
        server.args(&self.first);
        settings(&mut server, self.dir.path(), self.port);
        server.args(&self.settings).stdout(log);
        self.process = Some(server.spawn().unwrap());
        wait_for(&self.url(), &self.log()).await;
    }

    /// Starts it with arguments before all others, such as the name of a file and what it is to be.
    pub async fn start_as(&mut self, first: &[&str]) {
        self.first = first
            .iter()
            .map(|argument| (*argument).to_owned())
            .collect();
        self.restart().await;
    }

    /// Waits until it says so of itself: `role:master`.
    pub async fn until(&self, says: &str) {
        loop {
            if let Ok(mut connection) = connect(&self.url()).await {
                let told: redis::RedisResult<String> =
                    redis::cmd("INFO").query_async(&mut connection).await;
                if told.is_ok_and(|told| told.lines().any(|line| line == says)) {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        self.kill();
    }
}
