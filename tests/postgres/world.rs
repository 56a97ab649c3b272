//! A store on a database that the test may also look into and hold locks in.

use shared::{
    clock::Timestamp,
    job::{JobId, NewJob},
    store::postgres::admin::{Rows, Session},
};
use std::time::Duration;
use windlass_tests::{
    Harness,
    backends::postgres::{self, Postgres},
    make::job,
};

pub(crate) const DAY: Duration = Duration::from_hours(24);

/// How long a session waits for a lock before it is said to be blocked.
pub(crate) const PATIENCE: Duration = Duration::from_millis(300);

pub(crate) struct World {
    pub(crate) h: Harness,
    pub(crate) url: String,
    sql: Session,
}

/// What one step of looking after the partitions did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) made: u64,
    pub(crate) dropped: String,
    pub(crate) moved: u64,
    pub(crate) forgotten: u64,
    pub(crate) is_late: bool,
}

impl World {
    pub(crate) async fn new() -> Self {
        let backend = Postgres::open().await;
        let url = backend.url().to_owned();
        let h = Harness::on(Box::new(backend), postgres::open);
        let sql = Session::open(&url, PATIENCE).await.unwrap();
        Self { h, url, sql }
    }

    /// Another connection.
    pub(crate) async fn session(&self) -> Session {
        Session::open(&self.url, PATIENCE).await.unwrap()
    }

    /// Runs statements, each in a transaction of its own.
    pub(crate) async fn sql(&mut self, statement: &str) -> Rows {
        self.sql.run(statement).await.unwrap()
    }

    /// The one value that a statement answers.
    pub(crate) async fn value(&mut self, statement: &str) -> String {
        let mut rows = self.sql(statement).await;
        rows.pop().unwrap().pop().unwrap()
    }

    /// The statement that looks after the partitions as of now.
    pub(crate) async fn maintaining(&self) -> String {
        let now = self.h.now().await;
        format!(
            "select o_made, o_dropped, o_moved, o_forgotten, o_is_late \
             from windlass.maintain('{now}', 1000)"
        )
    }

    /// One step of looking after the partitions.
    pub(crate) async fn maintain(&mut self) -> Step {
        let statement = self.maintaining().await;
        read_step(&self.sql(&statement).await)
    }

    /// Steps until there is nothing left to do; answers what was dropped.
    pub(crate) async fn maintain_all(&mut self) -> Vec<String> {
        let mut dropped = Vec::new();
        loop {
            let step = self.maintain().await;
            assert!(!step.is_late, "{step:?}");
            if step.dropped.is_empty() && step.made == 0 && step.forgotten == 0 {
                return dropped;
            }
            dropped.extend(Some(step.dropped).filter(|name| !name.is_empty()));
        }
    }

    /// Whether there is a partition for the day `ahead` of today.
    pub(crate) async fn has_day(&mut self, ahead: i64) -> bool {
        let name = name_of(self.day(ahead).await);
        self.has(&name).await
    }

    /// Whether there is a partition of that name.
    pub(crate) async fn has(&mut self, name: &str) -> bool {
        let rows = self.sql("select name from windlass.days()").await;
        rows.iter().any(|row| row[0] == name)
    }

    /// Noon of the day that is `ahead` of today.
    pub(crate) async fn day(&self, ahead: i64) -> Timestamp {
        const DAY: i64 = 24 * 60 * 60 * 1_000_000;
        let now = self.h.now().await.as_micros();
        Timestamp::from_micros(now - now.rem_euclid(DAY) + ahead * DAY + DAY / 2)
    }

    /// A job whose id was made at noon of that day.
    pub(crate) async fn job_of(&self, ahead: i64, label: &str) -> NewJob {
        let id = JobId::of_instant(label, self.day(ahead).await);
        NewJob { id, ..job() }
    }

    /// How many bodies of a job a table has.
    pub(crate) async fn bodies(&mut self, table: &str, id: JobId) -> String {
        let count = format!("select count(*) from only windlass.{table} where id = '{id}'");
        self.value(&count).await
    }
}

pub(crate) fn read_step(rows: &Rows) -> Step {
    let row = &rows[0];
    Step {
        made: row[0].parse().unwrap(),
        dropped: row[1].clone(),
        moved: row[2].parse().unwrap(),
        forgotten: row[3].parse().unwrap(),
        is_late: row[4] == "t",
    }
}

/// The name of a day's partition.
pub(crate) fn name_of(day: Timestamp) -> String {
    let date = day.to_string();
    format!("job_{}", date.split('T').next().unwrap().replace('-', ""))
}
