//! Image references: which registry, which repository, which tag, which digest.
//!
//! `nginx:1.25`, `ghcr.io/acme/web:1.2.3@sha256:…` → [`ImageReference`]. The repository is brought to one canonical
//! form, so that a webhook, a workload and a registry mean the same thing by it; the spelling of the manifest is kept
//! for writing it back.

use std::fmt;

use super::hex;

/// Why a text is not an image reference, or not a part of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Neither host nor path characters of the OCI grammar.
    #[error("{0:?} is not a repository: lower-case letters, digits, and single separators . _ - / between them")]
    Repository(String),
    /// Not `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`.
    #[error("{0:?} is not a tag: up to 128 letters, digits, and _ . - (not first)")]
    Tag(String),
    /// Not `sha256:` with 64 lower-case hexadecimal characters.
    #[error("{0:?} is not a digest: sha256: and 64 lower-case hexadecimal characters")]
    Digest(String),
}

/// The first characters of a text, for an error about it.
fn excerpt(text: &str) -> String {
    text.chars().take(80).collect()
}

/// A registry and a path in it, canonical: `docker.io/library/nginx`.
///
/// Canonical form: lower-case host; the names that Docker Hub goes by become `docker.io`; a single path component on
/// Docker Hub is under `library/`. Source of the path grammar: OCI distribution specification 1.1, "Pulling manifests".
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository {
    /// `host/path`.
    full: Box<str>,
    /// Length of the host.
    host: u16,
}

impl Repository {
    /// Reads a repository as people write it, without tag and digest.
    ///
    /// # Errors
    /// [`ReferenceError::Repository`] when it is outside the OCI grammar.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let refused = || ReferenceError::Repository(excerpt(text));
        let (host, path) = match text.split_once('/') {
            Some((first, rest)) if names_a_host(first) => (canonical_host(first), rest),
            _ => ("docker.io".to_owned(), text),
        };
        if !is_host(&host) {
            return Err(refused());
        }
        let path = if host == "docker.io" && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
        if path.len() + host.len() >= 255 || !path.split('/').all(is_path_component) {
            return Err(refused());
        }
        let length = u16::try_from(host.len()).map_err(|_| refused())?;
        Ok(Self { full: format!("{host}/{path}").into(), host: length })
    }

    /// The registry's host as image references write it, with its port: `ghcr.io`, `localhost:5000`.
    #[must_use]
    pub fn host(&self) -> &str {
        self.full.get(..usize::from(self.host)).unwrap_or_default()
    }

    /// The path in the registry: `library/nginx`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.full.get(usize::from(self.host) + 1..).unwrap_or_default()
    }

    /// Both, as `host/path`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.full
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full)
    }
}

/// A first component is a host when it can't be a path component on Docker Hub.
///
/// Capitals alone don't make one, other than for Docker: lower-cased, as hosts are, it would be a path.
fn names_a_host(component: &str) -> bool {
    component.contains(['.', ':']) || component.eq_ignore_ascii_case("localhost")
}

/// Docker Hub answers to several names.
fn canonical_host(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    match host.as_str() {
        "index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com" => "docker.io".to_owned(),
        _ => host,
    }
}

