//! What tags point to, asked once in one look.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::domain::preflight::Platform;
use crate::domain::preflight::image::Found;
use crate::domain::reference::{Digest, Tag};
use crate::registry::Extent;

/// What the tags of one repository point to, as one credential was told in one look: however many workloads run them, each
/// is asked for once, and all of them go to the same manifest. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Digests {
    tags: Cells<Tag, Option<Digest>>,
    images: Cells<Image, Arc<Found>>,
}

/// Which image, for nodes of which platforms, and how much of it.
type Image = (Digest, Box<[Platform]>, Extent);
type Cells<K, V> = Arc<Mutex<HashMap<K, Arc<OnceCell<V>>>>>;

impl Digests {
    /// What a tag points to. Who asks while it is being asked for waits for that answer; a failure is nobody else's.
    pub(super) async fn of<E>(
        &self,
        tag: &Tag,
        ask: impl Future<Output = Result<Option<Digest>, E>>,
    ) -> Result<Option<Digest>, E> {
        cell(&self.tags, tag.clone()).get_or_try_init(|| ask).await.cloned()
    }

    /// A registry said this of a tag. What is known of it already stays.
    pub(crate) fn learn(&self, tag: &Tag, digest: Option<Digest>) {
        let _ = cell(&self.tags, tag.clone()).set(digest);
    }

    /// What a tag was found to point to; `None` where that was not asked, or not answered.
    #[must_use]
    pub fn found(&self, tag: &Tag) -> Option<Option<Digest>> {
        let cell = self.tags.lock().unwrap_or_else(PoisonError::into_inner).get(tag).map(Arc::clone)?;
        cell.get().cloned()
    }

    /// What stands behind a digest, for nodes of these platforms.
    pub(super) async fn image<E>(
        &self,
        digest: &Digest,
        platforms: &[Platform],
        extent: Extent,
        ask: impl Future<Output = Result<Arc<Found>, E>>,
    ) -> Result<Arc<Found>, E> {
        cell(&self.images, (digest.clone(), platforms.into(), extent)).get_or_try_init(|| ask).await.cloned()
    }
}

fn cell<K: Eq + Hash, V>(cells: &Cells<K, V>, key: K) -> Arc<OnceCell<V>> {
    Arc::clone(cells.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default())
}
