//! Slack, by an incoming webhook: one message, a button that opens the confirm page (docs.slack.dev, "Sending messages
//! using incoming webhooks", "Block Kit").

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::attempt::{Attempt, Refusal};
use super::budget::{Unit, cut, cut_as, fitted};
use super::service::{Request, Sending, Service, Style, at, body_of, by_status, refused, says, secrets_of};
use crate::domain::release::{LineKind, Room};
use crate::domain::secret::Secret;
use crate::domain::undelivered::Said;
use crate::message::{Action, AlertLine, Fact, Item, Message, NotesPart, ReleasePart, Section};
use crate::outbound::Response;

/// What a message has room for.
pub(super) const ROOM: Room = Room { alerts: 10, releases: 5, lines: 8, characters: 2400 };
/// Slack refuses a message whose blocks have more than some 13,200 bytes together; it documents no number.
const MOST_OF_A_MESSAGE: usize = 12_000;
const MOST_BLOCKS: usize = 50;
/// The longest text of a block is 3,000 characters.
const MOST_OF_A_TEXT: usize = 2900;

/// The channel behind one incoming webhook. Its URL is the secret.
#[derive(Debug)]
pub struct SlackChannel {
    url: Secret,
}

impl SlackChannel {
    /// A channel.
    #[must_use]
    pub fn new(url: Secret) -> Self {
        Self { url }
    }
}

impl Service for SlackChannel {
    fn room(&self) -> Room {
        ROOM
    }

    fn address(&self) -> &Secret {
        &self.url
    }

    fn secrets(&self) -> Vec<&str> {
        secrets_of(&self.url)
    }

    /// «ok», as services that take messages for Slack have it, too.
    fn is_its_own(&self, answer: &Response) -> bool {
        // Others take what Slack takes, and answer by fields: Rocket.Chat, Zulip.
        let fields = body_of(answer);
        says(answer, "ok") || *at(&fields, "/success") == true || *at(&fields, "/result") == "success"
    }

    fn request(&self, sending: &Sending<'_>) -> Result<Request, Refusal> {
        Request::json(&self.url, &body(sending))
    }

    /// Whom the webhook writes to is answered with 400, as if it were about the message, where they are gone.
    fn judge(&self, answer: &Response, now: DateTime<Utc>) -> Attempt<Refusal> {
        match by_status(answer, now) {
            Attempt::TooRich { .. } if says(answer, "user_not_found") => refused(Said::SlackUnknown, answer),
            attempt => attempt,
        }
    }
}

/// The message, with as much as fits.
pub(super) fn message(message: &Message) -> Value {
    let made = fitted(message, message_with, fits);
    if fits(&made) { made } else { plain_message(message) }
}

fn fits(message: &Value) -> bool {
    let blocks = at(message, "/blocks").as_array().map_or(0, Vec::len);
    blocks <= MOST_BLOCKS && message.to_string().len() <= MOST_OF_A_MESSAGE
}

/// The message, as much adorned as it is to be.
pub(super) fn body(sending: &Sending<'_>) -> Value {
    match sending.style {
        Style::Rich => message(sending.message),
        Style::Plain => plain_message(sending.message),
    }
}

/// The sentence and the link, which every Slack takes.
pub(super) fn plain_message(message: &Message) -> Value {
    let link =
        message.action.as_ref().map(|action| format!("\n<{}|{}>", link(&action.url), escaped(&action.label, 75)));
    let text = format!("{}{}", escaped(&message.alone(), MOST_OF_A_TEXT), link.unwrap_or_default());
    json!({"text": text, "unfurl_links": false, "unfurl_media": false})
}

