//! What the first release left on a workload, read once: it had no record, and kept its state in annotations of their own.
//!
//! Links that it sent go on working. Nothing else of it is acted on: a link is signed over all that it allows, and what is
//! read here only helps to recognise it.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{Answer, Answered, Closed, Ledger, MOST_PAST, Notified, Question, Record, Running, Stands, Update};
use crate::domain::approval::{Allows, ApprovalId, KeyId, Terms};
use crate::domain::grounds::Grounds;
use crate::domain::history::{History, Outcome};
use crate::domain::policy::{KnownSince, tracked};
use crate::domain::reference::{Digest, Tag};
use crate::domain::tag::Level;
use crate::domain::workload::{Container, Workload};

/// The annotations that it kept its state in, which are removed when they were read: names without the prefix.
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

/// The annotation `image-watcher/proposal`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OldProposal {
    approval: OldApproval,
    uid: String,
    tag: String,
    digest: String,
    from: String,
    #[serde(default)]
    level: String,
    #[serde(default)]
    why: String,
    #[serde(default)]
    asked: String,
    #[serde(default)]
    snoozed_until: Option<String>,
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

/// What a proposal was about whose place another took.
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
    level: String,
    #[serde(default)]
    approval: Option<OldApproval>,
    #[serde(default)]
    stalled_before: Option<String>,
    /// Later releases say which.
    #[serde(default)]
    format: Option<u8>,
}

/// The record that follows from these annotations; an empty one where there are none.
#[must_use]
pub fn of_the_first_release(workload: &Workload) -> Record {
    let mut record = Record { history: History::read(workload.annotation("history")), ..Record::default() };
    let mut decided: Vec<OldEntry> =
        workload.annotation("history").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    // A history that stood beside a record was copied from elsewhere, or lost it: it is a story, and nothing is under way.
    decided.retain(|entry| entry.format.is_none());
    for container in &workload.containers {
        let ledger = ledger(workload, container, &decided);
        if ledger != Ledger::default() {
            record.ledgers.insert(container.name.clone(), ledger);
        }
    }
    record
}

fn ledger(workload: &Workload, container: &Container, decided: &[OldEntry]) -> Ledger {
    let answered = decided.iter().filter(|entry| entry.container == *container.name).filter_map(answered).collect();
    let (question, replaced) = asked(workload, container).unzip();
    let replaced = replaced.unwrap_or_default();
    let running = container.reference().and_then(|image| Running::of(&image));
    let known_since = KnownSince::read(workload.state("known-since", &container.name));
    let learnt =
        running.as_ref().and_then(|now| tracked(workload.state("tracked-digest", &container.name), now.tag.as_str()));
    let newest = decided.iter().find(|it| it.container == *container.name && it.outcome != Outcome::Skipped);
    let notified = notified(workload, container);
    let ledger = Ledger {
        known_since,
        notified,
        replaced,
        update: newest.and_then(update),
        ..Ledger::of_past(question, answered)
    };
    match (running, learnt) {
        (Some(now), Some(digest)) => {
            Ledger { runs: Some(Running { digest: now.digest.or(Some(digest)), ..now }), ..ledger }
        }
        (Some(now), None) if ledger != Ledger::default() => Ledger { runs: Some(now), ..ledger },
        _ => ledger,
    }
}

fn notified(workload: &Workload, container: &Container) -> Option<Notified> {
    let of = |name| workload.state(name, &container.name);
    Some(Notified { at: moment(of("last-notified")?)?, tag: Tag::parse(of("last-notified-version")?).ok()? })
}

/// The newest question, and what those before it were about.
fn asked(workload: &Workload, container: &Container) -> Option<(Question, Vec<Terms>)> {
    let old: OldProposal = serde_json::from_str(workload.state("proposal", &container.name)?).ok()?;
    if old.uid != *workload.id.uid {
        return None;
    }
    let superseded = match &old.superseded {
        Superseded::Many(many) => many.iter().take(MOST_PAST).collect(),
        Superseded::One(one) => vec![&**one],
        Superseded::None => Vec::new(),
    };
    let is_about_this = |old: &&OldTerms| old.uid == *workload.id.uid;
    let read = |old: &OldTerms| terms(&old.approval, &old.tag, &old.digest, old.from.clone());
    let replaced = superseded.into_iter().filter(is_about_this).filter_map(read).collect();
    Some((question(workload, container, old)?, replaced))
}

fn question(workload: &Workload, container: &Container, old: OldProposal) -> Option<Question> {
    let terms = terms(&old.approval, &old.tag, &old.digest, old.from)?;
    let is_open = workload.state("token-update", &container.name).is_some_and(|open| open.contains(terms.id.as_str()));
    let stands = match old.snoozed_until.as_deref().and_then(moment) {
        _ if !is_open => Stands::Closed(Closed::NothingToAsk),
        Some(until) => Stands::Snoozed(until),
        None => Stands::Open,
    };
    let asked = moment(&old.asked).unwrap_or_else(|| terms.id.made());
    Some(Question { terms, level: level(&old.level), why: Grounds::in_words(old.why), asked, with: Vec::new(), stands })
}

fn update(entry: &OldEntry) -> Option<Update> {
    let question = terms_of(entry);
    Some(Update {
        tag: Tag::parse(&entry.version).ok()?,
        digest: Digest::parse(&entry.digest).ok()?,
        from: entry.previous_image.clone(),
        from_digest: question.as_ref().and_then(|terms| terms.from_digest.clone()),
        level: level(&entry.level),
        at: moment(&entry.time)?,
        by: entry.by.clone(),
        outcome: entry.outcome,
        ended: None,
        failure: None,
        question,
        with: Vec::new(),
        told_by: None,
        stalled_before: entry.stalled_before.clone(),
    })
}

fn terms_of(entry: &OldEntry) -> Option<Terms> {
    terms(entry.approval.as_ref()?, &entry.version, &entry.digest, entry.previous_image.clone())
}

fn answered(entry: &OldEntry) -> Option<Answered> {
    let terms = terms_of(entry)?;
    let answer = if entry.outcome == Outcome::Skipped { Answer::Skipped } else { Answer::Approved };
    let at = moment(&entry.time).unwrap_or_else(|| terms.id.made());
    Some(Answered { terms, answer, by: entry.by.clone(), at })
}

fn terms(old: &OldApproval, tag: &str, digest: &str, from: String) -> Option<Terms> {
    Some(Terms {
        id: ApprovalId::parse(&old.id)?,
        key: KeyId::of(old.key.clone()),
        expires: DateTime::from_timestamp(old.expires, 0)?,
        nonce: old.nonce.clone(),
        from,
        from_digest: old.from.as_deref().map(Digest::parse).transpose().ok()?,
        tag: Tag::parse(tag).ok()?,
        digest: Digest::parse(digest).ok()?,
        allows: Allows::Update,
    })
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc())
}

fn level(word: &str) -> Level {
    Level::ALL.into_iter().find(|level| level.as_str() == word).unwrap_or(Level::Digest)
}
