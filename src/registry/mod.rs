//! 3 of 13 · in: Repository and credential · out: tags, digest
//!
//! The client of the OCI distribution API: authentication, complete tag lists, digests. It decides nothing.

mod admitted;
mod ask;
#[cfg(test)]
mod asked_little_tests;
#[cfg(test)]
mod behaviours;
mod beside;
mod breaker;
mod budget;
mod ceiling;
mod challenge;
mod client;
mod contents;
mod credential;
mod hearing;
mod host;
mod hosts;
mod image;
mod inspect;
mod inspected;
mod labels;
mod links;
mod list;
mod manifest;
mod moved;
mod moving;
mod own_words;
mod packages;
mod pages;
mod pushed;
mod questions;
mod refusals;
mod refused;
mod report;
mod seen;
mod shares;
#[cfg(test)]
mod snapshots;
mod speech;
#[cfg(test)]
mod tests;
mod token;
mod tries;
#[cfg(test)]
mod tries_tests;
mod turning;
mod unchanged;
mod ungrounded;
mod wire;
mod withheld;

use std::collections::BTreeMap;
use std::future::Future;

use chrono::{DateTime, Utc};

pub use beside::Beside;
pub use breaker::NO_ANSWER;
pub use breaker::{LastFailure, UNTRUSTED};
pub use challenge::{Led, leads};
pub use client::{HttpRegistry, RegistryConfig};
#[cfg(test)]
pub(crate) use credential::Appears;
pub use credential::{
    Anonymous, Asked, BrokenSecret, Credential, NamedAccount, NamedSecret, Refusal, Renewal, User, Whose,
};
pub use host::RegistryHost;
pub use labels::Labels;
pub use links::{Next, next as next_page};
pub use list::Tags;
pub use packages::Packages;
pub use pages::read_page;
pub use report::{BudgetReport, CeilingReport, RegistryReport};
pub use seen::PASSED_OVER;

pub use speech::Pushed;
pub use wire::Observer;

use crate::domain::policy::{Wanted, Withheld};
use crate::domain::preflight::Platform;
use crate::domain::preflight::image::Found;
use crate::domain::reference::{Digest, Repository, Tag};
use crate::domain::retry::RetryAfter;
use crate::outbound::OutboundError;
use crate::telemetry::chain;

/// Why a registry gave no complete answer. None of these is ever taken for «no newer version».
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The repository is not there, or not for this credential.
    #[error("{repository} is not known to its registry, or may not be read {asked}")]
    UnknownRepository {
        /// The repository that was asked for.
        repository: String,
        /// As whom.
        asked: Asked,
        /// What it was answered by: 404, or 401 where a token was no good.
        status: u16,
    },
    /// The registry wants a credential that we don't have, or refuses the one we have.
    #[error("{host} {refusal}{}{}", of(whose.as_deref()), quoted(said.as_deref()))]
    Unauthorized {
        /// The registry.
        host: String,
        /// What it said, or why the credential was not sent.
        refusal: Refusal,
        /// Where the credential is written that this is about, where one was to be shown.
        whose: Option<Box<Whose>>,
        /// What it said with that, as it may be shown.
        said: Option<Box<str>>,
    },
    /// It is not asked for a while.
    #[error("{host} {why}; it is asked again{}", at(*until))]
    Throttled {
        /// The registry.
        host: String,
        /// Why.
        why: Wait,
        /// Until when.
        until: Option<RetryAfter>,
    },
    /// It is refused, and was not a moment ago: that may end by itself, and is not told to people yet.
    #[error(transparent)]
    RefusedForNow(Box<RegistryError>),
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
    /// The host's address is a private one that the operator did not allow. The same question is not asked again.
    #[error(
        "{host} has no address that may be reached: private addresses are reached only at hosts that the file's list registries \
         names with private: true, or, for plain http, that IMAGE_WATCHER_PLAIN_HTTP names with their port"
    )]
    Blocked {
        /// The host, with its port: the registry, its token service, or where its blobs are.
        host: String,
    },
    /// The host gave no answers several times in a row, and is not asked now.
    #[error("{}, and is left alone until {} UTC", left_alone(host, last.as_ref()), until.format("%H:%M:%S"))]
    LeftAlone {
        /// The host: the registry, its token service, or where its blobs are.
        host: String,
        /// When one request may try again.
        until: DateTime<Utc>,
        /// How the last one failed, where that is known.
        last: Option<LastFailure>,
    },
    /// More tags than can be held could be taken.
    #[error(
        "the tags of {repository} that could be taken are more than the {most} bytes that are held of a list: make image-watcher/tag-policy narrower"
    )]
    TooManyTags {
        /// The repository.
        repository: String,
        /// How much is held of one list.
        most: usize,
    },
    /// An answer with another status than those of an answer.
    #[error("{host} gives no usable answer to {operation}: status {status}")]
    Status {
        /// The registry.
        host: String,
        /// What was asked.
        operation: &'static str,
        /// What it answers.
        status: u16,
    },
    /// An answer that is none: rubbish, over a bound.
    #[error("{host} gives no usable answer to {operation}: {reason}")]
    Unusable {
        /// The registry.
        host: String,
        /// What was asked.
        operation: &'static str,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The registry lists a version, and refuses it to whom it gave the list, as one that a scanner found something in.
    #[error("{host} lists {}, and refuses it: {}", withheld.tag, withheld.refused)]
    Withheld {
        /// The registry.
        host: String,
        /// Which, and how.
        withheld: Withheld,
    },
    /// The registry does not know the question, and will not tomorrow.
    #[error("{host} does not answer {operation}: status {status}")]
    NotSupported {
        /// The registry.
        host: String,
        /// What was asked.
        operation: &'static str,
        /// The status of its answer.
        status: u16,
    },
}

