//! Where the server is that keeps the jobs: the one that is named, the node of a cluster that has
//! their slot, or the one that sentinels call the first; and what that server does with what it is
//! given.

use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, IntoConnectionInfo,
    ProtocolVersion, RedisConnectionInfo, RedisError, TlsCertificates, Value,
    aio::{AsyncPushSender, MultiplexedConnection},
};
use std::{collections::HashMap, fs, path::Path, time::Duration};

use super::{
    address::{Address, Named, Wait},
    error, reply,
};
use crate::{
    job::Invalid,
    store::{Durability, Error, Result},
};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Longest a call may take. A server that does not answer for so long is taken for dead.
const ANSWER: Duration = Duration::from_secs(30);

/// The least release of the server: it brought functions.
const LEAST: (u32, u32) = (7, 0);

/// The release that brought waiting for a disk.
const WAITS: (u32, u32) = (7, 2);

/// What a server is, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    /// What survives what.
    pub(super) durability: Durability,
}

/// A server and how to reach it.
#[derive(Debug)]
pub(super) struct Place {
    address: Address,
    certificates: Option<TlsCertificates>,
}

/// What a server says about itself.
struct Told(HashMap<String, String>);

impl Told {
    fn says(&self, key: &str, value: &str) -> bool {
        self.0.get(key).is_some_and(|told| told == value)
    }

    fn release(&self) -> Option<(u32, u32)> {
        let mut numbers = self.0.get("redis_version")?.split('.').map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    }

    /// Whether a server will do, for writes that wait so.
    fn check(&self, wait: Wait) -> Result<()> {
        let wrong = |why: String| Err(Error::Invalid(Invalid::new("store.url", why)));
        if self.release().is_some_and(|release| release < LEAST) {
            let told = &self.0["redis_version"];
            return wrong(format!(
                "leads to Redis {told}; 7.0 or later, or Valkey, is needed"
            ));
        }
        let waits = wait != Wait::Nothing;
        if waits && self.release().is_some_and(|release| release < WAITS) {
            let told = &self.0["redis_version"];
            return wrong(format!(
                "asks for durability, and leads to Redis {told}, which cannot be waited for; 7.2 or \
                 later can, or set its appendfsync to always and leave durability out"
            ));
        }
        if waits && !self.says("aof_enabled", "1") {
            return wrong(
                "asks for durability, and leads to a server that keeps nothing on its disk; set its \
                 appendonly to yes"
                    .to_owned(),
            );
        }
        match self.0.get("maxmemory_policy") {
            Some(policy) if policy != "noeviction" => wrong(format!(
                "leads to a server that may forget jobs when its memory is full (maxmemory-policy \
                 {policy}); set it with `redis-cli config set maxmemory-policy noeviction`, and in \
                 its configuration"
            )),
            _ => Ok(()),
        }
    }
}

impl Place {
    /// # Errors
    /// `Invalid` when a file that the address names cannot be read.
    pub(super) fn new(address: Address) -> Result<Self> {
        let read = |path: &Path| {
            fs::read(path).map_err(|why| {
                let why = format!("names {}, which cannot be read: {why}", path.display());
                Error::Invalid(Invalid::new("store.url", why))
            })
        };
        let mut certificates = None;
        if address.ca.is_some() || address.identity.is_some() {
            let client_tls = match &address.identity {
                Some((cert, key)) => Some(ClientTlsConfig {
                    client_cert: read(cert)?,
                    client_key: read(key)?,
                }),
                None => None,
            };
            let root_cert = address.ca.as_deref().map(read).transpose()?;
            certificates = Some(TlsCertificates {
                client_tls,
                root_cert,
            });
        }
        Ok(Self {
            address,
            certificates,
        })
    }

    /// A connection to the server that has the jobs, and what that one is. What the server sends
    /// unasked goes to `pushes`.
    pub(super) async fn connect<P: AsyncPushSender + Clone>(
        &self,
        pushes: Option<P>,
    ) -> Result<(MultiplexedConnection, Facts)> {
        let mut last = Error::unavailable("the address names no server");
        for (host, port) in &self.address.nodes {
            let found = match self.address.named {
                Named::Servers => self.through(host, *port, pushes.clone()).await,
                Named::Sentinels => self.told_by(host, *port, pushes.clone()).await,
            };
            match found {
                Err(error) if error.is_transient() => last = error,
                done => return done,
            }
        }
        Err(last)
    }

    /// By way of one server: itself, or the node of its cluster that has the slot.
    async fn through<P: AsyncPushSender + Clone>(
        &self,
        host: &str,
        port: u16,
        pushes: Option<P>,
    ) -> Result<(MultiplexedConnection, Facts)> {
        let mut connection = self
            .dial(host, port, pushes.clone())
            .await
            .map_err(failed)?;
        let mut told = ask(&mut connection).await.map_err(failed)?;
        if told.says("cluster_enabled", "1") {
            let (owner, its_port) = self.owner(&mut connection, host).await.map_err(failed)?;
            if (owner.as_str(), its_port) != (host, port) {
                connection = self.dial(&owner, its_port, pushes).await.map_err(failed)?;
                told = ask(&mut connection).await.map_err(failed)?;
            }
        }
        self.take(connection, &told).await
    }

