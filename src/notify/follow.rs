//! One update is one message, where a service can change what was posted: it is written anew as the update goes on, and
//! what people have to hear of is said below it.

use serde::{Deserialize, Serialize};

use super::attempt::{Attempt, Refusal};
use super::service::{Answered, Sending, Service, Style, post};
use crate::domain::event::{Notice, NoticeKind, Told};
use crate::domain::press::Posted;
use crate::outbound::Client;

/// An attempt, and where the message stands that it posted.
#[derive(Debug)]
pub struct Sent<R = String> {
    /// How it ended.
    pub attempt: Attempt<R>,
    /// Where it stands, if it is to be changed when the update goes on.
    pub posted: Option<Posted>,
    /// What the other side said as it took the message, without secrets.
    pub said: Option<String>,
}

impl<R> Sent<R> {
    /// An attempt that posted nothing that can be changed, as far as is known.
    pub(super) fn of(attempt: Attempt<R>) -> Self {
        Self { attempt, posted: None, said: None }
    }
}

/// What is to be done in a service that can change what was posted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn<'t> {
    /// The message about the same update, where there is one.
    pub(super) before: Option<&'t Posted>,
    /// Whether the channel is told of this, and not only shows it in what was posted.
    pub(super) is_news: bool,
}

/// What is kept of a message, by the service that has it.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct KeptMessage {
    pub(super) home: String,
    pub(super) posted: Posted,
}

/// Whether an update goes on by this, so that the message which asked about it changes.
pub(super) fn goes_on(notice: &Notice) -> bool {
    match notice.kind {
        NoticeKind::Available
        | NoticeKind::Granted
        | NoticeKind::Skipped
        | NoticeKind::Applied
        | NoticeKind::Failed
        | NoticeKind::Stalled
        | NoticeKind::RolledBack => !notice.is_passed_over(),
        NoticeKind::Held | NoticeKind::Gone | NoticeKind::Stopped => false,
    }
}

/// One attempt: the message is posted; or what was posted is written anew, and what is news is said below it too.
pub(super) async fn attempt(
    service: &dyn Service,
    client: &Client,
    sending: &Sending<'_>,
    turn: Turn<'_>,
) -> Sent<Refusal> {
    match (service.answered(), turn.before) {
        (Some(app), Some(before)) => go_on((service, app), client, sending, (before, turn.is_news)).await,
        // There is nothing to show it in, and nobody asked to hear of it.
        _ if !turn.is_news => Sent::of(Attempt::Delivered),
        (app, _) => anew((service, app), client, sending).await,
    }
}

async fn anew(
    (service, app): (&dyn Service, Option<&dyn Answered>),
    client: &Client,
    sending: &Sending<'_>,
) -> Sent<Refusal> {
    let (mut attempt, answer) = post(service, client, service.request(sending), sending.now).await;
    let is_trial = attempt == Attempt::Delivered && matches!(sending.delivery.told, Told::Test(_));
    if let Some(end) = service.end_of_trial(sending).filter(|_| is_trial) {
        attempt = post(service, client, end, sending.now).await.0;
    }
    let is_posted = attempt == Attempt::Delivered;
    let answer = answer.filter(|_| is_posted);
    let posted = app.zip(answer.as_ref()).and_then(|(app, answer)| app.posted(answer));
    let said = answer.map(|answer| format!("{} {}", answer.status.as_u16(), String::from_utf8_lossy(&answer.body)));
    Sent { attempt, posted, said }
}

