//! Slack, by an incoming webhook: one message, a button that opens the confirm page (docs.slack.dev, "Sending messages
//! using incoming webhooks", "Block Kit").

use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use super::view::View;
use super::{Attempt, Refusal, posted};
use crate::ambient::Ambient;
use crate::domain::release::{Alert, AlertKind, Highlight, Line, LineKind, Release, ReleaseNotes, Room};
use crate::domain::secret::Secret;
use crate::outbound::Client;

/// Connect, head and body together.
const DEADLINE: Duration = Duration::from_secs(15);
/// The answer is a word.
const MOST_BYTES: usize = 64 * 1024;

/// What a message has room for.
pub(super) const ROOM: Room = Room { alerts: 10, releases: 5, lines: 8, characters: 2400 };
/// What is left where that is too much: what nobody should overlook, and the link.
const LITTLE_ROOM: Room = Room { alerts: 5, releases: 0, lines: 0, characters: 0 };
/// Slack refuses a message whose blocks have more than some 13,200 bytes together; it documents no number.
const MOST_OF_A_MESSAGE: usize = 12_000;

/// The channel behind one incoming webhook. Its URL is the secret.
#[derive(Debug)]
pub struct SlackChannel {
    client: Client,
    url: Secret,
}

impl SlackChannel {
    /// A channel.
    #[must_use]
    pub fn new(client: Client, url: Secret) -> Self {
        Self { client, url }
    }

    pub(super) fn url(&self) -> &Secret {
        &self.url
    }

    pub(super) async fn deliver(&self, view: &View, ambient: &Ambient) -> Attempt<Refusal> {
        let Ok(url) = Url::parse(self.url.expose()) else {
            return Attempt::GaveUp { reason: "SLACK_URL is no URL".to_owned().into() };
        };
        let request = self.client.request(reqwest::Method::POST, url).json(&message(view));
        posted::judge(self.client.send(request, DEADLINE, MOST_BYTES).await, ambient.now())
    }
}

/// The message, with as much of the notes as fits.
pub(super) fn message(view: &View) -> Value {
    let whole = message_with(view, view.notes.as_ref());
    if whole.to_string().len() <= MOST_OF_A_MESSAGE {
        return whole;
    }
    let short = view.notes.as_ref().map(|notes| ReleaseNotes { summary: None, ..notes.within(LITTLE_ROOM) });
    let short = message_with(view, short.as_ref());
    if short.to_string().len() <= MOST_OF_A_MESSAGE { short } else { message_with(view, None) }
}

/// The message. Links are never unfurled: an unfurling robot would open them.
fn message_with(view: &View, notes: Option<&ReleaseNotes>) -> Value {
    let mut blocks = what(view);
    blocks.extend(view.group.as_ref().map(|group| plain(&format!("Group {group}"), 2900)));
    let why = Some(&view.why).filter(|why| !why.is_empty());
    for text in [
        why,
        view.declared.as_ref(),
        view.because.as_ref(),
        view.changes.as_ref(),
        view.looked_at.as_ref(),
        view.owner.as_ref(),
        view.failure.as_ref(),
        view.no_link.as_ref(),
        view.way_on.as_ref(),
    ] {
        blocks.extend(text.map(|text| plain(text, 2000)));
    }
    if let Some(notes) = notes {
        blocks.extend(changes(notes));
    }
    if let Some(url) = &view.release_url {
        blocks.push(marked(&format!("<{}|Release notes>", link(url))));
    }
    if let Some(url) = &view.link {
        blocks.push(json!({"type": "actions", "elements": [
            {"type": "button", "style": "primary", "text": {"type": "plain_text", "text": "Review and decide"}, "url": url}
        ]}));
    }
    let context = match (&view.expires, &view.by) {
        (Some(expires), _) => {
            format!("The link opens a page; nothing happens before a button is pressed there. Valid until {expires}.")
        }
        (None, Some(by)) => format!("{} by {by}, {}.", view.labels.by, view.at),
        (None, None) => view.at.clone(),
    };
    blocks.push(context_line(&context));
    json!({"text": escaped(&view.sentence, 3000), "blocks": blocks, "unfurl_links": false, "unfurl_media": false})
}

/// Which workload, from what to what.
fn what(view: &View) -> Vec<Value> {
    let digest = |digest: &Option<String>| digest.as_deref().map(|d| format!(" `{d}`")).unwrap_or_default();
    let (from, to) = (escaped(&view.from_tag, 150), escaped(&view.to_tag, 150));
    let title = cut(&format!("{} · {}/{}", view.heading, view.namespace, view.name), 150);
    let (from_digest, to_digest) = (digest(&view.from_digest), digest(&view.to_digest));
    let step = if view.is_gone {
        format!("*{from}*{from_digest}  is gone   there is  *{to}*")
    } else if view.is_held {
        let by = view.by.as_deref().unwrap_or("somebody");
        format!("*{to}*{to_digest}  set back to  {from}{from_digest}  by {}", escaped(by, 500))
    } else {
        format!("{from}{from_digest}  →  *{to}*{to_digest}   {}", escaped(&view.level, 20))
    };
    vec![
        json!({"type": "header", "text": {"type": "plain_text", "text": title}}),
        marked(&step),
        json!({"type": "section", "fields": [
            field("Workload", &format!("{} {}/{}", view.workload_kind, view.namespace, view.name)),
            field("Container", &view.container),
            field("Image", &view.repository),
            field("Policy", &view.policy),
        ]}),
    ]
}

