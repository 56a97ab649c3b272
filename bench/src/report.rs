//! What a scenario found: named figures in their order.

use serde_json::{Map, Value, json};

/// Named figures.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<(&'static str, Value)>);

impl Report {
    pub(crate) fn add(&mut self, key: &'static str, value: impl Into<Value>) {
        self.0.push((key, value.into()));
    }

    /// A rate or a time, rounded to what is worth reading.
    pub(crate) fn add_f64(&mut self, key: &'static str, value: f64) {
        let digits = if value.abs() >= 100.0 { 1.0 } else { 1000.0 };
        self.add(key, json!((value * digits).round() / digits));
    }

    pub(crate) fn json(&self) -> serde_json::Result<String> {
        let map: Map<String, Value> = self
            .0
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect();
        serde_json::to_string(&map)
    }

    pub(crate) fn table(&self) -> String {
        let width = self.0.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
        let line = |(key, value): &(&str, Value)| match value {
            Value::String(text) => format!("{key:width$}  {text}"),
            other => format!("{key:width$}  {other}"),
        };
        self.0.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}
