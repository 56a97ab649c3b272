//! What somebody should see to, each with the command that helps. Pure.

use shared::clock::Timestamp;
use std::time::Duration;

use super::View;
use crate::{
    operate::{schedule::overdue, wire::Queue},
    output::{
        age::{counted, length, relative},
        clean,
    },
};

/// A job that has been ready for this long is waiting, not passing through.
const LONG: Duration = Duration::from_mins(1);

/// What is wrong, a line each.
pub(super) fn render(view: &View) -> String {
    let all = troubles(view);
    if all.is_empty() {
        return "nothing needs attention".to_owned();
    }
    let lines: Vec<String> = all
        .iter()
        .map(|line| format!("! {}", clean::line(line)))
        .collect();
    lines.join("\n")
}

fn troubles(view: &View) -> Vec<String> {
    let now = view.ready.now;
    let mut all = Vec::new();
    all.extend(workers(view, now));
    for queue in &view.queues.items {
        all.extend(queue_trouble(view, queue, now));
    }
    for destination in &view.destinations.items {
        let name = &destination.name;
        if let Some(disabled) = &destination.disabled {
            all.push(format!(
                "destination {name} is disabled, for {} already ({}): \
                 `windlass destination enable {name}`",
                length(now.since(disabled.at)),
                disabled.reason
            ));
        } else if let (true, Some(failed)) = (destination.fails(), &destination.failed) {
            let (at, why) = (relative(failed.at, now), &failed.reason);
            let waiting = destination.waiting;
            all.push(format!(
                "destination {name} fails ({at}: {why}); waiting for it: {waiting}"
            ));
        }
    }
    for schedule in &view.schedules.items {
        let name = &schedule.name;
        if schedule.paused_at.is_some() {
            all.push(format!(
                "schedule {name} is paused: `windlass schedule resume {name}`"
            ));
        }
        if let Some(due) = overdue(schedule, now) {
            let due = relative(due, now);
            all.push(format!(
                "schedule {name} should have fired {due}: does a scheduler run?"
            ));
        }
    }
    let dead = view.dead_letters.items.len();
    if dead > 0 {
        let told = match view.dead_letters.next {
            None => counted(dead as u64, "dead letter"),
            Some(_) => format!("more than {dead} dead letters"),
        };
        all.push(format!("{told}: `windlass dlq list`"));
    }
    all
}

fn workers(view: &View, now: Timestamp) -> Vec<String> {
    let all = &view.workers.items;
    if !all.iter().any(|worker| worker.lives(now)) {
        return vec!["no worker lives: `windlass worker` starts one".to_owned()];
    }
    let silent = all.iter().filter(|worker| !worker.lives(now));
    silent
        .map(|worker| {
            format!(
                "worker {} ({} on {}) was last heard of {}; to be rescued from it: {}",
                worker.id,
                worker.name,
                worker.host,
                relative(worker.beat_at, now),
                counted(worker.running, "job")
            )
        })
        .collect()
}

fn queue_trouble(view: &View, queue: &Queue, now: Timestamp) -> Option<String> {
    let name = &queue.name;
    let available = queue.count("available");
    if let Some(at) = queue.paused_at {
        let (since, waiting) = (length(now.since(at)), counted(available, "job"));
        return Some(format!(
            "queue {name} is paused, for {since} already, with {waiting} ready: \
             `windlass queue resume {name}`"
        ));
    }
    if available == 0 {
        return None;
    }
    let mut alive = view.workers.items.iter().filter(|worker| worker.lives(now));
    if !alive.any(|worker| worker.serves(name)) {
        return Some(format!(
            "no worker serves queue {name} with {} ready: `windlass worker --queues {name}`",
            counted(available, "job")
        ));
    }
    let oldest = queue.oldest_available_at?;
    (now.since(oldest) > LONG).then(|| {
        let (oldest, waiting) = (length(now.since(oldest)), counted(available, "job"));
        format!("queue {name} is behind: {waiting} ready, the oldest for {oldest}")
    })
}
