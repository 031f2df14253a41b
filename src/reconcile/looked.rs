//! What the last look at each container came to, and how the last look at its group left that. Memory only, for whoever looks at
//! it: nothing is decided by it, and after a restart the next look says it again. Other replicas are told, so that page and API
//! say the same whoever answers.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::settings::Fingerprint;
use crate::domain::view::{CameTo, LastLook, NoGround};
use crate::domain::workload::Workload;
use crate::queue::NewsKind;
use crate::reconcile::{Reconciler, Target};

/// The most containers whose last look is remembered.
const MOST: usize = 50_000;
/// So many of those that were looked at longest ago are forgotten where there are more: those of workloads that are gone are
/// among them, as nothing looks at them any more.
const FORGOTTEN_AT_ONCE: usize = MOST / 10;

/// That nothing is decided is told again after so long where it is for the same reason: replicas have come since.
const TOLD_AGAIN: TimeDelta = TimeDelta::hours(1);

/// The uid of a workload and the name of a container.
type Place = (Box<str>, Box<str>);

/// The last looks.
#[derive(Debug, Default)]
pub(crate) struct Looked(Mutex<All>);

#[derive(Debug, Default)]
struct All {
    own: HashMap<Place, (At, LastLook)>,
    /// Of members of groups: their group decides.
    of_groups: HashMap<Place, LastLook>,
}

/// What one look came to, as replicas tell one another.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    place: Place,
    by: By,
    look: LastLook,
}

/// What it was a look at.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum By {
    /// One that is decided on alone.
    Alone(At),
    /// A member by itself: what it came to is for its group to say, unless it can't be decided.
    Member(At),
    /// Its group.
    Group,
}

/// What tells the image and the settings of one from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct At {
    image: u64,
    settings: u64,
}

impl At {
    fn of(target: &Target) -> Self {
        let image = image(&target.workload, &target.container);
        Self { image, settings: Fingerprint::of(&target.workload).number() }
    }
}

/// How a look ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The registry gave an answer.
    Answered(CameTo),
    /// It gave none: what was known of the same image under the same settings stands; why.
    Unanswered(String),
}

impl Looked {
    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what a look came to, here or at another replica.
    pub(crate) fn put(&self, told: Told) {
        self.all().put(told);
    }
}

impl All {
    /// Without an answer of the registry, what was known of the same image under the same settings stands.
    fn ended(&self, (place, at): (&Place, At), end: End, now: DateTime<Utc>) -> LastLook {
        match end {
            End::Answered(came_to) => LastLook::answered(now, came_to),
            End::Unanswered(why) => {
                let before = self.own.get(place).filter(|(of, _)| *of == at).map(|(_, look)| look.clone());
                let before = before.unwrap_or_else(|| LastLook::answered(now, CameTo::Unknown));
                LastLook { unanswered: Some(why), ..before }
            }
        }
    }

    /// Whether a look at the same came to the same a while ago.
    fn has(&self, place: &Place, at: At, look: &LastLook) -> bool {
        self.own.get(place).is_some_and(|(of, last)| {
            let is_same = *of == at && last.unanswered == look.unanswered && last.came_to == look.came_to;
            is_same && look.at.signed_duration_since(last.at).abs() < TOLD_AGAIN
        })
    }

    fn put(&mut self, Told { place, by, look }: Told) {
        match by {
            By::Alone(at) => {
                self.of_groups.remove(&place);
                put(&mut self.own, (place, (at, look)), |(_, look)| look.at);
            }
            By::Member(at) => put(&mut self.own, (place, (at, look)), |(_, look)| look.at),
            By::Group => put(&mut self.of_groups, (place, look), |look| look.at),
        }
    }
}

fn place(target: &Target) -> Place {
    (target.workload.id.uid.clone(), target.container.as_str().into())
}

/// What is another where the image is.
fn image(workload: &Workload, container: &str) -> u64 {
    let mut hash = DefaultHasher::new();
    workload.container(container).map(|(_, found)| &found.image).hash(&mut hash);
    hash.finish()
}

