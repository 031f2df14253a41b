//! A link is opened, or answered. Opening reads; only an answer writes, and the workload itself is the lock.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::apply::Change;
use super::container::Chosen;
use super::propose::{SNOOZE, proposal_notice};
use super::rollout::notice_of;
use super::{Reconciler, StepError, Target};
use crate::assess::{Question, Unanswerable};
use crate::cluster::{Candidate, Cluster, ClusterError};
use crate::domain::approval::{Approval, PROPOSAL, Proposal, Stage, TOKEN_UPDATE, Token};
use crate::domain::event::{Job, NoticeKind};
use crate::domain::history::{ApprovalRecord, Entry, History, Outcome, rfc3339};
use crate::domain::policy::{self, Policy};
use crate::domain::reference::{ImageReference, Tag};
use crate::domain::refusal::Refusal;
use crate::domain::settings::Settings;
use crate::domain::tag::Level;
use crate::domain::workload::{Workload, WorkloadPatch};
use crate::queue::{NewJob, Queue};
use crate::registry::{Registry, Tags};
use crate::telemetry::metrics::ApprovalResult;

/// How often an answer is tried against a workload that is written to at the same time.
const ATTEMPTS: usize = 4;

/// How long the registry may take to answer whether a question would be asked still: a person waits.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a person can say to a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Yes.
    Approve,
    /// Not this version.
    Skip,
    /// Ask again later.
    Snooze,
    /// Go back; links of this kind don't allow it.
    Rollback,
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
            _ => None,
        }
    }

    /// The word in the form, in metrics and in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Skip => "skip",
            Self::Snooze => "snooze",
            Self::Rollback => "rollback",
        }
    }
}

/// What a valid link is about, as the page shows it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The workload as it is now.
    pub workload: Arc<Workload>,
    /// What was asked.
    pub approval: Approval,
    /// How far the update goes.
    pub level: String,
    /// Why this version, in a few words.
    pub why: String,
    /// When it was asked, RFC 3339.
    pub asked: String,
    /// Where release notes are.
    pub release_url: Option<String>,
    /// Who holds this link: `channel:address`.
    pub holder: String,
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
    /// A link of this kind doesn't allow the action.
    NotAllowed(Box<Asked>),
    /// Registry or API server can't be asked now; the link is as good as before.
    Later(Box<Asked>),
}

/// Where a link's approval was found.
enum Found {
    Current(Box<Asked>, Box<Proposal>),
    Superseded { version: Tag, newer: Tag, is_open: bool },
    Decided(Box<Entry>),
}

