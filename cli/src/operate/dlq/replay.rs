//! Replaying dead letters, by id or by filter.

use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;
use shared::{clock::Timestamp, job::JobId};
use std::collections::BTreeMap;

use crate::{
    Result,
    exit::{Code, Failure},
    operate::{
        client::{Repeat, Request},
        desk::Desk,
        filter::{FilterFlags, checked},
        problem::Words,
        wire::{self, Replayed},
    },
    output::{
        Table,
        table::{excerpt, plain},
    },
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  windlass dlq replay 0197f2c4-6f2e-7b1c-8d7a-3f5f0a6f2b11
  windlass dlq replay 0197f2c4-6f2e-7b1c-8d7a-3f5f0a6f2b11 --args '{\"to\": \"mended@example.com\"}'
  windlass dlq replay --kind send_email --from 1d --dry-run
  windlass dlq replay --all --limit 10000

A dead letter is replayed once; each run names the other.")]
pub(crate) struct Replay {
    /// The dead letters' ids.
    #[arg(value_name = "ID", value_parser = checked::<JobId>)]
    ids: Vec<JobId>,
    /// All that were not replayed yet, up to the limit.
    #[arg(long, conflicts_with_all = ["ids", "FilterFlags"])]
    all: bool,
    /// How many of those that fit, the newest first: 1 to 10000 [default: 100].
    #[arg(
        long,
        value_name = "COUNT",
        conflicts_with = "ids",
        value_parser = clap::value_parser!(u64).range(1..=10_000),
    )]
    limit: Option<u64>,
    /// Only shows what would become of them.
    #[arg(long)]
    dry_run: bool,
    /// Other args instead of those it died with, for one id.
    #[arg(long, value_name = "JSON", requires = "ids", value_parser = json)]
    args: Option<Box<RawValue>>,
    #[command(flatten)]
    filter: FilterFlags,
}

/// The body of the request.
#[derive(Debug, Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    ids: Option<&'a [JobId]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<BTreeMap<&'static str, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<&'a RawValue>,
    dry_run: bool,
}

/// The members of the body, and the flags that they come from.
const FLAGS: [(&str, &str); 8] = [
    ("ids", "ID"),
    ("filter/kind", "--kind"),
    ("filter/queue", "--queue"),
    ("filter/tag", "--tag"),
    ("filter/accepted_from", "--from"),
    ("filter/accepted_before", "--before"),
    ("limit", "--limit"),
    ("args", "--args"),
];

impl Replay {
    /// # Errors
    /// When nothing is chosen, or two ways of choosing are mixed.
    fn body(&self, now: Timestamp) -> Result<Body<'_>> {
        let refused = |why: &str| Err(Failure::new(Code::Usage, why));
        let by_filter = !self.filter.is_empty();
        if self.ids.is_empty() && !by_filter && !self.all {
            return refused(
                "nothing is chosen: which dead letters?\n  name ids, filters such as --kind or \
                 --from, or --all; --dry-run shows what would become of them",
            );
        }
        if !self.ids.is_empty() && by_filter {
            return refused("ids and filters do not go together: name one or the other");
        }
        if self.args.is_some() && self.ids.len() != 1 {
            return refused("--args goes with one id: each dead letter has args of its own");
        }
        let filter = || self.filter.pairs(now).into_iter().collect();
        Ok(Body {
            ids: (!self.ids.is_empty()).then_some(&self.ids),
            filter: self.ids.is_empty().then(filter),
            limit: self.limit,
            args: self.args.as_deref(),
            dry_run: self.dry_run,
        })
    }

    pub(super) async fn run(self, desk: &mut Desk) -> Result {
        let body = self.body(desk.now())?;
        // By filter, a second request would replay the next ones: those of the first are not open
        // any more.
        let repeat = if self.dry_run || body.ids.is_some() {
            Repeat::Safe
        } else {
            Repeat::Unsent
        };
        let request = Request::post(&["v1", "dead-letters", "replay"]);
        let request = request.body(&body)?.repeat(repeat);
        let answer = desk.ask(request, Words::Flags(&FLAGS)).await?;
        let report: wire::Replay = answer.read()?;
        if desk.json() {
            desk.printer.document(answer.text())?;
        } else {
            desk.printer
                .table(table(&report.items), "no dead letter fits")?;
            if !report.items.is_empty() {
                desk.printer.hint(summary(&report));
            }
        }
        if report.more {
            let hint = if report.dry_run {
                "there may be more: --limit COUNT shows more of them"
            } else {
                "there may be more: the same command again replays the next ones"
            };
            desk.printer.hint(hint);
        }
        verdict(&report.items)
    }
}

