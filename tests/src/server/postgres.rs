//! A PostgreSQL server for tests: the one that is named, one of our own from the programs that are
//! named, the one on this machine, or one of our own from the programs that are installed. Never none:
//! a test that needs a server and has none fails.

pub(super) mod cluster;
pub mod pooler;
mod programs;
pub mod proxy;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Child,
    sync::OnceLock,
    time::{Duration, Instant},
};
use tempfile::TempDir;

use super::{free_port, told};
use crate::apart;
use cluster::Cluster;
use shared::store::postgres::admin::Admin;

/// Names the server: a URL of a database on it, by a user who may make others.
const NAMED: &str = "WINDLASS_TEST_POSTGRES";

/// Where one is looked for that is not named. Not enciphered: that takes a tenth of a second per
/// connection in a debug build.
const HERE: &str = "127.0.0.1:5432/postgres?sslmode=disable";

/// How long a server may take to let one in.
const PATIENCE: Duration = Duration::from_secs(30);

/// The URL of a database on a server that tests may fill with databases of their own.
///
/// # Panics
/// When there is none and none can be started, with what to install.
pub fn url() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| apart(find))
}

async fn find() -> String {
    if let Some(named) = told(NAMED) {
        return match may_create(&named).await {
            Ok(()) => named,
            Err(why) => panic!("{NAMED} names a server that will not do: {why}"),
        };
    }
    if programs::named().is_some() {
        return of_the_run().await;
    }
    // Every server has a user of the one name or of the other.
    let users = [Some("postgres".to_owned()), told("USER")];
    for user in users.into_iter().flatten() {
        let here = format!("postgres://{user}@{HERE}");
        if may_create(&here).await.is_ok() {
            return here;
        }
    }
    of_the_run().await
}

/// Whether a server lets us in and lets us make databases.
async fn may_create(url: &str) -> Result<(), String> {
    let told = |error: shared::store::Error| shared::patience::chain(&error);
    let mut admin = Admin::connect(url).await.map_err(told)?;
    if admin.may_create().await.map_err(told)? {
        Ok(())
    } else {
        Err("its user may not make databases".to_owned())
    }
}

/// The server of all tests of this build: started by the first and left running, because every
/// test may be a process of its own and none knows whether it is the last. It lies in a directory
/// that outlives the run; what it holds is worth nothing.
async fn of_the_run() -> String {
    let home = home();
    fs::create_dir_all(&home).unwrap();
    assert!(
        cluster::is_ours(&home),
        "{} is somebody else's",
        home.display()
    );
    let lock = File::create(home.join("lock")).unwrap();
    lock.lock().unwrap();
    let cluster = Cluster::at(home.join("data"));
    if let Some(port) = cluster.port_of_the_running() {
        let url = cluster.url(port);
        if may_create(&url).await.is_ok() {
            return url;
        }
    }
    if !cluster.is_whole() {
        cluster.make();
    }
    let port = free_port();
    cluster.start_for_good(port, &home.join("log"));
    let url = cluster.url(port);
    let_in(&url, &home.join("log")).await;
    url
}

/// Beside what was built, one for each release: none reads what another wrote. Whoever is root runs
/// servers as somebody else, who may not look there.
fn home() -> PathBuf {
    let release = programs::release(&programs::directory());
    let name = format!("windlass-test-postgres-{release}");
    if cluster::is_root() {
        return std::env::temp_dir().join(name);
    }
    let this = std::env::current_exe().unwrap();
    let target = this
        .ancestors()
        .find(|dir| dir.join("CACHEDIR.TAG").is_file());
    let target = target.expect("tests are built into a target directory");
    target.join(name)
}

/// Waits until a server that was started lets one in.
async fn let_in(url: &str, log: &Path) {
    let begun = Instant::now();
    loop {
        match may_create(url).await {
            Ok(()) => return,
            Err(why) if begun.elapsed() > PATIENCE => {
                let log = fs::read_to_string(log).unwrap_or_default();
                panic!("PostgreSQL does not start: {why}\n{log}");
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// A server of one test's own, for what nobody else would survive. It keeps its promises about the
/// disk, unlike the one that tests share.
pub struct PrivateServer {
    cluster: Cluster,
    port: u16,
    process: Option<Child>,
    log: PathBuf,
    _dir: TempDir,
}

impl PrivateServer {
    /// Makes one and starts it.
    pub async fn start() -> Self {
        let mut server = Self::nowhere();
        server.cluster.make();
        server.restart().await;
        server
    }

    /// Makes one that follows this one and only reads. This one is stopped meanwhile, as by a crash.
    pub async fn standby(&mut self) -> Self {
        let mut standby = Self::nowhere();
        self.cluster.stop();
        self.kill();
        standby.cluster.follow(&self.cluster, self.port);
        self.restart().await;
        standby.restart().await;
        standby
    }

    fn nowhere() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("windlass-test-postgres-")
            .tempdir()
            .unwrap();
        cluster::let_servers_in(dir.path());
        Self {
            cluster: Cluster::at(dir.path().join("data")),
            port: free_port(),
            process: None,
            log: dir.path().join("log"),
            _dir: dir,
        }
    }

    /// Has it follow no more, and write.
    pub fn promote(&self) {
        self.cluster.promote();
    }

    /// The URL of a database on it, by a user who may do everything.
    pub fn url(&self) -> String {
        self.cluster.url(self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it as a crash of the server would: nothing is said to anybody. The machine goes on.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts it, on the same port, with what it has on the disk; a server that runs is killed
    /// before.
    pub async fn restart(&mut self) {
        self.kill();
        let begun = Instant::now();
        loop {
            let mut process = self.cluster.start(self.port, &self.log);
            // Until the last of those that served the killed one have noticed, it refuses to start.
            tokio::time::sleep(Duration::from_millis(50)).await;
            if process.try_wait().unwrap().is_none() {
                self.process = Some(process);
                break;
            }
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            assert!(begun.elapsed() < PATIENCE, "it does not start:\n{log}");
        }
        let_in(&self.url(), &self.log).await;
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        // Those that serve a killed one would still write into the directory.
        self.cluster.stop();
        self.kill();
    }
}
