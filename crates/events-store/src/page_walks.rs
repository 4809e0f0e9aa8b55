//! Where clients stand that walk over numbered pages: one row a walk, moved on with each page, forgotten after a while.

use std::time::Duration;

use database::{Database, DatabaseError};
use event::{Filter, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::cursor::{Cursor, digest};
use crate::entity::page_walks::{ActiveModel, Column, Entity, Model};

/// How long the place of a walk is kept after its last page.
pub const IDLE_MAX: Duration = Duration::from_mins(15);
/// Most walks kept; over it the ones that have rested longest are forgotten.
const WALKS_MAX: u64 = 50_000;
/// Walks that are looked at for one page.
const CANDIDATES_MAX: u64 = 32;

/// Who walks over which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walker {
    list: Uuid,
    client: Uuid,
}

impl Walker {
    /// A program does not go on with what another one has begun.
    pub fn new(user: &str, filter: &Filter, page_size: u64, program: &str, client: &str) -> Self {
        let list = digest(format!("{page_size} {user} {program}").as_bytes(), filter);
        let client: [u8; 32] = Sha256::digest(client).into();
        Self { list: first_half(&list), client: first_half(&client) }
    }
}

fn first_half(digest: &[u8; 32]) -> Uuid {
    Uuid::from_bytes(*digest.first_chunk().expect("32 bytes hold 16"))
}

/// A walk, standing before a page.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Walk {
    id: Uuid,
    client: Uuid,
    below_position: i64,
    next_page: i64,
    /// Where the page before `next_page` begins.
    page: Option<Cursor>,
    /// Where `next_page` begins.
    next: Cursor,
}

/// Where a page begins, and what will be noted once its end is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Only what was stored below this position belongs to the walk.
    pub below_position: i64,
    pub cursor: Option<Cursor>,
    note: Note,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Note {
    /// A walk begins here.
    New,
    /// This walk moves on.
    Move(Uuid),
    /// The page was asked for again: its walk stands behind it already.
    Nothing,
}

impl Start {
    /// A walk that begins with a page at `cursor`.
    pub fn new(below_position: i64, cursor: Option<Cursor>) -> Self {
        Self { below_position, cursor, note: Note::New }
    }
}

/// The table of walks. Cheap to clone.
#[derive(Clone)]
pub struct PageWalks {
    database: Database,
}

impl PageWalks {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Where `page` begins for somebody who has read the page before it; `None` where nobody has.
    pub async fn find(&self, walker: Walker, page: i64, now: Timestamp) -> Result<Option<Start>, DatabaseError> {
        let rows = Entity::find()
            .filter(Column::List.eq(walker.list))
            .filter(Column::NextPage.is_in([page, page.saturating_add(1)]))
            .filter(Column::TouchedAt.gt(now.minus(IDLE_MAX).as_micros()))
            .order_by_desc(Column::BelowPosition)
            .limit(CANDIDATES_MAX)
            .all(self.database.reader())
            .await?;
        let walks: Vec<Walk> = rows.iter().filter_map(walk).collect();
        Ok(choose(&walks, walker.client, page))
    }

