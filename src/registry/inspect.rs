//! Whether an image is there, by its digest: the index, the manifests of some platforms, their configurations, and every blob.
//!
//! What is read by a digest never changes, so it is read once; it may be gone a while later, so whether it is there is asked again. Registries count each GET of a manifest as a pull: no more than
//! the index and one manifest a platform are asked for. Of blobs only the configuration is read.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::header::CONTENT_LENGTH;
use reqwest::{Method, StatusCode};

use super::client::HttpRegistry;
use super::contents::{Child, Layout, Manifest};
use super::inspected::{Configured, Known, Whole};
use super::labels::{self, Said};
use super::wire::{ANYTHING, Question};
use super::{Extent, RegistryError};
use crate::domain::preflight::Platform;
use crate::domain::preflight::image::{Content, Entry, Found, Part};
use crate::domain::reference::Digest;
use crate::memory::room::Body;
use crate::telemetry::chain;

/// The largest manifest that containerd takes.
const MOST_OF_CONTAINERD: u64 = 4_393_216;
/// The images of so many platforms are looked at.
const MOST_PARTS: usize = 4;
/// Blobs that are asked for at once.
const BLOBS_AT_ONCE: usize = 6;

/// What was there is taken to be there for so long: one look of many workloads, or a page and the press on it. After that
/// clean-ups may have taken a part of it that no tag names.
const THERE: Duration = Duration::from_secs(300);

/// A blob or a manifest, as far as it was asked for.
enum Blob {
    There,
    Missing(Digest),
    /// The registry does not say it.
    Unknown,
    /// There was no answer.
    NotNow,
}

/// When what is known of a manifest was seen to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    /// A moment ago, with what it needs.
    Now,
    /// A moment ago by itself, and longer ago with what it needs.
    Again,
}

/// What became of a configuration.
pub(super) enum Read {
    Configuration(Arc<Configured>),
    Missing,
    AnotherDigest,
    /// Its digest is of a kind that is not read.
    Other,
}

impl HttpRegistry {
    /// What stands behind a digest, and of which platforms' images all was looked at: those that nodes of `wanted` would run,
    /// or else the usual one.
    pub(super) async fn inspect(
        &self,
        digest: &Digest,
        wanted: &[Platform],
        extent: Extent,
        question: Question<'_>,
    ) -> Result<Found, RegistryError> {
        let (known, sight) = self.there(digest, extent, question).await?;
        let children = match known {
            Known::Index(children, _) => children,
            Known::Configuration(_) => return Ok(Found::Nothing),
            Known::Not(found) => return Ok(found),
            image @ (Known::Whole(_) | Known::Layout(..)) => {
                let part = self.image_part(digest, (image, sight), extent, question).await;
                return Ok(Found::Image(Box::new(part)));
            }
        };
        let chosen = chosen(&children, wanted);
        let digest_at = |at: &usize| children.get(*at).and_then(|child| child.digest.as_ref());
        let parts: Vec<_> = chosen.iter().map(|at| self.part(digest_at(at), extent, question)).collect();
        let parts = futures_util::future::join_all(parts).await;
        let mut parts: Vec<(usize, Part)> = chosen.into_iter().zip(parts).collect();
        let entries = children.iter().enumerate().map(|(at, child)| Entry {
            platform: child.platform.clone(),
            part: parts.iter().position(|(of, _)| *of == at).map(|found| parts.swap_remove(found).1),
        });
        Ok(Found::Index(entries.collect()))
    }

    /// The image of one platform. What gives no answer is not known.
    async fn part(&self, digest: Option<&Digest>, extent: Extent, question: Question<'_>) -> Part {
        let nothing_known = || Part::Content(Box::default());
        let Some(digest) = digest else { return nothing_known() };
        match self.there(digest, extent, question).await {
            Ok((Known::Not(Found::Nothing), _)) => Part::NoManifest,
            Ok((Known::Not(Found::AnotherDigest), _)) => Part::AnotherDigest,
            Ok(found) => self.image_part(digest, found, extent, question).await,
            Err(error) => {
                unknown(question, &error);
                nothing_known()
            }
        }
    }

