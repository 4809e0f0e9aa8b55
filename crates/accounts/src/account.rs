//! The accounts, and whether credentials are one's.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::AccountName;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::admin_password;
use crate::caller::{Caller, Refusal, Role};
use crate::config::{AccountsConfig, Password};

/// Most passwords hashed at once: each takes 19 MiB and a tenth of a second of a core.
const HASHES_AT_ONCE: usize = 2;
/// Longest `authorization` value looked at, in bytes.
const AUTHORIZATION_BYTES_MAX: usize = 4096;

/// Every account of this process. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    inner: Arc<Inner>,
}

struct Inner {
    accounts: HashMap<AccountName, Account>,
    /// Makes the digests of this process worthless anywhere else.
    salt: [u8; 32],
    hashing: Semaphore,
}

struct Account {
    role: Role,
    known: Known,
}

enum Known {
    /// Digest of the password itself.
    Digest([u8; 32]),
    /// Its hash, and the digest of the password that last proved right, so that a request does not pay for argon2.
    Hash { hash: SecretString, proven: Mutex<Option<[u8; 32]>> },
}

impl Accounts {
    /// The configured accounts; where there are none, an `admin` whose password the first start makes up and keeps in
    /// `data_dir`. The second value is that password.
    pub fn open(config: AccountsConfig, data_dir: &Path) -> io::Result<(Self, Option<SecretString>)> {
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).map_err(io::Error::other)?;
        let mut accounts = HashMap::new();
        for account in config.accounts {
            let known = match account.password {
                Password::Plain(password) => Known::Digest(digest(&salt, password.expose_secret())),
                Password::Hash(hash) => Known::Hash { hash, proven: Mutex::new(None) },
            };
            accounts.insert(account.name, Account { role: account.role, known });
        }
        let made_up = if accounts.is_empty() { Some(admin_password::load_or_make(data_dir)?) } else { None };
        if let Some(password) = &made_up {
            let known = Known::Digest(digest(&salt, password.expose_secret()));
            let admin = "admin".parse().expect("a valid account name");
            accounts.insert(admin, Account { role: Role::Admin, known });
        }
        let inner = Inner { accounts, salt, hashing: Semaphore::new(HASHES_AT_ONCE) };
        Ok((Self { inner: Arc::new(inner) }, made_up))
    }

    /// Who sends a request with these two headers.
    ///
    /// # Errors
    /// [`Refusal::Unauthenticated`] for missing or wrong credentials; [`Refusal::Forbidden`] where the caller may not
    /// act for the account that `account_header` names.
    pub async fn authenticate(
        &self,
        authorization: Option<&str>,
        account_header: Option<&str>,
    ) -> Result<Caller, Refusal> {
        let authorization = authorization.ok_or(Refusal::Unauthenticated("no credentials"))?;
        let (name, password) = parse_basic(authorization).ok_or(Refusal::Unauthenticated("unreadable credentials"))?;
        let wrong = Refusal::Unauthenticated("wrong credentials");
        let Some((user, account)) =
            name.parse().ok().and_then(|user| self.inner.accounts.get_key_value::<AccountName>(&user))
        else {
            return Err(wrong);
        };
        if !self.is_right(account, &password).await {
            return Err(wrong);
        }
        let mut caller = Caller { user: user.clone(), role: account.role, account: user.clone() };
        if let Some(wanted) = account_header.filter(|wanted| !wanted.is_empty()) {
            let wanted = wanted.parse().map_err(|error| Refusal::Forbidden(format!("x-anchore-account: {error}")))?;
            caller.may_act_for(&wanted)?;
            caller.account = wanted;
        }
        Ok(caller)
    }

    async fn is_right(&self, account: &Account, password: &str) -> bool {
        let given = digest(&self.inner.salt, password);
        match &account.known {
            Known::Digest(known) => known.ct_eq(&given).into(),
            Known::Hash { hash, proven } => {
                let before = *proven.lock().expect("nothing panics while it is held");
                if before.is_some_and(|before| before.ct_eq(&given).into()) {
                    return true;
                }
                let Ok(_permit) = self.inner.hashing.acquire().await else { return false };
                let is_right = verify(hash.clone(), password.to_owned()).await;
                if is_right {
                    *proven.lock().expect("nothing panics while it is held") = Some(given);
                }
                is_right
            }
        }
    }
}

