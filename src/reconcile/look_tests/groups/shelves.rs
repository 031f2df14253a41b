//! A registry with a repository for each workload.

use std::collections::BTreeMap;

use super::super::*;

/// A registry with the tags of each repository.
#[derive(Default)]
pub(in crate::reconcile::look_tests) struct Shelves {
    pub(super) tags: Mutex<BTreeMap<String, Vec<&'static str>>>,
    /// How often lists were read.
    pub(super) listed: AtomicI64,
    /// Tags that were pushed again: repository and tag.
    pub(super) moved: Mutex<Vec<(String, &'static str)>>,
    /// Images that are lost, though their tags are listed: repository and tag.
    pub(super) lost: Mutex<Vec<(String, &'static str)>>,
}

impl Shelves {
    fn has_lost(&self, of: &Repository, digest: &Digest) -> bool {
        let is_it = |tag: &str| Digest::of(format!("{}:{tag}", of.path()).as_bytes()) == *digest;
        self.lost.lock().unwrap().iter().any(|(name, tag)| name == of.path() && is_it(tag))
    }
}

impl Registry for Shelves {
    async fn tags(&self, of: &Repository, _: &Credential, wanted: &Wanted) -> Result<Tags, RegistryError> {
        self.listed.fetch_add(1, Ordering::SeqCst);
        let tags = self.tags.lock().unwrap().get(of.path()).cloned().unwrap_or_default();
        Ok(Tags::of(of, wanted, &tags))
    }

    async fn digest(&self, of: &Repository, tag: &Tag, _: &Credential) -> Result<Option<Digest>, RegistryError> {
        if self.lost.lock().unwrap().iter().any(|(name, lost)| name == of.path() && *lost == tag.as_str()) {
            return Ok(None);
        }
        let is_there = self.tags.lock().unwrap().get(of.path()).is_some_and(|all| all.contains(&tag.as_str()));
        let moved = self.moved.lock().unwrap().iter().any(|(name, moved)| name == of.path() && *moved == tag.as_str());
        let again = if moved { " again" } else { "" };
        Ok(is_there.then(|| Digest::of(format!("{}:{tag}{again}", of.path()).as_bytes())))
    }

    async fn labels(&self, of: &Repository, digest: &Digest, _: &Credential) -> Result<Option<Labels>, RegistryError> {
        Ok((!self.has_lost(of, digest)).then(Labels::default))
    }

    async fn image(
        &self,
        _: &Repository,
        _: &Digest,
        _: &[Platform],
        _: Extent,
        _: &Credential,
    ) -> Result<Found, RegistryError> {
        Ok(fine())
    }
}
