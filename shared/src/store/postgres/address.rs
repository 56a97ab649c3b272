//! The address of a server and a database on it: what may stand in it, and what the driver makes
//! of it.

use sqlx::{
    ConnectOptions,
    postgres::{PgConnectOptions, PgSslMode},
};
use std::{fmt, net::IpAddr, ops::RangeInclusive, str::FromStr};
use url::Url;

use crate::{secret::Secret, store::redacted_url};

/// How addresses begin.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

const RIGHT: &str = "\"postgres://user@db.example:5432/windlass\" would be right";

/// Options that the driver knows; any other would be dropped by it.
const KNOWN: [&str; 17] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

/// Whom the driver takes when neither the address nor PGUSER names anybody.
const NOBODY: &str = "anonymous";

/// Options that are ours: how many connections this process opens at most; what kind of pooler the
/// address leads to; where the server itself is, for whoever listens; where one is that follows it,
/// for whoever lists.
const POOL_MAX: &str = "pool_max";
const POOLER: &str = "pooler";
const LISTEN: &str = "listen";
const REPLICA: &str = "replica";
const OURS: [&str; 4] = [POOL_MAX, POOLER, LISTEN, REPLICA];

/// The one kind of pooler that needs to be told.
const TRANSACTION: &str = "transaction";

/// The address of a database on a PostgreSQL server: `postgres://user@host:5432/database`. It may
/// hold a password, so nothing that prints it prints all of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    text: Secret,
    pool_max: u32,
    pooled: bool,
    listen: Option<Server>,
    replica: Option<Server>,
}

/// Where a server is, beside who goes there and how.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Server {
    host: String,
    port: u16,
    database: Option<String>,
}

impl Address {
    /// How many connections a process opens at most, unless the address says otherwise.
    pub const POOL: u32 = 10;
    /// What it may say: one is always the listener's.
    pub const POOL_LIMITS: RangeInclusive<u32> = 2..=200;

    /// Whether a text is meant to be one.
    pub(in crate::store) fn is_meant(text: &str) -> bool {
        ["postgres:", "postgresql:"]
            .iter()
            .any(|scheme| text.starts_with(scheme))
    }

    /// All of it, the password as well.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// How many connections this process opens at most.
    pub fn pool_max(&self) -> u32 {
        self.pool_max
    }

    /// Whether it leads to a pooler that gives every transaction another connection to the server:
    /// PgBouncer with `pool_mode = transaction` and its like.
    pub fn is_pooled(&self) -> bool {
        self.pooled
    }

    /// Whether it holds a password itself.
    pub fn has_password(&self) -> bool {
        Url::parse(self.expose()).is_ok_and(|url| {
            url.password().is_some() || url.query_pairs().any(|(key, _)| key == "password")
        })
    }

    /// The same with a password.
    #[must_use]
    pub fn with_password(&self, password: &Secret) -> Self {
        self.changed(|url| {
            // One without a host has no place for it.
            if url.set_password(Some(password.expose())).is_err() {
                url.query_pairs_mut()
                    .append_pair("password", password.expose());
            }
        })
    }

