//! What Slack sends when a button is pressed (docs.slack.dev, "`block_actions` payload").

use actix_web::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::domain::answer::Action;
use crate::domain::press::{BUTTONS, Button, Place, Posted};
use crate::domain::slack::Presser;
use crate::listener::{Form, Problem};

/// The longest moment that Slack gives of a press.
const MOST_OF_A_MOMENT: usize = 32;

/// A button that was pressed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pressed {
    pub(super) presser: Presser,
    pub(super) action: Action,
    pub(super) button: Button,
    pub(super) place: Place,
    /// When, as Slack says it: two presses of one button are two.
    pub(super) at: String,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct BlockActions {
    api_app_id: String,
    user: User,
    team: Named,
    channel: Named,
    container: Container,
    #[serde(default)]
    message: Shown,
    #[serde(default)]
    response_url: String,
    actions: Vec<Element>,
}

#[derive(Deserialize)]
struct User {
    id: String,
    #[serde(default)]
    team_id: String,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
struct Container {
    message_ts: String,
    channel_id: String,
}

#[derive(Default, Deserialize)]
struct Shown {
    #[serde(default)]
    blocks: Value,
}

#[derive(Deserialize)]
struct Element {
    action_id: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    action_ts: String,
}

/// Reads a body whose signature is right; `None` for what is none of our buttons, which is acknowledged and nothing more.
pub(super) fn read(body: &[u8]) -> Result<Option<Pressed>, Problem> {
    let wrong = |detail| Problem::new(StatusCode::BAD_REQUEST, detail);
    let form = Form::parse(body);
    let Some(payload) = form.one("payload") else {
        return Err(wrong("one field payload is expected; nothing was done"));
    };
    let json = || wrong("the field payload is not what Slack sends; nothing was done");
    let Kind { kind } = serde_json::from_str(payload).map_err(|_| json())?;
    if kind != "block_actions" {
        return Ok(None);
    }
    let all: BlockActions = serde_json::from_str(payload).map_err(|_| json())?;
    let [Element { action_id, value, action_ts }] = &*all.actions else { return Ok(None) };
    let (Some(action), Some(button)) = (action_of(action_id), Button::parse(value)) else { return Ok(None) };
    if all.container.channel_id != all.channel.id {
        return Ok(None);
    }
    Ok(Some(Pressed {
        action,
        button,
        at: action_ts.chars().take(MOST_OF_A_MOMENT).collect(),
        presser: Presser {
            app: all.api_app_id,
            team: all.team.id,
            channel: all.channel.id,
            user: all.user.id,
            home: all.user.team_id,
        },
        place: Place {
            posted: Posted { channel: all.container.channel_id, message: all.container.message_ts },
            shown: all.message.blocks,
            aside: all.response_url,
        },
    }))
}

/// What a button of a message is for.
fn action_of(id: &str) -> Option<Action> {
    let word = id.strip_prefix("iw.")?;
    BUTTONS.into_iter().find(|action| action.as_str() == word)
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    pub(in crate::approvals) const VALUE: &str =
        "apr_01JGJ0EZ8M3C9S6D4K2P7Q1R0T AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    /// What Slack sends for a button.
    pub(in crate::approvals) fn payload() -> Value {
        json!({
            "type": "block_actions",
            "user": {"id": "U2CERLKJA", "username": "roadrunner", "team_id": "T1DC2JH3J"},
            "api_app_id": "A123",
            "container": {"type": "message", "message_ts": "1735787045.000100", "channel_id": "C123"},
            "team": {"id": "T1DC2JH3J", "domain": "testteamnow"},
            "channel": {"id": "C123", "name": "ops"},
            "message": {"blocks": [{"type": "header"}, {"type": "actions"}]},
            "response_url": "https://hooks.slack.com/actions/T1DC2JH3J/1/abc",
            "trigger_id": "1.2.abc",
            "actions": [{"action_id": "iw.approve", "block_id": "x", "value": VALUE, "type": "button", "action_ts": "1735787050.1"}],
        })
    }

    /// The form that carries it.
    pub(in crate::approvals) fn form(payload: &Value) -> Vec<u8> {
        let text = payload.to_string();
        url::form_urlencoded::Serializer::new(String::new()).append_pair("payload", &text).finish().into_bytes()
    }

    #[test]
    fn a_press_is_read_as_it_was() {
        let pressed = read(&form(&payload())).unwrap().unwrap();
        assert_eq!((pressed.action, pressed.button.value().as_str()), (Action::Approve, VALUE));
        assert_eq!((pressed.presser.user.as_str(), pressed.presser.home.as_str()), ("U2CERLKJA", "T1DC2JH3J"));
        let Place { posted, shown, .. } = pressed.place;
        assert_eq!((posted.message.as_str(), shown.as_array().map(Vec::len)), ("1735787045.000100", Some(2)));
        assert_eq!(pressed.at, "1735787050.1");
    }

    /// Row 22 of the design's table.
    #[test]
    fn what_is_no_press_does_nothing() {
        let status = |body: &[u8]| read(body).map_err(|problem| problem.status.as_u16());
        for body in ["", "payload=", "payload=%7B", "payload=null", "payload=[]", "other=1", "payload={}&payload={}"] {
            assert_eq!(status(body.as_bytes()), Err(400), "{body}");
        }
        let changed = |path: &str, value: Value| {
            let mut payload = payload();
            *payload.pointer_mut(path).unwrap() = value;
            status(&form(&payload))
        };
        for (path, value) in [
            ("/type", json!("view_submission")),
            ("/actions", json!([])),
            ("/actions", json!([payload()["actions"][0], payload()["actions"][0]])),
            ("/actions/0/action_id", json!("iw.review")),
            ("/actions/0/action_id", json!("iw.rollback")),
            ("/actions/0/value", json!("apr_01JGJ0")),
            ("/container/channel_id", json!("C9")),
        ] {
            assert_eq!(changed(path, value), Ok(None), "{path}");
        }
        for path in ["/user", "/team", "/channel", "/container", "/actions", "/api_app_id"] {
            assert_eq!(changed(path, json!(null)), Err(400), "{path}");
        }
    }
}
