//! `image-watcher explain`: every candidate tag, taken or refused, and the rule that says so.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::future::BoxFuture;
use serde::Serialize;

use super::Output;
use super::check::stands;
use super::table::Table;
use super::terminal::{Colour, Form};
use crate::ambient::Ambient;
use crate::assess::{self, Place, Source};
use crate::cli::document;
use crate::cluster::{Cluster, ClusterConfig, Index, KubeCluster, Scope, annotations};
use crate::config::Config;
use crate::domain::fleet::{Asks, BrakeSeen, Fleet, Others};
use crate::domain::plain::visible;
use crate::domain::policy::{Decision, Mode, Policy, Rank, Track, Verdict, Wanted, decide};
use crate::domain::preflight::Preflight;
use crate::domain::record::{AsksOnly, Record};
use crate::domain::reference::{ImageReference, Repository, Tag};
use crate::domain::release::{Language, LineKind, ReleaseNotes, Room};
use crate::domain::settings::{self, Settings};
use crate::domain::tags::TagList;
use crate::domain::view::{Blocker, Known, Unfinished, View};
use crate::domain::wording::counted;
use crate::domain::workload::{Container, Kind, Workload};
use crate::queue::sqlite::SqliteQueue;
use crate::registry::{Credential, HttpRegistry, Registry as _, RegistryConfig, Tags};
use crate::release::{self, Effort, Lookup, Releases};
use crate::telemetry::metrics::Metrics;

mod group;
mod run;
#[cfg(test)]
mod snapshots;

use group::GroupExplanation;
pub(super) use run::{ExplainArguments, run, run_of_list};

/// The largest list that is explained, in bytes.
const LARGEST_LIST: usize = 64 * 1024 * 1024;

/// Which workload, and which of its containers.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// All of them, if none is named.
    pub(super) container: Option<String>,
}

impl Subject {
    /// Reads `KIND/NAME`, or both apart; kinds as kubectl takes them.
    ///
    /// # Errors
    /// When the kind is none that is watched, or there is no name.
    pub(super) fn parse(words: &[String], container: Option<String>) -> anyhow::Result<Self> {
        let (kind, name) = match words {
            [one] => one.split_once('/').with_context(|| format!("{one:?}: write KIND/NAME, as in deploy/web"))?,
            [kind, name] => (kind.as_str(), name.as_str()),
            _ => bail!("write KIND/NAME, as in deploy/web; or --image and --tags to explain without a cluster"),
        };
        let kind = Kind::named(kind).with_context(|| format!("{kind:?} is not watched; {} are", Kind::plurals()))?;
        Ok(Self { kind, name: name.to_owned(), container })
    }
}

/// What is explained about one container.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Explanation {
    #[serde(skip_serializing_if = "Option::is_none")]
    workload: Option<String>,
    container: String,
    /// Containers that run the same image, and are updated with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    with: Vec<String>,
    /// Those that it goes to one version with.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<GroupExplanation>,
    image: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    strategy: &'static str,
    /// The names of the other settings that have a say in it.
    #[serde(skip)]
    also: Vec<&'static str>,
    state: &'static str,
    running: String,
    available: Option<String>,
    level: Option<&'static str>,
    sentence: String,
    why: String,
    /// The rollout of what runs, as long as it has not completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    rollout: Option<Unfinished>,
    /// What was looked at of the version to go to.
    #[serde(skip_serializing_if = "Option::is_none")]
    preflight: Option<Preflight>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blockers: Vec<String>,
    /// What the service says is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    actions: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<ReleaseNotes>,
    candidates: Vec<Candidate>,
}

/// One tag of the list, and what was found about it.
#[derive(Debug, Serialize)]
struct Candidate {
    tag: String,
    verdict: &'static str,
    rule: &'static str,
    why: String,
    #[serde(skip)]
    rank: Rank,
}

/// Everything that is explained.
pub(super) struct Report {
    items: Vec<Explanation>,
    all: bool,
}

#[derive(Serialize)]
struct Document<'r> {
    schema: &'static str,
    items: &'r [Explanation],
}

