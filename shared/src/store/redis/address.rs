//! The address of a Redis: one server, the nodes of a cluster, or the sentinels that know who is the
//! first.

use std::{fmt, path::PathBuf, str::FromStr};
use url::Url;

use crate::{secret::Secret, store::redacted_url};

const RIGHT: &str = "\"redis://cache.example:6379/0\" would be right";

/// Options of an address; there are no others.
const OPTIONS: [&str; 5] = ["prefix", "durability", "ca", "cert", "key"];

/// What keys begin with, in braces, unless the address says otherwise.
const PREFIX: &str = "windlass";

/// Most servers that an address may name.
const MOST_NODES: usize = 32;

/// What a write waits for before it is answered, beyond what the server does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Nothing.
    Nothing,
    /// The disk of the server.
    Local,
    /// The disk of the server and that of one of its replicas.
    Replicated,
}

/// Whom an address names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// A server, or nodes of a cluster.
    Servers,
    /// Sentinels.
    Sentinels,
}

/// The address of a Redis. It may hold a password, so nothing that prints it prints all of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    text: Secret,
    pub(super) named: Named,
    pub(super) tls: bool,
    pub(super) nodes: Vec<(String, u16)>,
    pub(super) user: Option<String>,
    pub(super) password: Option<Secret>,
    /// What sentinels call the server.
    pub(super) service: String,
    pub(super) database: i64,
    prefix: String,
    pub(super) wait: Wait,
    pub(super) ca: Option<PathBuf>,
    pub(super) identity: Option<(PathBuf, PathBuf)>,
}

impl Address {
    /// Whether a text is meant to be one.
    pub(in crate::store) fn is_meant(text: &str) -> bool {
        text.starts_with("redis")
            && text
                .split_once(':')
                .is_some_and(|(s, _)| scheme(s).is_some())
    }

    /// All of it, the password as well.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// Whether it holds a password itself.
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// The same with a password.
    #[must_use]
    pub fn with_password(&self, password: &Secret) -> Self {
        let Some((scheme, rest)) = self.expose().split_once("://") else {
            return self.clone();
        };
        let (user, rest) = match rest.split_once('@') {
            Some((user, rest)) => (user.trim_end_matches(':'), rest),
            None => ("", rest),
        };
        let encoded: String =
            url::form_urlencoded::byte_serialize(password.expose().as_bytes()).collect();
        let encoded = encoded.replace('+', "%20");
        let text = format!("{scheme}://{user}:{encoded}@{rest}");
        text.parse().unwrap_or_else(|_| self.clone())
    }

    /// The same server, other keys.
    #[must_use]
    pub fn with_prefix(&self, prefix: &str) -> Self {
        let text = self.expose();
        let (place, options) = text.split_once('?').unwrap_or((text, ""));
        let kept = options
            .split('&')
            .filter(|o| !o.is_empty() && !o.starts_with("prefix="));
        let options: Vec<&str> = kept.collect();
        let more = if options.is_empty() { "" } else { "&" };
        let text = format!("{place}?{}{more}prefix={prefix}", options.join("&"));
        text.parse().unwrap_or_else(|_| self.clone())
    }

    /// What every key begins with: a tag in braces keeps all of them in one slot of a cluster.
    pub fn prefix(&self) -> String {
        format!("{{{}}}:", self.prefix)
    }
}

/// Whom a scheme names, and whether what is said to them is enciphered.
fn scheme(text: &str) -> Option<(Named, bool)> {
    Some(match text {
        "redis" => (Named::Servers, false),
        "rediss" => (Named::Servers, true),
        "redis+sentinel" => (Named::Sentinels, false),
        "rediss+sentinel" => (Named::Sentinels, true),
        _ => return None,
    })
}

impl FromStr for Address {
    type Err = String;

