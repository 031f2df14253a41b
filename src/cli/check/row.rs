//! One container, and what there is to say of it: a line of the table, an item of the documents.

use serde::Serialize;

use super::subject::{Spot, Subject};
use crate::assess::Undecided;
use crate::cluster::{ClusterError, Scope};
use crate::domain::record::Record;
use crate::domain::reference::ImageReference;
use crate::domain::view::Unfinished;
use crate::domain::workload::Workload;
use crate::registry::{Credential, RegistryError};

/// One container of one workload.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    /// Where the image stands, if it is from a file.
    #[serde(rename = "at", skip_serializing_if = "Option::is_none")]
    pub(super) spot: Option<Spot>,
    /// Empty where a manifest names none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) namespace: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) container: String,
    /// Containers that run the same image, and are updated with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) with: Vec<String>,
    pub(super) repository: String,
    pub(super) running: String,
    pub(super) available: Option<String>,
    pub(super) level: Option<&'static str>,
    pub(super) state: State,
    /// A word or two for people.
    pub(super) next: String,
    pub(super) mode: Option<&'static str>,
    pub(super) strategy: Option<&'static str>,
    /// Why this one, or why none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<String>,
    /// What else writes the workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) owner: Option<String>,
    /// The rollout of what runs, as long as it has not completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rollout: Option<Unfinished>,
    /// What the service says is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    /// Which workload and which of its containers it is, in their order.
    #[serde(skip)]
    pub(super) place: (usize, usize),
}

/// What a row is about, for sorting and for the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    Failed,
    Gone,
    NeedsYou,
    OutOfDate,
    Waiting,
    Held,
    CannotTell,
    UpToDate,
    Ignored,
}

impl State {
    /// Whether there is nothing to tell by the exit status.
    pub(super) fn is_quiet(self) -> bool {
        matches!(self, Self::UpToDate | Self::Ignored)
    }
}

/// What could not be read: of a cluster, or a document of a file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Unread {
    /// `*` is all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<&'static str>,
    /// Where it stands, if it is of a file; line 0 is the whole file.
    #[serde(rename = "at", skip_serializing_if = "Option::is_none")]
    pub(super) spot: Option<Spot>,
    /// Which document of the file, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) document: Option<usize>,
    pub(super) error: String,
}

impl Row {
    /// What is known before anybody is asked.
    pub(super) fn of(subject: &Subject<'_>, record: &Record, place: (usize, usize), image: &ImageReference) -> Self {
        let (workload, container) = (subject.workload, subject.container(place.1));
        let rollout = record.ledger(container).and_then(|ledger| Unfinished::of(workload, container, ledger));
        Self {
            repository: image.repository().to_string(),
            running: running(image),
            rollout,
            error: workload.state("error", container).map(str::to_owned),
            ..Self::blank(subject, place)
        }
    }

    /// An image that is no reference.
    pub(super) fn unreadable(subject: &Subject<'_>, place: (usize, usize), image: &str) -> Self {
        let what = if image.contains("{{") || image.contains("${") || image.contains("$(") {
            "the image is a template's text: render it first"
        } else {
            "the image can't be read"
        };
        let row = Self { running: image.to_owned(), ..Self::blank(subject, place) };
        row.is(State::CannotTell, format!("cannot tell: {what}"))
    }

    fn blank(subject: &Subject<'_>, place: (usize, usize)) -> Self {
        let id = &subject.workload.id;
        Self {
            spot: subject.spot(place.1),
            namespace: id.namespace.to_string(),
            kind: subject.kind.to_owned(),
            name: id.name.to_string(),
            container: subject.container(place.1).to_owned(),
            with: Vec::new(),
            repository: String::new(),
            running: String::new(),
            available: None,
            level: None,
            state: State::UpToDate,
            next: "up to date".into(),
            mode: None,
            strategy: None,
            why: None,
            owner: None,
            rollout: None,
            error: None,
            place,
        }
    }

