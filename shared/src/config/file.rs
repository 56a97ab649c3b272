//! The layer of the configuration file: bytes to tree, with the line of every value.

use sha2::{Digest as _, Sha256};
use std::{fs::File, io::Read, path::Path};
use toml::de::DeTable;

use super::{
    fault::Fault,
    origin::Origin,
    tree::{self, Table},
};

/// Largest configuration file: far beyond what anybody writes, and read in a moment.
const MAX_FILE: u64 = 1024 * 1024;

/// Most faults of syntax that are told: after the first few they follow from each other.
const MAX_SYNTAX_FAULTS: usize = 10;

/// The bytes of a file that people write.
///
/// # Errors
/// Says what is wrong with it: not there, not a file, too large.
pub(super) fn read_bytes(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("cannot be read: {error}");
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err("is a directory, not a file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= most) {
        Ok(bytes)
    } else {
        Err(format!(
            "is larger than {}",
            super::human::format_size(most)
        ))
    }
}

/// A fingerprint of what a file holds.
pub(super) type Digest = [u8; 32];

/// The fingerprint of what a file holds.
pub(super) fn digest(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

/// Reads and parses a configuration file.
pub(super) fn read(path: &Path) -> Result<(Table, Digest), Vec<Fault>> {
    let origin = |line| Origin::File {
        path: path.to_owned(),
        line,
    };
    let fault = |line, problem| Fault {
        key: String::new(),
        origin: Some(origin(line)),
        problem,
    };
    let bytes = read_bytes(path, MAX_FILE).map_err(|problem| vec![fault(None, problem)])?;
    let lines = Lines::of(&bytes);
    let text = str::from_utf8(&bytes).map_err(|error| {
        let line = lines.line(error.valid_up_to());
        vec![fault(
            Some(line),
            "is not UTF-8 text from here on".to_owned(),
        )]
    })?;
    let parsed = parse(text, &|at| origin(Some(lines.line(at))));
    parsed
        .map(|table| (table, digest(&bytes)))
        .map_err(|problems| {
            problems
                .into_iter()
                .map(|(at, problem)| fault(at.map(|at| lines.line(at)), problem))
                .collect()
        })
}

/// Parses a document; `origin` tells the place of a byte of it.
///
/// # Errors
/// What is wrong with its syntax, and at which byte.
pub(super) fn parse(
    text: &str,
    origin: &dyn Fn(usize) -> Origin,
) -> Result<Table, Vec<(Option<usize>, String)>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(tree::from_document(document.get_ref(), origin));
    }
    let more = errors.len().saturating_sub(MAX_SYNTAX_FAULTS);
    let mut problems: Vec<_> = errors
        .iter()
        .take(MAX_SYNTAX_FAULTS)
        .map(|error| {
            let at = error.span().map(|span| span.start);
            (at, format!("is no TOML: {}", error.message().trim_end()))
        })
        .collect();
    if more > 0 {
        problems.push((None, format!("is no TOML in {more} more places")));
    }
    Err(problems)
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(bytes: &[u8]) -> Self {
        let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        Self(ends.map(|(at, _)| at).collect())
    }

    /// The line of a byte, from 1.
    fn line(&self, at: usize) -> usize {
        self.0.partition_point(|end| *end < at) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn problems(content: &[u8]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.toml");
        std::fs::write(&path, content).unwrap();
        match read(&path) {
            Ok(_) => Vec::new(),
            Err(faults) => faults
                .iter()
                .map(|fault| {
                    fault
                        .to_string()
                        .replace(&path.display().to_string(), "w.toml")
                })
                .collect(),
        }
    }

    #[test]
    fn lines_are_counted_from_one() {
        let lines = Lines::of(b"a\nb\r\n\nc");
        let at = |at| lines.line(at);
        assert_eq!(
            [at(0), at(1), at(2), at(5), at(6), at(99)],
            [1, 1, 2, 3, 4, 4]
        );
    }

    #[test]
    fn a_byte_order_mark_and_carriage_returns_are_no_fault() {
        assert_eq!(
            problems(b"\xef\xbb\xbf[worker]\r\nname = \"a\"\r\n"),
            [""; 0]
        );
    }

    #[test]
    fn hostile_files_are_refused_with_the_place() {
        for (content, message) in [
            (&b"a = 1\nb = \xff\xfe"[..], "w.toml line 2: is not UTF-8"),
            (
                b"a = 1\nb = 2\na = 3",
                "w.toml line 3: is no TOML: duplicate key",
            ),
            (b"[a]\n[a]\n", "w.toml line 2: is no TOML: duplicate key"),
            (b"a = \"\0\"", "w.toml line 1: is no TOML: "),
            (b"\nx =\n", "w.toml line 2: is no TOML: "),
        ] {
            let told = problems(content);
            assert!(told[0].starts_with(message), "{message}: {told:?}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_overflow() {
        for content in [
            format!("a = {}", "[".repeat(500_000)),
            format!("a = {}", "{a=".repeat(300_000)),
            format!("{}a = 1", "a.".repeat(500_000)),
            format!("[{}a]", "a.".repeat(500_000)),
        ] {
            assert!(!problems(content.as_bytes()).is_empty());
        }
    }

    #[test]
    fn a_file_of_ten_megabytes_is_refused_unread() {
        let told = problems(&vec![b'#'; 10_000_000]);
        assert_eq!(told, ["w.toml: is larger than 1MiB"]);
    }

    #[test]
    fn a_flood_of_errors_is_cut_short() {
        let told = problems("]\n".repeat(1000).as_bytes());
        assert_eq!(told.len(), MAX_SYNTAX_FAULTS + 1);
        assert_eq!(
            told.last().unwrap(),
            "w.toml: is no TOML in 990 more places"
        );
    }

    #[test]
    fn a_directory_and_a_missing_file_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let told = |path: &Path| read(path).err().unwrap()[0].problem.clone();
        assert_eq!(told(folder.path()), "is a directory, not a file");
        assert!(told(&folder.path().join("none")).contains("cannot be read"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(\\PC|[\\[\\]{}=.,\"'\\\\#\n0-9a])*") {
            if let Err(problems) = parse(&text, &|_| Origin::Default) {
                prop_assert!(!problems.is_empty());
            }
        }
    }
}
