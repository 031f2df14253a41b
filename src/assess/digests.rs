//! What tags point to, asked once in one look.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::domain::preflight::Platform;
use crate::domain::preflight::image::Found;
use crate::domain::reference::{Digest, Tag};
use crate::registry::{Credential, Extent};

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
    /// What a tag points to, as a credential was told. Who asks while it is being asked for waits for that answer; a failure is
    /// nobody else's.
    pub(super) async fn of<E>(
        &self,
        tag: &Tag,
        credential: &Credential,
        ask: impl Future<Output = Result<Option<Digest>, E>>,
    ) -> Result<Option<Digest>, E> {
        shared(&cell(&self.tags, tag.clone()), credential, ask).await
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
        (digest, platforms, extent): (&Digest, &[Platform], Extent),
        credential: &Credential,
        ask: impl Future<Output = Result<Arc<Found>, E>>,
    ) -> Result<Arc<Found>, E> {
        shared(&cell(&self.images, (digest.clone(), platforms.into(), extent)), credential, ask).await
    }
}

/// Why an answer is nobody else's.
enum Apart<V, E> {
    /// Another user asked by then than those have whose answers are shared.
    Renewed(V),
    Failed(E),
}

/// What a cell holds, or what is answered, which is for all others, too.
async fn shared<V: Clone, E>(
    cell: &OnceCell<V>,
    credential: &Credential,
    ask: impl Future<Output = Result<V, E>>,
) -> Result<V, E> {
    let asked = async {
        let answer = ask.await.map_err(Apart::Failed)?;
        if credential.is_renewed() { Err(Apart::Renewed(answer)) } else { Ok(answer) }
    };
    match cell.get_or_try_init(|| asked).await {
        Ok(known) => Ok(known.clone()),
        Err(Apart::Renewed(own)) => Ok(own),
        Err(Apart::Failed(error)) => Err(error),
    }
}

fn cell<K: Eq + Hash, V>(cells: &Cells<K, V>, key: K) -> Arc<OnceCell<V>> {
    Arc::clone(cells.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::secret::Secret;
    use crate::registry::{Appears, User};

    /// A pull secret appears while a look is under way: what its user is told is not for those who have none.
    #[tokio::test]
    async fn what_another_user_was_told_is_not_shared() {
        let (digests, tag) = (Digests::default(), Tag::parse("1.0.0").unwrap());
        let user = User::of_host("a.example", "joe".into(), Secret::new("pw".into()));
        let renewed = Credential::default().renewed_by(Appears::of(Credential::users([user])), Duration::ZERO);
        let content = Some(Digest::of(b"private"));
        let told = async || {
            let _ = renewed.renewed().await;
            Ok::<_, ()>(content.clone())
        };
        assert_eq!(digests.of(&tag, &renewed, told()).await, Ok(content.clone()));
        assert_eq!(digests.found(&tag), None);
        let refused = async { Err::<Option<Digest>, _>(()) };
        assert_eq!(digests.of(&tag, &Credential::default(), refused).await, Err(()));
        let public = async { Ok::<_, ()>(content.clone()) };
        assert_eq!(digests.of(&tag, &Credential::default(), public).await, Ok(content.clone()));
        assert_eq!(digests.found(&tag), Some(content));
    }
}
