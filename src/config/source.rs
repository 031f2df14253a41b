//! A source of webhooks: its name in the path, what it speaks, how its sender is known, which hosts it speaks of.

mod entry;

use std::collections::BTreeMap;

use url::Url;

pub(super) use entry::{SourceEntry, sources};

use crate::domain::rotating::Rotating;
use crate::domain::secret::Secret;

/// `FromStr` and the documented word of a closed set.
macro_rules! kinds {
    ($(#[$doc:meta])* $type:ident { $($(#[$about:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $type { $($(#[$about])* $variant),+ }

        impl $type {
            /// All of them, with their words.
            pub const ALL: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),+];

            /// The one of this word.
            #[must_use]
            pub fn of(word: &str) -> Option<Self> {
                Self::ALL.iter().find(|(known, _)| *known == word).map(|(_, kind)| *kind)
            }

            /// Its word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

kinds! {
    /// The dialect that a source speaks.
    SourceKind {
        /// Docker Hub.
        DockerHub = "dockerhub",
        /// GitHub packages.
        GitHub = "github",
        /// Quay.
        Quay = "quay",
        /// Harbor, both of its formats.
        Harbor = "harbor",
        /// Azure Container Registry's own webhooks.
        Acr = "acr",
        /// Azure Container Registry through Event Grid.
        AcrEventGrid = "acr-eventgrid",
        /// GitLab's registry.
        GitLab = "gitlab",
        /// CNCF Distribution.
        Distribution = "distribution",
        /// Zot.
        Zot = "zot",
        /// Google Artifact Registry through Pub/Sub.
        Gar = "gar",
        /// Amazon ECR through EventBridge.
        Ecr = "ecr",
        /// JFrog Artifactory.
        Artifactory = "artifactory",
        /// Sonatype Nexus.
        Nexus = "nexus",
        /// Gitea.
        Gitea = "gitea",
        /// Forgejo.
        Forgejo = "forgejo",
        /// Alibaba Cloud Container Registry.
        Aliyun = "aliyun",
        /// Any sender of CloudEvents.
        CloudEvents = "cloudevents",
        /// Our own JSON, for CI jobs.
        Native = "native",
    }
}

kinds! {
    /// How the sender of a delivery is known.
    Scheme {
        /// The whole `Authorization` header is the secret.
        AuthorizationExact = "authorization-exact",
        /// `Authorization: Bearer …`.
        Bearer = "bearer",
        /// `Authorization: Basic …`; the secret is `user:password`.
        Basic = "basic",
        /// A header of one's own holds the secret.
        HeaderToken = "header-token",
        /// `?token=…`.
        QueryToken = "query-token",
        /// `/webhooks/{source}/{token}`.
        PathToken = "path-token",
        /// `X-Hub-Signature-256`.
        GitHubHmac = "github-hmac-sha256",
        /// `X-Gitea-Signature`.
        GiteaHmac = "gitea-hmac-sha256",
        /// `X-JFrog-Event-Auth`, as a signature.
        JfrogHmac = "jfrog-hmac-sha256",
        /// `X-JFrog-Event-Auth`, as the secret itself.
        JfrogPlain = "jfrog-plain",
        /// `X-Nexus-Webhook-Signature`.
        NexusHmac = "nexus-hmac-sha1",
        /// A token that Google signed for Pub/Sub's push.
        GoogleOidc = "google-oidc-jwt",
        /// Nobody is asked: for a listener that nobody else reaches.
        None = "none",
    }
}

impl SourceKind {
    /// How this sender can be known best.
    #[must_use]
    pub fn usual_scheme(self) -> Scheme {
        match self {
            Self::GitHub => Scheme::GitHubHmac,
            Self::Gitea | Self::Forgejo => Scheme::GiteaHmac,
            Self::Artifactory => Scheme::JfrogHmac,
            Self::Nexus => Scheme::NexusHmac,
            Self::Gar => Scheme::GoogleOidc,
            Self::Harbor | Self::Acr | Self::GitLab => Scheme::AuthorizationExact,
            Self::Distribution | Self::Native | Self::Zot => Scheme::Bearer,
            Self::Ecr | Self::CloudEvents => Scheme::HeaderToken,
            Self::DockerHub | Self::Quay | Self::Aliyun | Self::AcrEventGrid => Scheme::QueryToken,
        }
    }

    /// Whether these hosts can say which registry is meant, where its payload never does: one of Nexus names at least the
    /// repository, one of Zot nothing.
    #[must_use]
    pub fn is_placed_by(self, hosts: &Hosts) -> bool {
        let named = hosts.registry.is_some();
        match self {
            Self::Zot => named,
            Self::Nexus => named || !hosts.by_name.is_empty() || hosts.template.is_some(),
            _ => true,
        }
    }

    /// Whether a token may also stand in the query as `access_token`, as the web hooks of CloudEvents have it.
    #[must_use]
    pub fn takes_access_tokens(self) -> bool {
        matches!(self, Self::CloudEvents | Self::AcrEventGrid)
    }

    /// Whether its deliveries may come by GET, with the payload in the query.
    #[must_use]
    pub fn comes_by_get(self) -> bool {
        matches!(self, Self::Gitea | Self::Forgejo)
    }

    /// The registry that it speaks of, where that is always the same.
    #[must_use]
    pub fn known_host(self) -> Option<&'static str> {
        match self {
            Self::DockerHub => Some("docker.io"),
            Self::GitHub => Some("ghcr.io"),
            _ => None,
        }
    }
}

/// How the sender is checked, with what that takes.
#[derive(Clone, Debug)]
pub struct Auth {
    /// In which way.
    pub scheme: Scheme,
    /// Any of these is right, so that a secret can be changed without a gap.
    pub secrets: Rotating<Vec<Secret>>,
    /// The header of [`Scheme::HeaderToken`].
    pub header: String,
    /// What [`Scheme::GoogleOidc`] expects.
    pub token: Option<TokenRules>,
}

/// What a token has to say.
#[derive(Clone, Debug)]
pub struct TokenRules {
    /// `aud`: the subscription's audience, by default the push URL.
    pub audience: String,
    /// `email`: the service account that pushes. Anybody can make Google sign a token for our audience.
    pub email: String,
    /// `iss`, any of these.
    pub issuers: Vec<String>,
    /// Where the keys are.
    pub keys: KeySet,
}

/// A JSON Web Key Set.
#[derive(Clone, Debug)]
pub enum KeySet {
    /// Fetched, and kept for as long as its sender says.
    At(Url),
    /// Given.
    Given(String),
}

/// Where Google publishes its keys.
pub const GOOGLE_KEYS: &str = "https://www.googleapis.com/oauth2/v3/certs";
/// The two ways in which Google writes its name.
pub const GOOGLE_ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];

