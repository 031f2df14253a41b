//! A dry run: everything is decided and told, and nothing is written.

use super::*;
use crate::domain::refusal::Refusal;

const OLD: &str = "a.example/web:1.0.0";

impl Stage {
    fn is_dry_run(&self, is_dry_run: bool) {
        self.cluster.state(|state| state.is_dry_run = is_dry_run);
    }

    /// What is told since this was asked last, and why without a link.
    fn would(&self) -> Vec<(String, Option<NoLink>)> {
        self.joe.0.lock().unwrap().drain(..).map(|told| (told.to.tag, told.no_link)).collect()
    }
}

#[tokio::test]
async fn what_would_be_done_is_told_once_and_nothing_is_written() {
    for (mode, expected) in [("AUTO_UPDATE", NoLink::WouldApply), ("NOTIFICATION", NoLink::WouldAsk)] {
        let stage = Stage::new(workload(&[("web", OLD)], &[("mode", mode)]), &["1.0.0", "1.0.1"]);
        stage.is_dry_run(true);
        for _ in 0..3 {
            stage.look().await;
        }
        let told = stage.would();
        assert_eq!(told.first(), Some(&("1.0.1".to_owned(), Some(expected))), "{mode}");
        assert_eq!((stage.writes(), stage.cluster.image()), (0, OLD.to_owned()), "{mode}");
        // What was told is told as what it is, once it is no dry run any more.
        stage.is_dry_run(false);
        stage.look().await;
        assert!(stage.writes() > 0, "{mode}");
    }
}

#[tokio::test]
async fn what_the_makers_declare_would_be_asked() {
    let stage = Stage::new(workload(&[("web", OLD)], &[("mode", "AUTO_UPDATE")]), &["1.0.0", "1.0.1"]);
    let kinds = crate::domain::declared::Kinds { breaking: true, ..Default::default() };
    *stage.notes.0.lock().unwrap() = Some(Declared { kinds, quotes: Vec::new() });
    stage.is_dry_run(true);
    stage.look().await;
    assert_eq!(stage.would(), [("1.0.1".to_owned(), Some(NoLink::WouldAsk))]);
}

#[tokio::test]
async fn a_link_of_before_says_that_it_can_not_act_now() {
    let stage = Stage::new(workload(&[("web", OLD)], &[("mode", "NOTIFICATION")]), &["1.0.0"]);
    stage.look().await;
    stage.has(&["1.0.0", "1.0.1"]);
    stage.look().await;
    let (link, before) = (stage.link(), stage.writes());
    stage.is_dry_run(true);
    for action in [Action::Approve, Action::Skip, Action::Snooze] {
        let answer = stage.reconciler.answer(&link, action, "trace").await;
        assert!(matches!(answer, Answer::Refused(_, Refusal::DryRun)), "{answer:?}");
    }
    assert_eq!((stage.writes(), stage.cluster.image()), (before, OLD.to_owned()));
    stage.is_dry_run(false);
    assert!(matches!(stage.reconciler.answer(&link, Action::Approve, "trace").await, Answer::Approved(_)));
}
