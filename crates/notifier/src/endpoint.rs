//! A receiver of webhooks: what it gets, where it is, and what we may ask of it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use event::{AccountName, FilterDraft, Level, Violation, Violations};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use webhook::{
    CaCertificates, ClientIdentity, Credentials, Format, OwnHeaders, Secret, SenderConfig, Settings, UrlTemplate,
};

use crate::endpoint_key::{EndpointKey, check_name};
use crate::rule::Rule;
use crate::schedule::Schedule;

/// Bounds of what may be asked for.
pub const TIMEOUT_MIN: Duration = Duration::from_secs(1);
pub const TIMEOUT_MAX: Duration = Duration::from_mins(1);
pub const CONCURRENCY_MAX: u32 = 100;
pub const REQUESTS_PER_SECOND_MAX: u32 = 1000;
pub const BACKLOG_MAX: u64 = 1_000_000;
pub const SPAN_MAX: Duration = Duration::from_hours(30 * 24);
pub const FIRST_DELAY_MAX: Duration = Duration::from_hours(1);
pub const DELAY_MAX: Duration = Duration::from_hours(24);

/// What one endpoint may take of us, and we of it; of each replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// From the request to the end of the answer.
    pub timeout: Duration,
    /// Requests under way at the same time.
    pub concurrency_max: u32,
    /// `None`: as many as there are.
    pub requests_per_second_max: Option<u32>,
    /// Deliveries that may wait; one more is given up at once.
    pub backlog_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { timeout: webhook::TIMEOUT, concurrency_max: 4, requests_per_second_max: None, backlog_max: 100_000 }
    }
}

/// An endpoint as it was given, by the configuration or at run time, and not checked yet.
#[derive(Debug, Clone, Default)]
pub struct EndpointDraft {
    pub name: String,
    /// `None`: of every account.
    pub account: Option<AccountName>,
    /// Where in the configuration.
    pub configured_at: Option<String>,
    pub url: String,
    pub format: Format,
    pub levels: Vec<Level>,
    pub filter: FilterDraft,
    pub ordered: bool,
    pub headers: Vec<(String, SecretString)>,
    /// Each signs.
    pub secrets: Vec<SecretString>,
    pub user: Option<String>,
    pub password: Option<SecretString>,
    pub bearer_token: Option<SecretString>,
    pub client_certificate_pem: Option<String>,
    pub client_key_pem: Option<SecretString>,
    pub skips_verification: bool,
    pub ca_pem: Option<String>,
    pub limits: Limits,
    pub retry: Schedule,
    /// For hints.
    pub settings: Settings,
    pub revision: String,
}

/// A checked endpoint.
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub key: EndpointKey,
    /// Where in the configuration; `None` for one that was added at run time.
    pub configured_at: Option<String>,
    pub rule: Rule,
    pub ordered: bool,
    pub limits: Limits,
    pub retry: Schedule,
    pub header_names: Vec<String>,
    /// How it is sent to. Its debug output holds no secret.
    pub sender: SenderConfig,
    /// What its settings amount to, as one opaque word: with another one it is to be tried anew.
    pub target: String,
    /// Differs from that of the endpoint before a change.
    pub revision: String,
}

impl EndpointDraft {
    /// # Errors
    /// Every wrong field, by its name in `notifier.v1.Endpoint`.
    pub fn check(self) -> Result<Endpoint, Violations> {
        let mut violations = Violations::default();
        violations.note("name", check_name(&self.name));
        let target = self.target();
        let url = violations.note("url", self.url.parse::<UrlTemplate>());
        let headers = self.own_headers(&mut violations);
        let secrets = self.signing_secrets(&mut violations);
        let credentials = self.credentials(&mut violations);
        let identity = self.identity(&mut violations);
        let ca_pem = self.ca_pem.as_deref().filter(|pem| !pem.is_empty());
        let ca_certificates = ca_pem.and_then(|pem| violations.note("ca_pem", CaCertificates::parse(pem.as_bytes())));
        let any = Rule::everything(self.account.clone());
        let filter = match self.filter.check(any.filter.account.clone(), Violations::default()) {
            Ok(filter) => filter,
            Err(Violations(found)) => {
                violations.0.extend(
                    found.into_iter().map(|found| Violation::new(format!("filter.{}", found.field), found.problem)),
                );
                any.filter
            }
        };
        violations.into_result()?;
        let Some(url) = url else { unreachable!("an absent URL is a violation") };
        let sender = SenderConfig {
            format: self.format,
            secrets,
            credentials,
            headers,
            identity,
            ca_certificates,
            ssl_verify: !self.skips_verification,
            timeout: self.limits.timeout,
            settings: self.settings,
            ..SenderConfig::new(url)
        };
        Ok(Endpoint {
            key: EndpointKey::new(self.account.as_ref(), &self.name),
            configured_at: self.configured_at,
            rule: Rule { account: self.account, levels: self.levels, filter },
            ordered: self.ordered,
            limits: self.limits,
            retry: self.retry,
            header_names: self.headers.into_iter().map(|(name, _)| name).collect(),
            sender,
            target,
            revision: self.revision,
        })
    }

    fn own_headers(&self, violations: &mut Violations) -> OwnHeaders {
        let mut headers = OwnHeaders::default();
        for (name, value) in &self.headers {
            violations.note("headers", headers.add(name, value.expose_secret()));
        }
        headers
    }

    fn signing_secrets(&self, violations: &mut Violations) -> Vec<Secret> {
        let read = |secret: &SecretString| violations.note("secret", secret.expose_secret().parse());
        self.secrets.iter().filter_map(read).collect()
    }

