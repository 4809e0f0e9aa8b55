//! One mapping of the configuration, read key by key.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::findings::Findings;
use super::{format_span, parse_span};

/// One mapping of the configuration. Asking for a key takes it out and makes it known; [`Section::finish`] reports what
/// is left. A wrong value is noted, and the default stands in for it, so that reading goes on to the next problem.
pub struct Section {
    path: String,
    members: Map<String, Value>,
    known: BTreeSet<&'static str>,
    findings: Rc<RefCell<Findings>>,
}

impl Section {
    pub(super) fn new(path: String, members: Map<String, Value>, findings: Rc<RefCell<Findings>>) -> Self {
        Self { path, members, known: BTreeSet::new(), findings }
    }

    /// The path of one of this section's keys.
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Notes a problem with the value of `key`, which may belong to a rule that only the caller knows.
    pub fn refuse(&self, key: &str, problem: impl fmt::Display) {
        self.refuse_path(self.path_of(key), problem.to_string());
    }

    /// Whether `key` has a value; null has none.
    pub fn has(&self, key: &str) -> bool {
        self.members.get(key).is_some_and(|value| !value.is_null())
    }

    /// The mapping under `key`, empty where there is none. End it with [`Section::finish`].
    #[must_use]
    pub fn section(&mut self, key: &'static str) -> Self {
        let members = match self.take(key) {
            None => Map::new(),
            Some(Value::Object(members)) => members,
            Some(other) => {
                self.refuse_value(key, "a mapping", &other);
                Map::new()
            }
        };
        Self::new(self.path_of(key), members, Rc::clone(&self.findings))
    }

    /// The mappings of the list under `key`. End each with [`Section::finish`].
    pub fn sections(&mut self, key: &'static str) -> Vec<Self> {
        let mut sections = Vec::new();
        for (index, item) in self.items(key).into_iter().enumerate() {
            let path = format!("{}[{index}]", self.path_of(key));
            match item {
                Value::Object(members) => sections.push(Self::new(path, members, Rc::clone(&self.findings))),
                other => self.refuse_path(path, format!("expected a mapping, got {}", show(&other))),
            }
        }
        sections
    }

