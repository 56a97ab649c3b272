//! The signature of a delivery: Standard Webhooks 1.0.0, scheme `v1` (HMAC-SHA256).

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use shared::secret::SigningKey;

/// The `webhook-signature` header: one signature for each key, parted by spaces. What is signed
/// is the id of the message, the time of the attempt in seconds since 1970, and the body.
pub(super) fn sign<'a>(
    keys: impl IntoIterator<Item = &'a SigningKey>,
    id: &str,
    timestamp: i64,
    body: &[u8],
) -> String {
    let signatures: Vec<String> = keys
        .into_iter()
        .map(|key| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key.expose())
                .expect("HMAC takes keys of any length");
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body);
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        })
        .collect();
    signatures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::secret::Secret;

    fn key(text: &str) -> SigningKey {
        SigningKey::parse(&Secret::new(text)).unwrap()
    }

    const BODY: &[u8] =
        br#"{"type":"job.completed","timestamp":"2026-11-21T07:00:00Z","data":{"id":"42"}}"#;

    #[test]
    fn the_signature_is_that_of_the_standard() {
        let key = key("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
        let signature = sign(
            [&key],
            "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
            1_674_087_231,
            BODY,
        );
        assert_eq!(signature, "v1,kV/9UwZHZmiOP+Udem5MmxOc1JSB7QOytNMC1xgkTQ4=");
    }

    #[test]
    fn while_secrets_rotate_there_are_two() {
        let new = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let old = key("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
        let both = sign([&new, &old], "m", 1, BODY);
        let one = |key| sign([key], "m", 1, BODY);
        assert_eq!(both, format!("{} {}", one(&new), one(&old)));
        assert_ne!(one(&new), one(&old));
    }
}
