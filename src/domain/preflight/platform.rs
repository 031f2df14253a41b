//! What an image is built for, and what a node runs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest name of an operating system, an architecture or a variant: strangers' text.
const LONGEST: usize = 32;

/// An operating system and an architecture, by Go's names, as images and nodes say them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Platform {
    os: Box<str>,
    architecture: Box<str>,
    /// Of the architecture, as `v7`; empty where none is said.
    variant: Box<str>,
}

impl Platform {
    /// What these names say; `None` where they are none, or `unknown`, as attestations have it.
    #[must_use]
    pub fn of(os: &str, architecture: &str, variant: &str) -> Option<Self> {
        let is_name = |name: &str| {
            name.len() <= LONGEST && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        let (os, architecture, variant) = (lower(os), lower(architecture), lower(variant));
        let is_said = |name: &str| !name.is_empty() && name != "unknown";
        if !is_said(&os) || !is_said(&architecture) || ![&os, &architecture, &variant].into_iter().all(|it| is_name(it))
        {
            return None;
        }
        let (architecture, variant) = normal(&architecture, &variant);
        Some(Self { os: os.into(), architecture: architecture.into(), variant: variant.into() })
    }

    /// The operating system.
    #[must_use]
    pub fn os(&self) -> &str {
        &self.os
    }

    /// The architecture.
    #[must_use]
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// What a node says of itself, which does not name its variant.
    #[must_use]
    pub fn of_node(os: &str, architecture: &str) -> Option<Self> {
        let known = Self::of(os, architecture, "")?;
        Some(if lower(architecture) == "arm" { Self { variant: "".into(), ..known } } else { known })
    }

    /// Whether a node of this platform runs an image that is built for that one, as containerd sees it: 64-bit processors
    /// run the older instruction set of their family, too. Where a node's variant is not known, any is taken for its own.
    #[must_use]
    pub fn runs(&self, image: &Self) -> bool {
        let is_of_variant = self.variant.is_empty()
            || image.variant.is_empty()
            || self.variant == image.variant
            || &*self.architecture == "arm" && number(&image.variant) <= number(&self.variant);
        let runs = match (&*self.architecture, &*image.architecture) {
            ("amd64", "386") | ("arm64", "arm") => true,
            (node, image) => node == image && is_of_variant,
        };
        self.os == image.os && runs
    }

    /// How far an image that it runs is from its own: the closest is taken.
    #[must_use]
    pub fn distance(&self, image: &Self) -> u32 {
        let is_its_own = self.architecture == image.architecture;
        if self == image || is_its_own && self.variant.is_empty() && image.variant.is_empty() {
            return 0;
        }
        let newest = if image.variant.is_empty() { 0 } else { number(&image.variant).min(MOST_VARIANTS) };
        let others = if is_its_own { 0 } else { MOST_VARIANTS + 1 };
        others + 1 + (MOST_VARIANTS - newest)
    }
}

/// More variants of an architecture are not told apart.
const MOST_VARIANTS: u32 = 100;

fn lower(name: &str) -> String {
    name.trim().to_ascii_lowercase()
}

/// Names that stand for the same, as containerd reads them.
fn normal<'n>(architecture: &'n str, variant: &'n str) -> (&'n str, &'n str) {
    match (architecture, variant) {
        ("x86_64" | "x86-64", variant) => normal("amd64", variant),
        ("amd64", "v1") => ("amd64", ""),
        ("i386", _) => ("386", ""),
        ("aarch64", variant) => normal("arm64", variant),
        ("arm64", "8" | "v8") => ("arm64", ""),
        ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
        ("armel", _) | ("arm", "6") => ("arm", "v6"),
        ("arm", "5") => ("arm", "v5"),
        other => other,
    }
}

fn number(variant: &str) -> u32 {
    variant.trim_start_matches('v').parse().unwrap_or(u32::MAX)
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, "/{}", self.variant) }
    }
}

impl From<Platform> for String {
    fn from(platform: Platform) -> Self {
        platform.to_string()
    }
}

/// A text names no platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no platform: write os/architecture, as linux/amd64")]
pub struct NoPlatform;

impl TryFrom<String> for Platform {
    type Error = NoPlatform;

    fn try_from(text: String) -> Result<Self, NoPlatform> {
        let mut parts = text.splitn(3, '/');
        let mut next = || parts.next().unwrap_or_default();
        let (os, architecture, variant) = (next(), next(), next());
        Self::of(os, architecture, variant).ok_or(NoPlatform)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        Platform::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_node_runs_what_is_built_for_it() {
        for (node, image, runs) in [
            ("linux/amd64", "linux/amd64", true),
            ("linux/amd64", "linux/x86_64", true),
            ("linux/amd64", "Linux/AMD64/v1", true),
            ("linux/amd64", "linux/arm64", false),
            ("linux/amd64", "windows/amd64", false),
            ("linux/arm64", "linux/arm64/v8", true),
            ("linux/aarch64/v8", "linux/arm64", true),
            ("linux/arm/v7", "linux/arm/v6", true),
            ("linux/arm/v6", "linux/arm/v7", false),
            ("linux/arm/v7", "linux/arm", true),
            ("linux/arm/v6", "linux/armel", true),
            ("linux/arm/v6", "linux/arm/6", true),
            ("linux/arm/v5", "linux/armel", false),
            ("linux/arm/v5", "linux/arm/5", true),
            ("linux/arm/v6", "linux/arm/5", true),
            ("linux/arm/v6", "linux/armv6l", false),
            ("linux/amd64/v2", "linux/amd64/v2", true),
            ("linux/amd64/v2", "linux/amd64/v3", false),
            ("linux/amd64/v3", "linux/amd64/v2", false),
            ("linux/amd64/v2", "linux/amd64", true),
            ("linux/amd64", "linux/amd64/v3", true),
            ("linux/i386", "linux/386", true),
            ("linux/x86-64", "linux/amd64", true),
            ("linux/arm", "linux/armhf", true),
            ("linux/arm64", "linux/arm/v7", true),
            ("linux/arm/v7", "linux/arm64", false),
            ("linux/amd64", "linux/386", true),
            ("linux/386", "linux/amd64", false),
        ] {
            assert_eq!(platform(node).runs(&platform(image)), runs, "{image} on {node}");
        }
    }

    #[test]
    fn a_node_does_not_say_its_variant() {
        let node = Platform::of_node("linux", "arm").unwrap();
        assert!(node.runs(&platform("linux/arm/v6")) && node.runs(&platform("linux/arm/v7")));
        assert!(node.distance(&platform("linux/arm/v7")) < node.distance(&platform("linux/arm/v6")));
        assert_eq!(Platform::of_node("linux", "amd64"), Some(platform("linux/amd64")));
    }

    #[test]
    fn what_names_no_platform_is_none() {
        for (os, architecture) in
            [("unknown", "unknown"), ("", "amd64"), ("linux", ""), ("linux", "a\nb"), ("a/b", "c")]
        {
            assert_eq!(Platform::of(os, architecture, ""), None, "{os:?} {architecture:?}");
        }
        assert_eq!(Platform::of("linux", &"a".repeat(LONGEST + 1), ""), None);
        let longest = Platform::of("a-b_c.d", &"a".repeat(LONGEST), "").unwrap();
        assert_eq!((longest.os(), longest.architecture().len()), ("a-b_c.d", LONGEST));
        let written = serde_json::to_string(&platform("linux/arm/v6")).unwrap();
        assert_eq!(written, r#""linux/arm/v6""#);
        assert_eq!(serde_json::from_str::<Platform>(&written).unwrap(), platform("linux/arm/v6"));
    }
}
