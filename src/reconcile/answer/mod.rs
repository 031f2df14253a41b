//! A link is opened, or answered. Opening reads; only an answer writes, and the workload itself is the lock.

mod approve;
mod asked;
mod find;
mod go_back;
mod skip;

use std::sync::Arc;

use chrono::{DateTime, Utc};

pub use asked::Asked;
pub(crate) use asked::masked;
use find::Found;

use super::brake::Resuming;
use super::{Reconciler, StepError, Target};
use crate::cluster::{Cluster, ClusterError};
use crate::domain::actor::Actor;
use crate::domain::approval::{Allows, Token};
use crate::domain::event::Job;
use crate::domain::history::{Choice, Entry};
use crate::domain::record::Closed;
use crate::domain::reference::{ImageReference, Tag};
use crate::domain::refusal::Refusal;
use crate::queue::{NewJob, Queue, Records, Urgency};
use crate::registry::Registry;
use crate::telemetry::chain;
use crate::telemetry::metrics::ApprovalResult;

/// How often an answer is tried against a workload that is written to at the same time.
const ATTEMPTS: usize = 4;

/// What a person can say to a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Yes.
    Approve,
    /// Yes, and now, whatever the window says.
    ApproveOutsideWindow,
    /// Not this version.
    Skip,
    /// Ask again later.
    Snooze,
    /// Go back to what ran before.
    Rollback,
    /// Apply what is held.
    Resume,
}

impl Action {
    /// Reads the form field; nothing is ever taken for «approve» but that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "approve" => Some(Self::Approve),
            "skip" => Some(Self::Skip),
            "snooze" => Some(Self::Snooze),
            "rollback" => Some(Self::Rollback),
            "resume" => Some(Self::Resume),
            _ => None,
        }
    }

    /// The word in the form, in metrics and in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::ApproveOutsideWindow => "approve_outside_window",
            Self::Skip => "skip",
            Self::Snooze => "snooze",
            Self::Rollback => "rollback",
            Self::Resume => "resume",
        }
    }
}

/// The state of a link, or what an answer to it came to.
#[derive(Clone, Debug)]
pub enum Answer {
    /// No such link, or not the right signature: the two can't be told apart.
    Unknown,
    /// It can be answered.
    Open(Box<Asked>),
    /// It was approved, now or before.
    Approved(Box<Entry>),
    /// It was answered with «not this version», now or before.
    Skipped(Box<Entry>),
    /// What was set back may be applied again: it was answered so, now or before.
    Resumed(Box<Entry>),
    /// It went back to what ran before: it was answered so, now or before.
    WentBack(Box<Entry>),
    /// It is put off, and can still be answered.
    Snoozed(Box<Asked>, DateTime<Utc>),
    /// Too late.
    Expired(Box<Asked>),
    /// Another proposal took its place.
    Superseded {
        /// The version that this link was about.
        version: Tag,
        /// The version that was proposed last.
        newer: Tag,
        /// Whether that one can be answered still.
        is_open: bool,
    },
    /// It would not be asked today. What it is about may be allowed again while it is valid.
    Refused(Box<Asked>, Refusal),
    /// The tag points to another manifest than the one that was shown.
    Moved(Box<Asked>),
    /// The workload is not what it was when people were asked.
    Changed(Box<Asked>),
    /// There is nothing to ask any more.
    Over(Box<Asked>, Closed),
    /// A link of this kind doesn't allow the action.
    NotAllowed(Box<Asked>),
    /// The API server refuses what was to be written; what it said.
    NotWritten(Box<Asked>, String),
    /// Registry or API server can't be asked now; the link is as good as before.
    Later(Box<Asked>),
    /// Automatic updates are stopped everywhere, and this link is about that.
    Resuming(Box<Resuming>),
    /// What is known of it can't be read now.
    Unread,
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// What a link is about. Changes nothing.
    pub async fn asked(&self, token: &Token) -> Answer {
        if let Some(resuming) = self.asked_to_resume(token).await {
            return Answer::Resuming(Box::new(resuming));
        }
        match self.find(token).await {
            Ok(None) => Answer::Unknown,
            Ok(Some(Found::Answered(answer))) => answer,
            Ok(Some(Found::Superseded { version, newer, is_open })) => Answer::Superseded { version, newer, is_open },
            Ok(Some(Found::Current { asked, question, draft })) => self.state(*asked, &question, &draft),
            Err(error) => {
                tracing::warn!(approval = %token.approval(), error = %chain(&error), "what is known of this link can't be read now");
                Answer::Unread
            }
        }
    }

