//! Which addresses may be called: the guard against requests into private networks.
//!
//! Whoever may submit a job may choose a URL, and must not thereby reach what only this machine
//! can reach: itself, its neighbours, the metadata service of its cloud. Two gates see to that.
//! [`Guard::check`] judges a URL before anything is sent, addresses written into it included.
//! [`Guard::filter`] judges what a name resolves to, and the connection is made to those very
//! addresses: a name that resolves otherwise a moment later gains nothing.

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};
use url::{Host, Url};

/// Networks that are nobody's public address, by IANA's special-purpose registries. Those of IPv6
/// that carry an IPv4 address inside (mapped, compatible, NAT64, 6to4, Teredo) are among them: each
/// would be a way around the list of IPv4.
const SPECIAL_V4: [(Ipv4Addr, u8); 15] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

const SPECIAL_V6: [(Ipv6Addr, u8); 15] = [
    // Unspecified, loopback, and the abandoned IPv4-compatible form.
    (Ipv6Addr::UNSPECIFIED, 96),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
    (Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
];

/// Why a call is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// The URL is none that can be called.
    #[error("the URL {0}")]
    Url(String),
    /// The address is not public, and no setting allows it.
    #[error("{target} is not a public address; the setting outbound.allow can allow its network")]
    Address {
        /// The address, and the name that led to it.
        target: String,
    },
}

/// Judges addresses: public ones may be called, others when an allowed network holds them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guard {
    allow: Arc<[IpNet]>,
}

impl Guard {
    /// A guard that lets these networks through beside the public ones.
    pub(crate) fn new(allow: impl IntoIterator<Item = IpNet>) -> Self {
        Self {
            allow: allow.into_iter().collect(),
        }
    }

    /// Whether an address may be called.
    pub(crate) fn permits(&self, address: IpAddr) -> bool {
        // An IPv4 address in IPv6 clothes is judged as what the connection would reach.
        let address = address.to_canonical();
        self.allow.iter().any(|net| net.contains(&address)) || !is_special(address)
    }

    /// The first gate: whether a URL may be called as far as it tells.
    ///
    /// # Errors
    /// [`Refused`] when it is not http or https, has no host, carries a user name or a password,
    /// or names an address that may not be called.
    pub(crate) fn check(&self, url: &Url) -> Result<(), Refused> {
        let scheme = url.scheme();
        if !matches!(scheme, "http" | "https") {
            let why = format!("has the scheme {scheme:?}; http and https are possible");
            return Err(Refused::Url(why));
        }
        if !url.username().is_empty() || url.password().is_some() {
            let why = "carries a user name or a password; send an authorization header instead";
            return Err(Refused::Url(why.to_owned()));
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(name)) if !name.is_empty() => return Ok(()),
            Some(Host::Domain(_)) | None => return Err(Refused::Url("has no host".to_owned())),
        };
        if self.permits(address) {
            return Ok(());
        }
        let target = address.to_string();
        Err(Refused::Address { target })
    }

    /// The second gate: those of the addresses of `name` that may be called.
    ///
    /// # Errors
    /// [`Refused`] when none of them may be.
    fn filter(&self, name: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
        let example = found.first().map(SocketAddr::ip);
        let allowed: Vec<SocketAddr> = found
            .into_iter()
            .filter(|address| self.permits(address.ip()))
            .collect();
        match example {
            Some(address) if allowed.is_empty() => Err(Refused::Address {
                target: format!("{address}, which is what {name:?} resolves to,"),
            }),
            _ => Ok(allowed),
        }
    }
}

fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => SPECIAL_V4.iter().any(|(net, bits)| {
            let apart = address.to_bits() ^ net.to_bits();
            apart.leading_zeros() >= u32::from(*bits)
        }),
        IpAddr::V6(address) => SPECIAL_V6.iter().any(|(net, bits)| {
            let apart = address.to_bits() ^ net.to_bits();
            apart.leading_zeros() >= u32::from(*bits)
        }),
    }
}

/// The machine's resolver behind the second gate.
#[derive(Clone)]
pub(crate) struct Resolver(pub(crate) Guard);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.0.clone();
        Box::pin(async move {
            // The port is that of the URL: the client puts it in.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed = guard.filter(name.as_str(), found)?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Resolver").field(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(guard: &Guard, text: &str) -> bool {
        guard.check(&Url::parse(text).unwrap()).is_err()
    }

    #[test]
    fn private_addresses_are_refused_however_they_are_written() {
        let guard = Guard::default();
        for text in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.0.0.1/",
            "http://0177.0.0.1/",
            "http://0.0.0.0/",
            "http://10.0.0.1/",
            "http://100.64.0.1/",
            "http://169.254.169.254/latest/meta-data/",
            "http://172.31.255.255/",
            "http://192.168.1.1/",
            "http://198.19.0.1/",
            "http://224.0.0.1/",
            "http://255.255.255.255/",
            "http://[::]/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[::127.0.0.1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[2002:7f00:1::]/",
            "http://[2001::7f00:1]/",
            "http://[fe80::1]/",
            "http://[fd00:ec2::254]/",
            "http://[ff02::1]/",
        ] {
            assert!(refused(&guard, text), "{text}");
        }
    }

    #[test]
    fn public_addresses_and_names_pass_the_first_gate() {
        let guard = Guard::default();
        for text in [
            "https://push.databox.com/",
            "http://8.8.8.8/",
            "http://100.63.255.255/",
            "http://100.128.0.1/",
            "http://172.32.0.1/",
            "https://[2606:4700:4700::1111]:8443/",
        ] {
            assert!(!refused(&guard, text), "{text}");
        }
    }

    #[test]
    fn urls_that_cannot_be_called_say_why() {
        let guard = Guard::default();
        for (text, why) in [
            ("ftp://example.com/", "scheme"),
            ("file:///etc/passwd", "scheme"),
            ("data:text/plain,x", "scheme"),
            ("https://user@example.com/", "user name"),
            ("https://:secret@example.com/", "password"),
        ] {
            let refused = guard.check(&Url::parse(text).unwrap()).unwrap_err();
            assert!(refused.to_string().contains(why), "{text}: {refused}");
            assert!(!refused.to_string().contains("secret"));
        }
    }

    #[test]
    fn a_network_that_is_allowed_is_called_and_its_neighbours_are_not() {
        let guard = Guard::new(["127.0.0.0/8".parse().unwrap(), "fd00::/64".parse().unwrap()]);
        assert!(!refused(&guard, "http://127.0.0.1:8080/"));
        assert!(!refused(&guard, "http://[::ffff:127.0.0.1]/"));
        assert!(!refused(&guard, "http://[fd00::1]/"));
        assert!(refused(&guard, "http://[fd00:0:0:1::1]/"));
        assert!(refused(&guard, "http://10.0.0.1/"));
    }

    #[test]
    fn of_what_a_name_resolves_to_only_the_allowed_addresses_remain() {
        let guard = Guard::default();
        let found = ["10.0.0.1:0", "93.184.216.34:0", "[::1]:0"].map(|a| a.parse().unwrap());
        let allowed = guard.filter("example.com", found.to_vec()).unwrap();
        assert_eq!(allowed, [found[1]]);
        let refused = guard
            .filter("example.com", vec![found[0], found[2]])
            .unwrap_err();
        assert!(refused.to_string().contains("example.com"), "{refused}");
        assert!(refused.to_string().contains("outbound.allow"), "{refused}");
    }
}
