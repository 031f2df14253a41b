//! What is printed.

use std::time::Duration;

use serde::Serialize;

use super::row::{Row, State, Unread};
use super::{junit, sarif};
use crate::cli::document;
use crate::cli::table::Table;
use crate::cli::terminal::{Colour, Form, Terminal};
use crate::domain::plain::visible;

/// How a check prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Output {
    /// Columns for a person
    Table,
    /// More columns
    Wide,
    /// Names only, one a line
    Name,
    /// For programs, with a schema field
    Json,
    /// The same as YAML
    Yaml,
    /// SARIF 2.1.0, for viewers of code
    Sarif,
    /// XML for viewers of tests
    Junit,
}

impl Output {
    /// What is printed, in letters that the reader's terminal shows; what is for programs is left as it is.
    pub(in crate::cli) fn to(self, terminal: Terminal, text: String) -> String {
        match self {
            Self::Table | Self::Wide => terminal.text(text),
            Self::Name | Self::Json | Self::Yaml | Self::Sarif | Self::Junit => text,
        }
    }
}

/// All rows.
pub(in crate::cli) struct Report {
    pub(super) rows: Vec<Row>,
    pub(super) unread: Vec<Unread>,
    /// How many lists of tags were read.
    pub(super) lists: usize,
    pub(super) took: Duration,
    /// What it ran under that the service may not run under.
    pub(super) settings: Vec<String>,
    /// What was read, where that was files.
    pub(super) files: Option<FilesRead>,
}

/// What was read of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilesRead {
    pub(super) files: usize,
    /// Documents that describe a workload, and were looked at.
    pub(super) workloads: usize,
    /// Documents that describe none, or one that is not watched where only those were asked for.
    pub(super) passed_over: usize,
}

#[derive(Serialize)]
struct Document<'r> {
    schema: &'static str,
    items: &'r [Row],
    unread: &'r [Unread],
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<FilesRead>,
}

impl Report {
    /// Whether there is nothing to tell by the exit status.
    pub(in crate::cli) fn is_quiet(&self) -> bool {
        self.unread.is_empty() && self.rows.iter().all(|row| row.state.is_quiet())
    }

    /// Only the rows of this container, where one is named; that there is none of that name is told.
    pub(in crate::cli) fn of(mut self, container: Option<&str>) -> Self {
        let Some(name) = container else { return self };
        let all = self.rows.len();
        self.rows.retain(|row| row.container == name || row.with.iter().any(|with| with == name));
        if self.rows.is_empty() && all > 0 {
            self.unread.push(Unread::nowhere(format!("none of {} is called {name:?}", counted(all, "container"))));
        }
        self
    }

    /// What goes to standard output.
    pub(in crate::cli) fn print(&self, output: Output, form: Form) -> String {
        let (items, unread) = (&self.rows[..], &self.unread[..]);
        let report = Document { schema: "image-watcher/check/v1", items, unread, read: self.files };
        match output {
            Output::Table => self.table(false, form),
            Output::Wide => self.table(true, form),
            Output::Name => self.names(),
            Output::Json => document::json(&report),
            Output::Yaml => document::yaml(&report),
            Output::Sarif => sarif::print(items, unread),
            Output::Junit => junit::print(items, unread, self.took),
        }
    }

    /// What is printed of it after another look: all where there was none, or what is another than then; `None` where nothing is.
    pub(super) fn since(&self, before: Option<&Self>, output: Output, form: Form) -> Option<String> {
        let Some(before) = before else { return Some(self.print(output, form)) };
        let wide = output == Output::Wide;
        let shown = |report: &Self| report.rows.iter().map(|row| row.cells(wide)).collect::<Vec<_>>();
        let (old, new) = (shown(before), shown(self));
        if !matches!(output, Output::Table | Output::Wide) {
            return (old != new).then(|| self.print(output, form));
        }
        let rows = self.rows.iter().zip(&new).filter(|(_, cells)| !old.contains(cells));
        let mut rows: Vec<Row> = rows.map(|(row, _)| row.clone()).collect();
        let is_there = |row: &Row| self.rows.iter().any(|other| other.is_same(row));
        let gone = before.rows.iter().filter(|row| !is_there(row)).cloned();
        rows.extend(gone.map(|row| row.is(State::Ignored, "not watched any more".into())));
        let changed = Self { rows, unread: Vec::new(), settings: Vec::new(), ..*self };
        let form = Form { no_headers: true, ..form };
        Some(changed.table(wide, form)).filter(|text| !text.is_empty())
    }

