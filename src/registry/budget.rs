//! What each registry allows: what it said is left, who was asked to wait, and which part of it is the schedule's.
//!
//! ```text
//! all that a registry allows, or its requestsPerMinute
//! ├─────────────── the schedule's ──────────────┼──── webhooks' ────┼─ pulls' ─┤
//!                                               a fifth left        a tenth left, which no ceiling has
//! ```
//!
//! Looks of the schedule that find their part used up are put off, each to a turn of its own, so that they don't come again
//! all at once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::shares::Shares;
use super::wire::Question;
use super::{RegistryError, Wait};
use crate::domain::retry::{Backoff, RetryAfter};

/// What is remembered of hosts and credentials together.
const MOST_ACCOUNTS: usize = 1000;
/// Hosts whose turns are remembered.
const MOST_TURNS: usize = 1000;
/// Nobody makes us wait for longer, in seconds.
const LONGEST_WAIT: i64 = 3600;
/// So long everybody leaves a host alone that asked somebody to wait, in seconds; for the rest of its time whoever was asked
/// does.
const HELD_FOR_ALL: i64 = 10;
/// And no more often than this, in seconds: nobody's used up budget keeps others away for longer.
const HELD_AGAIN: i64 = 60;
/// Of what a registry allows, the last so-manieth is left to those who pull.
const LEFT_TO_PULLS: u64 = 10;
/// And the last so-manieth to webhooks and people.
const LEFT_TO_PROMPT: u64 = 5;

/// Budgets by host, and by credential.
#[derive(Debug)]
pub(super) struct Budgets {
    accounts: Mutex<Shares<String, Account>>,
    /// When the schedule's last turn is that was given, by host.
    turns: Mutex<HashMap<String, DateTime<Utc>>>,
    /// Hosts that everybody leaves alone, or did a moment ago.
    held: Mutex<HashMap<String, Held>>,
}

/// From when until when everybody leaves a host alone.
#[derive(Clone, Copy, Debug)]
struct Held {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    why: Wait,
}

impl Held {
    /// Whether it is new enough that there is no other. A clock that was set back ends it.
    fn counts(&self, now: DateTime<Utc>) -> bool {
        self.from <= now && now < self.from + TimeDelta::seconds(HELD_AGAIN)
    }
}

/// What is known of one credential's budget at one host.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    /// Until when it is not used, and why.
    wait: Option<(DateTime<Utc>, Wait)>,
    told: Option<Told>,
}

impl Account {
    /// It waits for so long, unless it was asked to wait for longer: an answer that was under way ends no wait.
    fn waits_for(&mut self, new: (DateTime<Utc>, Wait)) -> (DateTime<Utc>, Wait) {
        let waits = self.wait.filter(|(until, _)| *until > new.0).unwrap_or(new);
        self.wait = Some(waits);
        waits
    }
}

/// What a registry said, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) left: u64,
    pub(super) limit: u64,
    /// In seconds.
    pub(super) window: u64,
    pub(super) at: DateTime<Utc>,
}

impl Told {
    /// Reads what the two headers say; `None` where that is nothing usable.
    pub(super) fn read(left: Option<Quota>, limit: Option<Quota>, at: DateTime<Utc>) -> Option<Self> {
        let (left, limit) = (left?, limit.filter(|limit| limit.count > 0)?);
        let window = left.window.or(limit.window)?;
        Some(Self { left: left.count, limit: limit.count, window, at })
    }

    /// Whether no more than the last so-manieth is left.
    fn is_down_to(&self, part: u64) -> bool {
        self.left <= self.limit / part
    }

