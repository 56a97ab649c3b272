//! The real binary as a process of its own, in a directory of its own.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use shared::{
    clock::Clock,
    shutdown::Tasks,
    store::{
        self, Store,
        postgres::admin::{Scratch, Session},
        sqlite::SqliteStore,
    },
};
use std::{
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    sync::watch,
    time::{sleep, timeout},
};
use windlass_tests::backends::postgres::database;

use crate::http::Api;

/// How long anything may take before a test gives up; far beyond what it takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(45);

/// Each story on each store that outlives a process.
macro_rules! on_every_store {
    ($($story:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$story(crate::process::Place::new()).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$story(crate::process::Place::on_postgres().await).await;
            })+
        }
    };
}
pub(crate) use on_every_store;

/// A directory, and the environment of the processes in it.
pub(crate) struct Place {
    dir: TempDir,
    environment: Vec<(String, String)>,
    /// Where its processes keep their jobs, unless they do in a file.
    database: Option<Scratch>,
}

impl Place {
    /// Where processes find each other within moments, may call this machine, and keep their jobs
    /// in one file.
    pub(crate) fn new() -> Self {
        let place = Self {
            dir: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
            database: None,
        };
        place
            .with("API__LISTEN", "127.0.0.1:0")
            .with("OUTBOUND__ALLOW", "127.0.0.0/8")
            .with("WORKER__POLL", "50ms")
            .with("SCHEDULER__RESCUE_EVERY", "100ms")
    }

    /// The same with the jobs in a database of its own, on a server.
    pub(crate) async fn on_postgres() -> Self {
        let database = database().await;
        let mut place = Self::new().with("STORE__URL", database.url());
        place.database = Some(database);
        place
    }

    /// Sets a key for the processes that start from now on: `WORKER__LEASE`.
    pub(crate) fn with(self, key: &str, value: &str) -> Self {
        self.with_variable(&format!("WINDLASS__{key}"), value)
    }

    /// Sets a variable for the processes that start from now on.
    pub(crate) fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The store of its processes, for looking into it beside them.
    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        if let Some(database) = &self.database {
            return store::open(database.url(), Clock::system()).await.unwrap();
        }
        let path = self.path().join("windlass.db");
        SqliteStore::open(path, Clock::system()).unwrap()
    }

    /// The URL of the database that the jobs are in, unless they are in a file.
    pub(crate) fn store_url(&self) -> Option<&str> {
        self.database.as_ref().map(Scratch::url)
    }

    /// Whether the jobs are in a file.
    pub(crate) fn is_a_file(&self) -> bool {
        self.database.is_none()
    }

    /// Waits until nothing is under way any more of what processes sent that were killed. Into a
    /// file the dead write no more; a server finishes what it was sent.
    pub(crate) async fn quiet(&self) {
        let Some(database) = &self.database else {
            return;
        };
        let mut session = Session::open(database.url(), PATIENCE).await.unwrap();
        let others = "select count(*) from pg_stat_activity where datname = current_database() \
                      and backend_type = 'client backend' and pid <> pg_backend_pid()";
        let gone = async {
            while session.run(others).await.unwrap() != [["0"]] {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let gone = timeout(PATIENCE, gone).await;
        gone.expect("the server notices that its clients are gone");
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
        command
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .envs(self.environment.iter().cloned())
            // Demos find each other there.
            .env("TMPDIR", self.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Starts the binary, which goes on running. Its log is what it says on both streams.
    pub(crate) fn start(&self, args: &[&str]) -> Process {
        let mut command = self.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let data = BufReader::new(child.stdout.take().unwrap());
        let lines = BufReader::new(child.stderr.take().unwrap());
        let log = Log::default();
        let tasks = Tasks::new();
        tasks.spawn(log.clone().read(data));
        tasks.spawn(log.clone().read(lines));
        Process {
            child,
            log,
            tasks,
            name: args.join(" "),
        }
    }

    /// Runs the binary to its end.
    pub(crate) async fn run(&self, args: &[&str]) -> Output {
        let output = timeout(PATIENCE, self.command(args).output()).await;
        let output = output.expect("it ends in time").unwrap();
        Output {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// What became of a run.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A process that runs; killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    log: Log,
    tasks: Tasks,
    name: String,
}

impl Process {
    /// Its API, once it listens.
    pub(crate) async fn api(&self) -> Api {
        let line = self.line("the API listens on").await;
        let (_, address) = line.split_once("listens on ").unwrap();
        Api::new(address)
    }

    /// The first message of its log that holds `text`, once there is one.
    pub(crate) async fn line(&self, text: &str) -> String {
        self.nth_line(text, 1).await
    }

    /// The message that is the `nth` to hold `text`, from 1.
    pub(crate) async fn nth_line(&self, text: &str, nth: usize) -> String {
        let found = timeout(PATIENCE, self.log.find(text, nth)).await;
        found.unwrap_or_else(|_| panic!("`{}` never says {text:?}", self.name))
    }

    /// Whole lines so far, fields and all, that hold `text`.
    pub(crate) fn whole_lines(&self, text: &str) -> Vec<String> {
        let lines = self.log.lines.lock().unwrap();
        let found = lines.iter().filter(|line| line.contains(text));
        found.cloned().collect()
    }

    /// How many messages so far hold `text`.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.log.matching(text).len()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id().expect("it runs")).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let status = timeout(PATIENCE, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("`{}` does not end", self.name));
        self.tasks.finished().await;
        status.unwrap()
    }

    /// Kills it, as a power cut would.
    pub(crate) async fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.ended().await;
    }

    /// Asks it to stop, and waits until it has; it must go in peace.
    pub(crate) async fn stop(&mut self) {
        self.signal(Signal::TERM);
        let status = self.ended().await;
        assert_eq!(status.code(), Some(0), "`{}`", self.name);
    }
}

impl Drop for Process {
    /// What a failed test leaves to read.
    #[expect(
        clippy::print_stderr,
        reason = "the test runner shows it when a test fails"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- log of `{}`", self.name);
            for line in self.log.lines.lock().unwrap().iter() {
                eprintln!("{line}");
            }
        }
    }
}

/// The lines that a process wrote so far.
#[derive(Clone)]
struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    more: watch::Sender<usize>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            lines: Arc::default(),
            more: watch::Sender::new(0),
        }
    }
}

impl Log {
    async fn read(self, from: impl tokio::io::AsyncBufRead + Unpin) {
        let mut from = from.lines();
        while let Ok(Some(line)) = from.next_line().await {
            self.lines.lock().unwrap().push(line);
            self.more.send_modify(|lines| *lines += 1);
        }
    }

    fn matching(&self, text: &str) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        lines
            .iter()
            .map(|line| message(line))
            .filter(|line| line.contains(text))
            .collect()
    }

    async fn find(&self, text: &str, nth: usize) -> String {
        let mut more = self.more.subscribe();
        loop {
            more.borrow_and_update();
            if let Some(line) = self.matching(text).into_iter().nth(nth - 1) {
                return line;
            }
            // The sender lives in `self`, so this waits for the next line.
            more.changed().await.unwrap();
        }
    }
}

/// The message of a log line; the line itself when it is none.
fn message(line: &str) -> String {
    let parsed: Option<Value> = serde_json::from_str(line).ok();
    let message = parsed.as_ref().and_then(|line| line["message"].as_str());
    message.unwrap_or(line).to_owned()
}
