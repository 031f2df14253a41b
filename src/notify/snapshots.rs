//! What each channel says of each kind of notice.

mod french;
mod services;
mod sizes;

use super::email::tests::channel;
use super::service::{Sending, Style};
use super::tests::{asking, said, said_by};
use super::{email, slack, webhook};
use crate::domain::declared::{Declared, Kinds};
use crate::domain::event::{
    Approvals, Delivery, Failure, ImageView, NoLink, Notice, NoticeKind, Told, Trial, Trouble, TroubleKind, WayBack,
};
use crate::domain::fleet::{Asks, Stopped};
use crate::domain::gone::{Gone, Lost};
use crate::domain::grounds::Grounds;
use crate::domain::group::tests::plan;
use crate::domain::owner::{Owner, OwnerTold, OwnerView};
use crate::domain::plain::PlainText;
use crate::domain::preflight::{Flaw, Unfit};
use crate::domain::reference::{Digest, Tag};
use crate::domain::release::tests::{notes, summarised};
use crate::domain::release::{FoundBy, ReleaseNotes, Room};
use crate::domain::rollout::obstacle::{InTheWay, ObstacleKind};
use crate::message::{Links, Message};

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
            (sent.delivery.notices_mut()[0].approval, sent.delivery.notices_mut()[0].no_link) = (None, Some(reason));
        })
    }

    /// About what became of an update, as it is notified from the history: decided by the policy or with a link.
    fn then(name: &'static str, kind: NoticeKind, by: &str) -> Self {
        Self::asking(name).with(|sent| {
            sent.link = None;
            let notice = &mut sent.delivery.notices_mut()[0];
            (notice.kind, notice.by, notice.why) = (kind, Some(by.into()), None);
            notice.failure = (kind == NoticeKind::Failed).then(failure);
            let has_ended = kind.is_end();
            notice.ended = has_ended.then(|| notice.at + chrono::TimeDelta::minutes(11));
            if by == "policy" {
                notice.approval = None;
            }
        })
    }

    fn message(&self, room: Room) -> Message {
        said(&self.delivery, self.link, self.notes.as_ref().map(|notes| notes.within(room)).as_ref())
    }
}

/// What runs is gone, and this is there.
fn gone(sent: &mut Sent, good: &str, lost: Lost) {
    let notice = &mut sent.delivery.notices_mut()[0];
    (notice.by, notice.level, notice.release_url, notice.lost) = (None, String::new(), None, Some(lost));
    (notice.to.tag, notice.to.digest) = (good.to_owned(), None);
    let good = (good != notice.from.tag).then(|| Tag::parse(good).unwrap());
    let tag = Tag::parse(&notice.from.tag).unwrap();
    notice.why = Some(Grounds::Gone(Gone { tag, digest: None, lost, good }));
}

fn way_back(sent: &mut Sent, way: WayBack) {
    let notice = &mut sent.delivery.notices_mut()[0];
    notice.way_back = Some(way);
    if way == WayBack::Failed {
        std::mem::swap(&mut notice.from, &mut notice.to);
    }
}

fn in_the_way(sent: &mut Sent, kind: ObstacleKind, is_ours: bool) {
    way_back(sent, WayBack::Goes);
    sent.delivery.notices_mut()[0].in_the_way = vec![InTheWay { kind, name: "db-2".into(), is_ours, is_left: false }];
}

