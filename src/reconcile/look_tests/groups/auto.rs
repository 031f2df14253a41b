//! Without a question: written in order, all back if one fails.

use super::*;
use crate::cluster::WorkloadEvent;
use crate::domain::event::NoticeKind;
use crate::domain::workload::{Workload, WorkloadId};
use chrono::TimeDelta;

const NEW: [&str; 2] = ["1.0.0", "1.1.0"];

#[tokio::test]
async fn a_group_goes_when_all_have_it_each_after_the_one_before_is_healthy() {
    let shop = Several::automatic();
    shop.look_at_all().await;
    shop.has("worker", &NEW);
    shop.has("api", &["1.0.0", "1.1.0", "1.2.0"]);
    shop.look_at_all().await;
    assert_eq!(shop.written(), Vec::<String>::new(), "web lacks it");
    let error = shop.annotation("api", "error").unwrap();
    assert_eq!(
        error,
        "group shop waits: 1.2.0 is not there for deploy/web, deploy/worker, or their settings don't take it"
    );
    assert_eq!(shop.annotation("web", "error"), None, "it is said once");
    shop.has("web", &NEW);
    let before = shop.listed();
    shop.look("web").await;
    assert_eq!(shop.listed() - before, 1, "nothing is asked about the others");
    assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.0.0", "worker 1.0.0"]);
    assert_eq!(shop.annotation("api", "error"), None);
    shop.look_at_all().await;
    assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.0.0", "worker 1.0.0"], "the first is not healthy yet");
    shop.comes_up("api").await;
    assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.1.0@", "worker 1.0.0"]);
    shop.comes_up("web").await;
    shop.comes_up("worker").await;
    shop.look_at_all().await;
    assert_eq!(shop.written(), ["api", "web", "worker"]);
    assert_eq!(shop.told(), ["update.applied worker"], "once for all");
}

/// Whoever looks at the workload that a tool owns sees why it is not written, whichever of the group carries the question.
#[tokio::test]
async fn that_a_tool_owns_one_of_a_group_is_an_event_on_that_one_once_a_version() {
    use crate::domain::owner::Owner;
    let label = |name: &str| (name == "argocd.argoproj.io/instance").then_some("shop");
    for owned in ["api", "web"] {
        let one = |name: &str| {
            let owner = Owner::read(label, |_| None).filter(|_| name == owned).map(Box::new);
            Workload { owner, ..member(name, &[("mode", "AUTO_UPDATE")]) }
        };
        let shop = Several::new(["api", "web", "worker"].map(one).into());
        let said = || {
            ["api", "web", "worker"]
                .map(|name| shop.announced(name, |event| matches!(event, WorkloadEvent::ManagedElsewhere(_))))
        };
        let times = |count: usize| ["api", "web", "worker"].map(|name| if name == owned { count } else { 0 });
        for (tags, count) in [(&NEW[..], 1), (&["1.0.0", "1.1.0", "1.2.0"][..], 2)] {
            shop.all_have(tags);
            for _ in 0..3 {
                shop.look_at_all().await;
                shop.clock.step(TimeDelta::days(8));
            }
            assert_eq!((shop.written(), said()), (Vec::new(), times(count)), "{owned} is owned");
        }
        assert_eq!(shop.last(NoticeKind::Available).workload.name.as_ref(), "api");
    }
}

/// What stands there for people is a copy, which anybody may edit who may annotate.
#[tokio::test]
async fn why_a_group_waits_is_known_by_its_record_whatever_is_written_beside_it() {
    use crate::ambient::Clock as _;
    use crate::domain::settings::{Bounds, Settings};
    use crate::domain::view::{Seen, Status};
    let shop = Several::automatic();
    shop.has("worker", &NEW);
    shop.has("api", &NEW);
    shop.look_at_all().await;
    let before = shop.workload("api").resource_version;
    shop.look_at_all().await;
    assert_eq!(shop.workload("api").resource_version, before, "it is written once");
    // Nobody has looked since the start.
    let cause = |workload: Workload| {
        let (container, settings) =
            (&*workload.id.name, Settings::read(&workload, &workload.id.name, &Bounds::default()));
        let record = crate::cluster::annotations::claimed(&workload);
        let seen = Seen {
            workload: &workload,
            container,
            record: &record,
            not_ours: None,
            settings: settings.as_ref(),
            looked: None,
            waits: None,
            stopped: None,
            may_write: true,
        };
        Status::of(&seen, shop.clock.now()).cause.to_string()
    };
    let api = Workload::clone(&shop.workload("api"));
    let said = "shop waits: 1.1.0 is not there for deploy/web, or their settings don't take it";
    for error in [None, Some("group shop waits: for me")] {
        assert_eq!(cause(error.into_iter().fold(api.clone(), |api, error| api.annotated("error", error))), said);
    }
    let web = Workload::clone(&shop.workload("web"));
    let own = cause(web.clone());
    assert_eq!(cause(web.annotated("error", "group shop waits: for me")), own);
    shop.has("web", &NEW);
    shop.look_at_all().await;
    let record = crate::cluster::annotations::claimed(&shop.workload("api"));
    assert_eq!(record.known("api").group_waits, None, "it goes on");
}

