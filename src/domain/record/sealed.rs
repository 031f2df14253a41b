//! A record as text that nobody else can write: the annotation `image-watcher/record`.
//!
//! `v1.<key id>.<mac>.<json>`, or `v2` with JSON that is packed (`packed.rs`) where there is much. The code is an HMAC-SHA256 with a link
//! key over `iw-record-v1` or `-v2`, the key's id, kind, namespace and name of the object, and what stands behind it, each after
//! its length; the uid is in the JSON. So a record that was copied to another object is recognised, and one of an object that
//! was deleted and made again under its name is told from a forged one.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::ledger::Ledger;
use super::{Record, packed};
use crate::domain::approval::{ApprovalId, LinkKey, LinkKeys};
use crate::domain::hex;
use crate::domain::history::{History, Outcome};
use crate::domain::kept::{MOST_OF_A_RECORD, is_cut};
use crate::domain::settings::Fingerprint;
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
    /// See [`Record::settings`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settings: Option<Fingerprint>,
    /// See [`Record::unwritten`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unwritten: Option<u64>,
    /// Which history was written with it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    history: String,
}

/// The most bytes of a body that is written as it is.
const MOST_PLAIN: usize = 8 * 1024;

/// There is more to remember of a workload than one annotation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "what is to be remembered of this workload takes more than {MOST_OF_A_RECORD} bytes, so nothing is done; set image-watcher/mode.CONTAINER to DISABLED for some of its containers, or image-watcher/cooldown to 0h"
)]
pub struct TooMuch;

/// A record as the two annotations that it takes: itself, and its history; the latter is `None` where nothing happened yet.
///
/// # Errors
/// [`TooMuch`] where it is too long even without what is remembered of the past.
pub fn seal(record: &Record, id: &WorkloadId, key: &LinkKey) -> Result<(String, Option<String>), TooMuch> {
    let history = (!record.history.entries().is_empty()).then(|| record.history.write());
    let mut ledgers = record.ledgers.clone();
    ledgers.retain(|_, ledger| **ledger != Ledger::default());
    loop {
        let written = Written {
            seq: record.sequence,
            uid: id.uid.clone(),
            containers: &ledgers,
            settings: record.settings,
            unwritten: record.unwritten,
            history: history.as_deref().map(fingerprint).unwrap_or_default(),
        };
        let json = serde_json::to_string(&written).map_err(|_| TooMuch)?;
        if let Some(text) = text(json, id, key).filter(|text| text.len() <= MOST_OF_A_RECORD) {
            return Ok((text, history));
        }
        // What is remembered of the past goes first, a little of each container.
        if !ledgers.values_mut().fold(false, |any, ledger| ledger.shrink() | any) {
            return Err(TooMuch);
        }
    }
}

impl Ledger {
    /// Makes it smaller: what is remembered of one more question of the past goes. Whether there was one.
    pub(super) fn shrink(&mut self) -> bool {
        // A link that was replaced says less than one that was used up; what has ended is in the history too.
        self.question.as_mut().and_then(|question| question.preflight.take()).is_some()
            || self.group_waits.take().is_some()
            || self.replaced.pop().is_some()
            || self.answered.len() > 1 && self.answered.pop().is_some()
            || self.question.take_if(|question| question.is_closed()).is_some()
            || self.update.take_if(|it| matches!(it.outcome, Outcome::Healthy | Outcome::Replaced)).is_some()
            || self.ends.shrink()
            || self.shorten()
            || self.answered.pop().is_some()
    }

    /// Leaves out what others said to people. Whether there was any of it.
    fn shorten(&mut self) -> bool {
        let failures = self.update.as_mut().map(|update| {
            [update.failure.as_mut(), update.failed_before.as_deref_mut(), update.standstill.why.as_deref_mut()]
        });
        let failed = failures.into_iter().flatten().flatten().map(|failure| {
            failure.account = None;
            &mut failure.message
        });
        let said = failed.chain(self.refused.said());
        said.fold(false, |any, text| !std::mem::take(text).is_empty() | any)
    }
}

/// The annotation with this JSON.
fn text(json: String, id: &WorkloadId, key: &LinkKey) -> Option<String> {
    let (form, body) =
        if json.len() <= MOST_PLAIN { (Form::Plain, json) } else { (Form::Packed, packed::pack(&json)?) };
    let code = URL_SAFE_NO_PAD.encode(code(form, key, id, &body)?.finalize().into_bytes());
    Some(format!("{}.{}.{code}.{body}", form.as_str(), key.id()))
}

