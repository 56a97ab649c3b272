//! Numbers out of a cube: one category for some dimensions, every one of others, the latest along
//! time. Pure.

use shared::{clock::Timestamp, config::suggest::nearest, metric::period};
use std::collections::BTreeMap;

use super::dataset::{Category, Cell, Dataset, Dimension, Malformed};

/// Stands for every category of a dimension.
const EVERY: &str = "*";

/// Most cells that one selection looks at.
const MAX_CELLS: u64 = 1_000_000;

/// How many categories an error names.
const NAMED: usize = 5;

/// What is asked of a data set. Dimensions that are not named must have one category only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The category of each dimension, by code; `*`: every one, as an attribute.
    pub(crate) select: &'a BTreeMap<String, String>,
    /// The dimension that is the date.
    pub(crate) time: Option<&'a str>,
    /// How many of the latest values are taken along it.
    pub(crate) latest: usize,
}

/// A number and where it was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    /// The number.
    pub(crate) value: f64,
    /// When its period begins.
    pub(crate) date: Option<Timestamp>,
    /// Its category in each dimension of which every one is wanted: the label, or the code where
    /// there is none or another category has the same.
    pub(crate) attributes: BTreeMap<String, String>,
}

/// What was found, and what was not.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Selected {
    /// The numbers: by category, then by date.
    pub(crate) found: Vec<Found>,
    /// The combinations of categories that have no number at all, in words.
    pub(crate) missing: Vec<String>,
}

/// What becomes of one dimension.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Axis {
    Fixed(usize),
    Every,
    Time,
}

/// Takes the wanted numbers out of a data set.
///
/// # Errors
/// [`Malformed`] when a dimension or a category is unknown or not decided, the date's categories
/// are no periods, or more is wanted than one metric may be.
pub(crate) fn select(data: &Dataset, wanted: Wanted<'_>) -> Result<Selected, Malformed> {
    let axes = axes(data, wanted)?;
    let dimensions = data.dimensions();
    let time = axes.iter().position(|axis| *axis == Axis::Time);
    let periods = match time.and_then(|time| dimensions.get(time)) {
        Some(dimension) => newest_first(dimension)?,
        None => vec![(None, 0)],
    };
    let every: Vec<usize> = positions(&axes, Axis::Every);
    check_size(dimensions, &every, periods.len())?;
    let mut at: Vec<usize> = axes
        .iter()
        .map(|axis| {
            if let Axis::Fixed(place) = axis {
                *place
            } else {
                0
            }
        })
        .collect();
    let mut selected = Selected::default();
    loop {
        let attributes = attributes(dimensions, &every, &at);
        let mut series = Vec::new();
        let mut newest = None;
        for (date, place) in &periods {
            if let Some(time) = time {
                set(&mut at, time, *place);
            }
            match data.cell(&at) {
                Cell::Number(value) => series.push(Found {
                    value,
                    date: *date,
                    attributes: attributes.clone(),
                }),
                cell => newest = newest.or(Some((cell, data.status(&at)))),
            }
            if series.len() >= wanted.latest {
                break;
            }
        }
        if series.is_empty() {
            selected.missing.push(absence(&attributes, newest));
        }
        series.reverse();
        selected.found.append(&mut series);
        if !advance(dimensions, &every, &mut at) {
            return Ok(selected);
        }
    }
}

/// Decides every dimension.
fn axes(data: &Dataset, wanted: Wanted<'_>) -> Result<Vec<Axis>, Malformed> {
    let dimensions = data.dimensions();
    for named in wanted.select.keys().map(String::as_str).chain(wanted.time) {
        if !dimensions.iter().any(|dimension| dimension.id == named) {
            let ids: Vec<&str> = dimensions.iter().map(|d| d.id.as_str()).collect();
            let why = format!("it has no dimension {named:?}, but {}", listed(&ids));
            return Err(Malformed(why));
        }
    }
    dimensions
        .iter()
        .map(|dimension| axis(dimension, wanted))
        .collect()
}

