//! Stopping one attempt: a cancel reaches a handler that sleeps, and one that waits to start.

use shared::{
    job::{NewJob, State, attempt::ErrorKind},
    store::{CancelParams, Cancelled},
};
use std::sync::Arc;
use tokio::sync::Notify;
use windlass_worker::Context;

use crate::harness::Bench;

#[tokio::test]
async fn a_cancel_reaches_a_sleeping_handler_at_once() {
    let bench = Bench::new();
    let (started, dropped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, gone) = (Arc::clone(&started), Arc::clone(&dropped));
    bench.start(|worker| {
        worker.handle("sleep", move |_: Context, (): ()| {
            let guard = OnDrop(Arc::clone(&gone));
            let tell = Arc::clone(&tell);
            async move {
                let _guard = guard;
                tell.notify_one();
                std::future::pending::<()>().await;
            }
        })
    });
    let id = bench.enqueue(NewJob::new("sleep", &()).unwrap()).await;
    started.notified().await;
    let params = CancelParams {
        ids: vec![id],
        reason: "changed my mind".to_owned(),
    };
    assert_eq!(
        bench.store.cancel(params).await.unwrap(),
        [Cancelled::Requested]
    );
    dropped.notified().await;
    let ended = bench.ended(id).await;
    assert_eq!(ended.summary.state, State::Cancelled);
    assert_eq!(ended.errors[0].failure.kind, ErrorKind::Cancelled);
    assert_eq!(&*ended.errors[0].failure.message, "changed my mind");
    bench.drain().await;
}

struct OnDrop(Arc<Notify>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}
