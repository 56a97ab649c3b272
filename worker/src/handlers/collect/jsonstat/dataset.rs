//! A JSON-stat 2.0 data set, read and checked: <https://json-stat.org/full/>.
//!
//! A data set is a cube. `id` names its dimensions, `size` says how many categories each has, and
//! `value` holds the cells with the last dimension running fastest, as a list or, where few cells
//! are filled, as an object from a cell's number to its value. Nothing of that is believed: every
//! part comes from another machine, and a size that disagrees with what is there would put
//! numbers under the wrong names.

use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};

pub(crate) use super::raw::Cell;

use super::raw::{Raw, RawCategory, RawCells, RawIndex};

/// What is wrong with a data set, or with what is asked of it, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(crate) String);

/// A cube of numbers.
#[derive(Debug)]
pub(crate) struct Dataset {
    dimensions: Vec<Dimension>,
    /// How far apart neighbours of each dimension are in `value`.
    strides: Vec<u64>,
    cells: Cells,
    status: Value,
}

/// One dimension of the cube.
#[derive(Debug)]
pub(crate) struct Dimension {
    /// Its id.
    pub(crate) id: String,
    /// Its categories, in order.
    pub(crate) categories: Vec<Category>,
    by_code: HashMap<String, usize>,
}

/// One category of a dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Category {
    /// Its code, by which it is selected.
    pub(crate) code: String,
    /// What people call it; nothing when they call another one the same.
    pub(crate) label: Option<String>,
}

impl Category {
    /// What it is called where people see it.
    pub(crate) fn name(&self) -> &str {
        self.label.as_ref().unwrap_or(&self.code)
    }
}

#[derive(Debug)]
enum Cells {
    Dense(Vec<Cell>),
    Sparse(HashMap<u64, Cell>),
}

impl Dataset {
    /// Reads a data set.
    ///
    /// # Errors
    /// [`Malformed`]: it is no JSON, no data set, or its parts disagree.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, Malformed> {
        let mut reader = serde_json::Deserializer::from_slice(json);
        let raw: Raw = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            let place = if path == "." { "it" } else { &path };
            Malformed(format!("{place} is wrong: {}", error.inner()))
        })?;
        reader
            .end()
            .map_err(|error| Malformed(format!("it does not end: {error}")))?;
        Self::check(raw)
    }

    /// The dimensions, in the order of the data set.
    pub(crate) fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// The cell at one category of each dimension, by their places.
    pub(crate) fn cell(&self, at: &[usize]) -> Cell {
        match &self.cells {
            Cells::Dense(cells) => usize::try_from(self.number(at))
                .ok()
                .and_then(|number| cells.get(number).copied()),
            Cells::Sparse(cells) => cells.get(&self.number(at)).copied(),
        }
        .unwrap_or(Cell::Missing)
    }

    /// What the data set says about a cell: `e` for estimated, and the like.
    pub(crate) fn status(&self, at: &[usize]) -> Option<&str> {
        let number = self.number(at);
        match &self.status {
            Value::String(all) => Some(all.as_str()),
            Value::Array(list) => list.get(usize::try_from(number).ok()?)?.as_str(),
            Value::Object(map) => map.get(&number.to_string())?.as_str(),
            _ => None,
        }
    }

    fn number(&self, at: &[usize]) -> u64 {
        // Places below the sizes, whose product was checked to be a number, cannot overflow.
        let steps = at.iter().zip(&self.strides);
        steps.map(|(place, stride)| *place as u64 * stride).sum()
    }
}

impl Dimension {
    /// The place of a category.
    pub(crate) fn find(&self, code: &str) -> Option<usize> {
        self.by_code.get(code).copied()
    }
}

impl Dataset {
    fn check(raw: Raw) -> Result<Self, Malformed> {
        let refuse = |what: String| Err(Malformed(what));
        if raw.dataset.is_some() {
            return refuse("it is JSON-stat 1; ask for version 2 (json-stat2)".to_owned());
        }
        if let Some(class) = raw.class.filter(|class| class != "dataset") {
            return refuse(format!("its class is {class:?}, not \"dataset\""));
        }
        let (Some(id), Some(size), Some(value)) = (raw.id, raw.size, raw.value) else {
            return refuse("it lacks id, size or value: it is no JSON-stat data set".to_owned());
        };
        if id.len() != size.len() {
            return refuse(format!(
                "id names {} dimensions and size has {} numbers",
                id.len(),
                size.len()
            ));
        }
        let mut written = raw.dimension;
        let mut dimensions = Vec::new();
        for (id, size) in id.into_iter().zip(&size) {
            let Some(found) = written.remove(&id) else {
                let why = format!("id names {id:?}, which dimension does not hold (or id twice)");
                return refuse(why);
            };
            let dimension = Dimension::new(id, found.category)?;
            if dimension.categories.len() as u64 != *size {
                return refuse(format!(
                    "dimension {:?} has {} categories and the size {size}",
                    dimension.id,
                    dimension.categories.len()
                ));
            }
            dimensions.push(dimension);
        }
        let (strides, count) = strides(&size)?;
        Ok(Self {
            dimensions,
            strides,
            cells: Cells::new(value, &size, count)?,
            status: raw.status,
        })
    }
}

