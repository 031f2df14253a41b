//! A group goes back member by member, each judged as if it were alone: what can't go back is told once, and keeps no other.

use super::*;
use crate::cluster::WorkloadEvent;
use crate::domain::event::{NoticeKind, WayBack};

const NEW: [&str; 2] = ["1.0.0", "1.1.0"];

impl Several {
    /// The first is healthy with 1.1.0, the second under way.
    async fn two_written(mut members: Vec<crate::domain::workload::Workload>) -> Self {
        for member in &mut members {
            // What runs is pinned, so that a way back is not found by its tag.
            let image = member.containers[0].image.to_string();
            let digest = crate::domain::reference::Digest::of(image.trim_start_matches("a.example/").as_bytes());
            member.containers[0].image = format!("{image}@{digest}").into();
        }
        let shop = Self::new(members);
        shop.all_have(&NEW);
        shop.look_at_all().await;
        shop.comes_up("api").await;
        assert_eq!(shop.written(), ["api", "web"]);
        shop.told();
        shop
    }

    async fn looked_at_often(&self) {
        for _ in 0..4 {
            self.look_at_all().await;
        }
    }

    /// Why a member did not go back, as people were told.
    fn told_of(&self, name: &str) -> Option<WayBack> {
        let told = self.failures();
        told.into_iter().find(|notice| *notice.workload.name == *name).and_then(|notice| notice.way_back)
    }
}

fn three() -> Vec<crate::domain::workload::Workload> {
    let auto = [("mode", "AUTO_UPDATE")];
    vec![member("api", &auto), member("web", &auto), member("worker", &auto)]
}

#[tokio::test]
async fn a_member_whose_image_is_gone_stays_and_is_told_once() {
    let shop = Several::two_written(three()).await;
    shop.loses("api", "1.0.0");
    shop.fails("web").await;
    shop.looked_at_often().await;
    assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.0.0@", "worker 1.0.0@"]);
    assert_eq!(shop.told_of("api"), Some(WayBack::Gone));
    assert_eq!(shop.told(), ["update.failed web", "update.failed api"]);
    assert_eq!(shop.written(), ["web"], "it is not tried again");
    let error = shop.annotation("api", "error").unwrap();
    assert_eq!(error, "group shop went back, and this did not: what ran before is no longer in its registry");
    shop.comes_up("web").await;
    shop.looked_at_often().await;
    assert_eq!((shop.told(), shop.written()), (vec!["update.rolled_back web".to_owned()], Vec::new()));
    shop.all_have(&["1.0.0", "1.1.0", "1.2.0"]);
    shop.look_at_all().await;
    for name in ["api", "web", "worker"] {
        shop.comes_up(name).await;
    }
    assert_eq!(shop.runs(), ["api 1.2.0@", "web 1.2.0@", "worker 1.2.0@"], "a newer one goes on all");
    assert_eq!(shop.annotation("api", "error"), None);
}

#[tokio::test]
async fn a_member_whose_way_back_a_policy_refuses_stays_and_the_others_go_back() {
    let shop = Several::two_written(three()).await;
    shop.comes_up("web").await;
    shop.written();
    shop.forbids("web", "1.0.0");
    shop.fails("worker").await;
    shop.looked_at_often().await;
    assert_eq!(shop.runs(), ["api 1.0.0@", "web 1.1.0@", "worker 1.0.0@"]);
    let failures = shop.failures();
    let of_web = failures.iter().find(|notice| &*notice.workload.name == "web").unwrap();
    let failure = of_web.failure.as_ref().unwrap();
    assert_eq!((of_web.way_back, failure.reason.as_str()), (Some(WayBack::Refused), "GroupFailed"));
    assert!(failure.message.ends_with("; the API server refuses to go back: it is not signed"), "{failure:?}");
    assert!(of_web.asks(), "people may try it by the link");
    assert_eq!(shop.told(), ["update.failed worker", "update.failed web"]);
}

#[tokio::test]
async fn what_a_policy_refuses_only_when_it_is_written_is_not_tried_at_each_look() {
    let shop = Several::two_written(three()).await;
    shop.refuses("api");
    shop.fails("web").await;
    shop.looked_at_often().await;
    assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.0.0@", "worker 1.0.0@"]);
    let refused = |event: &WorkloadEvent| matches!(event, WorkloadEvent::UpdateRefused(_));
    assert_eq!(shop.announced("api", refused), 1);
}

