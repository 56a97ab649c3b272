//! A cluster: the node that has the jobs is found by way of any other, and so is the one that takes its
//! place.

use redis::aio::MultiplexedConnection;
use shared::{clock::Clock, store::open};
use std::time::Duration;
use windlass_tests::server::{free_port, redis::PrivateServer};

use crate::load::Load;

/// Slots of a cluster.
const SLOTS: u32 = 16384;

struct Node {
    server: PrivateServer,
    bus: u16,
    connection: MultiplexedConnection,
}

impl Node {
    async fn start() -> Self {
        let bus = free_port();
        let settings = [
            "--cluster-enabled",
            "yes",
            "--cluster-port",
            &bus.to_string(),
        ];
        let more = ["--cluster-node-timeout", "2000", "--appendonly", "yes"];
        let server = PrivateServer::start(&[&settings[..], &more[..]].concat()).await;
        let connection = server.connect().await;
        Self {
            server,
            bus,
            connection,
        }
    }

    async fn ask<T: redis::FromRedisValue>(&mut self, what: &[&str]) -> T {
        let mut ask = redis::cmd("CLUSTER");
        ask.arg(what)
            .query_async(&mut self.connection)
            .await
            .unwrap()
    }

    async fn until(&mut self, says: &str) {
        loop {
            let told: String = self.ask(&["INFO"]).await;
            if told.lines().any(|line| line == says) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Three nodes that share the slots, and one that follows the first of those that has the jobs.
struct Cluster {
    nodes: Vec<Node>,
    owner: usize,
    follower: Node,
}

impl Cluster {
    async fn start() -> Self {
        let mut nodes = vec![
            Node::start().await,
            Node::start().await,
            Node::start().await,
        ];
        for (at, node) in (0_u32..).zip(&mut nodes) {
            let (first, last) = (at * SLOTS / 3, (at + 1) * SLOTS / 3 - 1);
            let range = [first.to_string(), last.to_string()];
            let _: () = node.ask(&["ADDSLOTSRANGE", &range[0], &range[1]]).await;
        }
        let mut follower = Node::start().await;
        let (port, bus) = (nodes[0].server.port().to_string(), nodes[0].bus.to_string());
        for node in nodes[1..].iter_mut().chain([&mut follower]) {
            let _: () = node.ask(&["MEET", "127.0.0.1", &port, &bus]).await;
        }
        for node in nodes.iter_mut().chain([&mut follower]) {
            node.until("cluster_known_nodes:4").await;
            node.until("cluster_state:ok").await;
        }
        let slot: u32 = nodes[0].ask(&["KEYSLOT", "windlass"]).await;
        let owner = usize::try_from(slot * 3 / SLOTS).unwrap().min(2);
        let id: String = nodes[owner].ask(&["MYID"]).await;
        let _: () = follower.ask(&["REPLICATE", &id]).await;
        follower.server.until("master_link_status:up").await;
        Self {
            nodes,
            owner,
            follower,
        }
    }

    /// The address, by way of a node that has not the jobs.
    fn url(&self) -> String {
        let other = &self.nodes[(self.owner + 1) % 3].server;
        let another = &self.nodes[(self.owner + 2) % 3].server;
        format!(
            "redis://127.0.0.1:{},127.0.0.1:{}",
            other.port(),
            another.port()
        )
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_in_the_middle_loses_nothing_that_was_answered() {
    let mut cluster = Cluster::start().await;
    let store = open(&cluster.url(), Clock::system()).await.unwrap();
    let load = Load::on(&store);
    load.more(300).await;
    let _: () = cluster.follower.ask(&["FAILOVER"]).await;
    cluster.follower.server.until("role:master").await;
    load.more(300).await;
    // The one that has handed over is needed no more.
    let owner = &mut cluster.nodes[cluster.owner].server;
    owner.until("role:slave").await;
    owner.kill();
    load.more(300).await;
    load.finish().await;
}

#[tokio::test]
async fn nodes_that_are_away_are_passed_over() {
    let mut cluster = Cluster::start().await;
    let url = cluster.url();
    let away = (cluster.owner + 1) % 3;
    cluster.nodes[away].server.kill();
    let store = open(&url, Clock::system()).await.unwrap();
    store.now().await.unwrap();
}
