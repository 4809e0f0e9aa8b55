//! Every event type of the contract's section 2 and of our own, under both of its names.

use crate::Level;
use Level::{Error, Info};

/// A known type of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventKind {
    /// The flat name of the product page, such as `list_tags_fail`.
    flat: Option<&'static str>,
    /// The later dotted name, such as `system.repository.list_tags_fail`.
    dotted: Option<&'static str>,
    pub level: Level,
    pub resource_type: &'static str,
    pub message: &'static str,
    /// The service that emits it; `None` where any may.
    pub service: Option<&'static str>,
}

impl EventKind {
    /// The canonical name: the flat one where there is one (design 3.8).
    pub fn name(&self) -> &'static str {
        self.flat.or(self.dotted).expect("every row of the catalogue has a name")
    }

    /// The dotted name; absent for a type that was removed before names had dots.
    pub fn dotted(&self) -> Option<&'static str> {
        self.dotted
    }

    /// Both names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        [self.flat, self.dotted].into_iter().flatten()
    }
}

/// Dotted names begin with a category and a subcategory.
#[derive(Debug, Clone)]
pub struct Category {
    pub name: &'static str,
    pub description: &'static str,
    /// By name.
    pub subcategories: Vec<Subcategory>,
}

#[derive(Debug, Clone)]
pub struct Subcategory {
    pub name: &'static str,
    pub description: &'static str,
    /// In the order of the catalogue.
    pub kinds: Vec<&'static EventKind>,
}

/// Every known type, in the contract's order.
pub fn kinds() -> &'static [EventKind] {
    KINDS
}

/// The type that is called `name`, flat or dotted, in any case.
pub fn lookup(name: &str) -> Option<&'static EventKind> {
    KINDS.iter().find(|kind| kind.names().any(|known| known.eq_ignore_ascii_case(name)))
}

/// The one name by which a type is known, whichever of its names `event_type` is: the canonical name of a known type,
/// any other text in lower case.
pub fn canonical_name(event_type: &str) -> String {
    lookup(event_type).map_or_else(|| event_type.to_ascii_lowercase(), |kind| kind.name().to_owned())
}

/// The types that have a dotted name, by category and subcategory.
pub fn categories() -> Vec<Category> {
    CATEGORIES
        .iter()
        .map(|(name, description, subcategories)| Category {
            name,
            description,
            subcategories: subcategories
                .iter()
                .map(|(subcategory, description)| Subcategory {
                    name: subcategory,
                    description,
                    kinds: KINDS.iter().filter(|kind| is_within(kind, name, subcategory)).collect(),
                })
                .collect(),
        })
        .collect()
}

fn is_within(kind: &EventKind, category: &str, subcategory: &str) -> bool {
    let mut parts = kind.dotted.unwrap_or_default().split('.');
    parts.next() == Some(category) && parts.next() == Some(subcategory)
}

type CategoryRow = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Sorted by name, and so are the subcategories (contract 3.5).
const CATEGORIES: &[CategoryRow] = &[
    (
        "system",
        "What the system did on its own, and what went wrong in it",
        &[
            ("analysis_archive", "Image analyses moved to the archive and back"),
            ("feeds", "Synchronization of vulnerability feeds"),
            ("image_analysis", "Analysis of images"),
            ("repository", "Watched repositories"),
            ("service", "Services joining, failing and leaving"),
            ("test", "Made up to test the event system"),
            ("webhook", "Webhook endpoints failing, pausing and coming back"),
        ],
    ),
    (
        "user",
        "What concerns the images and policies of an account",
        &[
            ("checks", "Changes in the findings about a tag"),
            ("image", "Analysis of an account's images"),
            ("policy", "Changes of an account's active policy"),
        ],
    ),
];