    /// Either half of user and password may be absent (contract 6.1).
    fn credentials(&self, violations: &mut Violations) -> Option<Credentials> {
        let has_basic = self.user.is_some() || self.password.is_some();
        if let Some(token) = &self.bearer_token {
            if has_basic {
                violations
                    .0
                    .push(Violation::new("bearer_token", "is given beside user and password, expected one of them"));
            }
            return Some(Credentials::Bearer(token.clone()));
        }
        has_basic.then(|| Credentials::Basic {
            username: self.user.clone().unwrap_or_default(),
            password: self.password.clone().unwrap_or_default(),
        })
    }

    fn identity(&self, violations: &mut Violations) -> Option<ClientIdentity> {
        match (&self.client_certificate_pem, &self.client_key_pem) {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                let identity = ClientIdentity::parse(certificate.as_bytes(), key.expose_secret().as_bytes());
                violations.note("client_certificate_pem", identity)
            }
            (Some(_), None) => {
                violations.0.push(Violation::new("client_key_pem", "missing, expected the key of the certificate"));
                None
            }
            (None, Some(_)) => {
                violations.0.push(Violation::new("client_certificate_pem", "missing, expected that of the key"));
                None
            }
        }
    }

    /// A hash: it is kept in a table, and says nothing of what it was made of.
    fn target(&self) -> String {
        let secret = |secret: &SecretString| secret.expose_secret().to_owned();
        let mut parts = vec![self.url.clone(), self.format.to_string(), self.skips_verification.to_string()];
        parts.extend(
            [self.user.clone(), self.ca_pem.clone(), self.client_certificate_pem.clone()]
                .map(Option::unwrap_or_default),
        );
        parts.extend(
            [&self.password, &self.bearer_token, &self.client_key_pem]
                .map(|part| part.as_ref().map(secret).unwrap_or_default()),
        );
        parts.extend(self.headers.iter().flat_map(|(name, value)| [name.clone(), secret(value)]));
        parts.extend(self.secrets.iter().map(secret));
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        STANDARD_NO_PAD.encode(digest.finalize())
    }
}

impl Endpoint {
    pub fn name(&self) -> &str {
        self.key.name()
    }

    /// How requests show who we are, in words.
    pub fn trust(&self) -> Vec<String> {
        let SenderConfig { secrets, credentials, identity, ca_certificates, ssl_verify, .. } = &self.sender;
        let mut trust = Vec::new();
        for secret in secrets {
            trust.push(match secret.public_key() {
                None => "signed (v1)".to_owned(),
                Some(public_key) => format!("signed (v1a, public key {public_key})"),
            });
        }
        match credentials {
            Some(Credentials::Basic { username, .. }) => trust.push(format!("basic, user `{username}`")),
            Some(Credentials::Bearer(_)) => trust.push("bearer token".to_owned()),
            None => {}
        }
        if identity.is_some() {
            trust.push("client certificate".to_owned());
        }
        if !self.header_names.is_empty() {
            trust.push(format!("headers {}", self.header_names.join(", ")));
        }
        if ca_certificates.is_some() {
            trust.push("own certificate authority".to_owned());
        }
        if !ssl_verify {
            trust.push("certificates are not checked".to_owned());
        }
        trust
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> EndpointDraft {
        EndpointDraft { name: "ops".to_owned(), url: "https://h.example.com/x".to_owned(), ..EndpointDraft::default() }
    }

    fn check(change: impl FnOnce(&mut EndpointDraft), expected: &str) {
        let mut draft = draft();
        change(&mut draft);
        let refused = draft.check().unwrap_err().to_string();
        assert!(refused.starts_with(expected), "{refused}");
    }

    #[test]
    fn every_refusal_names_its_field() {
        check(|draft| draft.name = "a b".to_owned(), "name: `a b` is no name of an endpoint");
        check(|draft| draft.url = "ftp://h".to_owned(), "url: ");
        check(|draft| draft.secrets = vec!["hunter2".into()], "secret: expected `whsec_`");
        check(|draft| draft.headers = vec![("Host".to_owned(), "h".into())], "headers: the header `Host`");
        check(|draft| draft.ca_pem = Some("x".to_owned()), "ca_pem: holds no certificate");
        check(|draft| draft.client_key_pem = Some("x".into()), "client_certificate_pem: missing");
        check(
            |draft| {
                draft.user = Some("u".to_owned());
                draft.bearer_token = Some("t".into());
            },
            "bearer_token: is given beside",
        );
    }

    #[test]
    fn another_target_is_another_word_and_another_filter_is_not() {
        let target = |change: fn(&mut EndpointDraft)| {
            let mut draft = draft();
            change(&mut draft);
            draft.check().unwrap().target
        };
        assert_eq!(target(|_| ()), target(|draft| draft.levels = vec![Level::Error]));
        assert_ne!(target(|_| ()), target(|draft| draft.url = "https://h.example.com/y".to_owned()));
        assert_ne!(target(|_| ()), target(|draft| draft.password = Some("p".into())));
    }

    #[test]
    fn no_secret_prints() {
        let draft = EndpointDraft {
            password: Some("secret-1".into()),
            headers: vec![("X-Key".to_owned(), "secret-1".into())],
            ..draft()
        };
        let endpoint = draft.clone().check().unwrap();
        assert!(!format!("{draft:?} {endpoint:?} {:?}", endpoint.trust()).contains("secret-1"));
    }
}
