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
mod tests;
