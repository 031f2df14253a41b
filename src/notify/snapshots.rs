//! What each channel says of each kind of notice.

use super::email::tests::channel;
use super::tests::asking;
use super::view::View;
use super::{email, slack, webhook};
use crate::domain::declared::{Declared, Kinds};
use crate::domain::event::{Delivery, Failure, NoLink, NoticeKind, WayBack};
use crate::domain::fleet::{Asks, Stopped};
use crate::domain::gone::{Gone, Lost};
use crate::domain::grounds::Grounds;
use crate::domain::group::tests::plan;
use crate::domain::owner::Owner;
use crate::domain::plain::PlainText;
use crate::domain::reference::Tag;
use crate::domain::release::tests::{notes, summarised};
use crate::domain::release::{FoundBy, ReleaseNotes, Room};
use crate::domain::rollout::obstacle::{InTheWay, ObstacleKind};

const LINK: &str = "https://iw.example.com/a/v1.token";

/// A message that is sent.
struct Sent {
    name: &'static str,
    delivery: Delivery,
    link: Option<&'static str>,
    notes: Option<ReleaseNotes>,
}

impl Sent {
    /// About something newer that can be answered.
    fn asking(name: &'static str) -> Self {
        Self { name, delivery: asking(), link: Some(LINK), notes: None }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// About something newer that can't be answered.
    fn without_answer(name: &'static str, reason: NoLink) -> Self {
        Self::asking(name).with(|sent| {
            sent.link = None;
            (sent.delivery.notice.approval, sent.delivery.notice.no_link) = (None, Some(reason));
        })
    }

    /// About what became of an update, as it is notified from the history: decided by the policy or with a link.
    fn then(name: &'static str, kind: NoticeKind, by: &str) -> Self {
        Self::asking(name).with(|sent| {
            sent.link = None;
            let notice = &mut sent.delivery.notice;
            (notice.kind, notice.by, notice.why) = (kind, Some(by.into()), None);
            notice.failure = (kind == NoticeKind::Failed).then(failure);
            let has_ended = kind.is_end();
            notice.ended = has_ended.then(|| notice.at + chrono::TimeDelta::minutes(11));
            if by == "policy" {
                notice.approval = None;
            }
        })
    }

    fn view(&self, room: Room) -> View {
        View::of(&self.delivery, self.link, self.notes.as_ref().map(|notes| notes.within(room)))
    }
}

/// What runs is gone, and this is there.
fn gone(sent: &mut Sent, good: &str, lost: Lost) {
    let notice = &mut sent.delivery.notice;
    (notice.by, notice.level, notice.release_url, notice.lost) = (None, String::new(), None, Some(lost));
    (notice.to.tag, notice.to.digest) = (good.to_owned(), None);
    let good = (good != notice.from.tag).then(|| Tag::parse(good).unwrap());
    let tag = Tag::parse(&notice.from.tag).unwrap();
    notice.why = Some(Grounds::Gone(Gone { tag, digest: None, lost, good }));
}

fn way_back(sent: &mut Sent, way: WayBack) {
    let notice = &mut sent.delivery.notice;
    notice.way_back = Some(way);
    if way == WayBack::Failed {
        std::mem::swap(&mut notice.from, &mut notice.to);
    }
}

fn in_the_way(sent: &mut Sent, kind: ObstacleKind, is_ours: bool) {
    way_back(sent, WayBack::Goes);
    sent.delivery.notice.in_the_way = vec![InTheWay { kind, name: "db-2".into(), is_ours }];
}

fn failure() -> Failure {
    let message = "Deployment web has not progressed for 600 s: 1 of 3 replicas is updated".to_owned();
    Failure { log: vec!["no such table: prices".into()], ..Failure::new("ProgressDeadlineExceeded", &message) }
}

/// Every kind, with and without what a message may have.
fn all() -> Vec<Sent> {
    let person = "link email:o…@example.com";
    let mut long = ReleaseNotes { found_by: FoundBy::Guess, left_out: 3, more_alerts: 2, ..notes() };
    long.releases[0].is_cut = true;
    vec![
        Sent::asking("a question"),
        Sent::asking("a question, with notes and their summary").with(|sent| sent.notes = Some(summarised())),
        Sent::asking("a question, with notes that were guessed and cut").with(|sent| sent.notes = Some(long)),
        Sent::asking("a question about what somebody else writes too").with(|sent| {
            let application = |key: &str| (key == "argocd.argoproj.io/instance").then_some("web");
            sent.delivery.notice.owner = Owner::read(application, |_| None).map(|owner| owner.warning());
        }),
        Sent::asking("a question, with what was looked at").with(|sent| {
            let looked_at = crate::domain::preflight::tests::looked_at();
            sent.delivery.notice.preflight = Some(Box::new(looked_at));
        }),
        Sent::then("a version that would not start", NoticeKind::Failed, "policy").with(|sent| {
            let message = "1.3.0 would not start: its registry lacks the blob aaaaaaaaaaaa; push it again".to_owned();
            sent.delivery.notice.failure = Some(Failure::new("WouldNotStart", &message));
            (sent.delivery.notice.by, sent.delivery.notice.level) = (None, String::new());
        }),
        Sent::asking("a question, of which little is known").with(|sent| {
            let notice = &mut sent.delivery.notice;
            (notice.why, notice.release_url, notice.from.digest) = (None, None, None);
        }),
        Sent::asking("a question about what its makers declare").with(|sent| {
            let kinds = Kinds { breaking: true, migration: true, ..Kinds::default() };
            let quotes =
                vec![PlainText::of("The port is 8080 now"), PlainText::of("Data are moved at the first start")];
            sent.delivery.notice.declared = Declared { kinds, quotes };
        }),
        Sent::asking("a question, as the same failed elsewhere").with(|sent| {
            let failed = crate::domain::fleet::tests::failed_elsewhere();
            sent.delivery.notice.because = Some(Box::new(Asks::Failed(failed)));
        }),
        Sent::asking("nothing to answer, as there is no address for links").with(|sent| {
            sent.link = None;
            sent.delivery.notice.no_link = Some(NoLink::NoBaseUrl);
        }),
        Sent::without_answer("nothing to answer, as the workload may not be patched", NoLink::MayNotPatch),
        Sent::without_answer("allowed, and not applied, as it may not be patched", NoLink::MayNotApply),
        Sent::without_answer("would be applied, were it no dry run", NoLink::WouldApply),
        Sent::without_answer("would be asked, were it no dry run", NoLink::WouldAsk),
        Sent::without_answer("nothing to answer, as the API server refuses", NoLink::WriteRefused).with(|sent| {
            sent.delivery.notice.failure = Some(Failure { reason: "Refused".into(), ..failure() });
        }),
        Sent::then("approved", NoticeKind::Granted, person),
        Sent::then("approved with a link that a channel has", NoticeKind::Granted, "link chat"),
        Sent::then("skipped", NoticeKind::Skipped, person),
        Sent::then("applied by the policy", NoticeKind::Applied, "policy"),
        Sent::then("applied after a person's word", NoticeKind::Applied, person),
        Sent::then("failed", NoticeKind::Failed, "policy"),
        Sent::then("failed after a person's word", NoticeKind::Failed, person),
        Sent::asking("set back, with a link").with(|sent| {
            sent.delivery.notice.kind = NoticeKind::Held;
            sent.delivery.notice.by = Some("kubectl-rollout".into());
        }),
        Sent::then("gone, and another is there", NoticeKind::Gone, "policy")
            .with(|sent| gone(sent, "1.2.2", Lost::Image)),
        Sent::then("gone, and nothing else is known", NoticeKind::Gone, "policy")
            .with(|sent| gone(sent, "1.2.3", Lost::Image)),
        Sent::then("automatic updates are stopped", NoticeKind::Stopped, "policy").with(|sent| {
            let failed = vec![crate::domain::fleet::tests::failed_elsewhere(); 2];
            let since = failed[0].at;
            sent.delivery.notice.because = Some(Box::new(Asks::Stopped(Stopped { since, failed })));
            (sent.delivery.notice.by, sent.delivery.notice.why) = (None, None);
            sent.link = Some("https://iw.example.com/a/v1.token");
        }),
        Sent::then("taken back by its project", NoticeKind::Gone, "policy")
            .with(|sent| gone(sent, "1.2.2", Lost::Release)),
    ]
    .into_iter()
    .chain(ways_back())
    .chain(of_groups())
    .collect()
}

/// What is said of a group, by one of its members.
fn of_groups() -> Vec<Sent> {
    let of_group = |sent: &mut Sent| sent.delivery.notice.group = Some(Box::new(plan(3, true)));
    vec![
        Sent::asking("a question about a group").with(of_group),
        Sent::asking("a question about a group, as updates are stopped").with(of_group).with(|sent| {
            let failed = vec![crate::domain::fleet::tests::failed_elsewhere(); 2];
            let since = failed[0].at;
            sent.delivery.notice.because = Some(Box::new(Asks::Stopped(Stopped { since, failed })));
        }),
        Sent::then("a member of a group failed, and all go back", NoticeKind::Failed, "policy")
            .with(of_group)
            .with(|sent| way_back(sent, WayBack::Goes)),
        Sent::asking("a member that does not go back with its group").with(of_group).with(|sent| {
            let message =
                "deploy/worker of group shop: has timed out progressing; the API server refuses to go back: no";
            let notice = &mut sent.delivery.notice;
            (notice.kind, notice.by, notice.why) = (NoticeKind::Failed, Some("policy".into()), None);
            notice.failure = Some(Failure::new(Failure::OF_GROUP, message));
            way_back(sent, WayBack::Refused);
        }),
        Sent::then("a group went back", NoticeKind::RolledBack, "policy").with(of_group).with(|sent| {
            sent.delivery.notice.failure = Some(failure());
        }),
    ]
}

/// What becomes of an update that failed, or was set back.
fn ways_back() -> Vec<Sent> {
    vec![
        Sent::then("rolled back", NoticeKind::RolledBack, "policy").with(|sent| {
            sent.delivery.notice.failure = Some(failure());
        }),
        Sent::then("failed, and goes back", NoticeKind::Failed, "policy").with(|sent| way_back(sent, WayBack::Goes)),
        Sent::then("failed, and a pod is in the way", NoticeKind::Failed, "policy")
            .with(|sent| in_the_way(sent, ObstacleKind::Pod, false)),
        Sent::then("failed, and a job is deleted", NoticeKind::Failed, "policy")
            .with(|sent| in_the_way(sent, ObstacleKind::Job, true)),
        Sent::then("rolled back, and a pod was deleted for it", NoticeKind::RolledBack, "policy")
            .with(|sent| in_the_way(sent, ObstacleKind::Pod, true)),
        Sent::then("failed, and goes back further", NoticeKind::Failed, "policy")
            .with(|sent| way_back(sent, WayBack::Further)),
        Sent::then("failed, as the version before does", NoticeKind::Failed, "policy")
            .with(|sent| way_back(sent, WayBack::Before)),
        Sent::then("failed, and what ran before is gone", NoticeKind::Failed, "policy")
            .with(|sent| way_back(sent, WayBack::Gone)),
        Sent::then("failed, and going back is refused", NoticeKind::Failed, "policy")
            .with(|sent| way_back(sent, WayBack::Refused)),
        Sent::then("failed, and left to people", NoticeKind::Failed, "policy")
            .with(|sent| way_back(sent, WayBack::Off)),
        Sent::then("failed, and data were changed", NoticeKind::Failed, "policy")
            .with(|sent| way_back(sent, WayBack::Migration)),
        Sent::then("failed, and nothing is known of before", NoticeKind::Failed, "policy")
            .with(|sent| way_back(sent, WayBack::Unknown)),
        Sent::then("the way back failed", NoticeKind::Failed, "policy").with(|sent| way_back(sent, WayBack::Failed)),
        Sent::asking("the way back failed, and what was left can be tried again").with(|sent| {
            way_back(sent, WayBack::Failed);
            let notice = &mut sent.delivery.notice;
            (notice.kind, notice.failure, notice.why) = (NoticeKind::Failed, Some(failure()), None);
        }),
        Sent::then("set back, without a link", NoticeKind::Held, "kubectl-rollout, Argo CD application web"),
    ]
}

/// All messages of a channel, one after another.
fn catalogue(said: impl Fn(&Sent) -> String) -> String {
    all().iter().map(|sent| format!("── {}\n\n{}\n\n", sent.name, said(sent).trim_end())).collect::<Vec<_>>().concat()
}

#[test]
fn mails_in_text() {
    let said = |sent: &Sent| {
        let view = sent.view(email::ROOM);
        let (text, _) = channel().rendered(&view).unwrap();
        format!("Subject: {}\n\n{text}", view.subject)
    };
    let mails = catalogue(said);
    insta::assert_snapshot!(mails);
}

/// As it is sent, for one that has everything.
#[test]
fn a_mail_in_html() {
    let (_, mail) = channel().rendered(&all()[1].view(email::ROOM)).unwrap();
    insta::assert_snapshot!(mail);
}

/// The words of the others, without styles.
#[test]
fn mails_in_html() {
    let styles = regex::Regex::new(r#" (style|role|width|valign|align|cellpadding|cellspacing|rel)="[^"]*""#).unwrap();
    let said = |sent: &Sent| {
        let (_, html) = channel().rendered(&sent.view(email::ROOM)).unwrap();
        let body = html.split_once("<body").and_then(|(_, rest)| rest.split_once('\n')).unwrap().1;
        let body = styles.replace_all(body, "").replace("&#x2f;", "/");
        body.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("\n")
    };
    let mails = catalogue(said);
    insta::assert_snapshot!(mails);
}

#[test]
fn messages_in_slack() {
    let messages = catalogue(|sent| format!("{:#}", slack::message(&sent.view(slack::ROOM))));
    insta::assert_snapshot!(messages);
}

#[test]
fn events_of_the_webhook() {
    let events = catalogue(|sent| {
        let notes = sent.notes.as_ref().map(|notes| notes.within(webhook::ROOM));
        format!("{:#}", webhook::body(&sent.delivery, sent.link, notes.as_ref()))
    });
    insta::assert_snapshot!(events);
}

#[test]
fn each_kind_has_messages() {
    let kinds: Vec<NoticeKind> = all().iter().map(|sent| sent.delivery.notice.kind).collect();
    assert!(NoticeKind::ALL.iter().all(|kind| kinds.contains(kind)));
}
