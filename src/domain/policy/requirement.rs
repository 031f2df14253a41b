//! `semver:` requirements, in Cargo's syntax: of tags that read as X.Y.Z and nothing else.

use crate::domain::tag::Version;

/// What a version has to meet.
#[derive(Clone, Debug)]
pub struct Requirement {
    text: String,
    meets: semver::VersionReq,
}

/// Why a requirement is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequirementError {
    /// It is longer than anybody needs.
    #[error("a requirement has at most {LONGEST} bytes, this one {0}")]
    TooLong(usize),
    /// It is no requirement.
    #[error("{0}")]
    Syntax(String),
}

/// The longest requirement, in bytes.
const LONGEST: usize = 256;

impl Requirement {
    /// Reads a requirement, as `>=1.2, <2`.
    ///
    /// # Errors
    /// [`RequirementError`] when it is too long, or none.
    pub fn parse(text: &str) -> Result<Self, RequirementError> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(RequirementError::TooLong(text.len()));
        }
        let meets = semver::VersionReq::parse(text).map_err(|error| RequirementError::Syntax(error.to_string()))?;
        Ok(Self { text: text.to_owned(), meets })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a tag is a version that meets it. A `v` before it may be; a variant, be it written as semver's prerelease,
    /// never. A prerelease meets it only where the requirement names one of the same version, as Cargo has it.
    #[must_use]
    pub fn is_met_by(&self, tag: &str) -> bool {
        let Ok(version) = semver::Version::parse(tag.strip_prefix('v').unwrap_or(tag)) else { return false };
        let is_plain = version.pre.is_empty()
            || Version::read(tag).is_some_and(|read| read.is_prerelease() && !read.has_variant());
        is_plain && self.meets.matches(&version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_meets_it_and_a_variant_does_not() {
        for (requirement, tag, expected) in [
            (">=1.2, <2", "1.2.0", true),
            (">=1.2, <2", "v1.9.9", true),
            (">=1.2, <2", "2.0.0", false),
            (">=1.2, <2", "1.1.9", false),
            (">=1.2, <2", "1.3", false),
            (">=1.2, <2", "1.3.0.1", false),
            (">=1.2, <2", "1.3.0-alpine", false),
            (">=1.2, <2", "1.3.0-5", false),
            (">=1.2, <2", "1.3.0-rc.1", false),
            (">=1.3.0-rc.1, <2", "1.3.0-rc.2", true),
            (">=1.3.0-rc.1, <2", "1.3.0-alpine", false),
            (">=1.3.0-1, <2", "1.3.0-5", false),
            (">=1.3.0-rc.1, <2", "1.3.0-rc.2-alpine", false),
            ("~1.2", "1.2.9", true),
            ("~1.2", "1.3.0", false),
            ("1", "1.99.0", true),
            ("*", "latest", false),
            ("*", "release-1.2.3", false),
            ("*", "vv1.2.3", false),
            ("*", "01.2.3", false),
        ] {
            assert_eq!(Requirement::parse(requirement).unwrap().is_met_by(tag), expected, "{requirement} and {tag}");
        }
    }

    #[test]
    fn what_is_no_requirement_says_why() {
        for bad in ["", ">=", "1.2.3.4", "latest", "^1 || ^2"] {
            assert!(matches!(Requirement::parse(bad), Err(RequirementError::Syntax(_))), "{bad}");
        }
        let longest = format!(">=1,{}<2", " ".repeat(LONGEST - 6));
        assert_eq!(Requirement::parse(&format!(" {longest} ")).unwrap().as_str(), longest);
        assert_eq!(Requirement::parse(&"1,".repeat(200)).unwrap_err(), RequirementError::TooLong(400));
    }
}
