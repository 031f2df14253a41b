//! Slack's ids, and who may press the buttons of a channel there.

use std::collections::BTreeMap;

/// Whether a text is an id of Slack's that begins with one of these letters.
#[must_use]
pub fn is_id(text: &str, kinds: &[char]) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    (2..=32).contains(&text.len()) && text.starts_with(kinds) && text.bytes().all(is_letter)
}

/// Who may press the buttons of a channel, and where. What is not said is whatever Slack signed: its key is of one app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desk {
    /// The app's id, `A…`.
    pub app: Option<String>,
    /// The workspace's id, `T…`.
    pub team: Option<String>,
    /// The channel's id.
    pub channel: String,
    /// The ids of who may press, `U…`; else everybody of the workspace who is in the channel.
    pub users: Option<Vec<String>>,
    /// Who of them is who elsewhere: the name that they sign in with, or their address.
    pub people: BTreeMap<String, String>,
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
            (self.app.as_ref().is_none_or(|app| *app == presser.app), NotAllowed::App),
            (self.team.as_ref().is_none_or(|team| *team == presser.team), NotAllowed::Team),
            (self.channel == presser.channel, NotAllowed::Channel),
            (presser.team == presser.home, NotAllowed::Guest),
            (self.users.as_ref().is_none_or(|users| users.contains(&presser.user)), NotAllowed::User),
        ];
        checks.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, why)| Err(why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row 23 of the design's table.
    #[test]
    fn whoever_differs_in_one_thing_is_nobody() {
        let (app, team, users) = (Some("A1".into()), Some("T1".into()), Some(vec!["U1".into()]));
        let desk = Desk { app, team, channel: "C1".into(), users, people: BTreeMap::new() };
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
        assert_eq!(Desk { users: Some(Vec::new()), ..desk }.admits(&presser), Err(NotAllowed::User));
    }

    #[test]
    fn where_nobody_is_named_the_channel_says_who_may() {
        let desk = Desk { app: None, team: None, channel: "C1".into(), users: None, people: BTreeMap::new() };
        let of = |channel: &str, team: &str, home: &str| {
            let (app, user) = ("A7".into(), "U7".into());
            desk.admits(&Presser { app, user, team: team.into(), channel: channel.into(), home: home.into() })
        };
        assert_eq!(of("C1", "T7", "T7"), Ok(()));
        assert_eq!(of("C2", "T7", "T7"), Err(NotAllowed::Channel));
        assert_eq!((of("C1", "T7", "T8"), of("C1", "T7", "")), (Err(NotAllowed::Guest), Err(NotAllowed::Guest)));
    }
}
