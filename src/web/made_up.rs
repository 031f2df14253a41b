//! A made-up service: workloads with real records, as the API reads them, and answers without a cluster.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;

use super::backend::{Action, Backend, Candidate, Decided, Explanation, Handling, Letters, Pick, Place};
use crate::access::Visitor;
use crate::ambient::{Ambient, Clock};
use crate::api::view::{
    AboutView, BrakeView, BudgetView, DeliveryView, FailedView, Filter, Fleet, RegistryView, SourceView, StoppedView,
    Time, WorkloadView,
};
use crate::api::Api;
use crate::api::made_up::{Looks, api};
use crate::cluster::Index;
use crate::domain::actor::Actor;
use crate::domain::approval::{Allows, ApprovalId, KeyId, LIFETIME, LinkKey, LinkKeys, Terms};
use crate::domain::event::Failure;
use crate::domain::fleet::{Asks, Failed};
use crate::domain::grounds::Grounds;
use crate::domain::history::Outcome;
use crate::domain::owner::Owner;
use crate::domain::plain::PlainText;
use crate::domain::policy::Strategy;
use crate::domain::preflight::{Changes, DryRun, FromTo, Names, PlatformsOf, Preflight};
use crate::domain::record::{Event, Question, Record, Running, Update, sealed};
use crate::domain::reference::{Digest, ImageReference, Tag};
use crate::domain::release::{self, Alert, AlertKind, FoundBy, ReleaseNotes, TextSource};
use crate::domain::tag::Level;
use crate::domain::view::{CameTo, LastLook};
use crate::domain::workload::{Kind, Workload};
use crate::listener::Problem;
use crate::queue::sqlite::SqliteQueue;

/// The moment at which all of it is looked at.
pub(super) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

fn ago(hours: i64) -> DateTime<Utc> {
    now() - TimeDelta::hours(hours)
}

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> DateTime<Utc> {
        now()
    }

    fn monotonic(&self) -> std::time::Duration {
        std::time::Duration::from_secs(1)
    }
}

/// A service with so many workloads.
pub(super) struct MadeUp {
    api: Api<SqliteQueue>,
    /// What was decided, and by whom.
    pub(super) decided: Mutex<Vec<(String, Pick, Action)>>,
    /// What was done about messages.
    pub(super) handled: Mutex<Vec<Handling>>,
    /// Whether the brake is on.
    pub(super) is_stopped: Mutex<bool>,
    /// Since when the cluster does not answer.
    pub(super) stale_since: Option<DateTime<Utc>>,
    _folder: tempfile::TempDir,
}

/// How a made-up container stands.
#[derive(Clone, Copy)]
enum Stands {
    Asked,
    AskedMajor,
    AskedAsItFailed,
    Snoozed,
    Failed,
    RollingOut,
    Cooling,
    Undecided,
    Settings,
    Disabled,
    Current,
}

/// One made-up workload.
struct One {
    at: (&'static str, Kind, &'static str),
    image: &'static str,
    from: &'static str,
    to: &'static str,
    level: Level,
    stands: Stands,
    mode: &'static str,
    owner: Option<Owner>,
}

fn one(at: (&'static str, Kind, &'static str), image: &'static str, (from, to): (&'static str, &'static str)) -> One {
    let (level, stands, mode) = (Level::Minor, Stands::Asked, "NOTIFICATION");
    One { at, image, from, to, level, stands, mode, owner: None }
}