/// Explains the containers of a workload, from cluster and registries.
///
/// # Errors
/// When cluster or registry don't answer, or there is no such workload.
pub(super) async fn explain(
    config: &Config,
    cluster: &ClusterConfig,
    namespace: Option<&str>,
    subject: &Subject,
    all: bool,
) -> anyhow::Result<Report> {
    let ambient = Ambient::system();
    let (client, default) = crate::cluster::connect(cluster).await?;
    let kube = KubeCluster::new(client, Index::default(), ambient.clone(), Metrics::new());
    let (outbound, unkept) = (config.outbound()?, None::<SqliteQueue>);
    // Every candidate is shown, and nobody else needs the room.
    let settings = RegistryConfig::of(config.registries.clone()).with_lists_of(LARGEST_LIST).that_waits();
    let registry = Arc::new(HttpRegistry::new(settings, &outbound, ambient.clone(), Arc::new(Metrics::new()))?);
    let releases = config.releases(&outbound, Arc::clone(&registry), unkept, &ambient, &Metrics::new())?;
    let namespace = namespace.unwrap_or(&default);
    super::config::inherit(&kube, config, Some(namespace)).await;
    // A Rollout may say how a Deployment stands.
    let kinds = [Some(subject.kind), Some(Kind::Rollout).filter(|_| subject.kind == Kind::Deployment)];
    let scope = |kind| Scope { namespace: Some(namespace.into()), kind };
    let listing = kube.list(&kinds.into_iter().flatten().map(scope).collect::<Vec<_>>()).await;
    if let Some((_, error)) = listing.unread.into_iter().find(|(scope, _)| scope.kind == subject.kind) {
        return Err(error.into());
    }
    let standing = |workload: &Workload| annotations::claimed(workload).standing(workload);
    let fleet = Fleet::of(listing.workloads.iter().map(|workload| (workload, standing(workload))));
    let is_it = |workload: &Workload| workload.id.kind == subject.kind && *workload.id.name == *subject.name;
    let workload = listing.workloads.into_iter().find(is_it);
    let workload = workload.with_context(|| {
        let name = format!("{}/{}", subject.kind.short(), subject.name);
        format!("{name} is not watched in namespace {namespace}: is it there, and has it an image-watcher/ annotation?")
    })?;
    let record = annotations::claimed(&workload);
    let look = Look {
        config,
        kube: &kube,
        registry: &registry,
        releases: &releases,
        ambient: &ambient,
        record: &record,
        fleet: &fleet,
        brake: super::brake::seen(config, &fleet).await,
    };
    let is_named = |container: &str| subject.container.as_deref().is_none_or(|name| *name == *container);
    let mut items = Vec::new();
    for container in workload.containers.iter().filter(|container| is_named(&container.name)) {
        items.push(look.container(&workload, &container.name).await?);
    }
    if items.is_empty() {
        bail!("{} has no container {}", workload.id, subject.container.as_deref().unwrap_or_default());
    }
    let with = items.iter().map(|item| look.with(&workload, item)).collect::<Vec<_>>();
    items.iter_mut().zip(with).for_each(|(item, with)| item.with = with);
    Ok(Report { items, all })
}

struct Look<'c> {
    config: &'c Config,
    kube: &'c KubeCluster,
    registry: &'c HttpRegistry,
    releases: &'c Releases<Option<SqliteQueue>, HttpRegistry>,
    ambient: &'c Ambient,
    record: &'c Record,
    fleet: &'c Fleet,
    brake: Option<BrakeSeen>,
}

