//! When updates may be applied: `Mon-Fri 08:00-17:00 Europe/Paris`, several with `;` between.
//!
//! A window is open whenever the clock on the wall of its zone shows a time in it: also twice, in the night in which an hour
//! comes twice, and not at all on the day on which it is left out.

use std::str::FromStr;

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, TimeDelta, Timelike as _, Utc, Weekday};
use chrono::{MappedLocalTime, TimeZone as _};
use chrono_tz::Tz;

/// The windows of a container; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows(Vec<Window>);

/// Times of some days of the week.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Window {
    /// The days on which it opens, from Monday.
    days: [bool; 7],
    /// The minute of the day at which it opens.
    opens: u32,
    /// The minute at which it closes, of the next day where it is not after the one at which it opens.
    closes: u32,
    zone: Tz,
}

/// Why a text is no window.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// Other parts than days, times and a zone.
    #[error(
        "{0:?} is no window; write days, times and a zone, as in Mon-Fri 08:00-17:00 Europe/Paris, and ; between two"
    )]
    Form(String),
    /// No day of the week.
    #[error("{0:?} is no day; write Mon, Tue, Wed, Thu, Fri, Sat or Sun, as in Mon-Fri or Sat,Sun")]
    Day(String),
    /// No time of a day.
    #[error("{0:?} are no times; write 08:00-17:00, from 00:00 to 24:00, and 22:00-06:00 for a night")]
    Times(String),
    /// It closes when it opens.
    #[error("{0:?} never opens, as it closes when it opens; write 00:00-24:00 for a whole day")]
    Never(String),
    /// No zone.
    #[error("{0:?} is no time zone; write one of the IANA database, as Europe/Paris, or UTC")]
    Zone(String),
    /// More than anybody needs.
    #[error("at most {MOST} windows are read")]
    TooMany,
}

/// How many windows one setting has.
pub const MOST: usize = 32;
/// So many minutes has a day on the wall.
const DAY: u32 = 24 * 60;
/// How far an end is looked for, in minutes: what is open for a week never closes.
const MOST_OPEN: i64 = 8 * 24 * 60;
/// A window of one day a week opens within so many days, also if its hour is left out once.
const DAYS_AHEAD: u64 = 15;

impl Windows {
    /// Whether one of them is open.
    #[must_use]
    pub fn are_open(&self, now: DateTime<Utc>) -> bool {
        self.0.iter().any(|window| window.is_open(now))
    }

    /// When the next of them opens; `now` while one is open. There is none at the end of time alone.
    #[must_use]
    pub fn next_opening(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.0.iter().filter_map(|window| window.next_opening(now)).min()
    }

    /// Reads windows of which those that name no zone are of this one.
    ///
    /// # Errors
    /// [`WindowError`] as for any other text.
    pub fn read_in(text: &str, zone: Tz) -> Result<Self, WindowError> {
        let with_zone = |part: &str| {
            let names_zone = part.split_whitespace().last().is_some_and(|last| last.parse::<Tz>().is_ok());
            if names_zone || part.trim().is_empty() { part.to_owned() } else { format!("{part} {zone}") }
        };
        text.split(';').map(with_zone).collect::<Vec<_>>().join(";").parse()
    }

    /// Whether they leave no time of the week out, be it in a part of the year alone.
    #[must_use]
    pub fn never_close(&self) -> bool {
        // The clocks of zones are apart by another hour in January and in July of 2026.
        let weeks = [1_767_571_200, 1_783_296_000].into_iter().filter_map(|at| DateTime::from_timestamp(at, 0));
        weeks.into_iter().any(|week| self.open_until(week) == Some(week + TimeDelta::minutes(MOST_OPEN)))
    }

