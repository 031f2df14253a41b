//! A link is opened, or answered. Opening reads; only an answer writes, and the workload itself is the lock.

mod applied;
mod approve;
mod asked;
mod chat;
mod find;
mod go_back;
mod list;
mod may;
mod press;
mod renew;
mod renew_list;
mod shown;
mod skip;
mod successor;

use std::sync::Arc;

use chrono::{DateTime, Utc};

pub use applied::Applied;
pub use asked::Asked;
use find::Found;
pub use list::{Line, Lines, OpenedList};
pub use press::Press;
pub(super) use renew::Renewals;
pub use renew_list::RenewedList;
pub use shown::{NotShown, Shown};
pub use successor::{About, Answerable, Successor};

use crate::cluster::{Cluster, ClusterError};
use crate::domain::actor::{Person, SignedIn};
use crate::domain::answer::Action;
use crate::domain::approval::Token;
use crate::domain::history::Entry;
use crate::domain::record::{Answered, Closed, Question, Record};
use crate::domain::reference::{ImageReference, Tag};
use crate::domain::refusal::Refusal;
use crate::domain::request::Request;
use crate::domain::workload::Workload;
use crate::queue::{Queue, Records};
use crate::reconcile::draft::{Draft, Work};
use crate::reconcile::fleet::brake::{ResumeError, Resuming};
use crate::reconcile::{Reconciler, StepError, Target};
use crate::registry::Registry;
use crate::telemetry::chain;
use crate::telemetry::metrics::ApprovalResult;

/// How often an answer is tried against a workload that is written to at the same time.
const ATTEMPTS: usize = 12;

/// The state of a link, or what an answer to it came to.
#[derive(Clone, Debug)]
pub enum Answer {
    /// No such link, or not the right signature: the two can't be told apart.
    Unknown,
    /// It can be answered.
    Open(Box<Asked>),
    /// This approval counts, or did already where `is_again`, and others have to approve, too.
    Voted {
        /// What it is about, with who approved.
        asked: Box<Asked>,
        /// Whether the same person had approved before.
        is_again: bool,
    },
    /// What has to be read first was not said to be read.
    Unconfirmed(Box<Asked>),
    /// Who signed in may not change the workload, says the cluster.
    Forbidden(Box<Asked>),
    /// It was too late, and a new link is on its way to whom this one was sent.
    Renewed(Box<Asked>),
    /// The same a moment ago.
    RenewedLately(Box<Asked>),
    /// It was approved, now or before.
    Approved(Box<Applied>),
    /// It was answered with «not this version», now or before.
    Skipped(Box<Entry>),
    /// What was set back may be applied again: it was answered so, now or before.
    Resumed(Box<Entry>),
    /// It went back to what ran before: it was answered so, now or before.
    WentBack(Box<Applied>),
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
        /// How that is about something else, and whether it can be answered.
        by: Successor,
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
    /// The workload is written to again and again at this moment; the link is as good as before.
    Busy(Box<Asked>),
    /// Automatic updates are stopped everywhere, and this link is about that.
    Resuming(Box<Resuming>),
    /// What is known of it can't be read now.
    Unread,
}

/// What became of a link that somebody pressed.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The state of the link then.
    pub answer: Answer,
    /// Whether this press made it so, and not one before it or at the same time.
    pub is_own: bool,
}

