//! Jobs from the bus.

use bus::{AnalysisJob, Outgoing, Verdict};
use event::EventId;
use fixtures::{FaultServer, eventually_seen};
use proto::analyzer::v1::{ListImagesRequest, State};
use serde_json::json;

use crate::observed::{Observed, Settings, details};
use crate::served_image::{PATH, ServedImage, TAG};
use crate::tar_builder::TarBuilder;

const DATABASE: &str = "Package: a\nStatus: install ok installed\nVersion: 1\n\nPackage: gone\nStatus: deinstall ok \
                        config-files\nVersion: 1\n";

fn image() -> ServedImage {
    let os = "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
    ServedImage::of(&[
        TarBuilder::new().folder("usr/").file("usr/lib/os-release", os).finish(),
        TarBuilder::new()
            .symlink("etc/os-release", "../usr/lib/os-release")
            .file("var/lib/dpkg/status", DATABASE)
            .finish(),
    ])
}

fn job(server: &FaultServer, tag: &str, digest: Option<String>) -> AnalysisJob {
    AnalysisJob {
        id: EventId::generate(),
        account: "alice".parse().unwrap(),
        repository: format!("{}/{PATH}", server.registry()),
        tag: Some(tag.to_owned()),
        digest,
        insecure: true,
        requested_at: "2026-11-30T03:00:00Z".parse().unwrap(),
    }
}

#[tokio::test]
async fn a_job_is_taken_over_and_what_comes_of_it_is_told() {
    let (image, settings) = (image(), Settings::default());
    let server = image.serve();
    let bus = settings.bus.clone();
    let job = job(&server, TAG, Some(image.digest()));
    bus.leave(job.to_outgoing());
    let observed = Observed::start(settings).await;
    let event = observed.events(1).await.remove(0);
    assert_eq!((event.event_type.as_str(), event.level.as_str()), ("user.image.analysis.completed", "INFO"));
    assert_eq!(event.message, "Image analysis available");
    assert_eq!(event.resource.account.as_str(), "alice");
    assert_eq!(event.resource.resource_type.as_deref(), Some("image_tag"));
    assert_eq!(event.resource.id.as_deref(), Some(format!("{}/{PATH}:{TAG}", server.registry()).as_str()));
    let mut details = details(&event);
    assert!(details["duration_ms"].take().is_u64());
    assert!(details["bytes"]["compressed"].take().is_u64());
    let state = |status: &str| json!({"imageDigest": image.digest(), "analysis_status": status, "annotations": {}});
    let expected = json!({
        "subscription_type": "analysis_update", "annotations": {},
        "last_eval": state("analyzing"), "curr_eval": state("analyzed"),
        "manifest_digest": image.digest(), "platform": "linux/amd64",
        "distribution": {"id": "debian", "version": "12", "name": "Debian GNU/Linux 12 (bookworm)"},
        "packages": {"dpkg": 1, "total": 1},
        "layers": 2, "entries": 4, "bytes": {"compressed": null, "unpacked": 5120},
        "duration_ms": null, "unknowns": [], "unknowns_omitted": 0,
    });
    assert_eq!(details, expected);
    // What is in the table is told to be safe, and only then acknowledged.
    assert_eq!(bus.confirmed(), [job.id.to_string()]);
    eventually_seen("an acknowledgement", async || {
        bus.verdicts().contains(&(job.id.to_string(), Verdict::Ack)).then_some(())
    })
    .await;
    observed.stop().await;
}