/// The same as its message says.
fn unfit() -> Unfit {
    let digest = Digest::parse(&format!("sha256:{}", "a".repeat(64))).unwrap();
    Unfit { tag: Tag::parse("1.3.0").unwrap(), digest: digest.clone(), flaw: Flaw::NoBlob(digest) }
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
            sent.delivery.notices_mut()[0].owner = Owner::read(application, |_| None)
                .map(|owner| OwnerView::Known(OwnerTold { owner, keep: None, asks_first: false }));
        }),
        Sent::asking("a question, with what was looked at").with(|sent| {
            let looked_at = crate::domain::preflight::tests::looked_at();
            sent.delivery.notices_mut()[0].preflight = Some(Box::new(looked_at));
        }),
        Sent::then("a version that would not start", NoticeKind::Failed, "policy").with(|sent| {
            let message = "1.3.0 would not start: its registry lacks the blob aaaaaaaaaaaa; push it again".to_owned();
            sent.delivery.notices_mut()[0].failure = Some(Failure::new("WouldNotStart", &message));
            sent.delivery.notices_mut()[0].unfit = Some(Box::new(unfit()));
            (sent.delivery.notices_mut()[0].by, sent.delivery.notices_mut()[0].level) = (None, String::new());
        }),
        Sent::asking("a question that two people have to approve").with(|sent| {
            sent.delivery.notices_mut()[0].approvals = Some(Approvals { needed: 2, given: 1 });
        }),
        Sent::asking("a question, of which little is known").with(|sent| {
            let notice = &mut sent.delivery.notices_mut()[0];
            (notice.why, notice.release_url, notice.from.digest) = (None, None, None);
        }),
        Sent::asking("a question about what its makers declare").with(|sent| {
            let kinds = Kinds { breaking: true, migration: true, ..Kinds::default() };
            let quotes =
                vec![PlainText::of("The port is 8080 now"), PlainText::of("Data are moved at the first start")];
            sent.delivery.notices_mut()[0].declared = Declared { kinds, quotes };
        }),
        Sent::asking("a question, as the same failed elsewhere").with(|sent| {
            let failed = crate::domain::fleet::tests::failed_elsewhere();
            sent.delivery.notices_mut()[0].because = Some(Box::new(Asks::Failed(failed)));
        }),
        Sent::asking("nothing to answer, as there is no address for links").with(|sent| {
            sent.link = None;
            sent.delivery.notices_mut()[0].no_link = Some(NoLink::NoBaseUrl);
        }),
        Sent::asking("the first reminder").with(|sent| sent.delivery.notices_mut()[0].reminder = 1),
        Sent::asking("the last reminder").with(|sent| sent.delivery.notices_mut()[0].reminder = 3),
        Sent::without_answer("nothing to answer, as the workload may not be patched", NoLink::MayNotPatch),
        Sent::without_answer("allowed, and not applied, as it may not be patched", NoLink::MayNotApply),
        Sent::without_answer("would be applied, were it no dry run", NoLink::WouldApply),
        Sent::without_answer("would be asked, were it no dry run", NoLink::WouldAsk),
        Sent::without_answer("nothing to answer, as the API server refuses", NoLink::WriteRefused).with(|sent| {
            sent.delivery.notices_mut()[0].failure = Some(Failure { reason: "Refused".into(), ..failure() });
        }),
        Sent::then("approved", NoticeKind::Granted, person),
        Sent::then("approved with a link that a channel has", NoticeKind::Granted, "link chat"),
        Sent::then("skipped", NoticeKind::Skipped, person),
        Sent::then("applied by the policy", NoticeKind::Applied, "policy"),
        Sent::then("applied after a person's word", NoticeKind::Applied, person),
        Sent::then("failed", NoticeKind::Failed, "policy"),
        Sent::then("failed after a person's word", NoticeKind::Failed, person),
        Sent::then("stands still", NoticeKind::Stalled, "policy").with(|sent| {
            let message = "the rollout has made no progress for 15 minutes; look at its pods";
            sent.delivery.notices_mut()[0].failure = Some(Failure::new("NoProgress", message));
        }),
        Sent::then("goes back and stands still", NoticeKind::Stalled, "policy").with(|sent| {
            let message = "pods \"web-1-\" is forbidden: exceeded quota: team";
            sent.delivery.notices_mut()[0].failure = Some(Failure::new("FailedCreate", message));
            sent.delivery.notices_mut()[0].way_back = Some(WayBack::StandsStill);
        }),
        Sent::asking("set back, with a link").with(|sent| {
            sent.delivery.notices_mut()[0].kind = NoticeKind::Held;
            sent.delivery.notices_mut()[0].by = Some("kubectl-rollout".into());
        }),
        Sent::then("gone, and another is there", NoticeKind::Gone, "policy")
            .with(|sent| gone(sent, "1.2.2", Lost::Image)),
        Sent::then("gone, and nothing else is known", NoticeKind::Gone, "policy")
            .with(|sent| gone(sent, "1.2.3", Lost::Image)),
        Sent::then("automatic updates are stopped", NoticeKind::Stopped, "policy").with(|sent| {
            let failed = vec![crate::domain::fleet::tests::failed_elsewhere(); 2];
            let since = failed[0].at;
            sent.delivery.notices_mut()[0].because = Some(Box::new(Asks::Stopped(Stopped { since, failed })));
            (sent.delivery.notices_mut()[0].by, sent.delivery.notices_mut()[0].why) = (None, None);
            sent.link = Some("https://iw.example.com/a/v1.token");
        }),
        Sent::then("taken back by its project", NoticeKind::Gone, "policy")
            .with(|sent| gone(sent, "1.2.2", Lost::Release)),
        Sent::then("pushed again under what runs", NoticeKind::Gone, "policy")
            .with(|sent| gone(sent, "1.2.2", Lost::Moved)),
    ]
    .into_iter()
    .chain(ways_back())
    .chain(of_groups())
    .collect()
}

