//! What is known of workloads.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::view::{ChangeView, ContainerView, Filter, Fleet, GroupView, OwnerView, WorkloadView};
use super::{Api, Waiting};
use crate::api::view::Beside;
use crate::cluster::annotations;
use crate::domain::group::{self, GroupName, MOST_MEMBERS};
use crate::domain::record::Record;
use crate::domain::record::sealed::{NotOurs, Opened};
use crate::domain::view::Attention;
use crate::domain::workload::{Container, Kind, Workload};
use crate::listener::Problem;
use crate::queue::QueueAdmin;

/// One workload as an answer of its own.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    #[serde(flatten)]
    workload: WorkloadView,
}

/// `GET /api/v1/workloads`
pub(super) async fn workloads<Q: QueueAdmin>(api: Data<Api<Q>>) -> HttpResponse {
    let fleet = api.fleet(&Filter::default());
    let document = serde_json::json!({"schema": "image-watcher/workloads/v1", "items": fleet.workloads});
    HttpResponse::Ok().content_type("application/json").body(document.to_string())
}

/// `GET /api/v1/workloads/{namespace}/{kind}/{name}`, with what the open questions change, and the history.
pub(super) async fn workload<Q: QueueAdmin>(
    api: Data<Api<Q>>,
    path: Path<(String, String, String)>,
) -> Result<HttpResponse, Problem> {
    let workload = api.one(&path).await?;
    let document = serde_json::json!(Document { schema: "image-watcher/workload/v1", workload });
    Ok(HttpResponse::Ok().content_type("application/json").body(document.to_string()))
}

/// What holds for all workloads of one answer.
struct Moment {
    waiting: Waiting,
    now: DateTime<Utc>,
}

impl<Q> Api<Q> {
    /// The watched workload of a path's namespace, kind and name.
    ///
    /// # Errors
    /// 404, where none is watched.
    pub fn find(&self, (namespace, kind, name): &(String, String, String)) -> Result<Arc<Workload>, Problem> {
        let found = Kind::named(kind).and_then(|kind| self.index.named(namespace, kind, name));
        found.ok_or(Problem::new(StatusCode::NOT_FOUND, "no such workload is watched"))
    }

    /// The workloads that fit.
    #[must_use]
    pub fn fleet(&self, filter: &Filter) -> Fleet {
        let moment = self.moment();
        let mut fleet = Fleet::default();
        for workload in self.index.all() {
            fleet.know(&workload);
            if !filter.namespaces.is_empty() && !filter.namespaces.iter().any(|it| **it == *workload.id.namespace) {
                continue;
            }
            let view = self.view(&workload, &moment).0;
            if fleet.count(filter, &view) {
                fleet.workloads.push(view);
            }
        }
        fleet.registries.sort();
        fleet
    }

    /// One workload, with what its open questions change and its history.
    ///
    /// # Errors
    /// 404, where none is watched.
    pub async fn one(&self, path: &(String, String, String)) -> Result<WorkloadView, Problem> {
        let workload = self.find(path)?;
        let (mut view, record) = self.view(&workload, &self.moment());
        for container in &mut view.containers {
            if let Some(question) = &mut container.question {
                question.notes = (self.notes)(&workload, &question.approval).await;
            }
        }
        view.history = Some(record.history.entries().iter().map(ChangeView::of).collect());
        Ok(view)
    }

    fn moment(&self) -> Moment {
        Moment { waiting: self.sequencer.waiting(), now: self.ambient.now() }
    }

    /// What is known of a workload, as far as its annotations are ours, and why they are not.
    fn record(&self, workload: &Workload) -> (Record, Option<NotOurs>) {
        match annotations::open(workload, &self.keys) {
            Opened::Ours(record) | Opened::WithoutHistory(record) => (*record, None),
            Opened::NotOurs(reason) => (Record::default(), Some(reason)),
            Opened::Nothing | Opened::OfAnother(_) => (Record::default(), None),
        }
    }

    fn view(&self, workload: &Workload, moment: &Moment) -> (WorkloadView, Record) {
        let (record, not_ours) = self.record(workload);
        let of = |container: &Container| {
            let waits = moment.waiting.get(&(workload.id.uid.clone(), container.name.clone()));
            let looked = self.sequencer.last_look(&workload.id.uid, &container.name);
            let (bounds, now) = (&self.bounds, moment.now);
            let beside = Beside { record: &record, not_ours, bounds, looked: looked.as_ref(), waits, now };
            let group = group::of(workload, &container.name).map(|it| self.group(workload, &it.name));
            ContainerView { group, ..ContainerView::of(workload, container, &beside) }
        };
        let containers: Vec<ContainerView> = workload.containers.iter().map(of).collect();
        let view = WorkloadView {
            namespace: workload.id.namespace.to_string(),
            kind: workload.id.kind.as_str(),
            name: workload.id.name.to_string(),
            state: containers.iter().map(|it| it.state).min().unwrap_or(Attention::Off),
            owner: workload.owner.as_deref().map(|it| OwnerView {
                owner: it.clone(),
                name: it.to_string(),
                warning: it.warning(),
            }),
            last_change: record.history.entries().first().map(ChangeView::of),
            containers,
            history: None,
        };
        (view, record)
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
}

impl Fleet {
    /// Takes over where a workload is and what it runs from.
    fn know(&mut self, workload: &Workload) {
        // They come by namespace.
        if self.namespaces.last().is_none_or(|last| **last != *workload.id.namespace) {
            self.namespaces.push(workload.id.namespace.to_string());
        }
        for image in workload.containers.iter().filter_map(Container::reference) {
            let host = image.repository().host();
            if !self.registries.iter().any(|known| known == host) {
                self.registries.push(host.to_owned());
            }
        }
    }

    /// Counts the containers that fit; whether one of them is asked for.
    fn count(&mut self, filter: &Filter, view: &WorkloadView) -> bool {
        let mut is_wanted = false;
        for container in view.containers.iter().filter(|container| filter.fits(view, container)) {
            self.counts.add(container.state);
            is_wanted |= filter.wants(container.state);
        }
        is_wanted
    }
}
