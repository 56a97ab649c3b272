//! The layers as one tree of values, each with the place it came from.

use std::{borrow::Cow, collections::BTreeMap};
use toml::de::{DeTable, DeValue};

use super::{
    fault::excerpt,
    origin::{Origin, Origins, join},
};

/// Keys and their values.
pub(super) type Table = BTreeMap<String, Node>;

/// A value and where it came from. Has no `Debug`: it may be a secret.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) origin: Origin,
    pub(super) value: Value,
}

/// A value as its layer wrote it.
#[derive(Clone)]
pub(super) enum Value {
    Truth(bool),
    Whole(i64),
    Real(f64),
    Text(String),
    Time(String),
    List(Vec<Node>),
    Table(Table),
    /// Text of the environment or a flag. What it stands for depends on what is wanted: `12` is a
    /// number of jobs and also a good name.
    Raw(String),
    /// A number beyond all bounds, and what to say of it.
    Beyond(String),
}

impl Node {
    /// The value in words, for "is …, not …".
    pub(super) fn describe(&self) -> String {
        match &self.value {
            Value::Truth(truth) => truth.to_string(),
            Value::Whole(number) => number.to_string(),
            Value::Real(number) => number.to_string(),
            Value::Text(text) | Value::Raw(text) => format!("the text {:?}", excerpt(text)),
            Value::Time(time) => format!("the time {time}"),
            Value::List(_) => "a list".to_owned(),
            Value::Table(_) => "a table".to_owned(),
            Value::Beyond(why) => why.clone(),
        }
    }

    pub(super) fn is_not(&self, wanted: &str) -> String {
        format!("is {}, not {wanted}", self.describe())
    }

    /// The value as text, if it is one.
    pub(super) fn text(&self) -> Result<Cow<'_, str>, ()> {
        match &self.value {
            Value::Text(text) => Ok(Cow::Borrowed(text)),
            Value::Raw(raw) => Ok(match self.reread(raw).map(|node| node.value) {
                Some(Value::Text(text)) => Cow::Owned(text),
                _ => Cow::Borrowed(raw),
            }),
            _ => Err(()),
        }
    }

    /// The value exactly as it was written, without any reading of quotes: for secrets.
    pub(super) fn verbatim(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Raw(text) => Some(text),
            _ => None,
        }
    }

    /// The value as a whole number.
    pub(super) fn whole(&self) -> Result<i64, String> {
        match &self.value {
            Value::Whole(number) => Ok(*number),
            Value::Raw(raw) => match self.reread(raw).map(|node| node.value) {
                Some(Value::Whole(number)) => Ok(number),
                Some(Value::Beyond(why)) => Err(format!("is {why}")),
                _ => Err(self.is_not("a whole number")),
            },
            Value::Beyond(why) => Err(format!("is {why}")),
            _ => Err(self.is_not("a whole number")),
        }
    }

    /// The value as a number; never infinite and never "not a number".
    pub(super) fn real(&self) -> Result<f64, String> {
        let number = match &self.value {
            Value::Real(number) => *number,
            Value::Raw(raw) => match self.reread(raw).map(|node| node.value) {
                Some(Value::Real(number)) => number,
                #[expect(clippy::cast_precision_loss, reason = "a factor, not an id")]
                Some(Value::Whole(number)) => number as f64,
                _ => return Err(self.is_not("a number")),
            },
            #[expect(clippy::cast_precision_loss, reason = "a factor, not an id")]
            Value::Whole(number) => *number as f64,
            Value::Beyond(why) => return Err(format!("is {why}")),
            _ => return Err(self.is_not("a number")),
        };
        if number.is_finite() {
            Ok(number)
        } else {
            Err(format!("is {number}, which is no number to count with"))
        }
    }

    /// The value as a list. From the environment also `a,b`.
    pub(super) fn list(&self) -> Result<Cow<'_, [Self]>, String> {
        match &self.value {
            Value::List(nodes) => Ok(Cow::Borrowed(nodes)),
            Value::Raw(raw) if raw.trim_start().starts_with('[') => {
                match self.reread(raw).map(|node| node.value) {
                    Some(Value::List(nodes)) => Ok(Cow::Owned(nodes)),
                    _ => Err(self.is_not("a list, such as [\"a\", \"b\"]")),
                }
            }
            Value::Raw(raw) => Ok(raw
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(|part| Self {
                    origin: self.origin.clone(),
                    value: Value::Raw(part.to_owned()),
                })
                .collect()),
            _ => Err(self.is_not("a list; put it between brackets")),
        }
    }

    /// The value as a table.
    pub(super) fn table(&self) -> Result<Cow<'_, Table>, String> {
        match &self.value {
            Value::Table(table) => Ok(Cow::Borrowed(table)),
            Value::Raw(raw) => match self.reread(raw).map(|node| node.value) {
                Some(Value::Table(table)) => Ok(Cow::Owned(table)),
                _ => Err(self.is_not("a table; set its keys one by one")),
            },
            _ => Err(self.is_not("a table")),
        }
    }

    /// The value as JSON.
    pub(super) fn json(&self) -> Result<serde_json::Value, String> {
        use serde_json::Value as Json;
        Ok(match &self.value {
            Value::Truth(truth) => Json::Bool(*truth),
            Value::Whole(number) => Json::from(*number),
            Value::Real(_) => Json::from(self.real()?),
            Value::Text(text) | Value::Time(text) => Json::from(text.as_str()),
            Value::Raw(raw) => match self.reread(raw) {
                Some(node) => node.json()?,
                None => Json::from(raw.as_str()),
            },
            Value::List(nodes) => {
                Json::Array(nodes.iter().map(Self::json).collect::<Result<_, _>>()?)
            }
            Value::Table(table) => {
                let pair = |(key, node): (&String, &Self)| Ok((key.clone(), node.json()?));
                Json::Object(table.iter().map(pair).collect::<Result<_, String>>()?)
            }
            Value::Beyond(why) => return Err(format!("holds {why}")),
        })
    }

    /// What `raw` is when it is read as TOML; `None` when it is no TOML.
    fn reread(&self, raw: &str) -> Option<Self> {
        let value = DeValue::parse(raw.trim()).ok()?;
        Some(from_toml(value.get_ref(), &|_| self.origin.clone(), 0))
    }
}

