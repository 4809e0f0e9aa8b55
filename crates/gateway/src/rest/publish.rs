//! `POST /v1/events`: publishes one event, or a list of them, in the contract's form (1.2).

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use contract::{Published, Record};
use event::{AccountName, Event, EventId, Violation, Violations};
use futures::StreamExt;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use proto::events::v1::{self, GetEventRequest, PublishEventsRequest};
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::Rest;
use super::events::record;
use crate::ascii_json::AsciiJson;
use crate::caller::Caller;
use crate::refusal::Refusal;

/// Largest body, in bytes.
pub const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most events in one request.
pub const EVENTS_MAX: usize = 1000;

/// How long to wait until the events are stored, which is usually a matter of milliseconds.
const STORED_WAIT: Duration = Duration::from_secs(5);
/// How often to look, at first and at last.
const LOOK_FIRST: Duration = Duration::from_millis(5);
const LOOK_LAST: Duration = Duration::from_millis(200);
/// Events looked up at once.
const LOOKS_AT_ONCE: usize = 16;

/// An event that was found right, and whether it says itself who owns it.
struct Sent {
    event: Event,
    names_account: bool,
}

/// Publishes, waits for the store, and answers with the stored records: 200.
///
/// An event is durable before it is stored. Where the store is behind or away, the answer does not wait for it: it is a
/// 202 then, and `created_at`, the time of storing, is null in those records that are not stored yet. What is refused
/// for its form leaves the whole request unpublished; whatever is not certain may be published again under the same
/// `generated_uuid`.
pub async fn publish(State(rest): State<Rest>, caller: Caller, request: Request) -> Result<Response, Refusal> {
    // Before the body is read: nobody else's is.
    rest.check_access(&caller).await?;
    check_content_type(request.headers())?;
    let text = read_body(request.into_body()).await?;
    let (sent, is_list) = read(&text)?;
    let events: Vec<PublishEventsRequest> = sent.iter().map(Sent::to_request).collect();
    let publishing = caller.request(tokio_stream::iter(events));
    let owner = rest.events.clone().publish_events(publishing).await?.into_inner().account;
    let stored = rest.await_stored(&caller, &sent).await;
    let is_stored = stored.iter().all(Option::is_some);
    let records = sent.into_iter().zip(stored).map(|(sent, stored)| match stored {
        Some(stored) => record(stored),
        None => Ok(Record::not_stored_yet(sent.owned_by(&owner))),
    });
    let mut records = records.collect::<Result<Vec<Record>, Refusal>>()?;
    let status = if is_stored { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok(match records.pop() {
        Some(record) if !is_list => (status, AsciiJson(record)).into_response(),
        last => {
            records.extend(last);
            (status, AsciiJson(records)).into_response()
        }
    })
}

impl Sent {
    fn to_request(&self) -> PublishEventsRequest {
        let mut event = v1::Event::from(self.event.clone());
        if let Some(resource) = event.resource.as_mut().filter(|_| !self.names_account) {
            // The store knows whose account is in effect.
            resource.account.clear();
        }
        PublishEventsRequest { event: Some(event) }
    }

    /// The event as it is owned: by `account`, where it did not say.
    fn owned_by(self, account: &str) -> Event {
        let mut event = self.event;
        if let Some(account) = account.parse().ok().filter(|_| !self.names_account) {
            event.resource.account = account;
        }
        event
    }
}

impl Rest {
    /// The events as they are stored; `None` for those that are not within [`STORED_WAIT`]. One that was deleted before
    /// is not stored again.
    async fn await_stored(&self, caller: &Caller, sent: &[Sent]) -> Vec<Option<v1::Event>> {
        let mut stored: Vec<Option<v1::Event>> = vec![None; sent.len()];
        let end = Instant::now() + STORED_WAIT;
        let mut pause = LOOK_FIRST;
        loop {
            let missing: Vec<usize> = (0..sent.len()).filter(|index| stored[*index].is_none()).collect();
            let looks = missing.into_iter().map(|index| async move {
                (index, tokio::time::timeout_at(end, self.look(caller, sent[index].event.id)).await.ok().flatten())
            });
            let mut looks = futures::stream::iter(looks).buffered(LOOKS_AT_ONCE);
            while let Some((index, found)) = looks.next().await {
                let is_found = found.is_some();
                stored[index] = found;
                // They are stored in their order: what comes after one that is not stored can wait.
                if !is_found {
                    break;
                }
            }
            drop(looks);
            if stored.iter().all(Option::is_some) || Instant::now() + pause > end {
                return stored;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK_LAST);
        }
    }

    async fn look(&self, caller: &Caller, id: EventId) -> Option<v1::Event> {
        let request = caller.request(GetEventRequest { id: id.to_string() });
        self.events.clone().get_event(request).await.ok()?.into_inner().event
    }
}

/// Only JSON, and said to be JSON: a page of another site can make a browser send any text, also without a content type,
/// with the credentials that it keeps; but not this content type.
fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let value = headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let text = value.unwrap_or_default().to_ascii_lowercase();
    let kind = text.split(';').next().unwrap_or_default().trim();
    if kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json") {
        return Ok(());
    }
    let kind: String = kind.chars().take(64).collect();
    let message = format!("the content type `{kind}` is not taken, expected `Content-Type: application/json`");
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
}

