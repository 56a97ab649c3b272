//! Loading: the layers, one on top of the other, into one checked configuration.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
    path::PathBuf,
};

use super::{
    Config, Flag, REFERENCE,
    check::{self, Names},
    environment,
    fault::{Fault, Faults},
    file::{self, Digest},
    notes::Notes,
    origin::{Origin, Origins},
    otel,
    read::Reader,
    tree::{self, Table},
};

/// The file that is read when none is named, if it exists.
pub const USUAL_FILE: &str = "windlass.toml";

/// Where systemd puts a service's credentials.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// The key of the store's address.
const STORE_URL: &str = "store.url";

/// What is laid over the reference. Kept by whoever reloads: the file is read anew each time, the
/// environment and the flags stay what they were at start.
#[derive(Clone, Default)]
pub struct Layers {
    /// The configuration file; `None`: there is none.
    pub file: Option<PathBuf>,
    /// The environment, as far as anybody cares: what is not ours is ignored.
    pub environment: Vec<(OsString, OsString)>,
    /// The flags.
    pub flags: Vec<Flag>,
}

impl fmt::Debug for Layers {
    /// Without the environment, which holds secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layers")
            .field("file", &self.file)
            .field("flags", &self.flags)
            .finish_non_exhaustive()
    }
}

/// A configuration and where it came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    pub(super) origins: Origins,
    /// Every file that was read, and what it held.
    pub(super) files: BTreeMap<PathBuf, Digest>,
}

impl Loaded {
    /// Where the value of a key came from; `None` for keys that no layer names.
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        self.origins.get(key)
    }

    /// A warning when the command line holds the password of the store: whoever is on this machine
    /// can read it there, for as long as the process runs.
    pub fn exposed(&self) -> Option<Fault> {
        let origin = self.origin(STORE_URL).cloned();
        let by_flag = matches!(origin, Some(Origin::Flag { .. }));
        (by_flag && self.config.store.url.has_password()).then(|| Fault {
            key: STORE_URL.to_owned(),
            origin,
            problem: "holds a password, which everybody on this machine can read in the list of \
                      processes; leave it out of the URL, and set WINDLASS__STORE__PASSWORD or \
                      name a file that holds it in store.password_file"
                .to_owned(),
        })
    }
}

impl Layers {
    /// The layers of this process: the named file, else [`USUAL_FILE`] if it exists, and the
    /// environment. Nothing else in the program looks at the environment.
    pub fn of_process(file: Option<PathBuf>, flags: Vec<Flag>) -> Self {
        let usual = || Some(PathBuf::from(USUAL_FILE)).filter(|path| path.exists());
        Self {
            file: file.or_else(usual),
            #[expect(clippy::disallowed_methods, reason = "this is the one place")]
            environment: std::env::vars_os().collect(),
            flags,
        }
    }

    /// Reads and checks everything. Reads files: blocks for as long as they take.
    ///
    /// # Errors
    /// Every fault that was found. A file whose syntax is wrong hides what else is.
    pub fn load(&self) -> Result<Loaded, Faults> {
        let mut tree = reference();
        let mut read = BTreeMap::new();
        if let Some(path) = &self.file {
            let (above, digest) = file::read(path).map_err(Faults::from)?;
            tree::merge(&mut tree, above);
            read.insert(path.clone(), digest);
        }
        let mut faults = Vec::new();
        otel::apply(&mut tree, &self.environment, &mut faults);
        environment::apply(&mut tree, &self.environment, &mut faults);
        environment::apply_flags(&mut tree, &self.flags, &mut faults);

        let notes = Notes::new(tree::origins(&tree), self.credentials());
        let config = Reader::read(&tree, &notes, Config::read);
        check::relations(&config, &Names::of(&tree), &notes);
        let (found, origins, mut files) = notes.finish();
        files.append(&mut read);
        faults.extend(found);
        if !faults.is_empty() {
            return Err(Faults::from(faults));
        }
        Ok(Loaded {
            config,
            origins,
            files,
        })
    }

    fn credentials(&self) -> Option<PathBuf> {
        let named = |(name, _): &&(OsString, OsString)| name == OsStr::new(CREDENTIALS);
        self.environment
            .iter()
            .find(named)
            .map(|(_, value)| PathBuf::from(value))
    }
}

/// The layer below all others.
fn reference() -> Table {
    // A test reads the very same text, so this cannot fail once it is built.
    file::parse(REFERENCE, &|_| Origin::Default).expect("the reference is TOML")
}
