//! The push API of Databox as it answers: formats A and B, errors inside an answer of status 200.

use axum::{
    Json,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use shared::job::JobId;

/// How a push is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// `{"data":[{"$key": 1}]}`
    A,
    /// `[{"key": "key", "value": 1}]`
    B,
}

/// A value that was taken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Item {
    pub(super) key: String,
    pub(super) value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unit: Option<String>,
}

/// What a push is answered, and what of it was taken.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) items: Vec<Item>,
    body: Value,
}

const NO_DATA: &str = "Validation error - Metric data should be wrapped into 'data' item";
const NO_VALUE: &str = "Validation error - Data must contain metric value";
const BAD_VALUE: &str = "Validation error - Invalid metric value";
const NO_JSON: &str = "Bad request - Content-Type should be application/json!";
const TOO_LARGE: &str = "Your payload has exceeded the maximum size restriction (500kB).";

impl Answer {
    /// Nothing was taken.
    pub(super) fn refused(status: &str, message: &str) -> Self {
        Self {
            items: Vec::new(),
            body: json!({ "status": status, "message": message }),
        }
    }

    fn bad(message: &str) -> Self {
        Self::refused("Bad Request", message)
    }

    /// What is wrong, if something is.
    pub(super) fn why(&self) -> &str {
        let text = |key: &str| self.body.get(key)?.as_str();
        text("message")
            .or_else(|| text("status"))
            .unwrap_or_default()
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        Json(self.body).into_response()
    }
}

/// Judges a push; `body` is `None` when it was too large.
pub(super) fn judge(wire: Wire, headers: &HeaderMap, body: Option<&[u8]>) -> Answer {
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    if content_type.and_then(|value| value.split(';').next()) != Some("application/json") {
        return Answer::bad(NO_JSON);
    }
    let Some(body) = body else {
        return Answer::refused("REQUEST_ENTITY_TOO_LARGE", TOO_LARGE);
    };
    let json: Option<Value> = serde_json::from_slice(body).ok();
    let list = match (wire, &json) {
        (Wire::A, Some(Value::Object(push))) => push.get("data").and_then(Value::as_array),
        (Wire::B, Some(Value::Array(list))) => Some(list),
        _ => None,
    };
    match (wire, list) {
        (Wire::A, None) => Answer::bad(NO_DATA),
        (Wire::B, None) => Answer::bad(NO_VALUE),
        (_, Some(list)) => of_list(wire, list),
    }
}

fn of_list(wire: Wire, list: &[Value]) -> Answer {
    let read = |item: &Value| match wire {
        Wire::A => read_a(item),
        Wire::B => read_b(item).map(|item| vec![item]),
    };
    let (mut items, mut failed, mut why) = (Vec::new(), 0_usize, NO_VALUE);
    for item in list {
        match read(item) {
            Ok(mut read) => items.append(&mut read),
            Err(message) => {
                failed += 1;
                why = message;
            }
        }
    }
    let body = match (list.len(), failed) {
        (0 | 1, _) if items.is_empty() => return Answer::bad(why),
        (_, 0) if wire == Wire::A => json!({ "status": "ok", "id": JobId::generate() }),
        (_, 0) => json!({ "status": "ok" }),
        (all, failed) => {
            let ok = all - failed;
            let status = format!("Warning: some items not inserted (OK: {ok}, FAILED: {failed})");
            json!({ "status": status })
        }
    };
    Answer { items, body }
}

/// An item of format A may hold several metrics: each has a `$` before its key.
fn read_a(item: &Value) -> Result<Vec<Item>, &'static str> {
    let item = item.as_object().ok_or(NO_VALUE)?;
    let metrics: Vec<Item> = item
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix('$')?, value)))
        .map(|(key, value)| read(key, value, item))
        .collect::<Result<_, _>>()?;
    if metrics.is_empty() {
        return Err(NO_VALUE);
    }
    Ok(metrics)
}

fn read_b(item: &Value) -> Result<Item, &'static str> {
    let item = item.as_object().ok_or(NO_VALUE)?;
    let key = item.get("key").and_then(Value::as_str).ok_or(NO_VALUE)?;
    let value = item.get("value").ok_or(NO_VALUE)?;
    read(key, value, item)
}

