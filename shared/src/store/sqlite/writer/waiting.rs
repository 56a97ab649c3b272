//! The calls that one turn takes in: the first, and what else waits until its time is over.

use std::{
    sync::{Arc, mpsc::Receiver},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

use super::{Message, call::Command};
use crate::store::sqlite::error;

/// A turn takes in calls for this long at most, so that the first of them is not kept waiting for
/// its answer: some ten times as long as a commit takes.
const TURN: Duration = Duration::from_millis(5);

/// See the module.
pub(super) struct Waiting<'a> {
    inbox: &'a Receiver<Message>,
    first: Option<Box<dyn Command>>,
    until: Instant,
    close: Option<oneshot::Sender<()>>,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(first: Box<dyn Command>, inbox: &'a Receiver<Message>) -> Self {
        Self {
            inbox,
            first: Some(first),
            until: Instant::now() + TURN,
            close: None,
        }
    }

    /// The next call, if one waits and there is time for it.
    pub(super) fn next(&mut self) -> Option<Box<dyn Command>> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        if Instant::now() >= self.until {
            return None;
        }
        self.take()
    }

    /// Answers everything that waits that the transaction could not begin.
    pub(super) fn refuse_all(&mut self, cause: &Arc<rusqlite::Error>) {
        while let Some(call) = self.take() {
            call.answer(Some(error::not_begun(cause)));
        }
    }

    /// What the message that closes is answered with, if it was come upon.
    pub(super) fn close(self) -> Option<oneshot::Sender<()>> {
        self.close
    }

    fn take(&mut self) -> Option<Box<dyn Command>> {
        if self.close.is_some() {
            return None;
        }
        match self.inbox.try_recv().ok()? {
            Message::Call(call) => Some(call),
            Message::Close(done) => {
                self.close = Some(done);
                None
            }
        }
    }
}
