//! What a person asks of us by an annotation of a workload, `image-watcher/request`: what a command writes where nothing
//! else on the workload would say it.
//!
//! Whoever may annotate a workload may write one, so it deploys nothing: a request to approve or to go back only tells whose
//! the image is that stands there already. It names the object and the number of the record that its author saw, so that a
//! copied manifest, and the same request a second time, are about something else.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::answer::Action;
use super::approval::ApprovalId;
use super::change_cause::remembered;
use super::kept::is_cut;
use super::reference::{Digest, Tag};
use super::wording::moment;
use super::workload::Workload;

/// The annotation, without the prefix.
pub const REQUEST: &str = "request";
/// The field manager under which commands write.
pub const COMMAND: &str = "image-watcher-cli";
/// The longest name of a user that is told, in characters.
const LONGEST_USER: usize = 128;
/// For how long a question can be put off at most.
pub const LONGEST_SNOOZE: TimeDelta = TimeDelta::days(90);

/// What somebody asks, of which container, and on what ground.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The object that it is about.
    pub uid: Box<str>,
    /// The number of the record that was there.
    pub after: u64,
    /// The container.
    pub container: Box<str>,
    /// Who asks, as they say themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What was said of why the revision before is there, where the command says another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Box<str>>,
    /// What.
    #[serde(flatten)]
    pub wish: Wish,
}

/// What is asked, as it is written in the annotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "camelCase")]
pub enum Wish {
    /// The image that is there is the answer to this question.
    Approve {
        /// Which.
        question: ApprovalId,
        /// Whether the person knew that the window is closed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not", rename = "outsideWindow")]
        outside_window: bool,
    },
    /// Not the version of this question; the setting says so too.
    Skip {
        /// Which.
        question: ApprovalId,
    },
    /// Nobody is to be told of this question again before then.
    Snooze {
        /// Which.
        question: ApprovalId,
        /// When; what is past ends it.
        until: DateTime<Utc>,
    },
    /// The image that is there goes back to what ran.
    Rollback {
        /// The tag that it went back to.
        version: Tag,
        /// What ran of it.
        digest: Digest,
    },
    /// What is held may be applied.
    Resume {
        /// The version.
        version: Tag,
    },
}

/// Why a request is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Moot {
    /// It can't be read.
    #[error("it is none that is understood; use the commands of image-watcher")]
    Unreadable,
    /// It is of another object, as a manifest that was copied has it.
    #[error("it was written for another object")]
    OtherObject,
    /// What is known went on since, or it was carried out before.
    #[error("it was made for an earlier state of the workload")]
    Late,
    /// There is no such container any more.
    #[error("the container is not there")]
    NoContainer,
    /// The question is not the one that can be answered.
    #[error("what it is about is not asked now")]
    NotAsked,
    /// More people have to approve, and the image is there already.
    #[error("more people have to approve before the image is written")]
    TooFew,
    /// Others approved, of whom more is known than of who annotates.
    #[error(
        "several people have to approve, and who wrote this may be one who did: let another approve by link, in a chat or signed in"
    )]
    Again,
    /// The image is not what the question is about.
    #[error("the container does not run what was asked about")]
    OtherImage,
    /// Nothing of it is known.
    #[error("what the container runs is no version that image-watcher knows it to have run")]
    NotKnown,
    /// Nothing of that version is held.
    #[error("this version is not held")]
    NotHeld,
    /// No time, or one too far away.
    #[error("a question is put off for 90 days at most")]
    TooLong,
}

impl Request {
    /// Reads the annotation.
    ///
    /// # Errors
    /// [`Moot::Unreadable`] for anything else than a request.
    pub fn parse(text: &str) -> Result<Self, Moot> {
        if is_cut(text) {
            return Err(Moot::Unreadable);
        }
        serde_json::from_str(text).map_err(|_| Moot::Unreadable)
    }

    /// What is asked on a workload and not taken over yet, as its record is the one that its author saw.
    #[must_use]
    pub fn pending(workload: &Workload, sequence: u64) -> Option<Self> {
        let request = Self::parse(workload.annotation(REQUEST)?).ok()?;
        (request.uid == workload.id.uid && request.after == sequence).then_some(request)
    }

    /// The annotation.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What was said before, as far as it is remembered.
    #[must_use]
    pub fn cause_before(&self) -> Option<Box<str>> {
        self.cause.as_deref().map(remembered).filter(|cause| !is_cut(cause))
    }