fn read(key: &str, value: &Value, item: &Map<String, Value>) -> Result<Item, &'static str> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if key.is_empty() || !key.chars().all(legal) {
        return Err(NO_VALUE);
    }
    let text = |name: &str| Some(item.get(name)?.as_str()?.to_owned());
    Ok(Item {
        key: key.to_owned(),
        value: value.as_f64().ok_or(BAD_VALUE)?,
        date: text("date"),
        unit: text("unit"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(wire: Wire, body: &str) -> Answer {
        let json = "application/json; charset=utf-8".parse().unwrap();
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, json)]);
        judge(wire, &headers, Some(body.as_bytes()))
    }

    #[test]
    fn both_formats_are_taken() {
        let a = pushed(
            Wire::A,
            r#"{"data":[{"$sales":83000,"date":"2018-01-19","unit":"USD","channel":"web"},
                {"$a":1,"$b":-2.5}],"meta":{"ensure_unique":true}}"#,
        );
        let keys: Vec<&str> = a.items.iter().map(|item| item.key.as_str()).collect();
        assert_eq!(keys, ["sales", "a", "b"]);
        assert_eq!(a.items[0].date.as_deref(), Some("2018-01-19"));
        assert_eq!(a.body["status"], "ok");
        assert!(a.body["id"].is_string());
        let b = pushed(
            Wire::B,
            r#"[{"key":"sales","value":100,"unit":"USD","date":"2021-01-01T00:00:00Z",
                "attributes":[{"key":"currency","value":"USD"}]}]"#,
        );
        assert_eq!(json!(b.items[0].value), json!(100.0));
        assert_eq!(b.items[0].unit.as_deref(), Some("USD"));
        assert_eq!(b.body, json!({"status": "ok"}));
    }

    #[test]
    fn each_format_is_refused_where_the_other_is_spoken() {
        assert_eq!(
            pushed(Wire::A, r#"[{"key":"a","value":1}]"#),
            Answer::bad(NO_DATA)
        );
        assert_eq!(
            pushed(Wire::B, r#"{"data":[{"$a":1}]}"#),
            Answer::bad(NO_VALUE)
        );
    }

    #[test]
    fn hostile_bodies_are_refused_with_the_words_of_databox() {
        for (wire, body, why) in [
            (Wire::A, "", NO_DATA),
            (Wire::A, "null", NO_DATA),
            (Wire::A, r#"{"data":{}}"#, NO_DATA),
            (Wire::A, r#"{"data":[]}"#, NO_VALUE),
            (Wire::A, r#"{"data":[7]}"#, NO_VALUE),
            (Wire::A, r#"{"data":[{"sales":1}]}"#, NO_VALUE),
            (Wire::A, r#"{"data":[{"$":1}]}"#, NO_VALUE),
            (Wire::A, r#"{"data":[{"$a":"1"}]}"#, BAD_VALUE),
            (Wire::B, "[]", NO_VALUE),
            (Wire::B, "[[]]", NO_VALUE),
            (Wire::B, r#"[{"value":1}]"#, NO_VALUE),
            (Wire::B, r#"[{"key":"a"}]"#, NO_VALUE),
            (Wire::B, r#"[{"key":7,"value":1}]"#, NO_VALUE),
            (Wire::B, r#"[{"key":"a b","value":1}]"#, NO_VALUE),
            (Wire::B, r#"[{"key":"$a","value":1}]"#, NO_VALUE),
            (Wire::B, r#"[{"key":"a","value":null}]"#, BAD_VALUE),
            (Wire::B, r#"[{"key":"a","value":1e999}]"#, NO_VALUE),
        ] {
            assert_eq!(pushed(wire, body), Answer::bad(why), "{wire:?} {body}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(pushed(Wire::B, &deep), Answer::bad(NO_VALUE));
        let none = judge(Wire::B, &HeaderMap::new(), Some(b"[]"));
        assert_eq!(none, Answer::bad(NO_JSON));
    }

    #[test]
    fn what_is_good_of_a_push_is_taken() {
        let part = pushed(
            Wire::B,
            r#"[{"key":"a","value":1},{"key":"b","value":"x"},{}]"#,
        );
        assert_eq!(part.items.len(), 1);
        let expected = "Warning: some items not inserted (OK: 1, FAILED: 2)";
        assert_eq!(part.why(), expected);
        let none = pushed(Wire::B, "[{},{}]");
        assert_eq!(
            none.why(),
            "Warning: some items not inserted (OK: 0, FAILED: 2)"
        );
    }

    #[test]
    fn a_push_that_is_too_large_is_told_so() {
        let json = "application/json".parse().unwrap();
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, json)]);
        let told = judge(Wire::A, &headers, None);
        assert_eq!(told.body["status"], "REQUEST_ENTITY_TOO_LARGE");
    }
}
