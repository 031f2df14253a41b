//! `image-watcher explain`: every candidate tag, taken or refused, and the rule that says so.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::future::BoxFuture;

use super::check::stands;
use crate::ambient::Ambient;
use crate::assess::{self, Place, Source};
use crate::cluster::{Cluster, ClusterConfig, Index, KubeCluster, Scope, annotations};
use crate::config::Config;
use crate::domain::fleet::{BrakeSeen, Fleet, Others};
use crate::domain::policy::{Decision, Mode, Policy, Track, Wanted, decide};
use crate::domain::record::Record;
use crate::domain::reference::{ImageReference, Repository, Tag};
use crate::domain::release::{Language, ReleaseNotes};
use crate::domain::settings::{self, Settings};
use crate::domain::tags::TagList;
use crate::domain::view::{Known, View};
use crate::domain::workload::{Container, Kind, Workload};
use crate::queue::sqlite::SqliteQueue;
use crate::registry::{Credential, HttpRegistry, Registry as _, RegistryConfig, Tags};
use crate::release::{self, Effort, Lookup, Releases};
use crate::telemetry::metrics::Metrics;

mod explanation;
mod group;
mod print;
mod run;
#[cfg(test)]
mod snapshots;

use explanation::{Explanation, Report};
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
        let settings = ledger.beside(Settings::read(workload, container, &super::bounds(self.config))?);
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

/// The longest wait for notes.
const NOTES_WAIT: Duration = Duration::from_secs(5);
/// The longest wait for a summary.
const SUMMARY_WAIT: Duration = Duration::from_secs(20);

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
