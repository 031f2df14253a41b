//! Who asks a registry, and what a registry says that does not let them in.

use std::fmt;

use crate::domain::secret::Secret;

/// Who asks a registry. Everything that is cached is keyed by it, so that no tenant reads through another's.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Nobody in particular, and why.
    Anonymous(Anonymous),
    /// A user of the registry, from a pull secret of the workload's own namespace.
    User {
        /// Tells credentials apart in caches: namespace, secret and its uid. Never the password.
        scope: String,
        /// The user's name.
        name: String,
        /// The password or token.
        password: Secret,
    },
}

/// Why there is no user to ask as, which is known for certain. It is shown as what somebody can do about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Anonymous {
    /// No pull secret is named.
    #[default]
    NoneNamed,
    /// Pull secrets are named, and none of them is for this host.
    OtherHosts,
    /// A pull secret is named that is not there.
    NotThere(NamedSecret),
    /// A pull secret is named that we may not read.
    NotAllowed(NamedSecret),
    /// A pull secret is named that holds no user.
    NoUser(NamedSecret),
}

/// A pull secret of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedSecret {
    /// Where it is.
    pub namespace: Box<str>,
    /// What it is called.
    pub name: Box<str>,
}

/// How a registry, or its token service, does not let somebody in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It wants a credential, and was shown none.
    NoCredential,
    /// It was shown the credential, and refuses it.
    Credential,
    /// The credential is good, and not for this.
    Forbidden,
    /// Its token service refuses the credential.
    ByTokenService,
    /// It asks in a way that we don't know.
    UnknownWay,
    /// Its token service is a stranger's, and is not shown the credential.
    Stranger(String),
    /// Its token service is not to be asked at all.
    TokenService(&'static str),
}

impl Refusal {
    /// Whether it may end without anybody's doing.
    pub(super) fn may_end(&self) -> bool {
        matches!(self, Self::NoCredential | Self::Credential | Self::Forbidden | Self::ByTokenService)
    }
}

impl Credential {
    /// What caches are keyed by.
    #[must_use]
    pub fn scope(&self) -> &str {
        match self {
            Self::Anonymous(_) => "",
            Self::User { scope, .. } => scope,
        }
    }

    /// What a refusal means for who asks so: where nothing was shown, nothing was refused.
    pub(super) fn refused(&self, refusal: Refusal) -> Refusal {
        match self {
            Self::Anonymous(_) => Refusal::NoCredential,
            Self::User { .. } => refusal,
        }
    }
}

impl Default for Credential {
    fn default() -> Self {
        Self::Anonymous(Anonymous::default())
    }
}

impl fmt::Display for Anonymous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoneNamed => f.write_str("the workload names no imagePullSecret; give it one for this host"),
            Self::OtherHosts => f.write_str("none of the workload's imagePullSecrets has a user for this host"),
            Self::NotThere(secret) => write!(f, "{secret} is not there"),
            Self::NotAllowed(secret) => {
                write!(f, "{secret} may not be read; apply deploy/pull-secrets in that namespace to allow it")
            }
            Self::NoUser(secret) => write!(
                f,
                "{secret} holds no user that can be read; kubernetes.io/dockerconfigjson of at most 64 KiB is expected"
            ),
        }
    }
}

impl fmt::Display for NamedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the imagePullSecret {} in namespace {}", self.name, self.namespace)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCredential => f.write_str("wants a credential, and is asked without one"),
            Self::Credential => f.write_str("refuses the credential in use"),
            Self::Forbidden => f.write_str("forbids this to the credential in use"),
            Self::ByTokenService => f.write_str("has a token service that refuses the credential in use"),
            Self::UnknownWay => f.write_str("asks for a credential in a way that is not understood"),
            Self::Stranger(host) => write!(
                f,
                "sends us to the token service {host}, which is another host or port and not trusted with the credential; \
                 if it is the registry's own, add tokenServices: [\"{host}\"] to its entry in registries"
            ),
            Self::TokenService(reason) => write!(f, "can't be asked: {reason}"),
        }
    }
}
