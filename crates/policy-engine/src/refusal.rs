//! What it means when the server of a feed answers with anything but the feed.

use cause::{Cause, CauseCode};
use event::Timestamp;
use http::StatusCode;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use outbound::{Answer, Url, retry_at};

use crate::config::FeedConfig;
use crate::{FeedKind, GroupName};

/// How much of a refusing body is read. An event shows less: what is cut off is cut after secrets are taken out.
const REFUSAL_BYTES_MAX: usize = 16 * 1024;

/// Why a group could not be synced, and what that means for the next time.
#[derive(Debug)]
pub(crate) struct SyncFailure {
    pub(crate) cause: Cause,
    pub(crate) http_status: Option<u16>,
    /// The server wants no request before.
    pub(crate) retry_at: Option<Timestamp>,
    /// Whether it is that the feed has lost too much, which has an event of its own.
    pub(crate) is_drop: bool,
}

/// There was no answer to have a status.
impl From<Cause> for SyncFailure {
    fn from(cause: Cause) -> Self {
        Self { cause, http_status: None, retry_at: None, is_drop: false }
    }
}

impl SyncFailure {
    /// That a server has answered with a status that gives nothing.
    pub(crate) async fn refused(answer: Answer, feed: &FeedConfig, group: &GroupName, now: Timestamp) -> Self {
        let status = answer.status();
        let header = |name: &str| answer.header(name).map(str::to_owned);
        let (retry_after, content_type) = (header(RETRY_AFTER.as_str()), header(CONTENT_TYPE.as_str()));
        let challenge = header(WWW_AUTHENTICATE.as_str()).filter(|_| status == StatusCode::UNAUTHORIZED);
        let url = answer.url().to_string();
        let code = code(status);
        let retry_at = retry_after.as_deref().and_then(|header| retry_at(header, now));
        let retry_at = retry_at.filter(|_| matches!(code, CauseCode::RateLimited | CauseCode::Unavailable));
        let host = host_of(answer.url());
        let body = answer.first_bytes(REFUSAL_BYTES_MAX).await;
        let (summary, hint) = Refused { feed, group, status, host, retry_at }.words(code);
        let cause = Cause::new(code, summary, hint)
            .with_evidence("url", url)
            .with_evidence("http_status", status.as_u16())
            .with_evidence("challenge", challenge)
            .with_evidence("retry_after", retry_after)
            .with_evidence("retry_at", retry_at.map(|at| at.to_string()))
            .with_evidence("content_type", content_type)
            .with_evidence("body", Some(String::from_utf8_lossy(&body)).filter(|body| !body.is_empty()));
        Self { cause, http_status: Some(status.as_u16()), retry_at, is_drop: false }
    }
}

fn code(status: StatusCode) -> CauseCode {
    match status.as_u16() {
        401 | 407 => CauseCode::Auth,
        403 | 451 => CauseCode::Denied,
        404 | 410 => CauseCode::NotFound,
        408 => CauseCode::Timeout,
        429 => CauseCode::RateLimited,
        500..=599 => CauseCode::Unavailable,
        _ => CauseCode::Unsupported,
    }
}

/// Host and port.
fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

struct Refused<'a> {
    feed: &'a FeedConfig,
    group: &'a GroupName,
    status: StatusCode,
    host: String,
    retry_at: Option<Timestamp>,
}

impl Refused<'_> {
    /// What happened, and what to do next.
    fn words(&self, code: CauseCode) -> (String, String) {
        let Self { feed, host, status, .. } = self;
        let entry = format!("the feed `{}` in services.policy_engine.feeds", feed.name);
        match code {
            CauseCode::Auth if *status == StatusCode::PROXY_AUTHENTICATION_REQUIRED => (
                format!("a proxy on the way to `{host}` wants credentials"),
                "Set user and password in the proxy's address (`HTTPS_PROXY` in the environment).".to_owned(),
            ),
            CauseCode::Auth if feed.credentials.is_none() => (
                format!("`{host}` wants credentials, and none are configured for it"),
                format!("Add `username` and `password_env` to {entry}."),
            ),
            CauseCode::Auth => (
                format!("`{host}` does not accept the user name and password that are configured"),
                format!("Correct `username`, and what `password_env` or `password_file` names, of {entry}."),
            ),
            CauseCode::Denied => (
                format!("`{host}` denies access to the feed"),
                format!(
                    "Ask its operator why (`body` may say): the address of this machine, or the user of {entry}, may not \
                     read it."
                ),
            ),
            CauseCode::NotFound => (format!("`{host}` has nothing at this address"), self.where_to_look(&entry)),
            CauseCode::Timeout => (
                format!("`{host}` gave up waiting for the request"),
                "Check the network between this machine and the server. It is asked again.".to_owned(),
            ),
            CauseCode::RateLimited => (
                self.retry_at.map_or_else(
                    || format!("`{host}` wants fewer requests"),
                    |at| format!("`{host}` wants no request before {at}"),
                ),
                "It is asked again at the time it names, or else later. If this comes back, raise \
                 services.policy_engine.cycle_timers.feed_sync, or sync from a mirror of your own."
                    .to_owned(),
            ),
            CauseCode::Unavailable => (
                format!("`{host}` answered {status}"),
                "The server, or a proxy before it, is in trouble: look at its status page or log. It is asked again, \
                 after longer and longer pauses."
                    .to_owned(),
            ),
            _ => (
                format!("`{host}` answered {status}, which no feed is answered with"),
                format!("Check the address of {entry}; `body` says more."),
            ),
        }
    }

    fn where_to_look(&self, entry: &str) -> String {
        let group = self.group;
        match self.feed.kind {
            FeedKind::AlpineSecdb => format!(
                "Check `url` of {entry}, and that Alpine has the branch and the repository `{group}` (see \
                 https://secdb.alpinelinux.org)."
            ),
            FeedKind::Osv => format!(
                "Check `url` of {entry}, and that `{group}` is spelled as OSV spells its ecosystems (see \
                 https://osv-vulnerabilities.storage.googleapis.com/ecosystems.txt)."
            ),
            FeedKind::DebianTracker => format!("Check `url` of {entry}: it is that of the document `data/json`."),
        }
    }
}
