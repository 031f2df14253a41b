//! Asking people: the question is written on the workload, then its messages are stored.
//!
//! Each look stores the messages of an open question again, with the same ids: what is stored already stays one message,
//! and what was lost with the disk, or in a crash between the two, is made up for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};

use crate::cluster::{Cluster, WorkloadEvent};
use crate::domain::approval::{Allows, ApprovalId, LIFETIME, Terms};
use crate::domain::event::Notice;
use crate::domain::history::Outcome;
use crate::domain::policy::Mode;
use crate::domain::record::{Event, Held, Ledger, Question, Stands, Update};
use crate::domain::reference::{Digest, Tag};
use crate::domain::settings::Settings;
use crate::domain::tag::Level;
use crate::domain::votes::Ballot;
use crate::queue::{Queue, Records};
use crate::reconcile::draft::{Chosen, Work, image_of};
use crate::reconcile::report;
use crate::reconcile::telling::notices::{
    ends, of_gone, of_held, of_put_back, of_question, of_skip, of_unfit, with_way_back,
};
use crate::reconcile::{Reconciler, Step, Target};
use crate::registry::Registry;

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Makes sure that people are asked about this version once. `with` are containers that go with this one.
    pub(crate) async fn propose(
        &self,
        work: &mut Work,
        target: &Target,
        settings: &Settings,
        chosen: &Chosen,
        with: Vec<Box<str>>,
    ) -> Step {
        let (now, container, image) = (self.0.ambient.now(), target.container.as_str(), image_of(target));
        let (to, digest) = (&chosen.to, &chosen.digest);
        let ledger = work.draft.record.known(container);
        if let Some(until) = ledger.snoozed(to, digest, now) {
            self.stay_put_off(work, target, chosen, (with, until)).await;
            return Ok(Some(until));
        }
        let unanswered = ledger.unanswered(&image, to, digest, now).filter(|it| it.with == with);
        let unanswered = unanswered.filter(|it| chosen.is_with(it.group.as_deref())).cloned();
        let reminder = unanswered.as_ref().map_or(0, Question::next_reminder);
        if let Some(question) = unanswered.filter(|it| it.again(now).is_none_or(|again| now < again)) {
            return Ok(self.wait_to_remind(work, container, question));
        }
        let is_signed = |question: &&Question| self.0.keys.named(question.terms.key.as_str()).is_some();
        let is_it = |question: &&Question| is_signed(question) && chosen.is_with(question.group.as_deref());
        let asked = ledger.asks(&image, to, digest, now).filter(is_it).filter(|it| !it.was_put_off(now)).cloned();
        let before = ledger.asked_before(&image, to, digest, now).filter(is_it).cloned();
        // What goes with another is not asked about by itself, as it may have been when it ran something else.
        for other in &with {
            work.draft.on(other, Event::NothingToAsk, now);
        }
        if let Some(question) = asked.filter(|question| question.with == with) {
            return Ok(Some(self.ask_still(work, target, settings, chosen, &question)));
        }
        let question = match before {
            // What was closed under other settings: its links are as good as before.
            Some(before) => Question { with, stands: Stands::Open, ..before },
            None => Question { reminders: reminder, ..self.new_question(work, target, chosen, with).await },
        };
        Ok(Some(self.ask(work, target, settings, chosen, question)))
    }

    /// What people put off stays so. What was closed for a moment goes on as it was put off; where something else runs by now,
    /// it is asked of that, and told when the time is over.
    async fn stay_put_off(
        &self,
        work: &mut Work,
        target: &Target,
        chosen: &Chosen,
        (with, until): (Vec<Box<str>>, DateTime<Utc>),
    ) {
        self.count("proposed", "snoozed");
        let (now, container, image) = (self.0.ambient.now(), target.container.as_str(), image_of(target));
        let ledger = work.draft.record.known(container);
        let newest = ledger.question_about(&image, &chosen.to, &chosen.digest);
        let is_asked = newest.is_some_and(|question| !question.is_closed());
        // Whether to go back, or to let go what is held, has a link that people were just sent.
        let is_busy = ledger.open(now).is_some_and(|question| question.terms.allows != Allows::Update);
        if is_asked || is_busy {
            return;
        }
        let before = ledger.asked_before(&image, &chosen.to, &chosen.digest, now).cloned();
        let question = match before.filter(|before| chosen.is_with(before.group.as_deref())) {
            Some(before) => Question { with, ..before },
            None => self.new_question(work, target, chosen, with).await,
        };
        let question = Question { stands: Stands::Snoozed(until), ..question };
        for other in &question.with {
            work.draft.on(other, Event::NothingToAsk, now);
        }
        work.draft.ask(container, question, now);
    }

    /// What is asked already, with what is known of it by now. Until when its links can be used.
    fn ask_still(
        &self,
        work: &mut Work,
        target: &Target,
        settings: &Settings,
        chosen: &Chosen,
        asked: &Question,
    ) -> DateTime<Utc> {
        self.count("proposed", "already");
        let container = target.container.as_str();
        let question = Question { declares: chosen.declared.kinds, ..asked.clone() };
        if asked.declares != question.declares {
            // What could not be read then is known by now.
            work.draft.on(container, Event::Ask(Box::new(question.clone())), self.0.ambient.now());
        }
        let question = self.because(work, container, question, chosen);
        if !question.is_renewed {
            let notice = self.asked_notice(target, Some(settings), &question);
            work.messages.extend(self.0.audience.messages(&notice, settings.notify.as_deref()));
        }
        question.terms.expires()
    }

    /// A question that was not asked before.
    async fn new_question(&self, work: &Work, target: &Target, chosen: &Chosen, with: Vec<Box<str>>) -> Question {
        let before = work.draft.record.known(&target.container).question.as_ref();
        self.tell_of_lost_key(&work.draft, before);
        let terms = self.terms(&image_of(target), chosen, self.running_digest(target, chosen).await);
        Question {
            why: chosen.why.clone(),
            with,
            declares: chosen.declared.kinds,
            preflight: Some(Box::new(chosen.preflight.clone())).filter(|it| !it.is_empty()),
            because: chosen.because.clone().map(Box::new),
            group: chosen.group.clone(),
            ..Question::new(terms, chosen.level, self.0.ambient.now())
        }
    }

    /// Asks it, and tells those who are to be told. Until when its links can be used.
    fn ask(
        &self,
        work: &mut Work,
        target: &Target,
        settings: &Settings,
        chosen: &Chosen,
        question: Question,
    ) -> DateTime<Utc> {
        let (now, container, expires) = (self.0.ambient.now(), target.container.as_str(), question.terms.expires());
        let notice = self.asked_notice(target, Some(settings), &question);
        let notice = Notice { declared: chosen.declared.at_most(MOST_QUOTES), ..notice };
        let deliveries = self.0.audience.messages(&notice, settings.notify.as_deref());
        announce_refused(work, target, settings, &question);
        work.draft.ask(container, question, now);
        if deliveries.is_empty() {
            tracing::info!(workload = %target.workload.id, container, "nobody is told: no channel is configured, or image-watcher/notify names none of them");
        } else {
            work.draft.on(container, Event::Told, now);
        }
        let (to, digest, level) = (chosen.to.clone(), chosen.digest.clone(), chosen.level);
        work.draft.report(container, report::Outcome::Proposed { to, digest, level });
        let from = chosen.from.running_tag().map(|tag| tag.to_string()).unwrap_or_default();
        let note = format!("{container}: {from} → {}: {}", chosen.to, chosen.grounds());
        work.draft.announce(WorkloadEvent::UpdateAvailable(note));
        work.messages.extend(deliveries);
        expires
    }

    /// The notice that a question is asked.
    pub(crate) fn asked_notice(&self, target: &Target, settings: Option<&Settings>, question: &Question) -> Notice {
        let needed = self.needed(&target.workload, question, &target.container);
        let approvals = Ballot { votes: question.votes.clone(), needed, is_yours: false }.counted();
        Notice { approvals, ..of_question(target, settings, question) }
    }

    /// Nobody is told of a question whose links' time is over before people are reminded of it.
    fn wait_to_remind(&self, work: &mut Work, container: &str, question: Question) -> Option<DateTime<Utc>> {
        self.count("proposed", "unanswered");
        let now = self.0.ambient.now();
        let again = question.again(now);
        if question.is_closed() {
            // What was closed for a moment may have a new link sent again.
            let question = Question { stands: Stands::Open, ..question };
            work.draft.on(container, Event::Ask(Box::new(question)), now);
        }
        again
    }

    /// An open question with what other workloads went through by now: its links and messages stay the same.
    fn because(&self, work: &mut Work, container: &str, question: Question, chosen: &Chosen) -> Question {
        let because = chosen.because.clone().map(Box::new);
        if question.because == because {
            return question;
        }
        let question = Question { because, ..question };
        work.draft.on(container, Event::Ask(Box::new(question.clone())), self.0.ambient.now());
        question
    }

    /// What the links of a new question are about.
    fn terms(&self, image: &str, chosen: &Chosen, from_digest: Option<Digest>) -> Terms {
        let terms = self.new_terms(image, from_digest, chosen.to.clone(), chosen.digest.clone(), Allows::Update);
        Terms { group: chosen.binding(), ..terms }
    }

    /// A new name, and what it names.
    pub(crate) fn new_terms(
        &self,
        image: &str,
        from_digest: Option<Digest>,
        tag: Tag,
        digest: Digest,
        allows: Allows,
    ) -> Terms {
        let now = self.0.ambient.now();
        Terms {
            id: ApprovalId::mint(now, self.0.ambient.bytes()),
            key: self.0.keys.signing().id().clone(),
            expires: DateTime::from_timestamp((now + LIFETIME).timestamp(), 0).unwrap_or(now),
            nonce: URL_SAFE_NO_PAD.encode(self.0.ambient.bytes::<16>()),
            from: image.to_owned(),
            from_digest,
            tag,
            digest,
            allows,
            group: None,
        }
    }

    /// What runs: the pinned digest, or what the running tag points to. Not knowing it is no reason not to ask.
    async fn running_digest(&self, target: &Target, chosen: &Chosen) -> Option<Digest> {
        match (chosen.from.digest().or(chosen.from_digest.as_ref()), chosen.from.running_tag()) {
            (Some(digest), _) => Some(digest.clone()),
            // The tag points to what is new already.
            (None, Some(tag)) if chosen.level != Level::Digest => self.digest(target, &tag).await.ok().flatten(),
            (None, _) => None,
        }
    }

    /// Stores the messages about what happened lately again: they may not have been stored, or were lost with the disk.
    pub(crate) fn repeat(&self, work: &mut Work, target: &Target) {
        let now = self.0.ambient.now();
        let Some(ledger) = work.ledger(&target.container) else { return };
        let settings = self.settings(target).ok();
        let settings = settings.as_ref();
        let mut notices = Vec::new();
        if let Some((answered, question)) = ledger.skipped(now).zip(ledger.question.as_ref())
            && answered.terms.id == question.terms.id
        {
            notices.push(of_skip(target, settings, question, (&answered.by, answered.at)));
        }
        if let Some(update) = ledger.ended(now) {
            // Records of earlier releases do not say why it was left.
            let left = || update.left.unwrap_or_else(|| Self::is_left(update, settings));
            let left = (update.outcome == Outcome::Failed).then(left);
            let told = ends(target, settings, update, about_end(ledger, update, now));
            notices.extend(told.into_iter().map(|notice| with_way_back(notice, left)));
        }
        let is_left_alone = settings.is_some_and(Settings::is_disabled);
        if let Some(update) = ledger.put_back_lately(now).filter(|_| !is_left_alone) {
            let question = ledger.open(now).filter(|question| question.terms.allows == Allows::Back);
            notices.push(of_put_back(target, settings, update, question));
        }
        if let Some((held, question)) = ledger.held.as_ref().zip(about_held(ledger, now)) {
            notices.push(of_held(target, settings, held, Some(question)));
        }
        let is_told = |held: &&Held| !work.draft.record.is_held_with_another(&target.container, &held.tag);
        if let Some(held) = ledger.held_lately(now).filter(|_| !is_left_alone).filter(is_told) {
            notices.push(of_held(target, settings, held, None));
        }
        notices.extend(ledger.gone_lately(now).map(|gone| of_gone(target, settings, gone)));
        let refused = ledger.refused.told_lately(now);
        notices.extend(refused.map(|(unfit, told)| of_unfit(target, settings, &unfit, told)));
        work.messages.extend(notices.iter().flat_map(|notice| self.messages_of(target, notice)));
    }
}

