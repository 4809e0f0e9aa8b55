//! One webhook: an event rendered in the form that its endpoint reads, signed, sent as one HTTP request, and told what
//! came of it.
//!
//! Relies on `outbound` for the request, and for keeping it away from addresses that are nobody's receiver. Deliberately
//! knows no table, no subscription and no retry schedule: an [`Attempt`] says what happened, and the caller what follows.
//! Standard Webhooks 1.0.0, CloudEvents 1.0 and the contract's section 6 are what receivers may rely on.

mod attempt;
mod credentials;
mod format;
mod notification;
mod own_headers;
mod refusal;
mod reply;
mod secret;
mod sender;
mod signature;
mod url_template;

pub use attempt::{Attempt, Outcome};
pub use credentials::{Credentials, CredentialsError};
pub use format::{Format, FormatError, Rendered, render};
pub use notification::{Notification, NotificationType};
pub use own_headers::{HEADERS_MAX, OwnHeaders, OwnHeadersError};
pub use reply::{REPLY_BYTES_MAX, Reply};
pub use secret::{SECRETS_MAX, Secret, SecretError};
pub use sender::{Sender, SenderConfig, SenderError, TIMEOUT};
pub use signature::{SIGNATURE_HEADERS, sign};
pub use url_template::{URL_BYTES_MAX, UrlTemplate, UrlTemplateError};

/// What a sender is made of, from the crate that keeps it.
pub use outbound::{
    AddressRefusal, CaCertificates, CaCertificatesError, ClientError, ClientIdentity, ClientIdentityError,
    NetworkError, Networks, Resolver, Settings, SystemTrust, Vetting,
};

/// Where the configuration names the private networks that a webhook may reach.
pub const NETWORKS_SETTING: &str = "services.notifier.allow_private_networks";
