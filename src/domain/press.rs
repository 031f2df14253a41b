//! Buttons in a chat: what stands in one, what a press is, and what is said to it.
//!
//! A press is stored before it is acknowledged, so these types are a format of stored rows: fields are only added, with a
//! default.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::actor::{Actor, SignedIn};
use super::answer::Action;
use super::approval::{ApprovalId, Token};

/// As much of a hash as a button of Telegram has room for: 216 bits.
const SHORT: usize = 36;
const WHOLE: usize = 43;

/// What stands in a button: the approval's name, and a hash of the token of the link beside it. It finds what was shown, and
/// nobody can make a link of it: who may press is said by the service's signature and by the channel's users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Button {
    approval: ApprovalId,
    shown: String,
}

impl Button {
    /// The button beside a link with this token.
    #[must_use]
    pub fn of(token: &str) -> Option<Self> {
        Some(Self { approval: Token::parse(token)?.approval().clone(), shown: hash(token) })
    }

    /// Reads what stands in one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (approval, shown) = text.split_once(' ')?;
        let is_hash = matches!(shown.len(), SHORT | WHOLE) && URL_SAFE_NO_PAD.decode(shown).is_ok();
        Some(Self { approval: ApprovalId::parse(approval)?, shown: shown.to_owned() }).filter(|_| is_hash)
    }

    /// What stands in it.
    #[must_use]
    pub fn value(&self) -> String {
        format!("{} {}", self.approval, self.shown)
    }

    /// The same within the 64 bytes that Telegram has room for, with what the button is for; nothing where no button is for that.
    #[must_use]
    pub fn data(&self, action: Action) -> Option<String> {
        let shown = self.shown.get(..SHORT).unwrap_or(&self.shown);
        Some(format!("{}{}{shown}", letter(action)?, self.approval.as_str().trim_start_matches("apr_")))
    }

    /// Reads what stands in a button of Telegram.
    #[must_use]
    pub fn parse_data(text: &str) -> Option<(Action, Self)> {
        let (letter, rest) = text.split_at_checked(1)?;
        let action = BUTTONS.into_iter().find(|action| self::letter(*action) == Some(letter))?;
        let (ulid, shown) = rest.split_at_checked(26)?;
        Some((action, Self::parse(&format!("apr_{ulid} {shown}")).filter(|_| shown.len() == SHORT)?))
    }

    /// The approval that it names.
    #[must_use]
    pub fn approval(&self) -> &ApprovalId {
        &self.approval
    }

    /// Whether it stood beside the link with this token.
    #[must_use]
    pub fn is_beside(&self, token: &str) -> bool {
        let hash = hash(token);
        let hash = hash.get(..self.shown.len()).unwrap_or_default();
        hash.as_bytes().ct_eq(self.shown.as_bytes()).into()
    }
}

fn hash(token: &str) -> String {
    let hash = Sha256::new().chain_update(b"iw-slack-button-v1").chain_update(token).finalize();
    URL_SAFE_NO_PAD.encode(hash)
}

impl TryFrom<String> for Button {
    type Error = NoButton;

    fn try_from(text: String) -> Result<Self, NoButton> {
        Self::parse(&text).ok_or(NoButton)
    }
}

impl From<Button> for String {
    fn from(button: Button) -> Self {
        button.value()
    }
}

/// A text that stands in no button.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not what stands in a button: the name of an approval and a hash are expected")]
pub struct NoButton;

/// What buttons are made for, in the order in which they are shown. What takes one more gesture has none.
pub const BUTTONS: [Action; 3] = [Action::Approve, Action::Skip, Action::Snooze];

/// What stands for an action in a button of Telegram.
fn letter(action: Action) -> Option<&'static str> {
    match action {
        Action::Approve => Some("a"),
        Action::Skip => Some("s"),
        Action::Snooze => Some("z"),
        Action::ApproveOutsideWindow | Action::Rollback | Action::Resume | Action::Renew => None,
    }
}

/// An action as it is stored in a press: by its word.
mod stored {
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    use super::{Action, BUTTONS};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(super) fn serialize<S: Serializer>(action: &Action, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(action.as_str())
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Action, D::Error> {
        let word = String::deserialize(deserializer)?;
        let action = BUTTONS.into_iter().find(|action| action.as_str() == word);
        action.ok_or_else(|| de::Error::custom("approve, skip or snooze is expected"))
    }
}

/// Where a message stands in a service that can change it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// The channel or chat, by its id.
    pub channel: String,
    /// Names the message in it.
    pub message: String,
}

/// Where what comes of a press is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The message whose button was pressed.
    pub posted: Posted,
    /// What it shows: blocks in Slack; text and its markup in Telegram.
    #[serde(default)]
    pub shown: Value,
    /// How to answer whoever pressed and nobody else. It is good for a while: half an hour in Slack.
    #[serde(default)]
    pub aside: String,
}

