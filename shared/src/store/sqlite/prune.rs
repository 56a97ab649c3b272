//! Forgetting jobs that ended long ago, and what else has had its time.

use super::{flags, row::integer, writer::Turn};
use crate::{
    clock::Timestamp,
    job::{JobId, State},
    store::{PruneParams, Pruned, Result, Retention},
};

const FINISHED_RUNS: &str = include_str!("sql/prune_finished_runs.sql");
const FINISHED_RUN_DELETE: &str = include_str!("sql/prune_finished_run_delete.sql");
const FINISHED_RUN_SHORTEN: &str = include_str!("sql/prune_finished_run_shorten.sql");
const FINISHED_READ: &str = include_str!("sql/prune_finished_read.sql");
const FINISHED_DELETE: &str = include_str!("sql/prune_finished_delete.sql");
const ENDED_ANY: &str = include_str!("sql/prune_ended_any.sql");
const ENDED_READ: &str = include_str!("sql/prune_ended_read.sql");
const ENDED_DELETE: &str = include_str!("sql/prune_ended_delete.sql");
const JOB: &str = include_str!("sql/prune_job.sql");
const JOB_TAGS: &str = include_str!("sql/job_tags.sql");
const TAG: &str = include_str!("sql/prune_tag.sql");
const RESULT: &str = include_str!("sql/prune_result.sql");
const PROGRESS: &str = include_str!("sql/prune_progress.sql");
const ATTEMPT_ERRORS: &str = include_str!("sql/prune_attempt_errors.sql");
const CANCEL_REQUEST: &str = include_str!("sql/prune_cancel_request.sql");
const RECEIPTS_OF: &str = include_str!("sql/prune_receipts_of.sql");
const RECEIPTS_LOOSE: &str = include_str!("sql/prune_receipts_loose.sql");
const RECEIPTS_ANY: &str = include_str!("sql/prune_receipts_any.sql");
const WINDOWS: &str = include_str!("sql/prune_windows.sql");
const WINDOWS_ANY: &str = include_str!("sql/prune_windows_any.sql");
const TICKS: &str = include_str!("sql/prune_ticks.sql");
const TICKS_ANY: &str = include_str!("sql/prune_ticks_any.sql");

/// Ticks of a schedule that are kept.
const TICKS_KEPT: i64 = 100;

/// Pages given back to the disk at once: 2 MiB.
const PAGES: &str = "pragma incremental_vacuum(512)";

/// Answers a prune that has nothing to forget.
pub(super) fn look(turn: &mut Turn<'_>, params: &PruneParams) -> Result<Option<Pruned>> {
    let until = Until::new(turn.now(), &params.retention);
    let idle =
        !any(turn, &until)? && crowded_schedules(turn)?.is_empty() && !has_room_to_give_back(turn)?;
    Ok(idle.then(Pruned::default))
}

/// See [`crate::store::DutyStore::prune`].
pub(super) fn apply(turn: &mut Turn<'_>, params: &PruneParams) -> Result<Pruned> {
    let until = Until::new(turn.now(), &params.retention);
    let mut count = completed(turn, until.completed, params.limit)?;
    for (state, until) in until.ended() {
        count += ended(turn, state, until, params.limit - count)?;
    }
    turn.execute(WINDOWS, (turn.now(), integer(params.limit)))?;
    turn.execute(RECEIPTS_LOOSE, (until.loose, integer(params.limit)))?;
    for schedule in crowded_schedules(turn)? {
        turn.execute(TICKS, (schedule, TICKS_KEPT))?;
    }
    if has_room_to_give_back(turn)? {
        turn.connection().execute_batch(PAGES)?;
    }
    Ok(Pruned {
        count,
        more: any(turn, &until)?,
    })
}

/// What ended until these times is forgotten.
struct Until {
    completed: Timestamp,
    cancelled: Timestamp,
    discarded: Timestamp,
    /// For receipts that hang on no job.
    loose: Timestamp,
}

impl Until {
    fn new(now: Timestamp, retention: &Retention) -> Self {
        let longest = retention
            .completed
            .max(retention.cancelled)
            .max(retention.discarded);
        Self {
            completed: now - retention.completed,
            cancelled: now - retention.cancelled,
            discarded: now - retention.discarded,
            loose: now - longest,
        }
    }

    fn ended(&self) -> [(State, Timestamp); 2] {
        [
            (State::Cancelled, self.cancelled),
            (State::Discarded, self.discarded),
        ]
    }
}

