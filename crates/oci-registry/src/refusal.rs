//! What it means when a registry, or its token service, answers with anything but 200.

use cause::{Cause, CauseCode};
use event::Timestamp;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use outbound::{Answer, Url, retry_at};
use serde_json::Value;

use crate::challenge::Challenge;
use crate::{RegistryName, RepositoryName, Subject};

/// How much of a refusing body is read. An event shows less: what is cut off is cut after secrets are taken out.
pub(crate) const REFUSAL_BYTES_MAX: usize = 64 * 1024;
/// Most errors of one answer that are looked at.
const ERRORS_MAX: usize = 8;
/// What a registry says of what it does not have (distribution specification, error codes).
const NOT_THERE: [&str; 3] = ["NAME_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN"];

/// Why a request to a registry failed, and what that means for the next one.
#[derive(Debug)]
pub struct RegistryFailure {
    pub cause: Cause,
    pub http_status: Option<u16>,
    /// Nothing may be asked of the registry before.
    pub retry_at: Option<Timestamp>,
    /// The registry was not asked: it had said, at another time, that it wants no request yet.
    pub is_held_back: bool,
}

impl RegistryFailure {
    /// What was found behind an answer that was 200.
    pub(crate) fn behind_answer(cause: Cause) -> Self {
        let cause = cause.with_evidence("http_status", 200);
        Self { cause, http_status: Some(200), retry_at: None, is_held_back: false }
    }

    /// What a registry is not asked for that wants to be left alone until `until`.
    pub(crate) fn held_back(registry: &RegistryName, until: Timestamp) -> Self {
        let summary = format!("`{registry}` wants no request before {until}");
        let hint = "It is asked again at that time.";
        let cause = Cause::new(CauseCode::RateLimited, summary, hint).with_evidence("retry_at", until.to_string());
        Self { cause, http_status: None, retry_at: Some(until), is_held_back: true }
    }
}

/// There was no answer to have a status.
impl From<Cause> for RegistryFailure {
    fn from(cause: Cause) -> Self {
        Self { cause, http_status: None, retry_at: None, is_held_back: false }
    }
}

/// Who refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Registry,
    TokenService,
}

/// How we stand with the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// None are configured.
    NoCredentials,
    /// Ours were sent, and nobody has accepted them yet.
    Sent,
    /// The token service took them and issued a token; the registry does not take that token.
    Accepted,
}

/// An answer that refuses.
pub(crate) struct Refusal {
    pub(crate) peer: Peer,
    pub(crate) standing: Standing,
    pub(crate) name: RepositoryName,
    pub(crate) subject: Subject,
    status: StatusCode,
    headers: HeaderMap,
    url: Url,
    body: Vec<u8>,
    errors: Vec<RegistryError>,
}

/// One member of `errors` in an answer of a registry (distribution specification, error codes).
struct RegistryError {
    code: String,
    message: String,
}

impl Refusal {
    pub(crate) async fn read(
        answer: Answer,
        peer: Peer,
        standing: Standing,
        name: RepositoryName,
        subject: Subject,
    ) -> Self {
        let (status, headers, url) = (answer.status(), answer.headers().clone(), answer.url().clone());
        let body = answer.first_bytes(REFUSAL_BYTES_MAX).await;
        let errors = registry_errors(&body);
        Self { peer, standing, name, subject, status, headers, url, body, errors }
    }

