//! What the operator says of one registry.

use std::num::NonZeroU32;

use url::Url;

use super::User;
use crate::domain::reference::Repository;
use crate::domain::rotating::Rotating;
use crate::outbound::trust::Trust;

/// A registry that the operator named. All of it holds for this registry, and for no other that it leads to.
#[derive(Clone, Debug)]
pub struct RegistryHost {
    /// As image references write it: canonical.
    pub(super) name: String,
    /// Where it is asked, when that is not its name.
    pub api: Option<Url>,
    /// Plain http is spoken, to private addresses too.
    pub plain_http: bool,
    /// It may have a private address, over https.
    pub private: bool,
    /// Authorities of its own, and what it is shown.
    pub trust: Trust,
    /// Who asks, where a workload has no user of its own for it.
    pub user: Option<Rotating<User>>,
    /// Other hosts that may see the credential, each with its port or with the usual one.
    pub token_services: Vec<String>,
    /// Hosts that have the same repositories and are asked first.
    pub mirrors: Vec<String>,
    /// A ceiling of our own.
    pub requests_per_minute: Option<NonZeroU32>,
}

impl RegistryHost {
    /// A registry of which nothing is said yet; `None` when images could not write it so.
    #[must_use]
    pub fn named(host: &str) -> Option<Self> {
        let is_host = !host.is_empty() && !host.contains('/');
        let repository = Repository::parse(&format!("{host}/a/a")).ok().filter(|_| is_host)?;
        // Without a dot or a port it would be a path at Docker Hub.
        let is_itself = repository.path() == "a/a";
        is_itself.then(|| Self {
            name: repository.host().to_owned(),
            api: None,
            plain_http: false,
            private: false,
            trust: Trust::default(),
            user: None,
            token_services: Vec::new(),
            mirrors: Vec::new(),
            requests_per_minute: None,
        })
    }

    /// One that is spoken to in plain http.
    #[must_use]
    pub fn in_plain_http(host: &str) -> Option<Self> {
        Some(Self { plain_http: true, ..Self::named(host)? })
    }

    /// As image references write it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_named_as_images_write_it() {
        let name = |host: &str| RegistryHost::named(host).map(|host| host.name);
        for (host, expected) in [
            ("Registry.Example.com", Some("registry.example.com")),
            ("registry.internal:5000", Some("registry.internal:5000")),
            ("localhost", Some("localhost")),
            ("10.0.0.7", Some("10.0.0.7")),
            ("registry-1.docker.io", Some("docker.io")),
            ("registry", None),
            ("", None),
            ("https://registry.example.com", None),
            ("registry.example.com/team", None),
            ("user@registry.example.com", None),
            ("registry.example.com:70000", None),
        ] {
            assert_eq!(name(host).as_deref(), expected, "{host}");
        }
    }
}
