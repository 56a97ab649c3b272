//! JSON read into types, and what is wrong with it told in the caller's terms.

use serde::{Deserialize, de::DeserializeSeed};
use serde_json::{Deserializer, error::Category};
use serde_path_to_error::{Path, Segment, Track};
use shared::config::suggest::nearest;
use std::marker::PhantomData;

use crate::problem::{Faults, Place, Problem, catalog};

/// Deepest nesting of what a caller may put into a job. Common JSON readers stop at 128, and a job
/// is itself nested when it is shown in a list.
pub(crate) const MAX_DEPTH: usize = 100;

/// Reads a `T`.
///
/// # Errors
/// A problem: the grammar of JSON is broken, or the value is no `T`.
pub(crate) fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Problem> {
    read_with(bytes, PhantomData)
}

/// Reads what `seed` reads. Where a fault is, is found out by reading a second time, so that
/// nothing is spent on it while all is well.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_with<'de, S>(bytes: &'de [u8], seed: S) -> Result<S::Value, Problem>
where
    S: DeserializeSeed<'de> + Clone,
{
    let mut reader = Deserializer::from_slice(bytes);
    let value = seed.clone().deserialize(&mut reader);
    match value.and_then(|value| reader.end().map(|()| value)) {
        Ok(value) => Ok(value),
        Err(error) if error.classify() == Category::Data => {
            let mut reader = Deserializer::from_slice(bytes);
            let mut track = Track::new();
            let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
            drop(seed.deserialize(tracked));
            Err(mistaken(&track.path(), &error))
        }
        Err(error) => Err(Problem::with(
            &catalog::MALFORMED_JSON,
            crate::problem::excerpt(error.to_string()),
        )),
    }
}

/// Whether JSON that is known to be well-formed nests deeper than `most`.
pub(crate) fn is_deeper_than(json: &str, most: usize) -> bool {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for byte in json.bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > most {
            return true;
        }
    }
    false
}

/// The problem of a value that is not what is expected at its place.
fn mistaken(path: &Path, error: &serde_json::Error) -> Problem {
    let message = error.to_string();
    let message = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(message, _)| message);
    let place = path
        .iter()
        .fold(Place::body(), |place, segment| match segment {
            Segment::Seq { index } => place.member(&index.to_string()),
            Segment::Map { key } | Segment::Enum { variant: key } => place.member(key),
            Segment::Unknown => place,
        });
    let (place, detail) = in_the_callers_terms(place, message);
    Problem::validation(Faults::one(place, detail))
}

/// What serde says, without the words of the program. Its wording is pinned by the tests below.
fn in_the_callers_terms(place: Place, message: &str) -> (Place, String) {
    if let Some(field) = between(message, "missing field `") {
        return (place.member(field), "is missing".to_owned());
    }
    if let Some(field) = between(message, "duplicate field `") {
        return (place.member(field), "is given twice".to_owned());
    }
    if message.ends_with("`, there are no fields") {
        return (place, unknown("", &[]));
    }
    let Some((found, expected)) = message.rsplit_once(", expected ") else {
        return (place, message.to_owned());
    };
    if let Some(name) = found.strip_prefix("unknown field `") {
        let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        return (place, unknown(name.trim_end_matches('`'), &known));
    }
    let expected = match expected {
        "u8" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "f64" => "a number",
        "a sequence" => "an array",
        "a borrowed string" => "a string",
        other => other,
    };
    let found = found
        .trim_start_matches("invalid type: ")
        .trim_start_matches("invalid value: ")
        .replace("sequence", "an array")
        .replace("map", "an object")
        .replace("floating point", "the number")
        .replace("integer", "the number")
        .replacen("string", "the string", 1);
    (place, format!("is {found}; {expected} is expected"))
}

/// What is said of a name that is none of those `known`.
pub(crate) fn unknown(name: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return "is unknown; nothing may be said here".to_owned();
    }
    nearest(name, known.iter().copied()).map_or_else(
        || format!("is unknown; known are {}", known.join(", ")),
        |near| format!("is unknown; did you mean `{near}`?"),
    )
}

