//! The way to the server: every call is one function of the library, on one connection that all
//! calls share.
//!
//! A function runs alone and whole, so a call has happened or it has not. A connection that is lost is
//! made anew by the next call, wherever the server is by then; a call that met a dead one is made
//! again once, for every call but a registration may be repeated. A server that lost its functions
//! is given them again. Whatever else fails is told to the caller, who tries again for ever.

use redis::{
    Cmd, RedisError, Value,
    aio::{ConnectionLike as _, MultiplexedConnection},
};
use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Mutex as Turn, time::Instant};

use super::{
    address::{Address, Wait},
    error::{self, Remedy},
    library::{LAYOUT, library},
    place::{Facts, Place},
    wake::Ear,
};
use crate::{
    clock::{Clock, Timestamp},
    store::{Durability, Error, Result},
};

/// How often one call is made at most.
const TRIES: u32 = 4;

/// After a connection could not be made, calls fail at once for so long.
const REST: Duration = Duration::from_millis(50);

/// Longest wait for the disks that an address asks for.
const DISKS: Duration = Duration::from_secs(5);

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// Nothing.
    Reads,
    /// It changes something; made again, it changes nothing more.
    Writes,
    /// The same, and it is answered when the disks have it that the address asks for.
    Keeps,
    /// It changes something each time.
    Adds,
}

#[derive(Debug, Clone)]
struct Link {
    connection: Connection,
    /// Counts the connections that were made.
    number: u64,
}

/// A connection, which the driver does not print.
#[derive(Clone)]
struct Connection(MultiplexedConnection);

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}

/// The server.
#[derive(Debug)]
pub(super) struct Server {
    place: Place,
    prefix: String,
    clock: Clock,
    /// Tells this store's own hints from others'.
    pub(super) origin: String,
    wait: Wait,
    link: Mutex<Option<Link>>,
    /// Whoever makes a connection has this: how many were made, and when the last try failed.
    making: Turn<(u64, Option<Instant>)>,
    facts: Mutex<Facts>,
    closed: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    /// Goes to the server once.
    ///
    /// # Errors
    /// `Invalid` when the address or the server will not do, with what would; `Corrupt` when a newer
    /// program has laid out what is kept; `Unavailable` when the server cannot be reached for now.
    pub(super) async fn open(address: &Address, clock: Clock) -> Result<Self> {
        let server = Self {
            place: Place::new(address.clone())?,
            prefix: address.prefix(),
            clock,
            origin: format!("{:016x}", rand::random::<u64>()),
            wait: address.wait,
            link: Mutex::default(),
            making: Turn::default(),
            facts: Mutex::new(Facts {
                durability: Durability::None,
            }),
            closed: AtomicBool::new(false),
        };
        server.link().await?;
        Ok(server)
    }

    /// What survives what, on the server that was met last.
    pub(super) fn durability(&self) -> Durability {
        let by_itself = lock(&self.facts).durability;
        if self.wait == Wait::Nothing {
            by_itself
        } else {
            Durability::Disk
        }
    }

    /// The server's clock, unless the clock was set by hand.
    pub(super) async fn now(&self) -> Result<Timestamp> {
        let mut time = redis::cmd("TIME");
        let told = self.call(Effect::Reads, &mut time).await?;
        if let Some(now) = self.clock.set_by_hand() {
            return Ok(now);
        }
        let (seconds, micros): (i64, i64) = redis::from_redis_value(told)
            .map_err(|error| error::map(RedisError::from(error), false))?;
        Ok(Timestamp::from_micros(
            seconds.saturating_mul(1_000_000).saturating_add(micros),
        ))
    }

    /// A call of a function, to which arguments are added.
    pub(super) fn function(&self, name: &str) -> Cmd {
        let mut cmd = redis::cmd("FCALL");
        cmd.arg(format!("{}_{name}", library().name))
            .arg(1)
            .arg(&self.prefix);
        match self.clock.set_by_hand() {
            Some(now) => cmd.arg(now.as_micros()),
            None => cmd.arg(""),
        };
        cmd.arg(&self.origin);
        cmd
    }

    /// Makes a call that changes nothing.
    pub(super) async fn read(&self, mut call: Cmd) -> Result<Value> {
        self.call(Effect::Reads, &mut call).await
    }

    /// Makes a call that changes something, and nothing more when it is made again.
    pub(super) async fn write(&self, mut call: Cmd) -> Result<Value> {
        self.call(Effect::Writes, &mut call).await
    }

    /// The same, durable as the address asks.
    pub(super) async fn keep(&self, mut call: Cmd) -> Result<Value> {
        self.call(Effect::Keeps, &mut call).await
    }

    /// Makes a call that must not be made again unless it is known to have failed.
    pub(super) async fn add(&self, mut call: Cmd) -> Result<Value> {
        self.call(Effect::Adds, &mut call).await
    }

    /// Tells who listens, this store too.
    pub(super) async fn tell(&self, text: &str) -> Result<()> {
        let mut tell = redis::cmd("SPUBLISH");
        tell.arg(self.channel())
            .arg(format!("{} {text}", self.origin));
        self.call(Effect::Writes, &mut tell).await.map(drop)
    }

    /// A connection of its own on which hints are heard.
    pub(super) async fn listen(&self, ear: Ear) -> Result<MultiplexedConnection> {
        let (mut connection, _) = self.place.connect(Some(ear)).await?;
        let mut listen = redis::cmd("SSUBSCRIBE");
        listen.arg(self.channel()).set_no_response(true);
        let sent = connection.send_packed_command(&listen).await;
        sent.map_err(|failed| error::map(failed, false))?;
        Ok(connection)
    }

