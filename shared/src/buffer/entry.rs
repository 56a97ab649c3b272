//! What waits in a buffer: a point for a destination of numbers, an event for one of events.
//!
//! The body of an entry is written once, when it is added, so that what is delivered does not
//! depend on how often it was tried.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;

use crate::{
    clock::Timestamp,
    config::destinations::Takes,
    job::JobId,
    metric::Point,
    store::{EntryId, NewEntry},
};

/// Most points in one event: subscribers are promised small ones, and the standard recommends
/// less than 20 kB.
const POINTS_PER_EVENT: usize = 100;

/// Longest name of an event's type.
const MAX_TYPE: usize = 100;

/// The type of the events that carry points.
pub const POINTS: &str = "points.published";

/// An event, as a subscriber is sent it.
#[derive(Debug, Serialize, Deserialize)]
struct Event {
    /// What happened: words of letters, digits and `_`, parted by dots.
    r#type: EventType,
    /// When.
    timestamp: Timestamp,
    /// More about it.
    data: Value,
}

/// The type of an event: `order.paid`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventType(String);

impl TryFrom<String> for EventType {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let word = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        if text.len() > MAX_TYPE || !text.split('.').all(word) {
            return Err(format!(
                "{text:?} is no type of an event: words of letters, digits and `_`, parted by \
                 dots, at most {MAX_TYPE} bytes"
            ));
        }
        Ok(Self(text))
    }
}

impl From<EventType> for String {
    fn from(event_type: EventType) -> Self {
        event_type.0
    }
}

/// An event that somebody wants delivered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewEvent {
    /// What happened.
    pub r#type: EventType,
    /// More about it.
    #[serde(default)]
    pub data: Value,
}

/// The entries that carry points to a destination: one for each where numbers are taken, a few
/// events where events are. Points without a date are of `now`. `about` is said in every event.
pub fn of_points(
    takes: Takes,
    points: &[Point],
    origin: JobId,
    now: Timestamp,
    about: &[(&str, Value)],
) -> Vec<NewEntry> {
    match takes {
        Takes::Points => {
            let mut seen = HashMap::new();
            points
                .iter()
                .map(|point| {
                    let label = label(point);
                    let times: &mut usize = seen.entry(label.clone()).or_default();
                    *times += 1;
                    let mut point = point.clone();
                    point.date.get_or_insert(now);
                    entry(&format!("{label}:{times}"), origin, &point)
                })
                .collect()
        }
        Takes::Events => points
            .chunks(POINTS_PER_EVENT)
            .enumerate()
            .map(|(part, points)| {
                let about = about.iter().map(|(k, v)| ((*k).to_owned(), v.clone()));
                let mut data: serde_json::Map<String, Value> = about.collect();
                data.insert("points".to_owned(), serde_json::json!(points));
                let event = Event {
                    r#type: EventType(POINTS.to_owned()),
                    timestamp: now,
                    data: data.into(),
                };
                entry(&format!("points:{part}"), origin, &event)
            })
            .collect(),
    }
}

/// The entries that carry events to a subscriber.
pub fn of_events(events: &[NewEvent], origin: JobId, now: Timestamp) -> Vec<NewEntry> {
    let numbered = events.iter().enumerate();
    numbered
        .map(|(number, event)| {
            let event = Event {
                r#type: event.r#type.clone(),
                timestamp: now,
                data: event.data.clone(),
            };
            entry(&format!("event:{number}"), origin, &event)
        })
        .collect()
}

/// What tells a point from the others of its origin, but for those that are of the very same. A
/// point without a date has none here: said again a moment later, it is the same one.
fn label(point: &Point) -> String {
    let attributes = serde_json::json!(point.attributes);
    format!("point:{}:{:?}:{attributes}", point.key, point.date)
}

fn entry<T: Serialize>(label: &str, origin: JobId, content: &T) -> NewEntry {
    let body = serde_json::to_vec(content).expect("points and events have a JSON form");
    NewEntry {
        id: EntryId::derive(origin, label),
        origin: Some(origin),
        body: body.into(),
    }
}

/// Reads an entry for a destination of numbers.
///
/// # Errors
/// Why it can never be delivered there.
pub fn point(body: &Bytes) -> Result<Point, String> {
    serde_json::from_slice(body).map_err(|error| {
        format!("is no point (was it added while the destination took events?): {error}")
    })
}

/// Checks an entry for a destination of events.
///
/// # Errors
/// Why it can never be delivered there.
pub fn check_event(body: &Bytes) -> Result<(), String> {
    let read: Result<Event, _> = serde_json::from_slice(body);
    read.map(drop).map_err(|error| {
        format!("is no event (was it added while the destination took numbers?): {error}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::HashSet;

    fn points(json: Value) -> Vec<Point> {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn every_point_is_an_entry_of_its_own_and_the_same_one_each_time() {
        let points = points(json!([
            {"key": "a", "value": 1},
            {"key": "a", "value": 2},
            {"key": "a", "value": 1, "date": "2024"},
            {"key": "a", "value": 1, "date": "2024", "attributes": {"area": "SI"}},
        ]));
        let (origin, now) = (JobId::generate(), Timestamp::default());
        let entries = of_points(Takes::Points, &points, origin, now, &[]);
        let ids: HashSet<EntryId> = entries.iter().map(|entry| entry.id).collect();
        assert_eq!(ids.len(), 4);
        assert_eq!(of_points(Takes::Points, &points, origin, now, &[]), entries);
        let said_later = of_points(Takes::Points, &points, origin, Timestamp::MAX, &[]);
        let again: HashSet<EntryId> = said_later.iter().map(|entry| entry.id).collect();
        assert_eq!(
            again, ids,
            "a point without a date is the same one a moment later"
        );
        // Another point before it does not make a point another one.
        let later = of_points(Takes::Points, &points[2..], origin, now, &[]);
        assert_eq!(later, entries[2..]);
        let dated = point(&entries[0].body).unwrap();
        assert_eq!(
            dated.date,
            Some(now),
            "a point is never sent without a date"
        );
    }

    #[test]
    fn an_event_carries_what_is_said_about_it() {
        let points = points(json!([{"key": "a", "value": 1}]));
        let about = [("pipeline", Value::from("economy"))];
        let now = Timestamp::default();
        let entries = of_points(Takes::Events, &points, JobId::generate(), now, &about);
        let event: Value = serde_json::from_slice(&entries[0].body).unwrap();
        let expected = json!({
            "type": "points.published",
            "timestamp": "1970-01-01T00:00:00Z",
            "data": {"pipeline": "economy", "points": [{"key": "a", "value": 1}]},
        });
        assert_eq!(event, expected);
        assert_eq!(check_event(&entries[0].body), Ok(()));
        assert!(point(&entries[0].body).is_err());
    }

    #[test]
    fn types_of_events_have_a_grammar() {
        for (text, good) in [
            ("order.paid", true),
            ("a_1", true),
            ("", false),
            ("a..b", false),
            (".a", false),
            ("a-b", false),
            (&"x".repeat(101), false),
        ] {
            assert_eq!(EventType::try_from(text.to_owned()).is_ok(), good, "{text}");
        }
    }
}
