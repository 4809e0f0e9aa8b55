//! A tar archive of a few small files (POSIX.1-1988 ustar).

use std::path::Path;

use anyhow::Context;

const BLOCK: usize = 512;

/// The files of `folder` with their paths below it, in the order of their names; `added` come after them.
///
/// # Errors
/// A file that cannot be read, or whose path is longer than the format has room for.
pub fn archive(folder: &Path, added: &[(&str, &str)]) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    add_folder(&mut bytes, folder, folder)?;
    for (path, content) in added {
        add_file(&mut bytes, path, content.as_bytes())?;
    }
    bytes.resize(bytes.len() + 2 * BLOCK, 0);
    Ok(bytes)
}

fn add_folder(bytes: &mut Vec<u8>, root: &Path, folder: &Path) -> anyhow::Result<()> {
    let unreadable = || format!("cannot read `{}`", folder.display());
    let entries = std::fs::read_dir(folder).with_context(unreadable)?.collect::<Result<Vec<_>, _>>();
    let mut paths: Vec<_> = entries.with_context(unreadable)?.iter().map(std::fs::DirEntry::path).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            add_folder(bytes, root, &path)?;
        } else {
            let content = std::fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
            let name = path.strip_prefix(root)?.to_str().context("a path that is no text")?;
            add_file(bytes, name, &content)?;
        }
    }
    Ok(())
}

fn add_file(bytes: &mut Vec<u8>, path: &str, content: &[u8]) -> anyhow::Result<()> {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    anyhow::ensure!(path.len() < 100, "`{path}` is too long for an archive");
    put(0, path);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{:011o}\0", content.len()));
    put(136, "00000000000\0");
    // The sum is taken with blanks in its own place.
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bytes.extend(header);
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    Ok(())
}