impl<Q: Queue, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// What a link is about. Reads what is in memory, and changes nothing.
    #[must_use]
    pub fn asked(&self, token: &Token) -> Answer {
        match self.find(token) {
            None => Answer::Unknown,
            Some(Found::Decided(entry)) => decided(*entry),
            Some(Found::Superseded { version, newer, is_open }) => Answer::Superseded { version, newer, is_open },
            Some(Found::Current(asked, proposal)) => self.state(*asked, &proposal),
        }
    }

    /// Answers a link. What it allows is done at most once, whoever else presses at the same time.
    pub async fn answer(&self, token: &Token, action: Action, trace: &str) -> Answer {
        let answer = self.answered(token, action, trace).await;
        let labels = ApprovalResult { action: action.as_str().into(), result: word(&answer).into() };
        self.0.metrics.approvals.get_or_create(&labels).inc();
        tracing::info!(approval = %token.approval(), action = action.as_str(), outcome = word(&answer), "a link was answered");
        answer
    }

    /// Carries the answer out, again while the question is still open but its record was written to meanwhile: by
    /// ourselves, say, when people answer a message before it is recorded as told.
    async fn answered(&self, token: &Token, action: Action, trace: &str) -> Answer {
        for _ in 0..ATTEMPTS {
            let Some(Found::Current(asked, proposal)) = self.find(token) else { return self.asked(token) };
            match self.state(Asked::clone(&asked), &proposal) {
                Answer::Open(_) | Answer::Snoozed(..) => {}
                other => return other,
            }
            let done = match action {
                Action::Approve => self.approve(&asked, trace).await,
                Action::Skip => self.skip(&asked, &proposal, trace).await,
                Action::Snooze => self.snooze(&asked, *proposal).await,
                Action::Rollback => return Answer::NotAllowed(asked),
            };
            match done {
                Ok(answer) => return answer,
                Err(StepError::Cluster(ClusterError::Conflict { .. } | ClusterError::Gone(_))) => {}
                Err(error) => {
                    tracing::warn!(approval = %token.approval(), error = %crate::telemetry::chain(&error), "the answer could not be carried out now; the link stays valid");
                    return Answer::Later(asked);
                }
            }
        }
        match self.asked(token) {
            Answer::Open(asked) | Answer::Snoozed(asked, _) => Answer::Later(asked),
            // Somebody else was faster: what they made of it is the answer.
            other => other,
        }
    }

    /// Whether there is anything that a token could be about, whatever its signature.
    #[must_use]
    pub fn is_recorded(&self, token: &Token) -> bool {
        self.0.cluster.records(token.approval())
    }

    /// The approval behind a token, if its signature is right for one of the configured recipients. The signature
    /// binds namespace, kind, name and uid, so that of all workloads whose record names the approval one at most is
    /// meant, whoever copied that record.
    fn find(&self, token: &Token) -> Option<Found> {
        let candidates = self.0.cluster.recorded(token.approval());
        if candidates.is_empty() {
            return None;
        }
        let holders = self.0.audience.holders();
        candidates.iter().find_map(|candidate| {
            let holder = candidate.recorded.approval.holder(token, &self.0.link_key, &holders)?;
            self.found(candidate, holder)
        })
    }

    /// What a candidate is, once its signature was found to be right.
    fn found(&self, Candidate { workload, recorded }: &Candidate, holder: &str) -> Option<Found> {
        let approval = &recorded.approval;
        if recorded.stage == Stage::Decided {
            let history = History::read(workload.annotation("history"));
            let is_it = |entry: &&Entry| Approval::decided(workload, entry).as_ref() == Some(approval);
            return history.entries().iter().find(is_it).map(|entry| Found::Decided(Box::new(entry.clone())));
        }
        let (newest, proposal) = Approval::proposed(workload, &approval.container)?;
        if recorded.stage == Stage::Newest {
            let asked = self.about(workload, newest, &proposal, holder.to_owned());
            return Some(Found::Current(Box::new(asked), Box::new(proposal)));
        }
        let is_open = newest.is_open(workload) && self.0.ambient.now() < newest.expires;
        Some(Found::Superseded { version: approval.to_tag.clone(), newer: newest.to_tag, is_open })
    }

    fn about(&self, workload: &Arc<Workload>, approval: Approval, proposal: &Proposal, holder: String) -> Asked {
        let settings = Settings::read(workload, &approval.container, &self.0.bounds).ok();
        let release_url = settings.and_then(|s| s.release_url).map(|url| url.for_tag(approval.to_tag.as_str()));
        let (level, why, asked) = (proposal.level.clone(), proposal.why.clone(), proposal.asked.clone());
        Asked { workload: Arc::clone(workload), approval, level, why, asked, release_url, holder }
    }

    /// What can be said of a proposal without asking anybody.
    fn state(&self, asked: Asked, proposal: &Proposal) -> Answer {
        let now = self.0.ambient.now();
        let (workload, approval) = (&asked.workload, &asked.approval);
        let unchanged = approval.workload == workload.id
            && workload.container(&approval.container).is_some_and(|(_, c)| *c.image == *approval.from_image);
        if now >= approval.expires {
            return Answer::Expired(Box::new(asked));
        }
        if !unchanged || !approval.is_open(workload) {
            return Answer::Changed(Box::new(asked));
        }
        if let Err(refusal) = self.at_sight(&asked) {
            return Answer::Refused(Box::new(asked), refusal);
        }
        let snoozed = proposal.snoozed_until.as_deref().and_then(|at| DateTime::parse_from_rfc3339(at).ok());
        match snoozed.map(|at| at.to_utc()).filter(|at| now < *at) {
            Some(until) => Answer::Snoozed(Box::new(asked), until),
            None => Answer::Open(Box::new(asked)),
        }
    }

    async fn approve(&self, asked: &Asked, trace: &str) -> Result<Answer, StepError> {
        let (workload, approval) = (&asked.workload, &asked.approval);
        let Ok(from) = ImageReference::parse(&approval.from_image) else {
            return Ok(Answer::Changed(Box::new(asked.clone())));
        };
        let target = self.target(asked, &from).await;
        match tokio::time::timeout(PATIENCE, self.again(asked, &target, &from)).await {
            Ok(Ok(())) => {}
            Ok(Err(Unanswerable::Refused(refusal))) => return Ok(Answer::Refused(Box::new(asked.clone()), refusal)),
            Ok(Err(Unanswerable::Moved)) => {
                // What is there now is a matter for a new question.
                self.look_soon(&target, trace).await?;
                return Ok(Answer::Moved(Box::new(asked.clone())));
            }
            Ok(Err(Unanswerable::Registry(error))) => return Err(StepError::Registry(Arc::new(error))),
            Err(_) => return Err(StepError::TooSlow(PATIENCE)),
        }
        let chosen = Chosen {
            from,
            to: approval.to_tag.clone(),
            digest: approval.to_digest.clone(),
            level: level(&asked.level),
            why: asked.why.clone(),
        };
        let by = format!("link {}", masked(&asked.holder));
        let change = Change { chosen: &chosen, by: &by, approval: Some(approval) };
        let written = self.apply(workload, &approval.container, change).await?;
        let history = History::read(written.annotation("history"));
        let Some(entry) = history.decided_by(approval.id.as_str()).cloned() else {
            return Ok(Answer::Changed(Box::new(asked.clone())));
        };
        let settings = Settings::read(&written, &approval.container, &self.0.bounds).ok();
        let target = Target { workload: written, ..target };
        let notice = notice_of(&target, &entry, settings.as_ref(), NoticeKind::Granted);
        let only = settings.as_ref().and_then(|settings| settings.notify.as_deref());
        // The image is written: what is not stored here is stored when the rollout has ended.
        if let Err(error) = self.tell(&notice, only, trace).await {
            tracing::warn!(error = %crate::telemetry::chain(&error), "the approval is told when the rollout has ended");
        }
        Ok(Answer::Approved(Box::new(entry)))
    }

    /// What settings alone say of a question.
    fn at_sight(&self, asked: &Asked) -> Result<Settings, Refusal> {
        let image = ImageReference::parse(&asked.approval.from_image).map_err(|_| Refusal::OtherKind)?;
        question(asked, &image).at_sight(&self.0.bounds, self.0.ambient.now())
    }

    /// Whether it would be asked today.
    async fn again(&self, asked: &Asked, target: &Target, image: &ImageReference) -> Result<(), Unanswerable> {
        let settings = self.at_sight(asked).map_err(Unanswerable::Refused)?;
        let doubt = |running: &Tag, policy: &Policy, tags: &Tags| self.shrunk(target, running, policy, tags);
        question(asked, image).again(&self.source(target), &settings, self.0.ambient.now(), doubt).await
    }

    async fn skip(&self, asked: &Asked, proposal: &Proposal, trace: &str) -> Result<Answer, StepError> {
        let (workload, approval) = (&asked.workload, &asked.approval);
        let now = self.0.ambient.now();
        let container = approval.container.as_str();
        let key = |name: &str| workload.state_key(name, container);
        let entry = Entry {
            container: container.to_owned(),
            version: approval.to_tag.to_string(),
            previous: from_tag(approval),
            digest: approval.to_digest.to_string(),
            previous_image: approval.from_image.clone(),
            time: rfc3339(now),
            by: format!("link {}", masked(&asked.holder)),
            outcome: Outcome::Skipped,
            level: asked.level.clone(),
            approval: Some(ApprovalRecord::of(approval)),
            stalled_before: None,
        };
        let mut history = History::read(workload.annotation("history"));
        history.push(entry.clone());
        let own = format!("skip.{container}");
        let setting = if workload.annotation(&own).is_some() { own.as_str() } else { "skip" };
        let followed = (asked.level == Level::Digest.as_str()).then_some(&approval.to_digest);
        let skipped = policy::skip(workload.annotation(setting), approval.to_tag.as_str(), followed);
        let patch = WorkloadPatch::of(workload)
            .guarded_by(workload, container)
            .set(workload, setting, Some(skipped))
            .set(workload, &key(TOKEN_UPDATE), None)
            .set(workload, &key(PROPOSAL), Proposal::closed(workload, container))
            .set(workload, "history", Some(history.write()));
        let workload = self.0.cluster.apply(&patch).await?;
        if let (Ok(settings), Ok(from)) =
            (Settings::read(&workload, container, &self.0.bounds), ImageReference::parse(&approval.from_image))
        {
            let target = Target { workload, ..self.target(asked, &from).await };
            let mut notice = proposal_notice(&target, &settings, approval, proposal, NoticeKind::Skipped);
            notice.by = Some(entry.by.clone());
            self.tell(&notice, settings.notify.as_deref(), trace).await?;
        }
        Ok(Answer::Skipped(Box::new(entry)))
    }

    async fn snooze(&self, asked: &Asked, proposal: Proposal) -> Result<Answer, StepError> {
        let (workload, approval) = (&asked.workload, &asked.approval);
        let until = self.0.ambient.now() + SNOOZE;
        let proposal = Proposal { snoozed_until: Some(rfc3339(until)), ..proposal };
        let text = serde_json::to_string(&proposal).unwrap_or_default();
        let patch = WorkloadPatch::of(workload).guarded_by(workload, &approval.container).set(
            workload,
            &workload.state_key(PROPOSAL, &approval.container),
            Some(text),
        );
        self.0.cluster.apply(&patch).await?;
        Ok(Answer::Snoozed(Box::new(asked.clone()), until))
    }

    async fn target(&self, asked: &Asked, from: &ImageReference) -> Target {
        let repository = from.repository().clone();
        let credential = self.0.cluster.credential(&asked.workload, &repository).await;
        Target {
            workload: Arc::clone(&asked.workload),
            container: asked.approval.container.clone(),
            repository,
            credential,
        }
    }

    async fn look_soon(&self, target: &Target, trace: &str) -> Result<(), StepError> {
        let now = self.0.ambient.now();
        let job = NewJob { job: Job::Look(target.repository.clone()), trace: trace.to_owned(), not_before: now };
        self.0.queue.put(vec![job]).await?;
        Ok(())
    }
}

