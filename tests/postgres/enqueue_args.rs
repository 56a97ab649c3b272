//! The arguments of the SQL functions that enqueue: what is kept of them, and what is refused.

use shared::job::{Kind, QueueName, State, Tag, UniqueKey};
use std::time::Duration;

use crate::place::{Place, id, run, told};

#[tokio::test]
async fn everything_that_is_asked_for_is_kept() {
    let place = Place::new().await;
    let mut sql = place.connect().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let asked = "0197f2c4-6f2e-7b1c-8d7a-3f5f0a6f2b11";
    let made = id(
        &mut sql,
        &format!(
            "select windlass.enqueue('Billing::Invoice', '[1, \"é\"]', queue => 'slow.lane', \
             priority => 2, delay => '90 minutes', max_attempts => 3, tags => array['a:1', 'b'], \
             timeout => '1.5 seconds', id => '{asked}', traceparent => '{trace}')"
        ),
    )
    .await
    .unwrap();
    assert_eq!(made.to_string(), asked);
    let job = place.detail(made).await.unwrap();
    assert_eq!(job.summary.state, State::Scheduled);
    assert_eq!(job.summary.kind.as_str(), "Billing::Invoice");
    assert_eq!(job.summary.queue.as_str(), "slow.lane");
    assert_eq!(job.summary.priority.get(), 2);
    assert_eq!(job.summary.max_attempts, 3);
    assert_eq!(
        job.summary.tags,
        ["a:1", "b"].map(|tag| Tag::new(tag).unwrap())
    );
    assert_eq!(job.timeout, Some(Duration::from_millis(1500)));
    assert_eq!(job.trace.unwrap().traceparent(), trace);
    assert_eq!(job.args.decode::<(u8, String)>().unwrap().1, "é");
    let due = job.summary.due_at.unwrap();
    assert_eq!(
        due,
        job.summary.accepted_at + Duration::from_mins(90),
        "by one clock"
    );
    assert_eq!(place.counted("slow.lane", State::Scheduled).await, 1);

    // Nulls are as if they were left out, and a broken trace costs no job.
    let bare = "select windlass.enqueue('a', null, null, null, null, null, null, null, null, null, \
                null, null, null, 'broken')";
    let bare = place.detail(id(&mut sql, bare).await.unwrap()).await;
    let bare = bare.unwrap();
    assert_eq!(bare.summary.queue.as_str(), "default");
    assert_eq!(&bare.args.bytes()[..], b"{}");
    assert_eq!(bare.trace, None);
    let past = "select windlass.enqueue('a', run_at => now() - interval '1 day')";
    let past = place.detail(id(&mut sql, past).await.unwrap()).await;
    assert_eq!(past.unwrap().summary.state, State::Available);
}

/// What is asked for, and what is said about it; the words in capitals are put in by the test.
const REFUSED: &[(&str, &str)] = &[
    ("null", "kind is null"),
    ("''", "kind is empty"),
    ("LONG", "kind is 65 bytes long, more than 64"),
    (
        "'a b'",
        "kind \"a b\" is not made of letters, digits, _ and any of .:-",
    ),
    ("'-a'", "which must not be the first"),
    ("E'a\\n'", "is not made of letters"),
    ("'naïve'", "kind \"naïve\""),
    ("'a', queue => 'a:b'", "queue \"a:b\" is not made of"),
    (
        "'a', priority => 10",
        "priority 10 is not between 0 (sooner) and 9",
    ),
    ("'a', priority => -1", "priority -1 is not"),
    (
        "'a', max_attempts => 0",
        "max_attempts 0 is not between 1 and 1000",
    ),
    ("'a', max_attempts => 1001", "max_attempts 1001"),
    ("OVER", "args is 1048577 bytes long, more than 1048576"),
    ("'a', delay => '-1 s'", "delay -00:00:01 is negative"),
    (
        "'a', delay => '3651 days'",
        "delay 3651 days is longer than 3650 days",
    ),
    ("'a', delay => '170000 years'", "is longer than"),
    (
        "'a', run_at => 'infinity'",
        "run_at infinity is more than 3650 days ahead",
    ),
    ("'a', run_at => '1970-01-01'", "is more than a year ago"),
    (
        "'a', run_at => now(), delay => '1 s'",
        "run_at stands beside delay",
    ),
    (
        "'a', unique_key => 'k'",
        "unique_key needs either unique_until ('started' or 'finished') or unique_for",
    ),
    (
        "'a', unique_key => 'k', unique_until => 'started', unique_for => '1 h'",
        "needs either",
    ),
    ("'a', unique_until => 'started'", "unique_key is missing"),
    (
        "'a', unique_key => 'k', unique_until => 'done'",
        "unique_until \"done\" is neither 'started' nor 'finished'",
    ),
    (
        "'a', unique_key => 'k', unique_for => '0'",
        "unique_for 00:00:00 is not more than nothing and at most 365 days",
    ),
    (
        "'a', unique_key => 'k', unique_for => '366 days'",
        "at most 365 days",
    ),
    (
        "'a', unique_key => '', unique_for => '1 s'",
        "unique_key is 0 bytes long; 1 to 255 are allowed",
    ),
    ("KEY", "unique_key is 256 bytes long"),
    (
        "'a', unique_key => E'a\\tb', unique_for => '1 s'",
        "unique_key holds a control character",
    ),
    ("TAGS", "tags are 17, more than 16"),
    ("'a', tags => array['a', null]", "tags is null"),
    (
        "'a', tags => array['a b']",
        "tags \"a b\" is not made of letters, digits, _ and any of .:/@=#+-",
    ),
    (
        "'a', timeout => '9 ms'",
        "timeout 00:00:00.009 is not between 10 ms and 7 days",
    ),
    ("'a', timeout => '8 days'", "timeout 8 days"),
    (
        "'a', id => '67e55044-10b1-426f-9247-bb680e5fe0c8'",
        "is not a version 7 UUID (RFC 9562); left out, one is made",
    ),
];

