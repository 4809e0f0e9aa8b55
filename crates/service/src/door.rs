//! A door: an address where this process listens, over TCP or TLS, for HTTP/1.1 and HTTP/2.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service;
use tracing::{debug, warn};

use crate::client_address::PeerAddress;
use crate::config::Section;
use crate::shutdown::GRACE;

/// Most connections open at one door; more wait until one closes.
const CONNECTIONS_MAX: usize = 4096;
/// How long a client may take for its TLS handshake, or for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// An HTTP/2 connection that is silent for this long is asked whether it still lives.
const KEEP_ALIVE: Duration = Duration::from_mins(1);
/// Most streams open on one HTTP/2 connection.
const STREAMS_MAX: u32 = 256;
/// How long to wait before listening again when the system has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where to listen: the keys `listen` and `port` of a service's section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenAddress {
    pub ip: IpAddr,
    /// 0: the system chooses.
    pub port: u16,
}

/// The `tls` section: a certificate chain and its key, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// Why a door cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    #[error("{address} cannot be listened at{}", hint(source))]
    Listen { address: SocketAddr, source: io::Error },
    #[error("`{}` cannot be read as PEM", file.display())]
    Pem { file: PathBuf, source: rustls::pki_types::pem::Error },
    #[error("the certificate and the key cannot be used together")]
    Certificate(#[from] rustls::Error),
}

fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => {
            ": another program, perhaps a second copy of this one, has it; stop that or set another port"
        }
        io::ErrorKind::PermissionDenied => ": ports below 1024 need a privilege, set another port",
        io::ErrorKind::AddrNotAvailable => ": this machine has no such address, set `listen` to one it has",
        _ => "",
    }
}

impl ListenAddress {
    pub fn read(section: &mut Section, default_port: u16) -> Self {
        let ip = section.parse_or("listen", IpAddr::V4(Ipv4Addr::LOCALHOST));
        Self { ip, port: section.port("port", default_port) }
    }

    pub fn is_loopback(&self) -> bool {
        self.ip.is_loopback()
    }
}

impl From<ListenAddress> for SocketAddr {
    fn from(address: ListenAddress) -> Self {
        Self::new(address.ip, address.port)
    }
}

impl TlsConfig {
    pub fn read(section: &mut Section) -> Option<Self> {
        let (cert, key) = (section.text("cert"), section.text("key"));
        match (cert, key) {
            (Some(cert), Some(key)) => Some(Self { cert: cert.into(), key: key.into() }),
            (None, None) => None,
            (Some(_), None) => {
                section.refuse("key", "missing beside `cert`");
                None
            }
            (None, Some(_)) => {
                section.refuse("cert", "missing beside `key`");
                None
            }
        }
    }

    fn acceptor(&self) -> Result<TlsAcceptor, DoorError> {
        let pem = |file: &Path| {
            let file = file.to_owned();
            move |source| DoorError::Pem { file, source }
        };
        let chain = CertificateDer::pem_file_iter(&self.cert).and_then(Iterator::collect).map_err(pem(&self.cert))?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(pem(&self.key))?;
        let mut config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// An address that is held: whoever connects waits until [`Door::serve`].
pub struct Door {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Door {
    pub async fn open(address: ListenAddress, tls: Option<&TlsConfig>) -> Result<Self, DoorError> {
        let tls = tls.map(TlsConfig::acceptor).transpose()?;
        let address = address.into();
        let listener = TcpListener::bind(address).await.map_err(|source| DoorError::Listen { address, source })?;
        Ok(Self { listener, tls })
    }

    /// The address as the system gave it.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("a bound socket has an address")
    }

    /// Answers by `router` until `stop`; then takes no more connections and waits at most [`GRACE`] for requests in
    /// flight.
    pub async fn serve(self, router: Router, stop: CancellationToken) {
        let graceful = GracefulShutdown::new();
        let connections = TaskTracker::new();
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let abort = CancellationToken::new();
        loop {
            let place = Arc::clone(&places).acquire_owned();
            let accepted = async { (place.await, self.listener.accept().await) };
            let (place, (stream, peer)) = tokio::select! {
                () = stop.cancelled() => break,
                accepted = accepted => match accepted {
                    (Ok(place), Ok(connection)) => (place, connection),
                    (_, Err(error)) => {
                        warn!(%error, "cannot accept connections");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                    (Err(_), _) => break,
                },
            };
            let connection = Connection { router: router.clone(), tls: self.tls.clone(), watcher: graceful.watcher() };
            let abort = abort.clone();
            connections.spawn(async move {
                tokio::select! {
                    () = connection.run(stream, peer) => {}
                    () = abort.cancelled() => {}
                }
                drop(place);
            });
        }
        drop(self.listener);
        if tokio::time::timeout(GRACE, graceful.shutdown()).await.is_err() {
            warn!(grace_s = GRACE.as_secs(), "requests were still running when the grace period ended");
        }
        abort.cancel();
        connections.close();
        connections.wait().await;
    }
}

struct Connection {
    router: Router,
    tls: Option<TlsAcceptor>,
    watcher: hyper_util::server::graceful::Watcher,
}

impl Connection {
    async fn run(self, stream: TcpStream, peer: SocketAddr) {
        // Small answers must not wait for more to come; a socket that refuses this still works.
        let _ = stream.set_nodelay(true);
        let Some(tls) = self.tls.clone() else { return self.answer(stream, peer).await };
        match tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.answer(stream, peer).await,
            Ok(Err(error)) => debug!(%peer, %error, "TLS handshake failed"),
            Err(_) => debug!(%peer, "TLS handshake timed out"),
        }
    }

    async fn answer(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: SocketAddr) {
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
        builder.http2().timer(TokioTimer::new()).keep_alive_interval(KEEP_ALIVE).max_concurrent_streams(STREAMS_MAX);
        let router = self.router;
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(PeerAddress(peer));
            let answer = router.clone().call(request);
            async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
        });
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        if let Err(error) = self.watcher.watch(connection.into_owned()).await {
            debug!(%peer, %error, "connection ended");
        }
    }
}
