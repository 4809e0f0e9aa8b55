//! Places in the list of images, as clients name them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use event::{EventId, Timestamp};
use sha2::{Digest, Sha256};

use crate::images::State;

/// A token that no page of this list has given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token of this list, expected the one of the page before, unchanged, with the same states and account")]
pub struct TokenError;

/// Guards against mistakes, not against forgery: a forged token still reads the caller's own images only.
const CHECK_BYTES: usize = 8;

/// The list that a token belongs to.
#[derive(Debug, Clone, Copy)]
pub struct List<'a> {
    pub account: &'a str,
    pub states: &'a [State],
}

impl List<'_> {
    /// Just after the image with this time and ID.
    pub fn token(self, requested_at: Timestamp, id: EventId) -> String {
        let mut place = requested_at.as_micros().to_be_bytes().to_vec();
        place.extend(id.as_uuid().as_bytes());
        let check = self.check(&place);
        place.extend(check);
        URL_SAFE_NO_PAD.encode(place)
    }

    pub fn place(self, token: &str) -> Result<(Timestamp, EventId), TokenError> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| TokenError)?;
        let length = bytes.len().checked_sub(CHECK_BYTES).ok_or(TokenError)?;
        let (place, check) = bytes.split_at(length);
        if self.check(place) != check {
            return Err(TokenError);
        }
        let (micros, id) = place.split_at_checked(8).ok_or(TokenError)?;
        let micros = i64::from_be_bytes(micros.try_into().map_err(|_| TokenError)?);
        let id = EventId::from_bytes(id.try_into().map_err(|_| TokenError)?);
        Ok((Timestamp::from_micros(micros).ok_or(TokenError)?, id))
    }

    fn check(self, place: &[u8]) -> [u8; CHECK_BYTES] {
        let states = self.states.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(" ");
        let digest: [u8; 32] = Sha256::new()
            .chain_update(place)
            .chain_update([0])
            .chain_update(self.account)
            .chain_update([0])
            .chain_update(states)
            .finalize()
            .into();
        *digest.first_chunk().expect("32 bytes hold 8")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_own_list_only() {
        let place = ("2018-06-30T03:56:27.711071Z".parse().unwrap(), EventId::from_bytes([7; 16]));
        let list = List { account: "admin", states: &[State::Failed] };
        let token = list.token(place.0, place.1);
        assert_eq!(list.place(&token), Ok(place));
        assert_eq!(List { account: "alice", ..list }.place(&token), Err(TokenError));
        assert_eq!(List { states: &[], ..list }.place(&token), Err(TokenError));
        for text in ["", "!", &token[1..]] {
            assert_eq!(list.place(text), Err(TokenError), "{text}");
        }
    }
}