fn is_host(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    };
    let port_fits = port.is_none_or(|port| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok());
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let bracketed = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let name_fits = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name.split('.').all(label),
    };
    port_fits && name_fits
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_path_component(component: &str) -> bool {
    let mut separator = String::new();
    let mut alphanumeric_before = false;
    for c in component.chars() {
        match c {
            'a'..='z' | '0'..='9' => {
                let joined =
                    matches!(separator.as_str(), "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-');
                if !joined || (!separator.is_empty() && !alphanumeric_before) {
                    return false;
                }
                separator.clear();
                alphanumeric_before = true;
            }
            '.' | '_' | '-' => separator.push(c),
            _ => return false,
        }
    }
    alphanumeric_before && separator.is_empty()
}

/// A tag: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}` (OCI distribution specification 1.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Tag(Box<str>);

impl Tag {
    /// Reads a tag.
    ///
    /// # Errors
    /// [`ReferenceError::Tag`] when it is outside the grammar.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if Self::is_valid(text) { Ok(Self(text.into())) } else { Err(ReferenceError::Tag(excerpt(text))) }
    }

    /// Whether a text is a tag.
    #[must_use]
    pub fn is_valid(text: &str) -> bool {
        let mut bytes = text.bytes();
        let first = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        first && text.len() <= 128 && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
    }

    /// The tag's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Tag {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        Self::parse(&text)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The digest of a manifest: `sha256:` and 64 lower-case hexadecimal characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Digest(Box<str>);

impl Digest {
    /// Reads a digest.
    ///
    /// # Errors
    /// [`ReferenceError::Digest`] for any other algorithm, length or letter case: a digest is never cut to fit.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let hex = text.strip_prefix("sha256:").unwrap_or_default();
        if hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Self(text.into()))
        } else {
            Err(ReferenceError::Digest(excerpt(text)))
        }
    }

    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;

        Self(format!("sha256:{}", hex::encode(&sha2::Sha256::digest(bytes))).into())
    }

    /// The digest's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve hexadecimal characters, for people.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(7..19).unwrap_or_default()
    }
}