/// What is said of a group, by one of its members.
fn of_groups() -> Vec<Sent> {
    let of_group = |sent: &mut Sent| sent.delivery.notices_mut()[0].group = Some(Box::new(plan(3, true)));
    vec![
        Sent::asking("a question about a group").with(of_group),
        Sent::asking("a question about a group, as updates are stopped").with(of_group).with(|sent| {
            let failed = vec![crate::domain::fleet::tests::failed_elsewhere(); 2];
            let since = failed[0].at;
            sent.delivery.notices_mut()[0].because = Some(Box::new(Asks::Stopped(Stopped { since, failed })));
        }),
        Sent::then("a member of a group failed, and all go back", NoticeKind::Failed, "policy")
            .with(of_group)
            .with(|sent| way_back(sent, WayBack::Goes)),
        Sent::asking("a member that does not go back with its group").with(of_group).with(|sent| {
            let message =
                "deploy/worker of group shop: has timed out progressing; the API server refuses to go back: no";
            let notice = &mut sent.delivery.notices_mut()[0];
            (notice.kind, notice.by, notice.why) = (NoticeKind::Failed, Some("policy".into()), None);
            notice.failure = Some(Failure::new(Failure::OF_GROUP, message));
            way_back(sent, WayBack::Refused);
        }),
        Sent::then("a group went back", NoticeKind::RolledBack, "policy").with(of_group).with(|sent| {
            sent.delivery.notices_mut()[0].failure = Some(failure());
        }),
    ]
}

