//! A queue with its producers and claimers, and every step that one of them can take.

use std::mem::swap;

use crate::claim::{Job, Memory, Row, Rule, Snapshot, Xid, remember, scan};

/// What a world begins with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// Of each producer the chunks it inserts: lane and number of jobs.
    pub(crate) producers: Vec<Vec<(usize, usize)>>,
    pub(crate) claimers: usize,
    /// How many claims there are in all, and how much they may want.
    pub(crate) claims: usize,
    pub(crate) wants: Vec<usize>,
    /// How many jobs are cancelled out of their chunks.
    pub(crate) cancels: usize,
    /// How often all that a claimer holds is taken back: by a rescue, behind all others, or handed
    /// back, in front.
    pub(crate) rescues: usize,
    pub(crate) hand_backs: usize,
}

/// A transaction that is under way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Open {
    xid: Xid,
    /// The producer it belongs to and how many chunks it has inserted, or the claimer it takes
    /// jobs from.
    who: Who,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Who {
    Producer(usize, usize),
    TakesBack(usize),
}

/// A claim that has the queue's lock and its snapshot and is about to scan.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Claiming {
    claimer: usize,
    want: usize,
    snapshot: Snapshot,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    /// The next number of a transaction, and one more than the last that has ended.
    next: Xid,
    ended: Xid,
    open: Vec<Open>,
    rows: Vec<Row>,
    /// The next place and the next job.
    no: u8,
    job: Job,
    /// Which producers have begun.
    begun: Vec<bool>,
    memory: Vec<Memory>,
    /// What each claimer was handed out and has not been taken back.
    held: Vec<Vec<Job>>,
    claiming: Option<Claiming>,
    claims: usize,
    cancels: usize,
    rescues: usize,
    hand_backs: usize,
}

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Begins with its first chunk.
    Begin(usize),
    /// The transaction at this place inserts its next chunk, or ends.
    Insert(usize),
    Commit(usize),
    RollBack(usize),
    /// A claimer gets the queue's lock and looks who is under way.
    Look(usize, usize),
    /// It scans, takes, remembers and commits.
    Take,
    /// The first job of the chunk at this place is taken out.
    Cancel(usize),
    Rescue(usize),
    HandBack(usize),
}

