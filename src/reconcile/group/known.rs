//! What members of groups could go to, as each was found at the last look at its own repository: a look at one member asks
//! nothing about the others.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::domain::group::Candidates;
use crate::domain::settings::Fingerprint;
use crate::domain::view::NoGround;
use crate::reconcile::records::witness::Turns;

/// So many members are remembered. Beyond it all are forgotten, as after a start: they are asked about again.
const MOST: usize = 4096;

/// What is remembered of groups, in this process only.
#[derive(Default)]
pub(in crate::reconcile) struct Groups {
    found: Mutex<HashMap<Key, Known>>,
    /// Who decides on which group.
    pub(super) turns: Turns,
}

/// The uid of a workload, and a container of it.
type Key = (Box<str>, Box<str>);

/// What was found of one member, and what it depends on.
struct Known {
    image: Box<str>,
    settings: Fingerprint,
    found: Found,
}

/// What a member could go to, or why that is not decided.
pub(super) type Found = Result<Candidates, NoGround>;

/// A member, and what decides on it.
#[derive(Clone, Copy)]
pub(super) struct Of<'m> {
    pub(super) uid: &'m str,
    pub(super) container: &'m str,
    pub(super) image: &'m str,
    pub(super) settings: Fingerprint,
}

impl Groups {
    pub(super) fn put(&self, of: Of<'_>, found: Found) {
        let mut all = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        let known = Known { image: of.image.into(), settings: of.settings, found };
        all.insert((of.uid.into(), of.container.into()), known);
    }

    /// All are asked about again: another replica may have looked at them since. Of two looks at members the one that begins
    /// later finds all that was pushed before.
    pub(in crate::reconcile) fn forget(&self) {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What was found, if the member is as it was then.
    pub(super) fn get(&self, of: Of<'_>) -> Option<Found> {
        let all = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(&(of.uid.into(), of.container.into()))?;
        (*known.image == *of.image && known.settings == of.settings).then(|| known.found.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::workload::tests::workload;

    #[test]
    fn what_was_found_holds_for_the_member_as_it_was_and_is_bounded() {
        let settings = |mode| Fingerprint::of(&workload(&[("web", "web:1.0.0")], &[("mode", mode)]));
        let of = |uid, image, settings| Of { uid, container: "web", image, settings };
        let (groups, ours) = (Groups::default(), settings("AUTO_UPDATE"));
        groups.put(of("a", "web:1.0.0", ours), Err(NoGround::said("no")));
        assert_eq!(groups.get(of("a", "web:1.0.0", ours)), Some(Err(NoGround::said("no"))));
        assert_eq!(groups.get(of("a", "web:1.0.1", ours)), None, "it runs something else");
        assert_eq!(groups.get(of("a", "web:1.0.0", settings("DISABLED"))), None, "it has other settings");
        assert_eq!(groups.get(of("b", "web:1.0.0", ours)), None);
        for n in 0..=MOST {
            let uid = n.to_string();
            groups.put(Of { uid: &uid, ..of("a", "web:1.0.0", ours) }, Err(NoGround::said("")));
        }
        assert!(groups.found.lock().unwrap().len() <= MOST);
    }
}
