//! What is declared, by kind, and in whose words.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Scope;
use crate::domain::plain::PlainText;

/// What is declared, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "each may be so beside the others")]
pub struct Kinds {
    /// What works for those who run the image will not, or otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub breaking: bool,
    /// People are asked to do something besides taking the image.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub manual: bool,
    /// Stored data change, or there is no way back to the older version.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub migration: bool,
    /// Nothing of these may be so: not all of the notes could be read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unread: bool,
}

impl Kinds {
    /// It is not known, as the notes could not be read.
    pub const UNREAD: Self = Self { breaking: false, manual: false, migration: false, unread: true };

    /// Whether people are asked: something is declared, or may be.
    #[must_use]
    pub fn asks(self) -> bool {
        self.any() || self.unread
    }

    /// Whether anything is.
    #[must_use]
    pub fn any(self) -> bool {
        self.breaking || self.manual || self.migration
    }

    /// Whether nothing is, and that is known.
    #[must_use]
    pub fn is_none(&self) -> bool {
        !self.asks()
    }

    /// Their words, for programs.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let all = [(self.breaking, "breaking"), (self.manual, "manual"), (self.migration, "migration")];
        all.into_iter().filter_map(|(is_declared, name)| is_declared.then_some(name)).collect()
    }

    /// What people are told of it; nothing where nothing is declared.
    #[must_use]
    pub fn sentence(self) -> Option<String> {
        let rollback =
            if self.migration { ". Rollback is off, as the older version may not read the data then" } else { "" };
        let unread = "Not all of the makers' notes on the way to this version could be read.";
        match (self.any(), self.unread) {
            (true, false) => Some(format!("The makers declare {self}{rollback}.")),
            (true, true) => Some(format!("The makers declare {self}{rollback}. {unread}")),
            (false, true) => Some(unread.to_owned()),
            (false, false) => None,
        }
    }

    /// These and those.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            breaking: self.breaking || other.breaking,
            manual: self.manual || other.manual,
            migration: self.migration || other.migration,
            unread: self.unread || other.unread,
        }
    }
}

impl fmt::Display for Kinds {
    /// In a few words, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (self.breaking, "breaking changes"),
            (self.manual, "steps by hand"),
            (self.migration, "a migration of data"),
        ];
        let said: Vec<&str> = all.into_iter().filter_map(|(is, words)| is.then_some(words)).collect();
        match said.as_slice() {
            [] if self.unread => f.write_str("what could not all be read"),
            [] => f.write_str("nothing"),
            [one] => f.write_str(one),
            [all @ .., last] => write!(f, "{} and {last}", all.join(", ")),
        }
    }
}

/// What a sentence is taken for something declared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Because {
    /// The makers call it breaking, or it stands below a title that does.
    CalledSo,
    /// Something is taken away.
    Removed,
    /// Something that worked does not any more.
    Lost,
    /// Something has another name or place.
    Renamed,
    /// Something has another value, or another default.
    Value,
    /// Something must be there, or newer than before.
    Required,
    /// Something is turned down.
    Refused,
    /// Something is off unless somebody turns it on.
    Closed,
    /// Something is only so, or must be so.
    Restricted,
    /// One thing stands for another.
    Replaced,
    /// A format, an interface or a behaviour is another.
    Contract,
    /// The process runs as another user, or listens elsewhere.
    Process,
    /// What others have built on it fails.
    Reliance,
    /// Many small signs say so together.
    ManySigns,
    /// People are asked to do something.
    Asked,
    /// Stored data change, or there is no way back.
    Data,
}

/// Something that a text declares, in its own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declaration {
    /// What.
    pub kinds: Kinds,
    /// The text.
    pub quote: PlainText,
    /// Whom it concerns.
    #[serde(default)]
    pub scope: Scope,
    /// By what of it that is seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<Because>,
}

/// What is declared between two versions, all together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Declared {
    /// What.
    #[serde(flatten)]
    pub kinds: Kinds,
    /// In the makers' words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotes: Vec<PlainText>,
}

impl Declared {
    /// Whether nothing is declared.
    #[must_use]
    pub fn is_none(&self) -> bool {
        !self.kinds.asks()
    }

    /// The same with so many quotes.
    #[must_use]
    pub fn at_most(&self, quotes: usize) -> Self {
        Self { kinds: self.kinds, quotes: self.quotes.iter().take(quotes).cloned().collect() }
    }

    /// What of all that is declared concerns an update between two tags.
    #[must_use]
    pub fn between<'d>(from: &str, to: &str, all: impl IntoIterator<Item = &'d Declaration>) -> Self {
        let mut declared = Self::default();
        for Declaration { kinds, quote, .. } in all.into_iter().filter(|one| one.scope.concerns(from, to)) {
            declared.kinds = declared.kinds.and(*kinds);
            if !declared.quotes.contains(quote) {
                declared.quotes.push(quote.clone());
            }
        }
        declared
    }
}
