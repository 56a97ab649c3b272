//! Demos that run, have ended, or never were.

use super::*;
use crate::demo::{directory::Directory, samples::Samples};
use std::os::unix::fs::symlink;

fn state(demo: &str, receiver: &str, switch: &str) -> State {
    State {
        demo: demo.to_owned(),
        pid: 1,
        api: ([127, 0, 0, 1], 7400).into(),
        receiver: receiver.parse().unwrap(),
        switch: switch.to_owned(),
        failing: JobId::generate(),
    }
}

fn place() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn demo(place: &Path, name: &str, state: &[u8]) -> PathBuf {
    let directory = place.join(format!("{PREFIX}{name}"));
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join(STATE), state).unwrap();
    directory
}

#[test]
fn only_what_a_demo_has_written_is_found() {
    let place = place();
    let good = state("a", "127.0.0.1:1", "s");
    let json = serde_json::to_vec(&good).unwrap();
    let directory = demo(place.path(), "good", &json);
    demo(place.path(), "broken", b"{");
    demo(
        place.path(),
        "far",
        &serde_json::to_vec(&state("b", "10.0.0.1:1", "s")).unwrap(),
    );
    fs::create_dir(place.path().join("windlass-demo-empty")).unwrap();
    fs::create_dir(place.path().join("another")).unwrap();
    fs::write(place.path().join("windlass-demo-file"), &json).unwrap();
    symlink(&directory, place.path().join("windlass-demo-link")).unwrap();
    let found = all(place.path()).unwrap();
    let expected = Found {
        directory,
        state: good,
    };
    assert_eq!(found, [expected]);
}

#[test]
fn the_demo_that_is_meant_must_be_clear() {
    let found = |name: &str| Found {
        directory: PathBuf::from(format!("/tmp/windlass-demo-{name}")),
        state: state(name, "127.0.0.1:1", "s"),
    };
    let (a, b) = (found("a"), found("b"));
    assert_eq!(the_one(&[&a], true).unwrap(), &a);
    let none = format!("{:?}", the_one(&[], true).unwrap_err());
    assert!(
        none.contains("Unavailable") && none.contains("no demo runs"),
        "{none}"
    );
    let both = format!("{:?}", the_one(&[&a, &b], false).unwrap_err());
    assert!(both.contains("Usage"), "{both}");
    assert!(
        both.contains("demo break --dir /tmp/windlass-demo-a"),
        "{both}"
    );
    assert!(
        both.contains("demo break --dir /tmp/windlass-demo-b"),
        "{both}"
    );
}

#[tokio::test]
async fn only_the_demo_itself_is_taken_for_it() {
    let directory = Directory::create().unwrap();
    let secrets = directory.secrets().unwrap();
    let switch = secrets.switch.clone();
    let mut samples = Samples::start("this one".to_owned(), secrets)
        .await
        .unwrap();
    let receiver = samples.addresses.receiver.to_string();
    let right = state("this one", &receiver, switch.expose());
    let client = Client::new().unwrap();
    let position = client.ask(&right, None).await.unwrap();
    assert!(!position.mended && !position.changed);
    let position = client.ask(&right, Some(true)).await.unwrap();
    assert!(position.mended && position.changed);
    assert!(samples.happenings.recv().await.is_some());

    let old = state("an older one", &receiver, switch.expose());
    assert!(
        client.ask(&old, Some(false)).await.is_err(),
        "another demo's name"
    );
    let stranger = state("this one", &receiver, "guessed");
    assert!(
        client.ask(&stranger, Some(false)).await.is_err(),
        "a wrong key"
    );
    let elsewhere = state(
        "this one",
        &samples.addresses.json_api.to_string(),
        switch.expose(),
    );
    assert!(
        client.ask(&elsewhere, Some(false)).await.is_err(),
        "another server"
    );
    samples.stop().await;
    assert!(
        client.ask(&right, None).await.is_err(),
        "nobody listens any more"
    );
}
