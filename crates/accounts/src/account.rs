//! The accounts, and whether credentials are one's.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::{AccountName, Clock};
use secrecy::{ExposeSecret, SecretString};
use service::client_address::ClientAddress;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::admin_password;
use crate::caller::{Caller, Refusal, Role};
use crate::config::{AccountsConfig, Password};
use crate::failed_log_ins::FailedLogIns;
use crate::log_ins::LogIns;

/// Most passwords hashed at once: each takes 19 MiB and a tenth of a second of a core.
const HASHES_AT_ONCE: usize = 2;
/// Longest `authorization` value looked at, in bytes.
const AUTHORIZATION_BYTES_MAX: usize = 4096;
/// Stands for a hash where none is configured: of a random password that nobody knows, at the default cost.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$ppWsu2qM98b6xb9VNWIS9w$/uCqMYMjxwZcT6x6V9ga1F6cMa4eJFQk14Yip7iEQx8";

/// Every account of this process. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    inner: Arc<Inner>,
}

struct Inner {
    accounts: HashMap<AccountName, Account>,
    /// Hashes to try a password on where it cannot be right, so that this takes the time that it takes elsewhere.
    decoys: Vec<SecretString>,
    /// Makes the digests of this process worthless anywhere else.
    salt: [u8; 32],
    hashing: Arc<Semaphore>,
    log_ins: LogIns,
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
    pub fn open(
        config: AccountsConfig,
        data_dir: &Path,
        clock: Arc<dyn Clock>,
    ) -> io::Result<(Self, Option<SecretString>)> {
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).map_err(io::Error::other)?;
        let mut accounts = HashMap::new();
        let mut decoys = Vec::new();
        for account in config.accounts {
            let known = match account.password {
                Password::Plain(password) => Known::Digest(digest(&salt, password.expose_secret())),
                Password::Hash(hash) => {
                    decoys.push(hash.clone());
                    Known::Hash { hash, proven: Mutex::new(None) }
                }
            };
            accounts.insert(account.name, Account { role: account.role, known });
        }
        let made_up = if accounts.is_empty() { Some(admin_password::load_or_make(data_dir)?) } else { None };
        if let Some(password) = &made_up {
            let known = Known::Digest(digest(&salt, password.expose_secret()));
            let admin = "admin".parse().expect("a valid account name");
            accounts.insert(admin, Account { role: Role::Admin, known });
        }
        if decoys.is_empty() {
            decoys.push(DECOY.to_owned().into());
        }
        let inner = Inner {
            accounts,
            decoys,
            salt,
            hashing: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
            log_ins: LogIns::new(clock),
        };
        Ok((Self { inner: Arc::new(inner) }, made_up))
    }

    /// Who sends a request with these two headers from `client`.
    ///
    /// Wrong credentials take the time of one argon2 hash, whoever they name. They are counted: see
    /// [`crate::log_in_limit`] for how many are borne, [`Accounts::next_failed_log_ins`] for who hears of them.
    ///
    /// # Errors
    /// [`Refusal::Unauthenticated`] for missing or wrong credentials; [`Refusal::TooManyFailures`] where too many were
    /// wrong lately; [`Refusal::Forbidden`] where the caller may not act for the account that `account_header` names.
    pub async fn authenticate(
        &self,
        authorization: Option<&str>,
        account_header: Option<&str>,
        client: &ClientAddress,
    ) -> Result<Caller, Refusal> {
        let authorization = authorization.ok_or(Refusal::Unauthenticated("no credentials"))?;
        let (name, password) = parse_basic(authorization).ok_or(Refusal::Unauthenticated("unreadable credentials"))?;
        let inner = &self.inner;
        let known = name.parse().ok().and_then(|user| inner.accounts.get_key_value::<AccountName>(&user));
        let log_in = inner.log_ins.begin(client, &name)?;
        let Some((user, account)) = known else {
            log_in.failed(None);
            inner.try_decoy(&name, password).await;
            return Err(wrong());
        };
        let given = digest(&inner.salt, &password);
        match &account.known {
            Known::Digest(known) if known.ct_eq(&given).into() => {}
            Known::Digest(_) => {
                // Counted before the time is spent, so that guesses that come together do not pass together.
                log_in.failed(Some(user));
                inner.try_decoy(&name, password).await;
                return Err(wrong());
            }
            Known::Hash { proven, .. } if lock(proven).is_some_and(|proven| proven.ct_eq(&given).into()) => {}
            Known::Hash { hash, proven } => {
                let permit = inner.permit().await.ok_or_else(wrong)?;
                log_in.check()?;
                if !verify(hash.clone(), password, permit).await {
                    log_in.failed(Some(user));
                    return Err(wrong());
                }
                *lock(proven) = Some(given);
            }
        }
        log_in.succeeded();
        let mut caller = Caller { user: user.clone(), role: account.role, account: user.clone() };
        if let Some(wanted) = account_header.filter(|wanted| !wanted.is_empty()) {
            let wanted = wanted.parse().map_err(|error| Refusal::Forbidden(format!("x-anchore-account: {error}")))?;
            caller.may_act_for(&wanted)?;
            caller.account = wanted;
        }
        Ok(caller)
    }

    /// Waits for the next reports about failed log-ins. Whoever runs the accounts' services emits them.
    pub async fn next_failed_log_ins(&self) -> Vec<FailedLogIns> {
        self.inner.log_ins.next_reports().await
    }

    /// What was not reported yet, for the end of the process.
    pub fn take_failed_log_ins(&self) -> Vec<FailedLogIns> {
        self.inner.log_ins.take_reports()
    }
}

