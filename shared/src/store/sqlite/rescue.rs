//! Taking jobs back from workers that were not heard of any more.

use super::{held::Held, worker::held_by, writer::Turn};
use crate::{
    job::{State, attempt::Failure},
    lease::WorkerId,
    store::{RescueParams, Rescued, Result},
};

const WORKER_EXPIRED: &str = include_str!("sql/worker_expired.sql");
const WORKER_DELETE: &str = include_str!("sql/worker_delete.sql");

/// Answers a rescue that finds every worker alive.
pub(super) fn look(turn: &mut Turn<'_>, _params: &RescueParams) -> Result<Option<Rescued>> {
    let idle = expired(turn)?.is_empty();
    Ok(idle.then(Rescued::default))
}

/// See [`crate::store::DutyStore::rescue`].
pub(super) fn apply(turn: &mut Turn<'_>, params: &RescueParams) -> Result<Rescued> {
    let mut rescued = Rescued::default();
    let mut room = params.limit;
    for worker in expired(turn)? {
        // One more than may be taken tells whether anything is left of the worker.
        let mut held = held_by(turn, worker, room.saturating_add(1))?;
        let is_last = held.len() <= room;
        held.truncate(room);
        room -= held.len();
        for job in held {
            rescue(turn, job, params.max_crashes, &mut rescued)?;
        }
        if is_last {
            turn.execute(WORKER_DELETE, (worker,))?;
            rescued.workers.push(worker);
        }
    }
    Ok(rescued)
}

fn expired(turn: &Turn<'_>) -> Result<Vec<WorkerId>> {
    turn.rows(WORKER_EXPIRED, (turn.now(),), |row| row.get(0))
}

fn rescue(
    turn: &mut Turn<'_>,
    mut job: Held,
    max_crashes: u32,
    rescued: &mut Rescued,
) -> Result<()> {
    job.keep_error(turn, &Failure::crashed())?;
    job.uncount();
    job.crash();
    let id = job.id;
    if job.is_unwanted() {
        job.end(turn, State::Cancelled)?;
        rescued.cancelled.push(id);
    } else if job.crashes() >= max_crashes {
        job.end(turn, State::Discarded)?;
        rescued.discarded.push(id);
    } else {
        job.requeue(turn)?;
        rescued.requeued.push(id);
    }
    Ok(())
}
