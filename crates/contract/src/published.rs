//! The published form (contract 1.2): the inner `event` object. A whole stored record is taken as well, so that what
//! was listed can be published again under the same ID.

use event::{AccountName, Details, Event, EventDraft, Json, Source, Violation, Violations};

/// An event as somebody sent it to be published, read but not checked.
#[derive(Debug)]
pub struct Published {
    draft: EventDraft,
    violations: Violations,
}

/// Reads one event from JSON and checks it. `publisher` owns it where it names no account; an event without
/// `generated_uuid` gets a new ID. The form is checked strictly: an unknown key is a violation, so that nothing is
/// dropped in silence.
///
/// # Errors
/// Every wrong field, by its path in the contract's JSON: `resource.user_id`.
pub fn parse_published(text: &str, publisher: &AccountName) -> Result<Event, Violations> {
    Published::read(text)?.check(publisher)
}

impl Published {
    /// # Errors
    /// A text that is no JSON object.
    pub fn read(text: &str) -> Result<Self, Violations> {
        read(text)
    }

    /// Whether the event says itself who owns it.
    pub fn names_account(&self) -> bool {
        self.draft.account.is_some()
    }

    /// The event, if every field is right; see [`parse_published`].
    ///
    /// # Errors
    /// Every wrong field, by its path in the contract's JSON.
    pub fn check(self, publisher: &AccountName) -> Result<Event, Violations> {
        self.draft.check(publisher, in_vocabulary(self.violations)).map_err(in_contract)
    }
}

fn read(text: &str) -> Result<Published, Violations> {
    let json = Json::parse(text).map_err(|error| Violation::new("event", error))?;
    let mut violations = Violations::default();
    let Json::Object(mut members) = json else {
        return Err(Violation::new("event", "expected a JSON object").into());
    };
    let mut id = None;
    if members.iter().any(|(key, _)| key == "event") {
        let mut record = Object::new("", members, &mut violations);
        id = record.text("generated_uuid");
        record.take("created_at");
        let inner = record.take("event");
        record.refuse_rest();
        let Some(Json::Object(inner)) = inner else {
            return Err(Violation::new("event", "expected a JSON object").into());
        };
        members = inner;
    }
    Ok(read_event(members, id.as_deref(), violations))
}

fn read_event(members: Vec<(String, Json)>, id: Option<&str>, mut violations: Violations) -> Published {
    let mut body = Object::new("", members, &mut violations);
    let own_id = body.text("generated_uuid");
    let event_type = body.text("type").unwrap_or_default();
    let level = body.text("level");
    let message = body.text("message").unwrap_or_default();
    let timestamp = body.text("timestamp");
    let details = body.take("details");
    body.take("category");
    let resource = body.object("resource");
    let source = body.object("source");
    body.refuse_rest();

    let mut resource = Object::new("resource.", resource, &mut violations);
    let (account, resource_type, resource_id) = (resource.text("user_id"), resource.text("type"), resource.text("id"));
    resource.refuse_rest();

    let mut source = Object::new("source.", source, &mut violations);
    let source_read = Source {
        service: source.text("servicename"),
        host_id: source.text("hostid"),
        base_url: source.text("base_url"),
        request_id: source.text("request_id"),
    };
    source.refuse_rest();

    let id = own_id.as_deref().or(id);
    let draft = EventDraft {
        id: id.and_then(|id| violations.note("generated_uuid", id.parse())),
        event_type,
        level: level.and_then(|level| violations.note("level", level.parse())),
        message,
        details: details
            .and_then(|json| {
                let text = serde_json::to_string(&json).expect("a tree of JSON values is written as JSON");
                violations.note("details", Details::parse(&text))
            })
            .unwrap_or_default(),
        account: account.and_then(|name| violations.note("resource.user_id", name.parse())),
        resource_type,
        resource_id,
        source: source_read,
        occurred_at: timestamp.and_then(|at| violations.note("timestamp", at.parse())),
    };
    Published { draft, violations }
}

/// The fields that the contract calls otherwise than the vocabulary.
const NAMES: [(&str, &str); 5] = [
    ("timestamp", "occurred_at"),
    ("generated_uuid", "id"),
    ("resource.user_id", "resource.account"),
    ("source.servicename", "source.service"),
    ("source.hostid", "source.host_id"),
];