    /// The server that a sentinel calls the first.
    async fn told_by<P: AsyncPushSender + Clone>(
        &self,
        host: &str,
        port: u16,
        pushes: Option<P>,
    ) -> Result<(MultiplexedConnection, Facts)> {
        let settings = RedisConnectionInfo::default();
        let sentinel = self.dial_as(host, port, settings, None::<P>).await;
        let mut sentinel = sentinel.map_err(failed)?;
        let mut ask_it = redis::cmd("SENTINEL");
        ask_it
            .arg("GET-MASTER-ADDR-BY-NAME")
            .arg(&self.address.service);
        let answer = ask_it.query_async(&mut sentinel).await;
        let answer: Option<(String, u16)> = answer.map_err(failed)?;
        let Some((host, port)) = answer else {
            let why = format!(
                "names {:?}, which its sentinels do not know",
                self.address.service
            );
            return Err(Error::Invalid(Invalid::new("store.url", why)));
        };
        let mut connection = self.dial(&host, port, pushes).await.map_err(failed)?;
        let told = ask(&mut connection).await.map_err(failed)?;
        self.take(connection, &told).await
    }

    /// Takes a server that will do.
    async fn take(
        &self,
        mut connection: MultiplexedConnection,
        told: &Told,
    ) -> Result<(MultiplexedConnection, Facts)> {
        if told.says("role", "slave") {
            return Err(Error::unavailable(
                "the server is a replica, which takes nothing",
            ));
        }
        told.check(self.address.wait)?;
        let durability = durability(&mut connection, told).await;
        Ok((connection, Facts { durability }))
    }

    /// The node of a cluster that has the slot of the jobs.
    async fn owner(
        &self,
        connection: &mut MultiplexedConnection,
        asked: &str,
    ) -> Result<(String, u16), RedisError> {
        let mut slot = redis::cmd("CLUSTER");
        slot.arg("KEYSLOT").arg(self.address.prefix());
        let slot: i64 = slot.query_async(connection).await?;
        let ranges: Vec<Vec<Value>> = redis::cmd("CLUSTER")
            .arg("SLOTS")
            .query_async(connection)
            .await?;
        let nobody =
            || RedisError::from((redis::ErrorKind::Io, "no node has the slot of the jobs"));
        for range in ranges {
            let mut parts = range.into_iter();
            let mut number = || parts.next().and_then(|value| reply::number(value).ok());
            let (first, last) = (number().ok_or_else(nobody)?, number().ok_or_else(nobody)?);
            if !(first..=last).contains(&slot) {
                continue;
            }
            let node = parts
                .next()
                .and_then(|node| reply::list(node).ok())
                .unwrap_or_default();
            let mut node = node.into_iter();
            let host = node
                .next()
                .and_then(|host| reply::text(host).ok())
                .unwrap_or_default();
            let port = node.next().and_then(|port| reply::number(port).ok());
            let port = port
                .and_then(|port| u16::try_from(port).ok())
                .ok_or_else(nobody)?;
            // A node that does not know its own name is the one that was asked.
            let host = if host.is_empty() {
                asked.to_owned()
            } else {
                host
            };
            return Ok((host, port));
        }
        Err(nobody())
    }

    async fn dial<P: AsyncPushSender>(
        &self,
        host: &str,
        port: u16,
        pushes: Option<P>,
    ) -> Result<MultiplexedConnection, RedisError> {
        let mut settings = RedisConnectionInfo::default()
            .set_db(self.address.database)
            .set_lib_name("windlass", env!("CARGO_PKG_VERSION"));
        if let Some(user) = &self.address.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.address.password {
            settings = settings.set_password(password.expose());
        }
        self.dial_as(host, port, settings, pushes).await
    }

    async fn dial_as<P: AsyncPushSender>(
        &self,
        host: &str,
        port: u16,
        settings: RedisConnectionInfo,
        pushes: Option<P>,
    ) -> Result<MultiplexedConnection, RedisError> {
        let host = host.to_owned();
        let to = if self.address.tls {
            ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                tls_params: None,
            }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        let mut config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER));
        let mut settings = settings;
        if let Some(pushes) = pushes {
            settings = settings.set_protocol(ProtocolVersion::RESP3);
            config = config.set_push_sender(pushes);
        }
        let info = to.into_connection_info()?.set_redis_settings(settings);
        let client = match &self.certificates {
            Some(certificates) => Client::build_with_tls(info, certificates.clone())?,
            None => Client::open(info)?,
        };
        client
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }
}

fn failed(error: RedisError) -> Error {
    error::map(error, false)
}

async fn ask(connection: &mut MultiplexedConnection) -> Result<Told, RedisError> {
    let text: String = redis::cmd("INFO").query_async(connection).await?;
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let told = lines.map(|(key, value)| (key.to_owned(), value.trim().to_owned()));
    Ok(Told(told.collect()))
}

/// What survives what. A server that does not tell its settings is believed to sync every second.
async fn durability(connection: &mut MultiplexedConnection, told: &Told) -> Durability {
    if !told.says("aof_enabled", "1") {
        return Durability::None;
    }
    let mut ask_it = redis::cmd("CONFIG");
    ask_it.arg("GET").arg("appendfsync");
    let answer: Result<Vec<String>, RedisError> = ask_it.query_async(connection).await;
    match answer {
        Ok(setting) if setting.get(1).is_some_and(|value| value == "always") => Durability::Disk,
        _ => Durability::Process,
    }
}