/// The message. Links are never unfurled: an unfurling robot would open them.
fn message_with(message: &Message) -> Value {
    let mut blocks =
        vec![json!({"type": "header", "text": {"type": "plain_text", "text": cut(&message.title, Unit::Utf16, 150)}})];
    blocks.push(plain(&message.sentence, MOST_OF_A_TEXT));
    let fields: Vec<Value> = message.facts.iter().take(10).map(field).collect();
    if !fields.is_empty() {
        blocks.push(json!({"type": "section", "fields": fields}));
    }
    for remark in &message.remarks {
        blocks.push(plain(&format!("{}{} {}", remark.label, message.colon, remark.text), 2000));
    }
    blocks.extend(message.sections.iter().flat_map(section));
    if let Some(notes) = &message.notes {
        blocks.extend(changes(notes, message.colon));
    }
    if let Some(Action { label, url, .. }) = &message.release {
        blocks.push(marked(&format!("<{}|{}>", link(url), escaped(label, 75))));
    }
    if let Some(Action { label, url, hint }) = &message.action {
        blocks.push(json!({"type": "actions", "elements": [
            {"type": "button", "style": "primary", "text": {"type": "plain_text", "text": cut(label, Unit::Utf16, 75)}, "url": url}
        ]}));
        blocks.extend(context_line(hint));
    }
    blocks.extend(context_line(&message.reason));
    json!({"text": escaped(&message.alone(), MOST_OF_A_TEXT), "blocks": blocks, "unfurl_links": false, "unfurl_media": false})
}

/// Several things of one kind, each with its own link.
fn section(section: &Section) -> Vec<Value> {
    let line = |item: &Item| match &item.url {
        Some(url) => format!("• <{}|{}>", link(url), label(&item.line)),
        None => format!("• {}", escaped(&item.line, 300)),
    };
    let mut blocks = vec![marked(&format!("*{}*", label(&section.heading)))];
    let mut lines = String::new();
    for line in section.items.iter().map(line) {
        if !lines.is_empty() && lines.len() + line.len() > MOST_OF_A_TEXT {
            blocks.push(marked(&std::mem::take(&mut lines)));
        }
        lines = if lines.is_empty() { line } else { lines + "\n" + &line };
    }
    if !lines.is_empty() {
        blocks.push(marked(&lines));
    }
    blocks.extend(section.left_out.iter().filter_map(|more| context_line(more)));
    blocks
}

/// What the update changes. Strangers' words are plain text, in which Slack reads no markup, link or mention.
fn changes(notes: &NotesPart, colon: &str) -> Vec<Value> {
    let mut blocks = Vec::new();
    let mut alerts: Vec<String> = notes.alerts.iter().map(|one| alert(one, colon)).collect();
    alerts.extend(notes.more_alerts.clone());
    if !alerts.is_empty() {
        blocks.push(plain(&alerts.join("\n"), MOST_OF_A_TEXT));
    }
    if let Some(short) = &notes.in_short {
        blocks.push(marked(&format!("*{}*", label(short.heading))));
        blocks.push(plain(&short.lines.join("\n"), MOST_OF_A_TEXT));
        blocks.extend(context_line(&short.by));
    }
    if let Some(changes) = &notes.changes {
        blocks.push(marked(&format!("*{}*", label(changes.heading))));
        blocks.extend(context_line(changes.by));
    }
    for release in notes.changes.iter().flat_map(|changes| &changes.releases) {
        let published = release.published.as_ref().map(|day| format!("  {day}")).unwrap_or_default();
        blocks.push(marked(&format!("*<{}|{}>*{published}", link(&release.url), label(&release.version))));
        blocks.extend(
            Some(lines(release)).filter(|lines| !lines.trim().is_empty()).map(|lines| plain(&lines, MOST_OF_A_TEXT)),
        );
    }
    blocks.extend(notes.left_out.iter().filter_map(|more| context_line(more)));
    blocks
}

fn alert(alert: &AlertLine, colon: &str) -> String {
    let version = alert.version.as_ref().map(|version| format!(" ({version})")).unwrap_or_default();
    format!("⚠ {}{version}{colon} {}", alert.title, alert.text)
}

fn lines(release: &ReleasePart) -> String {
    let line = |line: &crate::domain::release::Line| {
        let mark = if line.kind == LineKind::Item { "• " } else { "" };
        format!("{mark}{}", line.text)
    };
    let goes_on = release.goes_on.map(str::to_owned);
    release.lines.iter().map(line).chain(goes_on).collect::<Vec<_>>().join("\n")
}

/// A text inside a link or between asterisks, without what Slack would read as markup.
fn label(text: &str) -> String {
    escaped(text, 200).replace(['*', '_', '~', '`', '|'], " ")
}

