//! What pages need words for, beside what the API has names for.

/// A fact, and what else is to be said of it.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub(in crate::web) struct Said {
    pub(in crate::web) fact: String,
    pub(in crate::web) detail: Option<String>,
    /// Whether the fact is in the words of others: of clusters, registries, or the API.
    #[serde(rename = "isForeign")]
    pub(in crate::web) is_foreign: bool,
    /// What others said of it, word for word.
    pub(in crate::web) quote: Option<String>,
}

impl Said {
    pub(super) fn new(fact: impl Into<String>, detail: impl Into<String>) -> Self {
        let detail = Some(detail.into()).filter(|detail| !detail.is_empty());
        Self { fact: fact.into(), detail, is_foreign: false, quote: None }
    }

    /// In the words of the API.
    pub(in crate::web) fn of_api(words: &str) -> Self {
        Self::foreign(words)
    }

    /// In the words of others.
    pub(super) fn foreign(words: &str) -> Self {
        Self { fact: words.to_owned(), detail: None, is_foreign: true, quote: None }
    }

    /// The same with what others said of it.
    pub(super) fn quoting(self, said: Option<&str>) -> Self {
        Self { quote: said.map(str::to_owned), ..self }
    }

    /// The same behind another fact.
    pub(super) fn beginning(self, fact: &str) -> Self {
        Self { fact: fact.to_owned(), ..self }
    }
}

/// A title, and a sentence or two.
#[derive(Clone, Debug, serde::Serialize)]
pub(in crate::web) struct Titled {
    pub(in crate::web) title: String,
    pub(in crate::web) text: String,
}

impl Titled {
    pub(super) fn new(title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { title: title.into(), text: text.into() }
    }
}

/// What the fleet is filtered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum FilterName {
    State,
    Namespace,
    Level,
    Registry,
    Mode,
    Text,
}

/// What wants a tick of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::web) enum Care {
    /// It is a major update.
    Major,
    /// Its makers declare something, somebody else owns the workload, or it failed elsewhere: in these words.
    Said(String),
    /// The window is closed.
    OutsideWindow(String),
    /// All of a group go.
    Together(usize),
}

/// What is pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum Button {
    Approve,
    Skip,
    Resume,
    RollBack,
}

/// What is ticked before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum Tick {
    /// That it was read.
    Read,
    /// That what it goes back to was read.
    ReadBack,
    /// That it is applied outside the window.
    OutsideWindow,
}

/// What is known of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum FactName {
    FirstSeen,
    Reason,
    Declared,
    Size,
    Window,
    Mode,
    Strategy,
    User,
    Entrypoint,
    Command,
    Environment,
    Ports,
    Volumes,
}

/// What was looked at of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum Check {
    /// All blobs are there, so many.
    Blobs(usize),
    /// Its platforms fit the nodes.
    Nodes,
    /// Its platforms are those of what runs.
    Platforms,
    /// User and command fit the pod.
    Start,
    /// The API server would take it.
    DryRun,
    /// The same, with so many warnings.
    DryRunWarned(usize),
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum Did {
    Retried,
    Discarded,
}

/// What is asked once more.
#[derive(Clone, Copy, Debug)]
pub(in crate::web) enum Sure<'w> {
    /// Whether automatic updates are to be resumed.
    Release,
    /// Whether a message is to be thrown away.
    Discard,
    /// Whether a workload is to go back, from and to.
    Back(&'w str, &'w str),
}
