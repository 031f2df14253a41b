//! `WWW-Authenticate`: what a registry asks for, and whom a credential may be shown to.

use url::Url;

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
/// `host` is the registry's as image references write it; `plain` says that the operator allows http for it.
pub(super) fn judge(realm: &str, host: &str, plain: bool) -> Realm {
    let Ok(url) = Url::parse(realm) else { return Realm::Refused("its token service is no URL") };
    if !url.username().is_empty() || url.password().is_some() {
        return Realm::Refused("its token service is named with a user");
    }
    let authority = match (url.host_str(), url.port()) {
        (Some(name), Some(port)) => format!("{name}:{port}"),
        (Some(name), None) => name.to_owned(),
        (None, _) => return Realm::Refused("its token service has no host"),
    };
    let bare = |name: &str| name.rsplit_once(':').map_or(name.to_owned(), |(name, _)| name.to_owned());
    if url.scheme() == "http" {
        // Plain http only where the operator allows it, and only on the same machine.
        return if plain && bare(&authority) == bare(host) {
            Realm::Entitled(url)
        } else {
            Realm::Refused("its token service is not https")
        };
    }
    if url.scheme() != "https" {
        return Realm::Refused("its token service is not https");
    }
    let same = authority == host || ELSEWHERE.iter().any(|(registry, realm)| *registry == host && *realm == authority);
    if same { Realm::Entitled(url) } else { Realm::Anonymous(url) }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let entitled = [
            ("https://registry.example.com/token", "registry.example.com", false),
            ("https://registry.example.com:5000/token", "registry.example.com:5000", false),
            ("https://auth.docker.io/token", "docker.io", false),
            ("https://gitlab.com/jwt/auth", "registry.gitlab.com", false),
            ("http://127.0.0.1:5001/token", "127.0.0.1:5000", true),
        ];
        for (realm, host, plain) in entitled {
            assert!(matches!(judge(realm, host, plain), Realm::Entitled(_)), "{realm}");
        }
        let anonymous = [
            ("https://evil.example/token", "registry.example.com"),
            ("https://registry.example.com.evil.example/", "registry.example.com"),
            ("https://auth.docker.io/token", "registry.example.com"),
            ("https://evil.azurecr.io/token", "good.azurecr.io"),
            ("https://registry.example.com:8443/t", "registry.example.com"),
        ];
        for (realm, host) in anonymous {
            assert!(matches!(judge(realm, host, false), Realm::Anonymous(_)), "{realm}");
        }
        let refused = [
            ("http://registry.example.com/token", "registry.example.com", false),
            ("http://169.254.169.254/latest", "registry.example.com", true),
            ("https://user@registry.example.com/", "registry.example.com", false),
            ("https://user:pw@evil.example/", "registry.example.com", false),
            ("file:///etc/passwd", "registry.example.com", true),
            ("token", "registry.example.com", false),
            ("", "registry.example.com", false),
        ];
        for (realm, host, plain) in refused {
            assert!(matches!(judge(realm, host, plain), Realm::Refused(_)), "{realm}");
        }
    }
}
