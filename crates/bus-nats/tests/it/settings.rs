//! The settings of stream, consumer and connection.

use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::Config as ConsumerConfig;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, Context};
use bus::{Bus, BusError, ConsumerSpec, Outgoing};
use bus_nats::{NatsBus, NatsConfig, StreamConfig, TlsConfig};
use fixtures::NatsServer;

fn config(server: &NatsServer, stream: StreamConfig) -> NatsConfig {
    NatsConfig { urls: vec![server.url()], stream, ..NatsConfig::default() }
}

async fn context(server: &NatsServer) -> Context {
    jetstream::new(async_nats::connect(server.url()).await.expect("a client"))
}

async fn publish(config: NatsConfig) -> Result<(), BusError> {
    let bus = NatsBus::connect(config).await?;
    let outgoing =
        Outgoing { subject: "events.v1.admin.info.test.made".into(), id: "a".into(), payload: b"a".to_vec() };
    bus.publish(vec![outgoing]).await.remove(0).map(drop)
}

/// What is wrong with the configuration or the server, in one line.
async fn misconfigured(config: NatsConfig) -> String {
    match publish(config).await {
        Err(BusError::Misconfigured(text)) => text,
        other => panic!("expected a misconfiguration, got {other:?}"),
    }
}

async fn stream_config(server: &NatsServer) -> Config {
    context(server).await.get_stream("EVENTS").await.expect("a stream").cached_info().config.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_stream_keeps_what_was_acknowledged() {
    let server = NatsServer::start();
    let max_age = Some(Duration::from_hours(1));
    publish(config(&server, StreamConfig { max_age, ..StreamConfig::default() })).await.expect("published");
    let found = stream_config(&server).await;
    assert_eq!(found.subjects, ["events.v1.>", "jobs.v1.analysis.>"]);
    assert_eq!((found.storage, found.retention), (StorageType::File, RetentionPolicy::Limits));
    assert_eq!((found.discard, found.max_messages, found.max_messages_per_subject), (DiscardPolicy::New, -1, -1));
    assert_eq!((found.max_bytes, found.num_replicas), (2 * 1024 * 1024 * 1024, 1));
    assert_eq!((Some(found.max_age), found.duplicate_window), (max_age, Duration::from_mins(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_existing_stream_gets_our_settings_and_keeps_the_others() {
    let server = NatsServer::start();
    let existing = Config {
        name: "EVENTS".into(),
        subjects: vec!["other.>".into()],
        description: Some("an operator's".into()),
        max_bytes: 1024 * 1024,
        ..Config::default()
    };
    context(&server).await.create_stream(existing).await.expect("a stream");
    publish(config(&server, StreamConfig::default())).await.expect("published");
    let found = stream_config(&server).await;
    assert_eq!(found.subjects, ["other.>", "events.v1.>", "jobs.v1.analysis.>"]);
    assert_eq!(found.description.as_deref(), Some("an operator's"));
    assert_eq!((found.discard, found.max_bytes), (DiscardPolicy::New, 2 * 1024 * 1024 * 1024));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_cannot_be_changed_is_named() {
    let check = async |existing: Config, expected: [&str; 3]| {
        let server = NatsServer::start();
        let existing = Config { name: "EVENTS".into(), subjects: vec!["events.v1.>".into()], ..existing };
        context(&server).await.create_stream(existing).await.expect("a stream");
        let text = misconfigured(config(&server, StreamConfig::default())).await;
        assert!(expected.iter().all(|part| text.contains(part)), "{text}");
    };
    check(Config { storage: StorageType::Memory, ..Config::default() }, ["storage", "expected file", "memory"]).await;
    let work_queue = Config { retention: RetentionPolicy::WorkQueue, ..Config::default() };
    check(work_queue, ["retention", "expected limits", "workqueue"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_cannot_give_is_named() {
    let server = NatsServer::start();
    let text = misconfigured(config(&server, StreamConfig { replicas: 3, ..StreamConfig::default() })).await;
    assert!(text.contains("`stream.replicas` is 3"), "{text}");
    let max_bytes = 1 << 60;
    let text = misconfigured(config(&server, StreamConfig { max_bytes, ..StreamConfig::default() })).await;
    assert!(text.contains("`stream.max_bytes` is"), "{text}");
    let other = Config { name: "OTHER".into(), subjects: vec!["events.>".into()], ..Config::default() };
    context(&server).await.create_stream(other).await.expect("a stream");
    let text = misconfigured(config(&server, StreamConfig::default())).await;
    assert!(text.contains("overlap"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_existing_consumer_gets_our_settings_or_is_named() {
    let server = NatsServer::start();
    let bus = NatsBus::connect(config(&server, StreamConfig::default())).await.expect("a bus");
    let spec =
        |name, unsettled_max| ConsumerSpec { name, reads: None, ack_wait: Duration::from_secs(9), unsettled_max };
    bus.consumer(&spec("store", 10)).await.expect("a consumer");
    bus.consumer(&spec("store", 20)).await.expect("the same consumer");
    let stream = context(&server).await.get_stream("EVENTS").await.expect("a stream");
    let found = stream.get_consumer::<ConsumerConfig>("store").await.expect("a consumer").cached_info().config.clone();
    assert_eq!((found.max_ack_pending, found.ack_wait, found.max_deliver), (20, Duration::from_secs(9), -1));
    let foreign = ConsumerConfig {
        durable_name: Some("notifier".into()),
        deliver_policy: DeliverPolicy::New,
        ..ConsumerConfig::default()
    };
    stream.create_consumer(foreign).await.expect("a consumer");
    match bus.consumer(&spec("notifier", 10)).await.err() {
        Some(BusError::Misconfigured(text)) => {
            assert!(text.contains("`notifier`") && text.contains("deliver"), "{text}");
        }
        other => panic!("expected a misconfiguration, got {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_tls_is_trusted_by_its_ca_file() {
    let certified = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).expect("a certificate");
    let files = std::env::temp_dir().join(format!("bus-nats-tls-{}", std::process::id()));
    std::fs::create_dir_all(&files).expect("a directory");
    let (cert, key) = (files.join("cert.pem"), files.join("key.pem"));
    std::fs::write(&cert, certified.cert.pem()).expect("a certificate file");
    std::fs::write(&key, certified.signing_key.serialize_pem()).expect("a key file");
    let server = NatsServer::start_with(&format!(
        "tls {{ cert_file: {:?}, key_file: {:?} }}\nauthorization {{ user: u, password: p }}",
        cert.display().to_string(),
        key.display().to_string()
    ));
    let with = |tls: TlsConfig| NatsConfig {
        user: Some("u".into()),
        password: Some("p".to_owned().into()),
        tls,
        ..config(&server, StreamConfig::default())
    };
    let trusting = TlsConfig { ca_file: Some(cert.clone()), required: true, ..TlsConfig::default() };
    publish(with(trusting)).await.expect("published");
    let error = publish(with(TlsConfig::default())).await.expect_err("an unknown certificate");
    assert!(matches!(&error, BusError::Unavailable(_)), "{}", error.chain());
    assert!(error.chain().to_lowercase().contains("certificate"), "{}", error.chain());
    std::fs::remove_dir_all(&files).expect("removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_refused_where_it_is_required() {
    let server = NatsServer::start();
    let tls = TlsConfig { required: true, ..TlsConfig::default() };
    let error = publish(NatsConfig { tls, ..config(&server, StreamConfig::default()) }).await.expect_err("no TLS");
    assert!(error.is_transient() && error.chain().to_lowercase().contains("tls"), "{}", error.chain());
}
