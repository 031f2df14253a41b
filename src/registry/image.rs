//! What an image says about itself, wherever that is kept: index, manifest, configuration.

use super::client::HttpRegistry;
use super::wire::{ANYTHING, Patience, Question};
use super::{Labels, RegistryError, labels};
use crate::domain::reference::Digest;
use crate::memory::room::Body;

impl HttpRegistry {
    pub(super) async fn all_labels(
        &self,
        digest: &Digest,
        question: Question<'_>,
    ) -> Result<Option<Labels>, RegistryError> {
        let (mut labels, mut patience) = (Labels::default(), self.patience());
        let Some(mut found) = self.manifest(digest, &mut labels, question, &mut patience).await? else {
            return Ok(None);
        };
        if let Some(entry) = found.entry.filter(|_| !labels.is_complete()) {
            match self.manifest(&entry, &mut labels, question, &mut patience).await? {
                Some(of_platform) => found.config = of_platform.config,
                None => return Ok(Some(labels)),
            }
        }
        if let Some(config) = found.config.filter(|_| !labels.is_complete())
            && let Some(body) = self.blob(&config, question, &mut patience).await?
        {
            labels.complete(&labels::of_configuration(&body.bytes));
        }
        Ok(Some(labels))
    }

    /// Completes labels by a manifest, and says where more is. It is let go before anything else is asked for.
    async fn manifest(
        &self,
        digest: &Digest,
        labels: &mut Labels,
        question: Question<'_>,
        patience: &mut Patience,
    ) -> Result<Option<ManifestLinks>, RegistryError> {
        let url = self.url(question, &format!("manifests/{}", digest.as_str()))?;
        let Some(answer) = self.found(&url, question, patience).await? else { return Ok(None) };
        let body = self.body(answer, self.images.enter().await, question, patience).await?;
        if Digest::of(&body.bytes) != *digest {
            return Err(question.unusable("the manifest is not what its digest says"));
        }
        let manifest: labels::Manifest =
            serde_json::from_slice(&body.bytes).map_err(|_| question.unusable("no manifest"))?;
        labels.complete(&manifest.annotations);
        let entry = manifest.entry().map(|(entry, annotations)| {
            labels.complete(annotations);
            entry
        });
        Ok(Some(ManifestLinks { entry, config: manifest.config() }))
    }

    /// A blob by its digest.
    async fn blob(
        &self,
        digest: &Digest,
        question: Question<'_>,
        patience: &mut Patience,
    ) -> Result<Option<Body>, RegistryError> {
        let question = Question { accept: ANYTHING, ..question };
        let url = self.url(question, &format!("blobs/{}", digest.as_str()))?;
        let Some(answer) = self.found(&url, question, patience).await? else { return Ok(None) };
        let body = self.body(answer, self.images.enter().await, question, patience).await?;
        let is_it = Digest::of(&body.bytes) == *digest;
        if is_it { Ok(Some(body)) } else { Err(question.unusable("the blob is not what its digest says")) }
    }
}

/// Where a manifest leads.
struct ManifestLinks {
    /// The entry of an index that most clusters would run.
    entry: Option<Digest>,
    config: Option<Digest>,
}
