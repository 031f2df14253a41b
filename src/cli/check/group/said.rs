//! What is said of each member of a group.

use chrono::{DateTime, Utc};

use super::{Going, Group, Mover, Verdict, Waiting};
use crate::cli::check::row::{Row, State};
use crate::cli::check::stands::{UNLESS_STOPPED, answerable, because};
use crate::domain::group::{GroupName, Waits};
use crate::domain::policy::Mode;
use crate::domain::view::Blocker;

impl Group<'_, '_> {
    /// What is said of each.
    pub(super) fn rows(&self, verdict: &Verdict) -> Vec<(usize, Row)> {
        let row = |place: usize| Some((place, self.row(place, self.waiting(place)?, verdict)));
        (0..self.members.len()).filter_map(row).collect()
    }

    /// What may stop it, for all that is known here.
    fn unless(&self) -> &'static str {
        let is_auto = self.ours.iter().all(|it| it.settings.mode == Mode::AutoUpdate);
        if self.was_stopped && is_auto { UNLESS_STOPPED } else { "" }
    }

    fn row(&self, place: usize, waiting: &Waiting<'_>, verdict: &Verdict) -> Row {
        let (row, name) = (waiting.row.clone(), self.name);
        match verdict {
            Verdict::UpToDate => row.is(State::UpToDate, "up to date".to_owned()),
            Verdict::Waits(waits) => {
                let state = match waits {
                    Waits::Held(..) if waiting.record.known(&row.container).held.is_some() => State::Held,
                    waits if waits.is_trouble() => State::NeedsYou,
                    _ => State::Waiting,
                };
                if waits.member() != Some(&*self.name_of(place)) {
                    return row.is(state, format!("waits for its group {name}: {waits}"));
                }
                let available = match waits {
                    Waits::Held(_, version) => Some(version.to_string()),
                    _ => row.available.clone(),
                };
                Row { available, ..row }.is(state, format!("its group {name} waits for it: {waits}"))
            }
            Verdict::GoesBack(failed) => {
                row.is(State::Waiting, format!("its group {name} goes back, as {failed} failed or went back"))
            }
            Verdict::Next(next) if *next == place => row
                .is(State::Waiting, format!("applied at the next check, as the next of group {name}{}", self.unless())),
            Verdict::Next(next) => {
                row.is(State::Waiting, format!("waits for its group {name}: {} is next", self.name_of(*next)))
            }
            Verdict::Go(movers, going) => self.goes(place, waiting, movers, going),
        }
    }

    fn goes(&self, place: usize, waiting: &Waiting<'_>, movers: &[Mover], going: &Going) -> Row {
        let (mut row, name) = (waiting.row.clone(), self.name);
        let (Some(mover), Some(first)) = (movers.iter().find(|it| it.place == place), movers.first()) else {
            return row.is(State::UpToDate, format!("up to date: it runs what its group {name} goes to"));
        };
        (row.available, row.level) = (Some(mover.to.to_string()), Some(mover.level.as_str()));
        let leader = self.name_of(first.place);
        let (state, next) = match going {
            Going::Now if first.place == place => {
                (State::Waiting, format!("applied at the next check, as the first of group {name}{}", self.unless()))
            }
            Going::Now => (State::Waiting, format!("waits for its group {name}: {leader} goes first")),
            Going::Asked(blocker) => (State::NeedsYou, asked(blocker.as_ref(), name, self.now)),
        };
        row.is(state, next)
    }
}

/// That people are asked, and what for, in words that hold for each member.
fn asked(blocker: Option<&Blocker>, name: &GroupName, now: DateTime<Utc>) -> String {
    let of = format!("for its group {name}");
    match blocker {
        Some(Blocker::Asked(until, approvals)) => format!("approve {of}: {}", answerable(*until - now, *approvals)),
        Some(blocker @ Blocker::Snoozed(_)) => format!("{blocker}, {of}"),
        Some(Blocker::Because(why)) => format!("not asked yet {of}: {}", because(why)),
        Some(Blocker::AsksOnly(why)) => format!("not asked yet {of}: {}", why.words()),
        Some(Blocker::Owned(owner)) => format!("not asked yet {of}: {}", owner.asks_first()),
        _ => format!("not asked yet {of}"),
    }
}
