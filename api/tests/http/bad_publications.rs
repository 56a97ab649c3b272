//! Bad input to publishing: each is refused with what is wrong where, and nothing is added.

use serde_json::json;

use crate::{
    bad_input::faults,
    publish::{DATABOX, PARTNER, service, waiting},
};

/// Bodies with one mistake each: to whom, where it is, and what is said about it.
const MISTAKES: &[(&str, &str, &str, &str)] = &[
    (DATABOX, "{}", "#", "holds no points"),
    (DATABOX, r#"{"points":null}"#, "#", "holds no points"),
    (
        PARTNER,
        r#"{"events":[],"points":[]}"#,
        "#",
        "holds neither",
    ),
    (DATABOX, "[]", "#", "an object is expected"),
    (
        DATABOX,
        r#"{"events":[{"type":"a"}]}"#,
        "#/events",
        "send points",
    ),
    (
        DATABOX,
        r#"{"point":[]}"#,
        "#/point",
        "did you mean `points`?",
    ),
    (
        DATABOX,
        r#"{"points":{}}"#,
        "#/points",
        "an array is expected",
    ),
    (
        DATABOX,
        r#"{"points":[["a",1]]}"#,
        "#/points/0",
        "an object is expected",
    ),
    (
        DATABOX,
        r#"{"points":[{"key":"a"}]}"#,
        "#/points/0/value",
        "is missing",
    ),
    (
        DATABOX,
        r#"{"points":[{"key":"a","value":"1"}]}"#,
        "#/points/0/value",
        "a number",
    ),
    (
        DATABOX,
        r#"{"points":[{"key":"a","value":1e17}]}"#,
        "#/points/0/value",
        "16 digits",
    ),
    (
        DATABOX,
        r#"{"points":[{"key":"a b","value":1}]}"#,
        "#/points/0/key",
        "holds ' '",
    ),
    (
        DATABOX,
        r#"{"points":[{"key":"a","value":1},{"key":"a","value":1,"date":"soon"}]}"#,
        "#/points/1/date",
        "no date or period",
    ),
    (
        DATABOX,
        r#"{"points":[{"key":"a","value":1,"colour":1}]}"#,
        "#/points/0/colour",
        "known are",
    ),
    (
        DATABOX,
        r#"{"points":[{"key":"a","value":1,"attributes":{"x":1}}]}"#,
        "#/points/0/attributes/x",
        "a string is expected",
    ),
    (
        DATABOX,
        r#"{"id":"7","points":[{"key":"a","value":1}]}"#,
        "#/id",
        "UUID",
    ),
    (
        PARTNER,
        r#"{"events":[{"data":1}]}"#,
        "#/events/0/type",
        "is missing",
    ),
    (
        PARTNER,
        r#"{"events":[{"type":"a b"}]}"#,
        "#/events/0/type",
        "no type of an event",
    ),
    (
        PARTNER,
        r#"{"events":[{"type":"a","date":1}]}"#,
        "#/events/0/date",
        "did you mean `data`?",
    ),
    (
        PARTNER,
        r#"{"events":[{"type":"a","data":[1e999]}]}"#,
        "#/events/0/data",
        "cannot be read",
    ),
];

#[tokio::test]
async fn what_cannot_be_published_is_refused_with_its_place() {
    let service = service();
    let deep = format!(
        r#"{{"events":[{{"type":"a","data":{}1{}}}]}}"#,
        "[".repeat(101),
        "]".repeat(101)
    );
    let large = "x".repeat(1024 * 1024);
    let long = json!({ "events": [{ "type": "a", "data": large }] }).to_string();
    let point = json!({ "points": [{ "key": "a", "value": 1, "unit": large }] }).to_string();
    let many = json!({ "points": vec![json!({ "key": "a", "value": 1 }); 10_001] }).to_string();
    let generated = [
        (PARTNER, &*deep, "#/events/0/data", "nested deeper than 100"),
        (
            PARTNER,
            &*long,
            "#/events/0/data",
            "bytes, more than 1048576",
        ),
        (PARTNER, &*point, "#/points", "bytes, more than 1048576"),
        (DATABOX, &*point, "#/points/0", "bytes, more than 1048576"),
        (DATABOX, &*many, "#/points", "has more than 10000 items"),
    ];
    for (path, body, place, detail) in MISTAKES.iter().copied().chain(generated) {
        let answer = service.post(path, body.to_owned()).await;
        let found = faults(&answer);
        assert_eq!(answer.status, 422);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, place, "{}", found[0].1);
        assert!(found[0].1.contains(detail), "{}", found[0].1);
    }
    for body in ["", "{", r#"{"points":[{"key":"a","value":1e999}]}"#] {
        assert_eq!(
            service.post(DATABOX, body).await.problem(),
            "malformed-json",
            "{body}"
        );
    }
    assert!(waiting(&service, "databox").await.is_empty());
    assert!(waiting(&service, "partner").await.is_empty());
    assert_eq!(service.jobs().await, 0);
}
