//! An entry of the file's list `sources`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::entry::{AllWrong, ReadFile, Wrong, named, none_of, secret_file};
use super::{Auth, GOOGLE_ISSUERS, GOOGLE_KEYS, Hosts, KeySet, Rate, Scheme, Source, SourceKind, TokenRules};
use crate::domain::secret::Secret;
use crate::domain::written_url;

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::config) struct SourceEntry {
    name: String,
    kind: String,
    auth: Option<AuthEntry>,
    registry_host: Option<String>,
    #[serde(default)]
    repository_hosts: BTreeMap<String, String>,
    host_template: Option<String>,
    limits: Option<LimitsEntry>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AuthEntry {
    scheme: Option<String>,
    #[serde(default)]
    secret_files: Vec<String>,
    token_header: Option<String>,
    audience: Option<String>,
    service_account_email: Option<String>,
    #[serde(default)]
    issuers: Vec<String>,
    jwks_url: Option<String>,
    jwks_file: Option<String>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LimitsEntry {
    per_second: u32,
    burst: Option<u32>,
}

/// The sources of the list, and what is wrong with them, by key.
pub(in crate::config) fn sources(
    entries: Vec<SourceEntry>,
    file: ReadFile<'_>,
) -> (Vec<Source>, Vec<(String, String)>) {
    let (mut sources, mut problems, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (at, entry) in entries.into_iter().enumerate() {
        let key = format!("sources[{at}]");
        if names.contains(&entry.name) {
            problems.push((format!("{key}.name"), format!("{:?} is there twice", entry.name)));
        }
        names.push(entry.name.clone());
        match source(entry, file) {
            Ok(source) => sources.push(source),
            Err(wrong) => {
                problems.extend(wrong.into_iter().map(|(field, problem)| (format!("{key}.{field}"), problem)));
            }
        }
    }
    (sources, problems)
}

fn source(entry: SourceEntry, file: ReadFile<'_>) -> Result<Source, Vec<Wrong>> {
    let mut wrong = AllWrong::default();
    wrong.unless(named(&entry.name));
    let kinds = || SourceKind::ALL.iter().map(|(word, _)| *word);
    let kind = wrong.unless(SourceKind::of(&entry.kind).ok_or_else(|| ("kind", none_of(kinds(), &entry.kind))));
    let hosts = Hosts { registry: entry.registry_host, by_name: entry.repository_hosts, template: entry.host_template };
    if let Some(kind) = kind.filter(|kind| !kind.is_placed_by(&hosts)) {
        wrong.push(("registryHost", format!("is needed: a payload of {} names no registry", kind.as_str())));
    }
    let rate = entry.limits.map(|limits| Rate {
        per_second: limits.per_second.max(1),
        burst: limits.burst.unwrap_or(limits.per_second).max(1),
    });
    let missing = || ("auth", "is missing; write auth: { secretFiles: [/path] }".to_owned());
    let auth = wrong.unless(entry.auth.ok_or_else(missing)).and_then(|entry| auth(kind, entry, file, &mut wrong));
    let name = entry.name;
    wrong.or(kind.zip(auth).map(|(kind, auth)| Source { name, kind, auth, hosts, rate }))
}

/// How the sender is checked. Where neither the scheme nor, in its place, the kind is known, only the files are looked at.
fn auth(kind: Option<SourceKind>, entry: AuthEntry, file: ReadFile<'_>, wrong: &mut AllWrong) -> Option<Auth> {
    let schemes = || Scheme::ALL.iter().map(|(word, _)| *word);
    let scheme = match entry.scheme.as_deref() {
        None => kind.map(SourceKind::usual_scheme),
        Some(word) => wrong.unless(Scheme::of(word).ok_or_else(|| ("auth.scheme", none_of(schemes(), word)))),
    };
    let secrets =
        entry.secret_files.iter().filter_map(|path| wrong.unless(secret_file("auth.secretFiles", path, file)));
    let secrets: Vec<Secret> = secrets.collect();
    let scheme = scheme?;
    let without = matches!(scheme, Scheme::None | Scheme::GoogleOidc);
    if entry.secret_files.is_empty() != without {
        let problem = if without { "has no place with this scheme" } else { "is missing: this scheme needs a secret" };
        wrong.push(("auth.secretFiles", problem.into()));
    }
    let token = if scheme == Scheme::GoogleOidc { Some(rules(&entry, file, wrong)?) } else { None };
    let header = entry.token_header.unwrap_or_else(|| "X-Webhook-Secret".to_owned());
    Some(Auth { scheme, secrets: secrets.into(), header, token })
}

fn rules(entry: &AuthEntry, file: ReadFile<'_>, wrong: &mut AllWrong) -> Option<TokenRules> {
    let keys = wrong.unless(keys(entry, file));
    let mut needed = |field, value: &Option<String>| {
        wrong.unless(value.clone().ok_or_else(|| (field, "is needed with this scheme".to_owned())))
    };
    let audience = needed("auth.audience", &entry.audience);
    let email = needed("auth.serviceAccountEmail", &entry.service_account_email);
    let issuers =
        if entry.issuers.is_empty() { GOOGLE_ISSUERS.map(str::to_owned).to_vec() } else { entry.issuers.clone() };
    Some(TokenRules { audience: audience?, email: email?, issuers, keys: keys? })
}

fn keys(entry: &AuthEntry, file: ReadFile<'_>) -> Result<KeySet, Wrong> {
    match (&entry.jwks_file, &entry.jwks_url) {
        (Some(path), _) => {
            Ok(KeySet::Given(file(path).map_err(|error| ("auth.jwksFile", format!("{path} can't be read: {error}")))?))
        }
        (None, url) => {
            let url = written_url::parse(url.as_deref().unwrap_or(GOOGLE_KEYS));
            let url = url.map_err(|error| ("auth.jwksUrl", error.to_string()))?;
            if url.scheme() != "https" {
                return Err(("auth.jwksUrl", "is no https:// URL".to_owned()));
            }
            Ok(KeySet::At(url))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::file::File;
    use super::*;

    fn read(text: &str) -> (Vec<Source>, String) {
        let file = File::read(text);
        assert_eq!(file.problems, []);
        let (sources, problems) = sources(file.whole.sources, &|path| match path {
            "/hub" => Ok("t0ken\n".into()),
            "/empty" => Ok("\n".into()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        });
        let told = problems.iter().map(|(key, problem)| format!("{key}: {problem}")).collect::<Vec<_>>().join("\n");
        (sources, told)
    }

    #[test]
    fn sources_are_read() {
        let (sources, told) = read(
            "sources:\n- { name: hub, kind: dockerhub, auth: { secretFiles: [/hub] } }\n\
             - name: nexus\n  kind: nexus\n  auth: { secretFiles: [/hub, /hub] }\n  registryHost: nexus.example.com\n  \
             repositoryHosts: { docker-hosted: nexus.example.com:8082 }\n  limits: { perSecond: 5 }\n",
        );
        assert_eq!(told, "");
        let [hub, nexus] = &sources[..] else { panic!("two sources") };
        assert_eq!((hub.kind, hub.auth.scheme), (SourceKind::DockerHub, Scheme::QueryToken));
        assert!(hub.auth.secrets.get()[0].matches(b"t0ken") && nexus.auth.secrets.get().len() == 2);
        assert_eq!(nexus.hosts.mapped("docker-hosted").as_deref(), Some("nexus.example.com:8082"));
        assert_eq!(nexus.rate, Some(Rate { per_second: 5, burst: 5 }));
    }

    #[test]
    fn what_is_wrong_is_told_by_its_key() {
        let one = |entry: &str| read(&format!("sources: [{entry}]")).1;
        let with = |auth: &str| one(&format!("{{name: a, kind: quay, auth: {auth}}}"));
        for (told, expected) in [
            (one("{name: Hub, kind: quay}"), "sources[0].name: write"),
            (one("{name: Hub, kind: quay}"), "sources[0].auth: is missing"),
            (one("{name: a, kind: kwai}"), "sources[0].kind: is none of dockerhub, github, quay"),
            (one("{name: a, kind: qauy}"), "did you mean quay?"),
            (one("{name: a, kind: kwai, auth: {secretFiles: [/none, /empty]}}"), "/none can't be read"),
            (one("{name: a, kind: kwai, auth: {secretFiles: [/none, /empty]}}"), "/empty is empty"),
            (one("{name: a, kind: kwai}"), "sources[0].auth: is missing"),
            (with("{scheme: magic, secretFiles: [/none]}"), "/none can't be read"),
            (with("{scheme: google-oidc-jwt}"), "sources[0].auth.serviceAccountEmail: is needed"),
            (with("{}"), "sources[0].auth.secretFiles: is missing"),
            (with("{scheme: magic}"), "sources[0].auth.scheme: is none of authorization-exact"),
            (with("{secretFiles: [/empty]}"), "/empty is empty"),
            (with("{secretFiles: [/none]}"), "/none can't be read"),
            (with("{scheme: none, secretFiles: [/hub]}"), "has no place"),
            (with("{scheme: google-oidc-jwt}"), "sources[0].auth.audience: is needed"),
            (with("{scheme: google-oidc-jwt, jwksUrl: http://a}"), "sources[0].auth.jwksUrl: is no https"),
        ] {
            assert!(told.contains(expected), "{expected}: {told}");
        }
        let entry = "{name: a, kind: quay, auth: {secretFiles: [/hub]}}";
        assert_eq!(one(&format!("{entry}, {entry}")), "sources[1].name: \"a\" is there twice");
        // Zot's payload has no name that a host could be found by; Nexus' has the repository's.
        for (key, zot, nexus) in [
            ("registryHost: r.test", true, true),
            ("repositoryHosts: {a: r.test}", false, true),
            ("hostTemplate: r.test", false, true),
        ] {
            for (kind, right) in [("zot", zot), ("nexus", nexus)] {
                let told = one(&format!("{{name: a, kind: {kind}, auth: {{secretFiles: [/hub]}}, {key}}}"));
                let expected = format!("sources[0].registryHost: is needed: a payload of {kind} names no registry");
                assert_eq!(told, if right { "" } else { &expected }, "{kind} {key}");
            }
        }
    }
}
