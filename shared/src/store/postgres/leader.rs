//! Who leads.

use sqlx::postgres::PgRow;

use super::{
    database::{Database, only},
    row::{count, get, integer, micros},
};
use crate::{
    clock::Timestamp,
    store::{ElectParams, Election, Result},
};

const LEADER_ELECT: &str = include_str!("sql/leader_elect.sql");
const LEADER_RESIGN: &str = include_str!("sql/leader_resign.sql");
const LEADER_GET: &str = include_str!("sql/leader_get.sql");

/// See [`crate::store::LeaderStore::elect`].
pub(super) async fn elect(database: &Database, params: ElectParams) -> Result<Election> {
    let rows = database.write(LEADER_ELECT, |call| {
        call.bind(database.now())
            .bind(&params.role)
            .bind(&params.candidate)
            .bind(micros(params.lease))
    });
    election(&only(rows.await?)?)
}

/// See [`crate::store::LeaderStore::resign`].
pub(super) async fn resign(
    database: &Database,
    role: String,
    candidate: String,
    term: u64,
) -> Result<()> {
    let rows = database.write(LEADER_RESIGN, |call| {
        call.bind(&role).bind(&candidate).bind(integer(term))
    });
    rows.await.map(drop)
}

/// See [`crate::store::LeaderStore::leader`].
pub(super) async fn leader(database: &Database, role: String) -> Result<Option<Election>> {
    let rows = database.read(LEADER_GET, |call| call.bind(database.now()).bind(&role));
    rows.await?.first().map(election).transpose()
}

fn election(row: &PgRow) -> Result<Election> {
    let (expires_at, now): (Timestamp, Timestamp) = (get(row, 2)?, get(row, 3)?);
    Ok(Election {
        leader: get(row, 0)?,
        term: count(row, 1)?,
        expires_in: expires_at.since(now),
    })
}
