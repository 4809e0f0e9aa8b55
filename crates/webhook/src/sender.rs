//! One endpoint, ready to be sent to.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cause::{Cause, CauseCode, Secrets};
use event::Clock;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method};
use outbound::{
    Answer, CaCertificates, Client, ClientConfig, ClientError, ClientIdentity, Redirects, Settings, SystemTrust, Url,
    Vetting, retry_at,
};

use crate::credentials::CredentialsError;
use crate::{
    Attempt, Credentials, Format, Notification, Outcome, OwnHeaders, Rendered, Reply, SECRETS_MAX, Secret, UrlTemplate,
    UrlTemplateError, refusal, render, sign,
};

/// How long a receiver has for an answer unless another time is configured (Standard Webhooks, "Request timeouts").
pub const TIMEOUT: Duration = Duration::from_secs(15);

/// A part of a path or query that is at least this long counts as a secret: hooks of chat servers are known by nothing
/// else.
const SECRET_PART_BYTES_MIN: usize = 16;

/// What is known of an endpoint.
#[derive(Debug, Clone)]
pub struct SenderConfig {
    pub url: UrlTemplate,
    pub format: Format,
    /// Every one of them signs; at most [`SECRETS_MAX`].
    pub secrets: Vec<Secret>,
    pub credentials: Option<Credentials>,
    pub headers: OwnHeaders,
    /// Shown to a receiver that asks for it.
    pub identity: Option<ClientIdentity>,
    /// The roots of the system; senders that are made together share them.
    pub system_trust: SystemTrust,
    /// Trusted besides the roots of the system.
    pub ca_certificates: Option<CaCertificates>,
    /// False takes any certificate of anybody.
    pub ssl_verify: bool,
    /// From the request to the end of the answer.
    pub timeout: Duration,
    /// For hints.
    pub settings: Settings,
}

/// An endpoint that cannot be sent to.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    #[error("{0} secrets, expected at most {SECRETS_MAX}")]
    TooManySecrets(usize),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error("has credentials and a header `Authorization`, expected one of them")]
    AuthorizationTwice,
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Sends to one endpoint. It keeps connections for a short while; clones share them.
#[derive(Clone)]
pub struct Sender {
    url: UrlTemplate,
    format: Format,
    signing: Vec<Secret>,
    /// The same on every request.
    headers: HeaderMap,
    /// What must not be seen in what a receiver says.
    secrets: Secrets,
    client: Client,
    clock: Arc<dyn Clock>,
}

impl SenderConfig {
    /// Without signature, credentials and anything else that is not needed.
    pub fn new(url: UrlTemplate) -> Self {
        Self {
            url,
            format: Format::default(),
            secrets: Vec::new(),
            credentials: None,
            headers: OwnHeaders::default(),
            identity: None,
            system_trust: SystemTrust::default(),
            ca_certificates: None,
            ssl_verify: true,
            timeout: TIMEOUT,
            settings: Settings::default(),
        }
    }

    /// Whether the parts go together: a sender of what passes here is refused only for a reason of this process.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self) -> Result<(), SenderError> {
        self.authorization()?;
        match self.secrets.len() {
            0..=SECRETS_MAX => Ok(()),
            more => Err(SenderError::TooManySecrets(more)),
        }
    }

    fn authorization(&self) -> Result<Option<HeaderValue>, SenderError> {
        match &self.credentials {
            None => Ok(None),
            Some(_) if self.headers.has_authorization() => Err(SenderError::AuthorizationTwice),
            Some(credentials) => Ok(Some(credentials.header()?)),
        }
    }
}

impl Sender {
    /// No proxy of the environment is used: it would resolve the name, and nobody could judge the address.
    ///
    /// # Panics
    /// When no rustls provider is installed in this process; `main` does it first.
    pub fn new(config: SenderConfig, vetting: Vetting, clock: Arc<dyn Clock>) -> Result<Self, SenderError> {
        config.check()?;
        let mut headers = config.headers.headers().clone();
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        let mut secrets = Secrets::default();
        config.headers.add_to(&mut secrets);
        headers.extend(config.authorization()?.map(|authorization| (AUTHORIZATION, authorization)));
        if let Some(credentials) = &config.credentials {
            credentials.add_to(&mut secrets);
        }
        let client = Client::new(ClientConfig {
            connect_timeout: ClientConfig::default().connect_timeout.min(config.timeout),
            request_timeout: config.timeout,
            silence_timeout: config.timeout,
            system_trust: config.system_trust,
            ca_certificates: config.ca_certificates,
            identity: config.identity,
            verify_certificates: config.ssl_verify,
            environment_proxy: false,
            redirects: Redirects::Keep,
            vetting: Some(vetting),
            rate_min: None,
            settings: config.settings,
        })?;
        Ok(Self { url: config.url, format: config.format, signing: config.secrets, headers, secrets, client, clock })
    }

    /// Makes one request. Nothing is kept of it here, and nothing is tried twice.
    pub async fn send(&self, notification: &Notification) -> Attempt {
        let started_at = self.clock.now();
        let start = Instant::now();
        let url = match self.url.expand(notification.account(), notification.notification_type) {
            Ok(url) => url,
            Err(error) => return Attempt { started_at, duration: start.elapsed(), outcome: self.no_url(&error) },
        };
        let Rendered { content_type, headers, body } = render(self.format, notification);
        let mut headers = headers;
        headers.extend(self.headers.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.extend(sign(&self.signing, notification.delivery_id, started_at, &body));
        let sent = self.client.send(Method::POST, &url, headers, body).await;
        let duration = start.elapsed();
        let outcome = self.outcome(sent, &self.secrets_with(&url)).await;
        Attempt { started_at, duration, outcome }
    }

    async fn outcome(&self, sent: Result<Answer, Cause>, secrets: &Secrets) -> Outcome {
        let answer = match sent {
            Ok(answer) => answer,
            Err(cause) => return Outcome::NotAnswered(self.shown(cause, secrets)),
        };
        let headers = answer.headers().clone();
        let reply = Reply::read(answer, secrets).await;
        if reply.status.is_success() {
            return Outcome::Delivered(reply);
        }
        let retry_at = headers.get(RETRY_AFTER).and_then(|header| retry_at(header.to_str().ok()?, self.clock.now()));
        let cause = refusal::cause(self.url.origin(), &reply, &headers, retry_at);
        Outcome::Refused { reply, retry_at, cause: self.shown(cause, secrets) }
    }

    fn no_url(&self, error: &UrlTemplateError) -> Outcome {
        let summary = format!("the URL at `{}` cannot be used: {error}", self.url.origin());
        let cause = Cause::new(CauseCode::NotAllowed, summary, "Correct the URL of the endpoint.");
        Outcome::NotAnswered(self.shown(cause, &self.secrets))
    }

    /// The URL's path may be what gives a right to write.
    fn shown(&self, cause: Cause, secrets: &Secrets) -> Cause {
        cause.with_evidence("url", self.url.to_string()).without(secrets)
    }

    /// Also what `url` has that looks like one.
    fn secrets_with(&self, url: &Url) -> Secrets {
        let mut secrets = self.secrets.clone();
        let segments = url.path().split('/');
        let values = url.query().unwrap_or_default().split(['&', '=']);
        for part in segments.chain(values).filter(|part| part.len() >= SECRET_PART_BYTES_MIN) {
            secrets.add(part);
        }
        secrets
    }
}

/// Where it sends, and nothing of how.
impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("url", &self.url).field("format", &self.format).finish_non_exhaustive()
    }
}
