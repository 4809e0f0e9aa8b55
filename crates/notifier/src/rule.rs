//! Which events an endpoint gets, and by which part of its rule an event is refused.

use event::{AccountName, Criterion, Event, Filter, Level};

/// The type of resource that events about endpoints have; see [`Rule::is_about`].
pub const ENDPOINT_RESOURCE: &str = "webhook_endpoint";

/// What an endpoint is told of: the filter of a list, where levels may be several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Whose events; `None` for those of every account.
    pub account: Option<AccountName>,
    /// Empty: any.
    pub levels: Vec<Level>,
    /// Its account is not looked at: [`Self::account`] is.
    pub filter: Filter,
}

/// One part of a rule, held against an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// As `notifier.v1.Criterion` names it.
    pub name: &'static str,
    pub wanted: String,
    pub found: String,
    pub holds: bool,
}

impl Rule {
    /// Every event of `account`, or of every account.
    pub fn everything(account: Option<AccountName>) -> Self {
        let any = "admin".parse().expect("a valid account name");
        let filter = Filter::all_of(account.clone().unwrap_or(any));
        Self { account, levels: Vec::new(), filter }
    }

    /// Whether the endpoint `name` gets `event`.
    pub fn wants(&self, name: &str, event: &Event) -> bool {
        self.account.as_ref().is_none_or(|account| *account == event.resource.account)
            && (self.levels.is_empty() || self.levels.contains(&event.level))
            && !Self::is_about(name, event)
            && self.filter.mismatches(event).is_empty()
    }

    /// Whether `event` is about the endpoint `name`. Such an event is never sent to it: it would be one more thing that
    /// it does not take.
    fn is_about(name: &str, event: &Event) -> bool {
        is_about_an_endpoint(event) && event.resource.id.as_deref() == Some(name)
    }

    /// Every part of the rule that asks for something, held against `event`.
    pub fn checks(&self, name: &str, event: &Event) -> Vec<Check> {
        let mut checks = Vec::new();
        let mut check = |name, wanted: Option<String>, found: Option<String>, holds| {
            if let Some(wanted) = wanted {
                checks.push(Check { name, wanted, found: found.unwrap_or_else(|| "none".to_owned()), holds });
            }
        };
        let owner = &event.resource.account;
        let account = self.account.as_ref();
        let is_owner = account.is_none_or(|account| account == owner);
        check("account", account.map(ToString::to_string), Some(owner.to_string()), is_owner);

        let refused = self.filter.mismatches(event);
        let holds = |criterion| !refused.contains(&criterion);
        let Filter { level, event_type, service, host_id, resource_type, resource_id, since, before, .. } =
            &self.filter;
        let levels =
            (!self.levels.is_empty()).then(|| self.levels.iter().map(|level| level.as_str()).collect::<Vec<_>>());
        let has_level = self.levels.is_empty() || self.levels.contains(&event.level);
        check("level", levels.map(|levels| levels.join(" or ")), Some(event.level.to_string()), has_level);
        let found = Some(event.level.to_string());
        check("level", level.map(|level| level.to_string()), found, holds(Criterion::Level));
        let pattern = event_type.as_ref().map(|pattern| pattern.as_str().to_owned());
        check("type", pattern, Some(event.event_type.clone()), holds(Criterion::Type));
        check("service", service.clone(), event.source.service.clone(), holds(Criterion::Service));
        check("host", host_id.clone(), event.source.host_id.clone(), holds(Criterion::Host));
        let found = event.resource.resource_type.clone();
        check("resource_type", resource_type.clone(), found, holds(Criterion::ResourceType));
        check("resource", resource_id.clone(), event.resource.id.clone(), holds(Criterion::Resource));
        let occurred_at = || Some(event.occurred_at.to_string());
        check("since", since.map(|at| format!("after {at}")), occurred_at(), holds(Criterion::Since));
        check("before", before.map(|at| format!("before {at}")), occurred_at(), holds(Criterion::Before));

        let is_about = Self::is_about(name, event);
        let wanted = is_about.then(|| format!("anything but what is about `{name}` itself"));
        check("self", wanted, event.resource.id.clone(), false);
        checks
    }

    /// The rule in one line: `level ERROR, type feed_*`.
    pub fn in_words(&self) -> String {
        let Filter { level, event_type, service, host_id, resource_type, resource_id, since, before, .. } =
            &self.filter;
        let levels: Vec<&str> = self.levels.iter().copied().chain(*level).map(Level::as_str).collect();
        let parts = [
            ("account", self.account.as_ref().map(ToString::to_string)),
            ("level", (!levels.is_empty()).then(|| levels.join(" or "))),
            ("type", event_type.as_ref().map(|pattern| pattern.as_str().to_owned())),
            ("service", service.clone()),
            ("host", host_id.clone()),
            ("resource type", resource_type.clone()),
            ("resource", resource_id.clone()),
            ("after", since.map(|at| at.to_string())),
            ("before", before.map(|at| at.to_string())),
        ];
        let given = parts.into_iter().filter_map(|(name, wanted)| Some(format!("{name} {}", wanted?)));
        given.collect::<Vec<_>>().join(", ")
    }
}

/// Whether `event` tells how some endpoint is doing.
pub fn is_about_an_endpoint(event: &Event) -> bool {
    event.resource.resource_type.as_deref() == Some(ENDPOINT_RESOURCE)
}

#[cfg(test)]
mod tests {
    use event::{EventDraft, Violations};

    use super::*;

    fn event(change: impl FnOnce(&mut EventDraft)) -> Event {
        let mut draft = EventDraft {
            event_type: "list_tags_fail".to_owned(),
            level: Some(Level::Error),
            message: "m".to_owned(),
            resource_type: Some("repository".to_owned()),
            resource_id: Some("r.example.com/a".to_owned()),
            occurred_at: "2018-06-30".parse().ok(),
            ..EventDraft::default()
        };
        change(&mut draft);
        draft.check(&"alice".parse().unwrap(), Violations::default()).unwrap()
    }

    fn check(rule: &Rule, event: &Event, expected: &[&str]) {
        let refused: Vec<&str> =
            rule.checks("ops", event).into_iter().filter(|check| !check.holds).map(|check| check.name).collect();
        assert_eq!(refused, expected, "{rule:?}");
        assert_eq!(rule.wants("ops", event), expected.is_empty(), "{rule:?}");
    }

    #[test]
    fn a_rule_refuses_by_the_part_that_does_not_hold() {
        let any = Rule::everything(None);
        check(&any, &event(|_| ()), &[]);
        check(&Rule::everything(Some("alice".parse().unwrap())), &event(|_| ()), &[]);
        check(&Rule::everything(Some("bob".parse().unwrap())), &event(|_| ()), &["account"]);
        check(&Rule { levels: vec![Level::Info], ..any.clone() }, &event(|_| ()), &["level"]);
        check(&Rule { levels: vec![Level::Info, Level::Error], ..any.clone() }, &event(|_| ()), &[]);
        let filter =
            Filter { event_type: "feed_*".parse().ok(), service: Some("catalog".to_owned()), ..any.filter.clone() };
        check(&Rule { filter, ..any }, &event(|_| ()), &["type", "service"]);
    }

    #[test]
    fn an_event_about_an_endpoint_never_goes_there() {
        let about = |name: &str| {
            event(|draft| {
                draft.resource_type = Some(ENDPOINT_RESOURCE.to_owned());
                draft.resource_id = Some(name.to_owned());
            })
        };
        check(&Rule::everything(None), &about("ops"), &["self"]);
        check(&Rule::everything(None), &about("pager"), &[]);
    }
}
