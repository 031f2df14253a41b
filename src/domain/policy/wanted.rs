//! Which tags of a repository the decisions of its workloads could use: all others need not be held.
//!
//! A list of a public image has a hundred thousand tags and more; what is newer than a running tag and of its family, or
//! of what a workload's own pattern takes, is a few of them. The running tags are kept with them, and how many there are
//! of each kind is counted, as a list that lost what runs or most of its kind is not believed.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::pattern::Key;
use super::{Policy, Selection};
use crate::domain::tag::Version;

/// What the workloads that run a repository could use of its tags.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    lines: Vec<Line>,
    /// The tags that run, and are compared with others.
    running: BTreeSet<String>,
}

/// Tags that are wanted for one reason.
#[derive(Clone, Debug)]
struct Line {
    of: Of,
    /// There were more of them than can be held: none was kept.
    is_given_up: bool,
    /// How many tags of the list were of this kind, kept or not.
    relatives: usize,
}

#[derive(Clone, Debug)]
enum Of {
    /// Each tag.
    Everything,
    /// What is newer than the oldest running tag of a family, and what else tells which numbers count years (S3.7);
    /// where a number may name a runtime (S4.6), all of it.
    Family { oldest: String, whole: bool },
    /// What is newer than the oldest running tag in a workload's own order.
    Selection { selection: Selection, oldest: String },
}

/// Whether a list that was kept by a [`Wanted`] is enough for a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// It is.
    Enough,
    /// This running tag or policy was not known when the list was read.
    NotAsked,
    /// There was more than can be held.
    TooMuch,
}

impl Wanted {
    /// Each tag of the list, for a person who wants to see why each is taken or refused.
    #[must_use]
    pub fn everything() -> Self {
        Self { lines: vec![Line::of(Of::Everything)], running: BTreeSet::new() }
    }

    /// Adds what a decision for this running tag under this policy could use.
    pub fn add(&mut self, running: &str, policy: &Policy) {
        let of = match &policy.selection {
            Some(selection) if selection.key(running).is_ok() => {
                Of::Selection { selection: selection.clone(), oldest: running.to_owned() }
            }
            // Nothing is compared with what has no order.
            Some(_) => return,
            None => match Version::ordered(running) {
                Some(version) => Of::Family { oldest: running.to_owned(), whole: version.integer().is_some() },
                None => return,
            },
        };
        match self.lines.iter_mut().find_map(|line| line.of.same_order(&of)) {
            Some((oldest, true)) => running.clone_into(oldest),
            Some((_, false)) => {}
            None => self.lines.push(Line::of(of)),
        }
        self.running.insert(running.to_owned());
    }

