//! The connection to the server: address, TLS, credentials and deadlines.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proto::analyzer::v1::image_service_client::ImageServiceClient;
use proto::catalog::v1::repository_service_client::RepositoryServiceClient;
use proto::events::v1::event_service_client::EventServiceClient;
use proto::notifier::v1::notifier_service_client::NotifierServiceClient;
use proto::policy_engine::v1::feed_service_client::FeedServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, ClientTlsConfig, Endpoint, Uri};
use tonic::{Code, Request, Response, Status};

use crate::any_certificate::AnyCertificate;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::unreachable;

/// Longest wait for a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for one answer, or for the next message of a stream.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(2);
/// Largest answer that is taken. A page of large events may be larger: it is then asked for in smaller pages.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

pub struct Connection<'a> {
    channel: Channel,
    settings: &'a Settings,
    authority: String,
    authorization: MetadataValue<Ascii>,
    account: Option<MetadataValue<Ascii>>,
}

impl<'a> Connection<'a> {
    /// # Errors
    /// A URL that names no server, or a server that does not answer.
    pub async fn open(settings: &'a Settings) -> Result<Self, Failure> {
        let address = parse_url(&settings.url)?;
        let authority = address.authority().map(ToString::to_string).unwrap_or_default();
        if settings.debug {
            eprintln!("debug: connecting to {address} with {settings:?}");
        }
        let inaccessible = |cause| inaccessible(settings, cause, false);
        let is_tls = address.scheme_str() == Some("https");
        let mut endpoint = Endpoint::from(address)
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_keepalive(Some(CONNECT_TIMEOUT))
            .user_agent(concat!("anchore-cli/", env!("CARGO_PKG_VERSION")))
            .map_err(|error| inaccessible(error.to_string()))?;
        if is_tls {
            let tls = ClientTlsConfig::new().timeout(CONNECT_TIMEOUT);
            let configured = if settings.verifies_tls {
                endpoint.tls_config(tls.with_native_roots())
            } else {
                endpoint.tls_config_with_verifier(tls, Arc::new(AnyCertificate::default()))
            };
            endpoint = configured.map_err(|error| inaccessible(unreachable::cause(&error, &authority)))?;
        }
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, endpoint.connect()).await;
        let channel = connecting
            .map_err(|_| {
                inaccessible(unreachable::cause(&std::io::Error::from(std::io::ErrorKind::TimedOut), &authority))
            })?
            .map_err(|error| inaccessible(unreachable::cause(&error, &authority)))?;
        let account = settings.as_account.as_ref().map(|account| {
            MetadataValue::try_from(account.as_str()).expect("an account name is made of visible ASCII characters")
        });
        Ok(Self { channel, settings, authority, authorization: basic(settings), account })
    }

    pub fn events(&self) -> EventServiceClient<Channel> {
        EventServiceClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    pub fn notifier(&self) -> NotifierServiceClient<Channel> {
        NotifierServiceClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    pub fn feeds(&self) -> FeedServiceClient<Channel> {
        FeedServiceClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    pub fn images(&self) -> ImageServiceClient<Channel> {
        ImageServiceClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    pub fn repositories(&self) -> RepositoryServiceClient<Channel> {
        RepositoryServiceClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// A request with our credentials.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.authorization.clone());
        if let Some(account) = &self.account {
            request.metadata_mut().insert("x-anchore-account", account.clone());
        }
        request
    }

    /// The failure that an answered status means.
    pub fn failure(&self, status: &Status) -> Failure {
        if self.settings.debug {
            eprintln!("debug: {status:?}");
        }
        if status.code() == Code::Unauthenticated {
            let cause = "the server refuses the user name or the password: check --u and --p, or ANCHORE_CLI_USER and \
                         ANCHORE_CLI_PASS, in ~/.anchore/credentials.yaml too";
            return inaccessible(self.settings, cause.to_owned(), true);
        }
        if status.code() == Code::Unimplemented {
            return inaccessible(self.settings, not_the_event_log(status, &self.authority), false);
        }
        if let Some(error) = transport_error(status) {
            return inaccessible(self.settings, unreachable::cause(error, &self.authority), false);
        }
        Failure::refused(status)
    }
}

/// Something answered that does not know the call: another program, an inner service, or another release.
fn not_the_event_log(status: &Status, authority: &str) -> String {
    let said = if status.message().is_empty() { status.code().description() } else { status.message() };
    format!(
        "the server at {authority} does not know this call ({said}): is it the gateway of the event log (port 8228 by \
         default), and of this release?"
    )
}

/// Waits for an answer, but not for ever.
///
/// # Errors
/// The status that the server answered, or `DEADLINE_EXCEEDED` when it did not.
pub async fn answer<T>(call: impl Future<Output = Result<Response<T>, Status>>) -> Result<T, Status> {
    in_time(call).await.map(Response::into_inner)
}

/// Waits for what a call gives, but not for ever.
pub async fn in_time<T>(step: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    tokio::time::timeout(ANSWER_TIMEOUT, step).await.unwrap_or_else(|_| {
        Err(Status::deadline_exceeded(format!("the server did not answer within {} s", ANSWER_TIMEOUT.as_secs())))
    })
}

/// Whether the status was made on this side, because the connection failed.
pub fn transport_error(status: &Status) -> Option<&(dyn std::error::Error + 'static)> {
    std::error::Error::source(status)
}

fn inaccessible(settings: &Settings, cause: String, is_credentials: bool) -> Failure {
    Failure::Inaccessible { user: settings.credentials.user.clone(), url: settings.url.clone(), cause, is_credentials }
}

/// RFC 7617.
fn basic(settings: &Settings) -> MetadataValue<Ascii> {
    let pair = format!("{}:{}", settings.credentials.user, settings.credentials.password);
    let mut value = MetadataValue::try_from(format!("Basic {}", STANDARD.encode(pair))).expect("base64 is ASCII");
    value.set_sensitive(true);
    value
}

/// Scheme, host and port of the URL; what follows is not used, so that an old `ANCHORE_CLI_URL` keeps working.
fn parse_url(url: &str) -> Result<Uri, Failure> {
    let refused = |problem: &str| {
        Failure::usage(format!("--url: {problem}, expected such as `http://localhost:8228/v1` or `https://host:8228`"))
    };
    let parsed: Uri = url.trim().parse().map_err(|_| refused(&format!("`{url}` is no URL")))?;
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (parsed.scheme_str(), parsed.authority()) else {
        return Err(refused(&format!("`{url}` does not begin with http:// or https://")));
    };
    if authority.as_str().contains('@') {
        return Err(Failure::usage("--url: credentials do not belong into the URL, use --u and --p"));
    }
    let port = parsed.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
    format!("{scheme}://{}:{port}", authority.host()).parse().map_err(|_| refused(&format!("`{url}` is no URL")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_url_is_not_used() {
        let check = |url: &str, expected: &str| {
            let parsed = parse_url(url).map_or_else(|failure| failure.to_string(), |uri| uri.to_string());
            assert!(parsed.starts_with(expected), "{url}: {parsed}");
        };
        check("http://localhost:8228/v1", "http://localhost:8228/");
        check("https://events.example.com/v1/?x=1", "https://events.example.com:443/");
        check("http://[::1]:8228", "http://[::1]:8228/");
        check("localhost:8228/v1", "--url: `localhost:8228/v1` ");
        check("ftp://localhost", "--url: `ftp://localhost` does not begin with");
        check("http://a:b@localhost", "--url: credentials do not belong");
        check("http://", "--url: `http://` is no URL");
    }
}
