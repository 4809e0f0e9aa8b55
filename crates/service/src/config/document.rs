//! The whole configuration: the file, with `${NAME}` filled in, and the environment laid over it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::findings::{Findings, Resolved};
use super::section::Section;
use super::{Problem, Problems};

/// `ANCHORE_EVENTS__BUS__KIND=nats` sets `bus.kind`.
pub const ENVIRONMENT_PREFIX: &str = "ANCHORE_EVENTS__";

/// The environment as it was when the process began; an argument, so that tests can make one up.
#[derive(Debug, Clone, Default)]
pub struct Environment(pub BTreeMap<String, String>);

impl Environment {
    /// The environment of this process; a variable that is no valid Unicode is left out.
    pub fn of_process() -> Self {
        let text = |text: std::ffi::OsString| text.into_string().ok();
        Self(std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// The resolved configuration, to be read section by section.
pub struct Document {
    root: Section,
    findings: Rc<RefCell<Findings>>,
}

/// What came of reading a document without a problem.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Paths of keys of older systems that have no meaning here, for one warning.
    pub ignored: Vec<String>,
    /// Every setting, in the order in which they were read.
    pub resolved: Vec<Resolved>,
}

impl Document {
    /// Reads `file`, if one is given, fills in `${NAME}` and `${NAME:-default}`, and lays the environment over it.
    ///
    /// # Errors
    /// A file that cannot be read or is no YAML mapping. Everything else is found while the sections are read.
    pub fn load(file: Option<&Path>, environment: Environment) -> Result<Self, Problems> {
        let mut tree = match file {
            Some(file) => read_file(file).map_err(|problem| Problems(vec![problem]))?,
            None => Map::new(),
        };
        let findings = Rc::new(RefCell::new(Findings::new(environment)));
        findings.borrow_mut().fill_in(&mut tree);
        findings.borrow_mut().lay_over(&mut tree);
        Ok(Self { root: Section::new(String::new(), tree, Rc::clone(&findings)), findings })
    }

    pub fn root(&mut self) -> &mut Section {
        &mut self.root
    }

    /// Ends the reading: what nobody asked for is unknown.
    ///
    /// # Errors
    /// Every problem that was met.
    pub fn finish(self) -> Result<Reading, Problems> {
        self.root.finish();
        let findings = self.findings.take();
        if findings.problems.is_empty() {
            Ok(Reading { ignored: findings.ignored, resolved: findings.resolved })
        } else {
            Err(Problems(findings.problems))
        }
    }
}

fn read_file(file: &Path) -> Result<Map<String, Value>, Problem> {
    let problem = |problem: String| Problem { path: file.display().to_string(), problem };
    let text = std::fs::read_to_string(file).map_err(|error| problem(format!("cannot be read: {error}")))?;
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Map::new());
    }
    match serde_saphyr::from_str(&text) {
        Ok(Value::Object(tree)) => Ok(tree),
        Ok(_) => Err(problem("expected a YAML mapping such as `services: ...`".to_owned())),
        Err(error) => Err(problem(format!("not YAML: {error}"))),
    }
}

impl Findings {
    /// Replaces `${NAME}` in every text of the tree. Done after parsing, so a value can never add YAML of its own.
    fn fill_in(&mut self, tree: &mut Map<String, Value>) {
        for (key, value) in tree {
            self.fill_in_value(key, value);
        }
    }

    fn fill_in_value(&mut self, path: &str, value: &mut Value) {
        match value {
            Value::String(text) if text.contains("${") => match expand(text, &self.environment) {
                Ok(expanded) => *value = expanded.map_or(Value::Null, Value::String),
                Err(problem) => self.problems.push(Problem { path: path.to_owned(), problem }),
            },
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.fill_in_value(&format!("{path}[{index}]"), item);
                }
            }
            Value::Object(members) => {
                for (key, member) in members {
                    self.fill_in_value(&format!("{path}.{key}"), member);
                }
            }
            _ => {}
        }
    }

    fn lay_over(&mut self, tree: &mut Map<String, Value>) {
        let overrides: Vec<(String, String)> = self
            .environment
            .0
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(ENVIRONMENT_PREFIX)?.to_owned(), value.clone())))
            .collect();
        for (name, text) in overrides {
            let path: Vec<String> = name.split("__").map(str::to_lowercase).collect();
            let variable = format!("{ENVIRONMENT_PREFIX}{name}");
            // A list or mapping in YAML's flow form; any other value is a text, so a password stays what it is.
            let value = if text.starts_with(['[', '{']) {
                match serde_saphyr::from_str(&text) {
                    Ok(value) => value,
                    Err(error) => {
                        let problem = format!("not YAML: {error}");
                        self.problems.push(Problem { path: variable, problem });
                        continue;
                    }
                }
            } else {
                Value::String(text)
            };
            self.variables.insert(path.join("."), variable);
            set(tree, &path, value);
        }
    }
}

fn set(tree: &mut Map<String, Value>, path: &[String], value: Value) {
    let [key, rest @ ..] = path else { return };
    if rest.is_empty() {
        tree.insert(key.clone(), value);
        return;
    }
    let child = tree.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
    if !child.is_object() {
        *child = Value::Object(Map::new());
    }
    if let Value::Object(members) = child {
        set(members, rest, value);
    }
}

/// Fills in the variables of `text`; `None` when the whole text is one variable that is set to nothing.
fn expand(text: &str, environment: &Environment) -> Result<Option<String>, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let Some(length) = rest[at..].find('}') else { return Err(format!("`{text}` has a `${{` without a `}}`")) };
        expanded.push_str(&rest[..at]);
        let inside = &rest[at + 2..at + length];
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        match environment.get(name).filter(|value| default.is_none() || !value.is_empty()).or(default) {
            Some(value) => expanded.push_str(value),
            None => return Err(format!("the environment variable `{name}` is not set")),
        }
        rest = &rest[at + length + 1..];
    }
    expanded.push_str(rest);
    Ok(Some(expanded).filter(|expanded| !expanded.is_empty()))
}
