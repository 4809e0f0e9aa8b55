//! A feed as something to ask: its client, its credentials, its documents.

use std::sync::Arc;

use cause::{Cause, CauseCode, Secrets};
use event::Clock;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use outbound::{Answer, Client, ClientConfig, ClientError, Settings, Url};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use crate::config::{FeedConfig, Limits};
use crate::refusal::SyncFailure;
use crate::{FeedKind, GroupName};

/// Longest validator that is kept, in bytes; a longer one is not worth its place.
const VALIDATOR_BYTES_MAX: usize = 1024;

/// What a server says a document is the state of (RFC 9110, 8.8), to be asked whether it still is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Validators {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_modified: Option<String>,
}

/// Whether a document may be packed for the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    /// It is packed already.
    AsItIs,
}

/// A feed of the configuration, ready to be asked.
pub(crate) struct Source {
    pub(crate) feed: FeedConfig,
    client: Client,
    authorization: Option<HeaderValue>,
    /// Of every feed: what one server is told, another may know.
    secrets: Arc<Secrets>,
    clock: Arc<dyn Clock>,
}

impl Source {
    /// # Errors
    /// The HTTP client cannot be made.
    pub(crate) fn new(
        feed: FeedConfig,
        limits: &Limits,
        secrets: Arc<Secrets>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ClientError> {
        let entry = format!("the feed `{}` in services.policy_engine.feeds", feed.name);
        let setting = |name: &str| Some(format!("`services.policy_engine.{name}`"));
        let settings = Settings {
            ca_file: Some(format!("`ca_file` of {entry}")),
            insecure: None,
            request_timeout: setting("download_timeout"),
            silence_timeout: setting("silence_timeout"),
            rate_min: setting("download_rate_min"),
        };
        let client = Client::new(ClientConfig {
            connect_timeout: ClientConfig::default().connect_timeout.min(limits.silence_timeout),
            request_timeout: limits.download_timeout,
            silence_timeout: limits.silence_timeout,
            rate_min: Some(limits.rate_min),
            ca_certificates: feed.ca_certificates.clone(),
            environment_proxy: !is_loopback(feed.url.as_url()),
            settings,
            ..ClientConfig::default()
        })?;
        let credentials = feed.credentials.as_ref();
        let authorization =
            credentials.map(|credentials| basic(&credentials.username, credentials.password.expose_secret()));
        Ok(Self { feed, client, authorization, secrets, clock })
    }

    /// The address of a document of a group.
    pub(crate) fn url(&self, group: &GroupName, document: &str) -> Url {
        let url = &self.feed.url;
        match self.feed.kind {
            FeedKind::AlpineSecdb => {
                let (branch, repository) = group.as_str().split_once('/').unwrap_or_default();
                url.join([branch, &format!("{repository}.json")])
            }
            FeedKind::Osv => url.join([group.as_str(), document]),
            // The address of the document, or of the tracker.
            FeedKind::DebianTracker if url.as_url().path().ends_with("json") => url.as_url().clone(),
            FeedKind::DebianTracker => url.join(["data", "json"]),
        }
    }

    /// Asks for a document. `None`: it is what it was when it had `validators`.
    ///
    /// # Errors
    /// No answer, or one that refuses.
    pub(crate) async fn ask(
        &self,
        url: &Url,
        group: &GroupName,
        validators: Option<&Validators>,
        packing: Packing,
    ) -> Result<Option<Answer>, SyncFailure> {
        let mut headers = HeaderMap::new();
        headers.extend(self.authorization.clone().map(|value| (AUTHORIZATION, value)));
        if packing == Packing::Gzip {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if let Some(validators) = validators {
            validators.add_to(&mut headers);
        }
        let is_conditional = headers.contains_key(IF_NONE_MATCH) || headers.contains_key(IF_MODIFIED_SINCE);
        let answer = self.client.get(url, headers).await?;
        match answer.status() {
            StatusCode::OK => Ok(Some(answer)),
            StatusCode::NOT_MODIFIED if is_conditional => Ok(None),
            _ => Err(SyncFailure::refused(answer, &self.feed, group, self.clock.now()).await),
        }
    }

    /// Takes every secret of the feeds out of a cause: whatever leaves goes through here.
    pub(crate) fn cleaned(&self, cause: Cause) -> Cause {
        cause.without(&self.secrets)
    }
}

impl Validators {
    /// Those of an answer.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let text = |name: HeaderName| {
            let text = headers.get(name)?.to_str().ok()?;
            (text.len() <= VALIDATOR_BYTES_MAX).then(|| text.to_owned())
        };
        Self { etag: text(ETAG), last_modified: text(LAST_MODIFIED) }
    }

