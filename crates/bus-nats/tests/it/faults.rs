//! Servers that are away, come back, forget, or are full.

use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, BusError, Consumer, ConsumerSpec, Message, Outgoing, Settlement, Verdict};
use bus_nats::{NatsBus, NatsConfig, StreamConfig};
use fixtures::NatsServer;
use tokio::time::{Instant, sleep, timeout};

const DEADLINE: Duration = Duration::from_secs(30);

fn config(server: &NatsServer) -> NatsConfig {
    NatsConfig { urls: vec![server.url()], ..NatsConfig::default() }
}

async fn connect(server: &NatsServer) -> Arc<NatsBus> {
    NatsBus::connect(config(server)).await.expect("a bus")
}

fn outgoing(id: &str, payload_bytes: usize) -> Outgoing {
    Outgoing { subject: "events.v1.admin.info.test.made".into(), id: id.into(), payload: vec![7; payload_bytes] }
}

async fn reader(bus: &NatsBus, ack_wait: Duration) -> Arc<dyn Consumer> {
    bus.consumer(&ConsumerSpec { name: "store", reads: None, ack_wait, unsettled_max: 1000 }).await.expect("a consumer")
}

async fn publish_one(bus: &NatsBus, id: &str) -> Result<(), BusError> {
    let mut results = timeout(DEADLINE, bus.publish(vec![outgoing(id, 10)])).await.expect("publishing ends");
    results.remove(0).map(drop)
}

/// Publishes until it works.
async fn publish_eventually(bus: &NatsBus, id: &str) {
    let deadline = Instant::now() + DEADLINE;
    while let Err(error) = publish_one(bus, id).await {
        assert!(error.is_transient() && Instant::now() < deadline, "{}", error.chain());
        sleep(Duration::from_millis(20)).await;
    }
}

