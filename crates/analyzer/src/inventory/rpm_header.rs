//! The header of an installed package: an index of tags, then the data they point into (rpm, file format of headers). All
//! numbers are big-endian.

/// What is read of a header.
#[derive(Debug, PartialEq, Eq)]
pub struct RpmHeader {
    pub name: String,
    /// `epoch:version-release`, without the epoch where there is none: as `rpm -q --qf '%{evr}'` prints it.
    pub version: String,
    pub architecture: Option<String>,
}

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const ARCHITECTURE: u32 = 1022;

const TYPE_INT32: u32 = 4;
const TYPE_STRING: u32 = 6;
const TYPE_I18N_STRING: u32 = 9;

const ENTRY_BYTES: usize = 16;
/// Most entries of an index: as many as rpm itself takes.
const ENTRIES_MAX: usize = 65_535;

/// # Errors
/// What is wrong, as a fragment.
pub fn parse(header: &[u8]) -> Result<RpmHeader, &'static str> {
    let cut = "it is cut off";
    let entries = number(header, 0).ok_or(cut)? as usize;
    let data_bytes = number(header, 4).ok_or(cut)? as usize;
    if entries > ENTRIES_MAX {
        return Err("it has too many tags");
    }
    let index = header.get(8..8 + entries * ENTRY_BYTES).ok_or(cut)?;
    let data = &header[8 + index.len()..];
    let data = data.get(..data_bytes).ok_or(cut)?;
    let find = |tag: u32, types: &[u32]| {
        let mut entries = index.chunks_exact(ENTRY_BYTES);
        let entry = entries.find(|entry| {
            number(entry, 0) == Some(tag) && number(entry, 4).is_some_and(|kind| types.contains(&kind))
        })?;
        data.get(number(entry, 8)? as usize..)
    };
    let text = |tag: u32| {
        let bytes = find(tag, &[TYPE_STRING, TYPE_I18N_STRING])?;
        let end = bytes.iter().position(|&byte| byte == 0)?;
        Some(String::from_utf8_lossy(&bytes[..end]).into_owned()).filter(|text| !text.is_empty())
    };
    let name = text(NAME).ok_or("it has no name")?;
    let version = text(VERSION).ok_or("it has no version")?;
    let release = text(RELEASE).ok_or("it has no release")?;
    let epoch = find(EPOCH, &[TYPE_INT32]).and_then(|bytes| number(bytes, 0));
    let epoch = epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
    Ok(RpmHeader { name, version: format!("{epoch}{version}-{release}"), architecture: text(ARCHITECTURE) })
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(tags: &[(u32, u32, &[u8])]) -> Vec<u8> {
        let mut index = Vec::new();
        let mut data = Vec::new();
        for (tag, kind, content) in tags {
            for number in [*tag, *kind, u32::try_from(data.len()).unwrap(), 1] {
                index.extend(number.to_be_bytes());
            }
            data.extend(*content);
        }
        let count = |number: usize| u32::try_from(number).unwrap().to_be_bytes();
        [&count(tags.len())[..], &count(data.len()), &index, &data].concat()
    }

    #[test]
    fn a_header_is_read_by_its_tags() {
        let tags: [(u32, u32, &[u8]); 5] = [
            (1000, 6, b"bash\0"),
            (1001, 6, b"5.2\0"),
            (1002, 6, b"3.fc39\0"),
            (1003, 4, &[0, 0, 0, 1]),
            (1022, 6, b"x86_64\0"),
        ];
        let read = parse(&header(&tags)).unwrap();
        assert_eq!((read.name.as_str(), read.version.as_str()), ("bash", "1:5.2-3.fc39"));
        assert_eq!(read.architecture.as_deref(), Some("x86_64"));
        assert_eq!(parse(&header(&tags[..3])).unwrap().version, "5.2-3.fc39");
        assert_eq!(parse(&header(&tags[..2])), Err("it has no release"));
    }

    #[test]
    fn no_header_is_too_broken() {
        let whole = header(&[(1000, 6, b"bash\0"), (1001, 6, b"5\0"), (1002, 6, b"1\0")]);
        for end in 0..whole.len() {
            assert!(parse(&whole[..end]).is_err(), "{end}");
        }
        assert_eq!(parse(&[0xff; 64]), Err("it has too many tags"));
        let mut astray = whole.clone();
        astray[8 + 8..8 + 12].fill(0xff);
        assert_eq!(parse(&astray), Err("it has no name"));
    }
}
