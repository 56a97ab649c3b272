//! The problems, for people to read.

use axum::response::{IntoResponse, Response};
use std::fmt::Write as _;

use crate::{
    extract::Segment,
    problem::{
        Problem,
        catalog::{self, Entry},
        quote,
    },
};

/// `GET /problems`
pub(super) async fn list() -> Response {
    let mut text = String::new();
    for entry in catalog::ALL {
        writeln!(text, "{:<44}{}", entry.uri(), entry.title).unwrap_or_default();
    }
    text.into_response()
}

/// `GET /problems/{name}`
pub(super) async fn show(Segment(name): Segment) -> Result<Response, Problem> {
    let Some(entry) = Entry::find(&name) else {
        let detail = format!("no problem is called {}", quote(&name));
        return Err(Problem::with(&catalog::NO_SUCH_ADDRESS, detail));
    };
    let status = entry.status.map_or_else(
        || "told within a job".to_owned(),
        |status| format!("answered with {status}"),
    );
    Ok(format!(
        "{}\n{} ({status})\n\nWhat it means\n  {}\n\nWhat to do\n  {}\n",
        entry.title,
        entry.uri(),
        entry.meaning,
        entry.remedy
    )
    .into_response())
}
