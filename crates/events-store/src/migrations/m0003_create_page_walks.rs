//! The places of clients that walk over numbered pages.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "a named lifetime would be early-bound, which the trait's is not")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let number = |name: &'static str| ColumnDef::new(name).big_integer().to_owned();
        let page_walks = Table::create()
            .table("page_walks")
            .col(ColumnDef::new("id").uuid().not_null().primary_key())
            // Digests: of the user, its program, the filter and the size of a page; and of where the client is.
            .col(ColumnDef::new("list").uuid().not_null())
            .col(ColumnDef::new("client").uuid().not_null())
            // What was stored when the walk began.
            .col(number("below_position").not_null())
            .col(number("next_page").not_null())
            // Where the page before `next_page` begins; null at the newest event.
            .col(number("page_occurred_at"))
            .col(ColumnDef::new("page_id").uuid())
            // Where `next_page` begins.
            .col(number("next_occurred_at").not_null())
            .col(ColumnDef::new("next_id").uuid().not_null())
            .col(number("touched_at").not_null())
            .to_owned();
        manager.create_table(page_walks).await?;
        let by_place =
            Index::create().name("page_walks_by_place").table("page_walks").col("list").col("next_page").to_owned();
        manager.create_index(by_place).await?;
        let by_age = Index::create().name("page_walks_by_age").table("page_walks").col("touched_at").to_owned();
        manager.create_index(by_age).await
    }
}
