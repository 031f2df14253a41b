//! Why the cluster did not do, or tell, what it was asked.

use std::sync::Arc;

use super::{Rejection, RejectionReason, Scope};
use crate::domain::workload::{Workload, WorkloadPatch};

/// Why a write to a workload, or a read of what belongs to it, did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Something else was faster: what the decision was made on is no longer so. Decide again.
    #[error("{workload} was changed meanwhile")]
    Conflict {
        /// The workload.
        workload: String,
        /// What it is now, when that was seen.
        now: Option<Box<Workload>>,
    },
    /// The object is gone, or another one has its name.
    #[error("{0} is gone")]
    Gone(String),
    /// The API server understood what was asked, and does not do it.
    #[error("the API server refuses to change {workload}: {rejection}")]
    Rejected {
        /// The workload.
        workload: String,
        /// Why.
        rejection: Rejection,
    },
    /// Our rights don't go so far.
    #[error("no right to {verb} {workload}: {message}; bind the Role of deploy/namespace in that namespace")]
    Forbidden {
        /// What was tried.
        verb: &'static str,
        /// On what.
        workload: String,
        /// What the API server said.
        message: String,
    },
    /// Our rights don't go so far as to list a scope.
    #[error("no right to list {scope}: {message}; bind the Role of deploy/namespace in that namespace")]
    Unlistable {
        /// What was to be listed.
        scope: Scope,
        /// What the API server said.
        message: String,
    },
    /// Our rights don't go so far as to read Namespaces.
    #[error("no right to read Namespaces: {message}; grant it by deploy/namespaces")]
    NamespacesUnlistable {
        /// What the API server said.
        message: String,
    },
    /// Whether a pull secret holds a user is not known, so nobody is asked without it.
    #[error(
        "the imagePullSecret {name} in namespace {namespace} can't be read now, and the registry is not asked without it"
    )]
    SecretUnknown {
        /// Where it is.
        namespace: String,
        /// What it is called.
        name: String,
        /// Why.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// Which pull secrets a ServiceAccount has is not known, so nobody is asked without them.
    #[error(
        "the ServiceAccount {name} in namespace {namespace} can't be read now, and the registry is not asked without its imagePullSecrets"
    )]
    AccountUnknown {
        /// Where it is.
        namespace: String,
        /// What it is called.
        name: String,
        /// Why.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// Nothing is to be written.
    #[error("{0} is not written: this is a dry run")]
    DryRun(String),
    /// The API server was reached, and takes nobody with this token or certificate.
    #[error(
        "the API server does not know who asks ({operation}): the token or certificate is expired, or another cluster's"
    )]
    Unauthorized {
        /// What was tried.
        operation: &'static str,
        /// What it says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No answer, or one that says nothing about what happened; looked at again, it has not happened.
    #[error("the API server can't be reached ({operation})")]
    Unavailable {
        /// What was tried.
        operation: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ClusterError {
    /// The word for it, by which failures are told of as one.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "conflict",
            Self::Gone(_) => "gone",
            Self::DryRun(_) => "dry_run",
            Self::Rejected { rejection, .. } => rejection.reason.as_str(),
            Self::Forbidden { .. } => "forbidden",
            Self::Unlistable { .. } | Self::NamespacesUnlistable { .. } => "unlistable",
            Self::Unavailable { .. } => "unavailable",
            Self::Unauthorized { .. } => "unauthorized",
            Self::SecretUnknown { .. } => "secret_unknown",
            Self::AccountUnknown { .. } => "account_unknown",
        }
    }

    /// Whether the write that it is about may have been done all the same, or may still be.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Rejected { rejection, .. } => rejection.reason.may_have_happened(),
            _ => false,
        }
    }

    /// What an API server answered to a write, or to its dry run, as far as it has the images that were asked for.
    ///
    /// # Errors
    /// [`ClusterError::Rejected`] where admission made another image of one.
    pub fn unless_admitted(patch: &WorkloadPatch, now: &Workload) -> Result<(), Self> {
        match patch.not_admitted(now) {
            None => Ok(()),
            Some(sentence) => {
                Err(Self::Rejected { workload: patch.id.to_string(), rejection: Rejection::changed(sentence) })
            }
        }
    }

    /// Whether the write that it is about was done, but for the image.
    #[must_use]
    pub fn was_changed(&self) -> bool {
        matches!(self, Self::Rejected { rejection, .. } if rejection.reason == RejectionReason::Changed)
    }

    /// Whether the same write comes to the same until the workload or what is written of it changes.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Rejected { rejection, .. } if rejection.is_final())
    }
}