    /// The same server, another database.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        self.changed(|url| {
            keep_options(url, |key| key != "dbname");
            url.set_path(name);
        })
    }

    fn changed(&self, change: impl FnOnce(&mut Url)) -> Self {
        let text = match Url::parse(self.expose()) {
            Ok(mut url) => {
                change(&mut url);
                Secret::new(url)
            }
            // It was read before, so it can be read.
            Err(_) => self.text.clone(),
        };
        Self {
            text,
            ..self.clone()
        }
    }

    /// Where one can listen, by the same user: at the server that the address names for that, or
    /// at this one unless it is a pooler, which forgets who listens.
    ///
    /// # Errors
    /// What is wrong, without any part of it.
    pub(super) fn listen_options(&self) -> Result<Option<PgConnectOptions>, String> {
        let options = self.options()?;
        Ok(match &self.listen {
            None if self.pooled => None,
            None => Some(options),
            Some(server) => Some(server.instead(options)),
        })
    }

    /// Where one can list, by the same user, if the address names a server for that.
    ///
    /// # Errors
    /// What is wrong, without any part of it.
    pub(super) fn replica_options(&self) -> Result<Option<PgConnectOptions>, String> {
        let options = self.options()?;
        Ok(self.replica.as_ref().map(|server| server.instead(options)))
    }

    /// What the driver makes of it.
    ///
    /// # Errors
    /// What is wrong, without any part of it.
    pub(super) fn options(&self) -> Result<PgConnectOptions, String> {
        let mut url = Url::parse(self.expose()).map_err(unreadable)?;
        keep_options(&mut url, |key| !OURS.contains(&key));
        let options = PgConnectOptions::from_str(url.as_str())
            .map_err(|_| format!("cannot be read by the driver; {RIGHT}"))?;
        if options.get_username() == NOBODY {
            return Err(format!("names no user, and PGUSER is not set; {RIGHT}"));
        }
        let named = options.get_application_name().is_some();
        let options = if named {
            options
        } else {
            options.application_name("windlass")
        };
        // Poolers refuse what they do not know, and no statement writes real numbers as text. A
        // driver that asks whether a line would be logged, and is told no, has the next line of ours
        // dropped (https://github.com/tokio-rs/tracing/issues/2519), so it logs nothing.
        Ok(options.extra_float_digits(None).disable_statement_logging())
    }

    /// Where the server listens, for people.
    pub(super) fn server(&self) -> String {
        let Ok(options) = self.options() else {
            return "the server".to_owned();
        };
        let port = options.get_port();
        match options.get_socket() {
            Some(socket) => format!("{} (port {port})", socket.display()),
            None if options.get_host().starts_with('/') => {
                format!("{} (port {port})", options.get_host())
            }
            None => format!("{}:{port}", options.get_host()),
        }
    }
}

/// Drops the options whose names are not to be kept.
fn keep_options(url: &mut Url, keep: impl Fn(&str) -> bool) {
    if url.query().is_none() {
        return;
    }
    let pairs: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(key, _)| keep(key))
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    if pairs.is_empty() {
        url.set_query(None);
    } else {
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
}

impl FromStr for Address {
    type Err = String;

    /// # Errors
    /// What would be right, without any part of the text.
    fn from_str(text: &str) -> Result<Self, String> {
        if !SCHEMES.iter().any(|scheme| text.starts_with(scheme)) {
            return Err(format!("is no address of a server; {RIGHT}"));
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(format!("holds a space or a control character; {RIGHT}"));
        }
        let url = Url::parse(text).map_err(unreadable)?;
        let path = url.path().trim_start_matches('/');
        // A password that is not encoded shows as a path or as a fragment.
        if url.fragment().is_some() || path.contains(['/', '@', ':']) {
            return Err(encode("cannot be told apart"));
        }
        let (mut pool_max, mut pooled) = (Self::POOL, false);
        let (mut listen, mut replica) = (None, None);
        for (key, value) in url.query_pairs() {
            match &*key {
                POOL_MAX => {
                    let number = value.parse().ok();
                    let within = number.filter(|number| Self::POOL_LIMITS.contains(number));
                    let (least, most) = (Self::POOL_LIMITS.start(), Self::POOL_LIMITS.end());
                    pool_max =
                        within.ok_or_else(|| format!("takes {POOL_MAX} from {least} to {most}"))?;
                }
                POOLER if value == TRANSACTION => pooled = true,
                POOLER => return Err(format!("takes {POOLER}: {TRANSACTION}, or none")),
                LISTEN => {
                    let why = "the server itself, such as db.example:5432";
                    listen = Some(Server::read(LISTEN, &value, why)?);
                }
                REPLICA => {
                    let why = "a server that follows, such as replica.example:5432";
                    replica = Some(Server::read(REPLICA, &value, why)?);
                }
                key => check(key, &value)?,
            }
        }
        let address = Self {
            text: Secret::new(text),
            pool_max,
            pooled,
            listen,
            replica,
        };
        address.options()?;
        Ok(address)
    }
}

