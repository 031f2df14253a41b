use chrono::TimeDelta;

use super::*;
use crate::domain::event::Failure;
use crate::domain::gone::{Gone, Lost};
use crate::domain::history::Outcome;
use crate::domain::policy::{Cooldown, KnownSince};
use crate::domain::record::tests::{question, update};
use crate::domain::record::{Event, NotesAwaited, Question, Refused, Running, Undone, Update};
use crate::domain::rollout::{Progress, Refusal, Rollout, Waits as RolloutWaits};
use crate::domain::settings::Bounds;
use crate::domain::workload::tests::workload;

const IMAGE: &str = "registry.example.com/shop/web:1.0.0";

/// A container `web` and what happens to be known of it.
struct Case {
    workload: Workload,
    record: Record,
    looked: Option<LastLook>,
    waits: Option<Waits>,
    stopped: Option<Stopped>,
    not_ours: Option<NotOurs>,
    may_write: bool,
}

fn now() -> DateTime<Utc> {
    question(1).asked + TimeDelta::hours(1)
}

impl Case {
    fn new(mode: &str) -> Self {
        Self::of(IMAGE, &[("mode", mode)])
    }

    fn of(image: &str, annotations: &[(&str, &str)]) -> Self {
        let workload = workload(&[("web", image)], annotations);
        Self {
            workload,
            record: Record::default(),
            looked: None,
            waits: None,
            stopped: None,
            not_ours: None,
            may_write: true,
        }
    }

    fn after(mut self, events: Vec<Event>) -> Self {
        for event in events {
            self.record.on("web", event, question(1).asked);
        }
        self
    }

    fn looked(self, came_to: CameTo) -> Self {
        Self { looked: Some(LastLook::answered(now(), came_to)), ..self }
    }

    /// The registry gives no answer any more, and did so long ago.
    fn unanswered(self, since: TimeDelta) -> Self {
        let looked = self.looked.unwrap_or_else(|| LastLook::answered(now(), CameTo::Unknown));
        let unanswered = Some("it hangs".to_owned());
        Self { looked: Some(LastLook { at: now() - since, unanswered, ..looked }), ..self }
    }

    fn status(&self) -> Status {
        self.seen(|seen| Status::of(seen, now()))
    }

