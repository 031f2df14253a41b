//! `WWW-Authenticate`: what a registry asks for, and whom a credential may be shown to.

use url::Url;

use super::hosts::{Hosts, authority};

/// One way that a registry offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A token from another service (distribution.github.io, "Token authentication specification").
    Bearer {
        /// Where tokens are made.
        realm: String,
        /// For whom.
        service: Option<String>,
    },
    /// Name and password with each request (RFC 7617).
    Basic,
}

/// The longest header that is read.
const MOST_BYTES: usize = 4096;

/// Reads the challenges of a header's value; what is not understood is left out (RFC 9110 §11.6.1).
pub(super) fn read(value: &str) -> Vec<Challenge> {
    if value.len() > MOST_BYTES || value.chars().any(char::is_control) {
        return Vec::new();
    }
    let mut challenges: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut rest = value;
    while let Some((word, after)) = token(rest) {
        if let Some(parameter) = after.trim_start().strip_prefix('=') {
            let Some((text, after)) = parameter_value(parameter.trim_start()) else { break };
            if let Some((_, parameters)) = challenges.last_mut() {
                parameters.push((word.to_ascii_lowercase(), text));
            }
            rest = after;
        } else {
            challenges.push((word.to_ascii_lowercase(), Vec::new()));
            rest = after;
        }
    }
    challenges.into_iter().filter_map(|(scheme, parameters)| challenge(&scheme, &parameters)).collect()
}

fn challenge(scheme: &str, parameters: &[(String, String)]) -> Option<Challenge> {
    let get = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    match scheme {
        "bearer" => Some(Challenge::Bearer { realm: get("realm")?, service: get("service") }),
        "basic" => Some(Challenge::Basic),
        _ => None,
    }
}

