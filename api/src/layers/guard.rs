//! Answers to loopback names only.
//!
//! A web page can bend a name of its own to 127.0.0.1 (DNS rebinding) and then call the API as if
//! it were its own origin, which no check of origins notices. But the browser still sends the
//! page's name as `Host`.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{header, uri::Authority};
use std::net::IpAddr;

use crate::problem::{Problem, catalog, quote};

/// Refuses requests that do not name this machine's loopback.
pub(super) async fn loopback_only(request: Request, next: Next) -> Response {
    match check(&request) {
        Ok(()) => next.run(request).await,
        Err(detail) => Problem::with(&catalog::WRONG_HOST, detail).into_response(),
    }
}

/// Every host that a request names must be a loopback name, and it must name one.
fn check(request: &Request) -> Result<(), String> {
    let named = request.headers().get_all(header::HOST).iter();
    let named = named.map(|host| String::from_utf8_lossy(host.as_bytes()));
    let target = request.uri().authority();
    let mut hosts = named
        .chain(target.map(|target| target.as_str().into()))
        .peekable();
    if hosts.peek().is_none() {
        return Err("the request names no host".to_owned());
    }
    match hosts.find(|host| !is_loopback(host)) {
        None => Ok(()),
        Some(other) => Err(format!("{} is no loopback name", quote(&other))),
    }
}

/// Whether `host`, with or without a port, is a name that only this machine answers to.
fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority.host();
    let address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
    let whole = !host.contains('@');
    whole && (name.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(is_loopback))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names_are_told_from_others() {
        for fine in [
            "localhost",
            "LOCALHOST:7400",
            "127.0.0.1:7400",
            "127.1.2.3",
            "[::1]:7400",
            "[::1]",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(is_loopback(fine), "{fine}");
        }
        for other in [
            "",
            "example.com",
            "127.0.0.1.example.com",
            "localhost.example.com:7400",
            "localhost@example.com",
            "example.com@localhost",
            "10.0.0.1",
            "[::2]",
            "[::1",
            "localhost:7400/x",
            "local host",
        ] {
            assert!(!is_loopback(other), "{other}");
        }
    }
}
