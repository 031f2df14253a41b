//! What the last look at each container came to. Memory only, for whoever looks at it: nothing is decided by it, and after a
//! restart the next look says it again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::{Reconciler, Target};
use crate::domain::view::LastLook;

/// The most containers whose last look is remembered.
const MOST: usize = 50_000;

/// The uid of a workload and the name of a container.
type Place = (Box<str>, Box<str>);

/// The last looks.
#[derive(Debug, Default)]
pub(super) struct Looked(Mutex<HashMap<Place, LastLook>>);

impl Looked {
    pub(super) fn put(&self, target: &Target, look: LastLook) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = (target.workload.id.uid.clone(), target.container.as_str().into());
        if all.len() >= MOST && !all.contains_key(&of) {
            all.clear();
        }
        all.insert(of, look);
    }
}

impl<Q, R, C> Reconciler<Q, R, C> {
    /// What the last look at a container came to, since the start.
    #[must_use]
    pub fn last_look(&self, uid: &str, container: &str) -> Option<LastLook> {
        let all = self.1.looked.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&(uid.into(), container.into())).cloned()
    }
}
