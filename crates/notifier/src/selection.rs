//! Which deliveries somebody asks for, as conditions on the table.

use event::{AccountName, EventId, Filter, Timestamp, TypePattern};
use sea_orm::sea_query::{Expr, ExprTrait, LikeExpr};
use sea_orm::{ColumnTrait, Condition};

use crate::delivery::DeliveryStatus;
use crate::endpoint_key::EndpointKey;
use crate::entity::deliveries::Column;

/// Selects deliveries of events of one account. Every part that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    pub endpoint: Option<EndpointKey>,
    /// Empty: any.
    pub statuses: Vec<DeliveryStatus>,
    /// Of the events; it also says whose.
    pub event: Filter,
    pub event_id: Option<EventId>,
    /// Exclusive.
    pub created_after: Option<Timestamp>,
    /// Exclusive.
    pub created_before: Option<Timestamp>,
    /// Only what went wrong: given up, or waiting after an attempt that failed.
    pub failed: bool,
}

impl Selection {
    /// Every delivery of events of `account`.
    pub fn all_of(account: AccountName) -> Self {
        Self {
            endpoint: None,
            statuses: Vec::new(),
            event: Filter::all_of(account),
            event_id: None,
            created_after: None,
            created_before: None,
            failed: false,
        }
    }

    pub fn condition(&self, is_sqlite: bool) -> Condition {
        let Self { endpoint, statuses, event, event_id, created_after, created_before, failed } = self;
        let mut condition = Condition::all().add(Column::Account.eq(event.account.as_str()));
        let exact = [
            (Column::Endpoint, endpoint.as_ref().map(EndpointKey::as_str)),
            (Column::Level, event.level.map(event::Level::as_str)),
            (Column::Service, event.service.as_deref()),
            (Column::HostId, event.host_id.as_deref()),
            (Column::ResourceType, event.resource_type.as_deref()),
            (Column::ResourceId, event.resource_id.as_deref()),
        ];
        for (column, wanted) in exact {
            condition = condition.add_option(wanted.map(|wanted| column.eq(wanted)));
        }
        let bounds = [
            (event.since, Expr::col(Column::OccurredAt), true),
            (event.before, Expr::col(Column::OccurredAt), false),
            (*created_after, Expr::col(Column::CreatedAt), true),
            (*created_before, Expr::col(Column::CreatedAt), false),
        ];
        for (bound, time, is_lower) in bounds {
            let compare = |at: Timestamp| if is_lower { time.gt(at.as_micros()) } else { time.lt(at.as_micros()) };
            condition = condition.add_option(bound.map(compare));
        }
        let is_dead = Column::Status.eq(DeliveryStatus::Dead.as_str());
        // A waiting one has a reason once an attempt has failed.
        let has_failed = Column::Status.eq(DeliveryStatus::Pending.as_str()).and(Column::Reason.is_not_null());
        let wanted = statuses.iter().map(|status| status.as_str());
        condition
            .add_option((!statuses.is_empty()).then(|| Column::Status.is_in(wanted)))
            .add_option(failed.then(|| is_dead.or(has_failed)))
            .add_option(event_id.map(|id| Column::EventId.eq(id.as_uuid())))
            .add_option(event.event_type.as_ref().map(|pattern| of_type(pattern, is_sqlite)))
    }
}

/// A pattern without a wildcard is one name; a wildcard is the known types it means, or any other that matches.
fn of_type(pattern: &TypePattern, is_sqlite: bool) -> Expr {
    match pattern.exact_name() {
        Some(name) => Column::TypeName.eq(name),
        None => Column::TypeName.is_in(pattern.known_names()).or(matches_text(pattern.as_str(), is_sqlite)),
    }
}

/// SQLite's LIKE ignores case and PostgreSQL's does not; SQLite's GLOB does not either, and of its special characters a
/// pattern can only hold `*`.
fn matches_text(pattern: &str, is_sqlite: bool) -> Expr {
    if is_sqlite {
        return Expr::cust_with_values("type_name GLOB ?", [pattern]);
    }
    let like = pattern.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_").replace('*', "%");
    Expr::col(Column::TypeName).like(LikeExpr::new(like).escape('\\'))
}
