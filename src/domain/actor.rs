//! Who or what decided: typed, and put into words only where it is shown.
//!
//! In records and messages it is one text, as the first release wrote it: `policy`, `link email:o…@example.com`, `command alice`,
//! `sign-in alice`, `slack T1/U2`, `telegram 7`, `people A; B` where several decided together, or the name of whatever else wrote.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Somebody as the cluster knows them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClusterUser {
    /// The name.
    pub name: String,
    /// The groups that they are known to be of.
    pub groups: Vec<String>,
}

/// The name of whoever somebody answers for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    name: String,
    by: Authority,
    in_cluster: Option<Box<ClusterUser>>,
    /// The name of a user of a chat elsewhere, as whoever configures its channel says.
    elsewhere: Option<Box<str>>,
}

/// Who answers for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// A trusted proxy.
    Proxy,
    /// Slack.
    Slack,
    /// Telegram.
    Telegram,
    /// Ourselves, by a password of the configuration.
    Password,
    /// An `OpenID` provider.
    OpenId,
    /// Ourselves, by a token of the configuration: it is a program.
    Token,
    /// The cluster, by the token of a `ServiceAccount`: it is a program.
    ServiceAccount,
}

impl SignedIn {
    /// The longest name that is taken.
    const LONGEST: usize = 128;