impl Look<'_> {
    async fn container(&self, workload: &Workload, container: &str) -> anyhow::Result<Explanation> {
        let (_, found) = workload.container(container).context("the container is gone")?;
        let written = &*found.image;
        let image = ImageReference::parse(written).with_context(|| format!("container {container}"))?;
        let ledger = self.record.known(container);
        let settings = Settings::read(workload, container, &super::bounds(self.config))?.knowing(&ledger.known_since);
        let tag = image.running_tag().with_context(|| {
            format!("container {container}: {} is a digest without a tag: nothing to compare", found.image)
        })?;
        let credential = Cluster::credential(self.kube, workload, image.repository()).await?;
        let tags = self.tags(image.repository(), &credential, (&tag, &settings.policy)).await?;
        let now = self.ambient.now();
        let others = Others::Read(self.fleet, self.config.rollouts, self.brake.as_ref());
        let known = Known { workload, container, record: self.record, settings: &settings, others };
        let relatives = tags.relatives(tag.as_str(), &settings.policy);
        let conclude = |decision: &Decision<'_>, policy: &Policy, found: Option<assess::Candidate>| {
            let to = decision.chosen();
            let view = View::of(tag.as_str(), decision, policy, Some(settings.mode), workload.owner.as_deref())
                .among(relatives, decision.listed())
                .implied(image.implies_latest())
                .looked_at(found.as_ref().map(|found| &found.preflight))
                .knowing(&known, to.as_ref().zip(found.as_ref().map(|found| &found.digest)), now);
            (Explanation::of(container, written, &view, decision, policy), found.map(|found| found.digest))
        };
        let (registry, repository) = (self.registry, image.repository());
        let platforms = || -> BoxFuture<'_, _> { Box::pin(Cluster::platforms(self.kube)) };
        let place = Place::of((workload, container), &image, ledger, settings.mode, &platforms);
        let source = Source { place, ..Source::new(registry, repository, &credential) };
        let (mut explanation, digest) = match settings.track {
            Track::Version => {
                let doubt = || ledger.doubts(relatives?, now);
                assess::version(&source, tag.as_str(), &tags, &settings.policy, now, doubt, conclude).await?
            }
            Track::Digest => {
                let list = tags.to_decide(tag.as_str(), &settings.policy)?.context("the list was read for others")?;
                let decision = decide(tag.as_str(), list, &settings.policy, now);
                let digest = ledger.digest_of(&image);
                let (followed, _) = assess::digest(&source, &tag, digest.as_ref(), &settings.policy, now).await?;
                let (view, to) = followed.view(&tag, settings.mode, workload.owner.as_deref());
                let view = view.implied(image.implies_latest()).looked_at(to.map(|to| &to.preflight)).knowing(
                    &known,
                    to.map(|to| (&tag, &to.digest)),
                    now,
                );
                (Explanation::of(container, written, &view, &decision, &settings.policy), None)
            }
        };
        explanation.group = self.group(workload, container).await;
        let flaw = || settings::flaw(workload, container).map(|flaw| flaw.to_string());
        explanation.error = workload.state("error", container).map(str::to_owned).or_else(flaw);
        explanation.workload = Some(workload.id.to_string());
        explanation.mode = Some(settings.mode.as_str());
        explanation.also.extend(settings.window.as_ref().map(|_| "window"));
        explanation.asked_as(ledger.open(now).and_then(|question| question.because.as_deref()));
        explanation.without_right(workload, self.may_patch(workload).await);
        if let (Some(to), Some(digest)) = (explanation.available.clone(), digest) {
            let (from, digest, url) = (tag.to_string(), Some(digest), settings.release_url);
            let (repository, credential) = (image.repository().clone(), credential.clone());
            explanation.notes = self.notes(&release::Subject { repository, credential, from, to, digest, url }).await;
            explanation.ask_for_declared(settings.mode);
        }
        Ok(explanation)
    }
}

impl Look<'_> {
    /// Whether this identity may write a workload; what the API server did not say is taken to be so.
    async fn may_patch(&self, workload: &Workload) -> bool {
        self.kube.may(&stands::right_to_patch(workload)).await != Some(false)
    }

    /// The containers that are updated with this one, in one write.
    fn with(&self, workload: &Workload, item: &Explanation) -> Vec<String> {
        let is_so = |other: &&Container| {
            let settings = Settings::read(workload, &other.name, &super::bounds(self.config));
            *other.name != *item.container && settings.is_ok_and(|it| Some(it.mode.as_str()) == item.mode)
        };
        let together = workload.together(&item.container).into_iter().filter(is_so);
        together.map(|other| other.name.to_string()).filter(|_| item.available.is_some()).collect()
    }

    async fn tags(
        &self,
        repository: &Repository,
        credential: &Credential,
        (running, policy): (&Tag, &Policy),
    ) -> anyhow::Result<Tags> {
        let mut wanted = Wanted::everything();
        wanted.add(running.as_str(), policy);
        let tags = self.registry.tags(repository, credential, &wanted).await;
        tags.map_err(|error| anyhow::anyhow!(error.told_to(credential)))
    }

    /// What the update changes, as far as that is found in time.
    async fn notes(&self, subject: &release::Subject) -> Option<ReleaseNotes> {
        let asked = tokio::time::timeout(NOTES_WAIT, self.releases.notes(subject, Effort::Ask));
        let Ok(Lookup::Notes(notes)) = asked.await else { return None };
        let summary = self.releases.summary(&notes, Language::default(), Effort::Ask);
        let summary = tokio::time::timeout(SUMMARY_WAIT, summary).await.ok().flatten();
        Some(ReleaseNotes { summary, ..*notes })
    }
}

