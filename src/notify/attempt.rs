//! How an attempt to deliver ends, and what each end is about: the message, the channel, or neither.

use chrono::{DateTime, Utc};

use crate::domain::redaction::redacted;
use crate::domain::undelivered::{Said, Undelivered};
use crate::outbound::OutboundError;
use crate::telemetry::chain;

/// How an attempt to deliver ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt<R = String> {
    /// The channel took it.
    Delivered,
    /// It may work later.
    Retry {
        /// Not before, if the channel said.
        at: Option<DateTime<Utc>>,
        /// What to tell people who look.
        reason: R,
    },
    /// The same of this message alone: the channel may well take others meanwhile.
    Later {
        /// What to tell people who look.
        reason: R,
    },
    /// The channel takes nothing more for a while, from nobody.
    Busy {
        /// Not before, if the channel said.
        at: Option<DateTime<Utc>>,
        /// What to tell people who look.
        reason: R,
    },
    /// The channel refuses us, whatever we send: a credential or an address has to be mended.
    Refused {
        /// What to tell people who look.
        reason: R,
    },
    /// The channel is gone for good.
    Gone {
        /// What to tell people who look.
        reason: R,
    },
    /// It does not take this message as it is written; it may take it as plain text.
    TooRich {
        /// What to tell people who look.
        reason: R,
    },
    /// It will never take this message.
    GaveUp {
        /// What to tell people who look.
        reason: R,
    },
    /// The same, and nothing was sent: so nothing shows of the channel.
    Unsent {
        /// What to tell people who look.
        reason: R,
    },
}

impl<R> Attempt<R> {
    fn map<S>(self, change: impl FnOnce(R) -> S) -> Attempt<S> {
        match self {
            Self::Delivered => Attempt::Delivered,
            Self::Retry { at, reason } => Attempt::Retry { at, reason: change(reason) },
            Self::Later { reason } => Attempt::Later { reason: change(reason) },
            Self::Busy { at, reason } => Attempt::Busy { at, reason: change(reason) },
            Self::Refused { reason } => Attempt::Refused { reason: change(reason) },
            Self::Gone { reason } => Attempt::Gone { reason: change(reason) },
            Self::TooRich { reason } => Attempt::TooRich { reason: change(reason) },
            Self::GaveUp { reason } => Attempt::GaveUp { reason: change(reason) },
            Self::Unsent { reason } => Attempt::Unsent { reason: change(reason) },
        }
    }
}

/// Why an attempt failed, before it may be reported: a stranger's words can hold what the stranger was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Ours, which holds no secret.
    pub ours: Undelivered,
    /// What the other side said.
    pub theirs: String,
}

impl Refusal {
    /// What is reported of it. The only way from a channel's answer to log and disk.
    pub(super) fn redacted(&self, secrets: &[&str]) -> String {
        let theirs = redacted(&self.theirs, secrets);
        if theirs.is_empty() { self.ours.to_string() } else { format!("{}: {theirs}", self.ours) }
    }
}

impl From<Undelivered> for Refusal {
    fn from(ours: Undelivered) -> Self {
        Self { ours, theirs: String::new() }
    }
}

impl From<Said> for Refusal {
    fn from(ours: Said) -> Self {
        Undelivered::from(ours).into()
    }
}

impl From<&OutboundError> for Refusal {
    fn from(error: &OutboundError) -> Self {
        let ours = match error {
            OutboundError::Blocked(host) => Undelivered::Blocked(host.clone()),
            OutboundError::Network { host, remedy, .. } => Undelivered::NoAnswer(host.clone(), *remedy),
            OutboundError::Certificate { host, remedy, .. } => Undelivered::Untrusted(Some(host.clone()), *remedy),
            OutboundError::Slow { host, deadline } => Undelivered::Slow(Some(host.clone()), deadline.as_secs()),
            OutboundError::Large { .. } | OutboundError::Tls(_) | OutboundError::Authorities(_) => {
                Undelivered::Other(error.to_string())
            }
        };
        Self { ours, theirs: behind(error) }
    }
}

/// What is behind an error: a library's words, or the other side's.
pub(super) fn behind(error: &dyn std::error::Error) -> String {
    error.source().map(|source| chain(source).to_string()).unwrap_or_default()
}

impl Attempt<Refusal> {
    pub(super) fn redacted(self, secrets: &[&str]) -> Attempt {
        self.map(|reason| reason.redacted(secrets))
    }
}