#[tokio::test]
async fn what_is_out_of_range_is_refused_with_the_argument_and_what_would_do() {
    let place = Place::new().await;
    let mut sql = place.connect().await;
    let most = format!("'\"{}\"'", "x".repeat(1024 * 1024 - 2));
    run(
        &mut sql,
        &format!("select windlass.enqueue('fits', {most})"),
    )
    .await
    .unwrap();
    let over = format!("'a', '\"{}\"'", "x".repeat(1024 * 1024 - 1));
    let long = format!("'{}'", "x".repeat(65));
    let tags = format!("'a', tags => array_fill('{}'::text, array[17])", "t");
    let key = format!(
        "'a', unique_for => '1 s', unique_key => '{}'",
        "é".repeat(128)
    );
    let put_in = [("LONG", long), ("OVER", over), ("TAGS", tags), ("KEY", key)];
    for (asked, message) in REFUSED {
        let words = put_in.iter().find(|(name, _)| name == asked);
        let asked = words.map_or(*asked, |(_, words)| &**words);
        let asked = format!("select windlass.enqueue({asked})");
        let (code, why) = told(run(&mut sql, &asked).await);
        let told = asked.get(..200).unwrap_or(&asked);
        assert!(why.contains(message), "{told}: {why}");
        assert_eq!(code, "22023", "{told}: {why}");
    }
    let many = "select windlass.enqueue_many('a', array['1', null]::jsonb[])";
    let (code, why) = told(run(&mut sql, many).await);
    assert_eq!(
        (&*code, &*why),
        ("22023", "args[2] is null; {} is what carries nothing")
    );
    assert_eq!(place.claim("default").await.len(), 1);
}

/// The grammars are those of the Rust types.
#[tokio::test]
async fn names_are_judged_as_everywhere_else() {
    let place = Place::new().await;
    let mut sql = place.connect().await;
    for byte in 1..=0x7f_u8 {
        for text in [
            char::from(byte).to_string(),
            format!("a{}", char::from(byte)),
        ] {
            let quoted = text.replace('\'', "''");
            let fits = [
                Kind::new(text.clone()).is_ok(),
                QueueName::new(text.clone()).is_ok(),
                Tag::new(text.clone()).is_ok(),
                UniqueKey::new(text.clone()).is_ok(),
            ];
            for (at, rest) in [
                format!("'{quoted}'"),
                format!("'a', queue => '{quoted}'"),
                format!("'a', tags => array['{quoted}']"),
                format!("'a', unique_key => '{quoted}', unique_for => '1 s'"),
            ]
            .iter()
            .enumerate()
            {
                let asked = format!("begin; select windlass.enqueue({rest})");
                let judged = run(&mut sql, &asked).await.is_ok();
                run(&mut sql, "rollback").await.unwrap();
                assert_eq!(judged, fits[at], "{asked}");
            }
        }
    }
}
