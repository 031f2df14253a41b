//! A member by itself: what it could go to is found at the look at its own repository, and remembered for its group.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::known::{Found, Of};
use super::{Group, Member};
use crate::assess::{self, Undecided};
use crate::cluster::Cluster;
use crate::domain::policy::{Doubt, Mode, Wanted};
use crate::domain::record::Event;
use crate::domain::settings::{Fingerprint, Settings};
use crate::domain::view::{CameTo, NoGround, Ungrounded};
use crate::domain::workload::Workload;
use crate::queue::{Queue, Records};
use crate::reconcile::asking::inform::without_cooldown;
use crate::reconcile::draft::Work;
use crate::reconcile::judging::judge::running_tag;
use crate::reconcile::looked::End;
use crate::reconcile::{Listed, Reconciler, Step, StepError, Target};
use crate::registry::Registry;

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Takes over what a member could go to; its group decides. Answers when to look again.
    pub(in crate::reconcile) async fn as_member(
        &self,
        work: &mut Work,
        target: &Target,
        tags: Option<Listed>,
    ) -> Result<Option<DateTime<Utc>>, StepError> {
        let settings = match self.settings(target) {
            Ok(settings) => settings,
            Err(problems) => {
                self.misunderstood(work, target, &problems);
                return Ok(None);
            }
        };
        self.has_settings(work, &target.container);
        let learnt = self.learn_member(work, target, &settings, tags).await;
        let end = match &learnt {
            Ok((Ok(_), _)) => End::Answered(CameTo::Nothing),
            Ok((Err(why), _)) => End::Answered(CameTo::Undecided(Box::new(why.clone()))),
            Err(error) => End::of(error),
        };
        self.looked_at_member(target, end);
        let due = learnt?.1;
        self.repeat(work, target);
        Ok(due)
    }

    /// The same of one that may not be written: its group is told of.
    pub(in crate::reconcile) async fn as_told_member(
        &self,
        work: &mut Work,
        target: &Target,
        tags: Option<Listed>,
    ) -> Step {
        self.tell_end(work, target).await?;
        match self.settings(target) {
            Ok(settings) if settings.mode == Mode::Disabled => {
                self.count("ignored", "disabled");
                Ok(None)
            }
            Ok(settings) => {
                let (_, due) = self.learn_member(work, target, &without_cooldown(settings), tags).await?;
                Ok(due)
            }
            Err(problems) => {
                self.count("undecided", "invalid_setting");
                self.warn(target, &problems.to_string(), "the workload is left alone until this is mended");
                Ok(None)
            }
        }
    }

    /// What a member could go to, of its tags.
    async fn learn_member(
        &self,
        work: &mut Work,
        target: &Target,
        settings: &Settings,
        tags: Option<Listed>,
    ) -> Result<(Found, Option<DateTime<Utc>>), StepError> {
        let (container, now) = (target.container.as_str(), self.0.ambient.now());
        let Some(running) = running_tag(&target.workload, container) else {
            self.count("ignored", "no_tag");
            let why = NoGround { reason: Ungrounded::NoTag, words: "its image names no tag".to_owned() };
            return Ok((self.remember_found(target, Err(why)), None));
        };
        let tags = match tags.ok_or(StepError::Changed)? {
            Ok(tags) => tags,
            Err(error) if !error.is_retryable() => {
                self.count("undecided", error.reason());
                let words = error.told_to(target.credential()?);
                let why = NoGround { reason: error.ungrounded(), words };
                return Ok((self.remember_found(target, Err(why)), None));
            }
            Err(error) => return Err(StepError::Registry(error)),
        };
        let ledger = work.draft.record.known(container);
        let settings = ledger.beside(settings.clone());
        let source = self.source(target)?;
        let doubt = || self.shrunk(target, ledger, &running, &settings.policy, &tags);
        self.expects_list(target, ledger, &running, &settings.policy).await;
        let found = assess::group::candidates(&source, &running, &tags, &settings.policy, now, doubt).await;
        self.keeps_list(target, &running, &settings.policy).await;
        match found {
            Ok(found) => {
                let is_shrunk = ledger.shrunk.is_some();
                let known = found.known.answered_at(now, self.0.ambient.now());
                work.draft.on(container, Event::Candidates(known), now);
                if is_shrunk {
                    work.draft.on(container, Event::Whole, now);
                }
                self.present(work, target);
                Ok((self.remember_found(target, Ok(found.candidates)), found.due))
            }
            Err(Undecided::Registry(error)) => Err(StepError::Registry(Arc::new(error))),
            Err(Undecided::Unlisted) => Err(StepError::Changed),
            Err(reason) => {
                if let Undecided::List(Doubt::Shrunk { before, .. }) = &reason {
                    work.draft.on(container, Event::Shrunk(*before), now);
                }
                self.count("undecided", reason.word());
                let again = now + crate::reconcile::telling::error::DOUBT;
                let why = NoGround { reason: reason.ungrounded(), words: reason.to_string() };
                Ok((self.remember_found(target, Err(why)), Some(again)))
            }
        }
    }

    fn remember_found(&self, target: &Target, found: Found) -> Found {
        if let Some(of) = of(&target.workload, &target.container) {
            self.1.groups.put(of, found.clone());
        }
        found
    }

    /// What a member could go to, as it was found last; asked now where that is not known.
    pub(super) async fn candidates_of(
        &self,
        group: &mut Group,
        member: &Member,
        settings: &Settings,
    ) -> Result<Found, StepError> {
        let target = &member.target;
        if let Some(found) = of(&target.workload, &target.container).and_then(|of| self.1.groups.get(of)) {
            return Ok(found);
        }
        let mut wanted = Wanted::default();
        if let Some(running) = running_tag(&target.workload, &target.container) {
            wanted.add(running.as_str(), &settings.policy);
        }
        let tags = self.0.registry.tags(&target.repository, target.credential()?, &wanted).await;
        let Some(work) = group.works.get_mut(member.work) else { return Err(StepError::Changed) };
        Ok(self.learn_member(work, target, settings, Some(tags.map(Arc::new).map_err(Arc::new))).await?.0)
    }
}

/// What decides on a member.
fn of<'m>(workload: &'m Workload, container: &'m str) -> Option<Of<'m>> {
    let image = &*workload.container(container)?.1.image;
    Some(Of { uid: &workload.id.uid, container, image, settings: Fingerprint::of(workload) })
}
