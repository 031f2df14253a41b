//! Moments in French: `18 nov. 2026 11:06 UTC`, of which day and month stay on one line.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use chrono_tz::Tz;

/// As they are written in short.
const MONTHS: [&str; 12] =
    ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."];

/// A moment as people of a zone read it.
pub(super) fn moment(at: DateTime<Utc>, zone: Tz) -> String {
    let at = at.with_timezone(&zone);
    format!("{} {}", day(at.date_naive()), at.format("%H:%M %Z"))
}

/// A day, of which the number and the month stay on one line.
pub(super) fn day(of: NaiveDate) -> String {
    let month = usize::try_from(of.month0()).ok().and_then(|month| MONTHS.get(month)).copied().unwrap_or_default();
    let day = if of.day() == 1 { "1er".to_owned() } else { of.day().to_string() };
    format!("{day}\u{a0}{month} {}", of.year())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_of_the_wall_clock_of_their_zone() {
        let zones: [Tz; 4] = [Tz::UTC, Tz::Europe__Paris, Tz::America__New_York, Tz::Asia__Kolkata];
        let of = |text: &str| {
            let at = text.parse().unwrap();
            zones.map(|zone| moment(at, zone).replace('\u{a0}', " "))
        };
        for (at, read) in [
            (
                "2026-11-18T11:06:40Z",
                [
                    "18 nov. 2026 11:06 UTC",
                    "18 nov. 2026 12:06 CET",
                    "18 nov. 2026 06:06 EST",
                    "18 nov. 2026 16:36 IST",
                ],
            ),
            // Paris goes back an hour at 01:00 UTC, so that an hour comes twice.
            (
                "2026-10-25T00:30:00Z",
                [
                    "25 oct. 2026 00:30 UTC",
                    "25 oct. 2026 02:30 CEST",
                    "24 oct. 2026 20:30 EDT",
                    "25 oct. 2026 06:00 IST",
                ],
            ),
            (
                "2026-10-25T01:30:00Z",
                [
                    "25 oct. 2026 01:30 UTC",
                    "25 oct. 2026 02:30 CET",
                    "24 oct. 2026 21:30 EDT",
                    "25 oct. 2026 07:00 IST",
                ],
            ),
            // New York goes forward an hour at 07:00 UTC, so that an hour is left out.
            (
                "2026-03-08T06:59:00Z",
                ["8 mars 2026 06:59 UTC", "8 mars 2026 07:59 CET", "8 mars 2026 01:59 EST", "8 mars 2026 12:29 IST"],
            ),
            (
                "2026-03-08T07:00:00Z",
                ["8 mars 2026 07:00 UTC", "8 mars 2026 08:00 CET", "8 mars 2026 03:00 EDT", "8 mars 2026 12:30 IST"],
            ),
            // One year here, another there.
            (
                "2026-12-31T23:30:00Z",
                [
                    "31 déc. 2026 23:30 UTC",
                    "1er janv. 2027 00:30 CET",
                    "31 déc. 2026 18:30 EST",
                    "1er janv. 2027 05:00 IST",
                ],
            ),
        ] {
            assert_eq!(of(at), read);
        }
    }

    #[test]
    fn each_month_has_its_name() {
        let first = |month: usize| format!("2026-{:02}-01T12:00:00Z", month + 1).parse().unwrap();
        for (number, name) in MONTHS.iter().enumerate() {
            assert_eq!(moment(first(number), Tz::UTC), format!("1er\u{a0}{name} 2026 12:00 UTC"));
        }
    }
}
