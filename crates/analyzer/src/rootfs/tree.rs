//! What is left when the layers lie upon one another.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::KeptFile;
use super::path::parent_and_name;

/// Most links followed on the way to one file, as Linux has it.
const LINKS_MAX: usize = 40;

/// One layer, as far as it matters. Paths are normalized.
#[derive(Debug, Default)]
pub struct LayerView {
    /// Folders of which the layers below show nothing.
    pub opaque: Vec<String>,
    /// What the layers below have and this one has not.
    pub whiteouts: Vec<String>,
    /// In the order of the archive.
    pub nodes: Vec<(String, Node)>,
}

#[derive(Debug, Clone)]
pub enum Node {
    File(KeptFile),
    SparseFile,
    /// The target as it was written.
    Symlink(String),
    /// The normalized path of the file it is another name of.
    HardLink(String),
    Folder,
    /// Stands where a folder or a file could be.
    Other,
}

/// What a path leads to.
#[derive(Debug)]
pub enum Found {
    File(KeptFile),
    Missing,
    /// There is something, but no content to look into; why, as a fragment.
    Unreadable(String),
}

/// The merged root file system, as far as it matters. Paths are those behind all links to folders.
#[derive(Debug, Default)]
pub struct Tree {
    nodes: BTreeMap<String, Node>,
}

impl Tree {
    /// Lays `layer` upon what is there. Whiteouts and opaque folders take from the layers below only, wherever they
    /// stand in their archive (OCI image specification, layers).
    pub fn apply(&mut self, layer: LayerView) {
        for folder in &layer.opaque {
            let folder = self.place(folder);
            self.clear(&folder);
        }
        for path in &layer.whiteouts {
            let place = self.place(path);
            self.remove(&place);
        }
        for (path, node) in layer.nodes {
            let place = self.place(&path);
            match (&node, self.nodes.get(&place)) {
                // A folder keeps what is in it.
                (Node::Folder, None | Some(Node::Folder)) => drop(self.nodes.insert(place, node)),
                (Node::HardLink(target), _) => {
                    let target = self.place(target);
                    let node = self.nodes.get(&target).cloned().unwrap_or(Node::HardLink(target));
                    self.replace(place, node);
                }
                _ => self.replace(place, node),
            }
        }
    }

    /// The file that `path` leads to, and the path behind all links.
    pub fn find(&self, path: &str) -> (String, Found) {
        let mut path = path.to_owned();
        for _ in 0..LINKS_MAX {
            let place = self.place(&path);
            let found = match self.nodes.get(&place) {
                None => Found::Missing,
                Some(Node::File(file)) => Found::File(file.clone()),
                Some(Node::SparseFile) => Found::Unreadable("is stored with holes".to_owned()),
                Some(Node::HardLink(target)) => {
                    Found::Unreadable(format!("is a hard link to `{target}`, which is not kept"))
                }
                Some(Node::Folder) => Found::Unreadable("is a folder".to_owned()),
                Some(Node::Other) => Found::Unreadable("is neither a file nor a folder".to_owned()),
                Some(Node::Symlink(target)) => {
                    path = follow(&place, target);
                    continue;
                }
            };
            return (place, found);
        }
        (path, Found::Unreadable(format!("leads through more than {LINKS_MAX} links")))
    }

    /// Whether `path` itself is there, wherever it leads to.
    pub fn has(&self, path: &str) -> bool {
        self.nodes.contains_key(&self.place(path))
    }

    /// The paths in the folder that `path` leads to.
    pub fn list(&self, path: &str) -> Vec<String> {
        let folder = self.place(&format!("{path}/."));
        let prefix = format!("{folder}/");
        let below = self.nodes.range(prefix.clone()..).map(|(path, _)| path);
        below.take_while(|path| path.starts_with(&prefix)).filter(|path| path.len() > prefix.len()).cloned().collect()
    }

    /// `path` with every link to a folder followed, but not its last part. Links that go in circles are left as they are:
    /// nothing will be found there.
    fn place(&self, path: &str) -> String {
        let mut place = String::new();
        let mut rest: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut links = 0;
        while let Some(part) = rest.pop() {
            match part.as_str() {
                "" | "." => continue,
                // Above the root there is the root.
                ".." => {
                    place.truncate(parent_and_name(&place).0.len());
                    continue;
                }
                _ => {}
            }
            let here = if place.is_empty() { part } else { format!("{place}/{part}") };
            match self.nodes.get(&here) {
                Some(Node::Symlink(target)) if !rest.is_empty() && links < LINKS_MAX => {
                    links += 1;
                    if target.starts_with('/') {
                        place.clear();
                    }
                    rest.extend(target.split('/').rev().map(str::to_owned));
                }
                _ => place = here,
            }
        }
        place
    }

    fn replace(&mut self, place: String, node: Node) {
        self.remove(&place);
        self.nodes.insert(place, node);
    }

    fn remove(&mut self, place: &str) {
        self.nodes.remove(place);
        self.clear(place);
    }

    /// Removes everything below `place`.
    fn clear(&mut self, place: &str) {
        if place.is_empty() {
            self.nodes.clear();
            return;
        }
        let prefix = format!("{place}/");
        // A slash is just before the character that follows it.
        let end = format!("{place}0");
        let range = (Bound::Included(prefix.as_str()), Bound::Excluded(end.as_str()));
        let below: Vec<String> = self.nodes.range::<str, _>(range).map(|(path, _)| path.clone()).collect();
        for path in below {
            self.nodes.remove(&path);
        }
    }
}

/// Where a link at `place` leads.
fn follow(place: &str, target: &str) -> String {
    if target.starts_with('/') { target.to_owned() } else { format!("{}/{target}", parent_and_name(place).0) }
}

#[cfg(test)]
mod tests;
