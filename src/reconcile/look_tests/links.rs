//! What links say whose question was answered by another link, replaced or too late, and of what runs and is gone.

use super::votes::{JANE, JOE, OLD, needing};
use super::*;
use crate::domain::approval::{Allows, LIFETIME, Token};
use crate::domain::policy::Doubt;
use crate::domain::refusal::Refusal as Unasked;
use crate::reconcile::{About, Answerable, Successor};

impl Stage {
    /// Who holds a link, and how it stands.
    async fn opens(&self, link: &Token) -> (Option<String>, Answer) {
        let (answer, holder) = self.reconciler.opened(link, None).await;
        (holder, answer)
    }

    /// What took the place of what a link was about.
    async fn successor(&self, link: &Token) -> (About, Answerable, String) {
        let answer = self.reconciler.asked(link).await;
        let Answer::Superseded { newer, by: Successor { about, answerable }, .. } = answer else {
            panic!("{answer:?}")
        };
        (about, answerable, newer.to_string())
    }

    async fn finds(&self, tags: &[&'static str]) {
        self.has(tags);
        self.look().await;
    }
}

fn is_of_joe(holder: Option<&str>) -> bool {
    holder == Some(JOE)
}

#[tokio::test]
async fn who_holds_a_link_is_known_whatever_became_of_its_question() {
    for action in [Action::Approve, Action::Skip] {
        let stage = Stage::team(needing("1", &[])).await;
        let joe = stage.link_of(JOE);
        assert!(matches!(stage.opens(&joe).await, (holder, Answer::Open(_)) if is_of_joe(holder.as_deref())));
        stage.presses(JANE, action).await;
        let (holder, answer) = stage.opens(&joe).await;
        assert!(is_of_joe(holder.as_deref()), "{action:?}: {holder:?} {answer:?}");
    }
    let stage = Stage::team(needing("1", &[])).await;
    let joe = stage.link_of(JOE);
    stage.finds(&["1.0.0", "1.0.1", "1.0.2"]).await;
    let (holder, answer) = stage.opens(&joe).await;
    assert!(is_of_joe(holder.as_deref()) && matches!(answer, Answer::Superseded { .. }), "{holder:?} {answer:?}");
    stage.cluster.state(|state| state.departed = Some(Arc::clone(&state.workload)));
    stage.changed(|now| (now.id.uid, now.annotations) = ("uid-2".into(), Box::default()));
    let (holder, answer) = stage.opens(&joe).await;
    assert!(is_of_joe(holder.as_deref()) && matches!(answer, Answer::Changed(_)), "{holder:?} {answer:?}");
}

#[tokio::test]
async fn what_is_known_to_be_gone_is_no_reason_against_what_is_there() {
    let stage = Stage::team(needing("1", &[])).await;
    let is_doubted = |answer: &Answer| matches!(answer, Answer::Refused(_, Unasked::List(Doubt::RunningMissing(tag))) if tag == "1.0.0");
    let gone = |tags: &[&'static str]| *stage.registry.gone.lock().unwrap() = tags.to_vec();
    stage.has(&["1.0.1"]);
    gone(&["1.0.0"]);
    let answer = stage.presses(JOE, Action::Approve).await;
    assert!(is_doubted(&answer), "a moment may pass: {answer:?}");
    stage.look().await;
    stage.clock.step(TimeDelta::seconds(11));
    stage.look().await;
    assert!(stage.says().contains("is gone from its registry"), "{}", stage.says());
    gone(&[]);
    let answer = stage.presses(JOE, Action::Approve).await;
    assert!(is_doubted(&answer), "it is there, so that the list is half of one: {answer:?}");
    gone(&["1.0.0"]);
    let answer = stage.presses(JOE, Action::Approve).await;
    assert!(matches!(answer, Answer::Approved(_)) && stage.runs("1.0.1"), "{answer:?}");
}

#[tokio::test]
async fn an_old_link_says_what_was_decided_by_the_link_that_took_its_place() {
    let stage = Stage::team(needing("1", &[])).await;
    let (joe, jane) = (stage.link_of(JOE), stage.link_of(JANE));
    stage.clock.step(LIFETIME);
    assert!(matches!(stage.reconciler.answer(&joe, Action::Renew, "trace").await, Answer::Renewed(_)));
    assert!(matches!(stage.presses(JOE, Action::Approve).await, Answer::Approved(_)));
    let is_decided = |answer: &Answer| matches!(answer, Answer::Approved(applied) if applied.entry.version == "1.0.1");
    for link in [&jane, &joe] {
        let answer = stage.reconciler.asked(link).await;
        assert!(is_decided(&answer), "{answer:?}");
        let answer = stage.reconciler.answer(link, Action::Renew, "trace").await;
        assert!(is_decided(&answer), "{answer:?}");
    }
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    assert_eq!(stage.asks().terms.allows, Allows::Back);
    let answer = stage.reconciler.asked(&jane).await;
    assert!(is_decided(&answer), "people are asked something else by now: {answer:?}");
}

#[tokio::test]
async fn a_replaced_link_says_how_the_question_in_its_place_stands() {
    let stage = Stage::team(needing("1", &[])).await;
    let first = stage.link_of(JOE);
    stage.clock.step(TimeDelta::hours(1));
    stage.finds(&["1.0.0", "1.0.1", "1.0.2"]).await;
    let second = stage.link_of(JOE);
    assert_eq!(stage.successor(&first).await, (About::Newer, Answerable::Now, "1.0.2".into()));
    // It is withdrawn, and the first version is asked about again, of the same image.
    stage.clock.step(TimeDelta::hours(1));
    stage.finds(&["1.0.0", "1.0.1"]).await;
    assert_eq!(stage.asks().terms.tag.as_str(), "1.0.1");
    assert_eq!(stage.successor(&first).await, (About::Again, Answerable::Now, "1.0.1".into()));
    assert_eq!(stage.successor(&second).await, (About::Other, Answerable::Now, "1.0.1".into()));
    assert!(matches!(stage.presses(JANE, Action::Skip).await, Answer::Skipped(_)));
    let answer = stage.reconciler.asked(&first).await;
    assert!(matches!(answer, Answer::Skipped(_)), "it asked the same: {answer:?}");
    assert_eq!(stage.successor(&second).await.1, Answerable::NoMore);
    stage.annotate("mode", "DISABLED");
    assert_eq!(stage.successor(&second).await.1, Answerable::NoMore, "it is closed, whatever refuses it now");
}

#[tokio::test]
async fn a_link_whose_successor_can_have_a_new_link_says_so() {
    let stage = Stage::team(needing("1", &[])).await;
    // The clock of whoever asked next was behind, so that its time is over first.
    let first = stage.link_of(JOE);
    stage.clock.step(-TimeDelta::minutes(4));
    stage.finds(&["1.0.0", "1.0.1", "1.0.2"]).await;
    let expires = stage.asks().terms.expires();
    stage.clock.step(expires - stage.clock.now());
    assert_eq!(stage.successor(&first).await, (About::Newer, Answerable::ByNewLink, "1.0.2".into()));
    stage.annotate("mode", "DISABLED");
    assert_eq!(stage.successor(&first).await.1, Answerable::NoMore);
}

/// Somebody took the skip back.
#[tokio::test]
async fn an_old_answer_says_nothing_of_what_is_asked_again() {
    let stage = Stage::team(needing("1", &[])).await;
    let first = stage.link_of(JOE);
    stage.clock.step(TimeDelta::hours(1));
    stage.finds(&["1.0.0", "1.0.1", "1.0.2"]).await;
    stage.finds(&["1.0.0", "1.0.1"]).await;
    assert!(matches!(stage.presses(JANE, Action::Skip).await, Answer::Skipped(_)));
    assert!(matches!(stage.reconciler.asked(&first).await, Answer::Skipped(_)), "it asked the same");
    stage.changed(|now| {
        now.annotations = now.annotations.iter().filter(|(name, _)| &**name != "skip").cloned().collect();
    });
    stage.look().await;
    assert_eq!(stage.successor(&first).await, (About::Again, Answerable::Now, "1.0.1".into()));
    stage.clock.step(LIFETIME);
    let answer = stage.reconciler.asked(&first).await;
    assert!(matches!(&answer, Answer::Expired(asked) if asked.is_renewable), "{answer:?}");
}

#[tokio::test]
async fn what_its_own_page_refuses_is_not_said_to_be_answerable() {
    let stage = Stage::team(needing("1", &[])).await;
    let first = stage.link_of(JOE);
    // Whoever asked next has a clock that is behind: its time is over first.
    stage.clock.step(-TimeDelta::minutes(4));
    stage.finds(&["1.0.0", "1.0.1", "1.0.2"]).await;
    let second = stage.link_of(JOE);
    let stands = async || {
        let own = stage.reconciler.asked(&second).await;
        let is_renewable = matches!(&own, Answer::Expired(asked) if asked.is_renewable);
        (stage.successor(&first).await.1, matches!(own, Answer::Open(_) | Answer::Snoozed(..)), is_renewable)
    };
    assert_eq!(stands().await, (Answerable::Now, true, false));
    for (name, refuses, allows) in [("mode", "DISABLED", "NOTIFICATION"), ("exclude", "2$", "9$")] {
        stage.annotate(name, refuses);
        assert_eq!(
            stands().await,
            (Answerable::NotNow, false, false),
            "{name}: it is asked, and may be answered later"
        );
        stage.annotate(name, allows);
    }
    stage.cluster.state(|state| state.is_dry_run = true);
    assert_eq!(stands().await, (Answerable::NotNow, false, false), "in a dry run");
    stage.cluster.state(|state| state.is_dry_run = false);
    assert_eq!(stands().await, (Answerable::Now, true, false));
    let expires = stage.asks().terms.expires();
    stage.clock.step(expires - stage.clock.now());
    assert_eq!(stands().await, (Answerable::ByNewLink, false, true));
    stage.annotate("notify", "oncall");
    assert_eq!(stands().await, (Answerable::NoMore, false, false), "its holder is told no more");
}

/// By the page and the answer of a link as everywhere else.
#[tokio::test]
async fn who_approved_what_waits_is_told_so() {
    use crate::domain::rollout::Waits;
    use crate::domain::view::Stands;
    for waits in [Waits::Paused, Waits::ZeroReplicas, Waits::OnDelete] {
        let stage = Stage::team(needing("1", &[])).await;
        stage.changed(|now| now.rollout = Rollout::Waiting(waits));
        let link = stage.link_of(JOE);
        for answer in [stage.presses(JOE, Action::Approve).await, stage.reconciler.asked(&link).await] {
            let Answer::Approved(applied) = answer else { panic!("{answer:?}") };
            assert_eq!(applied.rollout, Some(Stands::Waits(waits)));
        }
        stage.cluster.rolls(hangs(1));
        let answer = stage.reconciler.asked(&link).await;
        assert!(matches!(&answer, Answer::Approved(it) if it.rollout == Some(Stands::UnderWay)), "{answer:?}");
        stage.cluster.rolls(Rollout::Complete);
        stage.look().await;
        let answer = stage.reconciler.asked(&link).await;
        let is_done = |it: &crate::reconcile::Applied| {
            it.rollout.is_none() && it.outcome() == crate::domain::history::Outcome::Healthy
        };
        assert!(matches!(&answer, Answer::Approved(it) if is_done(it)), "{answer:?}");
    }
}

/// A controller that has yet to look at what was written has the status of before.
#[tokio::test]
async fn what_is_paused_and_was_well_is_not_said_to_be_rolled_out() {
    use crate::domain::rollout::{Progress, Waits};
    use crate::domain::view::Stands;
    let stage = Stage::team(needing("1", &[])).await;
    stage.changed(|now| now.paused = true);
    let link = stage.link_of(JOE);
    stage.presses(JOE, Action::Approve).await;
    stage.cluster.rolls(Rollout::Progressing(Progress::default()));
    let answer = stage.reconciler.asked(&link).await;
    let paused = Some(Stands::Waits(Waits::Paused));
    assert!(matches!(&answer, Answer::Approved(it) if it.rollout == paused), "{answer:?}");
}

#[tokio::test]
async fn a_link_to_what_a_tag_pointed_to_before_says_that_it_moved() {
    let moved = Stage::team(needing("1", &[])).await;
    let link = moved.link_of(JOE);
    moved.registry.pushed_again.store(1, Ordering::SeqCst);
    moved.look().await;
    assert_eq!(moved.successor(&link).await, (About::Moved, Answerable::Now, "1.0.1".into()));

    let elsewhere = Stage::team(needing("1", &[("strategy", "ALL")])).await;
    let link = elsewhere.link_of(JOE);
    elsewhere.has(&["0.9.0", "1.0.0", "1.0.1"]);
    elsewhere.set_image("a.example/web:0.9.0");
    elsewhere.look().await;
    elsewhere.look().await;
    assert_eq!(elsewhere.successor(&link).await.0, About::Elsewhere);
}

#[tokio::test]
async fn what_was_passed_over_is_not_said_to_be_replaced_by_the_way_back() {
    let stage = Stage::team(needing("1", &[])).await;
    let first = stage.link_of(JOE);
    stage.finds(&["1.0.0", "1.0.1", "1.0.2"]).await;
    assert!(matches!(stage.presses(JOE, Action::Approve).await, Answer::Approved(_)));
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    assert_eq!((stage.asks().terms.allows, stage.asks().terms.tag.as_str()), (Allows::Back, "1.0.0"));
    assert_eq!(stage.successor(&first).await.0, About::Back);
    stage.set_image(OLD);
    stage.look().await;
    assert_eq!(stage.asks().terms.allows, Allows::Held);
    assert_eq!(stage.successor(&first).await, (About::Held, Answerable::Now, "1.0.2".into()));
}

#[tokio::test]
async fn that_a_version_was_pushed_again_after_people_were_asked_is_an_event_once() {
    let moved = |stage: &Stage| stage.cluster.announced(|one| matches!(one, WorkloadEvent::DigestMoved(_)));
    let stage = Stage::team(needing("1", &[])).await;
    let link = stage.link_of(JOE);
    stage.look().await;
    assert_eq!(moved(&stage), 0);
    stage.registry.pushed_again.store(1, Ordering::SeqCst);
    let answer = stage.reconciler.answer(&link, Action::Approve, "trace").await;
    assert!(matches!(answer, Answer::Moved(_)), "{answer:?}");
    for _ in 0..3 {
        stage.look().await;
        assert_eq!(moved(&stage), 1);
    }
    let says = stage.cluster.state(|state| format!("{:?}", state.announced));
    assert!(
        says.contains(&digest_of("1.0.1", 0).to_string()) && says.contains(&digest_of("1.0.1", 1).to_string()),
        "{says}"
    );
    stage.registry.pushed_again.store(2, Ordering::SeqCst);
    stage.look().await;
    assert_eq!(moved(&stage), 2, "it moved once more");
}
