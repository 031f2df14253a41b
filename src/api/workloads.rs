//! What is known of workloads, as JSON.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Api;
use crate::cluster::annotations;
use crate::domain::approval::{Allows, Approval};
use crate::domain::fleet::{Asks, Waits};
use crate::domain::group::{self, GroupName, MOST_MEMBERS, Move};
use crate::domain::history::{Entry, rfc3339};
use crate::domain::policy::{Counts, Mode};
use crate::domain::preflight::{Flaw, Preflight};
use crate::domain::record::sealed::Opened;
use crate::domain::record::{AsksOnly, Held, Record, Refused, Stands};
use crate::domain::release::ReleaseNotes;
use crate::domain::settings::Settings;
use crate::domain::view::Unfinished;
use crate::domain::votes::{Quorum, Votes};
use crate::domain::workload::{Kind, Workload};
use crate::listener::Problem;
use crate::queue::QueueAdmin;

/// Which containers wait for other workloads, by uid and name.
type Waiting = HashMap<(Box<str>, Box<str>), Waits>;

/// One workload as an answer of its own.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    #[serde(flatten)]
    workload: WorkloadView,
}

/// One workload.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WorkloadView {
    namespace: String,
    kind: &'static str,
    name: String,
    containers: Vec<ContainerView>,
    /// Newest first; not in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Vec<Entry>>,
}

/// One of its containers, as far as it is watched.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ContainerView {
    name: String,
    image: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strategy: Option<String>,
    /// The group that it goes to one version with.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<GroupView>,
    /// Why it is left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The rollout of what runs, as long as it has not completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    rollout: Option<Unfinished>,
    /// The version that somebody set back.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<HeldView>,
    /// What the API server refused to write.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<RefusedView>,
    /// Versions that would not start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unfit: Vec<UnfitView>,
    /// Why people are asked, although the mode is `AUTO_UPDATE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    asks_only: Option<&'static str>,
    /// Which other workload an update waits for, or for how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits: Option<String>,
    /// When updates may be applied again, where they may not now.
    #[serde(skip_serializing_if = "Option::is_none")]
    window_opens: Option<String>,
    /// The versions whose cooldown is counted, or was and which are not taken yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    known: Vec<KnownView>,
    /// What people are asked, while the question is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    question: Option<Question>,
}

/// A group, in the order in which it is written.
#[derive(Serialize)]
struct GroupView {
    name: String,
    members: Vec<String>,
    /// Why it waits, as its first member that says so has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits: Option<String>,
}

/// Where a member of a group would go.
#[derive(Serialize)]
struct MoveView {
    member: String,
    from: String,
    to: String,
    digest: String,
}

impl MoveView {
    fn of(one: &Move) -> Self {
        let from = one.from_tag().map(|tag| tag.to_string()).unwrap_or_default();
        Self { member: one.member(), from, to: one.tag.to_string(), digest: one.digest.to_string() }
    }
}

/// Since when a version is known.
#[derive(Serialize)]
struct KnownView {
    tag: String,
    since: String,
    /// By whose clock: `first-seen` is ours, `pushed` the registry's.
    counts: &'static str,
}

impl KnownView {
    fn of((tag, since, counts): (&str, DateTime<Utc>, Counts)) -> Self {
        Self { tag: tag.to_owned(), since: rfc3339(since), counts: counts.as_str() }
    }
}

/// A version that somebody set back.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HeldView {
    tag: String,
    back_to: String,
    since: String,
    by: Vec<String>,
}

impl HeldView {
    fn of(held: &Held) -> Self {
        Self {
            tag: held.tag.to_string(),
            back_to: held.back_to.to_string(),
            since: rfc3339(held.since),
            by: held.by.clone(),
        }
    }
}

/// A version that the API server refused to write.
#[derive(Serialize)]
struct RefusedView {
    tag: String,
    /// When it is tried again.
    again: String,
}

