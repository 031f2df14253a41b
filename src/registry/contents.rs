//! Manifests and configurations as they are written (OCI image specification, Docker image manifest version 2), as far as whether
//! an image would start depends on them.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::domain::preflight::Platform;
use crate::domain::preflight::image::{Configuration, line};
use crate::domain::reference::Digest;

/// The entries of an index that are looked at.
const MOST_ENTRIES: usize = 100;
/// The layers of an image that are asked for; runtimes take 127.
const MOST_LAYERS: usize = 128;
/// What is kept of each list in a configuration.
const MOST_NAMES: usize = 64;

/// What is behind a digest.
pub(super) enum Manifest {
    /// Docker's first format.
    Schema1,
    Index(Vec<Child>),
    Image(Layout),
}

/// An image of an index; attestations are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Child {
    pub(super) platform: Option<Platform>,
    /// `None` where it is none that is read, as `sha512`.
    pub(super) digest: Option<Digest>,
}

/// What an image is put together of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) config: Option<Digest>,
    /// Whether that is the configuration of an image, and not of something else that registries keep.
    pub(super) is_image: bool,
    /// Those that the registry is to have.
    pub(super) layers: Vec<Digest>,
    /// Whether those are all of them.
    pub(super) is_all: bool,
    /// The bytes of all layers.
    pub(super) size: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    schema_version: Option<u64>,
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: Option<String>,
    digest: String,
    size: Option<u64>,
    platform: Option<WrittenPlatform>,
    urls: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize)]
struct WrittenPlatform {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
}

impl WrittenPlatform {
    fn read(&self) -> Option<Platform> {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        Platform::of(&text(&self.os), &text(&self.architecture), &text(&self.variant))
    }
}

impl Manifest {
    /// Reads a manifest or an index; `None` where it is neither.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let written: Written = serde_json::from_slice(bytes).ok()?;
        if written.schema_version == Some(1) {
            return Some(Self::Schema1);
        }
        match (written.manifests, written.config) {
            (Some(entries), _) => Some(Self::Index(children(&entries))),
            (None, Some(config)) => Some(Self::Image(layout(&config, &written.layers.unwrap_or_default()))),
            (None, None) => None,
        }
    }
}

fn children(entries: &[Descriptor]) -> Vec<Child> {
    let images = entries.iter().take(MOST_ENTRIES).filter_map(|entry| {
        let platform = match &entry.platform {
            // Unknown is what attestations are for.
            Some(written) => Some(written.read()?),
            None => None,
        };
        Some(Child { platform, digest: Digest::parse(&entry.digest).ok() })
    });
    // Of what is not read any may be.
    let rest = (entries.len() > MOST_ENTRIES).then_some(Child { platform: None, digest: None });
    images.chain(rest).collect()
}

fn layout(config: &Descriptor, layers: &[Descriptor]) -> Layout {
    let is_ours = |layer: &&Descriptor| {
        let media = layer.media_type.as_deref().unwrap_or_default();
        let is_elsewhere = layer.urls.as_ref().is_some_and(|urls| !urls.is_empty());
        !is_elsewhere && !media.contains("foreign") && !media.contains("nondistributable")
    };
    let mut digests = Vec::new();
    for layer in layers.iter().filter(is_ours).take(MOST_LAYERS) {
        if let Ok(digest) = Digest::parse(&layer.digest)
            && !digests.contains(&digest)
        {
            digests.push(digest);
        }
    }
    let is_read = |descriptor: &Descriptor| Digest::parse(&descriptor.digest).is_ok();
    let media = config.media_type.as_deref().unwrap_or_default();
    Layout {
        config: Digest::parse(&config.digest).ok(),
        is_image: media.is_empty() || media.contains("image.config.v1") || media.contains("container.image.v1"),
        is_all: layers.len() <= MOST_LAYERS && layers.iter().all(is_read) && is_read(config),
        layers: digests,
        size: layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.size.unwrap_or_default())),
    }
}

#[derive(Deserialize)]
struct WrittenConfiguration {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
    config: Option<Inner>,
}

