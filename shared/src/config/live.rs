//! A configuration that changes while the program runs.
//!
//! [`Live`] loads the layers again on SIGHUP and when a file that was read has changed. What is
//! read whole and without a fault is handed to everybody who holds a [`Current`]; what has a fault
//! changes nothing and is logged. Some settings hold from the start of the process to its end
//! ([`cold`]): for those the old value stays, and the log says that a restart is needed.

use std::sync::Arc;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use super::{Config, Faults, Layers, Loaded};
use crate::shutdown::Shutdown;
use watched::Watched;

pub mod cold;

mod diff;
mod watched;

/// The configuration that holds now. Cheap to clone; take one snapshot for each piece of work, so
/// that the whole of it goes by one configuration.
#[derive(Debug, Clone)]
pub struct Current(watch::Receiver<Arc<Config>>);

impl Current {
    /// One that never changes.
    pub fn fixed(config: Config) -> Self {
        Self(watch::channel(Arc::new(config)).1)
    }

    /// What holds now.
    pub fn snapshot(&self) -> Arc<Config> {
        Arc::clone(&self.0.borrow())
    }

    /// Waits until the configuration differs from what this handle last waited for; answers
    /// `false` when it never will again, because nobody reloads any more.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}

/// What became of a reload.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reloaded {
    /// Keys that have another value from now on.
    pub changed: Vec<String>,
    /// Keys whose new value needs a restart.
    pub restart: Vec<&'static str>,
}

/// Reloads the configuration.
#[derive(Debug)]
pub struct Live {
    layers: Layers,
    current: watch::Sender<Arc<Config>>,
    watched: Watched,
}

impl Live {
    /// A configuration that was loaded from `layers`, watched from now on.
    pub fn new(layers: Layers, loaded: Loaded) -> Self {
        let watched = Watched::new(loaded.files);
        let current = watch::Sender::new(Arc::new(loaded.config));
        Self {
            layers,
            current,
            watched,
        }
    }

    /// A handle on what holds.
    pub fn current(&self) -> Current {
        Current(self.current.subscribe())
    }

    /// Loads the layers again and lets what may change hold from now on. Reads files: blocks for
    /// as long as they take.
    ///
    /// # Errors
    /// The faults; nothing has changed.
    pub fn reload(&mut self) -> Result<Reloaded, Faults> {
        self.watched.settle();
        let loaded = self.layers.load()?;
        self.watched = Watched::new(loaded.files);
        let old = Arc::clone(&self.current.borrow());
        let mut new = loaded.config;
        let restart = cold::keep(&old, &mut new);
        let changed = diff::changed_keys(&old, &new);
        if *old != new {
            self.current.send_replace(Arc::new(new));
        }
        Ok(Reloaded { changed, restart })
    }

    /// Reloads on SIGHUP and when a file has changed, until draining begins.
    ///
    /// # Errors
    /// When the process may not listen for signals.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn run(self, shutdown: Shutdown) -> std::io::Result<()> {
        let hangup = signal(SignalKind::hangup())?;
        self.run_on(hangup, shutdown).await;
        Ok(())
    }

    async fn run_on(mut self, mut hangup: Signal, shutdown: Shutdown) {
        loop {
            let asked = tokio::select! {
                () = shutdown.draining() => return,
                _ = hangup.recv() => true,
                () = tokio::time::sleep(watched::EVERY) => false,
            };
            // Files may lie on a disk that hangs, and no other task is to hang with it.
            let step = tokio::task::spawn_blocking(move || {
                if asked || self.watched.has_changed() {
                    log(asked, self.reload());
                }
                self
            });
            tokio::select! {
                () = shutdown.draining() => return,
                step = step => match step {
                    Ok(live) => self = live,
                    Err(panic) => {
                        tracing::error!("the configuration is not watched any more: {panic}");
                        return;
                    }
                }
            }
        }
    }
}

