//! Deliveries and their attempts; the endpoints that were added at run time, and how every endpoint is doing.
//!
//! - Times are microseconds since 1970, as everywhere.
//! - `endpoint` is the key of an endpoint: `name` for one of every account, `account/name` for an account's own.
//! - `position` is the order in which events were taken from the bus. One replica takes them at a time, so it becomes
//!   visible in order.
//! - Work looks at pending rows only, which are few beside what is kept: so its indexes are partial.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::ConnectionTrait;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "a named lifetime would be early-bound, which the trait's is not")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [deliveries(), attempts(), endpoints(), endpoint_states(), dispatch()] {
            manager.create_table(table).await?;
        }
        let connection = manager.get_connection();
        for statement in [
            // One delivery of an event to an endpoint, whatever is dispatched again.
            "CREATE UNIQUE INDEX deliveries_once ON deliveries (event_id, endpoint)",
            // What is due, and when the next one is.
            "CREATE INDEX deliveries_due ON deliveries (endpoint, due_at) WHERE status = 'pending'",
            // What has waited too long.
            "CREATE INDEX deliveries_expiring ON deliveries (endpoint, expires_at) WHERE status = 'pending'",
            // What is being sent.
            "CREATE INDEX deliveries_under_way ON deliveries (endpoint, leased_until) WHERE leased_until IS NOT NULL",
            // In order, and behind which one a delivery of the same resource waits.
            "CREATE INDEX deliveries_in_order ON deliveries (endpoint, position) WHERE status = 'pending'",
            "CREATE INDEX deliveries_by_resource ON deliveries (endpoint, resource, position) WHERE status = 'pending'",
            // The lists.
            "CREATE INDEX deliveries_of_account ON deliveries (account, position)",
            "CREATE INDEX deliveries_of_endpoint ON deliveries (endpoint, status, position)",
            // Retention.
            "CREATE INDEX deliveries_finished ON deliveries (finished_at) WHERE finished_at IS NOT NULL",
            "INSERT INTO dispatch (id, holder, held_until, endpoints_version) VALUES (1, '', 0, 0)",
        ] {
            connection.execute_unprepared(statement).await?;
        }
        Ok(())
    }
}

fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().to_owned()
}

fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().to_owned()
}

fn deliveries() -> TableCreateStatement {
    Table::create()
        .table("deliveries")
        .col(number("position").not_null().auto_increment().primary_key())
        .col(ColumnDef::new("id").uuid().not_null().unique_key())
        .col(text("endpoint").not_null())
        .col(ColumnDef::new("event_id").uuid().not_null())
        // The event: whole, and what lists are filtered by.
        .col(ColumnDef::new("payload").blob().not_null())
        .col(text("account").not_null())
        .col(text("level").not_null())
        .col(text("event_type").not_null())
        .col(text("type_name").not_null())
        .col(text("message").not_null())
        .col(text("service"))
        .col(text("host_id"))
        .col(text("resource_type"))
        .col(text("resource_id"))
        .col(number("occurred_at").not_null())
        // Null until the store is known to have the event.
        .col(number("stored_at"))
        // What it is in order with: account, type and id of the resource.
        .col(text("resource").not_null())
        .col(text("status").not_null().check(Expr::cust("status IN ('pending', 'delivered', 'dead')")))
        .col(number("created_at").not_null())
        .col(number("due_at").not_null())
        .col(number("expires_at").not_null())
        .col(number("finished_at"))
        .col(ColumnDef::new("attempt_count").integer().not_null())
        .col(number("last_attempt_at"))
        .col(text("reason"))
        // Who is sending it, and until when nobody else does.
        .col(ColumnDef::new("lease").uuid())
        .col(number("leased_until"))
        .to_owned()
}

fn attempts() -> TableCreateStatement {
    Table::create()
        .table("attempts")
        .col(number("delivery").not_null())
        .col(ColumnDef::new("number").integer().not_null())
        .col(number("started_at").not_null())
        // Null while it is under way.
        .col(text("outcome"))
        .col(number("latency_micros"))
        .col(ColumnDef::new("status").integer())
        .col(text("cause"))
        .col(text("reason"))
        .col(text("hint"))
        .col(text("answer"))
        .col(number("retry_after_micros"))
        .primary_key(Index::create().col("delivery").col("number"))
        .to_owned()
}

fn endpoints() -> TableCreateStatement {
    Table::create()
        .table("endpoints")
        .col(text("endpoint").not_null().primary_key())
        // As the interface took them, secrets included.
        .col(ColumnDef::new("settings").blob().not_null())
        .col(number("changed_at").not_null())
        // Signs beside the new one for a while.
        .col(text("old_secret"))
        .col(number("old_secret_until"))
        .to_owned()
}

fn endpoint_states() -> TableCreateStatement {
    Table::create()
        .table("endpoint_states")
        .col(text("endpoint").not_null().primary_key())
        // What the state was found with: with another target it begins anew.
        .col(text("target").not_null())
        .col(number("changed_at").not_null())
        .col(text("condition").not_null())
        // What was last told of it by an event.
        .col(text("told").not_null())
        .col(number("failures").not_null())
        .col(number("failing_since"))
        .col(ColumnDef::new("probes").integer().not_null())
        .col(number("next_probe_at"))
        // What waited at a recovery is sent in order up to here.
        .col(number("drain_to"))
        .col(number("held_until"))
        .col(text("cause"))
        // Given up and not told yet.
        .col(number("given_up").not_null())
        .col(number("given_up_told_at"))
        .to_owned()
}

/// One row: which replica takes events from the bus, and a number that grows with every change of `endpoints`.
fn dispatch() -> TableCreateStatement {
    Table::create()
        .table("dispatch")
        .col(ColumnDef::new("id").small_integer().not_null().primary_key().check(Expr::cust("id = 1")))
        .col(text("holder").not_null())
        .col(number("held_until").not_null())
        .col(number("endpoints_version").not_null())
        .to_owned()
}
