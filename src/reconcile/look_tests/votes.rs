//! Several people approve one update.

use super::*;
use crate::cluster::annotations::claimed;
use crate::domain::approval::{LIFETIME, Token};
use crate::domain::record::Question;
use crate::domain::reference::ImageReference;
use crate::domain::refusal::Refusal as Unasked;
use crate::domain::request::{REQUEST, Request, Wish};

pub(super) const OLD: &str = "a.example/web:1.0.0";
pub(super) const JOE: &str = "email:joe@example.com";
pub(super) const JANE: &str = "email:jane@example.com";
/// The same mailbox as [`JOE`]'s, by another channel.
const JOE_TOO: &str = "oncall:joe@example.com";
pub(super) const CHAT: &str = "chat:";

/// Those who may hold links.
struct Team;

impl Audience for Team {
    fn messages(&self, notice: &Notice, _: Option<&[String]>) -> Vec<Job> {
        let to = |holder: &String| {
            let (channel, recipient) = holder.split_once(':').unwrap();
            Job::Deliver(Box::new(Delivery::of(channel, recipient, notice.clone())))
        };
        self.holders().iter().map(to).collect()
    }

    fn holders(&self) -> Vec<String> {
        [JOE, JANE, JOE_TOO, CHAT].map(str::to_owned).into()
    }

    fn reads(&self, _: &str, _: &str, _: Allows) -> bool {
        true
    }
}

pub(super) fn needing(number: &str, more: &[(&str, &str)]) -> Workload {
    workload(&[("web", OLD)], &[&[("mode", "NOTIFICATION"), ("approvals", number)], more].concat())
}

impl Stage {
    /// The team is asked about 1.0.1.
    pub(super) async fn team(workload: Workload) -> Self {
        let stage = Self::new(workload, &["1.0.0"]);
        let parts = Parts::clone(&stage.reconciler.0);
        let reconciler = Reconciler::new(Parts { audience: Arc::new(Team), ..parts });
        let stage = Self { reconciler, ..stage };
        stage.look().await;
        stage.has(&["1.0.0", "1.0.1"]);
        stage.look().await;
        stage
    }

    pub(super) fn asks(&self) -> Question {
        let workload = self.cluster.state(|state| Arc::clone(&state.workload));
        claimed(&workload).known("web").question.clone().unwrap()
    }

    /// The link of one of the team.
    pub(super) fn link_of(&self, holder: &str) -> Token {
        let workload = self.cluster.state(|state| Arc::clone(&state.workload));
        let (terms, keys) = (self.asks().terms, LinkKey::new(vec![7; 32]).unwrap().into());
        let made = terms.id.made();
        Token::parse(&terms.approval(&workload.id, "web").token(&keys, holder, made).unwrap()).unwrap()
    }

    pub(super) async fn presses(&self, holder: &str, action: Action) -> Answer {
        self.reconciler.answer(&self.link_of(holder), action, "trace").await
    }

    fn who_decided(&self) -> Vec<String> {
        let workload = self.cluster.state(|state| Arc::clone(&state.workload));
        claimed(&workload).history.entries().iter().map(|entry| entry.by.clone()).collect()
    }

    /// How many of how many, and whether the same person had approved before.
    pub(super) fn counted_as(answer: &Answer) -> (String, bool) {
        let Answer::Voted { asked, is_again } = answer else { panic!("{answer:?}") };
        (asked.ballot.words().unwrap(), *is_again)
    }

    fn notes(&self, of: fn(&WorkloadEvent) -> Option<&String>) -> Vec<String> {
        self.cluster.state(|state| state.announced.iter().filter_map(of).cloned().collect())
    }
}

