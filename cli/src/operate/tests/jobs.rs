//! Jobs: submit, show, list, cancel, retry, watch; one and many.

use std::time::Duration;

use super::harness::Service;
use crate::exit::Code;

#[tokio::test]
async fn a_job_is_submitted_shown_and_listed() {
    let service = Service::start().await;
    let flags = ["--tag", "tenant:42", "--unique", "k", "--timeout", "30s"];
    let line = [
        &["job", "submit", "mail", "{\"to\": [\"ada\", 1.50]}"][..],
        &flags,
    ]
    .concat();
    let told = service.run(&line).await.fine();
    insta::assert_snapshot!(told.masked(), @"<1> is accepted and available");
    let id = told.out.split(' ').next().unwrap().to_owned();
    service.clock.advance(Duration::from_secs(90));
    insta::assert_snapshot!(service.run(&["job", "show", &id]).await.fine().masked(), @r#"
    id           <1>
    state        available
    not running  no worker runs: `windlass worker` starts one
    kind         mail
    queue        default
    priority     5
    attempt      0 of 25
    tags         tenant:42
    accepted     2026-11-21T07:00:00Z (1m30s ago)
    available    2026-11-21T07:00:00Z (1m30s ago)
    timeout      30s
    unique key   "k" until it has finished

    args:
      {
        "to": [
          "ada",
          1.50
        ]
      }
    "#);
    insta::assert_snapshot!(service.run(&["job", "list"]).await.fine().masked(), @r"
    ID                                    STATE      KIND  QUEUE    ATTEMPT  ACCEPTED   WHEN AND WHY
    <1>  available  mail  default  0/25     1m30s ago  ready 1m30s ago
    ");
    let again = service.run(&line).await.fine();
    assert_eq!(
        again.out,
        format!("{id} holds the unique key: no second job is accepted\n")
    );
}

#[tokio::test]
async fn a_submission_that_is_repeated_by_its_id_changes_nothing() {
    let service = Service::start().await;
    let id = service.submit(&["--priority", "1"]).await;
    let told = service
        .run(&["job", "submit", "mail", "--id", &id])
        .await
        .fine();
    insta::assert_snapshot!(told.masked(), @"<1> was accepted before: nothing is changed");
}

#[tokio::test]
async fn what_the_api_refuses_is_told_by_the_flags() {
    let service = Service::start().await;
    let line = [
        "job",
        "submit",
        "mail",
        "--max-attempts",
        "5000",
        "--timeout",
        "1ms",
    ];
    let (code, message) = service.run(&line).await.failed();
    assert_eq!(code, Code::Usage);
    insta::assert_snapshot!(message, @r"
    the request says something that is not allowed
      --max-attempts: is not between 1 and 1000
      --timeout: is not between 10 ms and 7 days
    ");
}

#[tokio::test]
async fn a_list_follows_its_cursors_and_stays_one_document() {
    let service = Service::start().await;
    for _ in 0..5 {
        service.submit(&["--queue", "many"]).await;
    }
    service.submit(&["--queue", "other"]).await;
    let list = ["job", "list", "--queue", "many", "--json"];
    let told = service
        .run(&[&list[..], &["--limit", "3"]].concat())
        .await
        .fine();
    let first = told.json();
    assert_eq!(first["items"].as_array().unwrap().len(), 3);
    let cursor = first["next"].as_str().unwrap();
    let rest = [&list[..], &["--cursor", cursor]].concat();
    let rest = service.run(&rest).await.fine().json();
    assert_eq!(rest["items"].as_array().unwrap().len(), 2);
    assert!(rest["next"].is_null());
    let all = service
        .run(&[&list[..], &["--all"]].concat())
        .await
        .fine()
        .json();
    assert_eq!(all["items"].as_array().unwrap().len(), 5);
    let none = service
        .run(&["job", "list", "--kind", "none", "--json"])
        .await
        .fine();
    assert_eq!(
        none.json(),
        serde_json::json!({ "items": [], "next": null })
    );
    let told = service.run(&["job", "list", "--limit", "2"]).await.fine();
    assert_eq!(told.out.lines().count(), 3);
    assert!(told.err.starts_with("there is more: --all"), "{}", told.err);
}

#[tokio::test]
async fn a_tampered_cursor_is_told_by_its_flag() {
    let service = Service::start().await;
    let told = service.run(&["job", "list", "--cursor", "AAAA"]).await;
    let (code, message) = told.failed();
    assert_eq!((code, told.out.as_str()), (Code::Usage, ""));
    insta::assert_snapshot!(message, @r"
    the request says something that is not allowed
      --cursor: is damaged; start again without a cursor
    ");
}

#[tokio::test]
async fn several_jobs_are_cancelled_though_one_of_them_cannot_be() {
    let service = Service::start().await;
    let waiting = service.submit(&[]).await;
    let unknown = "0197f2c4-6f2e-7b1c-8d7a-3f5f0a6f2b11";
    let line = ["job", "cancel", unknown, &waiting, "--reason", "not needed"];
    let told = service.run(&line).await;
    insta::assert_snapshot!(told.masked(), @"<1> is cancelled (state cancelled)");
    let (code, message) = told.failed();
    assert_eq!(code, Code::Refused);
    assert!(
        message.starts_with("<1>: there is no such job"),
        "{message}"
    );
    let job = service
        .run(&["job", "show", &waiting, "--json"])
        .await
        .fine()
        .json();
    assert_eq!(job["state"], "cancelled");
    assert_eq!(job["cancel_requested"]["reason"], "not needed");
}

#[tokio::test]
async fn a_job_that_waits_for_its_time_is_made_to_run_now() {
    let service = Service::start().await;
    let id = service.submit(&["--delay", "1h"]).await;
    let told = service
        .run(&["job", "retry", &id, "--json"])
        .await
        .fine()
        .json();
    assert_eq!(told["items"][0]["state"], "available");
    service.hands().await.claim().await;
    let (code, message) = service.run(&["job", "retry", &id]).await.failed();
    assert_eq!(code, Code::Refused);
    assert!(message.contains("(it is running)"), "{message}");
}

#[tokio::test]
async fn a_job_is_watched_until_it_completes() {
    let service = Service::start().await;
    let id = service.submit(&[]).await;
    let mut hands = service.hands().await;
    let line = ["job", "watch", &id, "--json"];
    let (told, ()) = tokio::join!(service.run(&line), hands.complete("{\"sent\": 3}"));
    let told = told.fine();
    let last: serde_json::Value = serde_json::from_str(told.out.lines().last().unwrap()).unwrap();
    assert_eq!(last["state"], "completed");
    assert_eq!(last["result"]["sent"], 3);
}

#[tokio::test]
async fn watching_a_job_that_is_discarded_fails_and_says_why() {
    let service = Service::start().await;
    let id = service.dead_letter("no such\nmailbox \u{1b}[2J").await;
    let told = service.run(&["job", "watch", &id]).await;
    insta::assert_snapshot!(told.out, @r"07:00:00Z  discarded  attempt 1 of 25, no such\nmailbox \u{1b}[2J");
    let (code, message) = told.failed();
    assert_eq!(code, Code::Failed);
    insta::assert_snapshot!(message, @r"
    job <1> was discarded: no such
      mailbox \u{1b}[2J
      when its cause is mended: `windlass dlq replay <1>`
    ");
}

#[tokio::test]
async fn hostile_text_reaches_no_terminal() {
    let service = Service::start().await;
    let args = "{\"x\": \"\u{9b}2J\u{202e}\"}";
    let id = service.submit(&[args]).await;
    service.hands().await.fail("\u{1b}]0;owned\u{7}").await;
    let lines: [&[&str]; 5] = [
        &["job", "show", &id],
        &["job", "show", &id, "--json"],
        &["job", "list"],
        &["job", "list", "--json"],
        &["queue", "list"],
    ];
    for line in lines {
        let told = service.run(line).await.fine();
        let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!told.out.contains(bad), "{line:?}: {:?}", told.out);
    }
    let shown = service
        .run(&["job", "show", &id, "--json"])
        .await
        .fine()
        .json();
    assert_eq!(shown["args"]["x"], "\u{9b}2J\u{202e}");
    let shown = service.run(&["job", "show", &id]).await.fine().masked();
    assert!(
        shown.contains(r"its attempt 2 of 25 is due in 10s"),
        "{shown}"
    );
}

#[tokio::test]
async fn many_jobs_are_submitted_from_a_file_in_batches() {
    let service = Service::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.ndjson");
    let file = file.to_str().unwrap();
    let jobs = "{\"kind\": \"mail\", \"queue\": \"bulk\"}\n".repeat(1100);
    std::fs::write(file, jobs + "{\"kind\": \"mail\", \"unique\": {\"key\": \"k\", \"until\": \"finished\"}}\n\n{\"kind\": \"mail\", \"unique\": {\"key\": \"k\", \"until\": \"finished\"}}").unwrap();
    let told = service.run(&["job", "submit", "--file", file]).await.fine();
    insta::assert_snapshot!(told.out, @"1101 new, 1 not accepted: their unique keys are held");
    let queue = service
        .run(&["queue", "show", "bulk", "--json"])
        .await
        .fine()
        .json();
    assert_eq!(queue["counts"]["available"], 1100);
}

#[tokio::test]
async fn a_wrong_line_is_named_and_what_was_accepted_is_told() {
    let service = Service::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.ndjson");
    let file = file.to_str().unwrap();
    let mut jobs = "{\"kind\": \"mail\"}\n".repeat(1002);
    jobs.push_str("{\"kind\": \"mail\", \"priority\": 12}\n");
    std::fs::write(file, jobs).unwrap();
    let told = service
        .run(&["job", "submit", "--file", file, "--json"])
        .await;
    assert_eq!(told.json()["items"].as_array().unwrap().len(), 1000);
    let (code, message) = told.failed();
    assert_eq!(code, Code::Usage);
    insta::assert_snapshot!(message, @r"
    lines 1001 to 1003: the request says something that is not allowed
      line 1003: priority: 12 is not between 0 (sooner) and 9
      the jobs of lines 1 to 1000 are accepted; go on with `tail -n +1001 FILE | windlass job submit --file -`
    ");
}
