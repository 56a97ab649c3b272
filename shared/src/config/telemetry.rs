//! `[telemetry]`: where traces go, and which ones.

use serde::Serialize;
use std::{collections::BTreeMap, fmt, net::SocketAddr, str::FromStr, time::Duration};

use super::{
    headers::Headers,
    http_url::HttpUrl,
    human,
    read::{FromText, Reader, meant_or_known},
};

/// Where traces go, and which ones.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Telemetry {
    /// Whether anything is exported at all.
    pub exporter: Exporter,
    /// The collector; `None`: nothing is exported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<HttpUrl>,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// How long one export may take.
    #[serde(with = "human::duration")]
    pub timeout: Duration,
    /// Headers, or metadata, of each export.
    pub headers: Headers,
    /// What this process is called; empty: after its role.
    pub service_name: String,
    /// What else is said about this process with every span.
    pub attributes: BTreeMap<String, String>,
    /// Which traces are recorded.
    pub sampler: Sampler,
    /// Where metrics are told, beside the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_listen: Option<SocketAddr>,
    /// The address of Jaeger's pages, for links to traces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jaeger_url: Option<HttpUrl>,
}

/// What exports traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Exporter {
    /// OTLP, where there is a collector.
    #[default]
    Otlp,
    /// Nothing.
    None,
}

impl Exporter {
    /// The words, as they are written.
    pub const WORDS: [(&str, Self); 2] = [("otlp", Self::Otlp), ("none", Self::None)];
}

/// How a collector is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum Protocol {
    /// OTLP over gRPC.
    #[default]
    #[serde(rename = "grpc")]
    Grpc,
    /// OTLP over HTTP, as protobuf.
    #[serde(rename = "http/protobuf")]
    HttpProtobuf,
}

impl Protocol {
    /// The words, as they are written.
    pub const WORDS: [(&str, Self); 2] =
        [("grpc", Self::Grpc), ("http/protobuf", Self::HttpProtobuf)];
}

/// Which traces are recorded.
#[derive(Clone, Copy, PartialEq)]
pub struct Sampler {
    /// Whether what a caller decided holds for what follows from the call.
    pub parent_based: bool,
    /// What is decided where a trace begins.
    pub root: Root,
}

/// What is decided where a trace begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Root {
    /// Every trace.
    All,
    /// None.
    None,
    /// This part of them, 0 to 1, chosen by their ids.
    Ratio(f64),
    /// So many a second, in each process.
    PerSecond(u32),
}

impl Default for Sampler {
    fn default() -> Self {
        Self {
            parent_based: true,
            root: Root::PerSecond(100),
        }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            exporter: Exporter::default(),
            endpoint: None,
            protocol: Protocol::default(),
            timeout: Duration::from_secs(10),
            headers: Headers::default(),
            service_name: String::new(),
            attributes: BTreeMap::new(),
            sampler: Sampler::default(),
            metrics_listen: None,
            jaeger_url: None,
        }
    }
}

impl Telemetry {
    pub(super) fn read(from: &Reader<'_>) -> Self {
        let default = Self::default();
        let url = |key| {
            from.optional::<OrNothing<HttpUrl>>(key)
                .and_then(|url| url.0)
        };
        Self {
            exporter: from
                .choice("exporter", &Exporter::WORDS)
                .unwrap_or_default(),
            endpoint: url("endpoint"),
            protocol: from
                .choice("protocol", &Protocol::WORDS)
                .unwrap_or_default(),
            timeout: from.limited_or(
                "timeout",
                default.timeout,
                Duration::from_millis(10)..=Duration::from_mins(5),
            ),
            headers: Headers::read(from),
            service_name: from.or("service_name", default.service_name),
            attributes: from.values("attributes"),
            sampler: from.or("sampler", default.sampler),
            metrics_listen: from
                .optional::<OrNothing<SocketAddr>>("metrics_listen")
                .and_then(|address| address.0),
            jaeger_url: url("jaeger_url"),
        }
    }
}

/// The page of Jaeger, whose pages are at `jaeger`, that shows a trace.
pub fn page(jaeger: &HttpUrl, trace_id: &str) -> String {
    let base = jaeger.as_url().as_str().trim_end_matches('/');
    format!("{base}/trace/{trace_id}")
}

/// The words for a sampler; those with an argument have it behind a colon.
const SAMPLERS: [&str; 7] = [
    "per_second:N",
    "always_on",
    "always_off",
    "traceidratio:PART",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio:PART",
];

impl FromStr for Sampler {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, argument) = match text.split_once(':') {
            Some((word, argument)) => (word, Some(argument)),
            None => (text, None),
        };
        let (parent_based, plain) = match word.strip_prefix("parentbased_") {
            Some(plain) => (true, plain),
            // A limit of so many a second means traces; it would tear them apart otherwise.
            None => (word == "per_second", word),
        };
        let root = match (plain, argument) {
            ("always_on", None) => Root::All,
            ("always_off", None) => Root::None,
            ("traceidratio", None) => Root::Ratio(1.0),
            ("traceidratio", Some(part)) => match part.parse::<f64>() {
                Ok(part) if (0.0..=1.0).contains(&part) => Root::Ratio(part),
                _ => return Err(format!("{text:?} names no part between 0 and 1")),
            },
            ("per_second", Some(number)) => match number.parse() {
                Ok(number) => Root::PerSecond(number),
                Err(_) => return Err(format!("{text:?} names no whole number")),
            },
            _ => {
                let hint = meant_or_known(text, SAMPLERS.into_iter());
                return Err(format!("{text:?} is no sampler; {hint}"));
            }
        };
        Ok(Self { parent_based, root })
    }
}

impl fmt::Display for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.parent_based && !matches!(self.root, Root::PerSecond(_)) {
            f.write_str("parentbased_")?;
        }
        match self.root {
            Root::All => f.write_str("always_on"),
            Root::None => f.write_str("always_off"),
            Root::Ratio(part) => write!(f, "traceidratio:{part}"),
            Root::PerSecond(number) => write!(f, "per_second:{number}"),
        }
    }
}

impl fmt::Debug for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Sampler {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl FromText for Sampler {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

/// Something, or nothing where the text is empty.
struct OrNothing<T>(Option<T>);

impl<T: FromText> FromText for OrNothing<T> {
    const WANTED: &str = T::WANTED;

    fn from_text(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        T::from_text(text).map(Some).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samplers_are_read_and_written() {
        for text in [
            "per_second:100",
            "always_on",
            "always_off",
            "traceidratio:0.25",
            "parentbased_always_on",
            "parentbased_traceidratio:0.5",
        ] {
            assert_eq!(text.parse::<Sampler>().unwrap().to_string(), text);
        }
        assert_eq!("per_second:100".parse(), Ok(Sampler::default()));
        for (text, reason) in [
            ("always", "no sampler"),
            ("always_on:1", "no sampler"),
            ("traceidratio:2", "between 0 and 1"),
            ("per_second:many", "no whole number"),
        ] {
            let refused = text.parse::<Sampler>().unwrap_err();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }

    #[test]
    fn a_page_of_jaeger_is_linked_whatever_its_address_ends_in() {
        for base in ["http://jaeger:16686", "http://jaeger:16686/"] {
            let page = page(&base.parse().unwrap(), "4bf9");
            assert_eq!(page, "http://jaeger:16686/trace/4bf9");
        }
    }
}
