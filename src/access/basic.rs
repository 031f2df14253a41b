//! Passwords: checked by Argon2id, one at a time and on no thread that answers anybody, and as long for a name that nobody
//! has as for one that somebody has.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use argon2::{Algorithm, Argon2, Params, Version};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use crate::config::auth::User;
use crate::domain::password::{Cost, PasswordHash};
use crate::domain::secret::Secret;

/// Passwords that wait to be checked; whoever comes then is told to try again.
const MOST_WAITING: usize = 16;
/// Whoever waits longer is told so.
const DEADLINE: Duration = Duration::from_secs(10);
/// The longest password.
pub(super) const LONGEST: usize = 1024;

/// What is wrong with the parameters of a hash; they were judged when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the hash of a password can't be computed: {0}")]
pub struct HashError(argon2::Error);

/// Too many passwords wait to be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busy;

/// Who has a password.
pub(super) struct Passwords {
    users: Vec<User>,
    /// What is computed for a name that nobody has.
    nobody: PasswordHash,
    waiting: Arc<Semaphore>,
    checking: Arc<Semaphore>,
}

impl Passwords {
    pub(super) fn new(users: Vec<User>) -> Self {
        let cost = users.iter().map(|user| user.hash.cost).max().unwrap_or(Cost::USUAL);
        let nobody = PasswordHash { cost, salt: vec![0; 16], hash: vec![0; 32] };
        let (waiting, checking) = (Arc::new(Semaphore::new(MOST_WAITING)), Arc::new(Semaphore::new(1)));
        Self { users, nobody, waiting, checking }
    }

    /// Somebody of this name.
    pub(super) fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }

    /// Whose password this is.
    pub(super) async fn check(&self, name: &str, password: Secret) -> Result<Option<&User>, Busy> {
        let user = self.user(name);
        let hash = user.map_or_else(|| self.nobody.clone(), |user| user.hash.clone());
        let waiting = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| Busy)?;
        let turn = tokio::time::timeout(DEADLINE, Arc::clone(&self.checking).acquire_owned()).await;
        let turn = turn.map_err(|_| Busy)?.map_err(|_| Busy)?;
        // Whoever leaves meanwhile makes room for nobody before it is computed.
        let checked = web::block(move || {
            let is_right = is_right(&hash, &password);
            drop((turn, waiting));
            is_right
        });
        let is_right = checked.await.map_err(|_| Busy)?.unwrap_or_else(|error| {
            tracing::error!(error = %crate::telemetry::chain(&error), user = name, "a password can't be checked");
            false
        });
        Ok(user.filter(|_| is_right))
    }
}

fn is_right(hash: &PasswordHash, password: &Secret) -> Result<bool, HashError> {
    let computed = compute(hash.cost, &hash.salt, password, hash.hash.len())?;
    Ok(computed.ct_eq(&hash.hash).into())
}

/// The hash of a password, with the usual cost.
///
/// # Errors
/// [`HashError`], which does not happen with the usual cost.
pub fn hash_password(password: &Secret, salt: [u8; 16]) -> Result<PasswordHash, HashError> {
    let hash = compute(Cost::USUAL, &salt, password, 32)?;
    Ok(PasswordHash { cost: Cost::USUAL, salt: salt.to_vec(), hash })
}

fn compute(cost: Cost, salt: &[u8], password: &Secret, length: usize) -> Result<Vec<u8>, HashError> {
    let params = Params::new(cost.memory, cost.passes, cost.lanes, Some(length)).map_err(HashError)?;
    let mut hash = vec![0; length];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into(password.expose().as_bytes(), salt, &mut hash).map_err(HashError)?;
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, password: &str) -> User {
        let hash = hash_password(&Secret::new(password.into()), *b"0123456789abcdef").unwrap();
        User { name: name.into(), hash, groups: Vec::new(), role: None }
    }

    #[test]
    fn a_hash_of_another_hand_is_checked() {
        // From the tests of the reference implementation (P-H-C/phc-winner-argon2).
        let text = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let hash = PasswordHash::parse(text).unwrap();
        assert_eq!(is_right(&hash, &Secret::new("password".into())), Ok(true));
        assert_eq!(is_right(&hash, &Secret::new("Password".into())), Ok(false));
    }

    #[tokio::test]
    async fn a_right_password_is_of_its_user_alone() {
        let passwords = Passwords::new(vec![user("alice", "correct horse"), user("bob", "battery staple")]);
        let whose = async |name: &str, password: &str| {
            let found = passwords.check(name, Secret::new(password.into())).await.unwrap();
            found.map(|user| user.name.clone())
        };
        assert_eq!(whose("alice", "correct horse").await.as_deref(), Some("alice"));
        for (name, password) in [
            ("alice", "battery staple"),
            ("alice", ""),
            ("Alice", "correct horse"),
            ("", ""),
            ("carol", "correct horse"),
        ] {
            assert_eq!(whose(name, password).await, None, "{name}");
        }
        assert_eq!(passwords.nobody.cost, Cost::USUAL, "a name that nobody has costs the same");
    }

    #[tokio::test]
    async fn so_many_wait_and_no_more() {
        let passwords = Passwords::new(vec![user("alice", "correct horse")]);
        let held = passwords.waiting.clone().try_acquire_many_owned(u32::try_from(MOST_WAITING).unwrap()).unwrap();
        assert_eq!(passwords.check("alice", Secret::new("correct horse".into())).await.err(), Some(Busy));
        drop(held);
        assert!(passwords.check("alice", Secret::new("correct horse".into())).await.unwrap().is_some());
    }
}
