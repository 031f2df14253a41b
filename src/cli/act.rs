//! What a person does to a workload at the command line: under the person's own rights, without the service.
//!
//! ```text
//! read the workload ─► plan: one guarded patch, and what it does ─► y/N ─► write ─► follow the rollout (--wait)
//! ```
//!
//! The image and the settings are written by the command itself, so Kubernetes decides who may. What stands on the workload of
//! the service's record has no key here and is not trusted: it is asked of the registry, or shown, before it is written.

mod approve;
mod back;
mod declined;
mod follow;

use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use chrono::{DateTime, Utc};

use super::explain::Subject;
use super::interrupt;
use super::terminal::Terminal;
use crate::ambient::Ambient;
use crate::cluster::{Cluster as _, ClusterConfig, ClusterError, Index, KubeCluster, Writer, annotations};
use crate::config::Config;
use crate::domain::actor::Actor;
use crate::domain::approval::{Allows, Terms};
use crate::domain::change_cause;
use crate::domain::policy::Mode;
use crate::domain::record::{Ledger, Question, Record};
use crate::domain::reference::ImageReference;
use crate::domain::request::{REQUEST, Request, Wish};
use crate::domain::rollout::Rollout;
use crate::domain::settings::Settings;
use crate::domain::view::Blocker;
use crate::domain::wording::moment;
use crate::domain::workload::{Kind, PREFIX, Workload, WorkloadId, WorkloadPatch};
use crate::registry::{HttpRegistry, RegistryConfig};
use crate::telemetry::metrics::Metrics;

pub(super) use back::To;

/// What is to be done.
#[derive(Debug)]
pub(super) enum Deed {
    /// Apply what people are asked about.
    Approve { outside_window: bool },
    /// Never propose what people are asked about; or propose again what was skipped.
    Skip { clear: bool },
    /// Tell nobody of it for so long.
    Snooze { until: Until },
    /// Back to what ran.
    Rollback { to: Option<To> },
    /// What is held may be applied.
    Resume,
}

/// Until when a question is put off.
#[derive(Clone, Copy, Debug)]
pub(super) enum Until {
    /// So long from now.
    For(chrono::TimeDelta),
    /// No more.
    Cleared,
}

/// How it is to be done.
#[derive(Debug)]
pub(super) struct How {
    /// Without asking.
    pub(super) yes: bool,
    /// Only show what would be written.
    pub(super) dry_run: bool,
    /// In the place of what somebody asked before, and the service has not taken over.
    pub(super) replace: bool,
    /// Follow the rollout for so long.
    pub(super) wait: Option<Duration>,
    /// Who reads.
    pub(super) terminal: Terminal,
}

/// What a command came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// It is done.
    Yes,
    /// The rollout is not healthy, or the person said no.
    No,
    /// It has to be said on the command line that it is meant.
    Unconfirmed,
}

/// What one command writes, and what is said of it.
struct Plan {
    patch: WorkloadPatch,
    /// What it does, a line each.
    says: Vec<String>,
    /// What a person should know before saying yes.
    warns: Vec<String>,
    /// The container and the image whose rollout there is to follow.
    rolls: Option<(String, ImageReference)>,
}

/// What a command is decided on.
struct Ground<'c> {
    config: &'c Config,
    kube: KubeCluster,
    ambient: Ambient,
    workload: Workload,
    record: Record,
    user: Option<String>,
}

/// Does it.
///
/// # Errors
/// When cluster or registry don't answer, or it can't be done; nothing was written then.
pub(super) async fn act(
    config: &Config,
    cluster: &ClusterConfig,
    namespace: Option<&str>,
    subject: &Subject,
    deed: &Deed,
    how: &How,
) -> anyhow::Result<Done> {
    let ground = Ground::read(config, cluster, namespace, subject).await?;
    let container = subject.container.as_deref();
    let replaced = ground.replaced(how.replace)?;
    let mut plan = match deed {
        Deed::Approve { outside_window } => approve::plan(&ground, container, *outside_window).await?,
        Deed::Rollback { to } => back::plan(&ground, container, to.as_ref()).await?,
        Deed::Skip { clear } => declined::skip(&ground, container, *clear)?,
        Deed::Snooze { until } => declined::snooze(&ground, container, *until)?,
        Deed::Resume => declined::resume(&ground, container)?,
    };
    plan.warns.extend(replaced);
    ground.carry_out(plan, how).await
}

