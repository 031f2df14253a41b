//! Who or what decided: typed, and put into words only where it is shown.
//!
//! In records and messages it is one text, as the first release wrote it: `policy`, `link email:o…@example.com`, `command alice`, or the name
//! of whatever else wrote.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who or what decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Actor {
    /// The policy of the workload.
    Policy,
    /// A person, who is known as the holder of a link and as nothing more.
    Holder {
        /// The channel that the link went to.
        channel: String,
        /// To whom there, as far as others may read it: `o…@example.com`.
        address: Option<String>,
    },
    /// A person at the command line, by the name that they gave.
    Command(Option<String>),
    /// A program, or whoever else wrote without telling us: as the API server knows it, or as somebody claims.
    Program(String),
}

impl Actor {
    /// Who holds a link, masked: `email:o…@example.com`, `chat`.
    #[must_use]
    pub fn holder(masked: &str) -> Self {
        match masked.split_once(':') {
            Some((channel, address)) => Self::Holder { channel: channel.into(), address: Some(address.into()) },
            None => Self::Holder { channel: masked.into(), address: None },
        }
    }

    /// As people read it.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Policy => "the policy".to_owned(),
            Self::Holder { channel, address: Some(address) } => format!("{address} ({channel})"),
            Self::Holder { channel, address: None } => format!("a holder of the link in {channel}"),
            Self::Command(Some(user)) => format!("{user} (command line)"),
            Self::Command(None) => "somebody at the command line".to_owned(),
            Self::Program(name) => name.clone(),
        }
    }
}

impl From<&str> for Actor {
    fn from(text: &str) -> Self {
        match (text, text.strip_prefix("link ")) {
            ("policy", _) => Self::Policy,
            ("command", _) => Self::Command(None),
            (_, Some(masked)) => Self::holder(masked),
            (name, None) => match name.strip_prefix("command ") {
                Some(user) => Self::Command(Some(user.to_owned())),
                None => Self::Program(name.to_owned()),
            },
        }
    }
}

impl From<String> for Actor {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> Self {
        actor.to_string()
    }
}

impl fmt::Display for Actor {
    /// As it is written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy => f.write_str("policy"),
            Self::Holder { channel, address: Some(address) } => write!(f, "link {channel}:{address}"),
            Self::Holder { channel, address: None } => write!(f, "link {channel}"),
            Self::Command(Some(user)) => write!(f, "command {user}"),
            Self::Command(None) => f.write_str("command"),
            Self::Program(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_release_wrote_is_read_and_written_the_same() {
        let holder = |channel: &str, address: Option<&str>| Actor::Holder {
            channel: channel.into(),
            address: address.map(str::to_owned),
        };
        for (text, actor, words) in [
            ("policy", Actor::Policy, "the policy"),
            ("link email:o…@example.com", holder("email", Some("o…@example.com")), "o…@example.com (email)"),
            ("link chat", holder("chat", None), "a holder of the link in chat"),
            ("command alice", Actor::Command(Some("alice".into())), "alice (command line)"),
            ("command", Actor::Command(None), "somebody at the command line"),
            ("kubectl-edit", Actor::Program("kubectl-edit".into()), "kubectl-edit"),
            ("unsigned: link chat", Actor::Program("unsigned: link chat".into()), "unsigned: link chat"),
            ("", Actor::Program(String::new()), ""),
        ] {
            let written = serde_json::json!(text);
            assert_eq!(serde_json::from_value::<Actor>(written.clone()).unwrap(), actor);
            assert_eq!((serde_json::json!(actor), actor.words().as_str()), (written, words));
        }
        assert_eq!(Actor::holder("chat:a:b"), holder("chat", Some("a:b")), "the first colon ends the channel");
        assert_eq!(Actor::holder("email:o…@example.com"), Actor::from("link email:o…@example.com"));
    }
}
