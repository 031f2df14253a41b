//! An approval: what is asked, until when, and the link token that answers it.
//!
//! The token is an HMAC over everything that is approved. Nothing that a reader of the workload can see is enough to
//! make one, and the link can be made again at any time by who holds the key, so no link is ever stored.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::history::{ApprovalRecord, Entry, History};
use super::reference::{Digest, ImageReference, ReferenceError, Tag};
use super::workload::{Workload, WorkloadId};

/// How long a link can be used.
pub const LIFETIME: TimeDelta = TimeDelta::hours(72);

/// The actions that a link of this kind allows, as they are signed.
const ACTIONS: &str = "approve,skip,snooze";

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
}

/// Names an approval: `apr_` and a ULID, so later ones sort after earlier ones.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ApprovalId(String);

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
}

/// The annotation `image-watcher/proposal`: what the newest link is about.
///
/// It stays when the link is closed, so that whoever holds the link is told why, and is replaced by the next one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proposal {
    /// The approval's id, key, expiry, nonce.
    pub approval: ApprovalRecord,
    /// The object that was asked about.
    pub uid: String,
    /// The tag to go to.
    pub tag: String,
    /// What it pointed to.
    pub digest: String,
    /// The image that ran.
    pub from: String,
    /// How far the update goes.
    pub level: String,
    /// Why this version, in a few words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// When people were asked: RFC 3339.
    pub asked: String,
    /// Whether the messages about it are stored.
    #[serde(default)]
    pub told: bool,
    /// No message about this version before this moment: RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snoozed_until: Option<String>,
    /// The proposals before it, newest first, so that their links can say what took their place.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "one_or_many")]
    pub superseded: Vec<Terms>,
}

/// What the signature of a proposal's links binds, beside the object they are about: enough to recognise them, not
/// enough to make one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The approval's id, key, expiry, nonce.
    pub approval: ApprovalRecord,
    /// The object that was asked about.
    pub uid: String,
    /// The tag to go to.
    pub tag: String,
    /// What it pointed to.
    pub digest: String,
    /// The image that ran.
    pub from: String,
}

/// How many replaced proposals are remembered.
const MOST_SUPERSEDED: usize = 10;
/// How many bytes they take, of all containers of a workload together.
const MOST_BYTES_OF_SUPERSEDED: usize = 4096;
/// How many approvals one workload's record may name: all that we write of twenty containers, and not all that somebody
/// else may.
const MOST_RECORDED: usize = 64;

/// Before there were several, the proposal that was replaced stood there whole.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Terms>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        Many(Vec<Terms>),
        One(Box<Terms>),
    }
    Ok(match Option::deserialize(deserializer)? {
        None => Vec::new(),
        Some(OneOrMany::One(one)) => vec![*one],
        Some(OneOrMany::Many(many)) => many.into_iter().take(MOST_SUPERSEDED).collect(),
    })
}

impl Proposal {
    /// The newest proposal of a container, if there is one that can be read.
    #[must_use]
    pub fn read(workload: &Workload, container: &str) -> Option<Self> {
        serde_json::from_str(workload.state(PROPOSAL, container)?).ok()
    }

    /// What its links are about.
    #[must_use]
    pub fn terms(&self) -> Terms {
        Terms {
            approval: self.approval.clone(),
            uid: self.uid.clone(),
            tag: self.tag.clone(),
            digest: self.digest.clone(),
            from: self.from.clone(),
        }
    }

    /// What a proposal that takes its place at `now` remembers: this one, and those before it whose links are still
    /// in their time, as many as there is room for in one of so many containers' records.
    #[must_use]
    pub fn replaced(self, now: DateTime<Utc>, containers: usize) -> Vec<Terms> {
        let most = MOST_BYTES_OF_SUPERSEDED / containers.max(1);
        let size = |terms: &Terms| serde_json::to_string(terms).unwrap_or_default().len() + 1;
        let mut all = vec![self.terms()];
        let mut bytes = all.first().map(size).unwrap_or_default();
        for terms in self.superseded.into_iter().filter(|terms| now.timestamp() < terms.approval.expires) {
            bytes += size(&terms);
            if all.len() == MOST_SUPERSEDED || bytes > most {
                break;
            }
            all.push(terms);
        }
        all
    }

