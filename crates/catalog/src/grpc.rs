//! The gRPC interface: requests in, answers out.

use std::sync::Arc;

use accounts::{Caller, caller_of};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use event::{Clock, Timestamp};
use oci_registry::ImageReference;
use proto::catalog::v1;
use proto::catalog::v1::repository_service_server::RepositoryService;
use proto::timestamp_to_proto;
use service::grpc_status::bad_field;
use tonic::{Extensions, Request, Response, Status};

use crate::concern::{Concern, Owner};
use crate::gate::Gate;
use crate::grpc_status::{database_status, not_watched, tables, watched_already};
use crate::recurrence::Failing;
use crate::registries::Registries;
use crate::roster::{Roster, WatchStatus};
use crate::tables::{Added, KnownWatch, WATCHES_MAX};
use crate::watcher::WatcherHandle;
use crate::{Watch, WatchKey};

/// Repositories on a page where the request does not say.
const PAGE_SIZE: u64 = 100;
/// Most repositories on a page.
const PAGE_SIZE_MAX: u64 = 1000;
/// Tags that are shown of one repository.
const LATEST_TAGS: u64 = 100;

/// Answers `catalog.v1.RepositoryService`.
pub(crate) struct Service {
    pub(crate) gate: Gate,
    pub(crate) roster: Roster,
    pub(crate) watcher: WatcherHandle,
    pub(crate) registries: Arc<Registries>,
    pub(crate) clock: Arc<dyn Clock>,
}

#[tonic::async_trait]
impl RepositoryService for Service {
    async fn add_repository(
        &self,
        request: Request<v1::AddRepositoryRequest>,
    ) -> Result<Response<v1::AddRepositoryResponse>, Status> {
        let caller = writer_of(request.extensions())?;
        let request = request.into_inner();
        let key = key(&request.name, &caller)?;
        let registry = key.repository.registry();
        // Whoever may add a repository must not be able to have the password of a registry sent in the clear.
        if request.insecure && !registry.is_loopback() && self.registries.has_credentials(registry) {
            let problem = format!(
                "the password for `{registry}` would travel unencrypted, expected a registry without credentials; where \
                 that is meant, name the repository in services.catalog.repositories"
            );
            return Err(bad_field("insecure", problem));
        }
        let watch = Watch { key, insecure: request.insecure, is_configured: false };
        let added = tables(&self.gate)?.add(&watch, self.clock.now()).await.map_err(database_status)?;
        match added {
            Added::New(known) => {
                self.watcher.begin(watch).await;
                Ok(Response::new(v1::AddRepositoryResponse { repository: Some(self.show(&known)) }))
            }
            Added::Known => Err(watched_already(&watch.key)),
            Added::TooMany => Err(Status::resource_exhausted(format!(
                "the catalog watches {WATCHES_MAX} repositories and tags, which is the most; delete some first"
            ))),
        }
    }

    async fn list_repositories(
        &self,
        request: Request<v1::ListRepositoriesRequest>,
    ) -> Result<Response<v1::ListRepositoriesResponse>, Status> {
        let caller = caller_of(request.extensions())?;
        let request = request.into_inner();
        let page_size = page_size(request.page_size)?;
        let after = match request.page_token.as_str() {
            "" => None,
            token => Some(read_page_token(token).ok_or_else(|| {
                bad_field("page_token", "unreadable, expected the next_page_token of the page before, unchanged")
            })?),
        };
        // One more than asked for tells whether there is a next page.
        let found = tables(&self.gate)?.list(&caller.account, after, page_size + 1).await.map_err(database_status)?;
        let has_more = found.len() as u64 > page_size;
        let shown = &found[..found.len() - usize::from(has_more)];
        let next = shown.last().filter(|_| has_more).map(|last| page_token(&last.watch.key));
        Ok(Response::new(v1::ListRepositoriesResponse {
            repositories: shown.iter().map(|known| self.show(known)).collect(),
            next_page_token: next.unwrap_or_default(),
        }))
    }

    async fn get_repository(
        &self,
        request: Request<v1::GetRepositoryRequest>,
    ) -> Result<Response<v1::GetRepositoryResponse>, Status> {
        let caller = caller_of(request.extensions())?;
        let key = key(&request.into_inner().name, &caller)?;
        let tables = tables(&self.gate)?;
        let known = tables.find(&key).await.map_err(database_status)?.ok_or_else(|| not_watched(&key))?;
        let tags = tables.latest_tags(known.id, LATEST_TAGS).await.map_err(database_status)?;
        let failures = tables.failures(&Owner::Watch(known.id)).await.map_err(database_status)?;
        let cause_of = |tag| {
            let about = failures.iter().find(|(concern, _)| matches!(concern, Concern::Tag(known) if known == tag));
            about.map(|(_, failing)| tag_cause(failing))
        };
        let latest_tags = tags.iter().map(|(tag, meaning, changed_at)| v1::Tag {
            name: tag.to_string(),
            digest: meaning.digest().map(ToString::to_string).unwrap_or_default(),
            changed_at: Some(timestamp_to_proto(*changed_at)),
            cause: cause_of(tag),
        });
        let latest_tags = latest_tags.collect();
        Ok(Response::new(v1::GetRepositoryResponse { repository: Some(self.show(&known)), latest_tags }))
    }

