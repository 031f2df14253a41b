//! What the last look at each container came to. Memory only, for whoever looks at it: nothing is decided by it, and after a
//! restart the next look says it again.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::{Reconciler, Target};
use crate::domain::settings::Fingerprint;
use crate::domain::view::{CameTo, LastLook};

/// The most containers whose last look is remembered.
const MOST: usize = 50_000;

/// The uid of a workload and the name of a container.
type Place = (Box<str>, Box<str>);

/// The last looks, each with what tells the image and the settings that it was at.
#[derive(Debug, Default)]
pub(super) struct Looked(Mutex<HashMap<Place, (u64, LastLook)>>);

/// How a look ended.
#[derive(Debug)]
pub(super) enum End {
    /// The registry gave an answer.
    Answered(CameTo),
    /// It gave none: what was known of the same image under the same settings stands; why.
    Unanswered(String),
}

impl Looked {
    pub(super) fn put(&self, target: &Target, end: End, at: DateTime<Utc>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (place, of) = ((target.workload.id.uid.clone(), target.container.as_str().into()), number(target));
        if all.len() >= MOST && !all.contains_key(&place) {
            all.clear();
        }
        let look = match end {
            End::Answered(came_to) => LastLook::answered(at, came_to),
            End::Unanswered(why) => {
                let before = all.remove(&place).filter(|(before, _)| *before == of).map(|(_, look)| look);
                let before = before.unwrap_or_else(|| LastLook::answered(at, CameTo::Unknown));
                LastLook { unanswered: Some(why), ..before }
            }
        };
        all.insert(place, (of, look));
    }
}

/// What is another where the image or a setting is.
fn number(target: &Target) -> u64 {
    let mut hash = DefaultHasher::new();
    target.workload.container(&target.container).map(|(_, found)| &found.image).hash(&mut hash);
    Fingerprint::of(&target.workload).number().hash(&mut hash);
    hash.finish()
}

impl<Q, R, C> Reconciler<Q, R, C> {
    /// What the last look at a container came to, since the start.
    #[must_use]
    pub fn last_look(&self, uid: &str, container: &str) -> Option<LastLook> {
        let all = self.1.looked.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&(uid.into(), container.into())).map(|(_, look)| look.clone())
    }
}
