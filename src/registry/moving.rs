//! What may be another a moment later: what a tag points to, and whether something is there still.
//!
//! A cache answers with what was so when it last looked, a day ago or more. So the registry itself is asked, and a mirror's word
//! counts only where that gives no answer, and never against what the registry itself said before.

use super::client::HttpRegistry;
use super::questions::{IsThere, PointsTo};
use super::{Credential, RegistryError};
use crate::domain::reference::{Digest, Repository, Tag};

impl HttpRegistry {
    /// What a tag points to now.
    pub(super) async fn points_to(
        &self,
        repository: &Repository,
        tag: &Tag,
        credential: &Credential,
    ) -> Result<Option<Digest>, RegistryError> {
        let (host, asks) = (repository.host(), PointsTo(tag));
        let has_mirrors = self.wire.hosts().has_mirrors(repository);
        let key = (repository.path().to_owned(), credential.scope().to_owned(), tag.to_string());
        match self.ask_itself(repository, credential, &asks).await {
            Ok(found) if has_mirrors => {
                self.own_words.heard(host, key, found.as_ref());
                Ok(found)
            }
            Err(error) if has_mirrors && !is_broken_for_nodes(credential) => {
                let found = self.ask_mirrors(repository, &asks).await.flatten();
                found.filter(|found| self.own_words.allow(host, &key, found)).map(Some).ok_or(error)
            }
            end => end,
        }
    }

    /// Whether a manifest is there now.
    pub(super) async fn is_there(
        &self,
        repository: &Repository,
        digest: &Digest,
        credential: &Credential,
    ) -> Result<bool, RegistryError> {
        let asks = IsThere(digest);
        match self.ask_itself(repository, credential, &asks).await {
            Err(error) if !is_broken_for_nodes(credential) => {
                // A mirror that lacks it says nothing of the registry.
                self.ask_mirrors(repository, &asks).await.ok_or(error)
            }
            end => end,
        }
    }
}

/// Whether nobody is asked, as no node could pull with the workload's secrets.
fn is_broken_for_nodes(credential: &Credential) -> bool {
    credential.latest().is_broken()
}
