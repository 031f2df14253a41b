//! What is pressed: by whom, with what else the page asks for, and in time or not.

use super::votes::{CHAT, JANE, JOE, OLD, needing};
use super::*;
use crate::domain::actor::SignedIn;
use crate::domain::approval::{Allows, LIFETIME, Token};
use crate::domain::history::Outcome;
use crate::queue::AnswerWrite;

impl Stage {
    async fn signs(&self, name: &str, action: Action) -> Answer {
        let press = Press { by: SignedIn::read(name), is_confirmed: true, ..Press::of(action) };
        self.reconciler.answer_to(&self.link_of(JOE), &press, "trace").await
    }

    fn uid(&self) -> Box<str> {
        self.cluster.state(|state| state.workload.id.uid.clone())
    }

    /// What is answered by a process that stands still for so long when it is about to write.
    async fn answers_after(&self, link: &Token, action: Action, still: TimeDelta) -> Answer {
        let turn = self.reconciler.1.turns.of(&self.uid()).await;
        let stands_still = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            self.clock.step(still);
            drop(turn);
        };
        tokio::join!(self.reconciler.answer(link, action, "trace"), stands_still).0
    }
}

/// The manifest is applied again, and calls it otherwise.
#[tokio::test]
async fn the_link_of_a_container_that_was_renamed_says_what_happened() {
    let stage = Stage::new(workload(&[("web", "a.example/web:1.0.0")], &[("mode", "NOTIFICATION")]), &["1.0.0"]);
    stage.asked().await;
    let link = stage.token();
    stage.changed(|now| {
        now.containers = [crate::domain::workload::Container::main("main", "a.example/web:1.0.0")].into();
    });
    for _ in 0..2 {
        let opened = stage.reconciler.asked_by(&link, None).await;
        assert!(matches!(opened, Answer::Changed(_)), "{opened:?}");
        let pressed = stage.reconciler.answer(&link, Action::Approve, "trace").await;
        assert!(matches!(pressed, Answer::Changed(_)), "{pressed:?}");
        stage.look().await;
    }
    assert_eq!(stage.cluster.image(), "a.example/web:1.0.0");
}

#[tokio::test]
async fn a_question_is_put_off_for_as_long_as_is_chosen() {
    for days in [1, 7, 30] {
        let stage = Stage::team(needing("1", &[])).await;
        let length = Press::length(&format!("{days}d")).unwrap();
        let press = Press { length, ..Press::of(Action::Snooze) };
        let answer = stage.reconciler.answer_to(&stage.link_of(JOE), &press, "trace").await;
        let Answer::Snoozed(_, until) = answer else { panic!("{answer:?}") };
        assert_eq!(until - stage.clock.now(), TimeDelta::days(days));
    }
    assert_eq!((Press::length("90d"), Press::length("")), (None, None));
}

#[tokio::test]
async fn the_last_second_of_a_link_is_the_last() {
    for (seconds, is_in_time) in [(-1, true), (0, false), (1, false)] {
        let stage = Stage::team(needing("1", &[])).await;
        let (link, expires) = (stage.link_of(JOE), stage.asks().terms.expires());
        stage.clock.step(expires - stage.clock.now() + TimeDelta::seconds(seconds));
        let answer = stage.reconciler.answer(&link, Action::Approve, "trace").await;
        let is_as_expected =
            if is_in_time { matches!(answer, Answer::Approved(_)) } else { matches!(answer, Answer::Expired(_)) };
        assert!(is_as_expected, "{seconds}: {answer:?}");
        assert_eq!(stage.cluster.image() == OLD, !is_in_time);
    }
}

/// A machine that is put to sleep does not know of it.
#[tokio::test]
async fn an_answer_whose_process_stood_still_until_its_time_was_over_is_not_written() {
    let stage = Stage::team(needing("1", &[])).await;
    let (link, clock) = (stage.link_of(JOE), stage.clock.clone());
    stage
        .cluster
        .state(|state| state.on_rehearsal = Some(Box::new(move |_| clock.step(LIFETIME + TimeDelta::minutes(1)))));
    let answer = stage.reconciler.answer(&link, Action::Approve, "trace").await;
    assert!(matches!(answer, Answer::Expired(_)), "{answer:?}");
    assert!(stage.cluster.state(|state| state.on_rehearsal.is_none()), "it was about to be written");
    assert_eq!(stage.cluster.image(), OLD);
}

