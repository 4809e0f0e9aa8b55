//! Every format, to the letter.

use serde_json::{Value, json};
use webhook::{Format, Notification, Rendered, render};

use crate::example::notification;

fn json_of(rendered: &Rendered) -> Value {
    serde_json::from_slice(&rendered.body).unwrap()
}

fn text_of(rendered: &Rendered) -> &str {
    std::str::from_utf8(&rendered.body).unwrap()
}

/// The contract's 1.1, with the details as they were written.
const RECORD: &str = r#"{"created_at":"2018-06-30T03:56:27.803114Z","event":{"details":{"cause":{"code":"denied","retryable":false,"hint":"Give the account the right to pull."},"msg":"the registry refused","bytes":12345678901234567890123,"ratio":1.50},"level":"ERROR","message":"Failed to list tags in repository","resource":{"id":"registry.example.com/a/b","type":"repository","user_id":"admin"},"source":{"base_url":"http://localhost:8082","hostid":"dockerhostid-localhost","request_id":null,"servicename":"catalog"},"timestamp":"2018-06-30T03:56:27.711071Z","type":"list_tags_fail"},"generated_uuid":"d77736ac78a043a9b84b3a1b8171aa44"}"#;

#[test]
fn event_is_the_stored_record() {
    let rendered = render(Format::Event, &notification());
    assert_eq!((rendered.content_type, text_of(&rendered)), ("application/json", RECORD));
    assert!(rendered.headers.is_empty());
}

#[test]
fn cloudevents_is_one_object_around_the_record() {
    let rendered = render(Format::CloudEvents, &notification());
    assert_eq!(rendered.content_type, "application/cloudevents+json");
    let expected = format!(
        r#"{{"specversion":"1.0","id":"d77736ac78a043a9b84b3a1b8171aa44","source":"//dockerhostid-localhost/catalog","type":"list_tags_fail","time":"2018-06-30T03:56:27.711071Z","subject":"registry.example.com/a/b","level":"ERROR","account":"admin","resourcetype":"repository","datacontenttype":"application/json","data":{RECORD}}}"#
    );
    assert_eq!(text_of(&rendered), expected);
}

#[test]
fn cloudevents_binary_has_the_attributes_as_headers() {
    let rendered = render(Format::CloudEventsBinary, &notification());
    assert_eq!((rendered.content_type, text_of(&rendered)), ("application/json", RECORD));
    let headers: Vec<String> =
        rendered.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    let expected = [
        "ce-specversion: 1.0",
        "ce-id: d77736ac78a043a9b84b3a1b8171aa44",
        "ce-source: //dockerhostid-localhost/catalog",
        "ce-type: list_tags_fail",
        "ce-time: 2018-06-30T03:56:27.711071Z",
        "ce-level: ERROR",
        "ce-account: admin",
        "ce-subject: registry.example.com/a/b",
        "ce-resourcetype: repository",
    ];
    assert_eq!(headers, expected);
}

#[test]
fn slack_reads_as_an_answer() {
    let rendered = render(Format::Slack, &notification());
    let headline = "ERROR: Failed to list tags in repository: registry.example.com/a/b";
    let expected = json!({
        "text": headline,
        "mrkdwn": false,
        "attachments": [{
            "color": "#c62828",
            "fallback": headline,
            "fields": [
                {"title": "Why", "value": "the registry refused", "short": false},
                {"title": "What to do", "value": "Give the account the right to pull.", "short": false},
                {"title": "Type", "value": "list_tags_fail", "short": true},
                {"title": "From", "value": "catalog on dockerhostid-localhost", "short": true},
                {"title": "Time", "value": "2018-06-30T03:56:27.711071Z", "short": true},
                {"title": "Account", "value": "admin", "short": true},
                {"title": "Event", "value": "d77736ac78a043a9b84b3a1b8171aa44", "short": false},
            ],
        }],
    });
    assert_eq!(json_of(&rendered), expected);
}

/// About nothing in particular, from nobody in particular.
fn bare() -> Notification {
    let mut notification = notification();
    notification.event.resource.id = None;
    notification.event.resource.resource_type = None;
    notification.event.source = event::Source::default();
    notification.event.details = event::Details::default();
    notification
}

#[test]
fn what_an_event_does_not_have_is_left_out() {
    let json = json_of(&render(Format::CloudEvents, &bare()));
    assert_eq!((json.get("subject"), json.get("resourcetype"), &json["source"]), (None, None, &"/".into()));
    assert!(!render(Format::CloudEventsBinary, &bare()).headers.contains_key("ce-subject"));
    let json = json_of(&render(Format::Slack, &bare()));
    assert_eq!(json["text"], "ERROR: Failed to list tags in repository");
    let titles: Vec<&Value> =
        json["attachments"][0]["fields"].as_array().unwrap().iter().map(|f| &f["title"]).collect();
    assert_eq!(titles, ["Type", "Time", "Account", "Event"]);
}

#[test]
fn the_largest_event_makes_a_message_that_mattermost_takes() {
    let mut notification = notification();
    let long = "<".repeat(4000);
    notification.event.message.clone_from(&long);
    notification.event.resource.id = Some(long[..1024].to_owned());
    let details = json!({"msg": long, "cause": {"hint": long}});
    notification.event.details = event::Details::from_value(&details);
    let json = json_of(&render(Format::Slack, &notification));
    assert!(json.to_string().len() < 16_383, "{}", json.to_string().len());
}
