//! A proxy that swallows answers: what was asked has happened, is committed, and nobody is told.

use shared::shutdown::Tasks;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{self, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::PrivateServer;

/// A proxy in front of a server of one's own.
pub struct Proxy {
    port: u16,
    plan: Arc<Mutex<Plan>>,
}

/// Whose answers are to be swallowed.
#[derive(Default)]
struct Plan {
    /// What their statements hold.
    text: String,
    /// How many more.
    left: usize,
    /// How many were.
    swallowed: usize,
}

impl Plan {
    fn takes(&mut self, statement: &str) -> bool {
        let takes = self.left > 0 && statement.contains(&self.text);
        if takes {
            self.left -= 1;
            self.swallowed += 1;
        }
        takes
    }
}

impl Proxy {
    /// Starts one, which swallows nothing yet.
    pub async fn start(server: &PrivateServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let plan = Arc::new(Mutex::new(Plan::default()));
        let tasks = Tasks::new();
        let plans = Arc::clone(&plan);
        tasks.spawn(serve(listener, server.port(), plans, tasks.clone()));
        Self { port, plan }
    }

    /// The URL of the server's database, by way of the proxy.
    pub fn url(&self, server: &PrivateServer) -> String {
        let (direct, through) = (server.port(), self.port);
        server
            .url()
            .replace(&format!(":{direct}/"), &format!(":{through}/"))
    }

    /// From now on swallows the answers to so many statements that hold `text`, and cuts the
    /// connections that they were sent on.
    pub fn swallow(&self, count: usize, text: &str) {
        *self.plan.lock().unwrap() = Plan {
            text: text.to_owned(),
            left: count,
            swallowed: 0,
        };
    }

    /// How many answers were swallowed since it was last told to.
    pub fn swallowed(&self) -> usize {
        self.plan.lock().unwrap().swallowed
    }
}

async fn serve(listener: TcpListener, server: u16, plan: Arc<Mutex<Plan>>, tasks: Tasks) {
    while let Ok((client, _)) = listener.accept().await {
        let plan = Arc::clone(&plan);
        tasks.spawn(async move {
            let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else {
                return;
            };
            client.set_nodelay(true).unwrap();
            server.set_nodelay(true).unwrap();
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let chosen = Arc::new(Mutex::new(false));
            let ask = ask(from_client, to_server, plan, Arc::clone(&chosen));
            // Whoever ends first, the other has nobody left to serve.
            tokio::select! {
                _ = ask => {}
                _ = answer(from_server, to_client, chosen) => {}
            }
        });
    }
}

/// One message: its kind, and all of it.
async fn message(from: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    from.read_exact(&mut head).await?;
    let [kind, length @ ..] = head;
    // The length counts itself.
    let body = usize::try_from(u32::from_be_bytes(length)).unwrap() - length.len();
    let mut whole = head.to_vec();
    whole.resize(head.len() + body, 0);
    from.read_exact(&mut whole[head.len()..]).await?;
    Ok((kind, whole))
}

/// The texts that a message begins with, each up to a zero.
fn texts(message: &[u8]) -> impl Iterator<Item = String> {
    let body = message[5..].split(|byte| *byte == 0);
    body.map(|text| String::from_utf8_lossy(text).into_owned())
}

/// Hands on what the client asks, and chooses the statements whose answers are swallowed.
async fn ask(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    plan: Arc<Mutex<Plan>>,
    chosen: Arc<Mutex<bool>>,
) -> io::Result<()> {
    // The first message has no kind.
    let length = from.read_u32().await?;
    let mut first = vec![0; usize::try_from(length).unwrap() - 4];
    from.read_exact(&mut first).await?;
    to.write_u32(length).await?;
    to.write_all(&first).await?;
    let mut statements: HashMap<String, String> = HashMap::new();
    loop {
        let (kind, message) = message(&mut from).await?;
        let mut texts = texts(&message);
        match kind {
            b'P' => {
                let name = texts.next().unwrap_or_default();
                statements.insert(name, texts.next().unwrap_or_default());
            }
            b'B' => {
                let statement = texts.nth(1).and_then(|name| statements.get(&name));
                if statement.is_some_and(|text| plan.lock().unwrap().takes(text)) {
                    *chosen.lock().unwrap() = true;
                }
            }
            _ => {}
        }
        to.write_all(&message).await?;
    }
}

/// Hands on what the server answers. Of a statement that was chosen nothing: once the server is
/// ready for the next, its transaction is over, and that is the end of the connection.
async fn answer(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    chosen: Arc<Mutex<bool>>,
) -> io::Result<()> {
    loop {
        let (kind, message) = message(&mut from).await?;
        if !*chosen.lock().unwrap() {
            to.write_all(&message).await?;
        } else if kind == b'Z' {
            return Ok(());
        }
    }
}
