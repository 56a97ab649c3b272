//! The data sets that are built in, as cubes that parts are picked from.

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::{Map, Number, Value, json};
use std::collections::BTreeMap;

/// Unemployment in the OECD countries; `cli/demo-data/README.md` says where it comes from.
const OECD: &[u8] = include_bytes!("../../demo-data/oecd.json");

/// Gross product of the US states; likewise.
const STATES: &[u8] = include_bytes!("../../demo-data/us-gsp.json");

/// A data set. Its values are row-major: the last dimension runs fastest.
#[derive(Debug)]
pub(super) struct Cube {
    pub(super) label: String,
    /// Who published the numbers.
    pub(super) source: String,
    pub(super) updated: String,
    pub(super) dimensions: Vec<Dimension>,
    role: Value,
    values: Vec<Option<Number>>,
    /// Marks of single values, by their place.
    status: BTreeMap<usize, String>,
}

/// One dimension of a cube.
#[derive(Debug)]
pub(super) struct Dimension {
    pub(super) code: String,
    pub(super) text: String,
    /// Whether it is the date.
    pub(super) is_time: bool,
    pub(super) categories: Vec<Category>,
}

/// One category of a dimension.
#[derive(Debug)]
pub(super) struct Category {
    pub(super) code: String,
    pub(super) text: String,
}

/// A data set as JSON-stat 2.0 writes it, as far as the built-in ones use it.
#[derive(Deserialize)]
struct Raw {
    label: String,
    source: String,
    updated: String,
    id: Vec<String>,
    size: Vec<usize>,
    role: Role,
    dimension: BTreeMap<String, RawDimension>,
    value: Vec<Option<Number>>,
    #[serde(default)]
    status: BTreeMap<usize, String>,
}

#[derive(Deserialize, serde::Serialize)]
struct Role {
    time: Vec<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize)]
struct RawDimension {
    label: String,
    category: RawCategory,
}

#[derive(Deserialize)]
struct RawCategory {
    /// Left out where there is one category only.
    #[serde(default)]
    index: BTreeMap<String, usize>,
    #[serde(default)]
    label: BTreeMap<String, String>,
}

impl Cube {
    /// Unemployment in the OECD countries.
    ///
    /// # Errors
    /// When the program was built with another file than this one can read.
    pub(super) fn oecd() -> anyhow::Result<Self> {
        Self::parse(OECD).context("the built-in data set of the OECD is broken")
    }

    /// Gross product of the US states.
    ///
    /// # Errors
    /// As of [`Self::oecd`].
    pub(super) fn states() -> anyhow::Result<Self> {
        Self::parse(STATES).context("the built-in data set of the US states is broken")
    }

    fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        let mut raw: Raw = serde_json::from_slice(bytes)?;
        let mut dimensions = Vec::with_capacity(raw.id.len());
        for (code, size) in raw.id.into_iter().zip(&raw.size) {
            let found = raw.dimension.remove(&code);
            let found = found.with_context(|| format!("it has no dimension {code}"))?;
            let categories = found.category.in_order();
            ensure!(categories.len() == *size, "the size of {code} is another");
            dimensions.push(Dimension {
                is_time: raw.role.time.contains(&code),
                text: found.label,
                categories,
                code,
            });
        }
        let cells: usize = raw.size.iter().product();
        ensure!(cells == raw.value.len(), "it has {cells} cells");
        Ok(Self {
            label: raw.label,
            source: raw.source,
            updated: raw.updated,
            dimensions,
            role: serde_json::to_value(raw.role)?,
            values: raw.value,
            status: raw.status,
        })
    }

    /// The place of a dimension.
    pub(super) fn dimension(&self, code: &str) -> Option<usize> {
        self.dimensions.iter().position(|known| known.code == code)
    }

    /// One value: a category's place for each dimension.
    pub(super) fn value(&self, at: &[usize]) -> Option<&Number> {
        self.values.get(self.place(at))?.as_ref()
    }

    fn place(&self, at: &[usize]) -> usize {
        let sizes = self.dimensions.iter().map(|known| known.categories.len());
        sizes.zip(at).fold(0, |place, (size, at)| place * size + at)
    }

    /// What was picked, as a data set in JSON-stat 2.0: for each dimension the places of its
    /// categories, in order.
    pub(super) fn jsonstat(&self, picked: &[Vec<usize>]) -> Value {
        let (mut values, mut status) = (Vec::new(), Map::new());
        each(picked, &mut Vec::new(), &mut |at| {
            let place = self.place(at);
            if let Some(mark) = self.status.get(&place) {
                status.insert(values.len().to_string(), mark.as_str().into());
            }
            values.push(json!(self.value(at)));
        });
        let both = self.dimensions.iter().zip(picked);
        let dimensions: Map<String, Value> = both
            .map(|(dimension, picked)| (dimension.code.clone(), dimension.jsonstat(picked)))
            .collect();
        let codes: Vec<&str> = self.dimensions.iter().map(|d| d.code.as_str()).collect();
        let sizes: Vec<usize> = picked.iter().map(Vec::len).collect();
        let mut set = json!({
            "version": "2.0",
            "class": "dataset",
            "label": self.label,
            "source": self.source,
            "updated": self.updated,
            "id": codes,
            "size": sizes,
            "role": self.role,
            "dimension": dimensions,
            "value": values,
        });
        if !status.is_empty()
            && let Some(set) = set.as_object_mut()
        {
            set.insert("status".to_owned(), status.into());
        }
        set
    }
}

