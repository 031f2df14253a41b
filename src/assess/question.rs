//! A question that was asked before: whether it is one that would be asked today.

use chrono::{DateTime, Utc};

use super::{Source, Undecided, newest};
use crate::domain::policy::{self, Decision, Doubt, Mode, Outcome, Policy, Track, Wanted, decide};
use crate::domain::record::Ledger;
use crate::domain::reference::{Digest, ImageReference, Tag};
use crate::domain::refusal::Refusal;
use crate::domain::settings::{Bounds, Settings};
use crate::domain::tags::TagList;
use crate::domain::workload::Workload;
use crate::registry::{Registry, RegistryError, Tags};

/// What people were asked about.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'q> {
    /// The workload as it is now.
    pub workload: &'q Workload,
    /// Its container.
    pub container: &'q str,
    /// What runs there.
    pub image: &'q ImageReference,
    /// The tag that was asked about.
    pub to: &'q Tag,
    /// What it pointed to.
    pub digest: &'q Digest,
    /// The digest that ran when people were asked.
    pub was: Option<&'q Digest>,
    /// What is known of the container.
    pub ledger: &'q Ledger,
}

/// Why an answer is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Unanswerable {
    /// The question would not be asked today.
    #[error("the question would not be asked today ({})", .0.as_str())]
    Refused(Refusal),
    /// The tag points to something else.
    #[error("the tag no longer points to what was asked about")]
    Moved,
    /// The registry gave no answer.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl From<Refusal> for Unanswerable {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Asked<'_> {
    /// Reads the settings, and whether anything may be done at all, whatever is answered.
    ///
    /// # Errors
    /// [`Refusal`] when the workload is left alone, or not understood.
    pub fn enabled(&self, bounds: &Bounds) -> Result<Settings, Refusal> {
        let settings = Settings::read(self.workload, self.container, bounds).map_err(Refusal::Settings)?;
        if settings.is_disabled() {
            return Err(Refusal::Disabled { forced: bounds.forced.mode == Some(Mode::Disabled) });
        }
        Ok(self.ledger.beside(settings))
    }

    /// Reads the settings, and what they alone say of the question. Asks nobody.
    ///
    /// # Errors
    /// [`Refusal`] when it would not be asked under them.
    pub fn at_sight(&self, bounds: &Bounds, now: DateTime<Utc>) -> Result<Settings, Refusal> {
        let settings = self.enabled(bounds)?;
        let Some(running) = self.image.running_tag() else { return Err(Refusal::OtherKind) };
        let refusal = match (settings.track, running == *self.to) {
            (Track::Digest, true) => self.followed(&running, &settings.policy, now),
            (Track::Version, false) => {
                let both: TagList = [running.as_str(), self.to.as_str()].iter().collect();
                let refusal = self.verdict(&decide(running.as_str(), &both, &settings.policy, now), &settings.policy);
                refusal.filter(Refusal::is_by_settings)
            }
            (track, _) => Some(Refusal::OtherTrack(track)),
        };
        refusal.map_or(Ok(settings), Err)
    }

    /// Decides again, with one question about the tag and at most one list of tags.
    ///
    /// `doubt` is what else speaks against the list, beside what it says itself.
    ///
    /// # Errors
    /// [`Unanswerable`] when the question would not be asked today, or that can't be known now.
    pub async fn again<R: Registry>(
        &self,
        source: &Source<'_, R>,
        settings: &Settings,
        now: DateTime<Utc>,
        doubt: impl FnOnce(&Tag, &Policy, &Tags) -> Option<Doubt> + Send,
    ) -> Result<(), Unanswerable> {
        match source.digest(self.to).await? {
            Some(digest) if digest == *self.digest => {}
            Some(_) => return Err(Unanswerable::Moved),
            None => return Err(Unanswerable::Refused(Refusal::Withdrawn)),
        }
        if let Some(place) = &source.place {
            // What could not be looked at is no reason to refuse what somebody wants.
            source.anew(place, self.to, self.digest).await.map_err(Refusal::Unfit)?;
        }
        let Some(running) = self.image.running_tag().filter(|_| settings.track == Track::Version) else {
            // What settings say of a tag that is followed was asked at sight.
            return Ok(());
        };
        let policy = &settings.policy;
        let mut wanted = Wanted::default();
        wanted.add(running.as_str(), policy);
        let tags = source.registry.tags(source.repository, source.credential, &wanted).await?;
        let Some(list) = tags.to_decide(running.as_str(), policy)? else {
            return Err(Unanswerable::Refused(Refusal::OtherKind));
        };
        let timed = if policy.is_newest() {
            Some(newest::timed(source, list, policy, now).await.map_err(untimed)?)
        } else {
            None
        };
        let policy = timed.as_ref().unwrap_or(policy);
        let decision = decide(running.as_str(), list, policy, now);
        let (listed, verdict) = (decision.doubt(), self.verdict(&decision, policy));
        let listed = self.unless_gone(source, &running, listed).await?;
        let doubt = listed.or_else(|| doubt(&running, policy, &tags)).map(Refusal::List);
        if let Some(refusal) = doubt.or(verdict) {
            return Err(Unanswerable::Refused(refusal));
        }
        // Its project is asked last, as that takes longest.
        let standing = source.held_back(running.as_str(), self.to.as_str(), self.digest, policy).await;
        standing.map_or(Ok(()), |standing| Err(Unanswerable::Refused(Refusal::Unreleased(standing))))
    }

    /// What speaks against a list, unless that is that it lacks what runs, which is recorded as gone and has no manifest still.
    async fn unless_gone<R: Registry>(
        &self,
        source: &Source<'_, R>,
        running: &Tag,
        doubt: Option<Doubt>,
    ) -> Result<Option<Doubt>, RegistryError> {
        let told = self.ledger.gone.as_ref().map(|gone| &gone.image);
        let is_recorded = told.is_some_and(|told| told.tag == *running && told.lost.is_of_registry());
        let is_missing = matches!(doubt, Some(Doubt::RunningMissing(_)));
        let is_gone = is_missing && is_recorded && source.digest(running).await?.is_none();
        Ok(doubt.filter(|_| !is_gone))
    }

    fn verdict(&self, decision: &Decision<'_>, policy: &Policy) -> Option<Refusal> {
        let verdict = match decision.outcome() {
            // What is wrong with the running tag, and not with the other one.
            Outcome::NoVersion(verdict) => verdict,
            _ => decision.verdict(self.to.as_str()),
        };
        Refusal::of(verdict, policy.strategy, policy.forced.is_some())
    }

    /// The same for a tag that is followed.
    fn followed(&self, running: &Tag, policy: &Policy, now: DateTime<Utc>) -> Option<Refusal> {
        if policy::skips(&policy.skip, running.as_str(), self.digest) {
            return Some(Refusal::Skipped);
        }
        let known = self.ledger.digest_of(self.image).or_else(|| self.was.cloned());
        if known.as_ref() == Some(self.digest) {
            return Some(Refusal::NotNewer);
        }
        let until = policy.cooldown.as_ref().and_then(|it| it.until_of(running.as_str(), self.digest, now));
        until.map(Refusal::Cooldown)
    }
}

