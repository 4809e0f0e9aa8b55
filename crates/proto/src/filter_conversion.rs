//! A filter in the interface and in the vocabulary.

use event::{AccountName, Filter, FilterDraft, Violations};

use crate::event_conversion::{level_from_proto, level_to_proto};
use crate::events::v1;
use crate::{timestamp_from_proto, timestamp_to_proto};

/// Checks a filter as a client sent it, over the events of `account`.
///
/// # Errors
/// Every wrong field, by its path in the request: `filter.since`.
pub fn check_filter(sent: Option<v1::EventFilter>, account: AccountName) -> Result<Filter, Violations> {
    let sent = sent.unwrap_or_default();
    let mut violations = Violations::default();
    let draft = FilterDraft {
        level: violations.note("level", level_from_proto(sent.level)).flatten(),
        event_type: Some(sent.r#type)
            .filter(|pattern| !pattern.is_empty())
            .and_then(|pattern| violations.note("type", pattern.parse())),
        service: Some(sent.service),
        host_id: Some(sent.host_id),
        resource_type: Some(sent.resource_type),
        resource_id: Some(sent.resource_id),
        since: sent.since.and_then(|at| violations.note("since", timestamp_from_proto(&at))),
        before: sent.before.and_then(|at| violations.note("before", timestamp_from_proto(&at))),
    };
    draft.check(account, violations).map_err(|Violations(mut violations)| {
        for violation in &mut violations {
            violation.field.insert_str(0, "filter.");
        }
        Violations(violations)
    })
}

/// The filter to send; the account travels in the metadata.
pub fn filter_to_proto(draft: FilterDraft) -> v1::EventFilter {
    v1::EventFilter {
        level: level_to_proto(draft.level).into(),
        r#type: draft.event_type.map(|pattern| pattern.as_str().to_owned()).unwrap_or_default(),
        service: draft.service.unwrap_or_default(),
        host_id: draft.host_id.unwrap_or_default(),
        resource_type: draft.resource_type.unwrap_or_default(),
        resource_id: draft.resource_id.unwrap_or_default(),
        since: draft.since.map(timestamp_to_proto),
        before: draft.before.map(timestamp_to_proto),
    }
}
