//! `[outbound]`: calls to other machines.

use ipnet::IpNet;
use serde::{Serialize, Serializer};
use std::{net::IpAddr, time::Duration};

use super::{
    human::{self, Bytes},
    read::Reader,
};

/// Calls to other machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outbound {
    /// Networks that may be called although they are private or special.
    #[serde(serialize_with = "as_texts")]
    pub allow: Vec<IpNet>,
    /// How long a connection may take to open; at most [`Self::timeout`].
    #[serde(with = "human::duration")]
    pub connect_timeout: Duration,
    /// How long a whole call may take.
    #[serde(with = "human::duration")]
    pub timeout: Duration,
    /// The most of an answer that is read.
    pub max_response: Bytes,
}

impl Default for Outbound {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            max_response: Bytes(4 * 1024 * 1024),
        }
    }
}

impl Outbound {
    /// Whether one of the allowed networks holds `address`.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allow.iter().any(|network| network.contains(&address))
    }

    pub(super) fn read(from: &Reader<'_>) -> Self {
        const CALL: std::ops::RangeInclusive<Duration> =
            Duration::from_millis(10)..=Duration::from_hours(1);
        let default = Self::default();
        Self {
            allow: from.list("allow").unwrap_or(default.allow),
            connect_timeout: from.limited_or("connect_timeout", default.connect_timeout, CALL),
            timeout: from.limited_or("timeout", default.timeout, CALL),
            max_response: from.limited_or(
                "max_response",
                default.max_response,
                Bytes(1024)..=Bytes(1 << 30),
            ),
        }
    }
}

fn as_texts<S: Serializer>(networks: &[IpNet], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(networks.iter().map(ToString::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_their_other_form_are_judged_alike() {
        let outbound = Outbound {
            allow: vec!["127.0.0.0/8".parse().unwrap()],
            ..Outbound::default()
        };
        assert!(outbound.allows("127.0.0.1".parse().unwrap()));
        assert!(outbound.allows("::ffff:127.0.0.1".parse().unwrap()));
        assert!(!outbound.allows("::1".parse().unwrap()));
        assert!(!outbound.allows("10.0.0.1".parse().unwrap()));
    }
}