/// The names of an object's members, sorted.
struct Names(BTreeSet<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let mut names = BTreeSet::new();
                while let Some((name, IgnoredAny)) = map.next_entry()? {
                    names.insert(name);
                }
                Ok(Names(names))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Inner {
    user: Option<String>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    env: Option<Vec<String>>,
    exposed_ports: Option<Names>,
    volumes: Option<Names>,
}

/// Reads the configuration of an image; `None` where it is none.
pub(super) fn configuration(bytes: &[u8]) -> Option<Configuration> {
    let WrittenConfiguration { os, architecture, variant, config } = serde_json::from_slice(bytes).ok()?;
    let platform = WrittenPlatform { os, architecture, variant }.read();
    let inner = config.unwrap_or_default();
    let words = |all: Option<Vec<String>>| all.unwrap_or_default().iter().take(MOST_NAMES).map(|it| line(it)).collect();
    let names = |all: Option<Names>| {
        all.map(|names| names.0.iter().take(MOST_NAMES).map(|it| line(it)).collect()).unwrap_or_default()
    };
    let mut environment: Vec<String> = inner
        .env
        .unwrap_or_default()
        .iter()
        .map(|one| line(one.split('=').next().unwrap_or_default()))
        .take(MOST_NAMES)
        .collect();
    environment.sort();
    Some(Configuration {
        platform,
        user: inner.user.unwrap_or_default(),
        entrypoint: words(inner.entrypoint),
        command: words(inner.cmd),
        environment,
        ports: names(inner.exposed_ports),
        volumes: names(inner.volumes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(of: &Value) -> Option<Manifest> {
        Manifest::read(of.to_string().as_bytes())
    }

    fn digest(of: &str) -> Digest {
        Digest::of(of.as_bytes())
    }

    #[test]
    fn an_index_names_images_and_attestations_are_none() {
        let entry = |of: &str, platform: Value| json!({"digest": digest(of).as_str(), "size": 1, "platform": platform});
        let index = json!({"schemaVersion": 2, "manifests": [
            entry("a", json!({"os": "linux", "architecture": "arm64", "variant": "v8"})),
            entry("b", json!({"os": "unknown", "architecture": "unknown"})),
            entry("c", Value::Null),
            {"digest": format!("sha512:{}", "a".repeat(128)), "platform": {"os": "linux", "architecture": "amd64"}},
        ]});
        let Some(Manifest::Index(children)) = read(&index) else { panic!("{index}") };
        let seen: Vec<(String, bool)> = children
            .iter()
            .map(|it| (it.platform.as_ref().map(ToString::to_string).unwrap_or_default(), it.digest.is_some()))
            .collect();
        assert_eq!(seen, [("linux/arm64".into(), true), (String::new(), true), ("linux/amd64".into(), false)]);
        let many = json!({"manifests": vec![entry("a", json!({"os": "linux", "architecture": "arm64"})); 10_000]});
        let Some(Manifest::Index(children)) = read(&many) else { panic!("many") };
        assert_eq!((children.len(), children.last().unwrap().platform.is_none()), (MOST_ENTRIES + 1, true));
    }

    #[test]
    fn layers_of_elsewhere_are_not_asked_for() {
        let layer = |of: &str, media: &str| json!({"digest": digest(of).as_str(), "size": 5, "mediaType": media});
        let mut elsewhere = layer("c", "application/vnd.docker.image.rootfs.diff.tar.gzip");
        elsewhere["urls"] = json!(["https://example.com/c"]);
        let manifest = json!({"config": layer("config", "application/vnd.oci.image.config.v1+json"), "layers": [
            layer("a", "application/vnd.oci.image.layer.v1.tar+gzip"),
            layer("a", "application/vnd.oci.image.layer.v1.tar+gzip"),
            layer("b", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
            elsewhere,
        ]});
        let Some(Manifest::Image(layout)) = read(&manifest) else { panic!("{manifest}") };
        let expected = Layout {
            config: Some(digest("config")),
            is_image: true,
            layers: vec![digest("a")],
            is_all: true,
            size: 20,
        };
        assert_eq!(layout, expected);
        let chart = json!({"config": layer("config", "application/vnd.cncf.helm.config.v1+json"), "layers": null});
        let Some(Manifest::Image(layout)) = read(&chart) else { panic!("{chart}") };
        assert!(!layout.is_image);
    }

    #[test]
    fn what_is_no_manifest_is_none() {
        assert!(matches!(read(&json!({"schemaVersion": 1, "fsLayers": []})), Some(Manifest::Schema1)));
        for none in [json!({}), json!([]), json!({"manifests": 7}), json!({"config": null}), json!("x")] {
            assert!(read(&none).is_none(), "{none}");
        }
    }

    #[test]
    fn of_a_configuration_only_names_are_kept() {
        let written = json!({"os": "linux", "architecture": "amd64", "config": {
            "User": "node", "Entrypoint": ["/web", "a\nb"], "Cmd": null, "Env": ["TOKEN=s3cr3t", "A=1", "odd"],
            "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/data": {}}, "Labels": {"x": "y"}}});
        let read = configuration(written.to_string().as_bytes()).unwrap();
        assert_eq!(
            (read.user.as_str(), read.entrypoint.as_slice()),
            ("node", &["/web".into(), "a\u{fffd}b".into()][..])
        );
        assert_eq!(read.environment, ["A", "TOKEN", "odd"]);
        assert_eq!((read.ports, read.volumes), (vec!["80/tcp".to_owned()], vec!["/data".to_owned()]));
        assert!(!format!("{:?}", configuration(written.to_string().as_bytes())).contains("s3cr3t"));
        assert_eq!(configuration(b"{}"), Some(Configuration::default()));
        assert_eq!(configuration(b"[1]"), None);
    }
}
