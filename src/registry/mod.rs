//! 3 of 9 · in: Repository and credential · out: tags, digest
//!
//! The client of the OCI distribution API: authentication, complete tag lists, digests. It decides nothing.

mod challenge;
mod client;
mod labels;
mod pages;
mod token;

use std::future::Future;

pub use client::{HttpRegistry, Observer, RegistryConfig};
pub use labels::Labels;

use crate::domain::reference::{Digest, Repository, Tag};
use crate::domain::secret::Secret;
use crate::domain::tags::TagList;

/// Who asks a registry. Everything that is cached is keyed by it, so that no tenant reads through another's.
#[derive(Clone, Debug, Default)]
pub enum Credential {
    /// Nobody in particular.
    #[default]
    Anonymous,
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

impl Credential {
    /// What caches are keyed by.
    #[must_use]
    pub fn scope(&self) -> &str {
        match self {
            Self::Anonymous => "",
            Self::User { scope, .. } => scope,
        }
    }
}

/// Why a registry gave no complete answer. None of these is ever taken for «no newer version».
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The repository is not there, or not for this credential.
    #[error("{repository} is not known to its registry, or not to be read with the credential in use")]
    UnknownRepository {
        /// The repository that was asked for.
        repository: String,
    },
    /// The registry wants a credential that we don't have, or refuses the one we have.
    #[error("{host} refuses the credential in use: {reason}")]
    Unauthorized {
        /// The registry.
        host: String,
        /// What it said, or why the credential was not sent.
        reason: String,
    },
    /// The registry asks to wait.
    #[error("{host} answers 429 and asks to wait")]
    Throttled {
        /// The registry.
        host: String,
        /// Until when, if it said.
        until: Option<crate::domain::retry::RetryAfter>,
    },
    /// No answer, or half of one.
    #[error("{host} can't be reached ({operation})")]
    Unreachable {
        /// The registry.
        host: String,
        /// What was asked.
        operation: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An answer that is none: another status, rubbish, over a bound.
    #[error("{host} gives no usable answer to {operation}: {reason}")]
    Unusable {
        /// The registry.
        host: String,
        /// What was asked.
        operation: &'static str,
        /// What is wrong with the answer.
        reason: String,
    },
}

impl RegistryError {
    /// Whether the same question may get an answer later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::UnknownRepository { .. } | Self::Unauthorized { .. })
    }

    /// The word for it in metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UnknownRepository { .. } => "unknown_repository",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Throttled { .. } => "throttled",
            Self::Unreachable { .. } => "unreachable",
            Self::Unusable { .. } => "unusable",
        }
    }
}

/// A registry, as far as a decision needs it.
pub trait Registry: Send + Sync + 'static {
    /// All tags of a repository: every page, or an error. Tags outside the OCI grammar are left out.
    fn tags(
        &self,
        repository: &Repository,
        credential: &Credential,
    ) -> impl Future<Output = Result<TagList, RegistryError>> + Send;

    /// What a tag points to now; `None` when the tag is not there.
    fn digest(
        &self,
        repository: &Repository,
        tag: &Tag,
        credential: &Credential,
    ) -> impl Future<Output = Result<Option<Digest>, RegistryError>> + Send;

    /// What an image says about itself: annotations of its index, of the index's entry and of its manifest, labels of
    /// its configuration. Strangers' text. `None` when the digest is not there.
    fn labels(
        &self,
        repository: &Repository,
        digest: &Digest,
        credential: &Credential,
    ) -> impl Future<Output = Result<Option<Labels>, RegistryError>> + Send;
}