    /// What there is of one image, whose manifest is there.
    async fn image_part(
        &self,
        digest: &Digest,
        (known, sight): (Known, Sight),
        extent: Extent,
        question: Question<'_>,
    ) -> Part {
        match (known, sight) {
            (Known::Whole(image), Sight::Now) => Part::Content(Box::new(image.content.clone())),
            (Known::Whole(image), Sight::Again) => {
                self.contents(digest, (&image.layout, &image.said, Sight::Again), extent, question).await
            }
            (Known::Layout(layout, said), sight) => {
                self.contents(digest, (&layout, &said, sight), extent, question).await
            }
            (Known::Index(..) | Known::Not(_) | Known::Configuration(_), _) => Part::Content(Box::default()),
        }
    }

    /// A manifest, and whether it was seen to be there a moment ago. One that was seen before is asked for by its head, where it
    /// is to be there; where that has no answer, what was seen counts.
    async fn there(
        &self,
        digest: &Digest,
        extent: Extent,
        question: Question<'_>,
    ) -> Result<(Known, Sight), RegistryError> {
        let now = self.ambient.monotonic();
        let Some((known, at)) = self.inspected.seen(question, digest) else {
            return Ok((self.known(digest, question).await?, Sight::Now));
        };
        if extent == Extent::Described || now.saturating_sub(at) < THERE {
            return Ok((known, Sight::Now));
        }
        match self.answered(format!("manifests/{digest}"), digest, question).await {
            Blob::There if matches!(known, Known::Index(..)) => {
                self.inspected.keep(question, digest, &known, now);
                Ok((known, Sight::Now))
            }
            Blob::There => Ok((known, Sight::Again)),
            Blob::Missing(_) => Ok((Known::Not(Found::Nothing), Sight::Now)),
            Blob::Unknown | Blob::NotNow => Ok((known, Sight::Now)),
        }
    }