    pub(crate) fn into_failure(self, now: Timestamp) -> RegistryFailure {
        let retry_at = self.header(RETRY_AFTER.as_str()).and_then(|header| retry_at(header, now));
        let code = self.code();
        let retry_at = retry_at.filter(|_| matches!(code, CauseCode::RateLimited | CauseCode::Unavailable));
        let (summary, hint) = self.words(code, retry_at);
        let first = self.errors.first();
        let challenge = self.header(WWW_AUTHENTICATE.as_str()).filter(|_| self.status == StatusCode::UNAUTHORIZED);
        let cause = Cause::new(code, summary, hint)
            .with_evidence("url", self.url.as_str())
            .with_evidence("http_status", self.status.as_u16())
            .with_evidence("registry_code", first.map(|error| error.code.as_str()).filter(|code| !code.is_empty()))
            .with_evidence("registry_message", first.map(|error| error.message.as_str()))
            .with_evidence("challenge", challenge)
            .with_evidence("retry_after", self.header(RETRY_AFTER.as_str()))
            .with_evidence("retry_at", retry_at.map(|at| at.to_string()))
            .with_evidence("content_type", self.header(CONTENT_TYPE.as_str()))
            .with_evidence("body", Some(String::from_utf8_lossy(&self.body)).filter(|body| !body.is_empty()));
        RegistryFailure { cause, http_status: Some(self.status.as_u16()), retry_at, is_held_back: false }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn says(&self, code: &str) -> bool {
        self.errors.iter().any(|error| error.code.eq_ignore_ascii_case(code))
    }

    fn code(&self) -> CauseCode {
        match self.status.as_u16() {
            401 => self.unauthorized(),
            403 => CauseCode::Denied,
            404 => CauseCode::NotFound,
            407 => CauseCode::Auth,
            408 => CauseCode::Timeout,
            429 => CauseCode::RateLimited,
            500..=599 => CauseCode::Unavailable,
            400 if self.is_plain_http_at_a_tls_port() => CauseCode::Tls,
            400..=499 if self.says("TOOMANYREQUESTS") => CauseCode::RateLimited,
            400..=499 if self.says("UNAUTHORIZED") => CauseCode::Auth,
            400..=499 if self.says("DENIED") => CauseCode::Denied,
            400..=499 if NOT_THERE.iter().any(|code| self.says(code)) => CauseCode::NotFound,
            _ => CauseCode::Unsupported,
        }
    }

    /// 401 says "I do not know you" and also "not you": what else is in the answer tells them apart.
    fn unauthorized(&self) -> CauseCode {
        let challenges = Challenge::of(&self.headers);
        let error = challenges.iter().find_map(|challenge| challenge.parameter("error"));
        let is_answerable = challenges.iter().any(|challenge| challenge.is("basic") || challenge.is("bearer"));
        match self.standing {
            _ if !challenges.is_empty() && !is_answerable => CauseCode::Unsupported,
            Standing::Sent if self.says("DENIED") => CauseCode::Denied,
            // With `invalid_token` (RFC 6750, section 3.1) the token is at fault, which is between the registry and its
            // token service.
            Standing::Accepted if error != Some("invalid_token") => CauseCode::Denied,
            _ => CauseCode::Auth,
        }
    }

    /// Go's server and nginx say so in the body; there is no code for it.
    fn is_plain_http_at_a_tls_port(&self) -> bool {
        let body = String::from_utf8_lossy(&self.body).to_ascii_lowercase();
        self.url.scheme() == "http" && body.contains("http request") && body.contains("https")
    }

    /// Where the registry has redirected to, if that is another host.
    fn storage(&self) -> Option<&str> {
        let host = self.url.host_str()?;
        let endpoint = self.name.registry().endpoint();
        let is_registry = endpoint.strip_prefix(host).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
        let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let is_same_port = !endpoint.contains(':') || endpoint.ends_with(&port);
        (!is_registry || !is_same_port).then_some(host)
    }

    /// What happened, and what to do next.
    fn words(&self, code: CauseCode, retry_at: Option<Timestamp>) -> (String, String) {
        let registry = self.name.registry();
        let path = self.name.path();
        let peer = match self.peer {
            Peer::Registry => match self.storage() {
                None => format!("`{registry}`"),
                Some(storage) => format!("`{storage}`, where `{registry}` keeps its layers,"),
            },
            Peer::TokenService => {
                format!("`{}`, which issues the tokens for `{registry}`,", self.url.host_str().unwrap_or_default())
            }
        };
        let status = self.status;
        match code {
            CauseCode::Auth if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED => (
                format!("a proxy on the way to {peer} wants credentials"),
                "Set user and password in the proxy's address (`HTTPS_PROXY` in the environment).".to_owned(),
            ),
            CauseCode::Auth => self.auth_words(&peer),
            CauseCode::Denied if self.peer == Peer::Registry && self.storage().is_some() => (
                format!("{peer} denies access to a layer of `{path}`"),
                "The registry has signed the request itself: check its clock, and the credentials by which it reaches its \
                 storage."
                    .to_owned(),
            ),
            CauseCode::Denied => (
                format!("{peer} denies access to `{path}`"),
                match self.standing {
                    Standing::NoCredentials => format!(
                        "If `{path}` is private, {}. Else ask its owner for access.",
                        self.how_to_add_credentials()
                    ),
                    Standing::Sent | Standing::Accepted => format!(
                        "Give the user of the entry for {registry} in services.catalog.registries the right to pull \
                         `{path}`, or configure another user there."
                    ),
                },
            ),
            CauseCode::NotFound => self.not_found_words(&peer),
            CauseCode::RateLimited => (
                retry_at.map_or_else(
                    || format!("{peer} wants fewer requests"),
                    |at| format!("{peer} wants no request before {at}"),
                ),
                format!(
                    "It is asked again at the time it names, or else later. If this comes back, lower \
                     `requests_per_minute` in the entry for {registry} in services.catalog.registries, or add credentials \
                     with a higher limit there."
                ),
            ),
            CauseCode::Tls => (
                format!("{peer} speaks TLS at this port, and was spoken to in plain HTTP"),
                format!(
                    "Remove `insecure: true` from `{}` in services.catalog.repositories, or leave `--insecure` out where it \
                     was named on a command line.",
                    self.name
                ),
            ),
            CauseCode::Unavailable => (
                format!("{peer} answered {status}"),
                "The registry, or a proxy before it, is in trouble: look into its log. It is asked again later."
                    .to_owned(),
            ),
            _ => (
                format!("{peer} answered {status}, which no {} is answered with", self.asked()),
                format!(
                    "Check that `{registry}` is a registry, API version 2; `registry_message` and `body` say more."
                ),
            ),
        }
    }

    /// What was asked for, in words.
    fn asked(&self) -> &'static str {
        match self.peer {
            Peer::Registry => self.subject.request(),
            Peer::TokenService => "request for a token",
        }
    }

