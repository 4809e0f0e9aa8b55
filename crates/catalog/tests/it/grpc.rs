//! What is watched, added and deleted over gRPC while the catalog runs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fixtures::{DatabaseKind, FreshDatabase, RegistryAccess, RegistryServer, eventually};
use proto::catalog::v1::repository_service_client::RepositoryServiceClient;
use proto::catalog::v1::{
    AddRepositoryRequest, DeleteRepositoryRequest, GetRepositoryRequest, ListRepositoriesRequest, Repository,
};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::observed::{ALICE_PASSWORD, CALM, Observed, PASSWORD, Settings};

fixtures::on_both_databases!(what_is_added_is_watched_kept_and_deleted, every_page_is_listed);

struct Client {
    channel: Channel,
    authorization: String,
}

impl Client {
    async fn open(observed: &Observed, user: &str, password: &str) -> Self {
        let channel = Channel::from_shared(format!("http://{}", observed.address)).unwrap().connect().await.unwrap();
        Self { channel, authorization: format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))) }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.authorization.parse().unwrap());
        request
    }

    fn service(&self) -> RepositoryServiceClient<Channel> {
        RepositoryServiceClient::new(self.channel.clone())
    }

    async fn add(&self, name: &str, insecure: bool) -> Result<Repository, Status> {
        let request = self.request(AddRepositoryRequest { name: name.to_owned(), insecure });
        Ok(self.service().add_repository(request).await?.into_inner().repository.unwrap())
    }

    async fn list(&self, page_size: Option<i32>, page_token: String) -> Result<(Vec<Repository>, String), Status> {
        let request = self.request(ListRepositoriesRequest { page_size, page_token });
        let answer = self.service().list_repositories(request).await?.into_inner();
        Ok((answer.repositories, answer.next_page_token))
    }

    async fn delete(&self, name: &str) -> Result<(), Status> {
        let request = self.request(DeleteRepositoryRequest { name: name.to_owned() });
        self.service().delete_repository(request).await.map(drop)
    }
}

fn check_refused<T: std::fmt::Debug>(result: Result<T, Status>, code: Code, part: &str) {
    let status = result.unwrap_err();
    assert!(status.code() == code && status.message().contains(part), "{status:?}");
}

async fn what_is_added_is_watched_kept_and_deleted(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let registry = RegistryServer::start(RegistryAccess::Everybody);
    registry.pusher().push("team/app", "1", "first");
    registry.pusher().push("team/configured", "1", "first");
    let name = registry.repository("team/app");
    let settings = Settings {
        repositories: vec![registry.repository("team/configured")],
        repo_watcher: Some(CALM),
        insecure: true,
        database: Some(fresh.url.parse().unwrap()),
        ..Settings::default()
    };
    let mut observed = Observed::start(&settings).await;
    observed.knows_what_was_there().await;
    let alice = Client::open(&observed, "alice", ALICE_PASSWORD).await;
    let added = alice.add(&name, true).await.unwrap();
    assert_eq!((added.name.as_str(), added.account.as_str(), added.configured), (name.as_str(), "alice", false));
    check_refused(alice.add(&name, true).await, Code::AlreadyExists, "is watched for the account `alice` already");
    eventually("two watches that work", || {
        let statuses = observed.roster.statuses();
        statuses.len() == 2 && statuses.iter().all(|(_, status)| status.tags == Some(1) && status.pending == Some(0))
    })
    .await;
    observed.clock.advance(std::time::Duration::from_secs(1));
    let second = registry.pusher().push("team/app", "2", "second");
    assert_eq!(observed.next_news().await.1, format!("{name}:2"));

    let get = alice.service().get_repository(alice.request(GetRepositoryRequest { name: name.clone() })).await;
    let get = get.unwrap().into_inner();
    let status = get.repository.unwrap().status.unwrap();
    assert!(status.last_success_at.is_some() && status.last_cause.is_none(), "{status:?}");
    assert_eq!((get.latest_tags[0].name.as_str(), &get.latest_tags[0].digest), ("2", &second));
    let (listed, next) = alice.list(None, String::new()).await.unwrap();
    assert_eq!((listed.len(), next.as_str()), (2, ""));
    // What belongs to others is not there.
    let carol = Client::open(&observed, "carol", "carol's password").await;
    assert!(carol.list(None, String::new()).await.unwrap().0.is_empty());
    check_refused(carol.delete(&name).await, Code::NotFound, "is not watched for the account `carol`");
    observed.stop().await;

    // It is kept, and what changed meanwhile is told.
    registry.pusher().push("team/app", "3", "third");
    let mut observed = Observed::start(&settings).await;
    assert_eq!(observed.next_news().await.1, format!("{name}:3"));
    let alice = Client::open(&observed, "alice", ALICE_PASSWORD).await;
    alice.delete(&name).await.unwrap();
    assert_eq!(observed.roster.statuses().len(), 1);
    check_refused(alice.delete(&name).await, Code::NotFound, &name);
    let configured = registry.repository("team/configured");
    check_refused(alice.delete(&configured).await, Code::FailedPrecondition, "services.catalog.repositories");
    // Added again it is seen for the first time again.
    alice.add(&name, true).await.unwrap();
    registry.pusher().push("team/configured", "2", "second");
    assert_eq!(observed.next_news().await.1, format!("{configured}:2"));
    assert_eq!(observed.more_events(), 0);
    observed.stop().await;
}

