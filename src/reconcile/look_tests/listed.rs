//! A list of questions, and an answer to all of it.

use super::pressed::{deliveries, owed};
use super::votes::{CHAT, JANE, JOE, OLD, needing};
use super::*;
use crate::domain::approval::{LIFETIME, LinkKeys, Token};
use crate::domain::listing::Listing;
use crate::reconcile::{Line, Lines, OpenedList, RenewedList};

impl Stage {
    fn list_of(&self, holder: &str) -> OpenedList {
        let keys: LinkKeys = LinkKey::new(vec![7; 32]).unwrap().into();
        let token = Listing::of_all(self.asks().terms.expires).token(&keys, holder).unwrap();
        self.reconciler.list(&Token::parse(&token).unwrap(), None).unwrap()
    }

    async fn lines_of(&self, holder: &str) -> Vec<Line> {
        self.reconciler.lines(&self.list_of(holder)).await.unwrap().lines
    }

    async fn approves_all(&self, holder: &str) -> Lines {
        let ids = [self.asks().terms.id];
        Box::pin(self.reconciler.approve_each(&self.list_of(holder), &ids, "trace")).await
    }
}

fn only(lines: &Lines) -> &Line {
    assert_eq!((lines.lines.len(), lines.left_out), (1, 0), "{lines:?}");
    &lines.lines[0]
}

#[tokio::test]
async fn what_is_listed_is_approved_as_by_its_own_link_and_once() {
    let stage = Stage::team(workload(&[("web", OLD)], &[("mode", "NOTIFICATION")])).await;
    let writes = stage.writes();
    for _ in 0..50 {
        let lines = stage.lines_of(JOE).await;
        assert!(lines.len() == 1 && lines[0].is_approvable(), "{lines:?}");
        let own = Token::parse(&lines[0].token).unwrap();
        assert!(matches!(stage.reconciler.asked(&own).await, Answer::Open(asked) if asked.holder == JOE));
    }
    assert_eq!(stage.writes(), writes, "looking changes nothing");
    let (jane, joe) = (stage.list_of(JANE), stage.list_of(JOE));
    let ids = [stage.asks().terms.id];
    let done = stage.reconciler.approve_each(&jane, &ids, "trace").await;
    assert!(only(&done).is_pressed && matches!(only(&done).answer, Answer::Approved(_)), "{done:?}");
    for list in [&jane, &joe] {
        let again = stage.reconciler.approve_each(list, &ids, "trace").await;
        let by = |answer: &Answer| {
            if let Answer::Approved(applied) = answer { applied.entry.by.clone() } else { String::new() }
        };
        assert!(!only(&again).is_pressed, "{again:?}");
        assert_eq!(by(&only(&again).answer), "link email:j…@example.com");
        assert!(stage.reconciler.lines(list).await.unwrap().lines.is_empty());
    }
    assert_eq!(stage.writes(), writes + 1);
}

/// What somebody else approved at the same moment is not what this press did.
#[tokio::test]
async fn of_two_who_approve_at_once_one_is_told_that_it_did() {
    let stage = Stage::team(workload(&[("web", OLD)], &[("mode", "NOTIFICATION")])).await;
    let (jane, joe, ids) = (stage.list_of(JANE), stage.list_of(JOE), [stage.asks().terms.id]);
    let approve = async |list| stage.reconciler.approve_each(list, &ids, "trace").await;
    let both: [Lines; 2] = tokio::join!(approve(&jane), approve(&joe)).into();
    assert!(both.iter().all(|done| matches!(only(done).answer, Answer::Approved(_))), "{both:?}");
    assert_eq!(both.iter().filter(|done| only(done).is_pressed).count(), 1, "{both:?}");
}

#[tokio::test]
async fn of_several_who_approve_a_list_each_counts_once() {
    let stage = Stage::team(needing("2", &[])).await;
    let voted = stage.approves_all(JOE).await;
    assert_eq!(Stage::counted_as(&only(&voted).answer), ("1 of 2".into(), false));
    assert!(!stage.lines_of(JOE).await[0].is_approvable() && stage.lines_of(JANE).await[0].is_approvable());
    let again = stage.approves_all(JOE).await;
    assert!(!only(&again).is_pressed && matches!(only(&again).answer, Answer::Open(_)), "{again:?}");
    assert_eq!(stage.asks().votes.count(), 1);
    let done = stage.approves_all(JANE).await;
    assert!(matches!(only(&done).answer, Answer::Approved(_)), "{done:?}");
}