    /// Whether another container of the workload is updated with this one, in one write.
    pub(super) fn moves_with(&self, other: &Self, workload: &Workload) -> bool {
        let is_with = workload.moves_with(&self.container, &other.container);
        let go = (&self.available, self.mode, self.state) == (&other.available, other.mode, other.state);
        self.available.is_some() && is_with && go
    }

    /// Whether it is about the same container.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let of = |row: &Self| [&row.namespace, &row.kind, &row.name, &row.container].map(Clone::clone);
        of(self) == of(other)
    }

    pub(super) fn is(mut self, state: State, next: String) -> Self {
        self.state = state;
        self.next = next;
        self
    }

    pub(super) fn undecided(self, error: &(dyn std::error::Error + 'static)) -> Self {
        if let Some(Undecided::Gone(gone)) = error.downcast_ref() {
            return self.is(State::Gone, gone.to_string());
        }
        self.is(State::CannotTell, format!("cannot tell: {}", crate::telemetry::chain(error)))
    }

    pub(super) fn unanswered(self, error: &RegistryError, credential: &Credential) -> Self {
        self.is(State::CannotTell, format!("cannot tell: {}", error.told_to(credential)))
    }

    /// The workload, as `kubectl` names it.
    pub(super) fn workload(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }

    /// All of it, for whoever sees nothing else of the row.
    pub(super) fn sentence(&self) -> String {
        let Self { repository, running, .. } = self;
        let what = if repository.is_empty() { running.clone() } else { format!("{repository}:{running}") };
        let to = match (&self.available, self.level) {
            (Some(tag), Some(level)) => format!(" → {tag} ({level})"),
            _ => String::new(),
        };
        let why = self.why.as_deref().filter(|_| self.available.is_some());
        let why = why.map(|why| format!("; {why}")).unwrap_or_default();
        format!("{what}{to}: {}{why}", self.next)
    }

    pub(super) fn cells(&self, wide: bool) -> Vec<String> {
        let available = match (&self.available, self.level, self.state) {
            (Some(tag), Some(level), _) => format!("{tag} {level}"),
            (Some(tag), None, _) => tag.clone(),
            (_, _, State::CannotTell | State::Gone) => "?".into(),
            _ => "–".into(),
        };
        let first = match &self.spot {
            Some(spot) => format!("{}:{}", spot.file, spot.line),
            None => self.namespace.clone(),
        };
        let mut cells = vec![
            first,
            self.workload(),
            [&self.container].into_iter().chain(&self.with).map(String::as_str).collect::<Vec<_>>().join(", "),
            self.running.clone(),
            available,
            self.next.clone(),
        ];
        if wide {
            let word = |word: Option<&str>| word.unwrap_or("–").to_owned();
            let why = [self.why.as_deref(), self.owner.as_deref(), self.error.as_deref()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("; ");
            let some = |text: String| Some(text).filter(|text| !text.is_empty());
            cells.extend([word(self.mode), word(self.strategy)]);
            cells.extend([word(some(self.repository.clone()).as_deref()), word(some(why).as_deref())]);
        }
        cells
    }
}

impl Unread {
    pub(super) fn of(scope: &Scope, error: &ClusterError) -> Self {
        Self {
            namespace: Some(scope.namespace().to_owned()),
            kind: Some(scope.kind.short()),
            spot: None,
            document: None,
            error: crate::telemetry::chain(error).to_string(),
        }
    }

    /// What has no place in any file.
    pub(super) fn nowhere(error: String) -> Self {
        Self { namespace: None, kind: None, spot: None, document: None, error }
    }

    /// The same, with its place before it.
    pub(super) fn told(&self) -> String {
        let document = self.document.map(|number| format!(" (document {number})")).unwrap_or_default();
        match &self.spot {
            Some(Spot { file, line: 0 }) => format!("{file}: {}", self.error),
            Some(Spot { file, line }) => format!("{file}:{line}{document}: {}", self.error),
            None => self.error.clone(),
        }
    }
}

fn running(image: &ImageReference) -> String {
    let tag = image.running_tag().map(|tag| tag.to_string()).unwrap_or_default();
    match image.digest() {
        Some(digest) => format!("{tag}@{}", digest.short()),
        None => tag,
    }
}
