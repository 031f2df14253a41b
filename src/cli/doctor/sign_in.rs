//! Whether people can sign in and programs show tokens, and what they may then.

use super::own::Asker;
use super::{Check, Result};
use crate::access::{Trial, try_provider};
use crate::cluster::{KubeCluster, Object, Right, Verb};
use crate::config::Config;
use crate::config::auth::{Auth, Mode, Provider};
use crate::domain::role::{Member, Role, Roles};
use crate::domain::wording::counted;
use crate::outbound::Reach;
use crate::telemetry::chain;

/// The rights that sign-in may need; `None` where the cluster was not asked, or did not say.
#[derive(Clone, Debug)]
pub(super) struct Rights {
    /// To ask whose token a program shows.
    pub(super) token_reviews: Option<bool>,
    /// To ask whether somebody may patch a workload.
    pub(super) identity: Option<bool>,
    /// Who would have them.
    pub(super) asker: Asker,
}

impl Rights {
    /// Nobody was asked.
    pub(super) fn unknown() -> Self {
        Self { token_reviews: None, identity: None, asker: Asker::Unknown }
    }

    /// Asks the cluster.
    pub(super) async fn ask(kube: &KubeCluster, asker: Asker) -> Self {
        let right = |object| Right { namespace: None, object, verb: Verb::Create };
        let (token_reviews, identity) = (right(Object::TokenReviews), right(Object::SubjectAccessReviews));
        Self { token_reviews: kube.may(&token_reviews).await, identity: kube.may(&identity).await, asker }
    }
}

/// Asks the provider, where there is one.
pub(super) async fn tried(config: &Config) -> Option<Trial> {
    let Mode::Oidc(provider) = &config.auth.as_ref()?.mode else { return None };
    let base = config.base_url.as_ref().map(|url| url.as_str().trim_end_matches('/')).unwrap_or_default();
    let client = config.outbound().and_then(|outbound| outbound.client(Reach::Named));
    Some(match client {
        Ok(client) => try_provider(provider, client, format!("{base}/sign-in/callback")).await,
        Err(error) => Trial::Silent(chain(&error).to_string()),
    })
}

/// What is to be said of it all.
pub(super) fn checks(config: &Config, trial: Option<&Trial>, rights: &Rights) -> Vec<Check> {
    let Some(auth) = &config.auth else {
        let told = "nobody signs in, as auth.mode is not set: the page and the API of the public port answer 403";
        return vec![Check::set(told)];
    };
    let mut checks = match (&auth.mode, trial) {
        (Mode::Basic(users), _) => {
            vec![Check::set(format!("with a password: {}", counted(users.len(), "person", "people")))]
        }
        (Mode::Proxy(headers), _) => of_proxy(auth, &headers.user, headers.groups.as_deref()),
        (Mode::Oidc(provider), Some(trial)) => vec![of_provider(provider, trial)],
        (Mode::Oidc(provider), None) => vec![Check::set(format!("at {}, which was not asked", provider.issuer))],
    };
    checks.extend(of_roles(auth));
    checks.extend(of_programs(auth, rights));
    checks.extend(of_identity(config, auth, rights));
    checks
}

fn of_provider(provider: &Provider, trial: &Trial) -> Check {
    let (issuer, id) = (&provider.issuer, &provider.client_id);
    match trial {
        Trial::Works(keys) => Check::ok(format!("at {issuer}: it takes us as {id}; {}", counted(*keys, "key", "keys"))),
        Trial::Unclear(keys, answer) => Check::set(format!(
            "at {issuer}: it answers, with {}; whether it takes us as {id} shows only when somebody signs in ({answer})",
            counted(*keys, "key", "keys")
        )),
        Trial::NotUs(answer) => {
            let error = format!("it does not take us as {id}, so nobody signs in: {answer}");
            let hint = "compare auth.oidc.clientId and clientSecretFile with the client at the provider; a variable that changed needs a restart of the pod";
            Check::but(format!("at {issuer}"), Result::Fail, error, hint)
        }
        Trial::NoKeys(answer) => {
            let error = format!("its keys can't be used, so nobody signs in: {answer}");
            let hint = "have the provider sign ID tokens with RS256 or ES256, and let us reach the address of its keys";
            Check::but(format!("at {issuer}"), Result::Fail, error, hint)
        }
        Trial::Silent(answer) => {
            let error = format!("it does not say how to sign in, so nobody does: {answer}");
            let hint = "look at auth.oidc.issuer, which has to be the provider's name to the letter, and at «ways out» below for the way to it";
            Check::but(format!("at {issuer}"), Result::Fail, error, hint)
        }
    }
}

