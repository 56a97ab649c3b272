//! The answer to "why is it not running?", in plain words. Pure.

use shared::clock::Timestamp;

use crate::{
    operate::wire::{AttemptError, Job, Queue, Worker},
    output::age::{counted, length, relative},
};

/// What a job waits for; `None` for one that runs or has ended. `last` is the newest of its errors;
/// `queue` is missing when nothing is known of it.
pub(super) fn why(
    job: &Job,
    last: Option<&AttemptError>,
    queue: Option<&Queue>,
    workers: &[Worker],
    now: Timestamp,
) -> Option<String> {
    let mut reasons = Vec::new();
    match job.state.as_str() {
        "scheduled" | "retryable" => {
            reasons.push(time(job, now));
            reasons.extend(last.map(|error| format!("last time: {}", error.message)));
        }
        "available" => {}
        _ => return None,
    }
    let paused = queue.and_then(|queue| queue.paused_at);
    if let Some(at) = paused {
        reasons.push(format!(
            "its queue {:?} is paused, for {} already: `windlass queue resume {}`",
            job.queue,
            length(now.since(at)),
            job.queue
        ));
    }
    let alive: Vec<&Worker> = workers.iter().filter(|worker| worker.lives(now)).collect();
    if let Some(nobody) = nobody(job, &alive) {
        reasons.push(nobody);
    } else if reasons.is_empty() {
        reasons.push(turn(job, queue, &alive, now));
    }
    Some(reasons.join("; "))
}

/// A job that waits for its time.
fn time(job: &Job, now: Timestamp) -> String {
    let due = job.due_at.unwrap_or(now);
    let next = if job.state == "retryable" {
        let next = job.attempt.saturating_add(1);
        format!("its attempt {next} of {}", job.max_attempts)
    } else {
        "it".to_owned()
    };
    if due > now {
        return format!(
            "{next} is due {} (`windlass job retry {}` runs it now)",
            relative(due, now),
            job.id
        );
    }
    let late = now.since(due);
    if late.as_secs() < 5 {
        return format!("{next} is due now");
    }
    format!(
        "{next} has been due for {}, and no scheduler made it available: does one run?",
        length(late)
    )
}

/// Nobody who would take it.
fn nobody(job: &Job, alive: &[&Worker]) -> Option<String> {
    if alive.is_empty() {
        return Some("no worker runs: `windlass worker` starts one".to_owned());
    }
    if alive.iter().any(|worker| worker.serves(&job.queue)) {
        return None;
    }
    Some(format!(
        "no worker that runs serves its queue {:?}: `windlass worker --queues {}` starts one",
        job.queue, job.queue
    ))
}

