//! What the author of settings wants, of versions that are three numbers: a second opinion on the policy, in a few lines.

use chrono::TimeDelta;

use super::cluster::Object;

/// Numbers of a plain version; the world's tags have no others that can be compared.
pub(super) fn version(tag: &str) -> Option<[u32; 3]> {
    let mut parts = tag.split('.').map(|part| part.parse().ok());
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

/// An image in parts: repository, tag, digest.
pub(super) fn parts(image: &str) -> (&str, &str, Option<&str>) {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
    (repository, tag, digest)
}

/// The settings of a container, as its author means them.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) mode: String,
    strategy: String,
    skip: Vec<String>,
    pub(super) cooldown: Option<TimeDelta>,
    pub(super) follows_digest: bool,
}

impl Wish {
    pub(super) fn read(object: &Object, container: &str) -> Self {
        let value = |name: &str| object.ours(&format!("{name}.{container}")).or_else(|| object.ours(name));
        Self {
            mode: value("mode").unwrap_or("NOTIFICATION").to_owned(),
            strategy: value("strategy").unwrap_or("ALL").to_owned(),
            skip: value("skip").unwrap_or_default().split(',').map(|word| word.trim().to_owned()).collect(),
            cooldown: value("cooldown").and_then(|text| Some(TimeDelta::hours(text.strip_suffix('h')?.parse().ok()?))),
            follows_digest: value("track") == Some("digest"),
        }
    }

    /// Whether it is never to be proposed.
    pub(super) fn skips(&self, what: &str) -> bool {
        self.skip.iter().any(|skipped| skipped == what)
    }

    /// Whether a version may take the place of another.
    pub(super) fn allows(&self, from: &str, to: &str) -> bool {
        let (Some(from), Some(new)) = (version(from), version(to)) else { return false };
        let level = if from[0] == new[0] { usize::from(from[1] != new[1]) } else { 2 };
        let most = match self.strategy.as_str() {
            "PATCH" => 0,
            "MINOR" => 1,
            _ => 2,
        };
        new > from && level <= most && !self.skips(to)
    }

    /// The highest that is allowed.
    pub(super) fn best<'t>(&self, from: &str, tags: impl Iterator<Item = &'t str>) -> Option<&'t str> {
        tags.filter(|tag| self.allows(from, tag)).max_by_key(|tag| version(tag))
    }
}
