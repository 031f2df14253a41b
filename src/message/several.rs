//! The message of several notices, and those about image-watcher itself.

use super::catalogue::{Catalogue, Label};
use super::one::{expires, image, is_way_back, names, severity};
use super::{Action, Fact, Frame, Item, Message, Remark, Section, Severity, clean, of_cluster, untaken_in_line};
use crate::domain::declared::Declared;
use crate::domain::event::{Notice, NoticeKind, Trouble};
use crate::domain::fleet::Asks;
use crate::domain::wording::sentence;
use crate::domain::workload::Origin;

/// How many things a message shows.
const MOST_ITEMS: usize = 50;
/// So many different things under one label are said once for all that they are said of; others are said in their lines.
const MOST_SHARED: usize = 8;

pub(super) fn message(notices: &[Notice], words: &dyn Catalogue, frame: &Frame<'_>) -> Message {
    let cause = one_cause(notices);
    let first = notices.first().map(|first| names(first, words, false));
    let first = first.unwrap_or_default();
    let count = notices.len();
    let subject = words.several_subject(count, cause, &first);
    let image = cause.map(image);
    let subject = match image {
        Some(image) => format!("{image} {subject}"),
        None => subject,
    };
    let told = words.several(count, cause, &first);
    let waiting = notices.iter().filter(|notice| is_offered(notice) && !is_way_back(notice)).count();
    let told = if waiting == 0 { told } else { format!("{told} {}", words.waiting(waiting, waiting == count)) };
    Message {
        severity: of_all(notices, waiting),
        facts: cause.map(|cause| shared_facts(cause, words)).unwrap_or_default(),
        remarks: remarks(notices, words, frame),
        sections: sections(notices, words, frame),
        action: frame.links.whole.as_ref().map(|link| {
            // The list is there as long as the last of them can be answered.
            let until = notices
                .iter()
                .filter(|notice| is_offered(notice))
                .filter_map(expires)
                .max()
                .map(|until| words.moment(until, frame.zone));
            let is_way_back = notices.iter().filter(|notice| is_offered(notice)).all(is_way_back);
            Action {
                label: words.review(is_way_back).to_owned(),
                url: link.clone(),
                hint: words.link_hint(until.as_deref()),
            }
        }),
        ..plain((subject, told), words.reason_of_several(one_origin(notices), frame.cluster), words, frame)
    }
}

/// As urgent as the most urgent of them; that some ended well does not hide that others wait for an answer.
fn of_all(notices: &[Notice], waiting: usize) -> Severity {
    let most = notices.iter().map(severity).max_by_key(|one| *one as u8).unwrap_or(Severity::Info);
    if most == Severity::Success && waiting > 0 { Severity::Info } else { most }
}

/// What all of them are about, where that is one thing: the same step of the same image.
fn one_cause(notices: &[Notice]) -> Option<&Notice> {
    let first = notices.first()?;
    notices.iter().all(|other| other.cause() == first.cause()).then_some(first)
}

/// Who says the mode of all of them, where that is one.
fn one_origin(notices: &[Notice]) -> Option<Origin> {
    let first = notices.first()?.mode_from;
    first.filter(|_| notices.iter().all(|other| other.mode_from == first))
}

fn shared_facts(notice: &Notice, words: &dyn Catalogue) -> Vec<Fact> {
    let value = clean(&notice.from.repository);
    vec![Fact { label: words.label(Label::Image).to_owned(), value, code: None }]
}

/// Why people are asked though it would go by itself, what is said of several, and why there is no link: once for all that it is
/// said of.
fn remarks(notices: &[Notice], words: &dyn Catalogue, frame: &Frame<'_>) -> Vec<Remark> {
    let stopped = |notice: &Notice| {
        let because = notice.because.as_deref().filter(|_| notice.kind != NoticeKind::Stopped);
        because.filter(|it| matches!(it, Asks::Stopped(_))).map(|it| sentence(&clean(&words.asks(it, frame.zone))))
    };
    let no_link = |notice: &Notice| notice.no_link.map(|reason| sentence(&words.no_link(reason, notice)));
    let mut remarks = shared(notices, stopped, words.label(Label::AskedAs), words);
    let remark = |(label, text, count): (Label, String, usize)| {
        let text = if count < notices.len() { words.of_some(count, &text) } else { text };
        Remark { label: words.label(label).to_owned(), text, is_detail: false }
    };
    remarks.extend(common(notices, words).into_iter().map(remark));
    remarks.extend(shared(notices, no_link, words.label(Label::Note), words));
    remarks
}