/// Which registry a payload means.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    /// Where the payload names none.
    pub registry: Option<String>,
    /// By the name that the payload uses: a Nexus repository, an Artifactory key, or a host that images don't use.
    pub by_name: BTreeMap<String, String>,
    /// `{repository}` (or `{repo_key}`, `{repo}`, as senders call it) stands for that name: `{repository}.example.com`,
    /// `example.com/{repository}`.
    pub template: Option<String>,
}

impl Hosts {
    /// The host for a name of the payload, if that is mapped.
    #[must_use]
    pub fn mapped(&self, name: &str) -> Option<String> {
        let templated = || {
            let words = ["{repository}", "{repo_key}", "{repo}"];
            Some(words.iter().fold(self.template.clone()?, |text, word| text.replace(word, name)))
        };
        self.by_name.get(name).cloned().or_else(templated)
    }

    /// The host that images use, for the one that the payload names, or for none.
    #[must_use]
    pub fn of(&self, named: Option<&str>) -> Option<String> {
        match named.filter(|host| !host.is_empty()) {
            Some(host) => Some(self.by_name.get(host).cloned().unwrap_or_else(|| host.to_owned())),
            None => self.registry.clone(),
        }
    }
}

/// How many deliveries are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In a second, over time.
    pub per_second: u32,
    /// At once.
    pub burst: u32,
}

/// A source of webhooks.
#[derive(Clone, Debug)]
pub struct Source {
    /// `POST /webhooks/{name}`.
    pub name: String,
    /// What it speaks.
    pub kind: SourceKind,
    /// How its sender is known.
    pub auth: Auth,
    /// Which registries it means.
    pub hosts: Hosts,
    /// How many deliveries it may send; none for any number.
    pub rate: Option<Rate>,
}

impl Source {
    /// A source that is known by a secret, in the way of its kind.
    #[must_use]
    pub fn usual(name: &str, kind: SourceKind, secret: Secret) -> Self {
        let auth =
            Auth { scheme: kind.usual_scheme(), secrets: vec![secret].into(), header: String::new(), token: None };
        Self { name: name.to_owned(), kind, auth, hosts: Hosts::default(), rate: None }
    }
}
