//! Debian's security tracker: one document at `tracker/data/json`.
//!
//! `{"<source package>": {"CVE-2023-0001": {"scope": "local", "releases": {"bookworm": {"status": "resolved", ...}, ...},
//! ...}, ...}, ...}`. A record here is one issue of one source package.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use cause::Cause;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::stop;
use crate::budget::Budget;
use crate::document::Document;
use crate::record::{Record, RecordSink, digest_of_json, not_understood};

#[derive(Deserialize)]
struct Issue {
    releases: BTreeMap<String, Release>,
}

#[derive(Deserialize)]
struct Release {
    /// `open`, `resolved` or `undetermined`.
    status: String,
}

pub(crate) fn read(document: &Document, sink: &mut RecordSink) -> Result<(), Cause> {
    let budget = Budget::new(document.spool.bytes);
    document.read_json(&budget, |json| Tracker { sink, budget: &budget }.deserialize(json))
}

/// The whole document.
struct Tracker<'a> {
    sink: &'a mut RecordSink,
    budget: &'a Rc<Budget>,
}

/// The issues of one source package.
struct Issues<'a> {
    sink: &'a mut RecordSink,
    budget: &'a Rc<Budget>,
    package: String,
}

impl<'de> DeserializeSeed<'de> for Tracker<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Tracker<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the document of Debian's security tracker, an object of source packages")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut packages: A) -> Result<(), A::Error> {
        while let Some(package) = packages.next_key()? {
            packages.next_value_seed(Issues { sink: self.sink, budget: self.budget, package })?;
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Issues<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Issues<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the issues of the source package `{}`, an object", self.package)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut issues: A) -> Result<(), A::Error> {
        while let Some((name, issue)) = issues.next_entry::<String, Box<RawValue>>()? {
            self.budget.record_ended();
            let id = format!("{}/{name}", self.package);
            match record(id.clone(), issue.get()) {
                Ok(record) => self.sink.take(record).map_err(stop)?,
                Err(problem) => self.sink.skip(&id, not_understood(problem)),
            }
        }
        Ok(())
    }
}

fn record(id: String, text: &str) -> Result<Record, String> {
    let issue: Issue = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if let Some((release, _)) = issue.releases.iter().find(|(_, release)| release.status.is_empty()) {
        return Err(format!("its status in `{release}` is empty"));
    }
    let digest = digest_of_json(text.as_bytes()).map_err(|error| error.to_string())?;
    Ok(Record { id, digest, modified: None })
}

#[cfg(test)]
mod tests {
    use super::super::samples::check;
    use super::*;

    #[test]
    fn a_record_is_an_issue_of_a_package() {
        check(
            read,
            r#"{"389-ds-base": {"CVE-2012-0833": {"scope": "local", "debianbug": 662922, "releases": {
                  "bookworm": {"status": "resolved", "repositories": {"bookworm": "2.3.1"}, "fixed_version": "1.2",
                               "urgency": "unimportant"}}},
                "TEMP-1": {"releases": {}}},
               "0ad": {}, "a": {"CVE-1": {"releases": {"sid": {"status": 1}}}, "CVE-2": {}, "CVE-3": 7,
                                "CVE-4": {"releases": {"sid": {"status": ""}}}}}"#,
            Ok((&["389-ds-base/CVE-2012-0833", "389-ds-base/TEMP-1"], 4)),
        );
    }

    #[test]
    fn other_documents_are_refused() {
        let refused = |body: &str, part: &str| check(read, body, Err(part));
        refused("[]", "an object of source packages");
        refused(r#"{"a": []}"#, "the issues of the source package `a`, an object");
        refused(r#"{"a": {"CVE-1": {"rel"#, "ends in the middle");
    }
}