    /// # Errors
    /// What would be right, without any part of the text.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("is no address of a Redis; {RIGHT}");
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(format!("holds a space or a control character; {RIGHT}"));
        }
        let (scheme_text, rest) = text.split_once("://").ok_or_else(wrong)?;
        let (named, tls) = scheme(scheme_text).ok_or_else(wrong)?;
        let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (place, path) = place.split_once('/').unwrap_or((place, ""));
        if place.matches('@').count() > 1 || path.contains(['@', ':']) || rest.contains('#') {
            return Err(encode("cannot be told apart"));
        }
        let (who, hosts) = place.split_once('@').unwrap_or(("", place));
        // Many hosts are no URL, so each is read by itself.
        let first = if named == Named::Sentinels {
            26379
        } else {
            6379
        };
        let nodes: Result<Vec<(String, u16)>, String> = hosts
            .split(',')
            .map(|host| read_host(host, first))
            .collect();
        let nodes = nodes?;
        if nodes.len() > MOST_NODES {
            return Err(format!("names more than {MOST_NODES} servers"));
        }
        let (user, password) = who.split_once(':').unwrap_or((who, ""));
        let (service, database) = read_path(named, path)?;
        let mut address = Self {
            text: Secret::new(text),
            named,
            tls,
            nodes,
            user: Some(decode(user)?).filter(|user| !user.is_empty()),
            password: Some(decode(password)?)
                .filter(|p| !p.is_empty())
                .map(Secret::new),
            service,
            database,
            prefix: PREFIX.to_owned(),
            wait: Wait::Nothing,
            ca: None,
            identity: None,
        };
        address.read_options(options)?;
        Ok(address)
    }
}

impl Address {
    fn read_options(&mut self, options: &str) -> Result<(), String> {
        let (mut cert, mut key) = (None, None);
        for (name, value) in url::form_urlencoded::parse(options.as_bytes()) {
            match &*name {
                "prefix" => {
                    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
                    if value.is_empty() || value.len() > 64 || !value.chars().all(plain) {
                        return Err(
                            "takes prefix: 1 to 64 letters, digits and any of -_.:".to_owned()
                        );
                    }
                    self.prefix = value.into_owned();
                }
                "durability" => {
                    self.wait = match &*value {
                        "server" => Wait::Nothing,
                        "local" => Wait::Local,
                        "replicated" => Wait::Replicated,
                        _ => return Err("takes durability: server, local or replicated".to_owned()),
                    };
                }
                "ca" => self.ca = Some(PathBuf::from(&*value)),
                "cert" => cert = Some(PathBuf::from(&*value)),
                "key" => key = Some(PathBuf::from(&*value)),
                _ => {
                    let known = OPTIONS.join(", ");
                    return Err(format!("has an option that is not known; there is {known}"));
                }
            }
        }
        self.identity = match (cert, key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            _ => return Err("takes cert and key together".to_owned()),
        };
        if !self.tls && (self.ca.is_some() || self.identity.is_some()) {
            return Err("takes ca, cert and key with rediss:// alone".to_owned());
        }
        Ok(())
    }
}

fn read_host(text: &str, default_port: u16) -> Result<(String, u16), String> {
    let unreadable = || encode("cannot be read (a host, or a port)");
    let url = Url::parse(&format!("http://{text}/")).map_err(|_| unreadable())?;
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or_else(unreadable)?;
    // The parser drops the port that it takes for the usual one of its own scheme.
    let port = if text.ends_with(":80") {
        80
    } else {
        url.port().unwrap_or(default_port)
    };
    Ok((host.trim_matches(['[', ']']).to_owned(), port))
}

/// What sentinels call the server, and the number of the database.
fn read_path(named: Named, path: &str) -> Result<(String, i64), String> {
    let (service, database) = match named {
        Named::Servers => ("", path),
        Named::Sentinels => path.split_once('/').unwrap_or((path, "")),
    };
    if named == Named::Sentinels && service.is_empty() {
        return Err(
            "names no service; redis+sentinel://host:26379/mymaster would be right".to_owned(),
        );
    }
    let number = if database.is_empty() {
        Some(0)
    } else {
        database.parse().ok()
    };
    let number = number.filter(|number| (0..=99_999).contains(number));
    let database =
        number.ok_or_else(|| format!("takes the number of a database as its path; {RIGHT}"))?;
    Ok((decode(service)?, database))
}