    /// A look begins, whose answer says again what is left.
    fn expect_one(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    /// When there is one more, if it comes back evenly.
    fn one_more(&self) -> DateTime<Utc> {
        let seconds = self.window.div_ceil(self.limit).min(LONGEST_WAIT.unsigned_abs());
        self.at + TimeDelta::seconds(seconds.try_into().unwrap_or(LONGEST_WAIT))
    }

    fn is_over(&self, now: DateTime<Utc>) -> bool {
        let window = i64::try_from(self.window).ok().and_then(TimeDelta::try_seconds);
        window.and_then(|window| self.at.checked_add_signed(window)).is_some_and(|end| end <= now)
    }
}

impl Default for Budgets {
    fn default() -> Self {
        Self { accounts: Mutex::new(Shares::new(MOST_ACCOUNTS)), turns: Mutex::default(), held: Mutex::default() }
    }
}

impl Budgets {
    /// Remembers that a host asked to wait, and `why`, and says so.
    pub(super) fn wait(
        &self,
        why: Wait,
        question: Question<'_>,
        told: Option<RetryAfter>,
        now: DateTime<Utc>,
    ) -> RegistryError {
        let at = Backoff::seconds(5, LONGEST_WAIT, 2).next(1, told, now, 0.0);
        let mut waits = (at, why);
        self.change((question.host(), question.credential.scope()), now, |account| {
            waits = account.waits_for(waits);
        });
        self.hold(question.host(), (at, why), now);
        RegistryError::throttled(question.host(), waits.0, waits.1)
    }

    /// The same as another replica was told. What nobody makes us wait for by an answer, nobody does by word.
    pub(super) fn wait_as_others(
        &self,
        (host, scope): (&str, &str),
        (until, why): (DateTime<Utc>, Wait),
        now: DateTime<Utc>,
    ) {
        let until = until.min(now + TimeDelta::seconds(LONGEST_WAIT));
        self.change((host, scope), now, |account| {
            account.waits_for((until, why));
        });
        self.hold(host, (until, why), now);
    }

    /// Learns what is left. The answer that told it is good; where it is little, the next question waits.
    pub(super) fn learn(&self, question: Question<'_>, told: Told, now: DateTime<Utc>) {
        let wait = told.is_down_to(LEFT_TO_PULLS).then(|| {
            let one_more = Some(RetryAfter::at(told.one_more()));
            (Backoff::seconds(1, LONGEST_WAIT, 2).next(1, one_more, now, 0.0), Wait::LittleLeft)
        });
        self.change((question.host(), question.credential.scope()), now, |account| {
            account.told = Some(told);
            if let Some(wait) = wait {
                account.waits_for(wait);
            }
        });
    }

    /// Whether a host may be asked again.
    pub(super) fn may_ask(&self, question: Question<'_>, now: DateTime<Utc>) -> Result<(), RegistryError> {
        let scope = question.credential.scope().to_owned();
        let own = self.accounts().get(question.host(), &scope).and_then(|account| account.wait);
        let held = self.held().get(question.host()).filter(|held| held.counts(now)).map(|held| (held.until, held.why));
        match own.into_iter().chain(held).max_by_key(|(until, _)| *until) {
            Some((until, why)) if until > now => Err(RegistryError::throttled(question.host(), until, why)),
            _ => Ok(()),
        }
    }

    /// Has everybody leave a host alone for the beginning of somebody's wait, unless that was so a moment ago.
    fn hold(&self, host: &str, (until, why): (DateTime<Utc>, Wait), now: DateTime<Utc>) {
        let mut held = self.held();
        held.retain(|_, held| held.counts(now));
        if held.len() < MOST_TURNS && !held.contains_key(host) {
            let until = until.min(now + TimeDelta::seconds(HELD_FOR_ALL));
            held.insert(host.to_owned(), Held { from: now, until, why });
        }
    }

