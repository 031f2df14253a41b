//! What is printed: commands to run, a patch for kustomize and kubectl, or a document.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::ValueEnum;
use serde::Serialize;

use super::{Plan, Subject, Tool};
use crate::cli::document;
use crate::domain::plain::visible;
use crate::domain::wording::counted;
use crate::domain::workload::PREFIX;

/// How it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Output {
    /// Commands of kubectl, one workload after the other, for a shell
    Commands,
    /// Patches, for kubectl patch and kustomize
    Patch,
    /// For programs, with a schema field
    Json,
}

/// Everything that was found.
pub(in crate::cli) struct Report {
    pub(super) from: Tool,
    pub(super) items: Vec<(Subject, Plan)>,
    /// What could not be read.
    pub(super) unread: Vec<String>,
}

#[derive(Serialize)]
struct Document<'r> {
    schema: &'static str,
    items: Vec<Item<'r>>,
}

#[derive(Serialize)]
struct Item<'r> {
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'r str,
    kind: &'r str,
    name: &'r str,
    /// Annotations to set.
    set: BTreeMap<String, &'r str>,
    remove: Removed<'r>,
    notes: &'r [String],
}

#[derive(Serialize)]
struct Removed<'r> {
    annotations: &'r [String],
    labels: &'r [String],
}

impl Report {
    /// Whether all could be read, and all that was found has an equal.
    pub(in crate::cli) fn is_whole(&self) -> bool {
        self.unread.is_empty() && !self.items.is_empty()
    }

    /// What goes to standard output.
    pub(in crate::cli) fn print(&self, output: Output) -> String {
        match output {
            Output::Commands => self.items.iter().map(|(subject, plan)| commands(self.from, subject, plan)).collect(),
            Output::Patch => {
                let patches: Vec<String> = self.items.iter().map(|(subject, plan)| patch(subject, plan)).collect();
                patches.join("---\n")
            }
            Output::Json => {
                let items = self.items.iter().map(|(subject, plan)| Item::of(subject, plan)).collect();
                let report = Document { schema: "image-watcher/migrate/v1", items };
                document::json(&report)
            }
        }
    }

    /// What goes to standard error.
    pub(in crate::cli) fn summary(&self) -> String {
        let unread: Vec<_> = self.unread.iter().map(|error| format!("image-watcher: {}\n", visible(error))).collect();
        let mut text = unread.concat();
        let notes: usize = self.items.iter().map(|(_, plan)| plan.notes.len()).sum();
        let tool = self.from.words();
        let notes = counted(notes, "note", "notes");
        let _ = match self.items.len() {
            0 => writeln!(text, "Nothing that {tool} looks after was found."),
            1 => writeln!(text, "1 workload of {tool}, with {notes} to read; nothing was written."),
            count => writeln!(text, "{count} workloads of {tool}, with {notes} to read; nothing was written."),
        };
        text
    }
}

impl Tool {
    fn words(self) -> &'static str {
        match self {
            Self::Keel => "Keel",
            Self::Original => "the original image-watcher",
            Self::Wud => "WUD",
        }
    }
}

impl<'r> Item<'r> {
    fn of(subject: &'r Subject, plan: &'r Plan) -> Self {
        let set = plan.settings.iter().map(|(name, value)| (format!("{PREFIX}{name}"), value.as_str()));
        let remove = Removed { annotations: &plan.annotations, labels: &plan.labels };
        let Subject { namespace, kind, name, .. } = subject;
        Self { namespace, kind, name, set: set.collect(), remove, notes: &plan.notes }
    }
}

/// Lines for a shell. One write takes the other's annotations away and sets ours, so that two tools never look after it.
fn commands(from: Tool, subject: &Subject, plan: &Plan) -> String {
    let Subject { namespace, kind, name, .. } = subject;
    let of = format!("{kind}/{name}");
    let within = if namespace.is_empty() { String::new() } else { format!(" -n {}", quoted(namespace)) };
    let mut text = format!(
        "# {}{}, from {}\n",
        visible(&of),
        if namespace.is_empty() { String::new() } else { format!(" in {}", visible(namespace)) },
        from.words()
    );
    for note in &plan.notes {
        let _ = writeln!(text, "# note: {}", visible(note));
    }
    let set = plan.settings.iter().map(|(name, value)| quoted(&format!("{PREFIX}{name}={value}")));
    let away = plan.annotations.iter().filter(|name| !plan.settings.contains_key(name.trim_start_matches(PREFIX)));
    let all: Vec<String> = set.chain(away.map(|name| quoted(&format!("{name}-")))).collect();
    if !all.is_empty() {
        let _ = writeln!(text, "kubectl{within} annotate --overwrite {} \\\n  {}", quoted(&of), all.join(" \\\n  "));
    }
    if !plan.labels.is_empty() {
        let labels: Vec<String> = plan.labels.iter().map(|name| quoted(&format!("{name}-"))).collect();
        let _ = writeln!(text, "kubectl{within} label {} {}", quoted(&of), labels.join(" "));
    }
    text.push('\n');
    text
}

/// A word of a shell, whatever is in it.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:,@%+".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

fn patch(subject: &Subject, plan: &Plan) -> String {
    let text = |value: &str| serde_json::to_string(value).unwrap_or_default();
    let (kind, version) = &subject.written;
    let mut lines = String::new();
    for note in &plan.notes {
        let _ = writeln!(lines, "# note: {}", visible(note));
    }
    let _ = writeln!(lines, "apiVersion: {}\nkind: {}\nmetadata:\n  name: {}", version, kind, text(&subject.name));
    if !subject.namespace.is_empty() {
        let _ = writeln!(lines, "  namespace: {}", text(&subject.namespace));
    }
    let away = |names: &[String]| -> String {
        let names = names.iter().filter(|name| !plan.settings.contains_key(name.trim_start_matches(PREFIX)));
        names.map(|name| format!("    {}: null\n", text(name))).collect::<Vec<_>>().concat()
    };
    if !plan.labels.is_empty() {
        let _ = write!(lines, "  labels:\n{}", away(&plan.labels));
    }
    lines.push_str("  annotations:\n");
    lines.push_str(&away(&plan.annotations));
    for (name, value) in &plan.settings {
        let _ = writeln!(lines, "    {PREFIX}{name}: {}", text(value));
    }
    lines
}
