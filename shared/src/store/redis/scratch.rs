//! Keys of one's own on a server, for tests and measurements.

use redis::{RedisError, Value, aio::MultiplexedConnection};

use super::{address::Address, error, place::Place, wake::Ear};
use crate::store::Result;

/// Keys removed at once.
const STEP: usize = 512;

/// A prefix of one's own; its keys are removed when this value is dropped.
#[derive(Debug)]
pub struct Scratch {
    address: Address,
}

impl Scratch {
    /// A prefix that nobody else has, on the server that an address names.
    pub fn new(address: &Address, name: &str) -> Self {
        let prefix = format!("{name}_{:016x}", rand::random::<u64>());
        Self {
            address: address.with_prefix(&prefix),
        }
    }

    /// The address of a store with these keys.
    pub fn address(&self) -> &Address {
        &self.address
    }
}

impl Drop for Scratch {
    /// Removes the keys, on a thread of its own: this one may belong to an executor.
    fn drop(&mut self) {
        let address = &self.address;
        let removed = std::thread::scope(|scope| {
            let removing = scope.spawn(|| {
                let mut runtime = tokio::runtime::Builder::new_current_thread();
                let runtime = runtime.enable_all().build().ok()?;
                runtime.block_on(remove(address)).ok()
            });
            removing.join().ok().flatten()
        });
        if removed.is_none() {
            tracing::warn!("keys of {} are left behind", address.prefix());
        }
    }
}

async fn remove(address: &Address) -> Result<()> {
    let place = Place::new(address.clone())?;
    let (mut connection, _) = place.connect(None::<Ear>).await?;
    let pattern = format!("{}*", address.prefix().replace('[', "\\["));
    let removed = remove_matching(&mut connection, &pattern).await;
    removed.map_err(|failed| error::map(failed, false))
}

async fn remove_matching(
    connection: &mut MultiplexedConnection,
    pattern: &str,
) -> Result<(), RedisError> {
    let mut cursor = 0_u64;
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor)
            .arg("MATCH")
            .arg(pattern)
            .arg("COUNT")
            .arg(STEP);
        let (next, keys): (u64, Vec<Vec<u8>>) = scan.query_async(connection).await?;
        if !keys.is_empty() {
            let mut unlink = redis::cmd("UNLINK");
            for key in keys {
                unlink.arg(key);
            }
            let _: Value = unlink.query_async(connection).await?;
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}