impl Settled {
    fn before(answer: Answer) -> Self {
        Self { answer, is_own: false }
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// What a link is about, for whoever signed in. Changes nothing.
    pub async fn asked_by(&self, token: &Token, by: Option<&SignedIn>) -> Answer {
        self.opened(token, by).await.0
    }

    /// The same, with who holds the link (`channel:address`), whatever became of what it is about; nobody where its signature is
    /// not right, or can't be looked at now.
    pub async fn opened(&self, token: &Token, by: Option<&SignedIn>) -> (Answer, Option<String>) {
        if let Some((resuming, holder)) = self.opened_to_resume(token).await {
            return (Answer::Resuming(Box::new(resuming)), Some(holder));
        }
        match self.find_held(token, by).await {
            Ok(None) => (Answer::Unknown, None),
            Ok(Some((holder, found))) => (self.answer_of(found), Some(holder)),
            Err(error) => {
                tracing::warn!(approval = %token.approval(), error = %chain(&error), "what is known of this link can't be read now");
                (Answer::Unread, None)
            }
        }
    }

    fn answer_of(&self, found: Found) -> Answer {
        match found {
            Found::Answered(answer) => answer,
            Found::Superseded { version, newer, by } => Answer::Superseded { version, newer, by },
            Found::Current { asked, question, draft } => self.state(*asked, &question, &draft),
        }
    }

    /// Answers a link. What it allows is done at most once, whoever else presses at the same time.
    pub async fn answer_to(&self, token: &Token, press: &Press, trace: &str) -> Answer {
        self.settle(token, press, trace).await.answer
    }

    /// The same, with whether this press did it.
    pub async fn settle(&self, token: &Token, press: &Press, trace: &str) -> Settled {
        let (settled, about) = self.answered(token, press, trace).await;
        let answer = &settled.answer;
        let (action, outcome) = (press.action.as_str(), word(answer));
        self.count_answer(action, outcome);
        if let Some(asked) = about {
            if settled.is_own && is_answered(answer) {
                self.waited(outcome, &asked.approval.id);
                self.shows_answer(&asked, answer);
            }
            let (workload, container) = (&asked.workload.id, &asked.approval.container);
            let by = match answer {
                Answer::Approved(applied) => applied.entry.by.clone(),
                _ => asked.by().to_string(),
            };
            tracing::info!(approval = %token.approval(), %workload, container, by, action, outcome, "a link was answered");
        } else {
            tracing::info!(approval = %token.approval(), action, outcome, "a link was answered");
        }
        settled
    }

    fn count_answer(&self, action: &'static str, outcome: &'static str) {
        let labels = ApprovalResult { action: action.into(), result: outcome.into() };
        self.0.metrics.approval_answers.get_or_create(&labels).inc();
    }

    /// Carries the answer out, again while the question is still open but its record was written to meanwhile. Says too
    /// what the link is about, where that is known.
    async fn answered(&self, token: &Token, press: &Press, trace: &str) -> (Settled, Option<Box<Asked>>) {
        if let Some(resuming) = self.asked_to_resume(token).await {
            let is_own = matches!(resuming, Resuming::Open(_));
            return (Settled { answer: self.resuming(resuming, press, trace).await, is_own }, None);
        }
        let mut last = (Answer::Unknown, None);
        for _ in 0..ATTEMPTS {
            let Ok(Some(Found::Current { asked, question, draft })) = self.find(token, press.by.as_ref()).await else {
                return (Settled::before(self.asked_by(token, press.by.as_ref()).await), None);
            };
            if self.is_asked_by_command(&draft) {
                match self.carry_out_first(&asked, trace).await {
                    None => last = (Answer::Busy(asked.clone()), Some(asked)),
                    Some(answer) => return (Settled::before(answer), Some(asked)),
                }
                continue;
            }
            match self.state(Asked::clone(&asked), &question, &draft) {
                Answer::Open(_) | Answer::Snoozed(..) => {}
                Answer::Expired(_) if press.action == Action::Renew => {}
                other => return (Settled::before(other), Some(asked)),
            }
            if let Some(answer) = self.tried(&asked, &question, *draft, press, trace).await {
                return (Settled { answer, is_own: true }, Some(asked));
            }
            last = (Answer::Busy(asked.clone()), Some(asked));
        }
        match self.asked_by(token, press.by.as_ref()).await {
            Answer::Open(_) | Answer::Snoozed(..) => (Settled::before(last.0), last.1),
            // Somebody else was faster: what they made of it is the answer.
            other => (Settled::before(other), last.1),
        }
    }

    /// Whether a command asks for something on the workload that was not taken over yet: whoever asked was first.
    fn is_asked_by_command(&self, draft: &Draft) -> bool {
        let is_pending = || Request::pending(&draft.workload, draft.before.sequence).is_some();
        !draft.is_in_doubt && !self.0.cluster.is_dry_run() && is_pending()
    }

    /// Carries out what a command asks on the workload: after an answer was written it would be about an earlier state. Nothing
    /// where that is done, or the record was written to meanwhile; else what there is to say to whoever pressed.
    async fn carry_out_first(&self, asked: &Asked, trace: &str) -> Option<Answer> {
        let done = async {
            let mut work = Work::on(self.draft(Arc::clone(&asked.workload)).await?, trace);
            self.requested(&mut work).await?;
            self.conclude_work(work).await
        };
        match done.await {
            Ok(()) | Err(StepError::Cluster(ClusterError::Conflict { .. } | ClusterError::Gone(_))) => None,
            Err(error) => {
                tracing::warn!(approval = %asked.approval.id, error = %chain(&error), "what a command asked before can't be carried out now, so this answer isn't either; it can still be answered");
                Some(Answer::Later(Box::new(asked.clone())))
            }
        }
    }

    /// What carrying an answer out comes to; nothing where its record was written to meanwhile.
    async fn tried(
        &self,
        asked: &Asked,
        question: &Question,
        draft: Draft,
        press: &Press,
        trace: &str,
    ) -> Option<Answer> {
        let approval = &asked.approval.id;
        match self.done(asked, question, draft, press, trace).await {
            Ok(answer) => Some(answer),
            Err(StepError::Cluster(ClusterError::Conflict { .. } | ClusterError::Gone(_))) => None,
            Err(StepError::Cluster(ClusterError::Rejected { rejection, .. })) if rejection.is_final() => {
                let sentence = rejection.sentence;
                tracing::warn!(%approval, reason = sentence, "the API server refuses what was answered; it can still be answered");
                Some(Answer::NotWritten(Box::new(asked.clone()), sentence))
            }
            // No later try changes it: somebody has to give the right, which the API server's sentence names.
            Err(StepError::Cluster(ClusterError::Forbidden { message, .. })) => {
                tracing::warn!(%approval, reason = message, "a right is missing, so that nothing that is answered can be written; it can still be answered when the right is there");
                Some(Answer::NotWritten(Box::new(asked.clone()), message))
            }
            Err(error) => {
                tracing::warn!(%approval, error = %chain(&error), "the answer could not be carried out now; it can still be answered");
                Some(Answer::Later(Box::new(asked.clone())))
            }
        }
    }

    /// Does what is pressed, if the link allows it and whoever presses may.
    async fn done(
        &self,
        asked: &Asked,
        question: &Question,
        draft: Draft,
        press: &Press,
        trace: &str,
    ) -> Result<Answer, StepError> {
        let (action, now) = (press.action, self.0.ambient.now());
        let is_over = now >= asked.approval.expires;
        // A new link is asked for when the time of the old one is over.
        let until = if action == Action::Renew { now } else { asked.approval.expires };
        let draft = Draft { answers_until: Some(until), ..draft };
        let is_allowed = if action == Action::Renew { is_over } else { action.fits(question.terms.allows) };
        if !is_allowed {
            return Ok(Answer::NotAllowed(Box::new(asked.clone())));
        }
        if !self.may(asked).await? {
            return Ok(Answer::Forbidden(Box::new(asked.clone())));
        }
        if action.writes() && asked.is_to_be_read() && !press.is_confirmed {
            return Ok(Answer::Unconfirmed(Box::new(asked.clone())));
        }
        match action {
            Action::Approve | Action::ApproveOutsideWindow => self.approve(asked, draft, action, trace).await,
            Action::Skip => self.skip(asked, draft, trace).await,
            Action::Snooze => self.snooze(asked, press.length, draft).await,
            Action::Resume => self.resume(asked, draft, trace).await,
            Action::Rollback => self.back(asked, draft, press.to.as_ref(), trace).await,
            Action::Renew => self.renew(asked, draft, trace).await,
        }
    }

    /// Releases the brake, where that is what is pressed.
    async fn resuming(&self, resuming: Resuming, press: &Press, trace: &str) -> Answer {
        let (Resuming::Open(asked), Action::Resume) = (&resuming, press.action) else {
            return Answer::Resuming(Box::new(resuming));
        };
        let person = Person::of(press.by.as_ref(), asked.holder.clone());
        match self.resume_updates(person.actor(), trace).await {
            Ok(Some(release)) => Answer::Resuming(Box::new(Resuming::Done(release))),
            Ok(None) => Answer::Unknown,
            Err(ResumeError::DryRun) => Answer::Resuming(Box::new(Resuming::DryRun(asked.clone()))),
            Err(ResumeError::Queue(error)) => {
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
            pushed: None,
        }
    }

    async fn look_soon(&self, target: &Target, trace: &str) -> Result<(), StepError> {
        self.look_at(&target.repository, self.0.ambient.now(), trace).await
    }

    /// The same after an answer was written, which no failure takes back.
    async fn look_after(&self, target: &Target, trace: &str) {
        if let Err(error) = self.look_soon(target, trace).await {
            tracing::warn!(repository = %target.repository, error = %chain(&error), "the answer is written; what follows from it waits for the next look");
        }
    }
}

/// What was decided, as the history has it.
fn decided(record: &Record, (workload, container): (&Workload, &str), answered: &Answered) -> Answer {
    use crate::domain::record::Answer as Given;
    let entry = record.entry(workload, container, answered);
    let applied = |entry| Box::new(Applied::of(entry, (workload, container), record, &answered.terms.id));
    match answered.answer {
        Given::Approved => Answer::Approved(applied(entry)),
        Given::Skipped => Answer::Skipped(Box::new(entry)),
        Given::Resumed => Answer::Resumed(Box::new(entry)),
        Given::WentBack => Answer::WentBack(applied(entry)),
    }
}

/// Whether this was the word that was waited for.
fn is_answered(answer: &Answer) -> bool {
    matches!(
        answer,
        Answer::Approved(_) | Answer::Skipped(_) | Answer::Resumed(_) | Answer::WentBack(_) | Answer::Snoozed(..)
    )
}

fn word(answer: &Answer) -> &'static str {
    match answer {
        Answer::Unknown => "unknown",
        Answer::Open(_) => "open",
        Answer::Voted { is_again: false, .. } => "voted",
        Answer::Voted { is_again: true, .. } => "voted_before",
        Answer::Unconfirmed(_) => "unconfirmed",
        Answer::Forbidden(_) => "forbidden",
        Answer::Renewed(_) => "renewed",
        Answer::RenewedLately(_) => "renewed_lately",
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
        Answer::Busy(_) => "busy",
        Answer::Resuming(resuming) => match **resuming {
            Resuming::Open(_) => "open",
            Resuming::DryRun(_) => "refused",
            Resuming::Expired(_) => "expired",
            Resuming::Done(_) => "resumed",
        },
        Answer::Unread => "unread",
    }
}