    /// Notes that the page `page` of `walker`, which began at `start`, ended before `next`; `None` where the list ended
    /// too. A walk that is over is forgotten at once: another one on its way to the same page must not be taken for it.
    pub async fn note(
        &self,
        walker: Walker,
        page: i64,
        start: &Start,
        next: Option<Cursor>,
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        let next_page = page.saturating_add(1);
        let of_walker = || Column::List.eq(walker.list).and(Column::Client.eq(walker.client));
        // What the new place replaces. A client that asks for its first page again and again has one row, and a walk that
        // has moved on meanwhile is not moved back.
        let (replaced, is_new) = match start.note {
            Note::Nothing => return Ok(()),
            Note::New if next.is_none() => return Ok(()),
            Note::New => (of_walker().and(Column::NextPage.eq(next_page)), true),
            Note::Move(id) => (Column::Id.eq(id).and(Column::NextPage.eq(page)), false),
        };
        let transaction = self.database.begin_write().await?;
        let has_moved = Entity::delete_many().filter(replaced).exec(&transaction).await?.rows_affected > 0;
        if let Some(next) = next.filter(|_| is_new || has_moved) {
            let row = ActiveModel {
                id: Set(Uuid::now_v7()),
                list: Set(walker.list),
                client: Set(walker.client),
                below_position: Set(start.below_position),
                next_page: Set(next_page),
                page_occurred_at: Set(start.cursor.map(|cursor| cursor.occurred_at.as_micros())),
                page_id: Set(start.cursor.map(|cursor| cursor.id.as_uuid())),
                next_occurred_at: Set(next.occurred_at.as_micros()),
                next_id: Set(next.id.as_uuid()),
                touched_at: Set(now.as_micros()),
            };
            Entity::insert(row).exec_without_returning(&transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Forgets the walks that have rested too long, and those that are too many.
    pub async fn forget(&self, now: Timestamp) -> Result<u64, DatabaseError> {
        let kept = Query::select()
            .column(Column::Id)
            .from(Entity)
            .order_by(Column::TouchedAt, sea_orm::Order::Desc)
            .limit(WALKS_MAX)
            .to_owned();
        let rested = Column::TouchedAt.lte(now.minus(IDLE_MAX).as_micros());
        let too_many = Expr::col(Column::Id).not_in_subquery(kept);
        let transaction = self.database.begin_write().await?;
        let forgotten = Entity::delete_many().filter(rested.or(too_many)).exec(&transaction).await?;
        transaction.commit().await?;
        Ok(forgotten.rows_affected)
    }
}

/// The walk that a request for `page` goes on with.
///
/// A walk of the same client comes first, whether it stands before the page or has just read it. Where there are
/// several, the one that began last: its pages begin at newer events, so whoever takes it for his own sees events twice
/// and misses none. A client may also come by another address than before: then the walk of another one that stands
/// before this page is copied.
fn choose(walks: &[Walk], client: Uuid, page: i64) -> Option<Start> {
    let start = |walk: &Walk, cursor, note| Start { below_position: walk.below_position, cursor, note };
    let own = walks.iter().filter(|walk| walk.client == client).filter_map(|walk| {
        if walk.next_page == page {
            return Some(start(walk, Some(walk.next), Note::Move(walk.id)));
        }
        (walk.next_page == page.saturating_add(1)).then(|| start(walk, walk.page, Note::Nothing))
    });
    let others = walks.iter().filter(|walk| walk.client != client && walk.next_page == page);
    let others = others.map(|walk| start(walk, Some(walk.next), Note::New));
    latest(own).or_else(|| latest(others))
}

/// The one that began last; of equal ones the first.
fn latest(starts: impl Iterator<Item = Start>) -> Option<Start> {
    starts.reduce(|best, other| if other.below_position > best.below_position { other } else { best })
}

/// `None` for a row that we never wrote.
fn walk(row: &Model) -> Option<Walk> {
    let cursor = |micros, id: Uuid| Some(Cursor { occurred_at: Timestamp::from_micros(micros)?, id: id.into() });
    Some(Walk {
        id: row.id,
        client: row.client,
        below_position: row.below_position,
        next_page: row.next_page,
        page: match row.page_occurred_at.zip(row.page_id) {
            Some((micros, id)) => Some(cursor(micros, id)?),
            None => None,
        },
        next: cursor(row.next_occurred_at, row.next_id)?,
    })
}

#[cfg(test)]
mod tests {
    use event::EventId;

    use super::*;

    fn cursor(number: u8) -> Cursor {
        Cursor { occurred_at: "2018-06-30".parse().unwrap(), id: EventId::from_bytes([number; 16]) }
    }

    /// A walk whose places tell its position and its page.
    fn walk(client: u128, below_position: i64, next_page: i64) -> Walk {
        let place = |page: i64| cursor(u8::try_from(10 * below_position + page).unwrap());
        Walk {
            id: Uuid::from_u128(below_position.unsigned_abs().into()),
            client: Uuid::from_u128(client),
            below_position,
            next_page,
            page: Some(place(next_page - 1)),
            next: place(next_page),
        }
    }

    fn check(walks: &[Walk], page: i64, expected: Option<(u8, &str)>) {
        let chosen = choose(walks, Uuid::from_u128(1), page).map(|start| {
            let note = match start.note {
                Note::New => "new",
                Note::Move(_) => "move",
                Note::Nothing => "nothing",
            };
            (start.cursor.unwrap().id, note)
        });
        assert_eq!(chosen, expected.map(|(place, note)| (cursor(place).id, note)), "{walks:?}");
    }

    #[test]
    fn a_page_goes_on_with_the_walk_that_stands_before_it() {
        check(&[], 4, None);
        check(&[walk(1, 2, 4)], 4, Some((24, "move")));
        check(&[walk(1, 2, 5)], 4, Some((24, "nothing")));
        check(&[walk(1, 2, 6)], 4, None);
        check(&[walk(1, 2, 3)], 4, None);
        check(&[walk(1, 2, 4), walk(1, 3, 9)], 4, Some((24, "move")));
    }

    #[test]
    fn where_walks_meet_the_later_one_is_taken() {
        check(&[walk(1, 2, 4), walk(1, 3, 4)], 4, Some((34, "move")));
        check(&[walk(1, 2, 4), walk(1, 3, 5)], 4, Some((34, "nothing")));
        check(&[walk(1, 2, 5), walk(1, 3, 4)], 4, Some((34, "move")));
    }

    #[test]
    fn a_walk_of_another_client_is_copied() {
        check(&[walk(7, 2, 4)], 4, Some((24, "new")));
        check(&[walk(7, 2, 5)], 4, None);
        check(&[walk(7, 3, 4), walk(1, 2, 4)], 4, Some((24, "move")));
    }
}
