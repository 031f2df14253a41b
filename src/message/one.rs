//! The message of one notice.

use chrono::{DateTime, Utc};

use super::catalogue::{Catalogue, Label, Names};
use super::notes::NotesPart;
use super::{Action, Fact, Frame, Message, Remark, Severity, clean, of_cluster};
use crate::domain::event::{NoLink, Notice, NoticeKind};
use crate::domain::fleet::Asks;
use crate::domain::reference::Digest;
use crate::domain::release::{Language, ReleaseNotes};
use crate::domain::wording::sentence;

pub(super) fn message(notice: &Notice, words: &dyn Catalogue, frame: &Frame<'_>) -> Message {
    let link = frame.links.whole.as_deref();
    let names = names(notice, words, link.is_some());
    let heading = words.heading(notice).to_owned();
    let notes = frame.notes;
    Message {
        language: frame.language.code(),
        colon: words.colon(),
        subject: subject(notice, words, &names, frame.cluster),
        // It is about all workloads, and not about the one that failed last.
        title: if notice.kind == NoticeKind::Stopped {
            subject(notice, words, &names, frame.cluster)
        } else {
            format!("{}{heading} · {}", of_cluster(frame.cluster), names.workload)
        },
        heading,
        sentence: words.sentence(notice, &names),
        cluster: frame.cluster.map(clean),
        severity: severity(notice),
        facts: facts(notice, words, &names),
        remarks: remarks(notice, words, &names, frame),
        sections: Vec::new(),
        notes: notes.map(|notes| NotesPart::of(notes, words)),
        release: release_url(notice, notes).filter(|_| notice.kind != NoticeKind::Stopped).map(|url| Action {
            label: words.release_notes().to_owned(),
            url: clean(url),
            hint: String::new(),
        }),
        action: link.map(|link| {
            let until = expires(notice).map(|until| words.moment(until, frame.zone));
            Action {
                label: words.review(is_way_back(notice)).to_owned(),
                url: link.to_owned(),
                hint: words.link_hint(until.as_deref()),
            }
        }),
        reason: words.reason(notice, frame.cluster),
    }
}

/// What a notice is told with.
pub(super) fn names(notice: &Notice, words: &dyn Catalogue, asks: bool) -> Names {
    let (from, to) = (clean(&notice.from.tag), clean(&notice.to.tag));
    let is_alone = notice.kind == NoticeKind::Gone && from == to;
    let to = if is_alone { words.none_known().to_owned() } else { to };
    let workload = format!("{}/{}", clean(&notice.workload.namespace), clean(&notice.workload.name));
    let (from, to) = if from == to { by_digest(notice, from, to) } else { (from, to) };
    Names { workload, from, to, asks }
}

/// A tag that is followed stays the same, and what it points to is another image.
fn by_digest(notice: &Notice, from: String, to: String) -> (String, String) {
    match (short(notice.from.digest.as_deref()), short(notice.to.digest.as_deref())) {
        (Some(before), Some(after)) if before != after => (format!("{from} ({before})"), format!("{to} ({after})")),
        (None, Some(after)) => (from, format!("{to} ({after})")),
        _ => (from, to),
    }
}

fn short(digest: Option<&str>) -> Option<String> {
    Some(Digest::parse(digest?).ok()?.short().to_owned())
}

/// The version that a notice is about, told from what runs.
#[must_use]
pub fn newest(notice: &Notice, language: Language) -> String {
    names(notice, super::words(language), false).to
}

/// What a message about a notice has as its subject.
#[must_use]
pub fn subject_of(notice: &Notice, language: Language, cluster: Option<&str>) -> String {
    let words = super::words(language);
    subject(notice, words, &names(notice, words, notice.asks()), cluster)
}

fn subject(notice: &Notice, words: &dyn Catalogue, names: &Names, cluster: Option<&str>) -> String {
    let mark = if notice.no_link.is_some_and(NoLink::is_dry_run) { words.dry_run() } else { "" };
    if notice.kind == NoticeKind::Stopped {
        // It is about all workloads, and not about the one that failed last.
        return format!("{mark}{}{}", of_cluster(cluster), sentence_case(&words.step(notice, names)));
    }
    let cluster = cluster.map(|cluster| format!("{} ", clean(cluster))).unwrap_or_default();
    format!("{mark}[{cluster}{}] {} {}", names.workload, image(notice), words.step(notice, names))
}

