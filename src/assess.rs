//! 4 of 13 · in: one container's settings and its repository's tags · out: what it comes to, read and decided
//!
//! The same for everyone who asks: the sequencer, a link, `check` and `explain`. It reads and writes nothing but questions to the
//! registry.

mod declared;
mod digests;
pub mod gone;
pub mod group;
mod newest;
pub mod preflight;
pub mod question;
#[cfg(test)]
mod snapshots;
mod standing;
mod ungrounded;

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use futures_util::FutureExt as _;

pub use declared::{Declarations, Proposed};
pub use digests::Digests;
pub use preflight::{Candidate, Place, Rehearse};
pub use question::Unanswerable;
pub use standing::{AskStanding, Forges, Waited};

use preflight::MOST_UNFIT;

use crate::domain::gone::Gone;
use crate::domain::owner::Owner;
use crate::domain::policy::{
    Cooldown, Decision, Doubt, KnownSince, Mode, Moved, Outcome, Policy, Unmatched, Withheld, decide, follow,
};
use crate::domain::preflight::Unfit;
use crate::domain::reference::{Digest, Repository, Tag};
use crate::domain::standing::Standing;
use crate::domain::tags::TagList;
use crate::domain::view::{State, View};
use crate::registry::{Credential, Registry, RegistryError, Tags};

/// How many tags that are listed without a manifest are passed over in one decision, with a question for each.
pub const MOST_MISSING: usize = 5;

/// So many of the tags that wait for their cooldown, the highest, are asked at each look whether they were pushed again.
const MOST_WATCHED: usize = 3;

/// Where a manifest is asked for.
#[derive(Debug)]
pub struct Source<'s, R> {
    /// The client.
    pub registry: &'s R,
    /// The repository.
    pub repository: &'s Repository,
    /// Who asks.
    pub credential: &'s Credential,
    /// What was asked already, where that is as good as asking now.
    pub digests: Option<Digests>,
    /// A tag whose digest will be wanted once there is something to go to: it is asked for in the same moment.
    pub beside: Option<Tag>,
    /// Where it is asked what became of the release of a version that waited; nobody is without it.
    pub forges: Option<Forges<'s>>,
    /// What a candidate has to fit, where it is looked at.
    pub place: Option<Place<'s>>,
}

impl<'s, R> Source<'s, R> {
    /// Where a manifest is asked for anew each time, and nothing else is looked at.
    #[must_use]
    pub fn new(registry: &'s R, repository: &'s Repository, credential: &'s Credential) -> Self {
        Self { registry, repository, credential, digests: None, beside: None, forges: None, place: None }
    }
}

impl<R: Registry> Source<'_, R> {
    /// What a tag points to now.
    ///
    /// # Errors
    /// [`RegistryError`] when there is no answer.
    pub async fn digest(&self, tag: &Tag) -> Result<Option<Digest>, RegistryError> {
        let ask = self.registry.digest(self.repository, tag, self.credential).boxed();
        match &self.digests {
            Some(digests) => digests.of(tag, self.credential, ask).await,
            None => ask.await,
        }
    }

    /// Asks what the other tag points to that will be wanted; who needs it asks again, and is told what went wrong.
    async fn ask_beside(&self) {
        if let (Some(beside), Some(_)) = (&self.beside, &self.digests) {
            let _ = self.digest(beside).await;
        }
    }

    /// Takes over what a tag points to; of what is new to it, its registry is asked when it was pushed.
    async fn learn(&self, tag: &str, digest: &Digest, cooldown: Option<&mut Cooldown>, now: DateTime<Utc>) {
        let Some(cooldown) = cooldown else { return };
        let pushed = match Tag::parse(tag) {
            Ok(tag) if !cooldown.knows(tag.as_str(), digest) => {
                self.registry.pushed(self.repository, &tag, self.credential).await
            }
            _ => None,
        };
        // What was pushed before something else took its place says nothing of that.
        let pushed = pushed.filter(|pushed| pushed.digest.as_ref().is_none_or(|of| of == digest));
        cooldown.learn(tag, digest, pushed.map(|pushed| pushed.at), now);
    }
}

