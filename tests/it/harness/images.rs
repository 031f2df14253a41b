//! Images for tests: one empty layer, and labels that make their digests differ.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::registry::Registry;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// A tar archive of no files.
const EMPTY_TAR: [u8; 1024] = [0; 1024];

/// An image to be pushed.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    tag: String,
    platforms: Vec<String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    /// How it starts: `User`, `Cmd`, `Env` and their like.
    starts: serde_json::Map<String, Value>,
    /// Whether one platform makes an index, too.
    index: bool,
    /// Its layer, which is not the one that all share.
    layer: Option<Vec<u8>>,
}

/// One repository of a registry.
#[derive(Clone)]
pub(crate) struct Repository {
    registry: Arc<Registry>,
    http: reqwest::Client,
    name: String,
}

impl Image {
    /// For `linux/amd64`, labelled with its tag as version; it runs `/web` as root.
    pub(crate) fn new(tag: &str) -> Self {
        let version = ("org.opencontainers.image.version".into(), tag.into());
        Self {
            tag: tag.into(),
            platforms: vec!["linux/amd64".into()],
            labels: BTreeMap::from([version]),
            annotations: BTreeMap::new(),
            starts: json!({"Cmd": ["/web"]}).as_object().cloned().unwrap_or_default(),
            index: false,
            layer: None,
        }
    }

    /// `os/architecture` of each; more than one make an index.
    pub(crate) fn platforms<const N: usize>(mut self, platforms: [&str; N]) -> Self {
        self.platforms = platforms.map(String::from).into();
        self
    }

    /// An index, even of one platform.
    pub(crate) fn index(self) -> Self {
        Self { index: true, ..self }
    }

    /// A layer of its own.
    pub(crate) fn layer(self, bytes: &[u8]) -> Self {
        Self { layer: Some(bytes.to_vec()), ..self }
    }

    /// What its configuration says of how it starts, as `User`; `null` takes it away.
    pub(crate) fn starts(mut self, key: &str, value: Value) -> Self {
        if value.is_null() {
            self.starts.remove(key)
        } else {
            self.starts.insert(key.into(), value)
        };
        self
    }

    /// A label in the configuration; any one makes another digest.
    pub(crate) fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// An annotation of the manifest, and of the index when there is one.
    pub(crate) fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.into(), value.into());
        self
    }
}

impl Repository {
    pub(crate) fn new(registry: Arc<Registry>, http: reqwest::Client, name: String) -> Self {
        Self { registry, http, name }
    }

    /// The name without the registry's host.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// `host:port/name:tag`.
    pub(crate) fn reference(&self, tag: &str) -> String {
        format!("{}/{}:{tag}", self.registry.host(), self.name)
    }

