//! How page and API show the members of a group, of what the looks came to.

use chrono::TimeDelta;

use super::*;
use crate::ambient::Clock as _;
use crate::cluster::annotations;
use crate::domain::answer::Action;
use crate::domain::event::NoticeKind;
use crate::domain::rollout::{Progress, Rollout};
use crate::domain::settings::{Bounds, Settings};
use crate::domain::view::{Seen, Status};
use crate::reconcile::{Answer, Press, Shown};

const NEW: [&str; 2] = ["1.0.0", "1.1.0"];

impl Several {
    /// State, reason, and the version to go to.
    fn shown(&self, name: &str) -> (&'static str, &'static str, Option<String>) {
        let (status, _) = self.stands(name);
        (status.attention.as_str(), status.cause.word(), status.available.map(|it| it.tag.to_string()))
    }

    fn stands(&self, name: &str) -> (Status, String) {
        let workload = self.workload(name);
        let (record, read) = (annotations::claimed(&workload), Settings::read(&workload, name, &Bounds::default()));
        let looked = self.reconciler.last_look(&workload, name);
        let seen = Seen {
            workload: &workload,
            container: name,
            record: &record,
            not_ours: None,
            settings: read.as_ref(),
            looked: looked.as_ref(),
            waits: None,
            stopped: None,
            may_write: true,
        };
        let status = Status::of(&seen, self.clock.now());
        let words = status.cause.to_string();
        (status, words)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what may be none")]
fn to(tag: &str) -> Option<String> {
    Some(tag.to_owned())
}

#[tokio::test]
async fn whoever_is_asked_about_by_the_question_of_another_is_not_up_to_date() {
    let shop = Several::asking();
    shop.all_have(&NEW);
    shop.look_at_all().await;
    assert_eq!(shop.shown("api"), ("needs-you", "asked", to("1.1.0")));
    for name in ["web", "worker"] {
        assert_eq!(shop.shown(name), ("needs-you", "group", to("1.1.0")));
        let said = "shop: people are asked by the question of deploy/api, and can answer until ";
        assert!(shop.stands(name).1.starts_with(said), "{}", shop.stands(name).1);
    }
    shop.clock.step(TimeDelta::days(4));
    assert_eq!(shop.shown("api"), ("needs-you", "unanswered", to("1.1.0")));
    for name in ["web", "worker"] {
        assert_eq!(shop.shown(name), ("needs-you", "group", to("1.1.0")), "it can't be answered here");
        assert_eq!(
            shop.stands(name).1,
            "shop: nobody answered the question of deploy/api in time; it can be answered there"
        );
    }
    shop.clock.step(TimeDelta::days(-4));
    let link = shop.link(&shop.last(NoticeKind::Available));
    let answer = shop.reconciler.answer(&link, Action::Snooze, "trace").await;
    assert!(matches!(answer, Answer::Snoozed(..)), "{answer:?}");
    assert_eq!(shop.shown("web"), ("waiting", "group", to("1.1.0")), "before anybody looks");
    shop.look_at_all().await;
    for name in ["api", "web", "worker"] {
        assert_eq!(shop.shown(name).0, "waiting", "{name}: {}", shop.stands(name).1);
    }
    let answer = shop.reconciler.answer(&link, Action::Approve, "trace").await;
    assert!(matches!(answer, Answer::Approved(_)), "{answer:?}");
    assert_eq!(shop.stands("web").1, "shop waits: an update of deploy/api is under way");
    for name in ["api", "web", "worker"] {
        shop.comes_up(name).await;
    }
    for name in ["api", "web", "worker"] {
        assert_eq!(shop.shown(name), ("up-to-date", "nothing-newer", None), "{name}: {}", shop.stands(name).1);
    }
}

/// Fault r25d-15: the page and the API answer as the link does.
#[tokio::test]
async fn what_is_put_off_at_the_page_is_so_before_anybody_looks() {
    let shop = Several::asking();
    shop.all_have(&NEW);
    shop.look_at_all().await;
    let api = shop.workload("api");
    let terms = annotations::claimed(&api).known("api").question.as_ref().unwrap().terms.clone();
    let uid = api.id.uid.clone();
    let shown = Shown { uid, container: "api".into(), version: terms.tag, digest: Some(terms.digest), running: None };
    let answer = shop.reconciler.answer_shown(&shown, &Press::of(Action::Snooze), "trace").await;
    assert!(matches!(answer, Ok(Answer::Snoozed(..))), "{answer:?}");
    assert_eq!(shop.shown("web"), ("waiting", "group", to("1.1.0")));
    let waited = "image_watcher_approval_wait_seconds_count{outcome=\"snoozed\"} 1";
    let text = shop.reconciler.0.metrics.classic();
    assert!(text.contains(waited), "{text}");
}

#[tokio::test]
async fn whoever_waits_for_the_member_before_is_not_up_to_date() {
    let mut shop = Several::automatic();
    shop.all_have(&NEW);
    shop.look_at_all().await;
    shop.changes("api", |workload| workload.rollout = Rollout::Progressing(Progress::default()));
    shop.look("web").await;
    assert_eq!(shop.shown("api"), ("waiting", "rolling-out", None));
    for name in ["web", "worker"] {
        assert_eq!(shop.shown(name), ("waiting", "group", to("1.1.0")));
        assert_eq!(shop.stands(name).1, "shop waits: an update of deploy/api is under way");
    }
    shop.restart();
    assert_eq!(shop.shown("web"), ("waiting", "not-looked-at", None), "nobody knows");
    shop.comes_up("api").await;
    assert_eq!(shop.stands("worker").1, "shop waits: an update of deploy/web is under way");
    shop.fails("web").await;
    shop.look_at_all().await;
    assert_eq!(shop.shown("web").0, "failed");
    assert_ne!(shop.shown("worker").0, "up-to-date", "{}", shop.stands("worker").1);
}

#[tokio::test]
async fn a_group_that_waits_for_a_member_is_shown_so_on_each() {
    let auto = [("mode", "AUTO_UPDATE")];
    let shop =
        Several::new(vec![member("api", &auto), member("web", &[("mode", "AUTO_UPDATE"), ("exclude", "1[.]1")])]);
    shop.all_have(&NEW);
    shop.look_at_all().await;
    for name in ["api", "web"] {
        assert_eq!(shop.shown(name), ("waiting", "group", None), "{name}: {}", shop.stands(name).1);
        assert!(shop.stands(name).1.contains("1.1.0 is not there for deploy/web"), "{}", shop.stands(name).1);
    }
    // Alone it is decided on alone.
    shop.sets("web", "group", None);
    shop.look_at_all().await;
    assert_eq!(shop.shown("web"), ("up-to-date", "nothing-newer", None));
}
