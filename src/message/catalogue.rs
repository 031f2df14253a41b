//! The words of a language. A language that lacks one does not compile.

use super::chat::ChatWords;
use crate::domain::event::{Approvals, Failure, NoLink, Notice, NoticeKind, Trouble, WayBack};
use crate::domain::gone::Lost;
use crate::domain::release::{AlertKind, FoundBy, Highlight, ReleaseNotes, Summary};
use crate::domain::undelivered::Kept;
use crate::domain::view::Led;
use crate::domain::workload::Origin;

/// What a fact or a remark is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// Namespace, kind and name.
    Workload,
    /// A container.
    Container,
    /// Where all of a group go.
    Group,
    /// A repository.
    Image,
    /// Why this version.
    Why,
    /// What the makers declare.
    Declared,
    /// What happened to other workloads.
    AskedAs,
    /// What the update changes in the image.
    Changes,
    /// What was looked at of the new one.
    LookedAt,
    /// What else writes the workload.
    Owner,
    /// Why it failed.
    Failure,
    /// Why there is nothing to decide.
    Note,
    /// How many have to approve.
    Approvals,
    /// What comes of it, and what can be done.
    WhatNext,
    /// A channel.
    Channel,
    /// A moment.
    Since,
}

/// What the versions of a message are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The version before `to`.
    pub from: &'static str,
    /// The version that the message is about.
    pub to: &'static str,
    /// Who did it.
    pub by: &'static str,
}

/// What a notice is told with: names and versions without anything harmful in them.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// `namespace/name`.
    pub workload: String,
    /// The version before.
    pub from: String,
    /// The version that it is about.
    pub to: String,
    /// Whether people can answer with a link in this message.
    pub asks: bool,
}

/// What is wrong with image-watcher, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TroubleTold {
    /// In a few words.
    pub subject: String,
    /// Stands alone.
    pub sentence: String,
    /// What becomes of messages, and what people can do.
    pub what_next: String,
}

/// The words of messages in one language.
pub trait Catalogue: ChatWords {
    /// What a fact or a remark is called.
    fn label(&self, label: Label) -> &'static str;
    /// What its versions are called.
    fn ends(&self, kind: NoticeKind) -> Ends;
    /// What kind of thing happened.
    fn heading(&self, notice: &Notice) -> &'static str;
    /// What happened, in a sentence that stands alone.
    fn sentence(&self, notice: &Notice, names: &Names) -> String;
    /// Between which versions, for a subject.
    fn step(&self, notice: &Notice, names: &Names) -> String;
    /// What a subject begins with where nothing is written to the cluster.
    fn dry_run(&self) -> &'static str;
    /// That no other version is known.
    fn none_known(&self) -> &'static str;
    /// Where each member of a group goes.
    fn group(&self, notice: &Notice) -> Option<String>;
    /// What the makers declare, with their words where the notes are not shown.
    fn declared(&self, notice: &Notice, notes: Option<&ReleaseNotes>) -> Option<String>;
    /// Why it failed, with the end of its log where that is known.
    fn failure(&self, notice: &Notice) -> Option<String>;
    /// Why a change of a container was made, behind who made it.
    fn led(&self, why: &Led) -> String;
    /// Why there is nothing to decide.
    fn no_link(&self, reason: NoLink, notice: &Notice) -> String;
    /// What comes of it, and what can be done.
    fn way_on(&self, notice: &Notice, names: &Names) -> Option<String>;
    /// How many people have approved, of how many who have to.
    fn approvals(&self, approvals: Approvals) -> String;
    /// Who decided, and when.
    fn decided(&self, notice: &Notice, at: &str) -> Option<String>;
    /// Why its reader gets a message.
    fn reason(&self, notice: &Notice, cluster: Option<&str>) -> String;
    /// The words on the button that opens the page of a question; of one about going back, where nothing waits for an answer.
    fn review(&self, is_way_back: bool) -> &'static str;
    /// What the link does, and until when.
    fn link_hint(&self, until: Option<&str>) -> String;
    /// The words on the link to release notes.
    fn release_notes(&self) -> &'static str;
    /// What an alert is about.
    fn alert(&self, kind: AlertKind) -> &'static str;
    /// That there are more alerts.
    fn more_alerts(&self, more: usize) -> String;
    /// Above what a model says.
    fn in_short(&self) -> &'static str;
    /// One thing that a model says.
    fn highlight(&self, highlight: &Highlight) -> String;
    /// Whose words a summary is.
    fn summary_by(&self, summary: &Summary) -> String;
    /// Above the makers' words.
    fn what_changes(&self) -> &'static str;
    /// Whose words they are, and how they were found.
    fn words_of_makers(&self, found_by: FoundBy) -> &'static str;
    /// That a text goes on behind its link.
    fn goes_on(&self) -> &'static str;
    /// That there are more versions between.
    fn more_versions(&self, more: usize) -> String;
    /// That several things happened about the same time, in a sentence that stands alone.
    fn several(&self, count: usize, one_cause: Option<&Notice>, names: &Names) -> String;
    /// How many of several things wait for an answer, in a sentence; `is_all` where no other is told.
    fn waiting(&self, waiting: usize, is_all: bool) -> String;
    /// The subject of a message about several things.
    fn several_subject(&self, count: usize, one_cause: Option<&Notice>, names: &Names) -> String;
    /// What some of several things have in common, and how many they are.
    fn section(&self, kind: NoticeKind, count: usize) -> String;
    /// That there are more of them than are shown, and whether the page behind the link lists them.
    fn more_items(&self, more: usize, are_listed: bool) -> String;
    /// A sentence that is true of so many of several things, and not of the others.
    fn of_some(&self, count: usize, sentence: &str) -> String;
    /// Why its reader gets a message about several things.
    fn reason_of_several(&self, mode_from: Option<Origin>, cluster: Option<&str>) -> String;
    /// What is wrong with image-watcher.
    fn trouble(&self, trouble: &Trouble) -> TroubleTold;
    /// Why a message was not taken, behind that it was given up for its age where it was; nothing where it is in no language.
    fn undelivered(&self, kept: &Kept) -> Option<String>;
    /// What somebody else said, apart from what we say.
    fn quoted(&self, words: &str) -> String;
    /// That somebody tries a channel, as a subject and as a sentence.
    fn trial(&self, channel: &str) -> (String, String);
    /// Why its reader gets a message about image-watcher itself.
    fn reason_of_service(&self, cluster: Option<&str>) -> String;
}

/// Whether it is about a member of a group that goes back, and does not go back with the others.
pub(super) fn stays(notice: &Notice) -> bool {
    let is_of_group = notice.failure.as_ref().is_some_and(Failure::is_of_group);
    let goes = matches!(notice.way_back, Some(WayBack::Goes | WayBack::Further | WayBack::Failed));
    notice.kind == NoticeKind::Failed && is_of_group && !goes
}

/// Whether the step says all that the heading says.
pub(super) fn is_said_by_step(notice: &Notice) -> bool {
    matches!(notice.kind, NoticeKind::Held | NoticeKind::Gone) && !is_taken_back(notice)
}

/// Whether the image is there, and its project calls it no release any more.
pub(super) fn is_taken_back(notice: &Notice) -> bool {
    notice.lost.is_some_and(Lost::is_taken_back)
}

/// Whether the image is there, and its tag stands for something else.
pub(super) fn is_pushed_again(notice: &Notice) -> bool {
    notice.lost == Some(Lost::Moved)
}
