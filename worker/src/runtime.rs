//! Runs handlers through apalis. Everything that knows apalis is in this file.
//!
//! apalis drives handlers (`Monitor`, `WorkerBuilder`, tower layers) over our own [`Backend`],
//! which only hands out what the engine has claimed:
//!
//! * [`Handover`], the backend, cannot fail: a store that is away never ends a worker.
//! * [`Router`], the service, starts each attempt as a task of its own, so that handlers run in
//!   parallel and a panic is the attempt's, not the worker's.
//! * [`Settlement`], the layer that the backend brings along, gives the verdict to the engine.
//! * An explicit limit on concurrency: apalis has none by default.
//!
//! apalis's own persistence engine, its storage crates and its cron are not used: they stop
//! heartbeats while they are busy and lose what is in flight on a storage error, among others.

use apalis::prelude::{Backend, BoxDynError, Monitor, Task, WorkerBuilder, WorkerContext};
use apalis_core::backend::{BackendConfig, finalize::Ephemeral};
use shared::shutdown::Shutdown;
use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll, ready},
};
use tokio::task::JoinHandle;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tower::{Layer, Service, limit::ConcurrencyLimitLayer};

use crate::{
    Context,
    engine::{Engine, Verdict},
    execute,
};

/// Runs handlers until the engine is closed and nothing is in flight.
pub(crate) async fn run(engine: Arc<Engine>, shutdown: Shutdown) {
    let name = engine.settings.name.clone();
    let limit = engine.settings.concurrency;
    let monitor = Monitor::new()
        .register(move |_| {
            WorkerBuilder::new(name.as_str())
                .backend(Handover::new(Arc::clone(&engine)))
                .layer(ConcurrencyLimitLayer::new(limit))
                .build(Router(Arc::clone(&engine)))
        })
        // A worker's future ends in an error only by a panic in the plumbing: start another one,
        // the engine still holds the jobs.
        .should_restart(|_, error| {
            tracing::error!("the worker runtime failed and is started again: {error}");
            true
        });
    let stop = async move {
        shutdown.draining().await;
        Ok(())
    };
    if let Err(error) = monitor.run_with_signal(stop).await {
        tracing::error!("the worker runtime ended: {error}");
    }
}

/// The backend: hands out what is in the engine's inbox.
struct Handover {
    engine: Arc<Engine>,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Handover {
    fn new(engine: Arc<Engine>) -> Self {
        let closed = Box::pin(engine.closed.clone().cancelled_owned());
        Self { engine, closed }
    }
}

impl Backend for Handover {
    type Task = Task<Context>;
    type Error = Infallible;

    fn poll_ready(
        &mut self,
        _: &mut TaskContext<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut TaskContext<'_>,
        _: &WorkerContext,
    ) -> Poll<Option<Result<Self::Task, Infallible>>> {
        self.engine
            .inbox
            .poll(cx)
            .map(|ctx| Some(Ok(Task::new(ctx))))
    }

    /// The worker may end once the engine has settled everything.
    fn poll_close(
        &mut self,
        cx: &mut TaskContext<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Infallible>> {
        self.closed.as_mut().poll(cx).map(Ok)
    }
}

impl BackendConfig for Handover {
    type Args = Context;
    type Id = ();
    type Kind = Ephemeral;
    type Config = ();
    type Layer = Settlement;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Settlement {
        Settlement(Arc::clone(&self.engine))
    }
}

/// The service: starts an attempt for every task.
#[derive(Clone)]
struct Router(Arc<Engine>);

impl Service<Task<Context>> for Router {
    type Response = Verdict;
    type Error = BoxDynError;
    type Future = Attempt;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), BoxDynError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, task: Task<Context>) -> Attempt {
        let running = execute::attempt(Arc::clone(&self.0), task.args);
        Attempt(self.0.attempts.spawn(running))
    }
}

/// An attempt that runs; its verdict, whatever happens to its task.
struct Attempt(JoinHandle<Verdict>);

impl Future for Attempt {
    type Output = Result<Verdict, BoxDynError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let verdict = match ready!(Pin::new(&mut self.0).poll(cx)) {
            Ok(verdict) => verdict,
            Err(error) => match error.try_into_panic() {
                Ok(payload) => execute::panicked(payload.as_ref()),
                // The tokio runtime is going down, and takes the lease with it.
                Err(_) => Verdict::Abandoned,
            },
        };
        Poll::Ready(Ok(verdict))
    }
}

/// The layer that gives every verdict to the engine.
struct Settlement(Arc<Engine>);

impl<S> Layer<S> for Settlement {
    type Service = Settling<S>;

    fn layer(&self, service: S) -> Settling<S> {
        Settling {
            engine: Arc::clone(&self.0),
            service,
        }
    }
}

struct Settling<S> {
    engine: Arc<Engine>,
    service: S,
}

impl<S> Service<Task<Context>> for Settling<S>
where
    S: Service<Task<Context>, Response = Verdict>,
    S::Error: std::fmt::Display,
    S::Future: Unpin,
{
    type Response = ();
    type Error = S::Error;
    type Future = SettlingAttempt<S::Future>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, task: Task<Context>) -> Self::Future {
        let ctx = task.args.clone();
        SettlingAttempt {
            engine: Arc::clone(&self.engine),
            ctx,
            attempt: self.service.call(task),
        }
    }
}

struct SettlingAttempt<F> {
    engine: Arc<Engine>,
    ctx: Context,
    attempt: F,
}

impl<F, E> Future for SettlingAttempt<F>
where
    F: Future<Output = Result<Verdict, E>> + Unpin,
    E: std::fmt::Display,
{
    type Output = Result<(), E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let result = ready!(Pin::new(&mut self.attempt).poll(cx));
        let done = match result {
            Ok(verdict) => {
                self.engine.finish(&self.ctx, verdict);
                Ok(())
            }
            // A layer refused the task. None of ours does; were one added, the job is handed back.
            Err(error) => {
                self.engine.finish(&self.ctx, Verdict::HandedBack);
                Err(error)
            }
        };
        Poll::Ready(done)
    }
}
