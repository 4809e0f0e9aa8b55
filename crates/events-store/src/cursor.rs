//! Places in the order of the list, and the opaque tokens by which clients name them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use event::{EventId, Filter, StoredEvent, Timestamp};
use sha2::{Digest, Sha256};

/// A place in the list, which is ordered by (`occurred_at`, `id`), newest first: just after this event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub occurred_at: Timestamp,
    pub id: EventId,
}

/// A token that no page of this filter and account has given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token of this list, expected the one of the page before, unchanged, with the same filter and account")]
pub struct TokenError;

/// What a token is for; a token for one thing is none for another.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    Page = 1,
    Purge = 2,
}

/// Length of the check at the end of a token. It guards against mistakes, not against forgery: a forged token still
/// reads the caller's own events only.
const CHECK_BYTES: usize = 8;

impl Cursor {
    pub fn after(stored: &StoredEvent) -> Self {
        Self { occurred_at: stored.event.occurred_at, id: stored.event.id }
    }

    /// The token of the page after this place.
    pub fn to_page_token(self, filter: &Filter) -> String {
        let mut place = self.occurred_at.as_micros().to_be_bytes().to_vec();
        place.extend(self.id.as_uuid().as_bytes());
        encode(Purpose::Page, &place, filter)
    }

    pub fn from_page_token(token: &str, filter: &Filter) -> Result<Self, TokenError> {
        let place = decode(Purpose::Page, token, filter)?;
        let (micros, id) = place.split_at_checked(8).ok_or(TokenError)?;
        let micros = i64::from_be_bytes(micros.try_into().map_err(|_| TokenError)?);
        Ok(Self {
            occurred_at: Timestamp::from_micros(micros).ok_or(TokenError)?,
            id: EventId::from_bytes(id.try_into().map_err(|_| TokenError)?),
        })
    }
}

/// Pins the set of a preview: what matches the filter and was stored at a position below this one.
pub fn to_purge_token(below_position: i64, filter: &Filter) -> String {
    encode(Purpose::Purge, &below_position.to_be_bytes(), filter)
}

pub fn from_purge_token(token: &str, filter: &Filter) -> Result<i64, TokenError> {
    let position = decode(Purpose::Purge, token, filter)?;
    Ok(i64::from_be_bytes(position.try_into().map_err(|_| TokenError)?))
}

fn encode(purpose: Purpose, content: &[u8], filter: &Filter) -> String {
    let mut bytes = vec![purpose as u8];
    bytes.extend(content);
    let check = check(&bytes, filter);
    bytes.extend(check);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(purpose: Purpose, token: &str, filter: &Filter) -> Result<Vec<u8>, TokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| TokenError)?;
    let length = bytes.len().checked_sub(CHECK_BYTES).ok_or(TokenError)?;
    let (content, found) = bytes.split_at(length);
    match content.split_first() {
        Some((&first, rest)) if first == purpose as u8 && check(content, filter) == found => Ok(rest.to_vec()),
        _ => Err(TokenError),
    }
}

/// Binds `content` to the filter and the account.
fn check(content: &[u8], filter: &Filter) -> [u8; CHECK_BYTES] {
    *digest(content, filter).first_chunk().expect("32 bytes hold 8")
}

/// Tells apart `content` and the filter, with its account, from every other pair.
pub fn digest(content: &[u8], filter: &Filter) -> [u8; 32] {
    let mut digest = Sha256::new().chain_update((content.len() as u64).to_be_bytes()).chain_update(content);
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let parts = [
        Some(filter.account.to_string()),
        filter.level.map(|level| level.to_string()),
        filter.event_type.as_ref().map(|pattern| pattern.as_str().to_owned()),
        filter.service.clone(),
        filter.host_id.clone(),
        filter.resource_type.clone(),
        filter.resource_id.clone(),
        time(filter.since),
        time(filter.before),
    ];
    for part in parts {
        // The length keeps neighbours apart; an absent part differs from every present one.
        let length = part.as_ref().map_or(u64::MAX, |part| part.len() as u64);
        digest.update(length.to_be_bytes());
        digest.update(part.unwrap_or_default());
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor() -> Cursor {
        Cursor { occurred_at: "2018-06-30T03:56:27.711071Z".parse().unwrap(), id: EventId::from_bytes([7; 16]) }
    }

    fn filter(account: &str, service: Option<&str>) -> Filter {
        Filter { service: service.map(str::to_owned), ..Filter::all_of(account.parse().unwrap()) }
    }

    #[test]
    fn a_token_is_good_for_its_own_list_only() {
        let mine = filter("admin", Some("catalog"));
        let token = cursor().to_page_token(&mine);
        let check = |token: &str, filter: &Filter, expected| {
            assert_eq!(Cursor::from_page_token(token, filter), expected, "{token} {filter:?}");
        };
        check(&token, &mine, Ok(cursor()));
        check(&token, &filter("alice", Some("catalog")), Err(TokenError));
        check(&token, &filter("admin", None), Err(TokenError));
        check(&to_purge_token(7, &mine), &mine, Err(TokenError));
        check("", &mine, Err(TokenError));
        check("!", &mine, Err(TokenError));
        assert_eq!(from_purge_token(&to_purge_token(7, &mine), &mine), Ok(7));
        assert_eq!(from_purge_token(&token, &mine), Err(TokenError));
    }

    #[test]
    fn every_altered_token_is_refused() {
        let mine = filter("admin", None);
        let token = cursor().to_page_token(&mine);
        for at in 0..token.len() {
            let mut altered = token.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert_eq!(Cursor::from_page_token(&altered, &mine), Err(TokenError), "{altered}");
        }
    }
}
