//! Microsoft Teams, by a workflow that takes webhook requests (learn.microsoft.com, "Create incoming webhooks with
//! Workflows", "Adaptive Cards").

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::attempt::{Attempt, Refusal};
use super::budget::{Unit, cut, fitted};
use super::layout::{Markup, buttons, is_web, short};
use super::service::{Request, Sending, Service, Style, at, body_of, by_status, put, refused, says, secrets_of};
use crate::domain::release::Room;
use crate::domain::secret::Secret;
use crate::domain::undelivered::Said;
use crate::message::{AlertLine, Fact, Item, Message, NotesPart, Remark, Section, Severity};
use crate::outbound::Response;

/// What a message has room for.
const ROOM: Room = Room { alerts: 20, releases: 10, lines: 12, characters: 6000 };
/// Teams refuses 28 KB; what it adds on the way counts as well.
const MOST_OF_A_MESSAGE: usize = 21 * 1024;
/// The longest run of text.
const MOST_OF_A_TEXT: usize = 2000;
/// What a workflow answers with status 200 where Teams refused the message behind it.
const BEHIND: &str = "HTTP error ";
/// What is answered with 400, as if it were about the message, where the workflow was turned off or deleted.
const TURNED_OFF: &str = "WorkflowTriggerIsNotEnabled";

/// The channel behind one workflow. Its URL, which is signed, is the secret.
#[derive(Debug)]
pub struct TeamsChannel {
    url: Secret,
}

impl TeamsChannel {
    /// A channel.
    #[must_use]
    pub fn new(url: Secret) -> Self {
        Self { url }
    }
}

impl Service for TeamsChannel {
    fn room(&self) -> Room {
        ROOM
    }

    fn address(&self) -> &Secret {
        &self.url
    }

    fn secrets(&self) -> Vec<&str> {
        secrets_of(&self.url)
    }

    /// A workflow answers with nothing, and the connectors before it with 1.
    fn is_its_own(&self, answer: &Response) -> bool {
        says(answer, "1")
    }

    fn request(&self, sending: &Sending<'_>) -> Result<Request, Refusal> {
        let fits = |message: &Value| message.to_string().len() <= MOST_OF_A_MESSAGE;
        let body = match sending.style {
            Style::Rich => fitted(sending.message, message, fits),
            Style::Plain => {
                let text = short(sending.message, Markup::Plain, Unit::Bytes, MOST_OF_A_TEXT);
                card(&[runs(&[run(&text)])], sending.message, &[])
            }
        };
        Request::json(&self.url, &body)
    }

    fn judge(&self, answer: &Response, now: DateTime<Utc>) -> Attempt<Refusal> {
        let said = String::from_utf8_lossy(&answer.body);
        let behind = said.split_once(BEHIND).and_then(|(_, rest)| rest.get(..3)?.parse().ok());
        let behind = behind.and_then(|status: u16| StatusCode::from_u16(status).ok());
        let attempt = match behind.filter(|behind| answer.status.is_success() && !behind.is_success()) {
            Some(status) => by_status(&Response { status, ..answer.clone() }, now),
            None => by_status(answer, now),
        };
        match attempt {
            Attempt::TooRich { .. } if *at(&body_of(answer), "/error/code") == TURNED_OFF => {
                refused(Said::TeamsOff, answer)
            }
            attempt => attempt,
        }
    }
}

pub(super) fn message(message: &Message) -> Value {
    let mut blocks = vec![json!({"type": "RichTextBlock", "inlines": [
        {"type": "TextRun", "text": cut(&message.title, Unit::Utf16, 256), "size": "Large", "weight": "Bolder",
         "color": color(message.severity)}
    ]})];
    blocks.push(runs(&[run(&message.sentence)]));
    blocks.extend(message.facts.iter().map(|one| fact(one, message.colon)));
    blocks.extend(message.remarks.iter().map(|one| remark(one, message.colon)));
    blocks.extend(message.sections.iter().flat_map(section));
    blocks.extend(message.notes.iter().flat_map(|notes| changes(notes, message.colon)));
    let last = message.action.iter().map(|action| action.hint.as_str()).chain([message.reason.as_str()]);
    blocks.extend(last.filter(|text| !text.is_empty()).map(|text| runs(&[subtle(text)])));
    let open = |action: &crate::message::Action| json!({"type": "Action.OpenUrl", "title": cut(&action.label, Unit::Utf16, 80), "url": action.url});
    card(&blocks, message, &buttons(message).map(open).collect::<Vec<_>>())
}

fn card(blocks: &[Value], message: &Message, actions: &[Value]) -> Value {
    let summary = cut(&message.alone(), Unit::Utf16, 500);
    json!({"type": "message", "summary": summary, "attachments": [{
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": null,
        "content": {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
            "fallbackText": summary,
            "msteams": {"width": "Full"}, "body": blocks, "actions": actions,
        },
    }]})
}

/// A line of texts, in which Teams reads no markup.
fn runs(runs: &[Value]) -> Value {
    json!({"type": "RichTextBlock", "inlines": runs})
}

