//! What each state of a link says, to people and to programs.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::body::MessageBody as _;
use actix_web::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};

use chrono_tz::Tz;

use super::Pages;
use super::words::{Reader, said_to};
use super::wrong::Wrong;
use crate::access::Refused;
use crate::domain::actor::{Person, SignedIn};
use crate::domain::approval::{Allows, Approval, ApprovalRef, LinkKey};
use crate::domain::grounds::Grounds;
use crate::domain::history::{Choice, Entry, Outcome, Ran};
use crate::domain::owner::Owner;
use crate::domain::policy::{Doubt, Strategy, Track};
use crate::domain::preflight::Flaw;
use crate::domain::record::{Closed, Held};
use crate::domain::reference::Tag;
use crate::domain::refusal::Refusal;
use crate::domain::release::tests::{notes, summarised};
use crate::domain::release::{Language, ReleaseNotes};
use crate::domain::rollout::Waits;
use crate::domain::settings::{Bounds, Settings};
use crate::domain::standing::Standing;
use crate::domain::tag::Level;
use crate::domain::view::Stands;
use crate::domain::votes::{Ballot, Vote, Votes};
use crate::domain::workload::Workload;
use crate::domain::workload::tests::workload;
use crate::listener::Problem;
use crate::reconcile::{About, Answer, Answerable, Applied, Asked, Successor};

pub(super) fn until() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_259_200, 0).unwrap()
}

pub(crate) fn asked() -> Box<Asked> {
    let workload = workload(&[("web", "registry.example.com/shop/web:1.2.3")], &[("mode", "NOTIFICATION")]);
    let approval = Approval::told(&ApprovalRef {
        id: "apr_01JGJ0EZ8M3C9S6D4K2P7Q1R0T",
        key: "key",
        expires: until(),
        nonce: "nonce",
        workload: &workload.id,
        container: "web",
        from_image: "registry.example.com/shop/web:1.2.3",
        from_digest: Some(&format!("sha256:{}", "a".repeat(64))),
        to_tag: "1.3.0",
        to_digest: &format!("sha256:{}", "b".repeat(64)),
        allows: Allows::Update,
        group: None,
    });
    Box::new(Asked {
        preflight: Some(Box::new(crate::domain::preflight::tests::looked_at())),
        workload: Arc::new(workload),
        approval: approval.unwrap(),
        level: Level::Minor,
        why: Some(Grounds::Highest {
            strategy: Strategy::Minor,
            level: Level::Minor,
            steps: None,
            missing: Vec::new(),
            withheld: Vec::new(),
            unfit: Vec::new(),
            skipped: Vec::new(),
        }),
        declares: crate::domain::declared::Kinds::default(),
        because: None,
        asked: DateTime::from_timestamp(1_795_000_000, 0).unwrap(),
        with: Vec::new(),
        group: None,
        held: None,
        ran: Vec::new(),
        window_opens: None,
        release_url: Some("https://example.com/web/releases/1.3.0".into()),
        holder: "email:oncall@example.com".into(),
        signed_in: None,
        ballot: Ballot::default(),
        is_renewable: false,
        is_unwatched: false,
    })
}

pub(super) fn held(mut asked: Box<Asked>) -> Box<Asked> {
    asked.approval.allows = Allows::Held;
    asked.held = Some(Held {
        tag: Tag::parse("1.3.0").unwrap(),
        digest: None,
        back_to: Tag::parse("1.2.3").unwrap(),
        since: asked.asked,
        by: vec!["kubectl-rollout".into()],
        failure: None,
        passed: Vec::new(),
    });
    asked.why = None;
    asked
}

/// About going back, and to what that can be.
pub(super) fn back(mut asked: Box<Asked>) -> Box<Asked> {
    asked.approval.allows = Allows::Back;
    let ran = |version: &str, digit: &str, day: u8, outcome| Ran {
        what: Choice::parse(&format!("{version}@sha256:{}", digit.repeat(64))).unwrap(),
        time: Some(format!("2026-11-{day:02}T08:00:00Z")),
        outcome,
    };
    asked.ran = vec![
        ran("1.3.0", "b", 18, Outcome::Healthy),
        ran("1.2.9", "c", 12, Outcome::Failed),
        ran("1.2.8", "d", 2, Outcome::Replaced),
        ran("1.2.7", "e", 1, Outcome::Healthy),
    ];
    (asked.why, asked.preflight) = (None, None);
    asked
}