#[tokio::test]
async fn the_first_that_fails_and_can_not_go_back_stops_all() {
    let shop = Several::new(three());
    shop.all_have(&NEW);
    shop.forbids("api", "1.0.0");
    shop.look_at_all().await;
    shop.fails("api").await;
    shop.looked_at_often().await;
    assert_eq!(shop.told_of("api"), Some(WayBack::Refused));
    assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.0.0", "worker 1.0.0"], "nobody else goes where it failed");
}

#[tokio::test]
async fn one_that_can_not_be_written_now_keeps_no_other() {
    let shop = Several::two_written(three()).await;
    shop.comes_up("web").await;
    shop.written();
    shop.is_unreachable("web", true);
    shop.fails("worker").await;
    shop.look_at_all().await;
    assert_eq!(shop.runs(), ["api 1.0.0@", "web 1.1.0@", "worker 1.0.0@"], "the others are back");
    shop.is_unreachable("web", false);
    shop.look_at_all().await;
    assert_eq!(shop.runs(), ["api 1.0.0@", "web 1.0.0@", "worker 1.0.0@"], "and so is this, when it can be");
}

#[tokio::test]
async fn what_never_ran_well_is_passed_on_the_way_back() {
    let auto = [("mode", "AUTO_UPDATE"), ("rollback", "false")];
    let shop = Several::new(vec![member("api", &auto), member("web", &auto)]);
    shop.all_have(&NEW);
    shop.look_at_all().await;
    shop.fails("api").await;
    for name in ["api", "web"] {
        shop.sets(name, "rollback", None);
    }
    shop.all_have(&["1.0.0", "1.1.0", "1.2.0"]);
    shop.look_at_all().await;
    shop.comes_up("api").await;
    assert_eq!(shop.runs(), ["api 1.2.0@", "web 1.2.0@"]);
    shop.fails("web").await;
    assert_eq!(shop.runs(), ["api 1.0.0", "web 1.0.0"], "1.1.0 never ran well");
}

#[tokio::test]
async fn who_was_told_by_a_person_to_go_back_takes_all_back_whatever_the_notes_say() {
    let shop = Several::asking();
    shop.all_have(&NEW);
    shop.look_at_all().await;
    let link = shop.link(&shop.last(NoticeKind::Available));
    shop.reconciler.answer(&link, crate::domain::answer::Action::Approve, "trace").await;
    for name in ["api", "web", "worker"] {
        shop.comes_up(name).await;
    }
    shop.loses("web", "1.0.0");
    let link = shop.link(&shop.last(NoticeKind::Applied));
    let answer = shop.reconciler.answer(&link, crate::domain::answer::Action::Rollback, "trace").await;
    assert!(matches!(answer, crate::reconcile::Answer::WentBack(_)), "{answer:?}");
    shop.told();
    shop.looked_at_often().await;
    assert_eq!(shop.runs(), ["api 1.0.0", "web 1.1.0@", "worker 1.0.0"]);
    let told: Vec<String> = shop.told().into_iter().filter(|told| told != "approval.granted api").collect();
    assert_eq!(told, ["update.failed web"], "it can't, and is told");
}

#[tokio::test]
async fn a_member_that_is_disabled_by_now_stays_as_it_is_and_the_others_go_back() {
    let shop = Several::two_written(three()).await;
    shop.sets("api", "mode", Some("DISABLED"));
    shop.fails("web").await;
    shop.looked_at_often().await;
    assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.0.0@", "worker 1.0.0@"]);
    assert_eq!((shop.told_of("api"), shop.written()), (Some(WayBack::Off), vec!["web".to_owned()]));
    // The one that fails.
    let shop = Several::two_written(three()).await;
    shop.sets("web", "mode", Some("DISABLED"));
    shop.fails("web").await;
    shop.looked_at_often().await;
    assert_eq!(shop.runs(), ["api 1.0.0@", "web 1.1.0@", "worker 1.0.0@"]);
    assert_eq!((shop.told_of("web"), shop.written()), (Some(WayBack::Off), vec!["api".to_owned()]));
}

#[tokio::test]
async fn whoever_takes_a_group_back_does_nothing_to_a_member_that_is_disabled_by_now() {
    let shop = Several::two_written(three()).await;
    shop.comes_up("web").await;
    shop.comes_up("worker").await;
    shop.looked_at_often().await;
    let link = shop.link(&shop.last(NoticeKind::Applied));
    shop.sets("api", "mode", Some("DISABLED"));
    shop.written();
    let answer = shop.reconciler.answer(&link, crate::domain::answer::Action::Rollback, "trace").await;
    assert!(matches!(answer, crate::reconcile::Answer::WentBack(_)), "{answer:?}");
    shop.looked_at_often().await;
    assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.0.0@", "worker 1.0.0@"]);
}