/// What a message of one says beside its versions, and nobody can do without: what its makers declare, who would undo it, why
/// it is passed over, and how many have to approve.
fn beside(notice: &Notice, words: &dyn Catalogue, has_quotes: bool) -> Vec<(Label, String)> {
    let unquoted =
        || Notice { declared: Declared { kinds: notice.declared.kinds, ..Declared::default() }, ..notice.clone() };
    let declared = if has_quotes || notice.declared.quotes.is_empty() {
        words.declared(notice, None)
    } else {
        words.declared(&unquoted(), None)
    };
    let owner = notice.owner.as_ref().map(|owner| clean(&words.owned_by(owner)));
    let approvals = notice.approvals.filter(|_| is_offered(notice)).map(|approvals| words.approvals(approvals));
    let all = [
        (Label::Declared, declared),
        (Label::Owner, owner),
        (Label::Failure, words.failure(notice)),
        (Label::Approvals, approvals),
    ];
    all.into_iter().filter_map(|(label, text)| Some((label, text?))).collect()
}

/// What is said beside the versions of more than one of them, and of how many.
fn common(notices: &[Notice], words: &dyn Catalogue) -> Vec<(Label, String, usize)> {
    let has_quotes = one_cause(notices).is_some();
    let mut all: Vec<(Label, String, usize)> = Vec::new();
    for (label, text) in notices.iter().flat_map(|notice| beside(notice, words, has_quotes)) {
        match all.iter_mut().find(|(of, other, _)| *of == label && *other == text) {
            Some((.., count)) => *count += 1,
            None => all.push((label, text, 1)),
        }
    }
    all.retain(|(.., count)| *count > 1 || notices.len() == 1);
    let of = |label| all.iter().filter(move |(of, ..)| *of == label).take(MOST_SHARED).cloned();
    [Label::Declared, Label::Owner, Label::Failure, Label::Approvals].into_iter().flat_map(of).collect()
}

/// What is said of several, and of how many where it is not said of all that people are asked or told about.
fn shared(
    notices: &[Notice],
    said: impl Fn(&Notice) -> Option<String>,
    label: &str,
    words: &dyn Catalogue,
) -> Vec<Remark> {
    let mut all: Vec<(String, usize)> = Vec::new();
    for text in notices.iter().filter_map(said) {
        match all.iter_mut().find(|(other, _)| *other == text) {
            Some((_, count)) => *count += 1,
            None => all.push((text, 1)),
        }
    }
    let remark = |(text, count): (String, usize)| {
        let text = if count < notices.len() { words.of_some(count, &text) } else { text };
        Remark { label: label.to_owned(), text, is_detail: false }
    };
    all.into_iter().map(remark).collect()
}

fn sections(notices: &[Notice], words: &dyn Catalogue, frame: &Frame<'_>) -> Vec<Section> {
    let (mut left, common, has_quotes) = (MOST_ITEMS, common(notices, words), one_cause(notices).is_some());
    let alone = |notice: &Notice| -> String {
        let is_said = |one: &(Label, String)| common.iter().any(|(label, text, _)| (*label, text) == (one.0, &one.1));
        let left = beside(notice, words, has_quotes).into_iter().filter(|one| !is_said(one));
        left.flat_map(|(_, text)| [". ".to_owned(), text.trim_end_matches('.').to_owned()]).collect()
    };
    let mut sections = Vec::new();
    for kind in NoticeKind::ALL {
        let mut of_kind: Vec<(usize, &Notice)> =
            notices.iter().enumerate().filter(|(_, notice)| notice.kind == kind).collect();
        of_kind.sort_by_key(|(_, notice)| {
            let of = &notice.workload;
            [as_counted(&of.namespace), as_counted(&of.name), as_counted(&notice.container)]
        });
        if of_kind.is_empty() {
            continue;
        }
        let shown = of_kind.len().min(left);
        left -= shown;
        let item = |(at, notice): &(usize, &Notice)| {
            let url = frame.links.each.get(*at).cloned().flatten();
            Item { line: format!("{}{}", line(notice, words, frame), alone(notice)), url }
        };
        let left_out = of_kind.get(shown..).unwrap_or_default();
        let are_listed = frame.links.whole.is_some() && left_out.iter().any(|(_, notice)| is_offered(notice));
        sections.push(Section {
            heading: words.section(kind, of_kind.len()),
            items: of_kind.iter().take(shown).map(item).collect(),
            left_out: (!left_out.is_empty()).then(|| words.more_items(left_out.len(), are_listed)),
        });
    }
    sections
}

