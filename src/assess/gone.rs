//! What runs and is gone from its registry: asked for by tag and by digest, as a list alone may be a half one.

use chrono::{DateTime, Utc};

use super::{Source, Undecided};
use crate::domain::gone::{Gone, Lost};
use crate::domain::policy::{Doubt, Outcome, Policy, Wanted, decide};
use crate::domain::reference::{Digest, Tag};
use crate::registry::{Registry, RegistryError, Tags};

/// The same reason, or that what runs is gone, where a list that was read whole lacks it and the registry has no manifest for it.
/// `known` is what the running tag is known to have pointed to.
pub async fn confirmed<R: Registry>(
    reason: Undecided,
    source: &Source<'_, R>,
    (running, known): (&Tag, Option<&Digest>),
    (tags, policy): (&Tags, &Policy),
    now: DateTime<Utc>,
) -> Undecided {
    if !matches!(reason, Undecided::List(Doubt::RunningMissing(_))) {
        return reason;
    }
    match lost(source, running, known).await {
        Ok(None) => reason,
        Ok(Some(lost)) => {
            let good = newer(source, running, tags, policy, now).await;
            Undecided::Gone(Box::new(Gone { tag: running.clone(), digest: known.cloned(), lost, good }))
        }
        Err(error) => Undecided::Registry(error),
    }
}

/// Why nothing is decided of a tag that is followed and not there.
pub(super) async fn of_followed<R: Registry>(
    source: &Source<'_, R>,
    running: &Tag,
    known: Option<&Digest>,
) -> Undecided {
    let gone = |lost| Gone { tag: running.clone(), digest: known.cloned(), lost, good: None };
    match lost_with_tag(source, known).await {
        Ok(lost) => Undecided::Gone(Box::new(gone(lost))),
        Err(error) => Undecided::Registry(error),
    }
}

/// What is lost with a followed tag. Nobody read a list of its repository, so whether that is there is asked where nothing else
/// says so: many registries answer alike to a tag that is gone and to whoever may not read any.
async fn lost_with_tag<R: Registry>(source: &Source<'_, R>, known: Option<&Digest>) -> Result<Lost, RegistryError> {
    let lost = content(source, known).await?;
    if lost != Lost::Tag {
        source.registry.is_known(source.repository, source.credential).await?;
    }
    Ok(lost)
}

/// What of a running image is gone, if anything is: its tag, or what it is known to have pointed to as well.
async fn lost<R: Registry>(
    source: &Source<'_, R>,
    running: &Tag,
    known: Option<&Digest>,
) -> Result<Option<Lost>, RegistryError> {
    if source.digest(running).await?.is_some() {
        return Ok(None);
    }
    content(source, known).await.map(Some)
}

/// What is lost with a tag.
async fn content<R: Registry>(source: &Source<'_, R>, known: Option<&Digest>) -> Result<Lost, RegistryError> {
    let Some(digest) = known else { return Ok(Lost::Unknown) };
    let is_there = source.registry.has(source.repository, digest, source.credential).await?;
    Ok(if is_there { Lost::Tag } else { Lost::Image })
}

/// The highest that would be an update, if it is there.
async fn newer<R: Registry>(
    source: &Source<'_, R>,
    running: &Tag,
    tags: &Tags,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Option<Tag> {
    let list = tags.to_decide(running.as_str(), policy).ok()??;
    let to = match decide(running.as_str(), list, policy, now).outcome() {
        Outcome::Update { to, .. } | Outcome::Cooling { to, .. } => Tag::parse(to).ok()?,
        _ => return None,
    };
    is_there(source, to).await
}

/// The highest of the running tag's kind below it that is there; for that a list of its own is read.
pub async fn older<R: Registry>(
    source: &Source<'_, R>,
    running: &Tag,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Option<Tag> {
    let mut wanted = Wanted::default();
    wanted.add_all(running.as_str(), policy);
    let tags = source.registry.tags(source.repository, source.credential, &wanted).await.ok()?;
    let list = tags.to_decide(running.as_str(), policy).ok()??;
    let below = decide(running.as_str(), list, policy, now).below().and_then(|tag| Tag::parse(tag).ok())?;
    is_there(source, below).await
}

async fn is_there<R: Registry>(source: &Source<'_, R>, tag: Tag) -> Option<Tag> {
    source.digest(&tag).await.ok().flatten().map(|_| tag)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::domain::policy::Strategy;
    use crate::domain::preflight::Platform;
    use crate::domain::preflight::image::Found;
    use crate::domain::reference::Repository;
    use crate::registry::{Asked, Credential, Extent, Labels};

    /// A registry without a tag, which may have what it pointed to, and may know its repository.
    struct Bare {
        has: bool,
        knows: bool,
        asked: Mutex<usize>,
    }

    impl Registry for Bare {
        async fn tags(&self, of: &Repository, _: &Credential, wanted: &Wanted) -> Result<Tags, RegistryError> {
            Ok(Tags::of(of, wanted, &[]))
        }

        async fn digest(&self, _: &Repository, _: &Tag, _: &Credential) -> Result<Option<Digest>, RegistryError> {
            Ok(None)
        }

        async fn labels(&self, _: &Repository, _: &Digest, _: &Credential) -> Result<Option<Labels>, RegistryError> {
            Ok(self.has.then(Labels::default))
        }

        async fn is_known(&self, of: &Repository, _: &Credential) -> Result<(), RegistryError> {
            *self.asked.lock().unwrap() += 1;
            let (repository, asked) = (of.to_string(), Asked::AsNobody);
            if self.knows { Ok(()) } else { Err(RegistryError::UnknownRepository { repository, asked, status: 404 }) }
        }

        async fn image(
            &self,
            _: &Repository,
            _: &Digest,
            _: &[Platform],
            _: Extent,
            _: &Credential,
        ) -> Result<Found, RegistryError> {
            Ok(Found::Nothing)
        }
    }

    #[tokio::test]
    async fn a_followed_tag_is_gone_where_its_repository_is_there() {
        let known = Digest::of(b"web");
        for (has, knows, digest, expected, times) in [
            (true, false, Some(&known), Ok(Lost::Tag), 0),
            (false, true, Some(&known), Ok(Lost::Image), 1),
            (false, false, Some(&known), Err("unknown_repository"), 1),
            (false, true, None, Ok(Lost::Unknown), 1),
            (false, false, None, Err("unknown_repository"), 1),
        ] {
            let registry = Bare { has, knows, asked: Mutex::default() };
            let (repository, credential) = (Repository::parse("web").unwrap(), Credential::default());
            let source = Source::new(&registry, &repository, &credential);
            let (running, policy) = (Tag::parse("stable").unwrap(), Policy::of(Strategy::All));
            let told = match super::super::digest(&source, &running, digest, &policy, DateTime::UNIX_EPOCH).await {
                Err(Undecided::Gone(gone)) => Ok(gone.lost),
                Err(other) => Err(other.word()),
                Ok(followed) => panic!("{followed:?}"),
            };
            assert_eq!((told, *registry.asked.lock().unwrap()), (expected, times), "{has} {knows}");
        }
    }
}