    /// Reads what a proxy says; `None` for what is no name: nothing, too much, or anything that is not to be seen. The
    /// cluster is taken to know them by the same name.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let known = Self::by(Authority::Proxy, text)?;
        let user = ClusterUser { name: known.name.clone(), groups: Vec::new() };
        Some(known.known_as(user))
    }

    /// Somebody for whose name there is this authority; `None` for what is no name.
    #[must_use]
    pub fn by(authority: Authority, text: &str) -> Option<Self> {
        let name = text.trim_matches(' ');
        let is_hidden = |letter: char| letter.is_control() || redirects(letter);
        let is_one = !name.is_empty() && name.len() <= Self::LONGEST && !name.contains(is_hidden);
        is_one.then(|| Self { name: name.to_owned(), by: authority, in_cluster: None, elsewhere: None })
    }

    /// The same, whom the cluster knows.
    #[must_use]
    pub fn known_as(self, user: ClusterUser) -> Self {
        Self { in_cluster: Some(Box::new(user)), ..self }
    }

    /// A user of a workspace of Slack, by their ids: `T1/U2`.
    #[must_use]
    pub fn in_slack(team: &str, user: &str) -> Self {
        Self { name: format!("{team}/{user}"), by: Authority::Slack, in_cluster: None, elsewhere: None }
    }

    /// A user of Telegram, by their number.
    #[must_use]
    pub fn in_telegram(user: i64) -> Self {
        Self { name: user.to_string(), by: Authority::Telegram, in_cluster: None, elsewhere: None }
    }

    /// The same user of a chat, who signs in elsewhere by this name, or has this address.
    #[must_use]
    pub fn known_elsewhere(self, name: Option<&str>) -> Self {
        Self { elsewhere: name.map(Into::into), ..self }
    }

    /// As whom the cluster may know them: users of a chat are none of its, nor are those of our own configuration.
    #[must_use]
    pub fn in_cluster(&self) -> Option<&ClusterUser> {
        self.in_cluster.as_deref()
    }

    /// Who answers for the name.
    #[must_use]
    pub fn authority(&self) -> Authority {
        self.by
    }

    /// Whose word it is that comes by a link.
    #[must_use]
    pub fn with(&self, link: String) -> Person {
        let name = self.name.clone();
        match self.by {
            Authority::Slack => Person::Slack { user: name, link, elsewhere: self.elsewhere.clone() },
            Authority::Telegram => Person::Telegram { user: name, link, elsewhere: self.elsewhere.clone() },
            Authority::Proxy | Authority::Password | Authority::OpenId => Person::SignedIn { name, link },
            Authority::Token | Authority::ServiceAccount => Person::Program(name),
        }
    }

    /// Whose word it is that comes without any link.
    #[must_use]
    pub fn alone(&self) -> Person {
        let name = self.name.clone();
        match self.by {
            Authority::Proxy | Authority::Slack | Authority::Telegram | Authority::Password | Authority::OpenId => {
                Person::Visitor(name)
            }
            Authority::Token | Authority::ServiceAccount => Person::Program(name),
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Whether a letter shows as nothing, or changes how others show.
fn redirects(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Whose word an answer is, as far as that is known: what people see of it is an [`Actor`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Person {
    /// Whoever holds the link that went to `channel:address`.
    Holder(String),
    /// Whoever signed in, and holds a link.
    SignedIn {
        /// The name.
        name: String,
        /// The link.
        link: String,
    },
    /// A user of Slack, who pressed a button there.
    Slack {
        /// The ids of the workspace and of the user: `T1/U2`.
        user: String,
        /// The link beside the button.
        link: String,
        /// The name that they sign in with elsewhere, or their address, where the configuration of the channel says it.
        elsewhere: Option<Box<str>>,
    },
    /// A user of Telegram, who pressed a button there.
    Telegram {
        /// Their number.
        user: String,
        /// The link beside the button.
        link: String,
        /// As [`Person::Slack`] has it.
        elsewhere: Option<Box<str>>,
    },
    /// Whoever signed in at the page or the API, and answers without any link.
    Visitor(String),
    /// A program, by the token that it showed. Whoever has the token, or may make the account, is whoever they like: it is nobody's
    /// name, and no vote where more than one person has to approve.
    Program(String),
    /// Whoever ran a command, by the name that they gave.
    Command(Option<String>),
}

impl Person {
    /// Whoever signed in by what a link leads to, or else whoever holds it.
    #[must_use]
    pub fn of(by: Option<&SignedIn>, link: String) -> Self {
        match by {
            Some(by) => by.with(link),
            None => Self::Holder(link),
        }
    }

    /// As it is told and written down.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match self {
            Self::Holder(link) => Actor::holder(&masked(link)),
            Self::SignedIn { name, .. } | Self::Visitor(name) => Actor::SignedIn(name.clone()),
            Self::Slack { user, .. } => Actor::Slack(user.clone()),
            Self::Telegram { user, .. } => Actor::Telegram(user.clone()),
            Self::Program(name) => Actor::Program(name.clone()),
            Self::Command(user) => Actor::Command(user.clone()),
        }
    }
}

/// An address that people recognise and strangers can't use: `email:o…@example.com`.
#[must_use]
pub fn masked(holder: &str) -> String {
    let (channel, address) = holder.split_once(':').unwrap_or((holder, ""));
    match address.split_once('@') {
        Some((user, domain)) => format!("{channel}:{}…@{domain}", user.chars().take(1).collect::<String>()),
        None => channel.to_owned(),
    }
}

/// How it ends, as it is written, what somebody decided outside the window.
const OUTSIDE: &str = ", outside the window";

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
    /// Whoever signed in, by the name that somebody answers for.
    SignedIn(String),
    /// A user of Slack, by the ids of the workspace and of the user: `T1/U2`.
    Slack(String),
    /// A user of Telegram, by their number.
    Telegram(String),
    /// Several of them together, in the order in which they decided.
    Several(Vec<Actor>),
    /// One of these, who chose to do it outside the window.
    OutsideTheWindow(Box<Actor>),
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

    /// Whoever wrote to the cluster, by a name that anybody may choose: it is not to read like the policy, the holder of a link, or
    /// somebody who signed in.
    #[must_use]
    pub fn writer(name: &str) -> Self {
        match Self::from(name) {
            Self::Program(name) => Self::Program(name),
            _ => Self::Program(format!("field manager {name:?}")),
        }
    }

    /// Whoever decided, as one: a single one is itself.
    #[must_use]
    pub fn several(mut all: Vec<Self>) -> Self {
        match all.pop() {
            Some(one) if all.is_empty() => one,
            last => {
                all.extend(last);
                Self::Several(all)
            }
        }
    }

    /// Whether somebody answers for who this is.
    #[must_use]
    pub fn is_signed_in(&self) -> bool {
        match self {
            Self::SignedIn(_) | Self::Slack(_) | Self::Telegram(_) => true,
            Self::Several(all) => all.iter().all(Self::is_signed_in),
            Self::OutsideTheWindow(who) => who.is_signed_in(),
            Self::Policy | Self::Holder { .. } | Self::Command(_) | Self::Program(_) => false,
        }
    }

    /// The same, who chose to do it outside the window.
    #[must_use]
    pub fn outside_the_window(self) -> Self {
        match self {
            Self::Several(mut all) => {
                let last = all.pop().map(Self::outside_the_window);
                all.extend(last);
                Self::Several(all)
            }
            Self::Policy | Self::Command(None) | Self::OutsideTheWindow(_) => self,
            Self::Holder { .. }
            | Self::Command(Some(_))
            | Self::SignedIn(_)
            | Self::Slack(_)
            | Self::Telegram(_)
            | Self::Program(_) => Self::OutsideTheWindow(Box::new(self)),
        }
    }

    /// As people read it.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::SignedIn(name) => format!("{name} (signed in)"),
            Self::Slack(user) => format!("{} (Slack)", user.split_once('/').map_or(user.as_str(), |(_, user)| user)),
            Self::Telegram(user) => format!("{user} (Telegram)"),
            Self::Several(all) => all.iter().map(Self::words).collect::<Vec<_>>().join(" and "),
            Self::OutsideTheWindow(who) => format!("{}{OUTSIDE}", who.words()),
            Self::Policy => "the policy".to_owned(),
            Self::Holder { channel, address: Some(address) } => format!("{address} ({channel})"),
            Self::Holder { channel, address: None } => format!("a holder of the link in {channel}"),
            Self::Command(Some(user)) => format!("{user} (command line)"),
            Self::Command(None) => "somebody at the command line".to_owned(),
            Self::Program(name) => name.clone(),
        }
    }
}

