//! The table, and what else `check` prints, of a cluster and registries in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::*;
use crate::ambient::Clock;
use crate::cli::terminal::Form;
use crate::cluster::{ClusterError, Object, Right, Verb, connect};
use crate::domain::approval::{Allows, ApprovalId, KeyId, LIFETIME, LinkKey, Terms};
use crate::domain::declared::Kinds;
use crate::domain::fleet::{BrakeSeen, Fleet, Limits};
use crate::domain::history::Outcome;
use crate::domain::owner::Owner;
use crate::domain::policy::Wanted;
use crate::domain::preflight::Platform;
use crate::domain::preflight::image::Found;
use crate::domain::preflight::image::tests::fine;
use crate::domain::record::sealed::seal;
use crate::domain::record::{Event, InDoubt, Question, Record, Refused, Running, Stands as Asked, Update, WentBack};
use crate::domain::reference::{Digest, ImageReference, Repository, Tag};
use crate::domain::rollout::{Progress as Updated, Rollout, Waits};
use crate::domain::settings::{Bounds, Fingerprint};
use crate::domain::tag::Level;
use crate::domain::votes::Votes;
use crate::domain::workload::tests::workload;
use crate::domain::workload::{Kind, WorkloadId};
use crate::registry::{Credential, Extent, Labels, Refusal, Registry, RegistryError, Tags};

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\n\
    contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n";

pub(super) struct Noon;

impl Clock for Noon {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// Has the same tags in each repository, but for those whose names say otherwise.
pub(super) struct Shelf;

impl Registry for Shelf {
    async fn tags(&self, of: &Repository, _: &Credential, wanted: &Wanted) -> Result<Tags, RegistryError> {
        let host = of.host().to_owned();
        match of.path() {
            "shop/private" => {
                Err(RegistryError::Unauthorized { host, refusal: Refusal::NoCredential, whose: None, said: None })
            }
            "shop/slow" => Err(RegistryError::Status { host, operation: "tags", status: 500 }),
            "shop/empty" => Ok(Tags::of(of, wanted, &[])),
            "shop/lost" => Ok(Tags::of(of, wanted, &["9.9.9"])),
            _ => Ok(Tags::of(of, wanted, &["1.2.3", "1.3.0", "2.0.0", "latest"])),
        }
    }

    async fn digest(&self, _: &Repository, tag: &Tag, _: &Credential) -> Result<Option<Digest>, RegistryError> {
        Ok(Some(Digest::of(tag.as_str().as_bytes())))
    }

    async fn labels(&self, _: &Repository, _: &Digest, _: &Credential) -> Result<Option<Labels>, RegistryError> {
        Ok(None)
    }