/// Fault r27-6: a vote and a snooze were. The answer that another replica has under way by then stays in doubt.
#[tokio::test]
async fn no_answer_is_written_whose_process_stood_still_until_its_time_was_over() {
    for (needed, action) in [("1", Action::Approve), ("2", Action::Approve), ("1", Action::Skip), ("1", Action::Snooze)]
    {
        let stage = Stage::team(needing(needed, &[])).await;
        let (link, writes, uid, store) = (stage.link_of(JOE), stage.writes(), stage.uid(), &stage.reconciler.0.queue);
        let on = crate::queue::WrittenOn::Generation(1);
        let anothers = crate::queue::Answering { sequence: 1, on, container: "web".into() };
        store.answering(&uid, AnswerWrite::Begins(anothers.clone())).await.unwrap();
        let answer = stage.answers_after(&link, action, LIFETIME + TimeDelta::minutes(1)).await;
        assert!(matches!(answer, Answer::Expired(_)), "{action:?} of {needed}: {answer:?}");
        assert_eq!((stage.writes(), stage.cluster.image().as_str()), (writes, OLD), "{action:?} of {needed}");
        assert_eq!(store.newest(&uid).await.unwrap().unwrap().answering, Some(anothers), "{action:?} of {needed}");
    }
}

#[tokio::test]
async fn a_new_link_is_to_what_is_asked_when_it_is_sent_however_long_the_process_stood_still() {
    let stage = Stage::team(needing("1", &[])).await;
    let link = stage.link_of(JOE);
    stage.clock.step(LIFETIME);
    let answer = stage.answers_after(&link, Action::Renew, TimeDelta::days(3)).await;
    assert!(matches!(answer, Answer::Renewed(_)), "{answer:?}");
    assert_eq!(stage.asks().asked, stage.clock.now());
}

/// As where a replica said so that had stood still meanwhile.
#[tokio::test]
async fn an_answer_in_doubt_that_is_older_than_the_record_stops_no_write() {
    let stage = Stage::team(needing("1", &[])).await;
    let uid = stage.cluster.state(|state| state.workload.id.uid.clone());
    let on = crate::queue::WrittenOn::Generation(1);
    let older = crate::queue::Answering { sequence: 1, on, container: "web".into() };
    stage.reconciler.answering(&uid, AnswerWrite::Begins(older)).await.unwrap();
    let answer = stage.presses(JOE, Action::Approve).await;
    assert!(matches!(answer, Answer::Approved(_)), "{answer:?}");
}

/// Row 7 of the design's table: of two services that share a key one has a clock that is ten minutes off. Each judges by its
/// own, and none takes anything from what the other asked.
#[tokio::test]
async fn clocks_that_are_ten_minutes_apart_open_the_same_links_and_make_none_last_longer() {
    let apart = TimeDelta::minutes(10);
    let stage = Stage::team(needing("2", &[])).await;
    let (joe, jane, expires) = (stage.link_of(JOE), stage.link_of(JANE), stage.asks().terms.expires());
    stage.clock.step(-apart);
    assert!(matches!(stage.reconciler.asked(&joe).await, Answer::Open(_)), "asked in ten minutes, as its clock says");
    assert_eq!(Stage::counted_as(&stage.reconciler.answer(&joe, Action::Approve, "trace").await).0, "1 of 2");
    stage.look().await;
    stage.clock.step(apart + apart);
    stage.look().await;
    assert!(matches!(stage.reconciler.asked(&jane).await, Answer::Open(_)));
    stage.clock.step(expires - stage.clock.now() - TimeDelta::seconds(1));
    assert!(matches!(stage.reconciler.asked(&jane).await, Answer::Open(_)));
    stage.clock.step(TimeDelta::seconds(1));
    assert!(matches!(stage.reconciler.answer(&jane, Action::Approve, "trace").await, Answer::Expired(_)));
    assert_eq!(stage.cluster.image(), OLD);
}

