//! Queues, pipelines, schedules, destinations, workers, and all of it on one screen.

use shared::{
    schedule::{
        Definition, Timing,
        timing::{Every, When},
    },
    store::{BufferStore, Note, PutSchedule, ScheduleStore, Store},
};
use std::time::Duration;

use super::harness::Service;
use crate::exit::Code;

/// A schedule that fires every hour, as a scheduler keeps it.
async fn put_schedule(service: &Service) {
    let every = Every::new(Duration::from_hours(1)).unwrap();
    let timing = Timing::new(When::Every(every));
    let definition = Definition::pipeline(&"economy".parse().unwrap(), timing).unwrap();
    let params = PutSchedule {
        name: definition.name.clone(),
        definition: definition.to_text().unwrap(),
        rewind: true,
    };
    service.store.put_schedule(params).await.unwrap();
}

async fn disable(service: &Service, name: &str) {
    let note = Note::Disable("HTTP 410".to_owned());
    let name = name.parse().unwrap();
    service.store.note(name, note).await.unwrap();
}

#[tokio::test]
async fn a_queue_is_paused_and_resumed() {
    let service = Service::start().await;
    let id = service.submit(&["--queue", "mail"]).await;
    let told = service.run(&["queue", "pause", "mail"]).await.fine();
    insta::assert_snapshot!(told.out, @"mail is paused since 2026-11-21T07:00:00Z");
    service.clock.advance(Duration::from_mins(3));
    insta::assert_snapshot!(service.run(&["queue", "list"]).await.fine().out, @r"
    QUEUE  STATE   AVAILABLE  RUNNING  SCHEDULED  RETRYABLE  COMPLETED  DISCARDED  OLDEST AVAILABLE
    mail   paused  1          0        0          0          0          0          3m ago
    ");
    let shown = service.run(&["job", "show", &id]).await.fine().out;
    assert!(
        shown.contains(r#"its queue "mail" is paused, for 3m already"#),
        "{shown}"
    );
    let told = service.run(&["queue", "resume", "mail"]).await.fine();
    insta::assert_snapshot!(told.out, @"mail is open");
    let (code, message) = service.run(&["queue", "show", "mial"]).await.failed();
    assert_eq!(code, Code::Refused);
    insta::assert_snapshot!(message, @r#"
    there is no such queue: no queue "mial"
      `windlass queue list` shows all there are
    "#);
}

#[tokio::test]
async fn a_pipeline_is_run_and_its_result_shown() {
    let service = Service::start().await;
    let shown = service
        .run(&["pipeline", "show", "economy"])
        .await
        .fine()
        .out;
    assert!(shown.contains("it has not run yet"), "{shown}");
    let mut hands = service.hands().await;
    let told = service.run(&["pipeline", "run", "economy"]).await.fine();
    insta::assert_snapshot!(told.masked(), @"economy is run as job <1>");
    let report = r#"{"pipeline": "economy", "status": "failed", "begun_at": "2026-11-21T07:00:00Z",
        "took_ms": 20, "sources": {"shop": {"ok": false, "attempts": 3, "why": "HTTP 500"}},
        "metrics": {}, "destinations": {}}"#;
    hands.complete(report).await;
    insta::assert_snapshot!(service.run(&["pipeline", "show", "economy"]).await.fine().masked(), @r"
    pipeline      economy
    sources       shop
    destinations  databox

    runs:
    ID                                    STATE      KIND      QUEUE    ATTEMPT  ACCEPTED  WHEN AND WHY
    <1>  completed  pipeline  default  1/25     now       ended now

    last result (job <1>, now):
    failed at 2026-11-21T07:00:00Z, took 20ms

    SOURCE  COLLECTED  POINTS  ATTEMPTS  WHY NOT
    shop    failed             3         HTTP 500
    ");
    insta::assert_snapshot!(service.run(&["pipeline", "list"]).await.fine().out, @r"
    PIPELINE  SOURCES  DESTINATIONS  LAST RUN        ERROR
    economy   shop     databox       completed  now
    ");
    let finish = async {
        // The run is there once it can be claimed; the store's hints say when to look.
        let mut hints = service.store.wakeups();
        loop {
            let waiting = service
                .run(&["job", "list", "--state", "available", "--json"])
                .await;
            if waiting.fine().json()["items"] != serde_json::json!([]) {
                break;
            }
            hints.next().await;
        }
        hands.complete(report).await;
    };
    let line = ["pipeline", "run", "economy", "--watch"];
    let (told, ()) = tokio::join!(service.run(&line), finish);
    assert!(told.out.contains("shop    failed"), "{}", told.out);
    let expected = (Code::Failed, "nothing of economy was published".to_owned());
    assert_eq!(told.failed(), expected);
}

#[tokio::test]
async fn a_schedule_is_shown_paused_and_told_when_it_is_overdue() {
    let service = Service::start().await;
    put_schedule(&service).await;
    let list = ["schedule", "list"];
    insta::assert_snapshot!(service.run(&list).await.fine().out, @r"
    SCHEDULE          STATE  WHEN      NEXT   LAST TICK
    pipeline.economy  ok     every 1h  in 1h
    ");
    service.clock.advance(Duration::from_mins(90));
    insta::assert_snapshot!(service.run(&list).await.fine().out, @r"
    SCHEDULE          STATE    WHEN      NEXT    LAST TICK
    pipeline.economy  overdue  every 1h  in 30m
    ");
    let line = ["schedule", "pause", "pipeline.economy"];
    let told = service.run(&line).await.fine();
    insta::assert_snapshot!(told.out, @"pipeline.economy is paused since 2026-11-21T08:30:00Z");
    let shown = service
        .run(&["schedule", "show", "pipeline.economy"])
        .await
        .fine()
        .out;
    assert!(
        shown.starts_with("schedule      pipeline.economy\nstate         paused\n"),
        "{shown}"
    );
    let (code, message) = service.run(&["schedule", "show", "nightly"]).await.failed();
    assert_eq!(code, Code::Refused);
    assert!(message.contains("\"nightly\""), "{message}");
    let told = service
        .run(&["schedule", "resume", "pipeline.economy"])
        .await
        .fine();
    insta::assert_snapshot!(told.out, @"pipeline.economy fires next in 30m");
}

#[tokio::test]
async fn a_destination_is_switched_on_again() {
    let service = Service::start().await;
    disable(&service, "databox").await;
    insta::assert_snapshot!(service.run(&["destination", "list"]).await.fine().out, @r"
    DESTINATION  STATE     WAITING  OLDEST  SUCCEEDED  LAST FAILURE
    databox      disabled  0                           now: HTTP 410
    ");
    let told = service
        .run(&["destination", "enable", "databox"])
        .await
        .fine();
    insta::assert_snapshot!(told.out, @"databox is enabled; 0 entries wait");
    let (code, _) = service
        .run(&["destination", "enable", "other"])
        .await
        .failed();
    assert_eq!(code, Code::Refused);
}

#[tokio::test]
async fn workers_are_listed_and_one_that_is_silent_is_told() {
    let service = Service::start().await;
    let none = service.run(&["worker", "list"]).await.fine();
    assert_eq!(none.err, "no worker runs: `windlass worker` starts one\n");
    let _hands = service.hands().await;
    service.clock.advance(Duration::from_secs(90));
    insta::assert_snapshot!(service.run(&["worker", "list"]).await.fine().out, @r"
    ID  STATE   NAME   HOST  PID  VERSION  JOBS  HEARD OF   QUEUES
    1   silent  bench  here  7    0.1.0    0/4   1m30s ago  default
    ");
}

#[tokio::test]
async fn one_screen_tells_what_is_wrong_first() {
    let service = Service::start().await;
    put_schedule(&service).await;
    disable(&service, "databox").await;
    service.dead_letter("no such mailbox").await;
    service.submit(&[]).await;
    service.submit(&["--queue", "mail"]).await;
    service.submit(&["--queue", "reports"]).await;
    service.run(&["queue", "pause", "reports"]).await.fine();
    service.clock.advance(Duration::from_mins(90));
    let _hands = service.hands().await;
    insta::assert_snapshot!(service.run(&["status"]).await.fine().out, @r"
    API and store answer at 2026-11-21T08:30:00Z (memory: nothing survives the process); 2 workers with 0 jobs at work

    ! worker 1 (bench on here) was last heard of 1h30m ago; to be rescued from it: 0 jobs
    ! queue default is behind: 1 job ready, the oldest for 1h30m
    ! no worker serves queue mail with 1 job ready: `windlass worker --queues mail`
    ! queue reports is paused, for 1h30m already, with 1 job ready: `windlass queue resume reports`
    ! destination databox is disabled, for 1h30m already (HTTP 410): `windlass destination enable databox`
    ! schedule pipeline.economy should have fired 30m ago: does a scheduler run?
    ! 1 dead letter: `windlass dlq list`

    queues:
    QUEUE    STATE   AVAILABLE  RUNNING  SCHEDULED  RETRYABLE  COMPLETED  DISCARDED  OLDEST AVAILABLE
    default  open    1          0        0          0          0          1          1h30m ago
    mail     open    1          0        0          0          0          0          1h30m ago
    reports  paused  1          0        0          0          0          0          1h30m ago

    workers:
    ID  STATE   NAME   HOST  PID  VERSION  JOBS  HEARD OF   QUEUES
    1   silent  bench  here  7    0.1.0    0/4   1h30m ago  default
    2   ok      bench  here  7    0.1.0    0/4   now        default

    dead letters:
    KIND  DEAD LETTERS
    mail  1

    destinations:
    DESTINATION  STATE     WAITING  OLDEST  SUCCEEDED  LAST FAILURE
    databox      disabled  0                           1h30m ago: HTTP 410

    schedules:
    SCHEDULE          STATE    WHEN      NEXT    LAST TICK
    pipeline.economy  overdue  every 1h  in 30m
    ");
    let told = service.run(&["status", "--json"]).await.fine().json();
    assert_eq!(told["dead_letters"]["kinds"]["mail"], 1);
    assert_eq!(told["queues"]["items"].as_array().unwrap().len(), 3);
    assert_eq!(told["ready"]["status"], "ready");
}

#[tokio::test]
async fn nothing_wrong_is_told_too() {
    let service = Service::start().await;
    let _hands = service.hands().await;
    let told = service.run(&["status"]).await.fine().out;
    assert!(told.contains("\n\nnothing needs attention\n\n"), "{told}");
}
