//! The screens, from what is known to have happened.

use super::*;
use crate::demo::{
    commands::tests::commands,
    ready::{DeadLetter, Place},
    receiver::Taken,
    result::OfDestination,
    samples::{Addresses, Origins},
};
use shared::job::JobId;
use std::{collections::BTreeMap, path::PathBuf};

const RUN: &str = "0197f2c4-6f2e-7b1c-8d7a-3f5f0a6f2b11";
const DEAD: &str = "0197f2c4-6f2e-7b1c-8d7a-3f5f0a6f2b12";

fn id(text: &str) -> JobId {
    text.parse().unwrap()
}

fn metric(key: &str, value: f64, year: &str, unit: Option<&str>, from: &'static str) -> Metric {
    Metric {
        key: key.to_owned(),
        value,
        date: Some(format!("{year}-01-01T00:00:00Z")),
        unit: unit.map(str::to_owned),
        from,
    }
}

fn delivered(delivered: u64) -> OfDestination {
    OfDestination {
        delivered,
        ..OfDestination::default()
    }
}

fn ready() -> Ready {
    let address = |port| ([127, 0, 0, 1], port).into();
    let directory = PathBuf::from("/tmp/windlass-demo-9HZp8V");
    Ready {
        version: "0.1.0",
        pid: 4711,
        complete: true,
        place: Place {
            api: "http://127.0.0.1:7400".to_owned(),
            instead_of: None,
            config: directory.join("windlass.toml"),
            log: directory.join("windlass.log"),
            directory,
            kept: false,
        },
        samples: Addresses {
            pxweb: address(41001),
            json_api: address(41002),
            receiver: address(41003),
        },
        data: Origins {
            oecd: "Economic Outlook No 92 - December 2012 - OECD Annual Projections".to_owned(),
            gsp: "Wikipedia (usgovernmentrevenue.com)".to_owned(),
        },
        pipeline: Pipeline {
            name: "economy",
            job: id(RUN),
            state: State::Completed,
            status: Some("published".to_owned()),
            took_ms: Some(299),
            every_ms: Some(30_000),
            why: None,
            metrics: vec![
                metric(
                    "unemployment_spain",
                    25.047_734_98,
                    "2012",
                    Some("%"),
                    "PxWeb table",
                ),
                metric(
                    "gsp_texas",
                    1_458_300.0,
                    "2013",
                    Some("million USD"),
                    "JSON API",
                ),
                metric("unemployment_gap", 19.759_981, "2012", None, "computed"),
            ],
            destinations: BTreeMap::from([
                ("databox".to_owned(), delivered(3)),
                ("subscriber".to_owned(), delivered(1)),
            ]),
        },
        taken: Taken {
            pushes: 1,
            values: 3,
            events: 1,
            failed_calls: 3,
            ..Taken::default()
        },
        dead_letter: DeadLetter {
            job: id(DEAD),
            state: State::Discarded,
            attempts: 3,
            error: Some(
                "POST http://127.0.0.1:41003 answered 503 Service Unavailable: out of order"
                    .to_owned(),
            ),
        },
        commands: commands(None).printed(id(DEAD), "economy"),
    }
}

/// Without colours, as it is printed where there is no terminal.
fn plain(event: &Event) -> String {
    let coloured = render(event, Duration::from_secs(75));
    anstream::adapter::strip_str(&coloured).to_string()
}

