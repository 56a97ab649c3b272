//! Enqueue, a handler of one's own, progress, a result, and a snooze.
//!
//! ```text
//! cargo run -p windlass-worker --example send_email
//! ```
//!
//! It keeps its jobs in `send_email.db`, so a second run finds what the first one left. With
//! `windlass api` on the same file (`WINDLASS__STORE__URL=sqlite://send_email.db`) the jobs can be
//! looked at while they run.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use serde::{Deserialize, Serialize};
use std::{error::Error, sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};
use windlass_worker::{
    Clock, Context, Done, IntoOutcome, JobId, NewJob, Outcome, Shutdown, Store, Unique, UniqueKey,
    UniquePolicy, Worker, store,
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Serialize, Deserialize)]
struct SendEmail {
    to: String,
    parts: u32,
}

#[derive(Serialize)]
struct Receipt {
    message_id: String,
}

/// Sends the parts one by one and says how far it is. A job that is not old enough is put off: a
/// snooze is no failure and counts no attempt.
async fn send_email(ctx: Context, email: SendEmail) -> Result<Outcome> {
    if ctx.age() < Duration::from_millis(500) {
        println!("{} is too fresh: snoozed", ctx.id());
        return Ok(Outcome::snooze(Duration::from_millis(500)));
    }
    for part in 1..=email.parts {
        ctx.progress(&format!("part {part} of {}", email.parts))?;
        sleep(Duration::from_millis(300)).await;
    }
    println!("{} is sent to {}", ctx.id(), email.to);
    let message_id = format!("<{}@example.com>", ctx.id());
    Ok(Done(Receipt { message_id }).into_outcome())
}

#[tokio::main]
async fn main() -> Result<()> {
    let store = store::open("sqlite://send_email.db", Clock::system()).await?;

    let email = SendEmail {
        to: "ada@example.com".to_owned(),
        parts: 3,
    };
    let key = UniqueKey::new("welcome:ada@example.com")?;
    let once = Unique::new(key, UniquePolicy::UntilFinished)?;
    let job = NewJob::new("send_email", &email)?.unique(once);
    let id = job.id;
    println!("{id} is enqueued: {:?}", store.enqueue(vec![job]).await?);

    let shutdown = Shutdown::new();
    let worker = Worker::builder(Arc::clone(&store))
        .handle("send_email", send_email)
        .alone();
    let watched = async {
        let watched = watch(&*store, id).await;
        shutdown.drain();
        watched
    };
    let ((), watched) = tokio::join!(worker.build()?.run(shutdown.clone()), watched);
    store.close().await;
    watched
}

/// Tells how a job goes until it has ended.
async fn watch(store: &dyn Store, id: JobId) -> Result<()> {
    let mut wakeups = store.wakeups();
    let mut told = String::new();
    loop {
        let job = store
            .get(vec![id])
            .await?
            .remove(0)
            .ok_or("another job holds the key")?;
        let text = |bytes: Option<_>| {
            bytes.map(|b: bytes::Bytes| String::from_utf8_lossy(&b).into_owned())
        };
        let now = format!(
            "{} {}",
            job.summary.state,
            text(job.progress).unwrap_or_default()
        );
        if now != told {
            println!("{id} is {now}");
            told = now;
        }
        if job.summary.state.is_terminal() {
            println!("{id} returned {}", text(job.result).unwrap_or_default());
            return Ok(());
        }
        // Progress comes without a hint, and hints may be lost: so look now and then.
        drop(timeout(Duration::from_millis(100), wakeups.next()).await);
    }
}