    /// What stays of a container's proposal once it is decided, for `image-watcher/proposal`: links of it and of those
    /// before it go on saying how it ended.
    #[must_use]
    pub fn closed(workload: &Workload, container: &str) -> Option<String> {
        let (_, proposal) = Approval::proposed(workload, container)?;
        serde_json::to_string(&Self { told: true, snoozed_until: None, ..proposal }).ok()
    }
}

/// What the record of a workload knows of an approval that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It was decided.
    Decided,
    /// It is the newest question about its container.
    Newest,
    /// Another question took its place.
    Replaced,
}

/// An approval that the record of a workload names. Whether a link is of it, only the link's signature says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The approval.
    pub approval: Approval,
    /// How it stands.
    pub stage: Stage,
}

/// The approvals that a workload's record names as its own: one decided, and one asked, of each id.
///
/// A question about another object was copied here with its annotations, and is none about this one.
#[must_use]
pub fn recorded(workload: &Workload) -> Vec<Recorded> {
    let mut all = Vec::new();
    let mut add = |approval: Option<Approval>, stage| {
        let Some(approval) = approval.filter(|approval| approval.workload == workload.id) else { return };
        let is_the_same =
            |it: &Recorded| it.approval.id == approval.id && (it.stage == Stage::Decided) == (stage == Stage::Decided);
        if all.len() < MOST_RECORDED && !all.iter().any(is_the_same) {
            all.push(Recorded { approval, stage });
        }
    };
    let names = workload.containers.iter().map(|container| &*container.name);
    let proposals: Vec<(&str, Proposal)> =
        names.filter_map(|name| Some((name, Proposal::read(workload, name)?))).collect();
    for (container, proposal) in &proposals {
        add(Approval::of(workload, container, &proposal.terms()), Stage::Newest);
    }
    for entry in History::read(workload.annotation("history")).entries() {
        add(Approval::decided(workload, entry), Stage::Decided);
    }
    for (container, proposal) in &proposals {
        for terms in &proposal.superseded {
            add(Approval::of(workload, container, terms), Stage::Replaced);
        }
    }
    all
}

/// The name of that annotation, without the prefix.
pub const PROPOSAL: &str = "proposal";
/// The name of the annotation that says a link is open.
pub const TOKEN_UPDATE: &str = "token-update";

impl Approval {
    /// The annotation `image-watcher/token-update`: `v1:<key id>:<approval id>:<expiry>`, never enough to act with.
    #[must_use]
    pub fn annotation(&self) -> String {
        format!("v1:{}:{}:{}", self.key, self.id, self.expires.timestamp())
    }

    /// The approval of a container's newest proposal, and the proposal; `None` when there is none that can be read.
    #[must_use]
    pub fn proposed(workload: &Workload, container: &str) -> Option<(Self, Proposal)> {
        let proposal = Proposal::read(workload, container)?;
        Some((Self::of(workload, container, &proposal.terms())?, proposal))
    }

    /// The approval of a proposal on this workload.
    #[must_use]
    pub fn of(workload: &Workload, container: &str, terms: &Terms) -> Option<Self> {
        let record = &terms.approval;
        Some(Self {
            id: ApprovalId::parse(&record.id)?,
            key: KeyId(record.key.clone()),
            expires: DateTime::from_timestamp(record.expires, 0)?,
            nonce: record.nonce.clone(),
            workload: WorkloadId { uid: terms.uid.as_str().into(), ..workload.id.clone() },
            container: container.to_owned(),
            from_image: terms.from.clone(),
            from_digest: optional_digest(record.from.as_deref()).ok()?,
            to_tag: Tag::parse(&terms.tag).ok()?,
            to_digest: Digest::parse(&terms.digest).ok()?,
        })
    }

