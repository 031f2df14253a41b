//! An update whose release notes declare something does not go by itself.

use chrono::{DateTime, Utc};

use super::*;
use crate::domain::declared::Kinds;
use crate::domain::plain::PlainText;

fn breaking() -> Declared {
    let kinds = Kinds { breaking: true, migration: true, ..Kinds::default() };
    Declared { kinds, quotes: vec![PlainText::of("the port is 8080 now")] }
}

impl Stage {
    fn notes_say(&self, declared: Option<Declared>) {
        *self.notes.0.lock().unwrap() = declared;
    }

    fn update(&self) -> Update {
        let workload = self.cluster.state(|state| Arc::clone(&state.workload));
        let record = crate::cluster::annotations::claimed(&workload);
        record.ledger("web").unwrap().update.clone().unwrap()
    }

    /// Until when notes are waited for, as everyone reads it who looks at the workload.
    fn awaited(&self) -> Option<DateTime<Utc>> {
        let workload = self.cluster.state(|state| Arc::clone(&state.workload));
        let record = crate::cluster::annotations::claimed(&workload);
        Some(record.ledger("web")?.notes.as_ref()?.until)
    }

    fn notices(&self) -> Vec<Notice> {
        self.joe.0.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn what_the_makers_declare_is_asked_about_and_quoted() {
    let mut stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    stage.notes_say(Some(breaking()));
    stage.look().await;
    assert_eq!(stage.cluster.image(), "a.example/web:1.0.0", "it does not go by itself");
    assert_eq!(stage.counted("asks", "declared"), 1);
    let told = stage.notices();
    let [notice, ..] = told.as_slice() else { panic!("nobody was asked") };
    assert_eq!((notice.kind, &notice.declared, notice.approval.is_some()), (NoticeKind::Available, &breaking(), true));
    // It stays a question when the notes can't be read any more, when they are gone, and in another process.
    for declared in [None, Some(Declared::default())] {
        stage.notes_say(declared);
        stage.restart();
        stage.clock.step(TimeDelta::hours(2));
        stage.look().await;
        assert_eq!(stage.cluster.image(), "a.example/web:1.0.0");
    }
    assert!(stage.notices().iter().all(|again| again.declared.kinds == breaking().kinds), "it is told again as it was");
    // And when nobody answered in time.
    stage.clock.step(TimeDelta::days(4));
    stage.look().await;
    assert_eq!(stage.cluster.image(), "a.example/web:1.0.0");
}

#[tokio::test]
async fn without_declarations_an_update_goes_by_itself() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    stage.look().await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.1@"));
}

#[tokio::test]
async fn notes_that_cannot_be_read_are_waited_for_an_hour() {
    let stage = Stage::new(auto(&[("error", "image-watcher/window: none")]), &["1.0.0", "1.0.1"]);
    stage.notes_say(None);
    let until = stage.clock.now() + TimeDelta::hours(1);
    for _ in 0..6 {
        stage.look().await;
        assert_eq!(stage.cluster.annotation("error"), None, "what was wrong is mended");
        assert_eq!(stage.cluster.image(), "a.example/web:1.0.0");
        let told = stage.awaited().unwrap();
        assert!((told - until).abs() < TimeDelta::minutes(1), "{told} is not {until}");
        stage.clock.step(TimeDelta::minutes(10));
    }
    assert_eq!(stage.counted("waiting", "notes"), 6);
    stage.look().await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.1@"), "no notes: it goes on");
    assert_eq!(stage.awaited(), None);
}

#[tokio::test]
async fn notes_that_can_be_read_again_decide() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    stage.notes_say(None);
    stage.look().await;
    stage.clock.step(TimeDelta::minutes(5));
    stage.notes_say(Some(breaking()));
    stage.look().await;
    assert_eq!((stage.cluster.image().as_str(), stage.notices().len()), ("a.example/web:1.0.0", 1));
    assert_eq!(stage.awaited(), None);
}

#[tokio::test]
async fn people_are_asked_at_once_and_the_update_remembers_what_was_declared() {
    let workload = workload(&[("web", "a.example/web:1.0.0")], &[("mode", "NOTIFICATION")]);
    let stage = Stage::new(workload, &["1.0.0", "1.0.1"]);
    stage.notes_say(None);
    stage.look().await;
    assert_eq!(stage.notices().len(), 1, "notes that can't be read keep nobody from being asked");
    stage.answers(Action::Approve).await;
    let declares = stage.update().declares;
    assert!(declares.unread && !declares.any(), "what nobody could read is not known to be harmless: {declares:?}");
    let workload = super::workload(&[("web", "a.example/web:1.0.0")], &[("mode", "NOTIFICATION")]);
    let stage = Stage::new(workload, &["1.0.0", "1.0.1"]);
    stage.notes_say(Some(breaking()));
    stage.look().await;
    stage.answers(Action::Approve).await;
    let update = stage.update();
    assert_eq!((update.tag.as_str(), update.declares), ("1.0.1", breaking().kinds));
}

#[tokio::test]
async fn what_could_not_be_read_when_people_were_asked_is_read_again() {
    let asking = || super::workload(&[("web", "a.example/web:1.0.0")], &[("mode", "NOTIFICATION")]);
    // When the question is answered.
    let stage = Stage::new(asking(), &["1.0.0", "1.0.1"]);
    stage.notes_say(None);
    stage.look().await;
    stage.notes_say(Some(breaking()));
    stage.answers(Action::Approve).await;
    assert_eq!(stage.update().declares, breaking().kinds);
    // At the next look, after which the notes are not needed any more.
    let stage = Stage::new(asking(), &["1.0.0", "1.0.1"]);
    stage.notes_say(None);
    stage.look().await;
    stage.notes_say(Some(breaking()));
    stage.clock.step(TimeDelta::minutes(10));
    stage.look().await;
    stage.notes_say(None);
    stage.answers(Action::Approve).await;
    assert_eq!(stage.update().declares, breaking().kinds);
    // After an hour it is as if there were none.
    let stage = Stage::new(asking(), &["1.0.0", "1.0.1"]);
    stage.notes_say(None);
    stage.look().await;
    stage.clock.step(TimeDelta::hours(2));
    stage.answers(Action::Approve).await;
    assert!(stage.update().declares.is_none());
}

#[tokio::test]
async fn what_could_not_all_be_read_is_asked_about() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    stage.notes_say(Some(Declared { kinds: Kinds::UNREAD, quotes: Vec::new() }));
    stage.look().await;
    assert_eq!((stage.cluster.image().as_str(), stage.notices().len()), ("a.example/web:1.0.0", 1));
    stage.notes_say(Some(Declared::default()));
    stage.clock.step(TimeDelta::minutes(10));
    stage.look().await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.1@"), "all of them are read by now");
}
