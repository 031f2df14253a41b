//! Until when a status stands as it is, where nothing is written and nobody looks: so that whoever keeps it knows when to ask again.

use chrono::{DateTime, Utc};

use super::{CameTo, LastLook, Seen};
use crate::domain::record::Ledger;
use crate::domain::settings::Settings;
use crate::domain::view::blocker::ROLLING_AT_MOST;

impl Seen<'_> {
    /// The first moment after `now` at which [`super::Status::of`] may say something else; nothing where time changes nothing.
    #[must_use]
    pub fn stands_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let settings = self.settings.ok()?;
        let of_records = self.record.ledgers().flat_map(|(_, ledger)| moments(ledger, settings, now));
        // Windows open and close on minutes.
        let minute = || DateTime::from_timestamp((now.timestamp().div_euclid(60) + 1) * 60, 0);
        let of_window = settings.window.as_ref().and_then(|_| minute());
        let of_look = self.looked.and_then(LastLook::stale_from);
        let of_group = match self.looked {
            Some(LastLook { came_to: CameTo::Group(of), .. }) => of.until(),
            _ => None,
        };
        of_records.chain(of_window).chain(of_look).chain(of_group).filter(|at| *at > now).min()
    }
}

/// What a ledger says of moments, past and future ones.
fn moments(ledger: &Ledger, settings: &Settings, now: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let mut all = Vec::new();
    if let Some(question) = &ledger.question {
        all.push(question.terms.expires());
        all.extend(question.put_off_until());
    }
    all.extend(ledger.put_off_until());
    all.extend(ledger.notes.as_ref().map(|awaited| awaited.until));
    all.extend(ledger.refused.writes(now).map(|refused| refused.again));
    all.extend(ledger.update.as_ref().map(|update| update.at + ROLLING_AT_MOST));
    if let Some(cooldown) = settings.policy.cooldown.clone() {
        let cooldown = ledger.waiting(cooldown);
        all.extend(ledger.known_since.iter().filter_map(|(tag, ..)| cooldown.until(tag, now)));
    }
    all
}
