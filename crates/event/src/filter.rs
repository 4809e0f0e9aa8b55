//! Which events a reader asks for. One filter serves list, count, purge and subscriptions.

use crate::{AccountName, Event, Level, Timestamp, TypePattern, Violation, Violations};

/// Selects events of one account. Every part that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    pub account: AccountName,
    pub level: Option<Level>,
    pub event_type: Option<TypePattern>,
    /// Exact.
    pub service: Option<String>,
    /// Exact.
    pub host_id: Option<String>,
    /// Exact.
    pub resource_type: Option<String>,
    /// Exact: a repository does not match its tags (contract section 8).
    pub resource_id: Option<String>,
    /// Exclusive: `occurred_at` is later.
    pub since: Option<Timestamp>,
    /// Exclusive: `occurred_at` is earlier.
    pub before: Option<Timestamp>,
}

/// A filter that nobody has checked yet, as the edges read it. An empty text counts as absent (contract 3.2).
#[derive(Debug, Clone, Default)]
pub struct FilterDraft {
    pub level: Option<Level>,
    pub event_type: Option<TypePattern>,
    pub service: Option<String>,
    pub host_id: Option<String>,
    pub resource_type: Option<String>,
    pub resource_id: Option<String>,
    pub since: Option<Timestamp>,
    pub before: Option<Timestamp>,
}

impl FilterDraft {
    /// The filter over the events of `account`; `found` are the violations an edge has met while it read the draft.
    ///
    /// # Errors
    /// `found`, if there are any; `since` not earlier than `before`, or a text with U+0000, which select nothing.
    pub fn check(self, account: AccountName, found: Violations) -> Result<Filter, Violations> {
        let mut violations = found;
        if let (Some(since), Some(before)) = (self.since, self.before)
            && since >= before
        {
            let problem = format!("`{since}` is not earlier than `before`, which is `{before}`");
            violations.0.push(Violation::new("since", problem));
        }
        let texts = [
            ("service", &self.service),
            ("host_id", &self.host_id),
            ("resource_type", &self.resource_type),
            ("resource_id", &self.resource_id),
        ];
        for (field, _) in texts.iter().filter(|(_, text)| text.as_ref().is_some_and(|text| text.contains('\0'))) {
            violations.0.push(Violation::new(*field, "contains the character U+0000, which no event has"));
        }
        violations.into_result()?;
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(Filter {
            account,
            level: self.level,
            event_type: self.event_type,
            service: given(self.service),
            host_id: given(self.host_id),
            resource_type: given(self.resource_type),
            resource_id: given(self.resource_id),
            since: self.since,
            before: self.before,
        })
    }
}

/// A part of a filter beside the account, by which an event may be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Criterion {
    Level,
    Type,
    Service,
    Host,
    ResourceType,
    Resource,
    Since,
    Before,
}

impl Filter {
    /// Every event of `account`.
    pub fn all_of(account: AccountName) -> Self {
        FilterDraft::default().check(account, Violations::default()).expect("an empty filter is valid")
    }

    pub fn matches(&self, event: &Event) -> bool {
        self.account == event.resource.account && self.mismatches(event).is_empty()
    }

    /// What `event` is refused by, whoever owns it.
    pub fn mismatches(&self, event: &Event) -> Vec<Criterion> {
        let same = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        let held = [
            (Criterion::Level, self.level.is_none_or(|level| level == event.level)),
            (Criterion::Type, self.event_type.as_ref().is_none_or(|pattern| pattern.matches(&event.event_type))),
            (Criterion::Service, same(&self.service, &event.source.service)),
            (Criterion::Host, same(&self.host_id, &event.source.host_id)),
            (Criterion::ResourceType, same(&self.resource_type, &event.resource.resource_type)),
            (Criterion::Resource, same(&self.resource_id, &event.resource.id)),
            (Criterion::Since, self.since.is_none_or(|since| event.occurred_at > since)),
            (Criterion::Before, self.before.is_none_or(|before| event.occurred_at < before)),
        ];
        held.into_iter().filter(|(_, holds)| !holds).map(|(criterion, _)| criterion).collect()
    }
}
