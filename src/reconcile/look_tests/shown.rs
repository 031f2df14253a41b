//! Answers of somebody who signed in and holds no link.

use super::pressed::deliveries;
use super::votes::{JOE, OLD, needing};
use super::*;
use crate::domain::actor::{Authority, SignedIn};
use crate::domain::approval::LIFETIME;
use crate::domain::event::Delivery;
use crate::domain::record::Stands;
use crate::domain::reference::{Digest, Tag};
use crate::domain::refusal::Refusal;

impl Stage {
    fn as_shown(&self, version: &str) -> Shown {
        let uid = self.cluster.state(|state| state.workload.id.uid.clone());
        let (version, digest) = (Tag::parse(version).unwrap(), None);
        Shown { uid, container: "web".into(), version, digest, running: None }
    }

    async fn decides_as(&self, name: &str, action: Action, shown: &Shown) -> Result<Answer, NotShown> {
        self.decides_by(SignedIn::read(name), action, shown).await
    }

    async fn decides_by(&self, by: Option<SignedIn>, action: Action, shown: &Shown) -> Result<Answer, NotShown> {
        let press = Press { is_confirmed: true, by, ..Press::of(action) };
        self.reconciler.answer_shown(shown, &press, "trace").await
    }
}

#[tokio::test]
async fn whoever_signed_in_answers_what_they_saw_as_a_link_does_and_twice_is_once() {
    let stage = Stage::team(needing("1", &[])).await;
    let digest = Some(digest_of("1.0.1", 0));
    let shown = Shown { digest, running: Tag::parse("1.0.0").ok(), ..stage.as_shown("1.0.1") };
    let answer = stage.decides_as("alice", Action::Approve, &shown).await;
    let Ok(Answer::Approved(applied)) = &answer else { panic!("{answer:?}") };
    assert_eq!(applied.entry.by, "sign-in alice");
    assert_eq!(stage.cluster.image(), format!("a.example/web:1.0.1@{}", digest_of("1.0.1", 0)));
    let writes = stage.writes();
    let again = stage.decides_as("bob", Action::Approve, &shown).await;
    let Ok(Answer::Approved(applied)) = &again else { panic!("{again:?}") };
    assert_eq!((applied.entry.by.as_str(), stage.writes()), ("sign-in alice", writes), "it was decided");
}

#[tokio::test]
async fn an_answer_whose_effect_is_gone_is_none_any_more() {
    let stage = Stage::team(needing("1", &[])).await;
    let shown = stage.as_shown("1.0.1");
    stage.decides_as("alice", Action::Approve, &shown).await.unwrap();
    stage.look().await;
    stage.cluster.state(|state| {
        let mut now = Workload::clone(&state.workload);
        now.containers[0].image = "a.example/web:0.9.9".into();
        state.workload = Arc::new(now);
    });
    let seen = Shown { running: Tag::parse("0.9.9").ok(), ..shown.clone() };
    for shown in [shown, seen] {
        let again = stage.decides_as("bob", Action::Approve, &shown).await;
        assert_eq!(again.unwrap_err(), NotShown::Asks(None), "it was approved once, and runs no more");
    }
}

#[tokio::test]
async fn a_right_that_is_missing_is_told_and_no_reason_to_try_again() {
    let stage = Stage::team(needing("1", &[])).await;
    stage.cluster.state(|state| state.refuses = Refuses::NoRight);
    for action in [Action::Approve, Action::Skip, Action::Snooze] {
        let answer = stage.decides_as("alice", action, &stage.as_shown("1.0.1")).await;
        assert!(matches!(answer, Ok(Answer::NotWritten(..))), "{answer:?}");
    }
}

#[tokio::test]
async fn what_moved_since_it_was_seen_is_not_answered() {
    let stage = Stage::team(needing("1", &[])).await;
    let writes = stage.writes();
    let other = Shown { digest: Some(Digest::of(b"other")), ..stage.as_shown("1.0.1") };
    let refused = stage.decides_as("alice", Action::Approve, &other).await;
    assert_eq!(refused.unwrap_err(), NotShown::Points(digest_of("1.0.1", 0)));
    let older = stage.decides_as("alice", Action::Approve, &stage.as_shown("1.0.9")).await;
    assert_eq!(older.unwrap_err(), NotShown::Asks(Tag::parse("1.0.1").ok()));
    let seen = Shown { running: Tag::parse("0.9.0").ok(), ..stage.as_shown("0.8.0") };
    let ran = stage.decides_as("alice", Action::Rollback, &seen).await;
    assert_eq!(ran.unwrap_err(), NotShown::Runs(Tag::parse("1.0.0").ok()));
    let never = stage.decides_as("alice", Action::Rollback, &stage.as_shown("0.8.0")).await;
    assert_eq!(never.unwrap_err(), NotShown::NeverRan);
    let held = stage.decides_as("alice", Action::Resume, &stage.as_shown("1.0.1")).await;
    assert_eq!(held.unwrap_err(), NotShown::NotHeld);
    let nowhere = Shown { container: "log".into(), ..stage.as_shown("1.0.1") };
    assert_eq!(stage.decides_as("alice", Action::Skip, &nowhere).await.unwrap_err(), NotShown::NoContainer);
    let gone = Shown { uid: "uid-2".into(), ..stage.as_shown("1.0.1") };
    assert_eq!(stage.decides_as("alice", Action::Skip, &gone).await.unwrap_err(), NotShown::NoWorkload);
    assert_eq!((stage.writes(), stage.cluster.image().as_str()), (writes, OLD));
}

