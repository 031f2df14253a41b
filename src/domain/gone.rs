//! What runs and is gone from its registry, no release any more, or something else by now, as it is told.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::reference::{Digest, Tag};

/// A running image that its registry has no more, whose project took it back, or whose tag was pushed again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gone {
    /// The tag that runs.
    pub tag: Tag,
    /// What it is known to have pointed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// What of it is gone.
    pub lost: Lost,
    /// The newest that is there, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good: Option<Tag>,
}

/// What of a running image is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Lost {
    /// The tag. What it pointed to is there still.
    Tag,
    /// The tag. What it pointed to is not known.
    Unknown,
    /// The tag, and what it pointed to.
    Image,
    /// Nothing, but its project marks it as a prerelease.
    Prerelease,
    /// Nothing, but its project took its release back.
    Release,
    /// Nothing, but its tag, which names one release, was pushed again and stands for something else.
    Moved,
}

impl Lost {
    /// Whether the registry has it no more.
    #[must_use]
    pub fn is_of_registry(self) -> bool {
        matches!(self, Self::Tag | Self::Unknown | Self::Image)
    }

    /// Whether its project calls it no release any more.
    #[must_use]
    pub fn is_taken_back(self) -> bool {
        matches!(self, Self::Prerelease | Self::Release)
    }
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tag, lost, good, .. } = self;
        match lost {
            Lost::Tag => {
                write!(f, "the tag {tag}, which runs, is gone from its registry; its image is still there by digest")
            }
            Lost::Unknown => write!(
                f,
                "the tag {tag}, which runs, is gone from its registry: a node that does not have the image can't pull it"
            ),
            Lost::Image => write!(
                f,
                "{tag}, which runs, is gone from its registry, by tag and by digest: a node that does not have it can't pull it"
            ),
            Lost::Prerelease => write!(f, "{tag}, which runs, is marked as a prerelease by its project now"),
            Lost::Release => write!(f, "{tag}, which runs, is no release of its project any more: it was taken back"),
            Lost::Moved => {
                write!(
                    f,
                    "the tag {tag}, which runs, was pushed again, and points to something else than what was rolled out"
                )
            }
        }?;
        match good {
            Some(good) if !lost.is_of_registry() => write!(f, "; the newest before it is {good}"),
            None if !lost.is_of_registry() => f.write_str("; no older one of its kind is known"),
            Some(good) => write!(f, "; set the image to {good}, the newest that is there"),
            None => f.write_str("; push it again, or set the image to a tag that is there"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_told_with_what_to_do() {
        let gone = |lost, good: Option<&str>| Gone {
            tag: Tag::parse("1.0.2").unwrap(),
            digest: None,
            lost,
            good: good.map(|tag| Tag::parse(tag).unwrap()),
        };
        let told = [
            gone(Lost::Image, Some("1.0.1")).to_string(),
            gone(Lost::Tag, None).to_string(),
            gone(Lost::Unknown, None).to_string(),
        ];
        assert!(
            told[0].contains("by tag and by digest")
                && told[0].ends_with("set the image to 1.0.1, the newest that is there")
        );
        assert!(told[1].contains("still there by digest") && told[1].ends_with("a tag that is there"));
        assert!(told[2].contains("can't pull it") && !told[2].contains("by digest"));
        for (lost, said) in [
            (Lost::Prerelease, "marked as a prerelease"),
            (Lost::Release, "was taken back"),
            (Lost::Moved, "was pushed again"),
        ] {
            assert!(!lost.is_of_registry());
            assert_eq!(lost.is_taken_back(), lost != Lost::Moved);
            let (with, without) = (gone(lost, Some("1.0.1")).to_string(), gone(lost, None).to_string());
            assert!(with.contains(said) && with.ends_with("the newest before it is 1.0.1"), "{with}");
            assert!(without.contains(said) && without.ends_with("no older one of its kind is known"), "{without}");
        }
        assert!([Lost::Tag, Lost::Unknown, Lost::Image].into_iter().all(Lost::is_of_registry));
        let written = serde_json::to_string(&gone(Lost::Image, Some("1.0.1"))).unwrap();
        assert_eq!(written, r#"{"tag":"1.0.2","lost":"image","good":"1.0.1"}"#);
        assert_eq!(serde_json::from_str::<Gone>(&written).unwrap(), gone(Lost::Image, Some("1.0.1")));
    }
}
