//! An image as its registry has it, as far as whether it would start depends on it.

use super::Platform;
use crate::domain::reference::Digest;

/// The longest text that is kept of what an image says, in bytes of UTF-8, without the mark that it is cut.
const LONGEST: usize = 100;

/// What a digest stands for in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// Bytes that have another digest.
    AnotherDigest,
    /// Docker's first format, which containerd takes no more.
    Schema1,
    /// A manifest of more bytes than containerd takes.
    TooLarge(u64),
    /// An index: one image a platform.
    Index(Vec<Entry>),
    /// One image.
    Image(Box<Part>),
}

/// An entry of an index, and what stands behind it where that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is for. Without a platform it is a candidate for each node.
    pub platform: Option<Platform>,
    /// What was read.
    pub part: Option<Part>,
}

/// The image of one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The registry has no manifest.
    NoManifest,
    /// The registry gives something else than what was asked for by its digest.
    AnotherDigest,
    /// It is there.
    Content(Box<Content>),
}

/// What a manifest and its configuration say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// The configuration; `None` where it could not be read.
    pub configuration: Option<Configuration>,
    /// The bytes of all layers, as they are pulled.
    pub size: u64,
    /// How many blobs are known to be there.
    pub blobs: usize,
    /// The first that is not.
    pub missing: Option<Digest>,
}

/// What an image's configuration says. Strangers' text, in short.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// What it is built for.
    pub platform: Option<Platform>,
    /// `USER`
    pub user: String,
    /// `ENTRYPOINT`
    pub entrypoint: Vec<String>,
    /// `CMD`
    pub command: Vec<String>,
    /// Names of `ENV`, sorted.
    pub environment: Vec<String>,
    /// `EXPOSE`, sorted.
    pub ports: Vec<String>,
    /// `VOLUME`, sorted.
    pub volumes: Vec<String>,
}

impl Found {
    /// The platforms that it says it is for; `None` where it is for any, or does not say.
    #[must_use]
    pub fn platforms(&self) -> Option<Vec<&Platform>> {
        match self {
            Self::Index(entries) => entries.iter().map(|entry| entry.platform.as_ref()).collect(),
            Self::Image(part) => part.content()?.configuration.as_ref()?.platform.as_ref().map(|one| vec![one]),
            Self::Nothing | Self::AnotherDigest | Self::Schema1 | Self::TooLarge(_) => None,
        }
    }

    /// The images that were read.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        let (entries, one) = match self {
            Self::Index(entries) => (entries.as_slice(), None),
            Self::Image(part) => (&[][..], Some(&**part)),
            Self::Nothing | Self::AnotherDigest | Self::Schema1 | Self::TooLarge(_) => (&[][..], None),
        };
        entries.iter().filter_map(|entry| entry.part.as_ref()).chain(one)
    }

    /// The images of one platform, there and here, where both have one; or the first of each.
    #[must_use]
    pub fn beside<'f>(&'f self, other: &'f Self) -> Option<(&'f Content, &'f Content)> {
        let platform = |content: &'f Content| content.configuration.as_ref()?.platform.as_ref();
        let theirs = || other.parts().filter_map(Part::content);
        let same = self.parts().filter_map(Part::content).find_map(|ours| {
            let of = platform(ours)?;
            Some((theirs().find(|it| platform(it) == Some(of))?, ours))
        });
        same.or_else(|| other.content().zip(self.content()))
    }

    /// The first image that was read whole.
    #[must_use]
    pub fn content(&self) -> Option<&Content> {
        self.parts().find_map(Part::content)
    }
}

impl Part {
    /// What is there.
    #[must_use]
    pub fn content(&self) -> Option<&Content> {
        match self {
            Self::Content(content) => Some(content),
            Self::NoManifest | Self::AnotherDigest => None,
        }
    }
}

/// A stranger's text as a line that can be shown.
#[must_use]
pub fn line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(LONGEST));
    for c in text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }) {
        if line.len() + c.len_utf8() > LONGEST {
            line.push('…');
            break;
        }
        line.push(c);
    }
    line
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An image that starts everywhere that this is said of it.
    pub(crate) fn fine() -> Found {
        let configuration = Configuration {
            platform: Platform::of("linux", "amd64", ""),
            user: "1000".into(),
            entrypoint: vec!["/web".into()],
            ..Configuration::default()
        };
        let content = Content { configuration: Some(configuration), size: 1, blobs: 2, missing: None };
        Found::Image(Box::new(Part::Content(Box::new(content))))
    }
}
