//! Whatever becomes of a member, its group comes to an end, or says who holds it.

use super::*;
use crate::domain::event::NoticeKind;
use crate::domain::rollout::{Progress, Rollout, Waits as WaitsFor};
use crate::domain::workload::{Workload, WorkloadId};
use chrono::TimeDelta;

const NEW: [&str; 2] = ["1.0.0", "1.1.0"];

impl Several {
    /// Its rollout makes no progress, and nothing gives it up; so it is looked at for so long.
    async fn stands_still(&self, name: &str, minutes: i64) {
        let still = Rollout::Progressing(Progress { has_deadline: false, ..Progress::default() });
        self.changes(name, |workload| workload.rollout = still);
        for _ in 0..minutes / 15 {
            self.look_at_all().await;
            self.clock.step(TimeDelta::minutes(15));
        }
        self.look_at_all().await;
    }
}

#[tokio::test]
async fn a_member_that_stands_still_is_said_on_all_and_given_up_after_two_hours() {
    let shop = Several::automatic();
    shop.all_have(&NEW);
    shop.look_at_all().await;
    shop.comes_up("api").await;
    shop.stands_still("web", 60).await;
    assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.1.0@", "worker 1.0.0"]);
    let waits = "group shop waits: the rollout of 1.1.0 on deploy/web stands still, or waits for somebody";
    for name in ["api", "worker"] {
        assert_eq!(shop.annotation(name, "error").as_deref(), Some(waits), "{name}");
    }
    assert!(shop.annotation("web", "error").unwrap().starts_with("the rollout of 1.1.0 "));
    assert_eq!(shop.told(), Vec::<String>::new());
    shop.stands_still("web", 75).await;
    assert_eq!(shop.runs(), ["api 1.0.0", "web 1.0.0", "worker 1.0.0"]);
    let mut told = shop.told();
    // The ways back are told by looks at repositories of their own, in any order.
    told[1..].sort();
    assert_eq!(told, ["update.failed web", "update.stalled api", "update.stalled web"], "nor do the ways back");
    shop.comes_up("web").await;
    shop.comes_up("api").await;
    shop.look_at_all().await;
    assert!(shop.last(NoticeKind::RolledBack).asks(), "people may have it applied again");
    assert_eq!(shop.told(), ["update.rolled_back web"]);
    assert_eq!(shop.annotation("worker", "error"), None);
}

#[tokio::test]
async fn a_member_that_comes_up_after_it_stood_still_goes_on() {
    let shop = Several::automatic();
    shop.all_have(&NEW);
    shop.look_at_all().await;
    shop.comes_up("api").await;
    shop.stands_still("web", 60).await;
    shop.comes_up("web").await;
    shop.comes_up("worker").await;
    assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.1.0@", "worker 1.1.0@"]);
    assert_eq!(shop.annotation("api", "error"), None);
}

#[tokio::test]
async fn a_member_that_waits_for_somebody_is_named_and_after_three_days_all_is_decided_anew() {
    let shop = Several::automatic();
    shop.all_have(&NEW);
    shop.look_at_all().await;
    shop.changes("api", |workload| workload.rollout = Rollout::Waiting(WaitsFor::OnDelete));
    shop.look_at_all().await;
    shop.look_at_all().await;
    let waits = "group shop waits: the rollout of 1.1.0 on deploy/api stands still, or waits for somebody";
    assert_eq!(shop.annotation("worker", "error").as_deref(), Some(waits));
    assert_eq!(shop.written(), ["api"]);
    shop.clock.step(TimeDelta::hours(73));
    shop.look_at_all().await;
    assert_eq!(shop.written(), ["web"], "nobody waits for it any longer");
}

#[tokio::test]
async fn what_a_person_takes_back_of_one_is_not_written_again() {
    let shop = Several::automatic();
    shop.all_have(&NEW);
    shop.look_at_all().await;
    shop.comes_up("api").await;
    shop.comes_up("web").await;
    shop.written();
    shop.changes("web", |workload| workload.containers[0].image = "a.example/web:1.0.0".into());
    shop.comes_up("web").await;
    shop.look_at_all().await;
    assert!(shop.annotation("web", "held").unwrap().starts_with("1.1.0: set back to 1.0.0"));
    assert_eq!(shop.written(), Vec::<String>::new());
    assert_eq!(
        shop.runs(),
        ["api 1.1.0@", "web 1.0.0", "worker 1.1.0@"],
        "what runs elsewhere is that person's matter"
    );
}

