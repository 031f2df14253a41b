//! A record and the annotations of its workload: the one that is read back, and those that are for people.

use crate::domain::approval::{Allows, ApprovalId, LinkKeys, TOKEN_UPDATE};
use crate::domain::history::rfc3339;
use crate::domain::record::sealed::{self, Opened, TooMuch};
use crate::domain::record::{Held, Ledger, RETIRED, Record, of_the_first_release};
use crate::domain::reference::Tag;
use crate::domain::workload::{Workload, WorkloadPatch};

/// The annotation that is read back.
pub const RECORD: &str = "record";
/// The updates, for people.
const HISTORY: &str = "history";

/// Reads what a workload's annotations say of us.
#[must_use]
pub fn open(workload: &Workload, keys: &LinkKeys) -> Opened {
    sealed::open(workload.annotation(RECORD), workload.annotation(HISTORY), &workload.id, keys)
}

/// What they claim, whoever wrote them: for finding and for showing, where no key is at hand. Nothing is done because of it.
#[must_use]
pub fn claimed(workload: &Workload) -> Record {
    let claimed = sealed::claimed(workload.annotation(RECORD), workload.annotation(HISTORY));
    claimed.unwrap_or_else(|| of_the_first_release(workload))
}

/// The approvals that they claim to know, at most so many.
pub(super) fn approvals(workload: &Workload, most: usize) -> Vec<ApprovalId> {
    if workload.annotation(RECORD).is_some() {
        return sealed::claimed_approvals(workload.annotation(RECORD), most);
    }
    if workload.annotation("proposal").is_none() && workload.annotation(HISTORY).is_none() {
        return Vec::new();
    }
    of_the_first_release(workload).approvals().take(most).cloned().collect()
}

/// The sequence number of the record that a workload claims to have.
#[must_use]
pub fn sequence(workload: &Workload) -> Option<u64> {
    sealed::claimed_sequence(workload.annotation(RECORD))
}

/// The id of the key that the record of a workload claims to be signed with.
#[must_use]
pub fn key(workload: &Workload) -> Option<&str> {
    sealed::claimed_key(workload.annotation(RECORD))
}

/// The text of the record.
#[must_use]
pub fn text(workload: &Workload) -> Option<&str> {
    workload.annotation(RECORD)
}

/// What is written beside a record, for people: each annotation of ours that follows from it, where it says something else
/// now.
#[must_use]
pub fn project(mut patch: WorkloadPatch, workload: &Workload, record: &Record) -> WorkloadPatch {
    for container in &workload.containers {
        for (name, value) in copies(record.known(&container.name)) {
            patch = patch.set(workload, &workload.state_key(name, &container.name), value);
        }
    }
    let is_retired = |name: &&str| RETIRED.contains(&name.split_once('.').map_or(*name, |(name, _)| name));
    let retired: Vec<&str> = workload.names().filter(is_retired).collect();
    retired.into_iter().fold(patch, |patch, name| patch.set(workload, name, None))
}

/// The same with the record itself.
///
/// # Errors
/// [`TooMuch`] where it does not fit.
pub fn sealed(
    patch: WorkloadPatch,
    workload: &Workload,
    record: &Record,
    keys: &LinkKeys,
) -> Result<(WorkloadPatch, Sealed), TooMuch> {
    let (text, history) = sealed::seal(record, &workload.id, keys.signing())?;
    let patch = project(patch, workload, record).set(workload, RECORD, Some(text.clone())).set(
        workload,
        HISTORY,
        history.clone(),
    );
    Ok((patch, Sealed { sequence: record.sequence, record: text, history: history.unwrap_or_default() }))
}

/// What was written of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its sequence number.
    pub sequence: u64,
    /// Its text.
    pub record: String,
    /// Its history's.
    pub history: String,
}

fn copies(ledger: &Ledger) -> [(&'static str, Option<String>); 8] {
    let update = ledger.update.as_ref();
    let asked = ledger.question.as_ref().filter(|question| !question.is_closed());
    // A link to go back with is open beside whatever comes next.
    let token = asked.filter(|question| question.terms.allows != Allows::Back).map(|question| {
        let terms = &question.terms;
        format!("v1:{}:{}:{}", terms.key, terms.id, terms.expires().timestamp())
    });
    [
        ("current-version", ledger.runs.as_ref().map(|runs| runs.tag.to_string())),
        ("previous-version", previous(ledger).map(|tag| tag.to_string())),
        ("last-updated", update.map(|update| rfc3339(update.at))),
        ("last-updated-version", update.map(|update| update.tag.to_string())),
        ("last-notified", ledger.notified.as_ref().map(|notified| rfc3339(notified.at))),
        ("last-notified-version", ledger.notified.as_ref().map(|notified| notified.tag.to_string())),
        (TOKEN_UPDATE, token),
        ("held", ledger.held.as_ref().map(held)),
    ]
}

/// What ran before what runs. Records of earlier releases don't say it of what another hand wrote: it was our update, if that is
/// not what runs.
fn previous(ledger: &Ledger) -> Option<Tag> {
    let from = || {
        let update = ledger.update.as_ref()?;
        let is_back = !update.is_a_pin()
            && ledger.runs.as_ref().is_some_and(|runs| Some(&runs.tag) == update.from_tag().as_ref());
        if is_back { Some(update.tag.clone()) } else { update.from_tag() }
    };
    ledger.previous.clone().or_else(from)
}

/// `VERSION: why, by whom, since`.
fn held(held: &Held) -> String {
    if let Some(failure) = &held.failure {
        let (since, by) = (rfc3339(held.since), held.by.join(", "));
        let by = if by.is_empty() { by } else { format!(", by {by}") };
        return format!("{}: failed ({}), went back to {}{by}, since {since}", held.tag, failure.reason, held.back_to);
    }
    let by = if held.by.is_empty() { "somebody".to_owned() } else { held.by.join(", ") };
    format!("{}: set back to {}, by {by}, since {}", held.tag, held.back_to, rfc3339(held.since))
}
