//! An API on a port of its own, a worker that takes jobs by hand, and commands whose streams are
//! kept.

use api::{Api, Live, Pipeline, Settings};
use axum::Router;
use clap::Parser as _;
use reqwest::Url;
use shared::{
    clock::Clock,
    job::{
        ClaimedJob, JobId, QueueName,
        attempt::{ErrorKind, Failure as AttemptFailure},
        outcome::Ending,
    },
    lease::{WorkerId, WorkerInfo},
    shutdown::{Shutdown, Tasks},
    store::{ClaimParams, Settle, Settled, Want, WorkStore, memory::MemoryStore},
};
use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::net::TcpListener;

use crate::{
    args::{Cli, Command},
    exit::{Code, Failure},
    operate::{client::Client, desk::Desk, worker},
    output::Printer,
};

/// The instant at which every test begins.
const START: &str = "2026-11-21T07:00:00Z";

/// An API and the store behind it; it ends with the test's runtime.
pub(super) struct Service {
    pub(super) store: Arc<MemoryStore>,
    pub(super) clock: Clock,
    pub(super) url: Url,
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) out: String,
    pub(super) err: String,
    failure: Option<Failure>,
}

impl Service {
    /// An API with one pipeline, `economy`.
    pub(super) async fn start() -> Self {
        let clock = Clock::manual(START.parse().unwrap());
        let store = Arc::new(MemoryStore::new(clock.clone()));
        let economy = Pipeline {
            sources: vec!["shop".parse().unwrap()],
            destinations: vec!["databox".parse().unwrap()],
        };
        let live = Live {
            pipelines: [("economy".parse().unwrap(), economy)].into(),
            ..Live::default()
        };
        let api = Api::new(Settings::default(), live, Arc::clone(&store) as _).unwrap();
        let url = serve(api.app(&Shutdown::new())).await;
        Self { store, clock, url }
    }

    /// Runs a command line.
    pub(super) async fn run(&self, line: &[&str]) -> Told {
        run(&self.url, &self.clock, line).await
    }

    /// Submits a job of kind `mail` with these flags; answers its id.
    pub(super) async fn submit(&self, flags: &[&str]) -> String {
        let line = [&["job", "submit", "mail", "--json"], flags].concat();
        let told = self.run(&line).await.fine();
        told.json()["id"].as_str().unwrap().to_owned()
    }

    /// Submits a job and discards it; answers its id.
    pub(super) async fn dead_letter(&self, message: &str) -> String {
        let id = self.submit(&[]).await;
        self.hands().await.discard(message).await;
        id
    }

    /// A worker that takes jobs by hand.
    pub(super) async fn hands(&self) -> Hands {
        let info = WorkerInfo {
            name: "bench".to_owned(),
            host: "here".to_owned(),
            pid: 7,
            version: "0.1.0".to_owned(),
            queues: vec![QueueName::default()],
            concurrency: 4,
        };
        let lease = Duration::from_mins(1);
        Hands {
            worker: self.store.register(info, lease).await.unwrap(),
            claim: 0,
            store: Arc::clone(&self.store),
        }
    }
}

/// Serves `table` on a port of its own, as long as the test's runtime lives.
pub(super) async fn serve(table: Router) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    Tasks::new().spawn(async move { axum::serve(listener, table).await });
    format!("http://{address}").parse().unwrap()
}

/// Runs a command line against the server at `url`.
pub(super) async fn run(url: &Url, clock: &Clock, line: &[&str]) -> Told {
    let line = [&["windlass"], line].concat();
    let cli = Cli::try_parse_from(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
    let json = line.contains(&"--json");
    let (out, err) = (Kept::default(), Kept::default());
    let printer = Printer::to(json, out.clone(), err.clone());
    let client = Client::new(url.clone()).unwrap().hasty();
    let mut desk = Desk::of(client, clock.clone(), printer);
    let ended = match cli.command {
        Command::Operate(command) => command.execute(&mut desk).await,
        Command::Worker(_) => worker::list(&mut desk).await,
        _ => panic!("{line:?} is no operator's command"),
    };
    Told {
        out: out.text(),
        err: err.text(),
        failure: ended.err(),
    }
}

impl Told {
    /// The same, which must have gone well.
    pub(super) fn fine(self) -> Self {
        assert!(self.failure.is_none(), "{self:?}");
        self
    }

    /// The code and the message of a command that must have failed.
    pub(super) fn failed(&self) -> (Code, String) {
        let failure = self.failure.as_ref().expect("it failed");
        (failure.code(), masked(failure.message()))
    }

    /// What was printed as JSON.
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// What was printed, with numbers instead of the ids of jobs.
    pub(super) fn masked(&self) -> String {
        masked(&self.out)
    }
}

/// A text in which every id of a job is its number in the order in which they stand there.
fn masked(text: &str) -> String {
    let mut ids: Vec<&str> = Vec::new();
    let mut out = text.to_owned();
    for word in text.split(|c: char| !c.is_ascii_hexdigit() && c != '-') {
        if word.parse::<JobId>().is_ok() && !ids.contains(&word) {
            ids.push(word);
            out = out.replace(word, &format!("<{}>", ids.len()));
        }
    }
    out
}

/// A stream that is kept, without its colours.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        anstream::adapter::strip_str(&text).to_string()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A worker that takes jobs by hand.
pub(super) struct Hands {
    worker: WorkerId,
    claim: u64,
    store: Arc<MemoryStore>,
}

impl Hands {
    /// Claims the next job of the default queue.
    pub(super) async fn claim(&mut self) -> ClaimedJob {
        self.claim += 1;
        let queue = QueueName::default();
        let params = ClaimParams {
            worker: self.worker,
            claim: self.claim,
            wants: vec![Want { queue, max: 1 }],
            max: 1,
        };
        self.store.claim(params).await.unwrap().pop().unwrap()
    }

    /// Ends an attempt.
    pub(super) async fn settle(&self, job: &ClaimedJob, ending: Ending) {
        let settle = Settle {
            id: job.id,
            token: job.token,
            ending,
            progress: None,
        };
        let settled = self.store.settle(vec![settle]).await.unwrap();
        assert!(matches!(settled[..], [Settled::Kept(_)]));
    }

    /// Claims a job and completes it with a result.
    pub(super) async fn complete(&mut self, result: &str) {
        let job = self.claim().await;
        let result = Some(result.to_owned().into());
        self.settle(&job, Ending::Complete { result }).await;
    }

    /// Claims a job, fails, and leaves it for ten seconds later.
    pub(super) async fn fail(&mut self, message: &str) {
        let job = self.claim().await;
        let ending = Ending::Retry {
            wait: Duration::from_secs(10),
            failure: AttemptFailure::new(ErrorKind::Failed, message),
        };
        self.settle(&job, ending).await;
    }

    /// Claims a job and gives it up.
    pub(super) async fn discard(&mut self, message: &str) {
        let job = self.claim().await;
        let failure = AttemptFailure::new(ErrorKind::Refused, message);
        self.settle(&job, Ending::Discard { failure }).await;
    }
}
