//! An approval: what is asked, until when, and the link token that answers it.
//!
//! The token is an HMAC over everything that is approved. Nothing that a reader of the workload can see is enough to
//! make one, and the link can be made again at any time by who holds the key, so no link is ever stored.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::reference::{Digest, ImageReference, ReferenceError, Tag};
use super::workload::WorkloadId;

/// How long a link can be used.
pub const LIFETIME: TimeDelta = TimeDelta::hours(72);

/// How far clocks of services that share a key may be apart: a link that one of them sent is opened at another.
const SKEW: TimeDelta = TimeDelta::minutes(15);

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

/// The key that signs links: at least 32 bytes.
#[derive(Clone)]
pub struct LinkKey {
    bytes: Zeroizing<Vec<u8>>,
    id: KeyId,
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
    pub(super) fn code(&self, fields: &[&str]) -> Option<Hmac<Sha256>> {
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
}

impl From<LinkKey> for LinkKeys {
    fn from(signing: LinkKey) -> Self {
        Self::new(signing, Vec::new())
    }
}

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
    fn ulid(&self) -> &str {
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

fn is_ulid(text: &str) -> bool {
    text.len() == 26 && text.bytes().all(|b| ALPHABET.contains(&b))
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
            key: KeyId(parts.key.to_owned()),
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
            &key.id.0,
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

/// A signature that goes on over these fields, each after its length.
fn with_fields(mut mac: Hmac<Sha256>, fields: &[&str]) -> Option<Hmac<Sha256>> {
    for field in fields {
        let length = u32::try_from(field.len()).ok()?;
        mac.update(&length.to_be_bytes());
        mac.update(field.as_bytes());
    }
    Some(mac)
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
        Some(Self { key: KeyId(key.to_owned()), id: ApprovalId(format!("apr_{ulid}")), mac })
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
        let mac = key.code(&["iw-link-v1", &key.id.0, id.as_str()])?;
        let mac = with_fields(mac, fields)?.finalize().into_bytes();
        Some(format!("v1.{}.{}.{}", key.id, id.ulid(), URL_SAFE_NO_PAD.encode(mac)))
    }

    /// Whether it is the one over these fields, by a key that is configured.
    pub(super) fn is_over(&self, keys: &LinkKeys, fields: &[&str]) -> bool {
        let mac = keys.named(self.key.as_str()).and_then(|key| key.code(&["iw-link-v1", &key.id.0, self.id.as_str()]));
        mac.and_then(|mac| with_fields(mac, fields)).is_some_and(|mac| mac.verify_slice(&self.mac).is_ok())
    }

    /// The approval it claims to be of.
    #[must_use]
    pub fn approval(&self) -> &ApprovalId {
        &self.id
    }
}

#[cfg(test)]
mod tests {
    use super::super::workload::Kind;
    use super::*;
    use proptest::prelude::*;

    fn key() -> LinkKey {
        LinkKey::new((0..32).collect()).unwrap()
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap()
    }

    fn approval(key: &LinkKey) -> Approval {
        Approval {
            id: ApprovalId::mint(now(), [7; 10]),
            key: key.id().clone(),
            expires: DateTime::from_timestamp(1_795_259_200, 0).unwrap(),
            nonce: "AAECAwQFBgcICQoLDA0ODw".into(),
            workload: WorkloadId {
                namespace: "shop".into(),
                kind: Kind::Deployment,
                name: "web".into(),
                uid: "uid-1".into(),
            },
            container: "web".into(),
            from_image: "registry.example.com/shop/web:1.2.3".into(),
            from_digest: None,
            to_tag: Tag::parse("1.3.0").unwrap(),
            to_digest: Digest::of(b"new"),
            allows: Allows::Update,
            group: None,
        }
    }

    /// The encoding is fixed by a vector computed by other means: length-prefixed fields under HMAC-SHA256.
    #[test]
    fn the_signature_is_what_the_format_says() {
        let mut key = key();
        key.id = KeyId("k1".into());
        let approval = Approval {
            id: ApprovalId::parse("apr_01JGJ0EZ8M3C9S6D4K2P7Q1R0T").unwrap(),
            key: key.id.clone(),
            expires: DateTime::from_timestamp(1_735_873_445, 0).unwrap(),
            nonce: "AAECAwQFBgcICQoLDA0ODw".into(),
            workload: WorkloadId {
                namespace: "prod".into(),
                kind: Kind::Deployment,
                name: "web".into(),
                uid: "8f1c1f0e-7a2b-4f6e-9d55-0c2f6f7b1a11".into(),
            },
            container: "web".into(),
            from_image: "registry.example.com/acme/web:1.2.3".into(),
            from_digest: Some(Digest::parse(&format!("sha256:{}", "a".repeat(64))).unwrap()),
            to_tag: Tag::parse("1.3.0").unwrap(),
            to_digest: Digest::parse(&format!("sha256:{}", "b".repeat(64))).unwrap(),
            allows: Allows::Update,
            group: None,
        };
        let token = approval.token(&key.into(), "email:ops@example.com", approval.id.made()).unwrap();
        assert_eq!(token, "v1.k1.01JGJ0EZ8M3C9S6D4K2P7Q1R0T.FoIxJvcyZkGhky-HoSkT3_3Os3gY2fYOFrGR2QIh_OM");
    }

    #[test]
    fn a_token_is_its_recipients_alone() {
        let (key, other) = (key(), LinkKey::new(vec![9; 32]).unwrap());
        let (approval, keys) = (approval(&key), LinkKeys::from(key.clone()));
        let recipients = ["email:a@example.com".to_owned(), "email:b@example.com".to_owned()];
        let token = Token::parse(&approval.token(&keys, "email:b@example.com", now()).unwrap()).unwrap();
        assert_eq!(approval.holder(&token, &keys, &recipients, now()), Some("email:b@example.com"));
        assert_eq!(approval.holder(&token, &keys, &recipients[..1], now()), None);
        let rotated = LinkKeys::new(other.clone(), vec![key]);
        assert_eq!(
            approval.holder(&token, &rotated, &recipients, now()),
            Some("email:b@example.com"),
            "an older key verifies"
        );
        let other = LinkKeys::from(other);
        assert_eq!(approval.holder(&token, &other, &recipients, now()), None);
        assert_eq!(approval.token(&other, "email:b@example.com", now()), None, "another key signs nothing of it");
    }

    #[test]
    fn every_field_is_bound() {
        let key = key();
        let (first, keys) = (approval(&key), LinkKeys::from(key));
        let recipients = ["email:a@example.com".to_owned()];
        let token = Token::parse(&first.token(&keys, &recipients[0], now()).unwrap()).unwrap();
        let changes: [fn(&mut Approval); 14] = [
            |a| a.id = ApprovalId::mint(now(), [8; 10]),
            |a| a.to_tag = Tag::parse("1.3.1").unwrap(),
            |a| a.allows = Allows::Held,
            |a| a.allows = Allows::Back,
            |a| a.workload.uid = "uid-2".into(),
            |a| a.workload.kind = Kind::StatefulSet,
            |a| a.workload.namespace = "shopw".into(),
            |a| a.workload.name = "eb".into(),
            |a| a.container = "log".into(),
            |a| a.from_image = "registry.example.com/other:1.2.3".into(),
            |a| a.from_digest = Some(Digest::of(b"x")),
            |a| a.to_digest = Digest::of(b"x"),
            |a| a.expires += TimeDelta::seconds(1),
            |a| a.nonce.clear(),
        ];
        for (n, change) in changes.iter().enumerate() {
            let mut changed = first.clone();
            change(&mut changed);
            assert_eq!(changed.holder(&token, &keys, &recipients, now()), None, "change {n}");
        }
        assert_eq!(first.holder(&token, &keys, &recipients, now()), Some("email:a@example.com"));
        let of_group = |group: &[u8]| Approval { group: Some(Digest::of(group)), ..first.clone() };
        let (whole, other) = (of_group(b"api and web"), of_group(b"api, web and log"));
        let token = Token::parse(&whole.token(&keys, &recipients[0], now()).unwrap()).unwrap();
        let holds = |of: &Approval| of.holder(&token, &keys, &recipients, now()).is_some();
        assert_eq!([&whole, &other, &first].map(holds), [true, false, false], "what else goes is bound");
    }

    #[test]
    fn a_token_names_the_key_that_signed_it() {
        let (key, other) = (key(), LinkKey::new(vec![9; 32]).unwrap());
        let (first, to) = (approval(&key), "email:a@example.com".to_owned());
        let (named, renamed) = (key.id().to_string(), other.id().to_string());
        let keys = LinkKeys::new(key, vec![other]);
        let text = first.token(&keys, &to, now()).unwrap();
        let held =
            |text: &str| first.holder(&Token::parse(text).unwrap(), &keys, std::slice::from_ref(&to), now()).is_some();
        assert!(held(&text));
        assert!(!held(&text.replace(&named, &renamed)));
    }

    #[test]
    fn what_no_one_made_is_no_token() {
        let ulid = "01JGJ0EZ8M3C9S6D4K2P7Q1R0T";
        let mac = URL_SAFE_NO_PAD.encode([1; 32]);
        let is_one = |key: &str, ulid: &str, mac: &str| Token::parse(&format!("v1.{key}.{ulid}.{mac}")).is_some();
        let long = "k".repeat(64);
        assert!(is_one("k1", ulid, &mac) && is_one(&long, ulid, &mac));
        for key in ["", "k-1", "k 1", "k\u{e9}", &format!("{long}k")] {
            assert!(!is_one(key, ulid, &mac), "{key}");
        }
        for ulid in
            ["", &ulid[1..], &format!("{ulid}0"), &ulid.to_lowercase(), &ulid.replace('J', "I"), &"I".repeat(26)]
        {
            assert!(!is_one("k1", ulid, &mac), "{ulid}");
            assert_eq!(ApprovalId::parse(&format!("apr_{ulid}")), None);
        }
        for mac in ["", &mac[1..], &format!("{mac}A"), &mac.replace('A', "+"), &format!("{mac}."), &format!("{mac}.A")]
        {
            assert!(!is_one("k1", ulid, mac), "{mac}");
        }
        assert!(Token::parse(&format!("v2.k1.{ulid}.{mac}")).is_none());
    }

    #[test]
    fn a_token_is_found_in_a_text_and_what_looks_like_one_is_not() {
        let ulid = "01JGJ0EZ8M3C9S6D4K2P7Q1R0T";
        for (text, expected) in [
            (format!("https://x.example/a/v1.k1.{ulid}.Ab-_90Ab-_90"), true),
            (format!("v1.0 was cut: v1.k1.{ulid}.Ab-_90Ab-_90."), true),
            (format!("v1.k1.{ulid}.Ab-_90Ab-_9"), false),
            (format!("v1.k1.{ulid}.Ab-_90Ab-_9 0"), false),
            (format!("v1..{ulid}.Ab-_90Ab-_90"), false),
            (format!("v1.k1.{}.Ab-_90Ab-_90", &ulid[1..]), false),
            (format!("v1.k1.{ulid}"), false),
            ("v1.2.3".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(Token::is_in(&text), expected, "{text}");
        }
    }

    #[test]
    fn no_secret_is_in_what_is_printed() {
        let key = key();
        assert_eq!(format!("{key:?}"), format!("LinkKey({})", key.id()));
        let approval = approval(&key);
        let token = approval.token(&key.into(), "email:a@example.com", now()).unwrap();
        assert_eq!(format!("{:?}", Token::parse(&token).unwrap()), format!("Token({}, …)", approval.id));
    }

    #[test]
    fn an_update_is_what_is_allowed_where_nothing_else_is_written() {
        let written = |allows| {
            let of = approval(&key());
            let (id, key, expires, nonce) = (of.id, of.key, of.expires, of.nonce);
            let (from, tag, digest) = (of.from_image, of.to_tag, of.to_digest);
            let terms = Terms { id, key, expires, nonce, from, from_digest: None, tag, digest, allows, group: None };
            let json = serde_json::to_value(&terms).unwrap();
            assert_eq!(serde_json::from_value::<Terms>(json.clone()).unwrap(), terms);
            json.get("allows").cloned()
        };
        assert_eq!(written(Allows::Update), None, "as releases before this one wrote it");
        assert_eq!([Allows::Held, Allows::Back].map(written), [Some("held".into()), Some("back".into())]);
    }

    #[test]
    fn what_can_not_have_been_made_by_now_or_lasts_too_long_has_no_link() {
        let key = key();
        let (first, keys) = (approval(&key), LinkKeys::from(key));
        let (to, year) = ("email:a@example.com", TimeDelta::days(365));
        let token = Token::parse(&first.token(&keys, to, now()).unwrap()).unwrap();
        let holds = |now| first.holder(&token, &keys, &[to.to_owned()], now).is_some();
        assert!(
            holds(now()) && holds(now() - TimeDelta::seconds(59)) && holds(now() + year),
            "its page says that it is over"
        );
        assert!(holds(now() - SKEW) && !holds(now() - SKEW - TimeDelta::seconds(1)));
        let later = Approval { id: ApprovalId::mint(now() + year, [9; 10]), ..first.clone() };
        let lasting = |skew| Approval { expires: now() + LIFETIME + skew, ..first.clone() }.token(&keys, to, now());
        assert_eq!((later.token(&keys, to, now()), lasting(SKEW + TimeDelta::seconds(1))), (None, None));
        assert_ne!(lasting(SKEW), None);
    }

    #[test]
    fn a_name_says_when_it_was_made() {
        let made = DateTime::from_timestamp_millis(1_795_000_000_123).unwrap();
        assert_eq!(ApprovalId::mint(made, [255; 10]).made(), made);
        let id = ApprovalId::mint(made, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!((id.made(), id.to_string()), (made, "apr_01M7Q5CQKV041061050R3GG28A".to_owned()));
        assert_eq!(ApprovalId::parse("apr_00000000000000000000000000").unwrap().made(), DateTime::UNIX_EPOCH);
    }

    #[test]
    fn a_short_key_is_refused() {
        assert_eq!(LinkKey::new(vec![1; 31]).unwrap_err().to_string(), "a link key has at least 32 bytes, this one 31");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,250}|v1\\.[a-z0-9]{8}\\.[0-9A-Z]{26}\\.[A-Za-z0-9_-]{43}") {
            let _ = Token::parse(&text);
            let _ = ApprovalId::parse(&text);
        }
    }
}
