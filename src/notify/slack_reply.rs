//! How Slack shows what came of a button: in the message, below it, or to whoever pressed alone.

use serde_json::{Value, json};
use url::Url;

use super::service::{Request, at};
use super::slack::{escaped, marked};
use crate::domain::actor::Actor;
use crate::domain::press::Place;
use crate::domain::release::Language;
use crate::domain::secret::Secret;
use crate::message::chat;

/// Of a message: one is for what was decided.
const MOST_BLOCKS: usize = 49;

/// To whoever pressed. The address is in what Slack signed, and leads to Slack or nowhere.
pub(super) fn aside(place: &Place, text: &str, is_ours: impl Fn(&Url) -> bool) -> Option<Request> {
    let url = Url::parse(&place.aside).ok()?;
    let host = url.host_str()?;
    let is_theirs = url.scheme() == "https" && (host == "hooks.slack.com" || host == "hooks.slack-gov.com");
    if !is_theirs && !is_ours(&url) {
        return None;
    }
    let body = json!({"response_type": "ephemeral", "replace_original": false, "text": escaped(text, 2000)});
    Request::json(&Secret::new(url.into()), &body).ok()
}

/// The message's blocks without its buttons, and with what was decided.
pub(super) fn settled(place: &Place, text: &str) -> Value {
    let shown = place.shown.as_array().into_iter().flatten();
    let kept = shown.filter(|block| *at(block, "/type") != "actions").take(MOST_BLOCKS);
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
pub(super) fn line(text: &str, by: &Actor, language: Language) -> String {
    chat::by(language, &escaped(text, 2000), &named(by, language))
}

fn named(by: &Actor, language: Language) -> String {
    match by {
        Actor::Slack(user) => {
            let (_, id) = user.split_once('/').unwrap_or(("", user));
            if crate::domain::slack::is_id(id, &['U', 'W']) {
                format!("<@{id}>")
            } else {
                escaped(&chat::actor(language, by), 200)
            }
        }
        Actor::OutsideTheWindow(who) => chat::outside_the_window(language, &named(who, language)),
        Actor::Several(all) => chat::all_of(language, &all.iter().map(|one| named(one, language)).collect::<Vec<_>>()),
        other => escaped(&chat::actor(language, other), 200),
    }
}

#[cfg(test)]
mod tests {
    use super::super::service::Answered as _;
    use super::super::slack_app::SlackApp;
    use super::*;
    use crate::domain::press::Posted;

    const ENGLISH: Language = Language::English;

    fn place() -> Place {
        Place {
            posted: Posted { channel: "C1".into(), message: "1.2".into() },
            shown: json!([{"type": "header", "block_id": "x"}, {"type": "actions"}]),
            aside: "https://hooks.slack.com/actions/T1/1/abc".into(),
        }
    }

    fn app() -> SlackApp {
        SlackApp::new(&"https://slack.com/api".parse().unwrap(), Secret::new("xoxb-1-token".into()), "C1".into())
    }

    #[test]
    fn what_was_decided_takes_the_place_of_the_buttons() {
        let by = Actor::Slack("T1/U2".into());
        assert_eq!(line("Approved <now>", &by, ENGLISH), "Approved &lt;now&gt;, by <@U2>");
        assert_eq!(line("Approuvé", &by, Language::French), "Approuvé, par <@U2>");
        let request = app().settled(&place(), "Approved <now>", &by, ENGLISH).unwrap();
        assert_eq!(request.url.as_str(), "https://slack.com/api/chat.update");
        assert!(request.headers["authorization"].is_sensitive());
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!((body["channel"].as_str(), body["ts"].as_str()), (Some("C1"), Some("1.2")));
        assert_eq!(body["blocks"].as_array().unwrap().len(), 2, "{body}");
        assert!(!body.to_string().contains("actions") && !body.to_string().contains("block_id"), "{body}");
        let below = app().below(&place(), "Approved <now>", &by, ENGLISH).unwrap();
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
            assert_eq!(named(&actor, ENGLISH), words);
        }
        let late = Actor::Slack("T1/U2".into()).outside_the_window();
        assert_eq!(named(&late, Language::French), "<@U2>, hors de la fenêtre");
    }

    #[test]
    fn an_aside_goes_to_slack_or_nowhere() {
        let to = |aside: &str| app().aside(&Place { aside: aside.into(), ..place() }, "no").is_some();
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
