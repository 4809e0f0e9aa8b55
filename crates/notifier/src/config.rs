//! The `services.notifier` section, and the product page's sections about notifications.

mod endpoints;
mod page;

use std::time::Duration;

use service::config::Section;
use service::door::ListenAddress;
use webhook::Networks;

use self::endpoints::read_endpoint;
pub use self::page::{Notification, SECTION_NAMES};
use crate::endpoint::{Endpoint, EndpointDraft};

/// The port unless another is configured (design 3.2).
const PORT: u16 = 8230;
/// How long deliveries and attempts are kept unless another time is configured.
const KEPT: Duration = Duration::from_hours(30 * 24);
const DAY: Duration = Duration::from_hours(24);

#[derive(Debug, Clone)]
pub struct Config {
    pub address: ListenAddress,
    /// What a webhook may reach although it is private.
    pub networks: Networks,
    /// Those of the configuration, each name once.
    pub endpoints: Vec<Endpoint>,
    /// How long deliveries that were made or given up are kept, with their attempts.
    pub kept: Duration,
    /// What is configured and cannot work, in plain words.
    pub notices: Vec<String>,
}

impl Config {
    /// Reads `services.notifier`, and `webhooks` at the root; `notification` is what stands in
    /// `services.catalog.event_log`, where the product page has it.
    pub fn read(section: &mut Section, root: &mut Section, notification: &Notification) -> Self {
        section.ignore(&["enabled", "require_auth", "endpoint_hostname", "cycle_timer_seconds"]);
        let mut notices = Vec::new();
        let mut endpoints = Vec::new();
        endpoints.extend(page::read_webhooks(root, notification, &mut notices));
        for mut given in section.sections("endpoints") {
            endpoints.extend(read_endpoint(&mut given, &endpoints));
            given.finish();
        }
        let networks = read_networks(section);
        notices.extend(unreachable(&endpoints, &networks));
        Self {
            address: ListenAddress::read(section, PORT),
            networks,
            endpoints,
            kept: section.span("keep_deliveries", KEPT, DAY..=365 * DAY),
            notices,
        }
    }
}

fn read_networks(section: &mut Section) -> Networks {
    let mut networks = Networks::default();
    let texts = section.texts("allow_private_networks").unwrap_or_default();
    if texts.len() > Networks::MAX {
        section
            .refuse("allow_private_networks", format!("{} networks, expected at most {}", texts.len(), Networks::MAX));
    }
    for text in texts.iter().take(Networks::MAX) {
        if let Err(error) = networks.add(text) {
            section.refuse("allow_private_networks", error);
        }
    }
    networks
}

/// Endpoints of which the URL alone says that nothing can be sent to them.
fn unreachable(endpoints: &[Endpoint], networks: &Networks) -> Vec<String> {
    let vetting = crate::send::vetting(networks.clone());
    let notice = |endpoint: &Endpoint| {
        let refusal = endpoint.sender.url.check(&vetting).err()?;
        Some(format!("{}.url: {refusal}", endpoint.configured_at.as_deref().unwrap_or_default()))
    };
    endpoints.iter().filter_map(notice).collect()
}

/// Checks what was read, and refuses what is wrong by the keys of `section`.
fn checked(draft: EndpointDraft, section: &Section, key_of: impl Fn(&str) -> &str) -> Option<Endpoint> {
    match draft.check() {
        Ok(endpoint) => Some(endpoint),
        Err(violations) => {
            for violation in violations.0 {
                section.refuse(key_of(&violation.field), violation.problem);
            }
            None
        }
    }
}
