//! Alpine's security database: `<url>/<branch>/<repository>.json`.
//!
//! `{"distroversion": "v3.20", "reponame": "main", "packages": [{"pkg": {"name": "busybox", "secfixes": {"1.36.1-r16":
//! ["CVE-2023-42363"], "0": [...]}}}, ...], ...}`: for each version the advisories it fixes; those of version 0 never
//! concerned the package. A record here is one advisory of one package.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use cause::{Cause, CauseCode};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::stop;
use crate::GroupName;
use crate::budget::Budget;
use crate::document::Document;
use crate::record::{Record, RecordSink, Stopped, not_understood};

#[derive(Deserialize)]
struct Element {
    pkg: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    /// Advisories by the version that fixes them. Both levels can be null.
    secfixes: Option<BTreeMap<String, Option<Vec<String>>>>,
}

/// What the document says it is about.
#[derive(Default)]
struct About {
    branch: Option<String>,
    repository: Option<String>,
}

pub(crate) fn read(document: &Document, group: &GroupName, sink: &mut RecordSink) -> Result<(), Cause> {
    let budget = Budget::new(document.spool.bytes);
    let about = document.read_json(&budget, |json| Secdb { sink, budget: &budget }.deserialize(json))?;
    about.check(group)
}

impl About {
    /// A server that takes any path for the same document must not pass one branch off as another.
    fn check(self, group: &GroupName) -> Result<(), Cause> {
        let (branch, repository) = group.as_str().split_once('/').unwrap_or_default();
        let is_same = |said: &Option<String>, asked: &str| said.as_deref().is_none_or(|said| said == asked);
        if is_same(&self.branch, branch) && is_same(&self.repository, repository) {
            return Ok(());
        }
        let said = format!("{}/{}", self.branch.unwrap_or_default(), self.repository.unwrap_or_default());
        let summary = format!("the document is about `{said}`, and `{group}` was asked for");
        let hint = "Check `url` and `groups` of the feed in services.policy_engine.feeds, and the server's own rules: it \
                    answers with another document than it was asked for.";
        Err(Cause::new(CauseCode::Parse, summary, hint))
    }
}

/// The whole document.
struct Secdb<'a> {
    sink: &'a mut RecordSink,
    budget: &'a Rc<Budget>,
}

/// Its list of packages.
struct Packages<'a> {
    sink: &'a mut RecordSink,
    budget: &'a Rc<Budget>,
}

impl<'de> DeserializeSeed<'de> for Secdb<'_> {
    type Value = About;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<About, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Secdb<'_> {
    type Value = About;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a secdb document, an object with `packages`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<About, A::Error> {
        let mut about = About::default();
        let mut has_packages = false;
        while let Some(name) = members.next_key::<String>()? {
            match name.as_str() {
                "distroversion" => about.branch = members.next_value()?,
                "reponame" => about.repository = members.next_value()?,
                "packages" => {
                    members.next_value_seed(Packages { sink: self.sink, budget: self.budget })?;
                    has_packages = true;
                }
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        if has_packages { Ok(about) } else { Err(A::Error::missing_field("packages")) }
    }
}

impl<'de> DeserializeSeed<'de> for Packages<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Packages<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of packages")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut number: u64 = 0;
        self.budget.record_ended();
        while let Some(element) = elements.next_element::<Box<RawValue>>()? {
            number += 1;
            self.budget.record_ended();
            match serde_json::from_str(element.get()) {
                Ok(Element { pkg }) => take(&pkg, self.sink).map_err(stop)?,
                Err(error) => self.sink.skip(&format!("package number {number}"), not_understood(error)),
            }
        }
        Ok(())
    }
}

/// Every advisory of a package, with the versions that fix it: most have one, some were fixed again later.
fn take(package: &Package, sink: &mut RecordSink) -> Result<(), Stopped> {
    let mut fixed_in: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (version, advisories) in package.secfixes.iter().flatten() {
        // Some texts are several advisories with blanks in between.
        for advisory in advisories.iter().flatten().flat_map(|text| text.split_whitespace()) {
            fixed_in.entry(advisory).or_default().insert(version);
        }
    }
    for (advisory, versions) in fixed_in {
        let mut sha256 = Sha256::new();
        for version in versions {
            sha256.update(version);
            sha256.update([0]);
        }
        let id = format!("{}/{advisory}", package.name);
        sink.take(Record { id, digest: sha256.finalize().into(), modified: None })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::samples::check;
    use super::*;

    fn read_main(document: &Document, sink: &mut RecordSink) -> Result<(), Cause> {
        read(document, &"v3.20/main".parse().unwrap(), sink)
    }

    #[test]
    fn a_record_is_an_advisory_of_a_package() {
        check(
            read_main,
            r#"{"apkurl": "{{urlprefix}}/x", "archs": ["x86_64"], "reponame": "main", "distroversion": "v3.20",
                "packages": [
                  {"pkg": {"name": "busybox", "secfixes": {"1.36.1-r16": ["CVE-2023-42363 GHSA-x", "CVE-2023-42364"],
                                                           "1.36.1-r20": ["CVE-2023-42364"], "0": null}}},
                  {"pkg": {"name": "none", "secfixes": null}}, {"pkg": {"name": "nothing"}}]}"#,
            Ok((&["busybox/CVE-2023-42363", "busybox/CVE-2023-42364", "busybox/GHSA-x"], 0)),
        );
    }

    #[test]
    fn packages_that_cannot_be_understood_are_skipped() {
        check(
            read_main,
            r#"{"packages": [{"pkg": {"name": "a", "secfixes": {"1": ["CVE-1"]}}}, {"pkg": {"name": 1}}, 17, {}]}"#,
            Ok((&["a/CVE-1"], 3)),
        );
    }

    #[test]
    fn other_documents_are_refused() {
        let refused = |body: &str, part: &str| check(read_main, body, Err(part));
        refused("{}", "missing field `packages`");
        refused("[]", "a secdb document, an object with `packages`");
        refused(r#"{"packages": {}}"#, "a list of packages");
        refused(r#"{"packages": [], "distroversion": "v3.19"}"#, "about `v3.19/`, and `v3.20/main` was asked for");
        refused(r#"{"reponame": "community", "packages": []}"#, "about `/community`");
        refused(r#"{"packages": [{"pkg""#, "ends in the middle");
    }
}