/// Why nothing is decided.
#[derive(Debug, thiserror::Error)]
pub enum Undecided {
    /// The list is not believed.
    #[error("{0}: nothing is decided until it is whole again")]
    List(Doubt),
    /// The best tags of the list have no manifest.
    #[error("the registry lists {} and has a manifest for none of them: nothing is decided until one is there, or they are gone", .0.join(", "))]
    Missing(Vec<String>),
    /// The best tags of the list are no releases at their project.
    #[error("of {} their project marks each as a prerelease, or took its release back: nothing is decided until one is released, or image-watcher/exclude leaves them out", .0.join(", "))]
    Unreleased(Vec<String>),
    /// The best tags would not start.
    #[error("the newest versions would not start, and no other is looked at: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Unfit(Vec<Unfit>),
    /// What runs is not there.
    #[error("{0}")]
    Gone(Box<Gone>),
    /// The order of tags is that of their pushes, and the registry does not tell it.
    #[error(
        "the registry does not say of all tags that image-watcher/tag-policy takes when they were pushed (it is asked for up to 1,000, and a time that can't be is none), so image-watcher/tag-order: newest has nothing to go by; use another order, or a pattern that takes fewer"
    )]
    Untimed,
    /// The workload's own pattern or order has no place for what runs.
    #[error(transparent)]
    Unmatched(Unmatched),
    /// The list was read for other containers, or for this one as it was.
    #[error("the list of tags was not read for what runs now")]
    Unlisted,
    /// The registry gave no answer.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl Undecided {
    /// Whether what somebody wrote on the workload is why, and nothing that the registry says.
    #[must_use]
    pub fn is_of_settings(&self) -> bool {
        matches!(self, Self::Unmatched(_))
    }

    /// The tags that have no manifest, as far as that is why nothing is decided.
    pub fn absent(&self) -> impl Iterator<Item = &str> {
        let (all, one): (&[String], _) = match self {
            Self::Missing(tags) => (tags, None),
            Self::Gone(gone) => (&[], Some(gone.tag.as_str())),
            _ => (&[], None),
        };
        all.iter().map(String::as_str).chain(one)
    }

    /// One word for metrics.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::List(doubt) => doubt.word(),
            Self::Missing(_) => "missing",
            Self::Unreleased(_) => "unreleased",
            Self::Unfit(_) => "unfit",
            Self::Gone(_) => "gone",
            Self::Untimed => "untimed",
            Self::Unmatched(Unmatched::Pattern) => "outside_pattern",
            Self::Unmatched(Unmatched::Order) => "without_order",
            Self::Unlisted => "unlisted",
            Self::Registry(error) => error.reason(),
        }
    }
}

/// What became of a tag that is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// It is not known what runs: this is what the tag points to, for comparing it later.
    First(Digest),
    /// What runs.
    Same,
    /// It was pushed again.
    To(Box<Candidate>),
    /// It was, and has not pointed to this one for as long as the cooldown asks: until when it waits.
    Cooling(Digest, DateTime<Utc>),
    /// It was, and what it points to now would not start.
    Unfit(Box<Unfit>),
    /// It was, and people answered that they don't want this one.
    Skipped(Digest),
}

impl Followed {
    /// What it means for people; and the manifest to go to, if it moved.
    #[must_use]
    pub fn view(&self, running: &Tag, mode: Mode, owner: Option<&Owner>) -> (View<'_>, Option<&Candidate>) {
        let (state, digest, candidate) = match self {
            Self::First(_) => (State::NoDigest, None, None),
            Self::Cooling(digest, until) => {
                let view = View::followed(running, Some(digest), State::Cooling, mode, owner);
                return (view.waiting(*until), None);
            }
            Self::Same => (State::UpToDate, None, None),
            Self::To(candidate) => (State::Update, Some(&candidate.digest), Some(&**candidate)),
            Self::Unfit(unfit) => return (View::unfit(running, unfit, owner), None),
            Self::Skipped(digest) => (State::UpToDate, Some(digest), None),
        };
        (View::followed(running, digest, state, mode, owner), candidate)
    }
}