#[tokio::test]
async fn a_job_that_comes_twice_is_one_job() {
    let (image, settings) = (image(), Settings::default());
    let server = image.serve();
    let bus = settings.bus.clone();
    let job = job(&server, TAG, Some(image.digest()));
    bus.leave(job.to_outgoing());
    let observed = Observed::start(settings).await;
    observed.events(1).await;
    bus.leave(job.to_outgoing());
    eventually_seen("two acknowledgements", async || (bus.verdicts().len() == 2).then_some(())).await;
    let other = AnalysisJob { id: EventId::generate(), ..job };
    bus.leave(other.to_outgoing());
    eventually_seen("three acknowledgements", async || (bus.verdicts().len() == 3).then_some(())).await;
    assert_eq!(bus.events().len(), 1);
    assert_eq!(server.requests_to(&format!("/v2/{PATH}/blobs/")), 3);
    observed.stop().await;
}

#[tokio::test]
async fn a_tag_that_is_new_for_a_known_image_is_told_without_another_analysis() {
    let (image, settings) = (image(), Settings::default());
    let server = image.serve();
    let bus = settings.bus.clone();
    for tag in ["1.0", "1", "latest"] {
        bus.leave(job(&server, tag, Some(image.digest())).to_outgoing());
    }
    let observed = Observed::start(settings).await;
    observed.events(3).await;
    // Known by its digest now; which this tag has to be looked up for.
    bus.leave(job(&server, TAG, None).to_outgoing());
    bus.leave(job(&server, "late", Some(image.digest())).to_outgoing());
    let events = observed.events(4).await;
    let mut tags: Vec<_> = events.iter().map(|event| event.resource.id.clone().unwrap()).collect();
    tags.sort();
    let name = |tag: &str| format!("{}/{PATH}:{tag}", server.registry());
    assert_eq!(tags, ["1", "1.0", "late", "latest"].map(name));
    assert_eq!(details(&events[3])["packages"]["total"], 1);
    assert_eq!(server.requests_to(&format!("/v2/{PATH}/blobs/")), 3);
    observed.stop().await;
}

#[tokio::test]
async fn a_tag_by_hand_becomes_a_part_of_the_image_it_means() {
    let image = image();
    let server = image.serve();
    let observed = Observed::start(Settings::default()).await;
    let reference = format!("{}/{PATH}:{TAG}", server.registry());
    let first = observed.queue(&reference).await;
    observed.settled(&first.id).await;
    let second = observed.queue(&reference).await;
    // By the ID of either request the one image is found.
    let merged = eventually_seen("one image", async || {
        let image = observed.get(&second.id).await;
        (image.id == first.id).then_some(image)
    })
    .await;
    assert_eq!((merged.state(), merged.tags.as_slice()), (State::Analyzed, [TAG.to_owned()].as_slice()));
    let listed = observed.list(ListImagesRequest::default()).await.unwrap().images;
    assert_eq!(listed.len(), 1);
    assert_eq!(observed.bus.events().len(), 1, "nothing is new");
    observed.stop().await;
}

#[tokio::test]
async fn what_is_no_job_is_refused_and_does_not_hold_up_the_others() {
    let settings = Settings::default();
    let image = image();
    let server = image.serve();
    let bus = settings.bus.clone();
    let good = job(&server, TAG, None);
    let message = |id: &str, payload: Vec<u8>| Outgoing { id: id.to_owned(), payload, ..good.to_outgoing() };
    let wrong_name = AnalysisJob { repository: "https://x".to_owned(), ..good.clone() };
    bus.leave(message("garbage", b"\xff".to_vec()));
    bus.leave(message("wrong-name", wrong_name.to_outgoing().payload));
    bus.leave(good.to_outgoing());
    let observed = Observed::start(settings).await;
    observed.events(1).await;
    let verdicts = bus.verdicts();
    for id in ["garbage", "wrong-name"] {
        assert!(verdicts.contains(&(id.to_owned(), Verdict::Reject)), "{verdicts:?}");
        assert!(bus.confirmed().contains(&id.to_owned()), "an outbox need not keep it");
    }
    assert!(observed.metrics().contains("analyzer_refused_jobs_total 2"), "{}", observed.metrics());
    assert!(observed.metrics().contains("analyzer_analyses_total{result=\"ok\"} 1"), "{}", observed.metrics());
    observed.stop().await;
}