/// What the update changes. Strangers' words are plain text, in which Slack reads no markup, link or mention.
fn changes(notes: &ReleaseNotes) -> Vec<Value> {
    let mut blocks = Vec::new();
    let mut alerts: Vec<String> = notes.alerts.iter().map(alert).collect();
    if notes.more_alerts > 0 {
        alerts.push(format!("… and {} more like these", notes.more_alerts));
    }
    if !alerts.is_empty() {
        blocks.push(plain(&alerts.join("\n"), 2900));
    }
    if let Some(summary) = &notes.summary {
        let highlight = |highlight: &Highlight| format!("• {}: {}", highlight.kind.as_str(), highlight.text);
        let highlights: Vec<String> = summary.highlights.iter().map(highlight).collect();
        blocks.push(plain(&highlights.join("\n"), 2900));
        blocks.push(context_line(&summary.label()));
    }
    for release in notes.releases.iter().filter(|release| !release.lines.is_empty()) {
        let published = release.published.as_ref().map(|day| format!("  {day}")).unwrap_or_default();
        blocks.push(marked(&format!("*<{}|{}>*{published}", link(&release.url), label(release))));
        let mut lines: Vec<String> = release.lines.iter().map(line).collect();
        if release.is_cut {
            lines.push("…".to_owned());
        }
        blocks.push(plain(&lines.join("\n"), 2900));
    }
    if notes.left_out > 0 {
        blocks.push(context_line(&format!("… and {} versions more", notes.left_out)));
    }
    blocks
}

fn alert(alert: &Alert) -> String {
    let mark = if alert.kind == AlertKind::Deprecated { "" } else { "⚠ " };
    format!("{mark}{} in {}: {}", alert.kind.title(), alert.version, alert.text)
}

fn line(line: &Line) -> String {
    let mark = if line.kind == LineKind::Item { "• " } else { "" };
    format!("{mark}{}", line.text)
}

/// The name of a version inside a link, without what Slack would read as markup.
fn label(release: &Release) -> String {
    escaped(release.version.as_str(), 100).replace(['*', '_', '~', '`', '|'], " ")
}

fn plain(text: &str, most: usize) -> Value {
    json!({"type": "section", "text": {"type": "plain_text", "emoji": false, "text": cut(text, most)}})
}

fn marked(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "verbatim": true, "text": text}})
}

fn context_line(text: &str) -> Value {
    json!({"type": "context", "elements": [{"type": "plain_text", "emoji": false, "text": cut(text, 2000)}]})
}

fn field(name: &str, value: &str) -> Value {
    json!({"type": "mrkdwn", "text": format!("*{name}*\n{}", escaped(value, 500))})
}

/// At most `most` characters.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// Cut first, then the three characters that mean something to Slack; so no entity is cut, and no mention survives.
fn escaped(text: &str, most: usize) -> String {
    cut(text, most).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// An address inside `<…|…>`.
fn link(url: &str) -> String {
    url.replace('|', "%7C").replace('>', "%3E").replace('<', "%3C").replace(' ', "%20")
}

#[cfg(test)]
mod tests {
    use super::super::tests::asking;
    use super::*;

    #[test]
    fn strangers_cannot_mention_or_link() {
        let mut delivery = asking();
        delivery.notice.to.tag = "<!channel> <@U1> <https://evil|ok> &lt;".repeat(100);
        delivery.notice.policy = "🚀".repeat(5000);
        let message = message(&View::of(&delivery, None, None)).to_string();
        assert!(!message.contains("<!") && !message.contains("<@") && !message.contains("<https://evil"), "{message}");
        assert!(message.len() < 12_000, "{}", message.len());
    }

    #[test]
    fn notes_are_plain_text_and_give_way() {
        let notes = crate::domain::release::tests::summarised();
        let mut long = notes;
        let line = crate::domain::release::tests::line(LineKind::Item, &"<!here> & ".repeat(40));
        long.releases[0].lines = vec![line; 8];
        long.releases = vec![long.releases[0].clone(); 5];
        let cut = message(&View::of(&asking(), Some("https://iw.example.com/a/v1.x"), Some(long.within(ROOM))));
        let said = cut.to_string();
        assert!(said.len() <= MOST_OF_A_MESSAGE && said.contains("The port is 8080 now"), "{}", said.len());
        assert!(said.contains("https://iw.example.com/a/v1.x"), "the link is never what is left out");
        let marked =
            |block: &&Value| block["text"]["type"] == "mrkdwn" && block["text"]["text"].to_string().contains("<!");
        assert!(!cut["blocks"].as_array().unwrap().iter().any(|block| marked(&block)), "{said}");
    }
}
