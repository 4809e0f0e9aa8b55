//! Deliveries to one endpoint: claim what is due, send, record the attempt, and again. Each endpoint has a worker of its
//! own, so one that hangs holds up nobody else.

use std::collections::{HashSet, VecDeque};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use event::{Clock, Timestamp};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use governor::{DefaultDirectRateLimiter, Quota};
use tokio::sync::Notify;
use tracing::debug;

use crate::breaker::{Condition, EndpointState};
use crate::claims::Terms;
use crate::deliveries::Deliveries;
use crate::delivery::Delivery;
use crate::endpoint::Endpoint;
use crate::ledger::{Finished, Ledger};
use crate::metrics::{AttemptLabels, Metrics, OutcomeLabel};
use crate::patience::Patience;
use crate::send::Courier;
use crate::states::States;

/// How much longer than its request a claim lasts: time to record what came of it.
const LEASE_MARGIN: Duration = Duration::from_secs(15);
/// Deliveries of one probe: one that the endpoint does not take must not stand for all.
const PROBE_DELIVERIES_MAX: usize = 5;
/// Deliveries that are claimed together where they are sent one after the other, and how long that goes on: a claim has to
/// outlast it.
const DRAIN_DELIVERIES_MAX: usize = 50;
const DRAIN_SPAN: Duration = Duration::from_secs(2);
/// How long a stop waits for answers. What has none by then is sent again at the next start.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// What workers share.
#[derive(Clone)]
pub struct Workplace {
    pub deliveries: Deliveries,
    pub states: States,
    pub ledger: Ledger,
    pub clock: Arc<dyn Clock>,
    pub metrics: Metrics,
}

/// Delivers to one endpoint.
pub struct Worker {
    pub endpoint: Arc<Endpoint>,
    pub courier: Courier,
    pub workplace: Workplace,
    /// Woken when something may be due.
    pub wake: Arc<Notify>,
    pub patience: Patience,
    limiter: Option<DefaultDirectRateLimiter>,
}

/// What an endpoint may be sent now.
enum Plan {
    Nothing,
    /// What has to be alone, so that order is kept: once nothing is under way.
    WhenIdle,
    /// What is due, several at a time.
    Due(EndpointState),
    /// What waited for it to come back, up to this position, one at a time.
    Drain(EndpointState, i64),
    Probe(EndpointState),
}

impl Worker {
    pub fn new(
        endpoint: Arc<Endpoint>,
        courier: Courier,
        workplace: Workplace,
        wake: Arc<Notify>,
        patience: Patience,
    ) -> Self {
        let quota = endpoint.limits.requests_per_second_max.and_then(NonZeroU32::new).map(Quota::per_second);
        let limiter = quota.map(DefaultDirectRateLimiter::direct);
        Self { endpoint, courier, workplace, wake, patience, limiter }
    }

    /// Until told to stop; finishes the attempts under way, as far as they end soon.
    pub async fn run(self) {
        let mut claimed = HashSet::new();
        let work = Box::pin(self.work(&mut claimed));
        let over = async {
            self.patience.stop.cancelled().await;
            tokio::time::sleep(STOP_GRACE).await;
        };
        tokio::select! {
            () = work => return,
            () = over => {}
        }
        let left: Vec<i64> = claimed.into_iter().collect();
        if let Err(error) = self.workplace.deliveries.release(&left, self.workplace.clock.now()).await {
            debug!(error = error.chain(), "what is under way is sent again when its claim has ended");
        }
    }

    /// Keeps in `claimed_positions` what is claimed and not recorded.
    async fn work(&self, claimed_positions: &mut HashSet<i64>) {
        let concurrency = self.endpoint.limits.concurrency_max as usize;
        let mut under_way = FuturesUnordered::new();
        let mut known = EndpointState::default();
        let mut may_have_more = true;
        loop {
            let is_stopping = self.patience.stop.is_cancelled();
            if is_stopping && under_way.is_empty() {
                return;
            }
            let free = concurrency - under_way.len();
            if may_have_more && free > 0 && !is_stopping {
                match self.plan(under_way.is_empty()).await {
                    Plan::Nothing => may_have_more = false,
                    Plan::Due(state) => {
                        known = state;
                        let wanted = self.permitted(free).await;
                        let claimed = self.claim(self.terms(wanted)).await;
                        may_have_more = claimed.len() == wanted;
                        claimed_positions.extend(claimed.iter().map(|delivery| delivery.position));
                        under_way.extend(claimed.into_iter().map(|delivery| self.courier.send(delivery)));
                        continue;
                    }
                    Plan::WhenIdle => {}
                    Plan::Drain(state, to) => {
                        may_have_more = self.drain(state, to).await;
                        continue;
                    }
                    Plan::Probe(state) => {
                        may_have_more = self.probe(state).await;
                        continue;
                    }
                }
            }
            tokio::select! {
                Some(first) = under_way.next() => {
                    let mut finished = vec![first];
                    while let Some(Some(next)) = under_way.next().now_or_never() {
                        finished.push(next);
                    }
                    // What was full has room again; and one that waited for an earlier one need not any more.
                    may_have_more |= self.endpoint.ordered || free == 0;
                    self.record(&finished, &known, false).await;
                    for finished in &finished {
                        claimed_positions.remove(&finished.delivery.position);
                    }
                }
                () = self.wake.notified(), if !is_stopping => may_have_more = true,
                () = self.patience.stop.cancelled(), if !is_stopping => {}
            }
        }
    }

