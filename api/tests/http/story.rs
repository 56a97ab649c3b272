//! One story from end to end over a real socket: submit, wait, work, and see the result.

use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use windlass_api::listen;

use crate::harness::Service;

/// Sends one request on a connection of its own and answers its status and body.
async fn call(address: SocketAddr, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

#[tokio::test]
async fn a_job_is_submitted_awaited_done_and_seen() {
    let service = Service::new();
    let listener = listen::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = service
        .api
        .clone()
        .serve(listener, service.shutdown.clone());
    let story = async {
        let job = json!({ "kind": "send_email", "args": { "to": "ada@example.com" } });
        let (status, submitted) = call(address, "POST", "/v1/jobs", &job.to_string()).await;
        assert_eq!((status, &submitted["verdict"]), (201, &json!("new")));
        let id = submitted["id"].as_str().unwrap();

        let path = format!("/v1/jobs/{id}?wait=20s");
        let work = async { service.hands().await.complete(json!({ "sent": 1 })).await };
        let ((status, job), ()) = tokio::join!(call(address, "GET", &path, ""), work);
        assert_eq!((status, &job["state"]), (200, &json!("completed")));
        assert_eq!(job["result"], json!({ "sent": 1 }));
        assert_eq!(job["args"], json!({ "to": "ada@example.com" }));

        let (status, again) = call(address, "POST", &format!("/v1/jobs/{id}/cancel"), "").await;
        assert_eq!(
            (status, &again["type"]),
            (409, &json!("/problems/job-ended"))
        );
        service.shutdown.drain();
    };
    let (served, ()) = tokio::join!(serving, story);
    served.unwrap();
}