/// By what names are put in order as people count: `web-2` comes before `web-10`.
fn as_counted(name: &str) -> Vec<(usize, &str)> {
    let is_digit = |byte: u8| byte.is_ascii_digit();
    let runs = name.as_bytes().chunk_by(|one, next| is_digit(*one) == is_digit(*next));
    let mut rest = name;
    runs.map(|run| {
        let (run, left) = rest.split_at_checked(run.len()).unwrap_or((rest, ""));
        rest = left;
        // The shorter of two numbers is the smaller one; what is no number counts as none.
        let number = run.trim_start_matches('0');
        if run.bytes().all(is_digit) { (number.len() + 1, number) } else { (0, run) }
    })
    .collect()
}

/// Whether the page behind the link lists it.
fn is_offered(notice: &Notice) -> bool {
    notice.asks() && notice.no_link.is_none()
}

/// One of several things, in a line that stands alone: with how far it goes, and that it failed elsewhere.
fn line(notice: &Notice, words: &dyn Catalogue, frame: &Frame<'_>) -> String {
    let names = names(notice, words, false);
    let image = image(notice);
    let level = words.level(&notice.level);
    let level = Some(level).filter(|level| notice.kind == NoticeKind::Available && !level.is_empty());
    let level = level.map(|level| format!(" ({level})")).unwrap_or_default();
    let because = notice.because.as_deref().filter(|because| matches!(because, Asks::Failed(_)));
    let because = because.map(|because| format!(". {}", clean(&words.asks(because, frame.zone)))).unwrap_or_default();
    format!("{}{} {image} {}{level}{because}", names.workload, words.colon(), words.step(notice, &names))
}

pub(super) fn trouble(trouble: &Trouble, words: &dyn Catalogue, frame: &Frame<'_>) -> Message {
    let fact = |label, value| Fact { label: words.label(label).to_owned(), value, code: None };
    let told = words.trouble(trouble);
    let remark = |label, text| Remark { label: words.label(label).to_owned(), text, is_detail: false };
    let reason = Some(untaken_in_line(&trouble.reason, words)).filter(|reason| !reason.is_empty());
    let reason = reason.map(|reason| remark(Label::Failure, reason));
    Message {
        severity: Severity::Failure,
        facts: vec![
            fact(Label::Channel, clean(&trouble.channel)),
            fact(Label::Since, words.moment(trouble.since, frame.zone)),
        ],
        remarks: reason.into_iter().chain([remark(Label::WhatNext, told.what_next)]).collect(),
        ..plain((told.subject, told.sentence), words.reason_of_service(frame.cluster), words, frame)
    }
}

pub(super) fn trial(channel: &str, words: &dyn Catalogue, frame: &Frame<'_>) -> Message {
    plain(words.trial(channel), words.reason_of_service(frame.cluster), words, frame)
}

