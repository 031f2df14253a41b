//! An answer of somebody who signed in and holds no link: to what they were shown, which is looked for again.
//!
//! It goes the way that a link's answer goes. Where nothing is asked that they may answer all the same (to go back, to let go what
//! is held, what nobody answered in time), it is asked and answered by one write.

use super::asked::Asked;
use super::find::{Found, choices};
use super::{ATTEMPTS, Answer, Press, decided, is_answered, word};
use crate::cluster::Cluster;
use crate::domain::answer::Action;
use crate::domain::approval::{Allows, Terms};
use crate::domain::history::Choice;
use crate::domain::policy::{Policy, Strategy, step};
use crate::domain::record::{Answer as Given, Ledger, Question, Stands};
use crate::domain::reference::{Digest, Tag};
use crate::domain::tag::Level;
use crate::domain::votes::Votes;
use crate::queue::{Queue, Records};
use crate::reconcile::draft::Draft;
use crate::reconcile::{Reconciler, StepError};
use crate::registry::Registry;
use crate::telemetry::chain;

/// What somebody saw, and answers to.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The uid of the workload.
    pub uid: Box<str>,
    /// The container.
    pub container: String,
    /// The version: to go to, to go back to, or that is held.
    pub version: Tag,
    /// What it pointed to, where that was seen.
    pub digest: Option<Digest>,
    /// The tag that ran, where that was seen.
    pub running: Option<Tag>,
}