fn named() -> Vec<One> {
    use Kind::{CronJob, DaemonSet, Deployment, StatefulSet};
    let argo = Owner::read(|_| None, |name| (name == "argocd.argoproj.io/tracking-id").then_some("shop:apps/Deployment:shop/web"));
    vec![
        One { owner: argo, ..one(("shop", Deployment, "web"), "ghcr.io/acme/shop-web", ("1.2.3", "1.3.0")) },
        One { level: Level::Major, stands: Stands::AskedMajor, ..one(("shop", StatefulSet, "redis"), "docker.io/library/redis", ("7.4.1-alpine", "8.0.1-alpine")) },
        One { stands: Stands::Failed, level: Level::Patch, mode: "AUTO_UPDATE", ..one(("shop", Deployment, "worker"), "ghcr.io/acme/worker", ("2.0.0", "2.0.1")) },
        One { stands: Stands::AskedAsItFailed, level: Level::Patch, mode: "AUTO_UPDATE", ..one(("shop", Deployment, "worker-eu"), "ghcr.io/acme/worker", ("2.0.0", "2.0.1")) },
        one(("blog", Deployment, "ghost"), "docker.io/library/ghost", ("5.98.1-alpine", "5.101.3-alpine")),
        one(("data", CronJob, "export"), "quay.io/acme/export", ("2026.10.2", "2026.11.0")),
        One { stands: Stands::Snoozed, level: Level::Major, ..one(("data", StatefulSet, "kafka"), "quay.io/strimzi/kafka", ("3.8.0", "4.1.0")) },
        One { stands: Stands::RollingOut, mode: "AUTO_UPDATE", ..one(("data", StatefulSet, "postgres"), "docker.io/library/postgres", ("16.4-bookworm", "16.6-bookworm")) },
        One { stands: Stands::Cooling, mode: "AUTO_UPDATE", level: Level::Patch, ..one(("shop", Deployment, "cart"), "ghcr.io/acme/cart", ("3.4.0", "3.4.1")) },
        One { stands: Stands::Undecided, ..one(("legacy", Deployment, "crm"), "registry.example.com/crm/app", ("2024.01", "2024.01")) },
        One { stands: Stands::Settings, ..one(("legacy", Deployment, "mailer"), "registry.example.com/crm/mailer", ("2024.8.1", "2025.2.0")) },
        One { stands: Stands::Disabled, mode: "DISABLED", ..one(("legacy", Deployment, "wiki"), "docker.io/library/mediawiki", ("1.42.3", "1.42.3")) },
        One { stands: Stands::Current, ..one(("ops", DaemonSet, "node-exporter"), "quay.io/prometheus/node-exporter", ("v1.8.2", "v1.8.2")) },
        One { stands: Stands::Current, mode: "AUTO_UPDATE", ..one(("ops", Deployment, "proxy"), "docker.io/library/nginx", ("1.27.3-alpine", "1.27.3-alpine")) },
    ]
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

impl One {
    fn image(&self) -> String {
        format!("{}:{}@{}", self.image, self.from, digest(self.from))
    }

    fn container(&self) -> &'static str {
        self.image.rsplit('/').next().unwrap()
    }

    fn question(&self, number: u8) -> Question {
        let asked = ago(20 + i64::from(number % 50));
        let terms = Terms {
            id: ApprovalId::mint(asked, [number; 10]),
            key: KeyId::of("k1".into()),
            expires: asked + LIFETIME,
            nonce: "AAECAwQFBgcICQoLDA0ODw".into(),
            from: self.image(),
            from_digest: Some(digest(self.from)),
            tag: Tag::parse(self.to).unwrap(),
            digest: digest(self.to),
            allows: Allows::Update,
            group: None,
        };
        let failed = Failed {
            workload: "shop/deploy/worker".into(),
            container: "worker".into(),
            tag: Tag::parse("2.0.1").unwrap(),
            reason: "CrashLoopBackOff".into(),
            at: ago(1),
        };
        let because = matches!(self.stands, Stands::AskedAsItFailed).then(|| Box::new(Asks::Failed(failed)));
        let why = Grounds::Highest { strategy: Strategy::All, level: self.level, steps: None, missing: vec![], unfit: vec![] };
        Question { why: Some(why), because, preflight: Some(Box::new(preflight())), ..Question::new(terms, self.level, asked) }
    }

    fn update(&self, from: &str, to: &str, at: DateTime<Utc>, by: &str) -> Update {
        Update {
            tag: Tag::parse(to).unwrap(),
            digest: digest(to),
            from: format!("{}:{from}@{}", self.image, digest(from)),
            from_digest: Some(digest(from)),
            level: Level::Patch,
            at,
            by: Actor::from(by),
            ..crate::domain::record::tests::update(1, None)
        }
    }

    fn record(&self, number: u8) -> Record {
        let (container, mut record) = (self.container(), Record::default());
        let running = Running::of(&ImageReference::parse(&self.image()).unwrap()).unwrap();
        let written = |record: &mut Record, update: Update, end: Option<(Outcome, Option<Failure>)>| {
            let at = update.at;
            record.on(container, Event::Write(Box::new(update)), at);
            if let Some((outcome, failure)) = end {
                record.on(container, Event::End(outcome, failure), at + TimeDelta::minutes(2));
            }
        };
        let old = self.update("0.9.0", self.from, ago(24 * (3 + i64::from(number % 40))), "sign-in anna@example.com");
        written(&mut record, old, Some((Outcome::Healthy, None)));
        record.on(container, Event::Runs(running), ago(2));
        let question = || Event::Ask(Box::new(self.question(number)));
        match self.stands {
            Stands::Asked | Stands::AskedMajor | Stands::AskedAsItFailed => {
                record.on(container, question(), ago(20));
            }
            Stands::Snoozed => {
                record.on(container, question(), ago(20));
                record.on(container, Event::Snooze { until: now() + TimeDelta::days(4) }, ago(10));
            }
            Stands::Failed => {
                let failure = Failure::new("CrashLoopBackOff", "exit 78");
                written(&mut record, self.update(self.from, self.to, ago(1), "policy"), Some((Outcome::Failed, Some(failure))));
            }
            Stands::RollingOut => written(&mut record, self.update(self.from, self.to, ago(0), "policy"), None),
            _ => {}
        }
        record
    }

    fn runs(&self) -> String {
        match self.stands {
            Stands::Failed | Stands::RollingOut => format!("{}:{}@{}", self.image, self.to, digest(self.to)),
            _ => self.image(),
        }
    }

    fn look(&self) -> LastLook {
        let tag = Tag::parse(self.to).unwrap();
        let came_to = match self.stands {
            Stands::Undecided => CameTo::Undecided("registry.example.com answers 401 Unauthorized: its credential is refused".into()),
            Stands::Cooling => CameTo::Cooling { tag, level: self.level, until: now() + TimeDelta::hours(5) },
            Stands::Current | Stands::Disabled | Stands::Settings | Stands::RollingOut => CameTo::Nothing,
            _ => CameTo::To { tag, digest: digest(self.to), level: self.level },
        };
        LastLook { at: now() - TimeDelta::minutes(12), came_to }
    }

    fn workload(&self, name: &str, namespace: &str, number: usize, keys: &LinkKeys) -> Workload {
        let strategy = if matches!(self.stands, Stands::Settings) { "MINOR OR SO" } else { "MAJOR" };
        let annotations = [("mode", self.mode), ("strategy", strategy)];
        let mut made = crate::domain::workload::tests::workload(&[(self.container(), &self.runs())], &annotations);
        (made.id.namespace, made.id.kind, made.id.name) = (namespace.into(), self.at.1, name.into());
        made.id.uid = format!("uid-{number}").into();
        made.resource_version = u64::try_from(number).unwrap() + 1;
        made.owner = self.owner.clone().map(Box::new);
        if matches!(self.stands, Stands::RollingOut | Stands::Failed) {
            made.rollout = crate::domain::rollout::Rollout::Progressing(crate::domain::rollout::Progress::default());
        }
        let record = self.record(u8::try_from(number % 250).unwrap());
        let (record, history) = sealed::seal(&record, &made.id, keys.signing()).unwrap();
        let more = [("record", Some(record)), ("history", history)];
        let more = more.into_iter().filter_map(|(name, text)| Some((Box::from(name), text?.into())));
        let mut all: Vec<(Box<str>, Box<str>)> = made.annotations.iter().cloned().chain(more).collect();
        all.sort();
        made.annotations = all.into();
        made
    }
}