    /// Until when one of them is open, if one is: to the minute, and no more than a week and a day ahead.
    #[must_use]
    pub fn open_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if !self.are_open(now) {
            return None;
        }
        let begun = now.with_second(0).and_then(|now| now.with_nanosecond(0)).unwrap_or(now);
        let mut minutes = (1..=MOST_OPEN).map(|minute| begun + TimeDelta::minutes(minute));
        let last = begun + TimeDelta::minutes(MOST_OPEN);
        Some(minutes.find(|at| !self.are_open(*at)).unwrap_or(last))
    }

    /// Until when all of them are closed, if they are.
    #[must_use]
    pub fn closed_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let next = || self.next_opening(now).unwrap_or(DateTime::<Utc>::MAX_UTC);
        (!self.are_open(now)).then(next)
    }
}

impl FromStr for Windows {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
        let windows = parts.take(MOST + 1).map(Window::read).collect::<Result<Vec<Window>, WindowError>>()?;
        match windows.len() {
            0 => Err(WindowError::Form(excerpt(text))),
            1..=MOST => Ok(Self(windows)),
            _ => Err(WindowError::TooMany),
        }
    }
}

impl Window {
    /// Reads `[days] times [zone]`: without days it is each of them, without a zone UTC.
    fn read(text: &str) -> Result<Self, WindowError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let is_times = |word: &str| word.starts_with(|first: char| first.is_ascii_digit());
        let (days, times, zone) = match *words.as_slice() {
            [times] if is_times(times) => (None, times, None),
            [times, zone] if is_times(times) => (None, times, Some(zone)),
            [days, times] if is_times(times) => (Some(days), times, None),
            [days, times, zone] if is_times(times) => (Some(days), times, Some(zone)),
            _ => return Err(WindowError::Form(excerpt(text))),
        };
        let days = days.map_or(Ok([true; 7]), days_of)?;
        let (opens, closes) = times_of(times)?;
        let zone = zone.unwrap_or("UTC");
        let zone = zone.parse().map_err(|_| WindowError::Zone(excerpt(zone)))?;
        Ok(Self { days, opens, closes, zone })
    }

    fn opens_on(&self, day: NaiveDate) -> bool {
        self.days.get(day.weekday().num_days_from_monday() as usize).copied().unwrap_or_default()
    }

    fn is_over_midnight(&self) -> bool {
        self.closes <= self.opens
    }

    fn is_open(&self, at: DateTime<Utc>) -> bool {
        let here = at.with_timezone(&self.zone).naive_local();
        let minute = here.hour() * 60 + here.minute();
        let (today, yesterday) = (here.date(), here.date().pred_opt());
        if !self.is_over_midnight() {
            return self.opens_on(today) && (self.opens..self.closes).contains(&minute);
        }
        let since_yesterday = || minute < self.closes && yesterday.is_some_and(|day| self.opens_on(day));
        (self.opens_on(today) && minute >= self.opens) || since_yesterday()
    }

    fn next_opening(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.is_open(now) {
            return Some(now);
        }
        let today = now.with_timezone(&self.zone).date_naive();
        (0..DAYS_AHEAD).filter_map(|ahead| today.checked_add_days(Days::new(ahead))).find_map(|day| {
            let (begins, ends) = (self.begin_of(day)?, self.begin_of(day.succ_opt()?)?);
            if ends - begins != TimeDelta::days(1) {
                return self.opening_between(begins.max(now), ends);
            }
            let opens = begins + TimeDelta::minutes(self.opens.into());
            (opens > now && self.opens_on(day)).then_some(opens)
        })
    }

    /// The first minute at which it is open, on a day on which the clock is put forward or back.
    fn opening_between(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let minutes = (to - from).num_minutes().clamp(0, 2 * i64::from(DAY));
        let first = from.with_second(0)?.with_nanosecond(0)?;
        (0..=minutes).map(|minute| first + TimeDelta::minutes(minute)).find(|at| *at >= from && self.is_open(*at))
    }

    /// The first moment of a day: not midnight, where the clock is put forward then.
    fn begin_of(&self, day: NaiveDate) -> Option<DateTime<Utc>> {
        let midnight = day.and_time(NaiveTime::MIN);
        // A zone may leave out a whole day.
        (0..=DAY).find_map(|minute| {
            let here = midnight.checked_add_signed(TimeDelta::minutes(minute.into()))?;
            match self.zone.from_local_datetime(&here) {
                MappedLocalTime::Single(at) | MappedLocalTime::Ambiguous(at, _) => Some(at.to_utc()),
                MappedLocalTime::None => None,
            }
        })
    }
}

