//! The configuration changes while the process runs.

use rustix::process::Signal;

use crate::{process::Place, target::Target};

#[tokio::test]
async fn a_changed_file_holds_without_a_restart_and_a_bad_one_changes_nothing() {
    let target = Target::start().await;
    target.answer_all();
    let place = Place::new();
    let file = place.path().join("windlass.toml");
    std::fs::write(&file, "").unwrap();
    let process = place.start(&["up"]);
    let api = process.api().await;
    process.line("leads the schedulers").await;

    std::fs::write(
        &file,
        "[schedules.often]\nevery = \"once in a while\"\nkind = \"http\"",
    )
    .unwrap();
    process.signal(Signal::HUP);
    let told = process.line("the old one stays").await;
    assert!(told.contains("schedules.often.every"), "{told}");
    assert_eq!(
        api.get("/v1/schedules").await["items"],
        serde_json::json!([])
    );

    let good = format!(
        "[schedules.often]\nevery = \"1s\"\nkind = \"http\"\nargs = {{ url = \"{}\", method = \"POST\" }}",
        target.url()
    );
    std::fs::write(&file, good).unwrap();
    process.signal(Signal::HUP);
    target.came(1).await;
    assert_eq!(api.get("/v1/schedules").await["items"][0]["name"], "often");

    std::fs::write(&file, "[store]\nurl = \"sqlite://other.db\"").unwrap();
    process.signal(Signal::HUP);
    process
        .line("configuration needs a restart: store.url")
        .await;
    assert!(!place.path().join("other.db").exists());
}
