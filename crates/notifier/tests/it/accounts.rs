//! Endpoints that are added at run time, and who may see and change what.

use std::time::Duration;

use fixtures::DatabaseKind;
use proto::notifier::v1;
use tonic::Code;

use crate::house::{House, Switchable, as_user, event, eventually};

fixtures::on_both_databases!(
    an_account_has_endpoints_of_its_own,
    secrets_are_never_answered_and_a_new_one_signs_beside_the_old_for_a_day,
    what_cannot_be_an_endpoint_is_refused_by_field,
    an_endpoint_is_changed_and_removed,
);

fn endpoint(name: &str, receiver: &Switchable) -> v1::Endpoint {
    let url = format!("{}/secret-path", receiver.receiver.url());
    v1::Endpoint { name: name.to_owned(), url, format: v1::Format::Event.into(), ..v1::Endpoint::default() }
}

async fn create(house: &House, user: &str, endpoint: v1::Endpoint) -> Result<v1::Endpoint, tonic::Status> {
    let request = v1::CreateEndpointRequest { endpoint: Some(endpoint), all_accounts: false };
    let created = house.client().create_endpoint(as_user(user, request)).await?;
    Ok(created.into_inner().endpoint.unwrap())
}

async fn names(house: &House, user: &str) -> Vec<(String, String)> {
    let listed = house.client().list_endpoints(as_user(user, v1::ListEndpointsRequest {})).await.unwrap();
    let shown = listed.into_inner().endpoints.into_iter();
    shown.map(|endpoint| (endpoint.name, endpoint.url.rsplit('/').next().unwrap().to_owned())).collect()
}

async fn an_account_has_endpoints_of_its_own(kind: DatabaseKind) {
    let (everybody, of_alice) = (Switchable::new(200), Switchable::new(200));
    let house = House::start(kind, &everybody.settings("").replace("/'", "/secret-path'")).await;
    let refused = create(&house, "bob", endpoint("hook", &of_alice)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "bob may only read");
    create(&house, "alice", endpoint("hook", &of_alice)).await.unwrap();
    let refused = create(&house, "alice", endpoint("hook", &of_alice)).await.unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists);

    let own = |name: &str, path: &str| (name.to_owned(), path.to_owned());
    assert_eq!(names(&house, "alice").await, [own("hook", "secret-path"), own("ops", "...")]);
    assert_eq!(names(&house, "carol").await, [own("ops", "...")], "whose path may be a secret of the operator's");
    assert_eq!(names(&house, "admin").await, [own("ops", "secret-path")]);

    let (alice, carol) = (event("alice", 1), event("carol", 2));
    house.store(&[alice.clone(), carol.clone()]).await;
    eventually(async || everybody.received().len() == 2 && of_alice.received().len() == 1).await;
    assert_eq!(of_alice.received(), [alice.id.to_string()]);
    let list = async |user: &str| {
        let request = v1::ListDeliveriesRequest::default();
        house.client().list_deliveries(as_user(user, request)).await.unwrap().into_inner().deliveries
    };
    assert_eq!((list("alice").await.len(), list("carol").await.len(), list("bob").await.len()), (2, 1, 0));
    let request = v1::GetDeliveryRequest { id: list("alice").await[0].id.clone() };
    let refused = house.client().get_delivery(as_user("carol", request)).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    for name in ["ops", "hook"] {
        let request = v1::DeleteEndpointRequest { name: name.to_owned() };
        let refused = house.client().delete_endpoint(as_user("carol", request)).await.unwrap_err();
        assert!(matches!(refused.code(), Code::FailedPrecondition | Code::NotFound), "{refused:?}");
    }
    let request = v1::CreateEndpointRequest { endpoint: Some(endpoint("all", &of_alice)), all_accounts: true };
    let refused = house.client().create_endpoint(as_user("alice", request.clone())).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    house.client().create_endpoint(as_user("admin", request)).await.unwrap();
}