/// Says on the workload what a new question stands in place of: an update that is not written by itself, or links that are void.
/// What is asked again, or reminded of, was said before.
fn announce_refused(work: &mut Work, target: &Target, settings: &Settings, question: &Question) {
    let (container, now) = (target.container.as_str(), &question.terms);
    let before = work.draft.record.known(container).question.as_ref();
    let before = before.filter(|it| it.terms.allows == Allows::Update && it.terms.tag == now.tag);
    let moved = before.filter(|it| it.terms.digest != now.digest);
    let is_said = before.is_some();
    let is_usable = |it: &&Question| !matches!(it.stands, Stands::Closed(_)) && it.level != Level::Digest;
    let moved = moved.filter(is_usable).map(|it| {
        let (tag, then, digest) = (&now.tag, &it.terms.digest, &now.digest);
        format!(
            "{container}: {tag} was {then} when people were asked, and is {digest} by now: links of before are void"
        )
    });
    let owned = managed_elsewhere(target, settings, &now.tag).filter(|_| !is_said);
    for event in moved.map(WorkloadEvent::DigestMoved).into_iter().chain(owned) {
        work.draft.announce(event);
    }
}

/// That an update of a container is asked about first, as a tool owns its workload, where that is so.
pub(crate) fn managed_elsewhere(target: &Target, settings: &Settings, tag: &Tag) -> Option<WorkloadEvent> {
    let is_automatic = settings.mode == Mode::AutoUpdate && !settings.patch_owned;
    let owner = target.workload.owner.as_ref().filter(|_| is_automatic)?;
    Some(WorkloadEvent::ManagedElsewhere(format!("{}: {tag} waits: {}", target.container, owner.asks_first())))
}

