//! Endpoints: show, add, change, remove, test.

use std::time::Duration;

use accounts::{Caller, Role};
use event::Timestamp;
use proto::notifier::v1;
use service::grpc_status::bad_field;
use tonic::{Code, Status};
use webhook::SystemTrust;

use super::{Service, may_see_path, only_own};
use crate::config::SECTION_NAMES;
use crate::conversion::{attempt_to_proto, draft_from_proto, endpoint_to_proto};
use crate::endpoint::Endpoint;
use crate::endpoint_key::EndpointKey;
use crate::endpoint_table::Added;
use crate::endpoints::ENDPOINTS_MAX;
use crate::send::Courier;
use crate::status::{bad_fields, database_status, no_such};

/// How long the secret before a new one goes on signing beside it.
const SECRET_OVERLAP: Duration = Duration::from_hours(24);
/// Settings that an update may name.
const UPDATABLE: [&str; 11] = [
    "url",
    "format",
    "filter",
    "levels",
    "ordered",
    "headers",
    "credentials",
    "ssl_verify",
    "ca_pem",
    "limits",
    "retry",
];

impl Service {
    pub(super) async fn answer_list_endpoints(&self, caller: &Caller) -> Result<v1::ListEndpointsResponse, Status> {
        let known = self.endpoints.refresh(self.clock.now()).await.map_err(database_status)?;
        let visible: Vec<_> = known.visible_to(&caller.account).cloned().collect();
        let keys: Vec<EndpointKey> = visible.iter().map(|endpoint| endpoint.key.clone()).collect();
        let mut counts = self.deliveries.counts(&keys, only_own(caller)).await.map_err(database_status)?;
        let states = self.states.all().await.map_err(database_status)?;
        let shown = |endpoint: &std::sync::Arc<Endpoint>| {
            let kept = states.iter().find(|(key, _)| *key == endpoint.key).map(|(_, kept)| kept);
            let counts = counts.remove(&endpoint.key).unwrap_or_default();
            endpoint_to_proto(endpoint, may_see_path(caller, endpoint), kept, counts)
        };
        let endpoints = visible.iter().map(shown).collect();
        let notices = if caller.role == Role::Admin { self.notices.to_vec() } else { Vec::new() };
        Ok(v1::ListEndpointsResponse { endpoints, notices })
    }

    pub(super) async fn create(
        &self,
        caller: &Caller,
        request: v1::CreateEndpointRequest,
    ) -> Result<v1::CreateEndpointResponse, Status> {
        let v1::CreateEndpointRequest { endpoint, all_accounts } = request;
        let mut settings = endpoint.ok_or_else(|| bad_field("endpoint", "missing, expected a name and a url"))?;
        if all_accounts && caller.role != Role::Admin {
            let text = "only an admin may add an endpoint that gets the events of every account";
            return Err(Status::permission_denied(text));
        }
        let account = (!all_accounts).then(|| caller.account.clone());
        let name = settings.name.clone();
        if SECTION_NAMES.contains(&name.as_str()) {
            return Err(bad_field(
                "endpoint.name",
                format!("`{name}` is a section of `webhooks` in the configuration"),
            ));
        }
        forget_answers(&mut settings);
        self.checked(settings.clone(), account.as_ref())?;
        let known = self.endpoints.refresh(self.clock.now()).await.map_err(database_status)?;
        if known.all.len() >= ENDPOINTS_MAX {
            return Err(Status::resource_exhausted(format!("there are {ENDPOINTS_MAX} endpoints, which is the most")));
        }
        let key = EndpointKey::new(account.as_ref(), &name);
        let added = Added { key, settings, changed_at: self.clock.now(), old_secret: None };
        let is_free = known.find(&caller.account, &name).is_none();
        if !is_free || !self.endpoints.table.add(&added).await.map_err(database_status)? {
            let text = format!("there is an endpoint `{name}` already; choose another name, or update that one");
            return Err(Status::new(Code::AlreadyExists, text));
        }
        let endpoint = self.changed(caller, &name).await?;
        Ok(v1::CreateEndpointResponse { endpoint: Some(endpoint) })
    }