/// Explains a list of tags that is at hand, without cluster and registry.
///
/// # Errors
/// When the image is none, or has no tag.
pub(super) fn explain_list(image: &str, tags: &TagList, policy: &Policy, all: bool) -> anyhow::Result<Report> {
    let reference = ImageReference::parse(image)?;
    let tag = reference.tag().with_context(|| format!("{image} has no tag to compare with; write {image}:TAG"))?;
    if policy.is_newest() {
        bail!(
            "--tag-order newest goes by when tags were pushed, which a list does not say; explain KIND/NAME asks the registry"
        );
    }
    let decision = decide(tag.as_str(), tags, policy, Ambient::system().now());
    let view = View::of(tag.as_str(), &decision, policy, None::<Mode>, None);
    let name = reference.repository().path().rsplit('/').next().unwrap_or_default();
    let error = settings::flaw_of_skipped(&policy.skip, tag).map(|flaw| flaw.to_string());
    Ok(Report { items: vec![Explanation { error, ..Explanation::of(name, image, &view, &decision, policy) }], all })
}

/// The names of the settings beside the strategy that narrow the candidates.
fn also(policy: &Policy) -> Vec<&'static str> {
    let all = [
        ("tag-policy", policy.selection.is_some()),
        ("include", policy.include.is_some()),
        ("exclude", policy.exclude.is_some()),
        ("skip", !policy.skip.is_empty()),
        ("steps", policy.steps.is_some()),
        ("prerelease", policy.prerelease),
        ("cooldown", policy.cooldown.is_some()),
    ];
    all.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect()
}

impl Explanation {
    fn of(container: &str, image: &str, view: &View, decision: &Decision<'_>, policy: &Policy) -> Self {
        let repository = ImageReference::parse(image).map(|image| image.repository().to_string()).unwrap_or_default();
        Self {
            workload: None,
            container: container.to_owned(),
            with: Vec::new(),
            group: None,
            image: image.to_owned(),
            mode: None,
            strategy: policy.strategy.as_str(),
            also: also(policy),
            state: view.state.as_str(),
            running: view.from.clone(),
            available: view.to.clone(),
            level: view.level.map(crate::domain::tag::Level::as_str),
            sentence: view.sentence(container),
            why: view.why.to_string(),
            rollout: view.rollout.clone(),
            preflight: view.preflight.clone(),
            error: None,
            blockers: view.blockers.iter().map(ToString::to_string).collect(),
            owner: view.owner_words(&repository),
            actions: view.actions,
            notes: None,
            candidates: candidates(decision),
        }
    }

    /// People are told where the same manifest failed before they approve it, and that automatic updates are stopped.
    fn asked_as(&mut self, because: Option<&Asks>) {
        let Some(because) = because else { return };
        let (known, why) = match because {
            Asks::Failed(failed) => (failed.to_string(), failed.to_string()),
            Asks::Stopped(_) => ("automatic updates are stopped".to_owned(), stands::because(because)),
        };
        if !self.sentence.contains(&known) {
            self.sentence = format!("{}; {why}.", self.sentence.trim_end_matches('.'));
            self.blockers.push(why);
        }
    }

    /// Nobody can answer, and nothing is applied, where the workload may not be written.
    fn without_right(&mut self, workload: &Workload, may_patch: bool) {
        if may_patch || self.available.is_none() {
            return;
        }
        let why = stands::no_right(workload);
        self.sentence = format!("{}; {why}.", self.sentence.trim_end_matches('.'));
        self.blockers.insert(0, why);
        self.actions = &[];
    }

