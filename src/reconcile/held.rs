//! What somebody set back stays back: an image that is not what ran before, and not ours, is somebody's word.

use super::draft::{Work, image_of};
use super::notices::of_held;
use super::{Reconciler, Target};
use crate::cluster::{Cluster, WorkloadEvent};
use crate::domain::approval::Allows;
use crate::domain::policy::{Policy, Strategy, step};
use crate::domain::record::{Consequence, Event, Held, Question, Running, Stands};
use crate::domain::reference::{Digest, Tag};
use crate::domain::settings::{self, Settings};
use crate::domain::tag::Level;
use crate::queue::{Queue, Records};
use crate::registry::Registry;

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Takes over what a container runs now, and whether somebody went back to it.
    pub(super) async fn observe(&self, work: &mut Work, target: &Target) {
        let (container, now) = (target.container.as_str(), self.0.ambient.now());
        let image = target.workload.container(container).and_then(|(_, found)| found.reference());
        let Some(running) = image.as_ref().and_then(Running::of) else { return };
        let settings = self.settings(target).ok();
        let policy = settings.as_ref().map_or_else(|| Policy::of(Strategy::All), |settings| settings.policy.clone());
        let ledger = work.ledger(container);
        let before = ledger.filter(|ledger| !ledger.still_runs(&running)).and_then(|ledger| ledger.runs.clone());
        let update = ledger.and_then(|ledger| ledger.update.as_ref());
        let is_ours = update.zip(before.as_ref()).is_some_and(|(update, before)| update.wrote(before));
        match before.and_then(|before| Some((goes_back(&running, &before, is_ours, &policy)?, before))) {
            Some((level, before)) => self.set_back(work, target, settings.as_ref(), &running, &before, level).await,
            None => {
                work.draft.on(container, Event::Runs(running.clone()), now);
            }
        }
        let held = work.ledger(container).and_then(|ledger| ledger.held.as_ref());
        if held.is_some_and(|held| is_outgrown(&running, held, &policy)) {
            work.draft.on(container, Event::Outgrown, now);
        }
    }

    async fn set_back(
        &self,
        work: &mut Work,
        target: &Target,
        settings: Option<&Settings>,
        running: &Running,
        before: &Running,
        level: Level,
    ) {
        let (container, now) = (target.container.as_str(), self.0.ambient.now());
        // Who goes back twice is asked about the newest of them.
        let held = work.ledger(container).and_then(|ledger| ledger.held.as_ref());
        let (tag, digest) = held.map_or((&before.tag, &before.digest), |held| (&held.tag, &held.digest));
        let question = self.about_held(target, running, tag, digest.as_ref(), level).await;
        let event = Event::SetBack {
            to: running.clone(),
            by: self.who(target).await,
            owned: target.workload.owner.is_some(),
            question: question.clone().map(Box::new),
        };
        let Some(Consequence::SetBack(held)) = work.draft.on(container, event, now) else { return };
        work.draft.guard(container);
        self.count("waiting", "set_back");
        tracing::warn!(workload = %target.workload.id, container, version = %held.tag, back_to = %held.back_to, by = ?held.by, outcome = "held", "somebody set this version back; it is held until there is a newer one, or a person says otherwise");
        let by = if held.by.is_empty() { "somebody".to_owned() } else { held.by.join(", ") };
        let note = format!("{container}: {} was set back to {} by {by}, and is held", held.tag, held.back_to);
        work.draft.announce(WorkloadEvent::VersionHeld(note));
        let notice = of_held(target, settings, &held, question.as_ref());
        let only = settings::channels(&target.workload, container);
        work.messages.extend(self.0.audience.deliveries(&notice, only.as_deref()));
    }

    /// Asks anew whether what is held may be applied, when nobody could say so for long.
    pub(super) async fn ask_about_held(&self, work: &mut Work, target: &Target) {
        let (container, now) = (target.container.as_str(), self.0.ambient.now());
        let Ok(settings) = self.settings(target) else { return };
        let known = work.ledger(container).and_then(|ledger| ledger.runs.clone().zip(ledger.unasked(now).cloned()));
        let Some((running, held)) = known else { return };
        let before = Running { tag: held.tag.clone(), digest: held.digest.clone(), ..running.clone() };
        let Some(level) = goes_back(&running, &before, true, &settings.policy) else { return };
        let question = self.about_held(target, &running, &held.tag, held.digest.as_ref(), level).await;
        if let Some(question) = question {
            work.draft.guard(container);
            work.draft.on(container, Event::Ask(Box::new(question)), now);
            work.draft.on(container, Event::Told, now);
            tracing::info!(workload = %target.workload.id, container, version = %held.tag, outcome = "held", "this version is held still, and people are asked anew whether it may be applied");
        }
    }

    /// What people may answer to it, where it is known which manifest is held.
    async fn about_held(
        &self,
        target: &Target,
        running: &Running,
        tag: &Tag,
        digest: Option<&Digest>,
        level: Level,
    ) -> Option<Question> {
        let digest = match digest {
            Some(digest) => digest.clone(),
            None => self.digest(target, tag).await.ok().flatten()?,
        };
        let from_digest = running.digest.clone();
        let terms = self.new_terms(&image_of(target), from_digest, tag.clone(), digest, Allows::Held);
        let asked = self.0.ambient.now();
        Some(Question { terms, level, why: None, asked, with: Vec::new(), stands: Stands::Open })
    }

    /// Who wrote what runs, as far as it is known.
    async fn who(&self, target: &Target) -> Vec<String> {
        let owner = target.workload.owner.as_ref().map(ToString::to_string);
        let wrote = self.0.cluster.who_set(&target.workload.id, &target.container).await;
        // Not knowing it is no reason to write again what was set back.
        let wrote = wrote.ok().flatten().map(|wrote| wrote.to_string());
        let mut all: Vec<String> = wrote.into_iter().chain(owner).collect();
        all.dedup();
        all
    }
}

/// How far it would be from what runs now to what ran before, if that is an update: then somebody went back.
fn goes_back(now: &Running, before: &Running, is_ours: bool, policy: &Policy) -> Option<Level> {
    if now.of != before.of {
        return None;
    }
    if now.tag == before.tag {
        return (is_ours && now.digest != before.digest).then_some(Level::Digest);
    }
    step(now.tag.as_str(), before.tag.as_str(), policy)
}

/// Whether what is held would be no update any more of what runs.
fn is_outgrown(now: &Running, held: &Held, policy: &Policy) -> bool {
    if held.tag == held.back_to {
        return now.tag != held.tag || now.digest.is_some() && now.digest == held.digest;
    }
    step(now.tag.as_str(), held.tag.as_str(), policy).is_none()
}
