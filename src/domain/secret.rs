//! What must not be printed, logged, compared by `==` or left in memory.

use std::path::PathBuf;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A secret text. It has no `Display`, no `PartialEq` and no serialisation; `Debug` tells its length only.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text as secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself. Call this where it leaves the process and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `given` is this secret, in time that depends on neither content nor length of the secret.
    ///
    /// Both sides are hashed first, so that lengths don't show.
    #[must_use]
    pub fn matches(&self, given: &[u8]) -> bool {
        use sha2::{Digest, Sha256};
        Sha256::digest(self.0.as_bytes()).ct_eq(&Sha256::digest(given)).into()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

/// A secret as it was read first, and the file that it may be changed in.
#[derive(Clone, Debug)]
pub struct Renewable {
    /// The file; nothing where it was given as it is.
    pub file: Option<PathBuf>,
    /// As it was read first.
    pub first: Secret,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_tells_its_length_and_nothing_else() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".into())), "Secret(7 bytes)");
    }

    #[test]
    fn only_the_same_bytes_match() {
        let secret = Secret::new("token".into());
        assert!(secret.matches(b"token"));
        for other in ["", "toke", "token ", "Token", "token\0"] {
            assert!(!secret.matches(other.as_bytes()), "{other:?}");
        }
    }
}
