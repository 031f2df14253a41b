//! What the operator said of hosts: where they are asked, in which scheme, and whether at a private address.
//!
//! It is said of one host and one port, and holds for requests to exactly that. A registry that is named gains nothing
//! for the hosts that it leads us to: a token service that the operator did not name with it, the store of its blobs.

use std::collections::HashMap;

use url::Url;

use super::credential::{Login, User};
use super::host::RegistryHost;
use crate::domain::reference::Repository;
use crate::outbound::Reach;

/// A host and the port that is meant.
type Authority = (String, u16);

/// The hosts that the operator named.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts {
    all: Vec<RegistryHost>,
    /// The usual address of each, in their order.
    usual: Vec<Option<Url>>,
    /// By what image references write.
    named: HashMap<String, usize>,
    /// By where they are asked.
    asked: HashMap<Authority, usize>,
}

/// Which of the hosts that the operator named it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(pub(super) usize);

impl Hosts {
    /// The operator named these. What is said of a name twice counts once, the first time.
    pub(super) fn of(all: Vec<RegistryHost>) -> Self {
        let (mut named, mut asked) = (HashMap::new(), HashMap::new());
        let usual: Vec<_> = all.iter().map(|host| Url::parse(&base(host.name(), host.plain_http)).ok()).collect();
        for (at, (host, own)) in all.iter().zip(&usual).enumerate() {
            named.entry(host.name().to_owned()).or_insert(at);
            for url in own.iter().chain(&host.api) {
                if let Some(authority) = authority(url) {
                    asked.entry(authority).or_insert(at);
                }
            }
        }
        Self { all, usual, named, asked }
    }

    pub(super) fn all(&self) -> &[RegistryHost] {
        &self.all
    }

    /// What is said of a registry.
    pub(super) fn host(&self, registry: &str) -> Option<&RegistryHost> {
        self.all.get(*self.named.get(registry)?)
    }

    /// Where a registry is asked.
    pub(super) fn base(&self, registry: &str) -> Result<Url, url::ParseError> {
        let named = self.named.get(registry).copied();
        let api = named.and_then(|at| self.all.get(at)?.api.as_ref());
        match api.or_else(|| self.usual.get(named?)?.as_ref()) {
            Some(known) => Ok(known.clone()),
            None => Url::parse(&base(registry, false)),
        }
    }

    /// Where a repository is asked.
    pub(super) fn url(&self, repository: &Repository, rest: &str) -> Result<Url, url::ParseError> {
        self.base(repository.host())?.join(&format!("/v2/{}/{rest}", repository.path()))
    }

    /// What a request to this URL is sent under, when it is sent for this registry: what is said of the registry at its
    /// own address, which others may share; else of the host that is asked; else of the registry, where the URL is of a
    /// token service that is named with it.
    pub(super) fn place(&self, registry: &str, url: &Url) -> Option<Place> {
        let named = self.named.get(registry).copied();
        let of_host = || self.asked.get(&authority(url)?).copied();
        let of_service = || named.filter(|at| self.all.get(*at).is_some_and(|host| host.has_token_service(url)));
        named.filter(|at| self.is_asked_at(*at, url)).or_else(of_host).or_else(of_service).map(Place)
    }

    /// What addresses a request to this URL may connect to.
    #[cfg(test)]
    pub(super) fn reach(&self, registry: &str, url: &Url) -> Reach {
        self.place(registry, url).and_then(|Place(at)| self.all.get(at)).map_or(Reach::Public, RegistryHost::reach)
    }

    /// Whether it may be followed to where a registry leads, without a credential: https, or plain http where the
    /// operator named that very host for it. Whether its address may be reached is seen when it is connected to.
    pub(super) fn may_follow(&self, registry: &str, url: &Url) -> bool {
        let is_plain =
            || self.place(registry, url).and_then(|Place(at)| self.all.get(at)).is_some_and(|h| h.plain_http);
        let is_allowed = url.scheme() == "https" || (url.scheme() == "http" && is_plain());
        is_allowed && url.host().is_some() && url.username().is_empty() && url.password().is_none()
    }

