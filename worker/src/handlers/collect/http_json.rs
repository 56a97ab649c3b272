//! `http_json`: anything that answers with JSON; its numbers are found by `JSONPath` (RFC 9535).

use reqwest::{
    Method,
    header::{ACCEPT, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value as Json;
use serde_json_path::JsonPath;
use shared::{
    clock::Timestamp,
    config::{
        headers::Headers,
        sources::{HttpJson, HttpJsonMetric},
    },
    job::TraceContext,
    metric::{Point, Value, period},
};
use std::collections::BTreeMap;

use super::Reading;
use crate::handlers::outbound::Call;

/// The call that asks the source.
pub(super) fn call<'a>(source: &HttpJson, trace: Option<&'a TraceContext>) -> Call<'a> {
    let mut call = Call::new(Method::GET, source.url.as_url().clone(), trace);
    call.headers
        .insert(ACCEPT, HeaderValue::from_static("application/json"));
    add_headers(&mut call.headers, &source.headers);
    call
}

/// Puts configured headers on a call. They were checked when the configuration was read; what the
/// client would not take nevertheless is left out.
fn add_headers(to: &mut HeaderMap, headers: &Headers) {
    for (name, value) in headers.iter() {
        let name = HeaderName::try_from(name);
        if let (Ok(name), Ok(mut value)) = (name, HeaderValue::from_str(value.expose())) {
            value.set_sensitive(true);
            to.insert(name, value);
        }
    }
}

/// Reads the source's metrics from its answer. A numeric text is no number: whoever writes one
/// may write another thing there tomorrow.
///
/// # Errors
/// Which metric could not be read, and why.
pub(super) fn read(source: &HttpJson, body: &[u8]) -> Result<Reading, String> {
    let json: Json =
        serde_json::from_slice(body).map_err(|error| format!("the JSON is broken: {error}"))?;
    let mut reading = Reading::default();
    for metric in &source.metrics {
        let (number, date) = read_metric(metric, &json)
            .map_err(|why| format!("metric {:?}: {why}", metric.key.as_str()))?;
        match Value::new(number) {
            Ok(value) => reading.points.push(Point {
                key: metric.key.clone(),
                value,
                date,
                unit: metric.unit.clone(),
                attributes: BTreeMap::new(),
            }),
            Err(why) => reading.leave_out(&metric.key, why),
        }
    }
    Ok(reading)
}

fn read_metric(metric: &HttpJsonMetric, json: &Json) -> Result<(f64, Option<Timestamp>), String> {
    let found = exactly_one(&metric.path, json)?;
    let number = found
        .as_f64()
        .ok_or_else(|| format!("{} finds {}, not a number", metric.path, named(found)))?;
    let Some(path) = &metric.date else {
        return Ok((number, None));
    };
    let found = exactly_one(path, json)?;
    let date = found.as_str().and_then(period::start).ok_or_else(|| {
        let forms = period::FORMS;
        format!("{path} finds {}, not a date such as {forms}", named(found))
    })?;
    Ok((number, Some(date)))
}

fn exactly_one<'a>(path: &JsonPath, json: &'a Json) -> Result<&'a Json, String> {
    let found = path.query(json).all();
    match found[..] {
        [one] => Ok(one),
        [] => Err(format!("{path} finds nothing in the answer")),
        _ => Err(format!("{path} finds {} values, not one", found.len())),
    }
}

/// A value in a few words.
fn named(json: &Json) -> String {
    match json {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(value) => value.to_string(),
        Json::String(text) => {
            let short: String = text.chars().take(40).collect();
            format!("the text {short:?}")
        }
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, date: Option<&str>) -> HttpJson {
        HttpJson {
            url: "https://shop.example/".parse().unwrap(),
            headers: Headers::default(),
            metrics: vec![HttpJsonMetric {
                key: "orders".parse().unwrap(),
                path: JsonPath::parse(path).unwrap(),
                date: date.map(|date| JsonPath::parse(date).unwrap()),
                unit: None,
            }],
        }
    }

    const BODY: &[u8] =
        br#"{"totals":{"orders":12.5,"text":"12","huge":1e99},"list":[1,2],"as_of":"2024-05"}"#;

    #[test]
    fn exactly_one_number_is_found() {
        let reading = read(&source("$.totals.orders", Some("$.as_of")), BODY).unwrap();
        let point = &reading.points[0];
        assert_eq!(point.value.get().to_bits(), 12.5_f64.to_bits());
        assert_eq!(point.date, Some("2024-05-01T00:00:00Z".parse().unwrap()));
        let undated = read(&source("$.list[1]", None), BODY).unwrap();
        assert_eq!(undated.points[0].date, None);
    }

    #[test]
    fn what_is_not_one_number_is_told_with_its_metric() {
        for (path, date, told) in [
            ("$.nothing", None, "$.nothing finds nothing"),
            ("$.list[*]", None, "finds 2 values, not one"),
            ("$.totals.text", None, "finds the text \"12\", not a number"),
            ("$.totals", None, "finds an object"),
            (
                "$.totals.orders",
                Some("$.list"),
                "finds a list, not a date",
            ),
            (
                "$.totals.orders",
                Some("$.totals.orders"),
                "finds 12.5, not a date",
            ),
        ] {
            let refused = read(&source(path, date), BODY).unwrap_err();
            assert!(refused.starts_with("metric \"orders\": "), "{refused}");
            assert!(refused.contains(told), "{path}: {refused}");
        }
        let broken = read(&source("$.x", None), b"{\"x\":1").unwrap_err();
        assert!(broken.contains("broken"), "{broken}");
    }

    #[test]
    fn a_number_that_cannot_be_published_is_left_out() {
        let reading = read(&source("$.totals.huge", None), BODY).unwrap();
        assert!(reading.points.is_empty());
        assert!(reading.left_out[0].why.contains("16 digits"));
    }
}
