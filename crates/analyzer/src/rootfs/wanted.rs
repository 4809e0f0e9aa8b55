//! Which paths of an image matter: those that are read, and the folders on the way to them.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Says which distribution it is; the first one there counts (os-release(5)).
pub const OS_RELEASE: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];
/// The package database of dpkg.
pub const DPKG_STATUS: &str = "var/lib/dpkg/status";
/// In its place, a file for each package (distroless images).
pub const DPKG_STATUS_FOLDER: &str = "var/lib/dpkg/status.d";
/// Where apk keeps `installed`; the second since Alpine moved everything below `usr`.
pub const APK_FOLDERS: [&str; 2] = ["lib/apk/db", "usr/lib/apk/db"];
/// Where rpm keeps its database: as it always did, as openSUSE and Fedora do, and in ostree images.
pub const RPM_FOLDERS: [&str; 3] = ["var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"];

const OS_RELEASE_BYTES_MAX: u64 = 64 * KIB;
const DATABASE_BYTES_MAX: u64 = 128 * MIB;
const STATUS_FILE_BYTES_MAX: u64 = MIB;
const RPM_BYTES_MAX: u64 = 1024 * MIB;
/// Enough to tell what kind of database it is.
const BEGINNING_BYTES: u64 = 4 * KIB;

/// What a path is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A file, of which at most so many bytes are kept.
    File { bytes_max: u64 },
    /// A folder on the way to such a file.
    Way,
}

static FILES: LazyLock<HashMap<String, u64>> = LazyLock::new(|| {
    let mut files = HashMap::from([(DPKG_STATUS.to_owned(), DATABASE_BYTES_MAX)]);
    files.extend(OS_RELEASE.map(|path| (path.to_owned(), OS_RELEASE_BYTES_MAX)));
    files.extend(APK_FOLDERS.map(|folder| (format!("{folder}/installed"), DATABASE_BYTES_MAX)));
    for folder in RPM_FOLDERS {
        files.insert(format!("{folder}/rpmdb.sqlite"), RPM_BYTES_MAX);
        files.insert(format!("{folder}/rpmdb.sqlite-wal"), RPM_BYTES_MAX);
        files.insert(format!("{folder}/Packages"), BEGINNING_BYTES);
        files.insert(format!("{folder}/Packages.db"), BEGINNING_BYTES);
    }
    files
});

static WAYS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let mut ways = HashSet::from([String::new(), DPKG_STATUS_FOLDER.to_owned()]);
    for file in FILES.keys() {
        ways.extend(file.match_indices('/').map(|(at, _)| file[..at].to_owned()));
    }
    ways
});

/// What the normalized `path` is to us; `None` where nobody looks.
pub fn wanted(path: &str) -> Option<Wanted> {
    if let Some(&bytes_max) = FILES.get(path) {
        return Some(Wanted::File { bytes_max });
    }
    if WAYS.contains(path) {
        return Some(Wanted::Way);
    }
    let name = path.strip_prefix(DPKG_STATUS_FOLDER)?.strip_prefix('/')?;
    // The checksums of a package's files lie beside what is said of it.
    let is_status = !name.contains('/') && !name.ends_with(".md5sums");
    is_status.then_some(Wanted::File { bytes_max: STATUS_FILE_BYTES_MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_the_ways_to_them_are_wanted() {
        let check = |path: &str, is_file: Option<bool>| {
            let seen = wanted(path).map(|wanted| matches!(wanted, Wanted::File { .. }));
            assert_eq!(seen, is_file, "{path}");
        };
        check("etc/os-release", Some(true));
        check("usr/lib/sysimage/rpm/rpmdb.sqlite", Some(true));
        check("var/lib/dpkg/status.d/base", Some(true));
        check("var/lib/dpkg/status.d/base.md5sums", None);
        check("var/lib/dpkg/status.d/base/x", None);
        check("var/lib/dpkg/status.d", Some(false));
        check("usr/lib/sysimage", Some(false));
        check("lib", Some(false));
        check("", Some(false));
        check("usr/bin", None);
        check("etc/os-release/x", None);
    }
}
