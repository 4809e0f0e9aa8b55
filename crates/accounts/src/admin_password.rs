//! The password that the first start makes up.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use secrecy::SecretString;

/// Sets the admin's password instead of a made-up one.
pub const ADMIN_PASSWORD_VARIABLE: &str = "ANCHORE_ADMIN_PASSWORD";

/// Holds the made-up password, in the data directory, readable by its owner alone.
pub const ADMIN_PASSWORD_FILE: &str = "admin-password";

/// Length of a made-up password: 120 random bits at five a character.
const LENGTH: usize = 24;

/// What it is made of: no character that needs quoting, looks like another, or begins an option.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// The made-up password of this data directory; the first call makes it.
pub(crate) fn load_or_make(data_dir: &Path) -> io::Result<SecretString> {
    let file = data_dir.join(ADMIN_PASSWORD_FILE);
    match std::fs::read_to_string(&file) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned().into()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let password: String = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
    // Written beside and renamed, so that a crash never leaves half a password.
    let draft = data_dir.join(format!("{ADMIN_PASSWORD_FILE}.new"));
    let _ = std::fs::remove_file(&draft);
    let mut handle = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    writeln!(handle, "{password}")?;
    handle.sync_all()?;
    std::fs::rename(&draft, &file)?;
    Ok(password.into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_password_is_made_once_and_is_private() {
        let directory = tempfile::tempdir().unwrap();
        let first = load_or_make(directory.path()).unwrap();
        let second = load_or_make(directory.path()).unwrap();
        assert_eq!(first.expose_secret(), second.expose_secret());
        assert_eq!(first.expose_secret().len(), 24);
        let mode = directory.path().join(ADMIN_PASSWORD_FILE).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