fn digest(salt: &[u8; 32], password: &str) -> [u8; 32] {
    Sha256::new().chain_update(salt).chain_update(password).finalize().into()
}

async fn verify(hash: SecretString, password: String) -> bool {
    let verification = tokio::task::spawn_blocking(move || {
        let Ok(hash) = PasswordHash::new(hash.expose_secret()) else { return false };
        Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
    });
    verification.await.unwrap_or(false)
}

/// The user and the password of a Basic `authorization` value (RFC 7617).
fn parse_basic(authorization: &str) -> Option<(String, String)> {
    if authorization.len() > AUTHORIZATION_BYTES_MAX {
        return None;
    }
    let (scheme, encoded) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordHasher;

    use super::*;
    use crate::AccountConfig;

    fn basic(credentials: &str) -> String {
        format!("Basic {}", STANDARD.encode(credentials))
    }

    fn accounts() -> Accounts {
        let hash = Argon2::default().hash_password(b"secret").unwrap().to_string();
        let account = |name: &str, role, password| AccountConfig { name: name.parse().unwrap(), role, password };
        let config = AccountsConfig {
            accounts: vec![
                account("root", Role::Admin, Password::Plain("pass:word".to_owned().into())),
                account("alice", Role::Write, Password::Hash(hash.into())),
                account("bob", Role::Read, Password::Plain("b".to_owned().into())),
            ],
            is_from_environment: false,
        };
        Accounts::open(config, Path::new("/nonexistent")).unwrap().0
    }

    async fn check(authorization: Option<&str>, account: Option<&str>, expected: Result<&str, &str>) {
        let caller = accounts().authenticate(authorization, account).await;
        let caller = caller.map(|caller| caller.account.to_string()).map_err(|refusal| refusal.to_string());
        match expected {
            Ok(name) => assert_eq!(caller.as_deref(), Ok(name)),
            Err(part) => assert!(caller.as_ref().is_err_and(|refusal| refusal.contains(part)), "{caller:?}"),
        }
    }

    #[tokio::test]
    async fn only_right_credentials_make_a_caller() {
        check(Some(&basic("root:pass:word")), None, Ok("root")).await;
        check(Some(&basic("alice:secret")), None, Ok("alice")).await;
        check(Some(&basic("alice:Secret")), None, Err("wrong credentials")).await;
        check(Some(&basic("nobody:secret")), None, Err("wrong credentials")).await;
        check(Some(&basic("alice")), None, Err("unreadable credentials")).await;
        check(Some("Bearer x"), None, Err("unreadable credentials")).await;
        check(None, None, Err("no credentials")).await;
    }

    #[tokio::test]
    async fn only_an_admin_acts_for_others() {
        check(Some(&basic("root:pass:word")), Some("alice"), Ok("alice")).await;
        check(Some(&basic("alice:secret")), Some("alice"), Ok("alice")).await;
        check(Some(&basic("alice:secret")), Some("bob"), Err("`alice` may not act for `bob`")).await;
        check(Some(&basic("root:pass:word")), Some("a b"), Err("`a b` is no account name")).await;
    }

    #[tokio::test]
    async fn a_proven_password_is_not_hashed_again_and_a_wrong_one_still_is_wrong() {
        let accounts = accounts();
        for _ in 0..3 {
            assert!(accounts.authenticate(Some(&basic("alice:secret")), None).await.is_ok());
            assert!(accounts.authenticate(Some(&basic("alice:wrong")), None).await.is_err());
        }
    }
}
