//! Images and their states, the jobs that asked for them, their tags, and the events that are still to be told.
//!
//! Times are microseconds since 1970 as 64-bit integers, as everywhere.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "a named lifetime would be early-bound, which the trait's is not")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let id = |name: &'static str| ColumnDef::new(name).uuid().not_null().to_owned();
        let text = |name: &'static str| ColumnDef::new(name).text().to_owned();
        let number = |name: &'static str| ColumnDef::new(name).big_integer().to_owned();
        let images = Table::create()
            .table("analyzer_images")
            // That of the first job.
            .col(id("id").primary_key())
            .col(text("account").not_null())
            .col(text("repository").not_null())
            // Null until a tag was looked up.
            .col(text("digest"))
            .col(ColumnDef::new("insecure").boolean().not_null())
            .col(text("state").not_null())
            .col(number("requested_at").not_null())
            .col(number("changed_at").not_null())
            .col(number("attempts").not_null())
            // Attempts in a row that ended without a word, with their process.
            .col(number("deaths").not_null())
            // Attempts in a row that failed.
            .col(number("failures").not_null())
            // When a worker may take it: queued or to be tried again, or the worker that has it is overdue.
            .col(number("due_at"))
            // Names the attempt that has it.
            .col(ColumnDef::new("lease").uuid())
            // JSON of ours.
            .col(text("summary"))
            .col(text("failure"))
            .check(Expr::cust("state IN ('queued', 'analyzing', 'analyzed', 'failed', 'put_aside')"))
            .to_owned();
        manager.create_table(images).await?;
        let unique = Index::create()
            .name("analyzer_images_by_digest")
            .table("analyzer_images")
            .col("account")
            .col("repository")
            .col("digest")
            .unique()
            .to_owned();
        manager.create_index(unique).await?;
        for (name, columns) in [
            ("analyzer_images_due", ["due_at", "id"].as_slice()),
            ("analyzer_images_newest", ["account", "requested_at", "id"].as_slice()),
        ] {
            let mut index = Index::create().name(name).table("analyzer_images").to_owned();
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }

        let tags = Table::create()
            .table("analyzer_image_tags")
            .col(id("image_id"))
            .col(text("tag").not_null())
            .col(number("noted_at").not_null())
            .primary_key(Index::create().col("image_id").col("tag"))
            .to_owned();
        manager.create_table(tags).await?;

        let jobs = Table::create()
            .table("analyzer_jobs")
            .col(id("id").primary_key())
            .col(id("image_id"))
            .col(number("accepted_at").not_null())
            .to_owned();
        manager.create_table(jobs).await?;
        let by_image = Index::create().name("analyzer_jobs_by_image").table("analyzer_jobs").col("image_id").to_owned();
        manager.create_index(by_image).await?;

        let events = Table::create()
            .table("analyzer_events")
            // That of the event.
            .col(id("id").primary_key())
            .col(number("occurred_at").not_null())
            .col(text("kind").not_null())
            .col(text("account").not_null())
            .col(text("resource_id").not_null())
            .col(text("details").not_null())
            .to_owned();
        manager.create_table(events).await
    }
}