    fn not_found_words(&self, peer: &str) -> (String, String) {
        let (registry, path) = (self.name.registry(), self.name.path());
        // The answer to HEAD has no body that could say more; a body of another kind comes from another kind of server.
        let is_told = self.errors.iter().any(|error| !error.code.is_empty()) || self.body.is_empty();
        if self.says("NAME_UNKNOWN") {
            let hint = "Check its spelling where it is watched (services.catalog.repositories, `anchore-cli repo list`); \
                        it may have been deleted, have no tags yet, or be hidden from this user.";
            return (format!("{peer} has no repository `{path}`"), hint.to_owned());
        }
        match self.subject.missing().filter(|_| is_told && self.peer == Peer::Registry) {
            Some(missing) => (format!("{peer} has {missing} in `{path}`"), self.missing_hint().to_owned()),
            None => (
                format!("{peer} has nothing at this address"),
                format!("Check that `{registry}` is a registry (host and port), and that `{path}` exists there."),
            ),
        }
    }

    fn missing_hint(&self) -> &'static str {
        match self.subject {
            Subject::Blob(_) => "The image is not complete at its registry: push it again.",
            _ => {
                "It was deleted, or never pushed. If the registry still lists the tag, push the image again, or delete \
                 the tag."
            }
        }
    }

    fn auth_words(&self, peer: &str) -> (String, String) {
        let registry = self.name.registry();
        match self.standing {
            Standing::NoCredentials => {
                let hub = if registry.is_docker() {
                    " Docker Hub answers so for a name that does not exist, too."
                } else {
                    ""
                };
                let how = self.how_to_add_credentials();
                (
                    format!("{peer} wants credentials, and none are configured for it"),
                    format!("{}{}.{hub}", how[..1].to_uppercase(), &how[1..]),
                )
            }
            Standing::Sent => (
                format!("{peer} does not accept the user name and password that are configured"),
                format!(
                    "Correct `username`, and what `password_env` or `password_file` names, in the entry for {registry} \
                     in services.catalog.registries."
                ),
            ),
            Standing::Accepted => (
                format!("{peer} does not accept the token that its token service issued"),
                "The credentials are right. Check that the registry trusts its token service, and that the clocks of \
                 both agree."
                    .to_owned(),
            ),
        }
    }

    fn how_to_add_credentials(&self) -> String {
        let entry = format!("{{registry: \"{}\", username: ..., password_env: ...}}", self.name.registry());
        format!("add credentials under services.catalog.registries: `{entry}`")
    }
}

