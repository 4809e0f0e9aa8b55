//! The gRPC interface as a program meets it, through the gateway and at the store's own door.

use proto::events::v1::{
    Event, GetEventRequest, Level, ListEventTypesRequest, PublishEventsRequest, PurgeEventsRequest, Resource, Source,
    purge_events_response::Step,
};
use tokio_stream::StreamExt;
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::harness::{ADMIN, DEADLINE, Rpc, Shape, Stack, block_on, event, eventually, holds, http_get, run};

on_every_stack!(both_doors_tell_what_they_answer_and_how_they_are, a_program_publishes_reads_and_purges);

const EVENT_SERVICE: &str = "events.v1.EventService";

fn both_doors_tell_what_they_answer_and_how_they_are(shape: Shape) {
    let mut stack = Stack::start(shape);
    let health = |stack: &Stack, service: &str| run(&mut stack.server(service, &["health"]), b"", DEADLINE);
    for service in stack.services() {
        assert!(health(&stack, service).ok().contains(": ready\n"));
        let (status, metrics) = stack.admin_get(service, "/metrics");
        assert!(status == 200 && metrics.ends_with("# EOF\n"), "{metrics}");
        assert_eq!(stack.admin_get(service, "/livez").0, 200);
    }
    assert_eq!(run(&mut stack.server("gateway", &["health", "gateway"]), b"", DEADLINE).ok(), "gateway: ready\n");
    block_on(async {
        for url in [stack.url(), stack.store_url()] {
            let rpc = Rpc::connect(&url, ADMIN).await;
            let services = reflected_services(rpc.channel.clone()).await;
            for expected in [EVENT_SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"] {
                assert!(services.iter().any(|service| service == expected), "{url}: {services:?}");
            }
            assert!(describes(rpc.channel.clone(), EVENT_SERVICE).await, "{url}");
            for service in ["", EVENT_SERVICE] {
                assert_eq!(check(rpc.channel.clone(), service).await, Ok(ServingStatus::Serving), "{url} {service}");
            }
            assert_eq!(check(rpc.channel, "no.such.Service").await, Err(Code::NotFound), "{url}");
        }
    });
    // Only where they are apart, the gateway can be without the store.
    if matches!(shape, Shape::LocalApart | Shape::NatsApart) {
        stack.kill9("events-store");
        eventually(DEADLINE, || {
            let answer = health(&stack, "gateway");
            holds(answer.code == 1 && answer.stdout.contains("gateway: not ready: events-store: "), || {
                format!("{answer:?}")
            })
        });
        assert_eq!(run(&mut stack.server("events-store", &["health"]), b"", DEADLINE).code, 1);
        block_on(async {
            let rpc = Rpc::connect(&stack.url(), ADMIN).await;
            assert_eq!(check(rpc.channel, EVENT_SERVICE).await, Ok(ServingStatus::NotServing));
        });
        let list = stack.client(ADMIN).run(&["event", "list"]);
        list.refused(2, &["the events-store at http://127.0.0.1:", "cannot be reached"]);
        stack.restart("events-store");
        stack.client(ADMIN).store(&[event(1)]);
    }
}

async fn ask(channel: Channel, request: MessageRequest) -> MessageResponse {
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(request) };
    let answers = ServerReflectionClient::new(channel).server_reflection_info(tokio_stream::once(request)).await;
    let answer = answers.expect("reflection needs no credentials").into_inner().next().await;
    answer.expect("an answer").expect("an answer").message_response.expect("an answer")
}

async fn reflected_services(channel: Channel) -> Vec<String> {
    match ask(channel, MessageRequest::ListServices(String::new())).await {
        MessageResponse::ListServicesResponse(services) => {
            services.service.into_iter().map(|found| found.name).collect()
        }
        other => panic!("{other:?}"),
    }
}

async fn describes(channel: Channel, symbol: &str) -> bool {
    let answer = ask(channel, MessageRequest::FileContainingSymbol(symbol.to_owned())).await;
    matches!(answer, MessageResponse::FileDescriptorResponse(files) if !files.file_descriptor_proto.is_empty())
}

async fn check(channel: Channel, service: &str) -> Result<ServingStatus, Code> {
    let request = HealthCheckRequest { service: service.to_owned() };
    let answer = HealthClient::new(channel).check(request).await.map_err(|status| status.code())?;
    Ok(answer.into_inner().status())
}

/// JSON that a parser would change: large numbers, spellings, order and repetition of keys, escapes, blanks.
const DETAILS: &str = r#"{"z": 1.50, "a":[9007199254740993,12345678901234567890123, 1e400 ,-0], "text":"\u00e9 é \/ \ud83e\udd80",
  "b":{"b":null,"a":true}, "empty":{}, "a":2}"#;

