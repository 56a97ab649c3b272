//! What runs a job: anything that takes a [`Context`] and gives a verdict.

use futures_util::future::BoxFuture;
use serde::{Serialize, de::DeserializeOwned};
use shared::job::{
    Outcome,
    attempt::{ErrorKind, Failure},
};
use std::{error::Error, future::Future, marker::PhantomData};

use crate::Context;

/// Runs the jobs of one kind. Closures become handlers by [`typed`]; a handler that holds state
/// of its own implements this.
pub trait Handler: Send + Sync + 'static {
    /// Runs one attempt. The future is dropped where it waits when the attempt is to stop; a
    /// panic counts as a failure.
    fn run(&self, ctx: Context) -> BoxFuture<'static, Outcome>;
}

/// What a handler may return.
///
/// * `()`: done
/// * [`Outcome`]: as it says
/// * [`Done<T>`]: done, with a result
/// * `Result<R, E>` of these: an error means "try again"; `E` is any error, `anyhow::Error`,
///   `String` or `&str`
pub trait IntoOutcome {
    /// The verdict.
    fn into_outcome(self) -> Outcome;
}

/// Done, with a result that has a JSON form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done<T>(pub T);

impl IntoOutcome for () {
    fn into_outcome(self) -> Outcome {
        Outcome::done()
    }
}

impl IntoOutcome for Outcome {
    fn into_outcome(self) -> Outcome {
        self
    }
}

impl<T: Serialize> IntoOutcome for Done<T> {
    fn into_outcome(self) -> Outcome {
        // Repeating the work would make the same result, so this is not worth another attempt.
        Outcome::result(&self.0).unwrap_or_else(|invalid| Outcome::discard(invalid.to_string()))
    }
}

impl<R: IntoOutcome, E: Into<Box<dyn Error + Send + Sync>>> IntoOutcome for Result<R, E> {
    fn into_outcome(self) -> Outcome {
        match self {
            Ok(value) => value.into_outcome(),
            Err(error) => {
                let message = chain(error.into().as_ref());
                let name = std::any::type_name::<E>();
                Outcome::Retry(Failure::new(ErrorKind::Failed, message).of_type(name))
            }
        }
    }
}

/// An error with its causes: `cannot read the list: connection refused`.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let part = next.to_string();
        // Many errors repeat their cause in their own message.
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = next.source();
    }
    text
}

/// A closure over args of type `A` as a handler. Args that do not fit are a failure that may be
/// tried again: during a deploy the next worker may know their new form.
pub fn typed<A, F, Fut>(run: F) -> impl Handler
where
    A: DeserializeOwned + Send + 'static,
    F: Fn(Context, A) -> Fut + Send + Sync + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: IntoOutcome,
{
    Typed {
        run,
        args: PhantomData,
    }
}

struct Typed<A, F> {
    run: F,
    args: PhantomData<fn(A)>,
}

impl<A, F, Fut> Handler for Typed<A, F>
where
    A: DeserializeOwned + Send + 'static,
    F: Fn(Context, A) -> Fut + Send + Sync + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: IntoOutcome,
{
    fn run(&self, ctx: Context) -> BoxFuture<'static, Outcome> {
        match ctx.args::<A>() {
            Ok(args) => {
                let running = (self.run)(ctx, args);
                Box::pin(async move { running.await.into_outcome() })
            }
            Err(invalid) => Box::pin(std::future::ready(Outcome::retry(invalid.to_string()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot send")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn an_error_is_told_with_its_causes_and_its_type() {
        let failed: Result<(), Outer> = Err(Outer(std::io::Error::other("connection refused")));
        let Outcome::Retry(failure) = failed.into_outcome() else {
            panic!("not a retry")
        };
        assert_eq!(&*failure.message, "cannot send: connection refused");
        assert!(
            failure.error_type.ends_with("Outer"),
            "{}",
            failure.error_type
        );
    }

    #[test]
    fn results_and_verdicts_pass_through() {
        assert_eq!(().into_outcome(), Outcome::done());
        assert_eq!(Done(7).into_outcome(), Outcome::result(&7).unwrap());
        let snoozed: Result<Outcome, String> = Ok(Outcome::snooze(std::time::Duration::ZERO));
        assert!(matches!(snoozed.into_outcome(), Outcome::Snooze(_)));
        let refused: Result<Done<i32>, &str> = Err("no");
        assert!(matches!(refused.into_outcome(), Outcome::Retry(_)));
    }

    #[test]
    fn a_result_that_is_too_large_is_refused_for_good() {
        let large = "x".repeat(shared::job::args::MAX_BYTES);
        assert!(matches!(Done(large).into_outcome(), Outcome::Discard(_)));
    }
}
