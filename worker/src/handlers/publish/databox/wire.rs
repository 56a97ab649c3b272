//! How points are written for Databox: formats A and B of its push API.
//!
//! A, the older one, wraps a list into `data` and marks the metric with `$`, attributes beside it:
//! `{"data":[{"$sales":7,"date":"…","channel":"web"}]}`. B is a bare list:
//! `[{"key":"sales","value":7,"date":"…","attributes":[{"key":"channel","value":"web"}]}]`.
//! A date is always written: without one a point that is sent again would be another point.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use shared::{clock::Timestamp, config::destinations::Wire, metric::Point};

/// The most that one call carries: Databox takes 500 kB, headers and all.
pub(super) const MAX_BODY: usize = 480_000;

/// What format A writes around its items; that of B is shorter.
const AROUND: usize = r#"{"data":[]}"#.len();

/// Keys of an item in format A that are no attributes.
const TAKEN: [&str; 4] = ["date", "unit", "periodFrom", "periodTo"];

/// One point as JSON. `added_at` is the date of a point that has none.
///
/// # Errors
/// Why the point cannot be written in this format.
pub(super) fn item(wire: Wire, point: &Point, added_at: Timestamp) -> Result<String, String> {
    let date = point.date.unwrap_or(added_at).to_string();
    let mut item = Map::new();
    match wire {
        Wire::A => {
            item.insert(format!("${}", point.key), json!(point.value));
            for (name, value) in &point.attributes {
                if name.starts_with('$') || TAKEN.contains(&name.as_str()) {
                    let why =
                        format!("has an attribute {name:?}, which format a cannot tell apart");
                    return Err(why);
                }
                item.insert(name.clone(), Value::from(value.as_str()));
            }
        }
        Wire::B => {
            item.insert("key".to_owned(), json!(point.key));
            item.insert("value".to_owned(), json!(point.value));
            if !point.attributes.is_empty() {
                let pair = |(name, value)| json!({"key": name, "value": value});
                let attributes: Vec<Value> = point.attributes.iter().map(pair).collect();
                item.insert("attributes".to_owned(), attributes.into());
            }
        }
    }
    item.insert("date".to_owned(), date.into());
    if let Some(unit) = &point.unit {
        item.insert("unit".to_owned(), unit.as_str().into());
    }
    let item = Value::from(item).to_string();
    if item.len() + AROUND > MAX_BODY {
        return Err(format!(
            "is {} bytes long, more than Databox takes",
            item.len()
        ));
    }
    Ok(item)
}

/// How many of the items, the first ones, fit into one call: at least one, if there is any.
pub(super) fn fitting<'a>(items: impl IntoIterator<Item = &'a str>) -> usize {
    // Every item but the first has a comma before it.
    let mut size = AROUND - 1;
    items
        .into_iter()
        .take_while(|item| {
            size += item.len() + 1;
            size <= MAX_BODY
        })
        .count()
}

/// The body of a call.
pub(super) fn body<'a>(wire: Wire, items: impl IntoIterator<Item = &'a str>) -> Bytes {
    let list = items.into_iter().collect::<Vec<_>>().join(",");
    match wire {
        Wire::A => format!(r#"{{"data":[{list}]}}"#).into(),
        Wire::B => format!("[{list}]").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(attributes: &[(&str, &str)]) -> Point {
        let attributes: Map<String, Value> = attributes
            .iter()
            .map(|(k, v)| ((*k).to_owned(), Value::from(*v)))
            .collect();
        let point = json!({"key": "sales", "value": 83000, "unit": "USD", "date": "2018-01-19",
            "attributes": attributes});
        serde_json::from_value(point).unwrap()
    }

    fn written(wire: Wire, points: &[Point]) -> Value {
        let added = "2026-11-21T07:00:00Z".parse().unwrap();
        let items: Vec<String> = points
            .iter()
            .map(|point| item(wire, point, added).unwrap())
            .collect();
        serde_json::from_slice(&body(wire, items.iter().map(String::as_str))).unwrap()
    }

    #[test]
    fn format_a_is_as_documented() {
        let mut dateless = point(&[]);
        dateless.date = None;
        dateless.unit = None;
        let sent = written(Wire::A, &[point(&[("channel", "in-person")]), dateless]);
        let expected = json!({"data": [
            {"$sales": 83000, "date": "2018-01-19T00:00:00Z", "unit": "USD", "channel": "in-person"},
            {"$sales": 83000, "date": "2026-11-21T07:00:00Z"},
        ]});
        assert_eq!(sent, expected);
    }

    #[test]
    fn format_b_is_as_documented() {
        let sent = written(Wire::B, &[point(&[("currency", "USD")])]);
        let expected = json!([{"key": "sales", "value": 83000, "unit": "USD",
            "date": "2018-01-19T00:00:00Z", "attributes": [{"key": "currency", "value": "USD"}]}]);
        assert_eq!(sent, expected);
    }

    #[test]
    fn what_a_format_cannot_say_is_refused() {
        let now = Timestamp::default();
        for name in ["date", "unit", "$sales"] {
            let refused = item(Wire::A, &point(&[(name, "x")]), now).unwrap_err();
            assert!(refused.contains(name), "{refused}");
            assert!(item(Wire::B, &point(&[(name, "x")]), now).is_ok());
        }
        let long = "x".repeat(MAX_BODY);
        assert!(item(Wire::B, &point(&[("a", &long)]), now).is_err());
    }

    #[test]
    fn a_call_carries_as_much_as_fits() {
        let item = "x".repeat(100_000);
        assert_eq!(fitting(std::iter::repeat_n(item.as_str(), 10)), 4);
        let items = std::iter::repeat_n(item.as_str(), 4);
        assert!(body(Wire::A, items).len() <= MAX_BODY);
        let longest = "x".repeat(MAX_BODY - AROUND);
        assert_eq!(fitting([longest.as_str(), "{}"]), 1);
        assert_eq!(body(Wire::A, [longest.as_str()]).len(), MAX_BODY);
        assert_eq!(fitting([]), 0);
    }
}