#[tokio::test]
async fn two_people_approve_and_the_same_person_twice_is_one() {
    let stage = Stage::team(needing("2", &[])).await;
    let writes = stage.writes();
    assert_eq!(Stage::counted_as(&stage.presses(JOE, Action::Approve).await), ("1 of 2".into(), false));
    assert_eq!(
        (stage.cluster.image().as_str(), stage.writes()),
        (OLD, writes + 1),
        "that he did is all that is written"
    );
    for link in [JOE, JOE_TOO] {
        assert_eq!(Stage::counted_as(&stage.presses(link, Action::Approve).await), ("1 of 2".into(), true));
    }
    assert_eq!(stage.writes(), writes + 1, "nothing more");
    stage.look().await;
    assert_eq!(stage.asks().votes.count(), 1, "a look changes nothing of it");
    let Answer::Open(asked) = stage.reconciler.asked(&stage.link_of(JANE)).await else { panic!("it is open") };
    assert!(!asked.ballot.is_yours);
    let link = stage.link_of(JOE);
    let answer = stage.presses(JANE, Action::Approve).await;
    let Answer::Approved(applied) = &answer else { panic!("{answer:?}") };
    let both = "people link email:j…@example.com; link email:j…@example.com";
    assert_eq!((applied.entry.by.as_str(), stage.who_decided()), (both, vec![both.to_owned()]));
    assert_eq!(stage.cluster.image(), format!("a.example/web:1.0.1@{}", digest_of("1.0.1", 0)));
    assert!(matches!(stage.reconciler.answer(&link, Action::Approve, "trace").await, Answer::Approved(_)));
    assert_eq!(stage.writes(), writes + 2);
    let given = stage.notes(|one| if let WorkloadEvent::ApprovalGiven(note) = one { Some(note) } else { None });
    assert_eq!(given, ["web: 1.0.1 has 1 of 2 approvals, by link email:j…@example.com"]);
    let granted = stage.notes(|one| if let WorkloadEvent::Approved(note) = one { Some(note) } else { None });
    assert!(granted.len() == 1 && granted[0].contains(both), "{granted:?}");
}

