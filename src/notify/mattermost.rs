//! Mattermost, by an incoming webhook (developers.mattermost.com, "Incoming webhooks").

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::attempt::{Attempt, Refusal};
use super::budget::{Unit, cut_as, fitted};
use super::layout::{Layout, Markup, short, text};
use super::probe::{self, Tried};
use super::service::{Request, Sending, Service, Style, at, beside, body_of, by_status, refused, says, secrets_of};
use crate::domain::release::Room;
use crate::domain::secret::Secret;
use crate::domain::undelivered::Said;
use crate::message::Message;
use crate::outbound::Response;

/// What a message has room for.
const ROOM: Room = Room { alerts: 20, releases: 10, lines: 12, characters: 6000 };
/// The longest post, in characters; the server makes several of what is longer.
const MOST_OF_A_POST: usize = 16_383;

/// The channel behind one incoming webhook. Its URL is the secret.
#[derive(Debug)]
pub struct MattermostChannel {
    url: Secret,
}

impl MattermostChannel {
    /// A channel.
    #[must_use]
    pub fn new(url: Secret) -> Self {
        Self { url }
    }
}

impl Service for MattermostChannel {
    fn room(&self) -> Room {
        ROOM
    }

    fn address(&self) -> &Secret {
        &self.url
    }

    fn secrets(&self) -> Vec<&str> {
        secrets_of(&self.url)
    }

    fn question(&self) -> Option<Result<Request, Refusal>> {
        Some(Request::get(&beside(&self.url, 2, &["api", "v4", "system", "ping"])))
    }

    fn tried(&self, answer: &Response) -> Tried {
        if answer.status.is_success() {
            Tried::Answers("the server answers; whether the webhook is there shows with a message".to_owned())
        } else {
            probe::refused(answer)
        }
    }

    /// «ok».
    fn is_its_own(&self, answer: &Response) -> bool {
        says(answer, "ok")
    }

    fn request(&self, sending: &Sending<'_>) -> Result<Request, Refusal> {
        let text = match sending.style {
            Style::Rich => fitted(sending.message, message, |text| Unit::Utf16.count(text) <= MOST_OF_A_POST),
            Style::Plain => short(sending.message, Markup::Markdown, Unit::Utf16, MOST_OF_A_POST),
        };
        Request::json(&self.url, &json!({"text": text}))
    }

    /// A webhook that was removed is answered with 400, as if it were about the message.
    fn judge(&self, answer: &Response, now: DateTime<Utc>) -> Attempt<Refusal> {
        let body: Value = body_of(answer);
        let id = at(&body, "/id").as_str().unwrap_or_default();
        match by_status(answer, now) {
            Attempt::TooRich { .. } | Attempt::GaveUp { .. } | Attempt::Refused { .. }
                if id.starts_with("web.incoming_webhook") =>
            {
                refused(Said::MattermostGone, answer)
            }
            // 501, which would pass.
            Attempt::Retry { .. } if id.starts_with("web.incoming_webhook.disabled") => {
                refused(Said::MattermostOff, answer)
            }
            attempt => attempt,
        }
    }
}

fn message(message: &Message) -> String {
    let title = cut_as(&message.title, Unit::Utf16, 256, |text| Markup::Markdown.escaped(text));
    format!("**{title}**\n\n{}", text(message, Layout::whole(Markup::Markdown)))
}

#[cfg(test)]
mod tests {
    use super::super::hostile::answered;
    use super::*;

    #[test]
    fn a_webhook_that_is_no_more_is_told() {
        let channel = MattermostChannel::new(Secret::new("https://chat.example.com/hooks/x".into()));
        let judged = |status, body: &str| answered(&channel, status, body, &[]);
        assert_eq!(judged(200, "ok"), Attempt::Delivered);
        assert!(matches!(judged(400, r#"{"id":"web.incoming_webhook.invalid.app_error"}"#), Attempt::Refused { .. }));
        assert!(matches!(judged(400, r#"{"id":"model.post.is_valid.msg.app_error"}"#), Attempt::TooRich { .. }));
        assert!(matches!(judged(404, ""), Attempt::Refused { .. }));
        // An administrator turned all of them off.
        assert!(matches!(judged(501, r#"{"id":"web.incoming_webhook.disabled.app_error"}"#), Attempt::Refused { .. }));
        assert!(matches!(judged(500, r#"{"id":"web.incoming_webhook.general.app_error"}"#), Attempt::Retry { .. }));
    }
}