/// Why the order of pushes is not known.
fn untimed(reason: Undecided) -> Unanswerable {
    match reason {
        Undecided::Registry(error) => error.into(),
        _ => Unanswerable::Refused(Refusal::Untimed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::Running;
    use crate::domain::workload::tests::workload;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    /// What settings alone say of a question about `to`, where an image is known to have run.
    fn at_sight(image: &str, to: &str, annotations: &[(&str, &str)], known: Option<&str>) -> Option<Refusal> {
        let workload = workload(&[("web", image)], annotations);
        let image = ImageReference::parse(image).unwrap();
        let (to, digest) = (Tag::parse(to).unwrap(), Digest::of(b"new"));
        let known = known.and_then(|known| Running::of(&ImageReference::parse(known).ok()?));
        let mut ledger = Ledger::default();
        ledger.runs = known;
        let question = Asked {
            workload: &workload,
            container: "web",
            image: &image,
            to: &to,
            digest: &digest,
            was: None,
            ledger: &ledger,
        };
        question.at_sight(&Bounds::default(), NOW).err()
    }

    #[test]
    fn settings_say_what_they_can_without_a_list() {
        let digest = Digest::of(b"new");
        let (skip, known) = (format!("latest@{digest}"), format!("web:latest@{digest}"));
        let follows = ("track", "digest");
        let cases = [
            ("web:1.0.0", "1.1.0", &[][..], None),
            ("web:1.0.0", "1.1.0", &[("mode", "DISABLED")], Some(Refusal::Disabled { forced: false })),
            ("web:1.0.0", "1.1.0", &[follows], Some(Refusal::OtherTrack(Track::Digest))),
            ("web:latest", "latest", &[], Some(Refusal::OtherTrack(Track::Version))),
            ("web:latest", "latest", &[follows], None),
            ("web", "latest", &[follows], None),
            ("web:latest", "latest", &[follows, ("skip", &skip)], Some(Refusal::Skipped)),
            ("web:4.1", "18.04", &[], None),
        ];
        for (image, to, annotations, expected) in cases {
            assert_eq!(at_sight(image, to, annotations, None), expected, "{image} to {to} with {annotations:?}");
        }
        assert_eq!(at_sight("web:latest", "latest", &[follows], Some(&known)), Some(Refusal::NotNewer));
    }

    #[test]
    fn what_a_followed_tag_points_to_waits_for_its_cooldown() {
        use crate::domain::policy::{Cooldown, KnownSince};
        let hours = |hours| NOW + chrono::TimeDelta::hours(hours);
        let settings = [("track", "digest"), ("cooldown", "24h")];
        let follows = workload(&[("web", "web:latest")], &settings);
        let (image, to) = (ImageReference::parse("web:latest").unwrap(), Tag::parse("latest").unwrap());
        let (digest, older) = (Digest::of(b"new"), Digest::of(b"old"));
        let refusal = |knows: Option<&Digest>, now| {
            let mut ledger = Ledger::default();
            let mut cooldown = Cooldown::new(chrono::TimeDelta::hours(24), KnownSince::default());
            if let Some(digest) = knows {
                cooldown.learn("latest", digest, None, NOW);
            }
            ledger.known_since = cooldown.known().clone();
            let (workload, container, was) = (&follows, "web", None);
            let question = Asked { workload, container, image: &image, to: &to, digest: &digest, was, ledger: &ledger };
            question.at_sight(&Bounds::default(), now).err()
        };
        assert_eq!(refusal(Some(&digest), hours(1)), Some(Refusal::Cooldown(hours(24))));
        assert_eq!(refusal(Some(&digest), hours(24)), None, "it has waited");
        // Somebody set the cooldown since, so that nobody saw it under one; or saw what the tag pointed to before.
        for knows in [None, Some(&older)] {
            assert_eq!(refusal(knows, hours(30)), Some(Refusal::Cooldown(hours(54))));
        }
    }
}
