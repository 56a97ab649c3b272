//! Dead letters: list them, and replay them by id or by filter.

mod replay;

use axum::{
    Json,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use shared::{job::State as JobState, store::Filter};

use super::{List, filter, jobs::Summary};
use crate::{extract::query::flag, problem::Problem, state::AppState};
pub(super) use replay::replay;

/// `GET /v1/dead-letters`: those that were not replayed, unless `open=false`.
pub(super) async fn list(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let params = filter::read(query.as_deref(), |query, filter| {
        dead(filter);
        filter.open_dead_letters = query.one("open", flag).unwrap_or(true);
    })?;
    let page = app.store.list(params).await?;
    Ok(Json(List {
        items: page.items.iter().map(Summary::of).collect(),
        next: page.next.map(|cursor| cursor.to_string()),
    })
    .into_response())
}

/// Narrows a filter down to dead letters.
fn dead(filter: &mut Filter) {
    filter.states = [JobState::Discarded].into();
}
