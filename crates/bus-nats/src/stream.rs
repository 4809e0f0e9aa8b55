//! The stream: created before its first use, and brought to the configured settings.

use std::sync::Arc;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{
    Context, CreateStreamError, CreateStreamErrorKind, GetStreamError, GetStreamErrorKind, RequestError,
};
use bus::BusError;
use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::StreamConfig;
use crate::link::Link;
use crate::refusal::{refusal, unanswered};
use crate::settings;

/// The stream that holds the messages of every topic.
pub(crate) struct EventStream {
    pub(crate) link: Arc<Link>,
    pub(crate) context: Context,
    pub(crate) config: StreamConfig,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Where the stream was last found as it should be; `None` when in doubt. A server that was away may have come back
    /// without its files.
    standing: Option<Standing>,
    /// How often we created it.
    created: u64,
}

/// What everything found out about the server holds for: one connection, and one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) connect: u64,
    created: u64,
}

impl EventStream {
    pub(crate) fn new(link: Arc<Link>, context: Context, config: StreamConfig) -> Self {
        Self { link, context, config, seen: Mutex::default() }
    }

    /// Makes sure that the stream is there.
    pub(crate) async fn ensure(&self) -> Result<Standing, BusError> {
        let connect = self.link.connected().await?;
        let mut seen = self.seen.lock().await;
        match seen.standing {
            Some(standing) if standing.connect == connect => Ok(standing),
            _ => {
                seen.created += u64::from(self.create_or_update().await?);
                let standing = Standing { connect, created: seen.created };
                seen.standing = Some(standing);
                Ok(standing)
            }
        }
    }

    /// Looks again before the next use: something has shown that the stream may be gone.
    pub(crate) async fn doubt(&self) {
        self.seen.lock().await.standing = None;
    }

    /// Whether the server has the stream now.
    pub(crate) async fn check(&self) -> Result<(), BusError> {
        self.ensure().await?;
        match self.context.get_stream(&self.config.name).await {
            Ok(_) => Ok(()),
            Err(error) => {
                self.doubt().await;
                Err(self.get_error(&error))
            }
        }
    }

    /// Whether it had to be created.
    async fn create_or_update(&self) -> Result<bool, BusError> {
        let found = match self.context.get_stream(&self.config.name).await {
            Ok(stream) => stream.cached_info().config.clone(),
            Err(error) if is_missing(&error) => return self.create().await.map(|()| true),
            Err(error) => return Err(self.get_error(&error)),
        };
        let name = &self.config.name;
        if let Some(refusal) = settings::refusal(&found) {
            return Err(BusError::Misconfigured(self.link.describe(&format!("the stream `{name}` has {refusal}"))));
        }
        for remark in settings::remarks(&found) {
            warn!(stream = name, "the stream has {remark}");
        }
        let wanted = settings::wanted(&self.config, &found);
        if wanted == found {
            return Ok(false);
        }
        let changes = settings::changes(&found, &wanted).join(", ");
        warn!(stream = name, changes, "the stream has other settings than those configured, changing them");
        self.context.update_stream(wanted).await.map(|_| false).map_err(|error| self.create_error(&error))
    }

    async fn create(&self) -> Result<(), BusError> {
        info!(stream = self.config.name, "creating the stream");
        let config = settings::of_new_stream(&self.config);
        self.context.create_stream(config).await.map(drop).map_err(|error| self.create_error(&error))
    }

    fn create_error(&self, error: &CreateStreamError) -> BusError {
        let name = &self.config.name;
        match error.kind() {
            CreateStreamErrorKind::JetStream(error) => {
                let setting = match error.error_code() {
                    ErrorCode::STORAGE_RESOURCES_EXCEEDED => {
                        format!(", where `stream.max_bytes` is {}", self.config.max_bytes)
                    }
                    ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED => {
                        format!(", where `stream.replicas` is {}", self.config.replicas)
                    }
                    _ => String::new(),
                };
                refusal(&self.link, &format!("cannot create or update the stream `{name}`{setting}"), &error)
            }
            kind => self.link.unavailable(&format!("cannot create or update the stream `{name}`: {kind}")),
        }
    }

    fn get_error(&self, error: &GetStreamError) -> BusError {
        let what = format!("cannot look up the stream `{}`", self.config.name);
        if let GetStreamErrorKind::JetStream(error) = error.kind() {
            return refusal(&self.link, &what, &error);
        }
        let source = std::error::Error::source(error);
        match source.and_then(|source| source.downcast_ref::<RequestError>()) {
            Some(request) => unanswered(&self.link, &what, request.kind()),
            None => self.link.unavailable(&format!("{what}: {error}")),
        }
    }
}

fn is_missing(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}
