//! A server of feeds that does with each request what a test tells it to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fixtures::Identity;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// Pieces of a body, made while they are sent.
pub type Chunks = Box<dyn Iterator<Item = Vec<u8>> + Send>;

/// What a server does with one request.
pub enum Reaction {
    /// Sends these bytes and closes.
    Send(Vec<u8>),
    /// Closes without a byte.
    Close,
    /// Sends these bytes and resets the connection.
    SendAndReset(Vec<u8>),
    /// Neither answers nor closes.
    Hang,
    /// Sends these bytes and neither goes on nor closes.
    SendAndHang(Vec<u8>),
    /// Sends a head, and after it a few bytes at a time for ever.
    Drip { bytes: usize, pause: Duration },
    /// Sends a head, and after it what comes.
    Stream(Chunks),
}

/// From the head of a request, as it was sent, to a reaction.
type Behaviour = dyn Fn(&str) -> Reaction + Send + Sync;

pub struct FeedServer {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl FeedServer {
    pub async fn plain(behaviour: impl Fn(&str) -> Reaction + Send + Sync + 'static) -> Self {
        Self::start(None, behaviour).await
    }

    pub async fn tls(identity: &Identity, behaviour: impl Fn(&str) -> Reaction + Send + Sync + 'static) -> Self {
        Self::start(Some(TlsAcceptor::from(identity.server_config())), behaviour).await
    }

    async fn start(tls: Option<TlsAcceptor>, behaviour: impl Fn(&str) -> Reaction + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(accept(listener, tls, Arc::new(behaviour), Arc::clone(&requests)));
        Self { address, requests, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn https_url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The heads of every request so far.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The paths of every request so far.
    pub fn paths(&self) -> Vec<String> {
        self.requests().iter().filter_map(|head| Some(path_of(head)?.to_owned())).collect()
    }
}

impl Drop for FeedServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The path of a request.
pub fn path_of(head: &str) -> Option<&str> {
    head.strip_prefix("GET ")?.split(' ').next()
}

/// Connections end with the server, as they would with a process.
async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    behaviour: Arc<Behaviour>,
    requests: Arc<Mutex<Vec<String>>>,
) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (tls, behaviour, requests) = (tls.clone(), Arc::clone(&behaviour), Arc::clone(&requests));
        connections.spawn(async move {
            match tls {
                None => {
                    let stream = serve(stream, &*behaviour, &requests).await;
                    reset(stream);
                }
                // A client that does not trust the certificate leaves here.
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        drop(serve(stream, &*behaviour, &requests).await);
                    }
                }
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// What is given here is closed with a reset.
fn reset(stream: Option<TcpStream>) {
    if let Some(stream) = stream {
        stream.set_zero_linger().unwrap();
    }
}

/// Returns the stream if it is to be reset.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    behaviour: &Behaviour,
    requests: &Mutex<Vec<String>>,
) -> Option<S> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return None,
        }
        // What speaks another protocol than HTTP is answered all the same.
        if head.len() == 3 && head.starts_with(&[0x16, 0x03]) {
            break;
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let reaction = behaviour(&head);
    requests.lock().unwrap().push(head);
    match reaction {
        Reaction::Send(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Reaction::Close => {}
        Reaction::SendAndReset(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.flush().await;
            return Some(stream);
        }
        Reaction::Hang => std::future::pending::<()>().await,
        Reaction::SendAndHang(bytes) => {
            let _ = stream.write_all(&bytes).await;
            std::future::pending::<()>().await;
        }
        Reaction::Drip { bytes, pause } => {
            let mut sent = stream.write_all(HEAD.as_bytes()).await;
            while sent.is_ok() {
                sent = stream.write_all(&vec![b' '; bytes]).await;
                tokio::time::sleep(pause).await;
            }
        }
        Reaction::Stream(chunks) => {
            let mut sent = stream.write_all(HEAD.as_bytes()).await;
            for chunk in chunks {
                if sent.is_err() {
                    break;
                }
                sent = stream.write_all(&chunk).await;
            }
            let _ = stream.shutdown().await;
        }
    }
    None
}

/// Of an answer that ends with its connection.
const HEAD: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n";

/// An answer with `headers`, each on a line of its own.
pub fn answer(status: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Reaction {
    let body = body.as_ref();
    let mut bytes = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for header in headers {
        bytes.push_str(header);
        bytes.push_str("\r\n");
    }
    bytes.push_str("\r\n");
    Reaction::Send([bytes.as_bytes(), body].concat())
}

/// A document.
pub fn ok(body: impl AsRef<[u8]>) -> Reaction {
    answer("200 OK", &["Content-Type: application/json"], body)
}
