//! apk: one file of paragraphs, whose keys are letters (apk-tools, installed database).

use super::{Package, PackageManager, Problem, Reading, paragraphs};
use crate::rootfs::{APK_FOLDERS, KeptFile};

pub fn read(reading: &mut Reading<'_>) {
    for folder in APK_FOLDERS {
        let path = format!("{folder}/installed");
        if let Some(file) = reading.open_whole(&path) {
            let result = parse(&file, reading);
            reading.note(&path, result);
        }
    }
}

fn parse(file: &KeptFile, reading: &mut Reading<'_>) -> Result<(), Problem> {
    let mut incomplete = 0_u64;
    let paragraphs = paragraphs::each(file.reader(), ["P", "V", "A"], |fields| {
        if let [Some(name), Some(version), architecture] = fields {
            return reading.add(Package { manager: PackageManager::Apk, name, version, architecture });
        }
        incomplete += 1;
        Ok(())
    })?;
    if incomplete > 0 {
        return Err(Problem::parse(format!("{incomplete} of {paragraphs} paragraphs lack `P:` or `V:`")));
    }
    Ok(())
}
