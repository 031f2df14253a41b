//! What tags point to, asked once in one look.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::domain::reference::{Digest, Tag};

/// What the tags of one repository point to, as one credential was told in one look: however many workloads run them, each
/// is asked for once, and all of them go to the same manifest. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Digests(Arc<Mutex<HashMap<Tag, Cell>>>);

type Cell = Arc<OnceCell<Option<Digest>>>;

impl Digests {
    /// What a tag points to. Who asks while it is being asked for waits for that answer; a failure is nobody else's.
    pub(super) async fn of<E>(
        &self,
        tag: &Tag,
        ask: impl Future<Output = Result<Option<Digest>, E>>,
    ) -> Result<Option<Digest>, E> {
        let cell = Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(tag.clone()).or_default());
        cell.get_or_try_init(|| ask).await.cloned()
    }
}