    /// Whether the operator says that this URL's host may see what is shown to the registry.
    pub(super) fn is_entitled(&self, registry: &str, url: &Url) -> bool {
        let Some(at) = self.named.get(registry).copied() else { return false };
        self.is_asked_at(at, url) || self.all.get(at).is_some_and(|host| host.has_token_service(url))
    }

    /// Whether a URL is of the registry itself.
    fn is_asked_at(&self, at: usize, url: &Url) -> bool {
        let usual = self.usual.get(at).and_then(Option::as_ref);
        let api = self.all.get(at).and_then(|host| host.api.as_ref());
        usual.into_iter().chain(api).any(|own| is_same_origin(own, url))
    }

    /// Who asks where a workload has no user of its own for this registry: the operator's, else nobody in particular.
    pub(super) fn login(&self, registry: &str) -> Login {
        let user = self.host(registry).and_then(|host| host.user.as_ref());
        user.map_or(Login::Nobody, |user| Login::Operator(User::clone(&user.get())))
    }

    /// Whether the registry of a repository has mirrors.
    pub(super) fn has_mirrors(&self, repository: &Repository) -> bool {
        self.host(repository.host()).is_some_and(|host| !host.mirrors.is_empty())
    }

    /// The same repository at the mirrors of its registry, and who asks there: never the registry's own credential.
    pub(super) fn mirrors(&self, repository: &Repository) -> Vec<(Repository, Login)> {
        let mirrors = self.host(repository.host()).map_or(&[][..], |host| &host.mirrors);
        let at = |mirror: &String| {
            let repository = Repository::parse(&format!("{mirror}/{}", repository.path())).ok()?;
            let login = self.login(repository.host());
            Some((repository, login))
        };
        mirrors.iter().filter_map(at).collect()
    }
}

impl RegistryHost {
    /// What addresses it may have.
    pub(super) fn reach(&self) -> Reach {
        if self.private || self.plain_http { Reach::Named } else { Reach::Public }
    }

    /// Whether a URL is of a token service that the operator named with it, in a scheme that it is spoken to itself.
    fn has_token_service(&self, url: &Url) -> bool {
        let is_spoken = url.scheme() == "https" || (url.scheme() == "http" && self.plain_http);
        let fits = |service: &String| {
            let meant = Url::parse(&format!("{}://{service}", url.scheme())).ok();
            meant.as_ref().and_then(authority).is_some_and(|meant| authority(url) == Some(meant))
        };
        is_spoken && self.token_services.iter().any(fits)
    }
}

/// The usual address of a registry that images name so.
fn base(registry: &str, plain_http: bool) -> String {
    let scheme = if plain_http { "http" } else { "https" };
    let host = if registry == "docker.io" { "registry-1.docker.io" } else { registry };
    format!("{scheme}://{host}")
}

/// Whether two URLs, of which the first is of a host, are of one scheme, host and port.
fn is_same_origin(own: &Url, url: &Url) -> bool {
    let port = Url::port_or_known_default;
    own.scheme() == url.scheme() && own.host() == url.host() && port(own) == port(url)
}