/// Compares what a followed tag points to with what runs: the digest that the image is pinned to, or else the one that was
/// recorded. Given with it is since when the tag points to what it went to; nothing, where it did not or need not wait.
///
/// # Errors
/// [`Undecided`] when the tag is gone, or the registry doesn't answer.
pub async fn digest<R: Registry>(
    source: &Source<'_, R>,
    running: &Tag,
    known: Option<&Digest>,
    policy: &Policy,
    at: DateTime<Utc>,
) -> Result<(Followed, KnownSince), Undecided> {
    let now = source.digest(running).await?;
    let followed = match (follow(running.as_str(), known, now.as_ref(), &policy.skip), &now) {
        (Moved::To(digest), _) => return Ok(moved(source, running, digest.clone(), policy.cooldown.clone(), at).await),
        (Moved::Skipped(digest), _) => Followed::Skipped(digest.clone()),
        (Moved::Same, _) => Followed::Same,
        (Moved::Unknown, Some(first)) => Followed::First(first.clone()),
        (Moved::Unknown | Moved::Gone, _) => return Err(gone::of_followed(source, running, known).await),
    };
    Ok((followed, KnownSince::default()))
}

/// What it means that a followed tag points to another manifest: what waits is the content, as with versions.
async fn moved<R: Registry>(
    source: &Source<'_, R>,
    running: &Tag,
    digest: Digest,
    cooldown: Option<Cooldown>,
    at: DateTime<Utc>,
) -> (Followed, KnownSince) {
    let mut since = KnownSince::default();
    if let Some(mut cooldown) = cooldown {
        source.learn(running.as_str(), &digest, Some(&mut cooldown), at).await;
        since = cooldown.known().of(std::iter::once(running.as_str()), at);
        if let Some(until) = cooldown.until(running.as_str(), at) {
            return (Followed::Cooling(digest, until), since);
        }
    }
    let followed = match source.preflight(running, digest, at).await {
        Ok(candidate) => Followed::To(Box::new(candidate)),
        Err(unfit) => Followed::Unfit(Box::new(unfit)),
    };
    (followed, since)
}

