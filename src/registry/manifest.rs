//! What a tag points to: by HEAD where a registry tells it so, else from the bytes of the manifest.

use reqwest::header::{ETAG, HeaderName};
use reqwest::{Method, StatusCode};
use url::Url;

use super::RegistryError;
use super::client::HttpRegistry;
use super::contents::Manifest;
use super::refused::tells_of_repository;
use super::wire::{Incoming, Patience, Question};
use crate::domain::reference::{Digest, Tag};

/// What the OCI distribution specification calls the digest's header.
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

impl HttpRegistry {
    /// What a tag points to: by HEAD, and by GET before «not there» is believed, as some know no HEAD and say so in many
    /// ways.
    pub(super) async fn digest_of(&self, tag: &Tag, question: Question<'_>) -> Result<Option<Digest>, RegistryError> {
        let url = self.url(question, &format!("manifests/{tag}"))?;
        let mut patience = self.patience();
        let kept = self.unchanged.digest(question, tag, self.ambient.monotonic());
        let known = kept.as_ref().map(|(entity_tag, _)| &**entity_tag);
        let answer = self.ask(Method::HEAD, &url, Question { known, ..question }, &mut patience).await?;
        let (status, told) = (answer.status(), stated_digest(&answer));
        answer.finish(&mut patience).await;
        match (status, told, kept) {
            (StatusCode::OK, Some(digest), _) | (StatusCode::NOT_MODIFIED, None, Some((_, digest))) => Ok(Some(digest)),
            _ => self.digest_by_get(tag, &url, question, &mut patience).await,
        }
    }

    /// Whether a manifest is there by its digest, by HEAD, and by GET before «not there» is believed.
    pub(super) async fn has_manifest(&self, digest: &Digest, question: Question<'_>) -> Result<bool, RegistryError> {
        let url = self.url(question, &format!("manifests/{}", digest.as_str()))?;
        let mut patience = self.patience();
        let answer = self.ask(Method::HEAD, &url, question, &mut patience).await?;
        let (status, told) = (answer.status(), stated_digest(&answer));
        answer.finish(&mut patience).await;
        if (status, told.as_ref()) == (StatusCode::OK, Some(digest)) {
            return Ok(true);
        }
        let Some(answer) = self.found(&url, question, &mut patience).await? else { return Ok(false) };
        let body = self.body(answer, self.images.enter().await, question, &mut patience).await?;
        if Digest::of(&body.bytes) == *digest {
            return Ok(true);
        }
        Err(question.unusable("what it gives has another digest"))
    }

    /// The digest by GET, for registries that don't tell it by HEAD. Of what is no manifest there is none: it may be a page
    /// to sign in at.
    async fn digest_by_get(
        &self,
        tag: &Tag,
        url: &Url,
        question: Question<'_>,
        patience: &mut Patience,
    ) -> Result<Option<Digest>, RegistryError> {
        let answer = self.ask(Method::GET, url, question, patience).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            let is_of_repository = tells_of_repository(answer, patience).await?;
            return if is_of_repository { Err(question.unknown(StatusCode::NOT_FOUND)) } else { Ok(None) };
        }
        let answer = self.given(answer, question, patience).await?;
        let told = stated_digest(&answer);
        let entity_tag = answer.header(ETAG).filter(|_| told.is_none()).map(str::to_owned);
        let claimed = answer.media_type().filter(|media| !(media.contains("json") || media.contains("manifest")));
        let body = self.body(answer, self.images.enter().await, question, patience).await?;
        let digest = Digest::of(&body.bytes);
        match (Manifest::read(&body.bytes), told) {
            (None, _) => Err(match &claimed {
                Some(claimed) => question.unusable(&format!("no manifest, but {claimed}")),
                None => question.unusable("no manifest"),
            }),
            (_, Some(told)) if told != digest => Err(question.unusable("the manifest is not what its digest says")),
            // Its digest is not that of all its bytes.
            (Some(Manifest::Schema1), None) => {
                Err(question.unusable("a manifest of Docker's first format, whose digest it does not tell"))
            }
            _ => {
                // Where it is told, it is told by HEAD.
                if let Some(entity_tag) = entity_tag {
                    self.unchanged.keep_digest(question, &entity_tag, tag, &digest, self.ambient.monotonic());
                }
                Ok(Some(digest))
            }
        }
    }
}

/// What the registry says the digest is, where it says it in SHA-256. In another algorithm it may be as good: what is written on
/// a workload is then taken from the bytes.
fn stated_digest(answer: &Incoming<'_>) -> Option<Digest> {
    Digest::parse(answer.header(CONTENT_DIGEST)?).ok()
}
