//! Groups of feeds and their records, the runs that sync them, and the events that are still to be told.
//!
//! - Times are microseconds since 1970 as 64-bit integers, as in the events-store.
//! - A sync writes its records as a new generation, piece by piece; they take effect when the group's row names that
//!   generation, which is one update. Other generations are nobody's, and are swept.
//! - A run lives while its row is renewed. It holds the leases of its feeds; when it dies, whoever finds its row expired
//!   tells what it had begun and not ended.
//! - What is to be told is written in the transaction of what it tells about, with the ID that its event will have.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "a named lifetime would be early-bound, which the trait's is not")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let text = |name: &'static str| ColumnDef::new(name).text().not_null().to_owned();
        let number = |name: &'static str| ColumnDef::new(name).big_integer().not_null().to_owned();
        let maybe_text = |name: &'static str| ColumnDef::new(name).text().to_owned();
        let maybe_number = |name: &'static str| ColumnDef::new(name).big_integer().to_owned();

        let groups = Table::create()
            .table("feed_groups")
            .col(ColumnDef::new("id").big_integer().not_null().auto_increment().primary_key())
            .col(text("feed"))
            .col(text("name"))
            // Kind and place of the feed: a group that comes from elsewhere begins anew.
            .col(text("source"))
            .col(number("configured_at"))
            .col(number("seen_at"))
            .col(number("generation"))
            .col(number("next_generation"))
            .col(number("records"))
            .col(text("validators"))
            .col(maybe_number("newest"))
            .col(maybe_number("whole_at"))
            .col(maybe_number("synced_at"))
            .col(maybe_number("changed_at"))
            .col(maybe_number("next_at"))
            .col(maybe_text("last_result"))
            .col(maybe_text("failing"))
            .col(maybe_number("stale_told_at"))
            .index(Index::create().unique().name("feed_groups_by_name").col("feed").col("name"))
            .to_owned();
        manager.create_table(groups).await?;

        let records = Table::create()
            .table("feed_records")
            .col(number("group_id"))
            .col(number("generation"))
            .col(text("id"))
            .col(ColumnDef::new("digest").blob().not_null())
            .col(maybe_number("modified"))
            .primary_key(Index::create().col("group_id").col("generation").col("id"))
            .to_owned();
        manager.create_table(records).await?;

        let runs = Table::create()
            .table("feed_runs")
            .col(ColumnDef::new("id").uuid().not_null().primary_key())
            .col(text("host"))
            .col(number("started_at"))
            .col(number("expires_at"))
            .to_owned();
        manager.create_table(runs).await?;

        let leases = Table::create()
            .table("feed_leases")
            .col(ColumnDef::new("feed").text().not_null().primary_key())
            .col(ColumnDef::new("run_id").uuid().not_null())
            .to_owned();
        manager.create_table(leases).await?;

        // An empty resource is the run itself.
        let begun = Table::create()
            .table("feed_begun")
            .col(ColumnDef::new("run_id").uuid().not_null())
            .col(text("begun"))
            .col(text("resource"))
            .primary_key(Index::create().col("run_id").col("begun").col("resource"))
            .to_owned();
        manager.create_table(begun).await?;

        let reports = Table::create()
            .table("feed_reports")
            .col(ColumnDef::new("id").uuid().not_null().primary_key())
            .col(ColumnDef::new("teller").uuid().not_null())
            .col(number("occurred_at"))
            .col(text("event_type"))
            .col(maybe_text("resource_id"))
            .col(text("details"))
            .to_owned();
        manager.create_table(reports).await
    }
}
