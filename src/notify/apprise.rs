//! Apprise's API, the door to more than a hundred other services (github.com/caronc/apprise-api, "API Details").

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use serde_json::{Value, json};

use url::Url;

use super::attempt::{Attempt, Refusal};
use super::budget::{Unit, cut, fitted};
use super::layout::{Layout, Markup, short, text};
use super::probe::{self, Tried};
use super::service::{
    Request, Sending, Service, Style, at, beside, body_of, by_status, put, refusal, refused, secrets_of, with_query,
};
use crate::domain::release::Room;
use crate::domain::secret::Secret;
use crate::domain::undelivered::Said;
use crate::message::{Message, Severity};
use crate::outbound::Response;

/// What a message has room for.
const ROOM: Room = Room { alerts: 5, releases: 2, lines: 6, characters: 1200 };
/// Apprise takes 3 MB, and most of what is behind it some thousand characters.
const MOST_OF_A_BODY: usize = 3500;
const MOST_OF_A_TITLE: usize = 200;

/// A configuration that the server keeps under a key.
#[derive(Debug)]
pub struct AppriseChannel {
    url: Secret,
    /// Which of its services are told.
    tag: Option<String>,
}

impl AppriseChannel {
    /// A channel: `https://apprise.example.com/notify/KEY`.
    #[must_use]
    pub fn new(url: Secret, tag: Option<String>) -> Self {
        Self { url, tag }
    }
}

impl Service for AppriseChannel {
    fn room(&self) -> Room {
        ROOM
    }

    fn address(&self) -> &Secret {
        &self.url
    }

    /// The key is the last part of the path, and may be short.
    fn secrets(&self) -> Vec<&str> {
        let key =
            self.url.expose().split(['?', '#']).next().and_then(|path| path.trim_end_matches('/').rsplit('/').next());
        secrets_of(&self.url).into_iter().chain(key).collect()
    }

    fn question(&self) -> Option<Result<Request, Refusal>> {
        let key = Url::parse(self.url.expose()).ok()?;
        let key = key.path_segments()?.rfind(|part| !part.is_empty())?.to_owned();
        let url = beside(&self.url, 2, &["json", "urls", &key]);
        Some(Request::get(&with_query(&url, &[("privacy", "1")])))
    }

    fn tried(&self, answer: &Response) -> Tried {
        let urls = at(&body_of(answer), "/urls").as_array().map_or(0, Vec::len);
        match answer.status.as_u16() {
            200 if urls > 0 => Tried::Works(format!("{urls} services are configured under its key")),
            200 | 204 => Tried::Fails("nothing is configured under its key".to_owned()),
            403 => Tried::Answers("the server answers, and shows nobody what is configured".to_owned()),
            _ => probe::refused(answer),
        }
    }

    fn request(&self, sending: &Sending<'_>) -> Result<Request, Refusal> {
        let mut body = match sending.style {
            Style::Rich => fitted(sending.message, message, fits),
            Style::Plain => json!({"body": short(sending.message, Markup::Plain, Unit::Utf16, 1000)}),
        };
        // As text it is escaped for each service by Apprise itself.
        put(&mut body, "format", json!("text"));
        if let Some(tag) = &self.tag {
            put(&mut body, "tag", json!(tag));
        }
        Request::json(&self.url, &body)
    }

    fn judge(&self, answer: &Response, now: DateTime<Utc>) -> Attempt<Refusal> {
        match answer.status {
            StatusCode::NO_CONTENT => refused(Said::AppriseNothing, answer),
            // Some of its services have the message already: sent again, they would have it twice.
            StatusCode::FAILED_DEPENDENCY => Attempt::GaveUp { reason: refusal(Said::AppriseSome, answer) },
            _ => by_status(answer, now),
        }
    }
}

fn message(message: &Message) -> Value {
    let kind = match message.severity {
        Severity::Info => "info",
        Severity::Success => "success",
        Severity::Warning => "warning",
        Severity::Failure => "failure",
    };
    json!({
        "title": cut(&Markup::Plain.escaped(&message.title), Unit::Utf16, MOST_OF_A_TITLE),
        "body": text(message, Layout::whole(Markup::Plain)),
        "type": kind,
    })
}

fn fits(message: &Value) -> bool {
    at(message, "/body").as_str().is_some_and(|body| Unit::Utf16.count(body) <= MOST_OF_A_BODY)
}

#[cfg(test)]
mod tests {
    use super::super::hostile::{answered, rendered};
    use super::*;

    fn channel() -> AppriseChannel {
        let url = Secret::new("https://apprise.example.com/notify/ops-key".into());
        AppriseChannel::new(url, Some("oncall".into()))
    }

    /// Row 33 of the design's table.
    #[test]
    fn nothing_configured_is_no_success_and_a_part_is_not_sent_again() {
        let judged = |status| answered(&channel(), status, "", &[]);
        assert_eq!(judged(200), Attempt::Delivered);
        assert!(matches!(judged(204), Attempt::Refused { .. }));
        assert!(matches!(judged(424), Attempt::GaveUp { .. }));
        assert!(matches!(judged(404), Attempt::Refused { .. }));
        assert!(matches!(judged(500), Attempt::Retry { .. }));
    }

    #[test]
    fn its_key_is_a_secret() {
        assert_eq!(channel().secrets(), ["ops-key"]);
        let body: Value = serde_json::from_slice(&rendered(&channel(), Style::Rich).body).unwrap();
        assert_eq!((&body["format"], &body["tag"]), (&json!("text"), &json!("oncall")));
    }
}
