//! What a person asks of a member by an annotation, as the commands write it.

use chrono::TimeDelta;

use super::*;
use crate::cluster::WorkloadEvent;
use crate::cluster::annotations::claimed;
use crate::domain::reference::Tag;
use crate::domain::request::{REQUEST, Request, Wish};
use crate::domain::rollout::{Progress, Rollout};

#[tokio::test]
async fn what_a_command_wrote_is_its_word_though_the_group_is_looked_at_first() {
    let auto = [("mode", "AUTO_UPDATE")];
    let shop = Several::new(vec![member("api", &auto), member("web", &auto)]);
    shop.all_have(&["1.0.0", "1.1.0"]);
    shop.look_at_all().await;
    shop.comes_up("api").await;
    shop.comes_up("web").await;
    assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.1.0@"]);
    let record = claimed(&shop.workload("web"));
    let update = record.known("web").update.clone().unwrap();
    let wish = Wish::Rollback { version: Tag::parse("1.0.0").unwrap(), digest: update.ran_before().unwrap() };
    let (uid, by) = (shop.workload("web").id.uid.clone(), Some("alice".to_owned()));
    let request = Request { uid, after: record.sequence, container: "web".into(), by, cause: None, wish };
    shop.sets("web", REQUEST, Some(&request.text()));
    shop.changes("web", |workload| {
        workload.containers[0].image = update.from.as_str().into();
        workload.rollout = Rollout::Progressing(Progress::default());
    });
    for name in ["api", "web"] {
        shop.look(name).await;
    }
    assert_eq!(shop.announced("web", |event| matches!(event, WorkloadEvent::RequestRefused(_))), 0);
    assert_eq!(shop.annotation("web", REQUEST), None);
    let record = claimed(&shop.workload("web"));
    let newest = &record.history.entries()[0];
    assert_eq!((newest.version.as_str(), newest.by.as_str()), ("1.0.0", "command alice"));
}

#[tokio::test]
async fn a_member_that_is_left_alone_is_not_written_by_its_groups_look() {
    let shop = Several::new(vec![member("api", &[("mode", "AUTO_UPDATE")]), member("web", &[("mode", "DISABLED")])]);
    shop.look("api").await;
    assert_eq!(shop.annotation("web", "record"), None);
    // What stands there is not believed, and is nobody's to put right.
    shop.sets("web", "record", Some("somebody's"));
    shop.look("api").await;
    assert_eq!(shop.annotation("web", "record").as_deref(), Some("somebody's"));
    assert_eq!(shop.announced("web", |event| matches!(event, WorkloadEvent::RecordReplaced(_))), 0);
}

/// Even a record, in a freeze of changes.
#[tokio::test]
async fn a_group_whose_writes_are_all_refused_waits_before_it_tries_again() {
    let auto = [("mode", "AUTO_UPDATE")];
    let shop = Several::new(vec![member("api", &auto), member("web", &auto)]);
    shop.cluster.with(|objects| objects.is_frozen = true);
    shop.all_have(&["1.0.0", "1.1.0"]);
    for _ in 0..3 {
        shop.look_at_all().await;
    }
    let refused = |event: &WorkloadEvent| matches!(event, WorkloadEvent::UpdateRefused(_));
    assert_eq!(shop.announced("api", refused), 2, "of the image, and of what would be said of that");
    shop.cluster.with(|objects| objects.is_frozen = false);
    shop.clock.step(TimeDelta::hours(7));
    shop.look_at_all().await;
    assert_eq!(shop.runs(), ["api 1.1.0@", "web 1.0.0"]);
}
