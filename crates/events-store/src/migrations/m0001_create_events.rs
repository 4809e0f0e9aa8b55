//! The events, the identities of deleted ones, and the counter of positions.
//!
//! - Times are microseconds since 1970 as 64-bit integers: one form for both databases, exact, and quick to compare.
//! - `details` is the emitter's JSON as text: `jsonb` would round numbers and refuse `\u0000`.
//! - `type_name` is the canonical name of `event_type`, so that either name of a type is one key of one index.
//! - `position` grows in the order in which transactions commit; see `event_positions` below.
//! - Every read is of one account and newest first, so each index is (account, [what is asked for], time, id).

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::ConnectionTrait;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "a named lifetime would be early-bound, which the trait's is not")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let text = |name: &'static str| ColumnDef::new(name).text().to_owned();
        let number = |name: &'static str| ColumnDef::new(name).big_integer().not_null().to_owned();
        let events = Table::create()
            .table("events")
            .col(ColumnDef::new("id").uuid().not_null().primary_key())
            .col(number("position").unique_key())
            .col(number("occurred_at"))
            .col(number("stored_at"))
            .col(text("account").not_null())
            .col(text("level").not_null())
            .col(text("event_type").not_null())
            .col(text("type_name").not_null())
            .col(text("message").not_null())
            .col(text("details").not_null())
            .col(text("resource_type"))
            .col(text("resource_id"))
            .col(text("service"))
            .col(text("host_id"))
            .col(text("base_url"))
            .col(text("request_id"))
            .check(Expr::cust("level IN ('INFO', 'ERROR')"))
            .to_owned();
        manager.create_table(events).await?;

        for (name, column) in [
            ("events_newest", None),
            ("events_by_level", Some("level")),
            ("events_by_type", Some("type_name")),
            ("events_by_resource", Some("resource_id")),
        ] {
            let mut index = Index::create().name(name).table("events").col("account").to_owned();
            if let Some(column) = column {
                index.col(column);
            }
            manager.create_index(index.col("occurred_at").col("id").to_owned()).await?;
        }

        // What was deleted by a user stays deleted when its message is delivered again.
        let deleted_events = Table::create()
            .table("deleted_events")
            .col(ColumnDef::new("id").uuid().not_null().primary_key())
            .col(number("deleted_at"))
            .to_owned();
        manager.create_table(deleted_events).await?;

        // One row. A writer takes its positions by updating it, which locks it until the commit: so positions become
        // visible in order, and "every position below `next_position`" is a set that never changes but by deletion.
        let positions = Table::create()
            .table("event_positions")
            .col(ColumnDef::new("id").small_integer().not_null().primary_key().check(Expr::cust("id = 1")))
            .col(number("next_position"))
            .to_owned();
        manager.create_table(positions).await?;
        let connection = manager.get_connection();
        connection.execute_unprepared("INSERT INTO event_positions (id, next_position) VALUES (1, 1)").await?;
        Ok(())
    }
}
