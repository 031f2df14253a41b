//! What is told through which channel, and how often a message is sent.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::DateTime;
use url::Url;

use super::gate::Moment;
use super::mattermost::MattermostChannel;
use super::service::tests::answering;
use super::tests::{asking, said};
use super::{Attempt, Channel, Channels, Scope, Transport};
use crate::ambient::Ambient;
use crate::domain::event::{Delivery, NoticeKind};
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
fn what_is_wrong_with_a_channel_is_told_by_another_that_works_or_by_none() {
    let url: Url = "https://chat.example.com/hooks/x".parse().unwrap();
    let applied_alone = Scope { events: vec![NoticeKind::Applied], ..Scope::default() };
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
    assert_eq!((beside("first"), beside("applied")), (None, Some("first")), "there is no other that works");
    let alone = Channels::new(vec![chat("first", &url, Scope::default())], None);
    assert!(alone.beside("first").is_none());
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
