//! `image-watcher history`: the updates of a workload, newest first, as it carries them.

use anyhow::Context as _;
use serde::Serialize;

use super::Output;
use super::explain::Subject;
use super::table::Table;
use super::terminal::{Colour, Form};
use crate::ambient::Ambient;
use crate::cli::document;
use crate::cluster::{ClusterConfig, Index, KubeCluster, annotations};
use crate::config::Config;
use crate::domain::actor::Actor;
use crate::domain::event::Failure;
use crate::domain::history::{Entry, Outcome};
use crate::domain::plain::visible;
use crate::domain::record::{Ledger, Record};
use crate::domain::view::Blocker;
use crate::domain::workload::WorkloadId;
use crate::telemetry::metrics::Metrics;

/// The updates of a workload.
#[derive(Serialize)]
pub(super) struct Report {
    schema: &'static str,
    workload: String,
    items: Vec<Item>,
    /// Why the newest updates failed that did, and what is held, for people: a line each.
    #[serde(skip)]
    below: Vec<String>,
}

/// One of them.
#[derive(Serialize)]
struct Item {
    /// What `rollback --entry` takes.
    number: usize,
    #[serde(flatten)]
    entry: Entry,
}

/// Reads them.
///
/// # Errors
/// When the workload can't be read, or is not watched.
pub(super) async fn history(
    config: &Config,
    cluster: &ClusterConfig,
    namespace: Option<&str>,
    subject: &Subject,
) -> anyhow::Result<Report> {
    let (client, default) = crate::cluster::connect(cluster).await?;
    let kube = KubeCluster::new(client, Index::default(), Ambient::system(), Metrics::new());
    let namespace = namespace.unwrap_or(&default);
    super::config::inherit(&kube, config, Some(namespace)).await;
    let name = subject.name.as_str().into();
    let id = WorkloadId { namespace: namespace.into(), kind: subject.kind, name, uid: Box::default() };
    let workload = kube.read(&id).await?.with_context(|| format!("{id} is not watched: is it there?"))?;
    let record = annotations::claimed(&workload);
    let report = Report::of(&workload.id.to_string(), updates(&record), subject.container.as_deref());
    Ok(Report { below: below(&record, subject.container.as_deref()), ..report })
}

/// The updates of a record, newest first. What the history of a workload of many containers has no room for any more, the newest
/// update of each, is known all the same.
fn updates(record: &Record) -> Vec<Entry> {
    let mut all = record.history.entries().to_vec();
    let is_told = |name: &str| record.history.entries().iter().any(|entry| entry.container == name);
    let untold = record.ledgers().filter(|(name, _)| !is_told(name));
    let mut older: Vec<Entry> = untold.filter_map(|(name, ledger)| Some(ledger.update.as_ref()?.entry(name))).collect();
    older.sort_by(|one, other| other.time.cmp(&one.time));
    all.extend(older);
    all
}

impl Report {
    fn of(workload: &str, entries: Vec<Entry>, container: Option<&str>) -> Self {
        let all = entries.into_iter().enumerate().map(|(place, entry)| Item { number: place + 1, entry });
        let items = all.filter(|item| container.is_none_or(|name| item.entry.container == name)).collect();
        Self { schema: "image-watcher/history/v1", workload: workload.to_owned(), items, below: Vec::new() }
    }

    /// What goes to standard output.
    pub(super) fn print(&self, output: Output, form: Form) -> String {
        match output {
            Output::Table | Output::Wide if self.items.is_empty() => {
                format!("{}: nothing was updated yet, as far as it says\n{}", self.workload, self.below.concat())
            }
            Output::Table => self.table(false).show(form) + &self.below.concat(),
            Output::Wide => self.table(true).show(form) + &self.below.concat(),
            Output::Name => self.items.iter().flat_map(|item| [visible(&item.entry.version), "\n".into()]).collect(),
            Output::Json => document::json(self),
            Output::Yaml => document::yaml(self),
        }
    }

    fn table(&self, wide: bool) -> Table {
        let mut headings = vec!["#", "TIME", "CONTAINER", "WHAT", "FROM", "TO", "OUTCOME", "BY"];
        headings.extend(wide.then_some("DIGEST"));
        let mut table = Table::new(&headings).marked(6);
        for Item { number, entry } in &self.items {
            let by = Actor::from(entry.by.as_str()).words();
            let colour = colour(entry.outcome);
            let why = entry.failure.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            let outcome = entry.outcome.as_str().to_owned() + &why;
            let [time, container, from, to] =
                [&entry.time, &entry.container, &entry.previous, &entry.version].map(Clone::clone);
            let what = what(entry).to_owned();
            let cells = [number.to_string(), time, container, what, from, to, outcome, by];
            table.coloured(cells.into_iter().chain(wide.then(|| entry.digest.clone())), colour);
        }
        table
    }
}