fn axis(dimension: &Dimension, wanted: Wanted<'_>) -> Result<Axis, Malformed> {
    let (id, count) = (&dimension.id, dimension.categories.len());
    match wanted.select.get(id).map(String::as_str) {
        _ if count == 0 => Err(Malformed(format!("dimension {id:?} has no categories"))),
        _ if wanted.time == Some(id) => Ok(Axis::Time),
        Some(EVERY) => Ok(Axis::Every),
        Some(code) => dimension
            .find(code)
            .map(Axis::Fixed)
            .ok_or_else(|| unknown(dimension, code)),
        None if count == 1 => Ok(Axis::Fixed(0)),
        None => {
            let codes: Vec<&str> = dimension
                .categories
                .iter()
                .map(|c| c.code.as_str())
                .collect();
            let which = listed(&codes);
            Err(Malformed(format!(
                "dimension {id:?} is not decided: select one of its {count} categories, or \"*\" \
                 for every one: {which}"
            )))
        }
    }
}

/// Says that a category is unknown, and which was probably meant: by its code or by what people
/// call it.
fn unknown(dimension: &Dimension, code: &str) -> Malformed {
    let categories = &dimension.categories;
    let by_label = categories.iter().find(|category| {
        let label = category.label.as_deref().unwrap_or_default();
        label.eq_ignore_ascii_case(code)
    });
    let codes = || categories.iter().map(|category| category.code.as_str());
    let by_code = || {
        let meant = nearest(code, codes())?;
        dimension
            .find(meant)
            .and_then(|place| categories.get(place))
    };
    let hint = match by_label.or_else(by_code) {
        Some(Category { code, label }) => {
            let label = label.as_ref().map(|label| format!(" ({label})"));
            format!("did you mean {code:?}{}?", label.unwrap_or_default())
        }
        None => format!("it has {}", listed(&codes().collect::<Vec<_>>())),
    };
    let id = &dimension.id;
    Malformed(format!("dimension {id:?} has no category {code:?}; {hint}"))
}

