//! A server that does on each connection what a test tells it to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// What a server does with one request.
pub enum Reaction {
    /// Sends these bytes and closes.
    Send(String),
    /// Closes without a byte.
    Close,
    /// Neither answers nor closes.
    Hang,
    /// Sends these bytes and neither goes on nor closes.
    SendAndHang(String),
    /// Sends a body that never ends.
    SendForever,
}

/// From the head of a request, as it was sent, to a reaction.
type Behaviour = dyn Fn(&str) -> Reaction + Send + Sync;

pub struct FaultServer {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl FaultServer {
    pub async fn plain(behaviour: impl Fn(&str) -> Reaction + Send + Sync + 'static) -> Self {
        Self::start(None, behaviour).await
    }

    pub async fn tls(config: Arc<ServerConfig>, behaviour: impl Fn(&str) -> Reaction + Send + Sync + 'static) -> Self {
        Self::start(Some(TlsAcceptor::from(config)), behaviour).await
    }

    async fn start(tls: Option<TlsAcceptor>, behaviour: impl Fn(&str) -> Reaction + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(accept(listener, tls, Arc::new(behaviour), Arc::clone(&requests)));
        Self { address, requests, task }
    }

    /// `127.0.0.1:PORT`.
    pub fn registry(&self) -> String {
        self.address.to_string()
    }

    pub fn repository(&self) -> String {
        format!("{}/team/app", self.address)
    }

    /// The heads of every request so far.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// How many requests named `path`.
    pub fn requests_to(&self, path: &str) -> usize {
        self.requests().iter().filter(|head| head.starts_with(&format!("GET {path}"))).count()
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        self.task.abort();
    }
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
                None => serve(stream, &*behaviour, &requests).await,
                Some(tls) => greet(tls, stream, &*behaviour, &requests).await,
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn greet(tls: TlsAcceptor, stream: TcpStream, behaviour: &Behaviour, requests: &Mutex<Vec<String>>) {
    // A client that does not trust the certificate leaves here.
    if let Ok(stream) = tls.accept(stream).await {
        serve(stream, behaviour, requests).await;
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, behaviour: &Behaviour, requests: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            // What speaks another protocol than HTTP is answered all the same.
            Err(_) => return,
        }
        if head.len() == 3 && head.starts_with(&[0x16, 0x03]) {
            break;
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let reaction = behaviour(&head);
    requests.lock().unwrap().push(head);
    match reaction {
        Reaction::Send(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Reaction::Close => {}
        Reaction::Hang => std::future::pending::<()>().await,
        Reaction::SendAndHang(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
            std::future::pending::<()>().await;
        }
        Reaction::SendForever => {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"tags\":[\"";
            let mut sent = stream.write_all(head.as_bytes()).await;
            while sent.is_ok() {
                sent = stream.write_all(&[b'a'; 16 * 1024]).await;
            }
        }
    }
}

/// An answer with `headers`, each on a line of its own.
pub fn answer(status: &str, headers: &[&str], body: &str) -> Reaction {
    let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    Reaction::Send(format!("{head}\r\n{body}"))
}

/// A page of tags.
pub fn page(tags: &[&str], headers: &[&str]) -> Reaction {
    answer("200 OK", headers, &serde_json::json!({ "name": "team/app", "tags": tags }).to_string())
}
