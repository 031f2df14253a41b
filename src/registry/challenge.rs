//! `WWW-Authenticate`: what a registry asks for, and whom a credential may be shown to.

use url::Url;

use super::Refusal;
use super::hosts::{Hosts, authority};
use crate::domain::reference::Repository;
use crate::outbound::{self, NeverReached, Reach};

/// One way that a registry offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A token from another service (distribution.github.io, "Token authentication specification").
    Bearer {
        /// Where tokens are made.
        realm: String,
        /// For whom.
        service: Option<String>,
        /// For what.
        scope: Option<String>,
    },
    /// Name and password with each request (RFC 7617).
    Basic,
}

/// The actions that only read: the specification's, then those of Azure's registry, which tells a list from content
/// (learn.microsoft.com, "Create a token with repository-scoped permissions").
const READING: [&str; 3] = ["pull", "metadata_read", "content_read"];

/// The longest line that is read.
const MOST_BYTES: usize = 4096;
/// The most challenges that are read.
const MOST: usize = 10;
/// The most scopes of a challenge that are asked for, and the longest of them.
const MOST_SCOPES: usize = 4;
const LONGEST_SCOPE: usize = 512;

/// Reads the challenges of all lines of the header; what is not understood is left out (RFC 9110 §11.6.1).
pub(super) fn read<'v>(lines: impl IntoIterator<Item = &'v str>) -> Vec<Challenge> {
    lines.into_iter().flat_map(read_line).take(MOST).collect()
}

fn read_line(value: &str) -> Vec<Challenge> {
    // A tab is a space (RFC 9110 §5.6.3).
    if value.len() > MOST_BYTES || value.chars().any(|c| c.is_control() && c != '\t') {
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
        "bearer" => Some(Challenge::Bearer { realm: get("realm")?, service: get("service"), scope: get("scope") }),
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

/// The scopes to ask a token for: those of the challenge, of which nothing but reading is taken, else the repository's.
///
/// A registry behind a proxy that rewrites paths knows its repositories by other names than images have.
pub(super) fn scopes(challenged: Option<&str>, path: &str) -> Vec<String> {
    let challenged = challenged.unwrap_or_default().split(' ').filter_map(to_read).take(MOST_SCOPES);
    let mut scopes: Vec<String> = challenged.collect();
    if scopes.is_empty() {
        scopes.push(format!("repository:{path}:pull"));
    }
    scopes
}

/// A scope that allows nothing but reading repositories. A word alone is a registry's own way to say what it has.
fn to_read(scope: &str) -> Option<String> {
    if scope.is_empty() || scope.len() > LONGEST_SCOPE || !scope.bytes().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    let Some((kind, rest)) = scope.split_once(':') else { return Some(scope.to_owned()) };
    let (name, actions) = rest.rsplit_once(':')?;
    let asked: Vec<&str> = actions.split(',').collect();
    let reads = asked.iter().any(|action| *action == "*" || READING.contains(action));
    // One token is for all questions of a repository: `pull` stands beside whatever one of them asks for.
    let actions: Vec<&str> =
        READING.into_iter().filter(|action| *action == READING[0] || asked.contains(action)).collect();
    (kind == "repository" && !name.is_empty() && reads).then(|| format!("repository:{name}:{}", actions.join(",")))
}

/// Whether, and with what, a realm may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Realm {
    /// With the credential.
    Entitled(Url),
    /// By nobody in particular only.
    Anonymous(Url),
    /// Not before the operator names it, as it is plain http.
    Stranger(Url),
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
/// The credential is for exactly the scheme, host and port that `registry` is asked at, for the token service that is known
/// to belong to `host`, the registry's as image references write it, and for those that the operator named with it.
pub(super) fn judge(realm: &str, host: &str, registry: &Url, hosts: &Hosts) -> Realm {
    let url = (!realm.trim().is_empty()).then(|| registry.join(realm));
    let Some(Ok(url)) = url else { return Realm::Refused("its token service is no URL") };
    if !url.username().is_empty() || url.password().is_some() {
        return Realm::Refused("its token service is named with a user");
    }
    if authority(&url).is_none() {
        return Realm::Refused("its token service has no host");
    }
    let is_its_own = url.origin() == registry.origin() || hosts.is_entitled(host, &url);
    let is_known = ELSEWHERE.iter().any(|(registry, realm)| {
        *registry == host && url.scheme() == "https" && authority(&url) == Some(((*realm).to_owned(), 443))
    });
    if hosts.may_follow(host, &url) && (is_its_own || is_known) {
        Realm::Entitled(url)
    } else if hosts.may_follow(host, &url) {
        Realm::Anonymous(url)
    } else if url.scheme() == "http" && registry.scheme() == "http" {
        Realm::Stranger(url)
    } else {
        Realm::Refused("its token service is not https")
    }
}

/// Why a token service that is not the registry's is not shown a credential. The operator is told to name it only where that
/// helps.
pub(super) fn of_stranger(url: &Url, registry: &Url) -> Refusal {
    if let Some(why) = url.host_str().and_then(Reach::never) {
        return Refusal::TokenService(match why {
            NeverReached::LinkLocal => "its token service has a link-local address, which is never asked",
            NeverReached::NoHost => "its token service has the address of no host, which is never asked",
            NeverReached::Metadata => {
                "its token service has a name under which clouds keep credentials, which is never asked"
            }
        });
    }
    if url.scheme() == "https" && registry.scheme() == "http" && authority(url) == authority(registry) {
        return Refusal::TokenService(
            "its token service is named by https, at the host and port that are asked by plain http",
        );
    }
    Refusal::Stranger(outbound::written_host(url))
}

/// Where a challenge leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Led {
    /// Who is asked for a token.
    pub url: Url,
    /// Whether they see the credential.
    pub is_entitled: bool,
    /// What the token is for.
    pub scopes: Vec<String>,
}

/// Where these lines lead who asks for a repository of whose registry the operator says nothing. For fuzz targets.
pub fn leads<'v>(lines: impl IntoIterator<Item = &'v str>, repository: &Repository) -> Vec<Led> {
    let (hosts, host) = (Hosts::default(), repository.host());
    let Ok(registry) = hosts.base(host) else { return Vec::new() };
    let led = |challenge: Challenge| {
        let Challenge::Bearer { realm, scope, .. } = challenge else { return None };
        let (url, is_entitled) = match judge(&realm, host, &registry, &hosts) {
            Realm::Entitled(url) => (url, true),
            Realm::Anonymous(url) => (url, false),
            Realm::Stranger(_) | Realm::Refused(_) => return None,
        };
        Some(Led { url, is_entitled, scopes: scopes(scope.as_deref(), repository.path()) })
    };
    read(lines).into_iter().filter_map(led).collect()
}

