//! Wake-up across processes. Polling is the truth; what goes by here are hints, which may come
//! late, twice or not at all.
//!
//! # Telling others
//!
//! Hints are gathered as a set and sent by a task of their own, at most one statement per
//! [`GAP`]: a queue that is hinted at a thousand times meanwhile is told once. The first after a
//! pause goes at once. They are never sent in a caller's transaction, because the server carries
//! out notifying transactions one after the other. Ends of jobs come as fast as jobs do and only
//! those who wait for a job want to know, so they are gathered for longer.
//!
//! A process that has the server to itself tells nobody. Whoever listens says so now and then
//! ([`PRESENT`]); when for long nobody else was heard, hints stay here ([`Company`]). When somebody
//! is heard again, they are told that they may have missed something.
//!
//! # Hearing others
//!
//! The listener has a connection of its own, from the first [`Waker::listen`] on, and makes another
//! one for ever. It hears its own signs of life as well: with the first it is known to listen, and
//! when they stay away the connection is dead, or leads to a pooler. What came before was missed, so
//! each connection begins with [`Hint::Any`].
//!
//! # The text
//!
//! `ORIGIN HINT`, and a queue's name behind `available`. What cannot be read is [`Hint::Any`], so
//! whoever enqueues in SQL may `notify windlass`.

