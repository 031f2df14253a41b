//! What is told through which channel, and how often a message is sent.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::DateTime;
use url::Url;

use super::gate::Moment;
use super::mattermost::MattermostChannel;
use super::service::tests::answering;
use super::slack_app::SlackApp;
use super::tests::{asking, of_namespace, said};
use super::{Attempt, Channel, Channels, Scope, Transport};
use crate::ambient::Ambient;
use crate::domain::approval::Allows;
use crate::domain::event::tests::notice;
use crate::domain::event::{Delivery, Job, NoLink, Notice, NoticeKind};
use crate::domain::secret::Secret;
use crate::message::Links;
use crate::outbound::{Outbound, Reach};

fn chat(name: &str, url: &Url, scope: Scope) -> Channel {
    let client = Outbound::new(None).unwrap().client(Reach::Named).unwrap();
    let chat = MattermostChannel::new(Secret::new(url.to_string()));
    Channel::new(name.into(), scope, Transport::Service(Box::new(client), Arc::new(chat)))
}

/// Row 38 of the design's table: what is wrong with a channel is never told through it, nor round in a circle.
#[test]
fn what_is_wrong_with_a_channel_is_told_by_another_that_works_or_may_work_later() {
    let url: Url = "https://chat.example.com/hooks/x".parse().unwrap();
    let applied_alone = Scope { events: Some(vec![NoticeKind::Applied]), ..Scope::default() };
    let all = vec![
        chat("applied", &url, applied_alone),
        chat("first", &url, Scope::default()),
        chat("second", &url, Scope::default()),
    ];
    let channels = Channels::new(all, None);
    let beside = |name: &str| channels.beside(name).map(Channel::name);
    assert_eq!((beside("first"), beside("second"), beside("applied")), (Some("second"), Some("first"), Some("first")));
    let moment = Moment { wall: DateTime::UNIX_EPOCH, monotonic: Duration::ZERO };
    let refused = Attempt::Refused { reason: "status 401".to_owned() };
    channels.find("second").unwrap().gate().learn(&refused, moment, 0.5);
    assert_eq!((beside("first"), beside("applied")), (Some("second"), Some("first")), "it waits there: fault r28-6");
    channels.find("first").unwrap().gate().learn(&Attempt::Gone { reason: "status 410".to_owned() }, moment, 0.5);
    assert_eq!(beside("applied"), Some("second"), "one that is tried again before the next start");
    assert_eq!(beside("second"), Some("first"), "which is better than nobody");
    let alone = Channels::new(vec![chat("first", &url, Scope::default())], None);
    assert!(alone.beside("first").is_none());
}

/// Fault r25d-4: whoever names nothing but what is wrong with image-watcher is told of that alone.
#[test]
fn a_channel_for_troubles_is_told_of_no_update() {
    let url: Url = "https://chat.example.com/hooks/x".parse().unwrap();
    let channels = |scope| Channels::new(vec![chat("chat", &url, scope)], None);
    let alone = channels(Scope { events: Some(Vec::new()), troubles: true, ..Scope::default() });
    for kind in NoticeKind::ALL {
        assert!(alone.messages(&notice(kind), None).is_empty(), "{kind:?}");
    }
    assert!(!alone.reads("chat", "shop", Allows::Update) && alone.beside("email").is_some());
    let usual = channels(Scope::default());
    assert!(!usual.messages(&notice(NoticeKind::Available), None).is_empty() && usual.beside("email").is_some());
}

