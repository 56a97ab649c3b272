//! What is true of the whole fleet, read from the store when somebody asks.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};
use std::{sync::atomic::AtomicU64, time::Duration};

use super::Declared;
use crate::{
    clock::Timestamp,
    job::State,
    store::{Result, Store},
};

/// What schedulers lead.
const LEADERS: &str = "scheduler";

/// How long the store may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Most queues, destinations and schedules that are told one by one.
const MOST: usize = 500;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfState {
    queue: String,
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfQueue {
    queue: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfDestination {
    destination: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfSchedule {
    schedule: String,
}

type Seconds = Gauge<f64, AtomicU64>;

struct Fleet {
    up: Gauge,
    jobs: Family<OfState, Gauge>,
    oldest: Family<OfQueue, Seconds>,
    paused: Family<OfQueue, Gauge>,
    waiting: Family<OfDestination, Gauge>,
    entry: Family<OfDestination, Seconds>,
    disabled: Family<OfDestination, Gauge>,
    workers: Gauge,
    term: Gauge,
    cursor: Family<OfSchedule, Seconds>,
}

fn declare(d: &mut Declared) -> Fleet {
    Fleet {
        up: d.with(
            "windlass_store_up",
            "1 when the store could be asked",
            Gauge::default(),
        ),
        jobs: d.with(
            "windlass_queue_jobs",
            "Jobs in a queue, by state",
            Family::default(),
        ),
        oldest: d.with(
            "windlass_queue_oldest_seconds",
            "How long the oldest available job waits",
            Family::default(),
        ),
        paused: d.with(
            "windlass_queue_paused",
            "1 while a queue is paused",
            Family::default(),
        ),
        waiting: d.with(
            "windlass_buffer_entries",
            "Entries that wait for a destination",
            Family::default(),
        ),
        entry: d.with(
            "windlass_buffer_oldest_seconds",
            "How long the oldest entry waits",
            Family::default(),
        ),
        disabled: d.with(
            "windlass_destination_disabled",
            "1 while nothing is sent to a destination",
            Family::default(),
        ),
        workers: d.with(
            "windlass_workers",
            "Workers whose registration has not ended",
            Gauge::default(),
        ),
        term: d.with(
            "windlass_leader_term",
            "The term of the leader; 0 when nobody leads",
            Gauge::default(),
        ),
        cursor: d.with(
            "windlass_schedule_judged_seconds",
            "How long ago a schedule's newest judged tick was",
            Family::default(),
        ),
    }
}

/// Asks the store.
pub(super) async fn measure(store: &dyn Store) -> Registry {
    let mut declared = Declared::default();
    let fleet = declare(&mut declared);
    let asked = tokio::time::timeout(LIMIT, fleet.ask(store)).await;
    fleet.up.set(i64::from(matches!(asked, Ok(Ok(())))));
    declared.registry
}

/// The names that [`measure`] tells.
pub(super) fn names() -> Vec<String> {
    let mut declared = Declared::default();
    declare(&mut declared);
    declared.names
}

impl Fleet {
    async fn ask(&self, store: &dyn Store) -> Result<()> {
        let now = store.now().await?;
        for queue in store.queues().await?.into_iter().take(MOST) {
            let of_queue = OfQueue {
                queue: queue.name.to_string(),
            };
            for state in State::ALL {
                let labels = OfState {
                    queue: queue.name.to_string(),
                    state: state.as_str(),
                };
                self.jobs
                    .get_or_create(&labels)
                    .set(whole(queue.count(state)));
            }
            let oldest = ago(now, queue.oldest_available_at);
            self.oldest.get_or_create(&of_queue).set(oldest);
            let paused = i64::from(queue.paused_at.is_some());
            self.paused.get_or_create(&of_queue).set(paused);
        }
        for destination in store.destinations().await?.into_iter().take(MOST) {
            let labels = OfDestination {
                destination: destination.name.to_string(),
            };
            self.waiting
                .get_or_create(&labels)
                .set(whole(destination.waiting));
            self.entry
                .get_or_create(&labels)
                .set(ago(now, destination.oldest_at));
            let disabled = i64::from(destination.disabled.is_some());
            self.disabled.get_or_create(&labels).set(disabled);
        }
        for schedule in store.schedules().await?.into_iter().take(MOST) {
            let labels = OfSchedule {
                schedule: schedule.name.to_string(),
            };
            self.cursor
                .get_or_create(&labels)
                .set(ago(now, Some(schedule.cursor)));
        }
        let workers = store.workers().await?.len();
        self.workers.set(i64::try_from(workers).unwrap_or(i64::MAX));
        let leader = store.leader(LEADERS.to_owned()).await?;
        self.term.set(leader.map_or(0, |leader| whole(leader.term)));
        Ok(())
    }
}

/// How long ago something was; nothing when it never was.
fn ago(now: Timestamp, then: Option<Timestamp>) -> f64 {
    then.map_or(0.0, |then| now.since(then).as_secs_f64())
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