    async fn delete_repository(
        &self,
        request: Request<v1::DeleteRepositoryRequest>,
    ) -> Result<Response<v1::DeleteRepositoryResponse>, Status> {
        let caller = writer_of(request.extensions())?;
        let key = key(&request.into_inner().name, &caller)?;
        let tables = tables(&self.gate)?;
        let known = tables.find(&key).await.map_err(database_status)?.ok_or_else(|| not_watched(&key))?;
        if known.watch.is_configured {
            return Err(Status::failed_precondition(format!(
                "`{key}` stands in the configuration, take it out of services.catalog.repositories there"
            )));
        }
        tables.delete(known.id).await.map_err(database_status)?;
        self.watcher.end(key).await;
        Ok(Response::new(v1::DeleteRepositoryResponse {}))
    }
}

impl Service {
    fn show(&self, known: &KnownWatch) -> v1::Repository {
        let key = &known.watch.key;
        // One that does not run yet has what was kept.
        let kept = || WatchStatus { last_success_at: known.last_success_at, ..WatchStatus::default() };
        let status = self.roster.status(key).unwrap_or_else(kept);
        v1::Repository {
            name: key.repository.to_string(),
            tag: key.tag.as_ref().map(ToString::to_string).unwrap_or_default(),
            account: key.account.to_string(),
            insecure: known.watch.insecure,
            configured: known.watch.is_configured,
            added_at: Some(timestamp_to_proto(known.added_at)),
            status: Some(show_status(status)),
        }
    }
}

fn show_status(status: WatchStatus) -> v1::RepositoryStatus {
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let time = |at: Option<Timestamp>| at.map(timestamp_to_proto);
    v1::RepositoryStatus {
        last_success_at: time(status.last_success_at),
        tag_count: count(status.tags.unwrap_or_default()),
        held_until: time(status.held_until),
        pending_count: count(status.pending.unwrap_or_default()),
        last_cause: status.last_cause.map(|cause| v1::FailureCause {
            code: cause.code.as_str().to_owned(),
            summary: cause.summary,
            hint: cause.hint,
            since: Some(timestamp_to_proto(cause.since)),
            failures: i64::try_from(cause.failures).unwrap_or(i64::MAX),
            during: cause.during.to_owned(),
        }),
    }
}

fn tag_cause(failing: &Failing) -> v1::FailureCause {
    v1::FailureCause {
        code: failing.signature.code.as_str().to_owned(),
        summary: failing.summary.clone(),
        hint: failing.hint.clone(),
        since: Some(timestamp_to_proto(failing.since)),
        failures: i64::try_from(failing.failures).unwrap_or(i64::MAX),
        during: "lookup".to_owned(),
    }
}

fn writer_of(extensions: &Extensions) -> Result<Caller, Status> {
    let caller = caller_of(extensions)?;
    caller.may_write()?;
    Ok(caller)
}

fn key(name: &str, caller: &Caller) -> Result<WatchKey, Status> {
    if name.is_empty() {
        return Err(bad_field("name", "missing, expected a repository such as `docker.io/library/alpine`"));
    }
    let reference: ImageReference = name.parse().map_err(|error| bad_field("name", error))?;
    if reference.digest.is_some() {
        let problem = format!("`{name}` names a digest, which never changes, expected a repository or a tag");
        return Err(bad_field("name", problem));
    }
    Ok(WatchKey { account: caller.account.clone(), repository: reference.repository, tag: reference.tag })
}

fn page_size(sent: Option<i32>) -> Result<u64, Status> {
    let Some(size) = sent else { return Ok(PAGE_SIZE) };
    let in_range = u64::try_from(size).ok().filter(|size| (1..=PAGE_SIZE_MAX).contains(size));
    in_range.ok_or_else(|| bad_field("page_size", format!("{size}, expected 1 to {PAGE_SIZE_MAX}")))
}

/// Name and tag of the last one on a page.
fn page_token(key: &WatchKey) -> String {
    let tag = key.tag.as_ref().map(ToString::to_string).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(format!("{}\n{tag}", key.repository))
}

fn read_page_token(token: &str) -> Option<(String, String)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (repository, tag) = text.split_once('\n')?;
    Some((repository.to_owned(), tag.to_owned()))
}