fn put<L>(all: &mut HashMap<Place, L>, (of, look): (Place, L), at: fn(&L) -> DateTime<Utc>) {
    if all.len() >= MOST && !all.contains_key(&of) {
        let mut moments: Vec<_> = all.values().map(at).collect();
        let until = *moments.select_nth_unstable(FORGOTTEN_AT_ONCE - 1).1;
        all.retain(|_, look| at(look) > until);
    }
    all.insert(of, look);
}

impl<Q, R, C> Reconciler<Q, R, C> {
    /// A look at one that is decided on alone.
    pub(crate) fn looked_at(&self, target: &Target, end: End) {
        self.ended(target, By::Alone, end);
    }

    /// A look at a member by itself.
    pub(crate) fn looked_at_member(&self, target: &Target, end: End) {
        self.ended(target, By::Member, end);
    }

    /// A look at the group of one.
    pub(crate) fn looked_at_group(&self, (uid, container): (&str, &str), look: LastLook) {
        let told = Told { place: (uid.into(), container.into()), by: By::Group, look };
        self.1.looked.put(told.clone());
        self.tell_replicas(NewsKind::Look, &told);
    }

    /// Nothing is decided for any container of a workload, whatever was found.
    pub(crate) fn nothing_decided(&self, workload: &Workload, why: &NoGround) {
        let (settings, now) = (Fingerprint::of(workload).number(), self.0.ambient.now());
        let look = LastLook::answered(now, CameTo::Undecided(Box::new(why.clone())));
        for container in workload.containers.iter().map(|container| &*container.name) {
            let place = (workload.id.uid.clone(), container.into());
            let at = At { image: image(workload, container), settings };
            if self.1.looked.all().has(&place, at, &look) {
                continue;
            }
            let told = Told { place, by: By::Member(at), look: look.clone() };
            self.1.looked.put(told.clone());
            self.tell_replicas(NewsKind::Look, &told);
        }
    }

    fn ended(&self, target: &Target, by: fn(At) -> By, end: End) {
        let (place, at, now) = (place(target), At::of(target), self.0.ambient.now());
        let told = {
            let mut all = self.1.looked.all();
            let look = all.ended((&place, at), end, now);
            let told = Told { place, by: by(at), look };
            all.put(told.clone());
            told
        };
        self.tell_replicas(NewsKind::Look, &told);
    }

    /// What the last look at a container came to, since the start: of a member what its group came to, when its own registry was
    /// asked last and whether that gave an answer. A look at another image than runs now says nothing of this one: somebody else
    /// may have updated it since, as another replica does.
    #[must_use]
    pub fn last_look(&self, workload: &Workload, container: &str) -> Option<LastLook> {
        let (all, of): (_, Place) = (self.1.looked.all(), (workload.id.uid.clone(), container.into()));
        let own = all.own.get(&of).filter(|(at, _)| at.image == image(workload, container)).map(|(_, look)| look);
        let of_group = all.of_groups.get(&of).map(|group| {
            own.map_or_else(|| group.clone(), |own| LastLook { came_to: group.came_to.clone(), ..own.clone() })
        });
        match own {
            Some(LastLook { came_to: CameTo::Undecided(_), .. }) => own.cloned(),
            own => of_group.or_else(|| own.cloned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_too_much_is_remembered_what_was_looked_at_longest_ago_is_forgotten() {
        let mut all = HashMap::new();
        let place = |number: usize| -> Place { (number.to_string().into(), "web".into()) };
        let mut look = |number: usize, second: usize| {
            let at = DateTime::from_timestamp(i64::try_from(second).unwrap(), 0).unwrap();
            put(&mut all, (place(number), LastLook::answered(at, CameTo::Nothing)), |look| look.at);
            all.len()
        };
        for number in 0..MOST {
            look(number, number);
        }
        assert_eq!(look(0, MOST), MOST, "it is known, and stays");
        assert_eq!(look(MOST, MOST + 1), MOST - FORGOTTEN_AT_ONCE + 1);
        let kept =
            [0, 1, FORGOTTEN_AT_ONCE, FORGOTTEN_AT_ONCE + 1, MOST].map(|number| all.contains_key(&place(number)));
        assert_eq!(kept, [true, false, false, true, true]);
    }
}
