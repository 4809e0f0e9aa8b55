//! A way over the network that can be cut: a TCP proxy on loopback.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

const CHUNK_BYTES: usize = 16 * 1024;

/// Passes connections on until it is dropped.
pub struct Proxy {
    port: u16,
    way: watch::Sender<Way>,
    accepting: JoinHandle<()>,
}

/// What becomes of connections.
#[derive(Debug, Clone, Copy)]
struct Way {
    target: SocketAddr,
    state: WayState,
    /// Connections from before the last reset are reset.
    resets: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WayState {
    Open,
    /// Nothing passes in either direction, and nobody is told; what was sent passes later, as TCP would send it again.
    Silent,
    /// New connections are reset at once.
    Closed,
}

impl Proxy {
    /// Listens on loopback, and passes on to `target`.
    pub async fn open(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (way, receiver) = watch::channel(Way { target, state: WayState::Open, resets: 0 });
        let accepting = tokio::spawn(async move {
            loop {
                // An error is the accepted connection's, and it is gone.
                if let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(pass(stream, receiver.clone()));
                }
            }
        });
        Ok(Self { port, way, accepting })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Resets every connection, and refuses new ones.
    pub fn close(&self) {
        self.way.send_modify(|way| {
            way.state = WayState::Closed;
            way.resets += 1;
        });
    }

    /// Lets nothing pass, without a word to anybody.
    pub fn silence(&self) {
        self.way.send_modify(|way| way.state = WayState::Silent);
    }

    pub fn heal(&self) {
        self.way.send_modify(|way| way.state = WayState::Open);
    }

    /// Leads elsewhere from now on; connections to the old target are reset.
    pub fn lead_to(&self, target: SocketAddr) {
        self.way.send_if_modified(|way| {
            let is_news = way.target != target;
            if is_news {
                way.target = target;
                way.resets += 1;
            }
            is_news
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass(inside: TcpStream, mut way: watch::Receiver<Way>) {
    let resets = way.borrow().resets;
    let Some(target) = wait_until_open(&mut way, resets).await else {
        reset(inside);
        return;
    };
    let Ok(outside) = TcpStream::connect(target).await else {
        reset(inside);
        return;
    };
    // Without this, small answers wait for the acknowledgement of the one before.
    let _ = inside.set_nodelay(true).and_then(|()| outside.set_nodelay(true));
    let (mut inside_read, mut inside_write) = inside.into_split();
    let (mut outside_read, mut outside_write) = outside.into_split();
    let mut other_way = way.clone();
    let was_reset = {
        let there = copy(&mut inside_read, &mut outside_write, &mut way, resets);
        let back = copy(&mut outside_read, &mut inside_write, &mut other_way, resets);
        tokio::pin!(there, back);
        // When one direction ends, the other one may still have something to say, but none of our protocols does.
        tokio::select! {
            result = &mut there => result,
            result = &mut back => result,
        }
        .is_err()
    };
    if was_reset {
        for half in [inside_read.reunite(inside_write), outside_read.reunite(outside_write)].into_iter().flatten() {
            reset(half);
        }
    }
}

/// Copies until the end, or until the connection is to be reset.
async fn copy(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    way: &mut watch::Receiver<Way>,
    resets: u64,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        // A connection that ends while nothing passes has not ended for the other side either.
        wait_until_open(way, resets).await.ok_or(io::ErrorKind::ConnectionReset)?;
        let read = tokio::select! {
            biased;
            changed = way.changed() => {
                changed.map_err(|_| io::ErrorKind::ConnectionReset)?;
                continue;
            }
            read = from.read(&mut chunk) => read?,
        };
        if read == 0 {
            return to.shutdown().await;
        }
        // What was read before the way was silenced still passes, as a packet on the wire does.
        let mut reset_way = way.clone();
        tokio::select! {
            written = to.write_all(&chunk[..read]) => written?,
            _ = reset_way.wait_for(|way| way.resets != resets) => return Err(io::ErrorKind::ConnectionReset.into()),
        }
    }
}

/// The target once the way is open; `None` when the connection is to be reset.
async fn wait_until_open(way: &mut watch::Receiver<Way>, resets: u64) -> Option<SocketAddr> {
    let decided = |way: &Way| way.resets != resets || way.state != WayState::Silent;
    let way = *way.wait_for(decided).await.ok()?;
    (way.resets == resets && way.state == WayState::Open).then_some(way.target)
}

/// Ends the connection with a reset, which no peer takes for an end in good order.
fn reset(stream: TcpStream) {
    // Where it fails, the connection has ended already.
    let _ = stream.set_zero_linger();
    drop(stream);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// Answers each byte with itself.
    async fn echo_server() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
            }
        });
        address
    }

    async fn connect(proxy: &Proxy) -> TcpStream {
        TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).await.unwrap()
    }

    async fn is_answered(stream: &mut TcpStream) -> io::Result<bool> {
        stream.write_all(b"x").await?;
        match timeout(Duration::from_millis(300), stream.read_u8()).await {
            Ok(answer) => answer.map(|byte| byte == b'x'),
            Err(_) => Ok(false),
        }
    }

    #[tokio::test]
    async fn what_was_silenced_arrives_late_and_what_was_closed_is_reset() {
        let proxy = Proxy::open(echo_server().await).await.unwrap();
        let mut stream = connect(&proxy).await;
        assert!(is_answered(&mut stream).await.unwrap());
        proxy.silence();
        assert!(!is_answered(&mut stream).await.unwrap());
        proxy.heal();
        assert_eq!(stream.read_u8().await.unwrap(), b'x', "the answer that was held back");
        proxy.close();
        assert!(is_answered(&mut stream).await.is_err());
        assert!(is_answered(&mut connect(&proxy).await).await.is_err());
        proxy.heal();
        assert!(is_answered(&mut connect(&proxy).await).await.unwrap());
    }

    #[tokio::test]
    async fn a_proxy_led_elsewhere_resets_what_was_connected() {
        let proxy = Proxy::open(echo_server().await).await.unwrap();
        let mut stream = connect(&proxy).await;
        assert!(is_answered(&mut stream).await.unwrap());
        proxy.lead_to(echo_server().await);
        assert!(is_answered(&mut stream).await.is_err());
        assert!(is_answered(&mut connect(&proxy).await).await.unwrap());
    }
}