    /// Whether `image-watcher/token-update` says that this is the open one.
    #[must_use]
    pub fn is_open(&self, workload: &Workload) -> bool {
        workload.state(TOKEN_UPDATE, &self.container) == Some(self.annotation().as_str())
    }

    /// An approval that was decided, from the entry it left in the history.
    #[must_use]
    pub fn decided(workload: &Workload, entry: &Entry) -> Option<Self> {
        let record = entry.approval.as_ref()?;
        Some(Self {
            id: ApprovalId::parse(&record.id)?,
            key: KeyId(record.key.clone()),
            expires: DateTime::from_timestamp(record.expires, 0)?,
            nonce: record.nonce.clone(),
            workload: workload.id.clone(),
            container: entry.container.clone(),
            from_image: entry.previous_image.clone(),
            from_digest: optional_digest(record.from.as_deref()).ok()?,
            to_tag: Tag::parse(&entry.version).ok()?,
            to_digest: Digest::parse(&entry.digest).ok()?,
        })
    }

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
        })
    }

    /// The signature over all that is approved, as far as it is the same for every recipient.
    fn mac(&self, key: &LinkKey) -> Option<Hmac<Sha256>> {
        let repository = ImageReference::parse(&self.from_image).ok()?.repository().to_string();
        let kind = format!("apps/v1/{}", self.workload.kind);
        let expires = self.expires.timestamp().to_string();
        let mac = Hmac::<Sha256>::new_from_slice(&key.bytes).ok()?;
        with_fields(
            mac,
            &[
                "iw-approval-v1",
                &key.id.0,
                ACTIONS,
                self.id.as_str(),
                &self.workload.uid,
                &kind,
                &self.workload.namespace,
                &self.workload.name,
                &self.container,
                &repository,
                self.from_digest.as_ref().map(Digest::as_str).unwrap_or_default(),
                self.to_digest.as_str(),
                self.to_tag.as_str(),
                &expires,
            ],
        )
    }

    /// The token of the link for one recipient, `channel:address`. `None` when `key` is another than the approval's.
    #[must_use]
    pub fn token(&self, key: &LinkKey, recipient: &str) -> Option<String> {
        if self.key != key.id {
            return None;
        }
        let mac = with_fields(self.mac(key)?, &[recipient, &self.nonce])?.finalize().into_bytes();
        Some(format!("v1.{}.{}.{}", key.id, self.id.ulid(), URL_SAFE_NO_PAD.encode(mac)))
    }

    /// Which of `recipients` holds this token; `None` when nobody does.
    ///
    /// Every recipient is tried, in constant time, so that a wrong token takes as long as a right one.
    #[must_use]
    pub fn holder<'r>(&self, token: &Token, key: &LinkKey, recipients: &'r [String]) -> Option<&'r str> {
        if token.key != key.id || self.key != key.id {
            return None;
        }
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

    /// The approval it claims to be of.
    #[must_use]
    pub fn approval(&self) -> &ApprovalId {
        &self.id
    }
}

#[cfg(test)]
mod tests {
    use super::super::workload::Kind;
    use super::super::workload::tests::workload;
    use super::*;
    use proptest::prelude::*;

    fn key() -> LinkKey {
        LinkKey::new((0..32).collect()).unwrap()
    }

    fn approval(key: &LinkKey) -> Approval {
        Approval {
            id: ApprovalId::mint(DateTime::from_timestamp(1_795_000_000, 0).unwrap(), [7; 10]),
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
        };
        let token = approval.token(&key, "email:ops@example.com").unwrap();
        assert_eq!(token, "v1.k1.01JGJ0EZ8M3C9S6D4K2P7Q1R0T.FoIxJvcyZkGhky-HoSkT3_3Os3gY2fYOFrGR2QIh_OM");
    }