    /// What could not be read, a line each.
    pub(super) fn unread_lines(&self) -> String {
        self.unread
            .iter()
            .map(|unread| format!("image-watcher: {}\n", visible(&unread.told())))
            .collect::<Vec<_>>()
            .concat()
    }

    fn names(&self) -> String {
        let name = |row: &Row| match &*row.namespace {
            "" => format!("{}\n", visible(&row.workload())),
            namespace => format!("{}\n", visible(&format!("{namespace}/{}", row.workload()))),
        };
        let names: String = self.rows.iter().map(name).collect();
        if names.is_empty() && self.files.is_none() { "\n".into() } else { names }
    }

    fn table(&self, wide: bool, form: Form) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let (first, now) = if self.files.is_some() { ("FILE", "TAG") } else { ("NAMESPACE", "RUNNING") };
        let mut headings = vec![first, "WORKLOAD", "CONTAINER", now, "AVAILABLE", "STATE"];
        if wide {
            headings.extend(["MODE", "STRATEGY", "REPOSITORY", "WHY"]);
        }
        let mut table = Table::new(&headings).marked(5);
        self.rows.iter().for_each(|row| table.coloured(row.cells(wide), colour(row.state)));
        table.show(form)
    }

    /// What goes to standard error, for a person.
    pub(in crate::cli) fn summary(&self, output: Output) -> String {
        let unread = self.unread_lines();
        if !matches!(output, Output::Table | Output::Wide) {
            return unread;
        }
        if self.rows.is_empty() {
            return self.nothing(&unread);
        }
        let count = |state| self.rows.iter().filter(|row| row.state == state).count();
        let containers: usize = self.rows.iter().map(|row| 1 + row.with.len()).sum();
        let mut parts = vec![counted(containers, "container")];
        let words = [
            (State::Failed, "failed"),
            (State::Gone, "gone"),
            (State::NeedsYou, "needs you"),
            (State::OutOfDate, "out of date"),
            (State::Waiting, "waiting"),
            (State::Held, "held"),
            (State::CannotTell, "cannot tell"),
        ];
        for (state, word) in words.into_iter().filter(|(state, _)| count(*state) > 0) {
            let word = if count(state) > 1 { word.replace("needs", "need") } else { word.to_owned() };
            parts.push(format!("{} {word}", count(state)));
        }
        let (took, lists) = (self.took.as_secs_f64(), counted(self.lists, "tag list"));
        let settings: Vec<String> = self.settings.iter().map(|line| format!("{line}\n")).collect();
        let settings = settings.concat();
        let files = self.files.map(|read| format!("{read}\n")).unwrap_or_default();
        format!("\n{} · read in {took:.1} s ({lists})\n{files}{settings}{unread}", parts.join(" · "))
    }

    /// The same, where there is no row.
    fn nothing(&self, unread: &str) -> String {
        match self.files {
            Some(read) if unread.is_empty() || read.workloads == 0 => format!("No image to check.\n{read}\n{unread}"),
            Some(read) => format!("{read}\n{unread}"),
            None if unread.is_empty() => {
                "No watched workload. Watch one:\n  kubectl annotate deploy/NAME image-watcher/mode=NOTIFICATION\n"
                    .into()
            }
            None => format!("No watched workload in what could be read.\n{unread}"),
        }
    }
}

fn colour(state: State) -> Option<Colour> {
    match state {
        State::Failed | State::Gone | State::CannotTell => Some(Colour::Red),
        State::NeedsYou | State::OutOfDate => Some(Colour::Yellow),
        State::Waiting | State::Held => None,
        State::UpToDate => Some(Colour::Green),
        State::Ignored => Some(Colour::Grey),
    }
}

impl std::fmt::Display for FilesRead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (files, workloads) = (counted(self.files, "file"), counted(self.workloads, "workload"));
        write!(f, "{files}, {workloads}")?;
        match self.passed_over {
            0 => Ok(()),
            passed_over => write!(f, ", {} passed over", counted(passed_over, "other document")),
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