/// The question that is told with the end of an update.
fn about_end<'l>(ledger: &'l Ledger, update: &Update, now: DateTime<Utc>) -> Option<&'l Question> {
    let is_of_it = |allows| match allows {
        Allows::Back => update.undoes.is_none(),
        Allows::Held => update.undoes.is_some(),
        Allows::Update => false,
    };
    let is_about_it = |it: &&Question| {
        is_of_it(it.terms.allows) && it.is_open(now) && update.ended.is_some_and(|ended| it.asked <= ended)
    };
    ledger.question.as_ref().filter(is_about_it)
}

/// The question that is told with what is held. What an update left that went back is told with its end.
fn about_held(ledger: &Ledger, now: DateTime<Utc>) -> Option<&Question> {
    let returned = ledger.update.as_ref().filter(|update| update.undoes.is_some()).and_then(|update| update.ended);
    let is_told = |it: &Question| returned.is_some_and(|ended| it.asked <= ended);
    let is_about_held =
        |it: &&Question| it.terms.allows == Allows::Held && it.terms.is_in_its_time(now) && !is_told(it);
    ledger.question.as_ref().filter(is_about_held).filter(|it| !it.is_renewed)
}

/// What a message quotes at most of what the makers declare; the notes themselves are beside it.
const MOST_QUOTES: usize = 6;
