//! A sample JSON API: the US states, one object each, as a small service might answer.

use axum::{Json, Router, extract::State, routing::get};
use serde_json::{Value, json};
use std::sync::Arc;

use super::cube::Cube;

/// The server's addresses.
///
/// # Errors
/// When the data set is not the one that was built in.
pub(super) fn router(states: &Cube) -> anyhow::Result<Router> {
    let answer = Arc::new(answer(states)?);
    Ok(Router::new()
        .route("/v1/states", get(all))
        .with_state(answer))
}

async fn all(State(answer): State<Arc<Value>>) -> Json<Value> {
    Json((*answer).clone())
}

/// The data set, written as people write JSON who have never heard of cubes.
fn answer(states: &Cube) -> anyhow::Result<Value> {
    let [year, state, concept] = states.dimensions.as_slice() else {
        anyhow::bail!("the data set of the US states has other dimensions");
    };
    let value = |of: usize, code: &str| {
        let concept = concept
            .categories
            .iter()
            .position(|known| known.code == code)?;
        states.value(&[0, of, concept])
    };
    let listed: Vec<Value> = state
        .categories
        .iter()
        .enumerate()
        .map(|(of, state)| {
            json!({
                "name": state.text,
                "gsp": value(of, "gsp"),
                "gsp_per_head": value(of, "capita"),
                "population": value(of, "pop"),
            })
        })
        .collect();
    Ok(json!({
        "title": states.label,
        "source": states.source,
        "year": year.categories.first().map(|year| year.code.as_str()),
        "units": { "gsp": "million USD", "gsp_per_head": "USD", "population": "million" },
        "states": listed,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_own_numbers() {
        let told = answer(&Cube::states().unwrap()).unwrap();
        assert_eq!(told["year"], "2013");
        let states = told["states"].as_array().unwrap();
        assert_eq!(states.len(), 51);
        let texas = states.iter().find(|state| state["name"] == "Texas");
        let expected = json!({"name": "Texas", "gsp": 1_458_300, "gsp_per_head": 58099,
            "population": 25.1});
        assert_eq!(texas, Some(&expected));
    }
}