fn preflight() -> Preflight {
    let strings = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect();
    let changes = Changes {
        user: Some(FromTo { from: "1000".into(), to: "65532".into() }),
        entrypoint: Some(FromTo { from: "/web".into(), to: "/usr/bin/web serve".into() }),
        environment: Names { added: strings(&["WEB_LISTEN"]), removed: strings(&["WEB_HOST"]) },
        ports: Names { added: strings(&["9102/tcp"]), removed: vec![] },
        size: Some((48_100_000, 48_900_000)),
        ..Changes::default()
    };
    Preflight {
        platforms: Some(PlatformsOf::Nodes),
        blobs: Some(9),
        configuration: true,
        dry_run: Some(DryRun::Passed),
        changes: Some(changes),
    }
}

/// The notes of every update.
fn notes() -> ReleaseNotes {
    let plain = |text: &str| PlainText::of(text);
    let mut notes = ReleaseNotes::only_a_page("https://github.com/acme/shop-web/releases".into(), FoundBy::Label);
    notes.text = TextSource::Release;
    notes.alerts = vec![
        Alert { kind: AlertKind::Breaking, text: plain("WEB_PORT is read as an integer now."), version: plain("1.3.0") },
        Alert { kind: AlertKind::Security, text: plain("CVE-2026-31337, in the proxy mode"), version: plain("1.2.5") },
    ];
    let line = |kind, text: &str| release::Line { kind, text: plain(text) };
    let one = |version: &str, published: &str, lines| release::Release {
        version: plain(version),
        url: format!("https://github.com/acme/shop-web/releases/tag/v{version}"),
        published: Some(published.to_owned()),
        lines,
        is_cut: false,
    };
    use release::LineKind::{Code, Heading, Item, Text};
    notes.releases = vec![
        one("1.3.0", "2026-11-15", vec![
            line(Heading, "Breaking changes"),
            line(Item, "WEB_PORT is read as an integer now."),
            line(Item, "WEB_HOST was removed; WEB_LISTEN takes host and port."),
            line(Code, "WEB_LISTEN=0.0.0.0:8080"),
        ]),
        one("1.2.5", "2026-11-13", vec![line(Text, "Requests with two Content-Length headers are refused (CVE-2026-31337).")]),
        one("1.2.4", "2026-11-12", vec![line(Item, "Keep-alive follows WEB_IDLE."), line(Item, "<script>alert(1)</script> is text.")]),
    ];
    notes
}