#[tokio::test]
async fn one_is_enough_where_nothing_is_said() {
    let stage = Stage::team(workload(&[("web", OLD)], &[("mode", "NOTIFICATION")])).await;
    let answer = stage.presses(JOE, Action::Approve).await;
    assert!(
        matches!(&answer, Answer::Approved(applied) if applied.entry.by == "link email:j…@example.com"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_container_may_need_others_than_the_workload() {
    let stage = Stage::team(needing("3", &[("approvals.web", "1")])).await;
    assert!(matches!(stage.presses(CHAT, Action::Approve).await, Answer::Approved(_)));
}

#[tokio::test]
async fn of_many_who_press_at_once_each_counts_once_and_it_is_applied_once() {
    let stage = Stage::team(needing("2", &[])).await;
    let writes = stage.writes();
    let (joe, jane) = (stage.link_of(JOE), stage.link_of(JANE));
    let pressed = |link| {
        let reconciler = stage.reconciler.clone();
        async move { reconciler.answer(link, Action::Approve, "trace").await }
    };
    let mine = futures_util::future::join_all((0..25).map(|_| pressed(&joe))).await;
    assert!(mine.iter().all(|answer| Stage::counted_as(answer).0 == "1 of 2"), "{mine:?}");
    let firsts = mine.iter().filter(|answer| !Stage::counted_as(answer).1).count();
    assert_eq!((firsts, stage.writes()), (1, writes + 1));
    let both = futures_util::future::join_all((0..50).map(|n| pressed(if n % 2 == 0 { &joe } else { &jane }))).await;
    assert!(both.iter().any(|answer| matches!(answer, Answer::Approved(_))));
    let is_known = |answer: &Answer| matches!(answer, Answer::Approved(_) | Answer::Voted { is_again: true, .. });
    assert!(both.iter().all(is_known), "{both:?}");
    assert_eq!((stage.writes(), stage.who_decided().len()), (writes + 2, 1));
}

#[tokio::test]
async fn anybody_who_skips_it_ends_it() {
    let stage = Stage::team(needing("3", &[])).await;
    stage.presses(JOE, Action::Approve).await;
    let joe = stage.link_of(JOE);
    assert!(matches!(stage.presses(CHAT, Action::Skip).await, Answer::Skipped(_)));
    assert!(matches!(stage.reconciler.answer(&joe, Action::Approve, "trace").await, Answer::Skipped(_)));
    assert_eq!(stage.cluster.image(), OLD);
}

#[tokio::test]
async fn a_vote_is_about_one_version_and_one_manifest() {
    let newer = Stage::team(needing("2", &[])).await;
    newer.presses(JOE, Action::Approve).await;
    let old = newer.link_of(JANE);
    newer.has(&["1.0.0", "1.0.1", "1.0.2"]);
    newer.look().await;
    assert_eq!(newer.asks().terms.tag.as_str(), "1.0.2");
    assert!(newer.asks().votes.is_empty());
    assert!(matches!(newer.reconciler.answer(&old, Action::Approve, "trace").await, Answer::Superseded { .. }));
    assert_eq!(Stage::counted_as(&newer.presses(JANE, Action::Approve).await), ("1 of 2".into(), false));

    let moved = Stage::team(needing("2", &[])).await;
    moved.presses(JOE, Action::Approve).await;
    moved.registry.pushed_again.store(1, Ordering::SeqCst);
    assert!(matches!(moved.presses(JANE, Action::Approve).await, Answer::Moved(_)));
    moved.look().await;
    assert_eq!((moved.asks().votes.count(), moved.cluster.image().as_str()), (0, OLD));
}

#[tokio::test]
async fn how_many_are_needed_is_what_the_settings_say_when_somebody_presses() {
    let stage = Stage::team(needing("2", &[])).await;
    stage.presses(JOE, Action::Approve).await;
    stage.annotate("approvals", "3");
    assert_eq!(Stage::counted_as(&stage.presses(JANE, Action::Approve).await), ("2 of 3".into(), false));
    stage.annotate("approvals", "2");
    stage.annotate("mode", "DISABLED");
    let answer = stage.presses(CHAT, Action::Approve).await;
    assert!(matches!(answer, Answer::Refused(_, Unasked::Disabled { forced: false })), "{answer:?}");
    stage.annotate("mode", "NOTIFICATION");
    stage.annotate("approvals", "many");
    let answer = stage.presses(CHAT, Action::Approve).await;
    assert!(matches!(answer, Answer::Refused(_, Unasked::Settings(_))), "{answer:?}");
    assert_eq!(stage.asks().votes.count(), 2);
    // Enough have approved by now: whoever presses once more applies it.
    stage.annotate("approvals", "2");
    assert!(matches!(stage.presses(JOE, Action::Approve).await, Answer::Approved(_)));
}

#[tokio::test]
async fn votes_end_with_their_question() {
    let stage = Stage::team(needing("2", &[])).await;
    stage.presses(JOE, Action::Approve).await;
    stage.clock.step(LIFETIME);
    assert!(matches!(stage.presses(JANE, Action::Approve).await, Answer::Expired(_)));
    stage.clock.step(LIFETIME * 2);
    stage.look().await;
    assert!(stage.asks().votes.is_empty() && stage.asks().is_open(stage.clock.now()), "it is asked anew");
    assert_eq!(stage.cluster.image(), OLD);
}

#[tokio::test]
async fn votes_outlive_a_snooze_and_that_the_question_is_closed_for_a_moment() {
    let stage = Stage::team(needing("2", &[])).await;
    stage.presses(JOE, Action::Approve).await;
    assert!(matches!(stage.presses(JANE, Action::Snooze).await, Answer::Snoozed(..)));
    stage.annotate("exclude", "1\\.0\\.1");
    stage.look().await;
    assert!(matches!(stage.presses(JANE, Action::Approve).await, Answer::Refused(..)));
    stage.annotate("exclude", "none");
    stage.look().await;
    assert!(matches!(stage.presses(JANE, Action::Approve).await, Answer::Approved(_)));
}

#[tokio::test]
async fn a_closed_window_keeps_nobody_from_a_vote_and_everybody_from_the_last() {
    // The clock stands at a Friday morning.
    let stage = Stage::team(needing("2", &[("window", "Sun 01:00-02:00 UTC")])).await;
    assert_eq!(Stage::counted_as(&stage.presses(JOE, Action::Approve).await), ("1 of 2".into(), false));
    let answer = stage.presses(JANE, Action::Approve).await;
    assert!(matches!(answer, Answer::Refused(_, Unasked::OutsideWindow(_))), "{answer:?}");
    let answer = stage.presses(JANE, Action::ApproveOutsideWindow).await;
    let Answer::Approved(applied) = &answer else { panic!("{answer:?}") };
    assert_eq!(applied.entry.by, "people link email:j…@example.com; link email:j…@example.com, outside the window");
}

impl Stage {
    fn approves_by_command(&self, user: &str, writes_image: bool) {
        let question = self.asks();
        let workload = self.cluster.state(|state| Workload::clone(&state.workload));
        let request = Request {
            uid: workload.id.uid.clone(),
            after: claimed(&workload).sequence,
            container: "web".into(),
            by: Some(user.into()),
            cause: None,
            wish: Wish::Approve { question: question.terms.id.clone(), outside_window: false },
        };
        self.annotate(REQUEST, &request.text());
        if writes_image {
            let image = ImageReference::parse(OLD).unwrap().at(&question.terms.tag, &question.terms.digest);
            self.set_image(&image);
        }
    }

    fn refused_requests(&self) -> Vec<String> {
        self.notes(|one| if let WorkloadEvent::RequestRefused(note) = one { Some(note) } else { None })
    }
}

/// The API server knows of who annotated the program alone, so a command is one until somebody comes of whom more is known.
#[tokio::test]
async fn a_command_is_nobodys_second_and_keeps_nobody_from_approving() {
    let stage = Stage::team(needing("2", &[])).await;
    stage.approves_by_command("alice", false);
    stage.look().await;
    assert_eq!((stage.asks().votes.count(), stage.cluster.annotation(REQUEST)), (1, None));
    assert_eq!(stage.asks().votes.iter().next().unwrap().by.to_string(), "command", "a name there is anybody's");
    stage.approves_by_command("bob", false);
    stage.look().await;
    assert_eq!((stage.asks().votes.count(), stage.refused_requests().len()), (1, 1));
    assert_eq!(Stage::counted_as(&stage.presses(JOE, Action::Approve).await), ("1 of 2".into(), false));
    assert_eq!(stage.cluster.image(), OLD);
    let answer = stage.presses(JANE, Action::Approve).await;
    let Answer::Approved(applied) = &answer else { panic!("{answer:?}") };
    assert_eq!(applied.entry.by, "people link email:j…@example.com; link email:j…@example.com");
}

/// Fault x21-8: one person, with one link and the right to annotate, who calls himself somebody else.
#[tokio::test]
async fn who_may_annotate_and_holds_a_link_is_one_person_whatever_name_is_written() {
    let first = Stage::team(needing("2", &[])).await;
    first.approves_by_command("bob@example.com", false);
    first.look().await;
    assert_eq!(Stage::counted_as(&first.presses(JOE, Action::Approve).await), ("1 of 2".into(), false));
    first.approves_by_command("kim@example.com", false);
    first.look().await;
    assert_eq!((first.cluster.image().as_str(), first.asks().votes.count()), (OLD, 1));

    let last = Stage::team(needing("2", &[])).await;
    last.presses(JOE, Action::Approve).await;
    last.approves_by_command("bob@example.com", true);
    last.look().await;
    assert!(last.who_decided().is_empty(), "the image is an edit as any other, and nobody's but whose it is");
    assert_eq!(last.refused_requests().len(), 1);
}

#[tokio::test]
async fn a_command_that_is_not_enough_deploys_nothing_in_anybodys_name() {
    let written = Stage::team(needing("2", &[])).await;
    written.approves_by_command("alice", true);
    written.look().await;
    assert!(written.who_decided().is_empty(), "the image is an edit as any other");
    assert_eq!(written.refused_requests().len(), 1);

    let last = Stage::team(needing("2", &[])).await;
    last.presses(JOE, Action::Approve).await;
    last.approves_by_command("alice", false);
    last.look().await;
    assert_eq!((last.cluster.image().as_str(), last.asks().votes.count()), (OLD, 1), "a request deploys nothing");

    let again = Stage::team(needing("3", &[])).await;
    again.presses(JOE, Action::Approve).await;
    again.approves_by_command("joe@example.com", false);
    again.look().await;
    assert_eq!(again.asks().votes.count(), 1, "the same mailbox");
}
