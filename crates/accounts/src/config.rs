//! The `accounts` list of the configuration.

use argon2::password_hash::phc::PasswordHash;
use event::AccountName;
use secrecy::{ExposeSecret, SecretString};
use service::config::Section;

use crate::admin_password::ADMIN_PASSWORD_VARIABLE;
use crate::caller::Role;

/// The configured accounts; none means that the first start makes an `admin` (design 3.3).
#[derive(Debug, Clone, Default)]
pub struct AccountsConfig {
    pub accounts: Vec<AccountConfig>,
    /// Whether the only account is the `admin` whose password [`ADMIN_PASSWORD_VARIABLE`] sets.
    pub is_from_environment: bool,
}

#[derive(Debug, Clone)]
pub struct AccountConfig {
    pub name: AccountName,
    pub role: Role,
    pub password: Password,
}

/// How a configured password is known.
#[derive(Debug, Clone)]
pub enum Password {
    /// From the environment or a file.
    Plain(SecretString),
    /// An argon2id hash in PHC form.
    Hash(SecretString),
}

impl AccountsConfig {
    /// Reads `accounts` from the root of the configuration.
    pub fn read(root: &mut Section) -> Self {
        let mut accounts: Vec<AccountConfig> = Vec::new();
        for mut section in root.sections("accounts") {
            let has_name = section.has("name");
            let name = section.parse::<AccountName>("name");
            // Without a role the least is granted.
            let role = section.choice("role", &Role::NAMES, Role::Read);
            let password = read_password(&mut section);
            match &name {
                None if !has_name => section.refuse("name", "expected the name of the account"),
                Some(name) if accounts.iter().any(|account| account.name == *name) => {
                    section.refuse("name", format!("the account `{name}` is listed twice"));
                }
                _ => {}
            }
            if let (Some(name), Some(password)) = (name, password) {
                accounts.push(AccountConfig { name, role, password });
            }
            section.finish();
        }
        let password = root.environment(ADMIN_PASSWORD_VARIABLE).filter(|_| accounts.is_empty());
        let is_from_environment = password.is_some();
        if let Some(password) = password {
            let name = "admin".parse().expect("a valid account name");
            accounts.push(AccountConfig { name, role: Role::Admin, password: Password::Plain(password.into()) });
        }
        Self { accounts, is_from_environment }
    }
}

fn read_password(section: &mut Section) -> Option<Password> {
    let had_source = section.has("password_env") || section.has("password_file");
    let plain = section.secret_elsewhere("password_env", "password_file");
    let hash = section.masked_text("password_hash");
    match (plain, hash) {
        (Some(_), Some(_)) => {
            section.refuse("password_hash", "given beside `password_env` or `password_file`, expected one of them");
            None
        }
        (Some(plain), None) => Some(Password::Plain(plain)),
        (None, Some(hash)) if is_argon2id(hash.expose_secret()) => Some(Password::Hash(hash)),
        (None, Some(_)) => {
            section.refuse("password_hash", "expected an argon2id hash in PHC form, `$argon2id$v=19$m=...`");
            None
        }
        (None, None) if had_source => None,
        (None, None) => {
            section.refuse("password_env", "missing, expected `password_env`, `password_file` or `password_hash`");
            None
        }
    }
}

fn is_argon2id(hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| hash.algorithm.as_str() == "argon2id" && hash.hash.is_some())
}