/// The next word, past commas and spaces.
fn token(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches([' ', '\t', ',']);
    let end = text.find([' ', '\t', ',', '=', '"']).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// A quoted string, or a word.
fn parameter_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        return Some((word.to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, quoted.get(at + 1..)?)),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

/// Whether, and with what, a realm may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Realm {
    /// With the credential.
    Entitled(Url),
    /// By nobody in particular only.
    Anonymous(Url),
    /// Not at all.
    Refused(&'static str),
}

/// Registries whose tokens are made elsewhere. Exact names: no suffix is ever matched.
const ELSEWHERE: [(&str, &str); 3] = [
    ("docker.io", "auth.docker.io"),
    ("registry.gitlab.com", "gitlab.com"),
    ("registry.access.redhat.com", "sso.redhat.com"),
];

/// Judges a realm that a registry named. A registry that names a stranger's host would be handing out our credential.
///
/// The credential is for exactly the host and port that `registry` is asked at, and for the token service that is known to
/// belong to `host`, the registry's as image references write it. A token service at another port of the same host, in
/// plain http, has to be named by the operator itself.
pub(super) fn judge(realm: &str, host: &str, registry: &Url, hosts: &Hosts) -> Realm {
    let Ok(url) = Url::parse(realm) else { return Realm::Refused("its token service is no URL") };
    if !url.username().is_empty() || url.password().is_some() {
        return Realm::Refused("its token service is named with a user");
    }
    if authority(&url).is_none() {
        return Realm::Refused("its token service has no host");
    }
    if !hosts.may_follow(&url) {
        return Realm::Refused("its token service is not https");
    }
    let is_its_own = authority(&url) == authority(registry);
    let is_beside_it = url.scheme() == "http" && url.host_str() == registry.host_str();
    let is_known = ELSEWHERE.iter().any(|(registry, realm)| {
        *registry == host && url.scheme() == "https" && authority(&url) == Some(((*realm).to_owned(), 443))
    });
    if is_its_own || is_beside_it || is_known { Realm::Entitled(url) } else { Realm::Anonymous(url) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reference::Repository;

    fn bearer(realm: &str, service: Option<&str>) -> Challenge {
        Challenge::Bearer { realm: realm.into(), service: service.map(str::to_owned) }
    }

    #[test]
    fn challenges_are_read_as_they_are_written() {
        let cases = [
            (
                r#"Bearer realm="https://a/t",service="s",scope="repository:x:pull""#,
                vec![bearer("https://a/t", Some("s"))],
            ),
            (r#"bearer service=s, realm="https://a/t""#, vec![bearer("https://a/t", Some("s"))]),
            (r#"Basic realm="x""#, vec![Challenge::Basic]),
            (r#"Basic realm="x", Bearer realm="https://a/t""#, vec![Challenge::Basic, bearer("https://a/t", None)]),
            (r#"Bearer realm="https://a/\"t\"""#, vec![bearer("https://a/\"t\"", None)]),
            ("Negotiate, Basic", vec![Challenge::Basic]),
            ("Bearer", vec![]),
            (r#"Bearer realm="unclosed"#, vec![]),
            ("", vec![]),
            ("Bearer realm=\"https://a\r\nX: y\"", vec![]),
        ];
        for (value, expected) in cases {
            assert_eq!(read(value), expected, "{value}");
        }
        assert!(read(&format!("Basic {}", "x".repeat(100_000))).is_empty());
    }

    #[test]
    fn a_credential_goes_to_its_registry_only() {
        let hosts = Hosts::named(["127.0.0.1:5000".into(), "127.0.0.1:5001".into(), "10.0.0.7".into()]);
        let judge = |realm: &str, host: &str| {
            let repository = Repository::parse(&format!("{host}/a/b")).unwrap();
            super::judge(realm, host, &hosts.url(&repository, "").unwrap(), &hosts)
        };
        let entitled = [
            ("https://registry.example.com/token", "registry.example.com"),
            ("https://registry.example.com:443/token", "registry.example.com"),
            ("https://registry.example.com/token", "registry.example.com:443"),
            ("https://registry.example.com:5000/token", "registry.example.com:5000"),
            ("https://auth.docker.io/token", "docker.io"),
            ("https://gitlab.com/jwt/auth", "registry.gitlab.com"),
            ("http://127.0.0.1:5000/token", "127.0.0.1:5000"),
            ("http://127.0.0.1:5001/token", "127.0.0.1:5000"),
            ("http://10.0.0.7:80/token", "10.0.0.7"),
        ];
        for (realm, host) in entitled {
            assert!(matches!(judge(realm, host), Realm::Entitled(_)), "{realm} of {host}");
        }
        let anonymous = [
            ("https://evil.example/token", "registry.example.com"),
            ("https://registry.example.com.evil.example/", "registry.example.com"),
            ("https://auth.docker.io/token", "registry.example.com"),
            ("https://auth.docker.io:8443/token", "docker.io"),
            ("https://evil.azurecr.io/token", "good.azurecr.io"),
            ("https://registry.example.com:8443/t", "registry.example.com"),
            ("https://127.0.0.1:5001/token", "127.0.0.1:5000"),
            ("https://127.0.0.1/token", "127.0.0.1:5000"),
            ("https://169.254.169.254/latest", "127.0.0.1:5000"),
            ("http://10.0.0.7/token", "127.0.0.1:5000"),
            ("http://127.0.0.1:5000/token", "registry.example.com"),
        ];
        for (realm, host) in anonymous {
            assert!(matches!(judge(realm, host), Realm::Anonymous(_)), "{realm} of {host}");
        }
        let refused = [
            ("http://registry.example.com/token", "registry.example.com"),
            ("http://127.0.0.1:5002/token", "127.0.0.1:5000"),
            ("http://127.0.0.1/token", "127.0.0.1:5000"),
            ("http://localhost:5000/token", "127.0.0.1:5000"),
            ("http://10.0.0.8/token", "10.0.0.7"),
            ("http://169.254.169.254/latest", "127.0.0.1:5000"),
            ("https://user@registry.example.com/", "registry.example.com"),
            ("https://user:pw@evil.example/", "registry.example.com"),
            ("file:///etc/passwd", "127.0.0.1:5000"),
            ("ftp://127.0.0.1:5000/", "127.0.0.1:5000"),
            ("token", "registry.example.com"),
            ("", "registry.example.com"),
        ];
        for (realm, host) in refused {
            assert!(matches!(judge(realm, host), Realm::Refused(_)), "{realm} of {host}");
        }
    }
}