    pub(super) async fn update(
        &self,
        caller: &Caller,
        request: v1::UpdateEndpointRequest,
    ) -> Result<v1::UpdateEndpointResponse, Status> {
        let v1::UpdateEndpointRequest { endpoint, update_mask } = request;
        let new = endpoint.ok_or_else(|| bad_field("endpoint", "missing, expected the new values"))?;
        let paths = update_mask.map(|mask| mask.paths).unwrap_or_default();
        if paths.is_empty() {
            return Err(bad_field("update_mask", format!("empty, expected some of {}", UPDATABLE.join(", "))));
        }
        let found = self.endpoint(caller, &new.name).await?;
        Self::may_change(caller, &found)?;
        let added = self.endpoints.table.all().await.map_err(database_status)?;
        let mut added =
            added.into_iter().find(|added| added.key == found.key).ok_or_else(|| no_such("endpoint", &new.name))?;
        let (name, before) = (new.name.clone(), added.changed_at);
        let old_secret = secret_of(&added.settings);
        for path in &paths {
            apply(path, &mut added.settings, &new)?;
        }
        forget_answers(&mut added.settings);
        self.checked(added.settings.clone(), added.key.account().as_ref())?;
        let now = self.clock.now();
        if old_secret != secret_of(&added.settings) {
            added.old_secret = old_secret.map(|secret| (secret, now.plus(SECRET_OVERLAP)));
        }
        added.changed_at = now.max(before.plus(Duration::from_micros(1)));
        if !self.endpoints.table.change(&added, before).await.map_err(database_status)? {
            let text = format!("endpoint `{name}` was changed by somebody else meanwhile, try again");
            return Err(Status::aborted(text));
        }
        let endpoint = self.changed(caller, &name).await?;
        Ok(v1::UpdateEndpointResponse { endpoint: Some(endpoint) })
    }

    pub(super) async fn delete(&self, caller: &Caller, name: &str) -> Result<v1::DeleteEndpointResponse, Status> {
        let found = self.endpoint(caller, name).await?;
        Self::may_change(caller, &found)?;
        if !self.endpoints.table.remove(&found.key).await.map_err(database_status)? {
            return Err(no_such("endpoint", name));
        }
        let now = self.clock.now();
        self.endpoints.refresh(now).await.map_err(database_status)?;
        let given_up = self.ledger.abandon(&found.key, "the endpoint was removed", now).await;
        let given_up = given_up.map_err(database_status)?;
        self.states.forget(&found.key).await.map_err(database_status)?;
        self.due.notify_one();
        Ok(v1::DeleteEndpointResponse { given_up_count: i64::try_from(given_up).unwrap_or(i64::MAX) })
    }

    pub(super) async fn test(&self, caller: &Caller, name: &str) -> Result<v1::TestEndpointResponse, Status> {
        let endpoint = self.endpoint(caller, name).await?;
        if endpoint.rule.account.is_none() && caller.role != Role::Admin {
            let text = format!("endpoint `{name}` is one of every account, only an admin may test it");
            return Err(Status::permission_denied(text));
        }
        let courier = Courier::new(&endpoint, SystemTrust::default(), self.vetting.clone(), self.clock.clone());
        let courier =
            courier.map_err(|error| Status::failed_precondition(format!("`{name}` cannot be sent to: {error}")))?;
        let (attempt, failure) = courier.test(&caller.account, self.source.clone()).await;
        let mut resumed = false;
        if failure.is_none() {
            resumed = self.ledger.resume(&endpoint.key, self.clock.now()).await.map_err(database_status)?;
            self.due.notify_one();
        }
        Ok(v1::TestEndpointResponse { attempt: Some(attempt_to_proto(&attempt)), resumed })
    }

