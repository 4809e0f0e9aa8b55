//! The order in which the store took the events in. No door shows it yet, so this one thing is read behind the doors.

use std::collections::HashMap;

use anyhow::{Context, Result, anyhow};
use database::sea_orm::prelude::Uuid;
use database::sea_orm::{ConnectionTrait, Statement};
use database::{Database, DatabaseUrl};
use event::EventId;

use crate::history::Place;

/// How many events of each source have a position behind that of a later event of the same source.
pub async fn count_late(url: &DatabaseUrl, places: &HashMap<EventId, Place>) -> Result<HashMap<usize, usize>> {
    let database = Database::open(url).map_err(|error| anyhow!(error.chain()))?;
    let reader = database.reader();
    let statement =
        Statement::from_string(reader.get_database_backend(), "SELECT id FROM events ORDER BY position".to_owned());
    let rows = reader.query_all_raw(statement).await.context("cannot read the table")?;
    let ids: Result<Vec<Uuid>, _> = rows.iter().map(|row| row.try_get("", "id")).collect();
    database.close().await;
    Ok(late(ids?.into_iter().filter_map(|id| places.get(&EventId::from(id)).copied())))
}

fn late(places: impl Iterator<Item = Place>) -> HashMap<usize, usize> {
    let mut newest: HashMap<usize, u64> = HashMap::new();
    let mut late = HashMap::new();
    for Place { source, sequence } in places {
        let newest = newest.entry(source).or_default();
        *late.entry(source).or_default() += usize::from(sequence < *newest);
        *newest = sequence.max(*newest);
    }
    late
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_stored_after_a_later_one_of_its_source_is_late() {
        let count = |sequences: &[(usize, u64)]| {
            let late = late(sequences.iter().map(|&(source, sequence)| Place { source, sequence }));
            late.values().sum::<usize>()
        };
        assert_eq!(count(&[(0, 1), (1, 1), (0, 2), (0, 3)]), 0);
        assert_eq!(count(&[(0, 1), (0, 3), (1, 2), (0, 2), (1, 3)]), 1);
    }
}