impl World {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            next: 3,
            ended: 3,
            open: Vec::new(),
            rows: Vec::new(),
            no: 0,
            job: 0,
            begun: vec![false; plan.producers.len()],
            memory: vec![Memory::default(); plan.claimers],
            held: vec![Vec::new(); plan.claimers],
            claiming: None,
            claims: plan.claims,
            cancels: plan.cancels,
            rescues: plan.rescues,
            hand_backs: plan.hand_backs,
        }
    }

    /// Every step that can be taken now.
    pub(crate) fn steps(&self, plan: &Plan) -> Vec<Step> {
        let mut steps = Vec::new();
        let waiting = (0..self.begun.len()).filter(|&at| !self.begun[at]);
        steps.extend(waiting.map(Step::Begin));
        for (at, open) in self.open.iter().enumerate() {
            match open.who {
                Who::Producer(who, done) if done < plan.producers[who].len() => {
                    steps.push(Step::Insert(at));
                }
                _ => steps.push(Step::Commit(at)),
            }
            steps.push(Step::RollBack(at));
        }
        if self.claiming.is_some() {
            steps.push(Step::Take);
        } else {
            // Whoever takes rows away has the queue's lock.
            if self.claims > 0 {
                for claimer in 0..plan.claimers {
                    steps.extend(plan.wants.iter().map(|&want| Step::Look(claimer, want)));
                }
            }
            if self.cancels > 0 {
                let now = self.snapshot();
                let seen = (0..self.rows.len()).filter(|&at| now.sees(self.rows[at].maker));
                steps.extend(seen.map(Step::Cancel));
            }
        }
        for claimer in (0..plan.claimers).filter(|&at| self.can_be_taken_from(at)) {
            if self.rescues > 0 {
                steps.push(Step::Rescue(claimer));
            }
            if self.hand_backs > 0 {
                steps.push(Step::HandBack(claimer));
            }
        }
        steps
    }

    fn can_be_taken_from(&self, claimer: usize) -> bool {
        let taking = |open: &Open| open.who == Who::TakesBack(claimer);
        !self.held[claimer].is_empty() && !self.open.iter().any(taking)
    }

    /// The world after a step; an error says what went wrong.
    pub(crate) fn after(&self, step: Step, plan: &Plan, rule: Rule) -> Result<Self, String> {
        let mut world = self.clone();
        match step {
            Step::Begin(producer) => {
                world.begun[producer] = true;
                world.begin(Who::Producer(producer, 0));
                world.insert(world.open.len() - 1, plan);
            }
            Step::Insert(at) => world.insert(at, plan),
            Step::Commit(at) => {
                let open = world.end(at);
                if let Who::TakesBack(claimer) = open.who {
                    world.held[claimer].clear();
                }
            }
            Step::RollBack(at) => {
                let open = world.end(at);
                world.rows.retain(|row| row.maker != open.xid);
            }
            Step::Look(claimer, want) => {
                world.claims -= 1;
                world.claiming = Some(Claiming {
                    claimer,
                    want,
                    snapshot: world.snapshot(),
                });
            }
            Step::Take => world.take(rule)?,
            Step::Cancel(at) => {
                world.cancels -= 1;
                let xid = world.begin_and_end();
                let row = &mut world.rows[at];
                row.jobs.remove(0);
                row.maker = xid;
                world.rows.retain(|row| !row.jobs.is_empty());
            }
            Step::Rescue(claimer) => {
                world.rescues -= 1;
                let xid = world.begin(Who::TakesBack(claimer));
                world.put(claimer, 1, xid, xid);
            }
            Step::HandBack(claimer) => {
                world.hand_backs -= 1;
                let xid = world.begin(Who::TakesBack(claimer));
                world.put(claimer, 0, 0, xid);
            }
        }
        // What was written in which order does not matter, only what is there.
        world.rows.sort_unstable();
        world.open.sort_unstable();
        Ok(world)
    }

    /// Who is visible now.
    fn snapshot(&self) -> Snapshot {
        let running = self.open.iter().map(|open| open.xid);
        let mut running: Vec<Xid> = running.filter(|&xid| xid < self.ended).collect();
        running.sort_unstable();
        Snapshot {
            xmax: self.ended,
            running,
        }
    }

    fn begin(&mut self, who: Who) -> Xid {
        let xid = self.next;
        self.next += 1;
        self.open.push(Open { xid, who });
        xid
    }

    fn end(&mut self, at: usize) -> Open {
        let open = self.open.remove(at);
        self.ended = self.ended.max(open.xid + 1);
        open
    }

    /// The number of a transaction of which nobody sees anything but its end.
    fn begin_and_end(&mut self) -> Xid {
        let xid = self.next;
        self.next += 1;
        self.ended = self.next;
        xid
    }

    fn insert(&mut self, at: usize, plan: &Plan) {
        let open = &mut self.open[at];
        let Who::Producer(producer, done) = &mut open.who else {
            return;
        };
        let (lane, count) = plan.producers[*producer][*done];
        *done += 1;
        let xid = open.xid;
        let jobs = (0..count).map(|_| {
            self.job += 1;
            self.job
        });
        self.no += 10;
        self.rows.push(Row {
            lane,
            xid,
            no: self.no,
            jobs: jobs.collect(),
            maker: xid,
        });
    }

    /// Writes what a claimer holds back, each job on its own.
    fn put(&mut self, claimer: usize, lane: usize, xid: Xid, maker: Xid) {
        for &job in &self.held[claimer] {
            self.no += 10;
            self.rows.push(Row {
                lane,
                xid,
                no: self.no,
                jobs: vec![job],
                maker,
            });
        }
    }

    /// The second half of a claim. What it takes must be what a claim without any memory takes,
    /// which looks at everything.
    fn take(&mut self, rule: Rule) -> Result<(), String> {
        let Some(claiming) = self.claiming.take() else {
            return Ok(());
        };
        let Claiming {
            claimer,
            want,
            mut snapshot,
        } = claiming;
        let mut now = self.snapshot();
        if rule == Rule::SnapshotAfterwards {
            swap(&mut now, &mut snapshot);
        }
        let seen = |row: &Row| now.sees(row.maker);
        let memory = &self.memory[claimer];
        let found = scan(&self.rows, seen, memory, want);
        let all = scan(&self.rows, seen, &Memory::default(), want);
        if found.taken != all.taken {
            return Err(format!(
                "a claim with {memory:?} takes {:?}, not {:?} of {:?}",
                found.taken, all.taken, self.rows
            ));
        }
        let mut taken = Vec::new();
        for &(at, count) in &found.taken {
            taken.extend(self.rows[at].jobs.drain(..count));
            self.rows[at].no += u8::try_from(count).unwrap();
        }
        if taken
            .iter()
            .any(|job| self.held.iter().flatten().any(|held| held == job))
        {
            return Err(format!(
                "{taken:?} are handed out though {:?} are held",
                self.held
            ));
        }
        if !taken.is_empty() {
            let xid = self.begin_and_end();
            for &(at, _) in &found.taken {
                self.rows[at].maker = xid;
            }
            self.rows.retain(|row| !row.jobs.is_empty());
        }
        self.memory[claimer] = remember(rule, &self.memory[claimer], &snapshot, &found);
        self.held[claimer].extend(taken);
        self.held[claimer].sort_unstable();
        Ok(())
    }

    /// Whether nothing that is committed is out of reach: each claimer, wanting everything, would
    /// find all there is, whatever it remembers.
    pub(crate) fn is_all_in_reach(&self) -> Result<(), String> {
        let now = self.snapshot();
        let seen = |row: &Row| now.sees(row.maker);
        let there = self.rows.iter().filter(|row| seen(row)).count();
        for memory in &self.memory {
            let found = scan(&self.rows, seen, memory, usize::MAX);
            if found.taken.len() != there {
                return Err(format!(
                    "with {memory:?} a claim never finds all of {:?}",
                    self.rows
                ));
            }
        }
        Ok(())
    }
}
