//! A data set as it is written, before anything of it is believed. What is not named here is not
//! needed.

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

/// A data set.
#[derive(Deserialize)]
pub(super) struct Raw {
    #[serde(default)]
    pub(super) class: Option<String>,
    /// Version 1 has one of these around it.
    #[serde(default)]
    pub(super) dataset: Option<IgnoredAny>,
    #[serde(default)]
    pub(super) id: Option<Vec<String>>,
    #[serde(default)]
    pub(super) size: Option<Vec<u64>>,
    #[serde(default)]
    pub(super) dimension: HashMap<String, RawDimension>,
    #[serde(default)]
    pub(super) value: Option<RawCells>,
    #[serde(default)]
    pub(super) status: Value,
}

#[derive(Deserialize)]
pub(super) struct RawDimension {
    pub(super) category: RawCategory,
}

#[derive(Deserialize)]
pub(super) struct RawCategory {
    #[serde(default)]
    pub(super) index: Option<RawIndex>,
    #[serde(default)]
    pub(super) label: BTreeMap<String, String>,
}

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell {
    /// There is no value.
    Missing,
    /// There is one.
    Number(f64),
    /// There is a text where a number should be.
    Text,
}

/// `category.index`: codes in order, or the place of each.
pub(super) enum RawIndex {
    List(Vec<String>),
    Places(Vec<(String, u64)>),
}

impl<'de> Deserialize<'de> for RawIndex {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Index;
        impl<'de> Visitor<'de> for Index {
            type Value = RawIndex;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of codes or an object from code to place")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<RawIndex, A::Error> {
                let mut codes = Vec::new();
                while let Some(code) = list.next_element()? {
                    codes.push(code);
                }
                Ok(RawIndex::List(codes))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawIndex, A::Error> {
                let mut places = Vec::new();
                while let Some(place) = map.next_entry()? {
                    places.push(place);
                }
                Ok(RawIndex::Places(places))
            }
        }
        from.deserialize_any(Index)
    }
}

/// `value`: a list of cells, or an object from a cell's number to the cell.
pub(super) enum RawCells {
    List(Vec<Cell>),
    Numbered(HashMap<u64, Cell>),
}

impl<'de> Deserialize<'de> for RawCells {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Values;
        impl<'de> Visitor<'de> for Values {
            type Value = RawCells;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of values or an object from cell number to value")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<RawCells, A::Error> {
                let mut cells = Vec::new();
                while let Some(cell) = list.next_element()? {
                    cells.push(cell);
                }
                Ok(RawCells::List(cells))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawCells, A::Error> {
                let mut cells = HashMap::new();
                while let Some((number, cell)) = map.next_entry::<String, Cell>()? {
                    let plain = number.bytes().all(|b| b.is_ascii_digit());
                    let number = number.parse().ok().filter(|_| plain).ok_or_else(|| {
                        A::Error::custom(format!("{number:?} is not the number of a cell"))
                    })?;
                    cells.insert(number, cell);
                }
                Ok(RawCells::Numbered(cells))
            }
        }
        from.deserialize_any(Values)
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Single;
        impl Visitor<'_> for Single {
            type Value = Cell;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or null")
            }

            fn visit_unit<E>(self) -> Result<Cell, E> {
                Ok(Cell::Missing)
            }

            fn visit_f64<E>(self, value: f64) -> Result<Cell, E> {
                Ok(Cell::Number(value))
            }

            #[expect(clippy::cast_precision_loss, reason = "JSON's numbers are doubles")]
            fn visit_i64<E>(self, value: i64) -> Result<Cell, E> {
                Ok(Cell::Number(value as f64))
            }

            #[expect(clippy::cast_precision_loss, reason = "JSON's numbers are doubles")]
            fn visit_u64<E>(self, value: u64) -> Result<Cell, E> {
                Ok(Cell::Number(value as f64))
            }

            fn visit_str<E>(self, _: &str) -> Result<Cell, E> {
                Ok(Cell::Text)
            }
        }
        from.deserialize_any(Single)
    }
}