    /// The texts of the list under `key`; a single text counts as a list of one. `None` where there is no list.
    pub fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.known.insert(key);
        if !self.has(key) {
            self.members.remove(key);
            return None;
        }
        let mut texts = Vec::new();
        for (index, item) in self.items(key).into_iter().enumerate() {
            if let Some(text) = scalar(&item) {
                texts.push(text);
            } else {
                let path = format!("{}[{index}]", self.path_of(key));
                self.refuse_path(path, format!("expected a text, got {}", show(&item)));
            }
        }
        self.resolve(key, true, &format!("[{}]", texts.join(", ")));
        Some(texts)
    }

    /// A text; an empty one counts as absent.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        let text = self.raw_text(key);
        self.resolve(key, text.is_some(), text.as_deref().unwrap_or("null"));
        text
    }

    /// A text, or `default`.
    pub fn text_or(&mut self, key: &'static str, default: &str) -> String {
        let text = self.raw_text(key);
        self.resolve(key, text.is_some(), text.as_deref().unwrap_or(default));
        text.unwrap_or_else(|| default.to_owned())
    }

    /// A text that `T` understands; its error is the problem. Shown as `T` prints itself.
    pub fn parse<T: FromStr<Err: fmt::Display> + fmt::Display>(&mut self, key: &'static str) -> Option<T> {
        let value = self.raw_parse::<T>(key);
        let shown = value.as_ref().map_or_else(|| "null".to_owned(), T::to_string);
        self.resolve(key, value.is_some(), &shown);
        value
    }

    /// A text that `T` understands, or `default`.
    pub fn parse_or<T: FromStr<Err: fmt::Display> + fmt::Display>(&mut self, key: &'static str, default: T) -> T {
        let value = self.raw_parse::<T>(key);
        let is_given = value.is_some();
        let value = value.unwrap_or(default);
        self.resolve(key, is_given, &value.to_string());
        value
    }

    /// One of the named choices, in any case.
    pub fn choice<T: Copy + PartialEq>(&mut self, key: &'static str, choices: &[(&str, T)], default: T) -> T {
        let text = self.raw_text(key);
        let found = text.as_ref().and_then(|text| choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)));
        if let (Some(text), None) = (&text, found) {
            let names: Vec<String> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
            self.refuse(key, format!("expected {}, got `{}`", names.join(" or "), bounded(text)));
        }
        let chosen = found.map_or(default, |(_, value)| *value);
        let name = choices.iter().find(|(_, value)| *value == chosen).map_or("null", |(name, _)| name);
        self.resolve(key, found.is_some(), name);
        chosen
    }

    fn raw_text(&mut self, key: &'static str) -> Option<String> {
        let value = self.take(key)?;
        let text = scalar(&value);
        if text.is_none() {
            self.refuse_value(key, "a text", &value);
        }
        text.filter(|text| !text.is_empty())
    }

    fn raw_parse<T: FromStr<Err: fmt::Display>>(&mut self, key: &'static str) -> Option<T> {
        let text = self.raw_text(key)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let error = error.to_string();
                // Most of our errors quote the text already.
                let quoted = if error.contains('`') { error } else { format!("`{}`: {error}", bounded(&text)) };
                self.refuse(key, quoted);
                None
            }
        }
    }

    /// Notes what a setting is, for people.
    fn resolve(&self, key: &str, is_given: bool, value: &str) {
        let path = self.path_of(key);
        self.findings.borrow_mut().resolve(path, is_given, value);
    }

    /// `true` or `false`, in any case, also as a text (which is what a variable gives).
    pub fn flag(&mut self, key: &'static str, default: bool) -> bool {
        let given = self.take(key);
        let flag = match &given {
            None => default,
            Some(Value::Bool(value)) => *value,
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => true,
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => false,
            Some(other) => {
                self.refuse_value(key, "`true` or `false`", other);
                default
            }
        };
        self.resolve(key, given.is_some(), &flag.to_string());
        flag
    }

    /// A whole number within `range`.
    pub fn number(&mut self, key: &'static str, default: u64, range: RangeInclusive<u64>) -> u64 {
        let given = self.take(key);
        let read = given.as_ref().and_then(scalar).and_then(|text| text.parse().ok());
        let number = read.filter(|number| range.contains(number));
        if let (Some(value), None) = (&given, number) {
            self.refuse_value(key, &format!("a whole number from {} to {}", range.start(), range.end()), value);
        }
        self.resolve(key, given.is_some(), &number.unwrap_or(default).to_string());
        number.unwrap_or(default)
    }

    /// A TCP port; 0 lets the system choose.
    pub fn port(&mut self, key: &'static str, default: u16) -> u16 {
        let port = self.number(key, default.into(), 0..=65_535);
        u16::try_from(port).expect("the range is that of a port")
    }

    /// A span of time within `range`: seconds as a plain number, or a number with a unit.
    pub fn span(&mut self, key: &'static str, default: Duration, range: RangeInclusive<Duration>) -> Duration {
        let given = self.take(key);
        let read = given.as_ref().and_then(scalar).and_then(|text| parse_span(&text));
        let span = read.filter(|span| range.contains(span));
        if let (Some(value), None) = (&given, span) {
            let (least, most) = (format_span(*range.start()), format_span(*range.end()));
            self.refuse_value(key, &format!("seconds or a duration such as `30s`, from {least} to {most}"), value);
        }
        self.resolve(key, given.is_some(), &format_span(span.unwrap_or(default)));
        span.unwrap_or(default)
    }

    /// A secret: the text under `key`, or the content of the environment variable named under `key_env`, or of the file
    /// named under `key_file`, without its last line end.
    pub fn secret(&mut self, key: &'static str, key_env: &'static str, key_file: &'static str) -> Option<SecretString> {
        let plain = self.raw_text(key).map(SecretString::from);
        self.resolve(key, plain.is_some(), if plain.is_some() { "***" } else { "null" });
        plain.or_else(|| self.secret_elsewhere(key_env, key_file))
    }

    /// Like [`Section::secret`], for secrets that must not stand in the file itself.
    pub fn secret_elsewhere(&mut self, key_env: &'static str, key_file: &'static str) -> Option<SecretString> {
        let variable = self.text(key_env);
        let file: Option<PathBuf> = self.text(key_file).map(PathBuf::from);
        if let Some(name) = variable {
            let value =
                self.findings.borrow().environment.get(&name).filter(|value| !value.is_empty()).map(String::from);
            if value.is_none() {
                self.refuse(key_env, format!("the environment variable `{name}` is not set"));
            }
            return value.map(SecretString::from);
        }
        let file = file?;
        match std::fs::read_to_string(&file) {
            Ok(text) => Some(SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned())),
            Err(error) => {
                self.refuse(key_file, format!("`{}` cannot be read: {error}", file.display()));
                None
            }
        }
    }

    /// A secret of a form that is checked by the caller; shown as `***`.
    pub fn masked_text(&mut self, key: &'static str) -> Option<SecretString> {
        let text = self.raw_text(key).map(SecretString::from);
        self.resolve(key, text.is_some(), if text.is_some() { "***" } else { "null" });
        text
    }

    /// A variable of the environment, by its name.
    pub fn environment(&self, name: &str) -> Option<String> {
        self.findings.borrow().environment.get(name).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// Takes out keys of older systems that have no meaning here; they are named in one warning.
    pub fn ignore(&mut self, keys: &[&'static str]) {
        for key in keys {
            if self.members.remove(*key).is_some() {
                let path = self.path_of(key);
                self.findings.borrow_mut().ignored.push(path);
            }
        }
    }

    /// Ends the reading of this section: every key left over is unknown.
    pub fn finish(mut self) {
        self.report_unknown();
    }

    /// Reports every key left over, for a section that its owner keeps.
    pub(super) fn report_unknown(&mut self) {
        for (key, _) in std::mem::take(&mut self.members) {
            let nearest = self.known.iter().map(|known| (strsim::damerau_levenshtein(known, &key), known)).min();
            let hint = match nearest {
                Some((distance, known)) if distance <= 1 + key.len() / 3 => format!(", did you mean `{known}`?"),
                _ if self.known.is_empty() => String::new(),
                _ => format!(", expected one of {}", list(&self.known)),
            };
            self.refuse(&key, format!("unknown key{hint}"));
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.insert(key);
        self.members.remove(key).filter(|value| !value.is_null())
    }

    fn items(&mut self, key: &'static str) -> Vec<Value> {
        match self.take(key) {
            None => Vec::new(),
            Some(Value::Array(items)) => items,
            Some(single @ Value::String(_)) => vec![single],
            Some(other) => {
                self.refuse_value(key, "a list", &other);
                Vec::new()
            }
        }
    }

    fn refuse_value(&self, key: &str, expected: &str, got: &Value) {
        self.refuse(key, format!("expected {expected}, got {}", show(got)));
    }

    fn refuse_path(&self, path: String, problem: String) {
        self.findings.borrow_mut().refuse(path, problem);
    }
}

/// The text of a scalar, however YAML has typed it: `8228` and `"8228"` are one port.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
        scalar => format!("`{}`", bounded(scalar.as_str().unwrap_or(&scalar.to_string()))),
    }
}

fn bounded(text: &str) -> String {
    text.chars().take(80).collect()
}

fn list(known: &BTreeSet<&'static str>) -> String {
    known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}