fn plain(text: &str, most: usize) -> Value {
    json!({"type": "section", "text": {"type": "plain_text", "emoji": false, "text": cut(text, Unit::Utf16, most)}})
}

pub(super) fn marked(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "verbatim": true, "text": text}})
}

/// Nothing, where there is no text: Slack refuses an empty one.
fn context_line(text: &str) -> Option<Value> {
    let text = cut(text, Unit::Utf16, 2000);
    let line = json!({"type": "plain_text", "emoji": false, "text": text});
    (!text.trim().is_empty()).then(|| json!({"type": "context", "elements": [line]}))
}

fn field(Fact { label, value, code }: &Fact) -> Value {
    let code = code.as_ref().map(|code| format!("  `{}`", escaped(&code.replace('`', "'"), 100))).unwrap_or_default();
    json!({"type": "mrkdwn", "verbatim": true, "text": format!("*{}*\n{}{code}", escaped(label, 200), escaped(value, 1500))})
}

/// At most so many characters once the three are escaped that mean something to Slack; so no entity is cut, and no
/// mention survives.
pub(super) fn escaped(text: &str, most: usize) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    cut_as(text, Unit::Utf16, most, escape)
}

/// An address inside `<…|…>`.
fn link(url: &str) -> String {
    url.replace('|', "%7C").replace('>', "%3E").replace('<', "%3C").replace(' ', "%20")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{asking, said};
    use super::*;

    /// Fault M6: a webhook that somebody removed is mended once, and costs no message.
    #[test]
    fn a_webhook_that_slack_does_not_know_is_about_the_channel() {
        let channel = SlackChannel::new(Secret::new("https://hooks.slack.com/services/T/B/x".into()));
        let judged = |status, body: &str| super::super::hostile::answered(&channel, status, body, &[]);
        for (status, body) in [
            (404, "no_service"),
            (404, "channel_not_found"),
            (403, "invalid_token"),
            // It wrote to somebody who left.
            (400, "user_not_found"),
        ] {
            assert!(matches!(judged(status, body), Attempt::Refused { .. }), "{status} {body}");
        }
        assert_eq!(judged(200, "ok"), Attempt::Delivered);
        assert!(matches!(judged(400, "invalid_blocks"), Attempt::TooRich { .. }));
        assert!(matches!(judged(410, "channel_is_archived"), Attempt::Gone { .. }));
    }

    #[test]
    fn strangers_cannot_mention_or_link() {
        let mut delivery = asking();
        delivery.notices_mut()[0].to.tag = "<!channel> <@U1> <https://evil|ok> &lt;".repeat(100);
        delivery.notices_mut()[0].policy = "🚀".repeat(5000);
        let told = message(&said(&delivery, Some("https://iw.example.com/a/v1.x"), None));
        assert_eq!(super::super::published::slack(&told), Ok(()), "{told:#}");
        let marked = |block: &Value| block["type"] == "mrkdwn" && block["text"].as_str().unwrap().contains("<!");
        let texts = told["blocks"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|block| block["fields"].as_array().into_iter().flatten().chain(block.get("text")));
        assert!(!texts.into_iter().any(marked) && !told["text"].as_str().unwrap().contains("<!"), "{told:#}");
    }

    #[test]
    fn notes_are_plain_text_and_give_way() {
        let notes = crate::domain::release::tests::summarised();
        let mut long = notes;
        let line = crate::domain::release::tests::line(LineKind::Item, &"<!here> & ".repeat(40));
        long.releases[0].lines = vec![line; 8];
        long.releases = vec![long.releases[0].clone(); 5];
        let cut = message(&said(&asking(), Some("https://iw.example.com/a/v1.x"), Some(&long.within(ROOM))));
        let told = cut.to_string();
        assert!(told.len() <= MOST_OF_A_MESSAGE && told.contains("The port is 8080 now"), "{}", told.len());
        assert!(told.contains("https://iw.example.com/a/v1.x"), "the link is never what is left out");
        let marked =
            |block: &&Value| block["text"]["type"] == "mrkdwn" && block["text"]["text"].to_string().contains("<!");
        assert!(!cut["blocks"].as_array().unwrap().iter().any(|block| marked(&block)), "{told}");
    }
}
