//! What is asked of the API.

use bytes::Bytes;
use reqwest::{Method, Url};
use serde::Serialize;
use std::time::Duration;

use crate::Result;

/// When a request may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Whenever its answer was lost: doing it twice is doing it once.
    Safe,
    /// Only if it was surely not carried out: doing it twice is doing it twice.
    Unsent,
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(super) method: Method,
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    pub(super) body: Option<Bytes>,
    pub(super) repeat: Repeat,
    /// How long the API is asked to wait before it answers.
    pub(super) wait: Duration,
}

impl Request {
    fn new(method: Method, path: &[&str]) -> Self {
        Self {
            method,
            path: path.iter().map(|part| (*part).to_owned()).collect(),
            query: Vec::new(),
            body: None,
            repeat: Repeat::Safe,
            wait: Duration::ZERO,
        }
    }

    /// Reads what is at a path, given by its parts.
    pub(crate) fn get(path: &[&str]) -> Self {
        Self::new(Method::GET, path)
    }

    /// Does something.
    pub(crate) fn post(path: &[&str]) -> Self {
        Self::new(Method::POST, path)
    }

    /// Changes something.
    pub(crate) fn patch(path: &[&str]) -> Self {
        Self::new(Method::PATCH, path)
    }

    /// With these parameters.
    pub(crate) fn query(mut self, query: Vec<(&'static str, String)>) -> Self {
        self.query = query;
        self
    }

    /// With this JSON as its body.
    pub(crate) fn json(mut self, json: impl Into<Bytes>) -> Self {
        self.body = Some(json.into());
        self
    }

    /// With this value as its body.
    ///
    /// # Errors
    /// When it has no JSON form.
    pub(crate) fn body(self, value: &impl Serialize) -> Result<Self> {
        let json = serde_json::to_vec(value).map_err(anyhow::Error::from)?;
        Ok(self.json(json))
    }

    /// May be sent again only then.
    pub(crate) fn repeat(mut self, repeat: Repeat) -> Self {
        self.repeat = repeat;
        self
    }

    /// Asks the API to wait for up to `wait`.
    pub(crate) fn waiting(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Makes the address of a server that of this request.
    pub(super) fn address(&self, url: &mut Url) {
        // Fails for addresses that have no path, such as `mailto:`, which are no servers.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(&self.path);
        }
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_escaped_and_a_path_of_the_server_is_kept() {
        let request = Request::get(&["v1", "queues", "a/b?c"]);
        let request = request.query(vec![("tag", "x&y=z".to_owned())]);
        let mut url: Url = "http://localhost:7400/windlass/".parse().unwrap();
        request.address(&mut url);
        assert_eq!(
            url.as_str(),
            "http://localhost:7400/windlass/v1/queues/a%2Fb%3Fc?tag=x%26y%3Dz"
        );
    }
}
