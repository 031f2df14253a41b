//! Several people approve one update: who did, and whether they are enough.
//!
//! A vote says who approved as far as others may read it, and beside that a code that tells one person from another: the record
//! is public, and many addresses look the same once they are masked. The code is made with the key that signs links, over the name
//! of the question, so that it says nothing of who it is and can't be looked up.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::Mac as _;
use serde::{Deserialize, Serialize};

use super::actor::{Actor, Person};
use super::approval::{ApprovalId, LinkKey};

/// No update waits for more people.
pub const MOST: u8 = 10;

/// How many different people have to approve an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quorum(u8);

/// No number of people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no number of people who have to approve; write one from 1 to {MOST}")]
pub struct NoQuorum(pub String);

impl Default for Quorum {
    fn default() -> Self {
        Self(1)
    }
}

impl FromStr for Quorum {
    type Err = NoQuorum;

    fn from_str(text: &str) -> Result<Self, NoQuorum> {
        let is_number = !text.trim().is_empty() && text.trim().bytes().all(|byte| byte.is_ascii_digit());
        let number = text.trim().parse().ok().filter(|number| is_number && (1..=MOST).contains(number));
        number.map(Self).ok_or_else(|| NoQuorum(text.chars().take(60).collect()))
    }
}

impl Quorum {
    /// The number.
    #[must_use]
    pub fn number(self) -> usize {
        self.0.into()
    }

    /// Whether one person is enough.
    #[must_use]
    pub fn is_one(self) -> bool {
        self.0 <= 1
    }
}

/// Tells one person from another within one question, and nobody who it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voter(String);

impl Voter {
    fn of(key: &LinkKey, question: &ApprovalId, kind: &str, name: &str) -> Option<Self> {
        let name = name.trim().to_lowercase();
        let code = key.code(&["iw-voter-v1", question.as_str(), kind, &name])?.finalize().into_bytes();
        Some(Self(URL_SAFE_NO_PAD.encode(code.get(..9)?)))
    }
}

/// That one person approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// Who, and how that is known.
    pub by: Actor,
    /// When.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub at: DateTime<Utc>,
    /// Who, to tell one from another.
    who: Voter,
    /// The way by which it came, where that is not the person alone: a link that others may hold, the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    way: Option<Voter>,
    /// The user of a chat as the chat knows them, where the configuration says who that is: `who` is that name then, and whoever
    /// voted before they were named, or by another name, is still the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chat: Option<Voter>,
    /// What stands before the `@` of an address, or the name that somebody signs in with: by it a person is found again who is
    /// known by the one here and by the other there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alias: Option<Voter>,
    /// Whether the name is no address, of which two of one alias are two people.
    #[serde(default, rename = "short", skip_serializing_if = "std::ops::Not::not")]
    is_short: bool,
    /// Whether a program casts it. No such vote is ever written: it is enough alone, or none.
    #[serde(skip)]
    is_of_program: bool,
}

impl Vote {
    /// The vote of a person on a question; `None` where the key can't sign.
    #[must_use]
    pub fn of(person: &Person, by: Actor, key: &LinkKey, question: &ApprovalId, at: DateTime<Utc>) -> Option<Self> {
        let voter = |kind: &str, name: &str| Voter::of(key, question, kind, name);
        let holder = |holder: &str| match holder.split_once(':') {
            // A mailbox is one person, whichever channel leads to it.
            Some((_, address)) if !address.is_empty() => voter("name", address),
            _ => voter("channel", holder.trim_end_matches(':')),
        };
        let (who, way, chat) = match person {
            Person::Holder(link) => (holder(link)?, None, None),
            Person::SignedIn { name, link } => (voter("name", name)?, Some(holder(link)?), None),
            Person::Slack { user, elsewhere, link } => {
                of_chat(voter("slack", user)?, elsewhere.as_deref(), holder(link)?, &voter)?
            }
            Person::Telegram { user, elsewhere, link } => {
                of_chat(voter("telegram", user)?, elsewhere.as_deref(), holder(link)?, &voter)?
            }
            Person::Visitor(name) => (voter("name", name)?, None, None),
            // All of them are one.
            Person::Program(_) => (voter("program", "")?, None, None),
            Person::Command(None) => (voter("command", "")?, None, None),
            Person::Command(Some(user)) => (voter("name", user)?, Some(voter("command", "")?), None),
        };
        let is_of_program = matches!(person, Person::Program(_));
        let name = name_of(person);
        let alias = match name {
            Some(name) => Some(voter("alias", name.split('@').next().unwrap_or(name))?),
            // So it is told from everybody.
            None if is_of_program => Some(voter("program", "")?),
            None => None,
        };
        let is_short = name.is_some_and(|name| !name.contains('@'));
        Some(Self { by, at, who, way, chat, alias, is_short, is_of_program })
    }