/// Why a registry is not asked for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It asked for it.
    Asked,
    /// It said that it is not there for now, and asked for it.
    Unavailable,
    /// It says that little is left, which is for those who pull.
    LittleLeft,
    /// The operator's ceiling.
    Ceiling,
}

impl Wait {
    /// The word for it in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Unavailable => "unavailable",
            Self::LittleLeft => "little_left",
            Self::Ceiling => "ceiling",
        }
    }
}

impl std::fmt::Display for Wait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Asked => "answers 429 and asks to wait",
            Self::Unavailable => "answers 503 and asks to wait",
            Self::LittleLeft => "has few requests left, which are kept for pulls",
            Self::Ceiling => "was asked as often in a minute as its requestsPerMinute allows",
        })
    }
}

fn at(until: Option<RetryAfter>) -> String {
    until.map_or_else(|| " later".to_owned(), |until| format!(" at {} UTC", until.moment().format("%H:%M:%S")))
}

fn of(whose: Option<&Whose>) -> String {
    whose.map(|whose| format!(" ({whose})")).unwrap_or_default()
}

/// A registry's own words behind ours.
fn quoted(said: Option<&str>) -> String {
    said.map(|said| format!(", and says «{said}»")).unwrap_or_default()
}

/// Why a host is left alone: the last cause stands beside the pause.
fn left_alone(host: &str, last: Option<&LastFailure>) -> String {
    match last {
        Some(LastFailure::Untrusted(said)) => format!("{host} is not trusted: {said}"),
        Some(LastFailure::NoAnswer(said)) => format!("{host} gave no answer several times in a row ({said})"),
        None => format!("{host} gave no answer several times in a row"),
    }
}

/// Whether there was an answer with a certificate that is not trusted.
fn is_untrusted(source: &(dyn std::error::Error + 'static)) -> bool {
    matches!(source.downcast_ref::<OutboundError>(), Some(OutboundError::Certificate { .. }))
}

impl RegistryError {
    fn throttled(host: &str, until: DateTime<Utc>, why: Wait) -> Self {
        Self::Throttled { host: host.to_owned(), why, until: Some(RetryAfter::at(until)) }
    }

    /// Whether the same question may get an answer later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        !matches!(
            self,
            Self::UnknownRepository { .. }
                | Self::Unauthorized { .. }
                | Self::TooManyTags { .. }
                | Self::Blocked { .. }
        )
    }

    /// The same refusal with a registry's words, where only another answer of it had any.
    fn saying_as(self, other: Self) -> Self {
        match (self, other) {
            (Self::RefusedForNow(own), other) => Self::RefusedForNow(Box::new(own.saying_as(other))),
            (own, Self::RefusedForNow(other)) => own.saying_as(*other),
            (
                Self::Unauthorized { host, refusal, whose, said: None },
                Self::Unauthorized { refusal: same, said, .. },
            ) if same == refusal => Self::Unauthorized { host, refusal, whose, said },
            (own, _) => own,
        }
    }

    /// The error and its causes, for whoever asked so: where it is about the credential and none was shown, why.
    #[must_use]
    pub fn told_to(&self, credential: &Credential) -> String {
        if let Self::RefusedForNow(error) = self {
            return error.told_to(credential);
        }
        let text = chain(self);
        let is_refused = matches!(self, Self::Unauthorized { refusal, .. } if !matches!(refusal, Refusal::Broken(_)));
        let is_said =
            matches!(self, Self::Unauthorized { whose: Some(_), .. }) && !credential.secrets().contains(", then ");
        match (self, credential.why_anonymous()) {
            (Self::Unauthorized { refusal: Refusal::NoCredential, .. }, Some(why)) => format!("{text}: {why}"),
            (Self::UnknownRepository { asked: Asked::AsNobody, .. }, Some(why)) if *why != Anonymous::NoneNamed => {
                format!("{text}: {why}")
            }
            (_, None) if is_refused && !is_said && !credential.secrets().is_empty() => {
                format!("{text}; tried: {}", credential.secrets())
            }
            _ => text.to_string(),
        }
    }

    /// The word for it in metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UnknownRepository { .. } => "unknown_repository",
            Self::Unauthorized { .. } => "unauthorized",
            Self::RefusedForNow(error) => error.reason(),
            Self::Throttled { .. } => "throttled",
            Self::Unreachable { source, .. } if is_untrusted(&**source) => UNTRUSTED,
            Self::Unreachable { .. } => "unreachable",
            Self::Blocked { .. } => "blocked",
            Self::LeftAlone { last: Some(LastFailure::Untrusted(_)), .. } => UNTRUSTED,
            Self::LeftAlone { .. } => "left_alone",
            Self::TooManyTags { .. } => "too_many_tags",
            Self::Withheld { .. } => "withheld",
            Self::Status { .. } | Self::Unusable { .. } | Self::NotSupported { .. } => "unusable",
        }
    }
}

