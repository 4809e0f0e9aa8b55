//! What it means when a receiver answers with anything but 2xx.

use cause::{Cause, CauseCode};
use event::Timestamp;
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, StatusCode};

use crate::Reply;

/// The cause of a refusal by the receiver at `origin`.
pub(crate) fn cause(origin: &str, reply: &Reply, headers: &HeaderMap, retry_at: Option<Timestamp>) -> Cause {
    let status = reply.status;
    let (code, hint) = code_and_hint(status);
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    let location = text(LOCATION).filter(|_| status.is_redirection());
    let hint = match retry_at {
        Some(at) => format!("It asks not to be tried again before {at}. {hint}"),
        None => hint.to_owned(),
    };
    let reason = status.canonical_reason().map(|reason| format!(" {reason}")).unwrap_or_default();
    Cause::new(code, format!("the receiver at `{origin}` answered {}{reason}", status.as_u16()), hint)
        .with_evidence("http_status", status.as_u16())
        .with_evidence("location", location)
        .with_evidence("retry_after", text(RETRY_AFTER))
        .with_evidence("retry_at", retry_at.map(|at| at.to_string()))
        .with_evidence("body", Some(reply.beginning.clone()).filter(|body| !body.is_empty()))
}

fn code_and_hint(status: StatusCode) -> (CauseCode, &'static str) {
    match status.as_u16() {
        300..=399 => (
            CauseCode::Unsupported,
            "Redirects are not followed: give the endpoint the address that it redirects to, if that is the receiver.",
        ),
        401 => (CauseCode::Auth, "Correct the credentials of the endpoint: the receiver does not know them."),
        403 => (
            CauseCode::Denied,
            "Allow the sender on the receiver; it may check credentials, the signature's secret, or where requests \
             come from.",
        ),
        404 => (CauseCode::NotFound, "Correct the URL of the endpoint: the receiver is there, and knows no such path."),
        405 => (CauseCode::Unsupported, "Correct the URL of the endpoint: what is there does not take POST."),
        408 => (CauseCode::Timeout, "Look into the log of the receiver: it did not get the whole request in time."),
        410 => (
            CauseCode::NotFound,
            "The receiver wants no more notifications. Remove the endpoint, or enable it again once the receiver is \
             back.",
        ),
        413 => (
            CauseCode::TooLarge,
            "Raise the size of a request that the receiver takes, or filter the events with large details out.",
        ),
        429 => (CauseCode::RateLimited, "Lower the rate limit of the endpoint if this goes on."),
        400..=499 => (
            CauseCode::Unsupported,
            "Look into the log of the receiver: it does not understand the request. The endpoint may want another \
             `format`.",
        ),
        _ => (CauseCode::Unavailable, "Look into the log of the receiver: it says that it is in trouble itself."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, code: CauseCode, hint: &str) {
        let reply = Reply { status: status.try_into().unwrap(), beginning: "why".to_owned() };
        let cause = cause("https://h", &reply, &HeaderMap::new(), None);
        assert_eq!(cause.code(), code, "{status}");
        assert!(cause.hint().contains(hint), "{status}: {}", cause.hint());
    }

    #[test]
    fn each_status_says_what_to_do() {
        check(302, CauseCode::Unsupported, "Redirects are not followed");
        check(400, CauseCode::Unsupported, "`format`");
        check(401, CauseCode::Auth, "credentials");
        check(403, CauseCode::Denied, "Allow the sender");
        check(404, CauseCode::NotFound, "URL");
        check(410, CauseCode::NotFound, "wants no more");
        check(413, CauseCode::TooLarge, "size");
        check(429, CauseCode::RateLimited, "rate limit");
        check(500, CauseCode::Unavailable, "in trouble");
        check(503, CauseCode::Unavailable, "in trouble");
        check(999, CauseCode::Unavailable, "in trouble");
    }

    #[test]
    fn the_evidence_names_what_was_answered() {
        let reply = Reply { status: StatusCode::SERVICE_UNAVAILABLE, beginning: "full".to_owned() };
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, "120".parse().unwrap());
        let retry_at = "2026-11-30T03:02:00Z".parse().unwrap();
        let cause = cause("https://h", &reply, &headers, Some(retry_at));
        assert_eq!(cause.summary(), "the receiver at `https://h` answered 503 Service Unavailable");
        assert!(cause.hint().starts_with("It asks not to be tried again before 2026-11-30T03:02:00Z. "));
        let details = cause.into_details();
        for part in [r#""http_status":503"#, r#""retry_after":"120""#, r#""body":"full""#] {
            assert!(details.as_json().contains(part), "{details:?}");
        }
    }
}