/// Why it can't be answered: it is not as it was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotShown {
    /// The workload is not watched any more.
    NoWorkload,
    /// It has no such container.
    NoContainer,
    /// Another tag runs, if one does.
    Runs(Option<Tag>),
    /// Another version is asked about, or none.
    Asks(Option<Tag>),
    /// The version is asked about as something else: its tag points here.
    Points(Digest),
    /// This version is not held.
    NotHeld,
    /// This version is held: it is to be let go first.
    Held(Tag),
    /// This version is not known to have run here before what runs.
    NeverRan,
    /// What is known of it can't be read now.
    Unread,
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Carries an answer out, as that of a link: what it allows is done at most once, whoever else answers at the same time, and
    /// the same answer again is the same.
    ///
    /// # Errors
    /// [`NotShown`], where what was shown is not there any more.
    pub async fn answer_shown(&self, shown: &Shown, press: &Press, trace: &str) -> Result<Answer, NotShown> {
        let answered = self.answered_shown(shown, press, trace).await;
        let (action, container) = (press.action.as_str(), &shown.container);
        let outcome = answered.as_ref().map_or("not_shown", word);
        self.count_answer(action, outcome);
        let by = press.by.as_ref().map(crate::domain::actor::SignedIn::name);
        let workload = self.0.cluster.by_uid(&shown.uid).map(|workload| workload.id.to_string());
        tracing::info!(uid = %shown.uid, workload, container, version = %shown.version, by, action, outcome, "somebody who signed in answered");
        answered
    }

    async fn answered_shown(&self, shown: &Shown, press: &Press, trace: &str) -> Result<Answer, NotShown> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let found = self.find_shown(shown, press).await.map_err(|error| {
                tracing::warn!(uid = %shown.uid, error = %chain(&error), "what is known of this workload can't be read now");
                NotShown::Unread
            })?;
            let (asked, question, draft) = match found? {
                Found::Answered(answer) => return Ok(answer),
                Found::Superseded { newer, .. } => return Err(NotShown::Asks(Some(newer))),
                Found::Current { asked, question, draft } => (asked, question, draft),
            };
            if self.is_asked_by_command(&draft) {
                match self.carry_out_first(&asked, trace).await {
                    None => last = Some(Answer::Busy(asked)),
                    Some(answer) => return Ok(answer),
                }
                continue;
            }
            match self.stands(Asked::clone(&asked), &question, &draft) {
                Answer::Open(_) | Answer::Snoozed(..) => {}
                other => return Ok(other),
            }
            // What is asked by this press alone was waited for by nobody.
            let was_asked = draft.before.find(&asked.approval.id).is_some();
            if let Some(answer) = self.tried(&asked, &question, *draft, press, trace).await {
                if is_answered(&answer) {
                    if was_asked {
                        self.waited(word(&answer), &asked.approval.id);
                    }
                    self.shows_answer(&asked, &answer);
                }
                return Ok(answer);
            }
            last = Some(Answer::Busy(asked));
        }
        last.ok_or(NotShown::Unread)
    }

    async fn find_shown(&self, shown: &Shown, press: &Press) -> Result<Result<Found, NotShown>, StepError> {
        let Some(workload) = self.0.cluster.by_uid(&shown.uid) else { return Ok(Err(NotShown::NoWorkload)) };
        let mut draft = self.draft(workload).await?;
        let container = shown.container.as_str();
        let Some((_, found)) = draft.workload.container(container) else { return Ok(Err(NotShown::NoContainer)) };
        let running = found.reference().and_then(|image| image.running_tag());
        let ledger = draft.record.known(container);
        let question = match self.open_question(ledger, shown, press.action) {
            None if let Some(answer) = answered_before(&draft, shown, press.action, running.as_ref()) => {
                return Ok(Ok(Found::Answered(answer)));
            }
            _ if !shown.ran(running.as_ref()) => return Ok(Err(NotShown::Runs(running))),
            Some(question) => question,
            None => match self.question_anew(&draft, shown, press.action) {
                Ok(question) => {
                    draft.ask(container, question.clone(), self.0.ambient.now());
                    question
                }
                Err(not_shown) => return Ok(Err(not_shown)),
            },
        };
        let approval = question.terms.approval(&draft.workload.id, container);
        let held = draft.record.known(container).held.clone();
        let ran = choices(&draft, &approval);
        let asked = self.about(&draft.workload, approval, &question, (String::new(), press.by.as_ref()));
        let (asked, draft) = (Box::new(Asked { held, ran, ..asked }), Box::new(draft));
        Ok(Ok(Found::Current { asked, question: Box::new(question), draft }))
    }

    /// The question that is asked now, if it is about what was shown and this answers it.
    fn open_question(&self, ledger: &Ledger, shown: &Shown, action: Action) -> Option<Question> {
        let is_it = |question: &&Question| action.fits(question.terms.allows) && shown.is_about(&question.terms);
        ledger.open(self.0.ambient.now()).filter(is_it).cloned()
    }

    /// The question that somebody who signed in may answer although it is not asked now.
    fn question_anew(&self, draft: &Draft, shown: &Shown, action: Action) -> Result<Question, NotShown> {
        match action {
            Action::Rollback => self.about_going_back(draft, shown),
            Action::Resume => self.about_letting_go(draft, shown).ok_or(NotShown::NotHeld),
            _ => self.asked_in_vain(draft, shown),
        }
    }

    /// What nobody answered in time.
    fn asked_in_vain(&self, draft: &Draft, shown: &Shown) -> Result<Question, NotShown> {
        let (container, now) = (shown.container.as_str(), self.0.ambient.now());
        let old = draft.record.known(container).question.as_ref();
        let old = old.filter(|it| it.terms.allows == Allows::Update).ok_or(NotShown::Asks(None))?;
        if !shown.is_about(&old.terms) {
            let is_moved = old.terms.tag == shown.version && old.is_open(now);
            let asked = old.is_open(now).then(|| old.terms.tag.clone());
            return Err(if is_moved { NotShown::Points(old.terms.digest.clone()) } else { NotShown::Asks(asked) });
        }
        if old.is_closed() || old.is_open(now) {
            return Err(NotShown::Asks(None));
        }
        let Terms { from, from_digest, tag, digest, allows, group, .. } = old.terms.clone();
        let terms = Terms { group, ..self.new_terms(&from, from_digest, tag, digest, allows) };
        let (votes, stands) = (Votes::default(), Stands::Open);
        Ok(Question { terms, asked: now, votes, stands, is_renewed: true, ..old.clone() })
    }

    /// Whether what is held may be applied.
    fn about_letting_go(&self, draft: &Draft, shown: &Shown) -> Option<Question> {
        let (container, now) = (shown.container.as_str(), self.0.ambient.now());
        let ledger = draft.record.known(container);
        let held = ledger.held.as_ref().filter(|held| held.tag == shown.version)?;
        let is_it = shown.digest.is_none() || held.digest.is_none() || shown.digest == held.digest;
        let digest = held.digest.clone().or_else(|| shown.digest.clone()).filter(|_| is_it)?;
        let (_, found) = draft.workload.container(container)?;
        let from_digest = ledger.runs.as_ref().and_then(|runs| runs.digest.clone());
        let terms = self.new_terms(&found.image, from_digest, held.tag.clone(), digest, Allows::Held);
        let group = ledger.update.as_ref().and_then(|update| update.group.clone());
        let terms = Terms { group: group.as_ref().map(|plan| plan.binding()), ..terms };
        let every = Policy { prerelease: true, ..Policy::of(Strategy::All) };
        let level = step(held.back_to.as_str(), held.tag.as_str(), &every).unwrap_or(Level::Digest);
        Some(Question { group, is_renewed: true, ..Question::new(terms, level, now) })
    }

    /// Whether to go back from what we wrote to what ran before it, or to another version that ran here.
    fn about_going_back(&self, draft: &Draft, shown: &Shown) -> Result<Question, NotShown> {
        let ledger = draft.record.known(&shown.container);
        // What failed here, or was set back, is let go before anybody goes back to it.
        if ledger.holds_just(&shown.version, shown.digest.as_ref()) {
            return Err(NotShown::Held(shown.version.clone()));
        }
        self.asks_to_go_back(draft, shown).ok_or(NotShown::NeverRan)
    }

    fn asks_to_go_back(&self, draft: &Draft, shown: &Shown) -> Option<Question> {
        let (container, now) = (shown.container.as_str(), self.0.ambient.now());
        let ledger = draft.record.known(container);
        let update = ledger.update.as_ref().filter(|update| update.runs_on(&draft.workload, container))?;
        let (_, found) = draft.workload.container(container)?;
        let to = |Choice { version, digest }: Choice| {
            let terms = self.new_terms(&found.image, Some(update.digest.clone()), version, digest, Allows::Back);
            Terms { group: update.group.as_ref().map(|plan| plan.binding()), ..terms }
        };
        let before = update.goes_back_to().map(|(_, version, digest)| Choice { version, digest });
        let before = before.filter(|it| shown.is_of(it)).map(to);
        let terms = before.or_else(|| {
            let ran = draft.record.history.ran(container).into_iter().map(|ran| ran.what);
            let runs = Choice { version: update.tag.clone(), digest: update.digest.clone() };
            let is_it = |it: &Choice| shown.is_of(it) && *it != runs && ledger.holds(&it.version, &it.digest).is_none();
            // A group goes back together, and no further.
            ran.filter(|_| update.group.is_none()).find(is_it).map(to)
        })?;
        let (with, declares, group) = (update.with.clone(), update.declares, update.group.clone());
        Some(Question { with, declares, group, is_renewed: true, ..Question::new(terms, update.level, now) })
    }
}

