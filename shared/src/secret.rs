//! Values that do not print: tokens and signing keys.

use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::{Serialize, Serializer};
use std::fmt;

/// What stands where a secret would be printed.
pub const REDACTED: &str = "[redacted]";

/// Longest secret in bytes; no token comes near it, and a wrong file is noticed.
pub const MAX_SECRET: usize = 8192;

/// A token, a password, a key: wiped from memory when it is dropped, and printed as
/// [`REDACTED`] by everything that prints.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a text as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The secret itself, for the one call that needs it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for Secret {
    /// To notice that a secret was replaced. Not for checking what somebody presents: the time it
    /// takes tells where two secrets part.
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(REDACTED)
    }
}

/// A symmetric key of Standard Webhooks: `whsec_` and 24 to 64 bytes in base64.
#[derive(Clone)]
pub struct SigningKey(SecretSlice<u8>);

impl SigningKey {
    /// How a key begins when it is written.
    pub const PREFIX: &str = "whsec_";

    /// Reads a key.
    ///
    /// # Errors
    /// What is wrong with its form, without any part of it.
    pub fn parse(secret: &Secret) -> Result<Self, &'static str> {
        let text = secret.expose();
        let Some(encoded) = text.strip_prefix(Self::PREFIX) else {
            return Err(if text.starts_with("whsk_") || text.starts_with("whpk_") {
                "is an asymmetric key; a symmetric one is needed, which begins with whsec_"
            } else {
                "does not begin with whsec_"
            });
        };
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|_| "holds no base64 after whsec_")?;
        let length = bytes.len();
        let key = Self(SecretSlice::from(bytes));
        if (24..=64).contains(&length) {
            Ok(key)
        } else {
            Err("is not 24 to 64 bytes long, base64 taken off")
        }
    }

    /// The bytes to sign with.
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl PartialEq for SigningKey {
    /// As of [`Secret`].
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for SigningKey {}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for SigningKey {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(REDACTED)
    }
}

/// Whether what goes by this name is probably a secret: `Authorization`, `api_key`, `X-Token`.
pub fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let within = [
        "authorization",
        "cookie",
        "credential",
        "passw",
        "secret",
        "token",
    ];
    let last = ["auth", "key"];
    within.iter().any(|word| name.contains(word)) || last.iter().any(|word| name.ends_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), REDACTED);
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"[redacted]\"");
        assert_eq!(secret.expose(), "hunter2");
        let key = SigningKey::parse(&Secret::new(format!("whsec_{}", "YWFh".repeat(8)))).unwrap();
        assert_eq!(format!("{key:?}"), REDACTED);
        assert_eq!(serde_json::to_string(&key).unwrap(), "\"[redacted]\"");
        assert_eq!(key.expose(), [b'a'; 24]);
    }

    #[test]
    fn keys_of_another_form_are_refused_without_being_told() {
        for (text, reason) in [
            ("", "begin with whsec_"),
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begin with whsec_"),
            ("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "asymmetric"),
            ("whsec_hunter2!", "no base64"),
            ("whsec_YWFh", "24 to 64"),
            (&format!("whsec_{}", "YWFh".repeat(22)), "24 to 64"),
        ] {
            let refused = SigningKey::parse(&Secret::new(text)).unwrap_err();
            assert!(refused.contains(reason), "{text}: {refused}");
            assert!(!refused.contains("hunter2"));
        }
    }

    #[test]
    fn names_of_secrets_are_known() {
        for name in ["Authorization", "x-api-key", "COOKIE", "accessToken"] {
            assert!(sounds_secret(name), "{name}");
        }
        for name in ["accept", "author", "keyword", "page", "url"] {
            assert!(!sounds_secret(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_as_a_key(text in "(whsec_)?[\\PC]{0,100}") {
            let key = SigningKey::parse(&Secret::new(text));
            prop_assert!(key.is_err() || key.is_ok_and(|key| key.expose().len() >= 24));
        }
    }
}
