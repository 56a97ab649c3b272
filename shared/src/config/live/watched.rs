//! Watching files: whether what they hold has changed, looked at again and again.
//!
//! Looking is slower than being told by the system, but it works on every file system, through
//! the swapped symbolic links of containers, and for editors that write a new file in place of the
//! old one.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use crate::config::file::{Digest, digest, read_bytes};

/// How often files are looked at.
pub(super) const EVERY: Duration = Duration::from_secs(2);

/// Largest file that is compared by what it holds; larger ones are refused when they are read.
const MAX_COMPARED: u64 = 2 * 1024 * 1024;

/// Files, and what they held when they were last read.
#[derive(Debug, Default)]
pub(super) struct Watched {
    files: BTreeMap<PathBuf, Seen>,
}

#[derive(Debug)]
struct Seen {
    /// Size and time of the last look; nothing before the first.
    outside: Option<(u64, Option<SystemTime>)>,
    /// What it held when it was last told of.
    content: Content,
    /// What it held at the last look, if that was something else and seen only once: whoever
    /// writes it may not have finished.
    next: Option<Content>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Held(Digest),
    Unreadable,
}

impl Content {
    fn of(path: &Path) -> Self {
        match read_bytes(path, MAX_COMPARED) {
            Ok(bytes) => Self::Held(digest(&bytes)),
            Err(_) => Self::Unreadable,
        }
    }
}

impl Watched {
    /// Watches `files`, which held this, from now on.
    pub(super) fn new(files: BTreeMap<PathBuf, Digest>) -> Self {
        let seen = |(path, digest)| {
            let seen = Seen {
                outside: None,
                content: Content::Held(digest),
                next: None,
            };
            (path, seen)
        };
        Self {
            files: files.into_iter().map(seen).collect(),
        }
    }

    /// Takes what the files hold now as known.
    pub(super) fn settle(&mut self) {
        for (path, seen) in &mut self.files {
            *seen = Seen {
                outside: None,
                content: Content::of(path),
                next: None,
            };
        }
    }

    /// Whether a file holds something else than is known, and did so already at the last look.
    /// A change is told once.
    pub(super) fn has_changed(&mut self) -> bool {
        let mut changed = false;
        for (path, seen) in &mut self.files {
            changed |= seen.look(path);
        }
        changed
    }
}

impl Seen {
    fn look(&mut self, path: &Path) -> bool {
        let about = fs::metadata(path).ok();
        let outside = about.map(|about| (about.len(), about.modified().ok()));
        if outside.is_some() && outside == self.outside && self.next.is_none() {
            return false;
        }
        self.outside = outside;
        let content = Content::of(path);
        if content == self.content {
            self.next = None;
            return false;
        }
        if self.next == Some(content) {
            self.next = None;
            self.content = content;
            return true;
        }
        self.next = Some(content);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once_when_it_stands_still() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.toml");
        fs::write(&path, "a").unwrap();
        let mut watched = Watched::new([(path.clone(), digest(b"a"))].into());
        assert!(!watched.has_changed());
        fs::write(&path, "b").unwrap();
        assert!(!watched.has_changed(), "it may be half written");
        fs::write(&path, "bc").unwrap();
        assert!(!watched.has_changed(), "it is still being written");
        assert!(watched.has_changed());
        assert!(!watched.has_changed(), "it was told");
    }

    #[test]
    fn a_file_that_goes_and_comes_back_the_same_has_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.toml");
        fs::write(&path, "a").unwrap();
        let mut watched = Watched::new([(path.clone(), digest(b"a"))].into());
        fs::remove_file(&path).unwrap();
        assert!(!watched.has_changed());
        fs::write(&path, "a").unwrap();
        assert!(!watched.has_changed());
        assert!(!watched.has_changed());
        fs::remove_file(&path).unwrap();
        assert!(!watched.has_changed());
        assert!(watched.has_changed(), "it is gone for good");
    }

    #[test]
    fn a_change_between_reading_and_watching_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.toml");
        fs::write(&path, "new").unwrap();
        let mut watched = Watched::new([(path, digest(b"old"))].into());
        assert!(!watched.has_changed());
        assert!(watched.has_changed());
    }

    #[test]
    fn what_is_settled_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.toml");
        fs::write(&path, "b").unwrap();
        let mut watched = Watched::new([(path, digest(b"a"))].into());
        watched.settle();
        assert!(!watched.has_changed());
        assert!(!watched.has_changed());
    }
}
