//! An approval: what is asked, until when, and the link token that answers it.
//!
//! The token is an HMAC over everything that is approved. Nothing that a reader of the workload can see is enough to
//! make one, and the link can be made again at any time by who holds the key, so no link is ever stored.

mod id;
mod keys;
#[cfg(test)]
mod tests;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use id::is_ulid;
pub use id::{ApprovalId, NoApproval, crockford};
use keys::with_fields;
pub use keys::{KeyId, LinkKey, LinkKeys, ShortKey};

use super::reference::{Digest, ImageReference, ReferenceError, Tag};
use super::workload::WorkloadId;

/// How long a link can be used.
pub const LIFETIME: TimeDelta = TimeDelta::hours(72);

/// How far clocks of services that share a key may be apart: a link that one of them sent is opened at another.
pub const SKEW: TimeDelta = TimeDelta::minutes(15);

/// What a link allows; it is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Allows {
    /// To update, to leave this version out, to be asked later.
    #[default]
    Update,
    /// To apply what is held: what somebody set back, or what failed.
    Held,
    /// To go back to what ran before an update.
    Back,
}

impl Allows {
    /// What can be answered, in the words of the form. They are signed, so they stay as they are.
    #[must_use]
    pub fn words(self) -> &'static [&'static str] {
        match self {
            Self::Update => &["approve", "skip", "snooze"],
            Self::Held => &["resume"],
            Self::Back => &["rollback"],
        }
    }

    /// The actions, as they are signed.
    fn actions(self) -> String {
        self.words().join(",")
    }

    /// Whether this is an update.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_update(&self) -> bool {
        *self == Self::Update
    }
}

/// What a person is asked to allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Its name.
    pub id: ApprovalId,
    /// The key that signs its links.
    pub key: KeyId,
    /// Until when it can be answered.
    pub expires: DateTime<Utc>,
    /// Random, so that it can be revoked by another.
    pub nonce: String,
    /// The object.
    pub workload: WorkloadId,
    /// The container.
    pub container: String,
    /// The image that runs, as written.
    pub from_image: String,
    /// What the running tag pointed to, when that was known.
    pub from_digest: Option<Digest>,
    /// The tag to go to.
    pub to_tag: Tag,
    /// What that tag pointed to: this is what is approved.
    pub to_digest: Digest,
    /// What can be answered.
    pub allows: Allows,
    /// What is bound of the others of a group, where all of it goes: see [`super::group::Plan::binding`].
    pub group: Option<Digest>,
}

/// The fields of an approval as texts, named as in [`Approval`].
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "see Approval")]
pub struct ApprovalRef<'a> {
    pub id: &'a str,
    pub key: &'a str,
    pub expires: DateTime<Utc>,
    pub nonce: &'a str,
    pub workload: &'a WorkloadId,
    pub container: &'a str,
    pub from_image: &'a str,
    pub from_digest: Option<&'a str>,
    pub to_tag: &'a str,
    pub to_digest: &'a str,
    pub allows: Allows,
    pub group: Option<&'a Digest>,
}

/// What the signature of a question's links binds, beside the object and the container that they are about: enough to
/// recognise them, not enough to make one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    /// Its name.
    pub id: ApprovalId,
    /// The key that signs its links.
    pub key: KeyId,
    /// Until when it can be answered.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub expires: DateTime<Utc>,
    /// Random, so that it can be revoked by another.
    pub nonce: String,
    /// The image that ran, as written.
    pub from: String,
    /// What the running tag pointed to, where that was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_digest: Option<Digest>,
    /// The tag to go to.
    pub tag: Tag,
    /// What that tag pointed to: this is what is approved.
    pub digest: Digest,
    /// What can be answered.
    #[serde(default, skip_serializing_if = "Allows::is_update")]
    pub allows: Allows,
    /// What is bound of the others of a group, where all of it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Digest>,
}

/// The name of the annotation that says a link is open: `v1:<key id>:<approval id>:<expiry>`, never enough to act with.
pub const TOKEN_UPDATE: &str = "token-update";

impl Approval {
    /// An approval as a stored message tells it.
    #[must_use]
    pub fn told(parts: &ApprovalRef<'_>) -> Option<Self> {
        Some(Self {
            id: ApprovalId::parse(parts.id)?,
            key: KeyId::of(parts.key.to_owned()),
            expires: parts.expires,
            nonce: parts.nonce.to_owned(),
            workload: parts.workload.clone(),
            container: parts.container.to_owned(),
            from_image: parts.from_image.to_owned(),
            from_digest: optional_digest(parts.from_digest).ok()?,
            to_tag: Tag::parse(parts.to_tag).ok()?,
            to_digest: Digest::parse(parts.to_digest).ok()?,
            allows: parts.allows,
            group: parts.group.cloned(),
        })
    }

