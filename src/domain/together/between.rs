//! What stands between a version that all members have and the first write: one judge for the service and for everyone who only
//! looks.

use chrono::{DateTime, Utc};

use crate::domain::event::Failure;
use crate::domain::group::Waits;
use crate::domain::record::Held;
use crate::domain::view::Blocker;

/// What stands between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Between {
    /// Nothing: the first is written.
    Nothing,
    /// People are asked, for all.
    Asks,
    /// All wait.
    Waits {
        /// For whom, by its place among those that move.
        place: usize,
        /// Why.
        waits: Waits,
        /// Until then at the latest, where that is known.
        until: Option<DateTime<Utc>>,
    },
}

/// What it comes to, from what stands before each that moves, with how people call it; `asks` is whether people decide already,
/// for the mode of one of all members.
#[must_use]
pub fn between(each: impl IntoIterator<Item = (String, Option<Blocker>)>, asks: bool) -> Between {
    let (mut asks, mut closed, mut others) = (asks, None, None);
    let each: Vec<(String, Option<Blocker>)> = each.into_iter().collect();
    let failed = each.iter().position(|(_, blocker)| matches!(blocker, Some(Blocker::Held(held)) if !went_along(held)));
    for (place, (name, blocker)) in each.into_iter().enumerate() {
        let waits = |waits, until| Between::Waits { place, waits, until };
        match blocker {
            // Whoever went back because another member failed is not the one to name.
            Some(Blocker::Held(held)) if went_along(&held) && failed.is_some_and(|failed| failed > place) => {}
            Some(Blocker::Held(held)) => return waits(Waits::Held(name, held.tag), None),
            Some(Blocker::Refused(refused)) => return waits(Waits::Refused(name, refused.again), Some(refused.again)),
            Some(Blocker::Paused) => return waits(Waits::Paused(name), None),
            Some(Blocker::Rolling { .. }) => return waits(Waits::UnderWay(name), None),
            Some(Blocker::Window(opens)) => {
                let is_later = !matches!(closed, Some((before, _)) if before >= opens);
                if is_later {
                    closed = Some((opens, waits(Waits::Window(name, opens), Some(opens))));
                }
            }
            Some(Blocker::Waits(why)) => {
                others.get_or_insert_with(|| waits(Waits::Others(name, why), None));
            }
            // Who may tell whether they are stopped decides on that, and a group waits for notes itself.
            Some(Blocker::Disabled | Blocker::Cooldown(_) | Blocker::Notes(_) | Blocker::WasStopped(_)) | None => {}
            Some(
                Blocker::Because(_)
                | Blocker::Snoozed(_)
                | Blocker::Asked(..)
                | Blocker::Person
                | Blocker::AsksOnly(_)
                | Blocker::Owned(_),
            ) => asks = true,
        }
    }
    match (asks, closed, others) {
        (true, ..) => Between::Asks,
        (false, Some((_, closed)), _) => closed,
        (false, None, Some(others)) => others,
        (false, None, None) => Between::Nothing,
    }
}

/// Whether a version is held as another member of the group failed.
fn went_along(held: &Held) -> bool {
    held.failure.as_ref().is_some_and(Failure::is_of_group)
}
