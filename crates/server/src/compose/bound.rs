//! A service between taking its port and running.

use std::net::SocketAddr;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::service_name::ServiceName;

/// Tasks of this process by name; the first one that fails ends them all.
pub type Tasks = JoinSet<(&'static str, anyhow::Result<()>)>;

type Run = Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, anyhow::Result<()>> + Send>;

/// A service that holds its port and has not begun.
pub struct Bound {
    pub service: ServiceName,
    pub address: SocketAddr,
    run: Run,
}

impl Bound {
    /// `run` works until it is told to stop.
    pub fn new<F>(
        service: ServiceName,
        address: SocketAddr,
        run: impl FnOnce(CancellationToken) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        Self { service, address, run: Box::new(|stop| run(stop).boxed()) }
    }

    pub fn spawn(self, stop: &CancellationToken, tasks: &mut Tasks) {
        let name = self.service.as_str();
        let running = (self.run)(stop.child_token());
        tasks.spawn(async move { (name, running.await) });
    }
}
