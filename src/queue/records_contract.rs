//! What every [`Records`] keeps.

use chrono::DateTime;

use super::{AnswerWrite, Answering, Records, Remembered, Sightings, Written, WrittenOn};
use crate::domain::actor::Actor;
use crate::domain::approval::ApprovalId;
use crate::domain::fleet::{Brake, Release};
use crate::domain::settings::Fingerprint;
use crate::domain::workload::{ObjectName, WorkloadId, tests};

fn written(sequence: u64, record: &str) -> Written {
    Written { sequence, record: record.into(), ..Written::default() }
}

/// Panics where it does not.
pub(crate) async fn keeps_it(records: impl Records) {
    let newest = async || records.newest("uid").await.unwrap();
    assert_eq!(newest().await, None);
    records.remember("uid", written(2, "two")).await.unwrap();
    records.remember("uid", written(1, "one")).await.unwrap();
    assert_eq!(newest().await, Some(written(2, "two")), "an older one changes nothing");
    let settings = Written { settings: Some(Fingerprint::stored(u64::MAX)), ..written(2, "two") };
    records.remember("uid", settings.clone()).await.unwrap();
    assert_eq!(newest().await, Some(settings), "the same one may say more");
    let answering = Answering { sequence: 3, on: WrittenOn::Generation(7), container: "web".into() };
    records.answering("uid", AnswerWrite::Begins(answering.clone())).await.unwrap();
    records.remember("uid", written(2, "two")).await.unwrap();
    assert_eq!(newest().await.unwrap().answering, Some(answering), "what is read late settles no later answer");
    records.remember("uid", written(3, "three")).await.unwrap();
    assert_eq!(newest().await, Some(written(3, "three")), "the record that carries it does");
    let later = Answering { sequence: 4, on: WrittenOn::Version(0), container: "web".into() };
    records.answering("uid", AnswerWrite::Begins(later.clone())).await.unwrap();
    assert_eq!(newest().await.unwrap().answering, Some(later.clone()));
    for another in [3, 5] {
        records.answering("uid", AnswerWrite::Failed(another)).await.unwrap();
        assert_eq!(newest().await.unwrap().answering, Some(later.clone()), "that {another} failed says nothing of it");
    }
    records.answering("uid", AnswerWrite::Failed(4)).await.unwrap();
    assert_eq!(newest().await, Some(written(3, "three")), "and so does its refusal");
    assert_eq!(records.newest("other").await.unwrap(), None);
    assert_eq!(records.sequences().await.unwrap(), [("uid".into(), 3)]);
    for (watched, deleted) in [(vec!["uid"], vec!["unknown"]), (vec![], vec!["uid"]), (vec!["uid", "unknown"], vec![])]
    {
        let (watched, deleted) = (watched.into_iter().map(of).collect(), deleted.into_iter().map(Box::from).collect());
        records.seen(Sightings { watched, deleted }).await.unwrap();
        assert_eq!(records.sequences().await.unwrap(), [("uid".into(), 3)], "it goes after a while, and nothing comes");
        let newest = newest().await.map(|known| Written { of: None, ..known });
        assert_eq!(newest, Some(written(3, "three")));
    }
    assert_eq!(records.brake().await.unwrap(), Brake::default());
    let of = ApprovalId::mint(DateTime::UNIX_EPOCH, [1; 10]);
    let released =
        Some(Release { at: DateTime::UNIX_EPOCH, by: Actor::Program("a test".into()), of, failed: Vec::new() });
    let brake = Brake { released, ..Brake::default() };
    records.remember_brake(brake.clone()).await.unwrap();
    assert_eq!(records.brake().await.unwrap(), brake);
}

fn of(uid: &str) -> WorkloadId {
    WorkloadId { uid: uid.into(), ..tests::workload(&[], &[]).id }
}

/// Panics where it does not remember where workloads are, so that it is found out which were deleted while nobody looked.
pub(crate) async fn keeps_places(records: impl Records) {
    let place = ObjectName::of(&of("uid"));
    let remembered = async || records.workloads().await.unwrap();
    let here = |of: Option<&ObjectName>| [Remembered { uid: "uid".into(), sequence: 3, of: of.cloned() }];
    records.remember("uid", written(3, "three")).await.unwrap();
    assert_eq!(remembered().await, here(None), "an earlier release did not say it");
    for (watched, deleted) in [(vec!["uid"], vec!["unknown"]), (vec![], vec!["uid"]), (vec!["uid", "unknown"], vec![])]
    {
        let is_gone = deleted.contains(&"uid");
        let (watched, deleted) = (watched.into_iter().map(of).collect(), deleted.into_iter().map(Box::from).collect());
        records.seen(Sightings { watched, deleted }).await.unwrap();
        assert_eq!(remembered().await, here((!is_gone).then_some(&place)));
    }
    records.remember("uid", written(3, "three")).await.unwrap();
    assert_eq!(remembered().await, here(Some(&place)), "who does not know where it is takes nothing back");
    let moved = ObjectName { name: "other".into(), ..place };
    records.remember("uid", Written { of: Some(moved.clone()), ..written(3, "three") }).await.unwrap();
    assert_eq!(remembered().await, here(Some(&moved)));
}
