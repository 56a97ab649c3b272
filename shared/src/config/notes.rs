//! What is learned while reading: the faults above all.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    iter::successors,
    ops::Bound,
    path::{Path, PathBuf},
};

use super::{
    fault::{Fault, excerpt},
    file::Digest,
    origin::{Origin, Origins},
};

/// What is learned while reading: the faults above all.
pub(super) struct Notes {
    origins: Origins,
    /// The directory of systemd's credentials.
    credentials: Option<PathBuf>,
    faults: RefCell<Vec<Fault>>,
    /// The paths of the faults.
    faulty: RefCell<BTreeSet<String>>,
    /// The keys that were asked for: a test compares them with the reference.
    known: RefCell<BTreeSet<String>>,
    files: RefCell<BTreeMap<PathBuf, Digest>>,
}

impl Notes {
    pub(super) fn new(origins: Origins, credentials: Option<PathBuf>) -> Self {
        Self {
            origins,
            credentials,
            faults: RefCell::default(),
            faulty: RefCell::default(),
            known: RefCell::default(),
            files: RefCell::default(),
        }
    }

    /// Notes that the value of `key` is wrong.
    pub(super) fn blame(&self, key: &str, problem: impl Into<String>) {
        // What is missing has no place of its own: that of its section is told instead.
        let mut places = successors(Some(key), |path| {
            path.rfind(['.', '[']).and_then(|end| path.get(..end))
        });
        let origin = places.find_map(|path| self.origins.get(path)).cloned();
        self.faulty.borrow_mut().insert(key.to_owned());
        self.faults.borrow_mut().push(Fault {
            key: short(key),
            origin: origin.filter(|origin| *origin != Origin::Default),
            problem: problem.into(),
        });
    }

    /// Whether nothing wrong was found at any of the keys or within them.
    pub(super) fn fine(&self, keys: &[&str]) -> bool {
        let faulty = self.faulty.borrow();
        let wrong = |key: &&str| {
            faulty
                .range::<str, _>((Bound::Included(*key), Bound::Unbounded))
                .map_while(|path| path.strip_prefix(*key))
                .any(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        !keys.iter().any(wrong)
    }

    /// Everything that was found wrong, where every value came from, and the files besides the
    /// configuration file that were read.
    pub(super) fn finish(self) -> (Vec<Fault>, Origins, BTreeMap<PathBuf, Digest>) {
        (
            self.faults.into_inner(),
            self.origins,
            self.files.into_inner(),
        )
    }

    /// Notes that `form` is a key, `*` standing for names that people choose.
    pub(super) fn ask(&self, form: String) {
        self.known.borrow_mut().insert(form);
    }

    /// Notes that a file was read, and what it held.
    pub(super) fn read(&self, path: &Path, digest: Digest) {
        self.files.borrow_mut().insert(path.to_owned(), digest);
    }

    /// The directory of systemd's credentials.
    pub(super) fn credentials(&self) -> Option<&Path> {
        self.credentials.as_deref()
    }

    /// Every key that was asked for, `*` standing for names that people choose.
    #[cfg(test)]
    pub(super) fn known(&self) -> BTreeSet<String> {
        self.known.borrow().clone()
    }
}

/// A path as it is told: keys come from outside, and may be a megabyte long.
fn short(path: &str) -> String {
    const LONGEST: usize = 300;
    if path.len() <= LONGEST {
        path.to_owned()
    } else {
        excerpt(path)
    }
}
