//! What the API answers, told apart from what other servers answer.

use reqwest::{Response, StatusCode, Url, header::AsHeaderName};
use serde::de::DeserializeOwned;
use std::time::Duration;

use super::Error;
use crate::{
    Result,
    exit::{Code, Failure},
    operate::problem::Problem,
    output::clean,
};

/// Most bytes of an answer: a page of a thousand jobs with their errors is a fraction of it.
const MOST: usize = 64 * 1024 * 1024;

/// Most characters that are shown of what is no answer.
const EXCERPT: usize = 80;

/// A success of the API: JSON.
#[derive(Debug)]
pub(crate) struct Answer(String);

/// What comes before the body.
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) content_type: Option<String>,
    pub(super) request: Option<String>,
    pub(super) retry_after: Option<Duration>,
}

/// Why a body could not be read.
pub(super) enum Broken {
    /// The connection broke, or its time was over.
    Off(reqwest::Error),
    /// It does not end.
    TooLarge,
}

impl Answer {
    /// The JSON as it came.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Reads the JSON. Members that are not asked for are passed over.
    ///
    /// # Errors
    /// When it is not what the API says; most likely the server is another one, or far newer.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.0).map_err(|error| {
            let why = clean::line(&error.to_string()).into_owned();
            let hint = "is this the API of another program, or of another version?";
            let told = format!("the answer is not what the API of Windlass says: {why}\n  {hint}");
            Failure::new(Code::Failed, told)
        })
    }
}

/// A header as text.
pub(super) fn header(reply: &Response, name: impl AsHeaderName) -> Option<String> {
    let value = reply.headers().get(name)?.to_str().ok()?;
    Some(value.to_owned())
}

/// Reads a body up to the limit.
pub(super) async fn read(mut reply: Response) -> Result<Vec<u8>, Broken> {
    let mut body = Vec::new();
    while let Some(chunk) = reply.chunk().await.map_err(Broken::Off)? {
        if body.len() + chunk.len() > MOST {
            return Err(Broken::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Judges who answered, and what.
pub(super) fn judge(head: Head, body: Vec<u8>, server: &Url) -> Result<Answer, Error> {
    let media = head.content_type.as_deref().unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    let media = media.to_ascii_lowercase();
    let text = String::from_utf8_lossy(&body);
    let alien = |what: String| Error::Alien {
        server: server.clone(),
        status: head.status,
        what,
    };
    if head.status.is_success() && media == "application/json" {
        return String::from_utf8(body)
            .map(Answer)
            .map_err(|_| alien("JSON that is not UTF-8".to_owned()));
    }
    if media == "application/problem+json"
        && let Ok(mut problem) = serde_json::from_str::<Problem>(&text)
    {
        problem.status = head.status.as_u16();
        problem.request = head.request;
        problem.retry_after = head.retry_after;
        return Err(Error::Problem(Box::new(problem)));
    }
    Err(alien(describe(&media, &text)))
}

/// What came instead of an answer, in a few words.
fn describe(media: &str, text: &str) -> String {
    let media = match media {
        "" => "something of no declared type".to_owned(),
        media => clean::line(media).into_owned(),
    };
    let words = text.split_whitespace().collect::<Vec<&str>>().join(" ");
    if words.is_empty() {
        return format!("{media}, empty");
    }
    let start: String = words.chars().take(EXCERPT).collect();
    format!("{media} that begins \"{}\"", clean::line(&start))
}