/// How much of an image is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extent {
    /// All of it: every blob is asked for.
    Whole,
    /// What manifest and configuration say.
    Described,
}

/// A registry, as far as a decision needs it.
pub trait Registry: Send + Sync + 'static {
    /// The tags of a repository that are wanted, from a complete list: every page was read, or it is an error. Tags
    /// outside the OCI grammar are left out.
    ///
    /// Whoever holds the answer holds room that others may wait for: let it go before the next list is asked for.
    fn tags(
        &self,
        repository: &Repository,
        credential: &Credential,
        wanted: &Wanted,
    ) -> impl Future<Output = Result<Tags, RegistryError>> + Send;

    /// What a tag points to now; `None` when the tag is not there.
    fn digest(
        &self,
        repository: &Repository,
        tag: &Tag,
        credential: &Credential,
    ) -> impl Future<Output = Result<Option<Digest>, RegistryError>> + Send;

    /// When a tag was pushed last, by the registry's own clock, where it says so. Not knowing it is no failure.
    fn pushed(
        &self,
        _repository: &Repository,
        _tag: &Tag,
        _credential: &Credential,
    ) -> impl Future<Output = Option<Pushed>> + Send {
        std::future::ready(None)
    }

    /// When all of these tags were pushed last, where the registry says it of each of them; `None` where it does not.
    ///
    /// # Errors
    /// [`RegistryError`] when there is no answer now.
    fn push_times(
        &self,
        _repository: &Repository,
        _tags: &[Tag],
        _credential: &Credential,
    ) -> impl Future<Output = Result<Option<BTreeMap<String, DateTime<Utc>>>, RegistryError>> + Send {
        std::future::ready(Ok(None))
    }

    /// What an image says about itself: annotations of its index, of the index's entry and of its manifest, labels of
    /// its configuration. Strangers' text. `None` when the digest is not there.
    fn labels(
        &self,
        repository: &Repository,
        digest: &Digest,
        credential: &Credential,
    ) -> impl Future<Output = Result<Option<Labels>, RegistryError>> + Send;

    /// Whether a repository is there for whoever asks, without a look at what is in it. What is no registry, as in a test,
    /// has each.
    ///
    /// # Errors
    /// [`RegistryError::UnknownRepository`] where it is not; or there is no answer.
    fn is_known(
        &self,
        _repository: &Repository,
        _credential: &Credential,
    ) -> impl Future<Output = Result<(), RegistryError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Whether a digest is there now, whatever was read of it before.
    fn has(
        &self,
        repository: &Repository,
        digest: &Digest,
        credential: &Credential,
    ) -> impl Future<Output = Result<bool, RegistryError>> + Send
    where
        Self: Sync,
    {
        async move { Ok(self.labels(repository, digest, credential).await?.is_some()) }
    }

    /// What stands behind a digest: the images that nodes of these platforms would run, or, where none is named, the usual
    /// one.
    fn image(
        &self,
        repository: &Repository,
        digest: &Digest,
        platforms: &[Platform],
        extent: Extent,
        credential: &Credential,
    ) -> impl Future<Output = Result<Found, RegistryError>> + Send;
}