fn json(text: &str) -> Result<Box<RawValue>, String> {
    RawValue::from_string(text.trim().to_owned()).map_err(|error| format!("is not JSON: {error}"))
}

fn table(items: &[Replayed]) -> Table {
    let mut table = Table::new(&["id", "verdict", "new run", "what it means"]);
    for item in items {
        table.row([
            plain(&item.id),
            plain(&item.verdict),
            plain(item.new_run.as_deref().unwrap_or_default()),
            excerpt(&meaning(item)),
        ]);
    }
    table
}

fn meaning(item: &Replayed) -> String {
    match item.verdict.as_str() {
        "new" => "runs again".to_owned(),
        "would" => "would run again, unless its unique key is held by then".to_owned(),
        "already" => "was replayed before".to_owned(),
        "duplicate" => {
            let holder = item.holder.as_deref().unwrap_or("another job");
            format!("its unique key is held by {holder}")
        }
        "not_dead" => {
            let state = item.state.as_deref().unwrap_or("in another state");
            format!("is no dead letter, but {state}")
        }
        "unknown" => "there is no such job".to_owned(),
        _ => String::new(),
    }
}

fn summary(report: &wire::Replay) -> String {
    let verb = if report.dry_run {
        "would be replayed"
    } else {
        "replayed"
    };
    format!("{} of {} {verb}", report.replayed, report.items.len())
}

/// Whether all of them run again, now or since before.
fn verdict(items: &[Replayed]) -> Result {
    let fine = |item: &&Replayed| matches!(item.verdict.as_str(), "new" | "would" | "already");
    let count = items.len() - items.iter().filter(fine).count();
    match count {
        0 => Ok(()),
        1 => Err(Failure::new(Code::Refused, "1 cannot be replayed")),
        count => Err(Failure::new(
            Code::Refused,
            format!("{count} cannot be replayed"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        replay: Replay,
    }

    const ID: &str = "0197f2c4-6f2e-7b1c-8d7a-3f5f0a6f2b11";

    fn body(line: &[&str]) -> Result<String, String> {
        let line = Line::try_parse_from([&["replay"], line].concat());
        let replay = line.map_err(|error| error.to_string())?.replay;
        let now = "2026-11-21T07:00:00Z".parse().unwrap();
        let body = replay.body(now).map_err(|failure| format!("{failure:?}"))?;
        Ok(serde_json::to_string(&body).unwrap())
    }

    #[test]
    fn a_selection_becomes_the_body() {
        insta::assert_snapshot!(body(&[ID, "--args", "{\"a\":1.0}"]).unwrap(),
            @r#"{"ids":["0197f2c4-6f2e-7b1c-8d7a-3f5f0a6f2b11"],"args":{"a":1.0},"dry_run":false}"#);
        insta::assert_snapshot!(body(&["--kind", "a,b", "--from", "1h", "--limit", "7"]).unwrap(),
            @r#"{"filter":{"accepted_from":"2026-11-21T06:00:00Z","kind":"a,b"},"limit":7,"dry_run":false}"#);
        insta::assert_snapshot!(body(&["--all", "--dry-run"]).unwrap(),
            @r#"{"filter":{},"dry_run":true}"#);
    }

    #[test]
    fn an_empty_selection_and_a_mixed_one_are_refused() {
        assert!(body(&[]).unwrap_err().contains("name ids"));
        assert!(body(&["--limit", "5"]).unwrap_err().contains("name ids"));
        for wrong in [
            &[ID, "--kind", "a"][..],
            &[ID, "--all"],
            &["--all", "--kind", "a"],
            &[ID, "--limit", "3"],
            &["--all", "--limit", "10001"],
            &[ID, ID, "--args", "{}"],
            &["--all", "--args", "{}"],
            &[ID, "--args", "{"],
            &["not-an-id"],
        ] {
            assert!(body(wrong).is_err(), "{wrong:?}");
        }
    }
}
