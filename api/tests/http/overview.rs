//! What there is besides jobs: workers, schedules, destinations, health, the index, the problems.

use insta::assert_json_snapshot;
use serde_json::json;
use shared::{
    job::JobId,
    schedule::{Definition, Every, Timing, When},
    store::{
        AppendParams, BufferStore, EntryId, NewEntry, Note, PutSchedule, RecordTick, ScheduleStore,
        TickDecision,
    },
};
use std::time::Duration;

use crate::harness::Service;

#[tokio::test]
async fn the_index_leads_to_everything() {
    let service = Service::new();
    let index = service.get("/").await;
    assert_json_snapshot!(index.shown());
    for link in index.json()["links"].as_array().unwrap() {
        assert_eq!(
            service.get(link.as_str().unwrap()).await.status,
            200,
            "{link}"
        );
    }
}

#[tokio::test]
async fn health_is_told() {
    let service = Service::new();
    assert_json_snapshot!(service.get("/healthz").await.shown());
    assert_json_snapshot!(service.get("/readyz").await.shown());
    service.shutdown.drain();
    assert_eq!(service.get("/healthz").await.status, 200);
    let stopping = service.get("/readyz").await;
    assert_eq!(
        (stopping.status, stopping.problem()),
        (503, "stopping".to_owned())
    );
}

#[tokio::test]
async fn workers_are_shown_with_what_they_hold() {
    let service = Service::new();
    service.submit(json!({ "kind": "noop" })).await;
    let mut hands = service.hands().await;
    hands.claim().await;
    assert_json_snapshot!(service.get("/v1/workers").await.shown());
}

#[tokio::test]
async fn schedules_are_shown_with_their_ticks_and_can_be_paused() {
    let service = Service::new();
    let every = Every::new(Duration::from_hours(1)).unwrap();
    let timing = Timing::new(When::Every(every));
    let definition = Definition::pipeline(&"economy".parse().unwrap(), timing).unwrap();
    let name = definition.name.clone();
    let put = PutSchedule {
        name: name.clone(),
        definition: definition.to_text().unwrap(),
        rewind: false,
    };
    service.store.put_schedule(put).await.unwrap();
    let at = service.clock.now();
    let job = Box::new(definition.job(at, at));
    service.clock.advance(Duration::from_mins(90));
    let skipped = "the job before still runs".to_owned();
    for (at, decision) in [
        (at, TickDecision::Fire(job)),
        (at + Duration::from_hours(1), TickDecision::Skip(skipped)),
    ] {
        let schedule = name.clone();
        let tick = RecordTick {
            schedule,
            at,
            decision,
        };
        service.store.record_tick(tick).await.unwrap();
    }
    let mut shown = service.get("/v1/schedules").await.shown();
    // How the scheduler writes a timing is its own affair.
    let timing = shown["body"]["items"][0]["definition"]["timing"].take();
    assert_eq!(timing["every"], "1h");
    assert_json_snapshot!(shown);

    let paused = service.poke(&format!("/v1/schedules/{name}/pause")).await;
    assert_eq!(
        (paused.status, &paused.json()["paused"]),
        (200, &json!(true))
    );
    assert_eq!(paused.json()["next_at"], json!(null));
    let resumed = service.poke(&format!("/v1/schedules/{name}/resume")).await;
    assert_eq!(resumed.json()["next_at"], "2026-11-21T09:00:00Z");
    for unknown in ["nobody", "no%20body"] {
        let answer = service
            .poke(&format!("/v1/schedules/{unknown}/pause"))
            .await;
        assert_eq!(
            (answer.status, answer.problem()),
            (404, "schedule-not-found".to_owned())
        );
    }
}

#[tokio::test]
async fn a_schedule_of_another_version_is_shown_as_it_is_kept() {
    let service = Service::new();
    let put = PutSchedule {
        name: "odd".parse().unwrap(),
        definition: "every full moon".to_owned(),
        rewind: false,
    };
    service.store.put_schedule(put).await.unwrap();
    let schedule = service.get("/v1/schedules").await.json()["items"][0].clone();
    assert_eq!(schedule["definition"], "every full moon");
    assert_eq!(schedule["next_at"], json!(null));
}

#[tokio::test]
async fn destinations_are_shown_and_switched_on_again() {
    let service = Service::new();
    let databox = "databox".parse().unwrap();
    let origin = JobId::generate();
    let entry = NewEntry {
        id: EntryId::derive(origin, "0"),
        origin: Some(origin),
        body: "{}".into(),
    };
    let append = AppendParams {
        destination: "databox".parse().unwrap(),
        capacity: 10,
        entries: vec![entry],
    };
    service.store.append(append).await.unwrap();
    for note in [
        Note::Succeeded,
        Note::Failed("HTTP 410".to_owned()),
        Note::Disable("it is gone: HTTP 410".to_owned()),
    ] {
        let destination = shared::job::name::Label::clone(&databox);
        service.store.note(destination, note).await.unwrap();
    }
    assert_json_snapshot!(service.get("/v1/destinations").await.shown());

    let enabled = service.poke("/v1/destinations/databox/enable").await;
    assert_eq!(
        (enabled.status, &enabled.json()["disabled"]),
        (200, &json!(null))
    );
    let unknown = service.poke("/v1/destinations/nobody/enable").await;
    assert_eq!(unknown.problem(), "destination-not-found");
    let all = service.get("/v1/destinations").await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn problems_are_served_for_people_to_read() {
    let service = Service::new();
    let list = service.get("/problems").await;
    assert_eq!(list.header("content-type"), "text/plain; charset=utf-8");
    for line in list.text.lines() {
        let path = line.split(' ').next().unwrap();
        let page = service.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text.contains("What to do"), "{}", page.text);
    }
    insta::assert_snapshot!(service.get("/problems/job-is-dead-letter").await.text);
    let unknown = service.get("/problems/none").await;
    assert_eq!(unknown.problem(), "no-such-address");
}