#[tokio::test]
async fn a_group_goes_whichever_replicas_look_at_its_members() {
    let mut shop = Several::automatic();
    let mut other = shop.is_one_of_two();
    for _ in 0..2 {
        shop.look_at_all().await;
        std::mem::swap(&mut shop.reconciler, &mut other);
    }
    for name in ["worker", "api", "web"] {
        shop.has(name, &NEW);
        shop.look(name).await;
        std::mem::swap(&mut shop.reconciler, &mut other);
    }
    assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.0.0", "worker 1.0.0"]);
}

#[tokio::test]
async fn numbers_say_the_order() {
    let auto = |place| [("mode", "AUTO_UPDATE"), ("group", place)];
    let shop = Several::new(vec![
        member("api", &auto("shop")[..1]),
        member("web", &[("mode", "AUTO_UPDATE")]),
        member("worker", &[("mode", "AUTO_UPDATE")]),
    ]);
    shop.sets("worker", "group", Some(auto("shop/1")[1].1));
    shop.sets("web", "group", Some("shop/2"));
    shop.all_have(&NEW);
    shop.look_at_all().await;
    shop.comes_up("worker").await;
    shop.comes_up("web").await;
    assert_eq!(shop.written(), ["worker", "web", "api"]);
}

#[tokio::test]
async fn when_the_second_fails_all_go_back_and_what_failed_is_held_on_all() {
    let shop = Several::automatic();
    shop.all_have(&NEW);
    shop.look_at_all().await;
    shop.comes_up("api").await;
    shop.fails("web").await;
    assert_eq!(shop.runs(), ["api 1.0.0", "web 1.0.0", "worker 1.0.0"]);
    assert_eq!(shop.written(), ["api", "web", "web", "api"], "worker was never touched");
    shop.comes_up("web").await;
    shop.comes_up("api").await;
    for _ in 0..3 {
        shop.look_at_all().await;
    }
    assert_eq!(shop.told(), ["update.failed web", "update.rolled_back web"]);
    let held = |name| shop.annotation(name, "held").unwrap_or_default();
    assert!(held("web").starts_with("1.1.0: failed (ProgressDeadlineExceeded), went back to 1.0.0"), "{}", held("web"));
    assert!(held("api").starts_with("1.1.0: failed (GroupFailed), went back to 1.0.0"), "{}", held("api"));
    assert_eq!((held("worker").as_str(), shop.written()), ("", Vec::new()), "it is not tried again");
    shop.all_have(&["1.0.0", "1.1.0", "1.2.0"]);
    shop.look_at_all().await;
    shop.comes_up("api").await;
    shop.comes_up("web").await;
    shop.comes_up("worker").await;
    assert_eq!(shop.runs(), ["api 1.2.0@", "web 1.2.0@", "worker 1.2.0@"], "a newer one is");
}

#[tokio::test]
async fn what_failed_is_let_go_on_all_by_one_link() {
    let shop = Several::automatic();
    shop.all_have(&NEW);
    shop.look_at_all().await;
    shop.comes_up("api").await;
    shop.fails("web").await;
    shop.comes_up("web").await;
    shop.comes_up("api").await;
    let link = shop.link(&shop.last(NoticeKind::RolledBack));
    let answer = shop.reconciler.answer(&link, crate::domain::answer::Action::Resume, "trace").await;
    assert!(matches!(answer, crate::reconcile::Answer::Resumed(_)), "{answer:?}");
    shop.look_at_all().await;
    assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.0.0", "worker 1.0.0"], "it begins anew");
}

#[tokio::test]
async fn where_a_member_says_so_nothing_goes_back_and_nothing_more_is_written() {
    let shop = Several::automatic();
    shop.sets("worker", "rollback", Some("false"));
    shop.all_have(&NEW);
    shop.look_at_all().await;
    shop.comes_up("api").await;
    shop.fails("web").await;
    shop.look_at_all().await;
    assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.1.0@", "worker 1.0.0"]);
    let error = shop.annotation("worker", "error").unwrap();
    assert_eq!(error, "group shop waits: 1.1.0 failed on deploy/web, and nothing goes back by itself");
    shop.comes_up("web").await;
    assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.1.0@", "worker 1.1.0@"], "it came up later");
}