/// `Mon`, `Mon-Fri`, `Sat-Mon`, and several of them with commas between.
fn days_of(text: &str) -> Result<[bool; 7], WindowError> {
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day_of(first)?, day_of(last)?);
        let mut day = first;
        loop {
            if let Some(is_one) = days.get_mut(day.num_days_from_monday() as usize) {
                *is_one = true;
            }
            if day == last {
                break;
            }
            day = day.succ();
        }
    }
    Ok(days)
}

fn day_of(text: &str) -> Result<Weekday, WindowError> {
    text.parse().map_err(|_| WindowError::Day(excerpt(text)))
}

fn times_of(text: &str) -> Result<(u32, u32), WindowError> {
    let wrong = || WindowError::Times(excerpt(text));
    let (opens, closes) = text.split_once('-').ok_or_else(wrong)?;
    let (opens, closes) = minute_of(opens).zip(minute_of(closes)).ok_or_else(wrong)?;
    match opens {
        DAY => Err(wrong()),
        _ if opens == closes => Err(WindowError::Never(excerpt(text))),
        _ => Ok((opens, closes)),
    }
}

/// `08:00`, up to `24:00`.
fn minute_of(text: &str) -> Option<u32> {
    let number = |text: &str| {
        let is_one = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u32>().ok().filter(|_| is_one)
    };
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute) = (number(hour)?, number(minute).filter(|_| minute.len() == 2)?);
    Some(hour * 60 + minute).filter(|all| minute < 60 && *all <= DAY)
}

