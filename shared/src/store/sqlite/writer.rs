//! The one writer: a thread that turns whatever waits into one transaction.
//!
//! While one commit waits for the disk, the next calls gather in the channel; the thread takes
//! them all into its next transaction. That is group commit without a delay: a lone call is
//! committed at once, a crowd shares the wait. A call is answered after the commit, never before.
//!
//! One bad call does not spoil the others. A call that answers an error without having changed
//! anything stays in the transaction; when one fails half done, the transaction is rolled back
//! and every call of the turn is done again in a transaction of its own. Savepoints would do the
//! same at a price for every call; this costs nothing until something breaks.
//!
//! Between turns the thread looks whether another connection has written: see [`foreign`].

mod call;
mod foreign;
mod names;
mod tally;
mod turn;
mod waiting;

use rusqlite::Connection;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
};
use tokio::sync::{Semaphore, oneshot};

pub(super) use turn::Turn;

use super::error;
use crate::{
    clock::Clock,
    store::{Error, Hints, Result},
};
use call::{Apply, Call, Command, Look};
use foreign::Foreign;
use names::Names;
use turn::Uncommitted;
use waiting::Waiting;

/// Calls that may wait for the writer; the next one waits to be let in.
const WAITING: usize = 1024;

/// What the thread is sent.
enum Message {
    Call(Box<dyn Command>),
    /// Finish what came before, and end.
    Close(oneshot::Sender<()>),
}

/// The handle of the thread, which ends when the handle is closed or dropped.
#[derive(Debug)]
pub(super) struct Writer {
    messages: SyncSender<Message>,
    /// One permit for each place in the channel, so that sending never blocks.
    places: Arc<Semaphore>,
}

impl Writer {
    /// Starts the thread on its connection.
    ///
    /// # Errors
    /// `Unavailable` when the system has no thread to give.
    pub(super) fn start(connection: Connection, clock: Clock, hints: Hints) -> Result<Self> {
        // One place more than there are permits, for the message that closes.
        let (messages, inbox) = sync_channel(WAITING + 1);
        let thread = Thread {
            foreign: Foreign::new(&connection)?,
            connection,
            clock,
            hints,
            names: Names::default(),
        };
        std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || thread.run(&inbox))
            .map_err(Error::unavailable)?;
        Ok(Self {
            messages,
            places: Arc::new(Semaphore::new(WAITING)),
        })
    }

    /// Has `apply` done in a transaction, and answers what it answered once that is kept.
    ///
    /// # Cancel safety
    /// When it is dropped, the call was done, will be done, or not.
    pub(super) async fn call<P, R>(&self, params: P, apply: Apply<P, R>) -> Result<R>
    where
        P: Send + 'static,
        R: Send + 'static,
    {
        self.send(params, None, apply).await
    }

    /// As [`Writer::call`], but `look` is asked first whether there is anything to write.
    pub(super) async fn call_if<P, R>(
        &self,
        params: P,
        look: Look<P, R>,
        apply: Apply<P, R>,
    ) -> Result<R>
    where
        P: Send + 'static,
        R: Send + 'static,
    {
        self.send(params, Some(look), apply).await
    }

    async fn send<P, R>(&self, params: P, look: Option<Look<P, R>>, apply: Apply<P, R>) -> Result<R>
    where
        P: Send + 'static,
        R: Send + 'static,
    {
        let places = Arc::clone(&self.places);
        let place = places.acquire_owned().await.map_err(|_| error::closed())?;
        let (reply, answer) = oneshot::channel();
        let call = Call::new(params, look, apply, reply, place);
        self.messages
            .try_send(Message::Call(Box::new(call)))
            .map_err(|_| error::closed())?;
        answer.await.unwrap_or_else(|_| Err(error::dropped()))
    }

    /// Lets nobody in any more, and waits until everything that came before is done and the file
    /// is let go of. Idempotent.
    pub(super) async fn close(&self) {
        if self.places.is_closed() {
            return;
        }
        self.places.close();
        let (done, ended) = oneshot::channel();
        if self.messages.try_send(Message::Close(done)).is_ok() {
            // When the thread is gone, so is its end of this channel: nothing is left to wait for.
            ended.await.unwrap_or_default();
        }
    }
}

