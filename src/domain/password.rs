//! How a password is kept: the text form of Argon2id, `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`, within bounds. What it
//! takes to check one is chosen by whoever configures it, and paid by us for every guess.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// What it costs to compute a hash. Costs have no order: one may take more memory, and another more work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory, in KiB.
    pub memory: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Cost {
    /// What OWASP advises first.
    pub const USUAL: Self = Self { memory: 19 * 1024, passes: 2, lanes: 1 };

    /// Whether it is enough against who has the file, and little enough for us: all passes together, too.
    fn is_within_bounds(self) -> bool {
        let work = u64::from(self.memory) * u64::from(self.passes);
        (7 * 1024..=64 * 1024).contains(&self.memory)
            && (1..=10).contains(&self.passes)
            && (1..=4).contains(&self.lanes)
            && (32 * 1024..=256 * 1024).contains(&work)
    }
}

/// The hash of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    /// What it costs.
    pub cost: Cost,
    /// Its salt.
    pub salt: Vec<u8>,
    /// What the password has to come to.
    pub hash: Vec<u8>,
}

/// Why a text is no hash that is taken. It is not repeated: it may be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordHashError {
    /// It has another form.
    #[error("is no hash of Argon2id; `image-watcher hash-password` makes one: $argon2id$v=19$m=…,t=…,p=…$…$…")]
    Form,
    /// It costs too much, or too little.
    #[error(
        "is out of bounds: 7 to 64 MiB (m=7168 to 65536), 1 to 10 passes (t), 1 to 4 lanes (p), 32 to 256 MiB in all passes together"
    )]
    Bounds,
}

impl PasswordHash {
    /// Reads the text form.
    ///
    /// # Errors
    /// [`PasswordHashError`]
    pub fn parse(text: &str) -> Result<Self, PasswordHashError> {
        let [empty, "argon2id", "v=19", cost, salt, hash] = text.split('$').collect::<Vec<_>>()[..] else {
            return Err(PasswordHashError::Form);
        };
        let bytes = |text: &str| STANDARD_NO_PAD.decode(text).ok();
        let fits = |bytes: &Vec<u8>, least| (least..=64).contains(&bytes.len());
        let salt = bytes(salt).filter(|salt| fits(salt, 8));
        let hash = bytes(hash).filter(|hash| fits(hash, 16));
        let (Some(cost), Some(salt), Some(hash), true) = (cost_of(cost), salt, hash, empty.is_empty()) else {
            return Err(PasswordHashError::Form);
        };
        if cost.is_within_bounds() { Ok(Self { cost, salt, hash }) } else { Err(PasswordHashError::Bounds) }
    }
}

fn cost_of(text: &str) -> Option<Cost> {
    let [memory, passes, lanes] = text.split(',').collect::<Vec<_>>()[..] else { return None };
    let number = |text: &str, name: &str| text.strip_prefix(name)?.parse().ok();
    Some(Cost { memory: number(memory, "m=")?, passes: number(passes, "t=")?, lanes: number(lanes, "p=")? })
}

impl fmt::Display for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cost { memory, passes, lanes } = self.cost;
        let [salt, hash] = [&self.salt, &self.hash].map(|bytes| STANDARD_NO_PAD.encode(bytes));
        write!(f, "$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}")
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordHash({:?})", self.cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: &str = "c29tZXNhbHRzb21lc2FsdA";
    const HASH: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    fn parsed(cost: &str) -> Result<PasswordHash, PasswordHashError> {
        PasswordHash::parse(&format!("$argon2id$v=19${cost}${SALT}${HASH}"))
    }

    #[test]
    fn the_text_form_is_read_and_written_the_same() {
        let text = format!("$argon2id$v=19$m=19456,t=2,p=1${SALT}${HASH}");
        let hash = PasswordHash::parse(&text).unwrap();
        assert_eq!((hash.cost, hash.hash.len(), hash.to_string()), (Cost::USUAL, 32, text));
        assert!(!format!("{hash:?}").contains("AAEC"));
    }

    #[test]
    fn a_hash_that_would_cost_too_much_or_protect_too_little_is_refused() {
        for cost in ["m=65536,t=4,p=4", "m=7168,t=5,p=1", "m=9216,t=4,p=1", "m=12288,t=3,p=1", "m=47104,t=1,p=1"] {
            assert!(parsed(cost).is_ok(), "{cost}");
        }
        for cost in [
            "m=4194304,t=2,p=1",
            "m=65537,t=1,p=1",
            "m=65536,t=5,p=1",
            "m=4096,t=10,p=1",
            "m=7168,t=1,p=1",
            "m=19456,t=11,p=1",
            "m=19456,t=0,p=1",
            "m=19456,t=2,p=5",
            "m=19456,t=2,p=0",
        ] {
            assert_eq!(parsed(cost), Err(PasswordHashError::Bounds), "{cost}");
        }
    }

    #[test]
    fn what_is_no_hash_is_none() {
        for cost in ["m=19456,t=2", "m=19456,t=2,p=1,x=1", "t=2,m=19456,p=1", "m=-1,t=2,p=1", "m=99999999999,t=2,p=1"] {
            assert_eq!(parsed(cost), Err(PasswordHashError::Form), "{cost}");
        }
        for text in [
            "",
            "hunter2",
            "$2y$10$abcdefghijklmnopqrstuv",
            &format!("$argon2i$v=19$m=19456,t=2,p=1${SALT}${HASH}"),
            &format!("$argon2id$v=16$m=19456,t=2,p=1${SALT}${HASH}"),
            &format!("x$argon2id$v=19$m=19456,t=2,p=1${SALT}${HASH}"),
            &format!("$argon2id$v=19$m=19456,t=2,p=1$c2E${HASH}"),
            &format!("$argon2id$v=19$m=19456,t=2,p=1${SALT}$AAEC"),
            &format!("$argon2id$v=19$m=19456,t=2,p=1${SALT}${HASH}$"),
        ] {
            assert_eq!(PasswordHash::parse(text), Err(PasswordHashError::Form), "{text}");
        }
    }
}