#[tokio::test]
async fn a_link_of_an_object_that_was_made_again_does_nothing_to_its_successor() {
    let stage = Stage::team(needing("1", &[])).await;
    let (link, jane) = (stage.link_of(JOE), stage.link_of(JANE));
    stage.cluster.state(|state| state.departed = Some(Arc::clone(&state.workload)));
    // Restored with all its annotations: another uid.
    stage.changed(|now| now.id.uid = "uid-2".into());
    for action in [Action::Approve, Action::Skip, Action::Snooze] {
        let answer = stage.reconciler.answer(&link, action, "trace").await;
        assert!(matches!(answer, Answer::Changed(_)), "{answer:?}");
    }
    assert_eq!((stage.cluster.image().as_str(), stage.cluster.annotation("skip")), (OLD, None));
    stage.cluster.state(|state| state.departed = None);
    assert!(matches!(stage.reconciler.asked(&jane).await, Answer::Unknown), "of what nobody remembers nothing is said");
}

#[tokio::test]
async fn a_used_link_of_an_object_that_is_gone_says_what_became_of_it_and_a_wrong_one_nothing() {
    let stage = Stage::team(needing("1", &[])).await;
    let link = stage.link_of(JOE);
    assert!(matches!(stage.presses(JOE, Action::Approve).await, Answer::Approved(_)));
    stage.cluster.state(|state| state.departed = Some(Arc::clone(&state.workload)));
    stage.changed(|now| (now.id.uid, now.annotations) = ("uid-2".into(), Box::default()));
    let said = stage.reconciler.asked(&link).await;
    let Answer::Approved(applied) = said else { panic!("{said:?}") };
    assert_eq!(applied.outcome(), Outcome::Replaced, "nobody knows whether what it wrote runs still");
    stage.cluster.state(|state| {
        let mut other = Workload::clone(state.departed.as_ref().unwrap());
        other.id.uid = "uid-3".into();
        state.departed = Some(Arc::new(other));
    });
    assert!(matches!(stage.reconciler.asked(&link).await, Answer::Unknown), "its record was signed for another object");
}

#[tokio::test]
async fn two_who_signed_in_are_two_by_one_link_and_the_record_says_how_they_are_known() {
    let stage = Stage::team(needing("2", &[])).await;
    assert_eq!(Stage::counted_as(&stage.signs("alice", Action::Approve).await), ("1 of 2".into(), false));
    assert_eq!(Stage::counted_as(&stage.signs("alice", Action::Approve).await), ("1 of 2".into(), true));
    assert_eq!(Stage::counted_as(&stage.presses(JOE, Action::Approve).await), ("1 of 2".into(), true));
    let answer = stage.signs("bob", Action::Approve).await;
    let Answer::Approved(applied) = &answer else { panic!("{answer:?}") };
    assert_eq!(applied.entry.by, "people sign-in alice; sign-in bob");
}

#[tokio::test]
async fn who_may_not_patch_the_workload_decides_nothing() {
    let stage = Stage::team(needing("1", &[])).await;
    stage.cluster.state(|state| state.may_sign = Some(vec!["alice"]));
    let writes = stage.writes();
    for action in [Action::Approve, Action::ApproveOutsideWindow, Action::Skip, Action::Snooze] {
        assert!(matches!(stage.signs("mallory", action).await, Answer::Forbidden(_)), "{action:?}");
    }
    assert_eq!((stage.writes(), stage.cluster.image().as_str()), (writes, OLD));
    assert!(matches!(stage.signs("alice", Action::Approve).await, Answer::Approved(_)));

    let unasked = Stage::team(needing("1", &[])).await;
    assert!(matches!(unasked.signs("mallory", Action::Skip).await, Answer::Skipped(_)), "it may not be asked");
}

#[tokio::test]
async fn a_major_update_and_a_way_back_take_one_more_gesture() {
    let stage = Stage::team(workload(&[("web", OLD)], &[("mode", "NOTIFICATION")])).await;
    stage.has(&["1.0.0", "1.0.1", "2.0.0"]);
    stage.look().await;
    let (writes, link) = (stage.writes(), stage.link_of(JOE));
    let unread = Press::of;
    for action in [Action::Approve, Action::ApproveOutsideWindow] {
        let answer = stage.reconciler.answer_to(&link, &unread(action), "trace").await;
        assert!(matches!(answer, Answer::Unconfirmed(_)), "{answer:?}");
    }
    assert_eq!((stage.writes(), stage.cluster.image().as_str()), (writes, OLD));
    let answer = stage.reconciler.answer_to(&link, &unread(Action::Snooze), "trace").await;
    assert!(matches!(answer, Answer::Snoozed(..)), "what writes no image takes none: {answer:?}");
    assert!(matches!(stage.presses(JOE, Action::Approve).await, Answer::Approved(_)));
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    assert_eq!(stage.asks().terms.allows, Allows::Back);
    let (link, writes) = (stage.link_of(JOE), stage.writes());
    let answer = stage.reconciler.answer_to(&link, &unread(Action::Rollback), "trace").await;
    assert!(matches!(answer, Answer::Unconfirmed(_)), "{answer:?}");
    assert_eq!(stage.writes(), writes);
    assert!(matches!(stage.presses(JOE, Action::Rollback).await, Answer::WentBack(_)));

    let minor = Stage::team(needing("1", &[])).await;
    let answer = minor.reconciler.answer_to(&minor.link_of(JOE), &unread(Action::Approve), "trace").await;
    assert!(matches!(answer, Answer::Approved(_)), "{answer:?}");
}