async fn read_body(body: Body) -> Result<String, Refusal> {
    let collected = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            let message = format!("the body is too large, expected at most {BODY_BYTES_MAX} bytes");
            return Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message);
        }
        Refusal::new(StatusCode::BAD_REQUEST, format!("the body cannot be read: {error}"))
    })?;
    String::from_utf8(collected.to_bytes().into())
        .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, format!("the body is not UTF-8: {error}")))
}

/// The events of a body, and whether it is a list of them.
fn read(text: &str) -> Result<(Vec<Sent>, bool), Refusal> {
    if !text.trim_start().starts_with('[') {
        return Ok((vec![check(text, None)?], false));
    }
    let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| {
        Refusal::fields(None, &Violation::new("events", format!("not a list in JSON: {error}")).into())
    })?;
    if items.len() > EVENTS_MAX {
        let problem = format!("{} events in one request, expected at most {EVENTS_MAX}", items.len());
        return Err(Refusal::fields(None, &Violation::new("events", problem).into()));
    }
    let checked = items.iter().enumerate().map(|(index, item)| check(item.get(), Some(index)));
    Ok((checked.collect::<Result<_, _>>()?, true))
}

fn check(text: &str, index: Option<usize>) -> Result<Sent, Refusal> {
    let checked = || -> Result<Sent, Violations> {
        let published = Published::read(text)?;
        let names_account = published.names_account();
        // Any name will do: it is taken out again where the event names no account.
        let stand_in: AccountName = "account".parse().expect("a valid account name");
        Ok(Sent { event: published.check(&stand_in)?, names_account })
    };
    checked().map_err(|violations| Refusal::fields(index, &violations))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(more: &str) -> String {
        format!(r#"{{"type":"t","level":"info","message":"m","timestamp":"2018-06-30"{more}}}"#)
    }

    fn refused(text: &str) -> String {
        match read(text).map(|(sent, _)| sent.len()) {
            Err(Refusal::Object { status: StatusCode::BAD_REQUEST, message, .. }) => message,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn one_event_or_a_list_of_them_is_read() {
        let count = |text: &str| read(text).map(|(sent, is_list)| (sent.len(), is_list)).unwrap();
        assert_eq!(count(&event("")), (1, false));
        assert_eq!(count(&format!(" [{}, {}]", event(""), event(""))), (2, true));
        assert_eq!(count("[]"), (0, true));
    }

    #[test]
    fn the_owner_is_left_to_the_store_unless_the_event_names_one() {
        let owner = |text: &str| {
            let sent = read(text).unwrap().0.remove(0);
            (sent.to_request().event.unwrap().resource.unwrap().account, sent.owned_by("carol").resource.account)
        };
        assert_eq!(owner(&event("")), (String::new(), "carol".parse().unwrap()));
        assert_eq!(owner(&event(r#","resource":{"user_id":"bob"}"#)), ("bob".into(), "bob".parse().unwrap()));
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place_and_its_field() {
        assert_eq!(refused("7"), "event: expected a JSON object");
        assert!(refused(&event(r#","x":1"#)).starts_with("x: unknown key, expected one of `generated_uuid`, `type`"));
        let list = format!("[{}, {}]", event(""), event(r#","level":"loud""#));
        assert_eq!(refused(&list), "event 1: level: unknown level `loud`, expected `info` or `error`");
        assert!(refused("[1,").starts_with("events: not a list in JSON"));
        let many = format!("[{}]", vec!["1"; EVENTS_MAX + 1].join(","));
        assert_eq!(refused(&many), "events: 1001 events in one request, expected at most 1000");
    }

    #[test]
    fn other_content_than_json_is_refused() {
        let check = |kind: &'static str, is_taken: bool| {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, kind.parse().unwrap())]);
            assert_eq!(check_content_type(&headers).is_ok(), is_taken, "{kind}");
        };
        check("application/json", true);
        check("Application/JSON; charset=utf-8", true);
        check("application/vnd.anchore+json", true);
        check("text/plain", false);
        check("application/x-www-form-urlencoded", false);
        assert!(check_content_type(&HeaderMap::new()).is_err());
    }
}
