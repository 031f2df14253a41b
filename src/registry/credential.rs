//! Who asks a registry, and what a registry says that does not let them in.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::domain::secret::Secret;

/// Who asks a registry: users that are tried in order, as a node tries them, or nobody. Everything that is cached is keyed
/// by it, so that no tenant reads through another's.
#[derive(Clone, Debug, Default)]
pub struct Credential {
    chosen: Chosen,
    scope: Arc<str>,
    renewal: Option<Renewing>,
}

/// The longest name and password together, in bytes; the longest known are keys of cloud accounts, of some 3 KiB.
const LONGEST_USER: usize = 16 * 1024;

/// Whom a workload's pull secrets name for an image.
#[derive(Clone, Debug)]
pub(super) enum Chosen {
    /// Nobody in particular, and why.
    Nobody(Anonymous),
    /// Users, at least one.
    Users(Arc<[User]>),
    /// No node can pull with any of the workload's secrets.
    Broken(BrokenSecret),
}

/// A user of a registry. One without a name matches as any other, and shows nothing, as on a node.
#[derive(Clone, Debug)]
pub struct User {
    /// Tells users apart in caches: where they are from, and in which version. Never the password.
    pub scope: String,
    /// The user's name.
    pub name: String,
    /// The password or token.
    pub password: Secret,
    /// The pull secret that it is from, if it is from one.
    pub secret: Option<NamedSecret>,
}

impl User {
    /// A user that the operator names for a host, as image references write it.
    #[must_use]
    pub fn of_host(host: &str, name: String, password: Secret) -> Self {
        Self { scope: format!("configuration {host}"), name, password, secret: None }
    }
}

/// Knows where a credential came from, and reads it again when a registry refuses it.
pub trait Renewal: Send + Sync {
    /// The credential as it is now: nothing of it was read before `since`, on the clock that never turns back. `None`
    /// where that is not known.
    fn renew(self: Arc<Self>, since: Duration) -> BoxFuture<'static, Option<Credential>>;
}

/// A credential that is another when it is read again.
#[cfg(test)]
pub(crate) struct Appears(Credential);

#[cfg(test)]
impl Appears {
    pub(crate) fn of(credential: Credential) -> Arc<dyn Renewal> {
        Arc::new(Self(credential))
    }
}

#[cfg(test)]
impl Renewal for Appears {
    fn renew(self: Arc<Self>, _: Duration) -> BoxFuture<'static, Option<Credential>> {
        Box::pin(async move { Some(self.0.clone()) })
    }
}

#[derive(Clone)]
struct Renewing {
    from: Arc<dyn Renewal>,
    read: Duration,
    /// What it came to, for whoever still holds what was read before.
    now: Arc<OnceLock<Credential>>,
}

impl fmt::Debug for Renewing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Renewing")
    }
}

/// One of those that are tried.
///
/// Where the workload has none of its own, it is whom the operator names for the host. An identity of a cloud (ECR, GAR, ACR) will
/// be one more kind here: a user whose password somebody else makes for hours.
#[derive(Clone, Debug)]
pub(super) enum Login {
    /// Without a user.
    Nobody,
    /// From a pull secret of the workload's own namespace.
    Workload(User),
    /// From the configuration, for a host.
    Operator(User),
}

impl Login {
    /// What caches are keyed by.
    pub(super) fn scope(&self) -> &str {
        match self {
            Self::Nobody => "",
            Self::Workload(user) | Self::Operator(user) => &user.scope,
        }
    }

    /// As whom it asks.
    pub(super) fn asked(&self) -> Asked {
        match self {
            Self::Nobody => Asked::AsNobody,
            Self::Workload(_) => Asked::AsWorkload,
            Self::Operator(_) => Asked::AsOperator,
        }
    }

    /// Where what is shown is written, where it is known.
    pub(super) fn whose(&self) -> Option<Whose> {
        self.user()?;
        match self {
            Self::Nobody => None,
            Self::Workload(user) => user.secret.clone().map(Whose::PullSecret),
            Self::Operator(_) => Some(Whose::Operator),
        }
    }

    /// What is shown to the registry, if anything.
    pub(super) fn user(&self) -> Option<(&str, &Secret)> {
        match self {
            Self::Nobody => None,
            Self::Workload(user) | Self::Operator(user) => {
                (!user.name.is_empty()).then_some((user.name.as_str(), &user.password))
            }
        }
    }