#[test]
fn the_first_screen() {
    insta::assert_snapshot!(plain(&Event::Ready(Box::new(ready()))), @r#"
    Windlass 0.1.0 demo: all of it runs here, nothing leaves this machine

      API       http://127.0.0.1:7400
      receiver  http://127.0.0.1:41003  (shows what it took)
      files     /tmp/windlass-demo-9HZp8V  windlass.toml, windlass.log

    Pipeline economy collected, computed and published in 299 ms; again every 30 s
        unemployment_spain  2012      25.05  %            PxWeb table
        gsp_texas           2013  1,458,300  million USD  JSON API
        unemployment_gap    2012      19.76               computed
        to databox     3 delivered  the receiver has 3 values, token right
        to subscriber  1 delivered  the receiver has 1 event, signature right
        data: Economic Outlook No 92 - December 2012 - OECD Annual Projections
              Wikipedia (usgovernmentrevenue.com)

    One job fails on purpose, and is a dead letter after 3 attempts
      POST http://127.0.0.1:41003 answered 503 Service Unavailable: out of order
      mend it    windlass demo mend
      replay it  windlass dlq replay 0197f2c4-6f2e-7b1c-8d7a-3f5f0a6f2b12

    Look around, in another terminal
      windlass status
      windlass job list
      windlass pipeline show economy

    Ready after 75 s. Ctrl-C ends the demo and removes its files. From now on:
    "#);
}

#[test]
fn the_first_screen_of_a_demo_that_is_late() {
    let mut late = ready();
    late.complete = false;
    late.place.api = "http://127.0.0.1:40123".to_owned();
    late.place.instead_of = Some("127.0.0.1:7400".to_owned());
    late.place.kept = true;
    late.pipeline = Pipeline {
        state: State::Scheduled,
        status: None,
        took_ms: None,
        metrics: Vec::new(),
        destinations: BTreeMap::new(),
        ..late.pipeline
    };
    late.dead_letter.state = State::Retryable;
    late.dead_letter.attempts = 1;
    late.commands = commands(Some(([127, 0, 0, 1], 40123).into())).printed(id(DEAD), "economy");
    insta::assert_snapshot!(plain(&Event::Ready(Box::new(late))), @r#"
    Windlass 0.1.0 demo: all of it runs here, nothing leaves this machine

      API       http://127.0.0.1:40123  (127.0.0.1:7400 is taken)
      receiver  http://127.0.0.1:41003  (shows what it took)
      files     /tmp/windlass-demo-9HZp8V  windlass.toml, windlass.log

    Pipeline economy has not ended yet: it is scheduled; again every 30 s
        data: Economic Outlook No 92 - December 2012 - OECD Annual Projections
              Wikipedia (usgovernmentrevenue.com)

    One job fails on purpose; it is no dead letter yet, but retryable after 1 attempt
      POST http://127.0.0.1:41003 answered 503 Service Unavailable: out of order
      mend it    windlass demo mend
      replay it  windlass dlq replay 0197f2c4-6f2e-7b1c-8d7a-3f5f0a6f2b12 --server http://127.0.0.1:40123

    Look around, in another terminal
      windlass status --server http://127.0.0.1:40123
      windlass job list --server http://127.0.0.1:40123
      windlass pipeline show economy --server http://127.0.0.1:40123

    Ready after 75 s. Ctrl-C ends the demo and keeps its files. From now on:
    "#);
}

#[test]
fn what_was_published_in_part_says_why() {
    let mut part = ready();
    part.pipeline.status = Some("partial".to_owned());
    part.pipeline.why = Some("states: GET http://127.0.0.1:41002 answered 500\n".to_owned());
    part.pipeline.destinations.insert(
        "subscriber".to_owned(),
        OfDestination {
            waiting: 1,
            ..OfDestination::default()
        },
    );
    part.taken.events = 0;
    let told = plain(&Event::Ready(Box::new(part)));
    let told: Vec<&str> = told
        .lines()
        .skip_while(|line| !line.starts_with("Pipeline"))
        .collect();
    insta::assert_snapshot!(told[..7].join("\n"), @r#"
    Pipeline economy published a part in 299 ms; again every 30 s
      states: GET http://127.0.0.1:41002 answered 500
        unemployment_spain  2012      25.05  %            PxWeb table
        gsp_texas           2013  1,458,300  million USD  JSON API
        unemployment_gap    2012      19.76               computed
        to databox     3 delivered  the receiver has 3 values, token right
        to subscriber  0 delivered, 1 waiting  the receiver has nothing yet
    "#);
}

#[test]
fn what_happens_later_is_a_line() {
    let ended = |kind: &str| Ended {
        job: id(RUN),
        kind: kind.to_owned(),
        state: State::Completed,
        attempts: 1,
        replay_of: None,
        error: None,
        run: None,
    };
    let run = crate::demo::event::Run {
        status: "published".to_owned(),
        took_ms: 310,
        metrics: 6,
        why: None,
    };
    let lines: String = [
        Event::JobEnded(Ended {
            run: Some(run),
            ..ended("pipeline")
        }),
        Event::Switched { mended: true },
        Event::JobEnded(Ended {
            replay_of: Some(id(DEAD)),
            ..ended("http")
        }),
        Event::JobEnded(Ended {
            state: State::Discarded,
            attempts: 3,
            error: Some("answered 503\u{1b}[2J".to_owned()),
            ..ended("http")
        }),
        Event::MoreEnded { jobs: 995 },
        Event::Refused {
            what: "an event",
            why: "the webhook-signature is wrong".to_owned(),
        },
        Event::Switched { mended: false },
        Event::Stopping,
        Event::Stopped(Summary {
            ran_ms: 75_000,
            pipeline_runs: 3,
            other_jobs: 1,
            taken: Taken {
                values: 18,
                events: 3,
                ..Taken::default()
            },
            directory: "/tmp/windlass-demo-9HZp8V".into(),
            kept: false,
        }),
    ]
    .iter()
    .map(plain)
    .collect();
    insta::assert_snapshot!(lines, @r#"
      1:15  pipeline published: 6 metrics in 310 ms
      1:15  the service is mended: what calls it succeeds
      1:15  replay of 0197f2c4-6f2e-7b1c-8d7a-3f5f0a6f2b12 completed after 1 attempt
      1:15  http 0197f2c4-6f2e-7b1c-8d7a-3f5f0a6f2b11 discarded after 3 attempts: answered 503 [2J
      1:15  and 995 more jobs ended
      1:15  the receiver refused an event: the webhook-signature is wrong
      1:15  the service is out of order: what calls it fails
      1:15  stopping: what runs may finish; Ctrl-C again stops at once

    Stopped after 75 s: 3 pipeline runs, 1 other job, 18 values and 3 events delivered. Removed: /tmp/windlass-demo-9HZp8V
    "#);
}

#[test]
fn programs_are_told_the_same_as_a_line_of_json() {
    let ready = serde_json::to_value(Event::Ready(Box::new(ready()))).unwrap();
    assert_eq!(ready["event"], "ready");
    assert_eq!(ready["place"]["api"], "http://127.0.0.1:7400");
    assert_eq!(ready["dead_letter"]["state"], "discarded");
    assert_eq!(
        ready["commands"]["replay"],
        format!("windlass dlq replay {DEAD}")
    );
    assert_eq!(ready["pipeline"]["metrics"][0]["value"], 25.047_734_98);
}
