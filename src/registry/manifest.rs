//! What a tag points to: by HEAD where a registry tells it so, else from the bytes of the manifest.

use reqwest::header::{ETAG, HeaderName};
use reqwest::{Method, StatusCode};
use url::Url;

use super::RegistryError;
use super::client::HttpRegistry;
use super::wire::{Incoming, Patience, Question};
use crate::domain::reference::{Digest, Digesting, Tag};

/// What the OCI distribution specification calls the digest's header.
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// The largest manifest; registries take none that is larger.
const MOST_MANIFEST: usize = 4 * 1024 * 1024;

impl HttpRegistry {
    /// What a tag points to: by HEAD, and by GET before «not there» is believed, as some know no HEAD and say so in many
    /// ways.
    pub(super) async fn digest_of(&self, tag: &Tag, question: Question<'_>) -> Result<Option<Digest>, RegistryError> {
        let url = self.url(question, &format!("manifests/{tag}"))?;
        let mut patience = self.patience();
        let kept = self.unchanged.digest(question, tag, self.ambient.monotonic());
        let known = kept.as_ref().map(|(entity_tag, _)| &**entity_tag);
        let answer = self.ask(Method::HEAD, &url, Question { known, ..question }, &mut patience).await?;
        let (status, told) = (answer.status(), stated_digest(&answer, question));
        answer.finish(&mut patience).await;
        match (status, told?, kept) {
            (StatusCode::OK, Some(digest), _) | (StatusCode::NOT_MODIFIED, None, Some((_, digest))) => Ok(Some(digest)),
            _ => self.digest_by_get(tag, &url, question, &mut patience).await,
        }
    }

    /// Whether a manifest is there by its digest, by HEAD, and by GET before «not there» is believed.
    pub(super) async fn has_manifest(&self, digest: &Digest, question: Question<'_>) -> Result<bool, RegistryError> {
        let url = self.url(question, &format!("manifests/{}", digest.as_str()))?;
        let mut patience = self.patience();
        let answer = self.ask(Method::HEAD, &url, question, &mut patience).await?;
        let status = answer.status();
        answer.finish(&mut patience).await;
        if status == StatusCode::OK {
            return Ok(true);
        }
        let Some(answer) = self.found(&url, question, &mut patience).await? else { return Ok(false) };
        answer.finish(&mut patience).await;
        Ok(true)
    }

    /// The digest by GET, for registries that don't tell it by HEAD.
    async fn digest_by_get(
        &self,
        tag: &Tag,
        url: &Url,
        question: Question<'_>,
        patience: &mut Patience,
    ) -> Result<Option<Digest>, RegistryError> {
        let Some(mut answer) = self.found(url, question, patience).await? else { return Ok(None) };
        let told = stated_digest(&answer, question)?;
        let entity_tag = answer.header(ETAG).filter(|_| told.is_none()).map(str::to_owned);
        let (mut digesting, mut length) = (Digesting::default(), 0);
        while let Some(chunk) = answer.chunk(patience).await? {
            length += chunk.as_ref().len();
            if length > MOST_MANIFEST {
                return Err(question.unusable(&format!("more than {MOST_MANIFEST} bytes")));
            }
            digesting.add(chunk.as_ref());
        }
        let digest = digesting.digest();
        match told {
            Some(told) if told != digest => Err(question.unusable("the manifest is not what its digest says")),
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

/// What the registry says the digest is.
fn stated_digest(answer: &Incoming<'_>, question: Question<'_>) -> Result<Option<Digest>, RegistryError> {
    let Some(header) = answer.header(CONTENT_DIGEST) else { return Ok(None) };
    let digest = Digest::parse(header).map_err(|_| question.unusable("Docker-Content-Digest is no sha256 digest"));
    digest.map(Some)
}
