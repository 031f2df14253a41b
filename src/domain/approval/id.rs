//! The name of an approval.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::SKEW;

/// Names an approval: `apr_` and a ULID, so later ones sort after earlier ones.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ApprovalId(String);

/// A text that names no approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of an approval: apr_ and a ULID is expected")]
pub struct NoApproval;

impl TryFrom<String> for ApprovalId {
    type Error = NoApproval;

    fn try_from(text: String) -> Result<Self, NoApproval> {
        Self::parse(&text).ok_or(NoApproval)
    }
}

impl ApprovalId {
    /// A new name for a moment, with 80 random bits.
    #[must_use]
    pub fn mint(now: DateTime<Utc>, random: [u8; 10]) -> Self {
        let millis = u128::try_from(now.timestamp_millis()).unwrap_or_default() & 0xffff_ffff_ffff;
        let random = random.iter().fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
        Self(format!("apr_{}", crockford((millis << 80) | random)))
    }

    /// Reads a name from an annotation or a link.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let ulid = text.strip_prefix("apr_")?;
        is_ulid(ulid).then(|| Self(text.to_owned()))
    }

    /// When it was made, to the millisecond.
    #[must_use]
    pub fn made(&self) -> DateTime<Utc> {
        let place = |byte| ALPHABET.iter().position(|letter| *letter == byte).unwrap_or_default();
        let millis = self
            .ulid()
            .bytes()
            .take(10)
            .fold(0_i64, |sum, byte| sum.wrapping_shl(5) | i64::try_from(place(byte)).unwrap_or_default());
        DateTime::from_timestamp_millis(millis).unwrap_or_default()
    }

    /// Whether it can have been made, as nothing is made later than now.
    #[must_use]
    pub fn is_made(&self, now: DateTime<Utc>) -> bool {
        self.made() - SKEW <= now
    }

    /// Its letters without `apr_`.
    pub(super) fn ulid(&self) -> &str {
        self.0.get(4..).unwrap_or_default()
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApprovalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// 26 characters of Crockford's base 32, most significant first.
#[must_use]
pub fn crockford(number: u128) -> String {
    (0..26)
        .rev()
        .filter_map(|place| ALPHABET.get(usize::try_from((number >> (place * 5)) & 31).ok()?))
        .map(|letter| char::from(*letter))
        .collect()
}

pub(super) fn is_ulid(text: &str) -> bool {
    text.len() == 26 && text.bytes().all(|b| ALPHABET.contains(&b))
}
