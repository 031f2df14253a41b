//! Versions that cooled, or that people were asked about, and whose release their project took back meanwhile.

use super::*;
use crate::domain::gone::Lost;

const ASKS: &[(&str, &str)] = &[("mode", "NOTIFICATION")];

fn asking(more: &[(&str, &str)]) -> Workload {
    workload(&[("web", "a.example/web:1.0.0")], &[ASKS, more].concat())
}

impl Stage {
    async fn looks(&self) -> Option<String> {
        self.look().await;
        self.cluster.annotation("token-update")
    }
}

#[tokio::test]
async fn a_question_is_void_once_its_project_calls_it_no_release_and_open_again_once_it_does() {
    for standing in [Standing::Prerelease, Standing::Withdrawn] {
        let stage = Stage::new(asking(&[]), &["1.0.0", "1.0.1"]);
        let link = stage.looks().await.expect("people are asked");
        assert_eq!(stage.forge.asked(), [""; 0], "what is new waits for no forge");
        assert_eq!(stage.looks().await.as_ref(), Some(&link), "not knowing it changes nothing");
        assert_eq!(stage.forge.asked(), ["1.0.1"]);
        stage.forge.set("1.0.1", Some(standing));
        for _ in 0..3 {
            assert_eq!(stage.looks().await, None, "{standing}: its question is closed, and stays closed");
        }
        stage.forge.set("1.0.1", Some(Standing::Released));
        assert_eq!(stage.looks().await, Some(link), "{standing}: the same links are good again");
    }
}

#[tokio::test]
async fn the_next_best_is_proposed_and_what_was_taken_back_is_not_asked_about_in_turns() {
    let mut stage = Stage::new(asking(&[]), &["1.0.0", "1.0.1", "1.0.2"]);
    stage.look().await;
    stage.forge.set("1.0.2", Some(Standing::Withdrawn));
    let proposed = |stage: &Stage| stage.joe.0.lock().unwrap().last().map(|notice| notice.to.tag.clone());
    for round in 0..4 {
        stage.look().await;
        assert_eq!(proposed(&stage).as_deref(), Some("1.0.1"), "{round}");
        if round == 1 {
            stage.restart();
        }
    }
    assert_eq!(stage.joe.0.lock().unwrap().iter().filter(|notice| notice.to.tag == "1.0.2").count(), 1);
}

#[tokio::test]
async fn what_cooled_is_asked_for_before_it_is_applied_and_only_where_prereleases_are_not_taken() {
    for (settings, prerelease, expected) in [
        (&[("cooldown", "1d")][..], Some(Standing::Prerelease), "1.0.0"),
        (&[("cooldown", "1d")], Some(Standing::Withdrawn), "1.0.0"),
        (&[("cooldown", "1d")], Some(Standing::Released), "1.0.1"),
        (&[("cooldown", "1d")], None, "1.0.1"),
        (&[("cooldown", "1d"), ("prerelease", "true")], Some(Standing::Prerelease), "1.0.1"),
        (&[("cooldown", "1d"), ("prerelease", "true")], Some(Standing::Withdrawn), "1.0.0"),
        (&[], Some(Standing::Prerelease), "1.0.1"),
    ] {
        let stage = Stage::new(auto(settings), &["1.0.0", "1.0.1"]);
        stage.look().await;
        stage.forge.set("1.0.1", prerelease);
        stage.clock.step(TimeDelta::hours(25));
        stage.look().await;
        let image = stage.cluster.image();
        assert!(image.starts_with(&format!("a.example/web:{expected}")), "{settings:?} {prerelease:?}: {image}");
    }
}

#[tokio::test]
async fn an_answer_is_not_carried_out_where_the_release_was_taken_back() {
    let stage = Stage::new(asking(&[]), &["1.0.0", "1.0.1"]);
    stage.look().await;
    let token = stage.token();
    stage.forge.set("1.0.1", Some(Standing::Prerelease));
    let answer = stage.reconciler.answer(&token, Action::Approve, "trace").await;
    let refused = crate::domain::refusal::Refusal::Unreleased(Standing::Prerelease);
    assert!(matches!(&answer, Answer::Refused(_, why) if *why == refused), "{answer:?}");
    assert_eq!(stage.cluster.image(), "a.example/web:1.0.0");
    stage.forge.set("1.0.1", None);
    let answer = stage.reconciler.answer(&token, Action::Approve, "trace").await;
    assert!(matches!(answer, Answer::Approved(_)), "a forge that can't be asked is in nobody's way: {answer:?}");
}