/// The same of a container that runs something else by now.
fn changed(mut asked: Box<Asked>) -> Box<Asked> {
    asked.approval.from_image = "registry.example.com/shop/web:1.2.2".into();
    asked
}

/// The same about all of a group, where the same failed elsewhere.
fn of_group(asked: Box<Asked>) -> Box<Asked> {
    let group = Some(Box::new(crate::domain::group::tests::plan(3, true)));
    let failed = crate::domain::fleet::tests::failed_elsewhere();
    Box::new(Asked { group, because: Some(Box::new(crate::domain::fleet::Asks::Failed(failed))), ..*asked })
}

/// The same, where others have to approve, too.
pub(super) fn of_several(asked: Box<Asked>, is_yours: bool) -> Box<Asked> {
    let (key, id) = (LinkKey::new(vec![7; 32]).unwrap(), asked.approval.id.clone());
    let person = Person::SignedIn { name: "alice@example.com".into(), link: "email:team@example.com".into() };
    let at = asked.asked + TimeDelta::hours(1);
    let mut votes = Votes::default();
    votes.cast(Vote::of(&person, person.actor(), &key, &id, at).unwrap());
    let ballot = Ballot { votes, needed: "2".parse().unwrap(), is_yours };
    Box::new(Asked { ballot, ..*asked })
}

pub(super) fn major(asked: Box<Asked>) -> Box<Asked> {
    let approval = Approval { to_tag: Tag::parse("2.0.0").unwrap(), ..asked.approval.clone() };
    Box::new(Asked { level: Level::Major, approval, why: None, ..*asked })
}

pub(super) fn decided(outcome: Outcome) -> Box<Entry> {
    let entry = serde_json::json!({
        "container": "web", "version": "1.3.0", "previous": "1.2.3", "digest": format!("sha256:{}", "b".repeat(64)),
        "previousImage": "registry.example.com/shop/web:1.2.3", "time": "2026-11-19T08:00:00Z",
        "by": "link email:o…@example.com", "outcome": outcome.as_str(), "level": "minor",
    });
    Box::new(serde_json::from_value(entry).unwrap())
}

pub(super) fn applied(outcome: Outcome) -> Box<Applied> {
    Box::new(Applied::from(*decided(outcome)))
}

/// What was written, and how its rollout stands.
fn under_way(stands: Stands) -> Box<Applied> {
    Box::new(Applied { rollout: Some(stands), ..*applied(Outcome::RollingOut) })
}

fn slow() -> crate::domain::view::Stuck {
    let (pod, container) = ("web-1".into(), "proxy".into());
    let account =
        crate::domain::rollout::Account::OfContainer { pod, container, said: "no such image".into(), exit: None };
    let why = crate::domain::event::Failure::ours("ImagePullBackOff", account);
    let version = crate::domain::reference::Tag::parse("1.3.0").unwrap();
    crate::domain::view::Stuck { version, why, in_the_way: None }
}

fn quota() -> crate::domain::rollout::Refusal {
    let message = "pods \"web-1\" is forbidden: exceeded quota: team".into();
    crate::domain::rollout::Refusal { reason: "FailedCreate".into(), message }
}

pub(super) fn pages() -> Pages {
    Pages::new().unwrap()
}

pub(super) const ENGLISH: Reader = Reader { language: Language::English, zone: Tz::UTC, is_program: false };
pub(super) const FRENCH: Reader = Reader { language: Language::French, zone: Tz::Europe__Paris, is_program: false };

