//! Content addresses: `sha256:<64 hex digits>` (OCI image specification, descriptors).

use std::fmt::{self, Write};
use std::str::FromStr;

use sha2::{Digest as _, Sha256, Sha512};

/// What bytes are known by. Two digests of one content may differ in their algorithm.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    algorithm: Algorithm,
    /// `sha256:44136f...`, in lower case.
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Algorithm {
    Sha256,
    Sha512,
}

/// A text that is no digest, and what would be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no digest, expected `sha256:` and 64 lower-case hex digits, or `sha512:` and 128")]
pub struct DigestError(String);

/// A digest in the making, for content that arrives piece by piece.
pub struct Hashing(State);

enum State {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Digest {
    pub fn sha256(content: &[u8]) -> Self {
        let mut hashing = Hashing::sha256();
        hashing.update(content);
        hashing.finish()
    }

    /// The digest of `content` by the same algorithm, to be compared with this one.
    #[must_use]
    pub fn same_of(&self, content: &[u8]) -> Self {
        let mut hashing = self.hashing();
        hashing.update(content);
        hashing.finish()
    }

    /// Begins a digest by the same algorithm.
    pub fn hashing(&self) -> Hashing {
        match self.algorithm {
            Algorithm::Sha256 => Hashing::sha256(),
            Algorithm::Sha512 => Hashing(State::Sha512(Sha512::new())),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Hashing {
    pub fn sha256() -> Self {
        Self(State::Sha256(Sha256::new()))
    }

    pub fn update(&mut self, content: &[u8]) {
        match &mut self.0 {
            State::Sha256(state) => state.update(content),
            State::Sha512(state) => state.update(content),
        }
    }

    pub fn finish(self) -> Digest {
        match self.0 {
            State::Sha256(state) => Digest::new(Algorithm::Sha256, &state.finalize()),
            State::Sha512(state) => Digest::new(Algorithm::Sha512, &state.finalize()),
        }
    }
}

impl Digest {
    fn new(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut text = algorithm.prefix().to_owned();
        for byte in bytes {
            write!(text, "{byte:02x}").expect("a String can be written to");
        }
        Self { algorithm, text }
    }
}

impl Algorithm {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256:",
            Self::Sha512 => "sha512:",
        }
    }

    const fn hex_digits(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let algorithm = [Algorithm::Sha256, Algorithm::Sha512].into_iter().find(|algorithm| {
            let hex = text.strip_prefix(algorithm.prefix());
            hex.is_some_and(|hex| hex.len() == algorithm.hex_digits() && hex.bytes().all(is_hex))
        });
        let refused = || DigestError(text.chars().take(160).collect());
        algorithm.map(|algorithm| Self { algorithm, text: text.to_owned() }).ok_or_else(refused)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn content_has_one_digest_an_algorithm() {
        assert_eq!(Digest::sha256(b"").as_str(), EMPTY);
        let sha512: Digest = format!("sha512:{}", "0".repeat(128)).parse().unwrap();
        assert!(sha512.same_of(b"").as_str().starts_with("sha512:cf83e1357eefb8bd"));
        let mut pieces = Digest::sha256(b"").hashing();
        pieces.update(b"a");
        pieces.update(b"bc");
        assert_eq!(pieces.finish(), Digest::sha256(b"abc"));
    }

    #[test]
    fn only_one_spelling_is_a_digest() {
        assert_eq!(EMPTY.parse::<Digest>().unwrap().to_string(), EMPTY);
        let upper = EMPTY.to_uppercase();
        for text in ["", "sha256:", &EMPTY[..70], &upper, "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:é"] {
            assert!(text.parse::<Digest>().unwrap_err().to_string().contains("expected `sha256:`"), "{text}");
        }
    }
}
