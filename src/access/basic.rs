//! Passwords: checked by Argon2id, one at a time and on no thread that answers anybody, and as long for a name that nobody
//! has as for one that somebody has.

use std::sync::Arc;

use actix_web::web;
use subtle::ConstantTimeEq as _;

use super::argon::{Buffer, HashError, Lent};
use super::forms::code;
use super::turns::{Busy, Of, Turns};
use crate::config::auth::User;
use crate::domain::password::PasswordHash;
use crate::domain::secret::Secret;

/// The longest password.
pub(super) const LONGEST: usize = 1024;

/// Who has a password.
pub(super) struct Passwords {
    users: Vec<User>,
    /// Chooses what is computed for a name that nobody has.
    key: [u8; 32],
    turns: Turns,
    lent: Lent,
}

impl Passwords {
    pub(super) fn new(users: Vec<User>, key: [u8; 32]) -> Self {
        let lent = Lent::new(Buffer::up_to(users.iter().map(|user| user.hash.get().cost)));
        Self { users, key, turns: Turns::new(1), lent }
    }

    /// Somebody of this name.
    pub(super) fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }

    /// What is computed for a name: its own hash, or for one that nobody has that of somebody, always the same for the same
    /// name. So costs are spread over the names that nobody has as over those that somebody has, and tell none from the other.
    fn hash(&self, name: &str) -> Option<Arc<PasswordHash>> {
        let own = self.user(name).map(|user| user.hash.get());
        own.or_else(|| {
            let chance = code(&self.key, "nobody", name)
                .bytes()
                .fold(0_usize, |sum, byte| sum.wrapping_mul(257).wrapping_add(byte.into()));
            Some(self.users.get(chance.checked_rem(self.users.len())?)?.hash.get())
        })
    }

    /// Whose password this is, and the hash that it was held against, in the turn of whoever shows it.
    pub(super) async fn check(
        &self,
        of: Of,
        name: &str,
        password: Secret,
    ) -> Result<Option<(&User, Arc<PasswordHash>)>, Busy> {
        let Some(hash) = self.hash(name) else { return Ok(None) };
        let held_against = Arc::clone(&hash);
        let turn = self.turns.turn(of).await?;
        let mut buffer = self.lent.turn().await;
        // Whoever leaves meanwhile makes room for nobody before it is computed.
        let checked = web::block(move || {
            let is_right = is_right(&mut buffer, &hash, &password);
            drop((buffer, turn));
            is_right
        });
        let is_right = checked.await.map_err(|_| Busy)?.unwrap_or_else(|error| {
            tracing::error!(error = %crate::telemetry::chain(&error), user = name, "a password can't be checked");
            false
        });
        Ok(self.user(name).filter(|_| is_right).map(|user| (user, held_against)))
    }
}

fn is_right(buffer: &mut Buffer, hash: &PasswordHash, password: &Secret) -> Result<bool, HashError> {
    let computed = buffer.compute(hash.cost, &hash.salt, password, hash.hash.len())?;
    Ok(computed.ct_eq(&hash.hash).into())
}

#[cfg(test)]
mod tests {
    use super::super::argon::hash_password;
    use super::*;
    use crate::domain::password::Cost;

    fn of() -> Of {
        Of::Network([192, 0, 2, 1].into())
    }

    fn user(name: &str, password: &str) -> User {
        let hash = hash_password(&Secret::new(password.into()), *b"0123456789abcdef").unwrap();
        User { name: name.into(), hash: hash.into(), groups: Vec::new(), role: None }
    }

    #[test]
    fn a_hash_of_another_hand_is_checked() {
        // From the tests of the reference implementation (P-H-C/phc-winner-argon2).
        let text = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let hash = PasswordHash::parse(text).unwrap();
        let mut buffer = Buffer::up_to([hash.cost]);
        assert_eq!(is_right(&mut buffer, &hash, &Secret::new("password".into())), Ok(true));
        assert_eq!(is_right(&mut buffer, &hash, &Secret::new("Password".into())), Ok(false));
    }

    #[tokio::test]
    async fn a_right_password_is_of_its_user_alone() {
        let passwords = Passwords::new(vec![user("alice", "correct horse"), user("bob", "battery staple")], [7; 32]);
        let whose = async |name: &str, password: &str| {
            let found = passwords.check(of(), name, Secret::new(password.into())).await.unwrap();
            found.map(|(user, _)| user.name.clone())
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
    }

    #[test]
    fn a_name_that_nobody_has_costs_what_one_of_the_users_costs() {
        let costs =
            [(19, 2), (64, 1), (62, 4)].map(|(mebibytes, passes)| Cost { memory: mebibytes * 1024, passes, lanes: 1 });
        let of = |cost: Cost| {
            let hash = PasswordHash { cost, salt: vec![0; 16], hash: vec![0; 32] };
            User { name: format!("user{}", cost.memory), hash: hash.into(), groups: Vec::new(), role: None }
        };
        let passwords = Passwords::new(costs.map(of).to_vec(), [7; 32]);
        let cost = |name: &str| passwords.hash(name).unwrap().cost;
        assert_eq!(costs.map(|it| cost(&format!("user{}", it.memory))), costs, "their own");
        let strangers = || (0..300).map(|number| cost(&format!("stranger{number}"))).collect::<Vec<_>>();
        for one in costs {
            let like_it = strangers().iter().filter(|cost| **cost == one).count();
            assert!((60..=140).contains(&like_it), "{one:?} is told from nobody: {like_it} of 300");
        }
        assert_eq!(strangers(), strangers(), "the same name costs the same each time");
        let elsewhere = Passwords::new(costs.map(of).to_vec(), [8; 32]);
        let moved = (0..300).map(|number| format!("stranger{number}"));
        assert!(moved.into_iter().any(|name| elsewhere.hash(&name).unwrap().cost != cost(&name)), "by a key of ours");
        assert!(Passwords::new(Vec::new(), [7; 32]).hash("alice").is_none());
    }

    #[tokio::test]
    async fn a_hash_that_is_changed_counts_at_once_whatever_it_costs() {
        let alice = user("alice", "correct horse");
        let passwords = Passwords::new(vec![alice.clone()], [7; 32]);
        let whose = async |password: &str| {
            passwords.check(of(), "alice", Secret::new(password.into())).await.unwrap().is_some()
        };
        assert!(whose("correct horse").await);
        // From the tests of the reference implementation, and costlier than the one before.
        let text = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        alice.hash.take_over(&PasswordHash::parse(text).unwrap().into());
        assert_eq!((whose("password").await, whose("correct horse").await), (true, false));
    }

    #[tokio::test]
    async fn whoever_finds_no_turn_is_told_so() {
        let passwords = Passwords::new(vec![user("alice", "correct horse")], [7; 32]);
        let right = || Secret::new("correct horse".into());
        let turn = passwords.turns.turn(of()).await.unwrap();
        tokio::time::pause();
        assert_eq!(passwords.check(of(), "alice", right()).await.err(), Some(Busy));
        tokio::time::resume();
        drop(turn);
        assert!(passwords.check(of(), "alice", right()).await.unwrap().is_some());
    }
}
