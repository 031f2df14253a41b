//! Made-up workloads, with the records that the service would have written.

use chrono::{DateTime, TimeDelta, Utc};

use super::{ago, now};
use crate::domain::actor::Actor;
use crate::domain::approval::{Allows, ApprovalId, KeyId, LIFETIME, LinkKey, LinkKeys, Terms};
use crate::domain::event::Failure;
use crate::domain::fleet::{Asks, Failed};
use crate::domain::gone::{Gone, Lost};
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
use crate::domain::view::{CameTo, LastLook, NoGround, NotLetIn, Refusing, Ungrounded};
use crate::domain::workload::{Kind, Workload};
use release::LineKind::{Code, Heading, Item, Text};

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
    Gone,
    Disabled,
    Current,
}

/// One made-up workload.
pub(super) struct One {
    pub(super) at: (&'static str, Kind, &'static str),
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

pub(super) fn named() -> Vec<One> {
    use Kind::{CronJob, DaemonSet, Deployment, StatefulSet};
    let argo = Owner::read(
        |_| None,
        |name| (name == "argocd.argoproj.io/tracking-id").then_some("shop:apps/Deployment:shop/web"),
    );
    vec![
        One { owner: argo, ..one(("shop", Deployment, "web"), "ghcr.io/acme/shop-web", ("1.2.3", "1.3.0")) },
        One {
            level: Level::Major,
            stands: Stands::AskedMajor,
            ..one(("shop", StatefulSet, "redis"), "docker.io/library/redis", ("7.4.1-alpine", "8.0.1-alpine"))
        },
        One {
            stands: Stands::Failed,
            level: Level::Patch,
            mode: "AUTO_UPDATE",
            ..one(("shop", Deployment, "worker"), "ghcr.io/acme/worker", ("2.0.0", "2.0.1"))
        },
        One {
            stands: Stands::AskedAsItFailed,
            level: Level::Patch,
            mode: "AUTO_UPDATE",
            ..one(("shop", Deployment, "worker-eu"), "ghcr.io/acme/worker", ("2.0.0", "2.0.1"))
        },
        one(("blog", Deployment, "ghost"), "docker.io/library/ghost", ("5.98.1-alpine", "5.101.3-alpine")),
        one(("data", CronJob, "export"), "quay.io/acme/export", ("2026.10.2", "2026.11.0")),
        One {
            stands: Stands::Snoozed,
            level: Level::Major,
            ..one(("data", StatefulSet, "kafka"), "quay.io/strimzi/kafka", ("3.8.0", "4.1.0"))
        },
        One {
            stands: Stands::RollingOut,
            mode: "AUTO_UPDATE",
            ..one(("data", StatefulSet, "postgres"), "docker.io/library/postgres", ("16.4-bookworm", "16.6-bookworm"))
        },
        One {
            stands: Stands::Cooling,
            mode: "AUTO_UPDATE",
            level: Level::Patch,
            ..one(("shop", Deployment, "cart"), "ghcr.io/acme/cart", ("3.4.0", "3.4.1"))
        },
        One {
            stands: Stands::Undecided,
            ..one(("legacy", Deployment, "crm"), "registry.example.com/crm/app", ("2024.01", "2024.01"))
        },
        One {
            stands: Stands::Settings,
            ..one(("legacy", Deployment, "mailer"), "registry.example.com/crm/mailer", ("2024.8.1", "2025.2.0"))
        },
        One {
            stands: Stands::Disabled,
            mode: "DISABLED",
            ..one(("legacy", Deployment, "wiki"), "docker.io/library/mediawiki", ("1.42.3", "1.42.3"))
        },
        One {
            stands: Stands::Current,
            ..one(("ops", DaemonSet, "node-exporter"), "quay.io/prometheus/node-exporter", ("v1.8.2", "v1.8.2"))
        },
        One {
            stands: Stands::Current,
            mode: "AUTO_UPDATE",
            ..one(("ops", Deployment, "proxy"), "docker.io/library/nginx", ("1.27.3-alpine", "1.27.3-alpine"))
        },
    ]
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

impl One {
    fn image(&self) -> String {
        format!("{}:{}@{}", self.image, self.from, digest(self.from))
    }

    pub(super) fn container(&self) -> &'static str {
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
        let why = Grounds::Highest {
            strategy: Strategy::All,
            level: self.level,
            steps: None,
            missing: vec![],
            withheld: Vec::new(),
            unfit: vec![],
            skipped: vec![],
        };
        Question {
            why: Some(why),
            because,
            preflight: Some(Box::new(preflight())),
            ..Question::new(terms, self.level, asked)
        }
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
                written(
                    &mut record,
                    self.update(self.from, self.to, ago(1), "policy"),
                    Some((Outcome::Failed, Some(failure))),
                );
            }
            Stands::Gone => {
                let (tag, good) = (Tag::parse(self.from).unwrap(), Tag::parse(self.to).ok());
                record.on(container, Event::Gone(Gone { tag, digest: None, lost: Lost::Unknown, good }), ago(1));
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

    pub(super) fn look(&self) -> LastLook {
        let tag = Tag::parse(self.to).unwrap();
        let came_to = match self.stands {
            Stands::Undecided => {
                let refused = NotLetIn {
                    host: "registry.example.com".into(),
                    refusal: Refusing::Credential,
                    secret: Some("legacy/regcred".into()),
                    said: Some("token expired".into()),
                };
                let words = "registry.example.com refuses the credential in use (that of the imagePullSecret regcred in namespace \
                             legacy), and says «token expired»";
                let why = NoGround { reason: Ungrounded::NotLetIn(Box::new(refused)), words: words.into() };
                CameTo::Undecided(Box::new(why))
            }
            Stands::Cooling => {
                CameTo::Cooling { tag, digest: None, level: self.level, until: now() + TimeDelta::hours(5) }
            }
            Stands::Current | Stands::Disabled | Stands::Settings | Stands::RollingOut => CameTo::Nothing,
            _ => CameTo::To { tag, digest: digest(self.to), level: self.level },
        };
        LastLook::answered(now() - TimeDelta::minutes(12), came_to)
    }

    pub(super) fn workload(&self, name: &str, namespace: &str, number: usize, keys: &LinkKeys) -> Workload {
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
pub(super) fn notes() -> ReleaseNotes {
    let plain = |text: &str| PlainText::of(text);
    let mut notes = ReleaseNotes::only_a_page("https://github.com/acme/shop-web/releases".into(), FoundBy::Label);
    notes.text = TextSource::Release;
    notes.alerts = vec![
        Alert {
            kind: AlertKind::Breaking,
            text: plain("WEB_PORT is read as an integer now."),
            version: plain("1.3.0"),
        },
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
    notes.releases = vec![
        one(
            "1.3.0",
            "2026-11-15",
            vec![
                line(Heading, "Breaking changes"),
                line(Item, "WEB_PORT is read as an integer now."),
                line(Item, "WEB_HOST was removed; WEB_LISTEN takes host and port."),
                line(Code, "WEB_LISTEN=0.0.0.0:8080"),
            ],
        ),
        one(
            "1.2.5",
            "2026-11-13",
            vec![line(Text, "Requests with two Content-Length headers are refused (CVE-2026-31337).")],
        ),
        one(
            "1.2.4",
            "2026-11-12",
            vec![line(Item, "Keep-alive follows WEB_IDLE."), line(Item, "<script>alert(1)</script> is text.")],
        ),
    ];
    notes
}

fn keys() -> LinkKeys {
    LinkKey::new(vec![1; 32]).unwrap().into()
}

/// A workload with two containers, of which one asks.
pub(in crate::web) fn two() -> Vec<Workload> {
    let asks = one(("shop", Kind::Deployment, "api"), "ghcr.io/acme/api", ("1.2.3", "1.3.0"));
    let mut made = asks.workload("api", "shop", 1_000, &keys());
    let beside = crate::domain::workload::tests::workload(&[("sidecar-proxy", "quay.io/acme/proxy:1.2.3")], &[]);
    made.containers = made.containers.iter().chain(&beside.containers).cloned().collect();
    vec![made]
}

/// A workload that asks, and whose window is closed.
pub(in crate::web) fn closed() -> Vec<Workload> {
    let asks = one(("shop", Kind::Deployment, "closed"), "ghcr.io/acme/closed", ("1.2.3", "1.3.0"));
    let mut made = asks.workload("closed", "shop", 1_001, &keys());
    let window = (Box::from("window"), "Mon 03:00-04:00 Europe/Paris".into());
    let mut all: Vec<(Box<str>, Box<str>)> = made.annotations.iter().cloned().chain([window]).collect();
    all.sort();
    made.annotations = all.into();
    vec![made]
}

/// A workload that runs what is gone from its registry.
pub(in crate::web) fn gone() -> Vec<Workload> {
    let gone = one(("shop", Kind::Deployment, "gone"), "ghcr.io/acme/gone", ("1.0.9", "1.3.0"));
    vec![One { stands: Stands::Gone, ..gone }.workload("gone", "shop", 1_002, &keys())]
}

/// A workload whose owner writes markup wherever they can.
pub(in crate::web) fn hostile() -> Vec<Workload> {
    const MARKUP: &str = "<script>alert(1)</script><img src=x>";
    let error = format!("no such tag: {MARKUP}");
    let annotations = [("mode", "NOTIFICATION"), ("error", &error), ("group", MARKUP), ("release-url", MARKUP)];
    let mut workload =
        crate::domain::workload::tests::workload(&[("web", "registry.example.com/shop/web:1.2.3")], &annotations);
    workload.owner = Some(Box::new(Owner::controller(MARKUP, MARKUP)));
    let bad = crate::domain::workload::tests::workload(
        &[("web", &format!("{MARKUP}:1"))],
        &[("mode", MARKUP), ("strategy", MARKUP)],
    );
    let mut bad = Workload { resource_version: 2, ..bad };
    bad.id.name = "bad".into();
    bad.id.uid = "uid-2".into();
    vec![workload, bad]
}
