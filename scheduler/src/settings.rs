//! What a scheduler needs to know, as plain values, and how some of it is replaced while it runs.

use shared::{
    job::Invalid,
    lease::{LEASE, MAX_CRASHES},
    schedule::Definition,
    store::Retention,
};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::sync::watch;

/// How a scheduler runs. The defaults are those of the configuration reference.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What it is called, for people; need not be unique.
    pub name: String,
    /// After how long without a word from the leader another takes over.
    pub lease: Duration,
    /// How often expired leases of workers are looked for.
    pub rescue_every: Duration,
    /// With this many crashes a job is discarded; at least 1.
    pub max_crashes: u32,
    /// How often ended jobs are forgotten.
    pub prune_every: Duration,
    /// How many of them in one step; at least 1.
    pub prune_batch: usize,
    /// How long ended jobs are kept.
    pub retention: Retention,
    /// The schedules of the configuration, pipelines with a timing among them.
    pub schedules: Vec<Definition>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "scheduler".to_owned(),
            lease: Duration::from_secs(10),
            rescue_every: Duration::from_secs(1),
            max_crashes: MAX_CRASHES,
            prune_every: Duration::from_secs(10),
            prune_batch: 5000,
            retention: Retention::default(),
            schedules: Vec::new(),
        }
    }
}

impl Settings {
    /// # Errors
    /// `Invalid` with the first setting that is out of range, or the name of a schedule that is
    /// there twice or cannot be.
    pub(crate) fn check(&self) -> Result<(), Invalid> {
        if !LEASE.contains(&self.lease) {
            return Err(Invalid::new("lease", "is not between 1 s and 1 h"));
        }
        for (key, length) in [
            ("rescue_every", self.rescue_every),
            ("prune_every", self.prune_every),
        ] {
            if length < Duration::from_millis(10) {
                return Err(Invalid::new(key, "is below 10 ms"));
            }
        }
        if self.prune_batch == 0 {
            return Err(Invalid::new("prune_batch", "is 0; at least 1 is right"));
        }
        if self.max_crashes == 0 {
            return Err(Invalid::new("max_crashes", "is 0; at least 1 is right"));
        }
        check_schedules(&self.schedules)
    }
}

fn check_schedules(schedules: &[Definition]) -> Result<(), Invalid> {
    let mut names = HashSet::new();
    for definition in schedules {
        let name = &definition.name;
        if !names.insert(name) {
            let why = format!("has two called {name:?}");
            return Err(Invalid::new("schedules", why));
        }
        definition
            .check()
            .map_err(|fault| Invalid::new("schedules", format!("{name}: {fault}")))?;
    }
    Ok(())
}

/// The part of the settings that can be replaced.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    pub(crate) schedules: Arc<[Definition]>,
    pub(crate) retention: Retention,
}

/// Replaces settings of a scheduler while it runs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reload(watch::Sender<Live>);

impl Reload {
    pub(crate) fn new(settings: &mut Settings) -> Self {
        let schedules = std::mem::take(&mut settings.schedules).into();
        let retention = settings.retention;
        Self(watch::Sender::new(Live {
            schedules,
            retention,
        }))
    }

    /// Replaces the schedules of the configuration: what is new or changed is put into the store,
    /// what is gone is removed from it, if this scheduler leads, or once it does.
    ///
    /// # Errors
    /// `Invalid` when a schedule is there twice or cannot be; the old ones stay then.
    pub fn schedules(&self, schedules: Vec<Definition>) -> Result<(), Invalid> {
        check_schedules(&schedules)?;
        self.0.send_modify(|live| live.schedules = schedules.into());
        Ok(())
    }

    /// Replaces how long ended jobs are kept.
    pub fn retention(&self, retention: Retention) {
        self.0.send_modify(|live| live.retention = retention);
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Live> {
        self.0.subscribe()
    }
}