    /// The signature over all that is approved, as far as it is the same for every recipient.
    fn mac(&self, key: &LinkKey) -> Option<Hmac<Sha256>> {
        let repository = ImageReference::parse(&self.from_image).ok()?.repository().to_string();
        let (expires, actions) = (self.expires.timestamp().to_string(), self.allows.actions());
        let mut fields = vec![
            if self.group.is_some() { "iw-approval-group-v1" } else { "iw-approval-v1" },
            key.id.as_str(),
            &actions,
            self.id.as_str(),
            &self.workload.uid,
            self.workload.kind.signed(),
            &self.workload.namespace,
            &self.workload.name,
            &self.container,
            &repository,
            self.from_digest.as_ref().map(Digest::as_str).unwrap_or_default(),
            self.to_digest.as_str(),
            self.to_tag.as_str(),
            &expires,
        ];
        fields.extend(self.group.as_ref().map(Digest::as_str));
        key.code(&fields)
    }

    /// Whether it can have been made by now, and lasts no longer than links do.
    fn is_in_bounds(&self, now: DateTime<Utc>) -> bool {
        self.id.is_made(now) && self.expires - SKEW <= now + LIFETIME
    }

    /// The token of the link for one recipient, `channel:address`. `None` when the approval's key is not configured (any more),
    /// or it could be answered for longer than any that is made now.
    #[must_use]
    pub fn token(&self, keys: &LinkKeys, recipient: &str, now: DateTime<Utc>) -> Option<String> {
        if !self.is_in_bounds(now) {
            return None;
        }
        let key = keys.named(self.key.as_str())?;
        let mac = with_fields(self.mac(key)?, &[recipient, &self.nonce])?.finalize().into_bytes();
        Some(format!("v1.{}.{}.{}", key.id, self.id.ulid(), URL_SAFE_NO_PAD.encode(mac)))
    }

    /// Which of `recipients` holds this token; `None` when nobody does, or no such approval can have been made by now.
    ///
    /// Every recipient is tried, in constant time, so that a wrong token takes as long as a right one.
    #[must_use]
    pub fn holder<'r>(
        &self,
        token: &Token,
        keys: &LinkKeys,
        recipients: &'r [String],
        now: DateTime<Utc>,
    ) -> Option<&'r str> {
        if !self.is_in_bounds(now) {
            return None;
        }
        let key = keys.named(self.key.as_str()).filter(|key| key.id == token.key)?;
        let common = self.mac(key)?;
        let mut found = None;
        for recipient in recipients {
            let mac = with_fields(common.clone(), &[recipient, &self.nonce]);
            if mac.is_some_and(|mac| mac.verify_slice(&token.mac).is_ok()) {
                found = Some(recipient.as_str());
            }
        }
        found
    }
}

/// A digest that may be missing, but not be wrong.
fn optional_digest(text: Option<&str>) -> Result<Option<Digest>, ReferenceError> {
    text.filter(|text| !text.is_empty()).map(Digest::parse).transpose()
}

/// A token as it came with a request: well-formed, not verified.
#[derive(Clone)]
pub struct Token {
    key: KeyId,
    id: ApprovalId,
    mac: [u8; 32],
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}, …)", self.id)
    }
}

impl Token {
    /// Reads `v1.<key id>.<ulid>.<mac>`; `None` for anything else, however long.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 200 {
            return None;
        }
        let mut parts = text.split('.');
        let ("v1", key, ulid, mac, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next())
        else {
            return None;
        };
        let key_fits = (1..=64).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_alphanumeric());
        if !key_fits || !is_ulid(ulid) {
            return None;
        }
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?.try_into().ok()?;
        Some(Self { key: KeyId::of(key.to_owned()), id: ApprovalId::parse(&format!("apr_{ulid}"))?, mac })
    }

    /// Whether a text holds a token, or enough of one to be worth something.
    #[must_use]
    pub fn is_in(text: &str) -> bool {
        let begins_one = |rest: &str| {
            let mut parts = rest.split('.');
            let (Some(key), Some(ulid), Some(mac)) = (parts.next(), parts.next(), parts.next()) else { return false };
            let signs = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            !key.is_empty() && is_ulid(ulid) && mac.bytes().take_while(|byte| signs(*byte)).count() >= 12
        };
        text.match_indices("v1.").any(|(at, start)| text.get(at + start.len()..).is_some_and(begins_one))
    }

    /// The one over these fields, by the key that signs.
    pub(super) fn over(keys: &LinkKeys, id: &ApprovalId, fields: &[&str]) -> Option<String> {
        let key = keys.signing();
        let mac = key.code(&["iw-link-v1", key.id.as_str(), id.as_str()])?;
        let mac = with_fields(mac, fields)?.finalize().into_bytes();
        Some(format!("v1.{}.{}.{}", key.id, id.ulid(), URL_SAFE_NO_PAD.encode(mac)))
    }

    /// Whether it is the one over these fields, by a key that is configured.
    pub(super) fn is_over(&self, keys: &LinkKeys, fields: &[&str]) -> bool {
        let mac =
            keys.named(self.key.as_str()).and_then(|key| key.code(&["iw-link-v1", key.id.as_str(), self.id.as_str()]));
        mac.and_then(|mac| with_fields(mac, fields)).is_some_and(|mac| mac.verify_slice(&self.mac).is_ok())
    }

    /// The approval it claims to be of.
    #[must_use]
    pub fn approval(&self) -> &ApprovalId {
        &self.id
    }
}
