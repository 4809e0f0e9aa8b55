//! What is watched, what was seen there, what fails, and what still has to be told.
//!
//! - Times are microseconds since 1970 as 64-bit integers, as in the tables of the store.
//! - An absent tag is an empty text, because a null would be equal to nothing in a unique key.
//! - A telling is an event or a job that was decided on in the same transaction as what it tells, under an ID that was
//!   made there; it goes when the bus has it.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "a named lifetime would be early-bound, which the trait's is not")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let text = |name: &'static str| ColumnDef::new(name).text().not_null().to_owned();
        let number = |name: &'static str| ColumnDef::new(name).big_integer().to_owned();
        let flag = |name: &'static str| ColumnDef::new(name).boolean().not_null().to_owned();
        let watches = Table::create()
            .table("catalog_watches")
            .col(ColumnDef::new("id").uuid().not_null().primary_key())
            .col(text("account"))
            .col(text("repository"))
            .col(text("tag"))
            .col(flag("insecure"))
            .col(flag("is_configured"))
            .col(number("added_at").not_null())
            // The first sight: what was there then was there before.
            .col(number("seen_at"))
            .col(number("last_success_at"))
            // When every tag was last looked up, or rather when that began.
            .col(number("swept_at"))
            .to_owned();
        manager.create_table(watches).await?;
        let by_name = Index::create()
            .name("catalog_watches_by_name")
            .table("catalog_watches")
            .col("account")
            .col("repository")
            .col("tag")
            .unique()
            .to_owned();
        manager.create_index(by_name).await?;

        let tags = Table::create()
            .table("catalog_tags")
            .col(ColumnDef::new("watch_id").uuid().not_null())
            .col(text("tag"))
            // Null: seen in a list and not looked up yet.
            .col(ColumnDef::new("digest").text())
            .col(number("changed_at").not_null())
            .primary_key(Index::create().col("watch_id").col("tag"))
            .foreign_key(
                ForeignKey::create()
                    .from("catalog_tags", "watch_id")
                    .to("catalog_watches", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .to_owned();
        manager.create_table(tags).await?;
        let latest = Index::create()
            .name("catalog_tags_latest")
            .table("catalog_tags")
            .col("watch_id")
            .col("changed_at")
            .to_owned();
        manager.create_index(latest).await?;

        let failures = Table::create()
            .table("catalog_failures")
            // A watch, or a registry and an account.
            .col(text("owner"))
            .col(text("subject"))
            .col(text("code"))
            .col(ColumnDef::new("http_status").integer())
            .col(text("summary"))
            .col(text("hint"))
            .col(number("since").not_null())
            .col(number("last_at").not_null())
            .col(number("failures").not_null())
            .col(number("reported_at"))
            .primary_key(Index::create().col("owner").col("subject"))
            .to_owned();
        manager.create_table(failures).await?;

        let tellings = Table::create()
            .table("catalog_tellings")
            // Ordered by time, as the IDs of events are.
            .col(ColumnDef::new("id").uuid().not_null().primary_key())
            .col(text("kind"))
            .col(ColumnDef::new("payload").blob().not_null())
            .check(Expr::cust("kind IN ('event', 'job')"))
            .to_owned();
        manager.create_table(tellings).await
    }
}
