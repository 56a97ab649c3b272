//! The address of something that is called over HTTP.

use serde::{Serialize, Serializer};
use std::{fmt, str::FromStr};
use url::Url;

use super::read::FromText;
use crate::secret::{REDACTED, sounds_secret};

/// Longest address in bytes.
pub const MAX_URL: usize = 2048;

/// An `http` or `https` address with a host, without a user, a password or a fragment. Printed, it
/// hides those parameters of its query whose names sound like secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpUrl(Url);

impl HttpUrl {
    /// The address, whole: for calling it, not for logs.
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

impl FromStr for HttpUrl {
    type Err = String;

    /// # Errors
    /// What is wrong; repeats nothing of the text, which may hold a password.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > MAX_URL {
            return Err(format!("is {} bytes long, more than {MAX_URL}", text.len()));
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err("holds a space or a control character".to_owned());
        }
        let url: Url = text.parse().map_err(|error| {
            format!("is no URL, such as \"https://shop.example/stats\": {error}")
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!(
                "begins with {}:, not with https: or http:",
                url.scheme()
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("holds a user or a password, which do not belong into a URL".to_owned());
        }
        if url.fragment().is_some() {
            return Err("has a fragment (#…), which no server ever sees".to_owned());
        }
        Ok(Self(url))
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(query) = self.0.query() else {
            return f.pad(self.0.as_str());
        };
        let shown: Vec<String> = query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((name, _)) if sounds_secret(name) => format!("{name}={REDACTED}"),
                _ => pair.to_owned(),
            })
            .collect();
        let mut url = self.0.clone();
        url.set_query(None);
        write!(f, "{url}?{}", shown.join("&"))
    }
}

impl fmt::Debug for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for HttpUrl {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl FromText for HttpUrl {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_that_cannot_be_called_are_refused() {
        for (text, reason) in [
            ("", "no URL"),
            ("shop.example/stats", "no URL"),
            ("https://", "no URL"),
            ("ftp://shop.example", "begins with ftp:"),
            ("file:///etc/passwd", "begins with file:"),
            ("https://me@shop.example", "a user"),
            ("https://me:hunter2@shop.example", "a user"),
            ("https://shop.example/#x", "fragment"),
            ("https://shop.example/ x", "a space"),
            ("http://1.2.3.4.5/", "no URL"),
            (&format!("https://a/{}", "x".repeat(MAX_URL)), "bytes long"),
        ] {
            let refused = text.parse::<HttpUrl>().unwrap_err();
            assert!(refused.contains(reason), "{text}: {refused}");
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }

    #[test]
    fn parameters_that_sound_secret_are_hidden() {
        let text = "https://shop.example/s?page=2&api_key=hunter2&x";
        let url: HttpUrl = text.parse().unwrap();
        assert_eq!(
            url.to_string(),
            "https://shop.example/s?page=2&api_key=[redacted]&x"
        );
        assert!(!format!("{url:?}").contains("hunter2"));
        assert_eq!(url.as_url().as_str(), text);
        let plain: HttpUrl = "http://127.0.0.1:80/a".parse().unwrap();
        assert_eq!(plain.to_string(), "http://127.0.0.1/a");
    }

    proptest! {
        #[test]
        fn no_text_panics_as_an_address(text in "(https?://)?\\PC{0,60}") {
            if let Ok(url) = text.parse::<HttpUrl>() {
                prop_assert!(url.to_string().starts_with("http"));
            }
        }
    }
}
