//! Who may do what: a role that may only enqueue, one that runs jobs and owns nothing, everybody.

use shared::{
    clock::{Clock, Timestamp},
    job::{State, outcome::Ending},
    store::{
        ClaimParams, DutyStore, Error, JobStore, PruneParams, QueueStore, RescueParams, Retention,
        Settled, Store, WorkStore,
        postgres::{
            PostgresStore,
            admin::Scratch,
            sqlx::{Connection, PgConnection, Row},
        },
    },
};
use std::time::Duration;
use windlass_tests::{harness::worker_info, make};

use crate::place::{Place, id, row, run, told};

/// A role of a test's own, named like its database.
async fn role(place: &Place, grants: &str) -> String {
    let name = place.database.name();
    let mut owner = place.connect().await;
    let grants = grants.replace("ROLE", name);
    let made = format!("create role {name} login password 'word'; {grants}");
    run(&mut owner, &made).await.unwrap();
    as_role(&place.database)
}

fn as_role(database: &Scratch) -> String {
    let url = database.url().rsplit('@').next().unwrap();
    format!("postgres://{}:word@{url}", database.name())
}

async fn drop_role(place: &Place) {
    let name = place.database.name();
    let mut owner = place.connect().await;
    let gone = format!("drop owned by {name}; drop role {name}");
    run(&mut owner, &gone).await.unwrap();
}

#[tokio::test]
async fn a_role_that_may_only_enqueue_needs_two_grants_and_gets_no_further() {
    let place = Place::new().await;
    let url = role(
        &place,
        "grant usage on schema windlass to ROLE; grant execute on function windlass.enqueue, \
         windlass.try_enqueue, windlass.enqueue_many to ROLE",
    )
    .await;
    let mut app = PgConnection::connect(&url).await.unwrap();
    let made = id(
        &mut app,
        "select windlass.enqueue('a', '{\"to\": 7}', queue => 'new')",
    )
    .await;
    let verdict = "select verdict from windlass.try_enqueue('a', unique_key => 'k', \
                   unique_for => '1 h')";
    let verdict = row(&mut app, verdict).await.unwrap();
    let many = "select count(*) from windlass.enqueue_many('a', array['1', '2']::jsonb[])";
    let many = row(&mut app, many).await.unwrap();
    // What looks like one of the functions' own does not lead them astray.
    let astray = "create temp table job (id uuid); create temp table queue (id int, name text); \
                  set search_path = pg_temp, public; select windlass.enqueue('a')";
    run(&mut app, astray).await.unwrap();
    let mut refused = Vec::new();
    for forbidden in [
        "select id from windlass.job",
        "delete from windlass.ready",
        "insert into windlass.queue (name) values ('x')",
        "select windlass.known_queue('x')",
        "select windlass.lock_queue(1)",
        "select windlass.new_id()",
        "select windlass.accept_groups(null, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', \
         '{}', '{}', null, false)",
        "create function windlass.mine() returns int language sql as 'select 1'",
    ] {
        refused.push((forbidden, told(run(&mut app, forbidden).await)));
    }
    drop(app);
    drop_role(&place).await;
    for (forbidden, (code, why)) in refused {
        assert_eq!(code, "42501", "{forbidden}: {why}");
    }
    assert_eq!(verdict.get::<String, _>(0), "new");
    assert_eq!(many.get::<i64, _>(0), 2);
    assert_eq!(place.claim_ids("new").await, [made.unwrap()]);
    assert_eq!(place.claim("default").await.len(), 4);
}

#[tokio::test]
async fn no_function_is_everybodys() {
    let place = Place::new().await;
    let mut owner = place.connect().await;
    let open = "select coalesce(string_agg(p.proname, ', '), '') from pg_proc p \
                where p.pronamespace = 'windlass'::regnamespace \
                and has_function_privilege('pg_monitor', p.oid, 'execute')";
    let open: String = row(&mut owner, open).await.unwrap().get(0);
    assert_eq!(open, "");
    let unsafe_ones = "select coalesce(string_agg(p.proname, ', '), '') from pg_proc p \
                where p.pronamespace = 'windlass'::regnamespace and p.prosecdef \
                and not coalesce(p.proconfig @> '{\"search_path=pg_catalog, pg_temp\"}', false)";
    let unsafe_ones: String = row(&mut owner, unsafe_ones).await.unwrap().get(0);
    assert_eq!(unsafe_ones, "");
}

