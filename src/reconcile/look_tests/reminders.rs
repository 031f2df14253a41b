//! What nobody answers: people are reminded three times, and then left alone.

use super::pressed::{deliveries, owed};
use super::votes::{JOE, needing};
use super::*;
use crate::domain::approval::LIFETIME;
use crate::domain::event::MOST_REMINDERS;

const DAY: TimeDelta = TimeDelta::days(1);

impl Stage {
    /// Looks at each of so many days, and gives those on which people were told, and as which reminder.
    async fn days_told(&self, days: i64) -> Vec<(i64, u8)> {
        let mut told = Vec::new();
        for day in 1..=days {
            self.clock.step(DAY);
            self.look().await;
            let to: Vec<String> = owed(self).await;
            if !to.is_empty() {
                assert!(
                    to.len() == 4 && to.iter().all(|to| to.ends_with(" new")),
                    "all of them, a link of now: {to:?}"
                );
                told.push((day, self.asks().reminders));
            }
        }
        told
    }
}

#[tokio::test]
async fn of_a_question_that_nobody_answers_people_are_reminded_three_times_and_then_left_alone() {
    let stage = Stage::team(needing("1", &[])).await;
    assert_eq!(owed(&stage).await.len(), 4);
    assert_eq!(stage.days_told(70).await, [(7, 1), (14, 2), (21, 3)]);
    assert_eq!(stage.asks().reminders, MOST_REMINDERS);
    let writes = stage.writes();
    assert_eq!((stage.days_told(3).await, stage.writes()), (vec![], writes), "nothing is written either");
    stage.has(&["1.0.0", "1.0.1", "1.0.2"]);
    assert_eq!(stage.days_told(8).await, [(1, 0), (8, 1)], "what is newer is another question");
}

#[tokio::test]
async fn a_reminder_says_which_it_is_and_is_of_the_same_thread() {
    let stage = Stage::team(needing("1", &[])).await;
    let first = deliveries(&stage).await[0].notices()[0].clone();
    stage.clock.step(DAY * 7);
    stage.look().await;
    let reminder = deliveries(&stage).await[0].notices()[0].clone();
    assert_eq!((first.reminder, reminder.reminder), (0, 1));
    assert_eq!(first.update_id(), reminder.update_id());
    assert_ne!(first.approval.unwrap().id, reminder.approval.unwrap().id, "its link is a new one");
    assert!(matches!(stage.presses(JOE, Action::Approve).await, Answer::Approved(_)));
}

#[tokio::test]
async fn whoever_puts_it_off_is_asked_when_that_is_over_and_reminded_from_the_beginning() {
    let stage = Stage::team(needing("1", &[])).await;
    assert_eq!(stage.days_told(8).await.len(), 2);
    let press = Press { length: Press::length("30d").unwrap(), ..Press::of(Action::Snooze) };
    let answer = stage.reconciler.answer_to(&stage.link_of(JOE), &press, "trace").await;
    assert!(matches!(answer, Answer::Snoozed(..)), "{answer:?}");
    assert_eq!(stage.days_told(60).await, [(30, 0), (37, 1), (44, 2), (51, 3)]);
}

/// Fault r25d-2: a day is a day, also where the links are good for three.
#[tokio::test]
async fn whoever_puts_it_off_for_less_than_its_link_lasts_is_asked_when_that_is_over() {
    for day in [1, 2, 3, 5] {
        let stage = Stage::team(needing("1", &[])).await;
        owed(&stage).await;
        let press = Press { length: DAY * i32::try_from(day).unwrap(), ..Press::of(Action::Snooze) };
        let answer = stage.reconciler.answer_to(&stage.link_of(JOE), &press, "trace").await;
        assert!(matches!(answer, Answer::Snoozed(..)), "{answer:?}");
        assert_eq!(stage.days_told(day + 8).await, [(day, 0), (day + 7, 1)], "{day} d");
    }
}

/// Who takes that back has seen it, and so has nobody to tell.
#[tokio::test]
async fn what_is_put_off_no_more_is_as_it_was() {
    let stage = Stage::team(needing("1", &[])).await;
    let press = Press { length: Press::length("1d").unwrap(), ..Press::of(Action::Snooze) };
    stage.reconciler.answer_to(&stage.link_of(JOE), &press, "trace").await;
    owed(&stage).await;
    let mut record = Record::default();
    let now = stage.clock.now();
    record.on("web", Event::Ask(Box::new(stage.asks())), now);
    record.on("web", Event::Snooze { until: now }, now);
    assert_eq!(record.known("web").question.as_ref().map(|it| &it.stands), Some(&crate::domain::record::Stands::Open));
}

#[tokio::test]
async fn a_new_link_goes_to_who_wanted_it_and_the_others_are_told_by_the_next_reminder() {
    let stage = Stage::team(needing("1", &[])).await;
    let link = stage.link_of(JOE);
    owed(&stage).await;
    stage.clock.step(LIFETIME + DAY);
    assert!(matches!(stage.reconciler.answer(&link, Action::Renew, "trace").await, Answer::Renewed(_)));
    assert_eq!(owed(&stage).await, ["email:joe@example.com new"]);
    assert_eq!(stage.days_told(8).await, [(7, 1)]);
}

#[tokio::test]
async fn what_could_not_be_asked_for_a_while_is_no_new_question() {
    let stage = Stage::team(needing("1", &[])).await;
    let link = stage.link_of(JOE);
    owed(&stage).await;
    stage.clock.step(LIFETIME);
    stage.annotate("mode", "DISABLED");
    stage.look().await;
    stage.annotate("mode", "NOTIFICATION");
    stage.look().await;
    assert!(owed(&stage).await.is_empty(), "the same version of the same image");
    let opened = stage.reconciler.asked(&link).await;
    assert!(matches!(&opened, Answer::Expired(asked) if asked.is_renewable), "{opened:?}");
    assert_eq!(stage.days_told(5).await, [(4, 1)]);
}

#[tokio::test]
async fn what_is_held_is_asked_about_four_times_in_all() {
    let stage = Stage::team(needing("1", &[])).await;
    assert!(matches!(stage.presses(JOE, Action::Approve).await, Answer::Approved(_)));
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    stage.set_image(super::votes::OLD);
    stage.look().await;
    owed(&stage).await;
    assert_eq!(stage.days_told(60).await, [(7, 1), (14, 2), (21, 3)]);
}
