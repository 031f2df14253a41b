//! A group among others: it takes its place in waves and bounds, and the brake stops it.

use super::*;
use crate::domain::event::NoticeKind;
use crate::domain::fleet::Asks;
use crate::domain::rollout::Rollout;
use crate::domain::workload::{Workload, WorkloadId};

const NEW: [&str; 2] = ["1.0.0", "1.1.0"];

const AUTO: [(&str, &str); 1] = [("mode", "AUTO_UPDATE")];

/// One that runs the same repository as a member, and is of no group.
fn beside(name: &str, repository: &str) -> Workload {
    let one = member(repository, &AUTO);
    let id = WorkloadId { name: name.into(), uid: format!("uid-{name}").into(), ..one.id.clone() };
    let annotations = one.annotations.iter().filter(|(name, _)| &**name != "group").cloned().collect();
    Workload { id, annotations, ..one }
}

#[tokio::test]
async fn a_group_waits_for_whoever_takes_the_same_manifest_first() {
    let shop = Several::new(vec![member("api", &AUTO), member("web", &AUTO), beside("zebra", "web")]);
    shop.sets("zebra", "window", None);
    shop.has("web", &NEW);
    shop.look("web").await;
    assert_eq!(shop.written(), ["zebra"], "it is alone");
    shop.has("api", &NEW);
    shop.look("api").await;
    assert_eq!(shop.written(), Vec::<String>::new(), "its second is under way elsewhere");
    let waiting = shop.reconciler.waiting();
    let web = &waiting[&("uid-web".into(), "web".into())];
    assert_eq!(web.to_string(), "waits until shop/deploy/zebra is healthy with 1.1.0");
    shop.comes_up("zebra").await;
    shop.look_at_all().await;
    assert_eq!(shop.written(), ["api"]);
    assert!(shop.reconciler.waiting().is_empty());
}

#[tokio::test]
async fn a_member_in_its_turn_waits_for_whoever_takes_the_same_manifest_first() {
    let shop = Several::new(vec![member("api", &AUTO), member("web", &AUTO), beside("zebra", "web")]);
    shop.sets("zebra", "exclude", Some("1[.]1"));
    shop.all_have(&NEW);
    shop.look_at_all().await;
    assert_eq!(shop.written(), ["api"]);
    shop.sets("zebra", "exclude", None);
    shop.look("web").await;
    assert_eq!(shop.written(), ["zebra"]);
    shop.comes_up("api").await;
    assert_eq!(shop.written(), Vec::<String>::new());
    shop.fails("zebra").await;
    shop.comes_up("zebra").await;
    shop.written();
    shop.look("web").await;
    let asked = shop.last(NoticeKind::Available);
    assert_eq!((&*asked.workload.name, shop.written()), ("web", Vec::new()), "what is left is asked about");
    assert!(matches!(asked.because.as_deref(), Some(Asks::Failed(failed)) if failed.workload == "shop/deploy/zebra"));
}

#[tokio::test]
async fn others_wait_for_a_group_that_goes_first() {
    let shop = Several::new(vec![member("api", &AUTO), member("web", &AUTO), beside("zebra", "api")]);
    shop.all_have(&NEW);
    shop.sets("zebra", "exclude", Some("1[.]1"));
    shop.look_at_all().await;
    assert_eq!(shop.written(), ["api"]);
    shop.sets("zebra", "exclude", None);
    shop.look("api").await;
    assert_eq!(shop.written(), Vec::<String>::new());
    shop.comes_up("api").await;
    shop.look("api").await;
    let mut written = shop.written();
    written.sort();
    assert_eq!(written, ["web", "zebra"]);
}

#[tokio::test]
async fn a_group_takes_a_place_for_each_that_rolls_and_goes_though_it_is_larger_than_the_bound() {
    let others = vec![beside("zebra", "zebra")];
    let shop = Several::limited([three(), others].concat(), 1);
    shop.has("zebra", &NEW);
    shop.look("zebra").await;
    assert_eq!(shop.written(), ["zebra"]);
    for name in ["api", "web", "worker"] {
        shop.has(name, &NEW);
    }
    shop.look_at_all().await;
    assert_eq!(shop.written(), Vec::<String>::new(), "there is no room");
    let bound = "waits, as no more than 1 update may roll at once (rollouts.total)";
    assert_eq!(shop.reconciler.waiting()[&("uid-api".into(), "api".into())].to_string(), bound);
    shop.comes_up("zebra").await;
    shop.look("api").await;
    shop.comes_up("api").await;
    shop.comes_up("web").await;
    shop.comes_up("worker").await;
    assert_eq!(shop.written(), ["api", "web", "worker"]);
    assert_eq!(shop.told(), ["update.applied zebra", "update.applied worker"]);
}

fn three() -> Vec<Workload> {
    vec![member("api", &AUTO), member("web", &AUTO), member("worker", &AUTO)]
}

