//! The socket: hostile peers, and stopping.

use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use windlass_api::{Settings, listen};

use crate::harness::Service;

/// Serves on a port of its own; the task ends when the service has stopped.
async fn serve(service: &Service) -> (SocketAddr, JoinHandle<Result<(), listen::Error>>) {
    let listener = listen::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = service
        .api
        .clone()
        .serve(listener, service.shutdown.clone());
    (address, shared::shutdown::Tasks::new().spawn(serving))
}

/// Says something and reads until the other side closes.
async fn say(address: SocketAddr, words: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The other side may close before it has heard all of it.
    let said = stream.write_all(words).await;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer).await {
        Ok(_) => {}
        Err(error) => assert!(said.is_err() || !answer.is_empty(), "{error}"),
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[tokio::test]
async fn what_is_not_http_is_turned_away_and_the_next_one_served() {
    let service = Service::new();
    let (address, serving) = serve(&service).await;
    let head = |more: &str| format!("GET / HTTP/1.1\r\nhost: {address}\r\n{more}\r\n\r\n");
    let large = head(&format!("x-large: {}", "x".repeat(64 * 1024)));
    let many = head(&vec!["x-small: 1"; 200].join("\r\n"));
    for (words, expected) in [
        (&b"\x16\x03\x01\x00\xa5\x01\x00"[..], "400"),
        // There is no answer that a peer who speaks HTTP/2 alone would understand.
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ""),
        (b"GET / HTTP/9.9\r\n\r\n", "400"),
        (b"GET /\r\n\r\n", "400"),
        (large.as_bytes(), "431"),
        (many.as_bytes(), "431"),
    ] {
        let answer = say(address, words).await;
        assert_eq!(
            status(&answer),
            expected,
            "{:?}: {answer}",
            words.escape_ascii()
        );
    }
    let fine = say(address, head("connection: close").as_bytes()).await;
    assert_eq!(status(&fine), "200", "{fine}");
    service.shutdown.drain();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_body_that_lies_about_itself_enqueues_nothing() {
    let service = Service::new();
    let (address, serving) = serve(&service).await;
    let post =
        format!("POST /v1/jobs HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n");
    for (framing, body, expected) in [
        ("content-length: 99999999999999999999", "{}", "400"),
        ("content-length: 1000000000", "{\"kind\":\"noop\"}", "413"),
        ("content-length: 2\r\ncontent-length: 3", "{}", "400"),
        ("transfer-encoding: chunked", "zz\r\n{}\r\n", "400"),
    ] {
        let words = format!("{post}{framing}\r\n\r\n{body}");
        let answer = say(address, words.as_bytes()).await;
        assert_eq!(status(&answer), expected, "{framing}: {answer}");
    }
    // Half a body, then nothing.
    let mut stream = TcpStream::connect(address).await.unwrap();
    let half = format!("{post}content-length: 100\r\n\r\n{{\"kind\":\"noop\"");
    stream.write_all(half.as_bytes()).await.unwrap();
    drop(stream);
    service.shutdown.drain();
    serving.await.unwrap().unwrap();
    assert_eq!(service.jobs().await, 0);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let service = Service::with(Settings {
        request_timeout: Duration::from_millis(50),
        ..Settings::default()
    });
    let (address, serving) = serve(&service).await;
    let words = format!(
        "POST /v1/jobs HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: 100\r\n\r\n{{\"kind\""
    );
    let answer = say(address, words.as_bytes()).await;
    assert_eq!(status(&answer), "408", "{answer}");
    assert!(answer.contains("/problems/slow-body"), "{answer}");
    service.shutdown.drain();
    serving.await.unwrap().unwrap();
}

/// Begins to submit a job, and knows that the service has begun too: it asks for the body.
async fn begin(address: SocketAddr, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /v1/jobs HTTP/1.1\r\nhost: {address}\r\nexpect: 100-continue\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[tokio::test]
async fn a_drain_finishes_what_is_begun_and_closes_what_is_idle() {
    let service = Service::new();
    let (address, serving) = serve(&service).await;
    let mut idle = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /healthz HTTP/1.1\r\nhost: {address}\r\n\r\n");
    idle.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"{\"status\":\"alive\"}") {
        idle.read_buf(&mut answer).await.unwrap();
    }
    let body = r#"{"kind":"noop"}"#;
    let mut begun = begin(address, body.len()).await;

    service.shutdown.drain();
    assert_eq!(idle.read_buf(&mut answer).await.unwrap(), 0);
    begun.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    begun.read_to_string(&mut answer).await.unwrap();
    assert_eq!(status(&answer), "201", "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    serving.await.unwrap().unwrap();
    assert_eq!(service.jobs().await, 1);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn an_abort_waits_for_nobody() {
    let service = Service::new();
    let (address, serving) = serve(&service).await;
    let mut begun = begin(address, 100).await;
    service.shutdown.abort();
    serving.await.unwrap().unwrap();
    let mut answer = Vec::new();
    assert_eq!(begun.read_to_end(&mut answer).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_listener_that_is_open_to_others_is_not_served() {
    let service = Service::new();
    let open = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let served = service.api.serve(open, service.shutdown).await;
    assert!(matches!(served, Err(listen::Error::NotLoopback(_))));
}
