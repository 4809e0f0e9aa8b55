//! The stored record (contract 1.1) as a tree, for printing. Keys are in order, as old clients print them.

use contract::Record;
use event::{Json, StoredEvent};

/// The whole record; absent values are `null`.
pub fn record(mut stored: StoredEvent) -> Json {
    // The details are put in as a tree, and not parsed as a part of the text around them: they may be nested as deep as
    // a tree may be.
    let details = std::mem::take(&mut stored.event.details).tree().sorted();
    let text = serde_json::to_string(&Record::from(stored)).expect("a record without details is written as JSON");
    let mut tree = Json::parse(&text).expect("JSON that was just written is read");
    *member(member(&mut tree, "event"), "details") = details;
    tree
}

/// The inner `event` as old servers sent it: without the nulls of `resource` and `source` (contract 1.1 "Nulls"). Those
/// inside `details` stay.
pub fn event_without_nulls(stored: StoredEvent) -> Json {
    let mut tree = record(stored);
    let event = member(&mut tree, "event");
    for part in ["resource", "source"] {
        if let Json::Object(members) = member(event, part) {
            members.retain(|(_, value)| *value != Json::Null);
        }
    }
    std::mem::replace(event, Json::Null)
}

/// One line of JSON, with the details in the emitter's order.
pub fn record_line(stored: StoredEvent) -> String {
    serde_json::to_string(&Record::from(stored)).expect("a record is written as JSON")
}

fn member<'a>(tree: &'a mut Json, key: &str) -> &'a mut Json {
    let Json::Object(members) = tree else { unreachable!("a record is made of objects") };
    let found = members.iter_mut().find(|(name, _)| name == key);
    &mut found.expect("a record has all of its keys").1
}

/// The event of the product page, for tests.
#[cfg(test)]
pub fn page_event() -> StoredEvent {
    const PUBLISHED: &str = r#"{"generated_uuid":"d77736ac78a043a9b84b3a1b8171aa44","created_at":null,"event":{
        "type":"list_tags_fail","level":"ERROR","message":"Failed to list tags in repository",
        "details":{"SkopeoError":{"cmd":"/bin/sh -c skopeo inspect --tls-verify=true --creds \"${SKOPUSER}\":\"${SKOPPASS}\" docker://index.docker.io/wazowskis/sixwheeldrive:latest","msg":"Error encountered in skopeo operation","exitcode":1,"stderr":"time=\"2018-06-30T03:56:27Z\" level=fatal msg=\"Error reading manifest latest in docker.io/wazowskis/sixwheeldrive: errors: denied: requested access to the resource is denied unauthorized: authentication required \"","stdout":null}},
        "timestamp":"2018-06-30T03:56:27.711071Z",
        "resource":{"user_id":"admin","type":"repository","id":"docker.io/wazowskis/sixwheeldrive"},
        "source":{"servicename":"catalog","hostid":"dockerhostid-localhost","base_url":"http://localhost:8082","request_id":null}}}"#;
    let event = contract::parse_published(PUBLISHED, &"admin".parse().unwrap()).unwrap();
    StoredEvent { event, stored_at: "2018-06-30T03:56:27.803114Z".parse().unwrap() }
}

#[cfg(test)]
mod tests {
    use event::Details;

    use super::*;
    use crate::yaml::to_yaml;

    #[test]
    fn an_event_reads_as_on_the_product_page() {
        let expected = r#"details:
  SkopeoError:
    cmd: /bin/sh -c skopeo inspect --tls-verify=true --creds "${SKOPUSER}":"${SKOPPASS}"
      docker://index.docker.io/wazowskis/sixwheeldrive:latest
    exitcode: 1
    msg: Error encountered in skopeo operation
    stderr: 'time="2018-06-30T03:56:27Z" level=fatal msg="Error reading manifest latest
      in docker.io/wazowskis/sixwheeldrive: errors: denied: requested access to the
      resource is denied unauthorized: authentication required "'
    stdout: null
level: ERROR
message: Failed to list tags in repository
resource:
  id: docker.io/wazowskis/sixwheeldrive
  type: repository
  user_id: admin
source:
  base_url: http://localhost:8082
  hostid: dockerhostid-localhost
  servicename: catalog
timestamp: '2018-06-30T03:56:27.711071Z'
type: list_tags_fail
"#;
        assert_eq!(to_yaml(&event_without_nulls(page_event())), expected);
    }

    #[test]
    fn empty_details_stay() {
        let mut stored = page_event();
        stored.event.details = Details::default();
        assert!(to_yaml(&event_without_nulls(stored)).starts_with("details: {}\nlevel: ERROR\n"));
    }

    #[test]
    fn the_deepest_details_are_printed() {
        let text = format!("{}{}", "{\"a\":".repeat(99), "{}".to_owned() + &"}".repeat(99));
        let mut stored = page_event();
        stored.event.details = Details::parse(&text).unwrap();
        assert!(record_line(stored.clone()).contains(&text));
        assert!(serde_json::to_string(&record(stored)).unwrap().contains(&text));
    }

    #[test]
    fn a_line_can_be_published_again() {
        let stored = page_event();
        let read = contract::parse_published(&record_line(stored.clone()), &"other".parse().unwrap());
        assert_eq!(read.unwrap(), stored.event);
    }
}
