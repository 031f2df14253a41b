//! What happens to a container, and what follows from it.

use chrono::{DateTime, Utc};

use super::held::Held;
use super::ledger::{InDoubt, NotesAwaited};
use super::question::{Answered, Question};
use super::refused::{Refused, Told};
use super::update::{Running, Update};
use crate::domain::actor::Actor;
use crate::domain::event::{Failure, WayBack};
use crate::domain::gone::Gone;
use crate::domain::history::Outcome;
use crate::domain::policy::{KnownSince, Mode};
use crate::domain::preflight::Unfit;
use crate::domain::reference::Digest;
use crate::domain::rollout::Reached;
use crate::domain::rollout::obstacle::InTheWay;
use crate::domain::settings::Fingerprint;
use crate::domain::votes::Vote;

/// What happened to a container, or is decided about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was looked at, and runs this.
    Runs(Running),
    /// It was looked at, and what ran before would be an update of what runs now: somebody went back.
    SetBack {
        /// What runs now.
        to: Running,
        /// Who wrote it, as far as that is known.
        by: Vec<String>,
        /// Whether a tool owns the workload, or made it again, and would do it again.
        owned: bool,
        /// What people may answer.
        question: Option<Box<Question>>,
    },
    /// What is held would be no update of what runs any more.
    Outgrown,
    /// What its settings say, at a look at which its record had not gone back.
    Settings(Mode, Fingerprint),
    /// Its record went back, and its settings are others than before.
    SettingsWentBack(Option<Mode>, InDoubt),
    /// Since when the candidates are known.
    Candidates(KnownSince),
    /// What a tag that is followed points to at the first look at it.
    Baseline(Digest),
    /// There is nothing to ask, or what would be asked is held.
    NothingToAsk,
    /// There is nothing to ask, as what was asked about is gone from its registry.
    Withdrawn,
    /// People are to be asked.
    Ask(Box<Question>),
    /// People are told of the newest question.
    Told,
    /// An image is written. What it undoes, if it goes back, is held from now on.
    Write(Box<Update>),
    /// Another hand wrote what failed here before: see [`Update::failed_before`].
    PutBack(Box<Update>),
    /// What was said of why the revision before is there.
    Because(Option<Box<str>>),
    /// The rollout of the newest update stands still, for this.
    StandsStill(Box<Failure>, Option<Reached>),
    /// It does not, or not any more.
    GoesOn,
    /// It stands still, and people are told, as nobody else may end that.
    Stalled,
    /// The look came to no decision, for what is said to be wrong.
    Undecided,
    /// The newest update came to this end.
    End(Outcome, Option<Failure>),
    /// The newest update, which failed, is not undone, and why.
    Left(WayBack),
    /// What stands in the way of the newest update, which goes back, is about to be deleted.
    Removed(InTheWay),
    /// Its group goes back, and the newest update does not, for this reason: that is not tried again.
    Stays(WayBack),
    /// The API server refuses for good to write this.
    Refuse(Refused),
    /// These versions would not start, and no others that were looked at; with each whether people are told of it now.
    Unfit(Vec<(Unfit, Option<Told>)>),
    /// What runs is gone from its registry.
    Gone(Gone),
    /// What runs is there.
    Present,
    /// All of its newest update runs well, and another image of the workload is about to be written.
    Stood,
    /// The list of tags lost most of the running tag's kind, of which it had so many.
    Shrunk(usize),
    /// A list was decided on.
    Whole,
    /// The release notes of a version can't be read, so that it does not go by itself yet.
    AwaitNotes(NotesAwaited),
    /// No release notes are waited for.
    NotesRead,
    /// A person approved, and others have to, too.
    Vote(Box<Vote>),
    /// A person said: not this version.
    Skip {
        /// Who.
        by: Actor,
    },
    /// A person said: ask again later.
    Snooze {
        /// When.
        until: DateTime<Utc>,
    },
    /// A person said that what is held may be applied.
    Resume {
        /// Who.
        by: Actor,
    },
    /// A request says that what is held may be applied: people decide on it.
    LetGo {
        /// Who.
        by: Actor,
    },
    /// What became of an answer can't be known: it was under way when the process died.
    Lost,
}

/// What follows from an event, for people and for the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// An update is written.
    Written(Update),
    /// It came to its end; what its outcome was before.
    Ended(Update, Outcome),
    /// A question was answered with «not this version».
    Skipped(Question, Answered),
    /// A question was answered with «it may be applied».
    Resumed(Question, Answered),
    /// Somebody set a version back.
    SetBack(Held),
    /// What was held is held no more, and by whom.
    LetGo(Held, Actor),
}
