//! A made-up service: workloads with real records, as the API reads them, and answers without a cluster.

mod workloads;

use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;

pub(super) use workloads::{closed, gone, hostile, two};
use workloads::{named, notes};

use super::backend::{
    Backend, Candidate, Decided, Explanation, Handling, Letters, PageOfDeliveries, Pick, Place, Sight,
};
use crate::access::Visitor;
use crate::ambient::{Ambient, Clock};
use crate::api::made_up::{Looks, api};
use crate::api::view::{
    AboutView, Approvable, BrakeView, BudgetView, ClosedChannelView, DeliveryView, FailedView, Filter, Fleet, FleetRow,
    Paging, PollView, RegistryHealth, RegistryView, SourceView, StoppedView, Time, WorkloadView,
};
use crate::api::{Api, FindNotes, How, NotInForce};
use crate::cluster::Index;
use crate::domain::actor::Actor;
use crate::domain::answer::Action;
use crate::domain::approval::{LinkKey, LinkKeys};
use crate::domain::event::tests::notice;
use crate::domain::event::{Notice, NoticeKind};
use crate::domain::grounds::Grounds;
use crate::domain::policy::Verdict;
use crate::domain::release::ReleaseNotes;
use crate::domain::tag::Level;
use crate::domain::view::{Blocker, Gist, State, Why};
use crate::domain::workload::Workload;
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

/// Who decided, on which container, and what.
type Decision = (String, Pick, (Action, How));

/// A service with so many workloads.
pub(super) struct MadeUp {
    api: Api<SqliteQueue>,
    /// What was decided, and by whom.
    pub(super) decided: Mutex<Vec<Decision>>,
    /// What was done about messages.
    pub(super) handled: Mutex<Vec<Handling>>,
    /// Whether the brake is on.
    pub(super) is_stopped: Mutex<bool>,
    /// What of the cluster is seen.
    pub(super) sight: Sight,
    /// What of the configuration is not in force.
    pub(super) not_in_force: NotInForce,
    _folder: tempfile::TempDir,
}

impl MadeUp {
    /// So many workloads; the first are of all kinds, most others are up to date.
    pub(super) fn of(count: usize) -> Self {
        Self::with(count, Vec::new())
    }

    /// So many workloads that all ask whether they may be updated.
    pub(super) fn asking(count: usize) -> Self {
        let keys: LinkKeys = LinkKey::new(vec![1; 32]).unwrap().into();
        let all = named();
        let one = &all[0];
        Self::with(0, (0..count).map(|number| one.workload(&format!("web-{number}"), "shop", number, &keys)).collect())
    }

    /// The same, and these.
    pub(super) fn with(count: usize, more: Vec<Workload>) -> Self {
        Self::noted(count, more, notes())
    }

    /// The same, of which makers say this.
    pub(super) fn noted(count: usize, more: Vec<Workload>, notes: ReleaseNotes) -> Self {
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
        let notes: FindNotes = Arc::new(move |_, _, _| {
            let notes = notes.clone();
            Box::pin(async { Some(notes) })
        });
        let (api, folder) = api(index, keys, looks, notes, Ambient::system().at(Arc::new(Stopped)));
        Self {
            api,
            decided: Mutex::default(),
            handled: Mutex::default(),
            is_stopped: Mutex::new(false),
            sight: Sight::default(),
            not_in_force: NotInForce::default(),
            _folder: folder,
        }
    }
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
        notice: NoticeKind::of(event).map(|kind| Box::new(Notice { by: Some(Actor::Policy), ..notice(kind) })),
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

    fn fleet<'a>(&'a self, filter: &'a Filter, paging: Paging) -> BoxFuture<'a, Fleet> {
        Box::pin(self.api.fleet(filter, paging))
    }

