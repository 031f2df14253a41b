//! Telling people where workloads may not be written: the same decision, in a message without a link.
//!
//! Nothing can be recorded on the workload. That a version was told is known by the id of its message alone, which the
//! queue remembers. As nothing is applied, nothing waits for its cooldown either, whose begin could not be recorded.

use crate::cluster::{Cluster, WorkloadEvent};
use crate::domain::event::{NoLink, Notice, NoticeKind};
use crate::domain::fleet::Others;
use crate::domain::policy::{Mode, Policy};
use crate::domain::settings::Settings;
use crate::domain::view::{Blocker, Known};
use crate::queue::{Placed, Queue, Records};
use crate::reconcile::draft::{Chosen, Work, image_of};
use crate::reconcile::judging::declared;
use crate::reconcile::judging::judge::{Choice, Judged, earliest};
use crate::reconcile::telling::error::DOUBT;
use crate::reconcile::telling::notices::{self, notice};
use crate::reconcile::{Listed, Reconciler, Step, StepError, Target};
use crate::registry::Registry;
use crate::telemetry::chain;

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// All that can be done for a container of a workload that may not be written.
    pub(crate) async fn inform(&self, target: &Target, work: &Work, tags: Option<Listed>) -> Step {
        self.tell_end(work, target).await?;
        let settings = match self.settings(target) {
            Ok(settings) if settings.is_disabled() => {
                self.count("ignored", "disabled");
                return Ok(None);
            }
            Ok(settings) => settings,
            Err(error) => {
                self.count("undecided", "invalid_setting");
                self.warn(target, &error.to_string(), "the workload is left alone until this is mended");
                return Ok(None);
            }
        };
        let settings = without_cooldown(settings);
        let ledger = work.draft.record.known(&target.container);
        let judged = match self.judge(target, ledger, &settings, (tags, None)).await {
            Ok(judged) if self.0.cluster.is_dry_run() => match self.with_notes(target, ledger, &settings, judged).await
            {
                Ok(judged) => Ok(judged),
                Err(_) => return Ok(Some(self.0.ambient.now() + declared::AGAIN)),
            },
            judged => judged,
        };
        match judged {
            Ok(Judged { choice: Choice::To(chosen), due, .. }) => {
                self.informed(target, work, &settings, &chosen).await?;
                Ok(due)
            }
            Ok(Judged { choice: Choice::Nothing | Choice::NotBefore { .. }, due, .. }) => Ok(due),
            Ok(Judged { choice: Choice::Undecided(reason), due, .. }) => {
                self.count("undecided", reason.word());
                self.warn(target, &chain(&reason).to_string(), "nothing is decided on what the registry says");
                Ok(earliest(due, Some(self.0.ambient.now() + DOUBT)))
            }
            Err(StepError::Registry(error)) if !error.is_retryable() => {
                self.count("undecided", error.reason());
                let problem = error.told_to(target.credential()?);
                self.warn(target, &problem, "the workload is left alone until this is mended");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes sure that people were told of this version once.
    async fn informed(&self, target: &Target, work: &Work, settings: &Settings, chosen: &Chosen) -> Step {
        let Some(no_link) = self.no_link(target, work, settings, chosen) else {
            self.count("waiting", "held");
            return Ok(None);
        };
        self.told_without_link(target, work, settings, (chosen, no_link)).await
    }

    /// The same of a version that all of a group would go to, by the one that would be first.
    pub(crate) async fn informed_of_group(
        &self,
        target: &Target,
        work: &Work,
        settings: &Settings,
        chosen: &Chosen,
        asks: bool,
    ) -> Step {
        let no_link = match (self.0.cluster.is_dry_run(), asks) {
            (true, true) => NoLink::WouldAsk,
            (true, false) => NoLink::WouldApply,
            (false, _) => may_not(settings.mode),
        };
        self.told_without_link(target, work, settings, (chosen, no_link)).await
    }

    async fn told_without_link(
        &self,
        target: &Target,
        work: &Work,
        settings: &Settings,
        (chosen, no_link): (&Chosen, NoLink),
    ) -> Step {
        if !no_link.is_dry_run() && self.has_link(target, work, chosen) {
            self.count("told", "already");
            return Ok(None);
        }
        let notice = self.notice(target, settings, chosen, no_link);
        let messages = self.0.audience.messages(&notice, settings.notify.as_deref());
        let reason = no_link.as_str();
        if self.put(messages, &work.trace).await? == Placed::Coalesced {
            self.count("told", "already");
            return Ok(None);
        }
        self.count("told", reason);
        tracing::warn!(workload = %target.workload.id, container = target.container, to = %chosen.to, digest = %chosen.digest, outcome = "told", reason, "there is something newer; people are told without a link, as nothing may be written on the workload");
        let note = format!("{}: {} → {}: {}", target.container, notice.from.tag, chosen.to, chosen.grounds());
        self.0.cluster.announce(&target.workload, WorkloadEvent::UpdateAvailable(note)).await;
        Ok(None)
    }

    /// Whether people have a link for exactly this, from when the workload could be written.
    fn has_link(&self, target: &Target, work: &Work, chosen: &Chosen) -> bool {
        let (image, now) = (image_of(target), self.0.ambient.now());
        let asked = work.ledger(&target.container).and_then(|it| it.asks(&image, &chosen.to, &chosen.digest, now));
        asked.is_some_and(|question| self.0.keys.named(question.terms.key.as_str()).is_some())
    }

    /// Why there is no link; `None` where nobody would be told at all.
    fn no_link(&self, target: &Target, work: &Work, settings: &Settings, chosen: &Chosen) -> Option<NoLink> {
        let (workload, container, record) = (&*target.workload, &*target.container, &work.draft.record);
        let because = self.asks_for_others(&work.draft.record, target, chosen);
        let others = Others::Said(because.as_ref());
        let known = Known { workload, container, record, settings, others };
        match known.blocker(&chosen.to, &chosen.digest, self.0.ambient.now()) {
            Some(Blocker::Disabled | Blocker::Held(_) | Blocker::Refused(_) | Blocker::Snoozed(_)) => None,
            _ if !self.0.cluster.is_dry_run() => Some(may_not(settings.mode)),
            None | Some(Blocker::Window(_) | Blocker::Paused | Blocker::Cooldown(_))
                if !chosen.declared.kinds.any() =>
            {
                Some(NoLink::WouldApply)
            }
            _ => Some(NoLink::WouldAsk),
        }
    }

    fn notice(&self, target: &Target, settings: &Settings, chosen: &Chosen, no_link: NoLink) -> Notice {
        let step = notices::Step {
            from: chosen.from.running_tag(),
            from_digest: chosen.from.digest(),
            to: &chosen.to,
            digest: Some(&chosen.digest),
            level: Some(chosen.level),
        };
        Notice {
            why: chosen.why.clone(),
            preflight: Some(Box::new(chosen.preflight.clone())).filter(|it| !it.is_empty()),
            declared: chosen.declared.clone(),
            no_link: Some(no_link),
            group: chosen.group.clone(),
            ..notice(target, Some(settings), NoticeKind::Available, self.0.ambient.now(), &step)
        }
    }
}

/// What keeps us from what the mode says, where it is the right to write.
fn may_not(mode: Mode) -> NoLink {
    match mode {
        Mode::AutoUpdate => NoLink::MayNotApply,
        Mode::Notification | Mode::Disabled => NoLink::MayNotPatch,
    }
}

/// The same settings where nothing waits, as its begin can't be recorded.
pub(crate) fn without_cooldown(settings: Settings) -> Settings {
    Settings { policy: Policy { cooldown: None, ..settings.policy }, ..settings }
}