/// What was asked, for whoever judges it.
fn question<'q>(asked: &'q Asked, image: &'q ImageReference) -> Question<'q> {
    Question {
        workload: &asked.workload,
        container: &asked.approval.container,
        image,
        to: &asked.approval.to_tag,
        digest: &asked.approval.to_digest,
        was: asked.approval.from_digest.as_ref(),
    }
}

fn decided(entry: Entry) -> Answer {
    match entry.outcome {
        Outcome::Skipped => Answer::Skipped(Box::new(entry)),
        _ => Answer::Approved(Box::new(entry)),
    }
}

fn word(answer: &Answer) -> &'static str {
    match answer {
        Answer::Unknown => "unknown",
        Answer::Open(_) => "open",
        Answer::Approved(_) => "approved",
        Answer::Skipped(_) => "skipped",
        Answer::Snoozed(..) => "snoozed",
        Answer::Expired(_) => "expired",
        Answer::Superseded { .. } => "superseded",
        Answer::Refused(..) => "refused",
        Answer::Moved(_) => "moved",
        Answer::Changed(_) => "changed",
        Answer::NotAllowed(_) => "not_allowed",
        Answer::Later(_) => "later",
    }
}

fn from_tag(approval: &Approval) -> String {
    let from = ImageReference::parse(&approval.from_image).ok();
    from.and_then(|from| from.running_tag()).map(|tag| tag.to_string()).unwrap_or_default()
}

fn level(word: &str) -> Level {
    Level::ALL.into_iter().find(|level| level.as_str() == word).unwrap_or(Level::Digest)
}

/// An address that people recognise and strangers can't use: `email:o…@example.com`.
pub(crate) fn masked(holder: &str) -> String {
    let (channel, address) = holder.split_once(':').unwrap_or((holder, ""));
    match address.split_once('@') {
        Some((user, domain)) => format!("{channel}:{}…@{domain}", user.chars().take(1).collect::<String>()),
        None => channel.to_owned(),
    }
}