/// Who pressed, as the service says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Who {
    /// A user of Slack.
    Slack {
        /// The workspace of whoever it is.
        team: String,
        /// The user.
        user: String,
    },
    /// A user of Telegram, by their number.
    Telegram(i64),
}

impl Who {
    /// The same, as whoever answers.
    #[must_use]
    pub fn signed_in(&self) -> SignedIn {
        match self {
            Self::Slack { team, user } => SignedIn::in_slack(team, user),
            Self::Telegram(user) => SignedIn::in_telegram(*user),
        }
    }
}

/// A press that is allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pressed {
    /// Tells it from every other press: a service that did not hear us sends the same once more.
    pub id: String,
    /// The channels whose buttons whoever pressed may press.
    pub channels: Vec<String>,
    /// What the button is for.
    #[serde(rename = "wish", with = "stored")]
    pub action: Action,
    /// The button.
    pub button: Button,
    /// Who pressed.
    pub who: Who,
    /// Who that is elsewhere, where the configuration of the channel says it: the name they sign in with, or an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<String>,
    /// Where.
    pub place: Place,
}

impl Pressed {
    /// Who pressed, as whoever answers.
    #[must_use]
    pub fn signed_in(&self) -> SignedIn {
        self.who.signed_in().known_elsewhere(self.elsewhere.as_deref())
    }
}

/// What is said to a press.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saying {
    /// To whoever pressed alone.
    Aside(String),
    /// To all, below the message: what, and by whom.
    Below(String, Actor),
    /// The same, and in the message too, which can be answered no more.
    Settled(String, Actor),
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The token of a link.
    pub(crate) const TOKEN: &str = "v1.0a1b2c3d.01JGJ0EZ8M3C9S6D4K2P7Q1R0T.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    #[test]
    fn a_button_finds_what_was_shown_and_is_no_link() {
        let button = Button::of(TOKEN).unwrap();
        let value = button.value();
        assert_eq!(Button::parse(&value), Some(button.clone()));
        assert!(value.starts_with("apr_01JGJ0EZ8M3C9S6D4K2P7Q1R0T ") && value.len() <= 2000, "{value}");
        assert!(!Token::is_in(&value) && !value.contains("AAAAAAAA"), "{value}");
        assert!(button.is_beside(TOKEN) && !button.is_beside(&TOKEN.replace("0a1b", "0a1c")));
        for wrong in ["", "apr_01JGJ0EZ8M3C9S6D4K2P7Q1R0T", "apr_x y", &format!("{value}x"), &value.replace(' ', "  ")]
        {
            assert_eq!(Button::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn telegrams_buttons_are_short_and_find_the_same() {
        let button = Button::of(TOKEN).unwrap();
        for action in BUTTONS {
            let data = button.data(action).unwrap();
            assert!(data.len() <= 64 && !Token::is_in(&data), "{data}");
            let (read, found) = Button::parse_data(&data).unwrap();
            assert!(read == action && found.approval() == button.approval() && found.is_beside(TOKEN));
            assert!(!found.is_beside(&TOKEN.replace("0a1b", "0a1c")));
            for wrong in ["", "é", &data[1..], &data[..62], &format!("{data}A"), &data.replacen(&data[..1], "r", 1)] {
                assert_eq!(Button::parse_data(wrong), None, "{wrong}");
            }
        }
    }

    #[test]
    fn a_press_is_read_as_it_was_stored() {
        let posted = Posted { channel: "C1".into(), message: "1.2".into() };
        let place =
            Place { posted, shown: serde_json::json!([{"type": "actions"}]), aside: "https://x.example".into() };
        for who in [Who::Slack { team: "T1".into(), user: "U1".into() }, Who::Telegram(7)] {
            let (channels, button) = (vec!["ops".to_owned()], Button::of(TOKEN).unwrap());
            let pressed = Pressed {
                id: "prs_1".into(),
                channels,
                action: Action::Skip,
                button,
                who,
                elsewhere: None,
                place: place.clone(),
            };
            let text = serde_json::to_string(&pressed).unwrap();
            assert_eq!(serde_json::from_str::<Pressed>(&text).unwrap(), pressed);
            assert!(text.contains(r#""wish":"skip""#), "{text}");
            for action in BUTTONS {
                let stored = text.replace("skip", action.as_str());
                assert_eq!(serde_json::from_str::<Pressed>(&stored).unwrap().action, action);
            }
            assert!(
                serde_json::from_str::<Pressed>(&text.replace("skip", "rollback")).is_err(),
                "no button is for that"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_written(text in ".{0,120}") {
            prop_assert!(Button::parse(&text).is_none_or(|button| button.value() == text));
            prop_assert!(Button::parse_data(&text).is_none_or(|(action, button)| button.data(action).as_deref() == Some(&*text)));
        }
    }
}
