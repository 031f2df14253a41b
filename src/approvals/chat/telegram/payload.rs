//! What Telegram sends when a button is pressed (core.telegram.org/bots/api, "Update", "`CallbackQuery`").

use actix_web::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::answer::Action;
use crate::domain::press::{Button, Place, Posted};
use crate::domain::telegram::Presser;
use crate::listener::Problem;

/// The longest name of a press that is taken.
const MOST_OF_AN_ID: usize = 64;

/// A button that was pressed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pressed {
    pub(super) id: String,
    pub(super) presser: Presser,
    pub(super) action: Action,
    pub(super) button: Button,
    pub(super) place: Place,
}

#[derive(Deserialize)]
struct Update {
    callback_query: Option<Query>,
}

#[derive(Deserialize)]
struct Query {
    id: String,
    from: User,
    message: Option<Message>,
    #[serde(default)]
    data: String,
}

#[derive(Deserialize)]
struct User {
    id: i64,
}

#[derive(Deserialize)]
struct Message {
    message_id: i64,
    chat: Chat,
    #[serde(default)]
    text: String,
    #[serde(default)]
    entities: Value,
}

#[derive(Deserialize)]
struct Chat {
    id: i64,
    username: Option<String>,
}

/// Reads a body that Telegram sent; `None` for what is none of our buttons, which is acknowledged and nothing more.
pub(super) fn read(body: &[u8]) -> Result<Option<Pressed>, Problem> {
    let wrong = |_| Problem::new(StatusCode::BAD_REQUEST, "this is not what Telegram sends; nothing was done");
    let Update { callback_query } = serde_json::from_slice(body).map_err(wrong)?;
    let Some(Query { id, from, message: Some(message), data }) = callback_query else { return Ok(None) };
    let Some((action, button)) = Button::parse_data(&data) else { return Ok(None) };
    if id.is_empty() || id.len() > MOST_OF_AN_ID {
        return Ok(None);
    }
    let Message { message_id, chat, text, entities } = message;
    let posted = Posted { channel: chat.id.to_string(), message: message_id.to_string() };
    let place = Place { posted, shown: json!({"text": text, "entities": entities}), aside: id.clone() };
    let presser = Presser { chat: chat.id, name: chat.username, user: from.id };
    Ok(Some(Pressed { id, presser, action, button, place }))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::press::tests::TOKEN;

    /// What Telegram sends for a button.
    pub(in crate::approvals) fn update() -> Value {
        let data = Button::of(TOKEN).unwrap().data(Action::Approve);
        json!({"update_id": 10, "callback_query": {
            "id": "4382bfdwdsb323b2d9", "from": {"id": 7, "is_bot": false, "first_name": "Ann"},
            "message": {
                "message_id": 9, "date": 1_735_787_050, "chat": {"id": -42, "type": "supergroup", "title": "ops"},
                "text": "Update available", "entities": [{"type": "bold", "offset": 0, "length": 6}]
            },
            "chat_instance": "1", "data": data
        }})
    }

    #[test]
    fn a_press_is_read_as_it_was() {
        let pressed = read(update().to_string().as_bytes()).unwrap().unwrap();
        assert_eq!((pressed.action, pressed.button.is_beside(TOKEN)), (Action::Approve, true));
        assert_eq!(pressed.presser, Presser { chat: -42, name: None, user: 7 });
        let posted = Posted { channel: "-42".into(), message: "9".into() };
        assert_eq!((pressed.place.posted, pressed.place.aside.as_str()), (posted, "4382bfdwdsb323b2d9"));
    }

    #[test]
    fn what_is_no_press_does_nothing() {
        for body in ["", "{", "null", "[]", "1", r#"{"callback_query": 1}"#, r#"{"callback_query": {"id": 1}}"#] {
            assert_eq!(read(body.as_bytes()).map_err(|problem| problem.status.as_u16()), Err(400), "{body}");
        }
        let changed = |path: &str, value: Value| {
            let mut update = update();
            *update.pointer_mut(path).unwrap() = value;
            read(update.to_string().as_bytes()).map_err(|problem| problem.status.as_u16())
        };
        for (path, value) in [
            ("/callback_query", json!(null)),
            ("/callback_query/message", json!(null)),
            ("/callback_query/data", json!("buy")),
            ("/callback_query/data", json!("")),
            ("/callback_query/id", json!("")),
            ("/callback_query/id", json!("x".repeat(65))),
        ] {
            assert_eq!(changed(path, value), Ok(None), "{path}");
        }
        assert_eq!(changed("/callback_query/from", json!({"id": "7"})), Err(400));
        assert!(read(br#"{"update_id": 1, "message": {"text": "hello"}}"#).unwrap().is_none());
    }
}
