//! Enciphered connections, to servers that say who they are and ask the same of whoever comes.
//!
//! The certificates of `data` are for 127.0.0.1 and nobody else; the key of who signed them is gone.

use shared::{clock::Clock, store::open};
use std::path::Path;
use windlass_tests::{
    make::jobs,
    server::{free_port, redis::PrivateServer},
};

fn data(file: &str) -> String {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("redis/data");
    dir.join(file).to_str().unwrap().to_owned()
}

/// A server that enciphers, on a second port, and wants to know who comes.
async fn enciphered() -> (PrivateServer, u16) {
    let port = free_port();
    let (ca, cert, key) = (data("ca.pem"), data("cert.pem"), data("key.pem"));
    let settings = ["--tls-port", &port.to_string(), "--tls-ca-cert-file", &ca];
    let more = ["--tls-cert-file", &cert, "--tls-key-file", &key];
    let server = PrivateServer::start(&[&settings[..], &more[..]].concat()).await;
    (server, port)
}

#[tokio::test]
async fn a_server_that_is_who_it_should_be_is_used() {
    let (_server, port) = enciphered().await;
    let (ca, cert, key) = (data("ca.pem"), data("cert.pem"), data("key.pem"));
    let url = format!("rediss://127.0.0.1:{port}/0?ca={ca}&cert={cert}&key={key}");
    let store = open(&url, Clock::system()).await.unwrap();
    assert_eq!(store.enqueue(jobs(3)).await.unwrap().len(), 3);
    assert_eq!(store.queues().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_not_used() {
    let (_server, port) = enciphered().await;
    let (cert, key) = (data("cert.pem"), data("key.pem"));
    let url = format!("rediss://127.0.0.1:{port}/0?cert={cert}&key={key}");
    assert!(open(&url, Clock::system()).await.is_err());
    let nobody = format!("rediss://127.0.0.1:{port}/0?ca={}", data("ca.pem"));
    assert!(open(&nobody, Clock::system()).await.is_err());
    let missing = open("rediss://127.0.0.1:1/0?ca=/nowhere.pem", Clock::system()).await;
    let why = missing.err().unwrap().to_string();
    assert!(why.contains("/nowhere.pem"), "{why}");
}