/// How far apart the neighbours of each dimension are, and how many cells there are.
fn strides(size: &[u64]) -> Result<(Vec<u64>, u64), Malformed> {
    let mut strides = vec![0; size.len()];
    let mut product = 1_u64;
    for (stride, size) in strides.iter_mut().zip(size).rev() {
        *stride = product;
        product = product
            .checked_mul(*size)
            .ok_or_else(|| Malformed("size makes more cells than can be counted".to_owned()))?;
    }
    Ok((strides, product))
}

impl Dimension {
    fn new(id: String, raw: RawCategory) -> Result<Self, Malformed> {
        let codes = match raw.index {
            Some(RawIndex::List(codes)) => codes,
            Some(RawIndex::Places(places)) => in_order(&id, places)?,
            // Where there is one category only, its label is enough.
            None if raw.label.len() == 1 => raw.label.keys().cloned().collect(),
            None => {
                let why = format!(
                    "dimension {id:?} has {} categories and no index",
                    raw.label.len()
                );
                return Err(Malformed(why));
            }
        };
        let labels = unambiguous(raw.label);
        let mut by_code = HashMap::new();
        let mut categories = Vec::new();
        for (place, code) in codes.into_iter().enumerate() {
            if by_code.insert(code.clone(), place).is_some() {
                let why = format!("dimension {id:?} has the category {code:?} twice");
                return Err(Malformed(why));
            }
            let label = labels.get(&code).cloned();
            categories.push(Category { code, label });
        }
        Ok(Self {
            id,
            categories,
            by_code,
        })
    }
}

/// The labels that only one category has.
fn unambiguous(labels: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut uses: HashMap<String, usize> = HashMap::new();
    for label in labels.values() {
        *uses.entry(label.clone()).or_default() += 1;
    }
    let mut labels = labels;
    labels.retain(|_, label| uses.get(label) == Some(&1));
    labels
}

/// Codes in the order of their places, which must be 0, 1, 2 and so on.
fn in_order(id: &str, places: Vec<(String, u64)>) -> Result<Vec<String>, Malformed> {
    let count = places.len();
    let mut seen = HashSet::new();
    for (code, place) in &places {
        if *place >= count as u64 || !seen.insert(*place) {
            return Err(Malformed(format!(
                "dimension {id:?} puts category {code:?} at place {place}; {count} categories have \
                 the places 0 to {}, each once",
                count.saturating_sub(1)
            )));
        }
    }
    let mut places = places;
    places.sort_by_key(|(_, place)| *place);
    Ok(places.into_iter().map(|(code, _)| code).collect())
}

