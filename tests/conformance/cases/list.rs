//! Lists: filters, order, and pages that survive what happens meanwhile.

use std::collections::BTreeSet;

use shared::{
    job::{JobId, JobSummary, NewJob, State},
    page::{Cursor, LOOK_BUDGET, MAX_LIMIT},
    store::{Error, Filter, ListOrder, ListParams},
};
use windlass_tests::{
    Harness,
    make::{DONE, MICROSECOND, discard, job, job_in, jobs, kind, queue, retry, secs, tag, tagged},
};

async fn ids(h: &Harness, filter: Filter) -> Vec<JobId> {
    let found = h.list(filter, 10).await;
    found.iter().map(|job| job.id).collect()
}

fn of_kind(name: &str) -> NewJob {
    let mut job = job();
    job.kind = kind(name);
    job
}

pub(crate) async fn jobs_come_newest_first_in_the_stores_order(h: &Harness) {
    let mut batch = jobs(3);
    batch.reverse();
    let first = h.enqueue_all(batch).await;
    h.advance(secs(1)).await;
    let later = h.enqueue(job()).await;
    let mut expected = [later, first[2], first[1], first[0]];
    if h.store.capabilities().list_order == ListOrder::Id {
        expected.sort_by(|one, next| next.cmp(one));
    }
    assert_eq!(ids(h, Filter::default()).await, expected);
    // What happens to a job does not move it.
    let claimed = h.hand().await.take().await;
    h.settle(&claimed, retry(secs(0))).await;
    assert_eq!(ids(h, Filter::default()).await, expected);
}

pub(crate) async fn each_filter_lets_through_what_it_says(h: &Harness) {
    let completed = h.run(of_kind("a"), DONE).await;
    let dead = h.run(of_kind("b").tag(tag("t")), discard()).await;
    let retried = h.run(of_kind("a").tag(tag("t")), retry(secs(9))).await;
    let middle = h.now().await + secs(1);
    h.advance(secs(1)).await;
    let other = h.enqueue(job_in("other").tag(tag("t")).tag(tag("u"))).await;
    h.advance(secs(1)).await;
    let scheduled = h.enqueue(of_kind("c").delay(secs(60))).await;
    let all = || Filter::default();
    let states = |states: &[State]| Filter {
        states: states.iter().copied().collect(),
        ..all()
    };
    let kinds = |names: &[&str]| Filter {
        kinds: names.iter().map(|name| kind(name)).collect(),
        ..all()
    };
    let queues = |names: &[&str]| Filter {
        queues: names.iter().map(|name| queue(name)).collect(),
        ..all()
    };
    let from = |from| Filter {
        accepted_from: Some(from),
        ..all()
    };
    let before = |before| Filter {
        accepted_before: Some(before),
        ..all()
    };
    let at_once = Filter {
        accepted_from: Some(middle),
        ..before(middle + MICROSECOND)
    };
    let together = Filter {
        kinds: [kind("a"), kind("b")].into(),
        ..tagged("t")
    };
    for (filter, expected) in [
        (all(), vec![scheduled, other, retried, dead, completed]),
        (states(&[State::Completed]), vec![completed]),
        (states(&[State::Running]), vec![]),
        (
            states(&[State::Discarded, State::Retryable]),
            vec![retried, dead],
        ),
        (kinds(&["a"]), vec![retried, completed]),
        (
            kinds(&["a", "c", "nothing"]),
            vec![scheduled, retried, completed],
        ),
        (queues(&["other"]), vec![other]),
        (
            queues(&["default", "other"]),
            vec![scheduled, other, retried, dead, completed],
        ),
        (tagged("t"), vec![other, retried, dead]),
        (tagged("u"), vec![other]),
        (tagged("nothing"), vec![]),
        (from(middle), vec![scheduled, other]),
        (from(middle + MICROSECOND), vec![scheduled]),
        (before(middle), vec![retried, dead, completed]),
        (at_once, vec![other]),
        (together, vec![retried, dead]),
    ] {
        assert_eq!(ids(h, filter.clone()).await, expected, "{filter:?}");
        let one_by_one: Vec<JobSummary> = h.list(filter.clone(), 1).await;
        let one_by_one: Vec<JobId> = one_by_one.iter().map(|job| job.id).collect();
        assert_eq!(one_by_one, expected, "{filter:?}");
    }
}

pub(crate) async fn a_list_tells_what_a_lookup_tells(h: &Harness) {
    h.run(job().tag(tag("x")), retry(secs(5))).await;
    h.run(job(), discard()).await;
    h.enqueue(job()).await;
    h.hand().await.take().await;
    for listed in h.list(Filter::default(), 10).await {
        assert_eq!(h.detail(listed.id).await.summary, listed);
    }
}

