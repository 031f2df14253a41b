//! What is known of workloads.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use super::Api;
use super::answer::answer;
use super::explanations;
use super::in_short::InShort;
use super::moment::Moment;
use super::query::{After, Listed};
use super::view::{
    Beside, ChangeView, ContainerView, ExplanationView, Filter, GroupView, OwnerView, QuestionItem, QuestionView,
    QuestionsView, SummaryView, WorkloadDocument, WorkloadView, WorkloadsView,
};
use crate::access::Visitor;
use crate::cluster::annotations;
use crate::domain::group::{self, GroupName, MOST_MEMBERS};
use crate::domain::history::History;
use crate::domain::record::Record;
use crate::domain::record::sealed::{NotOurs, Opened};
use crate::domain::release::Language;
use crate::domain::settings::Fingerprint;
use crate::domain::view::{Attention, CameTo};
use crate::domain::workload::{Container, Kind, Workload};
use crate::listener::Problem;
use crate::queue::QueueAdmin;

/// What is asked of one workload.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfOne {
    /// Whether its registries are asked for every candidate.
    #[serde(default)]
    explain: bool,
}

/// `GET /api/v1/workloads`
pub(super) async fn workloads<Q: QueueAdmin>(
    api: Data<Api<Q>>,
    visitor: Option<Visitor>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let listed = Listed::parse(request.query_string())?;
    let mut all = api.workloads(&listed).await;
    all.items.iter_mut().for_each(|workload| api.shown_to(visitor.as_ref(), workload));
    Ok(answer(&request, &all))
}

/// `GET /api/v1/questions`
pub(super) async fn questions<Q: QueueAdmin>(
    api: Data<Api<Q>>,
    visitor: Option<Visitor>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let listed = Listed::parse(request.query_string())?;
    let mut all = api.questions(&listed).await;
    for item in &mut all.items {
        api.asked_of(visitor.as_ref(), &mut item.question);
    }
    Ok(answer(&request, &all))
}

/// `GET /api/v1/summary`: how many containers want what of people, for status boards.
pub(super) async fn summary<Q: QueueAdmin>(api: Data<Api<Q>>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let counts = api.counts_of(&Filter::of_counts(request.query_string())?).await;
    let stopped = api.sequencer.brake().await.stopped.is_some();
    Ok(answer(&request, &SummaryView { schema: "image-watcher/summary/v1", counts, stopped }))
}

/// `GET /api/v1/workloads/{namespace}/{kind}/{name}`, with what the open questions change, and the history.
pub(super) async fn workload<Q: QueueAdmin>(
    api: Data<Api<Q>>,
    visitor: Option<Visitor>,
    request: HttpRequest,
    path: Path<(String, String, String)>,
) -> Result<HttpResponse, Problem> {
    let detail = "explain=true or explain=false can be asked for";
    let Query(OfOne { explain }) =
        Query::from_query(request.query_string()).map_err(|_| Problem::new(StatusCode::BAD_REQUEST, detail))?;
    let mut workload = api.one(&path).await?;
    if explain {
        api.explain(&path, &mut workload).await?;
    }
    api.shown_to(visitor.as_ref(), &mut workload);
    Ok(answer(&request, &WorkloadDocument { schema: "image-watcher/workload/v1", workload }))
}

impl<Q> Api<Q> {
    /// Leaves out what whoever looks at a workload can't add to any more.
    pub fn shown_to(&self, visitor: Option<&Visitor>, workload: &mut WorkloadView) {
        for container in &mut workload.containers {
            if let Some(question) = &mut container.question
                && self.asked_of(visitor, question)
            {
                container.actions = question.actions;
            }
        }
    }

    /// The same of one question. Whether anything was left out.
    fn asked_of(&self, visitor: Option<&Visitor>, question: &mut QuestionView) -> bool {
        visitor.is_some_and(|it| question.is_of_others(&it.who.alone(), &self.keys, self.ambient.now()))
    }

    /// The watched workload of a path's namespace, kind and name.
    ///
    /// # Errors
    /// 404, where none is watched.
    pub fn find(&self, (namespace, kind, name): &(String, String, String)) -> Result<Arc<Workload>, Problem> {
        let found = Kind::named(kind).and_then(|kind| self.index.named(namespace, kind, name));
        found.ok_or(Problem::new(StatusCode::NOT_FOUND, "no such workload is watched"))
    }

    /// A page of the workloads that fit.
    async fn workloads(&self, listed: &Listed) -> WorkloadsView {
        let (moment, filter) = (self.moment().await, &listed.filter);
        let (mut items, mut last, mut next) = (Vec::new(), None, None);
        for summary in self.summaries(&moment) {
            let place = After::of(&summary.workload, "");
            let is_before = || listed.after.as_ref().is_some_and(|after| place <= *after);
            let mut each = summary.each();
            if is_before() || !each.any(|(container, of)| filter.asks_for(&summary.workload, container, of)) {
                continue;
            }
            if items.len() == listed.most {
                next = last.as_ref().map(After::cursor);
                break;
            }
            items.push(self.view(&summary.workload, &moment).0);
            last = Some(place);
        }
        WorkloadsView { schema: "image-watcher/workloads/v1", items, next }
    }

