//! Registries that the operator says something of: the file's list `registries`, and `IMAGE_WATCHER_PLAIN_HTTP`.

use std::num::NonZeroU32;

use serde::Deserialize;
use url::Url;

use super::entry::{ReadFile, Wrong, secret_file};
use super::names;
use super::parse::Reader;
use crate::domain::written_url;
use crate::outbound::Reach;
use crate::outbound::trust::{Authorities, Identity, IdentityError, Trust};
use crate::registry::{RegistryHost, User};

/// The most entries of the list, and of each list in an entry.
const MOST_ENTRIES: usize = 500;
const MOST_HOSTS: usize = 20;
/// The highest ceiling; what is more is none.
const MOST_REQUESTS: u32 = 100_000;

/// An entry of the file's list.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RegistryEntry {
    host: String,
    api: Option<String>,
    #[serde(default)]
    plain_http: bool,
    #[serde(default)]
    private: bool,
    ca: Option<String>,
    client_cert: Option<String>,
    client_key: Option<String>,
    username: Option<String>,
    password_file: Option<String>,
    #[serde(default)]
    token_services: Vec<String>,
    #[serde(default)]
    mirrors: Vec<String>,
    requests_per_minute: Option<i64>,
}

impl Reader<'_> {
    /// The registries of the file, and those of the variable.
    pub(super) fn registries(&mut self, of_file: &[RegistryEntry]) -> Vec<RegistryHost> {
        let mut all: Vec<RegistryHost> = Vec::new();
        if of_file.len() > MOST_ENTRIES {
            self.file_problem("registries", format!("has more than {MOST_ENTRIES} entries"));
        }
        for (at, entry) in of_file.iter().take(MOST_ENTRIES).enumerate() {
            let (host, problems) = entry.read(self.files());
            for (field, problem) in problems {
                self.file_problem(&format!("registries[{at}].{field}"), problem);
            }
            let Some(host) = host else { continue };
            if all.iter().any(|other| other.name() == host.name()) {
                self.file_problem(&format!("registries[{at}].host"), format!("{} is there twice", host.name()));
            }
            all.push(host);
        }
        for host in self.plain_http() {
            match all.iter_mut().find(|other| other.name() == host.name()) {
                Some(known) => known.plain_http = true,
                None => all.push(host),
            }
        }
        all
    }

    /// Hosts as images name them, with their port.
    fn plain_http(&mut self) -> Vec<RegistryHost> {
        const NAME: &str = names::PLAIN_HTTP;
        let hosts = self.list(NAME);
        let read: Vec<RegistryHost> = hosts.iter().filter_map(|host| RegistryHost::in_plain_http(host)).collect();
        if read.len() != hosts.len() {
            self.problem(
                NAME,
                "hosts as registry.example.com:5000 are expected, without http:// and path, comma-separated",
            );
        }
        read
    }
}

impl RegistryEntry {
    /// What it says, as far as that can be read, and all that is wrong with it.
    fn read(&self, file: ReadFile<'_>) -> (Option<RegistryHost>, Vec<Wrong>) {
        let mut problems = Vec::new();
        let named = RegistryHost::named(&self.host);
        let told = || ("host", "a host as images write it is expected, as registry.example.com:5000".to_owned());
        problems.extend(named.is_none().then(told));
        let api = or_default(self.api(), &mut problems);
        let trust = Trust {
            authorities: or_default(self.authorities(file), &mut problems),
            identity: or_default(self.identity(file), &mut problems),
        };
        let name = named.as_ref().map_or("", RegistryHost::name);
        let user = or_default(self.user(name, file), &mut problems);
        let token_services = or_default(hosts("tokenServices", &self.token_services), &mut problems);
        let mirrors = or_default(hosts("mirrors", &self.mirrors), &mut problems);
        let ceiling = or_default(self.ceiling(), &mut problems);
        let Some(mut host) = named else { return (None, problems) };
        if mirrors.iter().any(|mirror| mirror == host.name()) {
            problems.push(("mirrors", "has the registry itself".into()));
        }
        (host.api, host.plain_http, host.private) = (api, self.plain_http, self.private);
        (host.trust, host.user, host.requests_per_minute) = (trust, user.map(Into::into), ceiling);
        (host.token_services, host.mirrors) = (token_services, mirrors);
        (Some(host), problems)
    }

    fn api(&self) -> Result<Option<Url>, Wrong> {
        let Some(text) = &self.api else { return Ok(None) };
        let url = written_url::parse(text).map_err(|error| ("api", error.to_string()))?;
        let is_address = url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        let is_spoken = url.scheme() == "https" || (url.scheme() == "http" && self.plain_http);
        if !is_address || !is_spoken {
            let told = "is no https:// URL without user, path and query, as https://10.0.0.7:5443; http:// with plainHttp: true";
            return Err(("api", told.into()));
        }
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let reach = if self.private || self.plain_http { Reach::Named } else { Reach::Public };
        if host.parse().is_ok_and(|address| !reach.allows(address)) {
            return Err(("api", "has an address that may not be reached; private ones may with private: true".into()));
        }
        Ok(Some(url))
    }