    /// Whether both may be one person's: the one rule by which two answers are of different people, or are not. One person is one
    /// by whatever way they come, so what may be the same counts as the same.
    ///
    /// What may be anybody's is nobody's second: who may annotate a workload writes what name they like, and who reads a chat may
    /// hold a link of their own. Two who signed in are different if their names are, unless one is called by a name and the other by an address of that name:
    /// people may sign in to links by the one, and to the page by the other. Users of a chat are who the configuration of its channel says they
    /// are, by the name that they sign in with or by their address; of those that it does not name nothing is known but their
    /// ids, and each is somebody of their own. Who holds the link of a mailbox is known by that, and may be whoever signed in there.
    fn may_be_of_one(&self, other: &Self) -> bool {
        if self.ids().any(|id| other.ids().any(|of_other| id == of_other)) {
            return true;
        }
        if self.may_be_anybodys() || other.may_be_anybodys() {
            return true;
        }
        let is_alike = self.alias.is_some() && self.alias == other.alias;
        match (self.by.is_signed_in(), other.by.is_signed_in()) {
            (true, true) => is_alike && self.is_found_by_alias(other),
            (true, false) => self.is_one_who_signed_in(other, is_alike),
            (false, true) => other.is_one_who_signed_in(self, is_alike),
            (false, false) => self.way() == other.way(),
        }
    }

    /// Whether one alias is one person, where somebody answers for who both are. Whoever configured a chat may have chosen another
    /// way to call people than they sign in by: two whose whole addresses are known are two.
    fn is_found_by_alias(&self, other: &Self) -> bool {
        match (self.is_of_chat(), other.is_of_chat()) {
            (false, false) => self.is_short != other.is_short,
            (true, true) => self.is_short || other.is_short,
            (true, false) | (false, true) => true,
        }
    }

    /// Whether this one, who signed in, may have cast the other vote, for whose name nobody answers.
    fn is_one_who_signed_in(&self, other: &Self, is_alike: bool) -> bool {
        self.way() == other.way() || is_alike
    }

    /// Whether it says nothing of who cast it: an annotation, whose writer the API server does not name, whatever the text says, and
    /// the link of a chat that many may read.
    fn may_be_anybodys(&self) -> bool {
        match &self.by {
            // Who votes is known before it is known whether that applies outside the window.
            Actor::Command(_) | Actor::Program(_) | Actor::Policy | Actor::Several(_) | Actor::OutsideTheWindow(_) => {
                true
            }
            Actor::Holder { .. } => self.alias.is_none(),
            Actor::SignedIn(_) | Actor::Slack(_) | Actor::Telegram(_) => false,
        }
    }

    fn is_of_chat(&self) -> bool {
        matches!(self.by, Actor::Slack(_) | Actor::Telegram(_))
    }

    /// Each of them is this person and nobody else.
    fn ids(&self) -> impl Iterator<Item = &Voter> {
        std::iter::once(&self.who).chain(&self.chat)
    }

    fn way(&self) -> &Voter {
        self.way.as_ref().unwrap_or(&self.who)
    }
}

/// Who a user of a chat is, by which way, and as the chat knows them where they are known by another name.
fn of_chat(
    id: Voter,
    elsewhere: Option<&str>,
    way: Voter,
    voter: &impl Fn(&str, &str) -> Option<Voter>,
) -> Option<(Voter, Option<Voter>, Option<Voter>)> {
    Some(match elsewhere {
        Some(name) => (voter("name", name)?, Some(way), Some(id)),
        None => (id, Some(way), None),
    })
}