/// What a proxy says can be tried by whoever comes through it alone.
fn of_proxy(auth: &Auth, user: &str, groups: Option<&str>) -> Vec<Check> {
    let in_groups = groups.map(|groups| format!(", and in {groups} of which groups")).unwrap_or_default();
    let mut checks = vec![Check::set(format!(
        "at the proxy of TRUSTED_PROXY, which says in {user} who signed in{in_groups}; whether it does shows only when somebody comes"
    ))];
    let is_group = |member: &Member| matches!(member, Member::Group(_));
    if groups.is_none() && members(&auth.roles).any(is_group) {
        let error = "roles are given to groups, and no header says of which groups somebody is";
        let hint = "set auth.groupsHeader, or name people: user:NAME";
        checks.push(Check::but("auth.roles", Result::Warn, error, hint));
    }
    checks
}

fn members(roles: &Roles) -> impl Iterator<Item = &Member> {
    roles.approvers.iter().chain(&roles.viewers)
}

fn of_roles(auth: &Auth) -> Option<Check> {
    let by_name = match &auth.mode {
        Mode::Basic(users) => users.iter().any(|user| user.role == Some(Role::Approver)),
        Mode::Proxy(_) | Mode::Oidc(_) => false,
    };
    let by_token = auth.tokens.iter().any(|token| token.role == Role::Approver);
    if by_name || by_token || !auth.roles.approvers.is_empty() {
        return None;
    }
    let hint = "if it is not meant, name groups or user:NAME under auth.roles.approver";
    Some(Check::but(
        "auth.roles",
        Result::Warn,
        "nobody has the role approver: who signs in sees and decides nothing",
        hint,
    ))
}

fn of_programs(auth: &Auth, rights: &Rights) -> Vec<Check> {
    let mut checks = Vec::new();
    if !auth.tokens.is_empty() {
        checks.push(Check::set(format!("programs show {} of ours", counted(auth.tokens.len(), "token", "tokens"))));
    }
    let Some(audience) = &auth.audience else { return checks };
    let what = format!("tokens of ServiceAccounts for {audience}");
    checks.push(match rights.token_reviews {
        Some(true) => Check::ok(format!("{what}: we may ask whose they are")),
        None => Check::set(format!("{what}: whether we may ask whose they are is not known")),
        Some(false) => {
            let error = "may not create tokenreviews: they let nobody in, and programs are answered 503";
            Check::but(what, Result::Fail, error, rights.asker.everywhere("rbac.tokenReviews: true", "token-reviews"))
        }
    });
    checks
}

/// Where the cluster knows people by name, its word counts as well, if we may ask for it.
fn of_identity(config: &Config, auth: &Auth, rights: &Rights) -> Option<Check> {
    let is_known = match &auth.mode {
        Mode::Proxy(_) => true,
        Mode::Oidc(provider) => provider.in_cluster.is_some(),
        Mode::Basic(_) => config.identity.is_some(),
    } || auth.audience.is_some();
    match rights.identity {
        Some(true) if is_known => Some(Check::ok("whether who signed in may patch a workload is asked of the cluster")),
        Some(false) if is_known => {
            let told = "may not create subjectaccessreviews: whether somebody may patch a workload is not asked, and their role alone decides";
            let hint = format!("if it is not meant, {}", rights.asker.everywhere("rbac.identity: true", "identity"));
            Some(Check::but("the cluster's word", Result::Warn, told, hint))
        }
        _ => None,
    }
}
