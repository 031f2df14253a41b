//! A record as text that nobody else can write: the annotation `image-watcher/record`.
//!
//! `v1.<key id>.<mac>.<json>`. The code is an HMAC-SHA256 with a link key over `iw-record-v1`, the key's id, kind, namespace and
//! name of the object, and the JSON, each after its length; the uid is in the JSON. So a record that was copied to another
//! object is recognised, and one of an object that was deleted and made again under its name is told from a forged one.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Ledger, Record};
use crate::domain::approval::{ApprovalId, LinkKey, LinkKeys};
use crate::domain::history::History;
use crate::domain::kept::{MOST_OF_A_RECORD, is_cut};
use crate::domain::workload::WorkloadId;

/// What an annotation turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// There is none.
    Nothing,
    /// Our record of this object. Whether it is the newest, only who remembers others can say.
    Ours(Box<Record>),
    /// The same, beside a history that is not the one that was written with it; the record is without history.
    WithoutHistory(Box<Record>),
    /// Our record of an object that had the same name: it was deleted and made again, from a backup perhaps.
    OfAnother(Box<Record>),
    /// Not ours.
    NotOurs(NotOurs),
}

/// Why a record is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOurs {
    /// It is no record at all, or was cut.
    Unreadable,
    /// It is signed with a key that is not configured (any more).
    OtherKey,
    /// Its signature is not right: it was edited, or copied from an object with another name.
    WrongSignature,
}

impl NotOurs {
    /// A word for metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::OtherKey => "other_key",
            Self::WrongSignature => "wrong_signature",
        }
    }
}

/// What is written of a record.
#[derive(Serialize, Deserialize)]
struct Written<L> {
    /// See [`Record::sequence`].
    seq: u64,
    /// The object.
    uid: Box<str>,
    /// See [`Record::ledgers`].
    containers: L,
    /// Which history was written with it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    history: String,
}

/// A record as the two annotations that it takes: itself, and its history; the latter is `None` where nothing happened yet.
#[must_use]
pub fn seal(record: &Record, id: &WorkloadId, key: &LinkKey) -> (String, Option<String>) {
    let history = (!record.history.entries().is_empty()).then(|| record.history.write());
    let mut ledgers = record.ledgers.clone();
    ledgers.retain(|_, ledger| *ledger != Ledger::default());
    loop {
        let written = Written {
            seq: record.sequence,
            uid: id.uid.clone(),
            containers: &ledgers,
            history: history.as_deref().map(fingerprint).unwrap_or_default(),
        };
        let body = serde_json::to_string(&written).unwrap_or_default();
        let code = code(key, id, &body).map(|code| URL_SAFE_NO_PAD.encode(code.finalize().into_bytes()));
        let text = format!("v1.{}.{}.{body}", key.id(), code.unwrap_or_default());
        // What is remembered of the past goes first, a little of each container.
        let shrunk = text.len() > MOST_OF_A_RECORD && ledgers.values_mut().fold(false, |any, it| it.shrink() | any);
        if !shrunk {
            return (text, history);
        }
    }
}

/// Reads the two annotations back.
#[must_use]
pub fn open(record: Option<&str>, history: Option<&str>, id: &WorkloadId, keys: &LinkKeys) -> Opened {
    let Some(text) = record else { return Opened::Nothing };
    let Some((name, code, body)) = parts(text) else { return Opened::NotOurs(NotOurs::Unreadable) };
    let Some(key) = keys.named(name) else { return Opened::NotOurs(NotOurs::OtherKey) };
    let given = URL_SAFE_NO_PAD.decode(code).unwrap_or_default();
    if self::code(key, id, body).is_none_or(|code| code.verify_slice(&given).is_err()) {
        return Opened::NotOurs(NotOurs::WrongSignature);
    }
    let Ok(written) = serde_json::from_str::<Written<BTreeMap<Box<str>, Ledger>>>(body) else {
        return Opened::NotOurs(NotOurs::Unreadable);
    };
    let is_whole = history.map(fingerprint).unwrap_or_default() == written.history;
    let history = if is_whole { History::read(history) } else { History::default() };
    let record = Box::new(Record { sequence: written.seq, ledgers: written.containers, history });
    match (written.uid == id.uid, is_whole) {
        (false, _) => Opened::OfAnother(record),
        (true, true) => Opened::Ours(record),
        (true, false) => Opened::WithoutHistory(record),
    }
}

/// What a record says of itself, whoever wrote it: for finding it, and for showing it where no key is at hand. Nothing is
/// ever done because of it.
#[must_use]
pub fn claimed(record: Option<&str>, history: Option<&str>) -> Option<Record> {
    let (_, _, body) = parts(record?)?;
    let written: Written<BTreeMap<Box<str>, Ledger>> = serde_json::from_str(body).ok()?;
    Some(Record { sequence: written.seq, ledgers: written.containers, history: History::read(history) })
}

/// The approvals that a record claims to know, at most so many.
#[must_use]
pub fn claimed_approvals(record: Option<&str>, most: usize) -> Vec<ApprovalId> {
    let Some(record) = record.filter(|record| record.contains("apr_")).and_then(|text| claimed(Some(text), None))
    else {
        return Vec::new();
    };
    let mut all: Vec<ApprovalId> = record.approvals().take(most).cloned().collect();
    all.sort();
    all.dedup();
    all
}

/// The sequence number that a record claims to have.
#[must_use]
pub fn claimed_sequence(record: Option<&str>) -> Option<u64> {
    #[derive(Deserialize)]
    struct Sequence {
        seq: u64,
    }
    let (_, _, body) = parts(record?)?;
    serde_json::from_str::<Sequence>(body).ok().map(|it| it.seq)
}

/// Key id, code and body.
fn parts(text: &str) -> Option<(&str, &str, &str)> {
    if is_cut(text) || text.len() > MOST_OF_A_RECORD {
        return None;
    }
    let (name, rest) = text.strip_prefix("v1.")?.split_once('.')?;
    let (code, body) = rest.split_once('.')?;
    Some((name, code, body))
}

fn code(key: &LinkKey, id: &WorkloadId, body: &str) -> Option<hmac::Hmac<Sha256>> {
    let kind = format!("apps/v1/{}", id.kind);
    key.code(&["iw-record-v1", key.id().as_str(), &kind, &id.namespace, &id.name, body])
}

/// 32 hexadecimal digits that stand for a text.
#[must_use]
pub fn fingerprint(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().take(16).fold(String::with_capacity(32), |mut hex, byte| {
        use std::fmt::Write as _;
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