fn log(asked: bool, reloaded: Result<Reloaded, Faults>) {
    let why = if asked { "SIGHUP" } else { "a file changed" };
    match reloaded {
        Ok(Reloaded { changed, restart }) => {
            if changed.is_empty() && restart.is_empty() {
                tracing::info!("configuration read again ({why}): nothing changed");
            }
            if !changed.is_empty() {
                tracing::info!("configuration reloaded ({why}): {}", changed.join(", "));
            }
            if !restart.is_empty() {
                tracing::warn!("configuration needs a restart: {}", restart.join(", "));
            }
        }
        Err(faults) => {
            for fault in &faults {
                tracing::error!("configuration not reloaded ({why}), the old one stays: {fault}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::REFERENCE, shutdown::Tasks};
    use std::{fs, path::PathBuf};

    const BEFORE: &str = "[worker]\nname = 'north'\n[retry]\nmax_attempts = 3\n";

    fn live(folder: &std::path::Path, file: &str) -> (Live, PathBuf) {
        let path = folder.join("w.toml");
        fs::write(&path, file).unwrap();
        let layers = Layers {
            file: Some(path.clone()),
            ..Layers::default()
        };
        let loaded = layers.load().unwrap();
        (Live::new(layers, loaded), path)
    }

    #[test]
    fn what_may_change_changes_and_what_may_not_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (mut live, path) = live(folder.path(), BEFORE);
        let current = live.current();
        let before = current.snapshot();
        let after = "[worker]\nname = 'south'\n[retry]\nmax_attempts = 4\n\
                     [retry.kinds.k]\nbase = '1s'\n[logs]\nfilter = 'debug'";
        fs::write(path, after).unwrap();
        let told = live.reload().unwrap();
        assert_eq!(
            told.changed,
            ["logs.filter", "retry.kinds.k.base", "retry.max_attempts"]
        );
        assert_eq!(told.restart, ["worker.name"]);
        let now = current.snapshot();
        assert_eq!(
            (now.worker.name.as_str(), now.retry.max_attempts),
            ("north", 4)
        );
        assert_eq!(before.retry.max_attempts, 3, "a snapshot stays what it was");
        assert_eq!(
            live.reload().unwrap(),
            Reloaded {
                changed: vec![],
                restart: vec!["worker.name"]
            }
        );
    }

    #[test]
    fn a_bad_file_keeps_the_old_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let (mut live, path) = live(folder.path(), BEFORE);
        let current = live.current();
        let before = current.snapshot();
        for bad in [
            "[retry]\nmax_attempts = 0",
            "[retry",
            "\u{0}",
            "[pipelines.p]",
        ] {
            fs::write(&path, bad).unwrap();
            assert!(live.reload().is_err(), "{bad}");
            assert!(Arc::ptr_eq(&before, &current.snapshot()));
        }
        fs::remove_file(&path).unwrap();
        assert!(live.reload().is_err());
        assert!(Arc::ptr_eq(&before, &current.snapshot()));
    }

    #[test]
    fn a_secret_that_was_replaced_is_told_without_being_told() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("token");
        fs::write(&secret, "old").unwrap();
        let file = format!(
            "[destinations.d]\ntype = 'databox'\ntoken_file = '{}'",
            secret.display()
        );
        let (mut live, _) = live(folder.path(), &file);
        assert_eq!(live.reload().unwrap(), Reloaded::default());
        fs::write(&secret, "new").unwrap();
        assert!(!live.watched.has_changed(), "it may be half written");
        assert!(live.watched.has_changed(), "files of secrets are watched");
        assert_eq!(
            live.reload().unwrap().changed,
            ["destinations.d (a secret)"]
        );
    }

    #[test]
    fn every_cold_key_exists() {
        let loaded = Layers::default().load().unwrap();
        for key in cold::KEYS {
            // A secret has no default; the reference names the file that holds it.
            let field = key.rsplit('.').next().unwrap();
            let secret = REFERENCE.contains(&format!("# {field}_file = "));
            assert!(secret || loaded.origin(key).is_some(), "{key}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_changed_file_is_taken_up_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let (live, path) = live(folder.path(), BEFORE);
        let mut current = live.current();
        let (tasks, shutdown) = (Tasks::new(), Shutdown::new());
        let running = tasks.spawn(live.run(shutdown.clone()));
        fs::write(path, "[retry]\nmax_attempts = 9").unwrap();
        assert!(current.changed().await);
        assert_eq!(current.snapshot().retry.max_attempts, 9);
        shutdown.drain();
        running.await.unwrap().unwrap();
        assert!(!current.changed().await, "nobody reloads any more");
    }

    #[tokio::test]
    async fn sighup_reloads() {
        let folder = tempfile::tempdir().unwrap();
        let (mut live, path) = live(folder.path(), BEFORE);
        // Nothing is watched, so that only the signal can have done it.
        live.watched = Watched::default();
        let mut current = live.current();
        let (tasks, shutdown) = (Tasks::new(), Shutdown::new());
        let hangup = signal(SignalKind::hangup()).unwrap();
        let running = tasks.spawn(live.run_on(hangup, shutdown.clone()));
        fs::write(path, "[retry]\nmax_attempts = 9").unwrap();
        let process = std::process::id().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-HUP", &process])
            .status();
        assert!(sent.unwrap().success());
        assert!(current.changed().await);
        assert_eq!(current.snapshot().retry.max_attempts, 9);
        shutdown.drain();
        running.await.unwrap();
    }
}
