//! The kinds of question that a registry is asked: at its mirrors first, then by whoever may ask, until something is found.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::client::HttpRegistry;
use super::list::Tags;
use super::speech::Pushed;
use super::wire::{ALL_MANIFESTS, JSON, MANIFESTS, Question};
use super::{Credential, Extent, Labels, Registry, RegistryError};
use crate::domain::policy::Wanted;
use crate::domain::preflight::Platform;
use crate::domain::preflight::image::Found;
use crate::domain::reference::{Digest, Repository, Tag};

/// One kind of question.
pub(super) trait Ask: Sync {
    /// What comes back.
    type Answer: Send;
    /// As metrics and errors name it.
    const OPERATION: &'static str;
    /// The media types that are taken.
    const ACCEPT: &'static str;

    /// Asks it once. `is_later` says whether somebody asked before.
    fn ask(
        &self,
        registry: &HttpRegistry,
        question: Question<'_>,
        is_later: bool,
    ) -> impl Future<Output = Result<Self::Answer, RegistryError>> + Send;

    /// Whether nobody else needs to be asked.
    fn is_found(answer: &Self::Answer) -> bool;

    /// The same of what a mirror answers, which may be behind the registry itself.
    fn is_found_at_mirror(&self, answer: &Self::Answer) -> bool {
        Self::is_found(answer)
    }
}

/// The tags of which something is wanted.
pub(super) struct List<'q>(pub(super) &'q Wanted);

impl Ask for List<'_> {
    type Answer = Tags;
    const OPERATION: &'static str = "tags";
    const ACCEPT: &'static str = JSON;

    async fn ask(
        &self,
        registry: &HttpRegistry,
        question: Question<'_>,
        is_later: bool,
    ) -> Result<Tags, RegistryError> {
        registry.all_pages(question, self.0, registry.patience_for_pages(is_later)).await
    }

    fn is_found(_: &Tags) -> bool {
        true
    }

    /// What is empty, or lacks a tag that runs, would not be believed.
    fn is_found_at_mirror(&self, tags: &Tags) -> bool {
        !tags.is_empty() && self.0.running().all(|running| tags.has(running))
    }
}

/// What a tag points to.
pub(super) struct PointsTo<'q>(pub(super) &'q Tag);

impl Ask for PointsTo<'_> {
    type Answer = Option<Digest>;
    const OPERATION: &'static str = "digest";
    const ACCEPT: &'static str = MANIFESTS;

    async fn ask(
        &self,
        registry: &HttpRegistry,
        question: Question<'_>,
        _: bool,
    ) -> Result<Option<Digest>, RegistryError> {
        registry.digest_of(self.0, question).await
    }

    fn is_found(answer: &Option<Digest>) -> bool {
        answer.is_some()
    }
}

/// The labels and annotations of an image.
pub(super) struct LabelsOf<'q>(pub(super) &'q Digest);

impl Ask for LabelsOf<'_> {
    type Answer = Option<Labels>;
    const OPERATION: &'static str = "labels";
    const ACCEPT: &'static str = ALL_MANIFESTS;

    async fn ask(
        &self,
        registry: &HttpRegistry,
        question: Question<'_>,
        _: bool,
    ) -> Result<Option<Labels>, RegistryError> {
        registry.all_labels(self.0, question).await
    }

    fn is_found(answer: &Option<Labels>) -> bool {
        answer.is_some()
    }
}

/// Whether a repository is there.
pub(super) struct IsKnown;

impl Ask for IsKnown {
    type Answer = ();
    const OPERATION: &'static str = "tags";
    const ACCEPT: &'static str = JSON;

    async fn ask(&self, registry: &HttpRegistry, question: Question<'_>, _: bool) -> Result<(), RegistryError> {
        registry.has_list(question).await
    }

    fn is_found((): &()) -> bool {
        true
    }
}

/// Whether a manifest is there now.
pub(super) struct IsThere<'q>(pub(super) &'q Digest);

impl Ask for IsThere<'_> {
    type Answer = bool;
    const OPERATION: &'static str = "image";
    const ACCEPT: &'static str = ALL_MANIFESTS;

    async fn ask(&self, registry: &HttpRegistry, question: Question<'_>, _: bool) -> Result<bool, RegistryError> {
        registry.has_manifest(self.0, question).await
    }

    fn is_found(answer: &bool) -> bool {
        *answer
    }
}

/// What stands behind a digest, for nodes of some platforms.
pub(super) struct Image<'q> {
    pub(super) digest: &'q Digest,
    pub(super) platforms: &'q [Platform],
    pub(super) extent: Extent,
}

impl Ask for Image<'_> {
    type Answer = Found;
    const OPERATION: &'static str = "image";
    const ACCEPT: &'static str = ALL_MANIFESTS;

    async fn ask(&self, registry: &HttpRegistry, question: Question<'_>, _: bool) -> Result<Found, RegistryError> {
        registry.inspect(self.digest, self.platforms, self.extent, question).await
    }

    fn is_found(answer: &Found) -> bool {
        *answer != Found::Nothing
    }
}

impl Registry for HttpRegistry {
    async fn tags(
        &self,
        repository: &Repository,
        credential: &Credential,
        wanted: &Wanted,
    ) -> Result<Tags, RegistryError> {
        Box::pin(self.ask_all(repository, credential, List(wanted))).await
    }

    async fn digest(
        &self,
        repository: &Repository,
        tag: &Tag,
        credential: &Credential,
    ) -> Result<Option<Digest>, RegistryError> {
        match Box::pin(self.points_to(repository, tag, credential)).await {
            Err(error) => Err(Box::pin(self.or_withheld(error, repository, tag, credential)).await),
            found => found,
        }
    }

    async fn pushed(&self, repository: &Repository, tag: &Tag, credential: &Credential) -> Option<Pushed> {
        Box::pin(self.when_pushed(repository, tag, credential)).await
    }

    async fn push_times(
        &self,
        repository: &Repository,
        tags: &[Tag],
        credential: &Credential,
    ) -> Result<Option<BTreeMap<String, DateTime<Utc>>>, RegistryError> {
        Box::pin(self.when_all_pushed(repository, tags, credential)).await
    }

    async fn labels(
        &self,
        repository: &Repository,
        digest: &Digest,
        credential: &Credential,
    ) -> Result<Option<Labels>, RegistryError> {
        Box::pin(self.ask_all(repository, credential, LabelsOf(digest))).await
    }

    async fn is_known(&self, repository: &Repository, credential: &Credential) -> Result<(), RegistryError> {
        Box::pin(self.ask_itself(repository, credential, &IsKnown)).await
    }

    async fn has(
        &self,
        repository: &Repository,
        digest: &Digest,
        credential: &Credential,
    ) -> Result<bool, RegistryError> {
        Box::pin(self.is_there(repository, digest, credential)).await
    }

    async fn image(
        &self,
        repository: &Repository,
        digest: &Digest,
        platforms: &[Platform],
        extent: Extent,
        credential: &Credential,
    ) -> Result<Found, RegistryError> {
        Box::pin(self.ask_all(repository, credential, Image { digest, platforms, extent })).await
    }
}