fn decode(text: &str) -> Result<String, String> {
    let query = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let decoded = pairs.next().map(|(_, value)| value.into_owned());
    decoded.ok_or_else(|| encode("cannot be read"))
}

fn encode(problem: &str) -> String {
    format!(
        "{problem}; {RIGHT}. In a password, and in names, write @ : / ? # % and spaces as %40 %3A \
         %2F %3F %23 %25 and %20"
    )
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Many hosts are no URL, which hides all of them.
        let text = self.expose();
        if self.nodes.len() == 1 {
            return f.write_str(&redacted_url(text));
        }
        match text.split_once('@') {
            Some((who, rest)) => {
                let scheme = who.split("://").next().unwrap_or_default();
                write!(f, "{scheme}://[redacted]@{rest}")
            }
            None => f.write_str(text),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Address {
        text.parse().unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    #[test]
    fn addresses_are_read() {
        let one = read("redis://h");
        assert_eq!(one.nodes, [("h".to_owned(), 6379)]);
        assert_eq!(
            (one.tls, one.database, one.named),
            (false, 0, Named::Servers)
        );
        assert_eq!(one.prefix(), "{windlass}:");
        let many = read("rediss://u:p%40x@a:1,b:80,[::1]:3/2?prefix=x&durability=local");
        let nodes = [("a", 1), ("b", 80), ("::1", 3)].map(|(host, port)| (host.to_owned(), port));
        assert_eq!(many.nodes, nodes);
        assert_eq!(many.password, Some(Secret::new("p@x")));
        assert_eq!((many.user.as_deref(), many.database), (Some("u"), 2));
        assert_eq!((many.tls, many.wait), (true, Wait::Local));
        let sentinel = read("redis+sentinel://a,b:7/main/1");
        assert_eq!(sentinel.nodes[0].1, 26379);
        assert_eq!((&*sentinel.service, sentinel.database), ("main", 1));
        let other = many.with_prefix("y");
        assert_eq!(
            (other.prefix(), other.wait),
            ("{y}:".to_owned(), Wait::Local)
        );
        let with = read("redis://h:7/1?prefix=q").with_password(&Secret::new("a b@/+"));
        assert_eq!(with.password, Some(Secret::new("a b@/+")));
        assert_eq!((with.nodes[0].1, with.database), (7, 1));
    }

    #[test]
    fn what_will_not_do_is_refused_without_being_told() {
        for (text, reason) in [
            ("redis:hunter2", "no address"),
            ("redis://u:hunter2@h x", "a space"),
            ("redis://u:hunter2@x@h", "%40"),
            ("redis://u:hunter2/x@h", "%2F"),
            ("redis://u:hunter2@h:port", "a port"),
            ("redis://h/hunter2", "number of a database"),
            ("redis://h?pool=hunter2", "there is prefix"),
            (
                "redis://h?durability=hunter2",
                "server, local or replicated",
            ),
            ("redis://h?prefix={hunter2}", "letters"),
            ("redis://h?ca=hunter2", "rediss:// alone"),
            ("rediss://h?cert=hunter2", "together"),
            ("redis+sentinel://h", "names no service"),
        ] {
            let refused = text.parse::<Address>().unwrap_err();
            assert!(refused.contains(reason), "{text}: {refused}");
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }

    #[test]
    fn passwords_are_not_printed() {
        for (text, shown) in [
            ("redis://:hush@h:1/0", "redis://:[redacted]@h:1/0"),
            ("redis://u:hush@a,b/0", "redis://[redacted]@a,b/0"),
            ("redis://a,b:7/0", "redis://a,b:7/0"),
        ] {
            assert_eq!(read(text).to_string(), shown);
            assert_eq!(format!("{:?}", read(text)), shown);
        }
    }
}
