//! What layers do to one another.

use std::io::Read;

use super::*;

fn file(content: &str) -> Node {
    Node::File(KeptFile::take(&mut content.as_bytes(), 1024).unwrap().unwrap())
}

fn link(target: &str) -> Node {
    Node::Symlink(target.to_owned())
}

fn layer(nodes: &[(&str, Node)]) -> LayerView {
    LayerView {
        nodes: nodes.iter().map(|(path, node)| ((*path).to_owned(), node.clone())).collect(),
        ..LayerView::default()
    }
}

fn without(whiteouts: &[&str], opaque: &[&str], nodes: &[(&str, Node)]) -> LayerView {
    let owned = |paths: &[&str]| paths.iter().map(ToString::to_string).collect();
    LayerView { whiteouts: owned(whiteouts), opaque: owned(opaque), ..layer(nodes) }
}

#[track_caller]
fn check(layers: Vec<LayerView>, path: &str, expected: &str) {
    let mut tree = Tree::default();
    for layer in layers {
        tree.apply(layer);
    }
    let seen = match tree.find(path).1 {
        Found::Missing => "missing".to_owned(),
        Found::Unreadable(why) => why,
        Found::File(file) => {
            let mut text = String::new();
            file.reader().read_to_string(&mut text).unwrap();
            text
        }
    };
    assert_eq!(seen, expected);
}

const STATUS: &str = "var/lib/dpkg/status";

#[test]
fn the_topmost_layer_counts() {
    check(vec![layer(&[(STATUS, file("1"))]), layer(&[(STATUS, file("2"))])], STATUS, "2");
    check(vec![layer(&[(STATUS, file("1"))]), layer(&[("var", Node::Folder)])], STATUS, "1");
}

#[test]
fn a_whiteout_removes_what_is_below_it() {
    let below = || layer(&[(STATUS, file("1"))]);
    check(vec![below(), without(&[STATUS], &[], &[])], STATUS, "missing");
    check(vec![below(), without(&["var/lib"], &[], &[])], STATUS, "missing");
    check(vec![below(), without(&["var/lib/dpk"], &[], &[])], STATUS, "1");
    // It takes from the layers below, and not from its own.
    check(vec![below(), without(&[STATUS], &[], &[(STATUS, file("2"))])], STATUS, "2");
    check(vec![below(), without(&[STATUS], &[], &[]), layer(&[(STATUS, file("3"))])], STATUS, "3");
}

#[test]
fn an_opaque_folder_hides_what_is_below_it() {
    let below = || layer(&[("var", Node::Folder), (STATUS, file("1"))]);
    check(vec![below(), without(&[], &["var/lib/dpkg"], &[])], STATUS, "missing");
    check(vec![below(), without(&[], &[""], &[])], STATUS, "missing");
    check(vec![below(), without(&[], &["var/lib/dpkg"], &[(STATUS, file("2"))])], STATUS, "2");
    check(vec![below(), without(&[], &["var/lib/dpkg/status.d"], &[])], STATUS, "1");
}

#[test]
fn what_is_no_folder_replaces_a_folder() {
    let below = || layer(&[(STATUS, file("1"))]);
    check(vec![below(), layer(&[("var/lib", Node::Other)])], STATUS, "missing");
    check(vec![below(), layer(&[("var/lib", Node::Other)]), layer(&[(STATUS, file("2"))])], STATUS, "2");
}

#[test]
fn links_are_followed_within_the_root() {
    let os = "usr/lib/os-release";
    check(vec![layer(&[(os, file("1")), ("etc/os-release", link("../usr/lib/os-release"))])], "etc/os-release", "1");
    check(vec![layer(&[(os, file("1")), ("etc/os-release", link("/usr/lib/os-release"))])], "etc/os-release", "1");
    let above = link("../../../../../usr/lib/os-release");
    check(vec![layer(&[(os, file("1")), ("etc/os-release", above)])], "etc/os-release", "1");
    check(vec![layer(&[("etc/os-release", link("../etc/shadow"))])], "etc/os-release", "missing");
    let circle = [("etc/os-release", link("../usr/lib/os-release")), (os, link("/etc/os-release"))];
    check(vec![layer(&circle)], os, "leads through more than 40 links");
    check(vec![layer(&[("etc", link("etc"))])], "etc/os-release", "missing");
}

#[test]
fn a_layer_writes_through_links_to_folders() {
    let moved = || layer(&[("lib", link("usr/lib")), ("usr/lib/apk/db/installed", file("1"))]);
    check(vec![moved()], "lib/apk/db/installed", "1");
    check(vec![moved(), layer(&[("lib/apk/db/installed", file("2"))])], "usr/lib/apk/db/installed", "2");
    check(vec![moved(), without(&["lib/apk/db/installed"], &[], &[])], "usr/lib/apk/db/installed", "missing");
    check(vec![moved(), without(&[], &["lib/apk"], &[])], "usr/lib/apk/db/installed", "missing");
}

#[test]
fn a_hard_link_is_another_name() {
    let hard = |target: &str| Node::HardLink(target.to_owned());
    let os = "usr/lib/os-release";
    check(vec![layer(&[(os, file("1")), ("etc/os-release", hard(os))])], "etc/os-release", "1");
    check(vec![layer(&[(os, file("1"))]), layer(&[("etc/os-release", hard(os))])], "etc/os-release", "1");
    let gone = "is a hard link to `etc/shadow`, which is not kept";
    check(vec![layer(&[("etc/os-release", hard("etc/shadow"))])], "etc/os-release", gone);
}

#[test]
fn a_folder_is_listed_behind_its_links() {
    let mut tree = Tree::default();
    tree.apply(layer(&[
        ("var/lib/dpkg", link("/usr/lib/sysimage/dpkg")),
        ("usr/lib/sysimage/dpkg/status.d/a", file("1")),
        ("usr/lib/sysimage/dpkg/status.d/b", file("1")),
        ("usr/lib/sysimage/dpkg/status.db", file("1")),
    ]));
    let listed = tree.list("var/lib/dpkg/status.d");
    assert_eq!(listed, ["usr/lib/sysimage/dpkg/status.d/a", "usr/lib/sysimage/dpkg/status.d/b"]);
}
