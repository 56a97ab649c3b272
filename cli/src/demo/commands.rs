//! The commands that the demo prints, as whoever reads them can run them.

use serde::Serialize;
use shared::{config::Config, job::JobId};
use std::{net::SocketAddr, path::Path};

/// Writes commands for one demo.
#[derive(Debug, Clone)]
pub(super) struct Commands {
    /// How this program was called.
    program: String,
    /// Where the API listens, unless commands find it there anyway.
    server: Option<SocketAddr>,
    /// The demo's directory, when several demos run.
    directory: Option<String>,
}

/// The commands of the first screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Printed {
    pub(super) mend: String,
    pub(super) r#break: String,
    pub(super) replay: String,
    pub(super) status: String,
    pub(super) jobs: String,
    pub(super) pipeline: String,
}

impl Commands {
    /// Commands for the demo whose API listens there.
    pub(super) fn new(api: SocketAddr) -> Self {
        let program = std::env::args_os().next();
        let program = program.map(|name| name.to_string_lossy().into_owned());
        Self {
            program: quoted(program.as_deref().unwrap_or("windlass")),
            server: (api != Config::default().api.listen).then_some(api),
            directory: None,
        }
    }

    /// The same, when another demo runs beside this one.
    #[must_use]
    pub(super) fn of_directory(mut self, directory: &Path) -> Self {
        self.directory = Some(quoted(&directory.to_string_lossy()));
        self
    }

    /// `demo mend` or `demo break`.
    pub(super) fn turn(&self, mended: bool) -> String {
        let word = if mended { "mend" } else { "break" };
        let which = self.directory.as_ref();
        let which = which.map_or_else(String::new, |path| format!(" --dir {path}"));
        format!("{} demo {word}{which}", self.program)
    }

    /// Makes a new run of a dead letter.
    pub(super) fn replay(&self, job: JobId) -> String {
        self.ask(&format!("dlq replay {job}"))
    }

    /// All that the first screen names.
    pub(super) fn printed(&self, dead: JobId, pipeline: &str) -> Printed {
        Printed {
            mend: self.turn(true),
            r#break: self.turn(false),
            replay: self.replay(dead),
            status: self.ask("status"),
            jobs: self.ask("job list"),
            pipeline: self.ask(&format!("pipeline show {pipeline}")),
        }
    }

    fn ask(&self, words: &str) -> String {
        let server = self.server;
        let server = server.map_or_else(String::new, |at| format!(" --server http://{at}"));
        format!("{} {words}{server}", self.program)
    }
}

/// A word as a shell takes it for one.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=@%,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Commands of a program that was called `windlass`.
    pub(in crate::demo) fn commands(server: Option<SocketAddr>) -> Commands {
        Commands {
            program: "windlass".to_owned(),
            server,
            directory: None,
        }
    }

    #[test]
    fn an_address_is_named_only_where_it_is_needed() {
        let usual = Commands::new(Config::default().api.listen);
        assert_eq!(usual.server, None);
        let other = Commands::new(([127, 0, 0, 1], 7401).into());
        assert!(
            other
                .ask("job list")
                .ends_with(" job list --server http://127.0.0.1:7401")
        );
    }

    #[test]
    fn a_demo_among_others_is_named() {
        let one = commands(None).of_directory(Path::new("/tmp/windlass-demo-x"));
        assert_eq!(
            one.turn(true),
            "windlass demo mend --dir /tmp/windlass-demo-x"
        );
        assert_eq!(commands(None).turn(false), "windlass demo break");
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        for (word, written) in [
            ("target/release/windlass", "target/release/windlass"),
            ("/my tools/windlass", "'/my tools/windlass'"),
            ("it's", r"'it'\''s'"),
            ("$(id)", "'$(id)'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), written);
        }
    }
}
