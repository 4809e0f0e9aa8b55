//! The world around the event log, for `docker compose --profile demo up`: a server of sample feeds, a receiver of
//! webhooks that shows what it gets, and images for a registry. It is in an image of its own, and no part of the product.
//!
//! Meets the event log as anybody would: over HTTP, and through `anchore-cli`. Links nothing of it but its HTTP client.

mod archive;
mod feeds;
mod images;
mod receiver;
mod registry;
mod setup;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::Context;
use axum::Router;
use clap::{Parser, Subcommand};
use outbound::Url;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Where the feed server and the receiver listen, each in a container of its own.
const PORT: u16 = 8080;

#[derive(Debug, Parser)]
#[command(
    name = "demo",
    version,
    about = "The world around the event log, for the demo",
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Serve the files of a folder
    Feeds { folder: PathBuf },
    /// Take webhooks and show them
    Receiver,
    /// Tell the event log, by anchore-cli, to send the webhooks of the demo to a receiver, and to analyse images
    Setup { receiver: Url, images: Vec<String> },
    /// Keep images in a registry: one of the files of a folder, whose tag moves on and back, and one that is broken
    Images { registry: Url, folder: PathBuf },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    rustls::crypto::ring::default_provider().install_default().expect("nothing has installed another provider");
    let mut terminate = signal(SignalKind::terminate())?;
    let work = async {
        match arguments.part {
            Part::Feeds { folder } => serve(feeds::router(folder)).await,
            Part::Receiver => serve(receiver::router()).await,
            Part::Setup { receiver, images } => setup::set_up(&receiver, &images).await,
            Part::Images { registry, folder } => images::keep(&registry, &folder).await,
        }
    };
    tokio::select! {
        result = work => result,
        _ = terminate.recv() => Ok(()),
    }
}

async fn serve(router: Router) -> anyhow::Result<()> {
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT));
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen at {address}"))?;
    axum::serve(listener, router).await.context("the server ended")
}
