//! The body of an answer: read up to a limit and never more.

use bytes::{Bytes, BytesMut};

/// As much of a body as was wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Body {
    /// The bytes, decompressed.
    pub(crate) bytes: Bytes,
    /// Whether there was more.
    pub(crate) cut: bool,
}

/// Reads at most `limit` bytes. What counts is what comes out of decompression, so that a small
/// answer that unpacks to a huge one is cut like any other. The connection is closed where reading
/// stops.
pub(super) async fn read(
    response: &mut reqwest::Response,
    limit: usize,
) -> Result<Body, reqwest::Error> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        let room = limit - bytes.len();
        if chunk.len() > room {
            bytes.extend_from_slice(chunk.get(..room).unwrap_or_default());
            let bytes = bytes.freeze();
            return Ok(Body { bytes, cut: true });
        }
        bytes.extend_from_slice(&chunk);
    }
    let bytes = bytes.freeze();
    Ok(Body { bytes, cut: false })
}
