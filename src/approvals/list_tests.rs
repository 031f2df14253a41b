//! What the page of a list says, to people and to programs.

use chrono::TimeDelta;

use super::list::View;
use super::snapshots::{
    ENGLISH, FRENCH, applied, asked, back, catalogue, decided, held, major, of_several, pages, told, until,
};
use super::words::Reader;
use crate::domain::approval::ApprovalId;
use crate::domain::history::Outcome;
use crate::domain::listing::Listing;
use crate::domain::refusal::Refusal;
use crate::domain::workload::WorkloadId;
use crate::reconcile::{Answer, Asked, Line, Lines, OpenedList, RenewedList};

fn line(number: u8, answer: Answer) -> Line {
    let asked = asked();
    Line {
        id: ApprovalId::mint(asked.asked, [number; 10]),
        workload: WorkloadId { name: format!("web-{number}").into(), ..asked.workload.id.clone() },
        container: "web".into(),
        token: format!("v1.token-{number}"),
        answer,
        is_pressed: false,
    }
}

fn lines(answers: Vec<Answer>) -> Lines {
    let line = |(number, answer): (usize, Answer)| line(u8::try_from(number).unwrap(), answer);
    Lines { lines: answers.into_iter().enumerate().map(line).collect(), left_out: 0 }
}

fn breaking() -> Box<Asked> {
    let mut asked = asked();
    asked.declares.breaking = true;
    asked
}

fn each() -> Vec<Answer> {
    vec![
        Answer::Open(asked()),
        Answer::Open(breaking()),
        Answer::Open(of_several(asked(), false)),
        Answer::Open(of_several(asked(), true)),
        Answer::Open(major(asked())),
        Answer::Open(held(asked())),
        Answer::Open(back(asked())),
        Answer::Open(Box::new(Asked { window_opens: Some(until()), ..*asked() })),
        Answer::Snoozed(asked(), until() - TimeDelta::days(1)),
        Answer::Refused(asked(), Refusal::Excluded),
    ]
}

fn said(name: &str, of: impl Fn(&View<'_>) -> actix_web::HttpResponse) -> [(String, String); 3] {
    let (pages, asked) = (pages(), asked());
    let list = OpenedList { listing: Listing::of_all(until()), holder: asked.holder.clone(), signed_in: None };
    [("", ENGLISH), (", in French", FRENCH), (", for a program", Reader::PROGRAM)].map(|(whom, to)| {
        let view = View { pages: &pages, base_path: "/iw", list: &list, to };
        (format!("{name}{whom}"), told(of(&view)))
    })
}

#[test]
fn lists() {
    let same = || lines(vec![Answer::Open(asked()), Answer::Open(asked())]);
    let more = Lines { left_out: 7, ..same() };
    let alone = lines(vec![Answer::Open(major(asked()))]);
    let said = [
        said("what can be approved together", |view| view.list(&same(), None)),
        said("each kind of line", |view| view.list(&lines(each()), None)),
        said("more than are listed", |view| view.list(&more, None)),
        said("nothing together", |view| view.list(&alone, Some(view.to.words().fixed().nothing_together))),
        said("nothing is open", |view| view.list(&Lines::default(), None)),
        said("too late", |view| view.over(false)),
        said("too late, and asked still", |view| view.over(true)),
        said("a new link is sent", |view| view.renewed(RenewedList::Sent)),
        said("a new link was sent", |view| view.renewed(RenewedList::Lately)),
    ];
    insta::assert_snapshot!(catalogue(said.into_iter().flatten()));
}

/// A way back is no update.
#[test]
fn what_is_no_update_is_not_counted_as_one() {
    for answers in [vec![Answer::Open(back(asked()))], vec![Answer::Open(asked()), Answer::Open(held(asked()))]] {
        for (_, told) in said("", |view| view.list(&lines(answers.clone()), None)) {
            let first =
                told.lines().find(|line| line.contains("decide") || line.contains("décider")).unwrap_or_default();
            assert!(!first.contains("update") && !first.contains("mise"), "{told}");
        }
    }
}

#[test]
fn all_of_these_asked_once_more() {
    let one = || lines(vec![Answer::Open(asked()), Answer::Open(major(asked()))]);
    let said = [
        said("each kind of line", |view| view.all(&lines(each()), None)),
        said("one of two, and not ticked", |view| view.all(&one(), Some("Nothing was done: tick the box first."))),
    ];
    insta::assert_snapshot!(catalogue(said.into_iter().flatten()));
}

/// What became of lines of all kinds.
fn report() -> Lines {
    let mut report = lines(reported());
    report.lines.iter_mut().for_each(|line| line.is_pressed = true);
    report.lines.push(line(9, Answer::Skipped(decided(Outcome::Skipped))));
    report.left_out = 1;
    report
}

fn reported() -> Vec<Answer> {
    vec![
        Answer::Approved(applied(Outcome::RollingOut)),
        Answer::Voted { asked: of_several(asked(), true), is_again: false },
        Answer::Refused(asked(), Refusal::Excluded),
        Answer::Moved(asked()),
        Answer::Later(asked()),
    ]
}

/// The pages of a list, for whoever looks at them as pictures.
pub(super) fn to_look_at(to: Reader) -> Vec<(&'static str, actix_web::HttpResponse)> {
    let (pages, asked) = (pages(), asked());
    let list = OpenedList { listing: Listing::of_all(until()), holder: asked.holder.clone(), signed_in: None };
    let view = View { pages: &pages, base_path: "", list: &list, to };
    vec![
        ("open", view.list(&lines(each()), None)),
        ("nothing", view.list(&Lines::default(), None)),
        ("all", view.all(&lines(each()), None)),
        ("report", view.report(&report())),
        ("over", view.over(true)),
    ]
}

#[test]
fn what_became_of_each_line() {
    let mut good = lines(reported().into_iter().take(2).collect());
    good.lines.iter_mut().for_each(|line| line.is_pressed = true);
    let again = lines(vec![Answer::Approved(applied(Outcome::Healthy))]);
    let said = [
        said("of all kinds", |view| view.report(&report())),
        said("all of them well", |view| view.report(&good)),
        said("a second time", |view| view.report(&again)),
    ];
    insta::assert_snapshot!(catalogue(said.into_iter().flatten()));
}

#[test]
fn what_takes_a_gesture_of_its_own_is_never_among_all() {
    let of: Vec<bool> = each().into_iter().map(|answer| line(1, answer).is_approvable()).collect();
    assert_eq!(of, [true, true, true, false, false, false, false, false, false, false]);
}

#[test]
fn what_keeps_a_page_harmless_is_sent_with_a_list() {
    let (pages, asked) = (pages(), asked());
    let list = OpenedList { listing: Listing::of_all(until()), holder: asked.holder.clone(), signed_in: None };
    for to in [ENGLISH, FRENCH, Reader::PROGRAM] {
        let view = View { pages: &pages, base_path: "", list: &list, to };
        let lines = lines(each());
        for response in [view.list(&lines, None), view.all(&lines, None), view.report(&lines), view.over(true)] {
            let header = |name: &str| response.headers().get(name).and_then(|it| it.to_str().ok()).unwrap_or_default();
            assert_eq!((header("Cache-Control"), header("Referrer-Policy")), ("no-store", "same-origin"));
            assert!(header("Content-Security-Policy").starts_with("default-src 'none'; style-src 'sha256-"));
        }
    }
}
