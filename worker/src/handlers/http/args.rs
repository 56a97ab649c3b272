//! The args of an `http` job, and the call they make.

use bytes::Bytes;
use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde::Deserialize;
use serde_json::value::RawValue;
use shared::{
    config::human,
    job::{Invalid, JobId, TraceContext},
};
use std::{collections::BTreeMap, time::Duration};
use url::Url;

use crate::handlers::outbound::Call;

/// Headers that belong to the connection, to the body's framing or to this program. `Host` and
/// `Expect` could make another server, or none, of the one that was judged.
const RESERVED: [&str; 17] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Most headers of one call.
const MAX_HEADERS: usize = 64;

/// Longest time a call may be given.
const MAX_TIMEOUT: Duration = Duration::from_hours(1);

/// What a job of kind `http` carries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Args {
    /// Where to.
    url: String,
    /// `GET` unless there is a body, else `POST`.
    #[serde(default)]
    method: Option<String>,
    /// Sent as they are, except those that are not the caller's to choose.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// A body that is JSON, sent as it is written.
    #[serde(default)]
    body: Option<Box<RawValue>>,
    /// A body that is text.
    #[serde(default)]
    body_text: Option<String>,
    /// How long the call may take: `"10s"`; as long as the configuration says when left out.
    #[serde(default)]
    timeout: Option<Length>,
    /// Statuses that count as success beside 2xx.
    #[serde(default)]
    pub(super) success: Vec<u16>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Length(#[serde(with = "human::duration")] Duration);

impl Args {
    /// The call that an attempt makes.
    ///
    /// # Errors
    /// `Invalid` with the first of the args that cannot be used.
    pub(super) fn call(
        self,
        job: JobId,
        attempt: u32,
        trace: Option<&TraceContext>,
    ) -> Result<Call<'_>, Invalid> {
        let url = Url::parse(&self.url)
            .map_err(|error| Invalid::new("url", format!("cannot be read: {error}")))?;
        let (body, content_type) = match (self.body, self.body_text) {
            (Some(_), Some(_)) => {
                let why = "is given beside body; one of them is possible";
                return Err(Invalid::new("body_text", why));
            }
            (Some(json), None) => {
                let bytes = Bytes::from(String::from(Box::<str>::from(json)));
                (Some(bytes), Some("application/json"))
            }
            (None, Some(text)) => (Some(text.into()), Some("text/plain; charset=utf-8")),
            (None, None) => (None, None),
        };
        let mut call = Call::new(method(self.method.as_deref(), body.is_some())?, url, trace);
        call.body = body;
        call.timeout = self.timeout.map(|Length(length)| length);
        if let Some(length) = call.timeout
            && (length < Duration::from_millis(1) || length > MAX_TIMEOUT)
        {
            return Err(Invalid::new("timeout", "is not between 1ms and 1h"));
        }
        let mut put = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                call.headers.insert(name, value);
            }
        };
        put("idempotency-key", &job.to_string());
        if let Some(content_type) = content_type {
            put(CONTENT_TYPE.as_str(), content_type);
        }
        add_headers(&mut call.headers, &self.headers)?;
        let mut put = |name: &'static str, value: HeaderValue| call.headers.insert(name, value);
        if let Ok(id) = HeaderValue::from_str(&job.to_string()) {
            put("windlass-job-id", id);
        }
        put("windlass-attempt", HeaderValue::from(attempt));
        Ok(call)
    }
}