#[tokio::test]
async fn nothing_is_answered_that_was_seen_beside_something_else_than_what_runs() {
    let stage = Stage::team(needing("1", &[])).await;
    let beside = |running: &str, version: &str| Shown { running: Tag::parse(running).ok(), ..stage.as_shown(version) };
    let (writes, runs) = (stage.writes(), |tag: &str| NotShown::Runs(Tag::parse(tag).ok()));
    for action in [Action::Approve, Action::ApproveOutsideWindow, Action::Skip, Action::Snooze] {
        let refused = stage.decides_as("alice", action, &beside("0.9", "1.0.1")).await;
        assert_eq!(refused.unwrap_err(), runs("1.0.0"), "{action:?}");
    }
    assert_eq!((stage.writes(), stage.cluster.image().as_str()), (writes, OLD));
    let answer = stage.decides_as("alice", Action::Approve, &beside("1.0.0", "1.0.1")).await;
    assert!(matches!(answer, Ok(Answer::Approved(_))), "{answer:?}");
    let again = stage.decides_as("alice", Action::Approve, &beside("0.9", "1.0.1")).await;
    assert_eq!(again.unwrap_err(), runs("1.0.1"), "nor is it what was answered before");
    for running in ["1.0.0", "1.0.1"] {
        let again = stage.decides_as("alice", Action::Approve, &beside(running, "1.0.1")).await;
        assert!(matches!(again, Ok(Answer::Approved(_))), "as it was seen before, or is by now: {again:?}");
    }
    let refused = stage.decides_as("alice", Action::Rollback, &beside("0.9", "1.0.0")).await;
    assert_eq!(refused.unwrap_err(), runs("1.0.1"));
}

#[tokio::test]
async fn one_person_counts_once_by_sign_in_and_by_link() {
    let stage = Stage::team(needing("2", &[])).await;
    let shown = stage.as_shown("1.0.1");
    let first = stage.decides_as("joe", Action::Approve, &shown).await.unwrap();
    assert_eq!(Stage::counted_as(&first), ("1 of 2".into(), false));
    let again = stage.decides_as("Joe", Action::Approve, &shown).await.unwrap();
    assert_eq!(Stage::counted_as(&again), ("1 of 2".into(), true));
    assert_eq!(Stage::counted_as(&stage.presses(JOE, Action::Approve).await), ("1 of 2".into(), true), "his own link");
    let both = stage.decides_as("jane", Action::Approve, &shown).await;
    let Ok(Answer::Approved(applied)) = &both else { panic!("{both:?}") };
    assert_eq!(applied.entry.by, "people sign-in joe; sign-in jane");
}

#[tokio::test]
async fn a_token_in_the_hand_of_somebody_who_approved_makes_no_second_person() {
    let programs = [(Authority::Token, "token ci"), (Authority::ServiceAccount, "system:serviceaccount:shop:second")];
    let stage = Stage::team(needing("2", &[])).await;
    let shown = stage.as_shown("1.0.1");
    stage.decides_as("alice", Action::Approve, &shown).await.unwrap();
    let writes = stage.writes();
    for (by, name) in programs {
        let answer = stage.decides_by(SignedIn::by(by, name), Action::Approve, &shown).await;
        assert!(matches!(answer, Ok(Answer::Refused(_, Refusal::NoPerson))), "{answer:?}");
    }
    assert_eq!((stage.writes(), stage.cluster.image().as_str()), (writes, OLD));
    let both = stage.decides_as("bob", Action::Approve, &shown).await;
    assert!(
        matches!(&both, Ok(Answer::Approved(applied)) if applied.entry.by == "people sign-in alice; sign-in bob"),
        "{both:?}"
    );
    for (by, name) in programs {
        let stage = Stage::team(needing("1", &[])).await;
        let alone = stage.decides_by(SignedIn::by(by, name), Action::Approve, &stage.as_shown("1.0.1")).await;
        assert!(matches!(&alone, Ok(Answer::Approved(applied)) if applied.entry.by == name), "{alone:?}");
    }
}