/// A version that would not start.
#[derive(Serialize)]
struct UnfitView {
    tag: String,
    digest: String,
    /// One word.
    reason: &'static str,
    /// The same for people.
    why: String,
}

impl UnfitView {
    fn of((refused, flaw): (&Refused, &Flaw)) -> Self {
        let (tag, digest) = (refused.tag.to_string(), refused.digest.to_string());
        Self { tag, digest, reason: flaw.word(), why: flaw.to_string() }
    }
}

/// An open question. Nothing that is written of it helps to answer it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Question {
    #[serde(skip)]
    approval: Approval,
    tag: String,
    digest: String,
    level: &'static str,
    why: String,
    /// What happened to other workloads, where that is why people are asked first.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<Box<Asks>>,
    /// What was looked at of it before people were asked, and what the update changes in the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    preflight: Option<Box<Preflight>>,
    /// What can be answered.
    actions: &'static [&'static str],
    /// Other containers that are updated with this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    with: Vec<Box<str>>,
    /// Where all of its group would go, in the order in which they are written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    group: Vec<MoveView>,
    asked: String,
    expires: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    snoozed_until: Option<String>,
    /// Who approved, and how many have to, where one person is not enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    approvals: Option<ApprovalsView>,
    /// What the update changes; not in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<ReleaseNotes>,
}

/// How an approval by several people stands.
#[derive(Serialize)]
struct ApprovalsView {
    needed: usize,
    given: Vec<GivenView>,
}

/// That one of them approved.
#[derive(Serialize)]
struct GivenView {
    by: String,
    at: String,
}

impl ApprovalsView {
    fn of(votes: &Votes, needed: Quorum) -> Option<Self> {
        let given = votes.iter().map(|vote| GivenView { by: vote.by.to_string(), at: rfc3339(vote.at) });
        (!needed.is_one() || !votes.is_empty()).then(|| Self { needed: needed.number(), given: given.collect() })
    }
}

/// `GET /api/v1/workloads`
pub(super) async fn workloads<Q: QueueAdmin>(api: Data<Api<Q>>) -> HttpResponse {
    let all = api.index.all();
    let waiting = (api.waiting)();
    let view = |workload: &Arc<Workload>| api.view(workload, &api.record(workload), &waiting);
    let items: Vec<WorkloadView> = all.iter().map(view).collect();
    let document = serde_json::json!({"schema": "image-watcher/workloads/v1", "items": items});
    HttpResponse::Ok().content_type("application/json").body(document.to_string())
}

/// `GET /api/v1/workloads/{namespace}/{kind}/{name}`, with what the open questions change, and the history.
pub(super) async fn workload<Q: QueueAdmin>(
    api: Data<Api<Q>>,
    path: Path<(String, String, String)>,
) -> Result<HttpResponse, Problem> {
    let workload = api.find(&path)?;
    let record = api.record(&workload);
    let mut view = api.view(&workload, &record, &(api.waiting)());
    for container in &mut view.containers {
        if let Some(question) = &mut container.question {
            question.notes = (api.notes)(&workload, &question.approval).await;
        }
    }
    let without_approval = |entry: &Entry| Entry { approval: None, ..entry.clone() };
    view.history = Some(record.history.entries().iter().map(without_approval).collect());
    let document = serde_json::json!(Document { schema: "image-watcher/workload/v1", workload: view });
    Ok(HttpResponse::Ok().content_type("application/json").body(document.to_string()))
}

impl<Q: QueueAdmin> Api<Q> {
    /// The watched workload of a path's namespace, kind and name.
    pub(super) fn find(&self, path: &(String, String, String)) -> Result<Arc<Workload>, Problem> {
        let (namespace, kind, name) = path;
        let kind = Kind::named(kind);
        let is_it = |workload: &Workload| {
            let id = &workload.id;
            *id.namespace == **namespace && Some(id.kind) == kind && *id.name == **name
        };
        self.index.find(&is_it).ok_or(Problem::new(StatusCode::NOT_FOUND, "no such workload is watched"))
    }

