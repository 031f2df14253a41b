//! The closed sets of words that settings are written in.

use std::fmt;

/// What happens when there is something newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Mode {
    /// It is applied.
    AutoUpdate,
    /// People are told and asked.
    Notification,
    /// Nothing is looked at.
    Disabled,
}

/// How far an update may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Strategy {
    /// Anything newer.
    All,
    /// The same versions as [`Strategy::All`].
    Major,
    /// The first number stays.
    Minor,
    /// The first two numbers stay.
    Patch,
}

/// What is never jumped over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Steps {
    /// A first number.
    Major,
    /// A first and a second number.
    Minor,
}

/// What is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Track {
    /// The highest allowed version.
    Version,
    /// The running tag, when it points to another manifest.
    Digest,
}

/// How tags that match a workload's own pattern are ordered (S9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// Byte by byte.
    Alphabetical,
    /// As decimal numbers; what is none is passed over.
    Numeric,
    /// As versions; what is none is passed over.
    Semver,
    /// By when they were pushed, as their registry says.
    Newest,
}

/// A word that stands for none of the values that exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is none of {}", allowed.join(", "))]
pub struct UnknownWord {
    /// What is written, its beginning.
    pub given: String,
    /// The words that there are.
    pub allowed: &'static [&'static str],
}

/// `FromStr` and `Display` of an enum that is written as one upper- or lower-case word.
macro_rules! words {
    ($type:ident: $($variant:ident = $word:literal),+ $(,)?) => {
        impl $type {
            /// The words, as documented.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The documented word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::str::FromStr for $type {
            type Err = UnknownWord;

            /// Any letter case is accepted, and space around the word.
            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                let word = text.trim();
                $(if word.eq_ignore_ascii_case($word) { return Ok(Self::$variant); })+
                Err(UnknownWord { given: word.chars().take(40).collect(), allowed: Self::WORDS })
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(Mode: AutoUpdate = "AUTO_UPDATE", Notification = "NOTIFICATION", Disabled = "DISABLED");
words!(Strategy: All = "ALL", Major = "MAJOR", Minor = "MINOR", Patch = "PATCH");
words!(Steps: Major = "major", Minor = "minor");
words!(Track: Version = "version", Digest = "digest");
words!(Order: Alphabetical = "alphabetical", Numeric = "numeric", Semver = "semver", Newest = "newest");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_written_as_they_are_read() {
        for word in Mode::WORDS {
            assert_eq!(word.to_lowercase().parse::<Mode>().unwrap().as_str(), *word);
        }
        for word in Strategy::WORDS {
            assert_eq!(format!(" {word} ").parse::<Strategy>().unwrap().to_string(), *word);
        }
        for word in Order::WORDS {
            assert_eq!(word.to_uppercase().parse::<Order>().unwrap().as_str(), *word);
        }
        let error = "PACTH".parse::<Strategy>().unwrap_err();
        assert_eq!(error.to_string(), r#""PACTH" is none of ALL, MAJOR, MINOR, PATCH"#);
    }
}
