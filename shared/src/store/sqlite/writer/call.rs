//! One call to the writer: what it was given, what it does, and whom to answer.

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::Turn;
use crate::store::{Error, Result};

/// What a call does inside the transaction. It may be done a second time after a rollback, so it
/// borrows its parameters. When it answers an error it had better not have changed anything, or
/// the whole turn is rolled back and done again apart.
pub(in crate::store::sqlite) type Apply<P, R> = fn(&mut Turn<'_>, &P) -> Result<R>;

/// Finds out, only reading and outside of a transaction, whether a call has anything to write;
/// if not, it is answered at once. It is asked only when no transaction has begun, else the
/// call might overlook what came before it.
pub(in crate::store::sqlite) type Look<P, R> = fn(&mut Turn<'_>, &P) -> Result<Option<R>>;

/// A call of any kind, as the thread handles it.
pub(super) trait Command: Send {
    /// Whether it needs no transaction; then it is ready to be answered.
    fn look(&mut self, turn: &mut Turn<'_>) -> bool;

    /// Does it and keeps the answer. Says `false` when it failed half done.
    fn apply(&mut self, turn: &mut Turn<'_>) -> bool;

    /// Sends the answer, or `instead` of it the reason why it does not count.
    fn answer(self: Box<Self>, instead: Option<Error>);
}

/// See the module.
pub(super) struct Call<P, R> {
    params: P,
    look: Option<Look<P, R>>,
    apply: Apply<P, R>,
    answer: Option<Result<R>>,
    reply: oneshot::Sender<Result<R>>,
    /// Its place in the channel, free again once it is answered.
    place: OwnedSemaphorePermit,
}

impl<P, R> Call<P, R> {
    pub(super) fn new(
        params: P,
        look: Option<Look<P, R>>,
        apply: Apply<P, R>,
        reply: oneshot::Sender<Result<R>>,
        place: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            params,
            look,
            apply,
            answer: None,
            reply,
            place,
        }
    }
}

impl<P: Send, R: Send> Command for Call<P, R> {
    fn look(&mut self, turn: &mut Turn<'_>) -> bool {
        self.answer = self
            .look
            .and_then(|look| look(turn, &self.params).transpose());
        self.answer.is_some()
    }

    fn apply(&mut self, turn: &mut Turn<'_>) -> bool {
        let before = turn.changes();
        let answer = (self.apply)(turn, &self.params);
        let undisturbed = answer.is_ok() || turn.is_as_it_was(before);
        self.answer = Some(answer);
        undisturbed
    }

    fn answer(self: Box<Self>, instead: Option<Error>) {
        let Self {
            answer,
            reply,
            place,
            ..
        } = *self;
        drop(place);
        // A caller that went away does not mind.
        if let Some(error) = instead {
            drop(reply.send(Err(error)));
        } else if let Some(answer) = answer {
            drop(reply.send(answer));
        }
    }
}