    /// Whether what would be shown is longer than servers take.
    pub(super) fn is_too_long(&self) -> bool {
        self.user().is_some_and(|(name, password)| name.len() + password.expose().len() > LONGEST_USER)
    }

    /// What a refusal means for who asks so: where nothing was shown, nothing was refused.
    pub(super) fn refused(&self, refusal: Refusal) -> Refusal {
        if self.user().is_some() { refusal } else { Refusal::NoCredential }
    }
}

/// Where a credential is written: for whoever has to put another one there. Never what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// A pull secret.
    PullSecret(NamedSecret),
    /// The operator's file, for the host.
    Operator,
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PullSecret(secret) => write!(f, "that of {secret}"),
            Self::Operator => f.write_str(
                "that of the user that registries of the file that IMAGE_WATCHER_CONFIG names has for its host",
            ),
        }
    }
}

/// As whom a registry was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// As nobody in particular.
    AsNobody,
    /// As a user of the workload's own.
    AsWorkload,
    /// As the user that the operator names for the host.
    AsOperator,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AsNobody => "without a credential",
            Self::AsWorkload => "with the credential in use",
            Self::AsOperator => {
                "by the user that registries of the file that IMAGE_WATCHER_CONFIG names has for its host"
            }
        })
    }
}

impl Credential {
    /// The most users that are tried: a node would try all that fit.
    pub const MOST_USERS: usize = 8;

    /// Nobody in particular, and why.
    #[must_use]
    pub fn anonymous(why: Anonymous) -> Self {
        Self { chosen: Chosen::Nobody(why), ..Self::default() }
    }

    /// Users that are tried in this order, up to [`Self::MOST_USERS`]; each is tried once.
    #[must_use]
    pub fn users(users: impl IntoIterator<Item = User>) -> Self {
        let mut kept: Vec<User> = Vec::new();
        for user in users {
            let is_it =
                |other: &User| other.name == user.name && other.password.matches(user.password.expose().as_bytes());
            if kept.len() < Self::MOST_USERS && !kept.iter().any(is_it) {
                kept.push(user);
            }
        }
        if kept.is_empty() {
            return Self::default();
        }
        let scope = kept.iter().map(|user| user.scope.as_str()).collect::<Vec<_>>().join(" ");
        Self { chosen: Chosen::Users(kept.into()), scope: scope.into(), renewal: None }
    }

    /// One of the workload's pull secrets can't be read, so no node uses any of them.
    #[must_use]
    pub fn broken(secret: BrokenSecret) -> Self {
        let scope = format!("broken {}", secret.secret).into();
        Self { chosen: Chosen::Broken(secret), scope, renewal: None }
    }

    /// The same, which was read at a time and can be read again.
    #[must_use]
    pub fn renewed_by(self, from: Arc<dyn Renewal>, read: Duration) -> Self {
        Self { renewal: Some(Renewing { from, read, now: Arc::default() }), ..self }
    }

    /// What caches are keyed by.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// Why nobody in particular asks, if so.
    #[must_use]
    pub fn why_anonymous(&self) -> Option<&Anonymous> {
        match &self.chosen {
            Chosen::Nobody(why) => Some(why),
            Chosen::Users(_) | Chosen::Broken(_) => None,
        }
    }

    /// The users that are tried, in order.
    #[must_use]
    pub fn to_try(&self) -> &[User] {
        match &self.chosen {
            Chosen::Users(users) => users,
            Chosen::Nobody(_) | Chosen::Broken(_) => &[],
        }
    }