    #[test]
    fn a_token_is_its_recipients_alone() {
        let key = key();
        let approval = approval(&key);
        let recipients = ["email:a@example.com".to_owned(), "email:b@example.com".to_owned()];
        let token = Token::parse(&approval.token(&key, "email:b@example.com").unwrap()).unwrap();
        assert_eq!(approval.holder(&token, &key, &recipients), Some("email:b@example.com"));
        assert_eq!(approval.holder(&token, &key, &recipients[..1]), None);
        let other = LinkKey::new(vec![9; 32]).unwrap();
        assert_eq!(approval.holder(&token, &other, &recipients), None);
        assert_eq!(approval.token(&other, "email:b@example.com"), None, "another key signs nothing of it");
    }

    #[test]
    fn every_field_is_bound() {
        let key = key();
        let first = approval(&key);
        let recipients = ["email:a@example.com".to_owned()];
        let token = Token::parse(&first.token(&key, &recipients[0]).unwrap()).unwrap();
        let changes: [fn(&mut Approval); 10] = [
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
            assert_eq!(changed.holder(&token, &key, &recipients), None, "change {n}");
        }
        assert_eq!(first.holder(&token, &key, &recipients), Some("email:a@example.com"));
    }

    #[test]
    fn what_the_annotations_say_is_read_back() {
        let key = key();
        let first = approval(&key);
        let proposal = Proposal {
            approval: ApprovalRecord::of(&first),
            uid: "uid-1".into(),
            tag: "1.3.0".into(),
            digest: first.to_digest.to_string(),
            from: first.from_image.clone(),
            level: "minor".into(),
            why: String::new(),
            asked: "2026-11-24T10:00:00Z".into(),
            told: false,
            snoozed_until: None,
            superseded: Vec::new(),
        };
        let json = serde_json::to_string(&proposal).unwrap();
        let annotations = [(TOKEN_UPDATE, first.annotation()), (PROPOSAL, json)];
        let annotations: Vec<_> = annotations.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let workload = workload(&[("web", &first.from_image)], &annotations);
        assert_eq!(Approval::proposed(&workload, "web"), Some((first.clone(), proposal)));
        assert!(first.is_open(&workload));
        assert_eq!(Approval::proposed(&workload, "log"), None);
        assert!(Token::parse(&first.annotation()).is_none(), "the annotation is no token");
    }

    fn proposal(approval: &Approval, superseded: Vec<Terms>) -> Proposal {
        Proposal {
            approval: ApprovalRecord::of(approval),
            uid: approval.workload.uid.to_string(),
            tag: approval.to_tag.to_string(),
            digest: approval.to_digest.to_string(),
            from: approval.from_image.clone(),
            level: "minor".into(),
            why: String::new(),
            asked: "2026-11-24T10:00:00Z".into(),
            told: false,
            snoozed_until: Some("2026-12-01T10:00:00Z".into()),
            superseded,
        }
    }

    /// The `n`th question about a workload, an hour after the one before.
    fn nth(n: u8) -> Approval {
        let first = approval(&key());
        let id = ApprovalId::mint(DateTime::from_timestamp(1_795_000_000, 0).unwrap(), [n; 10]);
        let to_tag = Tag::parse(&format!("1.3.{n}")).unwrap();
        Approval { id, to_tag, expires: first.expires + TimeDelta::hours(n.into()), ..first }
    }

