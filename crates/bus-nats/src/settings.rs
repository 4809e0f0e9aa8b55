//! The settings of the stream: which we set, which cannot be changed, and what an operator should know of the others. Pure.

use std::fmt;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use bus::{PAYLOAD_BYTES_MAX, Topic};

use crate::StreamConfig;

/// What a message's headers and subject may take beside its payload.
const HEADER_BYTES_MAX: usize = 4 * 1024;

/// Every subject of `topic`.
pub(crate) fn subjects_of(topic: Topic) -> String {
    format!("{}.>", topic.prefix())
}

pub(crate) fn of_new_stream(config: &StreamConfig) -> Config {
    let new = Config {
        name: config.name.clone(),
        max_messages: -1,
        max_consumers: -1,
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        description: Some("Events of the event log, and the work that follows them.".to_owned()),
        ..Config::default()
    };
    wanted(config, &new)
}

/// `found` with our settings; what we do not care for stays, because an operator may have chosen it.
pub(crate) fn wanted(config: &StreamConfig, found: &Config) -> Config {
    let mut wanted = found.clone();
    for subject in Topic::ALL.map(subjects_of) {
        if !wanted.subjects.contains(&subject) {
            wanted.subjects.push(subject);
        }
    }
    wanted.num_replicas = config.replicas;
    wanted.max_age = config.max_age.unwrap_or_default();
    wanted.max_bytes = i64::try_from(config.max_bytes).expect("checked with the configuration");
    wanted.duplicate_window = config.duplicate_window;
    // Nothing is dropped in silence: at a bound, new messages are refused; and there is no bound by subject, which would
    // drop the oldest all the same.
    wanted.discard = DiscardPolicy::New;
    wanted.discard_new_per_subject = false;
    wanted.max_messages_per_subject = -1;
    wanted.no_ack = false;
    wanted
}

/// Why a stream that exists cannot be used: what JetStream cannot change in it.
pub(crate) fn refusal(found: &Config) -> Option<String> {
    let refuse = |setting: &str, found: &str, expected: &str| {
        Some(format!("{setting} {found}, expected {expected}: remove the stream, or configure another name"))
    };
    if found.storage != StorageType::File {
        return refuse("storage", &word(&found.storage), "file");
    }
    if found.retention != RetentionPolicy::Limits {
        return refuse("retention", &word(&found.retention), "limits");
    }
    if found.mirror.is_some() {
        return refuse("a mirror", "configured", "none");
    }
    if found.subject_transform.is_some() {
        return refuse("a subject transform", "configured", "none");
    }
    if found.sealed {
        return refuse("sealed", "true", "false");
    }
    None
}

/// Settings that we leave as they are, although they make the stream take less than it should.
pub(crate) fn remarks(found: &Config) -> Vec<String> {
    let mut remarks = Vec::new();
    let largest = i32::try_from(PAYLOAD_BYTES_MAX + HEADER_BYTES_MAX).unwrap_or(i32::MAX);
    if (1..largest).contains(&found.max_message_size) {
        let size = found.max_message_size;
        remarks.push(format!(
            "max_msg_size {size}: events can be larger, up to {largest} bytes, and those that are will be put aside"
        ));
    }
    if found.max_messages > 0 {
        remarks.push(format!("max_msgs {}: at this number it refuses, whatever max_bytes leaves", found.max_messages));
    }
    if found.deny_purge {
        remarks.push("deny_purge: when it is full, what everybody has settled cannot be removed".to_owned());
    }
    remarks
}

/// What `wanted` changes in `found`, each as `setting: found -> wanted`.
pub(crate) fn changes(found: &Config, wanted: &Config) -> Vec<String> {
    let settings = [
        ("subjects", found.subjects.join(" "), wanted.subjects.join(" ")),
        ("num_replicas", found.num_replicas.to_string(), wanted.num_replicas.to_string()),
        ("max_age", format!("{:?}", found.max_age), format!("{:?}", wanted.max_age)),
        ("max_bytes", found.max_bytes.to_string(), wanted.max_bytes.to_string()),
        ("duplicate_window", format!("{:?}", found.duplicate_window), format!("{:?}", wanted.duplicate_window)),
        ("discard", word(&found.discard), word(&wanted.discard)),
        (
            "discard_new_per_subject",
            found.discard_new_per_subject.to_string(),
            wanted.discard_new_per_subject.to_string(),
        ),
        (
            "max_msgs_per_subject",
            found.max_messages_per_subject.to_string(),
            wanted.max_messages_per_subject.to_string(),
        ),
        ("no_ack", found.no_ack.to_string(), wanted.no_ack.to_string()),
    ];
    let changed = settings.into_iter().filter(|(_, found, wanted)| found != wanted);
    changed.map(|(setting, found, wanted)| format!("{setting}: {found} -> {wanted}")).collect()
}

/// As JetStream writes the choice.
fn word(choice: &impl fmt::Debug) -> String {
    format!("{choice:?}").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_of_a_setting_is_named() {
        let config = StreamConfig::default();
        let new = of_new_stream(&config);
        assert_eq!(changes(&new, &wanted(&config, &new)), [""; 0]);
        let existing = Config { discard: DiscardPolicy::Old, max_bytes: 7, no_ack: true, ..new.clone() };
        let expected = ["max_bytes: 7 -> 2147483648", "discard: old -> new", "no_ack: true -> false"];
        assert_eq!(changes(&existing, &wanted(&config, &existing)), expected);
    }

    #[test]
    fn settings_of_others_that_are_in_the_way_are_remarked() {
        let new = of_new_stream(&StreamConfig::default());
        assert_eq!(remarks(&new), [""; 0]);
        let existing = Config { max_message_size: 1000, max_messages: 5, deny_purge: true, ..new };
        let remarked = remarks(&existing);
        let named = ["max_msg_size 1000", "max_msgs 5", "deny_purge"];
        assert!(named.iter().zip(&remarked).all(|(name, remark)| remark.contains(name)), "{remarked:?}");
        assert_eq!(refusal(&existing), None);
    }
}