    /// Whether another list would be read for exactly the same.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let same = |(one, another): (&Line, &Line)| one.of.covers(&another.of) && another.of.covers(&one.of);
        let both = self.lines.iter().zip(&other.lines);
        self.lines.len() == other.lines.len()
            && self.running == other.running
            && both.clone().count() > 0
            && both.into_iter().all(same)
    }

    /// About how many bytes it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let texts: usize = self.running.iter().map(|tag| 2 * tag.len()).sum();
        texts + self.lines.len() * size_of::<Line>() + self.running.len() * size_of::<String>()
    }

    /// Adds all of the running tag's kind, older ones too, as far as this policy orders them.
    pub fn add_all(&mut self, running: &str, policy: &Policy) {
        let of = match &policy.selection {
            Some(_) => Of::Everything,
            None => Of::Family { oldest: running.to_owned(), whole: true },
        };
        self.lines.push(Line::of(of));
        self.running.insert(running.to_owned());
    }

    /// Reads tags one by one.
    #[must_use]
    pub fn filter(&self) -> Filter<'_> {
        Filter { lines: self.lines.iter().map(Reading::of).collect(), running: Some(&self.running) }
    }

    /// The tags that run, and are compared with others.
    pub fn running(&self) -> impl Iterator<Item = &str> {
        self.running.iter().map(String::as_str)
    }

    /// Whether what this keeps is enough to decide for a running tag under a policy.
    #[must_use]
    pub fn coverage(&self, running: &str, policy: &Policy) -> Coverage {
        let mut asked = Self::default();
        asked.add(running, policy);
        let Some(asked) = asked.lines.first() else { return Coverage::Enough };
        let mut covering = self.covering(running, &asked.of).peekable();
        if covering.peek().is_none() {
            return Coverage::NotAsked;
        }
        if covering.any(|line| !line.is_given_up) { Coverage::Enough } else { Coverage::TooMuch }
    }

    /// Of how many tags it was found, when the list was read, that they are of the running tag's kind: its family, or
    /// what the workload's own pattern orders. `None` where that was not counted.
    #[must_use]
    pub fn relatives(&self, running: &str, policy: &Policy) -> Option<usize> {
        let mut asked = Self::default();
        asked.add(running, policy);
        let asked = asked.lines.first()?;
        let counts = |line: &&Line| !line.is_given_up && !matches!(line.of, Of::Everything);
        self.covering(running, &asked.of).find(counts).map(|line| line.relatives)
    }

    /// The lines that keep all that is asked for, and what runs.
    fn covering<'a>(&'a self, running: &'a str, asked: &'a Of) -> impl Iterator<Item = &'a Line> {
        let is_kept = |line: &Line| {
            self.running.contains(running) || Reading::of(line).by.place(running, &Lazy::default()) == Place::Kept
        };
        self.lines.iter().filter(move |line| line.of.covers(asked) && is_kept(line))
    }

    /// The same, less what a filter had to give up.
    #[must_use]
    pub fn after(&self, filter: &Filter<'_>) -> Self {
        let line = |(line, reading): (&Line, &Reading<'_>)| Line {
            of: line.of.clone(),
            is_given_up: reading.is_given_up,
            relatives: reading.relatives,
        };
        let running = filter.running.cloned().unwrap_or_default();
        Self { lines: self.lines.iter().zip(&filter.lines).map(line).collect(), running }
    }
}

impl Line {
    fn of(of: Of) -> Self {
        Self { of, is_given_up: false, relatives: 0 }
    }
}

impl Of {
    /// Where this keeps tags in the same order as `other`: its oldest running tag, and whether the other's is older.
    fn same_order(&mut self, other: &Self) -> Option<(&mut String, bool)> {
        let is_older = !self.covers(other);
        match (self, other) {
            (Self::Family { oldest, .. }, Self::Family { oldest: running, .. }) => {
                let same = Version::ordered(oldest)?.difference(&Version::ordered(running)?).is_none();
                same.then_some((oldest, is_older))
            }
            (Self::Selection { selection, oldest }, Self::Selection { selection: another, .. }) => {
                selection.is_same(another).then_some((oldest, is_older))
            }
            _ => None,
        }
    }

    /// Whether each tag that `other` wants is kept by this.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Everything, _) => true,
            (Self::Family { oldest, whole }, Self::Family { oldest: running, .. }) => {
                let (Some(oldest), Some(running)) = (Version::ordered(oldest), Version::ordered(running)) else {
                    return false;
                };
                oldest.difference(&running).is_none() && (*whole || oldest.compare(&running).is_le())
            }
            (Self::Selection { selection, oldest }, Self::Selection { selection: another, oldest: running })
                if selection.is_same(another) =>
            {
                match (selection.key(oldest), selection.key(running)) {
                    (Ok(oldest), Ok(running)) => oldest.compare(&running).is_le(),
                    _ => false,
                }
            }
            _ => false,
        }
    }
}

/// A [`Wanted`] while tags are read, with how much each of its lines keeps.
#[derive(Clone, Debug)]
pub struct Filter<'w> {
    lines: Vec<Reading<'w>>,
    /// Kept whatever else is; `None` when even they were given up.
    running: Option<&'w BTreeSet<String>>,
}

#[derive(Clone, Debug)]
struct Reading<'w> {
    by: By<'w>,
    bytes: usize,
    relatives: usize,
    is_given_up: bool,
}