impl Server {
    /// Reads `host:port/database`, the value of an option; the port and the database may be missing.
    ///
    /// # Errors
    /// What would be right.
    fn read(option: &str, text: &str, right: &str) -> Result<Self, String> {
        let read = || {
            let url = Url::parse(&format!("postgres://{text}")).ok()?;
            let bare = url.username().is_empty() && url.password().is_none();
            let path = url.path().trim_start_matches('/');
            let plain = bare && url.query().is_none() && !path.contains(['/', '%']);
            let host = url.host_str().filter(|host| plain && !host.is_empty())?;
            Some(Self {
                host: host.to_owned(),
                port: url.port().unwrap_or(5432),
                database: Some(path.to_owned()).filter(|path| !path.is_empty()),
            })
        };
        read().ok_or_else(|| format!("takes {option}: {right}, perhaps with /database behind it"))
    }

    /// The way there, for who would go elsewhere.
    fn instead(&self, options: PgConnectOptions) -> PgConnectOptions {
        let options = options.host(&self.host).port(self.port);
        match &self.database {
            Some(name) => options.database(name),
            None => options,
        }
    }
}

/// Whether the driver takes an option as it is.
fn check(key: &str, value: &str) -> Result<(), String> {
    let right = match key {
        "sslmode" | "ssl-mode" if value.parse::<PgSslMode>().is_err() => {
            "one of disable, allow, prefer, require, verify-ca, verify-full"
        }
        "port" if !value.parse().is_ok_and(|port: u16| port > 0) => "a port",
        "hostaddr" if value.parse::<IpAddr>().is_err() => "an address, such as 10.0.0.5",
        _ if KNOWN.contains(&key) || (key.starts_with("options[") && key.ends_with(']')) => {
            return Ok(());
        }
        _ => {
            let (ours, known) = (OURS.join(", "), KNOWN.join(", "));
            return Err(format!(
                "has an option that is not known; there is {ours}, {known}"
            ));
        }
    };
    Err(format!("takes {key}: {right}"))
}

fn unreadable(error: url::ParseError) -> String {
    encode(&format!("cannot be read ({error})"))
}