/// A row of the catalogue; an empty name is one that the type does not have.
const fn kind(
    flat: &'static str,
    dotted: &'static str,
    level: Level,
    resource_type: &'static str,
    message: &'static str,
    service: &'static str,
) -> EventKind {
    EventKind {
        flat: if flat.is_empty() { None } else { Some(flat) },
        dotted: if dotted.is_empty() { None } else { Some(dotted) },
        level,
        resource_type,
        message,
        service: if service.is_empty() { None } else { Some(service) },
    }
}

#[rustfmt::skip]
const KINDS: &[EventKind] = &[
    kind("feed_sync_start", "system.feeds.sync.started", Info, "feeds", "Feed sync started", "policy_engine"),
    kind("feed_sync_complete", "system.feeds.sync.completed", Info, "feeds", "Feed sync completed", "policy_engine"),
    kind("feed_sync_fail", "system.feeds.sync.failed", Error, "feeds", "Feed sync failed", "policy_engine"),
    kind("", "system.feeds.sync.feed_started", Info, "feed", "Feed sync started", "policy_engine"),
    kind("", "system.feeds.sync.feed_completed", Info, "feed", "Feed sync completed", "policy_engine"),
    kind("", "system.feeds.sync.feed_failed", Error, "feed", "Feed sync failed", "policy_engine"),
    kind("", "system.feeds.sync.group_started", Info, "feed_group", "Feed group sync started", "policy_engine"),
    kind("", "system.feeds.sync.group_completed", Info, "feed_group", "Feed group sync completed", "policy_engine"),
    kind("", "system.feeds.sync.group_failed", Error, "feed_group", "Feed group sync failed", "policy_engine"),
    kind("analyze_image_fail", "system.image_analysis.failed", Error, "image_digest", "Failed to analyze image", "analyzer"),
    kind("archive_analysis_fail", "system.image_analysis.catalog_save_failed", Error, "image_digest", "Failed to archive image analysis data", "analyzer"),
    kind("load_analysis_fail", "system.image_analysis.policy_engine_load_failed", Error, "image_digest", "Failed to load image analysis to policy engine", "analyzer"),
    kind("", "user.image.analysis.failed", Error, "image_tag", "Failed to analyze image", "analyzer"),
    kind("", "user.image.analysis.completed", Info, "image_tag", "Image analysis available", "analyzer"),
    kind("", "system.image_analysis.completed", Info, "image_tag", "Image successfully analyzed", "analyzer"),
    kind("", "system.image_analysis.registry_lookup_failed", Error, "image_reference", "Referenced image not found in registry", "catalog"),
    kind("tag_manifest_parse_fail", "system.image_analysis.manifest_parse_fail", Error, "tag", "Failed to parse image manifest for tag", "catalog"),
    kind("list_tags_fail", "system.repository.list_tags_fail", Error, "repository", "Failed to list tags in repository", "catalog"),
    kind("policy_bundle_sync_fail", "", Error, "policy_bundle", "Failed to sync policy bundle", "catalog"),
    kind("", "user.policy.active.updated", Info, "policy_bundle", "Active policy bundle updated to a different bundle", "catalog"),
    kind("", "user.policy.active.content_change", Info, "policy_bundle", "Active policy bundle content changed", "catalog"),
    kind("", "user.checks.tag.vulnerabilities.update", Info, "image_tag", "Vulnerability update detected for tagged image", "catalog"),
    kind("", "user.checks.tag.policy_evaluation.update", Info, "image_tag", "Policy evaluation update detected for a tagged image", "catalog"),
    kind("service_orphaned", "system.service.state_transition.orphaned", Error, "service", "Service orphaned", "catalog"),
    kind("service_down", "system.service.state_transition.down", Error, "service", "Service down", "catalog"),
    kind("service_removed", "system.service.removed", Error, "service", "Service removed", "catalog"),
    kind("authz_plugin_healthcheck_failed", "system.service.authz_plugin_healthcheck_failed", Error, "service", "Configured authz plugin failing health check", ""),
    kind("image_analysis_archived", "system.analysis_archive.image_archived", Info, "image_digest", "Analyzed image added to archive", "catalog"),
    kind("image_analysis_archiving_failed", "system.analysis_archive.image_archive_failed", Error, "image_digest", "Analyzed image migration to archive failed", "catalog"),
    kind("archived_image_deleted", "system.analysis_archive.archived_image_deleted", Info, "image_digest", "Archived image analysis deleted", "catalog"),
    kind("archived_image_delete_failed", "system.analysis_archive.archived_image_delete_failed", Error, "image_digest", "Archived image analysis deletion failed", "catalog"),
    kind("archived_image_restored", "system.image_analysis.restored_from_archive", Info, "image_digest", "Archived image restored to active images", "catalog"),
    kind("archived_image_restore_failed", "system.image_analysis.restore_from_archive_failed", Error, "image_digest", "Archived image restore to active images failed", "catalog"),
    // Ours, not the contract's.
    kind("tag_add", "system.repository.tag_added", Info, "image_tag", "Watched repository has a new tag", "catalog"),
    kind("tag_update", "system.repository.tag_updated", Info, "image_tag", "Watched tag has a new digest", "catalog"),
    kind("tag_delete", "system.repository.tag_deleted", Info, "image_tag", "Watched tag is gone from its registry", "catalog"),
    kind("", "system.feeds.sync.group_drop_refused", Error, "feed_group", "Feed group sync refused: it would drop too many records", "policy_engine"),
    kind("", "system.feeds.sync.group_stale", Error, "feed_group", "Feed group is stale", "policy_engine"),
    kind("event_put_aside", "system.service.event_put_aside", Error, "event", "Event could not be stored", "events_store"),
    kind("login_fail", "system.service.login_fail", Error, "account", "Failed log-ins", ""),
    kind("webhook_fail", "system.webhook.failed", Error, "webhook_endpoint", "Webhook endpoint does not take notifications", "notifier"),
    kind("webhook_paused", "system.webhook.paused", Error, "webhook_endpoint", "Webhook endpoint keeps failing and is paused", "notifier"),
    kind("webhook_stopped", "system.webhook.stopped", Error, "webhook_endpoint", "Webhook endpoint said that it is gone and is stopped", "notifier"),
    kind("webhook_recovered", "system.webhook.recovered", Info, "webhook_endpoint", "Webhook endpoint takes notifications again", "notifier"),
    kind("webhook_exhausted", "system.webhook.exhausted", Error, "webhook_endpoint", "Notifications were given up", "notifier"),
    kind("outbox_filling", "system.service.outbox_filling", Error, "outbox", "Outbox is nearly full, or its events wait too long", ""),
    kind("outbox_relieved", "system.service.outbox_relieved", Info, "outbox", "Outbox has room again", ""),
    kind("outbox_put_aside", "system.service.outbox_put_aside", Error, "outbox", "Outbox has put events aside", ""),
    kind("consumer_forgotten", "system.service.consumer_forgotten", Error, "consumer", "Consumer that nobody reads was forgotten", ""),
    kind("", "system.test.random_wisdom", Info, "wisdom", "Unsolicited random wisdom of the moment", ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_used_once() {
        let mut names: Vec<_> = KINDS.iter().flat_map(EventKind::names).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(count, names.len());
    }

    #[test]
    fn every_dotted_name_has_its_category() {
        let listed: usize =
            categories().iter().flat_map(|category| &category.subcategories).map(|sub| sub.kinds.len()).sum();
        assert_eq!(listed, KINDS.iter().filter(|kind| kind.dotted().is_some()).count());
    }

    #[test]
    fn either_name_finds_the_type() {
        assert_eq!(lookup("feed_sync_start"), lookup("SYSTEM.feeds.sync.started"));
        assert_eq!(lookup("system.feeds.sync.feed_failed").unwrap().name(), "system.feeds.sync.feed_failed");
        assert_eq!(lookup("nothing"), None);
        assert_eq!(canonical_name("System.feeds.sync.started"), "feed_sync_start");
        assert_eq!(canonical_name("My.Own"), "my.own");
    }
}