/// How much each line of a [`Filter`] keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedCounts(Vec<(usize, usize)>);

impl WantedCounts {
    /// What was added since it was like `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let less = |((relatives, bytes), (before, of)): (&(usize, usize), &(usize, usize))| {
            (relatives.saturating_sub(*before), bytes.saturating_sub(*of))
        };
        Self(self.0.iter().zip(&before.0).map(less).collect())
    }

    /// About how many bytes it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.len() * size_of::<(usize, usize)>()
    }
}

/// What a tag is to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Of another kind.
    Elsewhere,
    /// Of its kind, and of no use to a decision.
    Relative,
    Kept,
}

/// A tag as a version, read when a line first asks.
type Lazy<'t> = OnceCell<Option<Version<'t>>>;

#[derive(Clone, Debug)]
enum By<'w> {
    Everything,
    Nothing,
    Family { oldest: Version<'w>, whole: bool },
    Selection { selection: &'w Selection, oldest: Key<'w> },
}

impl Filter<'_> {
    /// Whether a tag is kept, which is counted.
    pub fn keeps(&mut self, tag: &str) -> bool {
        let (version, mut kept) = (Lazy::default(), self.runs(tag));
        for line in self.lines.iter_mut().filter(|line| !line.is_given_up) {
            let place = line.by.place(tag, &version);
            line.relatives += usize::from(place != Place::Elsewhere);
            if place == Place::Kept {
                line.bytes += tag.len();
                kept = true;
            }
        }
        kept
    }

    fn runs(&self, tag: &str) -> bool {
        self.running.is_some_and(|running| running.contains(tag))
    }

    /// How much each line keeps so far; `None` once one of them was given up.
    #[must_use]
    pub fn counts(&self) -> Option<WantedCounts> {
        let line = |line: &Reading<'_>| (!line.is_given_up).then_some((line.relatives, line.bytes));
        self.lines.iter().map(line).collect::<Option<_>>().map(WantedCounts).filter(|_| self.running.is_some())
    }

    /// Adds what was kept before, of the same lines.
    pub fn add(&mut self, counts: &WantedCounts) {
        for (line, (relatives, bytes)) in self.lines.iter_mut().zip(&counts.0) {
            line.relatives += relatives;
            line.bytes += bytes;
        }
    }

    /// Whether a tag was kept, as far as nothing was given up since.
    #[must_use]
    pub fn still_keeps(&self, tag: &str) -> bool {
        let version = Lazy::default();
        let mut lines = self.lines.iter().filter(|line| !line.is_given_up);
        self.runs(tag) || lines.any(|line| line.by.place(tag, &version) == Place::Kept)
    }

    /// Gives up the line that keeps most, so that the decisions of others don't suffer from it; after the last of them
    /// the running tags too.
    pub fn give_up_largest(&mut self) {
        let kept = self.lines.iter_mut().filter(|line| !line.is_given_up);
        match kept.max_by_key(|line| line.bytes) {
            Some(line) => line.is_given_up = true,
            None => self.running = None,
        }
    }
}

impl<'w> Reading<'w> {
    fn of(line: &'w Line) -> Self {
        let by = match &line.of {
            Of::Everything => By::Everything,
            Of::Family { oldest, whole } => match Version::ordered(oldest) {
                Some(oldest) => By::Family { oldest, whole: *whole },
                None => By::Nothing,
            },
            Of::Selection { selection, oldest } => match selection.key(oldest) {
                Ok(oldest) => By::Selection { selection, oldest },
                Err(_) => By::Nothing,
            },
        };
        Self { by, bytes: 0, relatives: 0, is_given_up: line.is_given_up }
    }
}

