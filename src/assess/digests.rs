//! What tags point to, asked once in one look.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use tokio::sync::OnceCell;

use crate::domain::preflight::Platform;
use crate::domain::preflight::image::Found;
use crate::domain::reference::{Digest, Tag};
use crate::registry::{Credential, Extent};

/// What the tags of one repository point to, as those were told in one look who share a credential: however many workloads run
/// them, each is asked for once, and all of them go to the same manifest. Where a credential is read again meanwhile, what its
/// new user is told is for those who have that one. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Digests {
    tags: Cells<Tag, Option<Digest>>,
    images: Cells<Image, Arc<Found>>,
}

/// Which image, for nodes of which platforms, and how much of it.
type Image = (Digest, Box<[Platform]>, Extent);
/// By what a credential's answers are keyed by.
type Cells<K, V> = Arc<Mutex<HashMap<(Box<str>, K), Arc<OnceCell<V>>>>>;

impl Digests {
    /// What a tag points to. Who asks while it is being asked for waits for that answer; a failure is nobody else's.
    pub(super) fn of<E>(
        &self,
        tag: &Tag,
        credential: &Credential,
        ask: impl Future<Output = Result<Option<Digest>, E>>,
    ) -> impl Future<Output = Result<Option<Digest>, E>> {
        shared(&self.tags, tag.clone(), credential, ask)
    }

    /// A registry said this of a tag to this credential. What is known of it already stays.
    pub(crate) fn learn(&self, tag: &Tag, credential: &Credential, digest: Option<Digest>) {
        let _ = cell(&self.tags, credential, tag.clone()).set(digest);
    }

    /// What a tag was found to point to; `None` where that was not asked, or not answered.
    #[must_use]
    pub fn found(&self, tag: &Tag) -> Option<Option<Digest>> {
        let tags = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
        tags.iter().filter(|((_, of), _)| of == tag).find_map(|(_, cell)| cell.get().cloned())
    }

    /// What stands behind a digest, for nodes of these platforms.
    pub(super) fn image<E>(
        &self,
        (digest, platforms, extent): (&Digest, &[Platform], Extent),
        credential: &Credential,
        ask: impl Future<Output = Result<Arc<Found>, E>>,
    ) -> impl Future<Output = Result<Arc<Found>, E>> {
        shared(&self.images, (digest.clone(), platforms.into(), extent), credential, ask)
    }
}

/// Why an answer is not for those who waited for it.
enum Apart<V, E> {
    /// Another user asked by then.
    Renewed(V),
    Failed(E),
}

/// What is known, or what is answered, for all who have this credential.
async fn shared<K: Clone + Eq + Hash, V: Clone, E>(
    cells: &Cells<K, V>,
    key: K,
    credential: &Credential,
    ask: impl Future<Output = Result<V, E>>,
) -> Result<V, E> {
    let before = Box::<str>::from(credential.latest_scope());
    let known = cell(cells, credential, key.clone());
    let asked = ask.map(|answer| match answer {
        Ok(answer) if *credential.latest_scope() == *before => Ok(answer),
        Ok(answer) => Err(Apart::Renewed(answer)),
        Err(error) => Err(Apart::Failed(error)),
    });
    match known.get_or_try_init(|| asked).await {
        Ok(known) => Ok(known.clone()),
        Err(Apart::Renewed(own)) => {
            let _ = cell(cells, credential, key).set(own.clone());
            Ok(own)
        }
        Err(Apart::Failed(error)) => Err(error),
    }
}

fn cell<K: Eq + Hash, V>(cells: &Cells<K, V>, credential: &Credential, key: K) -> Arc<OnceCell<V>> {
    let key = (credential.latest_scope().into(), key);
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
        let refused = || async { Err::<Option<Digest>, _>(()) };
        assert_eq!(digests.of(&tag, &Credential::default(), refused()).await, Err(()));
        assert_eq!(digests.of(&tag, &renewed, refused()).await, Ok(content.clone()), "it is not asked twice");
        assert_eq!(digests.found(&tag), Some(content));
    }
}