    /// When a look of the schedule may ask this host, if not now. `ceiling` is when its part of the operator's ceiling has
    /// room, if not now, and how far its turns are from each other.
    pub(super) fn turn(
        &self,
        host: &str,
        ceiling: (Option<DateTime<Utc>>, TimeDelta),
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let ceiling = ceiling.0.map(|until| (until, ceiling.1));
        let Some((from, step)) = self.scarce(host, now).into_iter().chain(ceiling).max() else {
            self.accounts().of_mut(host).filter_map(|account| account.told.as_mut()).for_each(Told::expect_one);
            return None;
        };
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| *turn > now);
        let turn = turns.get(host).map_or(from, |last| from.max(*last + step));
        // Beyond an hour it is asked again what is left.
        let turn = turn.min(now + TimeDelta::seconds(LONGEST_WAIT));
        if turns.len() < MOST_TURNS || turns.contains_key(host) {
            turns.insert(host.to_owned(), turn);
        }
        Some(turn)
    }

    /// Until when nobody who asks a host has enough left for the schedule, and how fast more comes. One tenant's used up
    /// budget holds up no other's.
    fn scarce(&self, host: &str, now: DateTime<Utc>) -> Option<(DateTime<Utc>, TimeDelta)> {
        let until = |account: &Account| {
            let waits = account.wait.map(|(until, _)| (until, TimeDelta::seconds(1)));
            let told = account.told.filter(|told| told.is_down_to(LEFT_TO_PROMPT));
            let told = told.map(|told| (told.one_more(), told.one_more() - told.at));
            waits.max(told).filter(|(until, _)| *until > now)
        };
        let untils: Option<Vec<_>> = self.accounts().of(host).map(until).collect();
        untils?.into_iter().min()
    }

    /// What is left of the smallest budget of a host, and until when and why somebody waits.
    pub(super) fn of(&self, host: &str, now: DateTime<Utc>) -> (Option<Told>, Option<(DateTime<Utc>, Wait)>) {
        let accounts = self.accounts();
        let told = accounts.of(host).filter_map(|account| account.told).filter(|told| !told.is_over(now));
        let waits = accounts.of(host).filter_map(|account| account.wait).filter(|(until, _)| *until > now);
        (told.min_by_key(|told| (told.left, told.limit)), waits.max_by_key(|(until, _)| *until))
    }