    /// A page of what people are asked.
    pub(super) async fn questions(&self, listed: &Listed) -> QuestionsView {
        let (moment, filter) = (self.moment().await, &listed.filter);
        let (mut items, mut last, mut next) = (Vec::new(), None, None);
        'all: for summary in self.summaries(&moment) {
            let workload = &summary.workload;
            let is_after = |container: &Container| {
                listed.after.as_ref().is_none_or(|after| After::of(workload, &container.name) > *after)
            };
            let is_one = |(container, of): (&Container, &InShort)| {
                of.is_open && filter.asks_for(workload, container, of) && is_after(container)
            };
            let ones: Vec<bool> = summary.each().map(is_one).collect();
            if !ones.contains(&true) {
                continue;
            }
            let view = self.view(workload, &moment).0;
            let asked = view.containers.iter().zip(ones).filter(|(_, is_one)| *is_one);
            for (container, item) in asked.filter_map(|(it, _)| Some((it, QuestionItem::of(&view, it)?))) {
                if items.len() == listed.most {
                    next = last.as_ref().map(After::cursor);
                    break 'all;
                }
                items.push(item);
                last = Some(After::of(workload, &container.name));
            }
        }
        QuestionsView { schema: "image-watcher/questions/v1", items, next }
    }

    /// One workload, with what its open questions change and its history.
    ///
    /// # Errors
    /// 404, where none is watched.
    pub async fn one(&self, path: &(String, String, String)) -> Result<WorkloadView, Problem> {
        let workload = self.find(path)?;
        let (mut view, record) = self.view(&workload, &self.moment().await);
        for container in &mut view.containers {
            if let Some(question) = &mut container.question {
                question.notes = (self.notes)(&workload, &question.approval, Language::default()).await;
            }
        }
        view.history = Some(record.history.entries().iter().map(ChangeView::of).collect());
        view.changes = record.history.clone();
        Ok(view)
    }

    /// Adds what is said of every candidate: the registries are asked, or were a moment ago.
    ///
    /// # Errors
    /// 404, where it is not watched any more.
    pub async fn explain(&self, path: &(String, String, String), view: &mut WorkloadView) -> Result<(), Problem> {
        let workload = self.find(path)?;
        let settings = Fingerprint::of(&workload);
        for container in &mut view.containers {
            let (uid, name) = (workload.id.uid.clone(), container.name.clone());
            let image = workload.container(&name).map(|(_, found)| found.image.clone()).unwrap_or_default();
            let of = explanations::Of { uid, container: name.clone(), image, settings };
            let ask = async { self.sequencer.explain(Arc::clone(&workload), name).await.map(ExplanationView::from) };
            match self.explanations.get(of, || self.ambient.monotonic(), ask).await {
                Ok(explained) => container.explanation = Some(explained),
                Err(why) => container.unexplained = Some(why),
            }
        }
        Ok(())
    }

    pub(super) async fn moment(&self) -> Moment {
        let (waiting, stopped) = (self.sequencer.waiting(), self.sequencer.brake().await.stopped);
        Moment::new(waiting, stopped, self.instead().await, self.ambient.now())
    }

    /// What is known of a workload: what the sequencer knows, where somebody put something else on it than was written last,
    /// and else what stands there, as far as it is ours, and why it is not.
    pub(super) fn record(&self, workload: &Workload, moment: &Moment) -> (Record, Option<NotOurs>) {
        if let Some(known) = moment.instead(workload) {
            return (known.clone(), None);
        }
        match annotations::open(workload, &self.keys) {
            Opened::Ours(record) | Opened::WithoutHistory(record) => (*record, None),
            Opened::NotOurs(reason) => (Record::default(), Some(reason)),
            Opened::Nothing | Opened::OfAnother(_) => (Record::default(), None),
        }
    }

    pub(super) fn view(&self, workload: &Workload, moment: &Moment) -> (WorkloadView, Record) {
        let (record, not_ours) = self.record(workload, moment);
        let may_write = self.sequencer.may_write(&workload.id);
        let of = |container: &Container| {
            let waits = moment.waits(workload, &container.name);
            let looked = self.sequencer.last_look(workload, &container.name);
            let (bounds, now) = (&self.bounds, moment.now());
            let (looked, stopped) = (looked.as_ref(), moment.stopped());
            let record = &record;
            let beside = Beside { record, not_ours, bounds, looked, waits, stopped, may_write, now };
            let group = group::of(workload, &container.name).map(|it| {
                let namespace = &workload.id.namespace;
                moment.group(namespace, &it.name, || self.group(namespace, &it.name, moment))
            });
            let view = ContainerView::of(workload, container, &beside);
            let group =
                group.map(|group| group.for_member(&view.status.cause, &group::called(&workload.id, &view.name)));
            ContainerView { group, ..view }
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
            may_write,
            last_change: record.history.entries().first().map(ChangeView::of),
            containers,
            history: None,
            changes: History::default(),
        };
        (view, record)
    }

    /// Why the group of a member waits, where this member is to say that: by the last look, or by its record before the first.
    fn waits_of_group(&self, member: &group::Member<'_>, moment: &Moment) -> Option<String> {
        match self.sequencer.last_look(member.workload, member.container).map(|look| look.came_to) {
            Some(CameTo::Group(of)) => of.waits().filter(|waits| waits.is_said()).map(ToString::to_string),
            Some(CameTo::Unknown) | None => {
                let (record, _) = self.record(member.workload, moment);
                record.known(member.container).group_waits.as_deref().map(ToString::to_string)
            }
            Some(_) => None,
        }
    }

    fn group(&self, namespace: &str, name: &GroupName, moment: &Moment) -> GroupView {
        let workloads = self.index.members(namespace, name);
        let members = group::members(name, workloads.iter().map(|it| &**it));
        let waits = members.iter().find_map(|it| self.waits_of_group(it, moment));
        let members = members.iter().take(MOST_MEMBERS).map(group::Member::name).collect();
        GroupView { name: name.to_string(), members, waits, asked_by: None }
    }
}