    /// The lines of the registry's access log about this repository.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.registry.requests(&self.name)
    }

    /// Pushes an image, over what the tag pointed to; returns the digest that the tag points to now.
    pub(crate) async fn push(&self, image: Image) -> String {
        self.blob(image.layer.as_deref().unwrap_or(&EMPTY_TAR)).await;
        let mut manifests = Vec::new();
        for platform in &image.platforms {
            manifests.push(self.platform(&image, platform).await);
        }
        let (bytes, kind) = if let ([(bytes, _)], false) = (manifests.as_slice(), image.index) {
            (bytes.clone(), MANIFEST)
        } else {
            let entries: Vec<_> = manifests.iter().map(|(_, entry)| entry).collect();
            let index = json!({
                "schemaVersion": 2, "mediaType": INDEX, "manifests": entries, "annotations": image.annotations,
            });
            (index.to_string().into_bytes(), INDEX)
        };
        self.put(&image.tag, kind, bytes).await
    }

    /// Many tags that point to one image.
    pub(crate) async fn push_many_tags<T: AsRef<str>>(&self, tags: impl IntoIterator<Item = T>) -> String {
        let mut tags = tags.into_iter();
        let first = tags.next().expect("at least one tag");
        let digest = self.push(Image::new(first.as_ref())).await;
        let (kind, bytes) = self.manifest(first.as_ref()).await.expect("what was just pushed");
        for tag in tags {
            self.put(tag.as_ref(), &kind, bytes.clone()).await;
        }
        digest
    }

    /// Makes `to` point to what `from` points to; returns that digest.
    pub(crate) async fn retag(&self, from: &str, to: &str) -> String {
        let (kind, bytes) = self.manifest(from).await.expect("a tag to copy");
        self.put(to, &kind, bytes).await
    }

    /// Takes the tag away; what it pointed to stays. `what` may also be a digest: then that goes with all its tags.
    pub(crate) async fn delete(&self, what: &str) {
        let answer = self.request(Method::DELETE, &format!("manifests/{what}")).send().await.expect("the registry");
        expect(answer, StatusCode::ACCEPTED, what).await;
    }

    /// Takes a blob away.
    pub(crate) async fn delete_blob(&self, digest: &str) {
        let answer = self.request(Method::DELETE, &format!("blobs/{digest}")).send().await.expect("the registry");
        expect(answer, StatusCode::ACCEPTED, digest).await;
    }

    /// The tag list, sorted.
    pub(crate) async fn tags(&self) -> Vec<String> {
        let answer = self.request(Method::GET, "tags/list").send().await.expect("the registry");
        let list: Value = expect(answer, StatusCode::OK, "a tag list").await.json().await.expect("JSON");
        let mut tags: Vec<String> = serde_json::from_value(list["tags"].clone()).unwrap_or_default();
        tags.sort();
        tags
    }

    /// What a tag or digest points to: its media type and the bytes.
    pub(crate) async fn manifest(&self, reference: &str) -> Option<(String, Vec<u8>)> {
        let request = self.request(Method::GET, &format!("manifests/{reference}"));
        let answer = request.header("Accept", format!("{INDEX}, {MANIFEST}")).send().await.expect("the registry");
        if answer.status() == StatusCode::NOT_FOUND {
            return None;
        }
        let answer = expect(answer, StatusCode::OK, reference).await;
        let kind = answer.headers()["content-type"].to_str().expect("a media type").to_owned();
        Some((kind, answer.bytes().await.expect("a body").to_vec()))
    }

    /// The digest that a tag points to.
    pub(crate) async fn digest(&self, tag: &str) -> Option<String> {
        self.manifest(tag).await.map(|(_, bytes)| digest(&bytes))
    }

    /// Puts a manifest as it is, whatever it is.
    pub(crate) async fn put(&self, reference: &str, kind: &str, bytes: Vec<u8>) -> String {
        let digest = digest(&bytes);
        let request = self.request(Method::PUT, &format!("manifests/{reference}"));
        let answer = request.header("Content-Type", kind).body(bytes).send().await.expect("the registry");
        expect(answer, StatusCode::CREATED, reference).await;
        digest
    }

    /// Uploads the configuration of one platform and makes its manifest, with its entry for an index.
    async fn platform(&self, image: &Image, platform: &str) -> (Vec<u8>, Value) {
        let (os, architecture) = platform.split_once('/').expect("os/architecture");
        let bytes = image.layer.as_deref().unwrap_or(&EMPTY_TAR);
        let (layer, size) = (digest(bytes), bytes.len());
        let mut starts = image.starts.clone();
        starts.insert("Labels".into(), json!(image.labels));
        let config = json!({
            "created": "2026-01-01T00:00:00Z",
            "os": os,
            "architecture": architecture,
            "config": starts,
            "rootfs": { "type": "layers", "diff_ids": [layer] },
        });
        let config = config.to_string().into_bytes();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": { "mediaType": CONFIG, "digest": self.blob(&config).await, "size": config.len() },
            "layers": [{ "mediaType": LAYER, "digest": layer, "size": size }],
            "annotations": image.annotations,
        });
        let bytes = manifest.to_string().into_bytes();
        let entry = json!({
            "mediaType": MANIFEST,
            "digest": digest(&bytes),
            "size": bytes.len(),
            "platform": { "os": os, "architecture": architecture },
        });
        if image.platforms.len() > 1 || image.index {
            self.put(&digest(&bytes), MANIFEST, bytes.clone()).await;
        }
        (bytes, entry)
    }

    async fn blob(&self, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        let known = self.request(Method::HEAD, &format!("blobs/{digest}")).send().await.expect("the registry");
        if known.status() == StatusCode::OK {
            return digest;
        }
        let opened = self.request(Method::POST, "blobs/uploads/").send().await.expect("the registry");
        let opened = expect(opened, StatusCode::ACCEPTED, "an upload").await;
        let place = opened.headers()["location"].to_str().expect("a location").to_owned();
        let and = if place.contains('?') { '&' } else { '?' };
        let request = self.registry.request(&self.http, Method::PUT, &format!("{place}{and}digest={digest}"));
        let request = request.header("Content-Type", "application/octet-stream").body(bytes.to_vec());
        expect(request.send().await.expect("the registry"), StatusCode::CREATED, "a blob").await;
        digest
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.registry.request(&self.http, method, &format!("{}/{path}", self.name))
    }
}

/// `sha256:…` of some bytes.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::from("sha256:"), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

async fn expect(answer: Response, status: StatusCode, what: &str) -> Response {
    if answer.status() == status {
        return answer;
    }
    panic!("{what}: the registry answered {}: {}", answer.status(), answer.text().await.unwrap_or_default());
}