    /// Answers a link. What it allows is done at most once, whoever else presses at the same time.
    pub async fn answer(&self, token: &Token, action: Action, trace: &str) -> Answer {
        self.answer_to(token, action, None, trace).await
    }

    /// The same, with the version that was chosen where it is to go back.
    pub async fn answer_to(&self, token: &Token, action: Action, to: Option<&Choice>, trace: &str) -> Answer {
        let (answer, about) = self.answered(token, (action, to), trace).await;
        let labels = ApprovalResult { action: action.as_str().into(), result: word(&answer).into() };
        self.0.metrics.approvals.get_or_create(&labels).inc();
        let (action, outcome) = (action.as_str(), word(&answer));
        if let Some(asked) = about {
            let (workload, container, by) = (&asked.workload.id, &asked.approval.container, masked(&asked.holder));
            tracing::info!(approval = %token.approval(), %workload, container, by, action, outcome, "a link was answered");
        } else {
            tracing::info!(approval = %token.approval(), action, outcome, "a link was answered");
        }
        answer
    }

    /// Carries the answer out, again while the question is still open but its record was written to meanwhile. Says too
    /// what the link is about, where that is known.
    async fn answered(
        &self,
        token: &Token,
        (action, to): (Action, Option<&Choice>),
        trace: &str,
    ) -> (Answer, Option<Box<Asked>>) {
        if let Some(resuming) = self.asked_to_resume(token).await {
            return (self.resuming(resuming, action, trace).await, None);
        }
        let mut last = (Answer::Unknown, None);
        for _ in 0..ATTEMPTS {
            let Ok(Some(Found::Current { asked, question, draft })) = self.find(token).await else {
                return (self.asked(token).await, None);
            };
            match self.state(Asked::clone(&asked), &question, &draft) {
                Answer::Open(_) | Answer::Snoozed(..) => {}
                other => return (other, Some(asked)),
            }
            let is_to_wait = action == Action::Approve && question.terms.allows == Allows::Update;
            if let Some(until) = asked.window_opens.filter(|_| is_to_wait) {
                return (Answer::Refused(asked.clone(), Refusal::OutsideWindow(until)), Some(asked));
            }
            let done = match (action, question.terms.allows) {
                (Action::Approve | Action::ApproveOutsideWindow, Allows::Update) => {
                    self.approve(&asked, *draft, trace).await
                }
                (Action::Skip, Allows::Update) => self.skip(&asked, *draft, trace).await,
                (Action::Snooze, Allows::Update) => self.snooze(&asked, *draft).await,
                (Action::Resume, Allows::Held) => self.resume(&asked, *draft, trace).await,
                (Action::Rollback, Allows::Back) => self.back(&asked, *draft, to, trace).await,
                _ => return (Answer::NotAllowed(asked.clone()), Some(asked)),
            };
            match done {
                Ok(answer) => return (answer, Some(asked)),
                Err(StepError::Cluster(ClusterError::Conflict { .. } | ClusterError::Gone(_))) => {}
                Err(StepError::Cluster(ClusterError::Rejected { rejection, .. })) if rejection.is_final() => {
                    let sentence = rejection.sentence;
                    tracing::warn!(approval = %token.approval(), reason = sentence, "the API server refuses what was answered; the link stays valid");
                    return (Answer::NotWritten(asked.clone(), sentence), Some(asked));
                }
                Err(error) => {
                    tracing::warn!(approval = %token.approval(), error = %chain(&error), "the answer could not be carried out now; the link stays valid");
                    return (Answer::Later(asked.clone()), Some(asked));
                }
            }
            last = (Answer::Later(asked.clone()), Some(asked));
        }
        match self.asked(token).await {
            Answer::Open(_) | Answer::Snoozed(..) => last,
            // Somebody else was faster: what they made of it is the answer.
            other => (other, last.1),
        }
    }