    fn authorities(&self, file: ReadFile<'_>) -> Result<Authorities, Wrong> {
        let Some(path) = &self.ca else { return Ok(Authorities::default()) };
        let text = text_of("ca", path, file)?;
        Authorities::parse(text.as_bytes()).map_err(|error| ("ca", format!("{path} {error}")))
    }

    fn identity(&self, file: ReadFile<'_>) -> Result<Option<Identity>, Wrong> {
        let (chain, key) = match (&self.client_cert, &self.client_key) {
            (None, None) => return Ok(None),
            (Some(_), None) => return Err(("clientKey", "is missing; clientCert needs it".into())),
            (None, Some(_)) => return Err(("clientCert", "is missing; clientKey needs it".into())),
            (Some(chain), Some(key)) => (chain, key),
        };
        let chain_text = text_of("clientCert", chain, file)?;
        let key_text = zeroize::Zeroizing::new(text_of("clientKey", key, file)?);
        let identity = Identity::parse(chain_text.as_bytes(), key_text.as_bytes());
        identity.map(Some).map_err(|error| match error {
            IdentityError::Certificate => ("clientCert", format!("{chain} {error}")),
            IdentityError::Key | IdentityError::Pair => ("clientKey", format!("{key} {error}")),
        })
    }

    fn user(&self, host: &str, file: ReadFile<'_>) -> Result<Option<User>, Wrong> {
        match (&self.username, &self.password_file) {
            (None, None) => Ok(None),
            (Some(_), None) => Err(("passwordFile", "is missing; username needs it".into())),
            (None, Some(_)) => Err(("username", "is missing; passwordFile needs it".into())),
            (Some(name), Some(path)) => {
                let fits = (1..=256).contains(&name.len()) && !name.chars().any(|c| c.is_control() || c == ':');
                if !fits {
                    return Err(("username", "is no user's name: up to 256 characters without a colon".into()));
                }
                Ok(Some(User::of_host(host, name.clone(), secret_file("passwordFile", path, file)?)))
            }
        }
    }

    fn ceiling(&self) -> Result<Option<NonZeroU32>, Wrong> {
        let Some(number) = self.requests_per_minute else { return Ok(None) };
        let fits = u32::try_from(number).ok().filter(|number| *number <= MOST_REQUESTS).and_then(NonZeroU32::new);
        let told = || ("requestsPerMinute", format!("a number from 1 to {MOST_REQUESTS} is expected"));
        fits.map(Some).ok_or_else(told)
    }
}

/// What was read, or nothing and one more problem.
fn or_default<T: Default>(read: Result<T, Wrong>, problems: &mut Vec<Wrong>) -> T {
    read.unwrap_or_else(|wrong| {
        problems.push(wrong);
        T::default()
    })
}

fn text_of(field: &'static str, path: &str, file: ReadFile<'_>) -> Result<String, Wrong> {
    file(path).map_err(|error| (field, format!("{path} can't be read: {error}")))
}

/// Hosts with or without a port, as images write registries.
fn hosts(field: &'static str, written: &[String]) -> Result<Vec<String>, Wrong> {
    if written.len() > MOST_HOSTS {
        return Err((field, format!("has more than {MOST_HOSTS} hosts")));
    }
    let read: Option<Vec<String>> =
        written.iter().map(|host| RegistryHost::named(host).map(|host| host.name().to_owned())).collect();
    read.ok_or_else(|| (field, "hosts as auth.example.com or auth.example.com:8443 are expected".into()))
}

#[cfg(test)]
mod tests {
    use super::super::{Config, ConfigError};
    use super::*;

