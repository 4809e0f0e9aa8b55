//! dpkg: one file of paragraphs for all packages, or one for each.

use super::{Package, PackageManager, Problem, Reading, paragraphs};
use crate::rootfs::{DPKG_STATUS, DPKG_STATUS_FOLDER, KeptFile};

/// States in which the files of a package are there (dpkg(1), package states).
const PRESENT: [&str; 5] = ["installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending"];

pub fn read(reading: &mut Reading<'_>) {
    let files = [DPKG_STATUS.to_owned()].into_iter().chain(reading.tree.list(DPKG_STATUS_FOLDER));
    for path in files.collect::<Vec<_>>() {
        if let Some(file) = reading.open_whole(&path) {
            let result = parse(&file, reading);
            reading.note(&path, result);
        }
    }
}

fn parse(file: &KeptFile, reading: &mut Reading<'_>) -> Result<(), Problem> {
    let keys = ["Package", "Version", "Architecture", "Status"];
    let mut incomplete = 0_u64;
    let paragraphs = paragraphs::each(file.reader(), keys, |[name, version, architecture, status]| {
        // Files of a single package have no status; else its last word is the state.
        let state = status.as_deref().and_then(|status| status.split_ascii_whitespace().last());
        let is_present = state.is_none_or(|state| PRESENT.contains(&state));
        match (name, version) {
            (Some(_), _) if !is_present => Ok(()),
            (Some(name), Some(version)) => {
                reading.add(Package { manager: PackageManager::Dpkg, name, version, architecture })
            }
            _ => {
                incomplete += 1;
                Ok(())
            }
        }
    })?;
    if incomplete > 0 {
        return Err(Problem::parse(format!("{incomplete} of {paragraphs} paragraphs lack `Package` or `Version`")));
    }
    Ok(())
}
