//! What the last look at each container came to. Memory only, for whoever looks at it: nothing is decided by it, and after a
//! restart the next look says it again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::judge::{Choice, Judged};
use super::{Reconciler, StepError, Target};
use crate::domain::view::{CameTo, LastLook};
use crate::telemetry::chain;

/// The most containers whose last look is remembered.
const MOST: usize = 50_000;

/// By the uid of a workload and the name of a container.
pub type LastLooks = HashMap<(Box<str>, Box<str>), LastLook>;

/// The last looks.
#[derive(Debug, Default)]
pub(super) struct Looked(Mutex<LastLooks>);

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

/// What a judgement comes to.
pub(super) fn came_to(judged: &Result<Judged, StepError>) -> Option<CameTo> {
    Some(match judged {
        Ok(Judged { choice, .. }) => match choice {
            Choice::Nothing => CameTo::Nothing,
            Choice::NotBefore { until, tag, level } => {
                CameTo::Cooling { tag: tag.clone(), level: *level, until: *until }
            }
            Choice::To(chosen) => {
                CameTo::To { tag: chosen.to.clone(), digest: chosen.digest.clone(), level: chosen.level }
            }
            Choice::Undecided(reason) => CameTo::Undecided(chain(reason).to_string()),
        },
        // It is looked at again at once.
        Err(StepError::Changed) => return None,
        Err(error) => CameTo::Undecided(chain(error).to_string()),
    })
}

impl<Q, R, C> Reconciler<Q, R, C> {
    /// What the last looks came to, since the start.
    #[must_use]
    pub fn last_looks(&self) -> LastLooks {
        self.1.looked.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same of one container.
    #[must_use]
    pub fn last_look(&self, uid: &str, container: &str) -> Option<LastLook> {
        let all = self.1.looked.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&(uid.into(), container.into())).cloned()
    }
}
