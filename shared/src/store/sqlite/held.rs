//! A running job and the ways out of it: what a settle, a worker that leaves and a rescue have in
//! common.

use rusqlite::Row;

use super::{flags, row::integer, writer::Turn};
use crate::{
    clock::Timestamp,
    job::{
        AttemptError, JobId, State,
        attempt::{Failure, MAX_KEPT},
    },
    lease::WorkerId,
    store::{Error, Result},
};

const LEASE_DELETE: &str = include_str!("sql/lease_delete.sql");
const FINISHED_INSERT: &str = include_str!("sql/finished_insert.sql");
const ENDED_INSERT: &str = include_str!("sql/ended_insert.sql");
const READY_INSERT: &str = include_str!("sql/ready_insert.sql");
const SCHEDULED_INSERT: &str = include_str!("sql/scheduled_insert.sql");
const RESULT_PUT: &str = include_str!("sql/result_put.sql");
const PROGRESS_PUT: &str = include_str!("sql/progress_put.sql");
const ATTEMPT_ERROR_LAST: &str = include_str!("sql/attempt_error_last.sql");
const ATTEMPT_ERROR_INSERT: &str = include_str!("sql/attempt_error_insert.sql");
const ATTEMPT_ERROR_TRIM: &str = include_str!("sql/attempt_error_trim.sql");
const UNIQUE_KEY_RELEASE: &str = include_str!("sql/unique_key_release.sql");

/// A row of `lease`, with what its body adds.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) seq: i64,
    pub(super) id: JobId,
    pub(super) worker: WorkerId,
    pub(super) claim: i64,
    queue: i64,
    priority: i64,
    /// Attempts counted: this one too, until it turns out not to count.
    attempt: u32,
    crashes: u32,
    flags: i64,
    place: i64,
    available_at: Option<Timestamp>,
    claimed_at: Timestamp,
    /// The last settle that the store kept for this job.
    settled: Option<(WorkerId, i64)>,
}