impl MadeUp {
    /// So many workloads; the first are of all kinds, most others are up to date.
    pub(super) fn of(count: usize) -> Self {
        Self::with(count, Vec::new())
    }

    /// The same, and these.
    pub(super) fn with(count: usize, more: Vec<Workload>) -> Self {
        let keys: LinkKeys = LinkKey::new(vec![1; 32]).unwrap().into();
        let index = Index::knowing(keys.clone());
        let named = named();
        let mut looks = Looks::default();
        for number in 0..count {
            let of = if number < named.len() { number } else { number * 7 % 91 };
            let one = named.get(of).unwrap_or(&named[named.len() - 1 - number % 2]);
            let (namespace, name) = if number < named.len() {
                (one.at.0.to_owned(), one.at.2.to_owned())
            } else {
                (format!("team-{:02}", number % 37), format!("{}-{number}", one.at.2))
            };
            let workload = one.workload(&name, &namespace, number, &keys);
            looks.insert((workload.id.uid.to_string(), one.container().to_owned()), one.look());
            index.observe(&workload.id.clone(), Some(workload));
        }
        for workload in more {
            index.observe(&workload.id.clone(), Some(workload));
        }
        let notes = Arc::new(|_: &Arc<Workload>, _: &_| -> BoxFuture<'static, _> { Box::pin(async { Some(notes()) }) });
        let (api, folder) = api(index, keys, looks, notes, Ambient::system().at(Arc::new(Stopped)));
        Self {
            api,
            decided: Mutex::default(),
            handled: Mutex::default(),
            is_stopped: Mutex::new(false),
            stale_since: None,
            _folder: folder,
        }
    }
}

/// A workload whose owner writes markup wherever they can.
pub(super) fn hostile() -> Vec<Workload> {
    const MARKUP: &str = "<script>alert(1)</script><img src=x>";
    let error = format!("no such tag: {MARKUP}");
    let annotations = [("mode", "NOTIFICATION"), ("error", &error), ("group", MARKUP), ("release-url", MARKUP)];
    let mut workload = crate::domain::workload::tests::workload(&[("web", "registry.example.com/shop/web:1.2.3")], &annotations);
    workload.owner = Some(Box::new(Owner::controller(MARKUP, MARKUP)));
    let bad = crate::domain::workload::tests::workload(&[("web", &format!("{MARKUP}:1"))], &[("mode", MARKUP), ("strategy", MARKUP)]);
    let mut bad = Workload { resource_version: 2, ..bad };
    bad.id.name = "bad".into();
    bad.id.uid = "uid-2".into();
    vec![workload, bad]
}

fn letter(id: &str, state: &str, channel: &str, event: &str, error: Option<&str>) -> DeliveryView {
    let about = AboutView {
        event: event.into(),
        workload: "shop/deploy/web".into(),
        container: "web".into(),
        from: "1.2.3".into(),
        to: "1.3.0".into(),
    };
    DeliveryView {
        id: id.into(),
        channel: channel.into(),
        recipient: (channel == "oncall").then(|| "o…@example.com".to_owned()),
        state: state.into(),
        event: Some(event.into()),
        about: vec![about],
        more: 0,
        attempts: if state == "waiting" { 0 } else { 8 },
        last_error: error.map(str::to_owned),
        next_attempt: (state == "retried").then(|| Time(now() + TimeDelta::minutes(4))),
        created: Time(ago(4)),
        changed: Time(ago(3)),
        trace: "t".into(),
    }
}

impl Backend for MadeUp {
    fn now(&self) -> DateTime<Utc> {
        now()
    }