    async fn plan(&self, is_idle: bool) -> Plan {
        let now = self.workplace.clock.now();
        let key = &self.endpoint.key;
        let kept =
            self.patience.wait_for("how an endpoint is doing", || self.workplace.states.get(key)).await.flatten();
        let Some(state) = kept.map(|kept| kept.state) else { return Plan::Nothing };
        if state.held_until.is_some_and(|until| now < until) {
            return Plan::Nothing;
        }
        match (state.condition, state.drain_to) {
            (Condition::Stopped, _) => Plan::Nothing,
            (Condition::Paused, _) if state.next_probe_at.is_none_or(|at| now < at) => Plan::Nothing,
            (Condition::Paused, _) | (_, Some(_)) if !is_idle => Plan::WhenIdle,
            (Condition::Paused, _) => {
                let until = now.plus(self.lease());
                let taken =
                    self.patience.wait_for("a probe", || self.workplace.states.take_probe(key, now, until)).await;
                if taken == Some(true) { Plan::Probe(state) } else { Plan::Nothing }
            }
            (Condition::Ok | Condition::Failing, Some(to)) => Plan::Drain(state, to),
            (Condition::Ok | Condition::Failing, None) => Plan::Due(state),
        }
    }

    /// Sends the first that waits, whether due or not; one that is refused for itself makes room for the next. Returns
    /// whether the endpoint takes something again.
    async fn probe(&self, state: EndpointState) -> bool {
        let mut after = 0;
        for number in 0..PROBE_DELIVERIES_MAX {
            let terms = Terms { alone: Some((after, i64::MAX)), even_if_not_due: true, ..self.terms(1) };
            let Some(delivery) = self.claim(terms).await.pop() else { return false };
            after = delivery.position;
            debug!(endpoint = %self.endpoint.key, delivery.id = %delivery.id, "probing");
            let finished = self.courier.send(delivery).await;
            self.record(std::slice::from_ref(&finished), &state, number == 0).await;
            match &finished.failure {
                None => return true,
                Some(failure) if failure.is_about_this_one => {}
                Some(_) => return false,
            }
        }
        false
    }

    /// Sends some of what waited for the endpoint to come back, one after the other over all replicas. Returns whether
    /// there may be more to do.
    async fn drain(&self, state: EndpointState, to: i64) -> bool {
        let terms =
            Terms { alone: Some((0, to)), lease: self.lease() + DRAIN_SPAN, ..self.terms(DRAIN_DELIVERIES_MAX) };
        let mut unsent: VecDeque<Delivery> = self.claim(terms).await.into();
        if !unsent.is_empty() {
            let (begun, mut finished) = (Instant::now(), Vec::new());
            while begun.elapsed() < DRAIN_SPAN
                && !self.patience.stop.is_cancelled()
                && let Some(delivery) = unsent.pop_front()
            {
                self.permitted(1).await;
                let sent = self.courier.send(delivery).await;
                let is_down = sent.failure.as_ref().is_some_and(|failure| !failure.is_about_this_one);
                finished.push(sent);
                if is_down {
                    break;
                }
            }
            let unsent = Vec::from(unsent);
            self.patience.wait_for("claims given back", || self.workplace.deliveries.unclaim(&unsent)).await;
            self.record(&finished, &state, false).await;
            return true;
        }
        let (key, now) = (&self.endpoint.key, self.workplace.clock.now());
        let left = self.patience.wait_for("what is left", || self.workplace.deliveries.is_due(key, to, now)).await;
        if left != Some(false) {
            // Another replica is at it, or a resource's first one is not due.
            return false;
        }
        self.patience.wait_for("the end of a drain", || self.workplace.ledger.end_drain(key)).await.is_some()
    }

    fn terms(&self, max: usize) -> Terms {
        Terms {
            ordered: self.endpoint.ordered,
            alone: None,
            even_if_not_due: false,
            max: max as u64,
            lease: self.lease(),
        }
    }

    fn lease(&self) -> Duration {
        self.endpoint.limits.timeout + LEASE_MARGIN
    }

    /// How many of `wanted` requests may be made now by the endpoint's rate; waits until it is one.
    async fn permitted(&self, wanted: usize) -> usize {
        let Some(limiter) = &self.limiter else { return wanted };
        limiter.until_ready().await;
        1 + (1..wanted).take_while(|_| limiter.check().is_ok()).count()
    }

    async fn claim(&self, terms: Terms) -> Vec<Delivery> {
        let now = self.workplace.clock.now();
        let claim = || self.workplace.deliveries.claim(&self.endpoint.key, terms, now);
        self.patience.wait_for("a claim", claim).await.unwrap_or_default()
    }

    /// What cannot be recorded before the end is sent again by whoever comes next.
    async fn record(&self, finished: &[Finished], known: &EndpointState, is_probe: bool) {
        let now: Timestamp = self.workplace.clock.now();
        let record = || self.workplace.ledger.record(&self.endpoint.key, finished, known, is_probe, now);
        self.patience.wait_for("the outcome of an attempt", record).await;
        for Finished { delivery, attempt, failure, due_at } in finished {
            let outcome = attempt.outcome.map_or("unknown", |outcome| outcome.as_str());
            let cause = attempt.trouble.as_ref().map_or("none", |trouble| trouble.code.as_str()).to_owned();
            self.workplace.metrics.attempts.get_or_create(&AttemptLabels { outcome, cause }).inc();
            let seconds = attempt.latency.unwrap_or_default().as_secs_f64();
            self.workplace.metrics.attempt_seconds.observe(seconds);
            let status = attempt.status.unwrap_or_default();
            let endpoint = &self.endpoint.key;
            debug!(endpoint = %endpoint, delivery.id = %delivery.id, attempt.number, outcome, status, "made an attempt");
            let outcome = match (failure, due_at) {
                (None, _) => "delivered",
                (Some(_), None) => "given_up",
                (Some(_), Some(_)) => continue,
            };
            self.workplace.metrics.deliveries.get_or_create(&OutcomeLabel { outcome }).inc();
        }
    }
}
