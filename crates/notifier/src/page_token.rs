//! The opaque text by which a client names a place in a list of deliveries.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::selection::Selection;

/// Guards against mistakes, not against forgery: a forged token still reads the caller's own deliveries only.
const CHECK_BYTES: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token of this list, expected the one of the page before, unchanged, with the same filter and account")]
pub struct TokenError;

/// The page after `position`.
pub fn write(position: i64, selection: &Selection) -> String {
    let mut bytes = position.to_be_bytes().to_vec();
    bytes.extend(check(position, selection));
    URL_SAFE_NO_PAD.encode(bytes)
}

pub fn read(token: &str, selection: &Selection) -> Result<i64, TokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| TokenError)?;
    let (position, found) = bytes.split_at_checked(8).ok_or(TokenError)?;
    let position = i64::from_be_bytes(position.try_into().map_err(|_| TokenError)?);
    if check(position, selection) == found { Ok(position) } else { Err(TokenError) }
}

fn check(position: i64, selection: &Selection) -> [u8; CHECK_BYTES] {
    let digest = Sha256::new().chain_update(position.to_be_bytes()).chain_update(format!("{selection:?}"));
    let digest: [u8; 32] = digest.finalize().into();
    *digest.first_chunk().expect("32 bytes hold 8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_own_list_only() {
        let mine = Selection::all_of("alice".parse().unwrap());
        let token = write(7, &mine);
        assert_eq!(read(&token, &mine), Ok(7));
        assert_eq!(read(&token, &Selection::all_of("bob".parse().unwrap())), Err(TokenError));
        assert_eq!(read(&write(7, &mine)[1..], &mine), Err(TokenError));
        assert_eq!(read("", &mine), Err(TokenError));
    }
}
