//! A server that follows the first one and answers lists in its place.
//!
//! It shows what the first had a moment ago, so nothing is asked of it that has to see what was just
//! done, and nothing depends on it: when it is away, too slow, without the schema or behind with it,
//! the first is asked, and it is left alone for a while.

use sqlx::postgres::PgConnectOptions;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, timeout};

use super::{database::Database, migrate};
use crate::{
    clock::Clock,
    patience::Patience,
    store::{Error, Result},
};

/// Connections to it, at most: lists are few, and short.
const CONNECTIONS: u32 = 4;

/// Longest wait for an answer. Whoever asked is then answered by the first server.
const ANSWER: Duration = Duration::from_secs(2);

/// How long one that failed is left alone.
const REST: Duration = Duration::from_secs(15);

/// A server that follows.
#[derive(Debug)]
pub(super) struct Replica {
    database: Database,
    standing: Mutex<Standing>,
}

#[derive(Debug)]
struct Standing {
    /// Whether it is known to have the schema.
    is_fit: bool,
    /// Until when it is left alone.
    rests_until: Option<Instant>,
    patience: Patience,
}

impl Replica {
    /// The one at `options`; as for [`Database::new`].
    pub(super) fn new(options: PgConnectOptions, pooled: bool, clock: Clock) -> Self {
        Self {
            database: Database::new(options, CONNECTIONS, pooled, clock),
            standing: Mutex::new(Standing {
                is_fit: false,
                rests_until: None,
                patience: Patience::new("list jobs at the replica"),
            }),
        }
    }

    /// What it answers; `None`: the first server is the one to ask.
    pub(super) async fn ask<'r, T, F>(&'r self, read: impl FnOnce(&'r Database) -> F) -> Option<T>
    where
        F: Future<Output = Result<T>>,
    {
        let is_fit = self.begin()?;
        let answer = async {
            if !is_fit && !migrate::is_up(&self.database).await? {
                let behind = "it has no schema, or one that is behind";
                return Err(Error::unavailable(behind));
            }
            read(&self.database).await
        };
        let answer = timeout(ANSWER, answer).await;
        let answer = answer.unwrap_or_else(|_| Err(Error::unavailable("it does not answer")));
        self.end(answer)
    }

    /// Whether it is known to be fit; `None` while it rests. One caller at a time tries one that has
    /// rested.
    fn begin(&self) -> Option<bool> {
        let mut standing = self.standing();
        if let Some(until) = standing.rests_until {
            if Instant::now() < until {
                return None;
            }
            standing.rests_until = Some(Instant::now() + REST);
        }
        Some(standing.is_fit)
    }

    fn end<T>(&self, answer: Result<T>) -> Option<T> {
        let mut standing = self.standing();
        standing.is_fit = answer.is_ok();
        match answer {
            Ok(answer) => {
                standing.patience.succeeded();
                standing.rests_until = None;
                Some(answer)
            }
            Err(failed) => {
                standing.patience.failed(&failed);
                standing.rests_until = Some(Instant::now() + REST);
                None
            }
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of all connections.
    pub(super) async fn close(&self) {
        self.database.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answers(replica: &Replica, answer: Result<u8>) -> Option<u8> {
        replica.ask(|_| async { answer }).await
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_failed_rests_and_is_then_tried_by_one_caller() {
        let replica = Replica::new(PgConnectOptions::new(), false, Clock::system());
        replica.standing().is_fit = true;
        assert_eq!(answers(&replica, Ok(1)).await, Some(1));
        let away = Error::unavailable("away");
        assert_eq!(answers(&replica, Err(away)).await, None);
        assert_eq!(answers(&replica, Ok(2)).await, None, "it rests");
        tokio::time::advance(REST).await;
        // Its schema is looked at anew, for it may be another one.
        assert_eq!(replica.begin(), Some(false));
        assert_eq!(replica.begin(), None, "somebody tries it");
        assert_eq!(replica.end(Ok(3)), Some(3));
        assert_eq!(answers(&replica, Ok(4)).await, Some(4));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_answer_is_not_waited_for_long() {
        let replica = Replica::new(PgConnectOptions::new(), false, Clock::system());
        replica.standing().is_fit = true;
        let asked = Instant::now();
        let never: Option<u8> = replica.ask(|_| std::future::pending()).await;
        assert_eq!((never, asked.elapsed()), (None, ANSWER));
        assert_eq!(replica.begin(), None);
    }
}
