//! What an image says about itself (OCI image specification, "Annotations", "Image Configuration").

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::domain::reference::Digest;

/// A label is a line, not a book.
const LONGEST: usize = 2048;
/// The entries of an index that are looked at.
const MOST_ENTRIES: usize = 100;
/// The labels that are read, whoever set them.
const KNOWN: [&str; 5] = [
    "org.opencontainers.image.source",
    "org.label-schema.vcs-url",
    "org.opencontainers.image.url",
    "org.opencontainers.image.version",
    "org.opencontainers.image.revision",
];

/// Reads a map's known labels: of the others, however many there are, nothing is kept.
fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Option<String>>, D::Error> {
    struct Known;

    impl<'de> Visitor<'de> for Known {
        type Value = BTreeMap<String, Option<String>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map of texts")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(BTreeMap::new())
        }

        fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some(key) = all.next_key::<String>()? {
                if KNOWN.contains(&key.as_str()) {
                    map.insert(key, all.next_value()?);
                } else {
                    all.next_value::<IgnoredAny>()?;
                }
            }
            Ok(map)
        }
    }

    deserializer.deserialize_any(Known)
}

/// Reads the first entries of an index.
fn first<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Entry>, D::Error> {
    struct First;

    impl<'de> Visitor<'de> for First {
        type Value = Vec<Entry>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of manifests")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while entries.len() < MOST_ENTRIES {
                let Some(entry) = all.next_element()? else { return Ok(entries) };
                entries.push(entry);
            }
            while all.next_element::<IgnoredAny>()?.is_some() {}
            Ok(entries)
        }
    }

    deserializer.deserialize_seq(First)
}

/// The labels and annotations that tell where an image is from. Strangers' text, cut to a line's length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    /// `org.opencontainers.image.source`, or what stood for it before: `org.label-schema.vcs-url`.
    pub source: Option<String>,
    /// `org.opencontainers.image.url`
    pub url: Option<String>,
    /// `org.opencontainers.image.version`
    pub version: Option<String>,
    /// `org.opencontainers.image.revision`
    pub revision: Option<String>,
}

impl Labels {
    /// Takes from a map what is not known yet.
    fn complete(&mut self, map: &BTreeMap<String, Option<String>>) {
        let get = |key: &str| map.get(key)?.clone().filter(|value| (1..=LONGEST).contains(&value.len()));
        let oci = |name: &str| get(&format!("org.opencontainers.image.{name}"));
        self.source = self.source.take().or_else(|| oci("source")).or_else(|| get("org.label-schema.vcs-url"));
        self.url = self.url.take().or_else(|| oci("url"));
        self.version = self.version.take().or_else(|| oci("version"));
        self.revision = self.revision.take().or_else(|| oci("revision"));
    }

    /// Takes from others what is not known yet.
    pub(super) fn add(&mut self, others: &Self) {
        let take = |ours: &mut Option<String>, theirs: &Option<String>| {
            if ours.is_none() {
                ours.clone_from(theirs);
            }
        };
        take(&mut self.source, &others.source);
        take(&mut self.url, &others.url);
        take(&mut self.version, &others.version);
        take(&mut self.revision, &others.revision);
    }

    /// How many bytes they are.
    pub(super) fn length(&self) -> usize {
        let all = [&self.source, &self.url, &self.version, &self.revision];
        all.into_iter().flatten().map(String::len).sum()
    }

    /// Whether there is nothing left to look for.
    pub(super) fn is_complete(&self) -> bool {
        self.source.is_some() && self.version.is_some()
    }
}

/// What a manifest or an index says itself, and where more of it is said.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) labels: Labels,
    /// The entry of an index that most clusters would run.
    pub(super) usual: Option<Digest>,
}

impl Said {
    /// Of a manifest or an index; nothing where it is neither.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let Ok(manifest) = serde_json::from_slice::<Manifest>(bytes) else { return Self::default() };
        let mut labels = Labels::default();
        labels.complete(&manifest.annotations);
        let usual = manifest.entry().map(|(entry, annotations)| {
            labels.complete(annotations);
            entry
        });
        Self { labels, usual }
    }
}

/// A manifest or an index, as far as labels need it.
#[derive(Debug, Deserialize)]
struct Manifest {
    #[serde(default, deserialize_with = "known")]
    annotations: BTreeMap<String, Option<String>>,
    #[serde(default, deserialize_with = "first")]
    manifests: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    digest: String,
    #[serde(default, deserialize_with = "known")]
    annotations: BTreeMap<String, Option<String>>,
    platform: Option<Platform>,
}

#[derive(Debug, Deserialize)]
struct Platform {
    os: String,
    architecture: String,
}

impl Manifest {
    /// The entry of an index that most clusters would run, with its annotations; attestations are none.
    fn entry(&self) -> Option<(Digest, &BTreeMap<String, Option<String>>)> {
        let runs = |entry: &&Entry| entry.platform.as_ref().is_none_or(|platform| platform.os == "linux");
        let usual = |entry: &&Entry| entry.platform.as_ref().is_some_and(|platform| platform.architecture == "amd64");
        let mut entries = self.manifests.iter().filter(runs);
        let entry = entries.clone().find(usual).or_else(|| entries.next())?;
        Some((Digest::parse(&entry.digest).ok()?, &entry.annotations))
    }
}

/// A configuration, as far as labels need it.
#[derive(Debug, Deserialize)]
struct Configuration {
    config: Option<Inner>,
}

#[derive(Debug, Deserialize)]
struct Inner {
    #[serde(rename = "Labels", default, deserialize_with = "known")]
    labels: BTreeMap<String, Option<String>>,
}

/// The labels of a configuration; none when it can't be read.
pub(super) fn of_configuration(body: &[u8]) -> Labels {
    let read = serde_json::from_slice::<Configuration>(body).ok();
    let mut labels = Labels::default();
    if let Some(config) = read.and_then(|read| read.config) {
        labels.complete(&config.labels);
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_strangers_labels_only_the_known_ones_are_kept() {
        let many: BTreeMap<String, String> = (0..10_000).map(|n| (format!("label-{n}"), String::new())).collect();
        let mut labels = serde_json::to_value(many).unwrap();
        labels[KNOWN[0]] = "https://example.com/web".into();
        labels[KNOWN[3]] = serde_json::Value::Null;
        let entry = serde_json::json!({"digest": Digest::of(b"x").as_str(), "annotations": labels});
        let index = serde_json::json!({"annotations": labels, "manifests": vec![entry; MOST_ENTRIES + 1]});
        let read: Manifest = serde_json::from_value(index).unwrap();
        assert_eq!((read.annotations.len(), read.manifests.len()), (2, MOST_ENTRIES));
        assert!(read.manifests.iter().all(|entry| entry.annotations.len() == 2));
        let configuration = serde_json::json!({"config": {"Labels": labels}}).to_string();
        let found = of_configuration(configuration.as_bytes());
        assert_eq!((found.source.as_deref(), found.version), (Some("https://example.com/web"), None));
        for nothing in [r#"{"config":{"Labels":null}}"#, r#"{"config":null}"#, "{}", "[", r#"{"config":{"Labels":7}}"#]
        {
            assert_eq!(of_configuration(nothing.as_bytes()), Labels::default(), "{nothing}");
        }
        let plain: Manifest = serde_json::from_str(r#"{"annotations":null}"#).unwrap();
        assert!(plain.annotations.is_empty() && plain.entry().is_none());
    }
}
