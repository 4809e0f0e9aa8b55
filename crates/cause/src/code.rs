//! The kinds of reasons for which work fails.

use std::fmt;

/// Why work failed, in one word (design 3.8). There is no "internal": a failure that fits no word needs a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CauseCode {
    /// The peer does not know who we are: credentials are missing, wrong or expired.
    Auth,
    /// The peer knows who we are and says no.
    Denied,
    /// The peer is there, what we ask for is not.
    NotFound,
    /// The peer wants fewer requests.
    RateLimited,
    /// The peer's name has no address.
    Dns,
    /// No connection, or one that was closed before there was an answer.
    Connect,
    /// No secure connection: certificate, protocol, or plain HTTP on one side.
    Tls,
    /// No answer in time.
    Timeout,
    /// What arrived is not what was announced.
    Checksum,
    /// What arrived cannot be understood.
    Parse,
    /// What arrived is well formed, and still not to be believed.
    Implausible,
    /// What arrived is beyond a bound of ours.
    TooLarge,
    /// Our own configuration does not allow it.
    NotAllowed,
    /// What was asked for is something that one side does not do.
    Unsupported,
    /// Our own disk: full, or not writable.
    Disk,
    /// The peer says that it is in trouble itself.
    Unavailable,
    /// Our own process ended, or was told to, before the work was done.
    Interrupted,
}

impl CauseCode {
    /// Every code.
    pub const ALL: [Self; 17] = [
        Self::Auth,
        Self::Denied,
        Self::NotFound,
        Self::RateLimited,
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::Timeout,
        Self::Checksum,
        Self::Parse,
        Self::Implausible,
        Self::TooLarge,
        Self::NotAllowed,
        Self::Unsupported,
        Self::Disk,
        Self::Unavailable,
        Self::Interrupted,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Denied => "denied",
            Self::NotFound => "not_found",
            Self::RateLimited => "rate_limited",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Checksum => "checksum",
            Self::Parse => "parse",
            Self::Implausible => "implausible",
            Self::TooLarge => "too_large",
            Self::NotAllowed => "not_allowed",
            Self::Unsupported => "unsupported",
            Self::Disk => "disk",
            Self::Unavailable => "unavailable",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether the failure may pass without anybody changing a setting, a permission or the thing asked for.
    pub const fn retryable(self) -> bool {
        match self {
            Self::RateLimited
            | Self::Dns
            | Self::Connect
            | Self::Timeout
            | Self::Checksum
            | Self::Implausible
            | Self::Disk
            | Self::Unavailable
            | Self::Interrupted => true,
            Self::Auth
            | Self::Denied
            | Self::NotFound
            | Self::Tls
            | Self::Parse
            | Self::TooLarge
            | Self::NotAllowed
            | Self::Unsupported => false,
        }
    }
}

impl fmt::Display for CauseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
