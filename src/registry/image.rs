//! What an image says about itself, wherever that is kept: index, manifest, configuration.

use super::client::HttpRegistry;
use super::inspect::Read;
use super::inspected::Known;
use super::wire::{ANYTHING, Question};
use super::{Labels, RegistryError};
use crate::domain::preflight::image::Found;
use crate::domain::reference::Digest;

impl HttpRegistry {
    /// What was read to see whether the image would start is not read again.
    pub(super) async fn all_labels(
        &self,
        digest: &Digest,
        question: Question<'_>,
    ) -> Result<Option<Labels>, RegistryError> {
        let (mut labels, mut known) = (Labels::default(), self.known(digest, question).await?);
        if let Known::Not(Found::Nothing) = known {
            return Ok(None);
        }
        if let Known::Index(_, said) = &known {
            labels.add(&said.labels);
            let usual = said.usual.clone().filter(|_| !labels.is_complete());
            let Some(usual) = usual else { return Ok(Some(labels)) };
            known = self.known(&usual, question).await?;
        }
        match known {
            Known::Whole(image) => labels.add(&image.labels),
            Known::Layout(layout, said) => {
                labels.add(&said.labels);
                let question = Question { accept: ANYTHING, ..question };
                if !labels.is_complete() {
                    match self.configuration(&layout, question).await? {
                        Read::Configuration(read) => labels.add(&read.labels),
                        Read::AnotherDigest => return Err(question.unusable("the blob is not what its digest says")),
                        Read::Missing | Read::Other => {}
                    }
                }
            }
            Known::Not(Found::AnotherDigest) => {
                return Err(question.unusable("the manifest is not what its digest says"));
            }
            Known::Not(Found::TooLarge(_)) => return Err(question.unusable("the manifest is too large")),
            Known::Index(..) | Known::Not(_) | Known::Configuration(_) => {}
        }
        Ok(Some(labels))
    }
}