#[tokio::test]
async fn what_the_api_server_refuses_of_one_takes_all_back() {
    let shop = Several::automatic();
    shop.all_have(&NEW);
    shop.refuses("web");
    shop.look_at_all().await;
    shop.comes_up("api").await;
    shop.look_at_all().await;
    assert_eq!(shop.runs(), ["api 1.0.0", "web 1.0.0", "worker 1.0.0"]);
    shop.comes_up("api").await;
    for _ in 0..3 {
        shop.look_at_all().await;
    }
    assert_eq!(shop.written(), ["api", "api"]);
}

#[tokio::test]
async fn a_process_that_dies_between_two_writes_goes_on_where_it_was() {
    for writes in 1..3 {
        let mut shop = Several::automatic();
        shop.all_have(&NEW);
        shop.writes_only(writes);
        shop.look_at_all().await;
        shop.comes_up("api").await;
        if writes > 1 {
            shop.comes_up("web").await;
        }
        assert_eq!(shop.written().len(), writes);
        shop.restart();
        shop.clock.step(TimeDelta::hours(1));
        shop.look_at_all().await;
        if writes == 1 {
            shop.comes_up("web").await;
        }
        shop.comes_up("worker").await;
        assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.1.0@", "worker 1.1.0@"], "after {writes}");
        assert_eq!(shop.written().len(), 3 - writes, "each is written once");
    }
}

#[tokio::test]
async fn a_process_that_dies_while_all_go_back_takes_all_back() {
    let mut shop = Several::automatic();
    shop.all_have(&NEW);
    shop.look_at_all().await;
    shop.comes_up("api").await;
    shop.comes_up("web").await;
    shop.written();
    shop.writes_only(1);
    shop.fails("worker").await;
    assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.1.0@", "worker 1.0.0"]);
    shop.restart();
    shop.look_at_all().await;
    assert_eq!(shop.runs(), ["api 1.0.0", "web 1.0.0", "worker 1.0.0"]);
    assert_eq!(shop.written(), ["worker", "web", "api"]);
}

#[tokio::test]
async fn a_member_that_is_deleted_in_the_middle_is_none_any_more() {
    let shop = Several::automatic();
    shop.all_have(&NEW);
    shop.look_at_all().await;
    shop.deletes("web");
    shop.comes_up("api").await;
    assert_eq!(shop.runs(), ["api 1.1.0@", "worker 1.1.0@"], "the others go on");
    let shop = Several::automatic();
    shop.all_have(&NEW);
    shop.look_at_all().await;
    shop.comes_up("api").await;
    shop.deletes("web");
    shop.look_at_all().await;
    shop.fails("worker").await;
    assert_eq!(shop.runs(), ["api 1.0.0", "worker 1.0.0"]);
}

#[tokio::test]
async fn one_that_was_made_anew_in_the_middle_is_caught_up_with_after_it() {
    let shop = Several::automatic();
    shop.all_have(&NEW);
    shop.look_at_all().await;
    shop.deletes("web");
    let anew = member("web", &[("mode", "AUTO_UPDATE")]);
    shop.adds(Workload { id: WorkloadId { uid: "uid-anew".into(), ..anew.id.clone() }, ..anew });
    shop.has("web", &NEW);
    shop.comes_up("api").await;
    shop.comes_up("worker").await;
    assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.1.0@", "worker 1.1.0@"]);
    assert_eq!(shop.written(), ["api", "worker", "web"]);
}

#[tokio::test]
async fn an_edit_by_another_hand_ends_what_was_agreed_on() {
    let shop = Several::automatic();
    shop.all_have(&["1.0.0", "1.1.0", "0.9.0"]);
    shop.look_at_all().await;
    shop.changes("worker", |workload| workload.containers[0].image = "a.example/worker:0.9.0".into());
    shop.look_at_all().await;
    let held = shop.annotation("worker", "held").unwrap();
    assert!(held.starts_with("1.0.0: set back to 0.9.0"), "{held}");
    shop.comes_up("api").await;
    shop.comes_up("web").await;
    shop.comes_up("worker").await;
    assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.1.0@", "worker 1.1.0@"], "a newer one is handled as usual");
}