/// A message that says one sentence.
fn plain((subject, sentence): (String, String), reason: String, words: &dyn Catalogue, frame: &Frame<'_>) -> Message {
    let title = format!("{}{subject}", of_cluster(frame.cluster));
    Message {
        language: frame.language.code(),
        colon: words.colon(),
        heading: subject,
        subject: title.clone(),
        title,
        sentence,
        cluster: frame.cluster.map(clean),
        severity: Severity::Info,
        facts: Vec::new(),
        remarks: Vec::new(),
        sections: Vec::new(),
        notes: None,
        release: None,
        action: None,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::super::Links;
    use super::*;
    use crate::domain::approval::Allows;
    use crate::domain::event::NoLink;
    use crate::domain::event::tests::{asking, notice};
    use crate::domain::fleet::Stopped;
    use crate::domain::release::Language;

    /// The subject, the sentence and the reason of a message about two of a kind.
    fn said(language: Language, kind: NoticeKind, origins: [Option<Origin>; 2]) -> String {
        let two = origins.map(|mode_from| Notice { mode_from, ..notice(kind) });
        let frame = Frame { cluster: None, zone: Tz::UTC, language, links: &Links::default(), notes: None };
        let Message { subject, sentence, reason, .. } = message(&two, super::super::words(language), &frame);
        format!("{subject}\n{sentence}\n{reason}")
    }

    /// What went the other way, or nowhere, says so; and the reason is whoever says the mode.
    #[test]
    fn what_happened_to_several_is_said_as_of_one() {
        let own = [Some(Origin::Workload); 2];
        let kinds = [NoticeKind::Available, NoticeKind::Applied, NoticeKind::Held, NoticeKind::Gone];
        let mut all: Vec<String> = Vec::new();
        for language in [Language::English, Language::French] {
            all.extend(kinds.map(|kind| said(language, kind, own)));
            let origins = [Origin::Operator, Origin::Container, Origin::Namespace, Origin::Rule, Origin::Default];
            let mut reasons: Vec<[Option<Origin>; 2]> = origins.map(|origin| [Some(origin); 2]).to_vec();
            reasons.push([Some(Origin::Workload), Some(Origin::Rule)]);
            let reason = |origins| said(language, NoticeKind::Applied, origins).lines().last().unwrap().to_owned();
            all.extend(reasons.into_iter().map(reason));
        }
        insta::assert_snapshot!(all.join("\n\n"));
    }

    #[test]
    fn the_reason_of_one_is_whoever_says_its_mode() {
        let reason = |language, mode_from| {
            let one = Notice { mode_from, ..notice(NoticeKind::Available) };
            let frame = Frame { cluster: None, zone: Tz::UTC, language, links: &Links::default(), notes: None };
            super::super::one::message(&one, super::super::words(language), &frame).reason
        };
        let origins = [
            Some(Origin::Operator),
            Some(Origin::Container),
            Some(Origin::Workload),
            Some(Origin::Namespace),
            Some(Origin::Rule),
            Some(Origin::Default),
            None,
        ];
        let all =
            [Language::English, Language::French].map(|language| origins.map(|it| reason(language, it)).join("\n"));
        insta::assert_snapshot!(all.join("\n\n"));
    }

    #[test]
    fn names_are_in_the_order_in_which_people_count() {
        let mut names =
            ["web-10", "web-2", "web", "api-3", "web-2a", "web-02", "wéb-1", "9", "10", "web-1-b", "web-1-a"];
        names.sort_by_key(|name| as_counted(name));
        let in_order =
            ["api-3", "web", "web-1-a", "web-1-b", "web-2", "web-02", "web-2a", "web-10", "wéb-1", "9", "10"];
        assert_eq!(names, in_order);
    }

    #[test]
    fn what_waits_is_not_shown_as_having_ended_well() {
        let severity = |kinds: &[NoticeKind]| {
            let notices: Vec<Notice> = kinds.iter().map(|kind| asking(*kind, Allows::Update)).collect();
            let frame = Frame {
                cluster: None,
                zone: Tz::UTC,
                language: Language::English,
                links: &Links::default(),
                notes: None,
            };
            message(&notices, super::super::words(Language::English), &frame).severity
        };
        assert_eq!(severity(&[NoticeKind::Applied, NoticeKind::Applied]), Severity::Success);
        assert_eq!(severity(&[NoticeKind::Available, NoticeKind::Applied]), Severity::Info);
        assert_eq!(severity(&[NoticeKind::Available, NoticeKind::Applied, NoticeKind::Held]), Severity::Warning);
    }

    /// Fault r25d-1: it is told once, and nowhere else.
    #[test]
    fn why_several_are_passed_over_and_what_is_declared_of_them_is_said_as_of_one() {
        use crate::domain::declared::Kinds;
        use crate::domain::event::Failure;

        let of = |name: &str, notice: Notice| {
            let mut notice = notice;
            notice.workload.name = name.into();
            notice
        };
        let unfit = |name: &str, why: &str| {
            let failure = Some(Failure::new("NoPlatform", why));
            of(name, Notice { failure, ..notice(NoticeKind::Failed) })
        };
        let declares = |name: &str, tag: &str, quote: &str| {
            let kinds = Kinds { migration: true, ..Kinds::default() };
            let declared = Declared { kinds, quotes: vec![crate::domain::plain::PlainText::of(quote)] };
            let mut notice = of(name, Notice { declared, ..notice(NoticeKind::Available) });
            notice.to.tag = tag.into();
            notice
        };
        let said = |language, notices: &[Notice]| {
            let frame = Frame { cluster: None, zone: Tz::UTC, language, links: &Links::default(), notes: None };
            let Message { remarks, sections, .. } = message(notices, super::super::words(language), &frame);
            let remarks = remarks.iter().map(|it| format!("{}: {}\n", it.label, it.text)).collect::<Vec<_>>().concat();
            let lines =
                |of: &Section| of.items.iter().map(|it| format!("  {}\n", it.line)).collect::<Vec<_>>().concat();
            let sections =
                sections.iter().map(|of| format!("{}\n{}", of.heading, lines(of))).collect::<Vec<_>>().concat();
            format!("{remarks}{sections}")
        };
        let one_cause = [unfit("a", "there is no linux/arm64"), unfit("b", "there is no linux/arm64")];
        let declared =
            [declares("a", "1.3.0", "Tables are rewritten."), declares("b", "1.3.0", "Tables are rewritten.")];
        let mixed = [
            unfit("a", "there is no linux/arm64"),
            unfit("b", "there is no linux/arm64"),
            unfit("c", "image is not signed"),
            declares("d", "1.3.0", "Tables are rewritten."),
            of("e", notice(NoticeKind::Applied)),
        ];
        let all: Vec<String> = [Language::English, Language::French]
            .into_iter()
            .flat_map(|language| [&one_cause[..], &declared[..], &mixed[..]].map(|notices| said(language, notices)))
            .collect();
        insta::assert_snapshot!(all.join("\n"));
    }

    /// Fault x24-12 g: of what is well nothing is to be decided.
    #[test]
    fn the_button_of_what_is_well_says_that_one_can_go_back() {
        let links = Links { whole: Some("https://iw.example.com/a/1".into()), each: Vec::new() };
        let frame = Frame { cluster: None, zone: Tz::UTC, language: Language::English, links: &links, notes: None };
        let words = super::super::words(Language::English);
        let well = asking(NoticeKind::Applied, Allows::Back);
        let asked = asking(NoticeKind::Available, Allows::Update);
        let label = |notices: &[Notice]| match notices {
            [one] => super::super::one::message(one, words, &frame).action.unwrap().label,
            several => message(several, words, &frame).action.unwrap().label,
        };
        let back = "See it, or go back";
        assert_eq!([label(std::slice::from_ref(&well)), label(&[well.clone(), well.clone()])], [back, back]);
        assert_eq!([label(std::slice::from_ref(&asked)), label(&[asked.clone(), well])], ["Review and decide"; 2]);
    }

    #[test]
    fn of_what_differs_in_everything_no_more_is_said_above_than_has_room() {
        let of = |n: usize| {
            let failure = Some(crate::domain::event::Failure::new("NotTaken", &format!("reason {}", n / 2)));
            Notice { failure, ..notice(NoticeKind::Failed) }
        };
        let many: Vec<Notice> = (0..40).map(of).collect();
        let links = Links::default();
        let frame = Frame { cluster: None, zone: Tz::UTC, language: Language::English, links: &links, notes: None };
        let Message { remarks, sections, .. } = message(&many, super::super::words(Language::English), &frame);
        assert_eq!(remarks.len(), MOST_SHARED);
        let said = sections[0].items.iter().filter(|it| it.line.contains("NotTaken")).count();
        assert_eq!(said, 40 - 2 * MOST_SHARED, "the others say it themselves");
    }

    /// Why people are asked where the mode is `AUTO_UPDATE`, and why nobody can answer, once for all that it is said of.
    #[test]
    fn why_people_are_asked_and_why_there_is_no_link_is_said_once_of_several() {
        let failed = vec![crate::domain::fleet::tests::failed_elsewhere(); 2];
        let stopped = Asks::Stopped(Stopped { since: failed[0].at, failed });
        let asked = Notice { because: Some(Box::new(stopped)), ..notice(NoticeKind::Available) };
        let no_link = Notice { no_link: Some(NoLink::MayNotPatch), ..notice(NoticeKind::Available) };
        let applied = notice(NoticeKind::Applied);
        let said = |language, notices: &[Notice]| {
            let frame = Frame { cluster: None, zone: Tz::UTC, language, links: &Links::default(), notes: None };
            let Message { remarks, .. } = message(notices, super::super::words(language), &frame);
            remarks.iter().map(|it| format!("{}: {}\n", it.label, it.text)).collect::<Vec<_>>().concat()
        };
        let both = [
            vec![asked.clone(), asked.clone()],
            vec![no_link.clone(), no_link.clone()],
            vec![asked.clone(), applied, no_link, asked],
        ];
        let of = |language| both.iter().map(|all| said(language, all)).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!([Language::English, Language::French].map(of).join("\n"));
    }
}
