//! What is Redis' alone: what a server must be, its functions, what it keeps when it is killed, nodes of a
//! cluster and servers that sentinels watch, enciphered connections, hints from process to process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cluster;
mod functions;
mod load;
mod outages;
mod sentinel;
mod server;
mod tls;
mod wake;