#[tokio::test]
async fn who_runs_what_its_project_took_back_is_told_once_with_the_newest_before_it_until_it_is_a_release_again() {
    let stage = Stage::new(auto(&[]), &["0.9.0", "1.0.0", "1.0.1"]);
    stage.look().await;
    stage.settles().await;
    let told = |stage: &Stage| {
        let told = stage.joe.0.lock().unwrap();
        let gone = told.iter().filter(|notice| notice.kind == NoticeKind::Gone);
        gone.map(|notice| notice.at).collect::<std::collections::BTreeSet<_>>().len()
    };
    stage.look().await;
    assert_eq!((stage.says().as_str(), told(&stage)), ("", 0), "its forge can't be asked");
    stage.forge.asked();
    stage.look().await;
    assert_eq!(stage.forge.asked(), [""; 0], "and is not asked again at each look");
    stage.forge.set("1.0.1", Some(Standing::Withdrawn));
    stage.clock.step(TimeDelta::hours(2));
    for _ in 0..3 {
        stage.look().await;
    }
    assert_eq!(
        stage.says(),
        "1.0.1, which runs, is no release of its project any more: it was taken back; the newest before it is 1.0.0"
    );
    assert_eq!(told(&stage), 1);
    stage.forge.set("1.0.1", None);
    stage.clock.step(TimeDelta::hours(2));
    stage.look().await;
    assert!(stage.says().contains("no release of its project any more"), "not knowing it changes nothing");
    stage.push("1.0.2");
    stage.look().await;
    assert!(stage.runs("1.0.2"), "what is newer is applied all the same");
    assert_eq!(stage.says(), "");
}

/// Nobody follows the tag, so what it points to is asked when somebody announces that it was pushed, and at no other look.
#[tokio::test]
async fn that_the_tag_of_what_runs_was_pushed_again_is_told_once_with_the_newest_before_it() {
    let stage = Stage::new(auto(&[]), &["0.9.0", "1.0.0", "1.0.1"]);
    stage.look().await;
    stage.settles().await;
    let told = || {
        let told = stage.joe.0.lock().unwrap();
        let gone = told.iter().filter(|notice| notice.kind == NoticeKind::Gone);
        let gone: std::collections::BTreeMap<_, _> = gone.map(|notice| (notice.at, notice.clone())).collect();
        let events = stage.cluster.announced(|one| matches!(one, WorkloadEvent::DigestMoved(_)));
        (gone.into_values().collect::<Vec<_>>(), events)
    };
    let pushes = async |times: i64| {
        let (repository, tag) = (Repository::parse("a.example/web").unwrap(), Tag::parse("1.0.1").unwrap());
        let (digest, at) = (Some(digest_of("1.0.1", times)), stage.clock.now());
        stage.reconciler.0.queue.announce(vec![Announced { repository, tag, digest, at }]).await.unwrap();
        stage.clock.step(TimeDelta::seconds(1));
        stage.look().await
    };
    let image = stage.cluster.image();
    pushes(0).await;
    assert_eq!((told().0.len(), told().1), (0, 0), "the same content was pushed again");
    let early = pushes(1).await;
    assert!(matches!(early, Verdict::Again(again) if again < stage.clock.now() + TimeDelta::seconds(9)), "{early:?}");
    assert_eq!((told().0.len(), told().1), (0, 0), "its registry shows for a moment what it was");
    stage.registry.pushed_again.store(1, Ordering::SeqCst);
    for _ in 0..3 {
        stage.look().await;
        stage.clock.step(TimeDelta::hours(1));
    }
    let (notices, events) = told();
    let [notice] = &notices[..] else { panic!("{notices:?}") };
    assert_eq!((notice.lost, events), (Some(Lost::Moved), 1));
    assert_eq!([&*notice.from.tag, &*notice.to.tag], ["1.0.1", "1.0.0"]);
    assert_eq!(notice.from.digest.as_deref(), Some(digest_of("1.0.1", 0).as_str()), "what runs");
    assert_eq!((stage.cluster.image(), stage.says().as_str()), (image, ""), "what was rolled out runs on");
    stage.registry.pushed_again.store(2, Ordering::SeqCst);
    let asked = stage.registry.asked.load(Ordering::SeqCst);
    stage.look().await;
    assert_eq!(stage.registry.asked.load(Ordering::SeqCst), asked + 1, "its list, and nothing else");
    pushes(2).await;
    assert_eq!((told().0.len(), told().1), (1, 1), "once");
}