/// The errors that a body tells: those of the specification, or the one text that token services send instead.
fn registry_errors(body: &[u8]) -> Vec<RegistryError> {
    let Ok(Value::Object(answer)) = serde_json::from_slice(body) else { return Vec::new() };
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(Value::Array(errors)) = answer.get("errors") {
        let errors = errors.iter().take(ERRORS_MAX);
        return errors
            .map(|error| RegistryError { code: text(error.get("code")), message: text(error.get("message")) })
            .collect();
    }
    let message = ["details", "message", "error_description", "error"].iter().map(|name| text(answer.get(*name)));
    let message = message.into_iter().find(|message| !message.is_empty());
    message.into_iter().map(|message| RegistryError { code: text(answer.get("code")), message }).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn refusal(status: u16, headers: &[(&'static str, &str)], body: &str, standing: Standing) -> Refusal {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
        Refusal {
            peer: Peer::Registry,
            standing,
            name: "registry.example.com/team/app".parse().unwrap(),
            subject: Subject::Tags,
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            url: "http://registry.example.com/v2/team/app/tags/list".parse().unwrap(),
            body: body.as_bytes().to_vec(),
            errors: registry_errors(body.as_bytes()),
        }
    }

    fn check(status: u16, headers: &[(&'static str, &str)], body: &str, standing: Standing, expected: CauseCode) {
        let now = "2018-06-30T00:00:00Z".parse().unwrap();
        let failure = refusal(status, headers, body, standing).into_failure(now);
        assert_eq!(failure.cause.code(), expected, "{status} {body} {standing:?}");
        assert_eq!(failure.http_status, Some(status));
        assert!(failure.cause.hint().ends_with('.'), "{:?}", failure.cause);
    }

    #[test]
    fn each_answer_has_its_code() {
        use CauseCode::{Auth, Denied, NotFound, RateLimited, Timeout, Tls, Unavailable, Unsupported};
        use Standing::{Accepted, NoCredentials, Sent};
        let denied = r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
        let unauthorized = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
        let unknown = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}"#;
        let basic = [("www-authenticate", r#"Basic realm="r""#)];
        let bearer = [("www-authenticate", r#"Bearer realm="https://r/t",error="insufficient_scope""#)];
        let invalid = [("www-authenticate", r#"Bearer realm="https://r/t",error="invalid_token""#)];
        check(401, &basic, unauthorized, NoCredentials, Auth);
        check(401, &basic, denied, NoCredentials, Auth);
        check(401, &basic, unauthorized, Sent, Auth);
        check(401, &basic, denied, Sent, Denied);
        check(401, &bearer, unauthorized, Accepted, Denied);
        check(401, &invalid, unauthorized, Accepted, Auth);
        check(401, &[("www-authenticate", "Negotiate")], "", Sent, Unsupported);
        check(401, &[], "", Sent, Auth);
        check(403, &[], denied, NoCredentials, Denied);
        check(403, &[], "<html>", Sent, Denied);
        check(404, &[], unknown, Sent, NotFound);
        check(404, &[], "404 page not found", Sent, NotFound);
        check(429, &[], "", Sent, RateLimited);
        check(400, &[], "Client sent an HTTP request to an HTTPS server.\n", Sent, Tls);
        check(400, &[], "<h1>The plain HTTP request was sent to HTTPS port</h1>", Sent, Tls);
        check(400, &[], unknown, Sent, NotFound);
        check(400, &[], r#"{"errors":[{"code":"NAME_INVALID"}]}"#, Sent, Unsupported);
        check(405, &[], "", Sent, Unsupported);
        check(407, &[], "", Sent, Auth);
        check(408, &[], "", Sent, Timeout);
        check(302, &[], "", Sent, Unsupported);
        check(204, &[], "", Sent, Unsupported);
        for status in [500, 502, 503, 504] {
            check(status, &[], "<html>bad gateway</html>", Sent, Unavailable);
        }
    }

    #[test]
    fn what_is_not_there_is_named() {
        let manifest = Subject::Manifest(crate::ManifestReference::Tag("1.0".parse().unwrap()));
        let blob = Subject::Blob(crate::Digest::sha256(b""));
        let unknown = |code: &str| format!(r#"{{"errors":[{{"code":"{code}","message":"m"}}]}}"#);
        let check = |subject: &Subject, status: u16, body: &str, expected: &str| {
            let now = "2018-06-30T00:00:00Z".parse().unwrap();
            let refusal = Refusal { subject: subject.clone(), ..refusal(status, &[], body, Standing::Sent) };
            let summary = refusal.into_failure(now).cause.summary();
            assert_eq!(summary, format!("`registry.example.com` {expected}"), "{body}");
        };
        check(&manifest, 404, &unknown("MANIFEST_UNKNOWN"), "has no manifest for the tag `1.0` in `team/app`");
        check(&manifest, 404, "", "has no manifest for the tag `1.0` in `team/app`");
        check(&manifest, 404, &unknown("NAME_UNKNOWN"), "has no repository `team/app`");
        check(&manifest, 404, "<html>", "has nothing at this address");
        check(&Subject::Tags, 404, "", "has nothing at this address");
        let none =
            "has no blob `sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855` in `team/app`";
        check(&blob, 404, &unknown("BLOB_UNKNOWN"), none);
        let odd = "answered 405 Method Not Allowed, which no request for a manifest is answered with";
        check(&manifest, 405, "", odd);
    }

    #[test]
    fn a_peer_that_names_a_time_is_left_alone_until_then() {
        let now = "2018-06-30T00:00:00Z".parse().unwrap();
        let check = |status: u16, expected: Option<&str>| {
            let failure = refusal(status, &[("retry-after", "120")], "", Standing::Sent).into_failure(now);
            assert_eq!(failure.retry_at.map(|at| at.to_string()).as_deref(), expected, "{status}");
        };
        check(429, Some("2018-06-30T00:02:00Z"));
        check(503, Some("2018-06-30T00:02:00Z"));
        check(404, None);
    }

    #[test]
    fn a_token_service_has_errors_of_its_own() {
        let check = |body: &str, expected: &[(&str, &str)]| {
            let errors = registry_errors(body.as_bytes());
            let seen: Vec<_> = errors.iter().map(|error| (error.code.as_str(), error.message.as_str())).collect();
            assert_eq!(seen, expected, "{body}");
        };
        check(r#"{"details":"incorrect username or password"}"#, &[("", "incorrect username or password")]);
        check(r#"{"error":"x","error_description":"y"}"#, &[("", "y")]);
        check(r#"{"errors":[{"code":"A","message":"b"},{}]}"#, &[("A", "b"), ("", "")]);
        check("<html>", &[]);
        check("{}", &[]);
    }
}