impl<'c> Ground<'c> {
    async fn read(
        config: &'c Config,
        cluster: &ClusterConfig,
        namespace: Option<&str>,
        subject: &Subject,
    ) -> anyhow::Result<Self> {
        let ambient = Ambient::system();
        let (client, default) = crate::cluster::connect(cluster).await?;
        let kube = KubeCluster::new(client, Index::default(), ambient.clone(), Metrics::new());
        let kube = kube.written_by(Writer::Person);
        let namespace = namespace.unwrap_or(&default);
        super::config::inherit(&kube, config, Some(namespace)).await;
        let id = id_of(subject, namespace);
        let workload = read(&kube, &id).await?;
        let record = annotations::claimed(&workload);
        let user = kube.user().await;
        Ok(Self { config, kube, ambient, workload, record, user })
    }

    fn now(&self) -> DateTime<Utc> {
        self.ambient.now()
    }

    fn registry(&self) -> anyhow::Result<HttpRegistry> {
        let outbound = self.config.outbound()?;
        let settings = RegistryConfig::of(self.config.registries.clone()).that_waits();
        Ok(HttpRegistry::new(settings, &outbound, self.ambient.clone(), std::sync::Arc::new(Metrics::new()))?)
    }

    /// The question about an update that can be answered, and its container.
    fn question(&self, container: Option<&str>) -> anyhow::Result<(String, Question)> {
        self.question_that(container, Ledger::open)
    }

    /// The same, or the one that is put off, which can be taken up again whatever the time of its links.
    fn question_put_off(&self, container: Option<&str>) -> anyhow::Result<(String, Question)> {
        self.question_that(container, Ledger::open_or_put_off)
    }

    fn question_that(
        &self,
        container: Option<&str>,
        pick: impl Fn(&Ledger, DateTime<Utc>) -> Option<&Question>,
    ) -> anyhow::Result<(String, Question)> {
        let is_named = |name: &str| container.is_none_or(|container| container == name);
        let open = self.record.ledgers().filter(|(name, _)| is_named(name)).filter_map(|(name, ledger)| {
            let question = pick(ledger, self.now()).filter(|question| question.terms.allows == Allows::Update)?;
            Some((name.to_owned(), question.clone()))
        });
        let mut open: Vec<(String, Question)> = open.collect();
        let id = &self.workload.id;
        match (open.pop(), open.as_slice()) {
            (Some(one), []) => Ok(one),
            (Some((name, _)), others) => {
                let names: Vec<&str> = others.iter().map(|(name, _)| &**name).chain([&*name]).collect();
                bail!(
                    "people are asked about several containers of {id}: say which with -c, one of {}",
                    names.join(", ")
                )
            }
            (None, _) => bail!(
                "nobody is asked about an update of {id} now, so there is nothing to answer{}; image-watcher check shows what there is",
                self.is_held(container)
                    .or_else(|| self.was_unanswered(container))
                    .unwrap_or_else(|| self.waits_by_itself(container))
            ),
        }
    }

    /// Why nobody is asked: what there was is held.
    fn is_held(&self, container: Option<&str>) -> Option<String> {
        let is_named = |name: &str| container.is_none_or(|container| container == name);
        let mut named = self.record.ledgers().filter(|(name, _)| is_named(name));
        let held = named.find_map(|(_, ledger)| ledger.held.clone())?;
        let tag = held.tag.clone();
        Some(format!(
            ": {tag} is {}; image-watcher resume lets people be asked about it",
            Blocker::Held(Box::new(held))
        ))
    }

    /// Why nobody is asked: they were, and the time of their links is over, or they put it off.
    fn was_unanswered(&self, container: Option<&str>) -> Option<String> {
        let is_named = |name: &str| container.is_none_or(|container| container == name);
        let unanswered = self.record.ledgers().filter(|(name, _)| is_named(name)).find_map(|(name, ledger)| {
            let image = &self.workload.container(name)?.1.image;
            let Terms { tag, digest, .. } = &ledger.question.as_ref()?.terms;
            ledger.unanswered(image, tag, digest, self.now())
        })?;
        let tag = &unanswered.terms.tag;
        if let Some(until) = unanswered.snoozed_until(self.now()) {
            let until = moment(until);
            return Some(format!(
                ": {tag} is put off until {until}; image-watcher snooze --clear has people asked anew"
            ));
        }
        Some(format!(
            ": people were asked about {tag}, and nobody answered in time; the page and the API still take an answer"
        ))
    }

