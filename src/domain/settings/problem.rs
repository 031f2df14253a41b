//! What is wrong with the settings of a workload: closed, and put into words only where it is told.

use std::fmt;

use crate::domain::group::GroupError;
use crate::domain::policy::{CooldownError, Order, PatternError, UnknownWord};
use crate::domain::release_url::ReleaseUrlError;
use crate::domain::remembered::{MOST_OF_A_SETTING, MOST_OF_A_WORKLOAD};
use crate::domain::votes::NoQuorum;
use crate::domain::window::WindowError;
use crate::domain::workload::MOST_CONTAINERS;
use crate::domain::workload::Origin;

/// One thing that is wrong with an annotation, which is named without its prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// No setting has this name.
    #[error("image-watcher/{name} is no setting{}", hint("image-watcher/", nearest.as_deref()))]
    UnknownName {
        /// The annotation.
        name: String,
        /// The setting that may be meant.
        nearest: Option<String>,
    },
    /// The workload has no such container.
    #[error("image-watcher/{name}: this workload has no container {container:?}{}", hint("", nearest.as_deref()))]
    UnknownContainer {
        /// The annotation.
        name: String,
        /// The container that it names.
        container: String,
        /// The one that may be meant.
        nearest: Option<String>,
    },
    /// There is no such channel.
    #[error("image-watcher/{name}: there is no channel {channel:?}{}", channels(known, *left_out))]
    UnknownChannel {
        /// The annotation.
        name: String,
        /// The channel that it names.
        channel: String,
        /// Those that there are, not all when there are many.
        known: Vec<String>,
        /// How many more there are.
        left_out: usize,
    },
    /// An annotation of ours where none is read.
    #[error("image-watcher/{name} stands on the pod template; it is read from the workload's own metadata only")]
    OnPodTemplate {
        /// The annotation.
        name: String,
    },
    /// More containers than are watched of one workload.
    #[error("at most {MOST_CONTAINERS} containers of a workload are watched, and this one has more")]
    TooManyContainers,
    /// More than what is remembered of all annotations of a workload.
    #[error(
        "the annotations image-watcher/... of this workload take more than {MOST_OF_A_WORKLOAD} bytes together; remove what is old, such as the image-watcher/proposal of containers that are up to date"
    )]
    TooMuch,
    /// A setting of one container where those of all are read.
    #[error("image-watcher/{name} is for one container; a Namespace has settings for all of them")]
    OfAContainer {
        /// The annotation.
        name: String,
    },
    /// Something that the workload inherits.
    #[error("{}{problem}", from(*origin))]
    Inherited {
        /// Where from.
        origin: Origin,
        /// What is wrong.
        problem: Box<Problem>,
    },
    /// The value can't be read.
    #[error("image-watcher/{name}: {value}")]
    Value {
        /// The annotation.
        name: String,
        /// What is wrong with it.
        value: ValueError,
    },
}

impl Problem {
    /// The annotation of the workload itself that is wrong, without its prefix: taken off, the problem is gone.
    #[must_use]
    pub fn annotation(&self) -> Option<&str> {
        match self {
            Self::UnknownName { name, .. }
            | Self::UnknownContainer { name, .. }
            | Self::UnknownChannel { name, .. }
            | Self::Value { name, .. } => Some(name),
            Self::OnPodTemplate { .. }
            | Self::TooManyContainers
            | Self::TooMuch
            | Self::OfAContainer { .. }
            | Self::Inherited { .. } => None,
        }
    }

    /// The same, of what comes from there.
    pub(super) fn of(self, origin: Origin) -> Self {
        match origin {
            Origin::Namespace | Origin::Rule => Self::Inherited { origin, problem: Box::new(self) },
            Origin::Operator | Origin::Container | Origin::Workload | Origin::Default => self,
        }
    }
}

fn from(origin: Origin) -> &'static str {
    match origin {
        Origin::Namespace => "on the Namespace: ",
        Origin::Rule => "by a rule of the configuration file: ",
        Origin::Operator | Origin::Container | Origin::Workload | Origin::Default => "",
    }
}

/// What is wrong with the value of a setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Nothing.
    #[error("it is empty; write a value, or remove it")]
    Empty,
    /// None of the words that there are.
    #[error(transparent)]
    Word(#[from] UnknownWord),
    /// Neither true nor false.
    #[error("{0:?} is none of true, false")]
    Flag(String),
    /// No pattern.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// No duration.
    #[error(transparent)]
    Cooldown(#[from] CooldownError),
    /// No windows.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// No number of people.
    #[error(transparent)]
    Approvals(#[from] NoQuorum),
    /// No group.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// A group of what follows a tag, and not versions.
    #[error("it is about versions, and image-watcher/track is digest; remove one of them")]
    GroupOfNoVersions,
    /// No place for release notes.
    #[error(transparent)]
    ReleaseUrl(#[from] ReleaseUrlError),
    /// No list of what is not wanted.
    #[error("{0:?} is no tag; write tags, or tag@digest, with a comma between two, and no other sign")]
    Skip(String),
    /// What is not wanted is written with a leading v and what runs without, or the other way round.
    #[error("{entry:?} rules nothing out, as tags are written like {running:?} here; did you mean {meant}?")]
    SkipOfAnotherForm {
        /// What is written.
        entry: String,
        /// The tag that runs.
        running: String,
        /// What may be meant.
        meant: String,
    },
    /// Longer than what is remembered of a setting.
    #[error("a setting has at most {MOST_OF_A_SETTING} bytes")]
    TooLong,
    /// An order of nothing.
    #[error("it orders what image-watcher/tag-policy matches, which is not set")]
    OrderOfNothing,
    /// Steps where tags are in another order than that of versions.
    #[error("it is about versions, and image-watcher/tag-order is {0}; use tag-order semver, or remove it")]
    StepsOfNoVersions(Order),
}

/// Everything that is wrong with the settings of a workload: at least one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// How many are told; the rest is counted.
    pub const MOST_TOLD: usize = 10;

    /// `None` when nothing is wrong.
    pub(super) fn of(problems: Vec<Problem>) -> Option<Self> {
        (!problems.is_empty()).then_some(Self(problems))
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.0.iter().take(Self::MOST_TOLD).enumerate() {
            let separator = if place == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        match self.0.len().saturating_sub(Self::MOST_TOLD) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

fn hint(prefix: &str, nearest: Option<&str>) -> String {
    nearest.map(|nearest| format!("; did you mean {prefix}{nearest}?")).unwrap_or_default()
}

fn channels(known: &[String], left_out: usize) -> String {
    match left_out {
        _ if known.is_empty() => "; none is configured".into(),
        0 => format!("; choose from {}", known.join(", ")),
        more => format!("; choose from {}, and {more} more", known.join(", ")),
    }
}