/// Whether there are jobs, windows or receipts to be forgotten.
fn any(turn: &Turn<'_>, until: &Until) -> Result<bool> {
    let found = |_: &rusqlite::Row<'_>| Ok(());
    for (state, until) in until.ended() {
        if turn.row(ENDED_ANY, (state, until), found)?.is_some() {
            return Ok(true);
        }
    }
    Ok(turn
        .row(FINISHED_RUNS, (until.completed, 1), found)?
        .is_some()
        || turn.row(WINDOWS_ANY, (turn.now(),), found)?.is_some()
        || turn.row(RECEIPTS_ANY, (until.loose,), found)?.is_some())
}

/// A job that is to be forgotten.
struct Doomed {
    seq: i64,
    id: JobId,
    queue: i64,
    flags: i64,
}

fn doomed(row: &rusqlite::Row<'_>) -> rusqlite::Result<Doomed> {
    Ok(Doomed {
        seq: row.get(0)?,
        id: row.get(1)?,
        queue: row.get(2)?,
        flags: row.get(3)?,
    })
}

/// Forgets completed jobs, whole runs where the limit allows; answers how many.
fn completed(turn: &mut Turn<'_>, until: Timestamp, limit: usize) -> Result<usize> {
    let runs: Vec<(Timestamp, i64, i64)> =
        turn.rows(FINISHED_RUNS, (until, integer(limit)), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let allowed = integer(limit);
    let mut room = allowed;
    for (ended_at, first, length) in runs {
        let taken = length.min(room);
        if taken == 0 {
            break;
        }
        let last = first + taken - 1;
        for job in turn.rows(FINISHED_READ, (first, last), doomed)? {
            forget_extras(turn, &job)?;
            turn.forgot(job.queue, State::Completed, 1);
        }
        turn.execute(FINISHED_DELETE, (first, last))?;
        turn.execute(JOB, (first, last))?;
        if taken == length {
            turn.execute(FINISHED_RUN_DELETE, (ended_at, first))?;
        } else {
            turn.execute(FINISHED_RUN_SHORTEN, (ended_at, first, taken))?;
        }
        room -= taken;
    }
    Ok(usize::try_from(allowed - room).unwrap_or(0))
}

/// Forgets cancelled or discarded jobs; answers how many.
fn ended(turn: &mut Turn<'_>, state: State, until: Timestamp, limit: usize) -> Result<usize> {
    let jobs = turn.rows(ENDED_READ, (state, until, integer(limit)), doomed)?;
    for job in &jobs {
        forget_extras(turn, job)?;
        turn.execute(ENDED_DELETE, (job.seq,))?;
        turn.execute(JOB, (job.seq, job.seq))?;
        turn.forgot(job.queue, state, 1);
    }
    Ok(jobs.len())
}

/// Forgets all that hangs on a job but its body and its state.
fn forget_extras(turn: &Turn<'_>, job: &Doomed) -> Result<()> {
    for (flag, sql) in [
        (flags::RESULT, RESULT),
        (flags::PROGRESS, PROGRESS),
        (flags::ERRORS, ATTEMPT_ERRORS),
        (flags::STOP, CANCEL_REQUEST),
    ] {
        if flags::any(job.flags, flag) {
            turn.execute(sql, (job.seq,))?;
        }
    }
    if flags::any(job.flags, flags::TAGS) {
        let tags: Option<String> = turn.row(JOB_TAGS, (job.seq,), |row| row.get(0))?.flatten();
        for tag in tags.unwrap_or_default().split_terminator(' ') {
            turn.execute(TAG, (tag, job.seq))?;
        }
    }
    turn.execute(RECEIPTS_OF, (job.id,))?;
    Ok(())
}

fn crowded_schedules(turn: &Turn<'_>) -> Result<Vec<i64>> {
    turn.rows(TICKS_ANY, (TICKS_KEPT,), |row| row.get(0))
}

/// Whether a good part of the file is empty pages. A few are kept: they are used again soon.
fn has_room_to_give_back(turn: &Turn<'_>) -> Result<bool> {
    let pages =
        |name: &str| -> Result<i64> { Ok(turn.row(name, (), |row| row.get(0))?.unwrap_or(0)) };
    let free = pages("pragma freelist_count")?;
    Ok(free > 1024 && free > pages("pragma page_count")? / 4)
}