    /// Why nobody is asked: a version waits, and goes by itself then. Who can't wait for that lets people decide, or writes the
    /// image.
    fn waits_by_itself(&self, container: Option<&str>) -> String {
        let bounds = super::bounds(self.config);
        let (now, workload) = (self.now(), &self.workload);
        let names = workload.containers.iter().map(|it| &*it.name);
        let waits = |name: &str| {
            let ledger = self.record.known(name);
            let settings = ledger.beside(Settings::read(workload, name, &bounds).ok()?);
            let cooldown = settings.policy.cooldown.clone();
            let cools = |(tag, ..): (&str, _, _)| Some((tag.to_owned(), cooldown.as_ref()?.until(tag, now)?));
            let cooling = ledger.known_since.iter().filter_map(cools).max_by_key(|(_, until)| *until);
            let cooling = cooling.map(|(tag, until)| format!("{tag} is in its cooldown until {}", moment(until)));
            let window = || {
                let until = settings.closed_until(now).filter(|_| settings.mode == Mode::AutoUpdate)?;
                Some(format!("what is newer goes by itself when image-watcher/window opens, {}", moment(until)))
            };
            let why = cooling.or_else(window)?;
            Some(format!(
                ": {why}. To have it before, take that setting off for as long, or write the image: kubectl -n {} set image {}/{} {name}=IMAGE",
                workload.id.namespace,
                workload.id.kind.short(),
                workload.id.name
            ))
        };
        names.filter(|name| container.is_none_or(|container| container == *name)).find_map(waits).unwrap_or_default()
    }

    /// Whether it is said why the revision is there that an image of this container makes.
    fn says_why(&self, container: &str) -> bool {
        let settings = Settings::read(&self.workload, container, &super::bounds(self.config));
        change_cause::is_written(&self.workload, settings.is_ok_and(|settings| settings.patch_owned))
    }

    /// Who acts, as it is said.
    fn actor(&self) -> Actor {
        Actor::Command(self.user.clone())
    }

    /// A patch that holds only while the service knows what it knew when this was decided, and says who asks for what.
    fn request(&self, container: &str, wish: Wish) -> WorkloadPatch {
        let request = Request {
            uid: self.workload.id.uid.clone(),
            after: self.record.sequence,
            container: container.into(),
            by: self.user.clone(),
            cause: self.workload.change_cause.clone().filter(|_| matches!(wish, Wish::Approve { .. })),
            wish,
        };
        let unchanged = ["record".to_owned()];
        let patch = WorkloadPatch::of(&self.workload).while_unchanged(&self.workload, unchanged.into_iter());
        patch.set(&self.workload, REQUEST, Some(request.text()))
    }

    /// What somebody asked before, where the service has not taken it over yet, as a warning: it is kept, but where a person says
    /// that it is not to be.
    fn replaced(&self, may: bool) -> anyhow::Result<Option<String>> {
        let Some(request) = Request::pending(&self.workload, self.record.sequence) else { return Ok(None) };
        let (by, wish) = (request.user().unwrap_or_else(|| "somebody".to_owned()), &request.wish);
        let asked = format!("{by} asked {wish} ({})", named(&self.workload, &request.container));
        if may {
            return Ok(Some(format!("{asked}, and this takes its place before the service took it over")));
        }
        bail!(
            "{asked}, and the service has not taken that over yet, so nothing is written: try again in a moment, or, where the service does not run, put this in its place with --replace"
        )
    }

    /// Who would undo it, if anybody would.
    fn owner(&self) -> Option<String> {
        self.workload.owner.as_ref().map(|owner| owner.warning())
    }

    async fn carry_out(&self, plan: Plan, how: &How) -> anyhow::Result<Done> {
        for line in &plan.says {
            print(&how.terminal.text(line.clone()));
        }
        for warning in &plan.warns {
            eprintln!("warning: {}", how.terminal.text(warning.clone()));
        }
        if how.dry_run {
            return self.rehearse(&plan).await;
        }
        match confirmed(how).await {
            Done::Yes => {}
            other => return Ok(other),
        }
        if plan.patch.writes_image() {
            self.admitted(&plan.patch).await?;
        }
        let stalled = match &self.workload.rollout {
            Rollout::Stalled(stall) => Some(stall.since.clone()),
            _ => None,
        };
        let written = interrupt::whole(self.kube.apply(&plan.patch)).await.map_err(|error| self.failed(error))?;
        match (plan.rolls, how.wait) {
            (Some((container, image)), Some(timeout)) => {
                let roll = follow::Roll { container, image, stalled };
                follow::follow((&self.kube, &self.ambient), &written, &roll, timeout).await
            }
            (Some(_), None) => {
                print("written; the rollout begins");
                Ok(Done::Yes)
            }
            (None, _) => {
                print("written");
                Ok(Done::Yes)
            }
        }
    }