#[tokio::test]
async fn the_brake_makes_a_group_ask_and_its_question_says_why() {
    let shop = Several::new([three(), vec![beside("y", "y"), beside("z", "z")]].concat());
    for name in ["y", "z"] {
        shop.has(name, &NEW);
        shop.look(name).await;
        shop.fails(name).await;
    }
    shop.written();
    for name in ["api", "web", "worker"] {
        shop.has(name, &NEW);
    }
    shop.look_at_all().await;
    assert_eq!(shop.written(), Vec::<String>::new());
    let asked = shop.last(NoticeKind::Available);
    assert!(matches!(asked.because.as_deref(), Some(Asks::Stopped(_))), "{:?}", asked.because);
    assert_eq!(asked.group.as_ref().unwrap().moves.len(), 3);
    shop.clock.step(chrono::TimeDelta::minutes(1));
    shop.reconciler.resume_updates("link email".into(), "trace").await.unwrap().unwrap();
    shop.look_at_all().await;
    assert_eq!(shop.written(), ["api"], "nobody is asked any more");
}

#[tokio::test]
async fn the_brake_stops_what_is_left_of_a_group_that_nobody_approved() {
    let shop = Several::new([three(), vec![beside("y", "y"), beside("z", "z")]].concat());
    shop.all_have(&NEW);
    for name in ["y", "z", "api"] {
        shop.look(name).await;
    }
    shop.fails("y").await;
    shop.fails("z").await;
    shop.written();
    shop.comes_up("api").await;
    assert_eq!(shop.written(), Vec::<String>::new());
    let asked = shop.last(NoticeKind::Available);
    assert_eq!((&*asked.workload.name, asked.group.as_ref().unwrap().moves.len()), ("web", 2), "what is left");
    let link = shop.link(&asked);
    let answer = shop.reconciler.answer(&link, crate::domain::answer::Action::Approve, "trace").await;
    assert!(matches!(answer, crate::reconcile::Answer::Approved(_)), "{answer:?}");
    shop.comes_up("web").await;
    shop.comes_up("worker").await;
    assert_eq!(shop.written(), ["web", "worker"], "what people approve is held by nothing");
}

#[tokio::test]
async fn what_failed_elsewhere_on_any_member_is_said_in_the_question() {
    let shop = Several::new([three(), vec![beside("zebra", "worker")]].concat());
    shop.has("worker", &NEW);
    shop.look("worker").await;
    assert_eq!(shop.written(), ["zebra"]);
    shop.fails("zebra").await;
    for name in ["api", "web"] {
        shop.has(name, &NEW);
    }
    shop.look_at_all().await;
    let is_said = |shop: &Several| {
        let asked = shop.last(NoticeKind::Available);
        let because = asked.because.as_deref();
        (
            asked.workload.name.to_string(),
            matches!(because, Some(Asks::Failed(it)) if it.workload == "shop/deploy/zebra"),
        )
    };
    assert_eq!(is_said(&shop), ("api".to_owned(), true));
    shop.deletes("zebra");
    shop.look_at_all().await;
    assert_eq!(is_said(&shop), ("api".to_owned(), true), "who failed is gone, and what it went through is not");
    assert!(shop.written().iter().all(|name| name == "zebra"));
}

#[tokio::test]
async fn nothing_that_needs_the_whole_is_decided_before_all_is_listed() {
    let shop = Several::new(vec![member("api", &AUTO), beside("zebra", "zebra"), member("worker", &[])]);
    shop.all_have(&NEW);
    let worker = shop.workload("worker");
    shop.deletes("worker");
    shop.is_starting(true);
    for _ in 0..3 {
        shop.look_at_all().await;
    }
    assert_eq!((shop.written(), shop.told()), (Vec::new(), Vec::new()), "api seems to be alone");
    assert_eq!(shop.annotation("api", "error"), None);
    let waits = shop.reconciler.waiting()[&("uid-zebra".into(), "zebra".into())].to_string();
    assert_eq!(waits, "waits until all workloads are listed");
    shop.adds(Workload::clone(&worker));
    shop.has("worker", &NEW);
    shop.is_starting(false);
    shop.look_at_all().await;
    assert_eq!(shop.written(), ["zebra"]);
    let asked = shop.last(NoticeKind::Available);
    assert_eq!(asked.group.as_ref().unwrap().moves.len(), 2, "people are asked about both");
}

#[tokio::test]
async fn a_link_about_a_group_is_not_judged_before_all_is_listed() {
    let shop = Several::asking();
    shop.all_have(&NEW);
    shop.look_at_all().await;
    let link = shop.link(&shop.last(NoticeKind::Available));
    shop.is_starting(true);
    let answer = shop.reconciler.answer(&link, crate::domain::answer::Action::Approve, "trace").await;
    assert!(matches!(answer, crate::reconcile::Answer::Later(_)), "{answer:?}");
    shop.is_starting(false);
    let answer = shop.reconciler.answer(&link, crate::domain::answer::Action::Approve, "trace").await;
    assert!(matches!(answer, crate::reconcile::Answer::Approved(_)), "{answer:?}");
}

#[tokio::test]
async fn who_stood_still_before_counts_again_when_it_is_written_anew() {
    let shop = Several::limited(vec![beside("web", "web"), beside("zebra", "zebra")], 1);
    shop.has("web", &NEW);
    shop.look("web").await;
    shop.changes("web", |workload| workload.rollout = Rollout::Waiting(crate::domain::rollout::Waits::OnDelete));
    shop.look("web").await;
    shop.has("web", &["1.0.0", "1.1.0", "1.2.0"]);
    shop.look("web").await;
    shop.has("zebra", &NEW);
    shop.look("zebra").await;
    assert_eq!(shop.written(), ["web", "web"], "there is no room for zebra");
    shop.comes_up("web").await;
    shop.look("zebra").await;
    assert_eq!(shop.written(), ["zebra"]);
}
