//! Who may press the buttons of a chat of Telegram.

use std::collections::BTreeMap;

/// A chat, as Telegram knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chat {
    /// By its number, which of groups is negative.
    Number(i64),
    /// By the `@name` of one that is public.
    Name(String),
}

/// What is no chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is neither a number nor an @name")]
pub struct ChatError;

impl std::str::FromStr for Chat {
    type Err = ChatError;

    fn from_str(text: &str) -> Result<Self, ChatError> {
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        match (text.parse(), text.strip_prefix('@')) {
            (Ok(number), _) => Ok(Self::Number(number)),
            (_, Some(name)) if is_name(name) => Ok(Self::Name(text.to_owned())),
            _ => Err(ChatError),
        }
    }
}

/// Who may press the buttons of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desk {
    /// The numbers of who may press.
    pub users: Vec<i64>,
    /// Who of them is who elsewhere: the name that they sign in with, or their address.
    pub people: BTreeMap<i64, String>,
}

/// Where a button was pressed and by whom, as Telegram says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presser {
    /// The chat's number.
    pub chat: i64,
    /// Its `@name`, where it is public.
    pub name: Option<String>,
    /// Who.
    pub user: i64,
}

/// Why somebody may not press.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// It is another chat.
    #[error("the chat is another one")]
    Chat,
    /// Somebody who is not named.
    #[error("the user is not among the channel's users")]
    User,
}

impl Desk {
    /// Whether this is somebody who may, in this chat.
    ///
    /// # Errors
    /// [`NotAllowed`] says why not.
    pub fn admits(&self, chat: &Chat, presser: &Presser) -> Result<(), NotAllowed> {
        let is_here = match chat {
            Chat::Number(number) => *number == presser.chat,
            Chat::Name(name) => {
                let name = name.trim_start_matches('@');
                presser.name.as_ref().is_some_and(|theirs| theirs.eq_ignore_ascii_case(name))
            }
        };
        let may = self.users.contains(&presser.user);
        let checks = [(is_here, NotAllowed::Chat), (may, NotAllowed::User)];
        checks.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, why)| Err(why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_press_is_named_and_in_the_chat() {
        let desk = Desk { users: vec![7], people: BTreeMap::new() };
        let by = |chat, name: Option<&str>, user| Presser { chat, name: name.map(str::to_owned), user };
        let (number, name) = (Chat::Number(-42), "@ops".parse::<Chat>().unwrap());
        assert_eq!(desk.admits(&number, &by(-42, None, 7)), Ok(()));
        assert_eq!(desk.admits(&name, &by(-1, Some("Ops"), 7)), Ok(()));
        assert_eq!(desk.admits(&number, &by(-42, None, 8)), Err(NotAllowed::User));
        assert_eq!(desk.admits(&number, &by(42, Some("ops"), 7)), Err(NotAllowed::Chat));
        for other in [None, Some(""), Some("ops2")] {
            assert_eq!(desk.admits(&name, &by(-42, other, 7)), Err(NotAllowed::Chat), "{other:?}");
        }
        assert_eq!(
            Desk { users: Vec::new(), people: BTreeMap::new() }.admits(&number, &by(-42, None, 7)),
            Err(NotAllowed::User)
        );
    }
}