async fn every_page_is_listed(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let settings = Settings { database: Some(fresh.url.parse().unwrap()), ..Settings::default() };
    let observed = Observed::start(&settings).await;
    let readiness = observed.readiness.clone();
    eventually("readiness", || readiness.reasons(catalog::SERVICE).is_some_and(|reasons| reasons.is_empty())).await;
    let alice = Client::open(&observed, "alice", ALICE_PASSWORD).await;
    for name in ["b", "a:1", "a", "a:0", "c"] {
        alice.add(&format!("127.0.0.1:1/{name}"), true).await.unwrap();
    }
    let (mut names, mut token) = (Vec::new(), String::new());
    loop {
        let (page, next) = alice.list(Some(2), token).await.unwrap();
        assert!(page.len() <= 2);
        names.extend(page.into_iter().map(|repository| format!("{} {}", &repository.name[12..], repository.tag)));
        token = next;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["a ", "a 0", "a 1", "b ", "c "]);
    check_refused(alice.list(Some(0), String::new()).await, Code::InvalidArgument, "page_size: 0, expected 1 to 1000");
    check_refused(alice.list(None, "x".to_owned()).await, Code::InvalidArgument, "page_token: unreadable");
    observed.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_refused_by_name() {
    let mut settings = Settings { repositories: vec!["r.example/team/app".to_owned()], ..Settings::default() };
    settings.password = Some(("r.example", PASSWORD));
    let observed = Observed::start(&settings).await;
    let alice = Client::open(&observed, "alice", ALICE_PASSWORD).await;
    check_refused(alice.add("", false).await, Code::InvalidArgument, "name: missing, expected a repository");
    check_refused(alice.add("https://r.example/a", false).await, Code::InvalidArgument, "has a scheme");
    let digest = format!("r.example/a@{}", fixtures::sha256(b""));
    check_refused(alice.add(&digest, false).await, Code::InvalidArgument, "names a digest, which never changes");
    check_refused(alice.add("r.example/a", true).await, Code::InvalidArgument, "would travel unencrypted");
    let bob = Client::open(&observed, "bob", "bob's password").await;
    check_refused(bob.add("r.example/a", false).await, Code::PermissionDenied, "may only read");
    let nobody = Client::open(&observed, "alice", "wrong").await;
    check_refused(nobody.add("r.example/a", false).await, Code::Unauthenticated, "wrong credentials");
    observed.stop().await;
}