/// The status, and the page from its heading on or the whole JSON.
pub(super) fn told(response: HttpResponse) -> String {
    let status = response.status();
    let body = response.into_body().try_into_bytes().unwrap();
    let text = std::str::from_utf8(&body).unwrap();
    let page = text.split_once("<p class=\"brand\">Image Watcher</p>\n").map(|(_, main)| main);
    let page = page.and_then(|main| main.split_once("\n</main>")).map(|(main, _)| main.trim().replace("&#x2f;", "/"));
    let json = || format!("{:#}", serde_json::from_str::<serde_json::Value>(text).unwrap());
    format!("{status}\n\n{}\n\n", page.unwrap_or_else(json))
}

pub(super) fn catalogue(said: impl IntoIterator<Item = (String, String)>) -> String {
    said.into_iter().map(|(name, text)| format!("── {name}: {text}")).collect::<Vec<_>>().concat()
}

#[test]
fn a_page_as_it_is_sent() {
    let response = pages().question(&Answer::Open(asked()), &asked(), None, ENGLISH);
    let page = String::from_utf8(response.into_body().try_into_bytes().unwrap().to_vec()).unwrap();
    insta::assert_snapshot!(page);
}

/// A question, how it stands, and what its makers say.
type Shown = (&'static str, Answer, Box<Asked>, Option<ReleaseNotes>);

fn each_question() -> Vec<Shown> {
    let owned = |mut asked: Box<Asked>| {
        let owner = Owner::read(|key| (key == "argocd.argoproj.io/instance").then_some("web"), |_| None);
        asked.workload = Arc::new(Workload { owner: owner.map(Into::into), ..Workload::clone(&asked.workload) });
        asked
    };
    let closed = |asked: Box<Asked>| Box::new(Asked { window_opens: Some(until()), ..*asked });
    let with = |asked: Box<Asked>| Box::new(Asked { with: vec!["migrate".into()], ..*asked });
    let bare = Box::new(Asked { why: None, release_url: None, holder: "chat:".into(), ..*asked() });
    vec![
        ("open", Answer::Open(asked()), asked(), None),
        ("open, with notes", Answer::Open(asked()), asked(), Some(notes())),
        ("open, with notes and their summary", Answer::Open(asked()), asked(), Some(summarised())),
        ("open, outside the window", Answer::Open(asked()), closed(asked()), None),
        ("open, with another owner", Answer::Open(asked()), owned(asked()), None),
        ("open, little is known", Answer::Open(asked()), bare, None),
        ("put off", Answer::Snoozed(asked(), until() - TimeDelta::days(1)), asked(), None),
        ("with another container", Answer::Open(asked()), with(asked()), None),
        ("about what was set back", Answer::Open(held(asked())), held(asked()), None),
        ("about going back", Answer::Open(back(asked())), back(asked()), None),
        ("about a group", Answer::Open(of_group(asked())), of_group(asked()), None),
        ("about a major update", Answer::Open(major(asked())), major(asked()), None),
        ("not said to be read", Answer::Unconfirmed(major(asked())), major(asked()), None),
        ("approved by another", Answer::Open(of_several(asked(), false)), of_several(asked(), false), None),
        ("approved by you", Answer::Open(of_several(asked(), true)), of_several(asked(), true), None),
        ("by who is signed in", Answer::Open(signed_in()), signed_in(), None),
    ]
}

#[test]
fn questions() {
    let said = each_question().into_iter().flat_map(|(name, answer, asked, notes)| {
        [ENGLISH, Reader::PROGRAM].map(|to| {
            let name = if to.is_program { format!("{name}, for a program") } else { name.to_owned() };
            (name, told(pages().question(&answer, &asked, notes.as_ref(), to)))
        })
    });
    let pages = catalogue(said);
    insta::assert_snapshot!(pages);
}

#[test]
fn questions_in_french() {
    let said = each_question().into_iter().map(|(name, answer, asked, notes)| {
        (name.to_owned(), told(pages().question(&answer, &asked, notes.as_ref(), FRENCH)))
    });
    let pages = catalogue(said);
    insta::assert_snapshot!(pages);
}

pub(super) fn signed_in() -> Box<Asked> {
    Box::new(Asked { signed_in: SignedIn::read("alice@example.com"), ..*asked() })
}

/// Every answer under a link has all of them, whatever it says and to whom.
#[test]
fn what_keeps_a_page_harmless_is_sent_with_each() {
    let pages = pages();
    let mut all = vec![pages.see_other("/a/x"), pages.nothing(StatusCode::METHOD_NOT_ALLOWED).finish()];
    for to in [ENGLISH, FRENCH, Reader::PROGRAM] {
        all.push(pages.question(&Answer::Open(asked()), &asked(), None, to));
        all.extend(each_wrong().iter().map(|wrong| pages.wrong(wrong, to)));
        all.extend(answers().iter().map(|(_, answer)| pages.answer(answer, to, false)));
    }
    for response in all {
        let header = |name: &str| response.headers().get(name).and_then(|it| it.to_str().ok()).unwrap_or_default();
        for (name, value) in [
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Robots-Tag", "noindex, nofollow, noarchive"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Referrer-Policy", "same-origin"),
        ] {
            assert_eq!(header(name), value, "{} {name}", response.status());
        }
        let policy = header("Content-Security-Policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        let forbids = ["img-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"];
        assert!(forbids.iter().all(|part| policy.contains(part)) && !policy.contains("script"), "{policy}");
        assert!(response.headers().keys().all(|name| !name.as_str().starts_with("access-control")));
    }
}

fn answers() -> Vec<(&'static str, Answer)> {
    let tag = |text| Tag::parse(text).unwrap();
    let by = |newer, about, answerable| Answer::Superseded {
        version: tag("1.3.0"),
        newer: tag(newer),
        by: Successor { about, answerable },
    };
    let same = |about, answerable| by("1.3.0", about, answerable);
    let superseded = |about, answerable| by("1.4.0", about, answerable);
    vec![
        ("unknown", Answer::Unknown),
        ("the same from something else", same(About::Elsewhere, Answerable::Now)),
        ("the same from something else, over", same(About::Elsewhere, Answerable::NoMore)),
        ("the same again", same(About::Again, Answerable::Now)),
        ("the same again, and refused now", same(About::Again, Answerable::NotNow)),
        ("the same again, by a new link", same(About::Again, Answerable::ByNewLink)),
        ("the same tag, moved", same(About::Moved, Answerable::Now)),
        ("put off", Answer::Snoozed(asked(), until())),
        ("approved, under way", Answer::Approved(applied(Outcome::RollingOut))),
        ("approved, and paused", Answer::Approved(under_way(Stands::Waits(Waits::Paused)))),
        ("approved, and standing still", Answer::Approved(under_way(Stands::Slow(Box::new(slow()))))),
        ("approved, and refused by a quota", Answer::Approved(under_way(Stands::Refused(quota())))),
        ("approved, and given up by the cluster", Answer::Approved(under_way(Stands::Failed))),
        ("going back", Answer::WentBack(under_way(Stands::UnderWay))),
        ("going back, where nobody deletes the pods", Answer::WentBack(under_way(Stands::Waits(Waits::OnDelete)))),
        ("approved, healthy", Answer::Approved(applied(Outcome::Healthy))),
        ("approved, failed", Answer::Approved(applied(Outcome::Failed))),
        ("approved, replaced", Answer::Approved(applied(Outcome::Replaced))),
        ("skipped", Answer::Skipped(decided(Outcome::Skipped))),
        ("expired", Answer::Expired(asked())),
        ("expired, about going back", Answer::Expired(back(asked()))),
        ("expired, about going back from what runs no more", Answer::Expired(changed(back(asked())))),
        ("expired, about what is held", Answer::Expired(held(asked()))),
        ("expired, and asked still", Answer::Expired(Box::new(Asked { is_renewable: true, ..*asked() }))),
        ("a new link is sent", Answer::Renewed(asked())),
        ("a new link was sent", Answer::RenewedLately(asked())),
        ("counted", Answer::Voted { asked: of_several(asked(), true), is_again: false }),
        ("counted before", Answer::Voted { asked: of_several(asked(), true), is_again: true }),
        ("may not patch it", Answer::Forbidden(signed_in())),
        ("superseded by an open question", superseded(About::Newer, Answerable::Now)),
        ("superseded by one that can have a new link", superseded(About::Newer, Answerable::ByNewLink)),
        ("superseded by one that was closed", superseded(About::Newer, Answerable::NoMore)),
        ("superseded by one that is refused now", superseded(About::Newer, Answerable::NotNow)),
        ("superseded by what is no newer", by("1.2.9", About::Other, Answerable::Now)),
        ("superseded by a way back", by("1.2.3", About::Back, Answerable::Now)),
        ("superseded by what is held", superseded(About::Held, Answerable::Now)),
        ("superseded by what is held, and refused now", superseded(About::Held, Answerable::NotNow)),
        ("refused", Answer::Refused(asked(), Refusal::Excluded)),
        ("released", Answer::Resumed(decided(Outcome::Replaced))),
        ("over", Answer::Over(asked(), Closed::NothingToAsk)),
        ("over, withdrawn", Answer::Over(asked(), Closed::Withdrawn)),
        ("refused, withdrawn", Answer::Refused(asked(), Refusal::Withdrawn)),
        ("refused by the cluster", Answer::NotWritten(asked(), "image shop/web:1.3.0 is not signed".into())),
        ("unread", Answer::Unread),
        ("moved", Answer::Moved(asked())),
        ("changed", Answer::Changed(asked())),
        ("watched no more", Answer::Changed(Box::new(Asked { is_unwatched: true, ..*asked() }))),
        ("not allowed", Answer::NotAllowed(asked())),
        ("not allowed with a link about what was set back", Answer::NotAllowed(held(asked()))),
        ("later", Answer::Later(asked())),
        ("busy", Answer::Busy(asked())),
    ]
}

#[test]
fn what_became_of_a_link() {
    let said = answers().into_iter().flat_map(|(name, answer)| {
        let pages = pages();
        [
            (name.to_owned(), told(pages.answer(&answer, ENGLISH, false))),
            (format!("{name}, for a program"), told(pages.answer(&answer, Reader::PROGRAM, false))),
        ]
    });
    let pages = catalogue(said);
    insta::assert_snapshot!(pages);
}

#[test]
fn what_became_of_a_link_in_french() {
    let said =
        answers().into_iter().map(|(name, answer)| (name.to_owned(), told(pages().answer(&answer, FRENCH, false))));
    let pages = catalogue(said);
    insta::assert_snapshot!(pages);
}

#[test]
fn what_became_of_a_link_that_a_program_uses_again() {
    let said = answers().into_iter().filter(|(_, answer)| matches!(answer, Answer::Approved(_) | Answer::Skipped(_)));
    let pages =
        catalogue(said.map(|(name, answer)| (name.to_owned(), told(pages().answer(&answer, Reader::PROGRAM, true)))));
    insta::assert_snapshot!(pages);
}

/// Each reason not to do what a link asks, as people read it.
fn each_refusal() -> Vec<Refusal> {
    let misread = |annotations: &[(&str, &str)]| {
        let settings = Settings::read(&workload(&[("web", "web:1")], annotations), "web", &Bounds::default());
        Refusal::Settings(settings.unwrap_err())
    };
    let above = |forced| Refusal::AboveStrategy { level: Level::Minor, strategy: Strategy::Patch, forced };
    vec![
        misread(&[("mode", "SOMETIMES"), ("strategy", "PACTH")]),
        Refusal::Disabled { forced: true },
        Refusal::Disabled { forced: false },
        Refusal::OtherTrack(Track::Digest),
        Refusal::OtherTrack(Track::Version),
        above(true),
        above(false),
        Refusal::BehindStep("1.2.9".into()),
        Refusal::WithoutLevel,
        Refusal::NotIncluded,
        Refusal::Excluded,
        Refusal::Prerelease,
        Refusal::Skipped,
        Refusal::Cooldown(until()),
        Refusal::OutsideWindow(until()),
        Refusal::OutsidePattern,
        Refusal::NotNewer,
        Refusal::OtherKind,
        Refusal::NeverRan,
        Refusal::DryRun,
        Refusal::NoPerson,
        Refusal::List(Doubt::Empty),
        Refusal::List(Doubt::RunningMissing("1.2.3".into())),
        Refusal::List(Doubt::Shrunk { now: 3, before: 40 }),
        Refusal::Untimed,
        Refusal::Withdrawn,
        Refusal::Unreleased(Standing::Prerelease),
        Refusal::Unreleased(Standing::Withdrawn),
        Refusal::Unfit(Flaw::NoCommand),
        Refusal::Unfit(Flaw::Admission("denied: not signed".into())),
        Refusal::Member(Box::new((asked().workload.id.clone(), Tag::parse("2.0.0").unwrap(), Refusal::Excluded))),
        Refusal::MemberGone("api".into()),
        Refusal::MemberChanged("api".into()),
        Refusal::MemberMoved("api".into()),
        Refusal::MemberJoined("api".into()),
        Refusal::MemberPaused("api".into()),
        Refusal::MemberUnderWay("api".into()),
        Refusal::MemberHolds("api".into()),
        Refusal::MemberNotWritable("api".into()),
    ]
}

#[test]
fn refusals() {
    let said = each_refusal().into_iter().map(|refusal| {
        let response = pages().answer(&Answer::Refused(asked(), refusal), Reader::PROGRAM, false);
        let body = response.into_body().try_into_bytes().unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        format!("{}\n  {}\n", body["reason"].as_str().unwrap(), body["detail"].as_str().unwrap())
    });
    let said: String = said.collect();
    insta::assert_snapshot!(said);
}

#[test]
fn refusals_in_french() {
    let said = each_refusal().into_iter().map(|refusal| {
        let said = said_to(&Answer::Refused(asked(), refusal), false, FRENCH);
        format!("{}\n  {}\n", said.reason.unwrap_or_default(), said.message)
    });
    let said: String = said.collect();
    insta::assert_snapshot!(said);
}

fn each_wrong() -> Vec<Wrong> {
    let body = |status, detail| Wrong::Body(Problem::new(status, detail));
    vec![
        Wrong::NoForm,
        Wrong::NoButton,
        Wrong::NotShown,
        Wrong::NoVersion,
        Wrong::NoLength,
        Wrong::ForPeople,
        Wrong::Later,
        Wrong::TooMany,
        Wrong::Person(Refused::NobodySignedIn),
        Wrong::Person(Refused::NoName),
        Wrong::Person(Refused::Elsewhere),
        body(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
        body(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"),
        body(StatusCode::BAD_REQUEST, "the body broke off"),
        Wrong::Body(Problem::later("too many deliveries are under way; send it again")),
    ]
}

#[test]
fn requests_that_are_none() {
    let said = each_wrong().into_iter().flat_map(|wrong| {
        [("in English", ENGLISH), ("in French", FRENCH), ("for a program", Reader::PROGRAM)]
            .map(|(name, to)| (format!("{wrong:?}, {name}"), told(pages().wrong(&wrong, to))))
    });
    let pages = catalogue(said);
    insta::assert_snapshot!(pages);
}

/// Writes the pages for whoever looks at them as pictures: `PAGES=FOLDER cargo test pages_to_look_at -- --ignored`.
#[test]
#[ignore = "writes files"]
#[expect(clippy::disallowed_methods, reason = "whoever looks says where")]
fn pages_to_look_at() {
    let Ok(folder) = std::env::var("PAGES") else { return };
    for (language, to) in [("en", ENGLISH), ("fr", FRENCH)] {
        let write = |name: &str, response: HttpResponse| {
            let body = response.into_body().try_into_bytes().unwrap();
            std::fs::write(format!("{folder}/{language}-{}.html", name.replace([' ', ','], "-")), body).unwrap();
        };
        let closed = Box::new(Asked { window_opens: Some(until()), ..*of_several(major(asked()), false) });
        write("open", pages().question(&Answer::Open(closed.clone()), &closed, Some(&summarised()), to));
        for (name, answer, asked, notes) in each_question() {
            write(&format!("question {name}"), pages().question(&answer, &asked, notes.as_ref(), to));
        }
        for (name, answer) in answers() {
            write(&format!("answer {name}"), pages().answer(&answer, to, false));
        }
        for (name, response) in super::list_tests::to_look_at(to) {
            write(&format!("list {name}"), response);
        }
    }
}