#[tokio::test]
async fn nobody_sees_what_the_workload_tells_others() {
    let stage = Stage::team(workload(&[("web", OLD)], &[("mode", "NOTIFICATION"), ("notify", "chat")])).await;
    let writes = stage.writes();
    assert_eq!((stage.lines_of(JOE).await.len(), stage.lines_of(CHAT).await.len()), (0, 1));
    let tried = stage.approves_all(JOE).await;
    assert_eq!((tried.lines.len(), tried.left_out, stage.writes()), (0, 0, writes), "{tried:?}");
}

#[tokio::test]
async fn a_list_whose_time_is_over_has_a_new_link_for_its_holder_alone() {
    let stage = Stage::team(needing("2", &[])).await;
    let (list, before) = (stage.list_of(JOE), stage.asks());
    owed(&stage).await;
    stage.clock.step(LIFETIME);
    assert!(stage.reconciler.is_list_over(&list).is_some());
    assert!(stage.reconciler.is_list_renewable(&list).await.unwrap());
    let writes = stage.writes();
    let renewed = async || stage.reconciler.renew_list(&list, "trace").await.unwrap();
    assert_eq!(renewed().await, RenewedList::Sent);
    assert_eq!(owed(&stage).await, ["email:joe@example.com new"]);
    assert!(stage.asks().terms.id != before.terms.id && stage.writes() == writes + 1);
    assert_eq!(renewed().await, RenewedList::Lately);
    assert!(deliveries(&stage).await.is_empty());
    // Whoever else asks is told of the question that there is now.
    let jane = stage.reconciler.renew_list(&stage.list_of(JANE), "trace").await.unwrap();
    assert_eq!((jane, owed(&stage).await), (RenewedList::Sent, vec!["email:jane@example.com new".to_owned()]));
    assert_eq!(stage.writes(), writes + 1);
}

#[tokio::test]
async fn of_a_list_of_which_nothing_would_be_asked_today_no_link_is_sent() {
    for (setting, value) in [("mode", "DISABLED"), ("skip", "1.0.1"), ("notify", "chat")] {
        let stage = Stage::team(needing("1", &[])).await;
        let list = stage.list_of(JOE);
        stage.clock.step(LIFETIME);
        stage.annotate(setting, value);
        deliveries(&stage).await;
        let writes = stage.writes();
        assert!(!stage.reconciler.is_list_renewable(&list).await.unwrap(), "{setting}");
        assert_eq!(stage.reconciler.renew_list(&list, "trace").await.unwrap(), RenewedList::Nothing, "{setting}");
        assert!(deliveries(&stage).await.is_empty() && stage.writes() == writes, "{setting}");
    }
}

#[tokio::test]
async fn what_any_container_asks_is_listed_whatever_became_of_the_copies_for_people() {
    let containers = [("web", "a.example/web:2.0.0"), ("old", OLD)];
    let stage = Stage::team(workload(&containers, &[("strategy", "PATCH")])).await;
    let keys: LinkKeys = LinkKey::new(vec![7; 32]).unwrap().into();
    let token = Listing::of_all(stage.clock.now() + LIFETIME).token(&keys, JOE).unwrap();
    let list = stage.reconciler.list(&Token::parse(&token).unwrap(), None).unwrap();
    let listed = async || {
        let lines = stage.reconciler.lines(&list).await.unwrap().lines;
        lines.into_iter().map(|line| line.container).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, ["old"]);
    stage.edit(None, |all| all.retain(|(name, _)| !name.starts_with("token-update")));
    assert_eq!(listed().await, ["old"]);
    stage.edit(None, |all| all.retain(|(name, _)| &**name != "record"));
    assert_eq!(listed().await, ["old"], "what is remembered tells");
}
