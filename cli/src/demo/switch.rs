//! `windlass demo mend` and `windlass demo break`: find the demo that runs, and turn its switch.
//!
//! A demo is found by the file in its directory. Only directories of this user count, and only a
//! receiver that answers with the name that stands in the file is the demo's: an address that
//! somebody else has by now is not spoken to for long.

use anyhow::Context as _;
use futures_util::future::join_all;
use serde::Serialize;
use shared::job::JobId;
use std::{
    fs,
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    commands::Commands,
    directory::{PREFIX, STATE, State},
    receiver::{Position, Turn},
};
use crate::{
    Result,
    exit::{Code, Failure},
    output,
    serve::block_on,
};

/// How long a demo may take to answer.
const ANSWER: Duration = Duration::from_secs(3);

/// Largest file of a demo's state.
const MAX_STATE: u64 = 64 * 1024;

/// Most demos that are looked at.
const MAX_DEMOS: usize = 64;

#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// The directory of the demo, when several run.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// A demo that may run.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    directory: PathBuf,
    state: State,
}

/// What became of it.
#[derive(Debug, Serialize)]
struct Turned {
    directory: PathBuf,
    mended: bool,
    changed: bool,
    /// The job that fails on purpose.
    dead_letter: JobId,
    /// The command that makes a new run of it.
    replay: String,
}

impl Which {
    /// Turns the switch of the one demo that runs, or that is named.
    ///
    /// # Errors
    /// `Unavailable` when there is none, `Usage` when it is not clear which is meant.
    pub(super) fn turn(&self, mended: bool, json: bool) -> Result {
        let candidates = match &self.dir {
            Some(directory) => vec![read(directory).with_context(|| {
                format!(
                    "{} is not the directory of a running demo",
                    directory.display()
                )
            })?],
            None => all(&std::env::temp_dir())?,
        };
        let (one, position) = block_on(async {
            let client = Client::new()?;
            let running = client.running(&candidates).await;
            let one = the_one(&running, mended)?;
            let position = client.ask(&one.state, Some(mended)).await?;
            Ok::<_, Failure>((one.clone(), position))
        })??;
        let turned = Turned {
            replay: Commands::new(one.state.api).replay(one.state.failing),
            dead_letter: one.state.failing,
            directory: one.directory,
            mended: position.mended,
            changed: position.changed,
        };
        if json {
            output::json(&turned)
        } else {
            output::text(told(&turned))
        }
    }
}

/// Whether another demo of this user runs beside the one in this directory.
///
/// # Errors
/// When the directory for temporary files cannot be read.
pub(super) async fn another_runs(own: &Path) -> Result<bool> {
    let mut others = all(&std::env::temp_dir())?;
    others.retain(|found| found.directory != own);
    Ok(!Client::new()?.running(&others).await.is_empty())
}

fn told(turned: &Turned) -> String {
    let was = if turned.changed { "" } else { " already" };
    if turned.mended {
        format!(
            "The service is mended{was} and answers. Replay the dead letter:\n  {}",
            turned.replay
        )
    } else {
        format!("The service is out of order{was}: what calls it fails.")
    }
}

/// The one demo that runs.
fn the_one<'a>(running: &[&'a Found], mended: bool) -> Result<&'a Found> {
    match running {
        [one] => Ok(one),
        [] => {
            let why = "no demo runs here: start one with `windlass demo`, or name its directory \
                       with --dir";
            Err(Failure::new(Code::Unavailable, why))
        }
        several => {
            let commands = several.iter().map(|one| {
                let commands = Commands::new(one.state.api).of_directory(&one.directory);
                format!("\n  {}", commands.turn(mended))
            });
            let commands: String = commands.collect();
            let why = format!("{} demos run; say which is meant:{commands}", several.len());
            Err(Failure::new(Code::Usage, why))
        }
    }
}

/// Every demo of this user that has left its state in `place`, running or not.
fn all(place: &Path) -> anyhow::Result<Vec<Found>> {
    let entries =
        fs::read_dir(place).with_context(|| format!("cannot read {}", place.display()))?;
    let demos = entries.filter_map(std::result::Result::ok).filter(|entry| {
        let name = entry.file_name();
        name.to_str().is_some_and(|name| name.starts_with(PREFIX))
    });
    let mut found: Vec<Found> = demos
        .filter_map(|entry| read(&entry.path()).ok())
        .take(MAX_DEMOS)
        .collect();
    found.sort_by(|one, other| one.directory.cmp(&other.directory));
    Ok(found)
}

/// What stands in the directory of a demo.
fn read(directory: &Path) -> anyhow::Result<Found> {
    let mine = |metadata: &fs::Metadata| metadata.uid() == rustix::process::geteuid().as_raw();
    let metadata = fs::symlink_metadata(directory)?;
    anyhow::ensure!(metadata.is_dir(), "it is no directory");
    anyhow::ensure!(mine(&metadata), "it belongs to somebody else");
    let file = fs::File::open(directory.join(STATE))?;
    let metadata = file.metadata()?;
    anyhow::ensure!(
        metadata.is_file() && mine(&metadata),
        "its state is not ours"
    );
    let mut text = Vec::new();
    file.take(MAX_STATE).read_to_end(&mut text)?;
    let state: State = serde_json::from_slice(&text)?;
    let local = state.receiver.ip().is_loopback();
    anyhow::ensure!(local, "its receiver would be on another machine");
    Ok(Found {
        directory: directory.to_owned(),
        state,
    })
}

/// Speaks to the switch of a demo.
struct Client(reqwest::Client);

impl Client {
    fn new() -> Result<Self> {
        // Fails when the process has one already, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        // Loopback is spoken to in plain HTTP, so that no certificates are looked for.
        let client = reqwest::Client::builder()
            .tls_certs_only([])
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER)
            .build();
        Ok(Self(client.map_err(anyhow::Error::from)?))
    }

    /// Those of them that run; all are asked at once.
    async fn running<'a>(&self, candidates: &'a [Found]) -> Vec<&'a Found> {
        let answers = candidates.iter().map(async |candidate| {
            let answer = self.ask(&candidate.state, None).await;
            answer.is_ok().then_some(candidate)
        });
        join_all(answers).await.into_iter().flatten().collect()
    }

    /// Asks for the position of the switch, or turns it.
    ///
    /// # Errors
    /// When nobody answers, or another than this demo.
    async fn ask(&self, state: &State, mended: Option<bool>) -> Result<Position> {
        let url = format!("http://{}/switch", state.receiver);
        let request = match mended {
            None => self.0.get(url),
            Some(mended) => self.0.put(url).json(&Turn { mended }),
        };
        let answer = async {
            let response = request.bearer_auth(&state.switch).send().await?;
            response.error_for_status()?.json::<Position>().await
        };
        let failed = |why: &dyn std::fmt::Display| {
            Failure::new(
                Code::Unavailable,
                format!("the demo does not answer: {why}"),
            )
        };
        let position = answer.await.map_err(|error| failed(&error))?;
        if position.demo == state.demo {
            Ok(position)
        } else {
            Err(failed(&"another one is at its address by now"))
        }
    }
}

#[cfg(test)]
mod tests;
