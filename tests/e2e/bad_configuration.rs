//! What is wrong with the configuration is told at once, whole, before anything runs.

use crate::process::Place;

#[tokio::test]
async fn every_fault_is_told_at_once_and_nothing_is_made() {
    let place = Place::new();
    let config = "[worker]\nconcurency = 5\nlease = \"5 parsecs\"\n[schedules.never]\ncron = \"0 0 30 2 *\"\n\
                  kind = \"http\"\n[pipelines.p]\nsources = [\"nowhere\"]\n";
    std::fs::write(place.path().join("windlass.toml"), config).unwrap();
    for role in ["up", "api", "worker", "scheduler"] {
        let refused = place.run(&[role]).await;
        assert_eq!(refused.code, Some(2), "{refused:?}");
        for key in [
            "worker.concurency",
            "worker.lease",
            "schedules.never.cron",
            "pipelines.p.sources",
            "windlass.toml line 2",
        ] {
            assert!(refused.stderr.contains(key), "{key}: {}", refused.stderr);
        }
        assert!(
            refused.stderr.contains("concurrency"),
            "a name close to it: {}",
            refused.stderr
        );
    }
    assert!(!place.path().join("windlass.db").exists());
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_what_would_be_right() {
    for (args, says) in [
        (&["up", "--listen", "0.0.0.0:7400"][..], "127.0.0.1:7400"),
        (&["up", "--listen", "nowhere"], "--listen"),
        (&["up", "--config", "none.toml"], "none.toml"),
        (&["worker", "--store", "memory:"], "windlass up"),
        (
            &["worker", "--store", "mysql://root:hunter2@db/jobs"],
            "store.url",
        ),
        (&["up", "--store", "sqlite://none/such.db"], "make it first"),
        (&["worker", "--concurrency", "0"], "worker.concurrency"),
    ] {
        let refused = Place::new().run(args).await;
        assert_eq!(refused.code, Some(2), "{args:?}: {refused:?}");
        assert!(
            refused.stderr.contains(says),
            "{args:?}: {}",
            refused.stderr
        );
        assert!(!refused.stderr.contains("hunter2"), "{}", refused.stderr);
        assert_eq!(refused.stdout, "");
    }
}

#[tokio::test]
async fn a_taken_address_is_told_with_the_way_out() {
    let place = Place::new();
    let first = place.start(&["up"]);
    let address = first.api().await.url().replace("http://", "");
    let refused = place.run(&["api", "--listen", &address]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.stderr.contains(&address) && refused.stderr.contains("--listen"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_server_that_will_not_do_is_told_with_the_way_out_and_without_the_password() {
    let place = Place::on_postgres().await;
    let url = place.store_url().unwrap();
    let (_, server) = url.rsplit_once('@').unwrap();
    let nobody = format!("postgres://nobody_here:hunter2@{server}");
    let (_, database) = server.rsplit_once('/').unwrap();
    let nowhere = url.replace(&format!("/{database}"), "/none_such");
    let closed = "postgres://windlass:hunter2@127.0.0.1:1/windlass";
    for (url, code, says) in [
        (&*nobody, 2, "nobody_here"),
        (&nowhere, 2, "createdb none_such"),
        (closed, 3, "cannot reach 127.0.0.1:1"),
    ] {
        for args in [&["up"][..], &["worker"], &["migrate", "status"]] {
            let refused = place.run(&[args, &["--store", url]].concat()).await;
            assert_eq!(refused.code, Some(code), "{args:?}: {refused:?}");
            assert!(refused.stderr.contains(says), "{}", refused.stderr);
            assert!(!refused.stderr.contains("hunter2"), "{}", refused.stderr);
        }
    }
}

#[tokio::test]
async fn the_schema_of_a_server_is_shown() {
    let place = Place::on_postgres().await;
    let shown = place.run(&["migrate", "status", "--json"]).await;
    let steps: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    let steps = steps.as_array().unwrap();
    assert!(steps.iter().all(|step| step["applied_at"].is_string()));
    assert!(steps.len() > 5, "{steps:?}");
    let again = place.run(&["migrate", "up"]).await;
    assert!(again.stdout.contains("has the newest schema"), "{again:?}");
}

#[tokio::test]
async fn a_file_that_is_no_store_is_left_alone() {
    let place = Place::new();
    let file = place.path().join("notes.db");
    std::fs::write(&file, "these are my notes, not a database").unwrap();
    let refused = place.run(&["up", "--store", "sqlite://notes.db"]).await;
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("notes.db"), "{refused:?}");
    assert_eq!(
        std::fs::read(&file).unwrap(),
        b"these are my notes, not a database"
    );
}

#[tokio::test]
async fn config_check_and_show_answer_people_and_programs() {
    let place = Place::new().with("DESTINATIONS__BOX__TOKEN", "s3cret-token");
    let config = "[destinations.box]\ntype = \"databox\"\nurl = \"https://push.databox.com\"\nwire = \"b\"\n";
    std::fs::write(place.path().join("windlass.toml"), config).unwrap();

    let fine = place.run(&["config", "check"]).await;
    assert_eq!((fine.code, fine.stdout.trim()), (Some(0), "ok"), "{fine:?}");
    for args in [&["config", "show"][..], &["config", "show", "--json"]] {
        let shown = place.run(args).await;
        assert_eq!(shown.code, Some(0), "{shown:?}");
        assert!(shown.stdout.contains("push.databox.com") && shown.stdout.contains("[redacted]"));
        assert!(!shown.stdout.contains("s3cret"), "{}", shown.stdout);
    }

    let place = place.with("WORKER__LEASE", "never");
    let checked = place.run(&["config", "check", "--json"]).await;
    assert_eq!(checked.code, Some(2));
    let verdict: serde_json::Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!(verdict["ok"], false);
    assert_eq!(verdict["faults"][0]["key"], "worker.lease", "{verdict}");
}

#[tokio::test]
async fn the_schema_is_brought_up_and_shown() {
    let place = Place::new();
    let before = place.run(&["migrate", "status"]).await;
    assert!(before.stdout.contains("still to come"), "{before:?}");
    let dry = place.run(&["migrate", "up", "--dry-run"]).await;
    assert!(dry.stdout.contains("would get 0001"), "{dry:?}");
    assert!(!place.path().join("windlass.db").exists());
    let up = place.run(&["migrate", "up"]).await;
    assert!(up.stdout.contains("got 0001"), "{up:?}");
    let after = place.run(&["migrate", "status", "--json"]).await;
    let steps: serde_json::Value = serde_json::from_str(&after.stdout).unwrap();
    assert!(
        steps
            .as_array()
            .unwrap()
            .iter()
            .all(|step| step["applied_at"].is_string())
    );
    let again = place.run(&["migrate", "up"]).await;
    assert!(again.stdout.contains("has the newest schema"), "{again:?}");
}