fn method(name: Option<&str>, has_body: bool) -> Result<Method, Invalid> {
    match name {
        None if has_body => Ok(Method::POST),
        None | Some("GET") => Ok(Method::GET),
        Some("HEAD") => Ok(Method::HEAD),
        Some("POST") => Ok(Method::POST),
        Some("PUT") => Ok(Method::PUT),
        Some("PATCH") => Ok(Method::PATCH),
        Some("DELETE") => Ok(Method::DELETE),
        Some("OPTIONS") => Ok(Method::OPTIONS),
        Some(other) => Err(Invalid::new(
            "method",
            format!("{other:?} is none of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        )),
    }
}

fn add_headers(to: &mut HeaderMap, headers: &BTreeMap<String, String>) -> Result<(), Invalid> {
    if headers.len() > MAX_HEADERS {
        let why = format!("are {}, more than {MAX_HEADERS}", headers.len());
        return Err(Invalid::new("headers", why));
    }
    for (name, value) in headers {
        let key = HeaderName::try_from(name.as_str())
            .map_err(|_| Invalid::new("headers", format!("{name:?} is no name of a header")))?;
        if RESERVED.contains(&key.as_str()) || key.as_str().starts_with("windlass-") {
            let why = format!("{name:?} is not the caller's to choose; leave it out");
            return Err(Invalid::new("headers", why));
        }
        // The value is not told: it may be a secret.
        let value = HeaderValue::from_str(value).map_err(|_| {
            let why = format!("the value of {name:?} holds what a header may not hold");
            Invalid::new("headers", why)
        })?;
        to.insert(key, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::job::Args as JobArgs;

    fn call(args: &str) -> Result<Call<'static>, Invalid> {
        let args = JobArgs::from_json_bytes(args.to_owned())?;
        args.decode::<Args>()?.call(JobId::generate(), 3, None)
    }

    #[test]
    fn the_least_that_is_needed_is_a_url() {
        let call = call(r#"{"url":"https://example.com/x"}"#).unwrap();
        assert_eq!(call.method, Method::GET);
        assert_eq!(call.headers["windlass-attempt"], "3");
        assert_eq!(
            call.headers["idempotency-key"],
            call.headers["windlass-job-id"]
        );
        assert_eq!(call.body, None);
    }

    #[test]
    fn a_json_body_is_sent_as_it_is_written() {
        let call = call(
            r#"{"url":"https://example.com","body":{"z": 1.0, "a":[12345678901234567890]},
                "headers":{"X-Tenant":"42","Content-Type":"application/vnd.x+json",
                           "idempotency-key":"mine"},"timeout":"2s","success":[404]}"#,
        )
        .unwrap();
        assert_eq!(call.method, Method::POST);
        let sent = call.body.as_deref();
        assert_eq!(
            sent,
            Some(&br#"{"z": 1.0, "a":[12345678901234567890]}"#[..])
        );
        assert_eq!(call.headers["content-type"], "application/vnd.x+json");
        assert_eq!(call.headers["idempotency-key"], "mine");
        assert_eq!(call.headers["x-tenant"], "42");
        assert_eq!(call.timeout, Some(Duration::from_secs(2)));
    }

    #[test]
    fn args_that_cannot_be_used_say_which_and_why() {
        for (args, field, why) in [
            (r#"{"url":"not a url"}"#, "url", "cannot be read"),
            (
                r#"{"url":"https://x.y","method":"CONNECT"}"#,
                "method",
                "CONNECT",
            ),
            (r#"{"url":"https://x.y","method":"get"}"#, "method", "GET"),
            (
                r#"{"url":"https://x.y","body":1,"body_text":""}"#,
                "body_text",
                "beside",
            ),
            (r#"{"url":"https://x.y","timeout":"2h"}"#, "timeout", "1h"),
            (r#"{"url":"https://x.y","timeout":"0"}"#, "timeout", "1ms"),
            (
                r#"{"url":"https://x.y","headers":{"Host":"z"}}"#,
                "headers",
                "Host",
            ),
            (
                r#"{"url":"https://x.y","headers":{"TE":"z"}}"#,
                "headers",
                "TE",
            ),
            (
                r#"{"url":"https://x.y","headers":{"Windlass-Job-Id":"1"}}"#,
                "headers",
                "caller",
            ),
            (
                r#"{"url":"https://x.y","headers":{"a b":"1"}}"#,
                "headers",
                "name",
            ),
            (
                r#"{"url":"https://x.y","headers":{"a":"b\nc"}}"#,
                "headers",
                "may not",
            ),
            (r#"{"url":"https://x.y","ulr":1}"#, "args", "ulr"),
            (
                r#"{"url":"https://x.y","success":["a"]}"#,
                "args",
                "success[0]",
            ),
            (r#"{"method":"GET"}"#, "args", "url"),
        ] {
            let refused = call(args).expect_err(args);
            assert_eq!(refused.field, field, "{args}: {refused}");
            assert!(refused.why.contains(why), "{args}: {refused}");
        }
    }

    #[test]
    fn a_secret_in_a_header_is_not_told() {
        let args = r#"{"url":"https://x.y","headers":{"authorization":"Bearer s3cret\n"}}"#;
        let refused = call(args).unwrap_err().to_string();
        assert!(!refused.contains("s3cret"), "{refused}");
    }
}