pub(crate) async fn pages_join_without_a_gap_or_a_repetition(h: &Harness) {
    let mut accepted = h.enqueue_all(jobs(47)).await;
    accepted.reverse();
    for limit in [1, 2, 7, 46, 47, 48, MAX_LIMIT] {
        let listed = h.list(Filter::default(), limit).await;
        let listed: Vec<JobId> = listed.iter().map(|job| job.id).collect();
        assert_eq!(listed, accepted, "pages of {limit}");
    }
}

/// One page, and the cursor behind it.
async fn page(
    h: &Harness,
    filter: &Filter,
    cursor: Option<Cursor>,
    limit: usize,
) -> (Vec<JobId>, Option<Cursor>) {
    let params = ListParams {
        filter: filter.clone(),
        cursor,
        limit,
    };
    let page = h.store.list(params).await.unwrap();
    (page.items.iter().map(|job| job.id).collect(), page.next)
}

pub(crate) async fn a_list_goes_on_while_jobs_change(h: &Harness) {
    let accepted = h.enqueue_all(jobs(30)).await;
    let hand = h.hand().await;
    let mut claimed = hand.claim(10).await;
    let filter = Filter::default();
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let (items, next) = page(h, &filter, cursor, 4).await;
        seen.extend(items);
        let Some(next) = next else { break };
        // As text and back, as a caller outside would.
        cursor = Some(next.to_string().parse().unwrap());
        h.enqueue_all(jobs(3)).await;
        h.advance(secs(1)).await;
        if let Some(job) = claimed.pop() {
            h.settle(&job, DONE).await;
        }
        hand.beat().await.unwrap();
    }
    let newest_first: Vec<JobId> = accepted.into_iter().rev().collect();
    assert_eq!(seen, newest_first);
}

pub(crate) async fn a_list_goes_on_when_its_place_was_forgotten(h: &Harness) {
    let accepted = h.enqueue_all(jobs(6)).await;
    let filter = Filter::default();
    let (first, cursor) = page(h, &filter, None, 3).await;
    assert_eq!(first, [accepted[5], accepted[4], accepted[3]]);
    for id in &accepted[2..] {
        h.cancel(*id, "not needed").await;
    }
    assert_eq!(h.prune(secs(0), 10).await.count, 4);
    let (rest, _) = page(h, &filter, cursor, 3).await;
    assert_eq!(rest, [accepted[1], accepted[0]]);
}

pub(crate) async fn a_cursor_of_another_filter_is_refused(h: &Harness) {
    h.enqueue_all(jobs(3)).await;
    let (_, cursor) = page(h, &Filter::default(), None, 1).await;
    let params = ListParams {
        filter: tagged("t"),
        cursor,
        limit: 1,
    };
    let refused = h.store.list(params).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
}

pub(crate) async fn a_cursor_that_somebody_made_up_does_no_harm(h: &Harness) {
    let accepted: BTreeSet<JobId> = h.enqueue_all(jobs(3)).await.into_iter().collect();
    let filter = Filter::default();
    for byte in [0, 1, 0x7f, 0x80, 0xff] {
        let key = [byte; 16];
        let filter = filter.fingerprint();
        let cursor = Some(Cursor { key, filter });
        let params = ListParams {
            filter: Filter::default(),
            cursor,
            limit: 10,
        };
        // Whether it is refused or leads anywhere is the store's affair.
        if let Ok(page) = h.store.list(params).await {
            assert!(page.items.iter().all(|job| accepted.contains(&job.id)));
        }
    }
}

pub(crate) async fn a_limit_out_of_range_is_moved_into_it(h: &Harness) {
    let accepted = h.enqueue_all(jobs(MAX_LIMIT + 1)).await;
    let filter = Filter::default();
    let (one, next) = page(h, &filter, None, 0).await;
    assert_eq!(one, [accepted[MAX_LIMIT]]);
    assert!(next.is_some());
    let (most, next) = page(h, &filter, None, usize::MAX).await;
    assert_eq!(most.len(), MAX_LIMIT);
    assert!(next.is_some());
}

pub(crate) async fn an_empty_store_is_one_empty_page(h: &Harness) {
    assert_eq!(page(h, &Filter::default(), None, 10).await, (vec![], None));
}

pub(crate) async fn what_is_rare_is_found_behind_much_else(h: &Harness) {
    let rare = h.enqueue(of_kind("rare")).await;
    for _ in 0..=LOOK_BUDGET / 1000 {
        h.enqueue_all(jobs(1000)).await;
    }
    let filter = Filter {
        kinds: [kind("rare")].into(),
        ..Filter::default()
    };
    assert_eq!(ids(h, filter).await, [rare]);
}
