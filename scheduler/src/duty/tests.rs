//! Turns that work, fail and hang; hints; the end of the term. Time is simulated.

use super::*;
use crate::world::World;
use shared::{
    job::{NewJob, QueueName},
    store::{JobStore, QueueStore},
};
use std::{collections::VecDeque, sync::Mutex};
use tokio::time::Instant;

/// What a turn answers, and when each turn began.
#[derive(Default)]
struct Script {
    answers: VecDeque<Result<Duration, Halt>>,
    turns: Arc<Mutex<Vec<Instant>>>,
}

impl Duty for Script {
    const WHAT: &'static str = "follow the script";

    async fn turn(&mut self, reach: &Reach) -> Result<Duration, Halt> {
        reach.call(reach.store().now()).await?;
        self.turns.lock().unwrap().push(Instant::now());
        let last = Ok(Duration::from_hours(1));
        self.answers.pop_front().unwrap_or(last)
    }

    fn is_woken_by(&self, hint: &Hint) -> bool {
        *hint == Hint::Scheduled
    }
}

/// Runs a script for a while; answers when each turn began, in milliseconds.
async fn play(
    world: &World,
    reach: &Reach,
    answers: Vec<Result<Duration, Halt>>,
    meanwhile: impl Future<Output = ()>,
) -> Vec<u128> {
    let turns: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let script = Script {
        answers: answers.into(),
        turns: Arc::clone(&turns),
    };
    let began = Instant::now();
    tokio::select! {
        () = run(script, reach) => {}
        () = meanwhile => {}
    }
    assert!(world.store.now().await.is_ok());
    let turns = turns.lock().unwrap();
    turns
        .iter()
        .map(|turn| turn.duration_since(began).as_millis())
        .collect()
}

async fn seconds(length: u64) {
    sleep(Duration::from_secs(length)).await;
}

fn away() -> Result<Duration, Halt> {
    Err(store::Error::unavailable("away").into())
}

#[tokio::test(start_paused = true)]
async fn a_turn_says_how_long_the_next_can_wait() {
    let world = World::standing();
    let answers = vec![
        Ok(Duration::ZERO),
        Ok(Duration::from_millis(3)),
        Ok(Duration::from_millis(400)),
    ];
    let turns = play(&world, &world.reach(), answers, seconds(10)).await;
    // Timers are exact to the millisecond, and never early.
    assert_eq!(turns.len(), 4, "{turns:?}");
    assert!(turns[1] <= 1 && (3..=6).contains(&turns[2]), "{turns:?}");
    assert!((403..=410).contains(&turns[3]), "{turns:?}");
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_fails_is_taken_again_for_ever_with_growing_waits() {
    let world = World::standing();
    let answers = (0..20).map(|_| away()).collect();
    let turns = play(&world, &world.reach(), answers, seconds(600)).await;
    assert_eq!(turns.len(), 21, "the last of them worked");
    let waits: Vec<u128> = turns.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(waits[0] <= 51 && waits[3] <= 401, "{waits:?}");
    assert!(
        waits[10..].iter().all(|wait| (2500..=5001).contains(wait)),
        "{waits:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_hint_that_concerns_it_brings_on_a_turn_but_not_turn_upon_turn() {
    let world = World::standing();
    let hints = async {
        seconds(1).await;
        // Of no concern: available at once.
        let now = NewJob::new("noop", &()).unwrap();
        world.store.enqueue(vec![now]).await.unwrap();
        seconds(1).await;
        for _ in 0..500 {
            let later = NewJob::new("noop", &())
                .unwrap()
                .delay(Duration::from_mins(1));
            world.store.enqueue(vec![later]).await.unwrap();
        }
        seconds(1).await;
    };
    let turns = play(&world, &world.reach(), Vec::new(), hints).await;
    assert_eq!(turns, [0, 2000], "one turn for five hundred hints");
}

#[tokio::test(start_paused = true)]
async fn it_ends_with_the_term_and_asks_nothing_of_the_store_then() {
    let world = World::standing();
    let term = Term::new(1, Instant::now() + Duration::from_secs(5));
    let reach = Reach::new(world.store(), term);
    let answers = (0..100).map(|_| Ok(Duration::from_secs(1))).collect();
    let began = Instant::now();
    let turns = play(&world, &reach, answers, seconds(600)).await;
    assert_eq!(turns.len(), 5, "{turns:?}");
    assert_eq!(began.elapsed().as_secs(), 5, "it noticed at its next call");
    let pause = world.store.set_paused(QueueName::default(), true);
    assert!(matches!(reach.call(pause).await, Err(Halt::TermOver)));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_is_given_up_as_perhaps_applied() {
    let world = World::standing();
    let began = Instant::now();
    let hung = world
        .reach()
        .call(std::future::pending::<store::Result<()>>())
        .await;
    assert!(matches!(
        hung,
        Err(Halt::Store(store::Error::Unavailable {
            maybe_applied: true,
            ..
        }))
    ));
    assert_eq!(began.elapsed().as_secs(), CALL.as_secs());
}