    /// The entity tag is the better one, and a server that knows both goes by it.
    fn add_to(&self, headers: &mut HeaderMap) {
        let pairs = [(IF_NONE_MATCH, &self.etag), (IF_MODIFIED_SINCE, &self.last_modified)];
        for (name, text) in pairs {
            headers.extend(text.as_ref().and_then(|text| Some((name, HeaderValue::from_str(text).ok()?))));
        }
    }
}

/// What must not leave: passwords, and the values of queries, which may be signatures.
pub(crate) fn secrets_of(feeds: &[FeedConfig]) -> Secrets {
    let mut secrets = Secrets::default();
    for feed in feeds {
        feed.url.query_values().iter().for_each(|value| secrets.add(value));
        if let Some(credentials) = &feed.credentials {
            secrets.add_credentials(&credentials.username, credentials.password.expose_secret());
        }
    }
    secrets
}

/// Whether the body of an answer is packed with gzip.
///
/// # Errors
/// It is packed in another way, which nobody asked for.
pub(crate) fn is_gzip(answer: &Answer) -> Result<bool, Cause> {
    match answer.header("content-encoding").map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "identity") => Ok(false),
        Some("gzip" | "x-gzip") => Ok(true),
        Some(other) => {
            let hint = "Have the server, or the proxy before it, send the document unpacked or with gzip.";
            let summary = format!("the document is packed with `{other}`, which was not asked for");
            Err(Cause::new(CauseCode::Unsupported, summary, hint).with_evidence("url", answer.url().as_str()))
        }
    }
}

/// RFC 7617.
fn basic(username: &str, password: &str) -> HeaderValue {
    use base64::Engine;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
    let mut value = HeaderValue::from_str(&format!("Basic {pair}")).expect("base64 is visible ASCII");
    value.set_sensitive(true);
    value
}

/// No proxy leads to this machine itself.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::SystemClock;

    fn check(kind: FeedKind, url: &str, group: &str, document: &str, expected: &str) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let group: GroupName = group.parse().unwrap();
        let feed = FeedConfig {
            name: "f".parse().unwrap(),
            kind,
            url: url.parse().unwrap(),
            groups: vec![group.clone()],
            credentials: None,
            ca_certificates: None,
        };
        let source = Source::new(feed, &Limits::default(), Arc::default(), Arc::new(SystemClock)).unwrap();
        assert_eq!(source.url(&group, document).as_str(), expected);
    }

    #[test]
    fn documents_are_where_their_publishers_have_them() {
        let secdb = "https://secdb.alpinelinux.org";
        check(FeedKind::AlpineSecdb, secdb, "v3.20/main", "", "https://secdb.alpinelinux.org/v3.20/main.json");
        check(FeedKind::Osv, "https://o.example/x", "Debian:12", "all.zip", "https://o.example/x/Debian:12/all.zip");
        check(FeedKind::Osv, "https://o.example", "Rocky Linux", "all.zip", "https://o.example/Rocky%20Linux/all.zip");
        for url in ["https://d.example/tracker", "https://d.example/tracker/data/json"] {
            check(FeedKind::DebianTracker, url, "all", "", "https://d.example/tracker/data/json");
        }
        check(FeedKind::DebianTracker, "https://d.example/debian.json", "all", "", "https://d.example/debian.json");
    }
}
