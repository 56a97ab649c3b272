//! A point: one number of a metric, as it travels from a source to a destination.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::collections::BTreeMap;

use super::{MetricKey, period};
use crate::clock::Timestamp;

/// The first number that has more digits than destinations take.
const TOO_LARGE: f64 = 1e16;

/// Decimals that are kept, as a factor.
const DECIMALS: f64 = 1e6;

/// Above this a double has fewer decimals than are kept anyway.
const COARSE: f64 = 9e9;

/// One number of a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Which metric.
    pub key: MetricKey,
    /// The number.
    pub value: Value,
    /// What it is the number of: an instant, or a period by its start. `None`: of when it was
    /// collected.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "date_or_period"
    )]
    pub date: Option<Timestamp>,
    /// What is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What tells it from other numbers of the metric at the same date.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_or"
    )]
    pub attributes: BTreeMap<String, String>,
}

/// A number that every destination takes: finite, six decimals, no more than sixteen digits.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Value(f64);

impl Value {
    /// Rounds `number` to six decimals.
    ///
    /// # Errors
    /// Why it cannot be published.
    pub fn new(number: f64) -> Result<Self, String> {
        if !number.is_finite() {
            return Err("is no finite number".to_owned());
        }
        if number.abs() >= TOO_LARGE {
            return Err(format!("{number:e} has more than 16 digits"));
        }
        let rounded = if number.abs() < COARSE {
            (number * DECIMALS).round() / DECIMALS
        } else {
            number
        };
        // Adding zero makes a negative zero a plain one.
        Ok(Self(rounded + 0.0))
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Serialize for Value {
    /// A whole number is written as one.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.0.fract() == 0.0 {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "whole and of at most sixteen digits, it fits"
            )]
            to.serialize_i64(self.0 as i64)
        } else {
            to.serialize_f64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// A member that is null counts as left out.
fn null_or<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(from).map(Option::unwrap_or_default)
}

fn date_or_period<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else {
        return Ok(None);
    };
    let date = period::start(&text).ok_or_else(|| {
        let forms = period::FORMS;
        D::Error::custom(format!("{text:?} is no date or period, such as {forms}"))
    })?;
    Ok(Some(date))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(number: f64) -> String {
        serde_json::to_string(&Value::new(number).unwrap()).unwrap()
    }

    #[test]
    fn numbers_are_rounded_and_written_plainly() {
        for (number, text) in [
            (83_000.0, "83000"),
            (5.943_826_289, "5.943826"),
            (0.000_000_4, "0"),
            (-0.000_000_4, "0"),
            (-1.5, "-1.5"),
            (9_999_999_999_999_998.0, "9999999999999998"),
            (12_345_678_901.25, "12345678901.25"),
            (0.1 + 0.2, "0.3"),
        ] {
            assert_eq!(written(number), text);
        }
        for number in [f64::NAN, f64::INFINITY, 1e16, -1e300] {
            assert!(Value::new(number).is_err(), "{number}");
        }
    }

    #[test]
    fn a_point_is_read_with_a_date_in_any_form() {
        let point: Point =
            serde_json::from_str(r#"{"key":"sales","value":7,"date":"2024Q2"}"#).unwrap();
        assert_eq!(point.date, Some("2024-04-01T00:00:00Z".parse().unwrap()));
        let nulls = r#"{"key":"sales","value":7,"date":"2024-04","unit":null,"attributes":null}"#;
        assert_eq!(serde_json::from_str::<Point>(nulls).unwrap(), point);
        let text = serde_json::to_string(&point).unwrap();
        assert_eq!(
            text,
            r#"{"key":"sales","value":7,"date":"2024-04-01T00:00:00Z"}"#
        );
        assert_eq!(serde_json::from_str::<Point>(&text).unwrap(), point);
    }

    #[test]
    fn a_point_that_breaks_a_rule_says_which() {
        for (json, told) in [
            (r#"{"key":"$a","value":1}"#, "holds '$'"),
            (r#"{"key":"a","value":"1"}"#, "expected f64"),
            (r#"{"key":"a","value":1e17}"#, "16 digits"),
            (
                r#"{"key":"a","value":1,"date":"soon"}"#,
                "no date or period",
            ),
            (r#"{"key":"a","value":1,"extra":1}"#, "extra"),
            (r#"{"key":"a"}"#, "value"),
        ] {
            let refused = serde_json::from_str::<Point>(json).unwrap_err().to_string();
            assert!(refused.contains(told), "{json}: {refused}");
        }
    }

    proptest! {
        #[test]
        fn every_value_is_read_back_as_it_was(number in any::<f64>()) {
            if let Ok(value) = Value::new(number) {
                let text = serde_json::to_string(&value).unwrap();
                prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
                prop_assert_eq!(Value::new(value.get()).unwrap(), value);
            }
        }
    }
}