    fn seen<T>(&self, see: impl FnOnce(&Seen<'_>) -> T) -> T {
        let read = Settings::read(&self.workload, "web", &Bounds::default());
        let seen = Seen {
            workload: &self.workload,
            container: "web",
            record: &self.record,
            not_ours: self.not_ours,
            settings: read.as_ref(),
            looked: self.looked.as_ref(),
            waits: self.waits.as_ref(),
            stopped: self.stopped.as_ref(),
            may_write: self.may_write,
        };
        see(&seen)
    }

    fn stands(&self) -> (&'static str, &'static str, Option<String>) {
        let status = self.status();
        (status.attention.as_str(), status.cause.word(), status.available.map(|it| it.tag.to_string()))
    }
}

fn to_1_0_1() -> CameTo {
    let Question { terms, level, .. } = question(1);
    CameTo::To { tag: terms.tag, digest: terms.digest, level }
}

fn asked() -> Event {
    Event::Ask(Box::new(question(1)))
}

fn runs() -> Event {
    Event::Runs(Running::of(&crate::domain::reference::ImageReference::parse(IMAGE).unwrap()).unwrap())
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what may be none")]
fn to(tag: &str) -> Option<String> {
    Some(tag.to_owned())
}

#[test]
fn an_open_question_needs_you_until_it_is_put_off_or_answered() {
    let open = Case::new("NOTIFICATION").after(vec![runs(), asked()]);
    assert_eq!(open.stands(), ("needs-you", "asked", to("1.0.1")));
    assert_eq!(open.status().actions, ["approve", "skip", "snooze"]);
    assert_eq!(open.status().until(), Some(question(1).terms.expires()));
    let snoozed = vec![runs(), asked(), Event::Snooze { until: now() + TimeDelta::days(7) }];
    let snoozed = Case::new("NOTIFICATION").after(snoozed);
    assert_eq!(snoozed.stands(), ("waiting", "snoozed", to("1.0.1")), "before the first look since the start, too");
    assert_eq!(snoozed.looked(to_1_0_1()).stands(), ("waiting", "snoozed", to("1.0.1")));
    let closed = Case::new("NOTIFICATION").after(vec![runs(), asked(), Event::NothingToAsk]);
    assert_eq!(closed.stands(), ("up-to-date", "nothing-newer", None));
    assert!(closed.status().actions.is_empty());
}

/// Somebody set another image since, and no look came to an end that says what is asked of it.
#[test]
fn what_was_asked_of_another_image_is_no_question() {
    let edited = || Case::of("registry.example.com/shop/web:1.0.9", &[("mode", "NOTIFICATION")]);
    let edited = |more: Vec<Event>| edited().after([vec![runs(), asked()], more].concat());
    let not_looked = edited(vec![]);
    assert_eq!(not_looked.stands().0, "up-to-date", "{:?}", not_looked.status());
    let status = not_looked.status();
    let open = status.open(not_looked.record.known("web"), "registry.example.com/shop/web:1.0.9", now());
    assert_eq!((status.actions, status.available, open), (&[][..], None, None));
    let tag = Tag::parse("1.0.9").unwrap();
    let gone = Gone { tag, digest: None, lost: Lost::Tag, good: None };
    assert_eq!(edited(vec![Event::Gone(gone)]).stands(), ("needs-you", "gone", None), "that is what is known");
    let undecided = edited(vec![]).looked(CameTo::Undecided(Box::new(NoGround::said("gone"))));
    assert_eq!(undecided.stands(), ("cannot-tell", "undecided", None));
}

#[test]
fn a_question_that_nobody_answered_still_needs_you() {
    let late = Question { asked: now() - TimeDelta::days(5), ..question(1) };
    let terms = crate::domain::approval::Terms { expires: now() - TimeDelta::hours(1), ..late.terms.clone() };
    let late = Event::Ask(Box::new(Question { terms, ..late }));
    let late = Case::new("NOTIFICATION").after(vec![runs(), late]);
    assert_eq!(late.stands(), ("needs-you", "unanswered", to("1.0.1")));
    assert!(late.status().actions.is_empty(), "there is nothing that could be answered");
}

#[test]
fn what_the_last_look_came_to_waits_for_what_the_sequencer_says() {
    let found = |mode: &str, more: &[(&str, &str)]| {
        let annotations: Vec<_> = [("mode", mode)].into_iter().chain(more.iter().copied()).collect();
        Case::of(IMAGE, &annotations).after(vec![runs()]).looked(to_1_0_1())
    };
    assert_eq!(found("NOTIFICATION", &[]).stands(), ("needs-you", "person", to("1.0.1")));
    assert_eq!(found("AUTO_UPDATE", &[]).stands(), ("waiting", "applies", to("1.0.1")));
    let closed = found("AUTO_UPDATE", &[("window", "Mon 00:00-00:01 UTC")]);
    assert_eq!(closed.stands(), ("waiting", "window", to("1.0.1")));
    assert!(closed.status().until().is_some());
    let mut waits = found("AUTO_UPDATE", &[]);
    waits.waits = Some(Waits::Unlisted);
    assert_eq!(waits.stands(), ("waiting", "other-workloads", to("1.0.1")));
    let mut paused = found("AUTO_UPDATE", &[]);
    paused.workload.paused = true;
    assert_eq!(paused.stands(), ("waiting", "paused", to("1.0.1")));
    let cooling = CameTo::Cooling {
        tag: question(1).terms.tag,
        digest: None,
        level: crate::domain::tag::Level::Patch,
        until: now() + TimeDelta::hours(5),
    };
    let cooling = Case::new("AUTO_UPDATE").after(vec![runs()]).looked(cooling);
    assert_eq!(cooling.stands(), ("waiting", "cooldown", to("1.0.1")));
}

/// The look that sees the answer is a moment away, or was lost.
#[test]
fn what_was_skipped_since_the_last_look_needs_nobody() {
    let skipped = |skip: &str, track: &str| {
        let annotations = [("mode", "NOTIFICATION"), ("skip", skip), ("track", track)];
        Case::of(IMAGE, &annotations).after(vec![runs()]).looked(to_1_0_1()).stands()
    };
    assert_eq!(skipped("1.0.1", "version"), ("up-to-date", "nothing-newer", None));
    assert_eq!(skipped("1.0.0", "version"), ("needs-you", "person", to("1.0.1")));
    let exact = format!("1.0.1@{}", question(1).terms.digest);
    assert_eq!(skipped(&exact, "digest").0, "up-to-date");
}

#[test]
fn what_can_not_be_told_is_not_up_to_date() {
    let undecided = || CameTo::Undecided(Box::new(NoGround::said("401 from the registry")));
    let told = Case::new("NOTIFICATION").after(vec![runs()]).looked(undecided());
    assert_eq!(told.stands(), ("cannot-tell", "undecided", None));
    assert_eq!(told.status().cause.to_string(), "401 from the registry");
    let open = Case::new("NOTIFICATION").after(vec![runs(), asked()]).looked(undecided());
    assert_eq!(open.stands(), ("needs-you", "asked", to("1.0.1")), "what is open stays open");
    let said = Case::of(IMAGE, &[("mode", "NOTIFICATION"), ("error", "401")]).after(vec![runs(), Event::Undecided]);
    assert_eq!(said.stands(), ("cannot-tell", "undecided", None), "nobody looked since the start");
    let recorded = "the last look that is recorded could decide nothing";
    let words = said.status().cause.to_string();
    assert_eq!(words, format!("{recorded}; image-watcher/error says: 401"), "whoever may annotate writes it");
    let removed = Case::new("NOTIFICATION").after(vec![runs(), Event::Undecided]);
    assert_eq!(removed.stands(), ("cannot-tell", "undecided", None), "nor is it up to date where that is removed");
    assert_eq!(removed.status().cause.to_string(), recorded);
    let said = said.looked(CameTo::Nothing);
    assert_eq!(said.stands(), ("up-to-date", "nothing-newer", None), "what was said stops nothing");
    let flaw = Case::of(IMAGE, &[("mode", "NOTIFICATION"), ("error", "it has a flaw")]).after(vec![runs()]);
    assert_eq!(flaw.stands(), ("up-to-date", "nothing-newer", None), "nor does a flaw, before the first look");
    assert_eq!(Case::new("SOMETIMES").stands(), ("cannot-tell", "settings", None));
    let forged = Case { not_ours: Some(NotOurs::WrongSignature), ..Case::new("NOTIFICATION") };
    assert_eq!(forged.stands(), ("cannot-tell", "record", None));
    assert_eq!(Case::new("NOTIFICATION").stands(), ("waiting", "not-looked-at", None));
    assert_eq!(Case::new("DISABLED").after(vec![asked()]).stands(), ("off", "disabled", None));
}

#[test]
fn what_was_known_stands_while_a_registry_gives_no_answer() {
    let minute = TimeDelta::minutes(1);
    let quiet = || Case::new("AUTO_UPDATE").after(vec![runs()]);
    assert_eq!(quiet().looked(CameTo::Nothing).unanswered(minute).stands(), ("up-to-date", "nothing-newer", None));
    let old = quiet().looked(CameTo::Nothing).unanswered(TimeDelta::hours(24));
    assert_eq!(old.stands(), ("cannot-tell", "undecided", None), "of yesterday it says nothing");
    let recent = quiet().looked(CameTo::Nothing).unanswered(minute);
    let until = recent.seen(|seen| seen.stands_until(now()));
    assert_eq!(until, Some(now() - minute + TimeDelta::hours(24)), "it is judged anew then");
    let waits = quiet().looked(to_1_0_1()).unanswered(minute);
    assert_eq!(waits.stands().2, to("1.0.1"), "the version to go to is not forgotten");
    let asked = || Case::new("NOTIFICATION").after(vec![runs(), asked()]);
    assert_eq!(asked().unanswered(minute).stands(), ("needs-you", "asked", to("1.0.1")));
    let until = now() + TimeDelta::days(7);
    let snoozed = asked().after(vec![Event::Snooze { until }]).unanswered(minute);
    assert_eq!(snoozed.stands(), ("waiting", "snoozed", to("1.0.1")), "before the first answer since the start, too");
    assert_eq!(quiet().unanswered(minute).stands(), ("cannot-tell", "undecided", None), "nothing is known");
}

#[test]
fn a_rollout_that_failed_is_told_until_what_is_newer_is_found() {
    let written = update(1, None);
    let image = format!("registry.example.com/shop/web:{}@{}", written.tag, written.digest);
    let failure = Failure::new("CrashLoopBackOff", "");
    let events = |end: bool| {
        let write = Event::Write(Box::new(Update { outcome: Outcome::RollingOut, ..update(1, None) }));
        let ended = Event::End(Outcome::Failed, Some(failure.clone()));
        [Some(write), end.then_some(ended)].into_iter().flatten().collect::<Vec<_>>()
    };
    let case = |rollout: Rollout, end: bool| {
        let mut case = Case::of(&image, &[("mode", "AUTO_UPDATE")]).after(events(end));
        case.workload.rollout = rollout;
        case
    };
    let progressing = || Rollout::Progressing(Progress::default());
    assert_eq!(case(progressing(), false).stands(), ("waiting", "rolling-out", None));
    let settles = case(Rollout::Complete, false);
    assert_eq!(settles.stands(), ("waiting", "rolling-out", None), "it is not healthy yet");
    let failed = case(progressing(), true);
    assert_eq!(failed.stands(), ("failed", "rollout-failed", None));
    assert!(failed.status().cause.to_string().contains("CrashLoopBackOff"));
    let came_to = CameTo::To { tag: written.tag.clone(), digest: written.digest.clone(), level: written.level };
    let found = case(progressing(), true).looked(came_to);
    assert_eq!(found.stands(), ("failed", "rollout-failed", None), "what runs is nothing to go to");
    for mode in ["AUTO_UPDATE", "NOTIFICATION"] {
        let came_to = CameTo::To { tag: written.tag.clone(), digest: written.digest.clone(), level: written.level };
        let mut healthy = Case::of(&image, &[("mode", mode)]).after(events(false)).looked(came_to);
        assert_eq!(healthy.stands(), ("waiting", "rolling-out", None), "{mode}: nobody is waited for");
        healthy = healthy.after(vec![Event::End(Outcome::Healthy, None)]);
        assert_eq!(healthy.stands(), ("up-to-date", "nothing-newer", None), "{mode}: before the next look");
    }
    let canary = case(Rollout::Waiting(RolloutWaits::CanaryPause), false);
    assert_eq!(canary.stands(), ("needs-you", "rollout-waits", None), "somebody has to promote it");
    let refusal = Refusal { reason: "FailedCreate".into(), message: "exceeded quota: team".into() };
    let refused = case(Rollout::Refused(Progress::default(), refusal), false);
    assert_eq!(refused.stands(), ("waiting", "rollout-refused", None));
    assert!(refused.status().cause.to_string().contains("exceeded quota: team"));
    let scaled = case(Rollout::Waiting(RolloutWaits::ZeroReplicas), false);
    assert_eq!(scaled.stands(), ("waiting", "rollout-waits", None));
}

/// A tag that is followed keeps its name: what is pushed next is another version all the same.
#[test]
fn what_went_back_is_told_until_the_next_push_waits() {
    let [ran, failed, next] = [b"1", b"2", b"3"].map(|bytes| Digest::of(bytes));
    let tag = Tag::parse("stable").unwrap();
    let failure = Some(Failure::new("CrashLoopBackOff", ""));
    let undone =
        Undone { tag: tag.clone(), digest: failed.clone(), failure, removed: Vec::new(), before: None, at_once: false };
    let back = Update { tag: tag.clone(), digest: ran, undoes: Some(Box::new(undone)), ..update(1, None) };
    let stands = |digest: Option<&Digest>| {
        let settings = [("mode", "AUTO_UPDATE"), ("track", "digest"), ("cooldown", "24h")];
        let (level, until) = (crate::domain::tag::Level::Digest, now() + TimeDelta::hours(5));
        let cooling = CameTo::Cooling { tag: tag.clone(), digest: digest.cloned(), level, until };
        let mut case = Case::of("registry.example.com/shop/web:stable", &settings);
        case.record.on("web", Event::Write(Box::new(back.clone())), now());
        case.record.on("web", Event::End(Outcome::Healthy, None), now());
        case.looked(cooling).stands()
    };
    let said = |(attention, cause, _)| (attention, cause);
    assert_eq!(said(stands(Some(&next))), ("waiting", "cooldown"));
    assert_eq!(said(stands(Some(&failed))), ("failed", "went-back"));
    assert_eq!(said(stands(None)), ("failed", "went-back"), "of a version nothing but its name is known");
}

#[test]
fn what_is_refused_or_gone_is_told_with_the_version() {
    let Question { terms, .. } = question(1);
    let again = now() + TimeDelta::hours(6);
    let refused = Refused { tag: terms.tag, digest: terms.digest, again, said: "no".into(), flaw: None, told: None };
    let said = Case::of(IMAGE, &[("mode", "AUTO_UPDATE"), ("error", "1.0.1 is refused")]);
    let said = said.after(vec![runs(), Event::Refuse(refused.clone())]);
    assert_eq!(said.stands(), ("failed", "refused", to("1.0.1")), "before the first look since the start");
    let refused = Case::new("AUTO_UPDATE").after(vec![runs(), Event::Refuse(refused)]);
    assert_eq!(refused.stands(), ("failed", "refused", to("1.0.1")));
    assert_eq!(refused.status().until(), Some(again));
    let tag = crate::domain::reference::Tag::parse("1.0.0").unwrap();
    let gone = Gone { tag, digest: None, lost: Lost::Tag, good: None };
    let gone = Case::new("AUTO_UPDATE").after(vec![runs(), Event::Gone(gone)]);
    assert_eq!(gone.stands(), ("needs-you", "gone", None));
}

/// The moments, minute by minute, at which a case stands otherwise than a minute before, over two weeks; none of them may lie before
/// what was said to be the first.
fn turns(case: &Case) -> usize {
    case.seen(|seen| {
        let (mut at, mut turns) = (now(), 0);
        let mut until = seen.stands_until(at);
        let mut stands = Status::of(seen, at);
        while at < now() + TimeDelta::days(14) {
            at += TimeDelta::minutes(1);
            let is = Status::of(seen, at);
            if until.is_some_and(|until| at >= until) {
                turns += usize::from(is != stands);
                (until, stands) = (seen.stands_until(at), is);
            } else {
                assert_eq!(is, stands, "it was to stand until {until:?}, and is another {at}");
            }
        }
        turns
    })
}

#[test]
fn a_status_stands_until_the_moment_that_it_names() {
    let snoozed = vec![runs(), asked(), Event::Snooze { until: now() + TimeDelta::days(1) }];
    assert_eq!(turns(&Case::new("NOTIFICATION").after(vec![runs(), asked()])), 1, "its time runs out");
    assert_eq!(turns(&Case::new("NOTIFICATION").after(snoozed)), 2, "it is asked again, and then its time runs out");
    let window = [("mode", "AUTO_UPDATE"), ("window", "Mon-Fri 08:00-17:00 Europe/Paris")];
    let window = Case::of(IMAGE, &window).after(vec![runs()]).looked(to_1_0_1());
    assert!(turns(&window) >= 18, "it opens and closes");
    let Question { terms, .. } = question(1);
    let again = now() + TimeDelta::hours(6);
    let refused = Refused {
        tag: terms.tag.clone(),
        digest: terms.digest.clone(),
        again,
        said: "no".into(),
        flaw: None,
        told: None,
    };
    assert_eq!(turns(&Case::new("AUTO_UPDATE").after(vec![runs(), Event::Refuse(refused)])), 1);
    let mut cooldown = Cooldown::parse("24h", KnownSince::default()).unwrap();
    cooldown.learn(terms.tag.as_str(), &terms.digest, None, now());
    let known = vec![runs(), Event::Candidates(cooldown.known().clone())];
    let cools = Case::of(IMAGE, &[("mode", "AUTO_UPDATE"), ("cooldown", "24h")]).after(known);
    assert_eq!(turns(&cools), 1, "it has waited");
    assert_eq!(turns(&Case::new("SOMETIMES")) + turns(&Case::new("NOTIFICATION")), 0, "time changes nothing");
}

#[test]
fn the_words_of_what_it_wants_are_read_as_they_are_written() {
    for attention in Attention::ALL {
        assert_eq!(Attention::parse(attention.as_str()), Some(attention));
    }
    assert!(Attention::ALL.is_sorted() && Attention::parse("").is_none());
}

#[test]
fn what_stops_an_update_is_told_before_people_are_asked() {
    let Question { terms, asked, .. } = question(1);
    let case = || Case::new("AUTO_UPDATE").after(vec![runs()]).looked(to_1_0_1());
    assert_eq!(case().stands(), ("waiting", "applies", to("1.0.1")));
    let stopped = Some(Stopped { since: asked, failed: Vec::new() });
    let braked = Case { stopped: stopped.clone(), ..case() };
    assert_eq!(braked.stands(), ("needs-you", "other-workload", to("1.0.1")));
    assert!(braked.status().cause.to_string().contains("automatic updates are stopped"));
    let asks = Case { stopped: stopped.clone(), ..Case::new("NOTIFICATION").after(vec![runs()]).looked(to_1_0_1()) };
    assert_eq!(asks.stands(), ("needs-you", "person", to("1.0.1")), "they are asked anyway");
    let until = now() + TimeDelta::minutes(40);
    let awaited = NotesAwaited { tag: terms.tag, digest: terms.digest, until };
    let unread = case().after(vec![Event::AwaitNotes(awaited.clone())]);
    assert_eq!((unread.stands(), unread.status().until()), (("waiting", "release-notes", to("1.0.1")), Some(until)));
    assert_eq!(turns(&unread), 1, "then it goes without them");
    let read = case().after(vec![Event::AwaitNotes(awaited.clone()), Event::NotesRead]);
    assert_eq!(read.stands(), ("waiting", "applies", to("1.0.1")));
    let mut paused = Case { stopped: stopped.clone(), ..case() };
    paused.workload.paused = true;
    assert_eq!(paused.stands(), ("waiting", "paused", to("1.0.1")), "it would not be applied, so nobody is asked");
    let both = Case { stopped, ..case().after(vec![Event::AwaitNotes(awaited)]) };
    assert_eq!(both.stands(), ("needs-you", "other-workload", to("1.0.1")));
}

/// What waits stands in no record, so who has not looked since the start does not know that there is nothing.
#[test]
fn before_the_first_look_nothing_is_said_of_what_may_wait() {
    let stands = |settings: &[(&str, &str)], paused: bool| {
        let mut case = Case::of(IMAGE, settings).after(vec![runs()]);
        case.workload.paused = paused;
        let looked = Case { looked: Some(LastLook::answered(now(), CameTo::Nothing)), ..case };
        let after = looked.stands().1;
        (Case { looked: None, ..looked }.stands().1, after)
    };
    let (auto, asks) = (("mode", "AUTO_UPDATE"), ("mode", "NOTIFICATION"));
    let (closed, of_group) = (("window", "Mon 00:00-00:01 UTC"), ("group", "shop"));
    for unknown in [stands(&[auto, closed], false), stands(&[auto], true), stands(&[asks, of_group], false)] {
        assert_eq!(unknown, ("not-looked-at", "nothing-newer"));
    }
    for known in [stands(&[auto], false), stands(&[asks, closed], false), stands(&[asks], true)] {
        assert_eq!(known, ("nothing-newer", "nothing-newer"), "it would have been written, or asked about");
    }
}

#[test]
fn a_member_stands_as_its_group() {
    use crate::domain::group::Waits as GroupWaits;
    let until = now() + TimeDelta::hours(71);
    let Question { terms, level, .. } = question(1);
    let member = |stands: GroupStands| {
        let to = Some((terms.tag.clone(), terms.digest.clone(), level));
        let of = OfGroup { name: "shop".parse().unwrap(), stands, to };
        Case::of(IMAGE, &[("mode", "NOTIFICATION"), ("group", "shop")])
            .after(vec![runs()])
            .looked(CameTo::Group(of.into()))
    };
    let asked = member(GroupStands::Asked("deploy/a".into(), until));
    assert_eq!(asked.stands(), ("needs-you", "group", to("1.0.1")));
    assert_eq!(turns(&asked), 1, "its time runs out");
    let cases = [
        (
            GroupStands::Waits(GroupWaits::UnderWay("deploy/a".into())),
            "waiting",
            "shop waits: an update of deploy/a is under way",
        ),
        (
            GroupStands::PutOff("deploy/a".into(), until),
            "waiting",
            "shop: the question of deploy/a is put off until 21 Nov 2026 11:06 UTC",
        ),
        (
            GroupStands::Waits(GroupWaits::Disabled("deploy/a".into())),
            "needs-you",
            "shop waits: the mode of deploy/a is DISABLED",
        ),
        (
            GroupStands::Waits(GroupWaits::StandsStill("deploy/a".into(), terms.tag.clone())),
            "needs-you",
            "shop waits: the rollout of 1.0.1 on deploy/a stands still, or waits for somebody",
        ),
        (GroupStands::Person, "needs-you", "shop waits for a person"),
        (GroupStands::First("deploy/a".into()), "waiting", "shop: deploy/a is written first"),
        (GroupStands::GoesBack("deploy/a".into()), "waiting", "shop goes back, as deploy/a failed or went back"),
    ];
    for (stands, attention, words) in cases {
        let status = member(stands).status();
        assert_eq!((status.attention.as_str(), status.cause.to_string().as_str()), (attention, words));
    }
}

/// Whoever may annotate a workload writes no state of it.
#[test]
fn what_somebody_wrote_as_an_error_is_no_state() {
    let group = [("mode", "AUTO_UPDATE"), ("group", "shop")];
    for error in [
        "group shop waits: the mode of deploy/a is DISABLED",
        "group shop went back, and this did not: what ran before is no longer in its registry",
        "the rollout of 1.0.1 has made no progress for 15 minutes; look at its pods",
        "its registry gives no answer",
        &crate::domain::record::sealed::TooMuch.to_string(),
    ] {
        for looked in [None, Some(CameTo::Nothing), Some(CameTo::Unknown), Some(to_1_0_1())] {
            let stands = |settings: &[(&str, &str)]| {
                let looked = looked.clone().map(|came_to| LastLook::answered(now(), came_to));
                Case { looked, ..Case::of(IMAGE, settings).after(vec![runs()]) }.stands()
            };
            let annotated = [&group[..], &[("error", error)]].concat();
            assert_eq!(stands(&annotated), stands(&group), "{error} {looked:?}");
        }
    }
}

/// What the page has a button for beside a question.
#[test]
fn what_can_be_said_without_a_question_is_among_the_actions() {
    let undone = Undone {
        tag: question(1).terms.tag,
        digest: question(1).terms.digest,
        failure: Some(Failure::new(Failure::OF_GROUP, "another failed")),
        removed: Vec::new(),
        before: None,
        at_once: false,
    };
    let back = Update { undoes: Some(Box::new(undone)), ..update(1, None) };
    let held = Case::new("AUTO_UPDATE").after(vec![Event::Write(Box::new(back))]);
    assert!(held.record.known("web").held.is_some());
    assert_eq!(held.status().actions, ["resume"]);
    assert!(Case::new("DISABLED").after(vec![runs(), asked()]).status().actions.is_empty());
}

/// Where a workload may not be written nobody can answer, and what the last look came to is shown.
#[test]
fn what_may_not_be_written_has_no_answers_and_shows_the_newest() {
    let asked = Case::new("NOTIFICATION").after(vec![Event::Ask(Box::new(question(1)))]);
    assert_eq!(asked.stands().1, "asked");
    let newer = CameTo::To { tag: Tag::parse("1.9.9").unwrap(), digest: question(2).terms.digest, level: Level::Minor };
    let barred = Case { may_write: false, ..asked.looked(newer) };
    assert_eq!(barred.stands(), ("needs-you", "may-not-write", Some("1.9.9".into())));
    let (status, ledger) = (barred.status(), barred.record.known("web"));
    assert_eq!((status.actions, status.open(ledger, IMAGE, now())), (&[][..], None));
    let quiet = Case { may_write: false, ..Case::new("NOTIFICATION").looked(CameTo::Nothing) };
    assert_eq!(quiet.stands(), ("up-to-date", "nothing-newer", None), "nothing is to be written");
}