/// The grants are those of docs/OPERATIONS.md.
#[tokio::test]
async fn a_role_that_owns_nothing_can_run_jobs() {
    let operations = include_str!("../../docs/OPERATIONS.md");
    let grants = operations.split("```sql").nth(1).unwrap();
    let grants = grants
        .split("```")
        .next()
        .unwrap()
        .replace("runner", "ROLE");
    let place = Place::new().await;
    let url = role(&place, &grants).await;
    let run = run_a_job(&url).await;
    drop_role(&place).await;
    run.unwrap();
}

async fn run_a_job(url: &str) -> shared::store::Result<()> {
    let store = PostgresStore::open(&url.parse().unwrap(), Clock::system()).await?;
    let job = make::job();
    let id = job.id;
    store
        .enqueue(vec![job, make::job().delay(Duration::from_hours(1))])
        .await?;
    let lease = Duration::from_mins(1);
    let worker = store.register(worker_info("hand"), lease).await?;
    let params = ClaimParams {
        worker,
        claim: 1,
        wants: vec![make::want("default", 1)],
        max: 1,
    };
    let claimed = store.claim(params).await?;
    let end = make::end_of(&claimed[0], Ending::Complete { result: None });
    assert_eq!(
        store.settle(vec![end]).await?,
        [Settled::Kept(State::Completed)]
    );
    store.promote(10).await?;
    store
        .rescue(RescueParams {
            limit: 10,
            max_crashes: 3,
        })
        .await?;
    store
        .prune(PruneParams {
            retention: Retention::default(),
            limit: 10,
        })
        .await?;
    store.set_paused(make::queue("default"), true).await?;
    store.leave(worker).await?;
    assert!(store.get(vec![id]).await?[0].is_some());
    assert!(Clock::system().now() > Timestamp::default());
    store.queues().await?;
    Ok(())
}

#[tokio::test]
async fn a_right_that_is_missing_is_named_with_where_the_grants_are() {
    let place = Place::new().await;
    let grants = "grant usage on schema windlass to ROLE; grant select on windlass.migration, \
                  windlass.queue to ROLE";
    let url = role(&place, grants).await;
    let store = PostgresStore::open(&url.parse().unwrap(), Clock::system()).await;
    let store = store.unwrap();
    let enqueued = store.enqueue(vec![make::job()]).await;
    let registered = store
        .register(worker_info("hand"), Duration::from_mins(1))
        .await;
    store.close().await;
    drop_role(&place).await;
    for (refused, missing) in [
        (enqueued.err(), "for function accept_groups"),
        (registered.err(), "for table worker"),
    ] {
        let Some(Error::Invalid(refused)) = refused else {
            panic!("{missing}: {refused:?}");
        };
        let told = refused.to_string();
        let expected =
            format!("the rights that are needed: permission denied {missing}; the grants");
        assert!(told.contains(&expected), "{told}");
    }
    assert_eq!(place.counted("default", State::Available).await, 0);
}

#[tokio::test]
async fn the_examples_of_the_document_run() {
    let document = include_str!("../../docs/ENQUEUE_FROM_SQL.md");
    let place = Place::new().await;
    let mut owner = place.connect().await;
    let table = "create table orders (id bigint primary key, email text)";
    run(&mut owner, table).await.unwrap();
    let examples = document.split("```sql").skip(1);
    let mut ran = Vec::new();
    for example in examples.filter_map(|rest| rest.split("```").next()) {
        let example = example.replace("shop", place.database.name());
        ran.push((run(&mut owner, &example).await, example));
    }
    let word = format!("alter role {} password 'word'", place.database.name());
    run(&mut owner, &word).await.unwrap();
    let mut app = PgConnection::connect(&as_role(&place.database))
        .await
        .unwrap();
    let enqueues = run(&mut app, "select windlass.enqueue('mail.send')").await;
    drop(app);
    drop_role(&place).await;
    for (answer, example) in &ran {
        assert!(answer.is_ok(), "{answer:?}: {example}");
    }
    enqueues.unwrap();
    assert!(ran.len() >= 5);
    assert_eq!(place.counted("default", State::Available).await, 4);
    assert_eq!(place.counted("slow", State::Scheduled).await, 1);
    assert_eq!(place.counted("mail", State::Available).await, 1);
}
