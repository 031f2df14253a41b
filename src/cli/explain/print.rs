//! What is explained, as a terminal and programs read it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::explanation::{Candidate, Explanation, Report};
use super::group::GroupExplanation;
use crate::cli::table::Table;
use crate::cli::terminal::{Colour, Form};
use crate::cli::{Output, document};
use crate::domain::plain::visible;
use crate::domain::policy::Rank;
use crate::domain::release::{LineKind, Room};
use crate::domain::wording::counted;

/// What a terminal has room for; `--all` shows everything.
const ROOM: Room = Room { alerts: 12, releases: 5, lines: 8, characters: 2500 };

/// How many tags that are held back are shown one by one.
const MOST_HELD_BACK: usize = 10;

#[derive(Serialize)]
struct Document<'r> {
    schema: &'static str,
    items: &'r [Explanation],
}

impl Explanation {
    fn table(&self, all: bool, form: Form) -> String {
        let mut text = format!("{}\n\n", visible(&self.sentence));
        let mut facts = Table::new(&[]);
        let workload = self.workload.as_deref().unwrap_or_default();
        facts.row([format!("Container  {}", self.container), self.image.clone(), workload.to_owned()]);
        text.push_str(&facts.to_string());
        let mode = self.mode.map(|mode| format!("mode {mode} · ")).unwrap_or_default();
        let also = self.also.iter().map(|name| format!(" · {name}")).collect::<Vec<_>>().concat();
        let _ = writeln!(text, "Settings   {mode}strategy {}{also}", self.strategy);
        if !self.with.is_empty() {
            let _ = writeln!(text, "Together   {}, in one write", visible(&self.with.join(", ")));
        }
        text.push_str(&self.group.as_ref().map(GroupExplanation::table).unwrap_or_default());
        if let Some(preflight) = &self.preflight {
            let _ = writeln!(text, "Looked at  {preflight}");
            let changes = preflight.changes.as_ref().map(ToString::to_string).filter(|changes| !changes.is_empty());
            if let Some(changes) = changes {
                let _ = writeln!(text, "Changes    {changes}");
            }
        }
        if let Some(error) = &self.error {
            let _ = writeln!(text, "Error      {}", visible(error));
        }
        if let Some(owner) = &self.owner {
            let _ = writeln!(text, "Owner      {}", visible(owner));
        }
        text.push('\n');
        text.push_str(&if all { self.each(form) } else { self.newest(form) });
        if !all {
            text.push_str(&self.groups());
        }
        text.push_str(&self.changes(all));
        text
    }

    /// What the update changes.
    fn changes(&self, all: bool) -> String {
        let Some(whole) = &self.notes else { return String::new() };
        let notes = if all { whole.clone() } else { whole.within(ROOM) };
        let mut text = format!("\nWhat changes  {}\n", notes.page);
        for alert in &notes.alerts {
            let _ = writeln!(text, "  {:<11} {}  ({})", alert.kind.title(), alert.text, alert.version);
        }
        if notes.more_alerts > 0 {
            let _ = writeln!(text, "  … and {} more like these; --all shows them", notes.more_alerts);
        }
        if let Some(summary) = &notes.summary {
            let _ = writeln!(text, "\n  {}", summary.label());
            for highlight in &summary.highlights {
                let _ = writeln!(text, "  - {}: {}", highlight.kind.as_str(), highlight.text);
            }
        }
        for release in notes.releases.iter().filter(|release| !release.lines.is_empty()) {
            let published = release.published.as_deref().unwrap_or_default();
            let _ = writeln!(text, "\n  {}  {published}", release.version);
            for line in &release.lines {
                let mark = if line.kind == LineKind::Item { "- " } else { "" };
                let _ = writeln!(text, "    {mark}{}", line.text);
            }
            if release.is_cut {
                text.push_str("    …\n");
            }
        }
        if notes.left_out > 0 {
            let versions = if notes.left_out == 1 { "version" } else { "versions" };
            let _ = writeln!(text, "\n  … and {} {versions} more", notes.left_out);
        }
        text
    }

