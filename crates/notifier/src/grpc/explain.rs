//! Why an endpoint was told of an event, or was not.

use accounts::Caller;
use event::{Event, EventId};
use proto::notifier::v1;
use proto::timestamp_to_proto;
use service::grpc_status::bad_field;
use tonic::Status;

use super::Service;
use crate::conversion::delivery_to_proto;
use crate::rule::Check;
use crate::status::{bad_fields, database_status};

impl Service {
    pub(super) async fn answer_explain(
        &self,
        caller: &Caller,
        request: v1::ExplainRequest,
    ) -> Result<v1::ExplainResponse, Status> {
        let event_id: EventId = request.event_id.parse().map_err(|error| bad_field("event_id", error))?;
        let endpoint = self.endpoint(caller, &request.endpoint).await?;
        let found = self.deliveries.find(&endpoint.key, event_id).await.map_err(database_status)?;
        let delivery = found.filter(|delivery| delivery.event.resource.account == caller.account);
        let given = request.event.map(|event| given(event, event_id, caller)).transpose()?;
        let event = delivery.as_ref().map(|delivery| delivery.event.clone()).or(given);
        let checks = event.as_ref().map(|event| endpoint.rule.checks(endpoint.name(), event)).unwrap_or_default();
        let attempts = match &delivery {
            Some(delivery) => self.deliveries.attempts(delivery).await.map_err(database_status)?,
            None => Vec::new(),
        };
        let kept = self.states.get(&endpoint.key).await.map_err(database_status)?;
        Ok(v1::ExplainResponse {
            endpoint: Some(self.shown(caller, &endpoint).await.map_err(database_status)?),
            event: event.map(Into::into),
            criteria: checks.into_iter().map(criterion).collect(),
            delivery: delivery.map(|delivery| delivery_to_proto(&delivery, &attempts, true)),
            endpoint_changed_at: kept.map(|kept| timestamp_to_proto(kept.changed_at)),
            now: Some(timestamp_to_proto(self.clock.now())),
            kept_seconds: i64::try_from(self.kept.as_secs()).unwrap_or(i64::MAX),
        })
    }
}

/// The event that the caller has read from the store. It is held against a rule and answered again, no more.
fn given(event: proto::events::v1::Event, id: EventId, caller: &Caller) -> Result<Event, Status> {
    let event = proto::check_event(event, &caller.account).map_err(|violations| bad_fields(&violations))?;
    if event.id != id || event.resource.account != caller.account {
        return Err(bad_field("event", "is not the one that event_id names, or of another account"));
    }
    Ok(event)
}

fn criterion(check: Check) -> v1::Criterion {
    v1::Criterion { name: check.name.to_owned(), wanted: check.wanted, found: check.found, holds: check.holds }
}
