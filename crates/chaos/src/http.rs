//! A GET, for probes and for NATS's monitoring.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// The status and the body; an error where nobody answers in time.
pub async fn get(address: SocketAddr, path: &str) -> Result<(u16, String)> {
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no end of the headers")?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
        anyhow::Ok((status, body.to_owned()))
    };
    timeout(ANSWER_WAIT, ask).await.context("no answer in time")?
}
