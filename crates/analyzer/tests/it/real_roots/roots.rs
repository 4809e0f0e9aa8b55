//! The roots, and what their own package managers say of them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::layout::{Folder, Packing};
use super::{run, sorted, text};

/// Set for more releases of Debian, such as `trixie bullseye`; each takes a minute.
const MORE_VARIABLE: &str = "ANALYZER_TEST_RELEASES";
const MIRROR: &str = "http://deb.debian.org/debian";

pub struct Root {
    pub name: String,
    pub layers: Vec<Folder>,
    pub packing: Packing,
    pub distribution: String,
    /// `name version` of every installed package, sorted.
    pub listed: Vec<String>,
}

pub fn all() -> Vec<Root> {
    let more = std::env::var_os(MORE_VARIABLE).and_then(|more| more.into_string().ok()).unwrap_or_default();
    let bookworm = debian("bookworm");
    let mut roots = vec![distroless(&bookworm.layers[0].path), bookworm, fedora(), own()];
    roots.extend(more.split_whitespace().map(debian));
    roots
}

/// Where roots are kept from one run to the next.
fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("roots").join(name)
}

/// Made by `make` in a folder of another name, so that what is there is whole.
fn made_once(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let root = kept(name);
    if !root.exists() {
        let unfinished = kept(&format!("{name}.unfinished"));
        let _ = fs::remove_dir_all(&unfinished);
        fs::create_dir_all(&unfinished).unwrap();
        make(&unfinished);
        fs::rename(&unfinished, &root).unwrap();
    }
    root
}

/// As debootstrap installs it.
fn debian(release: &str) -> Root {
    let root = made_once(release, |to| {
        run("debootstrap", &["--variant=minbase", release, &text(to), MIRROR]);
    });
    let listed = dpkg_query(&root.join("var/lib/dpkg"));
    let layers = vec![Folder { path: root, only: &[] }];
    Root { name: release.to_owned(), layers, packing: Packing::Gzip, distribution: "debian".to_owned(), listed }
}

fn dpkg_query(database: &Path) -> Vec<String> {
    let format = "${Package} ${Version} ${db:Status-Status}\n";
    let listed = run("dpkg-query", &["--admindir", &text(database), "--show", "--showformat", format]);
    sorted(listed.lines().filter_map(|line| line.strip_suffix(" installed")).map(str::to_owned).collect())
}

/// Of the packages that debootstrap has downloaded, as bazel makes distroless images of them: a file each.
fn distroless(debian: &Path) -> Root {
    let root = made_once("distroless", |to| {
        let status = to.join("var/lib/dpkg/status.d");
        fs::create_dir_all(&status).unwrap();
        fs::create_dir_all(to.join("etc")).unwrap();
        fs::create_dir_all(to.join("usr/lib")).unwrap();
        fs::copy(debian.join("usr/lib/os-release"), to.join("usr/lib/os-release")).unwrap();
        std::os::unix::fs::symlink("../usr/lib/os-release", to.join("etc/os-release")).unwrap();
        for package in packages(debian) {
            let control = run("dpkg-deb", &["--field", &text(&package)]);
            let name = package.file_name().unwrap().to_str().unwrap().split('_').next().unwrap().to_owned();
            fs::write(status.join(&name), control).unwrap();
            fs::write(status.join(format!("{name}.md5sums")), "d41d8cd98f00b204e9800998ecf8427e  usr/x\n").unwrap();
        }
    });
    let show =
        |package: &PathBuf| run("dpkg-deb", &["--show", "--showformat", "${Package} ${Version}", &text(package)]);
    let listed = sorted(packages(debian).iter().map(show).collect());
    let layers = vec![Folder { path: root, only: &[] }];
    Root { name: "distroless".to_owned(), layers, packing: Packing::Zstd, distribution: "debian".to_owned(), listed }
}

/// Some of the packages that debootstrap has left where apt keeps them.
fn packages(debian: &Path) -> Vec<PathBuf> {
    let folder = fs::read_dir(debian.join("var/cache/apt/archives")).unwrap();
    let mut packages: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    packages.retain(|path| path.extension().is_some_and(|extension| extension == "deb"));
    packages.sort();
    packages.truncate(20);
    assert!(packages.len() >= 10, "{packages:?}");
    packages
}

/// Packages of our own, built and installed by rpm: large headers, epochs, and more than one page of database.
fn fedora() -> Root {
    let root = made_once("fedora", |to| {
        let build = tempfile::TempDir::new().unwrap();
        let topdir = format!("_topdir {}", text(build.path()));
        for (name, epoch) in [("alpha", None), ("beta", Some(2)), ("gamma", None), ("delta-libs", Some(1))] {
            let file = build.path().join(format!("{name}.spec"));
            fs::write(&file, spec(name, epoch)).unwrap();
            run("rpmbuild", &["-bb", "--quiet", "--define", &topdir, &text(&file)]);
        }
        let folder = fs::read_dir(build.path().join("RPMS/noarch")).unwrap();
        let packages: Vec<String> = folder.map(|entry| text(&entry.unwrap().path())).collect();
        fs::create_dir_all(to.join("etc")).unwrap();
        fs::write(to.join("etc/os-release"), "NAME=\"Fedora Linux\"\nID=fedora\nVERSION_ID=40\n").unwrap();
        let at_root = at_root(to);
        let mut install = at_root.iter().map(String::as_str).collect::<Vec<_>>();
        install.extend(["--install", "--nodeps"]);
        install.extend(packages.iter().map(String::as_str));
        run("rpm", &install);
    });
    let at_root = at_root(&root);
    let mut query = at_root.iter().map(String::as_str).collect::<Vec<_>>();
    query.extend(["-qa", "--queryformat", "%{NAME} %{EVR}\n"]);
    let listed = sorted(run("rpm", &query).lines().map(str::to_owned).collect());
    assert_eq!(listed.len(), 4, "{listed:?}");
    let layers = vec![Folder { path: root, only: &[] }];
    Root { name: "fedora".to_owned(), layers, packing: Packing::Plain, distribution: "fedora".to_owned(), listed }
}

fn at_root(root: &Path) -> [String; 4] {
    ["--root".to_owned(), text(root), "--dbpath".to_owned(), "/usr/lib/sysimage/rpm".to_owned()]
}

fn spec(name: &str, epoch: Option<u32>) -> String {
    let mut spec =
        format!("Name: {name}\nVersion: 1.2\nRelease: 3.fc40\nSummary: A test\nLicense: MIT\nBuildArch: noarch\n");
    if let Some(epoch) = epoch {
        writeln!(spec, "Epoch: {epoch}").unwrap();
    }
    let files = "for i in $(seq 1 400); do echo $i > %{buildroot}/usr/share/%{name}/$i; done";
    write!(spec, "%description\nA test.\n%install\nmkdir -p %{{buildroot}}/usr/share/%{{name}}\n{files}\n").unwrap();
    spec + "%files\n/usr/share/%{name}\n"
}

/// The machine that this runs on: what says what is on it, in two layers.
fn own() -> Root {
    let os_release = fs::read_to_string("/etc/os-release").unwrap();
    let id = os_release.lines().find_map(|line| line.strip_prefix("ID=")).unwrap().trim_matches('"').to_owned();
    let folder = |only| Folder { path: PathBuf::from("/"), only };
    let layers = vec![folder(&["usr/lib/os-release", "var/lib/dpkg/status"]), folder(&["etc/os-release", "etc/hosts"])];
    let listed = dpkg_query(Path::new("/var/lib/dpkg"));
    Root { name: "own".to_owned(), layers, packing: Packing::Gzip, distribution: id, listed }
}