    /// # Errors
    /// One of the configuration, or one of every account where the caller is no admin.
    fn may_change(caller: &Caller, endpoint: &Endpoint) -> Result<(), Status> {
        let name = endpoint.name();
        if let Some(place) = &endpoint.configured_at {
            return Err(Status::failed_precondition(format!(
                "endpoint `{name}` is configured at {place}: change it there"
            )));
        }
        if endpoint.rule.account.is_none() && caller.role != Role::Admin {
            return Err(Status::permission_denied(format!(
                "endpoint `{name}` is one of every account, only an admin may change it"
            )));
        }
        Ok(())
    }

    /// # Errors
    /// What is wrong with it, by its path in the request, and an address that is never sent to.
    fn checked(&self, settings: v1::Endpoint, account: Option<&event::AccountName>) -> Result<(), Status> {
        let checked = draft_from_proto(settings, account.cloned()).and_then(crate::endpoint::EndpointDraft::check);
        let endpoint = checked.map_err(|mut violations| {
            for violation in &mut violations.0 {
                violation.field.insert_str(0, "endpoint.");
            }
            bad_fields(&violations)
        })?;
        endpoint.sender.url.check(&self.vetting).map_err(|refusal| bad_field("endpoint.url", refusal))?;
        endpoint.sender.check().map_err(|error| bad_field("endpoint.credentials", error))
    }

    /// The endpoint after a change of it: with a worker soon, and a state for its new target.
    async fn changed(&self, caller: &Caller, name: &str) -> Result<v1::Endpoint, Status> {
        let endpoint = self.endpoint(caller, name).await?;
        let now: Timestamp = self.clock.now();
        self.states.settle(&endpoint.key, &endpoint.target, now).await.map_err(database_status)?;
        self.due.notify_one();
        self.shown(caller, &endpoint).await.map_err(database_status)
    }
}

/// What only answers say.
fn forget_answers(settings: &mut v1::Endpoint) {
    settings.account.clear();
    settings.configured_at.clear();
    settings.trust.clear();
    settings.status = None;
}

fn secret_of(settings: &v1::Endpoint) -> Option<String> {
    settings.credentials.as_ref()?.secret.clone().filter(|secret| !secret.is_empty())
}

fn apply(path: &str, settings: &mut v1::Endpoint, new: &v1::Endpoint) -> Result<(), Status> {
    match path {
        "url" => settings.url.clone_from(&new.url),
        "format" => settings.format = new.format,
        "filter" => settings.filter.clone_from(&new.filter),
        "levels" => settings.levels.clone_from(&new.levels),
        "ordered" => settings.ordered = new.ordered,
        "headers" => settings.headers.clone_from(&new.headers),
        "credentials" => apply_credentials(settings, new.credentials.clone().unwrap_or_default()),
        "ssl_verify" => settings.ssl_verify = new.ssl_verify,
        "ca_pem" => settings.ca_pem.clone_from(&new.ca_pem),
        "limits" => settings.limits = new.limits,
        "retry" => settings.retry = new.retry,
        other => {
            let other: String = other.chars().take(64).collect();
            return Err(bad_field("update_mask", format!("`{other}`, expected some of {}", UPDATABLE.join(", "))));
        }
    }
    Ok(())
}

/// An absent one stays, an empty one is removed.
fn apply_credentials(settings: &mut v1::Endpoint, new: v1::Credentials) {
    let kept = settings.credentials.get_or_insert_default();
    let apply = |kept: &mut Option<String>, new: Option<String>| {
        if let Some(new) = new {
            *kept = Some(new).filter(|new| !new.is_empty());
        }
    };
    apply(&mut kept.secret, new.secret);
    apply(&mut kept.user, new.user);
    apply(&mut kept.password, new.password);
    apply(&mut kept.bearer_token, new.bearer_token);
    apply(&mut kept.client_certificate_pem, new.client_certificate_pem);
    apply(&mut kept.client_key_pem, new.client_key_pem);
}
