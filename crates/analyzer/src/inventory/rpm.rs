//! rpm: a header for each package, kept in one of three kinds of database over the years.

use super::sqlite::{Database, SqliteError, Value};
use super::{Package, PackageManager, Problem, Reading, rpm_header, text};
use crate::rootfs::{KeptFile, RPM_FOLDERS};

/// How many headers that cannot be read are told one by one.
const BROKEN_HEADERS_TOLD: usize = 3;

pub fn read(reading: &mut Reading<'_>) {
    for folder in RPM_FOLDERS {
        let path = format!("{folder}/rpmdb.sqlite");
        if let Some(file) = reading.open_whole(&path) {
            let log = reading.open_whole(&format!("{path}-wal"));
            let result = read_sqlite(&file, log.as_ref(), reading, &path);
            reading.note(&path, result);
            // What else lies there is what was before rpm changed to SQLite.
            continue;
        }
        for name in ["Packages", "Packages.db"] {
            let path = format!("{folder}/{name}");
            if let Some(file) = reading.open(&path) {
                let result = Err(old_format(&file));
                reading.note(&path, result);
            }
        }
    }
}

fn read_sqlite(file: &KeptFile, log: Option<&KeptFile>, reading: &mut Reading<'_>, path: &str) -> Result<(), Problem> {
    let log = log.filter(|log| log.bytes() > 0).map(KeptFile::reader);
    let mut database = Database::open(file.reader(), log)?;
    let mut broken = 0;
    let mut full = Ok(());
    let scanned = database.scan("Packages", |row| {
        // The first column is the row's own number.
        let package = match row.into_iter().nth(1) {
            Some(Value::Blob(header)) => rpm_header::parse(&header).map_err(str::to_owned),
            _ => Err("no header in the second column".to_owned()),
        };
        match package {
            Ok(header) => {
                let package = Package {
                    manager: PackageManager::Rpm,
                    name: text(&header.name),
                    version: text(&header.version),
                    architecture: header.architecture.as_deref().map(text),
                };
                full = reading.add(package);
            }
            Err(problem) => {
                broken += 1;
                if broken <= BROKEN_HEADERS_TOLD {
                    reading.unknown(path, &Problem::parse(format!("a package's header cannot be read: {problem}")));
                }
            }
        }
        full.is_ok()
    });
    scanned?;
    full?;
    match broken.saturating_sub(BROKEN_HEADERS_TOLD) {
        0 => Ok(()),
        more => Err(Problem::parse(format!("{more} more headers cannot be read"))),
    }
}

/// The formats before, by name.
fn old_format(file: &KeptFile) -> Problem {
    let beginning = file.beginning(16).unwrap_or_default();
    let magic = beginning.get(12..16);
    // Hash and B-tree of Berkeley DB, in either byte order.
    let is_berkeley = [[0x61, 0x15, 0x06, 0x00], [0x62, 0x31, 0x05, 0x00]].iter().any(|known: &[u8; 4]| {
        let swapped: Vec<u8> = known.iter().rev().copied().collect();
        magic == Some(known) || magic == Some(&swapped)
    });
    if is_berkeley {
        Problem::unsupported("a Berkeley DB database (rpm before 4.16), of which packages are not read")
    } else if beginning.starts_with(b"RpmP") {
        Problem::unsupported("an ndb database (rpm as SUSE builds it), of which packages are not read")
    } else {
        Problem::parse("no database that rpm ever had")
    }
}

impl From<SqliteError> for Problem {
    fn from(error: SqliteError) -> Self {
        match error {
            SqliteError::Source(error) => error.into(),
            error => Self::parse(error.to_string()),
        }
    }
}
