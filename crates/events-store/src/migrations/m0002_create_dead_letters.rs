//! Messages that could not be stored as events, kept with the reason until somebody decides about them.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "a named lifetime would be early-bound, which the trait's is not")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let dead_letters = Table::create()
            .table("dead_letters")
            // The ID of the message, so that one that is delivered again is put aside once.
            .col(ColumnDef::new("id").text().not_null().primary_key())
            .col(ColumnDef::new("put_aside_at").big_integer().not_null())
            .col(ColumnDef::new("subject").text().not_null())
            .col(ColumnDef::new("reason").text().not_null())
            .col(ColumnDef::new("payload").blob().not_null())
            .to_owned();
        manager.create_table(dead_letters).await
    }
}
