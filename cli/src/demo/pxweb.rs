//! A sample table server: speaks the API of `PxWeb`, version 1, over the built-in data sets.
//!
//! `GET` of a table is its metadata, `POST` a query that is answered in JSON-stat 2.0. Of the
//! filters, `item`, `all` and `top` are there; of the formats, `json-stat2` alone.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

use super::cube::{Cube, Dimension};

/// Longest query.
const MAX_QUERY: usize = 64 * 1024;

/// The name of the database, as its path has it.
const DATABASE: &str = "/api/v1/en/demo";

/// The tables of the server, by their ids.
#[derive(Debug, Clone)]
pub(super) struct Tables(Arc<Vec<(&'static str, Arc<Cube>)>>);

impl Tables {
    /// The built-in data sets as tables.
    pub(super) fn new(oecd: Arc<Cube>, states: Arc<Cube>) -> Self {
        Self(Arc::new(vec![("UNR.px", oecd), ("GSP.px", states)]))
    }

    fn find(&self, id: &str) -> Result<&Cube, Refusal> {
        let found = self.0.iter().find(|(known, _)| *known == id);
        found.map(|(_, cube)| &**cube).ok_or(Refusal::NoTable)
    }
}

/// What is asked of a table.
#[derive(Debug, Deserialize)]
struct Query {
    query: Vec<Asked>,
    response: Option<Format>,
}

#[derive(Debug, Deserialize)]
struct Asked {
    code: String,
    selection: Selection,
}

#[derive(Debug, Deserialize)]
struct Selection {
    filter: String,
    values: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Format {
    format: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// The query is none, or names what the table has not.
    Parameter,
    /// There is no such table.
    NoTable,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::Parameter => (StatusCode::BAD_REQUEST, "Parameter error"),
            Self::NoTable => (StatusCode::NOT_FOUND, "Page not found"),
        };
        (status, Json(json!({ "error": error }))).into_response()
    }
}

/// The server's addresses.
pub(super) fn router(tables: Tables) -> Router {
    Router::new()
        .route(DATABASE, get(list))
        .route(
            &format!("{DATABASE}/{{table}}"),
            get(metadata)
                .post(data)
                .layer(DefaultBodyLimit::max(MAX_QUERY)),
        )
        .with_state(tables)
}

async fn list(State(tables): State<Tables>) -> Json<Value> {
    let table = |(id, cube): &(&str, Arc<Cube>)| json!({ "id": id, "type": "t", "text": cube.label, "updated": cube.updated });
    Json(tables.0.iter().map(table).collect())
}

async fn metadata(
    State(tables): State<Tables>,
    Path(table): Path<String>,
) -> Result<Json<Value>, Refusal> {
    Ok(Json(described(tables.find(&table)?)))
}

async fn data(
    State(tables): State<Tables>,
    Path(table): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    answer(tables.find(&table)?, &body).map(Json)
}

fn described(cube: &Cube) -> Value {
    let variables: Vec<Value> = cube
        .dimensions
        .iter()
        .map(|dimension| {
            let codes: Vec<&str> = dimension
                .categories
                .iter()
                .map(|c| c.code.as_str())
                .collect();
            let texts: Vec<&str> = dimension
                .categories
                .iter()
                .map(|c| c.text.as_str())
                .collect();
            let mut variable = Map::from_iter([
                ("code".to_owned(), json!(dimension.code)),
                ("text".to_owned(), json!(dimension.text)),
                ("values".to_owned(), json!(codes)),
                ("valueTexts".to_owned(), json!(texts)),
            ]);
            if dimension.is_time {
                variable.insert("time".to_owned(), true.into());
            }
            variable.into()
        })
        .collect();
    json!({ "title": cube.label, "variables": variables })
}

/// Answers a query. A dimension that it does not name is there with all of its categories.
fn answer(cube: &Cube, body: &[u8]) -> Result<Value, Refusal> {
    let query: Query = serde_json::from_slice(body).map_err(|_| Refusal::Parameter)?;
    if query
        .response
        .is_none_or(|asked| asked.format != "json-stat2")
    {
        return Err(Refusal::Parameter);
    }
    let all = |dimension: &Dimension| (0..dimension.categories.len()).collect();
    let mut picked: Vec<Vec<usize>> = cube.dimensions.iter().map(all).collect();
    let mut named = Vec::new();
    for asked in &query.query {
        let place = cube.dimension(&asked.code).ok_or(Refusal::Parameter)?;
        if named.contains(&place) {
            return Err(Refusal::Parameter);
        }
        named.push(place);
        if let (Some(dimension), Some(into)) = (cube.dimensions.get(place), picked.get_mut(place)) {
            *into = pick(dimension, &asked.selection)?;
        }
    }
    Ok(cube.jsonstat(&picked))
}

/// The places of the categories that a selection means, in the order of the table.
fn pick(dimension: &Dimension, selection: &Selection) -> Result<Vec<usize>, Refusal> {
    let codes = || {
        dimension
            .categories
            .iter()
            .map(|category| category.code.as_str())
    };
    let picked: Vec<usize> = match selection.filter.as_str() {
        "top" => {
            let [count] = selection.values.as_slice() else {
                return Err(Refusal::Parameter);
            };
            let count: usize = count.parse().map_err(|_| Refusal::Parameter)?;
            let length = codes().count();
            let count = count.min(length);
            // Along time the newest ones are meant, which stand last.
            let first = if dimension.is_time { length - count } else { 0 };
            (first..first + count).collect()
        }
        "all" => positions(codes(), |code| {
            selection
                .values
                .iter()
                .any(|pattern| matches(pattern, code))
        }),
        aggregated if aggregated.starts_with("agg:") || aggregated.starts_with("vs:") => {
            return Err(Refusal::Parameter);
        }
        // `item`, and whatever else is written there.
        _ => {
            let known = |value: &String| codes().any(|code| code == value);
            if !selection.values.iter().all(known) {
                return Err(Refusal::Parameter);
            }
            positions(codes(), |code| {
                selection.values.iter().any(|value| value == code)
            })
        }
    };
    if picked.is_empty() {
        return Err(Refusal::Parameter);
    }
    Ok(picked)
}

fn positions<'a>(
    codes: impl Iterator<Item = &'a str>,
    wanted: impl Fn(&str) -> bool,
) -> Vec<usize> {
    let numbered = codes.enumerate().filter(|(_, code)| wanted(code));
    numbered.map(|(place, _)| place).collect()
}