impl Shown {
    fn is_about(&self, terms: &Terms) -> bool {
        terms.tag == self.version && self.digest.as_ref().is_none_or(|digest| *digest == terms.digest)
    }

    /// Whether this is what they saw running, where that was seen.
    fn ran(&self, running: Option<&Tag>) -> bool {
        self.running.as_ref().is_none_or(|seen| Some(seen) == running)
    }

    fn is_of(&self, choice: &Choice) -> bool {
        choice.version == self.version && self.digest.as_ref().is_none_or(|digest| *digest == choice.digest)
    }
}

/// What the same answer came to before, where what it did still stands.
fn answered_before(draft: &Draft, shown: &Shown, action: Action, running: Option<&Tag>) -> Option<Answer> {
    let ledger = draft.record.known(&shown.container);
    let runs = running == Some(&shown.version);
    let is_held = ledger.held.as_ref().is_some_and(|held| held.tag == shown.version);
    let (given, stands) = match action {
        Action::Approve | Action::ApproveOutsideWindow => (Given::Approved, runs),
        Action::Skip => (Given::Skipped, !runs && !is_held),
        Action::Rollback => (Given::WentBack, runs),
        Action::Resume => (Given::Resumed, !is_held),
        Action::Snooze | Action::Renew => return None,
    };
    let answered = ledger.answered_about(&shown.version, shown.digest.as_ref(), given).filter(|_| stands)?;
    // What they saw run is what ran then, or what its answer made of it.
    if !shown.ran(running) && !shown.ran(answered.terms.from_tag().as_ref()) {
        return None;
    }
    Some(decided(&draft.record, (&draft.workload, &shown.container), answered))
}
