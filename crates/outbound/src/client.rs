//! The client: one per peer, so that its settings can be named in hints.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cause::Cause;
use http::{HeaderMap, Method};
use reqwest::Url;
use tracing::warn;

use crate::transport::Transport;
use crate::{Answer, CaCertificates, ClientIdentity, RateMin, Redirects, Settings, SystemTrust, Vetting, redirect};

/// How long an idle connection is kept: long enough for the pages of one listing. A connection kept from one cycle to
/// the next would say less about whether the peer can be reached, and may have died in silence.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// How long a second look at a failure may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);

const USER_AGENT: &str = concat!("anchore-events/", env!("CARGO_PKG_VERSION"));

#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// From the first packet to the end of the TLS handshake.
    pub connect_timeout: Duration,
    /// From the request to the last byte of the answer, redirects included.
    pub request_timeout: Duration,
    /// Longest silence in the middle of an answer.
    pub silence_timeout: Duration,
    /// Slowest body that is taken. `None`: any, within the other bounds.
    pub rate_min: Option<RateMin>,
    /// The roots of the system, which other clients may share.
    pub system_trust: SystemTrust,
    /// Trusted besides the roots of the system.
    pub ca_certificates: Option<CaCertificates>,
    /// Shown to a peer that asks for it.
    pub identity: Option<ClientIdentity>,
    /// False takes any certificate of anybody.
    pub verify_certificates: bool,
    /// Whether `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` count. Off for a peer on this host, and always with a
    /// [`Vetting`]: it is the proxy that would resolve the name.
    pub environment_proxy: bool,
    pub redirects: Redirects,
    /// Which addresses may be connected to; all without it.
    pub vetting: Option<Vetting>,
    /// For hints.
    pub settings: Settings,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            silence_timeout: Duration::from_secs(30),
            rate_min: None,
            system_trust: SystemTrust::default(),
            ca_certificates: None,
            identity: None,
            verify_certificates: true,
            environment_proxy: true,
            redirects: Redirects::default(),
            vetting: None,
            settings: Settings::default(),
        }
    }
}

/// The client cannot be made; the reason is in this process and not in a peer.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be made")]
pub struct ClientError(#[source] reqwest::Error);

/// Makes requests. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    inner: reqwest::Client,
    transport: Arc<Transport>,
    /// In place of the one the client was made with.
    request_timeout: Option<Duration>,
}

impl Client {
    /// # Panics
    /// When no rustls provider is installed in this process; `main` does it first.
    pub fn new(config: ClientConfig) -> Result<Self, ClientError> {
        let certificates = || config.ca_certificates.iter().flat_map(CaCertificates::certificates);
        let trusts_the_system_alone =
            config.verify_certificates && config.ca_certificates.is_none() && config.identity.is_none();
        let shared = if trusts_the_system_alone { config.system_trust.tls() } else { None };
        let build = |with_system_roots: bool| {
            let builder = reqwest::Client::builder()
                .user_agent(USER_AGENT)
                .connect_timeout(config.connect_timeout)
                .timeout(config.request_timeout)
                .read_timeout(config.silence_timeout)
                .pool_idle_timeout(IDLE_MAX)
                .redirect(redirect::policy(config.redirects, config.vetting.clone()))
                .tls_danger_accept_invalid_certs(!config.verify_certificates)
                // The address a redirect came from may hold a signature.
                .referer(false);
            let goes_direct = !config.environment_proxy || config.vetting.is_some();
            let builder = if goes_direct { builder.no_proxy() } else { builder };
            let builder = config.vetting.iter().fold(builder, |builder, vetting| builder.dns_resolver(vetting.clone()));
            let builder =
                config.identity.iter().fold(builder, |builder, identity| builder.identity(identity.identity()));
            let builder = match &shared {
                Some(tls) => builder.tls_backend_preconfigured(tls.clone()),
                None if with_system_roots => builder.tls_certs_merge(certificates()),
                None => builder.tls_certs_only(certificates()),
            };
            builder.build()
        };
        // A slim image may have no roots at all. That is no reason to go without plain HTTP, nor to die at start: each
        // request by TLS then says what is missing.
        let (client, has_system_roots) = match build(true) {
            Ok(client) => (client, true),
            Err(error) => {
                let client = build(false).map_err(ClientError)?;
                warn!(error = %error, "this machine has no usable CA certificates; install ca-certificates");
                (client, false)
            }
        };
        Ok(Self { inner: client, transport: Arc::new(Transport::new(config, has_system_roots)), request_timeout: None })
    }

    /// The same client, for answers that take longer: a large file may take hours, as long as it goes on coming.
    #[must_use]
    pub fn with_request_timeout(&self, request_timeout: Duration) -> Self {
        let config = ClientConfig { request_timeout, ..self.transport.config.clone() };
        let transport = Arc::new(Transport::new(config, self.transport.has_system_roots));
        Self { inner: self.inner.clone(), transport, request_timeout: Some(request_timeout) }
    }

    /// Sends GET and returns as soon as the head of the answer is there, whatever its status.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn get(&self, url: &Url, headers: HeaderMap) -> Result<Answer, Cause> {
        self.send(Method::GET, url, headers, Bytes::new()).await
    }

    /// Sends a request and returns as soon as the head of the answer is there, whatever its status.
    ///
    /// # Errors
    /// There is no answer, or the address is none to connect to.
    pub async fn send(&self, method: Method, url: &Url, headers: HeaderMap, body: Bytes) -> Result<Answer, Cause> {
        // No resolver is asked about an address.
        if let Some(vetting) = &self.transport.config.vetting {
            vetting.check_url(url).map_err(|refusal| Cause::from(refusal).with_evidence("url", url.as_str()))?;
        }
        let request = self.inner.request(method, url.clone()).headers(headers);
        let request = if body.is_empty() { request } else { request.body(body) };
        let request = match self.request_timeout {
            Some(timeout) => request.timeout(timeout),
            None => request,
        };
        let asked_at = Instant::now();
        let sent = request.send().await;
        match sent {
            Ok(response) => Ok(Answer::new(response, Arc::clone(&self.transport), asked_at)),
            Err(error) => Err(self.cause(error, url, asked_at).await),
        }
    }

    async fn cause(&self, error: reqwest::Error, asked: &Url, asked_at: Instant) -> Cause {
        let url = error.url().unwrap_or(asked).clone();
        if Transport::may_have_met_tls(&error, &url) && self.speaks_tls(&url).await {
            return self.transport.plain_to_tls(error, &url);
        }
        self.transport.cause(error, &url, asked_at.elapsed())
    }

    /// Looks once more, by TLS and with nothing to give away: it is the only way to tell a TLS server that was spoken
    /// to in plain HTTP from a server that is broken.
    async fn speaks_tls(&self, url: &Url) -> bool {
        let mut url = url.clone();
        let port = url.port_or_known_default();
        url.set_path("/");
        url.set_query(None);
        // Neither fails for a URL that has just been used for a request.
        let is_set = url.set_scheme("https").is_ok() && url.set_port(port).is_ok();
        let timeout = LOOK_TIMEOUT.min(self.transport.config.request_timeout);
        is_set && Transport::has_met_tls(&self.inner.get(url).timeout(timeout).send().await)
    }
}
