//! The headers by which a receiver knows that a request is ours (Standard Webhooks 1.0.0, "Webhook headers").

use event::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use crate::Secret;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// The headers that [`sign`] sets.
pub const SIGNATURE_HEADERS: [HeaderName; 3] = [ID, TIMESTAMP, SIGNATURE];

/// Identifies and signs one attempt at `now`: one signature for each of `secrets`, so that a receiver which has the old
/// or the new one verifies while they are exchanged. Without secrets there is no signature, and the rest all the same.
pub fn sign(secrets: &[Secret], delivery_id: Uuid, now: Timestamp, body: &[u8]) -> HeaderMap {
    let (id, seconds) = (delivery_id.to_string(), now.as_micros().div_euclid(1_000_000).to_string());
    let mut headers = HeaderMap::new();
    headers.insert(ID, visible(&id));
    headers.insert(TIMESTAMP, visible(&seconds));
    if !secrets.is_empty() {
        // An identifier and a number have no full stop, so nobody can move the borders.
        let content = [id.as_bytes(), b".", seconds.as_bytes(), b".", body].concat();
        let signatures: Vec<String> = secrets.iter().map(|secret| secret.sign(&content)).collect();
        let mut signatures = visible(&signatures.join(" "));
        signatures.set_sensitive(true);
        headers.insert(SIGNATURE, signatures);
    }
    headers
}

fn visible(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("digits and base64 are visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_signs_and_without_one_nothing_does() {
        let now = Timestamp::from_micros(1_614_265_330_999_999).unwrap();
        let secrets = [(); 2].map(|()| Secret::generate().parse().unwrap());
        let headers = sign(&secrets, Uuid::nil(), now, b"{}");
        assert_eq!(headers["webhook-id"], "00000000-0000-0000-0000-000000000000");
        assert_eq!(headers["webhook-timestamp"], "1614265330");
        let signatures: Vec<&str> = headers["webhook-signature"].to_str().unwrap().split(' ').collect();
        assert_eq!(signatures.len(), 2);
        assert!(signatures.iter().all(|signature| signature.starts_with("v1,") && signature.len() == 47));
        assert!(headers["webhook-signature"].is_sensitive());

        let headers = sign(&[], Uuid::nil(), now, b"{}");
        assert!(headers.contains_key("webhook-id") && !headers.contains_key("webhook-signature"));
    }
}