    /// The user, as it can be shown.
    #[must_use]
    pub fn user(&self) -> Option<String> {
        let shown: String = self.by.iter().flat_map(|by| by.chars()).filter(|c| !c.is_control()).collect();
        let shown: String = shown.trim().chars().take(LONGEST_USER).collect();
        Some(shown).filter(|shown| !shown.is_empty())
    }
}

impl Wish {
    /// What it does; that the window is closed is said beside it.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Approve { .. } => Action::Approve,
            Self::Skip { .. } => Action::Skip,
            Self::Snooze { .. } => Action::Snooze,
            Self::Rollback { .. } => Action::Rollback,
            Self::Resume { .. } => Action::Resume,
        }
    }
}

impl fmt::Display for Wish {
    /// What is asked, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Approve { .. } => f.write_str("to apply what people are asked about"),
            Self::Skip { .. } => f.write_str("never to propose what people are asked about"),
            Self::Snooze { until, .. } => write!(f, "to put the question off until {}", moment(*until)),
            Self::Rollback { version, .. } => write!(f, "to go back to {version}"),
            Self::Resume { version } => write!(f, "to hold {version} no more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::workload::tests::workload;
    use super::*;

    #[test]
    fn what_is_asked_waits_until_the_record_goes_on() {
        let asks = request(Wish::Resume { version: Tag::parse("1.3.0").unwrap() });
        let on = |text: &str| workload(&[("web", "web:1.0.0")], &[(REQUEST, text)]);
        let waits = |text: &str, sequence| Request::pending(&on(text), sequence);
        assert_eq!(waits(&asks.text(), 3), Some(asks.clone()));
        assert_eq!(asks.wish.to_string(), "to hold 1.3.0 no more");
        assert_eq!(waits(&asks.text(), 4), None, "it is taken over, or late");
        assert_eq!(waits(&Request { uid: "uid-2".into(), ..asks }.text(), 3), None, "it is another object's");
        assert_eq!(waits("please", 3), None);
        assert_eq!(Request::pending(&workload(&[("web", "web:1.0.0")], &[]), 3), None);
    }

    fn request(wish: Wish) -> Request {
        Request { uid: "uid-1".into(), after: 3, container: "web".into(), by: Some("alice".into()), cause: None, wish }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let question = ApprovalId::mint(DateTime::UNIX_EPOCH, [7; 10]);
        let (version, digest) = (Tag::parse("1.0.0").unwrap(), Digest::of(b"old"));
        for wish in [
            Wish::Approve { question: question.clone(), outside_window: true },
            Wish::Skip { question: question.clone() },
            Wish::Snooze { question, until: DateTime::from_timestamp(1_795_000_000, 0).unwrap() },
            Wish::Rollback { version: version.clone(), digest },
            Wish::Resume { version },
        ] {
            let request = request(wish);
            assert_eq!(Request::parse(&request.text()), Ok(request));
        }
        let text = request(Wish::Resume { version: Tag::parse("1.3.0").unwrap() }).text();
        assert_eq!(
            text,
            r#"{"uid":"uid-1","after":3,"container":"web","by":"alice","action":"resume","version":"1.3.0"}"#
        );
    }

    #[test]
    fn what_was_said_before_is_said_again_where_it_is_remembered_whole() {
        let of = |cause: Option<&str>| {
            let request = request(Wish::Resume { version: Tag::parse("1").unwrap() });
            Request { cause: cause.map(Into::into), ..request }.cause_before()
        };
        assert_eq!(of(Some("first release")).as_deref(), Some("first release"));
        assert_eq!((of(Some(&"x".repeat(10_000))), of(None)), (None, None));
    }

    #[test]
    fn anything_else_is_none() {
        for text in ["", "{}", "[]", "approve", r#"{"uid":"u","after":1,"container":"web","action":"delete"}"#] {
            assert_eq!(Request::parse(text), Err(Moot::Unreadable), "{text}");
        }
    }

    #[test]
    fn a_user_is_a_line_of_bounded_length() {
        let by =
            |by: &str| Request { by: Some(by.into()), ..request(Wish::Resume { version: Tag::parse("1").unwrap() }) };
        assert_eq!(by("alice\n\u{1b}[1m").user().as_deref(), Some("alice[1m"));
        assert_eq!(by(&"x".repeat(500)).user().map(|user| user.len()), Some(LONGEST_USER));
        assert_eq!(by(" \n").user(), None);
    }
}
