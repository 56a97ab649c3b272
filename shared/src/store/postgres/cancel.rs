//! Stopping jobs, and making those that wait for their time available.

use super::{PostgresStore, database, row};
use crate::{
    job::{JobId, State},
    store::{CancelParams, Cancelled, Hint, Result, RunNow},
};

const CANCEL: &str = include_str!("sql/cancel.sql");
const RUN_NOW: &str = include_str!("sql/run_now.sql");

/// See [`crate::store::JobStore::cancel`].
pub(super) async fn cancel(store: &PostgresStore, params: CancelParams) -> Result<Vec<Cancelled>> {
    let reason = row::text(&params.reason);
    let rows = store.database.write(CANCEL, |call| {
        call.bind(store.database.now())
            .bind(&params.ids)
            .bind(&*reason)
    });
    let verdicts: Vec<i16> = row::get(&database::only(rows.await?)?, 0)?;
    if verdicts.contains(&-2) {
        store.hint(Hint::Ended);
    }
    if verdicts.contains(&-3) {
        store.hint(Hint::Cancel);
    }
    let told = verdicts.into_iter().map(|number| {
        Ok(match number {
            -1 => Cancelled::Unknown,
            -2 => Cancelled::Done,
            -3 => Cancelled::Requested,
            number => Cancelled::Ended(row::state(number)?),
        })
    });
    told.collect()
}

/// See [`crate::store::JobStore::run_now`].
pub(super) async fn run_now(store: &PostgresStore, ids: Vec<JobId>) -> Result<Vec<RunNow>> {
    let rows = store
        .database
        .write(RUN_NOW, |call| call.bind(store.database.now()).bind(&ids));
    let verdicts: Vec<i16> = row::get(&database::only(rows.await?)?, 0)?;
    store.hint(Hint::Any);
    let told = verdicts.into_iter().map(|number| {
        if number == -1 {
            return Ok(RunNow::Unknown);
        }
        Ok(match row::state(number)? {
            State::Available => RunNow::Done,
            state => RunNow::NotWaiting(state),
        })
    });
    told.collect()
}
