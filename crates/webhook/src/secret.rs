//! What requests are signed with (Standard Webhooks 1.0.0, "Signature scheme").

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};

/// Most secrets that one endpoint has at once: the one in use, the one before it, and room for both kinds.
pub const SECRETS_MAX: usize = 4;

const SYMMETRIC_PREFIX: &str = "whsec_";
const ASYMMETRIC_PREFIX: &str = "whsk_";
const PUBLIC_PREFIX: &str = "whpk_";

/// Bytes of a symmetric secret.
const SYMMETRIC_BYTES_MIN: usize = 24;
const SYMMETRIC_BYTES_MAX: usize = 64;
/// Bytes of the seed that an ed25519 key is made from (RFC 8032).
const SEED_BYTES: usize = 32;

/// Other libraries write and take base64 without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key that signs. It never prints.
#[derive(Clone)]
pub enum Secret {
    /// `whsec_`: HMAC-SHA256, scheme `v1`. The receiver has the same secret.
    Symmetric(hmac::Key),
    /// `whsk_`: ed25519, scheme `v1a`. The receiver has the public key.
    Asymmetric(Arc<Ed25519KeyPair>),
}

/// A text that is no secret; it says nothing of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error(
        "expected `whsec_` and the base64 of {SYMMETRIC_BYTES_MIN} to {SYMMETRIC_BYTES_MAX} random bytes (`echo \
         whsec_$(openssl rand -base64 32)`), or `whsk_` and the base64 of an ed25519 key"
    )]
    UnknownPrefix,
    #[error("is the public key, which receivers have; expected the private one, which begins with `whsk_`")]
    Public,
    #[error("what follows the prefix is not base64")]
    NotBase64,
    #[error("{0} bytes after the prefix, expected {SYMMETRIC_BYTES_MIN} to {SYMMETRIC_BYTES_MAX} random ones")]
    Length(usize),
    #[error("no ed25519 key after the prefix, expected its {SEED_BYTES} bytes, or those and the public key's")]
    Key,
}

impl Secret {
    /// A new symmetric secret, in the form in which the receiver needs it too.
    pub fn generate() -> String {
        let bytes: [u8; SEED_BYTES] =
            ring::rand::generate(&SystemRandom::new()).expect("the system has random bytes").expose();
        format!("{SYMMETRIC_PREFIX}{}", STANDARD.encode(bytes))
    }

    /// What a receiver needs to verify, and may be seen by anybody: `whpk_...`. A symmetric secret has no such form.
    pub fn public_key(&self) -> Option<String> {
        match self {
            Self::Symmetric(_) => None,
            Self::Asymmetric(pair) => Some(format!("{PUBLIC_PREFIX}{}", STANDARD.encode(pair.public_key()))),
        }
    }

    /// `v1,<base64>` or `v1a,<base64>`.
    pub(crate) fn sign(&self, content: &[u8]) -> String {
        match self {
            Self::Symmetric(key) => format!("v1,{}", STANDARD.encode(hmac::sign(key, content))),
            Self::Asymmetric(pair) => format!("v1a,{}", STANDARD.encode(pair.sign(content))),
        }
    }
}

impl FromStr for Secret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let decode = |text: &str| BASE64.decode(text).map_err(|_| SecretError::NotBase64);
        if let Some(text) = text.strip_prefix(SYMMETRIC_PREFIX) {
            let bytes = decode(text)?;
            if !(SYMMETRIC_BYTES_MIN..=SYMMETRIC_BYTES_MAX).contains(&bytes.len()) {
                return Err(SecretError::Length(bytes.len()));
            }
            return Ok(Self::Symmetric(hmac::Key::new(hmac::HMAC_SHA256, &bytes)));
        }
        if let Some(text) = text.strip_prefix(ASYMMETRIC_PREFIX) {
            let bytes = decode(text)?;
            let pair = match bytes.split_at_checked(SEED_BYTES) {
                Some((seed, [])) => Ed25519KeyPair::from_seed_unchecked(seed),
                Some((seed, public)) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
                None => return Err(SecretError::Key),
            };
            return pair.map(|pair| Self::Asymmetric(Arc::new(pair))).map_err(|_| SecretError::Key);
        }
        Err(if text.starts_with(PUBLIC_PREFIX) { SecretError::Public } else { SecretError::UnknownPrefix })
    }
}

/// The scheme, and the public key where there is one.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.public_key() {
            None => f.write_str("Secret(v1)"),
            Some(public_key) => write!(f, "Secret(v1a, {public_key})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032, 7.1, test 1.
    const SEED: &str = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
    const PUBLIC: &str = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

    fn refused(text: &str) -> SecretError {
        text.parse::<Secret>().unwrap_err()
    }

    #[test]
    fn only_whole_secrets_are_taken() {
        assert_eq!(refused("hunter2"), SecretError::UnknownPrefix);
        assert_eq!(refused(""), SecretError::UnknownPrefix);
        assert_eq!(refused(PUBLIC), SecretError::Public);
        assert_eq!(refused("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!"), SecretError::NotBase64);
        assert_eq!(refused("whsec_c2hvcnQ="), SecretError::Length(5));
        assert_eq!(refused("whsec_"), SecretError::Length(0));
        assert_eq!(refused(&format!("whsec_{}", STANDARD.encode([7; 65]))), SecretError::Length(65));
        assert_eq!(refused("whsk_c2hvcnQ="), SecretError::Key);
        assert_eq!(refused(&format!("whsk_{}", STANDARD.encode([7; 64]))), SecretError::Key);
        for text in ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAA", SEED] {
            assert!(text.parse::<Secret>().is_ok(), "{text}");
        }
    }

    #[test]
    fn a_key_may_have_its_public_half_beside_it() {
        let seed = STANDARD.decode(&SEED[5..]).unwrap();
        let public = STANDARD.decode(&PUBLIC[5..]).unwrap();
        let both = format!("whsk_{}", STANDARD.encode([seed, public].concat()));
        for text in [SEED, &both] {
            assert_eq!(text.parse::<Secret>().unwrap().public_key().as_deref(), Some(PUBLIC));
        }
    }

    #[test]
    fn a_generated_secret_is_a_secret_and_another_each_time() {
        let (one, other) = (Secret::generate(), Secret::generate());
        assert!(one.parse::<Secret>().is_ok());
        assert_ne!(one, other);
    }

    #[test]
    fn signatures_are_those_of_the_specifications() {
        let check = |secret: &str, content: &str, expected: &str| {
            assert_eq!(secret.parse::<Secret>().unwrap().sign(content.as_bytes()), expected);
        };
        // The test vector of the Standard Webhooks libraries.
        check(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            r#"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}"#,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        );
        // RFC 8032, 7.1, test 1.
        check(SEED, "", "v1a,5VZDAMNgrHKQhuLMgG6CioSHfx645dl02HPgZSJJAVVfuIIVkKM7rMYeOXAc+bRr0lv18FlbviRlUUFDjnoQCw==");
    }

    #[test]
    fn secrets_do_not_print() {
        let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(v1)");
        assert_eq!(format!("{:?}", SEED.parse::<Secret>().unwrap()), format!("Secret(v1a, {PUBLIC})"));
    }
}