fn full(number: u64) -> Event {
    Event {
        id: format!("{number:032x}"),
        r#type: "note".to_owned(),
        level: Level::Info.into(),
        message: "Über \u{1f980}".to_owned(),
        details_json: DETAILS.to_owned(),
        resource: Some(Resource {
            account: "admin".to_owned(),
            r#type: "tag".to_owned(),
            id: "docker.io/a:1".to_owned(),
        }),
        source: Some(Source {
            service: "own".to_owned(),
            host_id: "h".to_owned(),
            base_url: "http://h:1".to_owned(),
            request_id: "r".to_owned(),
        }),
        occurred_at: Some(prost_types::Timestamp { seconds: 1_530_330_987, nanos: 711_071_000 }),
        stored_at: None,
    }
}

fn a_program_publishes_reads_and_purges(shape: Shape) {
    const EVENTS: u64 = 1_500;
    let stack = Stack::start(shape);
    block_on(async {
        let mut rpc = Rpc::connect(&stack.url(), ADMIN).await;
        let requests = (1..=EVENTS).map(|number| PublishEventsRequest { event: Some(full(number)) });
        let request = rpc.request(tokio_stream::iter(requests.collect::<Vec<_>>()));
        let ids = rpc.events.publish_events(request).await.expect("they are published").into_inner().ids;
        assert_eq!(ids, (1..=EVENTS).map(|number| format!("{number:032x}")).collect::<Vec<_>>(), "in order");
    });
    let admin = stack.client(ADMIN);
    eventually(DEADLINE, || {
        let listed = admin.ids(&[]).len() as u64;
        holds(listed == EVENTS, || format!("{listed} are listed"))
    });
    for url in [stack.url(), stack.store_url()] {
        block_on(async {
            let mut rpc = Rpc::connect(&url, ADMIN).await;
            let request = rpc.request(GetEventRequest { id: full(7).id });
            let got = rpc.events.get_event(request).await.expect("it is stored").into_inner().event.expect("an event");
            assert!(got.stored_at.is_some());
            assert_eq!(got.details_json, DETAILS, "exact bytes");
            assert_eq!(Event { stored_at: None, ..got }, full(7));
            let request = rpc.request(ListEventTypesRequest {});
            let types = rpc.events.list_event_types(request).await.expect("the types").into_inner().event_types;
            let dotted =
                types.iter().find(|found| found.name == "list_tags_fail").map(|found| found.dotted_name.as_str());
            assert_eq!(dotted, Some("system.repository.list_tags_fail"));
        });
    }
    block_on(a_purge_deletes_what_its_preview_showed(&stack, EVENTS));
    let (status, answer) = http_get(gateway_port(&stack), "/health").expect("the gateway answers");
    assert_eq!(status, 200, "{answer}");
    assert_eq!(http_get(gateway_port(&stack), "/nowhere").expect("the gateway answers").0, 404);
}

async fn a_purge_deletes_what_its_preview_showed(stack: &Stack, events: u64) {
    let mut rpc = Rpc::connect(&stack.url(), ADMIN).await;
    let request = rpc.request(PurgeEventsRequest { validate_only: true, ..PurgeEventsRequest::default() });
    let mut steps = rpc.events.purge_events(request).await.expect("a preview").into_inner();
    let Some(Step::Preview(preview)) = steps.message().await.expect("a preview").and_then(|answer| answer.step) else {
        panic!("the only step is the preview");
    };
    assert_eq!((preview.count.cast_unsigned(), preview.sample.len()), (events, 10));
    assert!(steps.message().await.expect("the end").is_none());

    // What comes after the preview stays.
    let later = tokio_stream::once(PublishEventsRequest { event: Some(full(events + 1)) });
    let request = rpc.request(later);
    rpc.events.publish_events(request).await.expect("it is published");
    let client = stack.client(ADMIN);
    eventually(DEADLINE, || {
        let listed = client.ids(&[]).len() as u64;
        holds(listed == events + 1, || format!("{listed} are listed"))
    });
    let request = rpc.request(PurgeEventsRequest { purge_token: preview.purge_token, ..PurgeEventsRequest::default() });
    let mut steps = rpc.events.purge_events(request).await.expect("a purge").into_inner();
    let (mut deleted, mut ids) = (0, 0);
    while let Some(answer) = steps.message().await.expect("a step") {
        let Some(Step::Progress(progress)) = answer.step else { panic!("{answer:?}") };
        ids += progress.deleted_ids.len() as u64;
        deleted = progress.deleted_count.cast_unsigned();
    }
    assert_eq!((deleted, ids), (events, events));
    assert_eq!(client.ids(&[]), [full(events + 1).id]);
}

fn gateway_port(stack: &Stack) -> u16 {
    let url = stack.url();
    let port = url.trim_end_matches("/v1").rsplit(':').next().and_then(|port| port.parse().ok());
    port.expect("the URL has a port")
}
