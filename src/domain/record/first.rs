//! What the first release left on a workload, read once: it had no record, and kept its state in annotations of their own.
//!
//! They are not signed, so whoever may annotate the workload may have written them. Taken from them is only what closes: links
//! that were used or replaced, and the one that was open, which is asked anew under terms of our own. Never is anybody asked,
//! told, or an update followed because of them. Since when versions are known and what a followed tag pointed to begin anew.
//! What happened is kept as a story that is marked as nobody's word.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::Record;
use super::ledger::{Ledger, MOST_PAST};
use super::question::{Answer, Answered, Closed, Question, Stands};
use crate::domain::approval::{Allows, ApprovalId, KeyId, Terms};
use crate::domain::history::{History, Outcome, unsigned};
use crate::domain::reference::{Digest, Tag};
use crate::domain::tag::Level;
use crate::domain::workload::{Container, Workload};

/// The annotations that it kept its state in, which are removed at the first write: names without the prefix.
pub const RETIRED: [&str; 3] = ["proposal", "known-since", "tracked-digest"];

/// An approval, as it was kept.
#[derive(Deserialize)]
struct OldApproval {
    id: String,
    key: String,
    expires: i64,
    nonce: String,
    #[serde(default)]
    from: Option<String>,
}

/// The annotation `image-watcher/proposal`, as far as it is read.
#[derive(Deserialize)]
struct OldProposal {
    #[serde(flatten)]
    newest: OldTerms,
    #[serde(default)]
    superseded: Superseded,
}

/// The proposals before it, newest first; an early version kept one alone.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Superseded {
    Many(Vec<OldTerms>),
    One(Box<OldTerms>),
    #[default]
    None,
}

/// What a proposal was about.
#[derive(Deserialize)]
struct OldTerms {
    approval: OldApproval,
    uid: String,
    tag: String,
    digest: String,
    from: String,
}

/// An entry of the annotation `image-watcher/history`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OldEntry {
    container: String,
    version: String,
    digest: String,
    previous_image: String,
    time: String,
    by: String,
    outcome: Outcome,
    #[serde(default)]
    approval: Option<OldApproval>,
    /// Later releases say which.
    #[serde(default)]
    format: Option<u8>,
}

/// Longer names, images and deciders than these were not written.
const LONGEST: usize = 512;

/// The record that follows from these annotations; an empty one where there are none.
#[must_use]
pub fn of_the_first_release(workload: &Workload) -> Record {
    let text = workload.annotation("history");
    let mut record = Record::of_history(History::read_unsigned(text));
    let mut decided: Vec<OldEntry> = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    // A history that stood beside a record was copied from elsewhere, or lost it: no link of this object was used in it.
    decided.retain(|entry| entry.format.is_none());
    for container in &workload.containers {
        let ledger = ledger(workload, container, &decided);
        if ledger != Ledger::default() {
            record.ledgers.insert(container.name.clone(), Box::new(ledger));
        }
    }
    record
}

fn ledger(workload: &Workload, container: &Container, decided: &[OldEntry]) -> Ledger {
    let of_this = decided.iter().filter(|entry| entry.container == *container.name);
    let answered: Vec<Answered> = of_this.filter_map(answered).take(MOST_PAST).collect();
    let mut asked = asked(workload, container).into_iter();
    // One that was answered is told as such, and is not the newest question of which people may not have been told.
    let is_news = |terms: &Terms| answered.iter().all(|answered| answered.terms.id != terms.id);
    let newest = asked.next().filter(is_news).map(over);
    let replaced = asked.filter(is_news).take(MOST_PAST).collect();
    Ledger { question: newest, replaced, answered, ..Ledger::default() }
}

/// A question that can't be answered, whatever the annotations say of it; a new one takes its place.
fn over(terms: Terms) -> Question {
    let asked = terms.id.made();
    Question { stands: Stands::Closed(Closed::Unknown), ..Question::new(terms, Level::Digest, asked) }
}

/// What was asked about a container, newest first.
fn asked(workload: &Workload, container: &Container) -> Vec<Terms> {
    let proposal = workload.state("proposal", &container.name).and_then(|text| serde_json::from_str(text).ok());
    let Some(OldProposal { newest, superseded }) = proposal else { return Vec::new() };
    let older = match superseded {
        Superseded::Many(many) => many,
        Superseded::One(one) => vec![*one],
        Superseded::None => Vec::new(),
    };
    let is_about_this = |old: &OldTerms| old.uid == *workload.id.uid;
    let read = |old: OldTerms| terms(&old.approval, &old.tag, &old.digest, old.from);
    std::iter::once(newest).chain(older).filter(is_about_this).filter_map(read).collect()
}

fn answered(entry: &OldEntry) -> Option<Answered> {
    let terms = terms(entry.approval.as_ref()?, &entry.version, &entry.digest, entry.previous_image.clone())?;
    let answer = match entry.outcome {
        Outcome::Skipped => Answer::Skipped,
        Outcome::Resumed => Answer::Resumed,
        _ => Answer::Approved,
    };
    let at = moment(&entry.time).unwrap_or_else(|| terms.id.made());
    Some(Answered { terms, answer, by: unsigned(&entry.by.chars().take(LONGEST).collect::<String>()).into(), at })
}

fn terms(old: &OldApproval, tag: &str, digest: &str, from: String) -> Option<Terms> {
    let is_as_ours = [&old.key, &old.nonce, &from].iter().all(|text| text.len() <= LONGEST);
    is_as_ours.then_some(Terms {
        id: ApprovalId::parse(&old.id)?,
        key: KeyId::of(old.key.clone()),
        expires: DateTime::from_timestamp(old.expires, 0)?,
        nonce: old.nonce.clone(),
        from,
        from_digest: old.from.as_deref().map(Digest::parse).transpose().ok()?,
        tag: Tag::parse(tag).ok()?,
        digest: Digest::parse(digest).ok()?,
        allows: Allows::Update,
        group: None,
    })
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc())
}
