//! What is said in Slack to the press of a button: in the message, below it, or to whoever pressed alone.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use super::service::{Answered, Request, Service, at, body_of};
use super::slack::{escaped, marked};
use crate::domain::actor::Actor;
use crate::domain::secret::Secret;
use crate::domain::slack::{Place, Saying};
use crate::outbound::Client;
use crate::telemetry::chain;

const DEADLINE: Duration = Duration::from_secs(10);
/// Of a message: one is for what was decided.
const MOST_BLOCKS: usize = 49;

/// Answers in the channels of apps, by their names.
#[derive(Debug)]
pub struct SlackReplies {
    client: Client,
    channels: Vec<(String, Arc<dyn Service>)>,
}

impl SlackReplies {
    /// Answers in these channels.
    #[must_use]
    pub fn new(client: Client, channels: Vec<(String, Arc<dyn Service>)>) -> Self {
        Self { client, channels }
    }

    /// Says something. What can't be said is logged: what was decided stands in the workload's history, too.
    pub async fn say(&self, channel: &str, place: &Place, saying: &Saying) {
        let found = self.channels.iter().find(|(name, _)| name == channel);
        let Some(app) = found.and_then(|(_, service)| service.answered()) else { return };
        match saying {
            Saying::Aside(text) => self.post(channel, "aside", aside(app, place, text)).await,
            Saying::Below(text, by) => self.post(channel, "below", app.below(place, &line(text, by))).await,
            Saying::Settled(text, by) => {
                let text = line(text, by);
                self.post(channel, "update", app.update(place, &settled(place, &text), &text)).await;
                // An edit notifies nobody, and may be refused: the message may be gone or too old.
                self.post(channel, "below", app.below(place, &text)).await;
            }
        }
    }

    async fn post(&self, channel: &str, what: &str, request: Option<Request>) {
        let Some(request) = request else {
            tracing::warn!(channel, what, "there is nowhere to say in Slack what came of a button");
            return;
        };
        match request.send(&self.client, DEADLINE).await {
            Err(error) => {
                tracing::warn!(channel, what, error = %chain(&error), "Slack was not told what came of a button");
            }
            Ok(answer) => {
                let said = body_of(&answer);
                let is_taken = answer.status.is_success() && *at(&said, "/ok") != false;
                if !is_taken {
                    let reason: String = at(&said, "/error").as_str().unwrap_or_default().chars().take(60).collect();
                    tracing::warn!(
                        channel,
                        what,
                        status = answer.status.as_u16(),
                        reason,
                        "Slack refuses to show what came of a button"
                    );
                }
            }
        }
    }
}

/// To whoever pressed. The address is in what Slack signed, and leads to Slack or nowhere.
fn aside(app: &dyn Answered, place: &Place, text: &str) -> Option<Request> {
    let url = Url::parse(&place.aside).ok()?;
    let host = url.host_str()?;
    let is_theirs = url.scheme() == "https" && (host == "hooks.slack.com" || host == "hooks.slack-gov.com");
    if !is_theirs && !app.is_at(&url) {
        return None;
    }
    let body = json!({"response_type": "ephemeral", "replace_original": false, "text": escaped(text, 2000)});
    Request::json(&Secret::new(url.into()), &body).ok()
}

/// The message's blocks without its buttons, and with what was decided.
fn settled(place: &Place, text: &str) -> Value {
    let kept = place.blocks.iter().filter(|block| *at(block, "/type") != "actions").take(MOST_BLOCKS);
    let without_name = |block: &Value| {
        let mut block = block.clone();
        if let Some(fields) = block.as_object_mut() {
            fields.remove("block_id");
        }
        block
    };
    let mut blocks: Vec<Value> = kept.map(without_name).collect();
    blocks.push(marked(text));
    blocks.into()
}

/// What, and by whom; users of Slack are named as Slack names them.
fn line(text: &str, by: &Actor) -> String {
    format!("{}, by {}", escaped(text, 2000), named(by))
}

fn named(by: &Actor) -> String {
    match by {
        Actor::Slack(user) => {
            let (_, rest) = user.split_once('/').unwrap_or(("", user));
            let (id, note) = rest.split_once(',').map_or((rest, ""), |(id, note)| (id, note));
            let is_id = crate::domain::slack::is_id(id, &['U', 'W']);
            let comma = if note.is_empty() { "" } else { "," };
            if is_id { format!("<@{id}>{comma}{}", escaped(note, 200)) } else { escaped(&by.words(), 200) }
        }
        Actor::Several(all) => all.iter().map(named).collect::<Vec<_>>().join(" and "),
        other => escaped(&other.words(), 200),
    }
}

#[cfg(test)]
mod tests {
    use super::super::slack_app::SlackApp;
    use super::*;

    fn place() -> Place {
        Place {
            channel: "C1".into(),
            message: "1.2".into(),
            blocks: vec![json!({"type": "header", "block_id": "x"}), json!({"type": "actions"})],
            aside: "https://hooks.slack.com/actions/T1/1/abc".into(),
        }
    }

    fn app() -> SlackApp {
        SlackApp::new(&"https://slack.com/api".parse().unwrap(), Secret::new("xoxb-1-token".into()), "C1".into())
    }

    #[test]
    fn what_was_decided_takes_the_place_of_the_buttons() {
        let text = line("Approved <now>", &Actor::Slack("T1/U2".into()));
        assert_eq!(text, "Approved &lt;now&gt;, by <@U2>");
        let request = app().update(&place(), &settled(&place(), &text), &text).unwrap();
        assert_eq!(request.url.as_str(), "https://slack.com/api/chat.update");
        assert!(request.headers["authorization"].is_sensitive());
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!((body["channel"].as_str(), body["ts"].as_str()), (Some("C1"), Some("1.2")));
        assert_eq!(body["blocks"].as_array().unwrap().len(), 2, "{body}");
        assert!(!body.to_string().contains("actions") && !body.to_string().contains("block_id"), "{body}");
        let below = app().below(&place(), &text).unwrap();
        let body: Value = serde_json::from_slice(&below.body).unwrap();
        assert_eq!((below.url.path(), body["thread_ts"].as_str()), ("/api/chat.postMessage", Some("1.2")));
    }

    #[test]
    fn nobody_is_mentioned_by_a_name_of_elsewhere() {
        for (actor, words) in [
            (Actor::Slack("T1/<!here>".into()), "&lt;!here&gt; (Slack)"),
            (Actor::SignedIn("<@U1>".into()), "&lt;@U1&gt; (signed in)"),
            (Actor::Slack("T1/U2".into()).outside_the_window(), "<@U2>, outside the window"),
            (Actor::Several(vec![Actor::Slack("T1/U2".into()), Actor::Policy]), "<@U2> and the policy"),
        ] {
            assert_eq!(named(&actor), words);
        }
    }

    #[test]
    fn an_aside_goes_to_slack_or_nowhere() {
        let to = |aside: &str| super::aside(&app(), &Place { aside: aside.into(), ..place() }, "no").is_some();
        assert!(to("https://hooks.slack.com/actions/T1/1/abc"));
        for wrong in [
            "",
            "http://hooks.slack.com/x",
            "https://hooks.slack.com.evil.example/x",
            "https://evil.example/hooks.slack.com",
            "https://hooks.slack.com@evil.example/",
            "file:///etc/passwd",
        ] {
            assert!(!to(wrong), "{wrong}");
        }
    }
}
