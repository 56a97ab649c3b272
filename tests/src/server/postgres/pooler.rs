//! PgBouncer in front of a server: every transaction may get another of a few connections.

use std::{
    fs,
    process::{Child, Command},
};
use tempfile::TempDir;

use super::{PrivateServer, cluster, let_in, programs};
use crate::server::free_port;

/// Connections to the server, for all clients together.
const CONNECTIONS: u32 = 2;

/// A pooler in front of a server of one's own.
pub struct Pooler {
    port: u16,
    process: Child,
    _dir: TempDir,
}

impl Pooler {
    /// Starts one that knows nothing of prepared statements.
    pub async fn start(server: &PrivateServer) -> Self {
        let program = programs::pgbouncer();
        let dir = tempfile::Builder::new()
            .prefix("windlass-test-pgbouncer-")
            .tempdir()
            .unwrap();
        let port = free_port();
        let url = server.url();
        let (user, word) = url
            .trim_start_matches("postgres://")
            .split_once('@')
            .and_then(|(who, _)| who.split_once(':'))
            .unwrap();
        let said = Command::new(&program).arg("--version").output().unwrap();
        // From 1.21 on it could keep them.
        let keeps = !["PgBouncer 1.1", "PgBouncer 1.20"]
            .iter()
            .any(|old| String::from_utf8_lossy(&said.stdout).starts_with(old));
        let statements = if keeps {
            "max_prepared_statements = 0"
        } else {
            ""
        };
        let config = dir.path().join("pgbouncer.ini");
        let log = dir.path().join("log");
        let text = format!(
            "[databases]\n\
             * = host=127.0.0.1 port={} user={user} password={word}\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             auth_type = any\n\
             pool_mode = transaction\n\
             default_pool_size = {CONNECTIONS}\n\
             logfile = {}\n\
             {statements}\n",
            server.port(),
            log.display(),
        );
        fs::write(&config, text).unwrap();
        cluster::let_servers_in(dir.path());
        cluster::let_servers_in(&config);
        let process = cluster::command(&program).arg("-q").arg(&config).spawn();
        let pooler = Self {
            port,
            process: process.unwrap(),
            _dir: dir,
        };
        let_in(&pooler.url(server), &log).await;
        pooler
    }

    /// The URL of the server's database, by way of the pooler.
    pub fn url(&self, server: &PrivateServer) -> String {
        let (direct, through) = (server.port(), self.port);
        server
            .url()
            .replace(&format!(":{direct}/"), &format!(":{through}/"))
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
