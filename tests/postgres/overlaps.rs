//! Two calls that overlap inside their statements, where the stepped pairs of [`crate::steps`] do not
//! come: both have begun before either waits for what the other holds.

use shared::{
    job::{JobId, UniquePolicy},
    lease::WorkerId,
    store::postgres::admin::{Rows, Session},
};
use std::time::Duration;
use windlass_tests::make::{job, job_in, jobs, unique};

use crate::world::World;

/// Longer than anybody here waits.
const LONG: Duration = Duration::from_secs(20);

/// Until a statement of this database waits for a lock.
async fn until_one_waits(world: &mut World) {
    let waiting = "select count(*) from pg_locks l join pg_stat_activity a using (pid) \
                   where not l.granted and a.datname = current_database()";
    while world.value(waiting).await == "0" {
        tokio::task::yield_now().await;
    }
}

async fn claiming(world: &World, worker: WorkerId, queue: &str) -> String {
    let now = world.h.now().await;
    format!(
        "select slot, id from windlass.claim('{now}', {worker}, 1, array['{queue}'], array[5], 5, \
         array[null], array[null]) where slot >= 0 order by slot, id"
    )
}

/// The one number that is asked for.
async fn sum(world: &mut World, what: &str) -> String {
    world
        .value(&format!("select coalesce(sum({what}), 0)"))
        .await
}

#[tokio::test]
async fn a_claim_that_is_made_again_while_the_first_waits_takes_nothing_more() {
    let mut world = World::new().await;
    for n in 0..5 {
        let key = unique(&format!("key {n}"), UniquePolicy::UntilFinished);
        world.h.enqueue(job().unique(key)).await;
    }
    world.h.enqueue_all(jobs(5)).await;
    let worker = world.h.hand().await.id;
    let claim = claiming(&world, worker, "default").await;

    let mut gate = world.session().await;
    let locked = "begin; select windlass.lock_queue(id) from windlass.queue";
    gate.run(locked).await.unwrap();
    let mut cut = Session::open(&world.url, LONG).await.unwrap();
    let mut again = Session::open(&world.url, LONG).await.unwrap();
    let later = async {
        until_one_waits(&mut world).await;
        let (again, ()) = tokio::join!(again.run(&claim), async {
            let both = "select count(*) < 2 from pg_locks l join pg_stat_activity a using (pid) \
                        where not l.granted and a.datname = current_database()";
            while world.value(both).await == "t" {
                tokio::task::yield_now().await;
            }
            gate.run("commit").await.unwrap();
        });
        again
    };
    let (first, second): (_, shared::store::Result<Rows>) = tokio::join!(cut.run(&claim), later);
    let first = first.unwrap();
    assert_eq!(first.len(), 5);
    assert_eq!(second.unwrap(), first);
    let running = "(select sum(bit_count(open)) from windlass.lease)";
    assert_eq!(sum(&mut world, running).await, "5");
}

#[tokio::test]
async fn a_cancel_of_what_is_accepted_and_claimed_since_it_began_doubles_nothing() {
    let mut world = World::new().await;
    let running = world.h.enqueue(job()).await;
    let hand = world.h.hand().await;
    assert_eq!(hand.claim(1).await.len(), 1);
    let worker = world.h.hand().await.id;
    let now = world.h.now().await;
    let claim = claiming(&world, worker, "new").await;

    // The cancel waits for a settle of the first; meanwhile the second is accepted, and a claim
    // has it in hand when the cancel comes to it.
    let mut settle = world.session().await;
    settle
        .run("begin; select from windlass.lease for update")
        .await
        .unwrap();
    let made = job_in("new").id;
    let mut cancel = Session::open(&world.url, LONG).await.unwrap();
    let cancelling =
        format!("select windlass.cancel('{now}', array['{running}', '{made}']::uuid[], 'no')");
    let mut claimer = world.session().await;
    let meanwhile = async {
        until_one_waits(&mut world).await;
        let accepted = new_jobs(made);
        world.h.enqueue_all(accepted).await;
        claimer.run("begin").await.unwrap();
        assert_eq!(claimer.run(&claim).await.unwrap().len(), 5);
        settle.run("rollback").await.unwrap();
        until_one_waits(&mut world).await;
        claimer.run("commit").await.unwrap();
    };
    let (verdicts, ()) = tokio::join!(cancel.run(&cancelling), meanwhile);
    assert_eq!(verdicts.unwrap()[0][0], "{-3,-3}");
    let waiting = "(select sum(cardinality(ids)) from windlass.ready)";
    assert_eq!(sum(&mut world, waiting).await, "3");
    world.h.recount().await;
}

/// Eight of one chunk, the first of them with this id.
fn new_jobs(first: JobId) -> Vec<shared::job::NewJob> {
    let mut made: Vec<_> = (0..8).map(|_| job_in("new")).collect();
    made[0].id = first;
    made
}