    /// Whether the API server would write the images as they are asked for. What it says of nothing else is told by the write.
    async fn admitted(&self, patch: &WorkloadPatch) -> anyhow::Result<()> {
        match self.kube.rehearse(patch).await {
            Err(error) if error.is_final() => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    /// Shows what would be written, and what the API server says of it.
    async fn rehearse(&self, plan: &Plan) -> anyhow::Result<Done> {
        print(&difference(&plan.patch));
        for warning in self.kube.rehearse(&plan.patch).await.map_err(|error| self.failed(error))? {
            eprintln!("warning: the API server warns: {warning}");
        }
        print("nothing is written (dry run); the API server would take it");
        Ok(Done::Yes)
    }

    fn failed(&self, error: ClusterError) -> anyhow::Error {
        match error {
            ClusterError::Forbidden { message, .. } => forbidden(&self.workload.id, &message),
            ClusterError::Conflict { workload, .. } => {
                anyhow!("{workload} was changed meanwhile, and nothing was written; look at it and try again")
            }
            error if error.was_changed() => anyhow!("{error:#}; nothing was written"),
            error => error.into(),
        }
    }
}

fn id_of(subject: &Subject, namespace: &str) -> WorkloadId {
    let name = subject.name.as_str().into();
    WorkloadId { namespace: namespace.into(), kind: subject.kind, name, uid: Box::default() }
}

async fn read(kube: &KubeCluster, id: &WorkloadId) -> anyhow::Result<Workload> {
    let read = kube.read(id).await.map_err(|error| match error {
        ClusterError::Forbidden { message, .. } => forbidden(id, &message),
        error => error.into(),
    })?;
    let (name, namespace) = (format!("{}/{}", id.kind.short(), id.name), &id.namespace);
    if read.is_none()
        && id.kind == Kind::Rollout
        && let Some(deployment) = kube.described_by(id).await
    {
        bail!("{name} takes its pods from deploy/{deployment} in namespace {namespace}: name that");
    }
    read.with_context(|| {
        format!("{name} is not watched in namespace {namespace}: is it there, and has it an image-watcher/ annotation?")
    })
}

/// What the API server says of who may not ask in another's name.
const IMPERSONATE: &str = "cannot impersonate";

/// How that right is given.
const TO_IMPERSONATE: &str = "to ask in another's name (--as) takes verbs: [impersonate] on users, and on groups for --as-group, in a ClusterRole; as by\n  kubectl create clusterrole image-watcher-impersonate --verb=impersonate --resource=users,groups\n  kubectl create clusterrolebinding image-watcher-impersonate --clusterrole=image-watcher-impersonate --user=YOU";

/// Which right is missing, and how it is given.
fn forbidden(id: &WorkloadId, said: &str) -> anyhow::Error {
    let (group, plural) = (id.kind.group(), id.kind.plural());
    let namespace = &id.namespace;
    if said.contains(IMPERSONATE) {
        return anyhow!("{said}\n{TO_IMPERSONATE}");
    }
    anyhow!(
        "no right to do this to {id}: {said}\nit takes this rule in a Role of namespace {namespace}: apiGroups: [{group}], resources: [{plural}], verbs: [get, patch]; as by\n  kubectl create role image-watcher-commands -n {namespace} --verb=get,patch --resource={plural}.{group}\n  kubectl create rolebinding image-watcher-commands -n {namespace} --role=image-watcher-commands --user=YOU"
    )
}

/// What a patch changes, field by field.
fn difference(patch: &WorkloadPatch) -> String {
    let mut text = String::new();
    for guard in patch.guards.iter().filter(|guard| guard.to.is_some()) {
        let to = guard.to.as_deref().unwrap_or_default();
        let _ = write!(text, "image of {}\n- {}\n+ {to}\n", guard.container, guard.from);
    }
    let ours = patch.annotations.iter().map(|change| (format!("{PREFIX}{}", change.name), &change.old, &change.new));
    let cause = patch.cause.iter().map(|cause| (change_cause::ANNOTATION.to_owned(), &cause.old, &cause.new));
    for (name, old, new) in cause.chain(ours) {
        let _ = writeln!(text, "annotation {name}");
        for (sign, value) in old.iter().map(|old| ('-', old)).chain(new.iter().map(|new| ('+', new))) {
            let _ = writeln!(text, "{sign} {value}");
        }
    }
    text.trim_end().to_owned()
}

/// Asks a person at a terminal.
async fn confirmed(how: &How) -> Done {
    if how.yes {
        return Done::Yes;
    }
    if !std::io::stdin().is_terminal() {
        eprintln!("image-watcher: nobody can be asked here, as standard input is no terminal: add --yes");
        return Done::Unconfirmed;
    }
    eprint!("Do it? [y/N] ");
    // On a thread of its own, so that it can be interrupted.
    let (said, answer) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = std::io::stdin().lock().read_line(&mut text);
        drop(said.send(read.map(|_| text)));
    });
    let answer = answer.await.ok().and_then(Result::ok).unwrap_or_default();
    if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        Done::Yes
    } else {
        eprintln!("nothing is written");
        Done::No
    }
}

/// A line of the answer. Who reads may have seen enough.
fn print(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// What a workload is called in sentences of these commands.
fn named(workload: &Workload, container: &str) -> String {
    let WorkloadId { namespace, kind, name, .. } = &workload.id;
    format!("{namespace} {}/{name}, container {container}", kind.short())
}
