//! What every [`Records`] keeps.

use chrono::DateTime;

use super::{AnswerWrite, Answering, Records, Sightings, Written, WrittenOn};
use crate::domain::actor::Actor;
use crate::domain::approval::ApprovalId;
use crate::domain::fleet::{Brake, Release};
use crate::domain::settings::Fingerprint;

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
        let all = |uids: Vec<&str>| uids.into_iter().map(Box::from).collect();
        records.seen(Sightings { watched: all(watched), deleted: all(deleted) }).await.unwrap();
        assert_eq!(records.sequences().await.unwrap(), [("uid".into(), 3)], "it goes after a while, and nothing comes");
        assert_eq!(newest().await, Some(written(3, "three")));
    }
    assert_eq!(records.brake().await.unwrap(), Brake::default());
    let of = ApprovalId::mint(DateTime::UNIX_EPOCH, [1; 10]);
    let released =
        Some(Release { at: DateTime::UNIX_EPOCH, by: Actor::Program("a test".into()), of, failed: Vec::new() });
    let brake = Brake { released, ..Brake::default() };
    records.remember_brake(brake.clone()).await.unwrap();
    assert_eq!(records.brake().await.unwrap(), brake);
}