use rand::random;
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use std::{
    collections::HashSet,
    convert::Infallible,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::database::Database;
use crate::{
    patience::{Patience, jittered},
    shutdown::Tasks,
    store::{
        Error, Hint, Hints, Wake, Wakeups,
        hints::{PRESENT, SIGN_OF_LIFE, SILENCE},
    },
};

const NOTIFY: &str = include_str!("sql/notify.sql");

/// What is listened on; the function in `migrations/postgres/0009_wake.sql` names it too.
const CHANNEL: &str = "windlass";

/// Shortest time between two statements that tell others.
const GAP: Duration = Duration::from_millis(2);

/// Shortest time between two tellings of ends, unless something else is told.
const ENDS_GAP: Duration = Duration::from_millis(20);

/// Most hints told one by one; of more, [`Hint::Any`] is told.
const MOST: usize = 32;

/// Longest wait for the last hints to be sent, and for the listener's connection to end.
const LAST: Duration = Duration::from_secs(1);

/// Longest wait for a connection to listen on.
const CONNECT: Duration = Duration::from_secs(5);

/// Gives hints, here and elsewhere.
#[derive(Debug)]
pub(super) struct Waker {
    shared: Arc<Shared>,
    /// Where to listen; taken by the first who asks for hints.
    listen: Mutex<Option<PgConnectOptions>>,
    listens: bool,
    tasks: Tasks,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Shared {
    /// Tells this store's own payloads from others'.
    origin: String,
    hints: Hints,
    pending: Mutex<Pending>,
    /// Something is to be told.
    news: Notify,
    /// Jobs ended.
    ends: Notify,
    company: Mutex<Company>,
    /// The listener hears nothing, yet or any more.
    deaf: AtomicBool,
}

impl Waker {
    /// Starts to tell others, within a runtime; will listen at that place, or not at all.
    pub(super) fn new(database: Database, listen: Option<PgConnectOptions>) -> Self {
        let shared = Arc::new(Shared {
            origin: format!("{:016x}", random::<u64>()),
            hints: Hints::default(),
            pending: Mutex::default(),
            news: Notify::new(),
            ends: Notify::new(),
            company: Mutex::default(),
            deaf: AtomicBool::new(false),
        });
        let (tasks, stop) = (Tasks::new(), CancellationToken::new());
        tasks.spawn(tell(Arc::clone(&shared), database, stop.clone()));
        Self {
            shared,
            listens: listen.is_some(),
            listen: Mutex::new(listen),
            tasks,
            stop,
        }
    }

    /// Gives a hint here at once, and elsewhere soon.
    pub(super) fn give(&self, hint: Hint) {
        self.shared.tell(&hint);
        self.shared.hints.give(hint);
    }

    /// Hints from now on, of others too once the listener listens. Within a runtime.
    pub(super) fn listen(&self) -> Wakeups {
        let wakeups = self.shared.hints.listen();
        let listen = lock(&self.listen).take();
        if let Some(options) = listen
            && !self.stop.is_cancelled()
        {
            let hearing = hear(Arc::clone(&self.shared), options, self.stop.clone());
            self.tasks.spawn(hearing);
        }
        wakeups
    }

    /// How far hints come now.
    pub(super) fn reach(&self) -> Wake {
        if self.listens && !self.shared.deaf.load(Ordering::Relaxed) {
            Wake::Everywhere
        } else {
            Wake::Local
        }
    }

    /// Sends what is still to be told, and ends.
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Notes that others are to be told.
    fn tell(&self, hint: &Hint) {
        if !lock(&self.company).is_there(Instant::now()) {
            return;
        }
        lock(&self.pending).add(hint);
        if *hint == Hint::Ended {
            self.ends.notify_one();
        } else {
            self.news.notify_one();
        }
    }

    /// Says that this process listens.
    fn tell_presence(&self) {
        lock(&self.pending).present = true;
        self.news.notify_one();
    }

    /// Gives what another process tells.
    fn heard(&self, payload: &str) {
        let (origin, text) = payload.split_once(' ').unwrap_or_default();
        if origin == self.origin {
            return;
        }
        let was_alone = lock(&self.company).came(Instant::now());
        match Hint::read(text) {
            Some(hint) => self.hints.give(hint),
            None if was_alone => self.tell(&Hint::Any),
            None => {}
        }
    }

    fn listens(&self, listens: bool) {
        lock(&self.company).listens(listens, Instant::now());
        self.deaf.store(!listens, Ordering::Relaxed);
        if listens {
            self.hints.give(Hint::Any);
        }
    }
}

/// Who else may want to know.
#[derive(Debug, Default)]
struct Company {
    /// Until when others count as there, once somebody listens for them.
    until: Option<Instant>,
}

impl Company {
    fn is_there(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Somebody was heard; answers whether nobody was there.
    fn came(&mut self, now: Instant) -> bool {
        let was_alone = !self.is_there(now);
        self.until = Some(now + SILENCE);
        was_alone
    }

    /// Who cannot hear others takes them for there; who has just begun gives them time.
    fn listens(&mut self, listens: bool, now: Instant) {
        self.until = listens.then(|| now + SILENCE);
    }
}

/// What others are to be told.
#[derive(Debug, Default)]
struct Pending {
    hints: HashSet<Hint>,
    present: bool,
}

impl Pending {
    fn add(&mut self, hint: &Hint) {
        if self.hints.contains(hint) {
            return;
        }
        let full = self.hints.len() >= MOST;
        self.hints
            .insert(if full { Hint::Any } else { hint.clone() });
    }

    /// As others read it. "Any" says all the rest.
    fn write(&self, origin: &str) -> Vec<String> {
        let any = self.hints.contains(&Hint::Any);
        let said = |hint: &&Hint| !any || **hint == Hint::Any;
        let hints = self.hints.iter().filter(said).map(Hint::text);
        let texts = hints.chain(self.present.then(|| SIGN_OF_LIFE.into()));
        texts.map(|text| format!("{origin} {text}")).collect()
    }
}

/// Tells others until `stop`, then what is left.
async fn tell(shared: Arc<Shared>, database: Database, stop: CancellationToken) {
    let mut patience = Patience::new("tell other processes that there is work");
    let mut last_ends = None::<Instant>;
    loop {
        let ends = async {
            shared.ends.notified().await;
            if let Some(last) = last_ends {
                sleep_until(last + ENDS_GAP).await;
            }
        };
        tokio::select! {
            () = shared.news.notified() => {}
            () = ends => {}
            () = stop.cancelled() => break,
        }
        let sent = tokio::select! {
            sent = send(&shared, &database) => sent,
            () = async { stop.cancelled().await; sleep(LAST).await } => return,
        };
        let wait = match sent {
            Ok(ends) => {
                patience.succeeded();
                if ends {
                    last_ends = Some(Instant::now());
                }
                GAP
            }
            Err(error) => {
                // Who was not told now may have missed anything.
                shared.tell(&Hint::Any);
                patience.failed(&error)
            }
        };
        tokio::select! {
            () = sleep(wait) => {}
            () = stop.cancelled() => break,
        }
    }
    drop(timeout(LAST, send(&shared, &database)).await);
}

/// Sends what is to be told; answers whether ends were.
async fn send(shared: &Shared, database: &Database) -> Result<bool, Error> {
    let pending = mem::take(&mut *lock(&shared.pending));
    let payloads = pending.write(&shared.origin);
    if !payloads.is_empty() {
        database.write(NOTIFY, |call| call.bind(&payloads)).await?;
    }
    Ok(pending.hints.contains(&Hint::Ended))
}

/// Why the listener needs another connection.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error(transparent)]
    Failed(#[from] sqlx::Error),
    #[error("the connection was closed")]
    Closed,
    #[error("not even this process's own notifications arrive; is the address that of a pooler?")]
    Silent,
}

/// Listens until `stop`, on one connection after the other.
async fn hear(shared: Arc<Shared>, options: PgConnectOptions, stop: CancellationToken) {
    let mut patience = Patience::new("listen for hints of other processes");
    shared.listens(false);
    loop {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(CONNECT)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(options.clone());
        let lost = tokio::select! {
            lost = hear_on(&pool, &shared, &mut patience) => lost,
            () = stop.cancelled() => {
                drop(timeout(LAST, pool.close()).await);
                return;
            }
        };
        shared.listens(false);
        drop(timeout(LAST, pool.close()).await);
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
    pool: &PgPool,
    shared: &Shared,
    patience: &mut Patience,
) -> Result<Infallible, Lost> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    shared.tell_presence();
    // Behind a pooler one seems to listen and hears nothing.
    let mut hears = false;
    let mut present = Instant::now() + jittered(PRESENT);
    let mut silence = Instant::now() + SILENCE;
    loop {
        tokio::select! {
            heard = listener.try_recv() => {
                let heard = heard?.ok_or(Lost::Closed)?;
                silence = Instant::now() + SILENCE;
                if !hears {
                    hears = true;
                    patience.succeeded();
                    shared.listens(true);
                }
                shared.heard(heard.payload());
            }
            () = sleep_until(present) => {
                shared.tell_presence();
                present = Instant::now() + jittered(PRESENT);
            }
            () = sleep_until(silence) => return Err(Lost::Silent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::QueueName;

    fn available(queue: &str) -> Hint {
        Hint::Available(QueueName::new(queue).unwrap())
    }

    fn told(hints: &[Hint]) -> Vec<String> {
        let mut pending = Pending::default();
        for hint in hints {
            pending.add(hint);
        }
        let mut texts = pending.write("me");
        texts.sort();
        texts
    }

    #[test]
    fn what_is_hinted_at_often_is_told_once_and_many_queues_are_any() {
        let hints = [available("b"), Hint::Ended, available("a"), Hint::Ended];
        let once = ["me available a", "me available b", "me ended"];
        assert_eq!(told(&hints), once);
        let many: Vec<Hint> = (0..1000).map(|n| available(&format!("q{n}"))).collect();
        assert_eq!(told(&many), ["me any"]);
        assert_eq!(told(&[]), [""; 0]);
    }

    #[test]
    fn others_are_told_unless_nobody_was_heard_for_long() {
        let now = Instant::now();
        let mut company = Company::default();
        assert!(company.is_there(now), "nobody listens for them yet");
        company.listens(true, now);
        assert!(company.is_there(now));
        let later = now + SILENCE;
        assert!(!company.is_there(later));
        assert!(company.came(later));
        assert!(!company.came(later));
        assert!(company.is_there(later));
        company.listens(false, later);
        assert!(company.is_there(later + SILENCE * 2));
    }
}