/// Why the newest update of the named container, or of each, failed, and what is held of it.
fn below(record: &Record, container: Option<&str>) -> Vec<String> {
    let named = record.ledgers().filter(|(name, _)| container.is_none_or(|container| container == *name));
    named.flat_map(|(name, ledger)| [failed(name, ledger), held(name, ledger)]).flatten().collect()
}

/// As Kubernetes gave it.
fn failed(name: &str, ledger: &Ledger) -> Option<String> {
    let update = ledger.update.as_ref()?;
    let Failure { reason, message, .. } = update.failure.as_ref()?;
    let colon = if reason.is_empty() || message.is_empty() { "" } else { ": " };
    Some(format!("{}\n", visible(&format!("{name}: {} failed: {reason}{colon}{message}", update.tag))))
}

fn held(name: &str, ledger: &Ledger) -> Option<String> {
    let held = ledger.held.clone()?;
    let tag = held.tag.clone();
    Some(format!("{}\n", visible(&format!("{name}: {tag} is {}", Blocker::Held(Box::new(held))))))
}

/// What was done, in a word or two.
fn what(entry: &Entry) -> &'static str {
    match entry.outcome {
        Outcome::Skipped | Outcome::Resumed => "answered",
        _ if entry.is_back() => "went back",
        _ => "updated",
    }
}

fn colour(outcome: Outcome) -> Option<Colour> {
    match outcome {
        Outcome::Healthy => Some(Colour::Green),
        Outcome::Failed => Some(Colour::Red),
        Outcome::RollingOut => Some(Colour::Yellow),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::history::tests::entry;
    use crate::domain::record::tests::update;
    use crate::domain::record::{Event, Running, Update};
    use crate::domain::reference::Tag;

    #[test]
    fn the_newest_update_of_each_container_is_shown_whatever_the_history_has_room_for() {
        let mut record = Record::default();
        for number in 0..15 {
            let at = DateTime::UNIX_EPOCH + chrono::TimeDelta::minutes(number);
            let update = Update { at, ..update(1, None) };
            record.on(&format!("c-{number}"), Event::Write(Box::new(update)), at);
        }
        let names: Vec<String> = updates(&record).into_iter().map(|entry| entry.container).collect();
        assert_eq!(names, (0..15).rev().map(|number| format!("c-{number}")).collect::<Vec<_>>());
        let of_one = Report::of("deployment shop/web", updates(&record), Some("c-0"));
        assert_eq!(of_one.items.len(), 1);
    }

    #[test]
    fn updates_are_shown_newest_first_with_who_and_how_they_ended() {
        let by = |by: &str, entry: Entry| Entry { by: by.into(), ..entry };
        let entries = vec![
            by("command alice", entry("1.2.0", Outcome::Healthy)),
            by(
                "link email:o…@example.com",
                Entry { failure: Some("CrashLoopBackOff".into()), ..entry("1.3.0", Outcome::Failed) },
            ),
            Entry { container: "log".into(), ..entry("1.1.0", Outcome::Skipped) },
        ];
        let all = Report::of("deployment shop/web", entries.clone(), None);
        let of_one = Report::of("deployment shop/web", entries, Some("web"));
        let none = Report::of("deployment shop/web", Vec::new(), None);
        crate::cli::schemas::conforms(&all.print(Output::Json, Form::default()));
        let mut record = Record::default();
        let of = |tag: &str| Running {
            of: "a.example/web".into(),
            tag: Tag::parse(tag).unwrap(),
            digest: None,
            is_learnt: false,
        };
        record.on("web", Event::Runs(of("1.3.0")), DateTime::UNIX_EPOCH);
        let by = vec!["helm".to_owned(), "Helm release a".to_owned()];
        let set_back = Event::SetBack { to: of("1.2.0"), by, owned: true, question: None };
        record.on("web", set_back, DateTime::UNIX_EPOCH);
        let failure = Failure::new("CrashLoopBackOff", "pod web-1, container web: back-off 5m0s");
        let bad = Update { failure: Some(failure), outcome: Outcome::Failed, ..update(1, None) };
        record.on("job", Event::Write(Box::new(bad)), DateTime::UNIX_EPOCH);
        let all = Report { below: below(&record, None), ..all };
        assert!(below(&record, Some("log")).is_empty());
        let none = Report { below: below(&record, None), ..none };
        let told = [
            all.print(Output::Table, Form::default()),
            all.print(Output::Wide, Form::default()),
            of_one.print(Output::Name, Form::default()),
            all.print(Output::Json, Form::default()),
            none.print(Output::Table, Form::default()),
        ];
        let told = told.join("\n");
        insta::assert_snapshot!(told);
    }
}
