//! How a server ends that is told to.

use std::time::{Duration, Instant};

use proto::events::v1::{Event, Level, ListEventsRequest, PublishEventsRequest};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;

use crate::harness::{ADMIN, DEADLINE, Rpc, Shape, Stack, block_on, event, eventually, holds};

on_every_stack!(sigterm_ends_every_process_well);

/// `service::shutdown::GRACE`, and time to say good-bye.
const GRACE: Duration = Duration::from_secs(10);
const AT_ONCE_CODE: i32 = 130;

/// A stop in good order leaves nothing to wait for. Less than the time after which a bus gives up on a reader.
const STORED_SOON: Duration = Duration::from_secs(20);
const ROUNDS: u64 = 3;
const EVENTS: u64 = 500;

fn sigterm_ends_every_process_well(shape: Shape) {
    let mut stack = Stack::start(shape);
    let admin = stack.client(ADMIN);
    for round in 1..=ROUNDS {
        // Durable, and perhaps not stored yet when the process is told to stop.
        admin.publish(&((round - 1) * EVENTS + 1..=round * EVENTS).map(event).collect::<Vec<_>>());
        for service in stack.services() {
            let process = stack.process(service);
            process.signal("TERM");
            assert_eq!(process.wait(GRACE), 0, "{service}: {}", process.stderr());
            assert!(process.stderr().contains("stopped"), "{service}: {}", process.stderr());
        }
        for service in stack.services() {
            stack.start_again(service);
        }
        stack.wait_until_ready();
        eventually(STORED_SOON, || {
            let listed = admin.ids(&[]).len() as u64;
            holds(listed == round * EVENTS, || format!("{listed} of {} are listed", round * EVENTS))
        });
    }
}

/// A publisher that never ends its stream.
async fn publisher(url: &str) -> (mpsc::Sender<PublishEventsRequest>, JoinHandle<()>) {
    let mut rpc = Rpc::connect(url, ADMIN).await;
    let (sender, receiver) = mpsc::channel(1);
    let request = rpc.request(ReceiverStream::new(receiver));
    let call = tokio::spawn(async move {
        // The server ends it.
        let _ = rpc.events.publish_events(request).await;
    });
    let event = Event {
        r#type: "note".to_owned(),
        level: Level::Info.into(),
        message: "m".to_owned(),
        occurred_at: Some(prost_types::Timestamp { seconds: 1_530_330_987, nanos: 0 }),
        ..Event::default()
    };
    sender.send(PublishEventsRequest { event: Some(event) }).await.expect("the call has begun");
    // It is listed, so the server is at it.
    let mut reader = Rpc::connect(url, ADMIN).await;
    let deadline = Instant::now() + DEADLINE;
    loop {
        let request = reader.request(ListEventsRequest::default());
        let page = reader.events.list_events(request).await.expect("a page").into_inner();
        if !page.events.is_empty() {
            return (sender, call);
        }
        assert!(Instant::now() < deadline, "the event is not listed");
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_call_that_does_not_end_is_waited_for_until_the_grace_period_ends() {
    let mut stack = Stack::start(Shape::LocalTogether);
    block_on(async {
        let (_sender, _call) = publisher(&stack.url()).await;
        let process = stack.process("gateway");
        let begun = Instant::now();
        process.signal("TERM");
        assert_eq!(process.wait(GRACE + Duration::from_secs(5)), 0, "{}", process.stderr());
        assert!(begun.elapsed() > Duration::from_secs(2), "the call was not waited for");
    });
}

#[test]
fn a_second_signal_stops_at_once() {
    let mut stack = Stack::start(Shape::LocalTogether);
    block_on(async {
        let (_sender, _call) = publisher(&stack.url()).await;
        let process = stack.process("gateway");
        process.signal("TERM");
        eventually(DEADLINE, || holds(process.stderr().contains("a second signal stops at once"), || process.stderr()));
        assert_eq!(process.ended(), None, "it waits for the call");
        let begun = Instant::now();
        process.signal("INT");
        assert_eq!(process.wait(GRACE), AT_ONCE_CODE, "{}", process.stderr());
        assert!(begun.elapsed() < Duration::from_secs(3), "at once");
    });
}