impl RawCategory {
    /// The categories by their index; without one there is one only.
    fn in_order(self) -> Vec<Category> {
        let codes: Vec<String> = if self.index.is_empty() {
            self.label.keys().cloned().collect()
        } else {
            let mut codes: Vec<(String, usize)> = self.index.into_iter().collect();
            codes.sort_by_key(|(_, at)| *at);
            codes.into_iter().map(|(code, _)| code).collect()
        };
        let category = |code: String| Category {
            text: self.label.get(&code).unwrap_or(&code).clone(),
            code,
        };
        codes.into_iter().map(category).collect()
    }
}

impl Dimension {
    fn jsonstat(&self, picked: &[usize]) -> Value {
        let categories = || picked.iter().filter_map(|at| self.categories.get(*at));
        let index: Map<String, Value> = categories()
            .enumerate()
            .map(|(at, category)| (category.code.clone(), at.into()))
            .collect();
        let label: Map<String, Value> = categories()
            .map(|category| (category.code.clone(), category.text.as_str().into()))
            .collect();
        json!({ "label": self.text, "category": { "index": index, "label": label } })
    }
}

/// Calls `visit` with every combination, the last dimension fastest.
fn each(picked: &[Vec<usize>], at: &mut Vec<usize>, visit: &mut impl FnMut(&[usize])) {
    let Some(here) = picked.get(at.len()) else {
        return visit(at);
    };
    for place in here {
        at.push(*place);
        each(picked, at, visit);
        at.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_data_sets_are_those_of_their_files() {
        let oecd = Cube::oecd().unwrap();
        assert_eq!(
            oecd.label,
            "Unemployment rate in the OECD countries 2003-2014"
        );
        let (area, year) = (&oecd.dimensions[1], &oecd.dimensions[2]);
        let spain = area.categories.iter().position(|c| c.code == "ES").unwrap();
        let y2012 = year
            .categories
            .iter()
            .position(|c| c.code == "2012")
            .unwrap();
        assert_eq!(area.categories[spain].text, "Spain");
        assert!(year.is_time && !area.is_time);
        let value = oecd.value(&[0, spain, y2012]).unwrap();
        assert_eq!(value.to_string(), "25.04773498");

        let states = Cube::states().unwrap();
        let california = &states.dimensions[1].categories[4];
        assert_eq!(california.text, "California");
        assert_eq!(states.value(&[0, 4, 0]).unwrap().to_string(), "2080600");
    }

    #[test]
    fn what_was_picked_is_a_data_set_of_its_own() {
        let oecd = Cube::oecd().unwrap();
        // Australia and Austria, 2012 and 2013.
        let set = oecd.jsonstat(&[vec![0], vec![0, 1], vec![9, 10]]);
        assert_eq!(set["size"], json!([1, 2, 2]));
        let values = json!([5.224_336_088, 5.504_150_03, 4.351_345_785, 4.695_491_708]);
        assert_eq!(set["value"], values);
        assert_eq!(set["status"], json!({"1": "e", "3": "e"}));
        let years = &set["dimension"]["year"]["category"]["index"];
        assert_eq!(*years, json!({"2012": 0, "2013": 1}));
    }
}
