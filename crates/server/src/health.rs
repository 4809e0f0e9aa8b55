//! Asking a running process whether it is ready, for container probes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::config::Config;
use crate::service_name::ServiceName;

/// A probe that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Exit 0 when ready, 1 when not, and why.
pub async fn ask(config: &Config, service: Option<ServiceName>) -> anyhow::Result<ExitCode> {
    let address = SocketAddr::from(config.admin);
    let address = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), address.port()),
        _ => address,
    };
    let path = service.map_or_else(|| "/readyz".to_owned(), |service| format!("/readyz?service={service}"));
    match tokio::time::timeout(TIMEOUT, get(config, address, &path)).await {
        Ok(Ok((is_ready, text))) => {
            print!("{text}");
            Ok(if is_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Ok(Err(error)) => {
            println!("not ready: no process answers at {address} (admin.listen, admin.port): {error}");
            Ok(ExitCode::FAILURE)
        }
        Err(_) => {
            println!("not ready: {address} does not answer within {} s", TIMEOUT.as_secs());
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The answer's verdict and its text.
async fn get(config: &Config, address: SocketAddr, path: &str) -> anyhow::Result<(bool, String)> {
    let stream = TcpStream::connect(address).await?;
    match &config.tls {
        None => request(stream, path).await,
        Some(tls) => {
            let tls = TlsConnector::from(service::own_tls::client(tls, &[b"http/1.1"])?);
            request(tls.connect(address.ip().into(), stream).await?, path).await
        }
    }
}

async fn request(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    path: &str,
) -> anyhow::Result<(bool, String)> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path).header("host", "localhost").body(Empty::<Bytes>::new())?;
    let answer = async {
        let answer = sender.send_request(request).await?;
        let is_ready = answer.status().is_success();
        let body = answer.into_body().collect().await?.to_bytes();
        Ok::<_, hyper::Error>((is_ready, String::from_utf8_lossy(&body).into_owned()))
    };
    // The connection is driven for as long as the answer takes.
    tokio::select! {
        answer = answer => Ok(answer?),
        ended = connection => match ended {
            Ok(()) => anyhow::bail!("the connection was closed before an answer"),
            Err(error) => Err(error.into()),
        },
    }
}
