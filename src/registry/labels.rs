//! What an image says about itself (OCI image specification, "Annotations", "Image Configuration").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::reference::Digest;

/// A label is a line, not a book.
const LONGEST: usize = 2048;

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
    pub(super) fn complete(&mut self, map: &BTreeMap<String, Option<String>>) {
        let get = |key: &str| map.get(key)?.clone().filter(|value| (1..=LONGEST).contains(&value.len()));
        let oci = |name: &str| get(&format!("org.opencontainers.image.{name}"));
        self.source = self.source.take().or_else(|| oci("source")).or_else(|| get("org.label-schema.vcs-url"));
        self.url = self.url.take().or_else(|| oci("url"));
        self.version = self.version.take().or_else(|| oci("version"));
        self.revision = self.revision.take().or_else(|| oci("revision"));
    }

    /// Whether there is nothing left to look for.
    pub(super) fn is_complete(&self) -> bool {
        self.source.is_some() && self.version.is_some()
    }
}

/// A manifest or an index, as far as labels need it.
#[derive(Debug, Deserialize)]
pub(super) struct Manifest {
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, Option<String>>,
    #[serde(default)]
    manifests: Vec<Entry>,
    config: Option<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    digest: String,
    #[serde(default)]
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
    pub(super) fn entry(&self) -> Option<(Digest, &BTreeMap<String, Option<String>>)> {
        let runs = |entry: &&Entry| entry.platform.as_ref().is_none_or(|platform| platform.os == "linux");
        let usual = |entry: &&Entry| entry.platform.as_ref().is_some_and(|platform| platform.architecture == "amd64");
        let mut entries = self.manifests.iter().filter(runs);
        let entry = entries.clone().find(usual).or_else(|| entries.next())?;
        Some((Digest::parse(&entry.digest).ok()?, &entry.annotations))
    }

    /// The configuration of a manifest.
    pub(super) fn config(&self) -> Option<Digest> {
        Digest::parse(&self.config.as_ref()?.digest).ok()
    }
}

/// A configuration, as far as labels need it.
#[derive(Debug, Deserialize)]
struct Configuration {
    config: Option<Inner>,
}

#[derive(Debug, Deserialize)]
struct Inner {
    #[serde(rename = "Labels")]
    labels: Option<BTreeMap<String, Option<String>>>,
}

/// The labels of a configuration; none when it can't be read.
pub(super) fn of_configuration(body: &[u8]) -> BTreeMap<String, Option<String>> {
    let read = serde_json::from_slice::<Configuration>(body).ok();
    read.and_then(|read| read.config?.labels).unwrap_or_default()
}
