//! What an image says about itself, wherever that is kept: index, manifest, configuration.

use reqwest::header::LOCATION;
use reqwest::{Method, StatusCode};

use super::client::HttpRegistry;
use super::wire::{Patience, Question, Shown};
use super::{Labels, RegistryError, labels};
use crate::domain::reference::Digest;
use crate::memory::room::Body;

/// Redirects of a blob that are followed.
const MOST_REDIRECTS: usize = 3;

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

    /// A blob by its digest. Registries lead to where blobs are stored: that is followed without any credential, over
    /// https to a public address, or to a host that the operator named.
    async fn blob(
        &self,
        digest: &Digest,
        question: Question<'_>,
        patience: &mut Patience,
    ) -> Result<Option<Body>, RegistryError> {
        let mut url = self.url(question, &format!("blobs/{}", digest.as_str()))?;
        let mut answer = self.asked(Method::GET, &url, question, patience).await?;
        for _ in 0..MOST_REDIRECTS {
            if !answer.status().is_redirection() {
                break;
            }
            let next = answer.header(LOCATION).and_then(|to| url.join(to).ok());
            answer.finish(patience).await;
            url = next
                .filter(|next| self.wire.hosts().may_follow(next))
                .ok_or_else(|| question.unusable("its blob is elsewhere, which is not followed"))?;
            answer = self.wire.open(Method::GET, &url, Shown::Nothing, question, patience).await?;
        }
        match answer.status() {
            StatusCode::OK => {
                let body = self.body(answer, self.images.enter().await, question, patience).await?;
                let is_it = Digest::of(&body.bytes) == *digest;
                if is_it { Ok(Some(body)) } else { Err(question.unusable("the blob is not what its digest says")) }
            }
            status => {
                answer.finish(patience).await;
                let is_gone = status == StatusCode::NOT_FOUND;
                if is_gone { Ok(None) } else { Err(question.unusable(&format!("status {}", status.as_u16()))) }
            }
        }
    }
}

/// Where a manifest leads.
struct ManifestLinks {
    /// The entry of an index that most clusters would run.
    entry: Option<Digest>,
    config: Option<Digest>,
}