/// The first characters of a text, for an error about it.
fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn windows(text: &str) -> Windows {
        text.parse().unwrap()
    }

    /// When it is open of these times.
    fn open(text: &str, times: &[(&str, bool)]) {
        let windows = windows(text);
        for (time, expected) in times {
            assert_eq!(windows.are_open(at(time)), *expected, "{text} at {time}");
        }
    }

    #[test]
    fn an_end_is_found_to_the_minute_also_in_the_nights_in_which_clocks_change() {
        let quiet = Windows::read_in("22:00-07:00", chrono_tz::Europe::Paris).unwrap();
        let until = |at: &str| Some(quiet.open_until(at.parse().unwrap())?.to_rfc3339());
        assert_eq!(until("2026-11-25T20:59:59Z"), None);
        assert_eq!(until("2026-11-25T21:00:00Z").as_deref(), Some("2026-11-26T06:00:00+00:00"));
        assert_eq!(until("2026-11-26T05:59:30Z").as_deref(), Some("2026-11-26T06:00:00+00:00"));
        assert_eq!(until("2026-03-28T22:00:00Z").as_deref(), Some("2026-03-29T05:00:00+00:00"), "an hour is left out");
        assert_eq!(until("2026-10-24T22:00:00Z").as_deref(), Some("2026-10-25T06:00:00+00:00"), "an hour comes twice");
        let always = Windows::read_in("00:00-24:00", Tz::UTC).unwrap();
        assert_eq!(always.open_until(DateTime::UNIX_EPOCH), Some(DateTime::UNIX_EPOCH + TimeDelta::days(8)));
        assert!(always.never_close() && !quiet.never_close());
        assert!(Windows::read_in("22:00-07:00 Paris", Tz::UTC).is_err());
        assert_eq!(Windows::read_in("22:00-07:00 Europe/Paris", Tz::UTC), Ok(quiet));
    }

    #[test]
    fn a_window_is_days_times_and_a_zone() {
        let office = "Mon-Fri 08:00-17:00 Europe/Paris";
        open(
            office,
            &[
                ("2026-11-26T06:59:59Z", false),
                ("2026-11-26T07:00:00Z", true),
                ("2026-11-26T15:59:59Z", true),
                ("2026-11-26T16:00:00Z", false),
                ("2026-07-02T06:00:00Z", true),
                ("2026-11-28T10:00:00Z", false),
            ],
        );
        open(
            "Sat,Sun 00:00-24:00; Wed 12:00-13:00 UTC",
            &[("2026-11-28T23:59:59Z", true), ("2026-11-30T00:00:00Z", false)],
        );
        open("sat-mon 8:00-9:00 UTC", &[("2026-11-30T08:30:00Z", true), ("2026-12-01T08:30:00Z", false)]);
        open("Sat 00:00-24:00", &[("2026-11-28T10:00:00Z", true), ("2026-11-27T10:00:00Z", false)]);
        open("02:00-04:00", &[("2026-11-26T03:00:00Z", true), ("2026-11-26T04:00:00Z", false)]);
        open(" 02:00-04:00   Asia/Kathmandu ; ", &[("2026-11-26T20:30:00Z", true)]);
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let night = "Fri 22:00-06:00 Europe/Paris";
        open(
            night,
            &[
                ("2026-11-27T20:59:00Z", false),
                ("2026-11-27T21:00:00Z", true),
                ("2026-11-28T04:59:00Z", true),
                ("2026-11-28T05:00:00Z", false),
                ("2026-11-27T04:00:00Z", false),
                ("2026-11-28T21:30:00Z", false),
            ],
        );
        open("Fri 22:00-00:00 UTC", &[("2026-11-27T23:59:59Z", true), ("2026-11-28T00:00:00Z", false)]);
    }

    #[test]
    fn the_clock_on_the_wall_decides_when_it_is_changed() {
        // 2026-10-25: three o'clock becomes two o'clock again.
        let twice = "Sun 02:00-02:30 Europe/Paris";
        open(
            twice,
            &[
                ("2026-10-25T00:15:00Z", true),
                ("2026-10-25T00:45:00Z", false),
                ("2026-10-25T01:15:00Z", true),
                ("2026-10-25T01:30:00Z", false),
            ],
        );
        let next = |text: &str, from: &str| windows(text).next_opening(at(from));
        assert_eq!(next(twice, "2026-10-24T12:00:00Z"), Some(at("2026-10-25T00:00:00Z")));
        assert_eq!(next(twice, "2026-10-25T00:30:10Z"), Some(at("2026-10-25T01:00:00Z")));
        assert_eq!(next("01:30-02:30 Europe/Paris", "2026-10-25T00:40:00Z"), Some(at("2026-10-25T01:00:00Z")));
        // 2026-03-29: two o'clock becomes three o'clock.
        let never = "Sun 02:15-02:45 Europe/Paris";
        assert_eq!(
            next(never, "2026-03-28T12:00:00Z"),
            Some(at("2026-04-05T00:15:00Z")),
            "that night has no such hour"
        );
        assert_eq!(next("02:15-03:15 Europe/Paris", "2026-03-29T00:50:00Z"), Some(at("2026-03-29T01:00:00Z")));
        assert_eq!(next("09:00-10:00 Europe/Paris", "2026-03-28T12:00:00Z"), Some(at("2026-03-29T07:00:00Z")));
        assert_eq!(next("09:00-10:00 Europe/Paris", "2026-10-24T12:00:00Z"), Some(at("2026-10-25T08:00:00Z")));
        // Half an hour in Lord Howe; midnight itself in Beirut; a whole day in Apia.
        assert_eq!(next("02:10-02:20 Australia/Lord_Howe", "2026-10-03T00:00:00Z"), Some(at("2026-10-04T15:10:00Z")));
        assert_eq!(next("00:00-00:30 Asia/Beirut", "2026-03-28T12:00:00Z"), Some(at("2026-03-29T21:00:00Z")));
        assert_eq!(next("Fri 10:00-11:00 Pacific/Apia", "2011-12-29T12:00:00Z"), Some(at("2012-01-05T20:00:00Z")));
    }

    #[test]
    fn what_is_closed_says_until_when() {
        let office = windows("Mon-Fri 08:00-17:00 Europe/Paris; Sat 10:00-12:00 Europe/Paris");
        assert_eq!(office.closed_until(at("2026-11-26T10:00:00Z")), None);
        assert_eq!(office.closed_until(at("2026-11-27T20:00:00Z")), Some(at("2026-11-28T09:00:00Z")));
        assert_eq!(office.closed_until(at("2026-11-28T12:00:00Z")), Some(at("2026-11-30T07:00:00Z")));
    }

    #[test]
    fn what_is_no_window_says_what_is_wrong() {
        use WindowError::{Day, Form, Never, Times, TooMany, Zone};
        let cases = [
            ("", Form(String::new())),
            (" ; ", Form(" ; ".into())),
            ("always", Form("always".into())),
            ("Mon 08:00 - 17:00 UTC", Form("Mon 08:00 - 17:00 UTC".into())),
            ("Mon 08:00-17:00 UTC now", Form("Mon 08:00-17:00 UTC now".into())),
            ("Mon UTC", Form("Mon UTC".into())),
            ("08:00-17:0x", Times("08:00-17:0x".into())),
            ("08:00-+9:00", Times("08:00-+9:00".into())),
            ("008:00-09:00", Times("008:00-09:00".into())),
            ("08:60-10:00", Times("08:60-10:00".into())),
            ("24:00-06:00", Times("24:00-06:00".into())),
            ("Lundi 08:00-17:00", Day("Lundi".into())),
            ("Mon- 08:00-17:00", Day(String::new())),
            ("08:00-25:00", Times("08:00-25:00".into())),
            ("08:00-24:01", Times("08:00-24:01".into())),
            ("8-17", Times("8-17".into())),
            ("08:0-17:00", Times("08:0-17:00".into())),
            ("24:00-25:00", Times("24:00-25:00".into())),
            ("08:00-08:00", Never("08:00-08:00".into())),
            ("08:00-17:00 CEST", Zone("CEST".into())),
            ("08:00-17:00 Europe/Pari", Zone("Europe/Pari".into())),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Windows>(), Err(expected), "{text:?}");
        }
        assert_eq!("08:00-09:00;".repeat(33).parse::<Windows>(), Err(TooMany));
        assert!("08:00-09:00;".repeat(32).parse::<Windows>().is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        // Minute by minute, in zones and years with changes of all kinds.
        #[test]
        fn the_next_opening_is_the_first(
            days in "(Mon|Tue|Sat|Sun|Fri-Mon|Mon-Sun)",
            opens in 0_u32..1440, length in 1_u32..1440,
            zone in "(Europe/Paris|America/Sao_Paulo|Asia/Beirut|Australia/Lord_Howe|Pacific/Apia|Africa/Casablanca|UTC)",
            from in 1_300_000_000_i64..1_800_000_000,
        ) {
            let closes = (opens + length) % 1440;
            let text = format!("{days} {:02}:{:02}-{:02}:{:02} {zone}", opens / 60, opens % 60, closes / 60, closes % 60);
            let (windows, from) = (windows(&text), DateTime::from_timestamp(from, 0).unwrap());
            let next = windows.next_opening(from).unwrap();
            prop_assert!(windows.are_open(next), "{text} from {from} is not open at {next}");
            let minutes = (next - from).num_minutes();
            let first = (0..=minutes).map(|minute| from + TimeDelta::minutes(minute)).find(|at| windows.are_open(*at));
            prop_assert!(first.is_none_or(|first| first >= next - TimeDelta::minutes(1)), "{text}: open at {first:?}, before {next}");
            if next > from {
                prop_assert_eq!(next.second(), 0);
                prop_assert!(!windows.are_open(next - TimeDelta::seconds(1)));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}|([A-Za-z,-]{0,8} )?[0-9:]{1,5}-[0-9:]{1,5}( [A-Za-z/]{0,12})?") {
            if let Ok(windows) = text.parse::<Windows>() {
                prop_assert!(windows.next_opening(DateTime::UNIX_EPOCH).is_some());
            }
        }
    }
}
