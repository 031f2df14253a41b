//! Which users of pull secrets a node would try for an image, and in which order.
//!
//! The rules are the kubelet's (Kubernetes 1.36, `pkg/credentialprovider`), as what a node can't pull is no update. They
//! are stranger than they look: paths are prefixes of text, ports are text, keys are tried in reverse order of text, and
//! one entry that can't be read spoils all of them.

mod address;
mod entry;

use std::cmp::Reverse;

use address::{Address, Place};
pub use entry::{Broken, Format};

use crate::domain::secret::Secret;

/// The key under which Docker Hub's users stand, for images of Docker Hub that no key is for.
const DOCKER_HUB: &str = "index.docker.io";

/// What one secret holds, in the order of its keys' text.
#[derive(Debug, Default)]
pub struct Entries(Box<[Entry]>);

/// A user, and what for.
#[derive(Debug)]
pub struct Entry {
    address: Address,
    name: Box<str>,
    password: Secret,
}

/// An entry that is for an image.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'e> {
    /// Which of the secrets it is from.
    pub secret: usize,
    /// Which of that secret's entries it is.
    pub number: usize,
    /// The entry.
    pub entry: &'e Entry,
}

impl Entries {
    /// Reads the value of a secret. Keys that are no address are left out.
    ///
    /// # Errors
    /// [`Broken`] where the kubelet would use none of the pod's secrets.
    pub fn read(format: Format, value: &[u8]) -> Result<Self, Broken> {
        let users = entry::read(format, value)?;
        let entry = |(key, user): (String, entry::User)| {
            Some(Entry { address: Address::parse(&key)?, name: user.name, password: user.password })
        };
        Ok(Self(users.into_iter().filter_map(entry).collect()))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// About what they take in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|entry| entry.address.bytes() + entry.name.len() + entry.password.expose().len() + 150).sum()
    }
}

impl Entry {
    /// The user's name; empty where nothing is shown to the registry.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The password or token.
    #[must_use]
    pub fn password(&self) -> &Secret {
        &self.password
    }
}

/// The entries that are for an image, given by the name a node calls it by and without its tag, in the order in which they
/// are tried. The secrets are in the order of the pod.
#[must_use]
pub fn choose<'e>(secrets: impl IntoIterator<Item = &'e Entries>, image: &str) -> Vec<Choice<'e>> {
    let Some(place) = Place::parse(image) else { return Vec::new() };
    let entries = secrets.into_iter().enumerate().flat_map(|(secret, entries)| {
        entries.0.iter().enumerate().map(move |(number, entry)| Choice { secret, number, entry })
    });
    let (mut fitting, mut hub) = (Vec::new(), Vec::new());
    for choice in entries {
        if choice.entry.address.is_for(&place) {
            fitting.push(choice);
        } else if choice.entry.address.as_str() == DOCKER_HUB {
            hub.push(choice);
        }
    }
    // The sort is stable: of one key the secrets' order is kept, and of one secret that of its keys' text.
    fitting.sort_by_key(|choice| Reverse(choice.entry.address.as_str()));
    if fitting.is_empty() && place.is_docker_hub() { hub } else { fitting }
}

/// The name a node calls an image by, without its tag: what is written, with Docker Hub's parts where they are left out.
/// Unlike [`crate::domain::reference::Repository`] it keeps the spelling of the host, by which keys are told apart.
#[must_use]
pub fn name_of(image: &str) -> String {
    let name = image.split('@').next().unwrap_or_default();
    let name = match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    };
    let is_host = |first: &str| {
        first.contains(['.', ':']) || first == "localhost" || first.chars().any(|letter| letter.is_ascii_uppercase())
    };
    let (host, path) = match name.split_once('/') {
        Some((host, path)) if is_host(host) => (host, path),
        _ => ("docker.io", name),
    };
    match host {
        "docker.io" | "index.docker.io" if path.contains('/') => format!("docker.io/{path}"),
        "docker.io" | "index.docker.io" => format!("docker.io/library/{path}"),
        _ => format!("{host}/{path}"),
    }
}

#[cfg(test)]
mod tests;
