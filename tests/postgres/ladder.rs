//! The ladder on a server: climbed once, tried, refused.

use shared::{
    clock::Timestamp,
    store::{
        Error,
        migrate::{status, up},
        postgres::admin::{Admin, Scratch},
    },
};
use windlass_tests::server;

const NOW: Timestamp = Timestamp::from_micros(1_000_000);

async fn empty() -> Scratch {
    let server = server::postgres::url();
    let empty = Scratch::new(server, "windlass_test", None).await;
    empty.unwrap()
}

/// Runs statements in a database, as a person could.
async fn run(database: &Scratch, statements: &str) {
    let mut admin = Admin::connect(database.url()).await.unwrap();
    admin.execute(statements).await.unwrap();
    admin.close().await.unwrap();
}

#[tokio::test]
async fn a_database_is_looked_at_tried_and_brought_up() {
    let database = empty().await;
    let url = database.url();
    let before = status(url).await.unwrap();
    assert!(!before.is_empty() && before.iter().all(|step| step.known));
    assert!(before.iter().all(|step| step.applied_at.is_none()));

    let tried = up(url, NOW, true).await.unwrap();
    assert_eq!(tried.len(), before.len());
    assert_eq!(
        status(url).await.unwrap(),
        before,
        "a dry run keeps nothing"
    );

    let taken = up(url, NOW, false).await.unwrap();
    assert!(taken.iter().all(|step| step.applied_at == Some(NOW)));
    assert_eq!(taken, tried);
    assert_eq!(status(url).await.unwrap(), taken);
    assert_eq!(up(url, NOW, false).await.unwrap(), []);
}

#[tokio::test]
async fn who_finds_nothing_to_do_needs_no_right_to_do_it() {
    let database = empty().await;
    let rungs = up(database.url(), NOW, false).await.unwrap().len();
    let user = database.name();
    let url = database.url().replacen("postgres://", "", 1);
    let host = url.rsplit('@').next().unwrap();
    let reader = format!("postgres://{user}:word@{host}");
    run(
        &database,
        &format!(
            "create role {user} login password 'word'; grant usage on schema windlass to {user}; \
             grant select on windlass.migration to {user}"
        ),
    )
    .await;
    let climbed = up(&reader, NOW, false).await;
    let stands = status(&reader).await;
    run(&database, "delete from windlass.migration").await;
    let refused = up(&reader, NOW, false).await;
    run(
        &database,
        &format!("drop owned by {user}; drop role {user}"),
    )
    .await;
    assert_eq!(climbed.unwrap(), []);
    assert_eq!(stands.unwrap().len(), rungs);
    let refused = refused.unwrap_err();
    assert!(matches!(refused, Error::Invalid(_)), "{refused:?}");
    assert!(refused.to_string().contains("rights"), "{refused}");
}

#[tokio::test]
async fn many_may_climb_at_once() {
    let database = empty().await;
    let height = status(database.url()).await.unwrap().len();
    let climbers = (0..8).map(|_| up(database.url(), NOW, false));
    let climbed = futures_util::future::join_all(climbers).await;
    let taken: usize = climbed.into_iter().map(|steps| steps.unwrap().len()).sum();
    assert_eq!(taken, height);
}

#[tokio::test]
async fn what_stands_in_the_way_is_told_and_nothing_is_changed() {
    let database = empty().await;
    run(
        &database,
        "create schema windlass; create table windlass.job (mine text)",
    )
    .await;
    let refused = up(database.url(), NOW, false).await.unwrap_err();
    assert!(matches!(refused, Error::Corrupt { .. }), "{refused:?}");
    let text = refused.to_string();
    assert!(text.contains("0001_jobs cannot be applied"), "{text}");
    assert!(text.contains("already exists"), "{text}");
    let stands = status(database.url()).await.unwrap();
    assert!(stands.iter().all(|step| step.applied_at.is_none()));
    run(&database, "drop table windlass.job").await;
    up(database.url(), NOW, false).await.unwrap();
}

#[tokio::test]
async fn a_schema_of_another_version_is_used_or_refused_by_what_it_says() {
    let database = empty().await;
    let url = database.url();
    let known = up(url, NOW, false).await.unwrap();
    let future = "insert into windlass.migration values (9999, 'future', 'x', false, now())";
    run(&database, future).await;
    assert_eq!(up(url, NOW, false).await.unwrap(), []);
    let steps = status(url).await.unwrap();
    assert_eq!(steps.len(), known.len() + 1);
    let last = steps.last().unwrap();
    assert_eq!(
        (last.number, last.known, last.breaking),
        (9999, false, false)
    );

    for (damage, what) in [
        (
            "update windlass.migration set breaking = true where number = 9999",
            "use a newer windlass",
        ),
        (
            "update windlass.migration set checksum = 'x' where number = 1",
            "is not the one this program has",
        ),
    ] {
        run(&database, damage).await;
        for refused in [status(url).await, up(url, NOW, false).await] {
            let refused = refused.unwrap_err();
            assert!(matches!(refused, Error::Corrupt { .. }), "{refused:?}");
            assert!(refused.to_string().contains(what), "{refused}");
        }
        run(
            &database,
            "delete from windlass.migration where number = 9999",
        )
        .await;
    }
}
