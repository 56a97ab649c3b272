//! `floor`: what the store itself allows. The same number of rows with the same payload, in bare
//! statements: insert; then, in two transactions, take a batch and end it. No leases, no retries, no
//! ids made by the caller. A queue that keeps a row per job and state cannot be faster on this store;
//! one that keeps many jobs in a row can.

use anyhow::{Context as _, ensure};
use rusqlite::{Connection, params};
use shared::store::postgres::sqlx::{self, Connection as _, PgConnection};
use std::{collections::VecDeque, path::Path, time::Instant};

use crate::{
    lifecycle::{self, as_f64},
    report::Report,
    store::Place,
};

#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Options {
    /// How many rows.
    #[arg(long, default_value_t = 100_000)]
    jobs: usize,
    /// Bytes of payload of each.
    #[arg(long, default_value_t = 128)]
    payload_bytes: usize,
    /// Rows per transaction.
    #[arg(long, default_value_t = 1000)]
    batch: usize,
}

impl From<&lifecycle::Options> for Options {
    fn from(options: &lifecycle::Options) -> Self {
        let lifecycle::Options {
            jobs,
            payload_bytes,
            batch,
            ..
        } = *options;
        Self {
            jobs,
            payload_bytes,
            batch,
        }
    }
}

/// Seconds that each half took.
pub(crate) struct Floor {
    jobs: usize,
    enqueue_s: f64,
    process_s: f64,
}

impl Floor {
    pub(crate) fn lifecycle_per_s(&self) -> f64 {
        as_f64(self.jobs) / (self.enqueue_s + self.process_s)
    }
}

pub(crate) async fn run(url: &str, options: &Options) -> anyhow::Result<Option<Report>> {
    let floor = measure(url, options).await?;
    let mut report = Report::default();
    report.add("scenario", "floor");
    report.add("jobs", options.jobs);
    report.add_f64("enqueue_per_s", as_f64(options.jobs) / floor.enqueue_s);
    report.add_f64("process_per_s", as_f64(options.jobs) / floor.process_s);
    report.add_f64("lifecycle_per_s", floor.lifecycle_per_s());
    Ok(Some(report))
}

pub(crate) async fn measure(url: &str, options: &Options) -> anyhow::Result<Floor> {
    ensure!(
        options.jobs > 0 && options.batch > 0,
        "--jobs and --batch must be at least 1"
    );
    match Place::new(url).await? {
        Place::Memory => Ok(memory(options)),
        Place::File(dir) => sqlite(&dir.path().join("floor.db"), options),
        Place::Server(scratch) => postgres(scratch.url(), options).await,
        Place::Keys(_) => anyhow::bail!("there is no floor for Redis yet"),
    }
}

/// The settings are the server's, as they are for the store; one connection, which waits for each
/// answer.
async fn postgres(url: &str, options: &Options) -> anyhow::Result<Floor> {
    let connecting = PgConnection::connect(url).await;
    let mut db = connecting.context("cannot open the database")?;
    let tables = "create table waiting (id bigint generated always as identity primary key, \
                  payload bytea not null); create table done (id bigint not null)";
    sqlx::raw_sql(tables).execute(&mut db).await?;
    let payload = vec![b'x'; options.payload_bytes];
    let started = Instant::now();
    for start in (0..options.jobs).step_by(options.batch) {
        let count = options.batch.min(options.jobs - start);
        sqlx::query("insert into waiting (payload) select unnest($1::bytea[])")
            .bind(vec![&*payload; count])
            .execute(&mut db)
            .await?;
    }
    let enqueue_s = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let mut left = options.jobs;
    while left > 0 {
        let taken = take_and_end(&mut db, options.batch).await?;
        ensure!(taken > 0, "{left} rows have vanished");
        left -= taken;
    }
    let process_s = started.elapsed().as_secs_f64();
    db.close().await?;
    Ok(Floor {
        jobs: options.jobs,
        enqueue_s,
        process_s,
    })
}

/// Two transactions: one takes a batch out, beside others that may, the other keeps that it has ended.
async fn take_and_end(db: &mut PgConnection, batch: usize) -> anyhow::Result<usize> {
    let take = "delete from waiting where ctid = any (array( \
                  select ctid from waiting order by id limit $1 for update skip locked)) \
                returning id, payload";
    let taken: Vec<(i64, Vec<u8>)> = sqlx::query_as(take)
        .bind(i64::try_from(batch)?)
        .fetch_all(&mut *db)
        .await?;
    let ids: Vec<i64> = taken.iter().map(|(id, _)| *id).collect();
    sqlx::query("insert into done (id) select unnest($1::bigint[])")
        .bind(ids)
        .execute(db)
        .await?;
    Ok(taken.len())
}

/// The settings are those of the store: a write-ahead log, flushed at every commit.
fn sqlite(path: &Path, options: &Options) -> anyhow::Result<Floor> {
    let db = Connection::open(path).context("cannot open the database")?;
    db.execute_batch(
        "pragma journal_mode = wal; pragma synchronous = full; pragma wal_autocheckpoint = 4000;
         pragma cache_size = -65536; pragma temp_store = memory;
         create table row (id integer primary key, taken integer, payload blob);
         create index free on row (id) where taken is null;",
    )?;
    let payload = vec![b'x'; options.payload_bytes];
    let started = Instant::now();
    for start in (0..options.jobs).step_by(options.batch) {
        let count = options.batch.min(options.jobs - start);
        db.execute_batch("begin immediate")?;
        let mut insert = db.prepare_cached("insert into row (payload) values (?1)")?;
        for _ in 0..count {
            insert.execute(params![payload])?;
        }
        db.execute_batch("commit")?;
    }
    let enqueue_s = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let mut left = options.jobs;
    while left > 0 {
        left -= take_and_delete(&db, options.batch)?;
    }
    Ok(Floor {
        jobs: options.jobs,
        enqueue_s,
        process_s: started.elapsed().as_secs_f64(),
    })
}

fn take_and_delete(db: &Connection, batch: usize) -> anyhow::Result<usize> {
    db.execute_batch("begin immediate")?;
    let mut find =
        db.prepare_cached("select id, payload from row where taken is null order by id limit ?1")?;
    let rows = find.query_map([i64::try_from(batch)?], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
    })?;
    let taken: Vec<(i64, Vec<u8>)> = rows.collect::<Result<_, _>>()?;
    let mut mark = db.prepare_cached("update row set taken = 1 where id = ?1")?;
    for (id, _) in &taken {
        mark.execute([id])?;
    }
    db.execute_batch("commit; begin immediate")?;
    let mut delete = db.prepare_cached("delete from row where id = ?1")?;
    for (id, _) in &taken {
        delete.execute([id])?;
    }
    db.execute_batch("commit")?;
    Ok(taken.len())
}

/// A list in memory: push, take, forget.
fn memory(options: &Options) -> Floor {
    let started = Instant::now();
    let mut rows: VecDeque<Vec<u8>> = (0..options.jobs)
        .map(|_| vec![b'x'; options.payload_bytes])
        .collect();
    let enqueue_s = started.elapsed().as_secs_f64();
    let started = Instant::now();
    while !rows.is_empty() {
        let taken: Vec<Vec<u8>> = rows.drain(..options.batch.min(rows.len())).collect();
        drop(std::hint::black_box(taken));
    }
    Floor {
        jobs: options.jobs,
        enqueue_s,
        process_s: started.elapsed().as_secs_f64(),
    }
}
