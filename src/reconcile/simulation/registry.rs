//! A registry in memory, whose answers may be late, old, wrong or none.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::wish::version;
use super::world::Shared;
use crate::domain::policy::{Doubt, Wanted};
use crate::domain::preflight::Platform;
use crate::domain::preflight::image::Found;
use crate::domain::preflight::image::tests::fine;
use crate::domain::reference::{Digest, Repository, Tag};
use crate::registry::{Credential, Extent, Labels, Registry, RegistryError, Tags};

/// A tag that was pushed.
#[derive(Clone, Debug)]
pub(super) struct Pushed {
    pub(super) digest: Digest,
    pub(super) at: DateTime<Utc>,
    /// When the tag came, whatever was pushed to it since.
    pub(super) first: DateTime<Utc>,
    /// Some registries list a tag before its manifest can be read.
    pub(super) has_manifest: bool,
    /// Whether its pods come up.
    pub(super) is_good: bool,
}

/// The tags of each repository.
#[derive(Debug, Default)]
pub(super) struct Shelves {
    pub(super) repositories: BTreeMap<String, BTreeMap<String, Pushed>>,
    /// When each tag came first, though it may have gone since.
    pub(super) first: BTreeMap<(String, String), DateTime<Utc>>,
    /// What each list was before its last changes, and until when.
    pub(super) older: BTreeMap<String, Vec<Until>>,
}

/// A list, and until when it was that.
type Until = (DateTime<Utc>, Vec<String>);

impl Shelves {
    pub(super) fn list(&self, repository: &str) -> Vec<String> {
        self.repositories.get(repository).map(|tags| tags.keys().cloned().collect()).unwrap_or_default()
    }

    /// Changes a repository.
    pub(super) fn change(
        &mut self,
        repository: &str,
        now: DateTime<Utc>,
        change: impl FnOnce(&mut BTreeMap<String, Pushed>),
    ) {
        let before = self.list(repository);
        self.older.entry(repository.to_owned()).or_default().push((now, before));
        change(self.repositories.entry(repository.to_owned()).or_default());
    }

    /// Whether a list lost most of its versions since then: it may be doubted.
    pub(super) fn lost_most(&self, repository: &str, since: DateTime<Utc>) -> bool {
        let count = |list: &[String]| list.iter().filter(|tag| version(tag).is_some()).count();
        let now = count(&self.list(repository));
        let older = self.older.get(repository).into_iter().flatten().filter(|(until, _)| *until >= since);
        older.map(|(_, list)| count(list)).any(|before| Doubt::shrunk(before, now).is_some())
    }

    /// Whether the pods of an image come up. What is not known here does.
    pub(super) fn is_good(&self, repository: &str, tag: &str) -> bool {
        self.repositories.get(repository).and_then(|tags| tags.get(tag)).is_none_or(|pushed| pushed.is_good)
    }
}

/// The port.
pub(super) struct Shelf(pub(super) Shared);

impl Shelf {
    /// Takes its time, and may give no answer.
    async fn asked(&self, host: &str, operation: &'static str) -> Result<(), RegistryError> {
        let (is_slow, fails) = self.0.with(|world| {
            let faults = world.faults;
            (world.chance.permille(faults.slow), world.chance.permille(faults.registry))
        });
        if is_slow {
            tokio::time::sleep(Duration::from_secs(25)).await;
        }
        if fails {
            self.0.with(|world| world.log(format!("registry: {operation} fails")));
            return Err(RegistryError::Unreachable { host: host.into(), operation, source: "no answer".into() });
        }
        Ok(())
    }
}

impl Registry for Shelf {
    async fn tags(&self, of: &Repository, _: &Credential, wanted: &Wanted) -> Result<Tags, RegistryError> {
        self.0.point("registry.tags").await;
        self.asked(of.host(), "tags").await?;
        Ok(self.0.with(|world| {
            let repository = of.to_string();
            let mut tags = world.shelves.list(&repository);
            if world.chance.permille(world.faults.glitch) {
                let older = world.shelves.older.get(&repository).and_then(|lists| Some(lists.last()?.1.clone()));
                tags = match (world.chance.below(3), older) {
                    (0, _) => Vec::new(),
                    (1, Some(older)) => older,
                    _ => tags.into_iter().take(1).collect(),
                };
                // A list that lacks a few is believed, as is any after a start.
                if !tags.is_empty() {
                    world.disturbed(None);
                }
                world.log(format!("registry: an old, a short or no list of {repository}"));
            }
            world.log(format!("registry: {repository} has {}", tags.join(" ")));
            if let Some(task) = world.task() {
                task.lists.push((repository, tags.clone()));
            }
            Tags::of(of, wanted, &tags.iter().map(String::as_str).collect::<Vec<_>>())
        }))
    }

    async fn digest(&self, of: &Repository, tag: &Tag, _: &Credential) -> Result<Option<Digest>, RegistryError> {
        self.0.point("registry.digest").await;
        self.asked(of.host(), "digest").await?;
        Ok(self.0.with(|world| {
            let (repository, tag) = (of.to_string(), tag.to_string());
            let pushed = world.shelves.repositories.get(&repository).and_then(|tags| tags.get(&tag));
            let digest = pushed.filter(|pushed| pushed.has_manifest).map(|pushed| pushed.digest.clone());
            if let Some(task) = world.task() {
                task.digests.entry((repository, tag)).or_default().push(digest.as_ref().map(ToString::to_string));
            }
            digest
        }))
    }

    async fn labels(&self, _: &Repository, _: &Digest, _: &Credential) -> Result<Option<Labels>, RegistryError> {
        Ok(None)
    }

    async fn image(
        &self,
        of: &Repository,
        _: &Digest,
        _: &[Platform],
        _: Extent,
        _: &Credential,
    ) -> Result<Found, RegistryError> {
        if self.0.with(|world| world.preflight.permille(world.faults.registry)) {
            let host = of.host().into();
            return Err(RegistryError::Unreachable { host, operation: "image", source: "no answer".into() });
        }
        Ok(fine())
    }
}