impl By<'_> {
    fn place<'t>(&self, tag: &'t str, version: &Lazy<'t>) -> Place {
        let of_its_kind = |is_wanted| if is_wanted { Place::Kept } else { Place::Relative };
        match self {
            Self::Everything => Place::Kept,
            Self::Nothing => Place::Elsewhere,
            Self::Family { oldest, whole } => {
                // Most strangers are known by how they begin.
                let version = oldest.glance(tag).and_then(|_| *version.get_or_init(|| Version::ordered(tag)));
                match version.filter(|version| oldest.difference(version).is_none()) {
                    Some(version) => {
                        let tells = || *whole || version.numbers().tells_of_years(oldest.numbers());
                        of_its_kind(version.compare(oldest).is_gt() || tells())
                    }
                    None => Place::Elsewhere,
                }
            }
            Self::Selection { selection, oldest } => match selection.key(tag) {
                Ok(key) => of_its_kind(selection.is_newest() || key.compare(oldest).is_gt()),
                Err(_) => Place::Elsewhere,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Cooldown, Decision, KnownSince, Order, Pattern, Steps, Strategy, decide};
    use super::*;
    use crate::domain::tags::TagList;
    use chrono::DateTime;
    use proptest::prelude::{Just, ProptestConfig, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
    use proptest::strategy::Strategy as Values;

    fn kept(wanted: &Wanted, tags: &[&str]) -> TagList {
        read(wanted, tags).0
    }

    /// What is kept, and what is known of it then.
    fn read(wanted: &Wanted, tags: &[&str]) -> (TagList, Wanted) {
        let mut filter = wanted.filter();
        let mut list = TagList::new();
        for tag in tags {
            if filter.keeps(tag) { list.push(tag) } else { list.pass() }
        }
        let after = wanted.after(&filter);
        (list, after)
    }

    fn by_pattern(pattern: &str, order: Order) -> Policy {
        let selection = Some(Selection::new(Pattern::regex(pattern).unwrap(), order));
        Policy { selection, ..Policy::of(Strategy::All) }
    }

    #[test]
    fn only_what_is_newer_and_of_a_running_family_is_kept() {
        let mut wanted = Wanted::default();
        for running in ["1.2.3", "1.1.0", "2.0.0-alpine", "1.0.0-17", "latest"] {
            wanted.add(running, &Policy::of(Strategy::Patch));
        }
        wanted.add("build-5", &by_pattern("^build-(?P<compare>[0-9]+)$", Order::Numeric));
        let list = [
            "1.0.0",
            "1.1.0",
            "1.1.1",
            "9.0.0-rc.1",
            "1.9.0-alpine",
            "2.0.1-alpine",
            "3.0.0-slim",
            "0.1.0-3",
            "build-4",
            "build-6",
            "latest",
            "sha256-aa",
            "20240101",
            "4.0",
        ];
        let list = kept(&wanted, &list);
        let expected = ["1.1.0", "1.1.1", "9.0.0-rc.1", "2.0.1-alpine", "0.1.0-3", "build-6"];
        assert_eq!(list.iter().collect::<Vec<_>>(), expected);
        assert_eq!(list.listed(), 14);
        assert_eq!(kept(&Wanted::default(), &["1.0.0"]).len(), 0);
        assert_eq!(kept(&Wanted::everything(), &["1.0.0", "x"]).len(), 2);
    }

    #[test]
    fn a_list_is_enough_for_whom_it_was_read_for() {
        let plain = Policy::of(Strategy::All);
        let pattern = by_pattern("^b", Order::Alphabetical);
        let mut wanted = Wanted::default();
        wanted.add("1.2.3", &plain);
        wanted.add("b5", &pattern);
        let of = |running: &str, policy: &Policy| wanted.coverage(running, policy);
        assert_eq!(of("1.2.3", &plain), Coverage::Enough);
        assert_eq!(of("1.4.0", &Policy::of(Strategy::Patch)), Coverage::Enough, "newer ones are a part of it");
        assert_eq!(of("1.2.2", &plain), Coverage::NotAsked, "it was set back meanwhile");
        assert_eq!(of("1.2.3-alpine", &plain), Coverage::NotAsked);
        assert_eq!(of("latest", &plain), Coverage::Enough, "nothing is compared with it");
        assert_eq!(of("b6", &pattern), Coverage::Enough);
        assert_eq!(of("b4", &pattern), Coverage::NotAsked);
        assert_eq!(of("b6", &by_pattern("^b.", Order::Alphabetical)), Coverage::NotAsked);
        assert_eq!(Wanted::everything().coverage("1.2.3", &pattern), Coverage::Enough);
    }

    #[test]
    fn the_count_of_a_kind_does_not_depend_on_who_else_asks() {
        let (plain, pattern) = (Policy::of(Strategy::Patch), by_pattern("^b", Order::Alphabetical));
        let list = ["0.9.0", "1.2.3", "1.2.4", "v1.3.0", "1.2.5-alpine", "latest", "b1", "b2", "1.2", "1.2.5-rc.1"];
        let counts = |others: &[&str]| {
            let mut wanted = Wanted::default();
            for running in others {
                wanted.add(running, &plain);
            }
            wanted.add("1.2.3", &plain);
            wanted.add("b1", &pattern);
            let after = read(&wanted, &list).1;
            (after.relatives("1.2.3", &plain), after.relatives("b1", &pattern), after.relatives("latest", &plain))
        };
        let expected = (Some(5), Some(2), None);
        assert_eq!(counts(&[]), expected);
        assert_eq!(counts(&["0.0.1"]), expected, "an older one runs too");
        assert_eq!(counts(&["1.2.9", "1.2.5-alpine", "2024.1.1"]), expected);
        assert_eq!(Wanted::everything().relatives("1.2.3", &plain), None, "nothing was counted");
    }

    #[test]
    fn who_wants_too_much_is_given_up_before_others() {
        let (plain, greedy) = (Policy::of(Strategy::All), by_pattern(".", Order::Alphabetical));
        let mut wanted = Wanted::default();
        wanted.add("1.2.3", &plain);
        wanted.add("0", &greedy);
        let mut filter = wanted.filter();
        for tag in ["1.2.4", "aaaaaaaa", "bbbbbbbb"] {
            assert!(filter.keeps(tag));
        }
        filter.give_up_largest();
        assert!(filter.still_keeps("1.2.4") && !filter.still_keeps("aaaaaaaa") && !filter.keeps("cccccccc"));
        let after = wanted.after(&filter);
        assert_eq!(after.coverage("1.2.3", &plain), Coverage::Enough);
        assert_eq!(after.coverage("0", &greedy), Coverage::TooMuch);
        assert_eq!((after.relatives("1.2.3", &plain), after.relatives("0", &greedy)), (Some(1), None));
        filter.give_up_largest();
        assert!(filter.still_keeps("1.2.3"), "it runs");
        filter.give_up_largest();
        assert!(!filter.still_keeps("1.2.3"), "there is an end to what is kept");
    }

    fn tag() -> impl Values<Value = String> {
        prop_oneof![
            "v?[0-9]\\.[0-9]\\.[0-9](-rc[0-9])?(-alpine)?(-r[0-9])?",
            "[0-9]\\.[0-9](\\.[0-9]){0,2}([-_][0-9]{1,2})?",
            "(amd64-)?4\\.0\\.[0-9]-(7|8|2[0-4])",
            "2024(0[1-9]|1[0-2])(0[1-9]|2[0-8])(\\.[0-9])?(-slim)?",
            "(latest|stable|[0-9a-f]{7}|pr-[0-9]{2}|b[0-9]{1,2})",
            "(4|18|19|20)\\.(0[1-3]|1[0-2]|[0-3])\\.[0-3]",
            "1\\.([0-9]|2024(0[1-9]|1[0-2])01)\\.[0-9]",
            "(33acdda4|5e6f7a8)-(ls[0-9]|[0-9]|rc1)",
            "9\\.[67]-17[0-9]{8}|8\\.[0-9]-fpm-v[0-9]\\.[0-9]|r[0-9]{4}(-ls[0-9])?",
            "(1[89]|20|4)\\.(0[1-3]|1[0-2]|[0-3])\\.[0-3]",
            "(full-)?[rb][0-9]{3,4}(-ls[0-9])?",
            "1a2b3c[4d](-[0-9])?(-r[0-9])?(-alpine)?",
            "[0-9.a-z_-]{0,12}",
        ]
    }

    fn policy() -> impl Values<Value = Policy> {
        let strategy = prop_oneof![Just(Strategy::All), Just(Strategy::Minor), Just(Strategy::Patch)];
        let selection = prop_oneof![
            5 => Just(None),
            1 => Just(by_pattern("^b(?P<compare>[0-9]+)$", Order::Numeric).selection),
            1 => Just(by_pattern("[0-9]", Order::Alphabetical).selection),
            1 => Just(by_pattern("[0-9]", Order::Semver).selection),
        ];
        let narrowed = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
        (strategy, selection, narrowed).prop_map(|(strategy, selection, (prerelease, include, exclude, waits))| {
            Policy {
                prerelease,
                include: include.then(|| Pattern::regex("[0-6]$").unwrap()),
                exclude: exclude.then(|| Pattern::regex("3").unwrap()),
                selection,
                skip: vec!["1.2.3".into(), "5".into()],
                cooldown: waits.then(|| Cooldown::parse("24h", KnownSince::default()).unwrap()),
                steps: [None, Some(Steps::Major), Some(Steps::Minor)][usize::from(exclude) + usize::from(waits)],
                ..Policy::of(strategy)
            }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Whoever else runs the repository, and however few tags are kept: the decision, what is held back and what
        /// waits are those of the whole list.
        #[test]
        fn what_is_kept_decides_as_all_of_it(
            runs in proptest::collection::vec((tag(), policy()), 1..5),
            list in proptest::collection::vec(tag(), 0..24),
        ) {
            let mut wanted = Wanted::default();
            for (running, policy) in &runs {
                wanted.add(running, policy);
            }
            let all: TagList = list.iter().collect();
            let part = kept(&wanted, &list.iter().map(String::as_str).collect::<Vec<_>>());
            for (running, policy) in &runs {
                prop_assert_eq!(wanted.coverage(running, policy), Coverage::Enough);
                let of_all = decide(running, &all, policy, DateTime::UNIX_EPOCH);
                let of_part = decide(running, &part, policy, DateTime::UNIX_EPOCH);
                prop_assert_eq!(of_all.outcome(), of_part.outcome(), "{} in {:?}", running, &list);
                prop_assert_eq!(of_all.held_back(), of_part.held_back(), "{} in {:?}", running, &list);
                prop_assert_eq!(of_all.first_due(), of_part.first_due(), "{} in {:?}", running, &list);
                prop_assert_eq!(of_all.doubt(), of_part.doubt(), "{} in {:?}", running, &list);
                let known = |decision: &Decision<'_>| decision.known_since(&KnownSince::default(), DateTime::UNIX_EPOCH);
                prop_assert_eq!(known(&of_all), known(&of_part), "{} in {:?}", running, &list);
            }
        }

        #[test]
        fn what_is_enough_for_one_decides_for_it(
            runs in (tag(), policy()), other in tag(), list in proptest::collection::vec(tag(), 0..24),
        ) {
            let mut wanted = Wanted::default();
            wanted.add(&runs.0, &runs.1);
            if wanted.coverage(&other, &runs.1) == Coverage::Enough {
                let all: TagList = list.iter().collect();
                let part = kept(&wanted, &list.iter().map(String::as_str).collect::<Vec<_>>());
                let now = DateTime::UNIX_EPOCH;
                let (of_all, of_part) = (decide(&other, &all, &runs.1, now), decide(&other, &part, &runs.1, now));
                prop_assert_eq!(of_all.outcome(), of_part.outcome());
                prop_assert!(of_all.held_back() == of_part.held_back() && of_all.first_due() == of_part.first_due());
                prop_assert_eq!(of_all.doubt(), of_part.doubt());
            }
        }
    }
}