/// The same with a capital letter.
fn sentence_case(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The last part of its repository.
pub(super) fn image(notice: &Notice) -> String {
    let image = clean(&notice.from.repository);
    image.rsplit('/').next().unwrap_or_default().to_owned()
}

/// How urgent a notice is.
pub(super) fn severity(notice: &Notice) -> Severity {
    match notice.kind {
        NoticeKind::Available | NoticeKind::Granted | NoticeKind::Skipped => Severity::Info,
        NoticeKind::Applied => Severity::Success,
        NoticeKind::Stalled | NoticeKind::RolledBack | NoticeKind::Held | NoticeKind::Gone => Severity::Warning,
        NoticeKind::Failed if notice.is_passed_over() => Severity::Warning,
        NoticeKind::Failed | NoticeKind::Stopped => Severity::Failure,
    }
}

fn facts(notice: &Notice, words: &dyn Catalogue, names: &Names) -> Vec<Fact> {
    let fact = |label: &str, value: String, code: Option<String>| Fact { label: label.to_owned(), value, code };
    let workload = &notice.workload;
    let parts = [clean(&workload.namespace), workload.kind.as_str().to_owned(), clean(&workload.name)];
    let ends = words.ends(notice.kind);
    let level = words.level(&notice.level);
    let level = if level.is_empty() { level } else { format!(" ({level})") };
    let to = if names.to.ends_with(')') { clean(&notice.to.tag) } else { names.to.clone() };
    let code = |digest: &Option<String>| short(digest.as_deref()).map(|short| format!("sha256:{short}"));
    let (from_digest, to_digest) = (code(&notice.from.digest), code(&notice.to.digest));
    if notice.kind == NoticeKind::Stopped {
        // It is about all workloads, and not about the one that failed last.
        return Vec::new();
    }
    let all = [
        Some(fact(words.label(Label::Workload), parts.join(" / "), None)),
        Some(fact(words.label(Label::Container), clean(&notice.container), None)),
        words.group(notice).map(|group| fact(words.label(Label::Group), group, None)),
        Some(fact(words.label(Label::Image), clean(&notice.from.repository), None)),
        Some(fact(ends.from, clean(&notice.from.tag), from_digest)),
        Some(fact(ends.to, format!("{to}{level}"), to_digest)),
    ];
    all.into_iter().flatten().collect()
}

fn remarks(notice: &Notice, words: &dyn Catalogue, names: &Names, frame: &Frame<'_>) -> Vec<Remark> {
    let at = words.moment(notice.at, frame.zone);
    let decided = words.decided(notice, &at).map(|text| (words.ends(notice.kind).by, text, false));
    let of = |label, text: Option<String>, is_detail| text.map(|text| (words.label(label), text, is_detail));
    let asked_of = notice.approvals.filter(|_| notice.asks() && notice.no_link.is_none());
    let preflight = notice.preflight.as_deref();
    let changes = preflight.and_then(|it| it.changes.as_ref()).map(|it| clean(&words.image_changes(it)));
    let because = notice.because.as_deref().map(|because| because_of(because, notice.kind, words, frame));
    let (of_asks, because) = because.unzip();
    let all = [
        of(Label::Why, notice.why.as_ref().map(|why| clean(&words.grounds(why))), true),
        of(Label::Declared, words.declared(notice, frame.notes), false),
        of(of_asks.unwrap_or(Label::AskedAs), because, false),
        of(Label::Changes, changes.filter(|it| !it.is_empty()), true),
        of(Label::LookedAt, preflight.map(|it| clean(&words.preflight(it))), true),
        of(Label::Owner, notice.owner.as_ref().map(|owner| clean(&words.owned_by(owner))), false),
        of(Label::Failure, words.failure(notice), false),
        of(Label::Note, notice.no_link.map(|reason| words.no_link(reason, notice)), false),
        of(Label::Approvals, asked_of.map(|approvals| words.approvals(approvals)), false),
        decided,
        of(Label::WhatNext, words.way_on(notice, names), false),
    ];
    let remark = |(label, text, is_detail): (&str, String, bool)| Remark { label: label.to_owned(), text, is_detail };
    all.into_iter().flatten().map(remark).collect()
}

/// Why people are asked. Who is told that all stands still has just read so, and wants to know what failed.
fn because_of(because: &Asks, kind: NoticeKind, words: &dyn Catalogue, frame: &Frame<'_>) -> (Label, String) {
    match because {
        Asks::Stopped(stopped) if kind == NoticeKind::Stopped => {
            let each: Vec<String> = stopped.failed.iter().map(|failed| words.failed(failed, frame.zone)).collect();
            (Label::Failure, sentence(&clean(&each.join(". "))))
        }
        _ => (Label::AskedAs, sentence(&clean(&words.asks(because, frame.zone)))),
    }
}

/// Whether what it offers is to go back from what is well: nobody waits for an answer.
pub(super) fn is_way_back(notice: &Notice) -> bool {
    notice.kind == NoticeKind::Applied
}

/// Until when its link can be used.
pub(super) fn expires(notice: &Notice) -> Option<DateTime<Utc>> {
    let of_approval = notice.approval.as_ref().map(|approval| approval.expires);
    of_approval.or_else(|| Some(notice.stopped()?.expires()))
}

/// Where notes are: where they were found, else where the workload says.
#[must_use]
pub fn release_url<'n>(notice: &'n Notice, notes: Option<&'n ReleaseNotes>) -> Option<&'n str> {
    notes.map(|notes| notes.page.as_str()).or(notice.release_url.as_deref())
}