#[tokio::test]
async fn whoever_can_not_be_decided_holds_all_and_is_named() {
    let waits = |error: &str| format!("group shop waits: {error}");
    let cases: [(&str, &str, &str); 4] = [
        ("strategy", "PACTH", "the settings of deploy/web are not understood"),
        ("mode", "DISABLED", "the mode of deploy/web is DISABLED"),
        ("window", "Mon 03:00-04:00", ""),
        ("group", "shop/x", ""),
    ];
    for (setting, value, expected) in cases {
        let shop = Several::automatic();
        shop.all_have(&NEW);
        shop.sets("web", setting, Some(value));
        shop.look_at_all().await;
        match (setting, expected) {
            ("group", _) => {
                let error = shop.annotation("web", "error").unwrap();
                assert!(error.contains("a number from 0 to 65535"), "{error}");
                assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.0.0", "worker 1.0.0"], "it is of no group");
            }
            (_, "") => assert_eq!(shop.written(), Vec::<String>::new(), "{setting}"),
            (_, expected) => {
                assert_eq!(shop.written(), Vec::<String>::new(), "{setting}");
                for name in ["api", "worker"] {
                    assert_eq!(shop.annotation(name, "error"), Some(waits(expected)), "{setting} on {name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn one_that_is_paused_no_version_or_without_tags_holds_all() {
    let waits = |name: &str, shop: &Several| shop.annotation(name, "error").unwrap_or_default();
    let shop = Several::automatic();
    shop.all_have(&NEW);
    shop.changes("web", |workload| workload.paused = true);
    shop.look_at_all().await;
    assert_eq!(waits("api", &shop), "group shop waits: the rollouts of deploy/web are paused");
    shop.changes("web", |workload| workload.paused = false);
    shop.look_at_all().await;
    assert_eq!(shop.written(), ["api"]);
    let shop = Several::automatic();
    shop.all_have(&NEW);
    shop.has("web", &["latest"]);
    shop.changes("web", |workload| workload.containers[0].image = "a.example/web:latest".into());
    shop.look_at_all().await;
    assert_eq!(waits("api", &shop), "group shop waits: what deploy/web runs is no version that can be compared");
    let shop = Several::automatic();
    shop.all_have(&NEW);
    shop.has("web", &[]);
    shop.look_at_all().await;
    assert!(
        waits("api", &shop).starts_with("group shop waits: deploy/web can't be decided: "),
        "{}",
        waits("api", &shop)
    );
}

#[tokio::test]
async fn nothing_is_written_again_and_again_while_a_group_waits() {
    let shop = Several::automatic();
    shop.all_have(&NEW);
    shop.sets("web", "mode", Some("DISABLED"));
    shop.look_at_all().await;
    let versions = |shop: &Several| ["api", "web", "worker"].map(|name| shop.workload(name).resource_version);
    let before = versions(&shop);
    for _ in 0..3 {
        shop.look_at_all().await;
    }
    assert_eq!(versions(&shop), before);
}

#[tokio::test]
async fn a_group_of_one_is_none_and_one_of_too_many_says_so() {
    let alone = Several::new(vec![member("api", &[("mode", "AUTO_UPDATE")])]);
    alone.all_have(&NEW);
    alone.look_at_all().await;
    assert_eq!(alone.runs(), ["api 1.1.0@"]);
    let names: Vec<String> = (0..21).map(|n| format!("m{n:02}")).collect();
    let many = Several::new(names.iter().map(|name| member(name, &[("mode", "AUTO_UPDATE")])).collect());
    many.all_have(&NEW);
    many.look("m00").await;
    assert_eq!(many.written(), Vec::<String>::new());
    let error = many.annotation("m00", "error").unwrap();
    assert_eq!(error, "group shop waits: it has more than 20 containers; make smaller groups of them");
}

#[tokio::test]
async fn each_goes_to_its_own_spelling_and_variant() {
    let shop = Several::automatic();
    shop.changes("web", |workload| workload.containers[0].image = "a.example/web:v1.0.0-alpine".into());
    shop.has("api", &NEW);
    shop.has("web", &["v1.0.0-alpine", "v1.1.0-alpine", "v1.1.0"]);
    shop.has("worker", &["1.0.0", "1.1.0", "1.2.0-rc.1"]);
    shop.look_at_all().await;
    shop.comes_up("api").await;
    shop.comes_up("web").await;
    assert_eq!(shop.runs(), ["api 1.1.0@", "web v1.1.0-alpine@", "worker 1.1.0@"]);
}

#[tokio::test]
async fn what_was_agreed_on_long_ago_is_not_gone_on_with_but_decided_anew() {
    let shop = Several::asking();
    shop.all_have(&NEW);
    shop.look_at_all().await;
    let link = shop.link(&shop.last(NoticeKind::Available));
    shop.reconciler.answer(&link, crate::domain::answer::Action::Approve, "trace").await;
    shop.changes("web", |workload| workload.paused = true);
    shop.comes_up("api").await;
    let error = shop.annotation("worker", "error").unwrap();
    assert_eq!(error, "group shop waits: the rollouts of deploy/web are paused");
    assert_eq!(shop.written(), ["api"]);
    shop.clock.step(TimeDelta::hours(80));
    shop.changes("web", |workload| workload.paused = false);
    shop.told();
    shop.look_at_all().await;
    assert_eq!((shop.told(), shop.written()), (vec!["update.available web".to_owned()], Vec::new()));
}
