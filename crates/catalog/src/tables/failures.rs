//! What fails, and since when it was reported.

use cause::CauseCode;
use database::DatabaseError;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Set};

use super::tags::is_watched;
use super::{Tables, damaged, tellings, time};
use crate::concern::{Concern, Owner};
use crate::entity::failures;
use crate::recurrence::{Failing, Signature};
use crate::telling::Telling;

impl Tables {
    /// Everything in which `owner` fails.
    pub(crate) async fn failures(&self, owner: &Owner) -> Result<Vec<(Concern, Failing)>, DatabaseError> {
        let rows = failures::Entity::find()
            .filter(failures::Column::Owner.eq(owner.to_string()))
            .all(self.database.reader())
            .await?;
        rows.into_iter().map(failing).collect()
    }

    /// Records each failure, or that there is none any more, together with what has to be told about it.
    pub(crate) async fn record_failures(
        &self,
        failures: &[(Owner, Concern, Option<Failing>)],
        tellings: &[Telling],
    ) -> Result<(), DatabaseError> {
        let transaction = self.database.begin_write().await?;
        for (owner, concern, failing) in failures {
            // What was deleted meanwhile leaves nothing behind.
            if let Owner::Watch(id) = owner
                && !is_watched(&transaction, *id).await?
            {
                continue;
            }
            set(&transaction, owner, concern, failing.as_ref()).await?;
        }
        tellings::add(&transaction, tellings).await?;
        Ok(transaction.commit().await?)
    }
}

/// Keeps `failing`, or forgets what was kept.
pub(super) async fn set(
    connection: &impl ConnectionTrait,
    owner: &Owner,
    concern: &Concern,
    failing: Option<&Failing>,
) -> Result<(), DatabaseError> {
    use failures::Column;
    let (owner, subject) = (owner.to_string(), concern.to_string());
    let Some(failing) = failing else {
        failures::Entity::delete_by_id((owner, subject)).exec(connection).await?;
        return Ok(());
    };
    let row = failures::ActiveModel {
        owner: Set(owner),
        subject: Set(subject),
        code: Set(failing.signature.code.as_str().to_owned()),
        http_status: Set(failing.signature.http_status.map(i32::from)),
        // PostgreSQL keeps no U+0000 in a text.
        summary: Set(failing.summary.replace('\0', " ")),
        hint: Set(failing.hint.replace('\0', " ")),
        since: Set(failing.since.as_micros()),
        last_at: Set(failing.last_at.as_micros()),
        failures: Set(i64::try_from(failing.failures).unwrap_or(i64::MAX)),
        reported_at: Set(failing.reported_at.map(event::Timestamp::as_micros)),
    };
    let replace = OnConflict::columns([Column::Owner, Column::Subject])
        .update_columns([
            Column::Code,
            Column::HttpStatus,
            Column::Summary,
            Column::Hint,
            Column::Since,
            Column::LastAt,
            Column::Failures,
            Column::ReportedAt,
        ])
        .to_owned();
    failures::Entity::insert_many([row]).on_conflict(replace).exec_without_returning(connection).await?;
    Ok(())
}

fn failing(row: failures::Model) -> Result<(Concern, Failing), DatabaseError> {
    const TABLE: &str = "catalog_failures";
    let key = format!("{} {}", row.owner, row.subject);
    let at = |micros, column| time(micros, TABLE, &key, column);
    let code = CauseCode::ALL.into_iter().find(|code| code.as_str() == row.code);
    let signature = Signature {
        code: code.ok_or_else(|| damaged(TABLE, &key, "code"))?,
        http_status: row.http_status.and_then(|status| u16::try_from(status).ok()),
    };
    let failing = Failing {
        signature,
        since: at(row.since, "since")?,
        last_at: at(row.last_at, "last_at")?,
        failures: u64::try_from(row.failures).unwrap_or_default(),
        reported_at: row.reported_at.map(|micros| at(micros, "reported_at")).transpose()?,
        summary: row.summary,
        hint: row.hint,
    };
    let concern = Concern::parse(&row.subject).ok_or_else(|| damaged(TABLE, &key, "subject"))?;
    Ok((concern, failing))
}
