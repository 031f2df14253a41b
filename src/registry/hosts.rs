//! What the operator said of hosts: which are spoken to in plain http, and may have a private address.
//!
//! It is said of one host and one port, and holds for requests to exactly that. A registry that is named gains nothing
//! for the hosts that it leads us to: a token service, the store of its blobs.

use std::collections::HashSet;

use url::Url;

use crate::domain::reference::Repository;
use crate::outbound::Reach;

/// The hosts that the operator named.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts {
    /// As image references write them.
    written: HashSet<String>,
    /// The same, with the port that is meant.
    authorities: HashSet<(String, u16)>,
}

impl Hosts {
    /// The operator named these for plain http.
    pub(super) fn named(hosts: impl IntoIterator<Item = String>) -> Self {
        let written: HashSet<String> = hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect();
        let authorities = written.iter().filter_map(|host| authority(&Url::parse(&format!("http://{host}")).ok()?));
        Self { authorities: authorities.collect(), written }
    }

    /// Whether a registry is spoken to in plain http.
    pub(super) fn is_plain(&self, registry: &str) -> bool {
        self.written.contains(registry)
    }

    /// Where a repository is asked.
    pub(super) fn url(&self, repository: &Repository, rest: &str) -> Result<Url, url::ParseError> {
        let host = match repository.host() {
            "docker.io" => "registry-1.docker.io",
            host => host,
        };
        let scheme = if self.is_plain(host) { "http" } else { "https" };
        Url::parse(&format!("{scheme}://{host}/v2/{}/{rest}", repository.path()))
    }

    /// Whether the operator named exactly this host and port.
    pub(super) fn is_named(&self, url: &Url) -> bool {
        authority(url).is_some_and(|authority| self.authorities.contains(&authority))
    }

    /// What addresses a request to this URL may connect to.
    pub(super) fn reach(&self, url: &Url) -> Reach {
        if self.is_named(url) { Reach::Named } else { Reach::Public }
    }

    /// Whether it may be followed to where a registry leads, without a credential: https, or plain http where the
    /// operator named that very host. Whether its address may be reached is seen when it is connected to.
    pub(super) fn may_follow(&self, url: &Url) -> bool {
        let is_allowed = url.scheme() == "https" || (url.scheme() == "http" && self.is_named(url));
        is_allowed && url.username().is_empty() && url.password().is_none()
    }
}

/// Host and port of a URL.
pub(super) fn authority(url: &Url) -> Option<(String, u16)> {
    Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn what_is_said_of_a_host_holds_for_no_other() {
        let hosts = Hosts::named(["Registry.internal:5000".into(), "10.0.0.7".into(), "store.internal".into()]);
        let cases = [
            ("http://registry.internal:5000/v2/", Reach::Named, true),
            ("https://registry.internal:5000/v2/", Reach::Named, true),
            ("http://registry.internal/", Reach::Public, false),
            ("http://registry.internal:5001/", Reach::Public, false),
            ("https://registry.internal/", Reach::Public, true),
            ("http://10.0.0.7/", Reach::Named, true),
            ("http://10.0.0.7:80/", Reach::Named, true),
            ("http://0x0a000007/", Reach::Named, true),
            ("http://10.0.0.7:8080/", Reach::Public, false),
            ("https://10.0.0.8/", Reach::Public, true),
            ("http://10.0.0.8/", Reach::Public, false),
            ("https://vault.internal/", Reach::Public, true),
            ("http://vault.internal/", Reach::Public, false),
            ("https://store.internal:80/", Reach::Named, true),
            ("https://x.store.internal/", Reach::Public, true),
            ("https://169.254.169.254/latest", Reach::Public, true),
            ("https://localhost/", Reach::Public, true),
            ("https://[::1]/", Reach::Public, true),
            ("https://user@registry.internal:5000/", Reach::Named, false),
            ("https://:pw@registry.internal:5000/", Reach::Named, false),
            ("ftp://10.0.0.7:80/", Reach::Named, false),
            ("file:///etc/passwd", Reach::Public, false),
        ];
        for (text, reach, may_follow) in cases {
            assert_eq!((hosts.reach(&url(text)), hosts.may_follow(&url(text))), (reach, may_follow), "{text}");
        }
    }

    #[test]
    fn a_repository_is_asked_where_its_image_says() {
        let hosts = Hosts::named(["plain.internal:5000".into()]);
        let at = |text: &str| hosts.url(&Repository::parse(text).unwrap(), "tags/list").unwrap().to_string();
        assert_eq!(at("web"), "https://registry-1.docker.io/v2/library/web/tags/list");
        assert_eq!(at("plain.internal:5000/a/web"), "http://plain.internal:5000/v2/a/web/tags/list");
        assert_eq!(at("plain.internal:5001/a/web"), "https://plain.internal:5001/v2/a/web/tags/list");
    }
}