/// Fetches until there is something.
async fn fetch_eventually(consumer: &Arc<dyn Consumer>) -> Vec<Message> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        assert!(Instant::now() < deadline, "nothing comes");
        match consumer.fetch(100, Duration::from_secs(1)).await {
            Ok(messages) if messages.is_empty() => {}
            Ok(messages) => return messages,
            Err(error) => {
                assert!(error.is_transient(), "{}", error.chain());
                sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn settle(consumer: &Arc<dyn Consumer>, messages: Vec<Message>, verdict: Verdict) -> Result<(), BusError> {
    let settlements = messages.into_iter().map(|message| Settlement { token: message.token, verdict });
    consumer.settle(settlements.collect()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_may_start_before_its_server() {
    let mut server = NatsServer::start();
    server.kill();
    let bus = connect(&server).await;
    let error = publish_one(&bus, "a").await.unwrap_err();
    let text = error.chain();
    assert!(matches!(error, BusError::Unavailable(_)), "{text}");
    assert!(text.contains(&format!("127.0.0.1:{}", server.port())) && text.contains("refused"), "{text}");
    assert!(matches!(bus.check().await, Err(BusError::Unavailable(_))));
    let spec = ConsumerSpec { name: "store", reads: None, ack_wait: DEADLINE, unsettled_max: 10 };
    assert!(matches!(bus.consumer(&spec).await, Err(BusError::Unavailable(_))));
    server.restart();
    publish_eventually(&bus, "a").await;
    bus.check().await.expect("a bus that can be used");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_fetch_ends_when_the_server_is_killed_and_works_when_it_is_back() {
    let mut server = NatsServer::start();
    let bus = connect(&server).await;
    let consumer = reader(&bus, Duration::from_secs(1)).await;
    let waiting = {
        let consumer = Arc::clone(&consumer);
        tokio::spawn(async move { consumer.fetch(10, Duration::from_mins(10)).await })
    };
    // A message that was delivered and taken shows that the fetch above is not the only one that works.
    publish_one(&bus, "before").await.expect("published");
    let messages = timeout(DEADLINE, waiting).await.expect("the fetch ends").expect("no panic").expect("fetched");
    let waiting = {
        let consumer = Arc::clone(&consumer);
        tokio::spawn(async move { consumer.fetch(10, Duration::from_mins(10)).await })
    };
    server.kill();
    let ended = timeout(DEADLINE, waiting).await.expect("the fetch ends").expect("no panic");
    assert!(matches!(ended, Err(BusError::Unavailable(_))), "{ended:?}");
    let unsettled = timeout(DEADLINE, settle(&consumer, messages, Verdict::Ack)).await.expect("settling ends");
    assert!(matches!(unsettled, Err(BusError::Unavailable(_))), "{unsettled:?}");
    server.restart();
    publish_eventually(&bus, "after").await;
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let messages = fetch_eventually(&consumer).await;
        seen.extend(messages.iter().map(|message| message.id.clone()));
        settle(&consumer, messages, Verdict::Ack).await.expect("settled");
    }
    seen.sort();
    assert_eq!(seen, ["after", "before"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_vanished_is_created_again() {
    let server = NatsServer::start();
    let bus = connect(&server).await;
    let consumer = reader(&bus, DEADLINE).await;
    publish_one(&bus, "a").await.expect("published");
    let client = async_nats::connect(server.url()).await.expect("a client");
    async_nats::jetstream::new(client).delete_stream("EVENTS").await.expect("deleted");
    publish_eventually(&bus, "b").await;
    let messages = fetch_eventually(&consumer).await;
    assert_eq!(messages[0].id, "b", "the consumer was created again too");
    settle(&consumer, messages, Verdict::Ack).await.expect("settled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lost_its_files_gets_a_new_stream() {
    let mut server = NatsServer::start();
    let bus = connect(&server).await;
    let consumer = reader(&bus, DEADLINE).await;
    publish_one(&bus, "a").await.expect("published");
    server.kill();
    std::fs::remove_dir_all(server.directory().join("store")).expect("files to lose");
    server.restart();
    publish_eventually(&bus, "a").await;
    assert_eq!(fetch_eventually(&consumer).await[0].id, "a");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_is_named_as_the_cause_and_never_printed() {
    let server = NatsServer::start_with(r#"authorization { user: "events", password: "right-one" }"#);
    let with = |password: &str| NatsConfig {
        user: Some("events".into()),
        password: Some(password.to_owned().into()),
        ..config(&server)
    };
    let right = NatsBus::connect(with("right-one")).await.expect("a bus");
    publish_eventually(&right, "a").await;
    let wrong = NatsBus::connect(with("wrong-one")).await.expect("a bus");
    let error = publish_one(&wrong, "b").await.unwrap_err();
    let text = format!("{} {error:?} {:?}", error.chain(), with("wrong-one"));
    assert!(matches!(error, BusError::Unavailable(_)), "{text}");
    assert!(text.to_lowercase().contains("authorization violation"), "{text}");
    assert!(!text.contains("wrong-one"), "{text}");
    let in_url =
        NatsConfig { urls: vec![server.url().replace("://", "://events:wrong-one@")], ..NatsConfig::default() };
    let error = publish_one(&NatsBus::connect(in_url).await.expect("a bus"), "c").await.unwrap_err();
    assert!(!format!("{} {error:?}", error.chain()).contains("wrong-one"), "{}", error.chain());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_stream_says_who_is_behind_and_gets_room_when_all_is_settled() {
    const MEGABYTE: usize = 1000 * 1000;
    let server = NatsServer::start();
    let stream = StreamConfig { max_bytes: 10 * 1024 * 1024, ..StreamConfig::default() };
    let bus = NatsBus::connect(NatsConfig { stream, ..config(&server) }).await.expect("a bus");
    let consumer = reader(&bus, DEADLINE).await;
    let results = bus.publish((0..20).map(|number| outgoing(&format!("m{number}"), MEGABYTE)).collect()).await;
    let taken = results.iter().take_while(|result| result.is_ok()).count();
    assert!((8..11).contains(&taken), "{taken} messages of a megabyte in 10 MiB");
    let error = results.into_iter().nth(taken).expect("more than fit").unwrap_err();
    assert!(matches!(&error, BusError::Full(text) if text.contains("`store`")), "{}", error.chain());
    let mut settled = 0;
    while settled < taken {
        let messages = fetch_eventually(&consumer).await;
        settled += messages.len();
        settle(&consumer, messages, Verdict::Ack).await.expect("settled");
    }
    let deadline = Instant::now() + DEADLINE;
    while let Err(error) = bus.publish(vec![outgoing("late", MEGABYTE)]).await.remove(0) {
        assert!(matches!(error, BusError::Full(_)) && Instant::now() < deadline, "{}", error.chain());
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(fetch_eventually(&consumer).await[0].id, "late", "nothing that was settled comes again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_too_large_for_the_server_is_refused() {
    let server = NatsServer::start_with("max_payload: 65536");
    let bus = connect(&server).await;
    publish_eventually(&bus, "small").await;
    let results = bus.publish(vec![outgoing("large", 100_000), outgoing("next", 10)]).await;
    assert!(matches!(&results[..], [Err(BusError::Refused(_)), Ok(_)]), "{results:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_jetstream_is_unavailable_and_says_so() {
    let server = NatsServer::start_with("accounts { A { users: [{user: a, password: a}] } }\nno_auth_user: a");
    let error = publish_one(&*connect(&server).await, "a").await.unwrap_err();
    assert!(error.chain().contains("JetStream") || error.chain().contains("jetstream"), "{}", error.chain());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_token_is_refused() {
    let server = NatsServer::start();
    let bus = connect(&server).await;
    let consumer = reader(&bus, DEADLINE).await;
    let settlement = Settlement { token: bus::Token("events.v1.x".into()), verdict: Verdict::Ack };
    assert!(matches!(consumer.settle(vec![settlement]).await, Err(BusError::Refused(_))));
}