/// The name or the address by which somebody may be found again who comes another way.
fn name_of(person: &Person) -> Option<&str> {
    match person {
        Person::Visitor(name) | Person::SignedIn { name, .. } => Some(name),
        Person::Command(name) => name.as_deref(),
        Person::Holder(link) => link.split_once(':').map(|(_, address)| address).filter(|it| !it.is_empty()),
        Person::Slack { elsewhere, .. } | Person::Telegram { elsewhere, .. } => elsewhere.as_deref(),
        Person::Program(_) => None,
    }
}

/// The votes on a question, in the order in which they were cast: each of another person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Votes(Vec<Vote>);

/// What a vote comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Enough people have approved, this one among them.
    Enough(Votes),
    /// It counts, and others have to approve, too.
    More(Votes),
    /// This person has approved already, and others have to.
    Again,
    /// It counts for nothing: a program casts it, and more than one person has to approve.
    NoPerson,
}

impl Votes {
    /// Whether nobody has approved.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many people have.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The votes.
    pub fn iter(&self) -> impl Iterator<Item = &Vote> {
        self.0.iter()
    }

    /// Whether one more approval of this person would add nothing, as they may have approved already. A program's is no approval of
    /// anybody's.
    #[must_use]
    pub fn have(&self, vote: &Vote) -> bool {
        !vote.is_of_program && !self.clone().cast(vote.clone())
    }

    /// Takes one more vote over, if it is another person's; no more than are ever needed. What may be anybody's gives way to the
    /// first of whom more is known, and so keeps nobody from approving. Says whether it counts.
    pub fn cast(&mut self, vote: Vote) -> bool {
        if self.0.iter().chain([&vote]).any(|one| !one.may_be_anybodys()) {
            self.0.retain(|one| !one.may_be_anybodys());
        }
        let is_again = self.0.iter().any(|known| known.may_be_of_one(&vote));
        let is_counted = !is_again && self.count() < usize::from(MOST);
        if is_counted {
            self.0.push(vote);
        }
        is_counted
    }

    /// What one more vote comes to, where so many people have to approve.
    #[must_use]
    pub fn judge(&self, vote: Vote, needed: Quorum) -> Verdict {
        if vote.is_of_program && !needed.is_one() {
            return Verdict::NoPerson;
        }
        let mut votes = self.clone();
        let is_counted = votes.cast(vote);
        match (votes.count() >= needed.number(), is_counted) {
            // Fewer may be needed than when they were cast.
            (true, _) => Verdict::Enough(votes),
            (false, true) => Verdict::More(votes),
            (false, false) => Verdict::Again,
        }
    }

    /// All who approved, as one.
    #[must_use]
    pub fn deciders(&self) -> Actor {
        Actor::several(self.0.iter().map(|vote| vote.by.clone()).collect())
    }
}

/// How many people have to approve an update, and how many have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approvals {
    /// So many have to.
    pub needed: usize,
    /// So many have, when it is told.
    #[serde(default)]
    pub given: usize,
}

impl fmt::Display for Approvals {
    /// `1 of 2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.given, self.needed)
    }
}

/// How a question stands that several people may have to approve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ballot {
    /// Who approved.
    pub votes: Votes,
    /// How many have to.
    pub needed: Quorum,
    /// Whether whoever looks at it has.
    pub is_yours: bool,
}

impl Ballot {
    /// How many of how many, where there is anything to say of it.
    #[must_use]
    pub fn counted(&self) -> Option<Approvals> {
        self.is_worth_saying().then(|| Approvals { needed: self.needed.number(), given: self.votes.count() })
    }

    /// Whether there is anything to say of it: one person is not enough, or was not.
    #[must_use]
    pub fn is_worth_saying(&self) -> bool {
        !self.needed.is_one() || !self.votes.is_empty()
    }

    /// How many of how many, where there is anything to say of it: `1 of 2`.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        self.counted().map(|counted| counted.to_string())
    }

    /// Whether this person can do nothing more by approving once more.
    #[must_use]
    pub fn waits_for_others(&self) -> bool {
        self.is_yours && self.votes.count() < self.needed.number()
    }
}

#[cfg(test)]
mod tests;