/// The edit comes first, as it may be repeated: an attempt that fails after it says nothing twice.
async fn go_on(
    (service, app): (&dyn Service, &dyn Answered),
    client: &Client,
    sending: &Sending<'_>,
    (before, is_news): (&Posted, bool),
) -> Sent<Refusal> {
    let (edited, answer) = post(service, client, app.anew(sending, before), sending.now).await;
    let is_out_of_reach = answer.is_some_and(|answer| app.is_out_of_reach(&answer));
    let is_over = match &edited {
        Attempt::Delivered => !is_news,
        Attempt::TooRich { .. } => sending.style == Style::Rich && !is_out_of_reach,
        // What can't be changed, or not now, is said below it instead.
        Attempt::GaveUp { .. } | Attempt::Later { .. } => false,
        Attempt::Retry { .. }
        | Attempt::Busy { .. }
        | Attempt::Refused { .. }
        | Attempt::Gone { .. }
        | Attempt::Unsent { .. } => !is_out_of_reach,
    };
    if is_over {
        return Sent::of(edited);
    }
    let (attempt, answer) = post(service, client, app.follow(sending, before), sending.now).await;
    if answer.is_some_and(|answer| app.is_out_of_reach(&answer)) {
        // What it would stand below is gone, too.
        return anew((service, Some(app)), client, sending).await;
    }
    Sent::of(attempt)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use super::super::service::tests::answering;
    use super::super::slack_app::SlackApp;
    use super::super::telegram::{Chat, TelegramChannel};
    use super::super::tests::{asking, said};
    use super::*;
    use crate::domain::secret::Secret;
    use crate::message::Links;
    use crate::outbound::{Outbound, Reach};

    /// How an attempt ends, and how many requests it takes, where a chat answers all of them the same.
    async fn answered(
        app: impl FnOnce(&url::Url) -> Arc<dyn Service>,
        status: &str,
        body: &str,
    ) -> (Attempt<Refusal>, usize) {
        let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let (api, requests, _serving) = answering(Box::leak(answer.into_bytes().into_boxed_slice())).await;
        let client = Outbound::new(None).unwrap().client(Reach::Named).unwrap();
        let service = app(&api);
        let (delivery, links) = (&asking(), &Links::default());
        let (message, now) = (&said(delivery, None, None), chrono::DateTime::UNIX_EPOCH);
        let sending = Sending { delivery, message, links, notes: None, style: Style::Rich, now };
        let before = Posted { channel: "-42".into(), message: "7".into() };
        let turn = Turn { before: Some(&before), is_news: true };
        let sent = attempt(&*service, &client, &sending, turn).await;
        (sent.attempt, requests.load(Ordering::SeqCst))
    }

    fn telegram(api: &url::Url) -> Arc<dyn Service> {
        Arc::new(TelegramChannel::new(api, Secret::new("1:x".into()), Chat::Number(-42), None))
    }

    fn slack(api: &url::Url) -> Arc<dyn Service> {
        Arc::new(SlackApp::new(api, Secret::new("xoxb-1".into()), "C1".into()))
    }

    /// What Telegram answers with 400 of a message that somebody deleted is no word about how the next one is written.
    #[tokio::test]
    async fn what_was_deleted_is_followed_by_a_whole_message() {
        const GONE: &str = r#"{"ok":false,"description":"Bad Request: message to edit not found"}"#;
        let (_, requests) = answered(telegram, "400 Bad Request", GONE).await;
        assert_eq!(requests, 3, "it is edited, said below it, and posted anew, all of it rich");
    }

    /// Fault r28-5: a group that got another number took its messages out of reach.
    #[tokio::test]
    async fn what_stands_in_a_chat_that_moved_is_followed_by_a_whole_message_in_the_other() {
        const MOVED: &str = r#"{"ok":false,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-100123}}"#;
        let (attempt, requests) = answered(telegram, "400 Bad Request", MOVED).await;
        assert_eq!(requests, 3);
        assert!(matches!(attempt, Attempt::Retry { .. }), "{attempt:?}");
    }

    /// Fault r28-7: threads can be turned off; and what Slack says in a new word is said below the message too.
    #[tokio::test]
    async fn what_slack_does_not_let_stand_below_a_message_is_a_whole_one() {
        for (error, expected) in [("restricted_action_non_threadable_channel", 3), ("something_new", 2)] {
            let body = format!(r#"{{"ok":false,"error":"{error}"}}"#);
            assert_eq!(answered(slack, "200 OK", &body).await.1, expected, "{error}");
        }
    }
}
