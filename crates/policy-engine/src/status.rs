//! The one place where errors become a gRPC status.

use service::grpc_status::unavailable;
use tonic::Status;

use crate::ledger::{Busy, LedgerError};
use crate::scope::ScopeError;
use crate::syncer::NotBegun;

pub(crate) fn ledger_status(error: &LedgerError) -> Status {
    if error.is_transient() {
        return unavailable(error.chain());
    }
    tracing::error!(error = error.chain(), "the database refused a statement");
    Status::internal("the database refused a statement; the log of the policy-engine tells more")
}

pub(crate) fn scope_status(error: &ScopeError) -> Status {
    match error {
        ScopeError::Nothing => Status::failed_precondition(error.to_string()),
        ScopeError::Feed(..) | ScopeError::Group(..) => Status::not_found(error.to_string()),
    }
}

pub(crate) fn not_begun_status(not_begun: &NotBegun) -> Status {
    match not_begun {
        NotBegun::Ledger(error) => ledger_status(error),
        NotBegun::Busy(busy) => {
            let feed = |Busy { feed, host, since }: &Busy| format!("`{feed}` on `{host}` since {since}");
            let feeds: Vec<String> = busy.iter().map(feed).collect();
            Status::aborted(format!("a sync is under way already: {}", feeds.join(", ")))
        }
    }
}