/// The tree of a parsed document; `origin` tells the place of a byte of it.
pub(super) fn from_document(table: &DeTable<'_>, origin: &dyn Fn(usize) -> Origin) -> Table {
    table
        .iter()
        .map(|(key, value)| {
            let node = from_toml(value.get_ref(), origin, key.span().start);
            (key.get_ref().clone().into_owned(), node)
        })
        .collect()
}

fn from_toml(value: &DeValue<'_>, origin: &dyn Fn(usize) -> Origin, at: usize) -> Node {
    let beyond =
        |text: &str| Value::Beyond(format!("{}, a number beyond all bounds", excerpt(text)));
    let value = match value {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Boolean(truth) => Value::Truth(*truth),
        DeValue::Datetime(time) => Value::Time(time.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| beyond(number.as_str()), Value::Whole),
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(read)
                if read.is_finite() || !number.as_str().contains(|c: char| c.is_ascii_digit()) =>
            {
                Value::Real(read)
            }
            _ => beyond(number.as_str()),
        },
        DeValue::Array(array) => Value::List(
            array
                .iter()
                .map(|item| from_toml(item.get_ref(), origin, item.span().start))
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(from_document(table, origin)),
    };
    Node {
        origin: origin(at),
        value,
    }
}

/// Lays `over` on top of `base`: tables are joined key by key, everything else is replaced.
pub(super) fn merge(base: &mut Table, over: Table) {
    for (key, node) in over {
        match (base.get_mut(&key), node) {
            (
                Some(Node {
                    origin,
                    value: Value::Table(below),
                }),
                Node {
                    origin: upper,
                    value: Value::Table(above),
                },
            ) => {
                // A section stays where it was first written: later layers only add to it.
                if *origin == Origin::Default {
                    *origin = upper;
                }
                merge(below, above);
            }
            (_, node) => {
                base.insert(key, node);
            }
        }
    }
}