impl Actor {
    fn one(text: &str) -> Self {
        if let Some(who) = text.strip_suffix(OUTSIDE) {
            return Self::one(who).outside_the_window();
        }
        match (text, text.split_once(' ')) {
            ("policy", _) => Self::Policy,
            ("command", _) => Self::Command(None),
            (_, Some(("link", masked))) => Self::holder(masked),
            (_, Some(("command", user))) => Self::Command(Some(user.to_owned())),
            (_, Some(("sign-in", name))) => Self::SignedIn(name.to_owned()),
            (_, Some(("slack", user))) => Self::Slack(user.to_owned()),
            (_, Some(("telegram", user))) => Self::Telegram(user.to_owned()),
            (name, _) => Self::Program(name.to_owned()),
        }
    }
}

impl From<&str> for Actor {
    fn from(text: &str) -> Self {
        if let Some(all) = text.strip_prefix("people ") {
            return Self::Several(all.split("; ").map(Self::one).collect());
        }
        Self::one(text)
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
            Self::SignedIn(name) => write!(f, "sign-in {name}"),
            Self::Slack(user) => write!(f, "slack {user}"),
            Self::Telegram(user) => write!(f, "telegram {user}"),
            Self::Several(all) => {
                // No name ends another's.
                let all: Vec<String> = all.iter().map(|one| one.to_string().replace(';', ",")).collect();
                write!(f, "people {}", all.join("; "))
            }
            Self::OutsideTheWindow(who) => write!(f, "{who}{OUTSIDE}"),
            Self::Program(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_can_be_seen() {
        let read = |text: &str| SignedIn::read(text).map(|it| it.name().to_owned());
        assert_eq!(read(" alice "), Some("alice".into()));
        assert_eq!(read("Ægir Þór@example.com"), Some("Ægir Þór@example.com".into()));
        let long = "a".repeat(129);
        for wrong in ["", "  ", "al\nice", "alice\u{7f}", "\talice", "al\u{202e}ice", "alice\u{200b}", &long] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_program_is_told_as_what_it_is_whatever_way_it_comes() {
        for (by, name) in [(Authority::Token, "token ci"), (Authority::ServiceAccount, "system:serviceaccount:ops:ci")]
        {
            let program = SignedIn::by(by, name).unwrap();
            assert_eq!(program.alone(), Person::Program(name.into()));
            assert_eq!(program.with("chat:".into()), program.alone(), "a link in its hand makes it no person");
            let actor = program.alone().actor();
            assert_eq!((actor.words().as_str(), Actor::from(actor.to_string())), (name, Actor::Program(name.into())));
            assert!(!actor.is_signed_in());
            assert_eq!(actor.outside_the_window().words(), format!("{name}, outside the window"));
        }
        for by in [Authority::Proxy, Authority::Password, Authority::OpenId] {
            assert_eq!(SignedIn::by(by, "alice").unwrap().alone(), Person::Visitor("alice".into()));
        }
    }

    #[test]
    fn no_field_manager_reads_like_anybody_else() {
        for name in [
            "policy",
            "command",
            "command alice",
            "sign-in cto@example.com",
            "sign-in cto@example.com, Argo CD application shop",
            "slack T1/U2",
            "telegram 7",
            "link email:o…@example.com",
            "people sign-in a; sign-in b",
            "kubectl, outside the window",
        ] {
            let actor = Actor::from(Actor::writer(name).to_string());
            assert_eq!(actor, Actor::Program(format!("field manager {name:?}")));
            assert!(!actor.is_signed_in(), "{name}");
        }
        assert_eq!(Actor::writer("kubectl-edit").words(), "kubectl-edit");
    }

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
            ("sign-in alice", Actor::SignedIn("alice".into()), "alice (signed in)"),
            ("slack T1/U2", Actor::Slack("T1/U2".into()), "U2 (Slack)"),
            ("telegram 7", Actor::Telegram("7".into()), "7 (Telegram)"),
            (
                "people link email:o…@example.com; sign-in bob",
                Actor::Several(vec![holder("email", Some("o…@example.com")), Actor::SignedIn("bob".into())]),
                "o…@example.com (email) and bob (signed in)",
            ),
            ("kubectl-edit", Actor::Program("kubectl-edit".into()), "kubectl-edit"),
            ("unsigned: link chat", Actor::Program("unsigned: link chat".into()), "unsigned: link chat"),
            ("", Actor::Program(String::new()), ""),
        ] {
            let written = serde_json::json!(text);
            assert_eq!(serde_json::from_value::<Actor>(written.clone()).unwrap(), actor);
            assert_eq!((serde_json::json!(actor), actor.words().as_str()), (written, words));
        }
        let both = Actor::several(vec![Actor::Command(Some("a; b".into())), Actor::Command(None)]);
        assert_eq!(
            Actor::from(both.to_string().as_str()).words(),
            "a, b (command line) and somebody at the command line"
        );
        assert_eq!(Actor::several(vec![Actor::Policy]), Actor::Policy);
        assert_eq!(both.clone().outside_the_window().words(), "a; b (command line) and somebody at the command line");
        let late = Actor::holder("email:o…@example.com").outside_the_window();
        assert_eq!(late.to_string(), "link email:o…@example.com, outside the window");
        assert_eq!(late.words(), "o…@example.com (email), outside the window");
        let each =
            ["link chat", "command alice", "sign-in alice", "slack T1/U2", "telegram 7", "token ci"].map(Actor::from);
        let several = Actor::Several(each.to_vec());
        for who in each.into_iter().chain([several]) {
            let late = who.clone().outside_the_window();
            assert_eq!(
                Actor::from(late.to_string()),
                late,
                "it is read as it was written, and as earlier releases wrote it"
            );
            assert_ne!(late, who);
            assert_eq!((late.clone().outside_the_window(), late.is_signed_in()), (late, who.is_signed_in()));
        }
        assert_eq!(Actor::holder("chat:a:b"), holder("chat", Some("a:b")), "the first colon ends the channel");
        assert_eq!(Actor::holder("email:o…@example.com"), Actor::from("link email:o…@example.com"));
    }
}