    /// Whether no node can pull with the workload's secrets.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self.chosen, Chosen::Broken(_))
    }

    pub(super) fn chosen(&self) -> &Chosen {
        &self.chosen
    }

    /// Whether it was read again while it was used, and is another by now: what was answered since is for that one.
    #[must_use]
    pub fn is_renewed(&self) -> bool {
        self.latest_scope() != self.scope()
    }

    /// What the caches of what it was found to be are keyed by, when it was read again.
    #[must_use]
    pub fn latest_scope(&self) -> &str {
        self.latest().scope()
    }

    /// What it is now, read again after it was refused; `None` where it is the same, or not known.
    pub(crate) async fn renewed(&self) -> Option<Self> {
        let Renewing { from, read, now } = self.renewal.as_ref()?;
        let renewed = Arc::clone(from).renew(*read).await.filter(|renewed| renewed.scope != self.scope)?;
        Some(now.get_or_init(|| renewed).clone())
    }

    /// The same, or what it was found to be when it was read again: one look asks more than one question with it.
    pub(super) fn latest(&self) -> &Self {
        let mut latest = self;
        while let Some(now) = latest.renewal.as_ref().and_then(|renewing| renewing.now.get()) {
            latest = now;
        }
        latest
    }

    /// The pull secrets whose users are tried, in words.
    pub(super) fn secrets(&self) -> String {
        let mut named: Vec<String> =
            self.to_try().iter().filter_map(|user| Some(user.secret.as_ref()?.to_string())).collect();
        named.dedup();
        named.join(", then ")
    }
}

impl Default for Chosen {
    fn default() -> Self {
        Self::Nobody(Anonymous::default())
    }
}

/// Why there is no user to ask as, which is known for certain. It is shown as what somebody can do about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Anonymous {
    /// No pull secret is named.
    #[default]
    NoneNamed,
    /// Pull secrets are named, and none of them is for this host.
    OtherHosts,
    /// No pull secret is named, and those of the ServiceAccount may not be looked at.
    AccountNotAllowed(NamedAccount),
    /// A pull secret is named that is not there.
    NotThere(NamedSecret),
    /// A pull secret is named that we may not read.
    NotAllowed(NamedSecret),
    /// A pull secret is named that holds no user.
    NoUser(NamedSecret),
    /// The workload is read from a file, and no cluster's secrets are.
    OfFile,
}

/// The ServiceAccount of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedAccount {
    /// Where it is.
    pub namespace: Box<str>,
    /// What it is called.
    pub name: Box<str>,
}

/// A pull secret that can't be read, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenSecret {
    /// Which one.
    pub secret: NamedSecret,
    /// What is wrong with it, without anything that it holds.
    pub why: String,
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
    /// Name and password are longer than servers take, and are not shown.
    TooLong,
    /// It is not asked, as no node can pull with the workload's secrets.
    Broken(BrokenSecret),
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

impl fmt::Display for Anonymous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoneNamed => f.write_str("the workload names no imagePullSecret; give it one for this host"),
            Self::OtherHosts => f.write_str("none of the workload's imagePullSecrets has a user for this host"),
            Self::AccountNotAllowed(account) => write!(
                f,
                "the workload names no imagePullSecret, and those of {account} may not be looked at; allow it by \
                 rbac.pullSecrets of the chart or deploy/pull-secrets"
            ),
            Self::NotThere(secret) => write!(f, "{secret} is not there"),
            Self::OfFile => f.write_str(
                "the imagePullSecrets of a file are not read; name a user for this host in registries of the file that \
                 IMAGE_WATCHER_CONFIG names",
            ),
            Self::NotAllowed(secret) => {
                write!(f, "{secret} may not be read; allow it by rbac.pullSecrets of the chart or deploy/pull-secrets")
            }
            Self::NoUser(secret) => write!(
                f,
                "{secret} holds no user that can be read; a Secret of type kubernetes.io/dockerconfigjson is expected"
            ),
        }
    }
}

impl fmt::Display for NamedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the imagePullSecret {} in namespace {}", self.name, self.namespace)
    }
}

impl fmt::Display for NamedAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the ServiceAccount {} in namespace {}", self.name, self.namespace)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCredential => f.write_str("wants a credential, and is asked without one"),
            Self::Credential => f.write_str("refuses the credential in use"),
            Self::Forbidden => f.write_str("forbids this to the credential in use"),
            Self::ByTokenService => f.write_str("has a token service that refuses the credential in use"),
            Self::TooLong => write!(
                f,
                "is not shown the credential in use, as name and password are more than {LONGEST_USER} bytes, which few \
                 servers take"
            ),
            Self::Broken(BrokenSecret { secret, why }) => {
                write!(
                    f,
                    "is not asked: {secret} is broken ({why}), so no node can pull with any of the workload's; mend it"
                )
            }
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
