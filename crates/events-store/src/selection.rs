//! A filter as conditions on the table; and the one place where SQLite and PostgreSQL are spoken to differently.

use event::{Filter, TypePattern};
use sea_orm::sea_query::{Expr, ExprTrait, LikeExpr, SimpleExpr};
use sea_orm::{ColumnTrait, Condition, Order, QueryFilter, QueryOrder, Select};

use crate::cursor::Cursor;
use crate::entity::events::{Column, Entity};

/// The events that `filter` selects.
pub fn select(filter: &Filter, is_sqlite: bool) -> Condition {
    let mut condition = Condition::all().add(Column::Account.eq(filter.account.as_str()));
    let exact = [
        (Column::Level, filter.level.map(event::Level::as_str)),
        (Column::Service, filter.service.as_deref()),
        (Column::HostId, filter.host_id.as_deref()),
        (Column::ResourceType, filter.resource_type.as_deref()),
        (Column::ResourceId, filter.resource_id.as_deref()),
    ];
    for (column, wanted) in exact {
        condition = condition.add_option(wanted.map(|wanted| column.eq(wanted)));
    }
    condition
        .add_option(filter.event_type.as_ref().map(|pattern| of_type(pattern, is_sqlite)))
        .add_option(filter.since.map(|since| Column::OccurredAt.gt(since.as_micros())))
        .add_option(filter.before.map(|before| Column::OccurredAt.lt(before.as_micros())))
}

/// A pattern of one name is one key of the index; a wildcard is the known types it means, or any other that matches.
fn of_type(pattern: &TypePattern, is_sqlite: bool) -> SimpleExpr {
    match pattern.exact_name() {
        Some(name) => Column::TypeName.eq(name),
        None => Column::TypeName.is_in(pattern.known_names()).or(matches_text(pattern.as_str(), is_sqlite)),
    }
}

/// SQLite's LIKE ignores case and PostgreSQL's does not; SQLite's GLOB does not either, and of its special characters a
/// pattern can only hold `*`.
fn matches_text(pattern: &str, is_sqlite: bool) -> SimpleExpr {
    if is_sqlite {
        return Expr::cust_with_values("type_name GLOB ?", [pattern]);
    }
    let like = pattern.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_").replace('*', "%");
    Expr::col(Column::TypeName).like(LikeExpr::new(like).escape('\\'))
}

/// Newest first; equal times by ID.
pub fn newest_first(select: Select<Entity>) -> Select<Entity> {
    select.order_by(Column::OccurredAt, Order::Desc).order_by(Column::Id, Order::Desc)
}

/// Only what comes after `cursor` in [`newest_first`]. A comparison of rows, which both databases answer from the index
/// at the same cost for every depth.
pub fn after(select: Select<Entity>, cursor: Option<Cursor>) -> Select<Entity> {
    let Some(cursor) = cursor else { return select };
    let place = Expr::tuple([Expr::col(Column::OccurredAt), Expr::col(Column::Id)]);
    let given = Expr::tuple([Expr::val(cursor.occurred_at.as_micros()), Expr::val(cursor.id.as_uuid())]);
    select.filter(place.lt(given))
}
