//! What every dialect is brought to.

use crate::domain::reference::{Digest, ReferenceError, Repository, Tag};

/// An image that a registry says was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// Where.
    pub repository: Repository,
    /// Under which tag, if it says.
    pub tag: Option<Tag>,
    /// Which manifest, if it says.
    pub digest: Option<Digest>,
}

/// A delivery that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// These were pushed.
    Pushes(Vec<Push>),
    /// It is about something else, or a test.
    Ignored(&'static str),
}

/// A delivery that is not what its source sends.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// Not JSON, or not of that shape.
    #[error("not the JSON of this source: {0}")]
    Json(#[from] serde_json::Error),
    /// Something that has to be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A repository or tag outside the grammar.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// More than one delivery can hold.
    #[error("more than {0} events in one delivery")]
    Many(usize),
}

/// The most events of one delivery.
pub(super) const MOST_EVENTS: usize = 1000;

impl Push {
    /// A push as texts: an empty tag is none, a digest in the tag's place is a digest, a digest that is none is dropped.
    pub(super) fn read(repository: &str, tag: Option<&str>, digest: Option<&str>) -> Result<Self, Malformed> {
        let repository = Repository::parse(&repository.to_ascii_lowercase())?;
        let tag = tag.filter(|tag| !tag.is_empty());
        let by_tag = tag.and_then(|tag| Digest::parse(tag).ok());
        let digest = digest.and_then(|digest| Digest::parse(digest).ok()).or_else(|| by_tag.clone());
        let tag = match tag {
            Some(tag) if by_tag.is_none() => Some(Tag::parse(tag)?),
            _ => None,
        };
        Ok(Self { repository, tag, digest })
    }
}
