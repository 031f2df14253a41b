//! Slack, by an incoming webhook: one message, a button that opens the confirm page (docs.slack.dev, "Sending messages
//! using incoming webhooks", "Block Kit").

use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use super::view::View;
use super::{Attempt, posted};
use crate::ambient::Ambient;
use crate::domain::secret::Secret;
use crate::outbound::Client;

/// Connect, head and body together.
const DEADLINE: Duration = Duration::from_secs(15);
/// The answer is a word.
const MOST_BYTES: usize = 64 * 1024;

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

    pub(super) async fn deliver(&self, view: &View, ambient: &Ambient) -> Attempt {
        let Ok(url) = Url::parse(self.url.expose()) else {
            return Attempt::GaveUp { reason: "SLACK_URL is no URL".into() };
        };
        let request = self.client.request(reqwest::Method::POST, url).json(&message(view));
        posted::judge(self.client.send(request, DEADLINE, MOST_BYTES).await, ambient.now())
    }
}

/// The message. Links are never unfurled: an unfurling robot would open them.
fn message(view: &View) -> Value {
    let digest = |digest: &Option<String>| digest.as_deref().map(|d| format!(" `{d}`")).unwrap_or_default();
    let (from, to) = (escaped(&view.from_tag, 150), escaped(&view.to_tag, 150));
    let mut blocks = vec![
        json!({"type": "header", "text": {"type": "plain_text", "text": cut(&format!("{} · {}/{}", view.heading, view.namespace, view.name), 150)}}),
        json!({"type": "section", "text": {"type": "mrkdwn", "text":
            format!("{from}{}  →  *{to}*{}   {}", digest(&view.from_digest), digest(&view.to_digest), escaped(&view.level, 20))}}),
        json!({"type": "section", "fields": [
            field("Workload", &format!("{} {}/{}", view.workload_kind, view.namespace, view.name)),
            field("Container", &view.container),
            field("Image", &view.repository),
            field("Policy", &view.policy),
        ]}),
    ];
    for text in [Some(&view.why).filter(|why| !why.is_empty()), view.owner.as_ref()].into_iter().flatten() {
        blocks.push(json!({"type": "section", "text": {"type": "plain_text", "text": cut(text, 2000)}}));
    }
    if let Some(failure) = &view.failure {
        blocks.push(json!({"type": "section", "text": {"type": "plain_text", "text": cut(failure, 2000)}}));
    }
    if let Some(url) = &view.release_url {
        blocks.push(
            json!({"type": "section", "text": {"type": "mrkdwn", "text": format!("<{}|Release notes>", link(url))}}),
        );
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
        (None, Some(by)) => format!("Decided by {by}."),
        (None, None) => view.at.clone(),
    };
    blocks.push(json!({"type": "context", "elements": [{"type": "plain_text", "text": cut(&context, 2000)}]}));
    json!({"text": escaped(&view.sentence, 3000), "blocks": blocks, "unfurl_links": false, "unfurl_media": false})
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
    fn a_message_says_what_and_leads_to_the_page() {
        let message = message(&View::of(&asking(), Some("https://iw.example.com/a/v1.x")));
        assert_eq!(message["text"], "shop/web: 1.2.3 → 1.3.0 (minor) is available and waits for your approval.");
        assert_eq!(message["unfurl_links"], false);
        let text = message.to_string();
        assert!(text.contains("https://iw.example.com/a/v1.x") && text.len() < 12_000, "{text}");
    }

    #[test]
    fn strangers_cannot_mention_or_link() {
        let mut delivery = asking();
        delivery.notice.to.tag = "<!channel> <@U1> <https://evil|ok> &lt;".repeat(100);
        delivery.notice.policy = "🚀".repeat(5000);
        let message = message(&View::of(&delivery, None)).to_string();
        assert!(!message.contains("<!") && !message.contains("<@") && !message.contains("<https://evil"), "{message}");
        assert!(message.len() < 12_000, "{}", message.len());
    }
}