    fn fleet(&self, filter: &Filter) -> Fleet {
        self.api.fleet(filter)
    }

    fn stale_since(&self) -> Option<DateTime<Utc>> {
        self.stale_since
    }

    fn dead(&self) -> BoxFuture<'_, u64> {
        Box::pin(async { 2 })
    }

    fn brake(&self) -> BoxFuture<'_, BrakeView> {
        let failed = FailedView {
            workload: "shop/deploy/worker".into(),
            container: "worker".into(),
            version: "2.0.1".into(),
            reason: "CrashLoopBackOff".into(),
            at: Time(ago(1)),
        };
        let is_on = *self.is_stopped.lock().unwrap();
        let stopped = is_on.then(|| StoppedView { since: Time(ago(1)), why: "they failed".into(), failed: vec![failed] });
        Box::pin(async move { BrakeView { schema: "image-watcher/brake/v1", stopped, released: None } })
    }

    fn workload<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Result<WorkloadView, Problem>> {
        let path = (place.namespace.clone(), place.kind.clone(), place.name.clone());
        Box::pin(async move { self.api.one(&path).await })
    }

    fn explain<'a>(&'a self, _: &'a Place) -> BoxFuture<'a, Result<Explanation, Problem>> {
        let one = |tag: &str, rule: &str, why: &str| Candidate {
            tag: tag.into(),
            rule: rule.into(),
            why: why.into(),
            is_taken: tag == "1.3.0",
        };
        let candidates = vec![
            one("1.3.0", "S8", "minor"),
            one("2.0.0", "S6", "major, beyond the strategy"),
            one("1.3.0-rc.2", "S5", "a prerelease"),
            one("nightly", "S2", "no version"),
        ];
        let sentence = "web would go from 1.2.3 to 1.3.0: highest of its family that strategy MAJOR allows (minor).";
        let explanation = Explanation { sentence: sentence.into(), candidates, more: 210 };
        Box::pin(async move { Ok(explanation) })
    }

    fn decide<'a>(
        &'a self,
        visitor: &'a Visitor,
        picks: &'a [Pick],
        action: &'a Action,
    ) -> BoxFuture<'a, Result<Vec<Decided>, Problem>> {
        let name = visitor.who.name();
        self.decided.lock().unwrap().extend(picks.iter().map(|pick| (name.to_owned(), pick.clone(), action.clone())));
        let came_to = |pick: &Pick| {
            let is_done = pick.place.name != "ghost";
            let words = if is_done { "Written; its rollout is followed." } else { "The tag has moved. Nothing was done." };
            Decided { is_done, words: words.to_owned() }
        };
        Box::pin(async move { Ok(picks.iter().map(came_to).collect()) })
    }

    fn release<'a>(&'a self, _: &'a Visitor) -> BoxFuture<'a, Result<(), Problem>> {
        *self.is_stopped.lock().unwrap() = false;
        Box::pin(async { Ok(()) })
    }

    fn sources(&self) -> Vec<SourceView> {
        let of = |name: &str, kind: &str| SourceView { name: name.into(), kind: kind.into(), ..SourceView::default() };
        let counts = |all: &[(&str, u64)]| all.iter().map(|(word, many)| ((*word).to_owned(), *many)).collect();
        vec![
            SourceView { last_accepted: Some(Time(ago(1))), counts: counts(&[("accepted", 128), ("ignored", 4)]), ..of("github", "github") },
            SourceView { last_accepted: Some(Time(ago(48))), missed: 3, counts: counts(&[("accepted", 9)]), ..of("hub", "dockerhub") },
            SourceView {
                last_accepted: Some(Time(ago(30))),
                last_refused: Some(Time(ago(1))),
                last_refused_as: Some("bad_signature".into()),
                last_refusal: Some("the signature is not right".into()),
                counts: counts(&[("accepted", 18), ("bad_signature", 41), ("bad_payload", 2)]),
                ..of("ci", "native")
            },
            of("new", "harbor"),
        ]
    }

    fn registries(&self) -> Vec<RegistryView> {
        let of = |host: &str, repositories, outcome: &str| RegistryView {
            host: host.into(),
            repositories,
            last_asked: Some(Time(now() - TimeDelta::minutes(12))),
            last_outcome: Some(outcome.into()),
            budget: None,
            ceiling: None,
            waits_until: None,
            waits_for: None,
        };
        let budget = |left, limit| Some(BudgetView { left, limit, window_seconds: 21_600, told: Some(Time(ago(1))) });
        vec![
            RegistryView { budget: budget(17, 100), waits_until: Some(Time(now() + TimeDelta::hours(3))), waits_for: Some("budget".into()), ..of("docker.io", 12, "ok") },
            RegistryView { budget: budget(4410, 5000), ..of("ghcr.io", 18, "ok") },
            of("quay.io", 4, "ok"),
            of("registry.example.com", 2, "unauthorized"),
        ]
    }

    fn deliveries(&self, asked: Letters) -> BoxFuture<'_, Result<(Vec<DeliveryView>, Option<String>), Problem>> {
        let all = vec![
            letter("d81f2", "dead", "ops-hook", "update.failed", Some("503 from hooks.example.com, after 10 s")),
            letter("d7c04", "dead", "oncall", "update.available", Some("550 5.1.1 no such user: o…@example.com")),
            letter("d9a17", "retried", "oncall", "update.available", Some("450 4.2.1 mailbox busy")),
            letter("d9a31", "waiting", "deploys", "update.healthy", None),
        ];
        let all = all.into_iter().filter(|it| asked.state.as_ref().is_none_or(|state| *state == it.state)).collect();
        Box::pin(async move { Ok((all, Some("1795000000000.12".into()))) })
    }

    fn handle<'a>(&'a self, _: &'a Visitor, handling: Handling) -> BoxFuture<'a, Result<(), Problem>> {
        self.handled.lock().unwrap().push(handling);
        Box::pin(async { Ok(()) })
    }
}
