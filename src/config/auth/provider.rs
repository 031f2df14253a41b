//! The `OpenID` provider, as the block names it.

use url::Url;

use super::block::{OidcEntry, Wrong, wrong};
use super::{Prefixes, Provider};
use crate::config::entry::{ReadFile, secret_file};
use crate::domain::secret::Secret;
use crate::domain::written_url;

/// Reads it, with everything that is wrong.
pub(super) fn provider(
    entry: Option<&OidcEntry>,
    development: bool,
    files: ReadFile<'_>,
    problems: &mut Vec<Wrong>,
) -> Option<Provider> {
    let Some(entry) = entry else {
        problems.push(wrong("oidc", "is missing: issuer, clientId and, where there is one, clientSecretFile"));
        return None;
    };
    let client_id = needed("clientId", entry.client_id.as_ref(), problems);
    let issuer = needed("issuer", entry.issuer.as_ref(), problems);
    if let Some(problem) = issuer.as_deref().and_then(|issuer| is_no_issuer(issuer, development)) {
        problems.push(wrong("oidc.issuer", problem));
    }
    let client_secret = secret(entry, files, problems);
    let scopes = scopes(&entry.scopes, problems);
    let (user, groups) = (&entry.username_prefix, &entry.groups_prefix);
    let in_cluster = (user.is_some() || groups.is_some())
        .then(|| Prefixes { user: user.clone().unwrap_or_default(), groups: groups.clone().unwrap_or_default() });
    Some(Provider {
        issuer: issuer?,
        client_id: client_id?,
        client_secret: client_secret.map(Into::into),
        scopes,
        name_claim: entry.name_claim.clone().unwrap_or_else(|| "email".to_owned()),
        groups_claim: entry.groups_claim.clone().unwrap_or_else(|| "groups".to_owned()),
        in_cluster,
    })
}

fn needed(field: &str, text: Option<&String>, problems: &mut Vec<Wrong>) -> Option<String> {
    let text = text.filter(|text| !text.is_empty());
    if text.is_none() {
        problems.push(wrong(format!("oidc.{field}"), "is missing"));
    }
    text.cloned()
}

fn secret(entry: &OidcEntry, files: ReadFile<'_>, problems: &mut Vec<Wrong>) -> Option<Secret> {
    match secret_file("clientSecretFile", entry.client_secret_file.as_ref()?, files) {
        Ok(secret) => Some(secret),
        Err((field, problem)) => {
            problems.push(wrong(format!("oidc.{field}"), problem));
            None
        }
    }
}

fn scopes(written: &[String], problems: &mut Vec<Wrong>) -> Vec<String> {
    let is_scope = |scope: &String| !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic());
    if !written.iter().all(is_scope) {
        problems.push(wrong("oidc.scopes", "has a scope that is none"));
    }
    let usual = ["profile", "email"].map(str::to_owned);
    let mut scopes = if written.is_empty() { usual.to_vec() } else { written.to_vec() };
    if !scopes.iter().any(|scope| scope == "openid") {
        scopes.insert(0, "openid".to_owned());
    }
    scopes
}

fn is_no_issuer(issuer: &str, development: bool) -> Option<&'static str> {
    let fits = |url: &Url| {
        (url.scheme() == "https" || (development && url.scheme() == "http"))
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    };
    let is_one = written_url::parse(issuer).is_ok_and(|url| fits(&url));
    (!is_one).then_some("is no https:// URL without query; http:// is for NODE_ENV=development")
}