    /// Releases the brake, where that is what is pressed.
    async fn resuming(&self, resuming: Resuming, action: Action, trace: &str) -> Answer {
        let (Resuming::Open(asked), Action::Resume) = (&resuming, action) else {
            return Answer::Resuming(Box::new(resuming));
        };
        match self.resume_updates(Actor::holder(&masked(&asked.holder)), trace).await {
            Ok(Some(release)) => Answer::Resuming(Box::new(Resuming::Done(release))),
            Ok(None) => Answer::Unknown,
            Err(error) => {
                tracing::warn!(error = %chain(&error), "automatic updates stay stopped, as it can't be remembered that they are resumed; the link stays valid");
                Answer::Unread
            }
        }
    }

    pub(super) async fn target(&self, asked: &Asked, from: &ImageReference) -> Target {
        let repository = from.repository().clone();
        let credential = self.0.cluster.credential(&asked.workload, &repository).await.map_err(Arc::new);
        Target {
            workload: Arc::clone(&asked.workload),
            container: asked.approval.container.clone(),
            repository,
            credential,
            digests: None,
        }
    }

    async fn look_soon(&self, target: &Target, trace: &str) -> Result<(), StepError> {
        let now = self.0.ambient.now();
        let job = NewJob {
            job: Job::Look(target.repository.clone()),
            trace: trace.to_owned(),
            not_before: now,
            urgency: Urgency::Prompt,
        };
        self.0.queue.put(vec![job]).await?;
        Ok(())
    }

    /// The same after an answer was written, which no failure takes back.
    async fn look_after(&self, target: &Target, trace: &str) {
        if let Err(error) = self.look_soon(target, trace).await {
            tracing::warn!(repository = %target.repository, error = %chain(&error), "the answer is written; what follows from it waits for the next look");
        }
    }
}

fn decided(answer: crate::domain::record::Answer, entry: Box<Entry>) -> Answer {
    use crate::domain::record::Answer as Given;
    match answer {
        Given::Approved => Answer::Approved(entry),
        Given::Skipped => Answer::Skipped(entry),
        Given::Resumed => Answer::Resumed(entry),
        Given::WentBack => Answer::WentBack(entry),
    }
}

fn word(answer: &Answer) -> &'static str {
    match answer {
        Answer::Unknown => "unknown",
        Answer::Open(_) => "open",
        Answer::Approved(_) => "approved",
        Answer::Skipped(_) => "skipped",
        Answer::Resumed(_) => "resumed",
        Answer::WentBack(_) => "went_back",
        Answer::Snoozed(..) => "snoozed",
        Answer::Expired(_) => "expired",
        Answer::Superseded { .. } => "superseded",
        Answer::Refused(..) => "refused",
        Answer::Moved(_) => "moved",
        Answer::Changed(_) => "changed",
        Answer::Over(..) => "over",
        Answer::NotAllowed(_) => "not_allowed",
        Answer::NotWritten(..) => "not_written",
        Answer::Later(_) => "later",
        Answer::Resuming(resuming) => match **resuming {
            Resuming::Open(_) => "open",
            Resuming::Expired(_) => "expired",
            Resuming::Done(_) => "resumed",
        },
        Answer::Unread => "unread",
    }
}
