//! What is carried over, and what becomes of the rest.

use std::sync::Arc;
use std::time::Duration;

use bus::{ASKED, AskedNote, BusError, Notes, STORED, StoredNote, Verdict};
use futures::StreamExt;
use outbox::{BUS, Forwarder, Metrics, NAME, STORE};
use prometheus_client::registry::Registry;
use service::readiness::Readiness;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::doubles::{Answer, FakeBus, FakeLog, TAKEN, message, now};

const DEADLINE: Duration = Duration::from_secs(30);

struct Fixture {
    log: FakeLog,
    bus: Arc<FakeBus>,
    readiness: Readiness,
    stop: CancellationToken,
    running: JoinHandle<Result<(), BusError>>,
}

impl Fixture {
    fn new(answer: Answer) -> Self {
        let (log, bus) = (FakeLog::new(), FakeBus::new(answer));
        let readiness = Readiness::default();
        let forwarder = Forwarder {
            log: Arc::new(log.clone()),
            bus: bus.clone(),
            notes: bus.clone(),
            latch: readiness.service(NAME, &[BUS]),
            metrics: Metrics::register(&mut Registry::default()),
        };
        let stop = CancellationToken::new();
        let running = tokio::spawn(forwarder.run(stop.clone()));
        Self { log, bus, readiness, stop, running }
    }

    fn deliver(&self, ids: &[&str], attempt: u32) {
        self.log.deliver(ids.iter().map(|id| message(id, attempt)).collect());
    }

    async fn eventually(&self, claim: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !holds(self) {
            let reasons = self.readiness.reasons(NAME);
            assert!(Instant::now() < deadline, "{claim}: taken {:?}, not ready for {reasons:?}", self.bus.taken());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn fails(&self, condition: &str) -> bool {
        self.readiness.reasons(NAME).into_iter().flatten().any(|reason| reason.starts_with(&format!("{condition}: ")))
    }

    async fn confirm(&self, ids: &[&str]) {
        let note = StoredNote { stored_at: now(), ids: ids.iter().map(ToString::to_string).collect() };
        self.bus.tell(STORED, note.encode()).await.expect("told");
    }
}

#[tokio::test]
async fn a_message_leaves_the_log_when_the_store_has_confirmed_it() {
    let fixture = Fixture::new(TAKEN);
    fixture.deliver(&["a", "b"], 1);
    fixture.eventually("both are on the bus", |fixture| fixture.bus.taken() == ["a", "b"]).await;
    assert!(fixture.log.settled().is_empty(), "the bus's word is not enough");
    fixture.confirm(&["b", "others"]).await;
    fixture.eventually("one is settled", |fixture| fixture.log.settled() == [("b.1".to_owned(), Verdict::Ack)]).await;
    // The other one comes back, although a later one was confirmed.
    fixture.deliver(&["a"], 2);
    fixture.eventually("it is sent again", |fixture| fixture.bus.taken() == ["a", "b", "a"]).await;
    fixture.stop.cancel();
    fixture.running.await.expect("it ends").expect("in good order");
}

#[tokio::test]
async fn readiness_says_when_no_store_confirms_and_when_one_does() {
    let fixture = Fixture::new(TAKEN);
    fixture.deliver(&["a", "b"], 1);
    fixture.eventually("both are on the bus", |fixture| fixture.bus.taken().len() == 2).await;
    assert!(!fixture.fails(STORE));
    let mut asked = fixture.bus.hear(ASKED).await.expect("heard");
    fixture.deliver(&["a", "b"], 2);
    let note = asked.next().await.expect("the store is asked");
    assert_eq!(AskedNote::decode(&note).expect("a note").ids, ["b", "a"]);
    fixture.eventually("one goes again, to find out", |fixture| fixture.bus.taken() == ["a", "b", "a"]).await;
    assert!(!fixture.fails(STORE), "it may still answer");
    fixture.deliver(&["a", "b"], 3);
    fixture.eventually("nobody confirms", |fixture| fixture.fails(STORE)).await;
    fixture.confirm(&["a"]).await;
    fixture.eventually("the store is back", |fixture| !fixture.fails(STORE)).await;
}

#[tokio::test]
async fn a_bus_that_is_set_up_wrongly_ends_nobody() {
    let fixture = Fixture::new(|_| Err(BusError::Misconfigured("the stream has storage memory".to_owned())));
    fixture.deliver(&["a"], 1);
    fixture.eventually("it is told", |fixture| fixture.fails(BUS)).await;
    fixture.bus.set_answer(TAKEN);
    fixture.eventually("it goes on when it is mended", |fixture| fixture.bus.taken() == ["a"]).await;
    fixture.eventually("and is ready", |fixture| !fixture.fails(BUS)).await;
}

#[tokio::test]
async fn a_bus_that_goes_away_is_told_although_there_is_nothing_to_carry_over() {
    let fixture = Fixture::new(TAKEN);
    fixture.eventually("it is there", |fixture| !fixture.fails(BUS)).await;
    fixture.bus.set_away(true);
    fixture.eventually("it is away", |fixture| fixture.fails(BUS)).await;
    fixture.bus.set_away(false);
    fixture.eventually("it is back", |fixture| !fixture.fails(BUS)).await;
}

#[tokio::test]
async fn what_the_bus_refuses_for_good_is_put_aside_and_holds_up_nothing() {
    let fixture = Fixture::new(|id| match id {
        "large" => Err(BusError::Refused("too large".to_owned())),
        other => TAKEN(other),
    });
    fixture.deliver(&["a", "large", "b"], 1);
    fixture.eventually("the others are on the bus", |fixture| fixture.bus.taken() == ["a", "b"]).await;
    assert_eq!(fixture.log.aside(), [("large".to_owned(), "the bus refuses it: too large".to_owned())]);
    fixture
        .eventually("it is settled", |fixture| fixture.log.settled() == [("large.1".to_owned(), Verdict::Reject)])
        .await;
}