    fn pair() -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    fn read(yaml: &str, plain_http: &str) -> Result<Config, ConfigError> {
        let ((certificate, key), (_, other)) = (pair(), pair());
        let variables = [("IMAGE_WATCHER_CONFIG", "/c.yaml"), ("IMAGE_WATCHER_PLAIN_HTTP", plain_http)];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let file = |path: &str| match path {
            "/c.yaml" => Ok(yaml.to_owned()),
            "/ca.pem" | "/client.pem" => Ok(certificate.clone()),
            "/client.key" => Ok(key.clone()),
            "/other.key" => Ok(other.clone()),
            "/password" => Ok("hunter2\n".to_owned()),
            "/empty" => Ok("\n".to_owned()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        };
        Config::read(variables, &file, chrono::DateTime::UNIX_EPOCH)
    }

    fn problems(entry: &str) -> Vec<String> {
        let Err(error) = read(&format!("registries: [{{{entry}}}]"), "") else { return Vec::new() };
        assert!(!error.to_string().contains("hunter2"), "{error}");
        let told = error.problems.into_iter().map(|problem| format!("{}: {}", problem.variable, problem.problem));
        told.map(|told| told.split_once("registries[0].").map(|(_, told)| told.to_owned()).unwrap_or(told)).collect()
    }

    #[test]
    fn all_that_is_said_of_a_registry_is_read() {
        let yaml = "registries:\n- host: Registry.example.com\n  api: https://10.0.0.7:5443\n  private: true\n  \
            ca: /ca.pem\n  clientCert: /client.pem\n  clientKey: /client.key\n  username: reader\n  \
            passwordFile: /password\n  tokenServices: [auth.example.com, auth.example.com:8443]\n  \
            mirrors: [mirror.example.com]\n  requestsPerMinute: 600\n- {host: plain.internal:5000, plainHttp: true}\n";
        let config = read(yaml, "other.internal:5000,registry.example.com").unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        let [registry, plain, other] = &config.registries[..] else { panic!("three") };
        assert_eq!((registry.name(), registry.private), ("registry.example.com", true));
        assert!(registry.plain_http, "the variable says more of it");
        assert_eq!(registry.api.as_ref().map(Url::as_str), Some("https://10.0.0.7:5443/"));
        assert_eq!((registry.trust.authorities.count(), registry.trust.identity.is_some()), (1, true));
        let user = registry.user.as_ref().unwrap().get();
        assert_eq!((&*user.name, user.password.expose()), ("reader", "hunter2"));
        assert_eq!(registry.token_services, ["auth.example.com", "auth.example.com:8443"]);
        assert_eq!((registry.mirrors.len(), registry.requests_per_minute.map(NonZeroU32::get)), (1, Some(600)));
        assert_eq!((plain.name(), plain.plain_http, plain.private), ("plain.internal:5000", true, false));
        assert_eq!((other.name(), other.plain_http), ("other.internal:5000", true));
    }

    #[test]
    fn every_problem_of_an_entry_is_told_at_once_by_its_key() {
        let all = "host: a/b, api: 'http://x', ca: /none, clientCert: /client.pem, username: x, tokenServices: [x], \
            mirrors: ['https://m.example.com'], requestsPerMinute: 0";
        let keys = problems(all).iter().map(|told| told.split(':').next().unwrap().to_owned()).collect::<Vec<_>>();
        let expected =
            ["clientKey", "passwordFile", "host", "api", "ca", "tokenServices", "mirrors", "requestsPerMinute"];
        assert_eq!(keys, expected);
        for (entry, expected) in [
            ("host: registry", "host: a host as"),
            ("host: r.example.com, api: 'https://r.example.com/v2/'", "api: is no https:// URL"),
            ("host: r.example.com, api: 'https://u:hunter2@r.example.com'", "api: is no https:// URL"),
            ("host: r.example.com, api: 'http://r.example.com'", "api: is no https:// URL"),
            ("host: r.example.com, api: 'https://10.0.0.7'", "api: has an address that may not be reached"),
            ("host: r.example.com, api: 'https://127.1'", "api: has an address that may not be reached"),
            ("host: r.example.com, private: true, api: 'https://169.254.169.254'", "api: has an address"),
            ("host: r.example.com, ca: /password", "ca: /password holds no certificate"),
            ("host: r.example.com, clientKey: /client.key", "clientCert: is missing"),
            (
                "host: r.example.com, clientCert: /client.pem, clientKey: /other.key",
                "clientKey: /other.key is not the key of this certificate",
            ),
            (
                "host: r.example.com, clientCert: /password, clientKey: /client.key",
                "clientCert: /password is no certificate in PEM",
            ),
            ("host: r.example.com, passwordFile: /password", "username: is missing"),
            ("host: r.example.com, username: 'a:b', passwordFile: /password", "username: is no user's name"),
            ("host: r.example.com, username: a, passwordFile: /empty", "passwordFile: /empty is empty"),
            ("host: r.example.com, mirrors: [R.example.com]", "mirrors: has the registry itself"),
            ("host: r.example.com, requestsPerMinute: -1", "requestsPerMinute: a number from 1"),
            ("host: r.example.com, requestsPerMinute: 100001", "requestsPerMinute: a number from 1"),
        ] {
            let told = problems(entry);
            assert!(told.len() == 1 && told[0].starts_with(expected), "{entry}: {told:?}");
        }
        let many = (0..=MOST_HOSTS).map(|n| format!("m{n}.example.com")).collect::<Vec<_>>().join(", ");
        assert_eq!(problems(&format!("host: r.example.com, mirrors: [{many}]")), ["mirrors: has more than 20 hosts"]);
        assert!(problems("host: r.example.com, colour: red")[0].contains("colour"), "unknown keys are errors");
        assert!(problems("plainHttp: true")[0].contains("host"));
        let twice = read("registries: [{host: r.example.com}, {host: R.example.com}]", "").unwrap_err();
        assert!(twice.problems[0].variable.ends_with(": registries[1].host"), "{twice}");
    }
}