/// The text after `start`, up to the next backtick.
fn between<'a>(message: &'a str, start: &str) -> Option<&'a str> {
    message
        .strip_prefix(start)?
        .split_once('`')
        .map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::shapes::{AtMost, Object, Text};
    use serde_json::value::RawValue;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only what can go wrong with them matters here")]
    struct Order<'a> {
        #[serde(borrow)]
        name: Text<'a>,
        #[serde(default)]
        count: Option<u64>,
        #[serde(default)]
        factor: Option<f64>,
        #[serde(default)]
        urgent: Option<bool>,
        #[serde(default, borrow)]
        words: AtMost<Text<'a>, 2>,
        #[serde(default, borrow)]
        parts: Vec<Object<Self>>,
        #[serde(default, borrow)]
        raw: Option<&'a RawValue>,
    }

    fn fault(body: &str) -> (String, String) {
        let problem = read::<Object<Order<'_>>>(body.as_bytes()).expect_err(body);
        problem.only_fault()
    }

    #[test]
    fn each_mistake_is_told_with_its_place_and_in_plain_words() {
        for (body, place, detail) in [
            ("{}", "#/name", "is missing"),
            ("[]", "#", "is an array; an object is expected"),
            ("5", "#", "is the number `5`; an object is expected"),
            (
                r#"{"name":5}"#,
                "#/name",
                "is the number `5`; a string is expected",
            ),
            (
                r#"{"name":"a","count":"many"}"#,
                "#/count",
                "is the string \"many\"; a whole number, 0 or more is expected",
            ),
            (
                r#"{"name":"a","count":-1}"#,
                "#/count",
                "is the number `-1`; a whole number, 0 or more is expected",
            ),
            (
                r#"{"name":"a","count":1.5}"#,
                "#/count",
                "is the number `1.5`; a whole number, 0 or more is expected",
            ),
            (
                r#"{"name":"a","factor":[]}"#,
                "#/factor",
                "is an array; a number is expected",
            ),
            (
                r#"{"name":"a","urgent":{}}"#,
                "#/urgent",
                "is an object; a boolean is expected",
            ),
            (
                r#"{"name":"a","words":["x","y","z"]}"#,
                "#/words",
                "has more than 2 items",
            ),
            (
                r#"{"name":"a","parts":[{"name":"b"},{"name":null}]}"#,
                "#/parts/1/name",
                "is null; a string is expected",
            ),
            (
                r#"{"name":"a","parts":[["b"]]}"#,
                "#/parts/0",
                "is an array; an object is expected",
            ),
            (r#"{"name":"a","name":"b"}"#, "#/name", "is given twice"),
            (
                r#"{"name":"a","parts":[{"name":"b","cuont":1}]}"#,
                "#/parts/0/cuont",
                "is unknown; did you mean `count`?",
            ),
            (
                r#"{"name":"a","x`, expected `y/":1}"#,
                "#/x`, expected `y~1",
                "is unknown; known are name, count, factor, urgent, words, parts, raw",
            ),
        ] {
            assert_eq!(fault(body), (place.to_owned(), detail.to_owned()), "{body}");
        }
    }

    #[test]
    fn broken_grammar_is_told_apart_from_mistakes() {
        for body in [
            &b"{\"name\": \"a\",}"[..],
            b"{\"name\": \"a\"",
            b"{\"name\": \"a\"} x",
            b"{\"name\": \"\xff\"}",
            b"{\"name\": \"a\", \"raw\": \"\xff\"}",
            b"{\"name\": \"a\", \"raw\": [1,]}",
            b"{\"name\": \"a\", \"factor\": 1e999}",
            b"",
            b"\xef\xbb\xbf{}",
        ] {
            let problem = read::<Object<Order<'_>>>(body).expect_err("not JSON");
            assert_eq!(problem.name(), "malformed-json", "{body:?}");
        }
    }

    #[test]
    fn depth_counts_brackets_outside_of_strings() {
        assert!(!is_deeper_than("[[1],[2]]", 2));
        assert!(is_deeper_than("[[[1]],2]", 2));
        assert!(!is_deeper_than(r#"["[[[[\"[[[","{{{{"]"#, 1));
        assert!(is_deeper_than(r#"["\\",{"a":[]}]"#, 2));
    }
}
