//! The directory of a demo: its configuration, its store, its log, and how others find the demo.

use anyhow::{Context as _, anyhow};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use shared::{
    job::JobId,
    secret::{Secret, SigningKey},
};
use std::{
    fs::{File, Permissions},
    io::Write as _,
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};
use tempfile::{NamedTempFile, TempDir};

use super::{
    receiver::Secrets,
    samples::{Addresses, Origins},
};

/// How the name of every demo's directory begins.
pub(super) const PREFIX: &str = "windlass-demo-";

/// The file that says where the demo is found.
pub(super) const STATE: &str = "demo.json";

/// The configuration, with the places of what is known at start only.
const CONFIGURATION: &str = include_str!("../../demo-data/windlass.toml");

/// The directory of a demo; gone with this value unless it is kept.
#[derive(Debug)]
pub(super) struct Directory(TempDir);

/// Where a running demo is found, and what its switch asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// Which demo it is.
    pub(super) demo: String,
    pub(super) pid: u32,
    /// Where its API listens.
    pub(super) api: SocketAddr,
    /// Where its receiver listens.
    pub(super) receiver: SocketAddr,
    /// What the receiver's switch wants to hear.
    pub(super) switch: String,
    /// The job that fails on purpose.
    pub(super) failing: JobId,
}

impl Directory {
    /// A fresh one, for this user alone.
    ///
    /// # Errors
    /// When the system's directory for temporary files takes none.
    pub(super) fn create() -> anyhow::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o700));
        let directory = builder.tempdir();
        let place = std::env::temp_dir();
        let directory =
            directory.with_context(|| format!("cannot make a directory in {}", place.display()))?;
        Ok(Self(directory))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn configuration(&self) -> PathBuf {
        self.path().join("windlass.toml")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path().join("windlass.log")
    }

    /// The file that log lines go into.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn open_log(&self) -> anyhow::Result<File> {
        let path = self.log();
        let file = File::options().create(true).append(true).open(&path);
        file.with_context(|| format!("cannot write {}", path.display()))
    }

    /// Makes the secrets of this demo, and the files that the configuration names them by.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(super) fn secrets(&self) -> anyhow::Result<Secrets> {
        let random = || STANDARD.encode(rand::random::<[u8; 32]>());
        let (token, switch) = (Secret::new(random()), Secret::new(random()));
        let written = Secret::new(format!("{}{}", SigningKey::PREFIX, random()));
        let key = SigningKey::parse(&written).map_err(|why| anyhow!("the fresh secret {why}"))?;
        self.write("databox.token", token.expose())?;
        self.write("webhook.secret", written.expose())?;
        Ok(Secrets { token, key, switch })
    }

    /// Writes the configuration; answers its path.
    ///
    /// # Errors
    /// When it cannot be written, or the path of the directory cannot stand in it.
    pub(super) fn configure(
        &self,
        addresses: Addresses,
        origins: &Origins,
    ) -> anyhow::Result<PathBuf> {
        let path = self.path();
        let plain = |text: &&str| !text.contains(['"', '\\']) && !text.contains(char::is_control);
        let directory = path.to_str().filter(plain).with_context(|| {
            format!(
                "{} cannot stand in a configuration: choose another TMPDIR",
                path.display()
            )
        })?;
        let mut text = CONFIGURATION.replace("{directory}", directory);
        for (place, address) in [
            ("{pxweb}", addresses.pxweb),
            ("{json_api}", addresses.json_api),
            ("{receiver}", addresses.receiver),
        ] {
            text = text.replace(place, &format!("http://{address}"));
        }
        let text = text.replace("{oecd_source}", &origins.oecd);
        let text = text.replace("{gsp_source}", &origins.gsp);
        self.write("windlass.toml", &text)?;
        Ok(self.configuration())
    }

    /// Lets others find the demo.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn announce(&self, state: &State) -> anyhow::Result<()> {
        self.write(STATE, &serde_json::to_string_pretty(state)?)
    }

    /// Whether it was announced: everything of the demo has started.
    pub(super) fn is_announced(&self) -> bool {
        self.path().join(STATE).exists()
    }

    /// Writes a file that only this user may read, whole or not at all.
    fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.path().join(name);
        let written = NamedTempFile::new_in(self.path()).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")?;
            file.persist(&path).map_err(|error| error.error)
        });
        written
            .map(drop)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Leaves the directory where it is; the demo is not found there any more.
    pub(super) fn keep(self) -> PathBuf {
        let path = self.0.keep();
        // Not there, or stays there: whoever reads it finds that nobody answers.
        drop(std::fs::remove_file(path.join(STATE)));
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::config::{Destination, Layers};

    #[test]
    fn the_configuration_of_a_demo_has_no_fault() {
        let directory = Directory::create().unwrap();
        let secrets = directory.secrets().unwrap();
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let addresses = Addresses {
            pxweb: address(1),
            json_api: address(2),
            receiver: address(3),
        };
        let origins = Origins {
            oecd: "the OECD".to_owned(),
            gsp: "Wikipedia".to_owned(),
        };
        let file = directory.configure(addresses, &origins).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(
            !text.contains("{directory}") && !text.contains("_source}"),
            "{text}"
        );
        let layers = Layers {
            file: Some(file),
            ..Layers::default()
        };
        let config = layers.load().unwrap().config;
        let Some(Destination::Databox(databox)) = config.destinations.get("databox") else {
            panic!("no databox: {config:?}");
        };
        assert_eq!(databox.token, secrets.token);
        assert_eq!(databox.url.to_string(), "http://127.0.0.1:3/databox");
        assert_eq!(config.pipelines["economy"].sources.len(), 2);
    }

    #[test]
    fn nobody_else_may_look_into_it_and_it_goes_away() {
        let directory = Directory::create().unwrap();
        directory.secrets().unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(directory.path()), 0o700);
        assert_eq!(mode(&directory.path().join("databox.token")), 0o600);
        let path = directory.path().to_owned();
        drop(directory);
        assert!(!path.exists());
    }

    #[test]
    fn a_directory_that_is_kept_is_no_running_demo() {
        let directory = Directory::create().unwrap();
        let state = State {
            demo: "d".to_owned(),
            pid: 1,
            api: ([127, 0, 0, 1], 7400).into(),
            receiver: ([127, 0, 0, 1], 1).into(),
            switch: "s".to_owned(),
            failing: JobId::generate(),
        };
        directory.announce(&state).unwrap();
        let path = directory.path().join(STATE);
        let read: State = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(read, state);
        let kept = directory.keep();
        assert!(kept.exists() && !path.exists());
        std::fs::remove_dir_all(kept).unwrap();
    }
}