    #[test]
    fn replaced_questions_are_remembered_while_they_last() {
        let now = nth(0).expires - TimeDelta::hours(1);
        let last = (1..=30).fold(proposal(&nth(0), Vec::new()), |older, n| proposal(&nth(n), older.replaced(now, 1)));
        let tags: Vec<&str> = last.superseded.iter().map(|terms| terms.tag.as_str()).collect();
        assert_eq!(tags.first(), Some(&"1.3.29"));
        assert!((8..=MOST_SUPERSEDED).contains(&tags.len()), "{tags:?}");
        let text = serde_json::to_string(&last).unwrap();
        assert!(text.len() < MOST_BYTES_OF_SUPERSEDED + 1024, "{}", text.len());
        assert_eq!(serde_json::from_str::<Proposal>(&text).unwrap(), last);
        let later = nth(27).expires;
        let tags: Vec<String> = last.clone().replaced(later, 1).into_iter().map(|terms| terms.tag).collect();
        assert_eq!(tags, ["1.3.30", "1.3.29", "1.3.28"], "those whose time is over are forgotten");
        let huge = Approval { from_image: format!("registry.example.com/{}:1", "x".repeat(3000)), ..nth(1) };
        let huge = (0..5).fold(proposal(&huge, Vec::new()), |older, _| proposal(&huge, older.replaced(now, 1)));
        assert_eq!(huge.superseded.len(), 1, "they are bounded by bytes");
        assert_eq!(last.replaced(now, 10).len(), 1, "and share them with other containers");
    }

    #[test]
    fn a_record_of_the_version_before_is_read() {
        let (old, new) = (proposal(&nth(1), Vec::new()), proposal(&nth(2), Vec::new()));
        let mut json = serde_json::to_value(&new).unwrap();
        json["superseded"] = serde_json::to_value(&old).unwrap();
        let read: Proposal = serde_json::from_value(json).unwrap();
        assert_eq!(read.superseded, [old.terms()]);
    }

    #[test]
    fn a_record_names_its_approvals_and_a_mention_names_none() {
        let (old, new, decided) = (nth(1), nth(2), nth(3));
        let text = serde_json::to_string(&proposal(&new, proposal(&old, Vec::new()).replaced(old.expires, 1))).unwrap();
        let mut entry = crate::domain::history::tests::entry("1.3.3", crate::domain::history::Outcome::Healthy);
        entry.approval = Some(ApprovalRecord::of(&decided));
        let history = serde_json::to_string(&[entry]).unwrap();
        let all = |workload: &Workload| -> Vec<(ApprovalId, Stage)> {
            recorded(workload).into_iter().map(|it| (it.approval.id, it.stage)).collect()
        };
        let of = |annotations: &[(&str, &str)]| all(&workload(&[("web", "web:1.0.0")], annotations));
        let expected = [(new.id.clone(), Stage::Newest), (decided.id, Stage::Decided), (old.id, Stage::Replaced)];
        assert_eq!(of(&[(PROPOSAL, &text), ("history", &history)]), expected);
        let token = new.annotation();
        let mentions = [("skip", new.id.as_str()), (TOKEN_UPDATE, &token), ("proposal.log", &text), ("notify", &text)];
        assert_eq!(of(&mentions), []);
        let many = format!("[{}]", vec![history.trim_matches(['[', ']']); 1000].join(","));
        assert_eq!(of(&[("history", &many)]).len(), 1, "what somebody stuffs into it is bounded");
        let mut copy = workload(&[("web", "web:1.0.0")], &[(PROPOSAL, &text)]);
        copy.id.uid = "uid-2".into();
        assert_eq!(all(&copy), [], "a question about another object is none about this one");
    }

    #[test]
    fn a_decided_question_stays_readable_and_is_done() {
        let first = nth(1);
        let text = serde_json::to_string(&proposal(&first, Vec::new())).unwrap();
        let workload = workload(&[("web", &first.from_image)], &[(PROPOSAL, &text)]);
        let closed: Proposal = serde_json::from_str(&Proposal::closed(&workload, "web").unwrap()).unwrap();
        assert!(closed.told && closed.snoozed_until.is_none() && closed.tag == "1.3.1");
        assert_eq!(Proposal::closed(&workload, "log"), None);
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