/// What waits to be delivered; it waits no more.
pub(super) async fn deliveries(stage: &Stage) -> Vec<Delivery> {
    let queue = &stage.reconciler.0.queue;
    let mut all = Vec::new();
    for channel in ["email", "oncall", "chat"] {
        let topic = Topic::Deliver(channel.into());
        loop {
            let jobs = queue.lease(&topic, 10, &Sharing::in_order(10)).await.unwrap().jobs;
            if jobs.is_empty() {
                break;
            }
            for leased in jobs {
                let Job::Deliver(delivery) = &leased.job else { panic!("a delivery") };
                all.push(Delivery::clone(delivery));
                queue.settle(&leased, Settlement::Done).await.unwrap();
            }
        }
    }
    all
}

/// The same, by channel and recipient, and whether the link is that of the newest question.
pub(super) async fn owed(stage: &Stage) -> Vec<String> {
    let of = |delivery: &Delivery| {
        let id = &delivery.notices()[0].approval.as_ref().unwrap().id;
        let age = if id == stage.asks().terms.id.as_str() { "new" } else { "old" };
        format!("{}:{} {age}", delivery.channel, delivery.recipient)
    };
    deliveries(stage).await.iter().map(of).collect()
}

#[tokio::test]
async fn an_old_link_has_a_new_one_sent_to_its_own_recipient_and_to_nobody_else() {
    let stage = Stage::team(needing("2", &[])).await;
    stage.presses(JOE, Action::Approve).await;
    let (joe, jane, before) = (stage.link_of(JOE), stage.link_of(JANE), stage.asks());
    assert!(matches!(stage.presses(JOE, Action::Renew).await, Answer::NotAllowed(_)), "its time is not over");
    stage.clock.step(LIFETIME);
    let Answer::Expired(asked) = stage.reconciler.asked(&joe).await else { panic!("its time is over") };
    assert!(asked.is_renewable);
    owed(&stage).await;
    let writes = stage.writes();
    let answer = stage.reconciler.answer(&joe, Action::Renew, "trace").await;
    assert!(matches!(answer, Answer::Renewed(_)), "{answer:?}");
    assert_eq!(owed(&stage).await, ["email:joe@example.com new"]);
    assert_eq!(stage.writes(), writes + 1);
    assert!(stage.asks().terms.id != before.terms.id && stage.asks().votes.is_empty());
    let again = stage.reconciler.answer(&joe, Action::Renew, "trace").await;
    assert!(matches!(again, Answer::RenewedLately(_)), "{again:?}");
    // The others are not asked by that; each old link leads to the question that there is now.
    let answer = stage.reconciler.answer(&jane, Action::Renew, "trace").await;
    assert!(matches!(answer, Answer::Renewed(_)), "{answer:?}");
    assert_eq!((owed(&stage).await, stage.writes()), (vec!["email:jane@example.com new".to_owned()], writes + 1));
    assert_eq!(Stage::counted_as(&stage.presses(JOE, Action::Approve).await), ("1 of 2".into(), false));
    stage.clock.step(TimeDelta::minutes(10));
    let later = stage.reconciler.answer(&joe, Action::Renew, "trace").await;
    assert!(matches!(later, Answer::Renewed(_)), "{later:?}");
    assert_eq!(owed(&stage).await, ["email:joe@example.com new"]);
}

