//! Buffers: what waits for a destination, in order, and what became of it.

use bytes::Bytes;

use shared::{
    job::{JobId, name::Label},
    store::{
        AppendParams, DestinationRecord, Entry, EntryId, Error, Fate, NewEntry, Note, Receipt,
        Result,
    },
};
use windlass_tests::{
    Harness,
    make::{DONE, job, label, secs},
};

fn to() -> Label {
    label("databox")
}

fn entry(origin: Option<JobId>, body: &str) -> NewEntry {
    let parent = origin.unwrap_or_else(JobId::generate);
    NewEntry {
        id: EntryId::derive(parent, body),
        origin,
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

fn entries(count: usize) -> Vec<NewEntry> {
    (0..count).map(|n| entry(None, &n.to_string())).collect()
}

async fn append(h: &Harness, capacity: u64, entries: Vec<NewEntry>) -> Result<u64> {
    append_to(h, to(), capacity, entries).await
}

async fn append_to(
    h: &Harness,
    destination: Label,
    capacity: u64,
    entries: Vec<NewEntry>,
) -> Result<u64> {
    let params = AppendParams {
        destination,
        capacity,
        entries,
    };
    h.store.append(params).await
}

async fn waiting(h: &Harness) -> Vec<EntryId> {
    let waiting = h.store.peek(to(), 1000).await.unwrap();
    waiting.iter().map(|entry| entry.id).collect()
}

fn ids(entries: &[NewEntry]) -> Vec<EntryId> {
    entries.iter().map(|entry| entry.id).collect()
}

async fn resolve(h: &Harness, fates: Vec<(EntryId, Fate)>) {
    h.store.resolve(to(), fates).await.unwrap();
}

pub(crate) async fn entries_wait_in_the_order_they_were_added(h: &Harness) {
    let origin = Some(JobId::generate());
    let first = vec![entry(origin, "z"), entry(None, ""), entry(None, "ž\u{0}")];
    let added_at = h.now().await;
    assert_eq!(append(h, 10, first.clone()).await.unwrap(), 3);
    h.advance(secs(1)).await;
    let second = entries(2);
    assert_eq!(append(h, 10, second.clone()).await.unwrap(), 5);
    let shown = h.store.peek(to(), 4).await.unwrap();
    let expected = first.iter().map(|e| (e, added_at));
    let expected = expected.chain([(&second[0], added_at + secs(1))]);
    let expected: Vec<Entry> = expected
        .map(|(new, added_at)| Entry {
            id: new.id,
            origin: new.origin,
            body: new.body.clone(),
            added_at,
        })
        .collect();
    assert_eq!(shown, expected);
    // Looking changes nothing.
    assert_eq!(h.store.peek(to(), 4).await.unwrap(), expected);
    assert_eq!(h.store.peek(label("other"), 4).await.unwrap(), []);
    assert_eq!(h.store.peek(to(), 0).await.unwrap(), []);
}

pub(crate) async fn a_buffer_takes_all_of_a_batch_or_nothing(h: &Harness) {
    let four = entries(4);
    append(h, 5, four.clone()).await.unwrap();
    let refused = append(h, 5, entries(2)).await;
    let full = matches!(
        &refused,
        Err(Error::Full {
            destination,
            waiting: 4,
            capacity: 5,
        }) if destination == "databox"
    );
    assert!(full, "{refused:?}");
    assert_eq!(waiting(h).await, ids(&four));
    assert_eq!(append(h, 5, entries(1)).await.unwrap(), 5);
    assert!(append(h, 5, entries(1)).await.is_err());
    // What was refused was not remembered: there is room once something was delivered.
    resolve(h, vec![(four[0].id, Fate::Delivered)]).await;
    assert_eq!(append(h, 5, entries(1)).await.unwrap(), 5);
}

pub(crate) async fn an_entry_is_added_once_delivered_or_not(h: &Harness) {
    let two = entries(2);
    append(h, 2, two.clone()).await.unwrap();
    // The buffer is full, but there is nothing to add.
    assert_eq!(append(h, 2, two.clone()).await.unwrap(), 2);
    assert_eq!(waiting(h).await, ids(&two));
    let refused = Fate::Refused("bad".to_owned());
    resolve(h, vec![(two[0].id, Fate::Delivered), (two[1].id, refused)]).await;
    assert_eq!(append(h, 2, two.clone()).await.unwrap(), 0);
    assert_eq!(waiting(h).await, []);
    // Some of a batch may be known.
    let mut three = entries(1);
    three.extend(two);
    assert_eq!(append(h, 1, three.clone()).await.unwrap(), 1);
    assert_eq!(waiting(h).await, [three[0].id]);
}

pub(crate) async fn one_entry_twice_in_a_batch_is_one(h: &Harness) {
    let one = entries(1);
    let twice = [one.clone(), one.clone()].concat();
    assert_eq!(append(h, 1, twice).await.unwrap(), 1);
    assert_eq!(waiting(h).await, ids(&one));
}

pub(crate) async fn the_same_id_may_wait_for_two_destinations(h: &Harness) {
    let origin = JobId::generate();
    let one = vec![entry(Some(origin), "e")];
    append(h, 5, one.clone()).await.unwrap();
    let other = append_to(h, label("webhook"), 5, one.clone()).await;
    assert_eq!(other.unwrap(), 1);
    resolve(h, vec![(one[0].id, Fate::Delivered)]).await;
    assert_eq!(waiting(h).await, []);
    let there = h.store.peek(label("webhook"), 5).await.unwrap();
    assert_eq!(there.len(), 1);
    let receipts = h.store.receipts(origin).await.unwrap();
    let fates: Vec<bool> = receipts
        .iter()
        .map(|receipt| receipt.fate.is_some())
        .collect();
    assert_eq!(fates, [true, false]);
}

pub(crate) async fn entries_are_resolved_in_any_order_and_once(h: &Harness) {
    let origin = JobId::generate();
    let four: Vec<NewEntry> = ["a", "b", "c", "d"]
        .map(|body| entry(Some(origin), body))
        .to_vec();
    append(h, 10, four.clone()).await.unwrap();
    let refused = || Fate::Refused("no such metric".to_owned());
    resolve(
        h,
        vec![(four[2].id, Fate::Delivered), (four[0].id, refused())],
    )
    .await;
    let before = h.store.receipts(origin).await.unwrap();
    h.advance(secs(1)).await;
    // Nobody knows the one, the other was decided: both are passed over.
    let unknown = EntryId::derive(origin, "unknown");
    resolve(h, vec![(unknown, Fate::Delivered), (four[2].id, refused())]).await;
    assert_eq!(h.store.receipts(origin).await.unwrap(), before);
    assert_eq!(waiting(h).await, [four[1].id, four[3].id]);
    let elsewhere = vec![(four[1].id, Fate::Delivered)];
    h.store.resolve(label("other"), elsewhere).await.unwrap();
    assert_eq!(waiting(h).await, [four[1].id, four[3].id]);
}

pub(crate) async fn receipts_tell_what_became_of_an_origins_entries(h: &Harness) {
    let origin = h.enqueue(job()).await;
    let mine: Vec<NewEntry> = ["z", "y", "x"]
        .map(|body| entry(Some(origin), body))
        .to_vec();
    let other = entry(Some(JobId::generate()), "z");
    let added_at = h.now().await;
    append(h, 10, vec![mine[0].clone(), other, mine[1].clone()])
        .await
        .unwrap();
    let webhook = append_to(h, label("webhook"), 10, vec![mine[2].clone()]).await;
    webhook.unwrap();
    h.advance(secs(3)).await;
    let why = Fate::Refused("bad unit".to_owned());
    resolve(
        h,
        vec![(mine[1].id, why.clone()), (mine[0].id, Fate::Delivered)],
    )
    .await;
    let receipt = |at: usize, name: &str, fate: Option<Fate>| Receipt {
        id: mine[at].id,
        destination: label(name),
        at: if fate.is_some() {
            added_at + secs(3)
        } else {
            added_at
        },
        fate,
    };
    let expected = [
        receipt(0, "databox", Some(Fate::Delivered)),
        receipt(1, "databox", Some(why)),
        receipt(2, "webhook", None),
    ];
    assert_eq!(h.store.receipts(origin).await.unwrap(), expected);
    let nobody = h.store.receipts(JobId::generate()).await.unwrap();
    assert_eq!(nobody, []);
}

pub(crate) async fn receipts_go_with_their_origin(h: &Harness) {
    let origin = h.run(job(), DONE).await;
    let two: Vec<NewEntry> = ["a", "b"].map(|body| entry(Some(origin), body)).to_vec();
    append(h, 10, two.clone()).await.unwrap();
    resolve(h, vec![(two[0].id, Fate::Delivered)]).await;
    h.advance(secs(5)).await;
    h.prune(secs(6), 10).await;
    assert_eq!(h.store.receipts(origin).await.unwrap().len(), 2);
    h.advance(secs(1)).await;
    h.prune(secs(6), 10).await;
    // What still waits is delivered nevertheless.
    let left = h.store.receipts(origin).await.unwrap();
    assert_eq!(left.iter().map(|r| r.id).collect::<Vec<_>>(), [two[1].id]);
    assert_eq!(waiting(h).await, [two[1].id]);
    resolve(h, vec![(two[1].id, Fate::Delivered)]).await;
    h.advance(secs(6)).await;
    h.prune(secs(6), 10).await;
    assert_eq!(h.store.receipts(origin).await.unwrap(), []);
}

pub(crate) async fn receipts_that_hang_on_nothing_go_after_the_longest_retention(h: &Harness) {
    let three = entries(3);
    append(h, 10, three.clone()).await.unwrap();
    let decided = three[..2].iter().map(|e| (e.id, Fate::Delivered));
    resolve(h, decided.collect()).await;
    h.advance(secs(60)).await;
    while h.prune(secs(60), 1).await.more {}
    // Their ids are free again, and the one that waits still does.
    assert_eq!(append(h, 10, three.clone()).await.unwrap(), 3);
    let expected = [three[2].id, three[0].id, three[1].id];
    assert_eq!(waiting(h).await, expected);
}

async fn destination(h: &Harness) -> DestinationRecord {
    let all = h.store.destinations().await.unwrap();
    assert_eq!(all.len(), 1);
    all.into_iter().next().unwrap()
}

pub(crate) async fn a_destination_tells_what_waits(h: &Harness) {
    assert_eq!(h.store.destinations().await.unwrap(), []);
    let three = entries(3);
    let first_at = h.now().await;
    append(h, 10, three[..1].to_vec()).await.unwrap();
    h.advance(secs(2)).await;
    append(h, 10, three[1..].to_vec()).await.unwrap();
    let expected = |waiting, oldest_at| DestinationRecord {
        name: to(),
        waiting,
        oldest_at,
        disabled: None,
        succeeded_at: None,
        failed: None,
    };
    assert_eq!(destination(h).await, expected(3, Some(first_at)));
    resolve(h, vec![(three[0].id, Fate::Delivered)]).await;
    assert_eq!(destination(h).await, expected(2, Some(first_at + secs(2))));
    let rest = three[1..].iter().map(|e| (e.id, Fate::Delivered));
    resolve(h, rest.collect()).await;
    assert_eq!(destination(h).await, expected(0, None));
}

pub(crate) async fn notes_are_kept_and_the_first_reason_to_disable_stays(h: &Harness) {
    let note = |note| h.store.note(to(), note);
    let start = h.now().await;
    note(Note::Failed("503".to_owned())).await.unwrap();
    h.advance(secs(1)).await;
    note(Note::Disable("410 gone".to_owned())).await.unwrap();
    h.advance(secs(1)).await;
    note(Note::Disable("again".to_owned())).await.unwrap();
    note(Note::Succeeded).await.unwrap();
    let mut expected = DestinationRecord {
        name: to(),
        waiting: 0,
        oldest_at: None,
        disabled: Some((start + secs(1), "410 gone".to_owned())),
        succeeded_at: Some(start + secs(2)),
        failed: Some((start, "503".to_owned())),
    };
    assert_eq!(destination(h).await, expected);
    for _ in 0..2 {
        note(Note::Enable).await.unwrap();
    }
    note(Note::Failed("504".to_owned())).await.unwrap();
    expected.disabled = None;
    expected.failed = Some((start + secs(2), "504".to_owned()));
    assert_eq!(destination(h).await, expected);
}

pub(crate) async fn destinations_are_listed_by_name(h: &Harness) {
    for name in ["m", "Z", "a"] {
        h.store.note(label(name), Note::Succeeded).await.unwrap();
    }
    append_to(h, label("b"), 1, entries(1)).await.unwrap();
    let all = h.store.destinations().await.unwrap();
    let names: Vec<String> = all.iter().map(|d| d.name.to_string()).collect();
    assert_eq!(names, ["Z", "a", "b", "m"]);
}
