//! What a job carries: bytes with a content type, JSON unless said otherwise.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use std::sync::Arc;

use super::Invalid;

/// Default limit of a job's args, a result, in bytes: 1 MiB.
pub const MAX_BYTES: usize = 1024 * 1024;

/// A job's arguments.
#[derive(Clone, PartialEq, Eq)]
pub struct Args {
    bytes: Bytes,
    /// `None` is `application/json`: nearly every job, and not worth sixteen bytes each.
    content_type: Option<Arc<str>>,
}

impl Args {
    /// `value` as JSON.
    ///
    /// # Errors
    /// `Invalid` when `value` has no JSON form (a map with keys that are no strings) or is larger
    /// than [`MAX_BYTES`].
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, Invalid> {
        let bytes = serde_json::to_vec(value)
            .map_err(|error| Invalid::new("args", format!("have no JSON form: {error}")))?;
        Self::from_json_bytes(bytes)
    }

    /// Bytes that are known to be JSON, because they were just parsed or written as such.
    ///
    /// # Errors
    /// `Invalid` when they are more than [`MAX_BYTES`].
    pub fn from_json_bytes(bytes: impl Into<Bytes>) -> Result<Self, Invalid> {
        Self::new(bytes, None)
    }

    /// Bytes of another content type; `None` means JSON.
    ///
    /// # Errors
    /// `Invalid` when they are more than [`MAX_BYTES`], or the content type is no visible ASCII
    /// of at most 100 bytes.
    pub fn new(bytes: impl Into<Bytes>, content_type: Option<&str>) -> Result<Self, Invalid> {
        let bytes = bytes.into();
        if bytes.len() > MAX_BYTES {
            let why = format!("are {} bytes, more than {MAX_BYTES}", bytes.len());
            return Err(Invalid::new("args", why));
        }
        let plain = |t: &str| t.len() <= 100 && t.bytes().all(|b| (0x20..0x7f).contains(&b));
        match content_type {
            Some(t) if t.is_empty() || !plain(t) => Err(Invalid::new(
                "content_type",
                "is not 1 to 100 bytes of visible ASCII",
            )),
            Some("application/json") | None => Ok(Self {
                bytes,
                content_type: None,
            }),
            Some(t) => Ok(Self {
                bytes,
                content_type: Some(Arc::from(t)),
            }),
        }
    }

    /// What a store kept, which was checked when it came in.
    pub fn from_stored(bytes: Bytes, content_type: Option<Arc<str>>) -> Self {
        Self {
            bytes,
            content_type,
        }
    }

    /// The raw bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The content type when it is not JSON.
    pub fn other_content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// The content type.
    pub fn content_type(&self) -> &str {
        self.content_type.as_deref().unwrap_or("application/json")
    }

    /// Reads the args as `T`.
    ///
    /// # Errors
    /// `Invalid` that names the field and the position, in the words of the args themselves.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Invalid> {
        if let Some(other) = &self.content_type {
            return Err(Invalid::new("args", format!("are {other}, not JSON")));
        }
        let mut reader = serde_json::Deserializer::from_slice(&self.bytes);
        let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            let place = if path == "." {
                String::new()
            } else {
                format!(" at `{path}`")
            };
            Invalid::new("args", format!("do not fit{place}: {}", error.into_inner()))
        })?;
        reader
            .end()
            .map_err(|error| Invalid::new("args", format!("do not end: {error}")))?;
        Ok(value)
    }
}

impl Default for Args {
    /// An empty JSON object.
    fn default() -> Self {
        Self {
            bytes: Bytes::from_static(b"{}"),
            content_type: None,
        }
    }
}

impl std::fmt::Debug for Args {
    /// Size and type only: args may hold what must not be printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Args({} bytes of {})",
            self.bytes.len(),
            self.content_type()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Debug)]
    struct Mail {
        #[expect(dead_code, reason = "only its type matters here")]
        to: Vec<String>,
    }

    #[test]
    fn args_that_do_not_fit_say_where() {
        let args = Args::from_json_bytes(r#"{"to":["a",7]}"#).unwrap();
        let refused = args.decode::<Mail>().unwrap_err();
        assert!(refused.why.contains("to[1]"), "{refused}");
    }

    #[test]
    fn args_over_the_limit_are_refused() {
        assert!(Args::from_json_bytes(vec![b'1'; MAX_BYTES]).is_ok());
        assert!(Args::from_json_bytes(vec![b'1'; MAX_BYTES + 1]).is_err());
    }

    #[test]
    fn debug_shows_no_content() {
        let args = Args::json(&"secret").unwrap();
        assert!(!format!("{args:?}").contains("secret"));
    }
}