struct Thread {
    connection: Connection,
    clock: Clock,
    hints: Hints,
    names: Names,
    foreign: Foreign,
}

impl Thread {
    fn run(mut self, inbox: &Receiver<Message>) {
        loop {
            let close = match inbox.recv_timeout(self.foreign.pause()) {
                Ok(Message::Call(first)) => self.guarded_turn(first, inbox),
                Ok(Message::Close(done)) => Some(done),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if let Some(done) = close {
                // The file is let go of before the answer: it may be moved after that.
                drop(self);
                return done.send(()).unwrap_or_default();
            }
            self.foreign.look_if_due(&self.connection, &self.hints);
        }
    }

    /// A turn that outlives a panic in one of its calls: their callers learn of it because nobody
    /// answers, and the next turn is as any other.
    fn guarded_turn(
        &mut self,
        first: Box<dyn Command>,
        inbox: &Receiver<Message>,
    ) -> Option<oneshot::Sender<()>> {
        catch_unwind(AssertUnwindSafe(|| self.turn(first, inbox))).unwrap_or_else(|_| {
            tracing::error!("a call to the store panicked; its transaction is rolled back");
            self.begin_turn().roll_back();
            None
        })
    }

    fn begin_turn(&mut self) -> Turn<'_> {
        Turn::new(&self.connection, &self.clock, &self.hints, &mut self.names)
    }

    /// Does what waits, in one transaction. Answers whether it came upon the message that closes.
    fn turn(
        &mut self,
        first: Box<dyn Command>,
        inbox: &Receiver<Message>,
    ) -> Option<oneshot::Sender<()>> {
        let mut turn = self.begin_turn();
        let mut waiting = Waiting::new(first, inbox);
        let mut done = Vec::new();
        while let Some(mut call) = waiting.next() {
            if !turn.has_begun() {
                turn.look();
                if call.look(&mut turn) {
                    call.answer(None);
                    continue;
                }
                if let Err(cause) = turn.begin().map_err(Arc::new) {
                    // Whoever holds the lock has had its time: the others need not wait in turn.
                    call.answer(Some(error::not_begun(&cause)));
                    waiting.refuse_all(&cause);
                    break;
                }
            }
            let undisturbed = call.apply(&mut turn);
            done.push(call);
            if !undisturbed {
                turn.roll_back();
                apart(&mut turn, done);
                return waiting.close();
            }
        }
        if turn.has_begun() {
            finish(&mut turn, done);
        }
        waiting.close()
    }
}

/// Commits what the calls did, and answers them.
fn finish(turn: &mut Turn<'_>, calls: Vec<Box<dyn Command>>) {
    match turn.commit() {
        Ok(()) => calls.into_iter().for_each(|call| call.answer(None)),
        Err(Uncommitted::Perhaps(cause)) => {
            let cause = Arc::new(cause);
            for call in calls {
                call.answer(Some(error::not_committed(&cause)));
            }
        }
        Err(Uncommitted::Undone(_)) if calls.len() > 1 => apart(turn, calls),
        Err(Uncommitted::Undone(error)) => {
            if let Some(call) = calls.into_iter().next() {
                call.answer(Some(error));
            }
        }
    }
}

/// Does each call again in a transaction of its own, after one of them broke the common one.
fn apart(turn: &mut Turn<'_>, calls: Vec<Box<dyn Command>>) {
    for mut call in calls {
        if let Err(cause) = turn.begin() {
            call.answer(Some(error::not_begun(&Arc::new(cause))));
        } else if call.apply(turn) {
            finish(turn, vec![call]);
        } else {
            // Its own error is the answer, and nothing of it is left.
            turn.roll_back();
            call.answer(None);
        }
    }
}

#[cfg(test)]
mod tests;