/// What becomes of an update that failed, or was set back.
fn ways_back() -> Vec<Sent> {
    vec![
        Sent::then("rolled back", NoticeKind::RolledBack, "policy").with(|sent| {
            sent.delivery.notices_mut()[0].failure = Some(failure());
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
        Sent::then("what failed here was put back", NoticeKind::Failed, "kubectl-rollout")
            .with(|sent| way_back(sent, WayBack::PutBack)),
        Sent::then("failed, and pods are left to people", NoticeKind::Failed, "policy").with(|sent| {
            in_the_way(sent, ObstacleKind::Pod, false);
            sent.delivery.notices_mut()[0].in_the_way[0].is_left = true;
        }),
        Sent::then("the way back failed", NoticeKind::Failed, "policy").with(|sent| way_back(sent, WayBack::Failed)),
        Sent::asking("the way back failed, and what was left can be tried again").with(|sent| {
            way_back(sent, WayBack::Failed);
            let notice = &mut sent.delivery.notices_mut()[0];
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
        let message = sent.message(email::ROOM);
        let (text, _) = channel().rendered(&message).unwrap();
        format!("Subject: {}\n\n{text}", message.subject)
    };
    let mails = catalogue(said);
    insta::assert_snapshot!(mails);
}

/// As it is sent, for one that has everything.
#[test]
fn a_mail_in_html() {
    let (_, mail) = channel().rendered(&all()[1].message(email::ROOM)).unwrap();
    insta::assert_snapshot!(mail);
}

/// The words of the others, without styles.
#[test]
fn mails_in_html() {
    let styles = regex::Regex::new(r#" (style|role|width|valign|align|cellpadding|cellspacing|rel)="[^"]*""#).unwrap();
    let said = |sent: &Sent| {
        let (_, html) = channel().rendered(&sent.message(email::ROOM)).unwrap();
        let body = html.split_once("<body").and_then(|(_, rest)| rest.split_once('\n')).unwrap().1;
        let body = styles.replace_all(body, "").replace("&#x2f;", "/");
        body.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("\n")
    };
    let mails = catalogue(said);
    insta::assert_snapshot!(mails);
}

#[test]
fn messages_in_slack() {
    let messages = catalogue(|sent| format!("{:#}", slack::message(&sent.message(slack::ROOM))));
    insta::assert_snapshot!(messages);
}

#[test]
fn events_of_the_webhook() {
    let events = catalogue(|sent| format!("{:#}", event(&sent.delivery, &Links::one(sent.link), sent.notes.as_ref())));
    insta::assert_snapshot!(events);
}

fn event(delivery: &Delivery, links: &Links, notes: Option<&ReleaseNotes>) -> serde_json::Value {
    let notes = notes.map(|notes| notes.within(webhook::ROOM));
    let message = said_by(delivery, links.clone(), notes.as_ref(), None);
    let now = chrono::DateTime::from_timestamp(1_795_000_100, 0).unwrap();
    let (message, notes) = (&message, notes.as_ref());
    webhook::body(&Sending { delivery, message, links, notes, style: Style::Rich, now })
}

/// Several workloads, one message; and what is said of image-watcher itself.
fn of_several() -> Vec<(&'static str, Delivery, Links)> {
    let of = |told| Delivery { channel: "email".into(), recipient: "oncall@example.com".into(), told };
    let one = |number: usize, kind: NoticeKind| {
        let mut notice = asking().notices()[0].clone();
        notice.kind = kind;
        notice.workload.name = format!("web-{number}").into();
        notice.workload.uid = format!("uid-{number}").into();
        notice
    };
    let several = |notices: Vec<Notice>| Told::Several { id: Delivery::collection(&notices), notices };
    let links = |count: usize| Links {
        whole: None,
        each: (0..count).map(|number| Some(format!("https://iw.example.com/a/v1.token-{number}"))).collect(),
    };
    let at = asking().notices()[0].at;
    let trouble = |kind| {
        of(Told::Trouble(Box::new(Trouble {
            kind,
            channel: "oncall".into(),
            reason: "status 403 Forbidden: invalid_token".into(),
            since: at,
            at,
            messages: 3,
        })))
    };
    vec![
        ("one push, three workloads", of(several((1..4).map(|n| one(n, NoticeKind::Available)).collect())), links(3)),
        (
            "many things at once",
            of(several(
                (1..70)
                    .map(|n| one(n, if n % 3 == 0 { NoticeKind::Applied } else { NoticeKind::Available }))
                    .map(|notice| Notice {
                        to: ImageView { tag: format!("1.{}.0", 3 + notice.workload.name.len() % 2), ..notice.to },
                        ..notice
                    })
                    .collect(),
            )),
            Links { whole: Some("https://iw.example.com/a/v1.list".into()), ..links(69) },
        ),
        ("a channel that refuses us", trouble(TroubleKind::ChannelPaused), Links::default()),
        ("a channel that does not work for long", trouble(TroubleKind::ChannelFailing), Links::default()),
        ("a channel that is gone", trouble(TroubleKind::ChannelGone), Links::default()),
        ("messages that were given up", trouble(TroubleKind::DeadLetters), Links::default()),
        ("a trial", of(Told::Test(Trial { id: "trial-1".into(), at })), Links::default()),
    ]
}

#[test]
fn messages_about_several_things_and_about_ourselves() {
    let said = |(name, delivery, links): (&str, Delivery, Links)| {
        let message = said_by(&delivery, links.clone(), None, Some("prod-eu"));
        let (text, _) = channel().rendered(&message).unwrap();
        let event = event(&delivery, &links, None);
        let keys: Vec<&String> = event["data"].as_object().unwrap().keys().collect();
        let chat = slack::message(&message).to_string().len();
        format!(
            "── {name}\n\nSubject: {}\n\n{text}\n{} {keys:?}, {chat} bytes in Slack\n\n",
            message.subject, event["type"]
        )
    };
    let all: String = of_several().into_iter().map(said).collect();
    insta::assert_snapshot!(all);
}

#[test]
fn each_kind_has_messages() {
    let kinds: Vec<NoticeKind> = all().iter().map(|sent| sent.delivery.notices()[0].kind).collect();
    assert!(NoticeKind::ALL.iter().all(|kind| kinds.contains(kind)));
}