/// It could run and waits for its turn.
fn turn(job: &Job, queue: Option<&Queue>, alive: &[&Worker], now: Timestamp) -> String {
    let serving: Vec<&&Worker> = alive
        .iter()
        .filter(|worker| worker.serves(&job.queue))
        .collect();
    let hands: u64 = serving.iter().map(|w| u64::from(w.concurrency)).sum();
    let held: u64 = serving.iter().map(|worker| worker.running).sum();
    let waiting = queue.map_or(0, |queue| queue.count("available"));
    let since = job.due_at.map_or_else(String::new, |since| {
        format!(", for {} already", length(now.since(since)))
    });
    if held >= hands {
        format!(
            "it waits for a free hand{since}: {} with {} for its queue, {} held, {waiting} more \
             wait in it",
            counted(serving.len() as u64, "worker"),
            counted(hands, "hand"),
            counted(held, "job"),
        )
    } else {
        format!("it waits for its turn{since}: {waiting} wait in its queue")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: &str = "2026-11-21T07:00:00Z";

    fn job(state: &str, due_at: &str) -> Job {
        let job = json!({
            "id": "0197f2c4", "kind": "mail", "queue": "mail", "priority": 5, "state": state,
            "attempt": 2, "max_attempts": 25, "crashes": 0, "tags": [],
            "accepted_at": "2026-11-21T06:00:00Z", "due_at": due_at, "claimed_at": null,
            "ended_at": null, "error": null, "replay_of": null, "replayed_as": null,
        });
        serde_json::from_value(job).unwrap()
    }

    fn queue(paused: bool) -> Queue {
        let paused_at = paused.then_some("2026-11-21T06:57:00Z");
        let queue = json!({"name": "mail", "paused_at": paused_at, "counts": {"available": 12},
            "exact": true, "oldest_available_at": null});
        serde_json::from_value(queue).unwrap()
    }

    fn worker(queues: &[&str], running: u64, expires_at: &str) -> Worker {
        let worker = json!({"id": 1, "name": "a", "host": "h", "pid": 1, "version": "0",
            "queues": queues, "concurrency": 4, "running": running, "started_at": NOW,
            "beat_at": NOW, "expires_at": expires_at});
        serde_json::from_value(worker).unwrap()
    }

    fn told(job: &Job, paused: bool, workers: &[Worker]) -> String {
        why(
            job,
            None,
            Some(&queue(paused)),
            workers,
            NOW.parse().unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn what_runs_or_has_ended_waits_for_nothing() {
        for state in [
            "running",
            "completed",
            "cancelled",
            "discarded",
            "of another version",
        ] {
            let job = job(state, NOW);
            assert_eq!(
                why(&job, None, None, &[], NOW.parse().unwrap()),
                None,
                "{state}"
            );
        }
    }

    #[test]
    fn every_reason_is_told_with_its_way_out() {
        let ready = job("available", "2026-11-21T06:58:00Z");
        let free = worker(&[], 1, "2026-11-21T07:00:30Z");
        let busy = worker(&["mail"], 4, "2026-11-21T07:00:30Z");
        let dead = worker(&["mail"], 0, "2026-11-21T06:00:00Z");
        let other = worker(&["reports"], 0, "2026-11-21T07:00:30Z");
        let all = [
            told(&ready, false, &[free]),
            told(&ready, false, &[busy]),
            told(&ready, true, &[dead]),
            told(&ready, false, &[other]),
        ];
        insta::assert_snapshot!(all.join("\n"), @r#"
        it waits for its turn, for 2m already: 12 wait in its queue
        it waits for a free hand, for 2m already: 1 worker with 4 hands for its queue, 4 jobs held, 12 more wait in it
        its queue "mail" is paused, for 3m already: `windlass queue resume mail`; no worker runs: `windlass worker` starts one
        no worker that runs serves its queue "mail": `windlass worker --queues mail` starts one
        "#);
    }

    #[test]
    fn a_job_that_was_put_off_says_why() {
        let error = json!({"attempt": 1, "at": NOW, "worker": 1, "kind": "unknown_kind",
            "error_type": null, "message": "no handler for \"mail\""});
        let error: AttemptError = serde_json::from_value(error).unwrap();
        let job = job("scheduled", "2026-11-21T07:00:15Z");
        let free = [worker(&[], 0, "2026-11-21T07:00:30Z")];
        let told = why(&job, Some(&error), None, &free, NOW.parse().unwrap()).unwrap();
        assert!(
            told.ends_with("runs it now); last time: no handler for \"mail\""),
            "{told}"
        );
    }

    #[test]
    fn what_waits_for_its_time_says_how_long() {
        let free = || [worker(&[], 0, "2026-11-21T07:00:30Z")];
        let all = [
            told(&job("scheduled", "2026-11-21T07:05:00Z"), false, &free()),
            told(&job("retryable", "2026-11-21T07:05:00Z"), true, &free()),
            told(&job("retryable", "2026-11-21T06:50:00Z"), false, &free()),
            told(&job("scheduled", NOW), false, &free()),
        ];
        insta::assert_snapshot!(all.join("\n"), @r#"
        it is due in 5m (`windlass job retry 0197f2c4` runs it now)
        its attempt 3 of 25 is due in 5m (`windlass job retry 0197f2c4` runs it now); its queue "mail" is paused, for 3m already: `windlass queue resume mail`
        its attempt 3 of 25 has been due for 10m, and no scheduler made it available: does one run?
        it is due now
        "#);
    }
}