/// Where every key of `table` came from.
pub(super) fn origins(table: &Table) -> Origins {
    let mut found = Origins::new();
    note(table, "", &mut found);
    found
}

fn note(table: &Table, path: &str, found: &mut Origins) {
    for (key, node) in table {
        note_node(node, join(path, key), found);
    }
}

fn note_node(node: &Node, path: String, found: &mut Origins) {
    match &node.value {
        Value::Table(table) => note(table, &path, found),
        Value::List(nodes) => {
            for (index, node) in nodes.iter().enumerate() {
                note_node(node, format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
    found.insert(path, node.origin.clone());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn raw(text: &str) -> Node {
        Node {
            origin: Origin::Default,
            value: Value::Raw(text.to_owned()),
        }
    }

    #[test]
    fn what_the_environment_says_is_read_as_what_is_wanted() {
        assert_eq!(raw("12").text().as_deref(), Ok("12"));
        assert_eq!(raw("12").whole(), Ok(12));
        assert_eq!(raw(" 0x10 ").whole(), Ok(16));
        assert_eq!(raw("2").real(), Ok(2.0));
        assert_eq!(raw("\"quoted\"").text().as_deref(), Ok("quoted"));
        assert_eq!(raw("\"half").text().as_deref(), Ok("\"half"));
        assert_eq!(raw("true").json(), Ok(serde_json::json!(true)));
        assert_eq!(raw("{ a = [1] }").json(), Ok(serde_json::json!({"a": [1]})));
        assert_eq!(
            raw("plain words").json(),
            Ok(serde_json::json!("plain words"))
        );
    }

    #[test]
    fn lists_have_two_forms_in_the_environment() {
        let parts = |text: &str| -> Result<Vec<String>, String> {
            raw(text)
                .list()?
                .iter()
                .map(|node| {
                    node.text()
                        .map(Cow::into_owned)
                        .map_err(|()| node.describe())
                })
                .collect()
        };
        assert_eq!(parts("a, b,"), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(
            parts("[\"a\", \"b,c\"]"),
            Ok(vec!["a".to_owned(), "b,c".to_owned()])
        );
        assert_eq!(parts(""), Ok(Vec::new()));
        assert!(parts("[a, b]").unwrap_err().contains("a list, such as"));
    }

    #[test]
    fn absurd_numbers_are_named() {
        for text in ["99999999999999999999", "1e999", "-1e999"] {
            let problem = raw(text).whole().unwrap_err();
            assert!(problem.contains("beyond all bounds"), "{problem}");
        }
        assert!(raw("nan").real().unwrap_err().contains("no number"));
        assert!(raw("inf").json().is_err());
    }

    #[test]
    fn later_layers_replace_values_and_join_tables() {
        let parse = |text: &str| {
            from_document(DeTable::parse(text).unwrap().get_ref(), &|_| {
                Origin::Default
            })
        };
        let mut base = parse("a = 1\n[t]\nx = 1\ny = [1, 2]");
        merge(&mut base, parse("a = { z = 1 }\n[t]\ny = [3]"));
        let merged = Node {
            origin: Origin::Default,
            value: Value::Table(base),
        };
        assert_eq!(
            merged.json(),
            Ok(serde_json::json!({"a": {"z": 1}, "t": {"x": 1, "y": [3]}}))
        );
    }

    proptest! {
        #[test]
        fn no_text_of_the_environment_panics(text in "\\PC{0,40}|[\\[\\]{}\",=0-9a-e.\\\\-]{0,40}") {
            let node = raw(&text);
            prop_assert!(node.text().is_ok());
            prop_assert!(node.whole().is_err() || text.contains(|c: char| c.is_ascii_alphanumeric()));
            prop_assert!(node.real().is_ok_and(f64::is_finite) || node.real().is_err());
            prop_assert!(node.json().is_ok() || node.json().is_err_and(|why| !why.is_empty()));
            prop_assert!(node.list().is_ok() || text.trim_start().starts_with('['));
            let braced = text.trim_start().starts_with('{');
            prop_assert!(node.table().is_err() || braced);
        }
    }
}
