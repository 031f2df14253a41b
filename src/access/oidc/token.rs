//! The ID token: who signed in, as the provider signed it.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value};

use super::attempt::is_same;
use crate::config::auth::Provider;
use crate::domain::actor::{Authority, ClusterUser, SignedIn};

/// How far clocks may differ, in seconds.
const LEEWAY: i64 = 60;
/// Groups of one person, and the bytes of a name of one.
const MOST_GROUPS: usize = 500;
const LONGEST_GROUP: usize = 256;

/// Why a token lets nobody in. None of it is shown to the browser but what a person can mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::access) enum TokenError {
    /// It is none, or is signed in no way that counts.
    #[error("the ID token is no token that is signed by RS256 or ES256")]
    Form,
    /// Its header says that more of it has to be understood.
    #[error("the ID token says that its header has to be understood (crit), and what it names there is not known here")]
    Critical,
    /// Its key is none of the provider's.
    #[error("the ID token is signed with a key that the provider does not publish")]
    Key,
    /// It does not say which of several keys is its.
    #[error("the ID token does not say which key it is signed with (kid), and the provider does not publish one alone")]
    Unnamed,
    /// The signature, the issuer or the audience is wrong, or one of them is missing.
    #[error("the ID token is not of this provider for this client: {0}")]
    Claims(String),
    /// It is of another time.
    #[error("the ID token is over, or not valid yet")]
    Time,
    /// It is of another sign-in.
    #[error("the ID token is of another sign-in")]
    Nonce,
    /// It does not say who it is.
    #[error("the ID token has no claim {0} that is a name")]
    Name(String),
    /// It names a mail address that nobody has verified.
    #[error(
        "the ID token does not say that the address is verified (email_verified); oidc.nameClaim can name another claim"
    )]
    Unverified,
}

/// Who signed in, and the groups they are of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::access) struct Identified {
    pub(in crate::access) person: SignedIn,
    pub(in crate::access) groups: Vec<String>,
}

/// Which key a token says that it is signed with, if it says so, and how.
pub(super) fn signed_with(token: &str) -> Result<(Option<String>, Algorithm), TokenError> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Form)?;
    // RFC 7515, 4.1.11: nothing that may stand there is known here.
    if header.crit.is_some() {
        return Err(TokenError::Critical);
    }
    match header.alg {
        algorithm @ (Algorithm::RS256 | Algorithm::ES256) => Ok((header.kid, algorithm)),
        _ => Err(TokenError::Form),
    }
}

/// Who a token is of, with the key that the provider publishes.
pub(super) fn read(
    token: &str,
    (key, algorithm): (&DecodingKey, Algorithm),
    provider: &Provider,
    nonce: &str,
    now: i64,
) -> Result<Identified, TokenError> {
    let mut rule = Validation::new(algorithm);
    // The clock is an argument here, so the times are judged below.
    rule.validate_exp = false;
    rule.set_audience(&[&provider.client_id]);
    rule.set_issuer(&[&provider.issuer]);
    rule.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    let decoded = jsonwebtoken::decode::<Map<String, Value>>(token, key, &rule);
    let claims = decoded.map_err(|error| TokenError::Claims(error.to_string()))?.claims;
    is_for(&claims, &provider.client_id)?;
    is_in_time(&claims, now)?;
    if !is_same(text(&claims, "nonce").unwrap_or_default(), nonce) {
        return Err(TokenError::Nonce);
    }
    person(&claims, provider)
}

/// Whoever is named beside the audience is who asked for the token.
fn is_for(claims: &Map<String, Value>, client_id: &str) -> Result<(), TokenError> {
    let is_alone = !matches!(claims.get("aud"), Some(Value::Array(all)) if all.len() > 1);
    match claims.get("azp") {
        Some(Value::String(party)) if party == client_id => Ok(()),
        None if is_alone => Ok(()),
        _ => Err(TokenError::Claims("azp".to_owned())),
    }
}

fn is_in_time(claims: &Map<String, Value>, now: i64) -> Result<(), TokenError> {
    let time = |name: &str| claims.get(name).map(|value| value.as_i64().ok_or(TokenError::Time)).transpose();
    let (ends, begun, valid) = (time("exp")?, time("iat")?, time("nbf")?);
    let has_begun = begun.into_iter().chain(valid).all(|at| at <= now.saturating_add(LEEWAY));
    let is_over = ends.is_none_or(|at| at.saturating_add(LEEWAY) <= now);
    if has_begun && begun.is_some() && !is_over { Ok(()) } else { Err(TokenError::Time) }
}

fn person(claims: &Map<String, Value>, provider: &Provider) -> Result<Identified, TokenError> {
    let claim = &provider.name_claim;
    let is_verified = match claims.get("email_verified") {
        Some(Value::Bool(verified)) => *verified,
        Some(Value::String(verified)) => verified == "true",
        _ => false,
    };
    let person = text(claims, claim).and_then(|name| SignedIn::by(Authority::OpenId, name));
    let person = person.ok_or_else(|| TokenError::Name(claim.clone()))?;
    if claim == "email" && !is_verified {
        return Err(TokenError::Unverified);
    }
    let groups = groups(claims.get(&provider.groups_claim));
    Ok(Identified { person: known(person, &groups, provider), groups })
}

/// The same, as the cluster knows them, where the provider is one of its own.
pub(super) fn known(person: SignedIn, groups: &[String], provider: &Provider) -> SignedIn {
    let Some(prefixes) = &provider.in_cluster else { return person };
    let user = ClusterUser {
        name: format!("{}{}", prefixes.user, person.name()),
        groups: groups.iter().map(|group| format!("{}{group}", prefixes.groups)).collect(),
    };
    person.known_as(user)
}

fn groups(claim: Option<&Value>) -> Vec<String> {
    let all = match claim {
        Some(Value::Array(all)) => all.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    let all = all.iter().filter_map(Value::as_str).filter(|group| group.len() <= LONGEST_GROUP);
    all.take(MOST_GROUPS).map(str::to_owned).collect()
}

fn text<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c str> {
    claims.get(name)?.as_str()
}