/// Decides among versions. What is chosen has a manifest, whose digest is given to `conclude` with the decision; a tag that
/// is listed without one is passed over, and the policy that `conclude` is given says so.
///
/// `doubt` is what else speaks against the list, beside what it says itself: for whoever knows earlier ones.
///
/// # Errors
/// [`Undecided`] when the list is not believed, or the registry doesn't answer.
pub async fn version<R: Registry, T>(
    source: &Source<'_, R>,
    running: &str,
    tags: &Tags,
    policy: &Policy,
    now: DateTime<Utc>,
    doubt: impl FnOnce() -> Option<Doubt> + Send,
    conclude: impl FnOnce(&Decision<'_>, &Policy, Option<Candidate>) -> T + Send,
) -> Result<T, Undecided> {
    let tags = tags.to_decide(running, policy)?.ok_or(Undecided::Unlisted)?;
    let mut policy = prepared(source, running, tags, policy, now, doubt).await?;
    loop {
        let decision = decide(running, tags, &policy, now);
        let Outcome::Update { to, .. } = decision.outcome() else {
            return Ok(conclude(&decision, &policy, None));
        };
        let met = tried(source, running, to, &policy, now).await?;
        let to = to.to_owned();
        match met {
            Met::Fit(candidate) => return Ok(conclude(&decision, &policy, Some(*candidate))),
            Met::Withheld(withheld) => {
                policy.to_mut().withheld.push(withheld);
                continue;
            }
            Met::PushedAgain(digest) => {
                source.learn(&to, &digest, policy.to_mut().cooldown.as_mut(), now).await;
            }
            Met::Unreleased(standing) => policy.to_mut().unreleased.push((to, standing)),
            Met::Unfit(unfit) => policy.to_mut().unfit.push(*unfit),
            Met::Missing => policy.to_mut().missing.push(to),
        }
        bounded(&policy)?;
    }
}

/// What is found where a decision goes.
enum Met {
    /// It can be gone to.
    Fit(Box<Candidate>),
    /// The registry refuses it.
    Withheld(Withheld),
    /// It was pushed again since it was asked about: what it is now has not been known for as long.
    PushedAgain(Digest),
    /// Its project does not say that it is released.
    Unreleased(Standing),
    /// It would not start.
    Unfit(Box<Unfit>),
    /// There is no manifest.
    Missing,
}

/// Asks the registry for the version that a decision goes to.
async fn tried<R: Registry>(
    source: &Source<'_, R>,
    running: &str,
    to: &str,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Met, Undecided> {
    // What is no tag can't be asked for.
    let Ok(tag) = Tag::parse(to) else { return Ok(Met::Missing) };
    let digest = match source.digest(&tag).await {
        Err(RegistryError::Withheld { withheld, .. }) if policy.withheld.len() < MOST_MISSING => {
            return Ok(Met::Withheld(withheld));
        }
        found => found?,
    };
    let Some(digest) = digest else { return Ok(Met::Missing) };
    if policy.cooldown.as_ref().is_some_and(|cooldown| !cooldown.knows(to, &digest)) {
        return Ok(Met::PushedAgain(digest));
    }
    if let Some(standing) = source.held_back(running, to, &digest, policy).await {
        return Ok(Met::Unreleased(standing));
    }
    Ok(match source.preflight(&tag, digest, now).await {
        Ok(candidate) => Met::Fit(Box::new(candidate)),
        Err(unfit) => Met::Unfit(Box::new(unfit)),
    })
}

/// No more is asked of a registry than this, whatever it lists.
fn bounded(policy: &Policy) -> Result<(), Undecided> {
    if policy.missing.len() >= MOST_MISSING {
        return Err(Undecided::Missing(policy.missing.clone()));
    }
    if policy.unreleased.len() >= MOST_MISSING + MOST_WATCHED {
        return Err(Undecided::Unreleased(policy.unreleased.iter().map(|(tag, _)| tag.clone()).collect()));
    }
    if policy.unfit.len() >= MOST_UNFIT {
        return Err(Undecided::Unfit(policy.unfit.clone()));
    }
    Ok(())
}

/// The policy with what has to be asked before it decides. A list that is not believed is no reason to ask anything.
async fn prepared<'p, R: Registry>(
    source: &Source<'_, R>,
    running: &str,
    tags: &TagList,
    policy: &'p Policy,
    now: DateTime<Utc>,
    doubt: impl FnOnce() -> Option<Doubt> + Send,
) -> Result<Cow<'p, Policy>, Undecided> {
    if let Some(doubt) = decide(running, tags, policy, now).doubt().or_else(doubt) {
        return Err(Undecided::List(doubt));
    }
    let mut policy = Cow::Borrowed(policy);
    if policy.is_newest() {
        policy = Cow::Owned(newest::timed(source, tags, &policy, now).await?);
    }
    if policy.cooldown.is_some() {
        let cooling = decide(running, tags, &policy, now).cooling(MOST_WATCHED);
        let cooling: Vec<Tag> = cooling.into_iter().filter_map(|tag| Tag::parse(tag).ok()).collect();
        if !cooling.is_empty() {
            watch(source, running, &cooling, policy.to_mut(), now).await;
        }
    }
    Ok(policy)
}

/// Asks what tags that wait point to, as their content waits and not their name. Without an answer they go on waiting.
async fn watch<R: Registry>(
    source: &Source<'_, R>,
    running: &str,
    cooling: &[Tag],
    policy: &mut Policy,
    now: DateTime<Utc>,
) {
    for tag in cooling {
        match source.digest(tag).await {
            Ok(Some(digest)) => {
                source.learn(tag.as_str(), &digest, policy.cooldown.as_mut(), now).await;
                let held_back = source.held_back(running, tag.as_str(), &digest, policy).await;
                policy.unreleased.extend(held_back.map(|standing| (tag.to_string(), standing)));
            }
            Ok(None) => policy.missing.push(tag.to_string()),
            Err(RegistryError::Withheld { withheld, .. }) => policy.withheld.push(withheld),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests;
