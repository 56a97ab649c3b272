//! What values of the configuration are read as.

use ipnet::IpNet;
use serde_json_path::JsonPath;
use std::{
    net::IpAddr, net::SocketAddr, ops::RangeInclusive, path::PathBuf, str::FromStr, time::Duration,
};

use super::Node;
use crate::{
    config::{
        fault::excerpt,
        human::{Bytes, format_duration, parse_duration},
    },
    job::{Invalid, Kind, Priority, QueueName, name::Label},
};

/// Longest text of any value that is not free: a megabyte is no name.
const MAX_TEXT: usize = 4096;

/// Something that stands in the configuration.
pub(in crate::config) trait FromNode: Sized {
    /// # Errors
    /// What is wrong, to be read after the key: `is 5, not a text`.
    fn from_node(node: &Node) -> Result<Self, String>;
}

/// Something that is written as a text.
pub(in crate::config) trait FromText: Sized {
    /// What is wanted where something else than a text stands.
    const WANTED: &str = "a text; put it between quotes";

    /// # Errors
    /// What is wrong, to be read after the key: `"a b" holds ' '`.
    fn from_text(text: &str) -> Result<Self, String>;
}

impl<T: FromText> FromNode for T {
    fn from_node(node: &Node) -> Result<Self, String> {
        let text = node.text().map_err(|()| node.is_not(T::WANTED))?;
        if text.len() > MAX_TEXT {
            return Err(format!(
                "is {} bytes long, more than {MAX_TEXT}",
                text.len()
            ));
        }
        T::from_text(&text).map_err(|problem| {
            // Messages repeat the text, which may be long.
            problem.replace(&format!("{text:?}"), &format!("{:?}", excerpt(&text)))
        })
    }
}

impl FromText for String {
    fn from_text(text: &str) -> Result<Self, String> {
        if text
            .chars()
            .any(|c| c.is_control() && c != '\n' && c != '\t')
        {
            return Err("holds a control character".to_owned());
        }
        Ok(text.to_owned())
    }
}

impl FromText for PathBuf {
    fn from_text(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.contains('\0') {
            return Err(format!("{text:?} is no path"));
        }
        Ok(Self::from(text))
    }
}

impl FromText for Duration {
    const WANTED: &str = "a length of time, such as \"250ms\", \"30s\" or \"1h30m\"";

    fn from_text(text: &str) -> Result<Self, String> {
        parse_duration(text)
    }
}

impl FromText for Bytes {
    const WANTED: &str = "a size, such as \"64KiB\" or \"1MiB\"";

    fn from_text(text: &str) -> Result<Self, String> {
        Self::from_str(text)
    }
}

impl FromText for SocketAddr {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| format!("{text:?} is no address with a port, such as \"127.0.0.1:7400\""))
    }
}

impl FromText for IpNet {
    /// A network, or one address, which is a network of its own.
    fn from_text(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::from(address));
        }
        let network: Self = text
            .parse()
            .map_err(|_| format!("{text:?} is no network, such as \"10.1.0.0/16\""))?;
        if network.trunc() == network {
            Ok(network)
        } else {
            Err(format!(
                "{text:?} lies inside a network; did you mean \"{}\"?",
                network.trunc()
            ))
        }
    }
}

impl FromText for JsonPath {
    fn from_text(text: &str) -> Result<Self, String> {
        // The parser calls itself for every bracket, and does its work twice over for every filter
        // within a filter.
        const LONGEST: usize = 500;
        const MOST: [(&[char], usize); 2] = [(&['?'], 8), (&['(', '!', '['], 64)];
        let many = |(letters, most): &(&[char], usize)| text.matches(*letters).count() > *most;
        if text.len() > LONGEST || MOST.iter().any(many) {
            return Err("is too long or nested too deeply for a JSONPath".to_owned());
        }
        Self::parse(text).map_err(|error| {
            format!("{text:?} is no JSONPath (RFC 9535), such as \"$.totals.orders\": {error}")
        })
    }
}

macro_rules! checked_texts {
    ($($name:ident),*) => {$(
        impl FromText for $name {
            fn from_text(text: &str) -> Result<Self, String> {
                $name::new(text).map_err(|invalid: Invalid| invalid.why)
            }
        }
    )*};
}

checked_texts!(Kind, QueueName, Label);

/// A value that has a least and a most.
pub(in crate::config) trait Limited: FromNode + PartialOrd {
    /// As people write it.
    fn human(&self) -> String;

    /// # Errors
    /// As of [`FromNode`], and when it is not within `limits`.
    fn from_node_within(node: &Node, limits: &RangeInclusive<Self>) -> Result<Self, String> {
        let value = Self::from_node(node)?;
        if limits.contains(&value) {
            return Ok(value);
        }
        Err(outside(&value.human(), limits))
    }
}

fn outside<T: Limited>(value: &str, limits: &RangeInclusive<T>) -> String {
    let (least, most) = (limits.start().human(), limits.end().human());
    format!("is {value}; {least} to {most} is allowed")
}

impl Limited for Duration {
    fn human(&self) -> String {
        format_duration(*self)
    }
}

impl Limited for Bytes {
    fn human(&self) -> String {
        self.to_string()
    }
}

macro_rules! numbers {
    ($($name:ident),*) => {$(
        impl FromNode for $name {
            fn from_node(node: &Node) -> Result<Self, String> {
                Self::from_node_within(node, &($name::MIN..=$name::MAX))
            }
        }

        impl Limited for $name {
            fn human(&self) -> String {
                self.to_string()
            }

            fn from_node_within(node: &Node, limits: &RangeInclusive<Self>) -> Result<Self, String> {
                let number = node.whole()?;
                let value = $name::try_from(number).ok();
                let within = value.filter(|value| limits.contains(value));
                within.ok_or_else(|| outside(&number.to_string(), limits))
            }
        }
    )*};
}

numbers!(u32, u64);

impl FromNode for f64 {
    fn from_node(node: &Node) -> Result<Self, String> {
        node.real()
    }
}

impl Limited for f64 {
    fn human(&self) -> String {
        self.to_string()
    }
}

impl FromNode for Priority {
    fn from_node(node: &Node) -> Result<Self, String> {
        let number = node.whole()?;
        u64::try_from(number)
            .ok()
            .and_then(|number| Self::new(number).ok())
            .ok_or_else(|| format!("is {number}; 0 (sooner) to 9 (later) is allowed"))
    }
}

impl FromNode for serde_json::Value {
    fn from_node(node: &Node) -> Result<Self, String> {
        node.json()
    }
}