async fn secrets_are_never_answered_and_a_new_one_signs_beside_the_old_for_a_day(kind: DatabaseKind) {
    let receiver = Switchable::new(200);
    let house = House::start(kind, "endpoints: []").await;
    let secret = |letter: char| format!("whsec_{}", letter.to_string().repeat(32));
    let credentials = |secret: String| v1::Credentials {
        secret: Some(secret),
        user: Some("u".to_owned()),
        password: Some("password-1".to_owned()),
        ..v1::Credentials::default()
    };
    let hook = v1::Endpoint {
        credentials: Some(credentials(secret('A'))),
        headers: [("X-Key".to_owned(), "header-1".to_owned())].into(),
        ..endpoint("hook", &receiver)
    };
    let created = create(&house, "admin", hook.clone()).await.unwrap();
    let shown = format!("{created:?} {:?}", house.endpoint("hook").await);
    for secret in ["AAAA", "password-1", "header-1"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert_eq!(created.trust, ["signed (v1)", "basic, user `u`", "headers X-Key"]);
    let signatures = async |number: usize| {
        house.store(std::slice::from_ref(&event("admin", number))).await;
        eventually(async || receiver.received().len() == number).await;
        let request = receiver.receiver.requests().pop().unwrap();
        assert_eq!(request.header("x-key"), Some("header-1"));
        request.header("webhook-signature").unwrap().split(' ').count()
    };
    assert_eq!(signatures(1).await, 1);
    let new = v1::Endpoint {
        credentials: Some(v1::Credentials { secret: Some(secret('B')), ..v1::Credentials::default() }),
        ..hook
    };
    let update_mask = Some(prost_types::FieldMask { paths: vec!["credentials".to_owned()] });
    let request = v1::UpdateEndpointRequest { endpoint: Some(new), update_mask };
    house.client().update_endpoint(as_user("admin", request)).await.unwrap();
    eventually(async || house.endpoint("hook").await.trust.len() == 4).await;
    assert_eq!(signatures(2).await, 2);
    house.advance(Duration::from_hours(25));
    eventually(async || house.endpoint("hook").await.trust.len() == 3).await;
    assert_eq!(signatures(3).await, 1);
}

async fn what_cannot_be_an_endpoint_is_refused_by_field(kind: DatabaseKind) {
    let receiver = Switchable::new(200);
    let house = House::start(kind, "endpoints: []").await;
    let check = async |change: fn(&mut v1::Endpoint), expected: &str| {
        let mut sent = endpoint("hook", &receiver);
        change(&mut sent);
        let refused = create(&house, "admin", sent).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().starts_with(expected), "{}", refused.message());
    };
    check(|sent| "A b".clone_into(&mut sent.name), "endpoint.name: `A b` is no name").await;
    check(|sent| "general".clone_into(&mut sent.name), "endpoint.name: `general` is a section").await;
    check(|sent| sent.url.clear(), "endpoint.url: ").await;
    check(|sent| "http://169.254.169.254/".clone_into(&mut sent.url), "endpoint.url: ").await;
    check(|sent| sent.format = 9, "endpoint.format: unknown format number 9").await;
    check(|sent| sent.levels = vec![7], "endpoint.levels: unknown level number 7").await;
    let too_many = |sent: &mut v1::Endpoint| {
        sent.limits = Some(v1::Limits { concurrency_max: Some(1000), ..v1::Limits::default() });
    };
    check(too_many, "endpoint.limits.concurrency_max: 1000, expected 1 to 100").await;
}

async fn an_endpoint_is_changed_and_removed(kind: DatabaseKind) {
    let receiver = Switchable::new(503);
    let house = House::start(kind, "endpoints: []").await;
    create(&house, "alice", endpoint("hook", &receiver)).await.unwrap();
    let sent = event("alice", 1);
    house.store(std::slice::from_ref(&sent)).await;
    eventually(async || receiver.received().len() == 1).await;
    let moved = Switchable::new(200);
    let new = v1::Endpoint { levels: vec![proto::events::v1::Level::Info.into()], ..endpoint("hook", &moved) };
    let update_mask = Some(prost_types::FieldMask { paths: vec!["url".to_owned(), "levels".to_owned()] });
    let request = v1::UpdateEndpointRequest { endpoint: Some(new), update_mask };
    house.client().update_endpoint(as_user("alice", request)).await.unwrap();
    eventually(async || moved.received() == [sent.id.to_string()]).await;
    house.store(std::slice::from_ref(&event("alice", 2))).await;
    eventually(async || house.bus.is_read()).await;
    assert_eq!(moved.received().len(), 1, "of another level now");
    let request = v1::DeleteEndpointRequest { name: "hook".to_owned() };
    house.client().delete_endpoint(as_user("alice", request.clone())).await.unwrap();
    let refused = house.client().delete_endpoint(as_user("alice", request)).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
}
