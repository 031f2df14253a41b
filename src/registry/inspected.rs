//! What was read by its digest, which never changes: nobody reads it twice. Whether it is there still is another question.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::contents::{Child, Layout};
use super::labels::{Labels, Said};
use super::shares::Shares;
use super::wire::Question;
use crate::domain::preflight::image::{Configuration, Content, Found};
use crate::domain::reference::Digest;

/// What is kept of all registries together, in bytes; what is forgotten is read again.
const MOST_BYTES: usize = 1024 * 1024;
/// What an entry takes beside its texts, in bytes.
const ENTRY: usize = 300;

/// Whose: repository, credential's scope, digest. No tenant sees through another's.
type Key = (String, String, Digest);

/// What a digest stands for.
#[derive(Clone)]
pub(super) enum Known {
    Index(Arc<[Child]>, Arc<Said>),
    /// What has to be there for an image to be whole.
    Layout(Arc<Layout>, Arc<Said>),
    /// An image of which all that can be asked for was.
    Whole(Arc<Whole>),
    /// The configuration of an image.
    Configuration(Arc<Configured>),
    /// Nothing that could start. It may be there in a moment, and is not kept.
    Not(Found),
}

/// An image of which all that can be asked for was there.
pub(super) struct Whole {
    pub(super) content: Content,
    /// What it says about itself.
    pub(super) labels: Labels,
    /// What has to be there for that.
    pub(super) layout: Arc<Layout>,
    pub(super) said: Arc<Said>,
}

/// What a configuration says.
#[derive(Debug)]
pub(super) struct Configured {
    /// `None` where it is that of something else than an image, or of a kind that is not read.
    pub(super) configuration: Option<Configuration>,
    pub(super) labels: Labels,
}

/// By digest.
pub(super) struct Inspected(Mutex<Shares<Key, (Known, Duration)>>);

impl Default for Inspected {
    fn default() -> Self {
        Self(Mutex::new(Shares::new(MOST_BYTES)))
    }
}

impl Inspected {
    pub(super) fn get(&self, of: Question<'_>, digest: &Digest) -> Option<Known> {
        self.seen(of, digest).map(|(known, _)| known)
    }

    /// The same, and when it was last seen to be there.
    pub(super) fn seen(&self, of: Question<'_>, digest: &Digest) -> Option<(Known, Duration)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(of.host(), &key(of, digest)).cloned()
    }

    /// Keeps what is there now.
    pub(super) fn keep(&self, of: Question<'_>, digest: &Digest, known: &Known, now: Duration) {
        let configuration = |it: &Configuration| {
            let lists = [&it.entrypoint, &it.command, &it.environment, &it.ports, &it.volumes];
            it.user.len() + lists.into_iter().flatten().map(|text| text.len() + 24).sum::<usize>()
        };
        let bytes = match known {
            Known::Index(children, said) => children.len() * 200 + said.labels.length(),
            Known::Layout(layout, said) => length(layout, said),
            Known::Whole(it) => {
                let own = it.content.configuration.as_ref().map_or(0, configuration) + it.labels.length();
                own + length(&it.layout, &it.said)
            }
            Known::Configuration(read) => read.configuration.as_ref().map_or(0, configuration) + read.labels.length(),
            Known::Not(_) => return,
        };
        let key = key(of, digest);
        let weight = bytes + key.0.len() + key.1.len() + digest.as_str().len() + of.host().len() + ENTRY;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(of.host(), key, (known.clone(), now), weight);
    }
}

fn length(layout: &Layout, said: &Said) -> usize {
    (layout.layers.len() + 1) * 100 + said.labels.length()
}

fn key(of: Question<'_>, digest: &Digest) -> Key {
    (of.repository.path().to_owned(), of.credential.scope().to_owned(), digest.clone())
}
