//! `webhook`: events to a subscriber, signed as Standard Webhooks 1.0.0 says.
//!
//! One event per call, in order, with an id that is the same each time it is sent. An event that
//! the subscriber answers with an error rests while the others go on; after [`GIVE_UP`] it is
//! refused. A subscriber that cannot be reached ends the run, and no event is ever given up for
//! that.

mod signature;
mod verdict;

use reqwest::header::HeaderValue;
use shared::{
    buffer::entry,
    config::Webhook,
    store::{Entry, Fate},
};
use std::time::Duration;

use super::flush::{End, Flush};
use crate::handlers::{
    outbound::{Call, excerpt::excerpt},
    publish::webhook::verdict::{Verdict, judge},
};

/// For so long an event is tried that the subscriber answers with errors: as long as the example
/// schedule of the standard.
const GIVE_UP: Duration = Duration::from_hours(76);

/// And it has failed so often, to the knowledge of this process: an event that has only waited
/// for its subscriber to come back has not been tried.
const TRIES: u32 = 5;

/// As much of an error's body is looked at.
const ANSWER: usize = 4 * 1024;

/// Delivers events one after the other.
pub(super) async fn deliver(
    flush: &mut Flush<'_>,
    webhook: &Webhook,
    entries: Vec<Entry>,
) -> Result<(), End> {
    for entry in entries {
        if let Err(why) = entry::check_event(&entry.body) {
            flush.decide(vec![(entry.id, Fate::Refused(why))]).await?;
            continue;
        }
        let call = call(flush, webhook, &entry);
        let reply = flush.send(call, Duration::ZERO).await?;
        let (status, target) = (reply.status, reply.target.clone());
        let verdict = judge(status, reply.header("webhook-delivery"), reply.retry_after);
        flush.tell(matches!(
            verdict,
            Verdict::Taken | Verdict::Refused | Verdict::Throttled(_)
        ));
        if verdict == Verdict::Taken {
            flush.decide(vec![(entry.id, Fate::Delivered)]).await?;
            reply.discard().await;
            continue;
        }
        let words = excerpt(&reply.glimpse(ANSWER).await.bytes);
        let mut why = format!("{target} answered {status}");
        if !words.is_empty() {
            why = format!("{why}: {words}");
        }
        match verdict {
            Verdict::Refused => {
                let why = format!("{why} (and asked not to be sent it again)");
                flush.decide(vec![(entry.id, Fate::Refused(why))]).await?;
            }
            Verdict::Gone => return Err(End::Disabled(why)),
            Verdict::Throttled(wait) => return Err(End::Throttled { wait, why }),
            Verdict::Down(wait) => return Err(End::Failed { why, wait }),
            Verdict::Taken | Verdict::Failed if is_hopeless(flush, &entry) => {
                let why = format!("given up after three days: {why}");
                flush.decide(vec![(entry.id, Fate::Refused(why))]).await?;
            }
            Verdict::Taken | Verdict::Failed => flush.rest(entry.id, why),
        }
    }
    Ok(())
}

/// Whether an event that has just failed again was tried for long enough.
fn is_hopeless(flush: &Flush<'_>, entry: &Entry) -> bool {
    flush.now().since(entry.added_at) >= GIVE_UP && flush.failures(entry.id) >= TRIES
}

/// The call that delivers an event.
fn call<'a>(flush: &'a Flush<'_>, webhook: &Webhook, entry: &Entry) -> Call<'a> {
    let id = entry.id.0.to_string();
    let timestamp = flush.now().as_secs();
    let keys = std::iter::once(&webhook.secret).chain(&webhook.previous_secret);
    let signature = signature::sign(keys, &id, timestamp, &entry.body);
    let mut call = flush
        .call(webhook.url.as_url().clone())
        .json(entry.body.clone());
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            call.headers.insert(name, value);
        }
    };
    put("webhook-id", &id);
    put("webhook-timestamp", &timestamp.to_string());
    put("webhook-signature", &signature);
    call
}

#[cfg(test)]
mod tests;
