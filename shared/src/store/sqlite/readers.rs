//! Connections that only read, beside the writer.
//!
//! A read sees everything that was answered before it began: in a write-ahead log a transaction
//! starts from the newest commit. It never lasts longer than its call, because a checkpoint
//! cannot pass an open read, and the log would grow.

use rusqlite::Connection;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::Semaphore;

use super::{connection, error};
use crate::store::Result;

/// Reads at once; more wait. Reads take the time of a core, and there are few cores.
const AT_ONCE: u32 = 4;

/// See the module.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    permits: Arc<Semaphore>,
    /// Connections that nobody uses now; opened when first needed.
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    /// Readers of a file that the writer has opened.
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            permits: Arc::new(Semaphore::new(AT_ONCE as usize)),
            idle: Arc::default(),
        }
    }

    /// Has `read` done inside one read transaction, away from the async threads.
    ///
    /// # Cancel safety
    /// When it is dropped, the read goes on to its end and nobody hears of it.
    pub(super) async fn call<R: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let permits = Arc::clone(&self.permits);
        let permit = permits.acquire_owned().await.map_err(|_| error::closed())?;
        let (idle, path) = (Arc::clone(&self.idle), self.path.clone());
        super::blocking(move || {
            let _permit = permit;
            let free = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match free {
                Some(connection) => connection,
                None => connection::reader(&path)?,
            };
            let answer = in_transaction(&connection, read);
            idle.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(connection);
            answer
        })
        .await
    }

    /// Lets nobody in any more, waits for the reads under way and closes the connections.
    pub(super) async fn close(&self) {
        if self.permits.is_closed() {
            return;
        }
        // With all the permits nobody reads, and nobody is let in.
        drop(self.permits.acquire_many(AT_ONCE).await);
        self.permits.close();
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

fn in_transaction<R>(
    connection: &Connection,
    read: impl FnOnce(&Connection) -> Result<R>,
) -> Result<R> {
    connection.prepare_cached("begin")?.execute(())?;
    let answer = read(connection);
    let ended = connection.execute_batch("rollback");
    let answer = answer?;
    ended?;
    Ok(answer)
}
