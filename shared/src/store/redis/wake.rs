//! Wake-up across processes. Polling is the truth; what goes by here are hints, which may come late,
//! twice or not at all.
//!
//! The functions tell others as they change something, in the same step: on a sharded channel in the
//! slot of the jobs, and of a queue only when it had nothing before, so hints are few where there is
//! much to do. What this store did itself is hinted at here by the call that did it.
//!
//! The listener has a connection of its own, from the first [`Waker::listen`] on, and makes another one
//! for ever. It says now and then that it is there and hears that itself: while it does, it is known to
//! hear. What came while it did not was missed, so each connection begins with [`Hint::Any`].

use redis::{PushInfo, PushKind, Value, aio::AsyncPushSender, aio::SendError};
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::server::Server;
use crate::{
    patience::{Patience, jittered},
    shutdown::Tasks,
    store::{
        Error, Hint, Hints, Wake, Wakeups,
        hints::{PRESENT, SIGN_OF_LIFE, SILENCE},
    },
};

/// Gives hints, and hears those of others.
#[derive(Debug)]
pub(super) struct Waker {
    shared: Arc<Shared>,
    server: Arc<Server>,
    listens: AtomicBool,
    tasks: Tasks,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Shared {
    origin: String,
    hints: Hints,
    /// The listener hears nothing, yet or any more.
    deaf: AtomicBool,
}

/// What happened on one connection.
#[derive(Debug, Default)]
struct Signs {
    /// Something was heard.
    heard: Notify,
    /// It has ended.
    ended: Notify,
}

/// Takes what the server sends to a listener.
#[derive(Debug, Clone)]
pub(super) struct Ear {
    shared: Arc<Shared>,
    signs: Arc<Signs>,
}

impl AsyncPushSender for Ear {
    fn send(&self, push: PushInfo) -> Result<(), SendError> {
        match push.kind {
            PushKind::SMessage => {
                self.signs.heard.notify_one();
                if let Some(Value::BulkString(payload)) = push.data.into_iter().nth(1) {
                    self.shared.hear(&String::from_utf8_lossy(&payload));
                }
            }
            PushKind::SSubscribe => self.signs.heard.notify_one(),
            PushKind::Disconnection | PushKind::SUnsubscribe => self.signs.ended.notify_one(),
            _ => {}
        }
        Ok(())
    }
}

impl Shared {
    /// Gives what another process tells.
    fn hear(&self, payload: &str) {
        let (origin, text) = payload.split_once(' ').unwrap_or_default();
        if origin != self.origin
            && let Some(hint) = Hint::read(text)
        {
            self.hints.give(hint);
        }
    }

    fn listens(&self, listens: bool) {
        self.deaf.store(!listens, Ordering::Relaxed);
        if listens {
            self.hints.give(Hint::Any);
        }
    }
}

impl Waker {
    pub(super) fn new(server: Arc<Server>) -> Self {
        Self {
            shared: Arc::new(Shared {
                origin: server.origin.clone(),
                hints: Hints::default(),
                deaf: AtomicBool::new(false),
            }),
            server,
            listens: AtomicBool::new(false),
            tasks: Tasks::new(),
            stop: CancellationToken::new(),
        }
    }

    /// Gives a hint here; the function that was called has told the others.
    pub(super) fn give(&self, hint: Hint) {
        self.shared.hints.give(hint);
    }

    /// Hints from now on, of others too once the listener listens. Within a runtime.
    pub(super) fn listen(&self) -> Wakeups {
        let wakeups = self.shared.hints.listen();
        if !self.listens.swap(true, Ordering::Relaxed) && !self.stop.is_cancelled() {
            let (shared, server) = (Arc::clone(&self.shared), Arc::clone(&self.server));
            self.tasks.spawn(hear(shared, server, self.stop.clone()));
        }
        wakeups
    }

    /// How far hints come now.
    pub(super) fn reach(&self) -> Wake {
        if self.shared.deaf.load(Ordering::Relaxed) {
            Wake::Local
        } else {
            Wake::Everywhere
        }
    }

    /// Stops listening.
    pub(super) async fn close(&self) {
        self.stop.cancel();
        self.tasks.finished().await;
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Why the listener needs another connection.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error(transparent)]
    Failed(#[from] Error),
    #[error("the connection has ended")]
    Ended,
    #[error("not even what this process says itself arrives")]
    Silent,
}

/// Listens until `stop`, on one connection after the other.
async fn hear(shared: Arc<Shared>, server: Arc<Server>, stop: CancellationToken) {
    let mut patience = Patience::new("listen for hints of other processes");
    shared.listens(false);
    loop {
        let lost = tokio::select! {
            lost = hear_on(&shared, &server, &mut patience) => lost,
            () = stop.cancelled() => return,
        };
        shared.listens(false);
        let Err(lost) = lost;
        let wait = patience.failed(&lost);
        tokio::select! {
            () = sleep(wait) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Listens until the connection is lost.
async fn hear_on(
    shared: &Arc<Shared>,
    server: &Server,
    patience: &mut Patience,
) -> Result<Infallible, Lost> {
    let signs = Arc::new(Signs::default());
    let ear = Ear {
        shared: Arc::clone(shared),
        signs: Arc::clone(&signs),
    };
    let _connection = server.listen(ear).await?;
    let mut hears = false;
    let mut present = Instant::now() + jittered(PRESENT);
    let mut silence = Instant::now() + SILENCE;
    loop {
        tokio::select! {
            () = signs.heard.notified() => {
                silence = Instant::now() + SILENCE;
                if !hears {
                    hears = true;
                    patience.succeeded();
                    shared.listens(true);
                }
            }
            () = sleep_until(present) => {
                server.tell(SIGN_OF_LIFE).await?;
                present = Instant::now() + jittered(PRESENT);
            }
            () = signs.ended.notified() => return Err(Lost::Ended),
            () = sleep_until(silence) => return Err(Lost::Silent),
        }
    }
}
