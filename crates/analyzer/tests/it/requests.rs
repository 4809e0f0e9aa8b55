//! Who may ask for what, and how it is refused.

use proto::analyzer::v1::{GetImageRequest, ListImagesRequest, QueueImageRequest, State};
use tonic::Code;

use crate::observed::{Observed, Settings, authorized_as};

/// Nobody listens there, so images fail and stay.
const NOWHERE: &str = "127.0.0.1:1/team/app";

fn request(reference: &str) -> QueueImageRequest {
    QueueImageRequest { reference: reference.to_owned(), insecure: true, ..QueueImageRequest::default() }
}

#[tokio::test]
async fn wrong_requests_are_refused_by_field() {
    let observed = Observed::start(Settings::default()).await;
    observed.queue(&format!("{NOWHERE}:1")).await;
    let check = async |request: QueueImageRequest, expected: &str| {
        let status = observed.try_queue(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains(expected), "{status}");
    };
    check(request(""), "reference: ").await;
    check(request("https://a.example/b"), "reference: `https://a.example/b` has a scheme").await;
    check(request("a/b:"), "reference: `` is no tag").await;
    check(request("a/b@sha256:0"), "reference: `sha256:0` is no digest").await;
    check(QueueImageRequest { request_id: "7".to_owned(), ..request("a/b") }, "request_id: expected 32").await;
    let list = |request| observed.list(request);
    for request in [
        ListImagesRequest { page_size: Some(0), ..ListImagesRequest::default() },
        ListImagesRequest { page_size: Some(1001), ..ListImagesRequest::default() },
        ListImagesRequest { page_token: "x".to_owned(), ..ListImagesRequest::default() },
        ListImagesRequest { states: vec![State::Unspecified.into()], ..ListImagesRequest::default() },
        ListImagesRequest { states: vec![99], ..ListImagesRequest::default() },
    ] {
        assert_eq!(list(request).await.unwrap_err().code(), Code::InvalidArgument);
    }
    observed.stop().await;
}

#[tokio::test]
async fn everybody_sees_the_own_images_and_only_writers_queue() {
    let observed = Observed::start(Settings::default()).await;
    let image = observed.queue(&format!("{NOWHERE}:1")).await;
    let mut client = observed.client();
    let as_bob = authorized_as("bob", "admin-password", request("a/b"));
    assert_eq!(client.queue_image(as_bob).await.unwrap_err().code(), Code::PermissionDenied);
    let wrong = authorized_as("admin", "wrong", request("a/b"));
    assert_eq!(client.queue_image(wrong).await.unwrap_err().code(), Code::Unauthenticated);
    let carols = authorized_as("carol", "admin-password", GetImageRequest { id: image.id.clone() });
    assert_eq!(client.get_image(carols).await.unwrap_err().code(), Code::NotFound);
    let carols = authorized_as("carol", "admin-password", ListImagesRequest::default());
    assert!(client.list_images(carols).await.unwrap().into_inner().images.is_empty());
    // Not even by the ID of somebody else's request.
    let request = QueueImageRequest { request_id: image.id, ..request(&format!("{NOWHERE}:2")) };
    let carols = authorized_as("carol", "admin-password", request);
    assert_eq!(client.queue_image(carols).await.unwrap_err().code(), Code::InvalidArgument);
    observed.stop().await;
}

#[tokio::test]
async fn a_request_that_is_repeated_is_one_request() {
    let observed = Observed::start(Settings::default()).await;
    observed.queue(&format!("{NOWHERE}:0")).await;
    let request = QueueImageRequest { request_id: "0".repeat(31) + "1", ..request(&format!("{NOWHERE}:1")) };
    let first = observed.try_queue(request.clone()).await.unwrap();
    let second = observed.try_queue(request).await.unwrap();
    assert_eq!((first.id.as_str(), &first.id), ("00000000000000000000000000000001", &second.id));
    assert_eq!(observed.list(ListImagesRequest::default()).await.unwrap().images.len(), 2);
    observed.stop().await;
}

#[tokio::test]
async fn pages_show_every_image_once() {
    let observed = Observed::start(Settings::default()).await;
    let mut queued = Vec::new();
    for number in 0..7 {
        queued.push(observed.queue(&format!("{NOWHERE}:{number}")).await.id);
    }
    for id in &queued {
        observed.settled(id).await;
    }
    let mut seen = Vec::new();
    let mut page = ListImagesRequest { page_size: Some(3), states: vec![State::Failed.into()], ..Default::default() };
    loop {
        let answer = observed.list(page.clone()).await.unwrap();
        seen.extend(answer.images.iter().map(|image| image.id.clone()));
        if answer.next_page_token.is_empty() {
            break;
        }
        page.page_token = answer.next_page_token;
    }
    queued.reverse();
    assert_eq!(seen, queued, "those asked for last first");
    let analyzed = ListImagesRequest { states: vec![State::Analyzed.into()], ..ListImagesRequest::default() };
    assert!(observed.list(analyzed).await.unwrap().images.is_empty());
    observed.stop().await;
}