    fn each(&self, form: Form) -> String {
        let mut table = Table::new(&["TAG", "VERDICT", "RULE", "WHY"]).marked(1);
        self.candidates.iter().for_each(|candidate| table.coloured(candidate.cells(), candidate.colour()));
        table.show(form)
    }

    /// What was taken, and what only settings or time hold back.
    fn newest(&self, form: Form) -> String {
        let mut table = Table::new(&["TAG", "VERDICT", "RULE", "WHY"]).marked(1);
        let shown = self.candidates.iter().filter(|candidate| candidate.rank != Rank::Refused);
        if shown.clone().next().is_none() {
            return String::new();
        }
        let held_back = |candidate: &&Candidate| candidate.rank == Rank::HeldBack;
        let beyond = shown.clone().filter(held_back).count().saturating_sub(MOST_HELD_BACK);
        let mut left = MOST_HELD_BACK;
        for candidate in shown {
            if candidate.rank == Rank::HeldBack {
                if left == 0 {
                    continue;
                }
                left -= 1;
            }
            table.coloured(candidate.cells(), candidate.colour());
        }
        let mut text = table.show(form);
        if beyond > 0 {
            let _ = writeln!(text, "… and {beyond} more that are held back");
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text
    }

    /// The refused ones, by reason, with their count.
    fn groups(&self) -> String {
        let mut groups: BTreeMap<(&str, &str), Vec<&Candidate>> = BTreeMap::new();
        for candidate in self.candidates.iter().filter(|candidate| candidate.rank == Rank::Refused) {
            groups.entry((candidate.rule, candidate.verdict)).or_default().push(candidate);
        }
        let mut groups: Vec<Vec<&Candidate>> = groups.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
        let all = format!("{} in the list; --all shows each.\n", counted(self.candidates.len(), "tag", "tags"));
        if groups.is_empty() {
            return all;
        }
        let mut table = Table::new(&["REFUSED", "RULE", "WHY", "FOR EXAMPLE"]);
        for group in &groups {
            let Some(first) = group.first() else { continue };
            let same = group.iter().all(|candidate| candidate.why == first.why);
            let why = if same { first.why.clone() } else { first.verdict.replace('_', " ") };
            let examples: Vec<&str> = group.iter().take(3).map(|candidate| candidate.tag.as_str()).collect();
            let more = if group.len() > 3 { ", …" } else { "" };
            table.row([group.len().to_string(), first.rule.to_owned(), why, format!("{}{more}", examples.join(", "))]);
        }
        format!("{table}\n{all}")
    }
}

impl Candidate {
    fn colour(&self) -> Option<Colour> {
        match self.rank {
            Rank::Taken => Some(Colour::Green),
            Rank::HeldBack => Some(Colour::Yellow),
            Rank::Running => None,
            Rank::Refused => Some(Colour::Grey),
        }
    }

    fn cells(&self) -> [String; 4] {
        let word = match self.rank {
            Rank::Taken => "taken",
            Rank::HeldBack => "held back",
            Rank::Running => "running",
            Rank::Refused => "refused",
        };
        [self.tag.clone(), word.to_owned(), self.rule.to_owned(), self.why.clone()]
    }
}

impl Report {
    /// What goes to standard output.
    pub(in crate::cli) fn print(&self, output: Output, form: Form) -> String {
        let report = Document { schema: "image-watcher/explain/v1", items: &self.items };
        match output {
            Output::Table => self.tables(self.all, form),
            Output::Wide => self.tables(true, form),
            Output::Name => {
                self.items.iter().filter_map(|item| Some(format!("{}\n", item.available.as_ref()?))).collect()
            }
            Output::Json => document::json(&report),
            Output::Yaml => document::yaml(&report),
        }
    }

    fn tables(&self, all: bool, form: Form) -> String {
        let tables: Vec<String> = self.items.iter().map(|item| item.table(all, form)).collect();
        tables.join("\n")
    }
}
