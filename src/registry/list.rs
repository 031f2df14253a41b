//! A list of tags while it is read: what is wanted of it, within bounds.

use super::RegistryError;
use super::wire::Question;
use crate::domain::policy::{Coverage, Filter, Policy, Wanted, WantedCounts};
use crate::domain::reference::Repository;
use crate::domain::tags::{Fingerprint, ListMark, TagList};
use crate::memory::room::{NoRoom, Room};

/// What was kept of a complete list of tags, and room for it.
#[derive(Debug)]
pub struct Tags {
    list: TagList,
    fingerprint: Fingerprint,
    wanted: Wanted,
    repository: String,
    most: usize,
    _room: Option<Room>,
}

impl Tags {
    /// What is wanted of a list that is at hand: the answer of a registry that is none, as in a test.
    #[must_use]
    pub fn of(repository: &Repository, wanted: &Wanted, tags: &[&str]) -> Self {
        let (mut filter, mut list) = (wanted.filter(), TagList::new());
        for tag in tags {
            if filter.keeps(tag) { list.push(tag) } else { list.pass() }
        }
        Self {
            wanted: wanted.after(&filter),
            list,
            fingerprint: tags.iter().collect(),
            repository: repository.to_string(),
            most: usize::MAX,
            _room: None,
        }
    }

    /// What tells this list from one that was read before, by all of its tags.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Whether a tag would be kept, were it listed.
    #[must_use]
    pub fn wants(&self, tag: &str) -> bool {
        self.wanted.filter().keeps(tag)
    }

    /// Whether nothing was listed, wanted or not.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.listed() == 0
    }

    /// Whether a tag that is wanted is in the list.
    #[must_use]
    pub fn has(&self, tag: &str) -> bool {
        self.list.iter().any(|listed| listed == tag)
    }

    /// How many of all tags are of the running one's kind, kept or not; `None` where they were not counted.
    #[must_use]
    pub fn relatives(&self, running: &str, policy: &Policy) -> Option<usize> {
        self.wanted.relatives(running, policy)
    }

    /// The list, to decide about a running tag under a policy. `None` when it was read for others.
    ///
    /// # Errors
    /// [`RegistryError::TooManyTags`] when there were more for this policy than can be held.
    pub fn to_decide(&self, running: &str, policy: &Policy) -> Result<Option<&TagList>, RegistryError> {
        match self.wanted.coverage(running, policy) {
            Coverage::Enough => Ok(Some(&self.list)),
            Coverage::NotAsked => Ok(None),
            Coverage::TooMuch => {
                Err(RegistryError::TooManyTags { repository: self.repository.clone(), most: self.most })
            }
        }
    }
}

/// How far a list was read at some moment.
#[derive(Debug)]
pub(super) struct Mark {
    list: ListMark,
    fingerprint: Fingerprint,
    counts: WantedCounts,
}

/// What one page came to, for the same that is wanted.
#[derive(Clone, Debug)]
pub(super) struct Part {
    list: TagList,
    fingerprint: Fingerprint,
    counts: WantedCounts,
}

impl Part {
    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.list.bytes() + self.counts.bytes()
    }
}

/// What is kept so far.
pub(super) struct Reading<'w> {
    wanted: &'w Wanted,
    filter: Filter<'w>,
    list: TagList,
    fingerprint: Fingerprint,
    room: Room,
}

impl<'w> Reading<'w> {
    pub(super) fn new(wanted: &'w Wanted, room: Room) -> Self {
        let (list, fingerprint) = (TagList::new(), Fingerprint::default());
        Self { wanted, filter: wanted.filter(), list, fingerprint, room }
    }

    /// Takes a tag, or passes it.
    pub(super) fn take(&mut self, tag: &str) {
        self.fingerprint.add(tag);
        if self.filter.keeps(tag) {
            self.list.push(tag);
        } else {
            self.list.pass();
        }
    }

    /// Waits for room for what is kept. Where there is more than can be held, who wants most gets none of it, so that
    /// others get theirs.
    pub(super) async fn hold(&mut self, question: Question<'_>) -> Result<(), RegistryError> {
        loop {
            match self.room.hold(self.list.bytes()).await {
                Ok(()) => return Ok(()),
                Err(NoRoom::Closed) => return Err(question.unusable("the process ends")),
                Err(NoRoom::TooLarge(_)) => {
                    self.filter.give_up_largest();
                    let filter = &self.filter;
                    self.list.retain(|tag| filter.still_keeps(tag));
                }
            }
        }
    }

    /// Where a page begins; `None` where too much came to tell its own part from the others'.
    pub(super) fn mark(&self) -> Option<Mark> {
        Some(Mark { list: self.list.mark(), fingerprint: self.fingerprint, counts: self.filter.counts()? })
    }

    /// What came since a page began.
    pub(super) fn since(&self, begin: &Mark) -> Option<Part> {
        let counts = self.filter.counts()?.since(&begin.counts);
        Some(Part { list: self.list.since(begin.list), fingerprint: self.fingerprint.since(begin.fingerprint), counts })
    }

    /// Takes what a page came to before.
    pub(super) fn take_part(&mut self, part: &Part) {
        self.list.append(&part.list);
        self.fingerprint.append(part.fingerprint);
        self.filter.add(&part.counts);
    }

    /// From the beginning: what was read so far led nowhere.
    pub(super) fn anew(self) -> Self {
        Self::new(self.wanted, self.room)
    }

    /// All pages were read.
    pub(super) fn end(mut self, question: Question<'_>) -> Tags {
        self.list.fit();
        self.room.settle(self.list.bytes());
        Tags {
            wanted: self.wanted.after(&self.filter),
            repository: question.repository.to_string(),
            most: self.room.largest(),
            list: self.list,
            fingerprint: self.fingerprint,
            _room: Some(self.room),
        }
    }
}
