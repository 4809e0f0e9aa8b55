//! What happened, and what to do next: a refusal in the words of people.

use cause::CauseCode;
use event::Timestamp;
use http::StatusCode;

use super::{Peer, Refusal, Standing};
use crate::Subject;

impl Refusal {
    /// What happened, and what to do next.
    pub(super) fn words(&self, code: CauseCode, retry_at: Option<Timestamp>) -> (String, String) {
        let registry = self.name.registry();
        let path = self.name.path();
        let peer = match self.peer {
            Peer::Registry => match self.storage() {
                None => format!("`{registry}`"),
                Some(storage) => format!("`{storage}`, where `{registry}` keeps its layers,"),
            },
            Peer::TokenService => {
                let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
                let host = self.url.host_str().unwrap_or_default();
                format!("`{host}{port}`, which issues the tokens for `{registry}`,")
            }
        };
        let status = self.status;
        match code {
            CauseCode::Auth if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED => (
                format!("a proxy on the way to {peer} wants credentials"),
                "Set user and password in the proxy's address (`HTTPS_PROXY` in the environment).".to_owned(),
            ),
            CauseCode::Auth => self.auth_words(&peer),
            CauseCode::Unsupported if status == StatusCode::UNAUTHORIZED => (
                format!("{peer} wants credentials in a way that is not supported"),
                "Let the registry take Basic credentials, or tokens; `challenge` says what it asks for.".to_owned(),
            ),
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
                    "Remove `insecure: true` from `{}` in services.catalog.repositories, or leave `--plain-http` out where it \
                     was named on a command line.",
                    self.name
                ),
            ),
            CauseCode::Unavailable => (
                format!("{peer} answered {status}"),
                format!("{}, or a proxy before it, is in trouble: look into its log. It is asked again later.", self.who()),
            ),
            _ => (
                format!("{peer} answered {status}, which no {} is answered with", self.asked()),
                format!(
                    "Check that `{registry}` is a registry, API version 2; `registry_message` and `body` say more."
                ),
            ),
        }
    }

    fn who(&self) -> &'static str {
        match self.peer {
            Peer::Registry => "The registry",
            Peer::TokenService => "The token service",
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
                "Check its spelling: it was deleted, or never pushed. If the registry still lists the tag, push the image \
                 again, or delete the tag."
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
