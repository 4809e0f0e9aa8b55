//! The connection: whether it is up, since when, and what an operator should know when it is not.

use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State as ClientState;
use async_nats::{Client, ConnectOptions, Event, Server};
use bus::BusError;
use secrecy::ExposeSecret;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::NatsConfig;
use crate::config::address;

/// How long a call waits for a connection that is just being made, as right after the start.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
/// Longest pause between two attempts to connect; the client's own is four seconds.
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(1);
/// How long the server may take to answer anything.
pub(crate) const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// A connection that comes back by itself.
pub(crate) struct Link {
    pub(crate) client: Client,
    /// `host:port` of each configured server.
    servers: String,
    state: watch::Receiver<State>,
}

#[derive(Debug, Default)]
struct State {
    connected: bool,
    /// How often the connection was made. What was true of the server may not be true after it changes.
    connects: u64,
    /// What went wrong last, with the server it went wrong with; nothing once connected.
    trouble: Option<String>,
}

impl Link {
    /// Begins to connect, and returns whether or not there is a server.
    pub(crate) async fn open(config: &NatsConfig) -> Result<Self, BusError> {
        let urls = config.check()?;
        let servers = urls.iter().map(address).collect::<Vec<_>>().join(", ");
        let (state, receiver) = watch::channel(State::default());
        let options = observed(options(config).await?, Arc::new(state), servers.clone());
        let client = options.connect(urls).await.map_err(|error| {
            BusError::Misconfigured(format!("nats at {servers}: the client cannot be set up: {error}"))
        })?;
        Ok(Self { client, servers, state: receiver })
    }

    /// The number of the current connection, once there is one.
    pub(crate) async fn connected(&self) -> Result<u64, BusError> {
        let mut state = self.state.clone();
        match timeout(CONNECT_PATIENCE, state.wait_for(|state| state.connected)).await {
            Ok(Ok(state)) => Ok(state.connects),
            Ok(Err(_)) | Err(_) => Err(self.unavailable("not connected")),
        }
    }

    /// Returns when the connection `connect` is lost.
    pub(crate) async fn lost(&self, connect: u64) {
        let mut state = self.state.clone();
        // An error means that the client has ended, which is a lost connection too.
        let _ = state.wait_for(|state| !state.connected || state.connects != connect).await;
    }

    /// Why something did not work, with the last trouble of the connection if there is any.
    pub(crate) fn unavailable(&self, what: &str) -> BusError {
        BusError::unavailable(self.describe(what))
    }

    pub(crate) fn describe(&self, what: &str) -> String {
        match &self.state.borrow().trouble {
            Some(trouble) => format!("{trouble} ({what})"),
            None => format!("nats at {}: {what}", self.servers),
        }
    }

    /// Whether the client itself says that it is connected.
    pub(crate) fn is_up(&self) -> bool {
        self.client.connection_state() == ClientState::Connected && self.state.borrow().connected
    }
}

async fn options(config: &NatsConfig) -> Result<ConnectOptions, BusError> {
    let mut options = ConnectOptions::new()
        .name("anchore-events")
        .retry_on_initial_connect()
        .request_timeout(Some(ANSWER_WAIT))
        .connection_timeout(ANSWER_WAIT)
        .reconnect_delay_callback(reconnect_pause)
        // A server that hangs without closing the connection is noticed by its missing answer to a ping.
        .ping_interval(Duration::from_secs(10))
        .require_tls(config.tls.required);
    if let Some(file) = &config.credentials_file {
        options = options.credentials_file(file).await.map_err(|error| {
            BusError::Misconfigured(format!("credentials_file: cannot read `{}`: {error}", file.display()))
        })?;
    }
    if let (Some(user), Some(password)) = (&config.user, &config.password) {
        options = options.user_and_password(user.clone(), password.expose_secret().to_owned());
    }
    if let Some(file) = &config.tls.ca_file {
        options = options.add_root_certificates(file.clone());
    }
    if let (Some(cert), Some(key)) = (&config.tls.cert, &config.tls.key) {
        options = options.add_client_certificate(cert.clone(), key.clone());
    }
    Ok(options)
}

/// None at first, then twice as long each time.
fn reconnect_pause(attempts: usize) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX).min(10);
    if attempts <= 1 { Duration::ZERO } else { Duration::from_millis(1 << doublings).min(RECONNECT_PAUSE_MAX) }
}

/// Keeps `state` true.
///
/// The events alone say `IO error` and no more. What the operating system or the server said is in the server list
/// that the client shows before each attempt to connect, so we look there, and leave the choice of the server to it.
fn observed(options: ConnectOptions, state: Arc<watch::Sender<State>>, servers: String) -> ConnectOptions {
    let on_event = Arc::clone(&state);
    options
        .event_callback(move |event| {
            note(&on_event, &event, &servers);
            std::future::ready(())
        })
        .reconnect_to_server_callback(move |servers, _| {
            let troubles: Vec<String> = servers.iter().filter_map(trouble_with).collect();
            if !troubles.is_empty() {
                state.send_modify(|state| state.trouble = Some(troubles.join("; ")));
            }
            std::future::ready(None)
        })
}

fn trouble_with(server: &Server) -> Option<String> {
    let error = server.last_error.as_ref()?;
    // What the TLS library says of an answer in plain text.
    let hint = if error.contains("InvalidContentType") { "; the server offers no TLS" } else { "" };
    Some(format!("nats at {}: {error}{hint}", address(&server.addr)))
}

fn note(state: &watch::Sender<State>, event: &Event, servers: &str) {
    match event {
        Event::Connected => {
            info!(servers, "connected to nats");
            state.send_modify(|state| {
                *state = State { connected: true, connects: state.connects + 1, trouble: None };
            });
        }
        Event::Disconnected | Event::Closed => {
            warn!(servers, "lost the connection to nats");
            state.send_modify(|state| {
                state.connected = false;
                state.trouble.get_or_insert_with(|| format!("nats at {servers}: the connection was lost"));
            });
        }
        Event::ServerError(error) => {
            warn!(servers, cause = %error, "nats refuses something");
            state.send_modify(|state| state.trouble = Some(format!("nats at {servers}: {error}")));
        }
        // One for each attempt to connect, so no line in the log for each.
        Event::ClientError(error) => state.send_modify(|state| {
            if !state.connected {
                state.trouble.get_or_insert_with(|| format!("nats at {servers}: {error}"));
            }
        }),
        Event::LameDuckMode => info!(servers, "nats is going down, and another server will be used"),
        Event::SlowConsumer(_) => warn!(servers, "nats messages come faster than they are taken"),
        Event::Draining => {}
    }
}