#[tokio::test]
async fn what_nobody_answered_in_time_may_be_answered_without_a_link() {
    let stage = Stage::team(needing("1", &[])).await;
    stage.clock.step(LIFETIME + TimeDelta::hours(1));
    assert!(matches!(stage.presses(JOE, Action::Approve).await, Answer::Expired(_)), "a link is over");
    let answer = stage.decides_as("alice", Action::Approve, &stage.as_shown("1.0.1")).await;
    assert!(matches!(answer, Ok(Answer::Approved(_))), "{answer:?}");
}

#[tokio::test]
async fn whoever_signed_in_goes_back_and_lets_go_without_being_asked() {
    let stage = Stage::team(needing("1", &[])).await;
    stage.decides_as("alice", Action::Approve, &stage.as_shown("1.0.1")).await.unwrap();
    stage.look().await;
    let back = stage.as_shown("1.0.0");
    let press = Press { is_confirmed: false, by: SignedIn::read("alice"), ..Press::of(Action::Rollback) };
    let unread = stage.reconciler.answer_shown(&back, &press, "trace").await;
    assert!(matches!(unread, Ok(Answer::Unconfirmed(_))), "{unread:?}");
    let answer = stage.decides_as("alice", Action::Rollback, &back).await;
    let Ok(Answer::WentBack(applied)) = &answer else { panic!("{answer:?}") };
    assert_eq!((applied.entry.by.as_str(), applied.entry.version.as_str()), ("sign-in alice", "1.0.0"));
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.0"), "{}", stage.cluster.image());
    let writes = stage.writes();
    assert!(matches!(stage.decides_as("alice", Action::Rollback, &back).await, Ok(Answer::WentBack(_))), "once");
    assert_eq!(stage.writes(), writes);
    stage.look().await;
    let answer = stage.decides_as("bob", Action::Resume, &stage.as_shown("1.0.1")).await;
    let Ok(Answer::Resumed(entry)) = &answer else { panic!("{answer:?}") };
    assert_eq!(entry.by, "sign-in bob");
    assert!(
        matches!(stage.decides_as("bob", Action::Resume, &stage.as_shown("1.0.1")).await, Ok(Answer::Resumed(_))),
        "once"
    );
}

#[tokio::test]
async fn who_signed_in_and_may_not_patch_the_workload_decides_nothing_without_a_link() {
    let stage = Stage::team(needing("1", &[])).await;
    stage.cluster.state(|state| state.may_sign = Some(vec!["alice"]));
    let writes = stage.writes();
    for action in [Action::Approve, Action::Skip, Action::Snooze] {
        let answer = stage.decides_as("mallory", action, &stage.as_shown("1.0.1")).await;
        assert!(matches!(answer, Ok(Answer::Forbidden(_))), "{answer:?}");
    }
    assert_eq!(stage.writes(), writes);
}

/// How many messages wait that ask.
async fn asked(stage: &Stage) -> usize {
    let is_asked = |notice: &&Notice| notice.kind == NoticeKind::Available;
    deliveries(stage).await.iter().flat_map(Delivery::notices).filter(is_asked).count()
}

#[tokio::test]
async fn what_was_put_off_stays_so_when_somebody_goes_back_meanwhile() {
    let stage = Stage::team(needing("1", &[])).await;
    stage.decides_as("alice", Action::Approve, &stage.as_shown("1.0.1")).await.unwrap();
    stage.look().await;
    stage.has(&["1.0.0", "1.0.1", "1.0.2"]);
    stage.look().await;
    let newest = stage.as_shown("1.0.2");
    let Ok(Answer::Snoozed(_, until)) = stage.decides_as("alice", Action::Snooze, &newest).await else { panic!() };
    deliveries(&stage).await;
    stage.decides_as("alice", Action::Rollback, &stage.as_shown("1.0.0")).await.unwrap();
    for _ in 0..2 {
        stage.look().await;
    }
    let held = stage.reconciler.asked(&stage.link_of(JOE)).await;
    assert!(matches!(held, Answer::Open(_)), "the link about what is held is not replaced in silence: {held:?}");
    assert_eq!(asked(&stage).await, 0, "nobody is asked before");
    stage.clock.step(TimeDelta::days(4));
    stage.look().await;
    assert_eq!((asked(&stage).await, stage.asks().stands), (0, Stands::Snoozed(until)), "nor when that is over");
    stage.clock.step(TimeDelta::days(4));
    stage.look().await;
    assert!(asked(&stage).await > 0, "it is told when its time is over");
    let answer = stage.decides_as("alice", Action::Approve, &newest).await;
    assert!(matches!(answer, Ok(Answer::Approved(_))), "{answer:?}");
}
