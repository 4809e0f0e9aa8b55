//! Deliveries: list, show, send again.

use accounts::Caller;
use event::{Timestamp, Violation, Violations};
use proto::notifier::v1;
use proto::{check_filter, timestamp_from_proto};
use service::grpc_status::bad_field;
use tonic::Status;

use super::Service;
use crate::conversion::{delivery_to_proto, statuses_from_proto};
use crate::delivery::{Delivery, DeliveryStatus};
use crate::endpoint_key::EndpointKey;
use crate::page_token;
use crate::schedule::Schedule;
use crate::selection::Selection;
use crate::status::{bad_fields, database_status, no_such};

/// Deliveries on a page where the request does not say.
const PAGE_SIZE: u64 = 100;
const PAGE_SIZE_MAX: u64 = 1000;

impl Service {
    pub(super) async fn answer_list_deliveries(
        &self,
        caller: &Caller,
        request: v1::ListDeliveriesRequest,
    ) -> Result<v1::ListDeliveriesResponse, Status> {
        let page_size = page_size(request.page_size)?;
        let selection = self.selection(caller, request.filter.unwrap_or_default()).await?;
        let before = match request.page_token.as_str() {
            "" => None,
            token => Some(page_token::read(token, &selection).map_err(|error| bad_field("page_token", error))?),
        };
        // One more than asked for tells whether there is a next page.
        let found = self.deliveries.list(&selection, before, page_size + 1).await;
        let mut found = found.map_err(database_status)?;
        let has_more = found.len() as u64 > page_size;
        found.truncate(usize::try_from(page_size).unwrap_or(usize::MAX));
        let next = found.last().filter(|_| has_more).map(|last| page_token::write(last.position, &selection));
        Ok(v1::ListDeliveriesResponse {
            deliveries: found.iter().map(|delivery| delivery_to_proto(delivery, &[], false)).collect(),
            next_page_token: next.unwrap_or_default(),
        })
    }

    pub(super) async fn delivery(&self, caller: &Caller, id: &str) -> Result<Delivery, Status> {
        let Ok(uuid) = id.parse() else { return Err(no_such("delivery", id)) };
        let found = self.deliveries.get(&caller.account, uuid).await.map_err(database_status)?;
        found.ok_or_else(|| no_such("delivery", id))
    }

    pub(super) async fn answer_redeliver(
        &self,
        caller: &Caller,
        request: v1::RedeliverRequest,
    ) -> Result<v1::RedeliverResponse, Status> {
        let now = self.clock.now();
        let known = self.endpoints.refresh(now).await.map_err(database_status)?;
        let expires_at = |endpoint: &EndpointKey| {
            let span = known.get(endpoint).map(|endpoint| endpoint.retry.span);
            now.plus(span.unwrap_or(Schedule::default().span))
        };
        let count = match (request.id.as_str(), request.filter) {
            ("", None) => return Err(bad_field("id", "missing, expected an id or a filter")),
            ("", Some(filter)) => {
                let mut selection = self.selection(caller, filter).await?;
                if selection.statuses.is_empty() {
                    selection.statuses = vec![DeliveryStatus::Dead];
                }
                let mut count = 0;
                for endpoint in self.deliveries.endpoints_named(&selection).await.map_err(database_status)? {
                    // What is sent to nobody any more would only be given up once more.
                    if known.get(&endpoint).is_some() {
                        count += self.redeliver_all(&selection, &endpoint, expires_at(&endpoint), now).await?;
                    }
                }
                count
            }
            (id, None) => {
                let delivery = self.delivery(caller, id).await?;
                if known.get(&delivery.endpoint).is_none() {
                    let text = format!("endpoint `{}` is not there any more", delivery.endpoint.name());
                    return Err(Status::failed_precondition(text));
                }
                let expires_at = expires_at(&delivery.endpoint);
                let sent = self.deliveries.redeliver_one(&delivery, expires_at, now).await.map_err(database_status)?;
                u64::from(sent)
            }
            (_, Some(_)) => return Err(bad_field("filter", "is given beside an id, expected one of them")),
        };
        self.due.notify_one();
        Ok(v1::RedeliverResponse { count: i64::try_from(count).unwrap_or(i64::MAX) })
    }

    async fn redeliver_all(
        &self,
        selection: &Selection,
        endpoint: &EndpointKey,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<u64, Status> {
        let (mut total, mut after) = (0, 0);
        loop {
            let batch = self.deliveries.redeliver_batch(selection, endpoint, after, expires_at, now).await;
            let (count, next) = batch.map_err(database_status)?;
            total += count;
            let Some(next) = next else { return Ok(total) };
            after = next;
        }
    }

    async fn selection(&self, caller: &Caller, sent: v1::DeliveryFilter) -> Result<Selection, Status> {
        let mut violations = Violations::default();
        let time = |at: Option<prost_types::Timestamp>| at.map(|at| timestamp_from_proto(&at)).transpose();
        let mut selection = Selection::all_of(caller.account.clone());
        selection.statuses = violations.note("filter.states", statuses_from_proto(&sent.states)).unwrap_or_default();
        selection.created_after = violations.note("filter.created_after", time(sent.created_after)).flatten();
        selection.created_before = violations.note("filter.created_before", time(sent.created_before)).flatten();
        selection.failed = sent.failed;
        if !sent.event_id.is_empty() {
            selection.event_id = violations.note("filter.event_id", sent.event_id.parse());
        }
        match check_filter(sent.event, caller.account.clone()) {
            Ok(filter) => selection.event = filter,
            Err(Violations(found)) => {
                let inner =
                    |found: Violation| Violation::new(found.field.replacen("filter", "filter.event", 1), found.problem);
                violations.0.extend(found.into_iter().map(inner));
            }
        }
        violations.into_result().map_err(|violations| bad_fields(&violations))?;
        if !sent.endpoint.is_empty() {
            selection.endpoint = Some(self.endpoint(caller, &sent.endpoint).await?.key.clone());
        }
        Ok(selection)
    }
}

fn page_size(sent: Option<i32>) -> Result<u64, Status> {
    let Some(size) = sent else { return Ok(PAGE_SIZE) };
    let in_range = u64::try_from(size).ok().filter(|size| (1..=PAGE_SIZE_MAX).contains(size));
    in_range.ok_or_else(|| bad_field("page_size", format!("{size}, expected 1 to {PAGE_SIZE_MAX}")))
}
