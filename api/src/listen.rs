//! Where the API may listen: on loopback, and nowhere else as long as it has no keys.

use std::{io, net::SocketAddr};
use tokio::net::TcpListener;

/// Why the API does not listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is reachable from other machines. Choose a loopback address.
    #[error(
        "{0} can be reached from other machines, and the API has no keys yet: whoever reaches it \
         may do anything; listen on 127.0.0.1 or [::1], and put a proxy that asks who calls in \
         front of it where others need it"
    )]
    NotLoopback(SocketAddr),
    /// The address cannot be had. Free it, or choose another.
    #[error("cannot listen on {address}")]
    Taken {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Refuses every address that other machines can reach.
///
/// # Errors
/// [`Error::NotLoopback`].
pub fn check(address: SocketAddr) -> Result<(), Error> {
    if address.ip().to_canonical().is_loopback() {
        Ok(())
    } else {
        Err(Error::NotLoopback(address))
    }
}

/// Listens on a loopback address; port 0 takes any that is free.
///
/// # Errors
/// [`Error::NotLoopback`], or [`Error::Taken`] when the system refuses.
///
/// # Cancel safety
/// Nothing is kept when it is dropped.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    check(address)?;
    TcpListener::bind(address)
        .await
        .map_err(|source| Error::Taken { address, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_taken() {
        for fine in [
            "127.0.0.1:7400",
            "127.8.8.8:0",
            "[::1]:7400",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(check(fine.parse().unwrap()).is_ok(), "{fine}");
        }
        for open in [
            "0.0.0.0:7400",
            "[::]:7400",
            "192.168.1.4:80",
            "[::ffff:10.0.0.1]:80",
        ] {
            let refused = check(open.parse().unwrap()).expect_err(open).to_string();
            assert!(refused.contains(open), "{refused}");
            assert!(refused.contains("no keys yet"), "{refused}");
            assert!(refused.contains("127.0.0.1"), "{refused}");
        }
    }

    #[tokio::test]
    async fn a_taken_address_is_told() {
        let first = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let again = bind(first.local_addr().unwrap()).await;
        assert!(matches!(again, Err(Error::Taken { .. })));
    }
}
