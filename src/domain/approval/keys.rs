//! The keys that sign links and records.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// The key that signs links: at least 32 bytes.
#[derive(Clone)]
pub struct LinkKey {
    bytes: Zeroizing<Vec<u8>>,
    pub(super) id: KeyId,
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkKey({})", self.id)
    }
}

/// A key of fewer than 32 bytes could be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a link key has at least 32 bytes, this one {0}")]
pub struct ShortKey(usize);

/// Names a link key without telling it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyId(String);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl KeyId {
    /// A name as it was written down.
    #[must_use]
    pub fn of(name: String) -> Self {
        Self(name)
    }

    /// Its letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl LinkKey {
    /// Takes key bytes.
    ///
    /// # Errors
    /// [`ShortKey`] below 32 bytes.
    pub fn new(bytes: Vec<u8>) -> Result<Self, ShortKey> {
        if bytes.len() < 32 {
            return Err(ShortKey(bytes.len()));
        }
        // Hashed with a label of its own: the id of a key must say nothing that a signature says.
        let hash = Sha256::new().chain_update(b"iw-link-key-id").chain_update(&bytes).finalize();
        let [a, b, c, d, ..] = hash.0;
        let id = KeyId(format!("{:08x}", u32::from_be_bytes([a, b, c, d])));
        Ok(Self { bytes: Zeroizing::new(bytes), id })
    }

    /// The key's name.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// A key of its own for another purpose, from which this one does not follow.
    #[must_use]
    pub fn derived(&self, purpose: &str) -> Option<[u8; 32]> {
        Some(self.code(&["iw-derived-v1", purpose])?.finalize().into_bytes().into())
    }

    /// A code over these fields, each after its length. The first of them says what it is for.
    #[must_use]
    pub(in crate::domain) fn code(&self, fields: &[&str]) -> Option<Hmac<Sha256>> {
        with_fields(Hmac::<Sha256>::new_from_slice(&self.bytes).ok()?, fields)
    }
}

/// The keys that are configured: one that signs, and others that signed before and still verify.
#[derive(Clone, Debug)]
pub struct LinkKeys {
    signing: LinkKey,
    older: Vec<LinkKey>,
}

impl LinkKeys {
    /// A key that signs, and those before it.
    #[must_use]
    pub fn new(signing: LinkKey, older: Vec<LinkKey>) -> Self {
        Self { signing, older }
    }

    /// The key that signs.
    #[must_use]
    pub fn signing(&self) -> &LinkKey {
        &self.signing
    }

    /// The key of this name, if it is configured.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&LinkKey> {
        std::iter::once(&self.signing).chain(&self.older).find(|key| key.id.0 == name)
    }

    /// The names of all that are configured, as records have them. They tell nothing of the keys.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.signing).chain(&self.older).map(|key| key.id.0.as_str())
    }
}

impl From<LinkKey> for LinkKeys {
    fn from(signing: LinkKey) -> Self {
        Self::new(signing, Vec::new())
    }
}

/// A signature that goes on over these fields, each after its length.
pub(super) fn with_fields(mut mac: Hmac<Sha256>, fields: &[&str]) -> Option<Hmac<Sha256>> {
    for field in fields {
        let length = u32::try_from(field.len()).ok()?;
        mac.update(&length.to_be_bytes());
        mac.update(field.as_bytes());
    }
    Some(mac)
}