#[tokio::test]
async fn one_that_leaves_the_group_in_the_middle_is_waited_for_no_longer() {
    let shop = Several::automatic();
    shop.all_have(&NEW);
    shop.look_at_all().await;
    shop.sets("api", "group", None);
    shop.look_at_all().await;
    assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.1.0@", "worker 1.0.0"]);
    shop.fails("api").await;
    shop.comes_up("web").await;
    shop.comes_up("worker").await;
    assert_eq!(shop.runs(), ["api 1.0.0", "web 1.1.0@", "worker 1.1.0@"], "it goes back alone");
}

#[tokio::test]
async fn of_two_left_of_which_one_is_deleted_the_other_goes_back_alone() {
    let auto = [("mode", "AUTO_UPDATE")];
    let shop = Several::new(vec![member("api", &auto), member("web", &auto)]);
    shop.all_have(&NEW);
    shop.look_at_all().await;
    shop.deletes("web");
    shop.fails("api").await;
    assert_eq!(shop.runs(), ["api 1.0.0"]);
    shop.comes_up("api").await;
    assert_eq!(shop.told(), ["update.failed api", "update.rolled_back api"]);
}

#[tokio::test]
async fn two_groups_of_one_name_in_two_namespaces_know_nothing_of_each_other() {
    let auto = [("mode", "AUTO_UPDATE")];
    let elsewhere = |name: &str, repository: &str| {
        let one = member(repository, &auto);
        let id =
            WorkloadId { namespace: "blog".into(), name: name.into(), uid: format!("uid-{name}").into(), ..one.id };
        Workload { id, ..one }
    };
    let shop = Several::new(vec![
        member("api", &auto),
        member("web", &auto),
        elsewhere("cms", "cms"),
        elsewhere("feed", "feed"),
    ]);
    shop.has("cms", &["1.0.0"]);
    shop.has("feed", &["1.0.0"]);
    for name in ["api", "web", "cms"] {
        shop.has(name, &NEW);
    }
    shop.look_at_all().await;
    assert_eq!(shop.written(), ["api"], "feed lacks it, and holds cms alone");
    shop.fails("api").await;
    shop.comes_up("api").await;
    assert_eq!(shop.annotation("cms", "held"), None);
    shop.has("feed", &NEW);
    shop.look_at_all().await;
    shop.comes_up("cms").await;
    assert_eq!(shop.written(), ["api", "cms", "feed"]);
}

#[tokio::test]
async fn a_member_that_is_disabled_in_the_middle_holds_the_rest_and_is_named() {
    let shop = Several::automatic();
    shop.all_have(&NEW);
    shop.look_at_all().await;
    shop.sets("web", "mode", Some("DISABLED"));
    shop.comes_up("api").await;
    shop.look_at_all().await;
    let waits = Some("group shop waits: the mode of deploy/web is DISABLED".to_owned());
    assert_eq!((shop.annotation("api", "error"), shop.annotation("worker", "error")), (waits.clone(), waits));
    shop.sets("web", "group", Some("other"));
    shop.look_at_all().await;
    assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.0.0", "worker 1.1.0@"], "out of the group, it holds nobody");
}

#[tokio::test]
async fn who_is_to_be_asked_by_now_is_asked_about_what_is_left_of_a_plan() {
    let shop = Several::automatic();
    shop.all_have(&NEW);
    shop.look_at_all().await;
    shop.written();
    shop.sets("web", "mode", Some("NOTIFICATION"));
    shop.comes_up("api").await;
    assert_eq!(shop.written(), Vec::<String>::new());
    let asked = shop.last(NoticeKind::Available);
    assert_eq!((&*asked.workload.name, asked.group.as_ref().unwrap().moves.len()), ("web", 2), "what is left");
    let answer = shop.reconciler.answer(&shop.link(&asked), crate::domain::answer::Action::Approve, "trace").await;
    assert!(matches!(answer, crate::reconcile::Answer::Approved(_)), "{answer:?}");
    shop.comes_up("web").await;
    assert_eq!(shop.written(), ["web", "worker"]);
}

#[tokio::test]
async fn what_a_member_does_not_want_by_now_is_not_written_though_it_was_agreed_on() {
    for (name, value) in [("strategy", "PATCH"), ("skip", "1.1.0"), ("exclude", "^1[.]1")] {
        let (auto, approved) = (Several::automatic(), Several::asking());
        for shop in [&auto, &approved] {
            shop.all_have(&NEW);
            shop.look_at_all().await;
        }
        let link = approved.link(&approved.last(NoticeKind::Available));
        let answer = approved.reconciler.answer(&link, crate::domain::answer::Action::Approve, "trace").await;
        assert!(matches!(answer, crate::reconcile::Answer::Approved(_)), "{answer:?}");
        for shop in [auto, approved] {
            assert_eq!(shop.written(), ["api"], "{name}");
            shop.sets("web", name, Some(value));
            shop.comes_up("api").await;
            shop.look_at_all().await;
            assert_eq!(shop.written(), Vec::<String>::new(), "{name}");
        }
    }
}