fn in_vocabulary(violations: Violations) -> Violations {
    rename(violations, |field| NAMES.iter().find(|(contract, _)| *contract == field).map(|names| names.1))
}

fn in_contract(violations: Violations) -> Violations {
    rename(violations, |field| NAMES.iter().find(|(_, vocabulary)| *vocabulary == field).map(|names| names.0))
}

fn rename(Violations(mut violations): Violations, name: impl Fn(&str) -> Option<&'static str>) -> Violations {
    for violation in &mut violations {
        if let Some(name) = name(&violation.field) {
            name.clone_into(&mut violation.field);
        }
    }
    Violations(violations)
}

/// One JSON object whose members are taken out one by one; what is left over was not expected.
struct Object<'a> {
    path: &'static str,
    members: Vec<(String, Json)>,
    violations: &'a mut Violations,
    /// The keys that were asked for, and so are known.
    known: Vec<&'static str>,
}

impl<'a> Object<'a> {
    fn new(path: &'static str, members: Vec<(String, Json)>, violations: &'a mut Violations) -> Self {
        Self { path, members, violations, known: Vec::new() }
    }

    /// The member, unless it is absent or null. Of repeated keys the last one counts.
    fn take(&mut self, key: &'static str) -> Option<Json> {
        self.known.push(key);
        let mut found = None;
        while let Some(at) = self.members.iter().position(|(name, _)| name == key) {
            found = Some(self.members.remove(at).1);
        }
        found.filter(|value| *value != Json::Null)
    }

    /// A text; an empty one counts as absent.
    fn text(&mut self, key: &'static str) -> Option<String> {
        match self.take(key)? {
            Json::String(text) => Some(text).filter(|text| !text.is_empty()),
            other => {
                self.refuse(key, &format!("expected a text, got {}", kind_of(&other)));
                None
            }
        }
    }

    fn object(&mut self, key: &'static str) -> Vec<(String, Json)> {
        match self.take(key) {
            Some(Json::Object(members)) => members,
            None => Vec::new(),
            Some(other) => {
                self.refuse(key, &format!("expected an object, got {}", kind_of(&other)));
                Vec::new()
            }
        }
    }

    fn refuse(&mut self, key: &str, problem: &str) {
        self.violations.0.push(Violation::new(format!("{}{key}", self.path), problem));
    }

    fn refuse_rest(mut self) {
        let known = format!("unknown key, expected one of `{}`", self.known.join("`, `"));
        for (key, _) in std::mem::take(&mut self.members) {
            self.refuse(&key, &known);
        }
    }
}

fn kind_of(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let read = parse_published(text, &"admin".parse().unwrap());
        let read = read.map_or_else(
            |refused| refused.to_string(),
            |event| format!("{} {} {} {}", event.event_type, event.level, event.occurred_at, event.details.as_json()),
        );
        assert_eq!(read, expected);
    }

    #[test]
    fn the_inner_object_is_enough() {
        check(
            r#"{"type":"t","level":"error","message":"m","timestamp":"2018-06-30T03:56:27.711071"}"#,
            "t ERROR 2018-06-30T03:56:27.711071Z {}",
        );
        check(
            r#"{"type":"t","level":"INFO","message":"m","timestamp":"2018-06-30","details":{"n": 1.50},"source":null}"#,
            r#"t INFO 2018-06-30T00:00:00Z {"n":1.50}"#,
        );
    }

    #[test]
    fn refusals_use_the_contracts_names() {
        check("[]", "event: expected a JSON object");
        check(
            r#"{"type":"t","level":"loud","message":"m","resource":{"user_id":"a b"},"source":{"hostid":3},"x":1}"#,
            "x: unknown key, expected one of `generated_uuid`, `type`, `level`, `message`, `timestamp`, `details`, \
             `category`, `resource`, `source`; source.hostid: expected a text, got a number; \
             level: unknown level `loud`, expected `info` or `error`; \
             resource.user_id: `a b` is no account name, expected 1 to 64 letters, digits or `. _ @ + -`, the first a \
             letter or digit; timestamp: missing, expected the time at which it happened",
        );
        check(r#"{"type":"t""#, "event: not JSON: EOF while parsing an object at line 1 column 11");
    }
}