    /// What is known of a workload, as far as its annotations are ours.
    pub(super) fn record(&self, workload: &Workload) -> Record {
        match annotations::open(workload, &self.keys) {
            Opened::Ours(record) | Opened::WithoutHistory(record) => *record,
            _ => Record::default(),
        }
    }

    fn view(&self, workload: &Workload, record: &Record, waiting: &Waiting) -> WorkloadView {
        WorkloadView {
            namespace: workload.id.namespace.to_string(),
            kind: workload.id.kind.as_str(),
            name: workload.id.name.to_string(),
            containers: workload
                .containers
                .iter()
                .map(|c| {
                    let waits = waiting.get(&(workload.id.uid.clone(), c.name.clone())).map(ToString::to_string);
                    ContainerView { waits, ..self.container(workload, record, &c.name, &c.image) }
                })
                .collect(),
            history: None,
        }
    }

    fn group(&self, workload: &Workload, name: &GroupName) -> GroupView {
        let workloads = self.index.members(&workload.id.namespace, name);
        let members = group::members(name, workloads.iter().map(|it| &**it));
        let waits = members.iter().find_map(|it| {
            let said = it.workload.state("error", it.container)?.strip_prefix(&format!("group {name} waits: "))?;
            Some(said.to_owned())
        });
        let members = members.iter().take(MOST_MEMBERS).map(group::Member::name).collect();
        GroupView { name: name.to_string(), members, waits }
    }

    fn container(&self, workload: &Workload, record: &Record, name: &str, image: &str) -> ContainerView {
        let settings = Settings::read(workload, name, &self.bounds).ok();
        let now = self.ambient.now();
        let ledger = record.known(name);
        let refused = ledger.refused.writes(now).next();
        let is_automatic = settings.as_ref().is_some_and(|settings| settings.mode == Mode::AutoUpdate);
        ContainerView {
            name: name.to_owned(),
            image: image.to_owned(),
            mode: settings.as_ref().map(|settings| settings.mode.to_string()),
            strategy: settings.as_ref().map(|settings| settings.policy.strategy.to_string()),
            group: group::of(workload, name).map(|it| self.group(workload, &it.name)),
            error: workload.state("error", name).map(str::to_owned),
            rollout: Unfinished::of(workload, name, ledger),
            held: ledger.held.as_ref().map(HeldView::of),
            refused: refused.map(|it| RefusedView { tag: it.tag.to_string(), again: rfc3339(it.again) }),
            unfit: ledger.refused.unfit().map(UnfitView::of).collect(),
            waits: None,
            window_opens: settings.as_ref().and_then(|it| it.closed_until(now)).map(rfc3339),
            asks_only: ledger.asks_only().filter(|_| is_automatic).map(AsksOnly::words),
            known: ledger.known_since.iter().map(KnownView::of).collect(),
            question: ledger.open(now).map(|question| Question {
                tag: question.terms.tag.to_string(),
                digest: question.terms.digest.to_string(),
                level: question.level.as_str(),
                why: question.why.as_ref().map(ToString::to_string).unwrap_or_default(),
                because: question.because.clone(),
                preflight: question.preflight.clone(),
                actions: question.terms.allows.words(),
                with: question.with.clone(),
                group: question.group.iter().flat_map(|plan| &plan.moves).map(MoveView::of).collect(),
                snoozed_until: match question.stands {
                    Stands::Snoozed(until) if now < until => Some(rfc3339(until)),
                    _ => None,
                },
                asked: rfc3339(question.asked),
                expires: rfc3339(question.terms.expires()),
                approvals: settings
                    .as_ref()
                    .filter(|_| question.terms.allows == Allows::Update)
                    .and_then(|settings| ApprovalsView::of(&question.votes, settings.approvals)),
                notes: None,
                approval: question.terms.approval(&workload.id, name),
            }),
        }
    }
}
