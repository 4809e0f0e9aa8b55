//! Reading everything back.

use std::collections::HashMap;

use anyhow::{Context, Result, anyhow};
use event::EventId;
use proto::events::v1::Event;
use proto::timestamp_from_proto;
use tonic::Status;

use crate::checker::ListedEvent;
use crate::content;
use crate::door::Door;
use crate::history::Place;
use crate::script::Script;

/// Everything that the system lists: of our sources, and how much else.
#[derive(Default)]
pub struct Listing {
    /// In the order of the list, each account after the other.
    pub events: Vec<ListedEvent>,
    /// Of sources that are not in the script: events about the system itself.
    pub foreign: usize,
}

/// Which sources are ours.
pub struct Known {
    seed: u64,
    /// Number and account of each source.
    sources: HashMap<String, (usize, &'static str)>,
}

impl Known {
    pub fn of(script: &Script) -> Self {
        let numbered = script.sources.iter().enumerate();
        let sources = numbered.map(|(number, source)| (source.name.clone(), (number, source.account))).collect();
        Self { seed: script.seed, sources }
    }
}

impl Listing {
    /// Every page of each account.
    pub async fn read(doors: &mut [(&'static str, Door)], known: &Known) -> Result<Self> {
        let mut listing = Self::default();
        for (account, door) in doors {
            let mut token = String::new();
            loop {
                let (events, next) = door.list(None, token).await.map_err(|status| describe(&status))?;
                for event in events {
                    listing.add(event, account, known)?;
                }
                if next.is_empty() {
                    break;
                }
                token = next;
            }
        }
        Ok(listing)
    }

    fn add(&mut self, event: Event, account: &str, known: &Known) -> Result<()> {
        let id: EventId = event.id.parse()?;
        let occurred_at = event.occurred_at.as_ref().context("an event without a time")?;
        let occurred_at = timestamp_from_proto(occurred_at).map_err(|error| anyhow!(error))?;
        let source = event.source.unwrap_or_default().host_id;
        let Some((number, owner)) = known.sources.get(&source).copied() else {
            self.foreign += 1;
            return Ok(());
        };
        // An event that does not say which one it is cannot be intact.
        let sequence = content::sequence_of(&event.details_json).unwrap_or_default();
        let resource = event.resource.unwrap_or_default();
        let is_intact = event.details_json == content::details(known.seed, &source, sequence).as_json()
            && resource.id == content::part(sequence)
            && resource.account == account
            && owner == account
            && event.r#type == "list_tags_fail"
            && event.message == "Failed to list tags in repository";
        self.events.push(ListedEvent { id, place: Place { source: number, sequence }, occurred_at, is_intact });
        Ok(())
    }
}

fn describe(status: &Status) -> anyhow::Error {
    anyhow::anyhow!("{}: {}", status.code(), status.message())
}
