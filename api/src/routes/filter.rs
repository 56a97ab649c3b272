//! Which jobs a list shows, read from a query, or from a body in the words of a query.

use serde::Deserialize;
use shared::{
    clock::Timestamp,
    job::{Invalid, Tag},
    page::{Cursor, DEFAULT_LIMIT, MAX_LIMIT},
    store::{Filter, ListParams},
};
use std::borrow::Cow;

use crate::{
    extract::{Query, shapes::Text},
    problem::{Faults, Place, Problem},
};

/// Takes the parameters that all filters have.
fn take(query: &mut Query<'_>) -> Filter {
    let time = |text: &str| text.parse::<Timestamp>().map_err(why);
    Filter {
        kinds: query.many("kind"),
        queues: query.many("queue"),
        tag: query.one("tag", |text| text.parse::<Tag>().map_err(why)),
        accepted_from: query.one("accepted_from", time),
        accepted_before: query.one("accepted_before", time),
        ..Filter::default()
    }
}

/// Reads a whole query: the filter, what `more` takes, and which page.
pub(super) fn read(
    query: Option<&str>,
    more: impl FnOnce(&mut Query<'_>, &mut Filter),
) -> Result<ListParams, Problem> {
    let mut query = Query::new(query);
    let mut filter = take(&mut query);
    more(&mut query, &mut filter);
    let cursor = query.one("cursor", |text| text.parse::<Cursor>().map_err(why));
    let limit = query.one("limit", limit).unwrap_or(DEFAULT_LIMIT);
    query.finish()?;
    Ok(ListParams {
        filter,
        cursor,
        limit,
    })
}

fn limit(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(limit @ 1..=MAX_LIMIT) => Ok(limit),
        _ => Err(format!("{text:?} is not between 1 and {MAX_LIMIT}")),
    }
}

fn why(invalid: Invalid) -> String {
    invalid.why
}

/// A filter in a body: the same words, with the same commas, as in a query.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FilterBody<'a> {
    #[serde(borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    queue: Option<Text<'a>>,
    #[serde(borrow)]
    tag: Option<Text<'a>>,
    #[serde(borrow)]
    accepted_from: Option<Text<'a>>,
    #[serde(borrow)]
    accepted_before: Option<Text<'a>>,
}

impl FilterBody<'_> {
    /// The filter, or all that is wrong with it.
    pub(super) fn read(&self, place: Place) -> Result<Filter, Faults> {
        let members = [
            ("kind", &self.kind),
            ("queue", &self.queue),
            ("tag", &self.tag),
            ("accepted_from", &self.accepted_from),
            ("accepted_before", &self.accepted_before),
        ];
        let given = members.into_iter().filter_map(|(name, text)| {
            let text: &str = text.as_deref()?;
            Some((Cow::Borrowed(name), Cow::Borrowed(text)))
        });
        let mut query = Query::of(place, given);
        let filter = take(&mut query);
        let faults = query.into_faults();
        if faults.is_empty() {
            Ok(filter)
        } else {
            Err(faults)
        }
    }
}