fn encode(problem: &str) -> String {
    format!(
        "{problem}; {RIGHT}. In a password, and in names, write @ : / ? # % and spaces as %40 %3A \
         %2F %3F %23 %25 and %20"
    )
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted_url(self.expose()))
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
    fn what_the_driver_understands_is_read() {
        for (text, host, port, user, database) in [
            ("postgres://u:p@h:6000/d", "h", 6000, "u", "d"),
            ("postgresql://u@h/d?sslmode=require", "h", 5432, "u", "d"),
            ("postgres://u@[::1]:1/d", "[::1]", 1, "u", "d"),
            ("postgres://h:1?user=u&dbname=d", "h", 1, "u", "d"),
            ("postgres:///d?host=h&port=7&user=u", "h", 7, "u", "d"),
            ("postgres://u%40x:a%2Fb%23@h:1/d%2Fe", "h", 1, "u@x", "d/e"),
            ("postgres://u@h:1/d?options[geqo]=off", "h", 1, "u", "d"),
        ] {
            let options = read(text).options().unwrap();
            assert_eq!(options.get_host(), host, "{text}");
            assert_eq!(options.get_port(), port, "{text}");
            assert_eq!(options.get_username(), user, "{text}");
            assert_eq!(options.get_database(), Some(database), "{text}");
        }
        let socket = read("postgres://u@h/d?host=/run/postgresql&port=7");
        assert_eq!(socket.server(), "/run/postgresql (port 7)");
        assert_eq!(read("postgres://u@h/d").server(), "h:5432");
    }

    #[test]
    fn what_would_be_dropped_or_misread_is_refused_without_being_told() {
        for (text, reason) in [
            ("postgres:hunter2", "no address of a server"),
            ("postgres://h/hunter2", "names no user"),
            ("postgres://u:hunter2@h/d x", "a space"),
            ("postgres://u:hunter2/x@h/d", "%2F"),
            ("postgres://u:5/hunter2@h/d", "%2F"),
            ("postgres://u:5#hunter2@h/d", "%23"),
            ("postgres://u:hunter2@h:port/d", "invalid port"),
            ("postgres://u:hunter2@h/d?pool=3", "there is pool_max"),
            ("postgres://u:hunter2@h/d?pool_max=1", "2 to 200"),
            ("postgres://u:hunter2@h/d?pool_max=x", "2 to 200"),
            ("postgres://u:hunter2@h/d?sslmode=on", "verify-full"),
            ("postgres://u:hunter2@h/d?pooler=hunter2", "transaction"),
            ("postgres://u@h/d?listen=u:hunter2@h", "the server itself"),
            ("postgres://u@h/d?listen=/hunter2", "the server itself"),
            ("postgres://u@h/d?listen=h:hunter2", "the server itself"),
            ("postgres://u@h/d?replica=u:hunter2@h", "replica.example"),
            ("postgres://u:hunter2@h/d?port=x", "a port"),
            ("postgres://u:hunter2@h/d?options[x=1", "not known"),
        ] {
            let refused = text.parse::<Address>().unwrap_err();
            assert!(refused.contains(reason), "{text}: {refused}");
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }

    #[test]
    fn our_option_is_ours_alone() {
        assert_eq!(read("postgres://u@h/d").pool_max(), Address::POOL);
        let address = read("postgres://u@h/d?pool_max=25&sslmode=disable");
        assert_eq!(address.pool_max(), 25);
        address.options().unwrap();
    }

    #[test]
    fn one_lists_at_the_replica_if_there_is_one() {
        let lists = |text: &str| {
            let options = read(text).replica_options().unwrap()?;
            let (host, port) = (options.get_host().to_owned(), options.get_port());
            Some((host, port, options.get_database()?.to_owned()))
        };
        assert_eq!(lists("postgres://u@h/d?listen=s"), None);
        for (text, host, port, database) in [
            ("postgres://u@h:1/d?replica=r", "r", 5432, "d"),
            ("postgres://u@h/d?pool_max=3&replica=r:2/e", "r", 2, "e"),
        ] {
            let place = (host.to_owned(), port, database.to_owned());
            assert_eq!(lists(text), Some(place), "{text}");
        }
    }

    #[test]
    fn one_listens_where_nobody_comes_between() {
        let listens = |text: &str| {
            let options = read(text).listen_options().unwrap()?;
            let database = options.get_database().unwrap_or_default();
            Some(format!(
                "{}:{}/{database}",
                options.get_host(),
                options.get_port()
            ))
        };
        for (text, place) in [
            ("postgres://u@h/d", Some("h:5432/d")),
            ("postgres://u@h:1/d?pooler=transaction", None),
            (
                "postgres://u@h:1/d?pooler=transaction&listen=s",
                Some("s:5432/d"),
            ),
            (
                "postgres://u@h:1/d?listen=s:2/e&pooler=transaction",
                Some("s:2/e"),
            ),
            ("postgres://u@h:1/d?listen=[::1]:2", Some("[::1]:2/d")),
        ] {
            assert_eq!(listens(text).as_deref(), place, "{text}");
            assert_eq!(read(text).is_pooled(), text.contains("pooler"), "{text}");
        }
        let address = read("postgres://u@h:1/d?pooler=transaction&listen=s");
        let address = address.with_password(&Secret::new("w")).with_database("e");
        assert!(address.is_pooled());
        let options = address.listen_options().unwrap().unwrap();
        assert_eq!(options.get_host(), "s");
        assert_eq!(options.get_database(), Some("e"));
    }

    #[test]
    fn a_password_is_put_in_and_never_printed() {
        let password = Secret::new("p@s/s:#%");
        for (text, shown) in [
            ("postgres://u@h/d", "postgres://u:[redacted]@h/d"),
            (
                "postgres:///d?host=/run&user=u",
                "postgres:///d?host=%2Frun&user=u&password=[redacted]",
            ),
        ] {
            let address = read(text);
            assert!(!address.has_password());
            let address = address.with_password(&password);
            assert!(address.has_password());
            assert_eq!(read(address.expose()), address);
            assert_eq!(address.to_string(), shown);
            assert_eq!(format!("{address:?}"), shown);
            let other = address.with_database("e");
            assert!(other.has_password());
            assert_eq!(other.options().unwrap().get_database(), Some("e"));
        }
        let url = read("postgres://u@h/d").with_password(&password);
        let url = url.options().unwrap();
        let url = ConnectOptions::to_url_lossy(&url);
        assert_eq!(url.password(), Some("p%40s%2Fs%3A%23%25"));
    }
}