impl Inner {
    /// Waits for a turn to hash. `None` never comes: the semaphore is not closed.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.hashing).acquire_owned().await.ok()
    }

    /// Takes the time that a wrong password takes where there is a hash.
    async fn try_decoy(&self, name: &str, password: String) {
        if let Some(permit) = self.permit().await {
            verify(self.decoy(name).clone(), password, permit).await;
        }
    }

    /// One of the hashes, always the same for one name: with hashes of several costs, each name has a cost of its own.
    fn decoy(&self, name: &str) -> &SecretString {
        let choice = usize::from(digest(&self.salt, name)[0]) % self.decoys.len();
        &self.decoys[choice]
    }
}

fn wrong() -> Refusal {
    Refusal::Unauthenticated("wrong credentials")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it is held")
}

fn digest(salt: &[u8; 32], password: &str) -> [u8; 32] {
    Sha256::new().chain_update(salt).chain_update(password).finalize().into()
}

/// The permit is held until the hash is made: a client that goes away meanwhile does not make room for the next one.
async fn verify(hash: SecretString, password: String, permit: OwnedSemaphorePermit) -> bool {
    let verification = tokio::task::spawn_blocking(move || {
        let _permit = permit;
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
    use std::time::Duration;

    use argon2::password_hash::PasswordHasher;
    use event::ManualClock;

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
        let clock = Arc::new(ManualClock::at("2018-06-30".parse().unwrap()));
        Accounts::open(config, Path::new("/nonexistent"), clock).unwrap().0
    }

    fn client() -> ClientAddress {
        ClientAddress { peer: "192.0.2.1".parse().ok(), passed_on_for: None }
    }

    async fn check(authorization: Option<&str>, account: Option<&str>, expected: Result<&str, &str>) {
        let caller = accounts().authenticate(authorization, account, &client()).await;
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
            assert!(accounts.authenticate(Some(&basic("alice:secret")), None, &client()).await.is_ok());
            assert!(accounts.authenticate(Some(&basic("alice:wrong")), None, &client()).await.is_err());
        }
    }

    #[tokio::test]
    async fn who_fails_too_often_is_refused_unchecked_and_reported_once() {
        let accounts = accounts();
        for name in ["bob", "nobody"] {
            let wrong = basic(&format!("{name}:wrong"));
            for _ in 0..10 {
                let refused = accounts.authenticate(Some(&wrong), None, &client()).await.unwrap_err();
                assert_eq!(refused, Refusal::Unauthenticated("wrong credentials"));
            }
            let wait = Duration::from_secs(10);
            let refused = accounts.authenticate(Some(&wrong), None, &client()).await.unwrap_err();
            assert_eq!(refused, Refusal::TooManyFailures { wait });
        }
        let refused = accounts.authenticate(Some(&basic("bob:b")), None, &client()).await;
        assert!(matches!(refused, Err(Refusal::TooManyFailures { .. })), "{refused:?}");
        assert!(accounts.authenticate(Some(&basic("alice:secret")), None, &client()).await.is_ok());
        let reports = accounts.take_failed_log_ins();
        let [report] = &reports[..] else { panic!("{reports:?}") };
        assert_eq!((report.failures, report.unknown_users, report.refused), (20, 10, 3));
        assert_eq!(report.client, "192.0.2.1");
    }
}
