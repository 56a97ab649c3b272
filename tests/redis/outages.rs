//! Servers that are killed: what was answered is kept, and whoever uses the store goes on by itself.

use shared::{
    clock::Clock,
    store::{Durability, open},
};
use windlass_tests::server::redis::PrivateServer;

use crate::load::Load;

async fn killed_under_load(fsync: &str, durability: Durability) {
    let mut server = PrivateServer::start(&["--appendonly", "yes", "--appendfsync", fsync]).await;
    let store = open(&server.url(), Clock::system()).await.unwrap();
    assert_eq!(store.capabilities().durability, durability);
    let load = Load::on(&store);
    for _ in 0..3 {
        load.more(300).await;
        server.restart().await;
    }
    load.more(300).await;
    load.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_syncs_always_is_killed_and_nothing_answered_is_lost() {
    killed_under_load("always", Durability::Disk).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_syncs_every_second_is_killed_and_nothing_answered_is_lost() {
    killed_under_load("everysec", Durability::Process).await;
}