/// Fault r25d-5: what concerns all is told to all, and resumed by who is told of all.
#[test]
fn that_all_is_stopped_is_told_wherever_it_happened_and_resumed_by_who_is_told_of_all() {
    let url: Url = "https://chat.example.com/hooks/x".parse().unwrap();
    let of = |name| Scope { namespaces: of_namespace(name), ..Scope::default() };
    let all = vec![chat("shop", &url, of("shop")), chat("ops", &url, of("ops")), chat("all", &url, Scope::default())];
    let channels = Channels::new(all, None);
    let failed = vec![crate::domain::fleet::tests::failed_elsewhere(); 2];
    let stopped = crate::domain::fleet::Stopped { since: failed[0].at, failed };
    let because = Some(Box::new(crate::domain::fleet::Asks::Stopped(stopped)));
    let stop = Notice { because, ..notice(NoticeKind::Stopped) };
    let told = |notice: &Notice| -> Vec<(String, Option<NoLink>)> {
        let jobs = channels.messages(notice, None).into_iter();
        let of = |mut job: Job| match &mut job {
            Job::Deliver(delivery) => (delivery.channel.clone(), delivery.notices()[0].no_link),
            other => panic!("at once: {other:?}"),
        };
        jobs.map(of).collect()
    };
    let no_link = Some(NoLink::NotAllNamespaces);
    assert_eq!(told(&stop), [("shop".into(), no_link), ("ops".into(), no_link), ("all".into(), None)]);
    let resumed = Notice { by: Some("command ann".into()), ..stop.clone() };
    assert!(told(&resumed).iter().all(|(_, no_link)| no_link.is_none()), "there is nothing to resume");
    let failed = Notice { by: Some("policy".into()), ..notice(NoticeKind::Failed) };
    assert_eq!(told(&failed), [("shop".into(), None), ("all".into(), None)], "one that is of a namespace");
    let id = |no_link, at| Delivery::of("ops", "", Notice { at, no_link, ..stop.clone() }).id();
    let next = stop.at + chrono::TimeDelta::days(1);
    assert_ne!(id(no_link, stop.at), id(no_link, next), "the next stop is another message");
    assert_eq!(id(None, stop.at), id(no_link, stop.at));
}

/// Fault M6: a message that is not taken as it is written comes once more as text, and no oftener.
#[tokio::test]
async fn what_is_not_taken_as_it_is_written_is_sent_once_more_in_plain_text() {
    for (answer, times) in [
        (&b"HTTP/1.1 400 No\r\ncontent-length: 14\r\nconnection: close\r\n\r\ninvalid_blocks"[..], 2),
        (b"HTTP/1.1 413 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", 2),
        (b"HTTP/1.1 404 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", 1),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", 1),
    ] {
        let (url, asked, _serving) = answering(answer).await;
        let channels = Channels::new(vec![chat("chat", &url, Scope::default())], None);
        let delivery = Delivery { channel: "chat".into(), recipient: String::new(), ..asking() };
        let attempt = channels.deliver(&delivery, &Links::default(), None, &Ambient::system()).await;
        assert_eq!(asked.load(Ordering::SeqCst), times, "{attempt:?}");
        assert_eq!(matches!(attempt, Attempt::TooRich { .. }), times == 2, "{attempt:?}");
    }
}

/// What it means nobody knows: that is tried, before it waits.
#[tokio::test]
async fn what_slack_refuses_by_a_word_that_is_not_known_is_tried_in_plain_text_at_once() {
    let answer =
        b"HTTP/1.1 200 OK\r\ncontent-length: 34\r\nconnection: close\r\n\r\n{\"ok\":false,\"error\":\"new_word_12\"}";
    let (api, asked, _serving) = answering(answer).await;
    let app = SlackApp::new(&api, Secret::new("xoxb-1-token".into()), "C0123456789".into());
    let client = Outbound::new(None).unwrap().client(Reach::Named).unwrap();
    let app = Transport::Service(Box::new(client), Arc::new(app));
    let channels = Channels::new(vec![Channel::new("chat".into(), Scope::default(), app)], None);
    let delivery = Delivery { channel: "chat".into(), recipient: String::new(), ..asking() };
    let attempt = channels.deliver(&delivery, &Links::default(), None, &Ambient::system()).await;
    assert_eq!((asked.load(Ordering::SeqCst), matches!(attempt, Attempt::Later { .. })), (2, true), "{attempt:?}");
}

/// Fault M8: of a tag that is followed the subject says what it pointed to, and what it does now.
#[test]
fn the_subject_about_a_followed_tag_says_what_it_points_to() {
    let mut delivery = asking();
    let [before, after] = ['a', 'b'].map(|letter| format!("sha256:{}", letter.to_string().repeat(64)));
    let notice = &mut delivery.notices_mut()[0];
    (notice.from.tag, notice.from.digest) = ("staging".into(), Some(before));
    (notice.to.tag, notice.to.digest) = ("staging".into(), Some(after));
    let subject = said(&delivery, None, None).subject;
    assert!(subject.ends_with("web staging (aaaaaaaaaaaa) → staging (bbbbbbbbbbbb)"), "{subject}");
}