    async fn image(
        &self,
        _: &Repository,
        _: &Digest,
        _: &[Platform],
        _: Extent,
        _: &Credential,
    ) -> Result<Found, RegistryError> {
        Ok(fine())
    }
}

pub(super) fn named(namespace: &str, name: &str, image: &str, annotations: &[(&str, &str)]) -> Workload {
    let image = format!("registry.example.com/{image}");
    let workload = workload(&[(name, &image)], annotations);
    let id = WorkloadId { namespace: namespace.into(), name: name.into(), ..workload.id.clone() };
    Workload { id, ..workload }
}

/// What a record says of the update to 1.3.0 that was written and came to this.
fn updated(workload: Workload, outcome: Outcome) -> Workload {
    let update = Update {
        tag: Tag::parse("1.3.0").unwrap(),
        digest: Digest::of(b"1.3.0"),
        from: "registry.example.com/shop/web:1.2.3".into(),
        at: "2026-11-18T10:00:00Z".parse().unwrap(),
        level: Level::Minor,
        ..crate::domain::record::tests::update(1, None)
    };
    recorded(workload, vec![Event::Write(Box::new(update)), Event::End(outcome, None)])
}

/// The same workload, with the record that these events come to.
pub(super) fn recorded(workload: Workload, events: Vec<Event>) -> Workload {
    let (mut record, container) = (Record::default(), workload.containers[0].name.to_string());
    for event in events {
        record.on(&container, event, Noon.now());
    }
    let (text, _) = seal(&record, &workload.id, &LinkKey::new(vec![7; 32]).unwrap()).unwrap();
    let mut annotations = workload.annotations.to_vec();
    annotations.push(("record".into(), text.into()));
    annotations.sort();
    Workload { annotations: annotations.into(), ..workload }
}

/// A question about going from 1.2.3 to this version.
fn question(to: &str, with: &[&str]) -> Question {
    let now = Noon.now();
    let terms = Terms {
        id: ApprovalId::mint(now, [1; 10]),
        key: KeyId::of("k1".into()),
        expires: now + LIFETIME,
        nonce: "nonce".into(),
        from: "registry.example.com/shop/web:1.2.3".into(),
        from_digest: None,
        tag: Tag::parse(to).unwrap(),
        digest: Digest::of(to.as_bytes()),
        allows: Allows::Update,
        group: None,
    };
    let with = with.iter().map(|name| (*name).into()).collect();
    Question {
        terms,
        level: Level::Major,
        why: None,
        asked: now,
        with,
        declares: Kinds::default(),
        preflight: None,
        because: None,
        group: None,
        votes: Votes::default(),
        reminders: 0,
        is_renewed: false,
        stands: Asked::Open,
    }
}

/// What a record says of the update to 2.0.0, in all ways.
fn known() -> Vec<Workload> {
    let now = Noon.now();
    let image = |tag: &str| ImageReference::parse(&format!("registry.example.com/shop/web:{tag}")).unwrap();
    let runs = |tag: &str| Running::of(&image(tag)).unwrap();
    let ask = |with: &[&str]| Event::Ask(Box::new(question("2.0.0", with)));
    let back = Event::SetBack { to: runs("1.2.3"), by: vec!["kubectl-rollout".into()], owned: false, question: None };
    let (tag, digest) = (Tag::parse("2.0.0").unwrap(), Digest::of(b"2.0.0"));
    let refused = Event::Refuse(Refused {
        tag,
        digest,
        again: now + chrono::TimeDelta::hours(6),
        said: String::new(),
        flaw: None,
        told: None,
    });
    let snoozed = Event::Snooze { until: now + chrono::TimeDelta::days(7) };
    let then = now - LIFETIME - chrono::TimeDelta::hours(1);
    let unanswered = question("2.0.0", &[]);
    let terms = Terms { id: ApprovalId::mint(then, [2; 10]), expires: then + LIFETIME, ..unanswered.terms.clone() };
    let unanswered = Question { terms, asked: then, ..unanswered };
    let (asks, auto) = ([("mode", "NOTIFICATION")], [("mode", "AUTO_UPDATE")]);
    let refusal = ("error", "the API server refuses to write 2.0.0: image is not signed");
    let web = |name, annotations: &[(&str, &str)]| named("staging", name, "shop/web:1.2.3", annotations);
    let together = |name: &str, annotations: &[(&str, &str)]| {
        let image = "registry.example.com/shop/web:1.2.3";
        let workload = workload(&[(name, image), ("migrate", image)], annotations);
        let id = WorkloadId { namespace: "staging".into(), name: name.into(), ..workload.id.clone() };
        Workload { id, ..workload }
    };
    let rollout = Rollout::Waiting(Waits::OnDelete);
    let in_doubt = InDoubt { settings: Fingerprint::stored(1), why: WentBack::Older };
    vec![
        recorded(web("asked", &asks), vec![ask(&[])]),
        recorded(web("unanswered", &asks), vec![Event::Ask(Box::new(unanswered))]),
        recorded(web("snoozed", &asks), vec![ask(&[]), snoozed]),
        recorded(web("set-back", &auto), vec![Event::Runs(runs("2.0.0")), back]),
        recorded(web("refused", &[auto[0], refusal]), vec![refused]),
        recorded(web("asks-only", &auto), vec![Event::SettingsWentBack(None, in_doubt)]),
        recorded(together("pair", &asks), vec![ask(&["migrate"])]),
        recorded(web("doubted", &asks), vec![Event::Shrunk(40)]),
        together("apart", &[asks[0], ("mode.migrate", "AUTO_UPDATE")]),
        Workload {
            rollout,
            ..updated(
                named("staging", "waits", "shop/web:1.3.0", &[asks[0], ("strategy", "MINOR")]),
                Outcome::RollingOut,
            )
        },
    ]
}

fn shop() -> Vec<Workload> {
    let ask = ("mode", "NOTIFICATION");
    let auto = ("mode", "AUTO_UPDATE");
    let minor = ("strategy", "MINOR");
    let older = format!("registry.example.com/shop/web:latest@{}", Digest::of(b"older"));
    let older = Running::of(&ImageReference::parse(&older).unwrap()).unwrap();
    let mut all = vec![
        named("shop", "web", "shop/web:1.2.3", &[ask, minor]),
        named("shop", "auto", "shop/web:1.2.3", &[auto]),
        named("shop", "new", "shop/web:2.0.0", &[ask]),
        named("shop", "held", "shop/web:1.3.0", &[ask, minor]),
        named("shop", "cooling", "shop/web:1.2.3", &[auto, ("cooldown", "24h")]),
        named("shop", "disabled", "shop/web:1.2.3", &[("mode", "DISABLED")]),
        named("shop", "misread", "shop/web:1.2.3", &[("mode", "SOMETIMES")]),
        named("shop", "named", "shop/web:latest", &[ask]),
        recorded(named("shop", "followed", "shop/web:latest", &[ask, ("track", "digest")]), vec![Event::Runs(older)]),
        named("shop", "unpinned", "shop/web:latest", &[ask, ("track", "digest")]),
        named("shop", "private", "shop/private:1.2.3", &[ask]),
        named("shop", "slow", "shop/slow:1.2.3", &[ask]),
        named("shop", "empty", "shop/empty:1.2.3", &[ask]),
        named("shop", "lost", "shop/lost:1.2.3", &[ask]),
        updated(named("shop", "rolling", "shop/web:1.3.0", &[ask, minor]), Outcome::RollingOut),
        updated(named("shop", "failed", "shop/web:1.3.0", &[ask, minor]), Outcome::Failed),
        named("blog", "press", "shop/web:1.2.3", &[ask]),
        Workload { paused: true, ..named("shop", "paused", "shop/web:1.2.3", &[auto]) },
    ];
    all.extend(known());
    all.push(named("shop", "digest", &format!("shop/web@{}", Digest::of(b"1.3.0")), &[ask]));
    let owner = Owner::read(|key| (key == "argocd.argoproj.io/instance").then_some("web"), |_| None);
    for workload in &mut all {
        match &*workload.id.name {
            "web" => workload.owner.clone_from(&owner.clone().map(Into::into)),
            "failed" | "rolling" => workload.rollout = Rollout::Progressing(Updated::default()),
            _ => {}
        }
    }
    all
}

async fn report() -> Report {
    let scope = Scope::in_namespace("stock").swap_remove(0);
    let error = ClusterError::Unlistable { scope: scope.clone(), message: "deployments.apps is forbidden".into() };
    let settings = vec!["asked by plain http: registry.example.com:5000".into()];
    let (unread, took) = (vec![Unread::of(&scope, &error)], Duration::from_millis(1234));
    Report { unread, took, settings, ..report_on(shop(), None).await }
}

/// What `check` says of these workloads of a cluster.
pub(super) async fn report_on(workloads: Vec<Workload>, brake: Option<BrakeSeen>) -> Report {
    report_beside(workloads, Fleet::default(), brake).await
}

/// The same, where this is known of others.
pub(super) async fn report_beside(workloads: Vec<Workload>, fleet: Fleet, brake: Option<BrakeSeen>) -> Report {
    report_by(&Shelf, &Ambient::system().at(Arc::new(Noon)), workloads, fleet, brake).await
}

/// The same, by another registry and another clock.
pub(super) async fn report_by<R: Registry>(
    registry: &R,
    ambient: &Ambient,
    workloads: Vec<Workload>,
    fleet: Fleet,
    brake: Option<BrakeSeen>,
) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("config");
    std::fs::write(&kubeconfig, KUBECONFIG).unwrap();
    let config = ClusterConfig { kubeconfig: Some(kubeconfig), ..ClusterConfig::default() };
    let (client, _) = connect(&config).await.unwrap();
    let kube = KubeCluster::new(client, Index::default(), ambient.clone(), Metrics::new());
    let may_not_patch =
        Right { namespace: Some("blog".into()), object: Object::Workloads(Kind::Deployment), verb: Verb::Patch };
    let rights = BTreeMap::from([(may_not_patch, Some(false))]);
    let bounds = Bounds::default();
    let place = Place::Cluster { kube: &kube, rights: &rights };
    let look = Look { bounds: &bounds, place, registry, ambient, fleet, limits: Limits::default(), brake };
    let subjects: Vec<Subject<'_>> = workloads.iter().map(Subject::of).collect();
    let (rows, lists) = look.rows(&subjects).await;
    Report { rows, unread: Vec::new(), lists, took: Duration::ZERO, settings: Vec::new(), files: None }
}

