//! Slack, by an app that is in the channel (docs.slack.dev, "chat.postMessage"). It answers with status 200 whatever
//! happened: what it says counts.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use url::Url;

use super::attempt::{Attempt, Refusal};
use super::service::{Request, Sending, Service, Style, at, body_of, by_status, put, refused, under};
use super::slack::{ROOM, message, plain_message};
use crate::domain::release::Room;
use crate::domain::secret::Secret;
use crate::outbound::Response;

/// What no rewriting of a message and no patience mends.
const REFUSALS: [&str; 14] = [
    "account_inactive",
    "access_denied",
    "channel_not_found",
    "ekm_access_denied",
    "invalid_auth",
    "is_archived",
    "missing_scope",
    "no_permission",
    "not_allowed_token_type",
    "not_authed",
    "not_in_channel",
    "restricted_action",
    "token_expired",
    "token_revoked",
];
/// What is about how a message is written.
const TOO_RICH: [&str; 7] = [
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_attachments",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
    "cannot_parse_attachment",
];
/// What passes.
const PASSING: [&str; 4] = ["fatal_error", "internal_error", "request_timeout", "service_unavailable"];

/// A channel that an app writes to.
#[derive(Debug)]
pub struct SlackApp {
    url: Secret,
    token: Secret,
    channel: String,
}

impl SlackApp {
    /// A channel: the API, a bot's token, and the channel's id or name.
    #[must_use]
    pub fn new(api: &Url, token: Secret, channel: String) -> Self {
        Self { url: under(api, &["chat.postMessage"]), token, channel }
    }
}

impl Service for SlackApp {
    fn room(&self) -> Room {
        ROOM
    }

    fn address(&self) -> &Secret {
        &self.url
    }

    fn secrets(&self) -> Vec<&str> {
        vec![self.token.expose()]
    }

    fn request(&self, sending: &Sending<'_>) -> Result<Request, Refusal> {
        let mut body = match sending.style {
            Style::Rich => message(sending.message),
            Style::Plain => plain_message(sending.message),
        };
        put(&mut body, "channel", json!(self.channel));
        Request::json(&self.url, &body)?.header("authorization", &format!("Bearer {}", self.token.expose()))
    }

    fn judge(&self, answer: &Response, now: DateTime<Utc>) -> Attempt<Refusal> {
        if !answer.status.is_success() {
            return by_status(answer, now);
        }
        let body: Value = body_of(answer);
        if *at(&body, "/ok") == true {
            return Attempt::Delivered;
        }
        let theirs = String::from_utf8_lossy(&answer.body).into_owned();
        let reason = |ours: &str| Refusal { ours: ours.to_owned(), theirs: theirs.clone() };
        match at(&body, "/error").as_str() {
            None => Attempt::Retry { at: None, reason: reason("status 200, and no answer of Slack's API") },
            Some("ratelimited" | "rate_limited" | "message_limit_exceeded") => {
                Attempt::Busy { at: None, reason: reason("Slack is busy") }
            }
            Some(error) if REFUSALS.contains(&error) => refused(format!("Slack refuses the app: {error}"), answer),
            Some(error) if TOO_RICH.contains(&error) => {
                Attempt::TooRich { reason: reason("Slack refuses the message") }
            }
            Some(error) if PASSING.contains(&error) => Attempt::Retry { at: None, reason: reason("Slack failed") },
            Some(_) => Attempt::GaveUp { reason: reason("Slack refuses the message") },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::hostile::{answered, rendered};
    use super::*;

    fn channel() -> SlackApp {
        let api = "https://slack.com/api".parse().unwrap();
        SlackApp::new(&api, Secret::new("xoxb-1-token".into()), "C0123456789".into())
    }

    /// Row 24 of the design's table.
    #[test]
    fn what_it_says_counts_and_not_its_status() {
        let judged = |body: &str| answered(&channel(), 200, body, &[]);
        let failed = |error: &str| judged(&json!({"ok": false, "error": error}).to_string());
        assert_eq!(judged(r#"{"ok":true,"ts":"1.2"}"#), Attempt::Delivered);
        assert!(matches!(failed("ratelimited"), Attempt::Busy { .. }));
        for error in ["invalid_auth", "token_revoked", "account_inactive", "not_in_channel", "channel_not_found"] {
            assert!(matches!(failed(error), Attempt::Refused { .. }), "{error}");
        }
        for error in ["invalid_blocks", "msg_too_long", "msg_blocks_too_long"] {
            assert!(matches!(failed(error), Attempt::TooRich { .. }), "{error}");
        }
        assert!(matches!(failed("internal_error"), Attempt::Retry { .. }));
        assert!(matches!(failed("something_new"), Attempt::GaveUp { .. }));
        for html in ["<html>", "", "ok", "null", "[]"] {
            assert!(matches!(judged(html), Attempt::Retry { .. }), "{html:?}");
        }
        let busy = answered(&channel(), 429, "", &[("retry-after", "30")]);
        assert!(matches!(busy, Attempt::Busy { at: Some(_), .. }));
    }

    #[test]
    fn the_token_is_in_a_header() {
        let request = rendered(&channel(), Style::Rich);
        assert_eq!(request.url.as_str(), "https://slack.com/api/chat.postMessage");
        assert!(request.headers["authorization"].is_sensitive());
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body["channel"], "C0123456789");
        assert_eq!(body["unfurl_links"], false);
    }
}
