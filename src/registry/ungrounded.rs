//! A registry's refusals as reasons for which nothing is decided.

use super::{Refusal, RegistryError, Whose};
use crate::domain::view::{NotLetIn, Refusing, Ungrounded};

impl RegistryError {
    /// Why nothing can be decided where it answers so.
    #[must_use]
    pub fn ungrounded(&self) -> Ungrounded {
        match self {
            Self::UnknownRepository { repository, .. } => Ungrounded::UnknownRepository(repository.clone()),
            Self::Unauthorized { host, refusal, whose, said } => Ungrounded::NotLetIn(Box::new(NotLetIn {
                host: host.clone(),
                refusal: refusing(refusal),
                secret: secret(refusal, whose.as_deref()),
                said: said.as_deref().map(str::to_owned),
            })),
            Self::TooManyTags { repository, .. } => Ungrounded::TooManyTags(repository.clone()),
            Self::Blocked { host } => Ungrounded::Blocked(host.clone()),
            Self::RefusedForNow(error) => error.ungrounded(),
            Self::Throttled { .. }
            | Self::Unreachable { .. }
            | Self::LeftAlone { .. }
            | Self::Status { .. }
            | Self::Unusable { .. }
            | Self::Withheld { .. }
            | Self::NotSupported { .. } => Ungrounded::Unanswered,
        }
    }
}

fn refusing(refusal: &Refusal) -> Refusing {
    match refusal {
        Refusal::NoCredential => Refusing::NoCredential,
        Refusal::Credential => Refusing::Credential,
        Refusal::Forbidden => Refusing::Forbidden,
        Refusal::ByTokenService => Refusing::ByTokenService,
        Refusal::TooLong => Refusing::TooLong,
        Refusal::Broken(_) => Refusing::BrokenSecret,
        Refusal::UnknownWay => Refusing::UnknownWay,
        Refusal::Stranger(host) => Refusing::Stranger(host.clone()),
        Refusal::TokenService(_) => Refusing::TokenService,
    }
}

/// The pull secret that a refusal is about.
fn secret(refusal: &Refusal, whose: Option<&Whose>) -> Option<String> {
    let secret = match (refusal, whose) {
        (Refusal::Broken(broken), _) => &broken.secret,
        (_, Some(Whose::PullSecret(secret))) => secret,
        (_, Some(Whose::Operator) | None) => return None,
    };
    Some(format!("{}/{}", secret.namespace, secret.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::NamedSecret;

    #[test]
    fn whose_credential_is_refused_and_what_the_registry_said_is_kept_apart() {
        let secret = NamedSecret { namespace: "shop".into(), name: "regcred".into() };
        let error = RegistryError::Unauthorized {
            host: "registry.example.com".into(),
            refusal: Refusal::Credential,
            whose: Some(Box::new(Whose::PullSecret(secret))),
            said: Some("token expired".into()),
        };
        let refused = NotLetIn {
            host: "registry.example.com".into(),
            refusal: Refusing::Credential,
            secret: Some("shop/regcred".into()),
            said: Some("token expired".into()),
        };
        let expected = Ungrounded::NotLetIn(Box::new(refused));
        assert_eq!(error.ungrounded(), expected);
        assert_eq!(RegistryError::RefusedForNow(Box::new(error)).ungrounded(), expected);
    }
}