#[cfg(test)]
mod tests {
    use super::super::host::RegistryHost;
    use super::*;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    fn bearer(realm: &str, service: Option<&str>) -> Challenge {
        let scope = (service == Some("scoped")).then(|| "repository:x:pull".to_owned());
        Challenge::Bearer { realm: realm.into(), service: service.map(str::to_owned), scope }
    }

    #[test]
    fn challenges_are_read_as_they_are_written() {
        let cases = [
            (
                r#"Bearer realm="https://a/t",service="scoped",scope="repository:x:pull""#,
                vec![bearer("https://a/t", Some("scoped"))],
            ),
            (r#"bearer service=s, realm="https://a/t""#, vec![bearer("https://a/t", Some("s"))]),
            (r#"Basic realm="x""#, vec![Challenge::Basic]),
            (r#"Basic realm="x", Bearer realm="https://a/t""#, vec![Challenge::Basic, bearer("https://a/t", None)]),
            (r#"Bearer realm="https://a/\"t\"""#, vec![bearer("https://a/\"t\"", None)]),
            ("Negotiate, Basic", vec![Challenge::Basic]),
            (
                "Bearer\trealm=\"https://a/t\",\tservice\t= s\t,\tBasic",
                vec![bearer("https://a/t", Some("s")), Challenge::Basic],
            ),
            ("Bearer", vec![]),
            (r#"Bearer realm="unclosed"#, vec![]),
            ("", vec![]),
            ("Bearer realm=\"https://a\r\nX: y\"", vec![]),
        ];
        for (value, expected) in cases {
            assert_eq!(read([value]), expected, "{value}");
        }
        assert!(read([&*format!("Basic {}", "x".repeat(100_000))]).is_empty());
        assert_eq!(read(["Negotiate", "", "Basic realm=x", "Bearer realm=/t"]), [Challenge::Basic, bearer("/t", None)]);
        assert_eq!(read([&*"Basic,".repeat(100)]).len(), MOST);
    }

    #[test]
    fn a_scope_is_never_for_more_than_reading() {
        let long = format!("repository:{}:pull", "x".repeat(LONGEST_SCOPE));
        for (challenged, expected) in [
            ("repository:b/app:pull", "repository:b/app:pull"),
            ("repository:b/app:pull,push", "repository:b/app:pull"),
            ("repository:host:5000/app:push,pull", "repository:host:5000/app:pull"),
            ("repository:a:pull repository:b:*", "repository:a:pull repository:b:pull"),
            ("registry:catalog:*", "repository:own:pull"),
            ("repository:b/app:delete", "repository:own:pull"),
            ("repository:b/app:metadata_read", "repository:b/app:pull,metadata_read"),
            ("repository:b/app:content_read,metadata_read,pull", "repository:b/app:pull,metadata_read,content_read"),
            ("repository:b/app:metadata_write,metadata_read", "repository:b/app:pull,metadata_read"),
            ("repository:b/app:metadata_write,content_delete", "repository:own:pull"),
            ("repository:b/app", "repository:own:pull"),
            ("repository::pull", "repository:own:pull"),
            ("repository(plugin):b:pull", "repository:own:pull"),
            ("a:pull b\u{e9} aws", "aws"),
            (&long, "repository:own:pull"),
            ("a b c d e f", "a b c d"),
        ] {
            assert_eq!(scopes(Some(challenged), "own").join(" "), expected, "{challenged}");
        }
        assert_eq!(scopes(None, "own"), ["repository:own:pull"]);
    }

    #[test]
    fn a_credential_goes_to_its_registry_only() {
        let plain = ["127.0.0.1:5000", "127.0.0.1:5001", "10.0.0.7"];
        let mut all: Vec<_> = plain.iter().filter_map(|host| RegistryHost::in_plain_http(host)).collect();
        let mut git = RegistryHost::named("git.example.com:5050").unwrap();
        git.token_services = vec!["git.example.com".into(), "auth.example.com:8443".into()];
        all.push(git);
        let hosts = Hosts::of(all);
        let judge = |realm: &str, host: &str| {
            let repository = Repository::parse(&format!("{host}/a/b")).unwrap();
            super::judge(realm, host, &hosts.base(repository.host()).unwrap(), &hosts)
        };
        let entitled = [
            ("https://registry.example.com/token", "registry.example.com"),
            ("https://registry.example.com:443/token", "registry.example.com"),
            ("https://registry.example.com/token", "registry.example.com:443"),
            ("https://registry.example.com:5000/token", "registry.example.com:5000"),
            ("https://auth.docker.io/token", "docker.io"),
            ("https://gitlab.com/jwt/auth", "registry.gitlab.com"),
            ("http://127.0.0.1:5000/token", "127.0.0.1:5000"),
            ("http://10.0.0.7:80/token", "10.0.0.7"),
            ("/token", "registry.example.com"),
            ("token", "registry.example.com"),
            ("https://git.example.com/jwt/auth", "git.example.com:5050"),
            ("https://auth.example.com:8443/token", "git.example.com:5050"),
        ];
        for (realm, host) in entitled {
            assert!(matches!(judge(realm, host), Realm::Entitled(_)), "{realm} of {host}");
        }
        let anonymous = [
            ("http://127.0.0.1:5001/token", "127.0.0.1:5000"),
            ("https://10.0.0.7:80/token", "10.0.0.7"),
            ("//evil.example/token", "registry.example.com"),
            ("https://git.example.com/jwt/auth", "other.example.com"),
            ("https://git.example.com:8443/jwt/auth", "git.example.com:5050"),
            ("https://x.git.example.com/jwt/auth", "git.example.com:5050"),
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
        let named_first = [
            ("http://127.0.0.1:5002/token", "127.0.0.1:5000"),
            ("http://127.0.0.1/token", "127.0.0.1:5000"),
            ("http://localhost:5000/token", "127.0.0.1:5000"),
            ("http://10.0.0.8/token", "10.0.0.7"),
            ("http://169.254.169.254/latest", "127.0.0.1:5000"),
        ];
        for (realm, host) in named_first {
            assert!(matches!(judge(realm, host), Realm::Stranger(_)), "{realm} of {host}");
        }
        let refused = [
            ("http://git.example.com/jwt/auth", "git.example.com:5050"),
            ("http://registry.example.com/token", "registry.example.com"),
            ("https://user@registry.example.com/", "registry.example.com"),
            ("https://user:pw@evil.example/", "registry.example.com"),
            ("file:///etc/passwd", "127.0.0.1:5000"),
            ("ftp://127.0.0.1:5000/", "127.0.0.1:5000"),
            ("", "registry.example.com"),
        ];
        for (realm, host) in refused {
            assert!(matches!(judge(realm, host), Realm::Refused(_)), "{realm} of {host}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_challenge_says_a_credential_goes_to_its_registry(
            lines in proptest::collection::vec(
                "((Bearer|Basic|x) |(realm|scope|service|x)=|\"?(https?:)?(//)?(registry|evil)(\\.example\\.com)?[:@/a-z0-9*,\\\\ ]{0,12}\"?|[ -~]{0,8}|,){0,8}",
                0..4,
            ),
        ) {
            let repository = Repository::parse("registry.example.com/a/b").unwrap();
            for led in leads(lines.iter().map(String::as_str), &repository) {
                let is_own = led.url.origin() == Url::parse("https://registry.example.com").unwrap().origin();
                prop_assert!(led.url.scheme() == "https" && led.is_entitled == is_own, "{led:?}");
                prop_assert!(led.scopes.iter().all(|scope| !scope.contains(':') || scope.ends_with(":pull")), "{led:?}");
            }
        }

        #[test]
        fn what_is_written_as_a_challenge_is_read(
            parts in proptest::collection::vec(("[a-z]{1,8}", "[ -~]{0,16}"), 0..4),
            realm in "[ -~]{1,24}",
        ) {
            let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            let more = parts.iter().map(|(name, value)| format!("x{name}={}", quoted(value))).collect::<Vec<_>>().join(", ");
            let line = format!("Negotiate, Bearer realm={}, {more}, Basic realm=x", quoted(&realm));
            prop_assert_eq!(read([&*line]), [bearer(&realm, None), Challenge::Basic]);
        }
    }
}
