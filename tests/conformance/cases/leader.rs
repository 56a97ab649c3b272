//! Leaders and their terms.

use std::time::Duration;

use shared::store::{ElectParams, Election};
use windlass_tests::{
    Harness,
    make::{MICROSECOND, just_before, secs},
};

const TERM: Duration = secs(10);

async fn elect(h: &Harness, role: &str, candidate: &str) -> Election {
    let params = ElectParams {
        role: role.to_owned(),
        candidate: candidate.to_owned(),
        lease: TERM,
    };
    h.store.elect(params).await.unwrap()
}

async fn resign(h: &Harness, candidate: &str, term: u64) {
    let (role, candidate) = ("scheduler".to_owned(), candidate.to_owned());
    h.store.resign(role, candidate, term).await.unwrap();
}

async fn leader(h: &Harness) -> Option<Election> {
    h.store.leader("scheduler".to_owned()).await.unwrap()
}

fn leads(leader: &str, term: u64, expires_in: Duration) -> Election {
    Election {
        leader: leader.to_owned(),
        term,
        expires_in,
    }
}

pub(crate) async fn the_first_candidate_leads(h: &Harness) {
    assert_eq!(leader(h).await, None);
    assert_eq!(elect(h, "scheduler", "a").await, leads("a", 1, TERM));
    h.advance(secs(4)).await;
    let left = secs(6);
    assert_eq!(elect(h, "scheduler", "b").await, leads("a", 1, left));
    assert_eq!(leader(h).await, Some(leads("a", 1, left)));
}

pub(crate) async fn a_leader_goes_on_leading(h: &Harness) {
    for _ in 0..5 {
        assert_eq!(elect(h, "scheduler", "a").await, leads("a", 1, TERM));
        h.advance(just_before(TERM)).await;
        let left = MICROSECOND;
        assert_eq!(elect(h, "scheduler", "b").await, leads("a", 1, left));
    }
}

pub(crate) async fn another_takes_over_when_the_lease_has_expired(h: &Harness) {
    elect(h, "scheduler", "a").await;
    h.advance(TERM).await;
    assert_eq!(leader(h).await, None);
    assert_eq!(elect(h, "scheduler", "b").await, leads("b", 2, TERM));
    assert_eq!(elect(h, "scheduler", "a").await, leads("b", 2, TERM));
    h.advance(TERM).await;
    assert_eq!(elect(h, "scheduler", "a").await, leads("a", 3, TERM));
}

pub(crate) async fn a_leader_that_lapsed_begins_a_new_term(h: &Harness) {
    elect(h, "scheduler", "a").await;
    h.advance(TERM).await;
    assert_eq!(elect(h, "scheduler", "a").await, leads("a", 2, TERM));
}

pub(crate) async fn a_leader_that_resigns_lets_another_start_at_once(h: &Harness) {
    elect(h, "scheduler", "a").await;
    for _ in 0..2 {
        resign(h, "a", 1).await;
        assert_eq!(leader(h).await, None);
    }
    assert_eq!(elect(h, "scheduler", "b").await, leads("b", 2, TERM));
    resign(h, "b", 2).await;
    assert_eq!(elect(h, "scheduler", "b").await, leads("b", 3, TERM));
}

pub(crate) async fn a_stale_resignation_changes_nothing(h: &Harness) {
    resign(h, "a", 0).await;
    elect(h, "scheduler", "a").await;
    h.advance(TERM).await;
    elect(h, "scheduler", "a").await;
    for (candidate, term) in [("a", 1), ("b", 2), ("a", 3), ("b", 1)] {
        resign(h, candidate, term).await;
        assert_eq!(leader(h).await, Some(leads("a", 2, TERM)));
    }
    h.advance(TERM).await;
    elect(h, "scheduler", "b").await;
    resign(h, "a", 2).await;
    assert_eq!(leader(h).await, Some(leads("b", 3, TERM)));
}

pub(crate) async fn roles_are_apart(h: &Harness) {
    elect(h, "scheduler", "a").await;
    assert_eq!(elect(h, "flush:databox", "b").await, leads("b", 1, TERM));
    assert_eq!(leader(h).await, Some(leads("a", 1, TERM)));
}
