//! The library: given to a server that lacks it, and never taken from another program.

use redis::Value;
use shared::{
    clock::Clock,
    store::{Enqueued, Error, open},
};
use windlass_tests::{
    make::{job, jobs},
    server::redis::PrivateServer,
};

#[tokio::test]
async fn a_server_that_lost_its_functions_is_given_them_again() {
    let server = PrivateServer::start(&[]).await;
    let store = open(&server.url(), Clock::system()).await.unwrap();
    let first = jobs(3);
    store.enqueue(first.clone()).await.unwrap();
    let mut connection = server.connect().await;
    let mut flush = redis::cmd("FUNCTION");
    flush
        .arg("FLUSH")
        .exec_async(&mut connection)
        .await
        .unwrap();
    let again = store.enqueue(first).await.unwrap();
    assert_eq!(again, [Enqueued::Repeated; 3]);
    redis::cmd("FLUSHALL")
        .exec_async(&mut connection)
        .await
        .unwrap();
    let anew = store.enqueue(jobs(2)).await.unwrap();
    assert_eq!(anew.len(), 2);
}

#[tokio::test]
async fn the_library_of_another_release_is_left_alone() {
    let server = PrivateServer::start(&[]).await;
    let mut connection = server.connect().await;
    let other = "#!lua name=windlass_9_other\nredis.register_function('windlass_9_other_enqueue', \
                 function() return 9 end)";
    let mut load = redis::cmd("FUNCTION");
    load.arg("LOAD")
        .arg(other)
        .exec_async(&mut connection)
        .await
        .unwrap();
    let store = open(&server.url(), Clock::system()).await.unwrap();
    store.enqueue(vec![job()]).await.unwrap();
    let mut call = redis::cmd("FCALL");
    call.arg("windlass_9_other_enqueue").arg(0);
    let answer: Value = call.query_async(&mut connection).await.unwrap();
    assert_eq!(answer, Value::Int(9));
}

#[tokio::test]
async fn what_a_newer_program_has_laid_out_is_refused() {
    let server = PrivateServer::start(&[]).await;
    let mut connection = server.connect().await;
    let mut set = redis::cmd("SET");
    set.arg("{windlass}:layout").arg(9);
    set.exec_async(&mut connection).await.unwrap();
    let refused = open(&server.url(), Clock::system()).await.err().unwrap();
    assert!(matches!(refused, Error::Corrupt { .. }), "{refused:?}");
    assert!(refused.to_string().contains("layout 9"), "{refused}");
}
