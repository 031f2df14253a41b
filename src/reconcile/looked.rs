//! What the last look at each container came to, and how the last look at its group left that. Memory only, for whoever looks at
//! it: nothing is decided by it, and after a restart the next look says it again.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::{Reconciler, Target};
use crate::domain::settings::Fingerprint;
use crate::domain::view::{CameTo, LastLook};

/// The most containers whose last look is remembered.
const MOST: usize = 50_000;

/// The uid of a workload and the name of a container.
type Place = (Box<str>, Box<str>);

/// The last looks.
#[derive(Debug, Default)]
pub(super) struct Looked(Mutex<All>);

#[derive(Debug, Default)]
struct All {
    /// Each with what tells the image and the settings that it was at.
    own: HashMap<Place, (u64, LastLook)>,
    /// Of members of groups: their group decides.
    of_groups: HashMap<Place, LastLook>,
}

/// How a look ended.
#[derive(Debug)]
pub(super) enum End {
    /// The registry gave an answer.
    Answered(CameTo),
    /// It gave none: what was known of the same image under the same settings stands; why.
    Unanswered(String),
}

impl Looked {
    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A look at one that is decided on alone.
    pub(super) fn put(&self, target: &Target, end: End, at: DateTime<Utc>) {
        let mut all = self.all();
        all.put_own(target, end, at);
        all.of_groups.remove(&place(target));
    }

    /// A look at a member by itself: what it came to is for its group to say, unless it can't be decided.
    pub(super) fn put_member(&self, target: &Target, end: End, at: DateTime<Utc>) {
        self.all().put_own(target, end, at);
    }

    /// A look at its group.
    pub(super) fn put_of_group(&self, (uid, container): (&str, &str), look: LastLook) {
        put(&mut self.all().of_groups, (uid.into(), container.into()), look);
    }
}

impl All {
    fn put_own(&mut self, target: &Target, end: End, at: DateTime<Utc>) {
        let (place, of) = (place(target), number(target));
        let look = match end {
            End::Answered(came_to) => LastLook::answered(at, came_to),
            End::Unanswered(why) => {
                let before = self.own.remove(&place).filter(|(before, _)| *before == of).map(|(_, look)| look);
                let before = before.unwrap_or_else(|| LastLook::answered(at, CameTo::Unknown));
                LastLook { unanswered: Some(why), ..before }
            }
        };
        put(&mut self.own, place, (of, look));
    }
}

fn place(target: &Target) -> Place {
    (target.workload.id.uid.clone(), target.container.as_str().into())
}

/// What is another where the image or a setting is.
fn number(target: &Target) -> u64 {
    let mut hash = DefaultHasher::new();
    target.workload.container(&target.container).map(|(_, found)| &found.image).hash(&mut hash);
    Fingerprint::of(&target.workload).number().hash(&mut hash);
    hash.finish()
}

fn put<L>(all: &mut HashMap<Place, L>, of: Place, look: L) {
    if all.len() >= MOST && !all.contains_key(&of) {
        all.clear();
    }
    all.insert(of, look);
}

impl<Q, R, C> Reconciler<Q, R, C> {
    /// What the last look at a container came to, since the start: of a member what its group came to, when its own registry was
    /// asked last and whether that gave an answer.
    #[must_use]
    pub fn last_look(&self, uid: &str, container: &str) -> Option<LastLook> {
        let (all, of): (_, Place) = (self.1.looked.all(), (uid.into(), container.into()));
        let own = all.own.get(&of).map(|(_, look)| look);
        let of_group = all.of_groups.get(&of).map(|group| {
            own.map_or_else(|| group.clone(), |own| LastLook { came_to: group.came_to.clone(), ..own.clone() })
        });
        match own {
            Some(LastLook { came_to: CameTo::Undecided(_), .. }) => own.cloned(),
            own => of_group.or_else(|| own.cloned()),
        }
    }
}
