//! One question for all, and what an answer to it does.

use super::super::full_queue::when_full;
use super::*;
use crate::domain::actor::SignedIn;
use crate::domain::answer::Action;
use crate::domain::event::NoticeKind;
use crate::domain::refusal::Refusal;
use crate::reconcile::{Answer, Press};

const NEW: [&str; 2] = ["1.0.0", "1.1.0"];

impl Several {
    /// All are asked about 1.1.0; the link.
    async fn asked(&self) -> crate::domain::approval::Token {
        self.all_have(&NEW);
        self.look_at_all().await;
        self.link(&self.last(NoticeKind::Available))
    }

    async fn presses(&self, link: &crate::domain::approval::Token, action: Action) -> Answer {
        self.reconciler.answer(link, action, "trace").await
    }

    /// Why a press of *Approve* does nothing.
    async fn refusal(&self, link: &crate::domain::approval::Token) -> Refusal {
        match self.presses(link, Action::Approve).await {
            Answer::Refused(_, refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn people_are_asked_once_for_all_and_all_go_in_order() {
    let shop = Several::asking();
    let link = shop.asked().await;
    let notice = shop.last(NoticeKind::Available);
    let plan = notice.group.as_ref().unwrap();
    let moves: Vec<String> = plan.moves.iter().map(|one| format!("{} {}", one.member(), one.tag)).collect();
    assert_eq!(moves, ["deploy/api 1.1.0", "deploy/web 1.1.0", "deploy/worker 1.1.0"]);
    for _ in 0..3 {
        shop.look_at_all().await;
    }
    assert_eq!(shop.told(), ["update.available api"]);
    let answer = shop.presses(&link, Action::Approve).await;
    assert!(matches!(answer, Answer::Approved(_)), "{answer:?}");
    assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.0.0", "worker 1.0.0"]);
    shop.comes_up("api").await;
    shop.comes_up("web").await;
    shop.comes_up("worker").await;
    assert_eq!(shop.written(), ["api", "web", "worker"]);
    assert_eq!(shop.told(), ["approval.granted api", "update.applied worker"]);
    let history = shop.annotation("worker", "history").unwrap();
    assert!(history.contains("link email:j…@example.com"), "who approved it stands on each: {history}");
}

#[tokio::test]
async fn a_link_that_is_pressed_twice_does_it_once() {
    let shop = Several::asking();
    let link = shop.asked().await;
    let (one, other) = tokio::join!(shop.presses(&link, Action::Approve), shop.presses(&link, Action::Approve));
    assert!(matches!((&one, &other), (Answer::Approved(_), Answer::Approved(_))), "{one:?}, {other:?}");
    shop.comes_up("api").await;
    let again = shop.presses(&link, Action::Approve).await;
    assert!(matches!(again, Answer::Approved(_)), "{again:?}");
    assert_eq!(shop.written(), ["api", "web"]);
}

#[tokio::test]
async fn an_approved_group_goes_back_when_one_fails_and_stays_back() {
    let shop = Several::asking();
    let link = shop.asked().await;
    shop.presses(&link, Action::Approve).await;
    shop.comes_up("api").await;
    shop.told();
    shop.fails("web").await;
    shop.comes_up("web").await;
    shop.comes_up("api").await;
    shop.look_at_all().await;
    assert_eq!(shop.runs(), ["api 1.0.0", "web 1.0.0", "worker 1.0.0"]);
    let told = shop.told();
    assert_eq!(told, ["update.failed web", "update.rolled_back web"]);
}

#[tokio::test]
async fn what_would_not_be_asked_today_of_one_is_done_of_none() {
    let changed = Several::asking();
    let link = changed.asked().await;
    changed.changes("worker", |workload| workload.containers[0].image = "a.example/worker:1.0.1".into());
    assert_eq!(changed.refusal(&link).await, Refusal::MemberChanged("deploy/worker".into()));

    let gone = Several::asking();
    let link = gone.asked().await;
    gone.deletes("worker");
    assert_eq!(gone.refusal(&link).await, Refusal::MemberGone("deploy/worker".into()));

    let left = Several::asking();
    let link = left.asked().await;
    left.sets("web", "group", Some("other"));
    assert_eq!(left.refusal(&link).await, Refusal::MemberGone("deploy/web".into()));

    let paused = Several::asking();
    let link = paused.asked().await;
    paused.changes("web", |workload| workload.paused = true);
    assert_eq!(paused.refusal(&link).await, Refusal::MemberPaused("deploy/web".into()));

    let moved = Several::asking();
    let link = moved.asked().await;
    moved.pushed_again("worker", "1.1.0");
    assert_eq!(moved.refusal(&link).await, Refusal::MemberMoved("deploy/worker".into()));

    let joined = Several::asking();
    let link = joined.asked().await;
    joined.adds(member("batch", &[]));
    assert_eq!(joined.refusal(&link).await, Refusal::MemberJoined("deploy/batch".into()));

    for (setting, value, expected) in [("strategy", "PATCH", "above_strategy"), ("exclude", "1[.]1", "excluded")] {
        let other = Several::asking();
        let link = other.asked().await;
        other.sets("web", setting, Some(value));
        let refusal = other.refusal(&link).await;
        let Refusal::Member(of) = &refusal else { panic!("{refusal:?}") };
        assert_eq!((&*of.0.name, of.2.as_str()), ("web", expected));
        assert_eq!(other.written(), Vec::<String>::new());
    }
    for shop in [changed, gone, left, paused, moved, joined] {
        assert_eq!(shop.written(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_member_that_joins_is_asked_about_with_the_others_and_the_older_link_is_void() {
    let shop = Several::asking();
    let link = shop.asked().await;
    shop.told();
    shop.adds(member("batch", &[]));
    shop.all_have(&NEW);
    shop.look_at_all().await;
    let notice = shop.last(NoticeKind::Available);
    assert_eq!((&*notice.workload.name, notice.group.as_ref().unwrap().moves.len()), ("api", 4));
    let answer = shop.presses(&link, Action::Approve).await;
    assert!(matches!(answer, Answer::Superseded { .. }), "{answer:?}");
    assert_eq!(shop.written(), Vec::<String>::new());
}

#[tokio::test]
async fn the_more_careful_mode_holds_for_all() {
    let auto = [("mode", "AUTO_UPDATE")];
    let shop = Several::new(vec![member("api", &auto), member("web", &[]), member("worker", &auto)]);
    shop.asked().await;
    assert_eq!((shop.told(), shop.written()), (vec!["update.available api".to_owned()], Vec::new()));
}

#[tokio::test]
async fn what_is_skipped_or_put_off_is_so_for_all() {
    let shop = Several::asking();
    let link = shop.asked().await;
    shop.told();
    assert!(matches!(shop.presses(&link, Action::Snooze).await, Answer::Snoozed(..)));
    shop.look_at_all().await;
    assert_eq!(shop.told(), Vec::<String>::new());
    assert!(matches!(shop.presses(&link, Action::Skip).await, Answer::Skipped(_)));
    shop.look_at_all().await;
    assert_eq!(shop.told(), ["update.skipped api"]);
    shop.all_have(&["1.0.0", "1.1.0", "1.2.0"]);
    shop.look_at_all().await;
    assert_eq!(shop.last(NoticeKind::Available).to.tag, "1.2.0");
}

#[tokio::test]
async fn a_link_binds_every_member() {
    let shop = Several::asking();
    let link = shop.asked().await;
    let notice = shop.last(NoticeKind::Available);
    let mut other = notice.clone();
    let plan = other.group.as_mut().unwrap();
    plan.moves[2].digest = crate::domain::reference::Digest::of(b"something else");
    let forged = shop.link(&other);
    assert!(matches!(shop.presses(&forged, Action::Approve).await, Answer::Unknown), "it shows something else");
    let without = crate::domain::event::Notice { group: None, ..notice };
    let forged = shop.link(&without);
    assert!(matches!(shop.presses(&forged, Action::Approve).await, Answer::Unknown), "it shows one of them");
    assert!(matches!(shop.presses(&link, Action::Approve).await, Answer::Approved(_)));
}

#[tokio::test]
async fn one_link_takes_all_back() {
    let shop = Several::asking();
    let link = shop.asked().await;
    shop.presses(&link, Action::Approve).await;
    for name in ["api", "web", "worker"] {
        shop.comes_up(name).await;
    }
    let link = shop.link(&shop.last(NoticeKind::Applied));
    let answer = shop.presses(&link, Action::Rollback).await;
    assert!(matches!(answer, Answer::WentBack(_)), "{answer:?}");
    shop.look_at_all().await;
    assert_eq!(shop.runs(), ["api 1.0.0", "web 1.0.0", "worker 1.0.0"]);
}

#[tokio::test]
async fn all_go_back_though_no_look_at_the_others_can_be_stored() {
    let shop = Several::asking();
    let link = shop.asked().await;
    shop.presses(&link, Action::Approve).await;
    for name in ["api", "web", "worker"] {
        shop.comes_up(name).await;
    }
    let link = shop.link(&shop.last(NoticeKind::Applied));
    let full = when_full(&shop.reconciler);
    let answer = full.answer(&link, Action::Rollback, "of the press").await;
    assert!(matches!(answer, Answer::WentBack(_)), "{answer:?}");
    assert_eq!(full.0.queue.refused(), ["of the press"]);
    shop.look_at_all().await;
    assert_eq!(shop.runs(), ["api 1.0.0", "web 1.0.0", "worker 1.0.0"]);
}

/// All went back and hold 1.1.0, as it failed on the last; the link that lets it be applied again.
async fn held_on_all() -> (Several, crate::domain::approval::Token) {
    let shop = Several::automatic();
    shop.all_have(&NEW);
    shop.look_at_all().await;
    shop.comes_up("api").await;
    shop.comes_up("web").await;
    shop.fails("worker").await;
    for name in ["worker", "web", "api"] {
        shop.comes_up(name).await;
    }
    assert_eq!(held(&shop), [true; 3]);
    let link = shop.link(&shop.last(NoticeKind::RolledBack));
    shop.written();
    (shop, link)
}

fn held(shop: &Several) -> [bool; 3] {
    ["api", "web", "worker"].map(|name| shop.annotation(name, "held").is_some())
}

#[tokio::test]
async fn a_member_that_can_not_be_written_now_takes_nothing_back_of_an_answer() {
    let (shop, link) = held_on_all().await;
    shop.is_unreachable("api", true);
    let answer = shop.presses(&link, Action::Resume).await;
    assert!(matches!(answer, Answer::Resumed(_)), "{answer:?}");
    assert_eq!(held(&shop), [true, false, false], "who can be written is");
}

/// It may be held again by then: the next look compares when.
#[tokio::test]
async fn what_is_to_be_let_go_long_after_the_answer_is_left_to_the_next_look() {
    use crate::domain::approval::LIFETIME;
    let (shop, link) = held_on_all().await;
    let turn = shop.reconciler.1.turns.of(&shop.workload("web").id.uid).await;
    let stands_still = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        shop.clock.step(LIFETIME + chrono::TimeDelta::minutes(1));
        drop(turn);
    };
    let answer = tokio::join!(shop.presses(&link, Action::Resume), stands_still).0;
    assert!(matches!(answer, Answer::Resumed(_)), "{answer:?}");
    assert_eq!(held(&shop), [false, true, false]);
    for _ in 0..2 {
        shop.look_at_all().await;
    }
    assert_eq!(held(&shop), [false; 3]);
}

/// So it is where the process ends in between.
#[tokio::test]
async fn what_is_let_go_on_one_is_let_go_on_all_as_soon_as_they_can_be_written() {
    for restarts in [false, true] {
        let (mut shop, link) = held_on_all().await;
        shop.is_unreachable("api", true);
        shop.is_unreachable("web", true);
        shop.presses(&link, Action::Resume).await;
        assert_eq!(held(&shop), [true, true, false]);
        shop.is_unreachable("api", false);
        shop.is_unreachable("web", false);
        if restarts {
            shop.restart();
        }
        for _ in 0..2 {
            shop.look_at_all().await;
        }
        assert_eq!(held(&shop), [false; 3]);
        assert_eq!(shop.written(), ["api"], "and the group goes on");
    }
}

/// The record is signed, and still says another thing of the members than the link does.
#[tokio::test]
async fn a_link_that_binds_other_members_than_the_question_asks_nobody() {
    use crate::ambient::Clock;
    use crate::domain::approval::LinkKey;
    use crate::domain::record::Event;
    use crate::domain::record::sealed::{Opened, open, seal};
    let shop = Several::asking();
    let link = shop.asked().await;
    let api = shop.workload("api");
    let keys = LinkKey::new(vec![7; 32]).unwrap();
    let Opened::Ours(mut record) =
        open(api.annotation("record"), api.annotation("history"), &api.id, &keys.clone().into())
    else {
        panic!("a record of ours");
    };
    let mut question = record.ledger("api").unwrap().question.clone().unwrap();
    question.group.as_mut().unwrap().moves.pop();
    record.on("api", Event::Ask(Box::new(question)), shop.clock.now());
    record.sequence += 1;
    let sealed = seal(&record, &api.id, &keys).unwrap().0;
    shop.sets("api", "record", Some(&sealed));
    // Its members could not be judged now.
    shop.is_starting(true);
    let answer = shop.presses(&link, Action::Approve).await;
    assert!(matches!(answer, Answer::Changed(_)), "{answer:?}");
}

#[tokio::test]
async fn a_group_takes_as_many_people_as_the_strictest_of_it() {
    let shop = Several::asking();
    let link = shop.asked().await;
    shop.sets("worker", "approvals", Some("2"));
    let approves = |name: &str| Press { by: SignedIn::read(name), ..Press::of(Action::Approve) };
    for is_again in [false, true] {
        let answer = shop.reconciler.answer_to(&link, &approves("alice"), "trace").await;
        let Answer::Voted { asked, is_again: again } = &answer else { panic!("{answer:?}") };
        assert_eq!((asked.ballot.words().as_deref(), *again), (Some("1 of 2"), is_again));
    }
    assert_eq!(shop.runs(), ["api 1.0.0", "web 1.0.0", "worker 1.0.0"]);
    shop.look_at_all().await;
    let answer = shop.reconciler.answer_to(&link, &approves("bob"), "trace").await;
    assert!(matches!(answer, Answer::Approved(_)), "{answer:?}");
    for member in ["api", "web", "worker"] {
        shop.comes_up(member).await;
    }
    let history = shop.annotation("worker", "history").unwrap();
    assert!(history.contains("people sign-in alice; sign-in bob"), "who approved it stands on each: {history}");
}
