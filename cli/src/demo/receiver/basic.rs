//! Who calls: the token of Databox (the name of HTTP's basic scheme, its password empty), and how
//! secrets are compared.

use axum::http::{HeaderMap, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use shared::secret::Secret;

/// Checks the token of a call.
///
/// # Errors
/// What Databox says when it is missing or wrong.
pub(super) fn check(headers: &HeaderMap, token: &Secret) -> Result<(), &'static str> {
    let given = headers.get(header::AUTHORIZATION);
    let encoded = given.and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
    let encoded = encoded.ok_or("Unauthorized - Token not provided!")?;
    let decoded = STANDARD.decode(encoded).ok();
    let credentials = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let given = credentials
        .as_deref()
        .and_then(|text| text.strip_suffix(':'));
    match given {
        Some(given) if same(token, given) => Ok(()),
        _ => Err("Invalid token"),
    }
}

/// Whether a secret is the one that is given, in a time that does not tell where they part: their
/// codes are compared, which nobody can steer.
pub(super) fn same(secret: &Secret, given: &str) -> bool {
    let code = |text: &str| {
        Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
            .map(|code| code.chain_update(text))
            .ok()
    };
    match (code(secret.expose()), code(given)) {
        (Some(right), Some(given)) => given.verify_slice(&right.finalize().into_bytes()).is_ok(),
        _ => false,
    }
}
