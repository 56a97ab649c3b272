//! Terms on a store that answers, fails, hangs and dawdles. Time is simulated.

use super::*;
use crate::world::World;
use async_trait::async_trait;
use std::sync::atomic::{AtomicUsize, Ordering};

const LEASE: Duration = Duration::from_secs(10);

/// What the store does with a call.
#[derive(Debug, Clone, Copy)]
enum Mood {
    Answers,
    Fails,
    Hangs,
    /// It does it at once and answers later.
    Dawdles(Duration),
}

/// The leaders of a world's store, in a mood that can change.
struct Moody {
    store: Arc<dyn LeaderStore>,
    mood: Mutex<Mood>,
    calls: AtomicUsize,
}

impl Moody {
    fn new(world: &World) -> Arc<Self> {
        Arc::new(Self {
            store: Arc::clone(&world.store) as _,
            mood: Mutex::new(Mood::Answers),
            calls: AtomicUsize::new(0),
        })
    }

    fn turn(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn candidate(self: &Arc<Self>, name: &str) -> Candidate {
        Candidate::new(Arc::clone(self) as _, name, LEASE)
    }

    async fn in_mood<T>(&self, call: impl Future<Output = store::Result<T>>) -> store::Result<T> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Answers => call.await,
            Mood::Fails => Err(store::Error::unavailable("moody")),
            Mood::Hangs => std::future::pending().await,
            Mood::Dawdles(length) => {
                let answer = call.await;
                sleep(length).await;
                answer
            }
        }
    }
}

#[async_trait]
impl LeaderStore for Moody {
    async fn elect(&self, params: ElectParams) -> store::Result<Election> {
        self.in_mood(self.store.elect(params)).await
    }

    async fn resign(&self, role: String, candidate: String, term: u64) -> store::Result<()> {
        self.in_mood(self.store.resign(role, candidate, term)).await
    }

    async fn leader(&self, role: String) -> store::Result<Option<Election>> {
        self.in_mood(self.store.leader(role)).await
    }
}

async fn leader(store: &Moody) -> Option<Election> {
    store.store.leader(ROLE.to_owned()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn when_the_leader_dies_another_leads_within_the_lease() {
    let world = World::turning();
    let store = Moody::new(&world);
    let (first, second) = (store.candidate("first"), store.candidate("second"));
    let term = first.campaign().await;
    assert_eq!(term.number(), 1);
    // It leads for a while, and nobody else does.
    tokio::select! {
        end = first.hold(&term) => panic!("{end}"),
        other = second.campaign() => panic!("{other:?}"),
        () = sleep(LEASE * 10) => {}
    }
    assert!(term.holds());
    let died = Instant::now();
    let next = second.campaign().await;
    assert!(
        died.elapsed() <= LEASE + Duration::from_millis(50),
        "{:?}",
        died.elapsed()
    );
    assert_eq!(next.number(), 2);
    assert!(!term.holds(), "the dead one would not act any more");
}

#[tokio::test(start_paused = true)]
async fn when_the_leader_resigns_another_need_not_wait_for_its_lease() {
    let world = World::turning();
    let store = Moody::new(&world);
    let (first, second) = (store.candidate("first"), store.candidate("second"));
    first.campaign().await;
    let resigned = async {
        sleep(Duration::from_secs(1)).await;
        first.resign().await;
        Instant::now()
    };
    let (at, next) = tokio::join!(resigned, second.campaign());
    assert!(at.elapsed() <= LEASE / ASKS_PER_LEASE + Duration::from_millis(50));
    assert_eq!(next.number(), 2);
}

#[tokio::test(start_paused = true)]
async fn only_the_leader_resigns_and_never_for_long() {
    let world = World::turning();
    let store = Moody::new(&world);
    let (first, second) = (store.candidate("first"), store.candidate("second"));
    first.campaign().await;
    second.resign().await;
    assert_eq!(leader(&store).await.unwrap().leader, first.name);
    store.turn(Mood::Hangs);
    let began = Instant::now();
    first.resign().await;
    assert!(began.elapsed() <= RESIGN + Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_stops_before_another_may_begin() {
    for mood in [Mood::Fails, Mood::Hangs, Mood::Dawdles(LEASE)] {
        let world = World::turning();
        let store = Moody::new(&world);
        let first = store.candidate("first");
        let term = first.campaign().await;
        let asked = Instant::now();
        store.turn(mood);
        assert_eq!(first.hold(&term).await, End::Doubt);
        assert_eq!(asked.elapsed().as_secs(), 8, "{mood:?}");
        // At the store it still leads, so nobody else could have begun.
        assert_eq!(leader(&store).await.unwrap().leader, first.name);
        assert!(!term.holds());
        let calls = store.calls.load(Ordering::SeqCst);
        assert!(calls > 2, "it tried again: {calls}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_counts_from_the_asking_not_from_the_answer() {
    let world = World::turning();
    let store = Moody::new(&world);
    store.turn(Mood::Dawdles(Duration::from_secs(2)));
    let asked = Instant::now();
    let first = store.candidate("first");
    let term = first.campaign().await;
    assert_eq!(asked.elapsed().as_secs(), 2);
    let left = term.until().duration_since(asked);
    assert_eq!(left + LEASE / MARGIN, LEASE);
}

#[tokio::test(start_paused = true)]
async fn an_outage_shorter_than_the_trust_ends_no_term() {
    let world = World::turning();
    let store = Moody::new(&world);
    let first = store.candidate("first");
    let term = first.campaign().await;
    let outages = async {
        for _ in 0..20 {
            store.turn(Mood::Fails);
            sleep(Duration::from_secs(4)).await;
            store.turn(Mood::Answers);
            sleep(Duration::from_secs(4)).await;
        }
    };
    tokio::select! {
        end = first.hold(&term) => panic!("{end}"),
        () = outages => {}
    }
    assert!(term.holds());
    assert_eq!(leader(&store).await.unwrap().term, 1);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_was_replaced_stops_at_the_next_answer() {
    let world = World::turning();
    let store = Moody::new(&world);
    let (first, second) = (store.candidate("first"), store.candidate("second"));
    let term = first.campaign().await;
    // The store's clock leaps, and the second is faster.
    world.clock.advance(LEASE);
    assert_eq!(second.campaign().await.number(), 2);
    let end = first.hold(&term).await;
    assert!(matches!(&end, End::Replaced(by) if by.term == 2 && by.leader == second.name));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_ran_out_at_the_store_begins_a_new_term() {
    let world = World::turning();
    let store = Moody::new(&world);
    let first = store.candidate("first");
    let term = first.campaign().await;
    world.clock.advance(LEASE);
    let end = first.hold(&term).await;
    assert!(matches!(&end, End::Replaced(by) if by.term == 2 && by.leader == first.name));
    assert_eq!(first.campaign().await.number(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_is_asked_for_ever_but_not_often() {
    let world = World::turning();
    let store = Moody::new(&world);
    store.turn(Mood::Fails);
    let first = store.candidate("first");
    tokio::select! {
        term = first.campaign() => panic!("{term:?}"),
        () = sleep(Duration::from_mins(10)) => {}
    }
    let calls = store.calls.load(Ordering::SeqCst);
    assert!((120..300).contains(&calls), "{calls} calls in ten minutes");
    store.turn(Mood::Answers);
    assert_eq!(first.campaign().await.number(), 1);
}