impl TryFrom<String> for Digest {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        Self::parse(&text)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a container's `image` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageReference {
    written: Box<str>,
    repository: Repository,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

impl ImageReference {
    /// Reads `name[:tag][@digest]`.
    ///
    /// # Errors
    /// [`ReferenceError`] that says which part is wrong.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(Digest::parse(digest)?)),
            None => (text, None),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(Tag::parse(tag)?)),
            _ => (rest, None),
        };
        Ok(Self { written: name.into(), repository: Repository::parse(name)?, tag, digest })
    }

    /// Where it comes from.
    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The tag, if one is written.
    #[must_use]
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The tag that runs: the one that is written, or the `latest` that an image without tag and digest is taken for.
    #[must_use]
    pub fn running_tag(&self) -> Option<Tag> {
        let implied = || self.implies_latest().then(|| Tag("latest".into()));
        self.tag.clone().or_else(implied)
    }

    /// Whether neither tag nor digest is written.
    #[must_use]
    pub fn implies_latest(&self) -> bool {
        self.tag.is_none() && self.digest.is_none()
    }

    /// The digest, if it is pinned.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same repository in the same spelling, at another tag, pinned to its digest.
    ///
    /// The digest is always written: what was decided or approved is what the nodes pull, even if the tag moves again.
    #[must_use]
    pub fn at(&self, tag: &Tag, digest: &Digest) -> String {
        format!("{}:{tag}@{digest}", self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_repository_has_one_form() {
        let cases = [
            ("nginx", Some("docker.io/library/nginx")),
            ("acme/web", Some("docker.io/acme/web")),
            ("docker.io/nginx", Some("docker.io/library/nginx")),
            ("index.docker.io/acme/web", Some("docker.io/acme/web")),
            ("registry-1.docker.io/web", Some("docker.io/library/web")),
            ("registry.hub.docker.com/acme/web", Some("docker.io/acme/web")),
            ("GHCR.io/acme/web", Some("ghcr.io/acme/web")),
            ("localhost/web", Some("localhost/web")),
            ("LOCALHOST/web", Some("localhost/web")),
            ("HOST/web", None),
            ("127.0.0.1:5000/a/b/c", Some("127.0.0.1:5000/a/b/c")),
            ("[::1]:5000/a", Some("[::1]:5000/a")),
            ("[::1]/a", Some("[::1]/a")),
            ("[::1]:/a", None),
            ("[::1/a", None),
            ("x-1.example/a_b", Some("x-1.example/a_b")),
            ("x-.example/a", None),
            ("x..example/a", None),
            ("x_y.example/a", None),
            ("host.example:+80/a", None),
            ("host.example:8O/a", None),
            ("x/.a", None),
            ("x/-a", None),
            ("a-/x", None),
            ("a__b/c--d.e", Some("docker.io/a__b/c--d.e")),
            ("", None),
            ("Nginx", None),
            ("a//b", None),
            ("a/", None),
            ("../../v2/_catalog", None),
            ("a___b", None),
            ("a.-b", None),
            ("host.example:99999/a", None),
            ("host.example:/a", Some("")),
            ("-x.example/a", None),
            ("a b", None),
            ("a\0b", None),
        ];
        for (text, expected) in cases {
            let got = Repository::parse(text).ok();
            let expected = expected.filter(|e| !e.is_empty());
            assert_eq!(got.as_ref().map(Repository::as_str), expected, "{text:?}");
        }
    }

    #[test]
    fn a_reference_has_parts_and_is_written_back_in_its_spelling() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let image = ImageReference::parse(&format!("localhost:5000/web:1.2.3@{digest}")).unwrap();
        assert_eq!(image.repository().host(), "localhost:5000");
        assert_eq!(image.repository().path(), "web");
        assert_eq!(image.tag().map(Tag::as_str), Some("1.2.3"));
        assert_eq!(image.digest().map(Digest::as_str), Some(digest.as_str()));
        let plain = ImageReference::parse("nginx").unwrap();
        assert_eq!((plain.tag(), plain.digest()), (None, None));
        let to = plain.at(&Tag::parse("1.25").unwrap(), &Digest::parse(&digest).unwrap());
        assert_eq!(to, format!("nginx:1.25@{digest}"));
    }

    #[test]
    fn without_tag_and_digest_latest_runs() {
        let digest = Digest::of(b"x");
        let running = |text: &str| ImageReference::parse(text).unwrap().running_tag().map(|tag| tag.to_string());
        assert_eq!(running("localhost:5000/web").as_deref(), Some("latest"), "a port is no tag");
        assert_eq!(running("web:1.0").as_deref(), Some("1.0"));
        assert_eq!(running(&format!("web:1.0@{digest}")).as_deref(), Some("1.0"));
        assert_eq!(running(&format!("web@{digest}")), None);
        let implied = ["web", "web:1.0", &format!("web@{digest}")]
            .map(|text| ImageReference::parse(text).unwrap().implies_latest());
        assert_eq!(implied, [true, false, false]);
    }

    #[test]
    fn a_tag_is_what_the_specification_says() {
        let longest = "a".repeat(128);
        for tag in ["a", "0", "_", "_a", "Z.b-c_d", "1.2.3-rc.1", &longest] {
            assert_eq!(Tag::parse(tag).map(|tag| tag.to_string()), Ok(tag.to_owned()));
        }
        let long = format!("{longest}a");
        for bad in ["", ".a", "-a", "a b", "a/b", "a:b", "a+b", "ä", "aä", &long] {
            assert_eq!(Tag::parse(bad), Err(ReferenceError::Tag(bad.chars().take(80).collect())), "{bad}");
            assert!(serde_json::from_value::<Tag>(serde_json::json!(bad)).is_err());
        }
    }

    #[test]
    fn a_repository_has_a_longest_name() {
        let of = |length: usize| Repository::parse(&format!("ghcr.io/{}", "a".repeat(length - "ghcr.io".len())));
        assert_eq!(of(254).map(|it| it.path().len()), Ok(247));
        assert!(of(255).is_err_and(|error| error.to_string().len() < 200), "what is told of it is cut");
    }

    #[test]
    fn a_digest_is_never_cut_to_fit() {
        let hex = "0123456789abcdef".repeat(4);
        assert!(Digest::parse(&format!("sha256:{hex}")).is_ok());
        for bad in [
            format!("sha256:{}", &hex[1..]),
            format!("sha256:{hex}0"),
            format!("sha256:{}", hex.to_uppercase()),
            format!("sha512:{hex}{hex}"),
            hex.clone(),
            String::new(),
        ] {
            assert!(Digest::parse(&bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_is_canonical(text in "\\PC{0,40}|[a-z0-9./:@_-]{0,60}") {
            if let Ok(image) = ImageReference::parse(&text) {
                let again = Repository::parse(image.repository().as_str());
                prop_assert_eq!(again.as_ref(), Ok(image.repository()));
            }
            let _ = Tag::parse(&text);
        }
    }
}
