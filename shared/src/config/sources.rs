//! `[sources.NAME]`: where numbers come from.

use serde::{Serialize, Serializer};
use serde_json_path::JsonPath;
use std::collections::{BTreeMap, BTreeSet};

use super::{
    headers::Headers,
    http_url::HttpUrl,
    read::{FromText, Reader},
};
use crate::metric::MetricKey;

/// Most values of a metric that one collection takes.
pub const MAX_LATEST: u32 = 10_000;

/// Where numbers come from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Source {
    /// A PxWeb or other JSON-stat 2.0 server.
    Jsonstat(Jsonstat),
    /// Anything that answers with JSON.
    HttpJson(HttpJson),
}

/// A PxWeb or other JSON-stat 2.0 server.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Jsonstat {
    /// The table.
    pub url: HttpUrl,
    /// What is asked of it, as a PxWeb query in a POST; `None`: it is asked by GET.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<Vec<Selection>>,
    /// The metrics that are read from its answer; never empty.
    pub metrics: Vec<JsonstatMetric>,
}

/// What is asked of one variable of a PxWeb table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Selection {
    /// The variable.
    pub code: String,
    /// How its values are chosen: `item`, `all`, `top`, `agg:…` or `vs:…`.
    pub filter: String,
    /// The values; for `top` one number.
    pub values: Vec<String>,
}

/// A metric that is read from a JSON-stat answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JsonstatMetric {
    /// What it is called.
    pub key: MetricKey,
    /// A category for each dimension; `*`: every one, as an attribute.
    pub select: BTreeMap<String, String>,
    /// The dimension that is the date; `None`: the numbers are of the time they were collected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// How many of the latest values are taken; 1 to [`MAX_LATEST`].
    pub latest: u32,
    /// The unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// Anything that answers a GET with JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HttpJson {
    /// The address.
    pub url: HttpUrl,
    /// Headers it is asked with.
    pub headers: Headers,
    /// The metrics that are read from its answer; never empty.
    pub metrics: Vec<HttpJsonMetric>,
}

/// A metric that is read from JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HttpJsonMetric {
    /// What it is called.
    pub key: MetricKey,
    /// Where it stands; must find exactly one number.
    #[serde(serialize_with = "as_text")]
    pub path: JsonPath,
    /// Where its date stands; must find exactly one text that is a date or a period. `None`: the
    /// number is of the time it was collected.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "as_optional_text"
    )]
    pub date: Option<JsonPath>,
    /// The unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

impl Source {
    /// The keys of its metrics.
    pub fn metric_keys(&self) -> Vec<&MetricKey> {
        match self {
            Self::Jsonstat(source) => source.metrics.iter().map(|metric| &metric.key).collect(),
            Self::HttpJson(source) => source.metrics.iter().map(|metric| &metric.key).collect(),
        }
    }

    pub(super) fn read(from: &Reader<'_>) -> Option<Self> {
        let types = [
            (
                "jsonstat",
                Jsonstat::read as fn(&Reader<'_>) -> Option<Self>,
            ),
            ("http_json", HttpJson::read),
        ];
        from.require("type");
        let Some(read) = from.choice("type", &types) else {
            from.close();
            return None;
        };
        let source = read(from)?;
        let mut seen = BTreeSet::new();
        for key in source.metric_keys() {
            if !seen.insert(key) {
                from.blame("metrics", format!("hold `{key}` twice"));
            }
        }
        Some(source)
    }
}

impl Jsonstat {
    fn read(from: &Reader<'_>) -> Option<Source> {
        let url = from.required("url");
        let query = from.tables("query", Selection::read);
        let metrics = read_metrics(from, JsonstatMetric::read);
        Some(Source::Jsonstat(Self {
            url: url?,
            query,
            metrics: metrics?,
        }))
    }
}

impl HttpJson {
    fn read(from: &Reader<'_>) -> Option<Source> {
        let url = from.required("url");
        let headers = Headers::read(from);
        let metrics = read_metrics(from, HttpJsonMetric::read);
        Some(Source::HttpJson(Self {
            url: url?,
            headers,
            metrics: metrics?,
        }))
    }
}

fn read_metrics<T>(from: &Reader<'_>, read: fn(&Reader<'_>) -> Option<T>) -> Option<Vec<T>> {
    from.require("metrics");
    let metrics = from.tables("metrics", read)?;
    if metrics.is_empty() && from.fine(&["metrics"]) {
        from.blame(
            "metrics",
            "are none; a source without a metric collects nothing",
        );
    }
    Some(metrics)
}

impl Selection {
    fn read(from: &Reader<'_>) -> Option<Self> {
        let code = from.required("code");
        let filter: String = from.or("filter", "item".to_owned());
        from.require("values");
        let values: Option<Vec<String>> = from.list("values");
        let known = ["item", "all", "top"].contains(&filter.as_str());
        if !known && !filter.starts_with("agg:") && !filter.starts_with("vs:") {
            from.blame(
                "filter",
                format!("{filter:?} is not item, all, top, agg:… or vs:…"),
            );
        }
        if filter == "top" && from.fine(&["values"]) {
            let number = |text: &String| text.parse::<u32>().is_ok_and(|number| number > 0);
            if !values
                .as_ref()
                .is_some_and(|values| values.len() == 1 && values.iter().all(number))
            {
                from.blame(
                    "values",
                    "must be one number above zero: top takes the newest so many",
                );
            }
        }
        Some(Self {
            code: code?,
            filter,
            values: values?,
        })
    }
}

impl JsonstatMetric {
    fn read(from: &Reader<'_>) -> Option<Self> {
        let key = from.required("key");
        let select: BTreeMap<String, String> = from.values("select");
        let time: Option<String> = from.optional("time");
        let latest = from.limited_or("latest", 1, 1..=MAX_LATEST);
        let unit = from.optional("unit");
        if let Some(time) = &time
            && select.contains_key(time)
        {
            from.blame(
                "select",
                format!("names {time:?}, which is the date already"),
            );
        }
        if time.is_none() && latest > 1 {
            from.blame(
                "latest",
                "needs time: without a date no value is the latest",
            );
        }
        Some(Self {
            key: key?,
            select,
            time,
            latest,
            unit,
        })
    }
}

impl HttpJsonMetric {
    fn read(from: &Reader<'_>) -> Option<Self> {
        let key = from.required("key");
        let path = from.required("path");
        let date = from.optional("date");
        let unit = from.optional("unit");
        Some(Self {
            key: key?,
            path: path?,
            date,
            unit,
        })
    }
}

impl FromText for MetricKey {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

fn as_text<S: Serializer>(path: &JsonPath, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(path)
}

#[expect(clippy::ref_option, reason = "serde gives it like this")]
fn as_optional_text<S: Serializer>(path: &Option<JsonPath>, to: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(ToString::to_string).serialize(to)
}
