//! The services behind the gateway.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Uri;
use http::uri::Scheme;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use service::readiness::Latch;
use service::retry::Waits;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// How long to wait for a peer to take a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that is silent for this long is asked whether it still lives.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Most bytes on their way to us on one call, and on all calls of a connection: [`service::door`] allows 256 of them.
/// A call whose reader is slow must not use up what the others need.
const CALL_WINDOW_BYTES: u32 = 256 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 256 * CALL_WINDOW_BYTES;
/// How often a healthy peer is asked for its health, and how long it may take to answer.
const HEALTH_CYCLE: Duration = Duration::from_secs(5);
const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a peer that starts beside us may take before it counts as away.
const START_GRACE: Duration = Duration::from_secs(2);

/// Where a peer answers: `http://host:port` or `https://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAddress(Uri);

/// A text that is no peer's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address of a service, expected `http://host:port` or `https://host:port`")]
pub struct PeerAddressError(String);

impl FromStr for PeerAddress {
    type Err = PeerAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || PeerAddressError(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| refused())?;
        let is_right = matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.port().is_some()
            && uri.path_and_query().is_none_or(|path| path == "/");
        if is_right { Ok(Self(uri)) } else { Err(refused()) }
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.authority().map_or("", http::uri::Authority::as_str);
        write!(f, "{}://{host}", self.0.scheme_str().unwrap_or_default())
    }
}

/// A service that answers calls.
#[derive(Clone)]
pub struct Peer {
    /// The name of the service: `events-store`.
    pub service: &'static str,
    /// Full names of the gRPC services it answers.
    pub answers: &'static [&'static str],
    /// Whether the gateway cannot do its work without it.
    pub is_needed: bool,
    address: PeerAddress,
    channel: Channel,
}

impl Peer {
    /// A peer that is connected to when it is first needed. The certificate of an `https` peer is verified against the
    /// system's roots.
    ///
    /// # Errors
    /// An address that TLS cannot be set up for.
    pub fn new(
        service: &'static str,
        answers: &'static [&'static str],
        address: PeerAddress,
    ) -> Result<Self, tonic::transport::Error> {
        let mut endpoint = endpoint(&address);
        if address.0.scheme_str() == Some("https") {
            endpoint = endpoint.tls_config(ClientTlsConfig::new().with_native_roots())?;
        }
        Ok(Self { service, answers, is_needed: false, address, channel: endpoint.connect_lazy() })
    }

    /// A peer in this process, behind a TLS door whose certificate is our own: see [`service::own_tls`].
    pub fn neighbour(
        service: &'static str,
        answers: &'static [&'static str],
        address: PeerAddress,
        tls: Arc<rustls::ClientConfig>,
    ) -> Self {
        let connector = tower::service_fn(move |uri: Uri| {
            let tls = TlsConnector::from(Arc::clone(&tls));
            async move {
                let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
                let stream = TcpStream::connect((host.as_str(), uri.port_u16().unwrap_or_default())).await?;
                let name = ServerName::try_from(host).map_err(io::Error::other)?;
                Ok::<_, io::Error>(TokioIo::new(tls.connect(name, stream).await?))
            }
        });
        // The connector does TLS itself, so tonic must not ask for it: the scheme is plain for its eyes.
        let plain = PeerAddress(with_plain_scheme(&address.0));
        let channel = endpoint(&plain).connect_with_connector_lazy(connector);
        Self { service, answers, is_needed: false, address, channel }
    }

    #[must_use]
    pub fn needed(self) -> Self {
        Self { is_needed: true, ..self }
    }

    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub fn address(&self) -> &PeerAddress {
        &self.address
    }

    /// The status to give a caller when the peer could not be reached.
    pub fn unreachable(&self, error: &dyn std::error::Error) -> Status {
        let mut innermost = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        Status::new(
            Code::Unavailable,
            format!("the {} at {} cannot be reached: {innermost}", self.service, self.address),
        )
    }

    /// Keeps `latch` as the peer's own health says, until told to stop.
    pub async fn watch(self, latch: Latch, stop: CancellationToken) {
        let mut waits = Waits::default();
        let begun = Instant::now();
        loop {
            match self.check().await {
                Ok(()) => {
                    latch.holds(self.service);
                    waits.reset();
                    if tokio::time::timeout(HEALTH_CYCLE, stop.cancelled()).await.is_ok() {
                        return;
                    }
                }
                Err(reason) => {
                    // Services that start together are not in trouble while they do.
                    if begun.elapsed() > START_GRACE {
                        latch.fails(self.service, reason);
                    }
                    if waits.pause(&stop).await {
                        return;
                    }
                }
            }
        }
    }

    async fn check(&self) -> Result<(), String> {
        let mut client = HealthClient::new(self.channel());
        let request = HealthCheckRequest { service: self.answers.first().copied().unwrap_or_default().to_owned() };
        match tokio::time::timeout(HEALTH_TIMEOUT, client.check(request)).await {
            Ok(Ok(answer)) if answer.get_ref().status() == ServingStatus::Serving => Ok(()),
            Ok(Ok(_)) => Err(format!("{} says it is not ready", self.address)),
            Ok(Err(status)) => Err(self.unreachable(&status).message().to_owned()),
            Err(_) => Err(format!("{} does not answer within {} s", self.address, HEALTH_TIMEOUT.as_secs())),
        }
    }
}

fn endpoint(address: &PeerAddress) -> Endpoint {
    Endpoint::from(address.0.clone())
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(CALL_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .tcp_nodelay(true)
}

fn with_plain_scheme(uri: &Uri) -> Uri {
    let mut parts = uri.clone().into_parts();
    parts.scheme = Some(Scheme::HTTP);
    Uri::from_parts(parts).expect("only the scheme has changed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_a_port_and_nothing_more() {
        let check = |text: &str, accepted: bool| assert_eq!(text.parse::<PeerAddress>().is_ok(), accepted, "{text}");
        check("http://events-store:8229", true);
        check("https://10.0.0.1:8229/", true);
        check("http://events-store", false);
        check("events-store:8229", false);
        check("http://events-store:8229/v1", false);
        check("", false);
    }
}
