//! When the poller looks: a cron expression and the zone it is read in, known to have a next time.

use std::str::FromStr as _;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

/// When the poller looks.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: croner::Cron,
    zone: Tz,
}

/// Why a text is no schedule.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// Not cron's language.
    #[error("is no cron expression as \"0 */3 * * *\"; {0}")]
    Cron(croner::errors::CronError),
    /// A 30th of February, or a year that is over.
    #[error(
        "never fires: no date from now on fits it; \"0 */3 * * *\" is every three hours, and empty turns the poller off"
    )]
    Never,
}

impl Schedule {
    /// A schedule that fires at least once after `now`.
    ///
    /// # Errors
    /// [`ScheduleError`] when it is no cron expression, or one that never fires.
    pub fn new(text: &str, zone: Tz, now: DateTime<Utc>) -> Result<Self, ScheduleError> {
        let schedule = Self { cron: croner::Cron::from_str(text).map_err(ScheduleError::Cron)?, zone };
        schedule.following(now).map(|_| schedule.clone()).ok_or(ScheduleError::Never)
    }

    /// The first time after `now`. There is none where the year is limited and over.
    #[must_use]
    pub fn following(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let here = now.with_timezone(&self.zone);
        self.cron.find_next_occurrence(&here, false).ok().map(|next| next.to_utc())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    #[test]
    fn it_is_read_in_its_zone() {
        let now = at("2026-11-24T10:00:00Z");
        let schedule = Schedule::new("0 3 * * *", chrono_tz::Europe::Paris, now).unwrap();
        assert_eq!(schedule.following(now), Some(at("2026-11-25T02:00:00Z")));
    }

    #[test]
    fn what_never_fires_is_no_schedule() {
        let now = at("2026-11-24T10:00:00Z");
        for (text, fires) in [
            ("0 0 30 2 *", false),
            ("0 0 31 2,4,6,9,11 *", false),
            ("0 0 0 1 1 * 2020", false),
            ("0 0 29 2 *", true),
            ("0 0 31 * *", true),
            ("0 0 0 1 1 * 2027", true),
            ("*/5 * * * *", true),
            ("@daily", true),
        ] {
            let read = Schedule::new(text, Tz::UTC, now);
            assert_eq!(read.is_ok(), fires, "{text}: {read:?}");
            assert!(fires || matches!(read, Err(ScheduleError::Never)), "{text}");
        }
        assert!(matches!(Schedule::new("every day", Tz::UTC, now), Err(ScheduleError::Cron(_))));
    }

    #[test]
    fn the_last_time_of_a_limited_schedule_is_followed_by_none() {
        let schedule = Schedule::new("0 0 0 1 1 * 2027", Tz::UTC, at("2026-11-24T10:00:00Z")).unwrap();
        assert_eq!(schedule.following(at("2027-01-01T00:00:00Z")), None);
    }
}