#[tokio::test]
async fn tables() {
    let report = report().await;
    let (table, wide) = (report.print(Output::Table, Form::default()), report.print(Output::Wide, Form::default()));
    let told = format!("── check\n\n{table}{}\n── check -o wide\n\n{wide}", report.summary(Output::Table));
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn documents() {
    let report = report().await;
    let (json, yaml, names) = (
        report.print(Output::Json, Form::default()),
        report.print(Output::Yaml, Form::default()),
        report.print(Output::Name, Form::default()),
    );
    crate::cli::schemas::conforms(&json);
    let first = yaml.split("\n- ").take(2).collect::<Vec<_>>().join("\n- ");
    let told = format!(
        "── check -o json\n\n{json}\n── check -o yaml, its beginning\n\n{first}\n\n── check -o name\n\n{names}"
    );
    insta::assert_snapshot!(told);
}

#[test]
fn nothing_to_show() {
    let scope = Scope::in_namespace("stock").swap_remove(0);
    let error = ClusterError::Unlistable { scope: scope.clone(), message: "deployments.apps is forbidden".into() };
    let empty =
        |unread| Report { rows: Vec::new(), unread, lists: 0, took: Duration::ZERO, settings: Vec::new(), files: None };
    let (nothing, unread) = (empty(Vec::new()), empty(vec![Unread::of(&scope, &error)]));
    let told = format!(
        "── no workload\n\n{}\n── nothing could be read\n\n{}",
        nothing.summary(Output::Table),
        unread.summary(Output::Table)
    );
    insta::assert_snapshot!(told);
}