    fn channel(&self) -> String {
        format!("{}hints", self.prefix)
    }

    /// Lets go of the connection; calls fail from now on.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        *lock(&self.link) = None;
    }

    async fn call(&self, effect: Effect, call: &mut Cmd) -> Result<Value> {
        let mut maybe_applied = false;
        let mut first = None;
        for tried in 1..=TRIES {
            let mut link = self
                .link()
                .await
                .map_err(|error| doubt(error, maybe_applied))?;
            let number = *first.get_or_insert(link.number);
            let failed = match self.once(effect, &mut link.connection.0, call).await {
                Ok(answer) => return answer,
                Err(failed) => failed,
            };
            let remedy = error::remedy(&failed);
            maybe_applied |= effect != Effect::Reads && failed.code().is_none();
            // One that was there before may have been dead for long; a new one was not.
            let again = match remedy {
                Remedy::Load => load(&mut link.connection.0).await.is_ok(),
                Remedy::Elsewhere | Remedy::Reconnect => {
                    self.lose(link.number);
                    remedy == Remedy::Elsewhere || (effect != Effect::Adds && link.number == number)
                }
                Remedy::Tell => false,
            };
            if !again || tried == TRIES || failed.is_timeout() {
                return Err(error::map(failed, maybe_applied));
            }
        }
        Err(Error::unavailable(
            "the server was given the functions and does not know them",
        ))
    }

    async fn once(
        &self,
        effect: Effect,
        connection: &mut MultiplexedConnection,
        call: &Cmd,
    ) -> Result<Result<Value>, RedisError> {
        let answer = ask(connection, call).await?;
        if effect != Effect::Keeps || self.wait == Wait::Nothing {
            return Ok(Ok(answer));
        }
        let replicas = i64::from(self.wait == Wait::Replicated);
        let mut wait = redis::cmd("WAITAOF");
        wait.arg(1).arg(replicas).arg(millis(DISKS));
        let disks = ask(connection, &wait).await?;
        let (local, others): (i64, i64) = redis::from_redis_value(disks)?;
        if local >= 1 && others >= replicas {
            return Ok(Ok(answer));
        }
        let source = "the disks that store.url asks for did not have it in time".into();
        Ok(Err(Error::Unavailable {
            maybe_applied: true,
            source,
        }))
    }

    /// The connection, made unless it is there.
    async fn link(&self) -> Result<Link> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::unavailable("the store is closed"));
        }
        if let Some(link) = &*lock(&self.link) {
            return Ok(link.clone());
        }
        let mut making = self.making.lock().await;
        if let Some(link) = &*lock(&self.link) {
            return Ok(link.clone());
        }
        if making.1.is_some_and(|failed| failed.elapsed() < REST) {
            return Err(Error::unavailable(
                "the server could not be reached a moment ago",
            ));
        }
        match self.make().await {
            Ok(connection) => {
                *making = (making.0 + 1, None);
                let link = Link {
                    connection: Connection(connection),
                    number: making.0,
                };
                *lock(&self.link) = Some(link.clone());
                Ok(link)
            }
            Err(error) => {
                making.1 = Some(Instant::now());
                Err(error)
            }
        }
    }

    async fn make(&self) -> Result<MultiplexedConnection> {
        let (mut connection, facts) = self.place.connect(None::<Ear>).await?;
        *lock(&self.facts) = facts;
        let key = format!("{}layout", self.prefix);
        let mut layout = redis::pipe();
        layout.cmd("SET").arg(&key).arg(LAYOUT).arg("NX").ignore();
        layout.cmd("GET").arg(&key);
        let told: Result<(u32,), RedisError> = layout.query_async(&mut connection).await;
        let (found,) = told.map_err(|failed| error::map(failed, false))?;
        if found > LAYOUT {
            return Err(Error::corrupt(format!(
                "a newer program has laid it out (layout {found}, this program knows {LAYOUT}); \
                 use that one"
            )));
        }
        Ok(connection)
    }

    /// Forgets a connection, unless there is another one by now.
    fn lose(&self, number: u64) {
        let mut link = lock(&self.link);
        if link.as_ref().is_some_and(|link| link.number == number) {
            *link = None;
        }
    }
}

/// An error of a call that may have been made before.
fn doubt(error: Error, maybe_applied: bool) -> Error {
    match error {
        Error::Unavailable { source, .. } => Error::Unavailable {
            maybe_applied,
            source,
        },
        other => other,
    }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

/// What a server answers; what it refuses is an error.
async fn ask(connection: &mut MultiplexedConnection, call: &Cmd) -> Result<Value, RedisError> {
    connection.req_packed_command(call).await?.extract_error()
}

/// Gives the functions to a server.
async fn load(connection: &mut MultiplexedConnection) -> Result<(), RedisError> {
    let mut load = redis::cmd("FUNCTION");
    load.arg("LOAD").arg(&library().code);
    match ask(connection, &load).await {
        Ok(_) => Ok(()),
        // Somebody else was faster.
        Err(error) if error.detail().is_some_and(|d| d.contains("already exists")) => Ok(()),
        Err(error) => {
            tracing::warn!("cannot give the functions to the server: {error}");
            Err(error)
        }
    }
}