impl Held {
    /// A row of the statement `lease_get` or `lease_of_worker`.
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let worker: Option<WorkerId> = row.get(9)?;
        let claim: Option<i64> = row.get(10)?;
        let seq = row.get(0)?;
        Ok(Self {
            seq,
            worker: row.get(1)?,
            claim: row.get(2)?,
            queue: row.get(3)?,
            attempt: row.get(4)?,
            crashes: row.get(5)?,
            flags: row.get(6)?,
            available_at: row.get(7)?,
            claimed_at: row.get(8)?,
            settled: worker.zip(claim),
            id: row.get(11)?,
            priority: row.get(12)?,
            place: row.get::<_, Option<i64>>(13)?.unwrap_or(seq),
        })
    }

    /// Whether somebody asked to stop it.
    pub(super) fn is_unwanted(&self) -> bool {
        flags::any(self.flags, flags::STOP)
    }

    /// How many workers died while they ran it.
    pub(super) fn crashes(&self) -> u32 {
        self.crashes
    }

    /// Notes that what follows is the work of a settle with the token of this lease.
    pub(super) fn settled(&mut self) {
        self.settled = Some((self.worker, self.claim));
    }

    /// Takes this attempt out of the count.
    pub(super) fn uncount(&mut self) {
        self.attempt = self.attempt.saturating_sub(1);
    }

    /// Counts a crash.
    pub(super) fn crash(&mut self) {
        self.crashes = self.crashes.saturating_add(1);
    }

    /// Keeps an error of this attempt. To be called before the attempt is taken out of the count.
    pub(super) fn keep_error(&mut self, turn: &Turn<'_>, failure: &Failure) -> Result<()> {
        let error = AttemptError {
            attempt: self.attempt,
            at: turn.now(),
            worker: self.worker.0,
            failure: failure.clone(),
        };
        let error = serde_json::to_string(&error)
            .map_err(|error| Error::corrupt(format!("an error has no JSON form: {error}")))?;
        let last: Option<i64> = turn
            .row(ATTEMPT_ERROR_LAST, (self.seq,), |row| row.get(0))?
            .flatten();
        let number = last.unwrap_or(0) + 1;
        turn.execute(ATTEMPT_ERROR_INSERT, (self.seq, number, error))?;
        let too_old = number - integer(MAX_KEPT);
        if too_old > 0 {
            turn.execute(ATTEMPT_ERROR_TRIM, (self.seq, too_old))?;
        }
        self.flags |= flags::ERRORS;
        Ok(())
    }

    /// Keeps what its handler reported.
    pub(super) fn keep_progress(&mut self, turn: &Turn<'_>, value: &[u8]) -> Result<()> {
        turn.execute(PROGRESS_PUT, (self.seq, value))?;
        self.flags |= flags::PROGRESS;
        Ok(())
    }

    /// `running` → `completed`.
    pub(super) fn complete(mut self, turn: &mut Turn<'_>, result: Option<&[u8]>) -> Result<State> {
        if let Some(result) = result {
            turn.execute(RESULT_PUT, (self.seq, result))?;
            self.flags |= flags::RESULT;
        }
        self.release_key(turn)?;
        turn.execute(LEASE_DELETE, (self.seq,))?;
        turn.execute(
            FINISHED_INSERT,
            (
                self.seq,
                self.worker,
                self.claim,
                self.attempt,
                self.crashes,
                self.flags,
                self.claimed_at,
                turn.now(),
            ),
        )?;
        turn.finished(self.seq, 1);
        Ok(self.became(turn, State::Completed))
    }

    /// `running` → `cancelled` or `discarded`.
    pub(super) fn end(mut self, turn: &mut Turn<'_>, state: State) -> Result<State> {
        self.release_key(turn)?;
        turn.execute(LEASE_DELETE, (self.seq,))?;
        let (worker, claim) = self.settled.unzip();
        turn.execute(
            ENDED_INSERT,
            (
                self.seq,
                state,
                worker,
                claim,
                self.attempt,
                self.crashes,
                self.flags,
                self.claimed_at,
                turn.now(),
            ),
        )?;
        Ok(self.became(turn, state))
    }

    /// `running` → `available`, since now and behind all others.
    pub(super) fn requeue(mut self, turn: &mut Turn<'_>) -> Result<State> {
        self.available_at = Some(turn.now());
        self.place = turn.next_number()?;
        turn.use_numbers(1);
        self.hand_back(turn)
    }

    /// `running` → `available`, since when and where it was before.
    pub(super) fn hand_back(self, turn: &mut Turn<'_>) -> Result<State> {
        turn.execute(LEASE_DELETE, (self.seq,))?;
        let (worker, claim) = self.settled.unzip();
        turn.execute(
            READY_INSERT,
            (
                self.queue,
                self.priority,
                self.place,
                self.seq,
                self.attempt,
                self.crashes,
                self.flags,
                self.available_at,
                worker,
                claim,
            ),
        )?;
        Ok(self.became(turn, State::Available))
    }

    /// `running` → `scheduled` or `retryable`.
    pub(super) fn put_off(
        self,
        turn: &mut Turn<'_>,
        state: State,
        run_at: Timestamp,
    ) -> Result<State> {
        turn.execute(LEASE_DELETE, (self.seq,))?;
        let (worker, claim) = self.settled.unzip();
        turn.execute(
            SCHEDULED_INSERT,
            (
                self.seq,
                run_at,
                state,
                self.queue,
                self.priority,
                self.attempt,
                self.crashes,
                self.flags,
                worker,
                claim,
            ),
        )?;
        Ok(self.became(turn, state))
    }

    fn release_key(&mut self, turn: &Turn<'_>) -> Result<()> {
        if flags::any(self.flags, flags::KEY) {
            turn.execute(UNIQUE_KEY_RELEASE, (self.seq,))?;
            self.flags &= !flags::KEY;
        }
        Ok(())
    }

    fn became(&self, turn: &mut Turn<'_>, state: State) -> State {
        turn.moved(self.queue, State::Running, state, 1);
        state
    }
}
