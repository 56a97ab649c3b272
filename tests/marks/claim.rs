//! A claim of one queue, as `migrations/postgres/0003_claim.sql` makes it, and the same with
//! mistakes in it.

/// The number of a transaction, 0 to 255: worlds are small.
pub(crate) type Xid = u8;

/// Two priorities, of which each has a lane in front (even) and one for the rest (odd).
pub(crate) const LANES: usize = 4;

/// A job, by its number.
pub(crate) type Job = u8;

/// A chunk of available jobs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Row {
    pub(crate) lane: usize,
    /// What it is ordered by: who made its jobs available, or 0 in front.
    pub(crate) xid: Xid,
    pub(crate) no: u8,
    pub(crate) jobs: Vec<Job>,
    /// Who wrote it: it is visible to whom this transaction is visible.
    pub(crate) maker: Xid,
}

/// Which transactions are visible.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Snapshot {
    /// One more than the last that had ended: nothing from here on is visible.
    pub(crate) xmax: Xid,
    /// What was under way below.
    pub(crate) running: Vec<Xid>,
}

impl Snapshot {
    pub(crate) fn sees(&self, xid: Xid) -> bool {
        xid < self.xmax && !self.running.contains(&xid)
    }
}

/// What a claimer remembers: where to start, and what may still come up below.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Memory {
    pub(crate) marks: [Xid; LANES],
    pub(crate) stragglers: Vec<Xid>,
}

/// How a claim sets its marks: as it should, or with one mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Right,
    /// What was under way is not remembered.
    NoStragglers,
    /// A lane in which the scan stopped is marked as one that was read to its end.
    EndThoughStopped,
    /// The lanes behind the one in which the scan stopped are marked too.
    LanesNotReached,
    /// A lane is taken for read to its end when the next chunk is of another, although something
    /// is left of the last.
    PassedByLooking,
    /// A lane in which the scan stopped is marked behind the chunk that it took last.
    BehindTheLast,
    /// The mark goes beyond the snapshot, because the scan saw more than that.
    BeyondTheSnapshot,
    /// Stragglers are forgotten when they have ended, although not everything was read.
    ForgottenUnread,
    /// Stragglers are forgotten once they were looked for, although they are still under way.
    ForgottenRunning,
    /// One mark for all lanes.
    OneMark,
    /// The lanes in front have marks, although nothing there has a number of its own.
    MarkInFront,
    /// The snapshot to remember by is taken after that of the scan.
    SnapshotAfterwards,
}

/// What a scan takes: positions in the rows, and how many jobs of each; the lane in which it
/// stopped and the xid of the last chunk it took there; and whether there was room left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scan {
    pub(crate) taken: Vec<(usize, usize)>,
    stopped: Option<usize>,
    last: Option<Xid>,
    /// The lane of what would have been taken next.
    next: Option<usize>,
    has_room: bool,
}

/// Takes up to `room` jobs of the rows that `seen` lets through, starting at the marks.
pub(crate) fn scan(
    rows: &[Row],
    seen: impl Fn(&Row) -> bool,
    memory: &Memory,
    room: usize,
) -> Scan {
    let mut scan = Scan {
        taken: Vec::new(),
        stopped: None,
        last: None,
        next: None,
        has_room: room > 0,
    };
    let mut need = room;
    for (lane, mark) in memory.marks.iter().enumerate() {
        let below = |row: &Row| row.xid < *mark && memory.stragglers.contains(&row.xid);
        let found = |row: &Row| row.lane == lane && (row.xid >= *mark || below(row)) && seen(row);
        let mut found: Vec<usize> = (0..rows.len()).filter(|&at| found(&rows[at])).collect();
        found.sort_by_key(|&at| (rows[at].xid, rows[at].no));
        for at in found {
            if need == 0 {
                scan.next = Some(lane);
                return scan;
            }
            // The scan has passed every lane before this one to its end.
            if scan.stopped != Some(lane) {
                scan.stopped = Some(lane);
                scan.last = None;
            }
            let take = need.min(rows[at].jobs.len());
            scan.taken.push((at, take));
            scan.last = Some(rows[at].xid);
            need -= take;
            scan.has_room = need > 0;
        }
    }
    scan
}

/// What the claimer remembers next.
pub(crate) fn remember(rule: Rule, before: &Memory, snapshot: &Snapshot, scan: &Scan) -> Memory {
    let mut next = before.clone();
    // Lanes that were read to their end are marked at what comes next; the one in which the scan
    // stopped, at the last chunk it took. No mark goes beyond the snapshot: what lies there may
    // be under way without being known as a straggler.
    let stopped = if scan.has_room {
        LANES
    } else {
        scan.stopped.unwrap_or(0)
    };
    let (stopped, last) = match scan.next {
        Some(next) if rule == Rule::PassedByLooking && next != stopped => (next, None),
        _ => (stopped, scan.last),
    };
    // The lanes in front are read from their start.
    let is_marked = |lane: &usize| lane % 2 == 1 || rule == Rule::MarkInFront;
    for lane in (0..LANES).filter(is_marked) {
        let mark = if lane < stopped || rule == Rule::LanesNotReached {
            snapshot.xmax
        } else if let (true, Some(last)) = (lane == stopped, last) {
            match rule {
                Rule::EndThoughStopped => snapshot.xmax,
                Rule::BehindTheLast => (last + 1).min(snapshot.xmax),
                Rule::BeyondTheSnapshot => last,
                _ => last.min(snapshot.xmax),
            }
        } else {
            continue;
        };
        next.marks[lane] = mark.max(before.marks[lane]);
    }
    let highest = next.marks.iter().copied().max().unwrap_or(0);
    if rule == Rule::OneMark {
        for lane in (1..LANES).step_by(2) {
            next.marks[lane] = highest;
        }
    }
    // What was under way when the scan began and lies below a mark; and the stragglers of before,
    // unless they had ended and everything was read.
    let running = &snapshot.running;
    let mut stragglers: Vec<Xid> = running.iter().copied().filter(|x| *x < highest).collect();
    stragglers.extend(before.stragglers.iter().filter(|x| match rule {
        Rule::ForgottenUnread => running.contains(x),
        Rule::ForgottenRunning => !scan.has_room,
        _ => !scan.has_room || running.contains(x),
    }));
    if rule == Rule::ForgottenRunning && scan.has_room {
        stragglers.retain(|x| !before.stragglers.contains(x));
    }
    stragglers.sort_unstable();
    stragglers.dedup();
    if rule == Rule::NoStragglers {
        stragglers.clear();
    }
    next.stragglers = stragglers;
    next
}