    fn approvable(&self, most: usize) -> BoxFuture<'_, Approvable> {
        Box::pin(self.api.approvable(most))
    }

    fn at<'a>(&'a self, places: &'a [Place]) -> BoxFuture<'a, Vec<FleetRow>> {
        Backend::at(&self.api, places)
    }

    fn sight(&self) -> Sight {
        self.sight.clone()
    }

    fn not_in_force(&self) -> NotInForce {
        self.not_in_force.clone()
    }

    fn dead(&self) -> BoxFuture<'_, u64> {
        Box::pin(async { 2 })
    }

    fn closed_channels(&self) -> Vec<ClosedChannelView> {
        let (name, until) = ("oncall".to_owned(), Some(Time(now() + TimeDelta::minutes(4))));
        let said = "no answer from smtp.example.com: connection refused".into();
        vec![ClosedChannelView { name, why: "failing", said, until }]
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
        let stopped =
            is_on.then(|| StoppedView { since: Time(ago(1)), why: "they failed".into(), failed: vec![failed] });
        Box::pin(async move { BrakeView { schema: "image-watcher/brake/v1", stopped, released: None } })
    }

    fn shown_to(&self, visitor: &Visitor, workload: &mut WorkloadView) {
        Backend::shown_to(&self.api, visitor, workload);
    }

    fn workload<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Result<WorkloadView, Problem>> {
        let path = (place.namespace.clone(), place.kind.clone(), place.name.clone());
        Box::pin(async move { self.api.one(&path).await })
    }

    fn explain<'a>(&'a self, _: &'a Place) -> BoxFuture<'a, Result<Explanation, Problem>> {
        let one = |tag: &str, found: Verdict<'_>| Candidate { tag: tag.into(), ruling: found.into() };
        let candidates = vec![
            one("1.3.0", Verdict::Taken(Level::Minor)),
            one("2.0.0", Verdict::AboveStrategy(Level::Major)),
            one("1.3.0-rc.2", Verdict::Prerelease),
            one("nightly", Verdict::Named),
        ];
        let sentence = "web would go from 1.2.3 to 1.3.0: highest of its family that strategy MAJOR allows (minor); waits for a person (mode NOTIFICATION).";
        let gist = Gist {
            subject: "web".into(),
            from: "1.2.3".into(),
            implied: false,
            to: Some("1.3.0".into()),
            state: State::Update,
            why: Why::Version(Grounds::Moved { release: false }),
            rollout: None,
            blockers: vec![Blocker::Person],
        };
        let explanation = Explanation { sentence: sentence.into(), gist: Some(gist), candidates, more: 210 };
        Box::pin(async move { Ok(explanation) })
    }

    fn decide<'a>(
        &'a self,
        visitor: &'a Visitor,
        picks: &'a [Pick],
        (action, how): (Action, &'a How),
    ) -> BoxFuture<'a, Result<Vec<Decided>, Problem>> {
        let name = visitor.who.name();
        let of = |pick: &Pick| (name.to_owned(), pick.clone(), (action, how.clone()));
        self.decided.lock().unwrap().extend(picks.iter().map(of));
        let came_to = |pick: &Pick| {
            let is_done = pick.place.name != "ghost";
            let words =
                if is_done { "Written; its rollout is followed." } else { "The tag has moved. Nothing was done." };
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
        let all = vec![
            SourceView {
                last_accepted: Some(Time(ago(1))),
                counts: counts(&[("accepted", 128), ("ignored", 4)]),
                ..of("github", "github")
            },
            SourceView {
                last_accepted: Some(Time(ago(48))),
                missed: 3,
                missed_in_a_row: 3,
                counts: counts(&[("accepted", 9)]),
                ..of("hub", "dockerhub")
            },
            SourceView {
                last_accepted: Some(Time(ago(30))),
                last_refused: Some(Time(ago(1))),
                last_refused_as: Some("bad_signature".into()),
                last_refusal: Some("the signature is not right".into()),
                counts: counts(&[("accepted", 18), ("bad_signature", 41), ("bad_payload", 2)]),
                ..of("ci", "native")
            },
            of("new", "harbor"),
        ];
        all.into_iter().map(SourceView::judged).collect()
    }

    fn poll(&self) -> BoxFuture<'_, PollView> {
        let (last, next) = (now() - TimeDelta::minutes(3), now() + TimeDelta::minutes(117));
        let poll = PollView { last: Some(Time(last)), next: Some(Time(next)), every_seconds: Some(10_800) };
        Box::pin(async move { poll })
    }

    fn registries(&self) -> Vec<RegistryView> {
        let of = |host: &str, repositories, outcome: &str| RegistryView {
            host: host.into(),
            health: RegistryHealth::New,
            repositories,
            last_asked: Some(Time(now() - TimeDelta::minutes(12))),
            last_outcome: Some(outcome.into()),
            last_throttled: (host == "docker.io").then(|| Time(ago(3))),
            budget: None,
            ceiling: None,
            waits_until: None,
            waits_for: None,
        };
        let budget = |left, limit| Some(BudgetView { left, limit, window_seconds: 21_600, told: Some(Time(ago(1))) });
        let all = vec![
            RegistryView {
                budget: budget(17, 100),
                waits_until: Some(Time(now() + TimeDelta::hours(3))),
                waits_for: Some("little_left".into()),
                ..of("docker.io", 12, "ok")
            },
            RegistryView { budget: budget(4410, 5000), ..of("ghcr.io", 18, "ok") },
            of("quay.io", 4, "ok"),
            of("registry.example.com", 2, "unauthorized"),
        ];
        all.into_iter().map(RegistryView::judged).collect()
    }

    fn deliveries(&self, asked: Letters) -> BoxFuture<'_, Result<PageOfDeliveries, Problem>> {
        let all = vec![
            letter("d81f2", "dead", "ops-hook", "update.failed", Some("status 503 Service Unavailable: try later")),
            letter(
                "d7c04",
                "dead",
                "oncall",
                "update.available",
                Some("the mail server answers 550: 5.1.1 no such user: o…@example.com"),
            ),
            letter(
                "d9a17",
                "retried",
                "oncall",
                "update.available",
                Some("the mail server answers 450: 4.2.1 mailbox busy"),
            ),
            letter("d9a31", "waiting", "deploys", "update.applied", None),
        ];
        let all = all.into_iter().filter(|it| asked.state.as_ref().is_none_or(|state| *state == it.state)).collect();
        Box::pin(async move { Ok((all, Some("1795000000000.12".into()))) })
    }

    fn handle<'a>(&'a self, _: &'a Visitor, handling: Handling) -> BoxFuture<'a, Result<(), Problem>> {
        self.handled.lock().unwrap().push(handling);
        Box::pin(async { Ok(()) })
    }
}
