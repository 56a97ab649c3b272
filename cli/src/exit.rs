//! The exit codes and their meanings, and how a failure is told.

use anstyle::{AnsiColor, Style};
use shared::{config::Faults, patience::chain, store};
use std::{fmt, process::ExitCode};

/// What kind of failure it was, as an exit code. Scripts branch on it, so a number never changes
/// its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    /// It went wrong; the message says how.
    Failed = 1,
    /// The command line or the configuration says something that is not allowed.
    Usage = 2,
    /// Nobody answers at the API's address, or it cannot serve now: try again later.
    Unavailable = 3,
    /// The API refused the request: there is no such thing, or its state forbids it.
    Refused = 4,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    /// The message; lower case, and a hint on lines of its own.
    message: String,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl fmt::Display) -> Self {
        Self {
            code,
            message: message.to_string(),
        }
    }

    /// The same failure, with what was tried in front of it.
    #[must_use]
    pub(crate) fn about(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// The same failure, with what may help behind it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: &str) -> Self {
        self.message.push_str("\n  ");
        self.message.push_str(hint);
        self
    }

    /// What it says.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Whether trying again later may help.
    pub(crate) fn is_passing(&self) -> bool {
        self.code == Code::Unavailable
    }

    /// One failure for several: their messages, and the code of the first.
    ///
    /// # Errors
    /// When there is one at least.
    pub(crate) fn all(failures: Vec<Self>) -> crate::Result {
        let mut failures = failures.into_iter();
        let Some(mut first) = failures.next() else {
            return Ok(());
        };
        for other in failures {
            first.message.push('\n');
            first.message.push_str(&other.message);
        }
        Err(first)
    }

    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// Tells it on the error stream, in red where it is a terminal. Whoever reads may have gone.
    pub(crate) fn tell(&self) {
        use std::io::Write as _;
        let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let told = writeln!(anstream::stderr(), "{red}error:{red:#} {}", self.message);
        drop(told);
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::new(Code::Failed, chain(&*error))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Code::Failed, chain(&error))
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Self::new(Code::Usage, faults)
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        let code = match error {
            store::Error::Invalid(_) => Code::Usage,
            store::Error::Unavailable { .. } => Code::Unavailable,
            _ => Code::Failed,
        };
        Self::new(code, chain(&error))
    }
}
