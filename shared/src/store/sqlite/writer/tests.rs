//! What happens to calls when things go wrong around them.

use super::*;
use crate::{
    clock::Timestamp,
    store::sqlite::{connection, migrate},
};
use std::sync::{Mutex, mpsc};
use tempfile::TempDir;

/// A writer on a file that has, beside the schema, a table whose rows make a commit fail: each
/// refers to a row that is not there, which is only looked at in the end.
fn start() -> (TempDir, Writer, Connection) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let connection = connection::writer(&path).unwrap();
    migrate::up(&connection, Timestamp::default(), false).unwrap();
    connection
        .execute_batch(
            "pragma foreign_keys = on;
             create table kept (x integer primary key);
             create table doomed (x integer references kept (x) deferrable initially deferred);",
        )
        .unwrap();
    let other = connection::reader(&path).unwrap();
    let writer = Writer::start(connection, Clock::system(), Hints::default()).unwrap();
    (dir, writer, other)
}

/// The rows that a call writes.
#[derive(Debug)]
struct Rows(Vec<i64>);

fn kept(connection: &Connection) -> Vec<i64> {
    let mut statement = connection.prepare("select x from kept order by x").unwrap();
    let rows = statement.query_map((), |row| row.get(0)).unwrap();
    rows.map(|x| x.unwrap()).collect()
}

fn keep(turn: &mut Turn<'_>, rows: &Rows) -> Result<()> {
    for x in &rows.0 {
        turn.execute("insert into kept (x) values (?1)", (x,))?;
    }
    Ok(())
}

fn keep_and_fail(turn: &mut Turn<'_>, rows: &Rows) -> Result<()> {
    keep(turn, rows)?;
    Err(Error::corrupt("on purpose"))
}

fn fail(_turn: &mut Turn<'_>, _rows: &Rows) -> Result<()> {
    Err(Error::corrupt("on purpose"))
}

fn doom(turn: &mut Turn<'_>, rows: &Rows) -> Result<()> {
    for x in &rows.0 {
        turn.execute("insert into doomed (x) values (?1)", (x,))?;
    }
    Ok(())
}

/// Keeps the writer busy until the other end is dropped, so that calls gather meanwhile.
#[expect(clippy::unnecessary_wraps, reason = "it has the shape of every call")]
fn wait(_turn: &mut Turn<'_>, gate: &Mutex<Receiver<()>>) -> Result<()> {
    gate.lock().unwrap().recv().unwrap_err();
    Ok(())
}

fn is_maybe(answer: &Result<()>) -> bool {
    matches!(
        answer,
        Err(Error::Unavailable {
            maybe_applied: true,
            ..
        })
    )
}

#[tokio::test]
async fn a_commit_that_fails_leaves_the_caller_in_doubt_and_the_writer_sound() {
    let (_dir, writer, other) = start();
    let answer = writer.call(Rows(vec![1]), doom).await;
    assert!(is_maybe(&answer), "{answer:?}");
    writer.call(Rows(vec![2]), keep).await.unwrap();
    assert_eq!(kept(&other), [2]);
}

#[tokio::test]
async fn who_shares_a_transaction_whose_commit_fails_is_told() {
    let (_dir, writer, other) = start();
    let (gate, gated) = mpsc::channel();
    let (waited, shared, bad, ()) = tokio::join!(
        biased;
        writer.call(Mutex::new(gated), wait),
        writer.call(Rows(vec![1]), keep),
        writer.call(Rows(vec![2]), doom),
        async { drop(gate) },
    );
    assert!(is_maybe(&bad), "{bad:?}");
    // Whether they meet in one transaction is up to the machine; if so, nothing of it was kept.
    for answer in [&waited, &shared] {
        assert!(answer.is_ok() || is_maybe(answer), "{answer:?}");
    }
    assert_eq!(kept(&other), if shared.is_ok() { vec![1] } else { vec![] });
}

#[tokio::test]
async fn a_call_that_fails_half_done_spoils_nobody_else() {
    let (_dir, writer, other) = start();
    let (gate, gated) = mpsc::channel();
    let answers = tokio::join!(
        biased;
        writer.call(Mutex::new(gated), wait),
        writer.call(Rows(vec![1]), keep),
        writer.call(Rows(vec![2]), keep_and_fail),
        writer.call(Rows(vec![3]), fail),
        writer.call(Rows(vec![4]), keep),
        async { drop(gate) },
    );
    assert!(answers.0.is_ok() && answers.1.is_ok() && answers.4.is_ok());
    for failed in [answers.2, answers.3] {
        assert!(matches!(failed, Err(Error::Corrupt { .. })), "{failed:?}");
    }
    assert_eq!(kept(&other), [1, 4]);
}

#[tokio::test]
async fn a_call_that_panics_is_told_and_the_writer_goes_on() {
    let (_dir, writer, other) = start();
    let panics = |turn: &mut Turn<'_>, rows: &Rows| -> Result<()> {
        keep(turn, rows)?;
        panic!("on purpose")
    };
    let answer = writer.call(Rows(vec![1]), panics).await;
    assert!(is_maybe(&answer), "{answer:?}");
    writer.call(Rows(vec![2]), keep).await.unwrap();
    assert_eq!(kept(&other), [2]);
}

#[tokio::test]
async fn closing_finishes_what_came_before_and_refuses_what_comes_after() {
    let (_dir, writer, other) = start();
    let (gate, gated) = mpsc::channel();
    let (waited, before, (), ()) = tokio::join!(
        biased;
        writer.call(Mutex::new(gated), wait),
        writer.call(Rows(vec![1]), keep),
        writer.close(),
        async { drop(gate) },
    );
    waited.unwrap();
    before.unwrap();
    assert_eq!(kept(&other), [1]);
    let after = writer.call(Rows(vec![2]), keep).await;
    assert!(matches!(
        after,
        Err(Error::Unavailable {
            maybe_applied: false,
            ..
        })
    ));
    writer.close().await;
    assert_eq!(kept(&other), [1]);
}

#[tokio::test]
async fn a_look_that_answers_opens_no_transaction() {
    let (_dir, writer, other) = start();
    let look =
        |_: &mut Turn<'_>, rows: &Rows| -> Result<Option<()>> { Ok((rows.0 == [1]).then_some(())) };
    // Another holds the lock: whoever begins a transaction waits for it in vain.
    other
        .execute_batch("pragma query_only = off; begin immediate")
        .unwrap();
    writer.call_if(Rows(vec![1]), look, keep).await.unwrap();
    other.execute_batch("rollback").unwrap();
    writer.call_if(Rows(vec![2]), look, keep).await.unwrap();
    assert_eq!(kept(&other), [2]);
}
