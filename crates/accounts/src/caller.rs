//! Who is calling, and for whom.

use std::time::Duration;

use event::AccountName;

/// Names the account to act for; admins only (contract 3.1).
pub const ACCOUNT_HEADER: &str = "x-anchore-account";

/// What an account may do. Each role may do what the one before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Read the events of the own account.
    Read,
    /// Publish and delete them too.
    Write,
    /// All of that for every account.
    Admin,
}

impl Role {
    pub const NAMES: [(&str, Self); 3] = [("admin", Self::Admin), ("write", Self::Write), ("read", Self::Read)];
}

/// A request's sender, whose credentials were right.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose credentials they were.
    pub user: AccountName,
    pub role: Role,
    /// Whose events the request is about.
    pub account: AccountName,
}

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No credentials, or wrong ones; which of the two parts is wrong is not told.
    #[error("{0}, expected HTTP Basic credentials of a configured account")]
    Unauthenticated(&'static str),
    #[error("{0}")]
    Forbidden(String),
    /// The credentials were not looked at.
    #[error("too many failed log-ins from your address, try again in {} s", wait.as_secs_f64().ceil())]
    TooManyFailures { wait: Duration },
}

impl Caller {
    /// # Errors
    /// The caller's role is to read only.
    pub fn may_write(&self) -> Result<(), Refusal> {
        if self.role >= Role::Write {
            return Ok(());
        }
        let Self { user, .. } = self;
        Err(Refusal::Forbidden(format!("the account `{user}` may only read, expected the role `write` or `admin`")))
    }

    /// Whether the caller may touch what belongs to `account`.
    pub fn may_act_for(&self, account: &AccountName) -> Result<(), Refusal> {
        if self.role == Role::Admin || self.user == *account {
            return Ok(());
        }
        let Self { user, .. } = self;
        Err(Refusal::Forbidden(format!("the account `{user}` may not act for `{account}`, only an admin may")))
    }
}
