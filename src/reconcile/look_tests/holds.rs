//! What is set, or comes about, while something is decided counts: no write is done that would not be decided any more.

use super::*;
use crate::domain::defaults::Inherited;
use crate::domain::fleet::{Brake, Stopped};

/// What runs, and what it would go to.
const OLD: &str = "a.example/web:1.0.0";

impl State {
    fn edits(&mut self, edit: impl FnOnce(&mut Workload)) {
        let mut workload = Workload::clone(&self.workload);
        edit(&mut workload);
        self.workload = Arc::new(workload);
    }

    /// Its Namespace, or a rule, says this and nothing else.
    fn inherits(&mut self, of_rule: bool, said: &[(&str, &str)]) {
        let said: Vec<(Box<str>, Box<str>)> =
            said.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let (namespace, rules) = if of_rule { (Vec::new(), said) } else { (said, Vec::new()) };
        let inherited = Inherited { namespace: namespace.into(), rules: rules.into() };
        self.edits(|workload| workload.inherited = Some(Box::new(inherited)));
    }
}

impl Stage {
    /// One that is updated by itself, as its Namespace or a rule says.
    fn inheriting(of_rule: bool) -> Self {
        let stage = Self::new(workload(&[("web", OLD)], &[("strategy", "ALL")]), &["1.0.0", "1.0.1"]);
        stage.cluster.state(|state| state.inherits(of_rule, &[("mode", "AUTO_UPDATE")]));
        stage
    }

    fn on_rehearsal(&self, then: impl FnOnce(&mut State) + Send + 'static) {
        self.cluster.state(|state| state.on_rehearsal = Some(Box::new(then)));
    }

    /// It would be written, and in the middle of that this happens: nothing is, and it is decided again.
    async fn is_not_written(&self, why: &str) {
        let verdict = self.look().await;
        assert!(self.cluster.state(|state| state.on_rehearsal.is_none()), "it was about to be written: {why}");
        assert!(matches!(verdict, Verdict::Retry { .. }), "{why}: {verdict:?}");
        assert_eq!(self.cluster.image(), OLD, "{why}");
    }
}

#[tokio::test]
async fn what_a_namespace_or_a_rule_says_while_an_update_is_decided_counts() {
    for of_rule in [false, true] {
        for mode in ["DISABLED", "NOTIFICATION", "SOMETIMES"] {
            let stage = Stage::inheriting(of_rule);
            stage.on_rehearsal(move |state| state.inherits(of_rule, &[("mode", mode)]));
            stage.is_not_written(mode).await;
            stage.look().await;
            assert_eq!(stage.cluster.image(), OLD, "{mode}");
            let is_asked = stage.joe.0.lock().unwrap().iter().any(|notice| notice.kind == NoticeKind::Available);
            assert_eq!(is_asked, mode == "NOTIFICATION", "{mode}");
        }
        let stage = Stage::inheriting(of_rule);
        stage.on_rehearsal(move |state| state.inherits(of_rule, &[("mode", "AUTO_UPDATE"), ("prerelease", "true")]));
        stage.look().await;
        assert!(stage.cluster.image().contains(":1.0.1@"), "what is of no matter stops nothing");
    }
}

#[tokio::test]
async fn a_pause_a_window_that_closes_and_the_brake_stop_what_is_about_to_be_written() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    stage.on_rehearsal(|state| state.edits(|workload| workload.paused = true));
    stage.is_not_written("it was paused").await;

    // What two containers go to together is rehearsed when all was decided, and not before.
    let both = |more: &[(&str, &str)]| {
        let settings = [&[("mode", "AUTO_UPDATE")], more].concat();
        Stage::new(workload(&[("web", OLD), ("copy", OLD)], &settings), &["1.0.0", "1.0.1"])
    };
    // The clock begins on a Friday at 08:00.
    let stage = both(&[("window", "Fri 07:00-09:00 UTC")]);
    let clock = Arc::clone(&stage.clock);
    stage.on_rehearsal(move |_| clock.step(TimeDelta::hours(1)));
    stage.is_not_written("the window closed").await;

    let stage = both(&[]);
    let (reconciler, since) = (stage.reconciler.clone(), stage.clock.now());
    let stopped = Some(Stopped { since, failed: Vec::new() });
    stage.on_rehearsal(move |_| reconciler.1.brake.set(Brake { stopped, ..Brake::default() }));
    stage.is_not_written("updates were stopped").await;
    stage.look().await;
    assert_eq!(stage.cluster.image(), OLD, "people are asked");
}

#[tokio::test]
async fn what_is_no_longer_watched_when_it_is_to_be_written_is_not() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    stage.on_rehearsal(|state| state.edits(|workload| workload.id.uid = "uid-2".into()));
    stage.look().await;
    assert_eq!((stage.cluster.image().as_str(), stage.writes()), (OLD, 0));
}

#[tokio::test]
async fn an_approval_is_not_carried_out_where_the_namespace_is_disabled_meanwhile() {
    let stage = Stage::new(workload(&[("web", OLD)], &[("strategy", "ALL")]), &["1.0.0", "1.0.1"]);
    stage.look().await;
    let then: Meanwhile = Box::new(|state| state.inherits(false, &[("mode", "DISABLED")]));
    stage.cluster.state(|state| state.on_credential = Some(then));
    let answer = stage.answers(Action::Approve).await;
    assert!(
        matches!(answer, Answer::Refused(_, crate::domain::refusal::Refusal::Disabled { forced: false })),
        "{answer:?}"
    );
    assert_eq!(stage.cluster.image(), OLD);
}

#[tokio::test]
async fn what_is_no_more_to_go_back_by_itself_stays_and_people_are_told() {
    for (said, why) in [(("rollback", "false"), "rollback is off"), (("mode", "DISABLED"), "it is disabled")] {
        let stage = Stage::inheriting(false);
        stage.look().await;
        assert!(stage.cluster.image().contains(":1.0.1@"));
        let (reason, message) = ("ProgressDeadlineExceeded".into(), "timed out".into());
        let stall = Stall { reason, message, since: "t".into(), progress: Progress::default(), refusal: None };
        stage.cluster.rolls(Rollout::Stalled(stall));
        stage.on_rehearsal(move |state| {
            let all = if said.0 == "mode" { vec![said] } else { vec![("mode", "AUTO_UPDATE"), said] };
            state.inherits(false, &all);
        });
        for _ in 0..3 {
            stage.look().await;
        }
        assert!(stage.cluster.image().contains(":1.0.1@"), "{why}");
        let told = stage.joe.0.lock().unwrap();
        let failed = told.iter().rev().find(|notice| notice.kind == NoticeKind::Failed).unwrap();
        assert_eq!(failed.way_back, Some(crate::domain::event::WayBack::Off), "{why}");
    }
}
