//! Dead letters: listed, tried, replayed.

use super::harness::Service;
use crate::exit::Code;

#[tokio::test]
async fn a_dry_run_changes_nothing_and_a_replay_happens_once() {
    let service = Service::start().await;
    let dead = service.dead_letter("no such mailbox").await;
    let waiting = service.submit(&[]).await;
    let dry = service
        .run(&["dlq", "replay", "--all", "--dry-run"])
        .await
        .fine();
    insta::assert_snapshot!(dry.masked(), @r"
    ID                                    VERDICT  NEW RUN  WHAT IT MEANS
    <1>  would             would run again, unless its unique key is held by then
    ");
    assert_eq!(dry.err, "1 of 1 would be replayed\n");
    insta::assert_snapshot!(service.run(&["dlq", "list"]).await.fine().masked(), @r"
    ID                                    KIND  QUEUE    ATTEMPTS  ENDED  ERROR
    <1>  mail  default  1/25      now    no such mailbox
    ");
    let line = ["dlq", "replay", &dead, &waiting, "--json"];
    let told = service.run(&line).await;
    let report = told.json();
    assert_eq!(report["items"][0]["verdict"], "new");
    assert_eq!(report["items"][1]["verdict"], "not_dead");
    assert_eq!(
        told.failed(),
        (Code::Refused, "1 cannot be replayed".to_owned())
    );
    let run = report["items"][0]["replayed_as"].as_str().unwrap();
    let job = service
        .run(&["job", "show", run, "--json"])
        .await
        .fine()
        .json();
    assert_eq!(job["replay_of"], dead.as_str());
    let again = service.run(&["dlq", "replay", &dead]).await.fine();
    assert!(again.out.contains("already"), "{}", again.out);
    let none = service.run(&["dlq", "list"]).await.fine();
    assert_eq!((none.out.as_str(), none.err.as_str()), ("", "none\n"));
    let all = service.run(&["dlq", "list", "--replayed"]).await.fine();
    assert!(all.out.contains("replayed as"), "{}", all.out);
}

#[tokio::test]
async fn args_are_mended_and_a_limit_says_that_it_left_some() {
    let service = Service::start().await;
    let first = service.dead_letter("a").await;
    service.dead_letter("b").await;
    service.dead_letter("c").await;
    let line = ["dlq", "replay", &first, "--args", "{\"to\": 7}", "--json"];
    let report = service.run(&line).await.fine().json();
    let run = report["items"][0]["replayed_as"].as_str().unwrap();
    let job = service
        .run(&["job", "show", run, "--json"])
        .await
        .fine()
        .json();
    assert_eq!(job["args"]["to"], 7);
    let line = ["dlq", "replay", "--kind", "mail", "--limit", "1"];
    let told = service.run(&line).await.fine();
    assert!(
        told.err.contains("1 of 1 replayed\nthere may be more"),
        "{}",
        told.err
    );
    service.run(&line).await.fine();
    let told = service.run(&line).await.fine();
    assert_eq!(told.err, "no dead letter fits\n");
}

#[tokio::test]
async fn an_empty_selection_is_refused_before_anybody_is_asked() {
    let service = Service::start().await;
    let dead = service.dead_letter("a").await;
    let (code, message) = service.run(&["dlq", "replay"]).await.failed();
    assert_eq!(code, Code::Usage);
    assert!(message.contains("--all; --dry-run shows"), "{message}");
    let (code, message) = service.run(&["job", "retry", &dead]).await.failed();
    assert_eq!(code, Code::Refused);
    insta::assert_snapshot!(message, @r"
    <1>: the job is a dead letter (it is discarded)
      make a new run of it: `windlass dlq replay ID`
    ");
}
