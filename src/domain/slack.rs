//! Slack's buttons: what stands in one, who may press it, and what is said to a press.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::actor::Actor;
use super::approval::{ApprovalId, Token};

/// What stands in a button: the approval's name, and a hash of the token of the link beside it. It finds what was shown, and
/// nobody can make a link of it: who may press is said by Slack's signature and by [`Desk`].
#[derive(Clone, Debug, PartialEq, Eq)]
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
        let is_hash = shown.len() == 43 && URL_SAFE_NO_PAD.decode(shown).is_ok();
        Some(Self { approval: ApprovalId::parse(approval)?, shown: shown.to_owned() }).filter(|_| is_hash)
    }

    /// What stands in it.
    #[must_use]
    pub fn value(&self) -> String {
        format!("{} {}", self.approval, self.shown)
    }

    /// The approval that it names.
    #[must_use]
    pub fn approval(&self) -> &ApprovalId {
        &self.approval
    }

    /// Whether it stood beside the link with this token.
    #[must_use]
    pub fn is_beside(&self, token: &str) -> bool {
        hash(token).as_bytes().ct_eq(self.shown.as_bytes()).into()
    }
}

fn hash(token: &str) -> String {
    let hash = Sha256::new().chain_update(b"iw-slack-button-v1").chain_update(token).finalize();
    URL_SAFE_NO_PAD.encode(hash)
}

/// Whether a text is an id of Slack's that begins with one of these letters.
#[must_use]
pub fn is_id(text: &str, kinds: &[char]) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    (2..=32).contains(&text.len()) && text.starts_with(kinds) && text.bytes().all(is_letter)
}

/// Who may press the buttons of a channel, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desk {
    /// The app's id, `A…`.
    pub app: String,
    /// The workspace's id, `T…`.
    pub team: String,
    /// The channel's id.
    pub channel: String,
    /// The ids of who may press, `U…`.
    pub users: Vec<String>,
}

/// Where a button was pressed and by whom, as Slack says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presser {
    /// The app.
    pub app: String,
    /// The workspace.
    pub team: String,
    /// The channel.
    pub channel: String,
    /// Who.
    pub user: String,
    /// The workspace of whoever it is: of a guest from elsewhere it is another.
    pub home: String,
}

/// Why somebody may not press.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// It is another app's button.
    #[error("the app is another one")]
    App,
    /// It is another workspace.
    #[error("the workspace is another one")]
    Team,
    /// It is another channel.
    #[error("the channel is another one")]
    Channel,
    /// Somebody of another workspace.
    #[error("the user is of another workspace")]
    Guest,
    /// Somebody who is not named.
    #[error("the user is not among the channel's users")]
    User,
}

impl Desk {
    /// Whether this is somebody who may.
    ///
    /// # Errors
    /// [`NotAllowed`] says why not.
    pub fn admits(&self, presser: &Presser) -> Result<(), NotAllowed> {
        let checks = [
            (self.app == presser.app, NotAllowed::App),
            (self.team == presser.team, NotAllowed::Team),
            (self.channel == presser.channel, NotAllowed::Channel),
            (self.team == presser.home, NotAllowed::Guest),
            (self.users.contains(&presser.user), NotAllowed::User),
        ];
        checks.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, why)| Err(why))
    }
}

/// Where what comes of a press is said.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The channel's id.
    pub channel: String,
    /// Names the message in it.
    pub message: String,
    /// The message's blocks, as they are shown.
    pub blocks: Vec<Value>,
    /// Where to answer whoever pressed and nobody else; Slack takes five answers within half an hour.
    pub aside: String,
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOKEN: &str = "v1.0a1b2c3d.01JGJ0EZ8M3C9S6D4K2P7Q1R0T.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

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

    /// Row 23 of the design's table.
    #[test]
    fn whoever_differs_in_one_thing_is_nobody() {
        let desk = Desk { app: "A1".into(), team: "T1".into(), channel: "C1".into(), users: vec!["U1".into()] };
        let presser =
            Presser { app: "A1".into(), team: "T1".into(), channel: "C1".into(), user: "U1".into(), home: "T1".into() };
        let other = || "X1".to_owned();
        assert_eq!(desk.admits(&presser), Ok(()));
        for (one, why) in [
            (Presser { app: other(), ..presser.clone() }, NotAllowed::App),
            (Presser { team: other(), ..presser.clone() }, NotAllowed::Team),
            (Presser { channel: other(), ..presser.clone() }, NotAllowed::Channel),
            (Presser { home: other(), ..presser.clone() }, NotAllowed::Guest),
            (Presser { home: String::new(), ..presser.clone() }, NotAllowed::Guest),
            (Presser { user: other(), ..presser.clone() }, NotAllowed::User),
        ] {
            assert_eq!(desk.admits(&one), Err(why));
        }
        assert_eq!(Desk { users: Vec::new(), ..desk }.admits(&presser), Err(NotAllowed::User));
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_written(text in ".{0,120}") {
            prop_assert!(Button::parse(&text).is_none_or(|button| button.value() == text));
        }
    }
}
