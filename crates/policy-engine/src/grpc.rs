//! The gRPC interface: requests in, answers out.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use accounts::{Role, caller_of};
use futures::{Stream, stream};
use proto::policy_engine::v1;
use proto::policy_engine::v1::feed_service_server::FeedService;
use service::gate::Gate;
use service::grpc_status::{bad_field, unavailable};
use tokio::sync::{mpsc, oneshot, watch};
use tonic::{Request, Response, Status};

use crate::config::FeedConfig;
use crate::progress::{GroupView, Phase, RunView, Summary};
use crate::schedule::Order;
use crate::scope::Scope;
use crate::state::GroupState;
use crate::status::{ledger_status, not_begun_status, scope_status};
use crate::syncer::Syncer;
use crate::{GroupId, wire};

/// Progress is sent no more often.
const PROGRESS_CYCLE: Duration = Duration::from_millis(200);
/// A message is sent after this time although there is nothing new, so that nobody takes the connection for dead.
const SIGN_OF_LIFE_CYCLE: Duration = Duration::from_secs(15);

/// Answers `policy_engine.v1.FeedService`.
pub(crate) struct Service {
    pub(crate) gate: Gate<()>,
    pub(crate) syncer: Arc<Syncer>,
    pub(crate) orders: mpsc::Sender<Order>,
}

#[tonic::async_trait]
impl FeedService for Service {
    async fn list_feeds(
        &self,
        request: Request<v1::ListFeedsRequest>,
    ) -> Result<Response<v1::ListFeedsResponse>, Status> {
        caller_of(request.extensions())?;
        self.gate.pass()?;
        let feeds = &self.syncer.config.feeds;
        let ids: Vec<GroupId> = feeds.iter().flat_map(FeedConfig::group_ids).collect();
        let states = self.syncer.ledger.groups(&ids).await.map_err(|error| ledger_status(&error))?;
        let views = self.syncer.board.groups();
        let group = |state: &GroupState| {
            let view = views.iter().find(|(id, _)| *id == state.id).map(|(_, view)| view);
            wire::group(state, view, self.is_stale(state))
        };
        let feed = |feed: &FeedConfig| v1::Feed {
            name: feed.name.to_string(),
            kind: feed.kind.to_string(),
            url: feed.url.to_string(),
            groups: states.iter().filter(|state| state.id.feed == feed.name).map(group).collect(),
        };
        Ok(Response::new(v1::ListFeedsResponse { feeds: feeds.iter().map(feed).collect() }))
    }

    type SyncFeedsStream = Pin<Box<dyn Stream<Item = Result<v1::SyncFeedsResponse, Status>> + Send>>;

    async fn sync_feeds(
        &self,
        request: Request<v1::SyncFeedsRequest>,
    ) -> Result<Response<Self::SyncFeedsStream>, Status> {
        let caller = caller_of(request.extensions())?;
        if caller.role < Role::Admin {
            let problem =
                format!("the account `{}` may not sync feeds, which belong to all: only an admin may", caller.user);
            return Err(Status::permission_denied(problem));
        }
        self.gate.pass()?;
        let v1::SyncFeedsRequest { feed, group, accept_drop } = request.into_inner();
        if feed.is_empty() && !group.is_empty() {
            return Err(bad_field("feed", "missing, a group needs one"));
        }
        if group.is_empty() && accept_drop {
            return Err(bad_field("group", "missing, records are given up for one group at a time"));
        }
        let scope = Scope::asked(&self.syncer.config.feeds, &feed, &group, accept_drop);
        let scope = scope.map_err(|error| scope_status(&error))?;
        let (begun, answer) = oneshot::channel();
        let stopping = || unavailable("the policy-engine is stopping");
        self.orders.send(Order { scope, begun }).await.map_err(|_| stopping())?;
        let progress = answer.await.map_err(|_| stopping())?.map_err(|not_begun| not_begun_status(&not_begun))?;
        let following = Following {
            syncer: Arc::clone(&self.syncer),
            view: progress.follow(),
            told: Vec::new(),
            place: Place::Beginning,
        };
        Ok(Response::new(Box::pin(stream::unfold(following, Following::next))))
    }
}

impl Service {
    fn is_stale(&self, state: &GroupState) -> bool {
        state.age(self.syncer.clock.now()) > self.syncer.config.stale_after
    }
}

/// A run, as somebody follows it. It goes on without them.
struct Following {
    syncer: Arc<Syncer>,
    view: watch::Receiver<RunView>,
    /// How each group was when it was told last.
    told: Vec<(GroupId, GroupView)>,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Beginning,
    Middle,
    End,
}

impl Following {
    /// The next message, and what follows it.
    async fn next(mut self) -> Option<(Result<v1::SyncFeedsResponse, Status>, Self)> {
        match self.place {
            Place::Beginning => self.place = Place::Middle,
            Place::Middle => {
                tokio::time::sleep(PROGRESS_CYCLE).await;
                // The run ends with its last change.
                let _ = tokio::time::timeout(SIGN_OF_LIFE_CYCLE, self.view.changed()).await;
            }
            Place::End => return None,
        }
        let view = self.view.borrow_and_update().clone();
        let is_last = view.summary.is_some();
        let message = self.message(view).await;
        if is_last || message.is_err() {
            self.place = Place::End;
        }
        Some((message, self))
    }

    /// What is other than was told.
    async fn message(&mut self, view: RunView) -> Result<v1::SyncFeedsResponse, Status> {
        let news: Vec<(GroupId, GroupView)> =
            view.groups.iter().filter(|group| !self.told.contains(group)).cloned().collect();
        let mut groups = Vec::new();
        if !news.is_empty() {
            let ids: Vec<GroupId> = news.iter().map(|(id, _)| id.clone()).collect();
            let states = self.syncer.ledger.groups(&ids).await.map_err(|error| ledger_status(&error))?;
            let now = self.syncer.clock.now();
            for state in states {
                let is_stale = state.age(now) > self.syncer.config.stale_after;
                let view = news.iter().find(|(id, _)| *id == state.id).map(|(_, view)| view);
                groups.push(wire::group(&state, view.filter(|view| view.phase != Phase::Ended), is_stale));
            }
        }
        self.told = view.groups;
        let summary = view.summary.map(|Summary { synced, failed }| v1::SyncSummary {
            synced: wire::number(synced),
            failed: wire::number(failed),
        });
        Ok(v1::SyncFeedsResponse { groups, summary })
    }
}