#[tokio::test]
async fn a_question_of_its_own_is_closed_when_a_workload_joins() {
    let auto = [("mode", "AUTO_UPDATE")];
    let shop = Several::new(vec![member("api", &auto), member("web", &auto)]);
    shop.sets("web", "group", None);
    shop.sets("web", "mode", None);
    shop.has("web", &NEW);
    shop.look_at_all().await;
    let own = shop.last(NoticeKind::Available);
    assert_eq!((&*own.workload.name, own.group.is_none()), ("web", true));
    let link = shop.link(&own);
    shop.sets("web", "group", Some("shop"));
    shop.look_at_all().await;
    let answer = shop.reconciler.answer(&link, crate::domain::answer::Action::Approve, "trace").await;
    assert!(matches!(answer, crate::reconcile::Answer::Over(..)), "{answer:?}");
    shop.told();
    shop.has("api", &NEW);
    shop.look_at_all().await;
    let notice = shop.last(NoticeKind::Available);
    assert_eq!((&*notice.workload.name, notice.group.as_ref().unwrap().moves.len()), ("api", 2));
    assert_eq!(shop.written(), Vec::<String>::new());
}

#[tokio::test]
async fn a_question_that_was_put_off_for_one_asks_for_all() {
    let auto = [("mode", "AUTO_UPDATE")];
    let shop = Several::new(vec![member("api", &auto), member("web", &auto)]);
    shop.sets("web", "group", None);
    shop.sets("web", "mode", None);
    shop.has("web", &NEW);
    shop.look_at_all().await;
    let link = shop.link(&shop.last(NoticeKind::Available));
    let answer = shop.reconciler.answer(&link, crate::domain::answer::Action::Snooze, "trace").await;
    assert!(matches!(answer, crate::reconcile::Answer::Snoozed(..)), "{answer:?}");
    shop.sets("web", "group", Some("shop"));
    shop.has("api", &NEW);
    shop.told();
    shop.look_at_all().await;
    assert_eq!((shop.told(), shop.written()), (vec!["update.available api".to_owned()], Vec::new()));
}

#[tokio::test]
async fn the_end_of_a_member_that_may_not_be_written_any_more_is_told() {
    let shop = Several::automatic();
    shop.all_have(&NEW);
    shop.look_at_all().await;
    for name in ["api", "web"] {
        shop.comes_up(name).await;
    }
    assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.1.0@", "worker 1.1.0@"]);
    shop.told();
    shop.cluster.1.lock().unwrap().push("worker");
    shop.fails("worker").await;
    assert_eq!(shop.told(), ["update.failed worker"]);
}

/// Nothing may be written, so that nothing on the members can say it.
#[tokio::test]
async fn people_are_told_once_of_a_group_that_may_not_be_written() {
    use super::namespace::DRY_RUN;
    use crate::domain::event::NoLink;
    for (is_dry_run, is_auto, expected) in [
        (true, true, NoLink::WouldApply),
        (true, false, NoLink::WouldAsk),
        (false, true, NoLink::MayNotApply),
        (false, false, NoLink::MayNotPatch),
    ] {
        let mut shop = if is_auto { Several::automatic() } else { Several::asking() };
        shop.look_at_all().await;
        let locked = if is_dry_run { vec![DRY_RUN] } else { vec!["api", "web", "worker"] };
        *shop.cluster.1.lock().unwrap() = locked;
        shop.told();
        shop.has("api", &["1.0.0", "1.1.0"]);
        shop.look_at_all().await;
        assert_eq!(shop.told(), Vec::<String>::new(), "the others lack it");
        for name in ["web", "worker"] {
            shop.has(name, &["1.0.0", "1.1.0"]);
        }
        shop.look_at_all().await;
        let notice = shop.joe.0.lock().unwrap().last().cloned().unwrap();
        assert_eq!((notice.no_link, notice.to.tag.as_str()), (Some(expected), "1.1.0"));
        assert_eq!(notice.group.as_ref().map(|plan| plan.moves.len()), Some(3), "all of it");
        shop.restart();
        shop.look_at_all().await;
        assert_eq!(shop.told(), ["update.available api"], "once for all, {expected:?}");
        assert_eq!(shop.written(), Vec::<String>::new());
    }
}
