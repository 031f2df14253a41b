//! Why a look gives no ground to decide on: in the words of whoever looked, and as a closed set, which other languages have words for.

use serde::{Deserialize, Serialize};

use crate::domain::gone::Gone;
use crate::domain::policy::{Doubt, Unmatched};
use crate::domain::preflight::Unfit;

/// Why nothing is decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct NoGround {
    /// What is wrong.
    pub reason: Ungrounded,
    /// The same in English, with all that is known of it: as the workload and the API say it.
    pub words: String,
}

/// The same as replicas of several versions write it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    /// This one.
    Whole { reason: Ungrounded, words: String },
    /// A newer one, for a reason that is not known here.
    Words { words: String },
    /// An older one.
    Said(String),
}

impl From<Written> for NoGround {
    fn from(written: Written) -> Self {
        match written {
            Written::Whole { reason, words } => Self { reason, words },
            Written::Words { words } | Written::Said(words) => Self::said(words),
        }
    }
}

/// What is wrong, where nothing can be decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ungrounded {
    /// The list of tags is not believed.
    List(Doubt),
    /// The best of these tags have no manifest.
    NoManifest(Vec<String>),
    /// The best of these tags are no releases at their project.
    Unreleased(Vec<String>),
    /// The newest versions would not start.
    Unfit(Vec<Unfit>),
    /// What runs is not there.
    Gone(Box<Gone>),
    /// The order of tags is that of their pushes, and the registry does not tell it.
    Untimed,
    /// The workload's own pattern or order has no place for what runs.
    Unmatched(Unmatched),
    /// The image names no tag.
    NoTag,
    /// The repository is not there, or not for who asks: `host/path`.
    UnknownRepository(String),
    /// The registry lets nobody in who asks so.
    NotLetIn(Box<NotLetIn>),
    /// The tags of this repository that could be taken are more than are held.
    TooManyTags(String),
    /// This host has no address that may be reached.
    Blocked(String),
    /// The registry gave no answer for long.
    Unanswered,
    /// It is in the words of whoever looked alone.
    Unknown,
    /// The record says that nothing could be decided. Why, `image-watcher/error` says, which whoever may annotate can write.
    Recorded(Option<String>),
}

/// A registry that does not let somebody in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotLetIn {
    /// The registry.
    pub host: String,
    /// How.
    pub refusal: Refusing,
    /// The pull secret that this is about, as `namespace/name`.
    pub secret: Option<String>,
    /// What the registry said with that.
    pub said: Option<String>,
}

/// How a registry does not let somebody in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusing {
    /// It wants a credential, and there is none.
    NoCredential,
    /// It refuses the one that it was shown.
    Credential,
    /// That one is good, and not for this.
    Forbidden,
    /// Its token service refuses the credential.
    ByTokenService,
    /// The credential is longer than servers take.
    TooLong,
    /// A pull secret of the workload can't be read.
    BrokenSecret,
    /// It asks in a way that is not known.
    UnknownWay,
    /// Its token service is on this host, a stranger's.
    Stranger(String),
    /// Its token service is not to be asked.
    TokenService,
}

impl NoGround {
    /// What was said, of which nothing more is known.
    #[must_use]
    pub fn said(words: impl Into<String>) -> Self {
        Self { reason: Ungrounded::Unknown, words: words.into() }
    }

    /// What the record says, and what stands on the workload beside it.
    pub(super) fn recorded(error: Option<&str>) -> Self {
        let said = error.map(|said| format!("; image-watcher/error says: {said}")).unwrap_or_default();
        let words = format!("the last look that is recorded could decide nothing{said}");
        Self { reason: Ungrounded::Recorded(error.map(str::to_owned)), words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_replica_of_another_version_says_is_read_as_its_words() {
        let read = |text: &str| serde_json::from_str::<NoGround>(text).unwrap();
        for text in [r#""no tag""#, r#"{"reason": {"Novel": [1]}, "words": "no tag"}"#] {
            assert_eq!(read(text), NoGround::said("no tag"), "{text}");
        }
        let not_let_in =
            NotLetIn { host: "ghcr.io".into(), refusal: Refusing::Forbidden, secret: None, said: Some("no".into()) };
        for reason in [
            Ungrounded::NoTag,
            Ungrounded::Unreleased(vec!["1.4.0".into()]),
            Ungrounded::NotLetIn(Box::new(not_let_in)),
        ] {
            let why = NoGround { reason, words: "as it is".into() };
            assert_eq!(read(&serde_json::to_string(&why).unwrap()), why);
        }
    }
}
