//! Secrets: from the environment, from a file that is named, or from systemd's credentials.

use std::path::{Path, PathBuf};

use super::Reader;
use crate::{
    config::{
        file::{digest, read_bytes},
        origin::Origin,
    },
    secret::{MAX_SECRET, Secret, SigningKey},
};

/// The names of a secret: its own, and that of the file it may stand in.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct SecretKeys {
    pub(in crate::config) inline: &'static str,
    pub(in crate::config) file: &'static str,
}

/// The access token of a service.
pub(in crate::config) const TOKEN: SecretKeys = SecretKeys {
    inline: "token",
    file: "token_file",
};

/// The key that deliveries are signed with.
pub(in crate::config) const SECRET: SecretKeys = SecretKeys {
    inline: "secret",
    file: "secret_file",
};

/// The key before that, while they rotate.
pub(in crate::config) const PREVIOUS_SECRET: SecretKeys = SecretKeys {
    inline: "previous_secret",
    file: "previous_secret_file",
};

/// The password of a store on a server.
pub(in crate::config) const PASSWORD: SecretKeys = SecretKeys {
    inline: "password",
    file: "password_file",
};

impl Reader<'_> {
    /// The secret, which must be somewhere.
    pub(in crate::config) fn required_secret(&self, keys: SecretKeys) -> Option<Secret> {
        let secret = self.secret(keys);
        if secret.is_none() && self.fine(&[keys.inline, keys.file]) {
            let ways = self.ways(keys);
            self.blame(keys.inline, format!("is missing; {ways}"));
        }
        secret
    }

    /// The secret, if it is anywhere; what is wrong with it is noted.
    pub(in crate::config) fn secret(&self, keys: SecretKeys) -> Option<Secret> {
        let inline = self.get(keys.inline);
        let file: Option<PathBuf> = self.optional(keys.file);
        match (inline, file) {
            (Some(_), Some(_)) => {
                let problem = format!("is set, and so is {}; leave one of them out", keys.file);
                self.blame(keys.inline, problem);
                None
            }
            (Some(node), None) => match &node.origin {
                Origin::Environment { .. } => {
                    let text = node.verbatim().unwrap_or_default();
                    self.clean(keys.inline, text.as_bytes())
                }
                Origin::Flag { .. } => {
                    let why =
                        "must not be on the command line, which everybody on the machine sees";
                    self.blame(keys.inline, format!("{why}; {}", self.ways(keys)));
                    None
                }
                Origin::File { .. } | Origin::Default => {
                    let why = "is a secret and must not stand in the configuration file";
                    self.blame(keys.inline, format!("{why}; {}", self.ways(keys)));
                    None
                }
            },
            (None, Some(path)) => self.read_secret(keys.file, &path),
            (None, None) if self.has(keys.file) => None,
            (None, None) => {
                let path = self.notes.credentials()?.join(self.path(keys.inline));
                path.exists()
                    .then(|| self.read_secret(keys.inline, &path))?
            }
        }
    }

    fn read_secret(&self, key: &'static str, path: &Path) -> Option<Secret> {
        if path.to_string_lossy().starts_with(SigningKey::PREFIX) {
            self.blame(key, "holds a secret where the path of a file belongs");
            return None;
        }
        match read_bytes(path, u64::try_from(MAX_SECRET).unwrap_or(u64::MAX)) {
            Ok(bytes) => {
                self.notes.read(path, digest(&bytes));
                self.clean(key, &bytes)
            }
            Err(problem) => {
                self.blame(key, format!("names {}, which {problem}", path.display()));
                None
            }
        }
    }

    /// Takes off the end of the line, which editors add, and refuses what cannot be a secret.
    fn clean(&self, key: &'static str, bytes: &[u8]) -> Option<Secret> {
        let problem = match str::from_utf8(bytes).map(|text| text.trim_end_matches(['\r', '\n'])) {
            Err(_) => "is not UTF-8 text",
            Ok("") => "is empty",
            Ok(text) if text.len() > MAX_SECRET => "is too long for a secret",
            Ok(text) if text.chars().any(|c| c.is_control() || c.is_whitespace()) => {
                "holds a space or a control character"
            }
            Ok(text) => return Some(Secret::new(text)),
        };
        self.blame(key, problem);
        None
    }

    fn ways(&self, keys: SecretKeys) -> String {
        format!(
            "put it into a file of its own and name that in {}, or set {}",
            keys.file,
            variable(&self.path(keys.inline))
        )
    }
}

/// The environment variable of a key.
pub(in crate::config) fn variable(path: &str) -> String {
    let mut name = "WINDLASS__".to_owned();
    let mut quoted = false;
    for letter in path.chars() {
        match letter {
            '"' => quoted = !quoted,
            '.' if !quoted => name.push_str("__"),
            c if c.is_ascii_alphanumeric() => name.push(c.to_ascii_uppercase()),
            _ => name.push('_'),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_variable() {
        assert_eq!(
            variable("destinations.my-shop.previous_secret"),
            "WINDLASS__DESTINATIONS__MY_SHOP__PREVIOUS_SECRET"
        );
        assert_eq!(
            variable("sources.\"a.b\".url"),
            "WINDLASS__SOURCES__A_B__URL"
        );
    }
}
