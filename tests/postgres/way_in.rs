//! The way in: what people are told when an address leads nowhere, and a server that comes back.

use shared::{
    clock::Clock,
    patience::chain,
    store::{
        Error, Store as _, open,
        postgres::{
            PostgresStore,
            admin::{Admin, Scratch},
        },
    },
};
use std::time::Duration;
use windlass_tests::{
    backends::postgres::database,
    server::{self, postgres::PrivateServer},
};

async fn refused(url: &str) -> (Error, String) {
    let error = open(url, Clock::system()).await.err().unwrap();
    let told = chain(&error);
    (error, told)
}

#[tokio::test]
async fn a_database_that_has_the_schema_is_opened() {
    let database = database().await;
    let store = open(database.url(), Clock::system()).await.unwrap();
    assert_eq!(store.capabilities().name, "postgres");
    let now = store.now().await.unwrap();
    assert!(store.now().await.unwrap() >= now);
    store.close().await;
    assert!(store.now().await.is_err());
}

#[tokio::test]
async fn a_database_is_dropped_with_its_value() {
    let mut admin = Admin::connect(server::postgres::url()).await.unwrap();
    let name = {
        let database = database().await;
        let _store = open(database.url(), Clock::system()).await.unwrap();
        let there = admin.databases(database.name()).await.unwrap();
        assert_eq!(there, [database.name()]);
        database.name().to_owned()
    };
    while !admin.databases(&name).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn an_address_that_leads_nowhere_says_what_to_do() {
    let mut server = PrivateServer::start().await;
    let url = server.url();
    let (user, rest) = url.rsplit_once('@').unwrap();
    let word = user.rsplit(':').next().unwrap();
    for (url, what) in [
        (
            format!("{user}x@{rest}"),
            "password authentication failed for user \"windlass\". The password comes from",
        ),
        (
            url.replace("/postgres?", "/none?"),
            "names a database that is not there; make it first: createdb none",
        ),
        (
            url.replace("sslmode=disable", "sslmode=require"),
            "asks for TLS by its sslmode, and there is none",
        ),
    ] {
        let (error, told) = refused(&url).await;
        assert!(matches!(error, Error::Invalid(_)), "{url}: {error:?}");
        assert!(told.contains(what), "{told}");
        assert!(!told.contains(word), "{told}");
    }
    let store = PostgresStore::open(&url.parse().unwrap(), Clock::system()).await;
    let store = store.unwrap();
    let scratch = Scratch::new(&url, "windlass_test", None).await.unwrap();
    let admin = Admin::connect(scratch.url()).await.unwrap();
    let printed = format!("{store:?}{scratch:?}{admin:?}");
    assert!(
        scratch.url().contains(word) && !printed.contains(word),
        "{printed}"
    );
    drop((scratch, admin));
    server.kill();
    let (error, told) = refused(&url).await;
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    let place = rest.split('/').next().unwrap();
    assert!(told.contains(&format!("cannot reach {place}")), "{told}");
    assert!(told.contains("is PostgreSQL running there"), "{told}");
    assert!(!told.contains(word), "{told}");

    server.restart().await;
    while let Err(error) = store.now().await {
        assert!(error.is_transient(), "{error:?}");
    }
    store.close().await;
}