    fn change(&self, (host, scope): (&str, &str), now: DateTime<Utc>, change: impl FnOnce(&mut Account)) {
        let scope = scope.to_owned();
        let mut accounts = self.accounts();
        accounts.retain(|account| {
            let waits = account.wait.is_some_and(|(until, _)| until > now);
            waits || account.told.is_some_and(|told| !told.is_over(now))
        });
        let mut account = accounts.get(host, &scope).copied().unwrap_or_default();
        change(&mut account);
        accounts.insert(host, scope, account, 1);
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accounts(&self) -> MutexGuard<'_, Shares<String, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So many requests, in so many seconds: `100;w=21600`, as Docker Hub has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quota {
    count: u64,
    window: Option<u64>,
}

impl Quota {
    /// Reads a header's value; `None` when it says nothing usable.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let mut parts = value.get(..value.len().min(64))?.split(';').map(str::trim);
        let count = parts.next()?.parse().ok()?;
        let window = parts.find_map(|part| part.strip_prefix("w=")?.parse().ok());
        Some(Self { count, window: window.filter(|window| *window > 0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reference::Repository;
    use crate::domain::secret::Secret;
    use crate::registry::User;
    use crate::registry::credential::Login;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap()
    }

    fn told(left: &str, limit: &str) -> Option<Told> {
        Told::read(Quota::parse(left), Quota::parse(limit), now())
    }

    const NO_CEILING: (Option<DateTime<Utc>>, TimeDelta) = (None, TimeDelta::zero());

    #[test]
    fn a_quota_is_read_as_it_is_written() {
        for (value, expected) in [
            ("100;w=21600", Some((100, Some(21600)))),
            ("76", Some((76, None))),
            ("76 ; x=1 ; w=60", Some((76, Some(60)))),
            ("76;w=0", Some((76, None))),
            ("-1", None),
            ("many", None),
            ("99999999999999999999999", None),
            ("", None),
        ] {
            assert_eq!(Quota::parse(value).map(|quota| (quota.count, quota.window)), expected, "{value}");
        }
    }

    /// For how many seconds the next question waits, and the schedule's.
    #[test]
    fn the_last_fifth_is_not_the_schedules_and_the_last_tenth_is_left_to_those_who_pull() {
        let (repository, credential) = (Repository::parse("nginx").unwrap(), Login::Nobody);
        let question = Question {
            repository: &repository,
            credential: &credential,
            operation: "tags",
            accept: "",
            known: None,
            takes_refusal: false,
        };
        let waits = |left: &str, limit: &str| {
            let budgets = Budgets::default();
            if let Some(told) = told(left, limit) {
                budgets.learn(question, told, now());
            }
            let prompt = match budgets.may_ask(question, now()) {
                Err(RegistryError::Throttled { until: Some(until), .. }) => {
                    Some((until.moment() - now()).num_seconds())
                }
                _ => None,
            };
            (prompt, budgets.turn("docker.io", NO_CEILING, now()).map(|at| (at - now()).num_seconds()))
        };
        assert_eq!(waits("21;w=21600", "100;w=21600"), (None, None));
        assert_eq!(waits("20;w=21600", "100;w=21600"), (None, Some(216)));
        assert_eq!(waits("11;w=21600", "100;w=21600"), (None, Some(216)));
        assert_eq!(waits("10;w=21600", "100;w=21600"), (Some(216), Some(216)));
        assert_eq!(waits("0;w=21600", "100;w=21600"), (Some(216), Some(216)));
        assert_eq!(waits("0", "100;w=60"), (Some(1), Some(1)));
        assert_eq!(waits("0;w=99999999", "1;w=60"), (Some(3600), Some(3600)));
        assert_eq!(waits("0", "0;w=60"), (None, None));
        assert_eq!(waits("0", "100"), (None, None), "for how long is not known");
        assert_eq!(waits("0;w=18446744073709551615", "1"), (Some(3600), Some(3600)));
    }

    #[test]
    fn looks_that_are_put_off_get_each_a_turn_and_nobody_waits_for_anothers_budget() {
        let (repository, nobody) = (Repository::parse("nginx").unwrap(), Login::Nobody);
        let joe = Login::Operator(User::of_host("docker.io", "joe".into(), Secret::new("pw".into())));
        let ask = |credential| Question {
            repository: &repository,
            credential,
            operation: "tags",
            accept: "",
            known: None,
            takes_refusal: false,
        };
        let budgets = Budgets::default();
        budgets.learn(ask(&nobody), told("15;w=21600", "100;w=21600").unwrap(), now());
        let turns = || {
            let turn = budgets.turn("docker.io", NO_CEILING, now());
            turn.map(|at| (at - now()).num_seconds())
        };
        assert_eq!([turns(), turns(), turns()], [Some(216), Some(432), Some(648)]);
        assert_eq!(budgets.turn("quay.io", NO_CEILING, now()), None, "each host has its own");
        budgets.learn(ask(&joe), told("90;w=21600", "100;w=21600").unwrap(), now());
        assert_eq!(turns(), None, "somebody has enough, of which one is taken");
        let (least, waits) = budgets.of("docker.io", now());
        assert_eq!((least.map(|told| told.left), waits), (Some(14), None));
        assert_eq!(budgets.of("docker.io", now() + TimeDelta::hours(7)).0, None, "it is long ago");
    }

    /// In how many seconds somebody may ask.
    fn waits(budgets: &Budgets, question: Question<'_>, now: DateTime<Utc>) -> i64 {
        match budgets.may_ask(question, now) {
            Err(RegistryError::Throttled { until: Some(until), why: Wait::Asked, .. }) => {
                (until.moment() - now).num_seconds()
            }
            _ => 0,
        }
    }

    #[test]
    fn who_asks_to_wait_is_left_alone_by_everybody_for_a_moment_and_by_whom_it_asked_for_all_of_it() {
        let (hub, quay) = (Repository::parse("nginx").unwrap(), Repository::parse("quay.io/a/b").unwrap());
        let nobody = Login::Nobody;
        let joe = Login::Operator(User::of_host("docker.io", "joe".into(), Secret::new("pw".into())));
        let ask = |repository, credential| Question {
            repository,
            credential,
            operation: "tags",
            accept: "",
            known: None,
            takes_refusal: false,
        };
        let after = |seconds| now() + TimeDelta::seconds(seconds);
        let told = |seconds| Some(RetryAfter::at(after(seconds)));
        for (asked, everybody) in [(7, 7), (600, HELD_FOR_ALL)] {
            let budgets = Budgets::default();
            let _ = budgets.wait(Wait::Asked, ask(&hub, &joe), told(asked), now());
            assert_eq!(waits(&budgets, ask(&hub, &joe), now()), asked);
            assert_eq!(waits(&budgets, ask(&hub, &nobody), now()), everybody);
            assert_eq!(waits(&budgets, ask(&quay, &nobody), now()), 0, "each host for itself");
            assert_eq!(waits(&budgets, ask(&hub, &nobody), after(everybody)), 0);
        }
        let budgets = Budgets::default();
        let _ = budgets.wait(Wait::Asked, ask(&hub, &joe), told(600), now());
        let _ = budgets.wait(Wait::Asked, ask(&hub, &joe), told(600), after(30));
        assert_eq!(
            waits(&budgets, ask(&hub, &nobody), after(30)),
            0,
            "one tenant's budget holds up no other's for long"
        );
        let _ = budgets.wait(Wait::Asked, ask(&hub, &joe), told(600), after(60));
        assert_eq!(waits(&budgets, ask(&hub, &nobody), after(60)), HELD_FOR_ALL);
        assert_eq!(waits(&budgets, ask(&hub, &nobody), after(-60)), 0, "the clock was set back");
    }

    /// Six blobs are asked for at once: what the second is answered was under way when the first was.
    #[test]
    fn no_answer_that_was_under_way_shortens_a_wait() {
        let (hub, nobody) = (Repository::parse("nginx").unwrap(), Login::Nobody);
        let question = Question {
            repository: &hub,
            credential: &nobody,
            operation: "image",
            accept: "",
            known: None,
            takes_refusal: false,
        };
        let until = |budgets: &Budgets| match budgets.may_ask(question, now()) {
            Err(RegistryError::Throttled { until: Some(until), .. }) => (until.moment() - now()).num_seconds(),
            other => panic!("{other:?}"),
        };
        let asked = Some(RetryAfter::at(now() + TimeDelta::seconds(3600)));
        let budgets = Budgets::default();
        let _ = budgets.wait(Wait::Asked, question, asked, now());
        let _ = budgets.wait(Wait::Asked, question, None, now());
        assert_eq!(until(&budgets), 3600, "another 429 that says nothing");
        budgets.learn(question, told("9;w=21600", "100;w=21600").unwrap(), now());
        assert_eq!(until(&budgets), 3600, "a good answer that says that little is left");
        let budgets = Budgets::default();
        budgets.learn(question, told("0;w=21600", "100;w=21600").unwrap(), now());
        let error = budgets.wait(Wait::Asked, question, None, now());
        assert_eq!(until(&budgets), 216, "one answer that says both");
        let RegistryError::Throttled { until: Some(told), .. } = error else { panic!("{error}") };
        assert_eq!((told.moment() - now()).num_seconds(), 216, "and that is what is told");
    }

    #[test]
    fn no_turn_is_further_than_an_hour() {
        let (budgets, minute) = (Budgets::default(), TimeDelta::minutes(1));
        let ceiling = (Some(now() + minute), minute);
        let last = (0..1000).filter_map(|_| budgets.turn("hub", ceiling, now())).last();
        assert_eq!(last, Some(now() + TimeDelta::hours(1)));
        assert_eq!(budgets.turn("hub", (None, minute), now()), None, "there is room");
    }
}
