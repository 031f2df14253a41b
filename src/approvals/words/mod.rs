//! What pages say. A language that lacks a word does not compile.

mod english;
mod fixed;
mod french;
mod said;

use chrono::{DateTime, TimeZone as _, Utc};
use chrono_tz::Tz;

pub(super) use fixed::Fixed;
pub(super) use said::{Said, said_to};

use super::wrong::Wrong;
use crate::domain::actor::{Actor, Person, masked};
use crate::domain::approval::Allows;
use crate::domain::declared::Kinds;
use crate::domain::history::Outcome;
use crate::domain::record::Held;
use crate::domain::reference::Tag;
use crate::domain::refusal::Refusal;
use crate::domain::release::Language;
use crate::domain::votes::{Ballot, Vote};
use crate::domain::workload::WorkloadId;
use crate::message::{Catalogue, English, French};
use crate::reconcile::{Answer, Asked};

/// To whom something is said: in which language, in which zone, and whether it is a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reader {
    /// The language.
    pub(super) language: Language,
    /// The zone in which times are given.
    pub(super) zone: Tz,
    /// Whether it is a program, which is told the same in every language.
    pub(super) is_program: bool,
}

impl Reader {
    /// A program.
    pub(super) const PROGRAM: Self = Self { language: Language::English, zone: Tz::UTC, is_program: true };

    /// A person.
    pub(super) fn person(language: Language, zone: Tz) -> Self {
        Self { language, zone, is_program: false }
    }

    /// The words that are used.
    pub(super) fn words(self) -> &'static dyn PageWords {
        match self.language {
            Language::English => &English,
            Language::French => &French,
        }
    }

    /// A moment.
    pub(super) fn moment(self, at: DateTime<Utc>) -> String {
        self.words().moment(at, self.zone)
    }

    /// The same of a moment that is written as RFC 3339; what is none stays as it is.
    pub(super) fn moment_of(self, text: &str) -> String {
        DateTime::parse_from_rfc3339(text)
            .map_or_else(|_| text.to_owned(), |time| self.moment(Utc.from_utc_datetime(&time.naive_utc())))
    }

    /// As whom whoever looks at the page acts.
    pub(super) fn acting_as(self, person: &Person) -> String {
        match person.actor() {
            Actor::Holder { address: None, .. } => self.words().fixed().whoever_reads.to_owned(),
            actor => self.words().actor(&actor),
        }
    }

    /// To whom a link was sent, masked.
    pub(super) fn sent_to(self, holder: &str) -> String {
        match Actor::holder(&masked(holder)) {
            Actor::Holder { channel, address: None } => self.words().channel(&channel),
            actor => self.words().actor(&actor),
        }
    }

    /// How many people have approved, of how many who have to, where one person is not enough.
    pub(super) fn votes(self, ballot: &Ballot) -> Option<String> {
        ballot.is_worth_saying().then(|| self.words().votes(ballot.votes.count(), ballot.needed.number()))
    }

    /// The same, and who they are: `1 of 2: o…@example.com (email), 18 Nov 2026 11:06 UTC`.
    pub(super) fn approvals(self, ballot: &Ballot) -> Option<String> {
        let words = self.words();
        let one = |vote: &Vote| format!("{}, {}", words.actor(&vote.by), self.moment(vote.at));
        let all: Vec<String> = ballot.votes.iter().map(one).collect();
        let who = if all.is_empty() { String::new() } else { format!("{} {}", words.colon(), all.join("; ")) };
        self.votes(ballot).map(|votes| format!("{votes}{who}"))
    }

    /// What whoever has approved already is told.
    pub(super) fn have_approved(self, ballot: &Ballot) -> Option<String> {
        let votes = self.votes(ballot).filter(|_| ballot.waits_for_others())?;
        Some(self.words().have_approved(&votes))
    }

    /// What is to be said to have been read before the button does anything.
    pub(super) fn to_read(self, asked: &Asked) -> Option<String> {
        asked.is_to_be_read().then(|| self.words().to_read(asked.approval.allows, asked.approval.to_tag.as_str()))
    }
}

/// The command line that does this to the container of a question.
fn command(verb: &str, asked: &Asked) -> String {
    let WorkloadId { namespace, kind, name, .. } = &asked.workload.id;
    format!("image-watcher {verb} {}/{name} -n {namespace} -c {}", kind.short(), asked.approval.container)
}