impl Cells {
    fn new(raw: RawCells, size: &[u64], count: u64) -> Result<Self, Malformed> {
        match raw {
            RawCells::List(cells) if cells.len() as u64 == count => Ok(Self::Dense(cells)),
            RawCells::List(cells) => Err(Malformed(format!(
                "value holds {} cells, but size {size:?} makes {count}",
                cells.len()
            ))),
            RawCells::Numbered(cells) => match cells.keys().find(|number| **number >= count) {
                None => Ok(Self::Sparse(cells)),
                Some(number) => Err(Malformed(format!(
                    "value holds cell {number}, but size {size:?} makes {count} cells, from 0 on"
                ))),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(json: &str) -> String {
        Dataset::parse(json.as_bytes()).unwrap_err().to_string()
    }

    /// A data set of 2 by 3 cells, with some of its text replaced.
    fn changed(from: &str, to: &str) -> String {
        let plain = r#"{"class":"dataset","id":["a","b"],"size":[2,3],"dimension":{
            "a":{"category":{"index":["x","y"]}},
            "b":{"category":{"index":{"p":0,"q":1,"r":2}}}},"value":[1,2,3,4,5,6.5]}"#;
        assert!(plain.contains(from), "{from}");
        plain.replacen(from, to, 1)
    }

    #[test]
    fn the_last_dimension_runs_fastest() {
        let data = Dataset::parse(changed("", "").as_bytes()).unwrap();
        assert_eq!(data.cell(&[0, 2]), Cell::Number(3.0));
        assert_eq!(data.cell(&[1, 0]), Cell::Number(4.0));
        assert_eq!(data.cell(&[1, 2]), Cell::Number(6.5));
        assert_eq!(data.dimensions()[1].find("r"), Some(2));
    }

    #[test]
    fn a_sparse_value_is_read_like_a_dense_one() {
        let sparse = changed("[1,2,3,4,5,6.5]", r#"{"5":6.5,"0":null}"#);
        let data = Dataset::parse(sparse.as_bytes()).unwrap();
        assert_eq!(data.cell(&[1, 2]), Cell::Number(6.5));
        assert_eq!(data.cell(&[0, 0]), Cell::Missing);
        assert_eq!(data.cell(&[0, 1]), Cell::Missing);
    }

    #[test]
    fn a_status_is_read_in_each_of_its_forms() {
        for (status, told) in [
            (r#""e""#, Some("e")),
            (r#"["a","b","c","d","e","f"]"#, Some("d")),
            (r#"["a"]"#, None),
            (r#"{"3":"p"}"#, Some("p")),
            ("{}", None),
            ("7", None),
        ] {
            let json = changed("\"value\"", &format!("\"status\":{status},\"value\""));
            let data = Dataset::parse(json.as_bytes()).unwrap();
            assert_eq!(data.status(&[1, 0]), told, "{status}");
        }
    }

    #[test]
    fn sizes_that_disagree_are_refused_and_both_are_named() {
        for (from, to, told) in [
            (
                "[2,3]",
                "[3,2]",
                "dimension \"a\" has 2 categories and the size 3",
            ),
            (
                "[2,3]",
                "[2,3,1]",
                "id names 2 dimensions and size has 3 numbers",
            ),
            ("[2,3]", "[2,-3]", "size[1] is wrong"),
            ("[2,3]", "[2,3.5]", "size[1] is wrong"),
            (
                "[2,3]",
                "[2,1000000000000000000]",
                "and the size 1000000000000000000",
            ),
            (
                "6.5]",
                "6.5,7]",
                "value holds 7 cells, but size [2, 3] makes 6",
            ),
            ("[1,2,3,4,5,6.5]", "[]", "value holds 0 cells"),
            ("[1,2,3,4,5,6.5]", r#"{"6":1}"#, "value holds cell 6"),
            ("[1,2,3,4,5,6.5]", r#"{"-1":1}"#, "\"-1\" is not the number"),
            (
                "[1,2,3,4,5,6.5]",
                r#"{"1e0":1}"#,
                "\"1e0\" is not the number",
            ),
            ("[1,2,3,4,5,6.5]", "7", "value is wrong"),
            ("6.5]", "[]]", "value[5] is wrong"),
            ("6.5]", "true]", "value[5] is wrong"),
            ("6.5]", "1e999]", "out of range"),
        ] {
            let why = refused(&changed(from, to));
            assert!(why.contains(told), "{to}: {why}");
        }
    }

    #[test]
    fn parts_that_are_missing_or_twice_are_refused() {
        for (from, to, told) in [
            (
                "\"dataset\"",
                "\"collection\"",
                "its class is \"collection\"",
            ),
            ("[\"a\",\"b\"]", "[\"a\",\"z\"]", "id names \"z\""),
            ("[\"a\",\"b\"]", "[\"a\",\"a\"]", "id names \"a\""),
            ("[\"x\",\"y\"]", "[\"x\",\"x\"]", "the category \"x\" twice"),
            ("\"r\":2", "\"r\":1", "at place 1"),
            ("\"r\":2", "\"r\":3", "at place 3"),
            (
                "\"r\":2",
                "\"r\":-1",
                "dimension.b.category.index.r is wrong",
            ),
            (
                "{\"index\":[\"x\",\"y\"]}",
                "{}",
                "0 categories and no index",
            ),
            ("\"id\"", "\"ids\"", "lacks id, size or value"),
            ("{\"class\"", "{\"dataset\":{},\"class\"", "json-stat2"),
            ("6.5]}", "6.5]}}", "does not end"),
            ("6.5]}", "6.5]", "EOF"),
        ] {
            let why = refused(&changed(from, to));
            assert!(why.contains(told), "{to}: {why}");
        }
        assert!(refused("[1]").contains("is wrong"));
        assert!(refused("").contains("EOF"));
        assert!(refused(&"[".repeat(10_000)).contains("is wrong"));
    }

    #[test]
    fn sizes_whose_product_is_no_number_are_refused() {
        let dimensions: Vec<String> = (0..70)
            .map(|n| format!("\"d{n}\":{{\"category\":{{\"index\":[\"a\",\"b\"]}}}}"))
            .collect();
        let ids: Vec<String> = (0..70).map(|n| format!("\"d{n}\"")).collect();
        let json = format!(
            r#"{{"id":[{}],"size":[{}],"dimension":{{{}}},"value":{{}}}}"#,
            ids.join(","),
            vec!["2"; 70].join(","),
            dimensions.join(",")
        );
        assert!(refused(&json).contains("more cells than can be counted"));
    }

    /// Any JSON that resembles a data set.
    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            (0_u64..4).prop_map(Value::from),
            "[a-c0-3]{0,2}".prop_map(Value::from),
        ];
        let name = prop_oneof![
            "[a-c0-3]",
            Just("category".to_owned()),
            Just("index".to_owned()),
            Just("label".to_owned())
        ];
        leaf.prop_recursive(4, 40, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(name.clone(), inner, 0..4)
                    .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_json_panics(id in anything(), size in anything(), dimension in anything(), value in anything()) {
            let json = serde_json::json!({"id": id, "size": size, "dimension": dimension, "value": value});
            if let Ok(data) = Dataset::parse(json.to_string().as_bytes()) {
                let first = vec![0; data.dimensions().len()];
                data.cell(&first);
                data.status(&first);
            }
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _read = Dataset::parse(&bytes);
        }
    }
}