/// Host and port of a URL.
pub(super) fn authority(url: &Url) -> Option<Authority> {
    Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn plain(hosts: &[&str]) -> Hosts {
        Hosts::of(hosts.iter().filter_map(|host| RegistryHost::in_plain_http(host)).collect())
    }

    #[test]
    fn what_is_said_of_a_host_holds_for_no_other() {
        let hosts = plain(&["Registry.internal:5000", "10.0.0.7", "store.internal"]);
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
            let registry = "registry.internal:5000";
            let judged = (hosts.reach(registry, &url(text)), hosts.may_follow(registry, &url(text)));
            assert_eq!(judged, (reach, may_follow), "{text}");
        }
    }

    #[test]
    fn a_repository_is_asked_where_its_image_says() {
        let hosts = plain(&["plain.internal:5000"]);
        let at = |text: &str| hosts.url(&Repository::parse(text).unwrap(), "tags/list").unwrap().to_string();
        assert_eq!(at("web"), "https://registry-1.docker.io/v2/library/web/tags/list");
        assert_eq!(at("plain.internal:5000/a/web"), "http://plain.internal:5000/v2/a/web/tags/list");
        assert_eq!(at("plain.internal:5001/a/web"), "https://plain.internal:5001/v2/a/web/tags/list");
    }

    #[test]
    fn a_token_service_is_named_with_its_registry_and_for_no_other() {
        let mut git = RegistryHost { private: true, ..RegistryHost::named("git.internal:5050").unwrap() };
        git.token_services = vec!["auth.internal".into(), "git.internal:8443".into()];
        let hosts = Hosts::of(vec![git, RegistryHost::named("other.internal").unwrap()]);
        let asked = |registry: &str, text: &str| {
            let url = url(text);
            let reach = hosts.reach(registry, &url) == Reach::Named;
            (reach, hosts.may_follow(registry, &url), hosts.is_entitled(registry, &url))
        };
        for (registry, text, expected) in [
            ("git.internal:5050", "https://auth.internal/token", (true, true, true)),
            ("git.internal:5050", "https://auth.internal:443/token", (true, true, true)),
            ("git.internal:5050", "https://git.internal:8443/jwt", (true, true, true)),
            ("git.internal:5050", "https://git.internal:5050/jwt", (true, true, true)),
            ("git.internal:5050", "https://git.internal/jwt", (false, true, false)),
            ("git.internal:5050", "https://auth.internal:8443/", (false, true, false)),
            ("git.internal:5050", "http://auth.internal/token", (false, false, false)),
            ("git.internal:5050", "https://x.auth.internal/token", (false, true, false)),
            ("other.internal", "https://auth.internal/token", (false, true, false)),
            ("stranger.example", "https://auth.internal/token", (false, true, false)),
        ] {
            assert_eq!(asked(registry, text), expected, "{text} for {registry}");
        }
    }

    #[test]
    fn a_registry_may_be_asked_at_another_address() {
        let mut host = RegistryHost { private: true, ..RegistryHost::named("registry.example.com").unwrap() };
        host.api = Some(url("https://10.0.0.7:5443"));
        let hosts = Hosts::of(vec![host]);
        let repository = Repository::parse("registry.example.com/a/web").unwrap();
        assert_eq!(hosts.url(&repository, "tags/list").unwrap(), url("https://10.0.0.7:5443/v2/a/web/tags/list"));
        let named = |text: &str| hosts.reach("registry.example.com", &url(text)) == Reach::Named;
        assert!(
            named("https://10.0.0.7:5443/") && named("https://registry.example.com/") && !named("https://10.0.0.7/")
        );
        assert!(hosts.is_entitled("registry.example.com", &url("https://registry.example.com/token")));
    }

    #[test]
    fn two_names_of_one_address_keep_what_is_said_of_each() {
        let at = |name: &str| {
            let mut host = RegistryHost { private: name.starts_with("one"), ..RegistryHost::named(name).unwrap() };
            host.api = Some(url("https://store.example.com:5443"));
            host
        };
        let hosts = Hosts::of(vec![at("one.example"), at("two.example")]);
        let place = |registry: &str| hosts.place(registry, &url("https://store.example.com:5443/v2/"));
        assert_eq!((place("one.example"), place("two.example")), (Some(Place(0)), Some(Place(1))));
    }

    #[test]
    fn the_files_user_is_for_its_host_alone_and_never_for_a_mirror() {
        use crate::domain::secret::Secret;
        let user = |name: &str| Some(User::of_host(name, name.into(), Secret::new("pw".into())).into());
        let mut one = RegistryHost { user: user("one"), ..RegistryHost::named("one.example").unwrap() };
        one.mirrors = vec!["two.example".into(), "three.example".into()];
        let two = RegistryHost { user: user("two"), ..RegistryHost::named("two.example").unwrap() };
        let hosts = Hosts::of(vec![one, two]);
        let name = |login: &Login| login.user().map_or(String::new(), |(name, _)| name.to_owned());
        assert_eq!(name(&hosts.login("one.example")), "one");
        assert_eq!(name(&hosts.login("one.example:8443")), "");
        let mirrors = hosts.mirrors(&Repository::parse("one.example/a/web").unwrap());
        let shown: Vec<_> = mirrors.iter().map(|(at, who)| format!("{at} {}", name(who))).collect();
        assert_eq!(shown, ["two.example/a/web two", "three.example/a/web "]);
    }
}