/// What there is to know of a line of a list before it is approved with others, and why it can't be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Care<'c> {
    /// It lets a version be applied that is held.
    Held,
    /// It goes back.
    Back,
    /// A major update.
    Major,
    /// It is put off.
    PutOff(DateTime<Utc>),
    /// What its makers declare.
    Declared(Kinds),
    /// Whoever looks has approved it, and others have to: so many of so many.
    YouApproved(usize, usize),
    /// So many have approved of so many.
    Votes(usize, usize),
    /// All of a group go.
    Group(&'c str),
    /// Other containers go with it.
    With(&'c [Box<str>]),
    /// Nothing may be applied by itself until then.
    Window(DateTime<Utc>),
}

/// What is counted on the page of a list.
#[derive(Clone, Copy, Debug)]
pub(super) enum Count {
    /// Updates to decide.
    Listed(usize),
    /// Lines to decide of which one is no update: what is held, or a way back.
    Questions(usize),
    /// Those that would be approved together.
    Together(usize),
    /// Those that were approved, of all.
    Approved(usize, usize),
    /// Those that are not shown for want of room.
    LeftOut(usize),
    /// Those that take a decision on their own pages.
    Alone(usize),
    /// Those that were not come to.
    NotComeTo(usize),
    /// Those that the button of the list is about, of all.
    ButtonOfList(usize, usize),
    /// Those that the last button is about.
    ButtonOfAll(usize),
}

/// Why a question would not be asked today, and what would have to be otherwise, as a command says it.
pub(crate) fn refused(version: &Tag, workload: &WorkloadId, refusal: &Refusal) -> String {
    english::refused(version, workload, refusal, Reader::PROGRAM)
}

/// How what an answer came to stands, as a program is told it.
pub(crate) fn stands(answer: &Answer) -> String {
    English.message(answer, Reader::PROGRAM)
}

/// The words of pages in one language.
pub(super) trait PageWords: Catalogue {
    /// What is always the same.
    fn fixed(&self) -> &'static Fixed;
    /// What is asked.
    fn question(&self, allows: Allows) -> &'static str;
    /// What a state is called.
    fn title(&self, answer: &Answer) -> &'static str;
    /// What there is to say of it.
    fn message(&self, answer: &Answer, to: Reader) -> String;
    /// Who decided, and when.
    fn decided_by(&self, who: &Actor, at: &str) -> String;
    /// Who approved, where others have to, too.
    fn approved_by(&self, who: &Actor, at: &str) -> String;
    /// Since when a version is held, and why.
    fn held_since(&self, held: &Held, to: Reader) -> String;
    /// Who set something back, as far as it is known.
    fn somebody(&self, by: &[String]) -> String;
    /// The readers of a channel.
    fn channel(&self, name: &str) -> String;
    /// What is to be read first.
    fn to_read(&self, allows: Allows, version: &str) -> String;
    /// That whoever looks has approved already, and others have to.
    fn have_approved(&self, votes: &str) -> String;
    /// Which container of a workload, and which go with it.
    fn place(&self, workload: &str, container: &str, with: &[Box<str>]) -> String;
    /// All of a group go together.
    fn group_of(&self, name: &str) -> String;
    /// Where one of it goes, and what goes with it.
    fn step_with(&self, from: &str, to: &str, with: &[Box<str>]) -> String;
    /// That it is put off.
    fn put_off(&self, until: &str) -> String;
    /// When its window opens.
    fn window_opens(&self, at: &str) -> String;
    /// When something was written that can be gone back to.
    fn written(&self, at: &str) -> String;
    /// How it ran.
    fn ran(&self, outcome: Outcome) -> &'static str;
    /// That the makers of what runs declare that it changes stored data.
    fn changes_data(&self, from: &str, to: &str) -> String;
    /// As whom whoever looks acts, and that nothing happens by looking.
    fn nothing_happens(&self, holder: &str) -> String;
    /// The same of a list, which can be used until then.
    fn nothing_happens_until(&self, holder: &str, until: &str) -> String;
    /// As whom somebody acted.
    fn acted_as(&self, holder: &str) -> String;
    /// What is counted.
    fn count(&self, count: Count) -> String;
    /// What there is to know of a line.
    fn care(&self, care: Care<'_>, to: Reader) -> String;
    /// That a state was found, and not brought about.
    fn before(&self, title: &str) -> String;
    /// That a list's time is over; with the address that a new one can be sent to.
    fn list_is_over(&self, until: &str, sent_to: Option<&str>) -> String;
    /// To whom a new link was sent, now or a moment ago.
    fn is_sent(&self, is_now: bool, to: &str) -> String;
    /// Why a request is not answered.
    fn wrong(&self, wrong: &Wrong) -> String;
}