    /// A manifest, from before or from the registry.
    pub(super) async fn known(&self, digest: &Digest, question: Question<'_>) -> Result<Known, RegistryError> {
        if let Some(known) = self.inspected.get(question, digest) {
            return Ok(known);
        }
        let mut patience = self.patience();
        let url = self.url(question, &format!("manifests/{}", digest.as_str()))?;
        let Some(answer) = self.found(&url, question, &mut patience).await? else {
            return Ok(Known::Not(Found::Nothing));
        };
        let length = answer.header(CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
        if let Some(length) = length.filter(|length| *length > MOST_OF_CONTAINERD) {
            return Ok(Known::Not(Found::TooLarge(length)));
        }
        let body = self.body(answer, self.images.enter().await, question, &mut patience).await?;
        if Digest::of(&body.bytes) != *digest {
            return Ok(Known::Not(Found::AnotherDigest));
        }
        let said = || Arc::new(Said::of(&body.bytes));
        let known = match Manifest::read(&body.bytes) {
            // Its bytes are what the digest says, and they are no manifest: there is none by this digest.
            None => return Ok(Known::Not(Found::Nothing)),
            Some(Manifest::Schema1) => return Ok(Known::Not(Found::Schema1)),
            Some(Manifest::Index(children)) => Known::Index(children.into(), said()),
            Some(Manifest::Image(layout)) => Known::Layout(Arc::new(layout), said()),
        };
        self.inspected.keep(question, digest, &known, self.ambient.monotonic());
        Ok(known)
    }

    /// Reads the configuration of an image, and asks for its layers.
    async fn contents(
        &self,
        digest: &Digest,
        (layout, said, sight): (&Arc<Layout>, &Arc<Said>, Sight),
        extent: Extent,
        question: Question<'_>,
    ) -> Part {
        let question = Question { accept: ANYTHING, ..question };
        // A configuration that was read before is not read again.
        let read_before = layout.config.iter().filter(|_| sight == Sight::Again);
        let asked = layout.layers.iter().chain(read_before).filter(|_| extent == Extent::Whole);
        let (read, blobs) = tokio::join!(self.configuration(layout, question), self.blobs(asked, question));
        let is_answered = read.is_ok() && !blobs.iter().any(|blob| matches!(blob, Blob::NotNow));
        let is_all = layout.is_all && extent == Extent::Whole && blobs.iter().all(|blob| matches!(blob, Blob::There));
        let mut content = Content { size: layout.size, ..Content::default() };
        let mut labels = said.labels.clone();
        match read {
            Ok(Read::Configuration(read)) => {
                labels.add(&read.labels);
                content.configuration.clone_from(&read.configuration);
            }
            Ok(Read::Missing) => content.missing.clone_from(&layout.config),
            Ok(Read::AnotherDigest) => return Part::AnotherDigest,
            Ok(Read::Other) => {}
            Err(error) => unknown(question, &error),
        }
        content.blobs = if is_all && content.configuration.is_some() { layout.layers.len() + 1 } else { 0 };
        let missing =
            blobs.into_iter().find_map(|blob| if let Blob::Missing(digest) = blob { Some(digest) } else { None });
        content.missing = content.missing.or(missing);
        if is_answered && content.missing.is_none() && extent == Extent::Whole {
            let (layout, said) = (Arc::clone(layout), Arc::clone(said));
            let known = Known::Whole(Arc::new(Whole { content: content.clone(), labels, layout, said }));
            self.inspected.keep(question, digest, &known, self.ambient.monotonic());
        }
        Part::Content(Box::new(content))
    }

    /// The configuration of an image, from before or from the registry.
    pub(super) async fn configuration(&self, layout: &Layout, question: Question<'_>) -> Result<Read, RegistryError> {
        let Some(digest) = &layout.config else { return Ok(Read::Other) };
        if let Some(Known::Configuration(read)) = self.inspected.get(question, digest) {
            return Ok(Read::Configuration(read));
        }
        let Some(body) = self.blob_body(digest, question).await? else { return Ok(Read::Missing) };
        if Digest::of(&body.bytes) != *digest {
            return Ok(Read::AnotherDigest);
        }
        let configuration = layout.is_image.then(|| super::contents::configuration(&body.bytes)).flatten();
        let read = Arc::new(Configured { configuration, labels: labels::of_configuration(&body.bytes) });
        let known = Known::Configuration(Arc::clone(&read));
        self.inspected.keep(question, digest, &known, self.ambient.monotonic());
        Ok(Read::Configuration(read))
    }

    async fn blob_body(&self, digest: &Digest, question: Question<'_>) -> Result<Option<Body>, RegistryError> {
        let mut patience = self.patience();
        let url = self.url(question, &format!("blobs/{}", digest.as_str()))?;
        let Some(answer) = self.found(&url, question, &mut patience).await? else { return Ok(None) };
        self.body(answer, self.images.enter().await, question, &mut patience).await.map(Some)
    }

    async fn blobs(&self, digests: impl Iterator<Item = &Digest>, question: Question<'_>) -> Vec<Blob> {
        let asked: Vec<_> = digests.map(|digest| self.answered(format!("blobs/{digest}"), digest, question)).collect();
        let mut asked = std::pin::pin!(futures_util::stream::iter(asked).buffer_unordered(BLOBS_AT_ONCE));
        let mut all = Vec::new();
        while let Some(blob) = asked.next().await {
            let is_end = !matches!(blob, Blob::There);
            all.push(blob);
            // One that is missing is enough, and where one is not known the others won't be.
            if is_end {
                break;
            }
        }
        all
    }

    async fn answered(&self, path: String, digest: &Digest, question: Question<'_>) -> Blob {
        self.has_part(&path, digest, question).await.unwrap_or_else(|error| {
            unknown(question, &error);
            Blob::NotNow
        })
    }

    /// Asks for a blob or a manifest by HEAD, and by GET before «not there» is believed. Where it leads to is not asked: who leads there
    /// has it.
    async fn has_part(&self, path: &str, digest: &Digest, question: Question<'_>) -> Result<Blob, RegistryError> {
        let url = self.url(question, path)?;
        for method in [Method::HEAD, Method::GET] {
            let mut patience = self.patience();
            let answer = self.asked(&method, &url, question, &mut patience).await?;
            let status = answer.status();
            answer.finish(&mut patience).await;
            match status {
                StatusCode::OK => return Ok(Blob::There),
                status if status.is_redirection() => return Ok(Blob::There),
                StatusCode::NOT_FOUND => {}
                _ => return Ok(Blob::Unknown),
            }
        }
        Ok(Blob::Missing(digest.clone()))
    }
}

/// The entries that nodes of these platforms would take, as containerd chooses: the closest that runs there, the first of
/// several; or else the usual one.
fn chosen(children: &[Child], wanted: &[Platform]) -> Vec<usize> {
    let first =
        |fits: &dyn Fn(&Platform) -> bool| children.iter().position(|child| child.platform.as_ref().is_none_or(fits));
    let usual = || {
        let amd64 = |platform: &Platform| (platform.os(), platform.architecture()) == ("linux", "amd64");
        let linux = |platform: &Platform| platform.os() == "linux";
        first(&amd64).or_else(|| first(&linux)).or_else(|| (!children.is_empty()).then_some(0))
    };
    let closest = |node: &Platform| {
        let far = |child: &Child| match &child.platform {
            Some(platform) => node.runs(platform).then(|| node.distance(platform)),
            None => Some(0),
        };
        let all = children.iter().enumerate().filter_map(|(at, child)| Some((far(child)?, at)));
        all.min().map(|(_, at)| at)
    };
    let mut chosen: Vec<usize> = wanted.iter().filter_map(closest).collect();
    if chosen.is_empty() {
        chosen.extend(usual());
    }
    chosen.sort_unstable();
    chosen.dedup();
    chosen.truncate(MOST_PARTS);
    chosen
}

/// What can't be asked for now stops nothing.
fn unknown(question: Question<'_>, error: &RegistryError) {
    tracing::debug!(repository = %question.repository, error = %chain(error), "a part of the image can't be looked at now");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_images_that_nodes_would_take_are_looked_at() {
        let child = |of: &str| Child {
            platform: Platform::try_from(of.to_owned()).ok(),
            digest: Some(Digest::of(of.as_bytes())),
        };
        let all = ["windows/amd64", "linux/arm64", "linux/amd64", "linux/arm/v6"].map(child);
        let of = |nodes: &[&str]| {
            let nodes: Vec<Platform> = nodes.iter().map(|of| Platform::try_from((*of).to_owned()).unwrap()).collect();
            chosen(&all, &nodes)
        };
        assert_eq!(of(&[]), [2]);
        assert_eq!(of(&["linux/arm64", "linux/amd64"]), [1, 2]);
        assert_eq!(of(&["linux/arm/v7"]), [3]);
        assert_eq!(of(&["linux/arm64/v9"]), [1], "and not what its second instruction set runs");
        let arm = ["linux/arm/v5", "linux/arm/v7", "linux/arm/v6", "linux/386"].map(child);
        let of_arm = |node: &str| chosen(&arm, &[Platform::try_from(node.to_owned()).unwrap()]);
        assert_eq!((of_arm("linux/arm/v7"), of_arm("linux/arm/v6")), (vec![1], vec![2]));
        assert_eq!((of_arm("linux/arm64"), of_arm("linux/amd64")), (vec![1], vec![3]), "the older set runs there, too");
        assert_eq!(of(&["linux/s390x"]), [2], "what nobody runs is not judged, the usual one is");
        assert!(chosen(&[], &[]).is_empty());
        assert_eq!(chosen(&[Child { platform: None, digest: None }], &[]), [0]);
    }
}
