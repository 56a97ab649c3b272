//! The signature of an event, checked: Standard Webhooks 1.0.0, scheme `v1` (HMAC-SHA256).

use axum::http::HeaderMap;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use shared::{clock::Timestamp, secret::SigningKey};

/// How far the time of an event may be from now, in seconds: what the standard's own libraries
/// allow.
const TOLERANCE: u64 = 300;

/// Longest id of an event.
const MAX_ID: usize = 256;

/// Most signatures that one event may come with: secrets rotate one at a time.
const MAX_SIGNATURES: usize = 8;

/// Whether an event is to be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is; this is its id, the same each time it is sent.
    Right(String),
    /// It is not, and why.
    Wrong(&'static str),
}

/// Checks the signature of an event and its time.
pub(super) fn verify(
    key: &SigningKey,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Verdict {
    let header = |name: &str| headers.get(name)?.to_str().ok();
    let Some(id) = header("webhook-id").filter(|id| !id.is_empty() && id.len() <= MAX_ID) else {
        return Verdict::Wrong("there is no webhook-id");
    };
    let Some(timestamp) = header("webhook-timestamp") else {
        return Verdict::Wrong("there is no webhook-timestamp");
    };
    let Ok(seconds) = timestamp.parse::<i64>() else {
        return Verdict::Wrong("the webhook-timestamp is no number of seconds");
    };
    if seconds.abs_diff(now.as_secs()) > TOLERANCE {
        return Verdict::Wrong("the webhook-timestamp is more than five minutes off");
    }
    let Some(signatures) = header("webhook-signature") else {
        return Verdict::Wrong("there is no webhook-signature");
    };
    let fits = |signature: &str| {
        let given = signature.strip_prefix("v1,");
        let given = given.and_then(|given| STANDARD.decode(given).ok());
        given.is_some_and(|given| signed(key, id, timestamp, body, &given))
    };
    if signatures.split(' ').take(MAX_SIGNATURES).any(fits) {
        Verdict::Right(id.to_owned())
    } else {
        Verdict::Wrong("the webhook-signature is wrong")
    }
}

/// Whether a signature is that of an event; takes the same time wherever it is wrong.
fn signed(key: &SigningKey, id: &str, timestamp: &str, body: &[u8], given: &[u8]) -> bool {
    let Ok(mut code) = Hmac::<Sha256>::new_from_slice(key.expose()) else {
        return false;
    };
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        code.update(part);
    }
    code.verify_slice(given).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;
    use shared::secret::Secret;

    // The example of the standard's own library, with a body of ours.
    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const ID: &str = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W";
    const AT: &str = "1674087231";
    const BODY: &str =
        r#"{"type":"job.completed","timestamp":"2026-11-21T07:00:00Z","data":{"id":"42"}}"#;
    const SIGNATURE: &str = "v1,kV/9UwZHZmiOP+Udem5MmxOc1JSB7QOytNMC1xgkTQ4=";

    fn judge(changes: &[(&'static str, Option<&str>)], body: &str, now: i64) -> Verdict {
        let mut headers = HeaderMap::new();
        let usual = [
            ("webhook-id", Some(ID)),
            ("webhook-timestamp", Some(AT)),
            ("webhook-signature", Some(SIGNATURE)),
        ];
        for (name, value) in usual.iter().chain(changes) {
            let name = HeaderName::from_static(name);
            match value {
                Some(value) => drop(headers.insert(name, value.parse().unwrap())),
                None => drop(headers.remove(name)),
            }
        }
        let key = SigningKey::parse(&Secret::new(SECRET)).unwrap();
        let now = Timestamp::from_micros(now * 1_000_000);
        verify(&key, &headers, body.as_bytes(), now)
    }

    const NOW: i64 = 1_674_087_231;

    #[test]
    fn the_right_signature_is_taken_also_beside_another() {
        assert_eq!(judge(&[], BODY, NOW), Verdict::Right(ID.to_owned()));
        let both = format!("v1,AAAA v1a,xyz {SIGNATURE}");
        let judged = judge(&[("webhook-signature", Some(&both))], BODY, NOW);
        assert_eq!(judged, Verdict::Right(ID.to_owned()));
    }

    #[test]
    fn what_was_changed_on_the_way_is_refused() {
        let wrong = Verdict::Wrong("the webhook-signature is wrong");
        assert_eq!(judge(&[], &BODY.replace("42", "43"), NOW), wrong);
        assert_eq!(judge(&[("webhook-id", Some("msg_2"))], BODY, NOW), wrong);
        assert_eq!(
            judge(&[("webhook-timestamp", Some("1674087232"))], BODY, NOW),
            wrong
        );
        let empty = "v1,";
        let unversioned = SIGNATURE.replace("v1,", "");
        let other = SIGNATURE.replace("v1,", "v2,");
        let short = "v1,kV/9";
        for signature in [empty, &unversioned, &other, short, "v1,%%%", ""] {
            let judged = judge(&[("webhook-signature", Some(signature))], BODY, NOW);
            assert_eq!(judged, wrong, "{signature}");
        }
    }

    #[test]
    fn what_is_old_or_ahead_is_refused() {
        let off = Verdict::Wrong("the webhook-timestamp is more than five minutes off");
        assert_eq!(judge(&[], BODY, NOW + 301), off);
        assert_eq!(judge(&[], BODY, NOW - 301), off);
        assert_eq!(judge(&[], BODY, NOW + 300), Verdict::Right(ID.to_owned()));
        let least = i64::MIN.to_string();
        assert_eq!(
            judge(&[("webhook-timestamp", Some(&least))], BODY, NOW),
            off
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            let Verdict::Wrong(why) = judge(&[(name, None)], BODY, NOW) else {
                panic!("taken without {name}");
            };
            assert!(why.contains(name), "{why}");
        }
        let judged = judge(&[("webhook-timestamp", Some("now"))], BODY, NOW);
        assert!(matches!(judged, Verdict::Wrong(why) if why.contains("seconds")));
    }
}