/// Reads the two annotations back.
#[must_use]
pub fn open(record: Option<&str>, history: Option<&str>, id: &WorkloadId, keys: &LinkKeys) -> Opened {
    let Some(text) = record else { return Opened::Nothing };
    let Some(parts) = Parts::short(text) else { return Opened::NotOurs(NotOurs::Unreadable) };
    let Some(key) = keys.named(parts.key) else { return Opened::NotOurs(NotOurs::OtherKey) };
    let given = URL_SAFE_NO_PAD.decode(parts.code).unwrap_or_default();
    if code(parts.form, key, id, parts.body).is_none_or(|code| code.verify_slice(&given).is_err()) {
        return Opened::NotOurs(NotOurs::WrongSignature);
    }
    let Some(written) = parts.read::<All>() else { return Opened::NotOurs(NotOurs::Unreadable) };
    let is_its = written.uid == id.uid;
    let is_whole = history.map(fingerprint).unwrap_or_default() == written.history;
    let history = if is_whole { History::read(history) } else { History::default() };
    let Written { seq: sequence, containers: ledgers, settings, unwritten, .. } = written;
    let record = Box::new(Record { sequence, ledgers, settings, unwritten, history });
    match (is_its, is_whole) {
        (false, _) => Opened::OfAnother(record),
        (true, true) => Opened::Ours(record),
        (true, false) => Opened::WithoutHistory(record),
    }
}

/// What a record says of itself, whoever wrote it: for finding it, and for showing it where no key is at hand. Nothing is
/// ever done because of it.
#[must_use]
pub fn claimed(record: Option<&str>, history: Option<&str>) -> Option<Record> {
    Parts::short(record?)?.record(history)
}

/// What a record says that was remembered where nobody else writes, however long an earlier release let it become.
#[must_use]
pub fn remembered(record: &str, history: Option<&str>) -> Option<Record> {
    Parts::of(record)?.record(history)
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

/// The id of the key that a record claims to be signed with.
#[must_use]
pub fn claimed_key(record: Option<&str>) -> Option<&str> {
    Some(Parts::of(record?)?.key)
}

/// The sequence number that a record claims to have.
#[must_use]
pub fn claimed_sequence(record: Option<&str>) -> Option<u64> {
    #[derive(Deserialize)]
    struct Sequence {
        seq: u64,
    }
    Parts::short(record?)?.read::<Sequence>().map(|it| it.seq)
}

/// How the body of a record is written.
#[derive(Clone, Copy, Debug)]
enum Form {
    Plain,
    Packed,
}

impl Form {
    fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "v1",
            Self::Packed => "v2",
        }
    }
}

/// A record's text, taken apart.
struct Parts<'t> {
    form: Form,
    key: &'t str,
    code: &'t str,
    body: &'t str,
}

impl<'t> Parts<'t> {
    /// Those of an annotation, unless it is longer than any that we write.
    fn short(text: &'t str) -> Option<Self> {
        if is_cut(text) || text.len() > MOST_OF_A_RECORD { None } else { Self::of(text) }
    }

    fn of(text: &'t str) -> Option<Self> {
        let (form, rest) = text.split_once('.')?;
        let form = [Form::Plain, Form::Packed].into_iter().find(|known| known.as_str() == form)?;
        let (key, rest) = rest.split_once('.')?;
        let (code, body) = rest.split_once('.')?;
        Some(Self { form, key, code, body })
    }

    fn read<T: DeserializeOwned>(&self) -> Option<T> {
        match self.form {
            Form::Plain => serde_json::from_str(self.body).ok(),
            Form::Packed => serde_json::from_str(&packed::unpack(self.body)?).ok(),
        }
    }

    fn record(&self, history: Option<&str>) -> Option<Record> {
        let Written { seq: sequence, containers: ledgers, settings, unwritten, .. } = self.read::<All>()?;
        Some(Record { sequence, ledgers, settings, unwritten, history: History::read(history) })
    }
}

/// What is read of a record.
type All = Written<BTreeMap<Box<str>, Box<Ledger>>>;

fn code(form: Form, key: &LinkKey, id: &WorkloadId, body: &str) -> Option<hmac::Hmac<Sha256>> {
    let label = format!("iw-record-{}", form.as_str());
    key.code(&[&label, key.id().as_str(), id.kind.signed(), &id.namespace, &id.name, body])
}

/// 32 hexadecimal digits that stand for a text.
#[must_use]
pub fn fingerprint(text: &str) -> String {
    let mut digits = hex::encode(&Sha256::digest(text.as_bytes()));
    digits.truncate(32);
    digits
}
