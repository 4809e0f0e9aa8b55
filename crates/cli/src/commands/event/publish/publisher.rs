//! Sends batches until each event is confirmed or refused.

use std::io::Write;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::batch::Pending;
use crate::connection::{Connection, answer, transport_error};
use crate::failure::Failure;
use crate::output::IdsWriter;

/// Calls for the same events before giving up.
const ATTEMPTS_MAX: u32 = 5;
/// Wait before the second call; doubled before each further one, unless the server asks for another.
const RETRY_DELAY: Duration = Duration::from_secs(1);
const RETRY_DELAY_MAX: Duration = Duration::from_secs(30);

pub struct Publisher<'a, W> {
    connection: Connection<'a>,
    ids: IdsWriter<W>,
    published: u64,
    refused: u64,
}

impl<'a, W: Write> Publisher<'a, W> {
    pub fn new(connection: Connection<'a>, ids: IdsWriter<W>) -> Self {
        Self { connection, ids, published: 0, refused: 0 }
    }

    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Says what is wrong with a line.
    pub fn refuse(&mut self, line: u64, problems: &[String]) {
        self.refused += 1;
        for problem in problems {
            eprintln!("line {line}: {problem}");
        }
    }

    /// Publishes `events` in their order, less those that the server refuses. An ID is printed once the server has
    /// confirmed that its event is durable.
    ///
    /// # Errors
    /// The server does not take events at all, or not within [`ATTEMPTS_MAX`] calls; the first line that is not
    /// confirmed was told then.
    pub async fn publish(&mut self, events: Vec<Pending>) -> Result<(), Failure> {
        let mut rest = events.as_slice();
        let mut attempt = 1;
        while let Some(first) = rest.first() {
            let Err(status) = self.send(rest).await else { return self.confirm(rest) };
            if let Some((durable, refused, after)) = split_at_refused(rest, &status) {
                self.confirm(durable)?;
                self.refuse(refused.line, &problems(&status));
                rest = after;
                attempt = 1;
            } else if is_worth_repeating(&status) && attempt < ATTEMPTS_MAX {
                let delay = retry_delay(&status, attempt);
                eprintln!(
                    "line {}: not confirmed ({}); sending again in {} s, attempt {} of {ATTEMPTS_MAX}",
                    first.line,
                    status.message(),
                    delay.as_secs(),
                    attempt + 1,
                );
                tokio::time::sleep(delay).await;
                attempt += 1;
            } else {
                eprintln!(
                    "gave up: line {line} and what follows is not confirmed; go on from line {line}",
                    line = first.line
                );
                return Err(self.connection.failure(&status));
            }
        }
        Ok(())
    }

    async fn send(&mut self, events: &[Pending]) -> Result<(), Status> {
        let messages: Vec<_> = events
            .iter()
            .map(|pending| proto::events::v1::PublishEventsRequest { event: Some(pending.event.clone()) })
            .collect();
        let request = self.connection.request(tokio_stream::iter(messages));
        answer(self.connection.events().publish_events(request)).await.map(|_| ())
    }

    fn confirm(&mut self, events: &[Pending]) -> Result<(), Failure> {
        for pending in events {
            self.ids.add(&pending.event.id)?;
            self.published += 1;
        }
        Ok(self.ids.flush()?)
    }

    /// Ends the list of ids and sums up.
    pub fn finish(&mut self) -> Result<(), Failure> {
        self.ids.finish()?;
        eprintln!("published {} events, refused {}", self.published, self.refused);
        Ok(())
    }
}

/// The events before the one that the server refused, that one, and those after it; `None` when the server refused the
/// call as a whole.
fn split_at_refused<'e>(events: &'e [Pending], status: &Status) -> Option<(&'e [Pending], &'e Pending, &'e [Pending])> {
    let info = status.get_details_error_info().filter(|info| info.reason == "EVENT_REFUSED")?;
    let index: usize = info.metadata.get("index")?.parse().ok()?;
    let (refused, after) = events.get(index..)?.split_first()?;
    Some((&events[..index], refused, after))
}

fn problems(status: &Status) -> Vec<String> {
    let violations = status.get_details_bad_request().map(|details| details.field_violations).unwrap_or_default();
    if violations.is_empty() {
        return vec![status.message().to_owned()];
    }
    violations.into_iter().map(|violation| format!("{}: {}", violation.field, violation.description)).collect()
}

/// Repeating is harmless, as the events keep their ids; it helps where the server or the way to it was at fault.
fn is_worth_repeating(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Aborted)
        || transport_error(status).is_some()
}

fn retry_delay(status: &Status, attempt: u32) -> Duration {
    let asked = status.get_details_retry_info().and_then(|info| info.retry_delay);
    asked.unwrap_or_else(|| RETRY_DELAY * 2_u32.pow(attempt - 1)).clamp(RETRY_DELAY, RETRY_DELAY_MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic_types::ErrorDetails;

    use super::super::lines::Line;
    use super::*;

    fn pending(line: u64) -> Pending {
        let text = r#"{"type":"t","level":"info","message":"m","timestamp":"2018-06-30"}"#;
        Pending::parse(Line { number: line, text: Ok(text.into()) }, &"admin".parse().unwrap()).unwrap().unwrap()
    }

    fn status(index: &str) -> Status {
        let metadata = HashMap::from([("index".to_owned(), index.to_owned())]);
        let details = ErrorDetails::with_error_info("EVENT_REFUSED", "events.v1", metadata);
        Status::with_error_details(Code::PermissionDenied, "not your account", details)
    }

    #[test]
    fn the_refused_event_is_found_by_its_index() {
        let events = [pending(10), pending(12), pending(13)];
        let check = |index: &str, expected: Option<(usize, u64, usize)>| {
            let status = status(index);
            let split = split_at_refused(&events, &status);
            assert_eq!(split.map(|(before, refused, after)| (before.len(), refused.line, after.len())), expected);
        };
        check("0", Some((0, 10, 2)));
        check("2", Some((2, 13, 0)));
        check("3", None);
        check("x", None);
        assert_eq!(problems(&status("0")), ["not your account"]);
    }

    #[test]
    fn only_passing_faults_are_tried_again() {
        let check = |code: Code, expected: bool| {
            assert_eq!(is_worth_repeating(&Status::new(code, "")), expected, "{code:?}");
        };
        check(Code::Unavailable, true);
        check(Code::DeadlineExceeded, true);
        check(Code::InvalidArgument, false);
        check(Code::Unauthenticated, false);
    }

    #[test]
    fn the_wait_grows_and_is_bounded() {
        let plain = Status::unavailable("down");
        assert_eq!([1, 2, 3, 4].map(|attempt| retry_delay(&plain, attempt).as_secs()), [1, 2, 4, 8]);
        let details = ErrorDetails::with_retry_info(Some(Duration::from_hours(1)));
        let slow = Status::with_error_details(Code::Unavailable, "down", details);
        assert_eq!(retry_delay(&slow, 1), RETRY_DELAY_MAX);
    }
}