/// The first few of some names, and how many there are beside.
fn listed(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(NAMED).map(|n| format!("{n:?}")).collect();
    match names.len().saturating_sub(NAMED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The periods of the dimension that is the date, and the places of their categories. What is
/// read are the codes; where these are mere numbers of categories, the labels.
fn newest_first(dimension: &Dimension) -> Result<Vec<(Option<Timestamp>, usize)>, Malformed> {
    let code = |category: &Category| period::start(&category.code);
    let label = |category: &Category| period::start(category.label.as_deref()?);
    let read = |text: &dyn Fn(&Category) -> Option<Timestamp>| -> Option<Vec<_>> {
        let dates = dimension.categories.iter().map(text);
        let numbered = dates.enumerate();
        numbered
            .map(|(place, date)| date.map(|date| (Some(date), place)))
            .collect()
    };
    let Some(mut periods) = read(&code).or_else(|| read(&label)) else {
        let stranger = dimension.categories.iter().find(|c| code(c).is_none());
        let code = stranger.map(|c| c.code.as_str()).unwrap_or_default();
        let (id, forms) = (&dimension.id, period::FORMS);
        let why = format!("category {code:?} of dimension {id:?} is no period, such as {forms}");
        return Err(Malformed(why));
    };
    periods.sort_by(|a, b| b.cmp(a));
    Ok(periods)
}

fn check_size(dimensions: &[Dimension], every: &[usize], periods: usize) -> Result<(), Malformed> {
    let sizes = every.iter().filter_map(|place| dimensions.get(*place));
    let cells = sizes.fold(periods as u64, |cells, dimension| {
        cells.saturating_mul(dimension.categories.len() as u64)
    });
    if cells > MAX_CELLS {
        let why = format!("it would take {cells} cells, more than {MAX_CELLS}: select fewer");
        return Err(Malformed(why));
    }
    Ok(())
}

fn positions(axes: &[Axis], wanted: Axis) -> Vec<usize> {
    let axes = axes.iter().enumerate();
    axes.filter(|(_, axis)| **axis == wanted)
        .map(|(place, _)| place)
        .collect()
}

fn set(at: &mut [usize], dimension: usize, place: usize) {
    if let Some(slot) = at.get_mut(dimension) {
        *slot = place;
    }
}

/// Moves on to the next combination of categories, the last dimension first; `false` after the
/// last one.
fn advance(dimensions: &[Dimension], every: &[usize], at: &mut [usize]) -> bool {
    for dimension in every.iter().rev() {
        let count = dimensions.get(*dimension).map_or(0, |d| d.categories.len());
        let next = at.get(*dimension).map_or(0, |place| place + 1);
        set(at, *dimension, if next < count { next } else { 0 });
        if next < count {
            return true;
        }
    }
    false
}

fn attributes(dimensions: &[Dimension], every: &[usize], at: &[usize]) -> BTreeMap<String, String> {
    let pair = |place: &usize| {
        let dimension = dimensions.get(*place)?;
        let category = dimension.categories.get(*at.get(*place)?)?;
        Some((dimension.id.clone(), category.name().to_owned()))
    };
    every.iter().filter_map(pair).collect()
}

/// Says that there is no number.
fn absence(attributes: &BTreeMap<String, String>, newest: Option<(Cell, Option<&str>)>) -> String {
    let what = match newest {
        Some((Cell::Text, _)) => "holds a text where a number should be",
        _ => "has no value",
    };
    let text = match newest {
        Some((_, Some(status))) => format!("{what} (status {status:?})"),
        _ => what.to_owned(),
    };
    if attributes.is_empty() {
        return text;
    }
    let pairs: Vec<String> = attributes.iter().map(|(k, v)| format!("{k} {v}")).collect();
    format!("{}: {text}", pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OECD: &[u8] = include_bytes!("../../../../tests/data/jsonstat/oecd.json");
    const GSP: &[u8] = include_bytes!("../../../../tests/data/jsonstat/us-gsp.json");

    fn pick(
        data: &[u8],
        pairs: &[(&str, &str)],
        time: Option<&str>,
        latest: usize,
    ) -> Result<Selected, Malformed> {
        let select = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let wanted = Wanted {
            select: &select,
            time,
            latest,
        };
        super::select(&Dataset::parse(data)?, wanted)
    }

    fn values(selected: &Selected) -> Vec<f64> {
        selected.found.iter().map(|found| found.value).collect()
    }

    fn day(text: &str) -> Option<Timestamp> {
        period::start(&format!("{text}T00:00:00Z"))
    }

    #[test]
    fn the_latest_unemployment_of_a_country_is_found() {
        let us = pick(OECD, &[("area", "US")], Some("year"), 1).unwrap();
        assert_eq!(values(&us), [7.514_930_043]);
        assert_eq!(us.found[0].date, day("2014-01-01"));
        assert!(us.found[0].attributes.is_empty());
        let germany = pick(OECD, &[("area", "DE"), ("concept", "UNR")], Some("year"), 3).unwrap();
        let dates: Vec<_> = germany.found.iter().map(|found| found.date).collect();
        assert_eq!(dates, ["2012-01-01", "2013-01-01", "2014-01-01"].map(day));
    }

    #[test]
    fn every_category_becomes_an_attribute_by_its_label() {
        let all = pick(OECD, &[("area", "*")], Some("year"), 2).unwrap();
        assert_eq!(all.found.len(), 72);
        let austria = &all.found[2];
        assert_eq!(austria.attributes["area"], "Austria");
        assert_eq!(austria.date, day("2013-01-01"));
        let states = pick(GSP, &[("state", "*"), ("concept", "pop")], None, 1).unwrap();
        assert_eq!((states.found.len(), states.found[0].date), (51, None));
        let both = pick(GSP, &[("state", "*"), ("concept", "*")], Some("year"), 1).unwrap();
        assert_eq!(
            values(&both)[..5],
            [174_400.0, 1.2, 4.8, 36_333.0, 45_600.0]
        );
        assert_eq!(
            both.found[3].attributes["concept"],
            "Gross State Product per capita"
        );
    }

    const ODD: &str = r#"{"class":"dataset","id":["t","x"],"size":[3,2],"dimension":{
        "t":{"category":{"index":["0","1","2"],"label":{"0":"2024M03","1":"2024M01","2":"2024M02"}}},
        "x":{"category":{"index":{"b":1,"a":0},"label":{"a":"Same","b":"Same"}}}},
        "value":{"0":null,"2":3.5,"3":"..","4":7,"5":9},"status":{"0":"m"}}"#;

    #[test]
    fn the_latest_value_is_the_latest_that_there_is_by_its_date() {
        let a = pick(ODD.as_bytes(), &[("x", "a")], Some("t"), 1).unwrap();
        assert_eq!(
            (values(&a), a.found[0].date),
            (vec![7.0], day("2024-02-01"))
        );
        let all = pick(ODD.as_bytes(), &[("x", "*")], Some("t"), 9).unwrap();
        assert_eq!(values(&all), [3.5, 7.0, 9.0]);
        assert_eq!(
            all.found[2].attributes["x"], "b",
            "labels that do not tell apart"
        );
    }

    #[test]
    fn what_has_no_value_is_told_with_its_status() {
        let only = ODD.replace("\"2\":3.5,", "").replace("\"4\":7,", "");
        let none = pick(only.as_bytes(), &[("x", "*")], Some("t"), 1).unwrap();
        assert_eq!(values(&none), [9.0]);
        assert_eq!(none.missing, ["x a: has no value (status \"m\")"]);
        let text = only
            .replace("\"5\":9", "\"5\":\"9\"")
            .replace("\"3\":\"..\",", "");
        let none = pick(text.as_bytes(), &[("x", "b")], Some("t"), 1).unwrap();
        assert_eq!(none.missing, ["has no value"]);
        let first = text.replace("\"0\":null", "\"1\":\"x\"");
        let none = pick(first.as_bytes(), &[("x", "b")], Some("t"), 1).unwrap();
        assert_eq!(none.missing, ["holds a text where a number should be"]);
    }

    #[test]
    fn what_cannot_be_selected_says_what_can() {
        for (pairs, time, told) in [
            (
                &[("area", "XX99")][..],
                Some("year"),
                "no category \"XX99\"; it has \"AU\"",
            ),
            (
                &[("area", "germany")],
                Some("year"),
                "did you mean \"DE\" (Germany)?",
            ),
            (
                &[("area", "us")],
                Some("year"),
                "did you mean \"US\" (United States)?",
            ),
            (
                &[("region", "US")],
                Some("year"),
                "no dimension \"region\", but \"concept\"",
            ),
            (&[("area", "US")], None, "dimension \"year\" is not decided"),
            (
                &[],
                Some("year"),
                "36 categories, or \"*\" for every one: \"AU\"",
            ),
            (
                &[("year", "2014")],
                Some("area"),
                "category \"AU\" of dimension \"area\" is no",
            ),
        ] {
            let refused = pick(OECD, pairs, time, 1).unwrap_err().to_string();
            assert!(refused.contains(told), "{pairs:?}: {refused}");
        }
    }

    #[test]
    fn a_selection_without_end_is_refused() {
        let dimension = |id: usize| {
            let codes: Vec<String> = (0..200).map(|n| format!("\"c{n}\"")).collect();
            format!(
                "\"d{id}\":{{\"category\":{{\"index\":[{}]}}}}",
                codes.join(",")
            )
        };
        let data = format!(
            r#"{{"id":["d0","d1","d2"],"size":[200,200,200],"value":{{}},"dimension":{{{},{},{}}}}}"#,
            dimension(0),
            dimension(1),
            dimension(2)
        );
        let every = [("d0", "*"), ("d1", "*"), ("d2", "*")];
        let refused = pick(data.as_bytes(), &every, None, 1)
            .unwrap_err()
            .to_string();
        assert!(refused.contains("8000000 cells"), "{refused}");
    }

    proptest! {
        /// Whatever is broken in a data set, the answer is numbers or words.
        #[test]
        fn a_mutilated_data_set_never_panics(at in 0..4900_usize, junk in "[\\[\\]{}\",:0-9e.-]{0,3}", len in 0..40_usize) {
            let mut text = String::from_utf8(GSP.to_vec()).unwrap();
            let end = (at + len).min(text.len());
            text.replace_range(at..end, &junk);
            let picked = pick(text.as_bytes(), &[("state", "*"), ("concept", "*")], Some("year"), 2);
            if let Ok(selected) = picked {
                prop_assert!(selected.found.iter().all(|found| found.value.is_finite()));
            }
        }
    }
}