/// Whether a code fits a pattern: `*` stands for any letters, `?` for one. Takes no longer than
/// the lengths of both multiplied.
fn matches(pattern: &str, code: &str) -> bool {
    let (pattern, code): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), code.chars().collect());
    // fits[i]: the pattern so far fits the first i letters of the code.
    let mut fits: Vec<bool> = (0..=code.len()).map(|length| length == 0).collect();
    for wanted in pattern {
        let mut so_far = false;
        let mut before = false;
        for (i, fit) in fits.iter_mut().enumerate() {
            let letter = i.checked_sub(1).and_then(|i| code.get(i));
            let one = before && letter.is_some_and(|letter| wanted == '?' || wanted == *letter);
            before = *fit;
            so_far |= *fit;
            *fit = if wanted == '*' { so_far } else { one };
        }
    }
    fits.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(query: &Value) -> Result<Value, Refusal> {
        let body = json!({ "query": query, "response": { "format": "json-stat2" } });
        answer(&Cube::oecd().unwrap(), body.to_string().as_bytes())
    }

    fn selected(code: &str, filter: &str, values: &[&str]) -> Value {
        json!({ "code": code, "selection": { "filter": filter, "values": values } })
    }

    #[test]
    fn items_are_picked_in_the_order_of_the_table() {
        let set = ask(&json!([
            selected("year", "item", &["2012", "2010"]),
            selected("area", "item", &["ES", "DE", "ES"]),
        ]));
        let set = set.unwrap();
        assert_eq!(set["size"], json!([1, 2, 2]));
        // Germany stands before Spain.
        let values = json!([6.757_338_631, 5.287_753_72, 20.063_212_19, 25.047_734_98]);
        assert_eq!(set["value"], values);
        assert_eq!(set["dimension"]["area"]["category"]["label"]["ES"], "Spain");
        assert_eq!(set.get("status"), None, "these are no projections");
    }

    #[test]
    fn the_newest_and_all_that_fit_a_pattern_are_picked() {
        let set = ask(&json!([
            selected("year", "top", &["1"]),
            selected("area", "all", &["U*", "S?"]),
        ]));
        let areas = &set.unwrap()["dimension"]["area"]["category"]["index"];
        assert_eq!(*areas, json!({"SK": 0, "SI": 1, "SE": 2, "UK": 3, "US": 4}));
        let set = ask(&json!([selected("year", "top", &["2"])])).unwrap();
        assert_eq!(
            set["dimension"]["year"]["category"]["index"],
            json!({"2013": 0, "2014": 1})
        );
        assert_eq!(
            set["size"],
            json!([1, 36, 2]),
            "what is not named is there in full"
        );
        assert_eq!(ask(&json!([])).unwrap()["size"], json!([1, 36, 12]));
    }

    #[test]
    fn what_the_table_does_not_have_is_refused() {
        for query in [
            json!([selected("country", "item", &["ES"])]),
            json!([selected("area", "item", &["XX"])]),
            json!([selected("area", "all", &["X*"])]),
            json!([selected("area", "item", &[])]),
            json!([selected("area", "agg:eu.agg", &["EU"])]),
            json!([selected("year", "top", &["two"])]),
            json!([selected("year", "top", &["0"])]),
            json!([selected("year", "top", &["1", "2"])]),
            json!([
                selected("year", "top", &["1"]),
                selected("year", "top", &["1"])
            ]),
            json!("everything"),
        ] {
            assert_eq!(ask(&query), Err(Refusal::Parameter), "{query}");
        }
        let oecd = Cube::oecd().unwrap();
        for body in [
            "",
            "[]",
            r#"{"query":[]}"#,
            r#"{"query":[],"response":{"format":"px"}}"#,
        ] {
            assert_eq!(
                answer(&oecd, body.as_bytes()),
                Err(Refusal::Parameter),
                "{body}"
            );
        }
    }

    #[test]
    fn metadata_names_every_code() {
        let told = described(&Cube::oecd().unwrap());
        let area = &told["variables"][1];
        assert_eq!(
            (&area["code"], &area["values"][0]),
            (&json!("area"), &json!("AU"))
        );
        assert_eq!(area.get("time"), None);
        assert_eq!(told["variables"][2]["time"], true);
    }

    #[test]
    fn patterns_are_those_of_a_file_name() {
        for (pattern, code, fits) in [
            ("*", "", true),
            ("*", "abc", true),
            ("a*c", "abbbc", true),
            ("a*c", "abb", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("", "a", false),
            ("**a**", "xaz", true),
            ("Č*", "ČETRTLETJE", true),
        ] {
            assert_eq!(matches(pattern, code), fits, "{pattern} {code}");
        }
    }
}