#[tokio::test]
async fn nothing_is_asked_by_an_old_link_that_would_not_be_asked_today() {
    for (setting, value) in [("mode", "DISABLED"), ("skip", "1.0.1"), ("exclude", "1.0.1"), ("strategy", "PACTH")] {
        let stage = Stage::team(needing("1", &[])).await;
        let link = stage.link_of(JOE);
        stage.clock.step(LIFETIME);
        stage.annotate(setting, value);
        let (writes, opened) = (stage.writes(), stage.reconciler.asked(&link).await);
        assert!(matches!(&opened, Answer::Expired(asked) if !asked.is_renewable), "{setting}: {opened:?}");
        let answer = stage.reconciler.answer(&link, Action::Renew, "trace").await;
        assert!(matches!(answer, Answer::Refused(..)), "{setting}: {answer:?}");
        assert_eq!(stage.writes(), writes);
    }
    let untold = Stage::team(needing("1", &[])).await;
    let (joe, chat) = (untold.link_of(JOE), untold.link_of(CHAT));
    untold.clock.step(LIFETIME);
    untold.annotate("notify", "chat");
    owed(&untold).await;
    let opened = untold.reconciler.asked(&joe).await;
    assert!(matches!(&opened, Answer::Expired(asked) if !asked.is_renewable), "{opened:?}");
    let answer = untold.reconciler.answer(&joe, Action::Renew, "trace").await;
    assert!(matches!(answer, Answer::NotAllowed(_)), "{answer:?}");
    let answer = untold.reconciler.answer(&chat, Action::Renew, "trace").await;
    assert!(matches!(answer, Answer::Renewed(_)), "{answer:?}");
    assert_eq!(owed(&untold).await, ["chat: new"]);

    let moved = Stage::team(needing("1", &[])).await;
    let link = moved.link_of(JOE);
    moved.clock.step(LIFETIME);
    moved.registry.pushed_again.store(1, Ordering::SeqCst);
    owed(&moved).await;
    let answer = moved.reconciler.answer(&link, Action::Renew, "trace").await;
    assert!(matches!(answer, Answer::Moved(_)), "{answer:?}");
    assert!(owed(&moved).await.is_empty());

    let answered = Stage::team(needing("1", &[])).await;
    let link = answered.link_of(JOE);
    answered.presses(JANE, Action::Skip).await;
    answered.clock.step(LIFETIME);
    let answer = answered.reconciler.answer(&link, Action::Renew, "trace").await;
    assert!(matches!(answer, Answer::Skipped(_)), "{answer:?}");
}

#[tokio::test]
async fn an_old_link_is_no_dead_end_for_a_week_after_its_time() {
    let stage = Stage::team(needing("1", &[])).await;
    let link = stage.link_of(CHAT);
    stage.clock.step(TimeDelta::days(7));
    stage.look().await;
    assert_eq!(stage.asks().reminders, 1);
    owed(&stage).await;
    let opened = stage.reconciler.asked(&link).await;
    assert!(matches!(&opened, Answer::Expired(asked) if asked.is_renewable), "{opened:?}");
    assert!(matches!(stage.reconciler.answer(&link, Action::Approve, "trace").await, Answer::Expired(_)));
    assert!(matches!(stage.reconciler.answer(&link, Action::Renew, "trace").await, Answer::Renewed(_)));
    assert_eq!(owed(&stage).await, ["chat: new"]);
    for _ in 0..2 {
        stage.clock.step(TimeDelta::days(7));
        stage.look().await;
    }
    assert!(matches!(stage.reconciler.asked(&link).await, Answer::Unknown), "a link that is too old");
    assert!(matches!(stage.presses(CHAT, Action::Approve).await, Answer::Approved(_)));
}

#[tokio::test]
async fn an_old_link_to_what_is_held_still_has_a_new_one_sent() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.look().await;
    stage.has(&["1.0.0", "1.0.1"]);
    stage.look().await;
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    stage.set_image(OLD);
    stage.look().await;
    assert_eq!(stage.asks().terms.allows, Allows::Held);
    let link = stage.link_of(JOE);
    stage.clock.step(LIFETIME);
    owed(&stage).await;
    let answer = stage.reconciler.answer(&link, Action::Renew, "trace").await;
    assert!(matches!(answer, Answer::Renewed(_)), "{answer:?}");
    assert_eq!(owed(&stage).await, ["email:joe@example.com new"]);
    assert!(matches!(stage.presses(JOE, Action::Resume).await, Answer::Resumed(_)));
}