    /// What would go by itself is asked about where its makers declare something.
    fn ask_for_declared(&mut self, mode: Mode) {
        let declared = self.notes.as_ref().and_then(|notes| notes.declared.as_ref()).map(|declared| declared.kinds);
        let Some(kinds) = declared.filter(|kinds| kinds.asks()) else { return };
        if mode == Mode::AutoUpdate && self.blockers.is_empty() {
            let blocker = Blocker::AsksOnly(AsksOnly::Declared(kinds)).to_string();
            self.sentence = format!("{}; {blocker}.", self.sentence.trim_end_matches('.'));
            self.blockers.push(blocker);
        }
    }

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

/// What a terminal has room for; `--all` shows everything.
const ROOM: Room = Room { alerts: 12, releases: 5, lines: 8, characters: 2500 };
/// The longest wait for notes.
const NOTES_WAIT: Duration = Duration::from_secs(5);
/// The longest wait for a summary.
const SUMMARY_WAIT: Duration = Duration::from_secs(20);

/// How many tags that are held back are shown one by one.
const MOST_HELD_BACK: usize = 10;

/// All tags of the list, in the order of the table.
fn candidates(decision: &Decision<'_>) -> Vec<Candidate> {
    let candidate = |(rank, tag, verdict): (Rank, &str, Verdict<'_>)| Candidate {
        tag: tag.to_owned(),
        verdict: verdict.word(),
        rule: verdict.rule(),
        why: verdict.to_string(),
        rank,
    };
    decision.candidates().into_iter().map(candidate).collect()
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
    pub(super) fn print(&self, output: Output, form: Form) -> String {
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

/// Reads a list of tags: one a line, or the JSON of a registry, `{"tags":[…]}`, or an array.
///
/// # Errors
/// When the text begins as JSON and is none, or a line is no tag: it may be a page to sign in at.
pub(super) fn read_tags(text: &str) -> anyhow::Result<TagList> {
    #[derive(serde::Deserialize)]
    struct Page {
        tags: TagList,
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let read = match text.trim_start().chars().next() {
        Some('{') => serde_json::from_str::<Page>(text).map(|page| page.tags),
        Some('[') => serde_json::from_str(text),
        _ => return read_lines(text),
    };
    read.context("the list of tags is neither lines nor JSON")
}

fn read_lines(text: &str) -> anyhow::Result<TagList> {
    let lines = text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty());
    let tag = |(at, line): (usize, &str)| match Tag::parse(line) {
        Ok(tag) => Ok(tag),
        Err(error) => Err(error).with_context(|| format!("the list of tags is none: line {}", at + 1)),
    };
    let tags = lines.map(tag).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(tags.iter().map(Tag::as_str).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_written_as_for_kubectl() {
        let read = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            Subject::parse(&words, None).map(|subject| format!("{}/{}", subject.kind.short(), subject.name))
        };
        assert_eq!(read(&["deploy/web"]).unwrap(), "deploy/web");
        assert_eq!(read(&["StatefulSets", "db"]).unwrap(), "sts/db");
        assert_eq!(read(&["deployment.apps/web"]).unwrap(), "deploy/web");
        assert_eq!(read(&["rollouts.argoproj.io/web"]).unwrap(), "ro/web");
        assert!(read(&["job/agent"]).unwrap_err().to_string().contains("cronjobs and rollouts"));
        assert!(read(&["web"]).unwrap_err().to_string().contains("KIND/NAME"));
        assert!(read(&[]).is_err());
    }

    #[test]
    fn a_list_is_lines_or_what_a_registry_answers() {
        for text in ["1.0\n1.1\r\n\n", r#"{"name":"a","tags":["1.0","1.1"]}"#, r#" ["1.0","1.1"]"#] {
            assert_eq!(read_tags(text).unwrap().iter().collect::<Vec<_>>(), ["1.0", "1.1"], "{text}");
        }
        assert!(read_tags("{").is_err() && read_tags("[1]").is_err());
    }

    #[test]
    fn a_page_to_sign_in_at_is_no_list_of_tags() {
        for (text, line) in [
            ("<!DOCTYPE html>\n<html>\n<body>Sign in</body>\n", 1),
            ("1.0\n1.1\n\n404: not found\n", 4),
            ("name: web\n", 1),
        ] {
            let told = read_tags(text).map(|_| ()).unwrap_err();
            assert!(format!("{told:#}").contains(&format!("line {line}")), "{told:#}");
        }
        assert_eq!(read_tags("\u{feff}1.0\r\n").unwrap().iter().collect::<Vec<_>>(), ["1.0"]);
    }
}
