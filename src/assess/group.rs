//! What one member of a group could go to, and whether what the group chose is really there for it.

use chrono::{DateTime, Utc};

use super::{Candidate, Source, Undecided, prepared};
use crate::domain::group::{Candidates, MOST_CANDIDATES};
use crate::domain::policy::{Doubt, KnownSince, Policy, Refused, Verdict, decide, step};
use crate::domain::preflight::Unfit;
use crate::domain::reference::Tag;
use crate::domain::standing::Standing;
use crate::domain::tag::{Level, Version};
use crate::registry::{Registry, RegistryError, Tags};

/// What one member could go to, and what the next look has to know.
#[derive(Clone, Debug)]
pub struct Found {
    /// What runs, and what it may go to.
    pub candidates: Candidates,
    /// Since when versions that wait are known.
    pub known: KnownSince,
    /// When the first of them has waited.
    pub due: Option<DateTime<Utc>>,
}

/// Why what a group chose is not there for a member.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Passed {
    /// The registry lists it, and has no manifest for it.
    #[error("it is listed, and has no manifest")]
    Missing,
    /// The registry lists it, and refuses it.
    #[error("its registry refuses it: {0}")]
    Withheld(Refused),
    /// It was pushed again, and waits for its cooldown anew.
    #[error("it was pushed again, and waits for image-watcher/cooldown")]
    Cooling,
    /// Its project marks it as a prerelease, or took its release back.
    #[error("{0}")]
    Unreleased(Standing),
    /// It would not start, or may not be written.
    #[error("{0}")]
    Unfit(Unfit),
}

/// What one member could go to by its own settings.
///
/// # Errors
/// [`Undecided`] when the list is not believed, or the registry doesn't answer.
pub async fn candidates<R: Registry>(
    source: &Source<'_, R>,
    running: &Tag,
    tags: &Tags,
    policy: &Policy,
    now: DateTime<Utc>,
    doubt: impl FnOnce() -> Option<Doubt> + Send,
) -> Result<Found, Undecided> {
    let tags = tags.to_decide(running.as_str(), policy)?.ok_or(Undecided::Unlisted)?;
    let policy = prepared(source, running.as_str(), tags, policy, now, doubt).await?;
    let decision = decide(running.as_str(), tags, &policy, now);
    if let Some(unmatched) = decision.outcome().unmatched() {
        return Err(Undecided::Unmatched(unmatched));
    }
    let is_allowed = |verdict: &Verdict<'_>| matches!(verdict, Verdict::Taken(_) | Verdict::Lower(_));
    let mut newer: Vec<&str> =
        decision.verdicts().filter(|(_, verdict)| is_allowed(verdict)).map(|(tag, _)| tag).collect();
    newer.sort_by(|one, other| decision.newer(other, one).then_with(|| one.cmp(other)));
    newer.dedup();
    let newer = newer.into_iter().take(MOST_CANDIDATES).filter_map(|tag| Tag::parse(tag).ok()).collect();
    let known = policy.cooldown.as_ref().map(|cooldown| decision.known_since(cooldown.known(), now));
    Ok(Found {
        candidates: Candidates { running: running.clone(), newer },
        known: known.unwrap_or_default(),
        due: policy.cooldown.as_ref().and_then(|_| decision.first_due()),
    })
}

/// How far a member goes.
#[must_use]
pub fn level(running: &Tag, to: &Tag, policy: &Policy) -> Level {
    let by_number = || {
        let (ours, theirs) = (Version::read(running.as_str())?, Version::read(to.as_str())?);
        Some(ours.level_to(&theirs))
    };
    step(running.as_str(), to.as_str(), policy).or_else(by_number).unwrap_or(Level::Pattern)
}

/// Asks for what a group chose for one member. What is learnt of its cooldown is in the policy then.
///
/// # Errors
/// [`RegistryError`] when there is no answer.
pub async fn confirmed<R: Registry>(
    source: &Source<'_, R>,
    running: &Tag,
    to: &Tag,
    policy: &mut Policy,
    now: DateTime<Utc>,
) -> Result<Result<Candidate, Passed>, RegistryError> {
    let digest = match source.digest(to).await {
        Ok(Some(digest)) => digest,
        Ok(None) => return Ok(Err(Passed::Missing)),
        Err(RegistryError::Withheld { withheld, .. }) => return Ok(Err(Passed::Withheld(withheld.refused))),
        Err(error) => return Err(error),
    };
    if policy.cooldown.as_ref().is_some_and(|cooldown| !cooldown.knows(to.as_str(), &digest)) {
        source.learn(to.as_str(), &digest, policy.cooldown.as_mut(), now).await;
        if policy.cooldown.as_ref().is_some_and(|cooldown| cooldown.until(to.as_str(), now).is_some()) {
            return Ok(Err(Passed::Cooling));
        }
    }
    if let Some(standing) = source.held_back(running.as_str(), to.as_str(), &digest, policy).await {
        return Ok(Err(Passed::Unreleased(standing)));
    }
    Ok(source.preflight(to, digest, now).await.map_err(Passed::Unfit))
}
