//! The receiver, spoken to without a network.

use super::*;
use axum::{body::Body, http::Request};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use tower::ServiceExt as _;

fn receiver() -> (Receiver, mpsc::Receiver<Happening>) {
    let key = Secret::new("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    let secrets = Secrets {
        token: Secret::new("databox-token"),
        key: SigningKey::parse(&key).unwrap(),
        switch: Secret::new("switch-token"),
    };
    Receiver::new("this demo".to_owned(), secrets, Clock::system())
}

async fn call(
    receiver: &Receiver,
    method: &str,
    path: &str,
    authorization: &str,
    body: impl Into<Body>,
) -> (StatusCode, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .header("authorization", authorization)
        .body(body.into())
        .unwrap();
    let response = receiver.router().oneshot(request).await.unwrap();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), MAX_BODY)
        .await
        .unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

fn basic(token: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{token}:")))
}

#[tokio::test]
async fn databox_says_inside_an_answer_of_200_what_is_wrong() {
    let (receiver, mut happenings) = receiver();
    let good = r#"[{"key":"a","value":1}]"#;
    let right = basic("databox-token");
    let (status, answer) = call(&receiver, "POST", "/databox/data", &right, good).await;
    assert_eq!((status.as_u16(), answer), (200, json!({"status": "ok"})));
    let both = r#"{"data":[{"$b":2}]}"#;
    let (_, answer) = call(&receiver, "POST", "/databox", &right, both).await;
    assert_eq!(answer["status"], "ok");
    for (authorization, message) in [
        (basic("another"), "Invalid token"),
        (
            format!("Basic {}", STANDARD.encode("databox-token:password")),
            "Invalid token",
        ),
        ("Basic %%".to_owned(), "Invalid token"),
        (
            "Bearer databox-token".to_owned(),
            "Unauthorized - Token not provided!",
        ),
    ] {
        let (status, answer) = call(&receiver, "POST", "/databox/data", &authorization, good).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(
            answer,
            json!({"status": "Unauthorized", "message": message})
        );
        let told = happenings.try_recv().unwrap();
        assert!(matches!(told, Happening::Refused { .. }), "{told:?}");
    }
    let large = vec![b' '; MAX_PUSH + 1];
    let (status, answer) = call(&receiver, "POST", "/databox/data", &right, large).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["status"], "REQUEST_ENTITY_TOO_LARGE");
    let taken = receiver.taken();
    assert_eq!((taken.pushes, taken.values, taken.refused), (2, 2, 5));
    let (_, told) = call(&receiver, "GET", "/", "", "").await;
    assert_eq!(told["databox"][1], json!({"key": "b", "value": 2.0}));
}

#[tokio::test]
async fn the_service_is_out_of_order_until_it_is_mended() {
    let (receiver, mut happenings) = receiver();
    let (status, _) = call(&receiver, "POST", "/fragile", "", "{}").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let turn = |to: bool| json!({ "mended": to }).to_string();
    for stranger in ["", "Bearer ", "Bearer other", "switch-token"] {
        let (status, _) = call(&receiver, "PUT", "/switch", stranger, turn(true)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{stranger}");
    }
    let key = "Bearer switch-token";
    let (_, answer) = call(&receiver, "PUT", "/switch", key, turn(true)).await;
    let expected = json!({"demo": "this demo", "mended": true, "changed": true});
    assert_eq!(answer, expected);
    assert_eq!(
        happenings.try_recv(),
        Ok(Happening::Switched { mended: true })
    );
    let (_, answer) = call(&receiver, "PUT", "/switch", key, turn(true)).await;
    assert_eq!(answer["changed"], false);
    assert!(happenings.try_recv().is_err(), "nothing has changed");
    let (status, answer) = call(&receiver, "POST", "/fragile", "", "{}").await;
    assert_eq!((status.as_u16(), &answer["ok"]), (200, &Value::Bool(true)));
    let (status, _) = call(&receiver, "PUT", "/switch", key, "{}").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let (_, answer) = call(&receiver, "GET", "/switch", key, "").await;
    assert_eq!(answer["mended"], true);
}

#[tokio::test]
async fn an_event_that_comes_again_is_counted_once() {
    let (receiver, mut happenings) = receiver();
    let body = br#"{"type":"points.published","timestamp":"2026-11-21T07:00:00Z","data":{}}"#;
    let at = receiver.0.clock.now().as_secs();
    let signature = {
        use hmac::{Hmac, KeyInit as _, Mac as _};
        let key = receiver.0.secrets.key.expose();
        let code = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
        let code = code.chain_update(format!("e1.{at}.")).chain_update(body);
        format!("v1,{}", STANDARD.encode(code.finalize().into_bytes()))
    };
    let sent = async |signature: &str| {
        let request = Request::post("/webhook")
            .header("webhook-id", "e1")
            .header("webhook-timestamp", at.to_string())
            .header("webhook-signature", signature)
            .body(Body::from(&body[..]))
            .unwrap();
        receiver.router().oneshot(request).await.unwrap().status()
    };
    assert_eq!(sent(&signature).await, StatusCode::NO_CONTENT);
    assert_eq!(sent(&signature).await, StatusCode::NO_CONTENT);
    assert_eq!(receiver.taken().events, 1);
    assert_eq!(sent("v1,AAAA").await, StatusCode::UNAUTHORIZED);
    let told = happenings.try_recv().unwrap();
    assert!(matches!(
        told,
        Happening::Refused {
            what: "an event",
            ..
        }
    ));
}