fn run(text: &str) -> Value {
    json!({"type": "TextRun", "text": cut(text, Unit::Utf16, MOST_OF_A_TEXT)})
}

fn bold(text: &str) -> Value {
    json!({"type": "TextRun", "text": cut(text, Unit::Utf16, 300), "weight": "Bolder"})
}

fn subtle(text: &str) -> Value {
    json!({"type": "TextRun", "text": cut(text, Unit::Utf16, 500), "isSubtle": true, "size": "Small"})
}

fn linked(text: &str, url: &str) -> Value {
    let mut run = run(&cut(text, Unit::Utf16, 300));
    if is_web(url) {
        put(&mut run, "selectAction", json!({"type": "Action.OpenUrl", "url": url}));
    }
    run
}

fn fact(Fact { label, value, code }: &Fact, colon: &str) -> Value {
    let mut parts = vec![bold(&format!("{label}{colon} ")), run(value)];
    parts.extend(code.as_ref().map(
        |code| json!({"type": "TextRun", "text": cut(&format!("  {code}"), Unit::Utf16, 100), "fontType": "Monospace"}),
    ));
    runs(&parts)
}

fn remark(Remark { label, text, .. }: &Remark, colon: &str) -> Value {
    runs(&[bold(&format!("{label}{colon} ")), run(text)])
}

fn section(section: &Section) -> Vec<Value> {
    let line = |Item { line, url }: &Item| {
        runs(&[run("• "), url.as_ref().map_or_else(|| run(&cut(line, Unit::Utf16, 300)), |url| linked(line, url))])
    };
    let heading = std::iter::once(runs(&[bold(&section.heading)]));
    let left_out = section.left_out.iter().map(|more| runs(&[subtle(more)]));
    heading.chain(section.items.iter().map(line)).chain(left_out).collect()
}

fn changes(notes: &NotesPart, colon: &str) -> Vec<Value> {
    let mut blocks: Vec<Value> = notes.alerts.iter().map(|one| alert(one, colon)).collect();
    blocks.extend(notes.more_alerts.iter().map(|more| runs(&[subtle(more)])));
    if let Some(short) = &notes.in_short {
        blocks.push(runs(&[bold(short.heading)]));
        blocks.extend(short.lines.iter().map(|line| runs(&[run(&format!("• {line}"))])));
        blocks.push(runs(&[subtle(&short.by)]));
    }
    if let Some(changes) = &notes.changes {
        blocks.push(runs(&[bold(changes.heading), subtle(&format!("  {}", changes.by))]));
    }
    for release in notes.changes.iter().flat_map(|changes| &changes.releases) {
        let published = release.published.as_ref().map(|day| subtle(&format!("  {day}")));
        let heading: Vec<Value> = std::iter::once(linked(&release.version, &release.url)).chain(published).collect();
        blocks.push(runs(&heading));
        blocks.extend(release.lines.iter().map(|line| runs(&[run(&format!("• {}", line.text))])));
        blocks.extend(release.goes_on.map(|more| runs(&[subtle(more)])));
    }
    blocks.extend(notes.left_out.iter().map(|more| runs(&[subtle(more)])));
    blocks
}

fn alert(AlertLine { title, version, text }: &AlertLine, colon: &str) -> Value {
    let version = version.as_ref().map(|version| format!(" ({version})")).unwrap_or_default();
    runs(&[bold(&format!("⚠ {title}{version}{colon} ")), run(text)])
}

fn color(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "Accent",
        Severity::Success => "Good",
        Severity::Warning => "Warning",
        Severity::Failure => "Attention",
    }
}

#[cfg(test)]
mod tests {
    use super::super::hostile::answered;
    use super::*;

    /// Row 32 of the design's table.
    #[test]
    fn a_refusal_behind_the_workflow_is_read() {
        let channel = TeamsChannel::new(Secret::new("https://prod-1.logic.example.com/workflows/x?sig=s".into()));
        let judged = |status, body: &str| answered(&channel, status, body, &[]);
        assert_eq!((judged(202, ""), judged(200, "1")), (Attempt::Delivered, Attempt::Delivered));
        let behind = |status| {
            judged(
                200,
                &format!(
                    "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error {status} with ContextId x"
                ),
            )
        };
        assert!(matches!(behind(429), Attempt::Busy { .. }));
        let bare = judged(200, "Microsoft Teams endpoint returned HTTP error 429");
        assert!(matches!(bare, Attempt::Busy { .. }), "row 32 of the design's table: {bare:?}");
        assert!(matches!(behind(413), Attempt::TooRich { .. }));
        assert!(matches!(behind(403), Attempt::Refused { .. }));
        assert!(matches!(behind(502), Attempt::Retry { .. }));
        assert!([401, 404].iter().all(|status| matches!(judged(*status, ""), Attempt::Refused { .. })));
        // Somebody turned the workflow off, or deleted it.
        let code = |code: &str| judged(400, &json!({"error": {"code": code, "message": "x"}}).to_string());
        assert!(matches!(code("WorkflowTriggerIsNotEnabled"), Attempt::Refused { .. }));
        assert!(matches!(code("TriggerInputSchemaMismatch"), Attempt::TooRich { .. }));
    }
}
