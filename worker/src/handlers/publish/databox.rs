//! `databox`: numbers to Databox, over its push API.

mod verdict;
mod wire;

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use shared::{
    buffer::entry,
    config::{Databox, destinations::Wire},
    store::{Entry, EntryId, Fate},
};
use std::time::Duration;
use url::Url;

use super::flush::{End, Flush};
use crate::handlers::publish::databox::verdict::{Verdict, judge};

/// Databox takes ten calls a second.
const GAP: Duration = Duration::from_millis(100);

/// A window of its limit.
const WINDOW: Duration = Duration::from_secs(1);

/// As much of an answer is read.
const ANSWER: usize = 64 * 1024;

/// A point, ready to be sent.
struct Item {
    id: EntryId,
    text: String,
}

/// Delivers a batch: in one call when Databox takes it. When it finds fault with one of the points
/// without saying which, the batch is halved until that one is alone, and refused alone.
pub(super) async fn deliver(
    flush: &mut Flush<'_>,
    databox: &Databox,
    entries: Vec<Entry>,
) -> Result<(), End> {
    let mut items = Vec::new();
    let mut unfit = Vec::new();
    for entry in entries {
        let point = entry::point(&entry.body);
        match point.and_then(|point| wire::item(databox.wire, &point, entry.added_at)) {
            Ok(text) => items.push(Item { id: entry.id, text }),
            Err(why) => unfit.push((entry.id, Fate::Refused(why))),
        }
    }
    if !unfit.is_empty() {
        flush.decide(unfit).await?;
    }
    let mut groups = vec![items];
    while let Some(mut group) = groups.pop() {
        let fitting = wire::fitting(group.iter().map(|item| item.text.as_str()));
        if fitting < group.len() {
            groups.push(group.split_off(fitting));
        }
        if group.is_empty() {
            continue;
        }
        let verdict = push(flush, databox, &group).await?;
        let fates = match verdict {
            Verdict::Fault(_) | Verdict::TooLarge(_) if group.len() > 1 => {
                groups.push(group.split_off(group.len() / 2));
                groups.push(group);
                continue;
            }
            verdict => fates(&group, verdict),
        };
        flush.decide(fates).await?;
    }
    Ok(())
}

/// Sends a group of points; answers what Databox makes of it.
async fn push(flush: &Flush<'_>, databox: &Databox, group: &[Item]) -> Result<Verdict, End> {
    let body = wire::body(databox.wire, group.iter().map(|item| item.text.as_str()));
    let mut call = flush.call(address(databox)).json(body);
    let accept = HeaderValue::from_static("application/vnd.databox.v2+json");
    call.headers.insert(ACCEPT, accept);
    let credentials = STANDARD.encode(format!("{}:", databox.token.expose()));
    if let Ok(mut basic) = HeaderValue::try_from(format!("Basic {credentials}")) {
        basic.set_sensitive(true);
        call.headers.insert(AUTHORIZATION, basic);
    }
    let reply = flush.send(call, GAP).await?;
    let (status, asked) = (reply.status, reply.retry_after);
    let body = reply.read(ANSWER).await;
    let body = body.map_err(|error| flush.unanswered(&error))?;
    let verdict = judge(status, &body.bytes);
    flush.tell(!matches!(verdict, Verdict::Failed(_)));
    match verdict {
        Verdict::TooMany(why) => {
            let wait = asked.unwrap_or(WINDOW);
            Err(End::Throttled { wait, why })
        }
        Verdict::Unauthorized(why) => Err(End::Disabled(why)),
        Verdict::Failed(why) => Err(End::Failed { why, wait: asked }),
        verdict => Ok(verdict),
    }
}

/// Where points are pushed to.
fn address(databox: &Databox) -> Url {
    let mut url = databox.url.as_url().clone();
    if databox.wire == Wire::B
        && let Ok(mut path) = url.path_segments_mut()
    {
        path.pop_if_empty().push("data");
    }
    url
}

/// What became of a group that is not halved any more.
fn fates(group: &[Item], verdict: Verdict) -> Vec<(EntryId, Fate)> {
    let count = group.len() as u64;
    let fate = match verdict {
        Verdict::Partly { failed, told } if failed < count => {
            // Which ones is not told, and a point that is sent again might count twice.
            let taken = count - failed;
            Fate::Refused(format!(
                "perhaps: of {count} points sent together {taken} were taken, and it is not told \
                 which ({told})"
            ))
        }
        Verdict::Fault(told) | Verdict::TooLarge(told) | Verdict::Partly { told, .. } => {
            Fate::Refused(told)
        }
        _ => Fate::Delivered,
    };
    group.iter().map(|item| (item.id, fate.clone())).collect()
}

#[cfg(test)]
mod tests;
