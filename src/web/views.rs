//! The handlers: what is asked of the API, and which page is made of it.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use minijinja::{Value, context};
use url::form_urlencoded;

use super::asked::Asked;
use super::backend::{Handling, Pick, Place};
use super::decide;
use super::row::{Shown, workload_url};
use super::words::{Button, Did, Sure, Tick};
use super::{Page, View, Web, form_of};
use crate::access::Visitor;
use crate::api::How;
use crate::api::view::{Approvable, BrakeView, FleetRow};
use crate::domain::answer::Action;
use crate::domain::reference::{Digest, Tag};
use crate::listener::{Form, Problem, unread};

/// `GET /`
pub(super) async fn fleet(web: Data<Web>, visitor: Visitor, request: HttpRequest) -> HttpResponse {
    let page = Page::new(&web, &visitor, request.headers());
    let asked = match Asked::read(request.query_string()) {
        Ok(asked) => asked,
        Err(problem) => return page.problem(&problem).await,
    };
    let mut fleet = web.backend.fleet(&asked.filter, asked.paging()).await;
    for row in &mut fleet.rows {
        web.backend.shown_to(&visitor, Arc::make_mut(&mut row.workload));
    }
    if fleet.of_all.all() == 0 && !asked.is_filtered() {
        return page.show(StatusCode::OK, (View::Fleet, "empty.html"), empty(&page)).await;
    }
    let values = super::fleet::values(&fleet, &asked, page.shown());
    // Nothing of the workloads is held while others are waited for.
    drop(fleet);
    page.show(StatusCode::OK, (View::Fleet, "fleet.html"), values).await
}

fn empty(page: &Page<'_>) -> Value {
    let title = page.words.fleet_title(0, 0);
    if !page.sight().is_whole() {
        return context! { title => title, narrow => true, empty => page.words.none_seen() };
    }
    context! {
        title => title,
        narrow => true,
        empty => page.words.empty(),
        command => "kubectl -n NAMESPACE annotate deploy/NAME image-watcher/mode=NOTIFICATION",
        allCommand => "kubectl -n NAMESPACE annotate deploy --all image-watcher/mode=NOTIFICATION",
    }
}

/// What is nowhere.
pub(super) async fn nowhere(web: Data<Web>, visitor: Visitor, request: HttpRequest, payload: Payload) -> HttpResponse {
    let page = Page::new(&web, &visitor, request.headers());
    unread(page.problem(&Problem::NOTHING).await, payload)
}

type Named = Path<(String, String, String)>;

/// `GET /workloads/{namespace}/{kind}/{name}`
pub(super) async fn workload(web: Data<Web>, visitor: Visitor, path: Named, request: HttpRequest) -> HttpResponse {
    let page = Page::new(&web, &visitor, request.headers());
    let explain = form_urlencoded::parse(request.query_string().as_bytes()).find(|(name, _)| name == "explain");
    let explain = explain.map(|(_, container)| container.into_owned());
    show_workload(&page, &path, explain.as_deref()).await
}

async fn show_workload(page: &Page<'_>, path: &Named, explain: Option<&str>) -> HttpResponse {
    let web = page.web;
    let found = web.backend.workload(&place(path, "")).await;
    let explanation = match explain {
        Some(container) => web.backend.explain(&place(path, container)).await.map(Some),
        None => Ok(None),
    };
    match (found, explanation) {
        (Ok(mut workload), Ok(explanation)) => {
            web.backend.shown_to(page.visitor, &mut workload);
            let explained = explain.zip(explanation.as_ref());
            let values = super::workload::values(&workload, explained, page.shown());
            page.show(StatusCode::OK, (View::Fleet, "workload.html"), values).await
        }
        (Err(problem), _) | (_, Err(problem)) => page.problem(&problem).await,
    }
}

fn place(path: &Named, container: &str) -> Place {
    let (namespace, kind, name) = (**path).clone();
    Place { namespace, kind, name, container: container.to_owned() }
}

/// `POST /workloads/{namespace}/{kind}/{name}`: a decision about one container.
pub(super) async fn decide_one(
    web: Data<Web>,
    visitor: Visitor,
    path: Named,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    let page = Page::answering(&web, &visitor, request.headers());
    answered(&page, &request, payload, async |form| decided(&page, &path, form).await).await
}

async fn decided(page: &Page<'_>, path: &Named, form: &Form) -> HttpResponse {
    let pick = form.one("w").and_then(Pick::parse);
    let of_here = place(path, "");
    let is_of_here = |pick: &Pick| Place { container: String::new(), ..pick.place.clone() } == of_here;
    match (decide::decision(form), pick.filter(is_of_here)) {
        (Some((action, _)), Some(pick)) if action != Action::Resume && !pick.is_exact() => {
            page.problem(&NO_BUTTON).await
        }
        (Some((Action::Rollback, How { confirmed: false, .. })), Some(pick)) => sure_back(page, form, &pick).await,
        (Some((action, how)), Some(pick)) => report(page, &[pick], (action, &how)).await,
        _ => page.problem(&NO_BUTTON).await,
    }
}

const NO_BUTTON: Problem = Problem::new(StatusCode::BAD_REQUEST, "choose one of the page's buttons; nothing was done");

/// Going back is asked once more.
async fn sure_back(page: &Page<'_>, form: &Form, pick: &Pick) -> HttpResponse {
    let Pick { place, running, version, .. } = pick;
    let url = workload_url(&page.web.base, &place.namespace, &place.kind, &place.name);
    let known = page.web.backend.at(std::slice::from_ref(place)).await;
    let runs = known.first().and_then(FleetRow::both).and_then(|(_, container)| container.running.as_ref());
    let runs = runs.and_then(|running| running.digest.as_deref()).unwrap_or_default();
    let labels = page.words.labels();
    let named = format!("{}/{}/{}", place.namespace, place.kind, place.name);
    let from = format!("{} {runs}", running.as_ref().map_or("", Tag::as_str));
    let pairs = [
        page.web.cluster.clone().map(|cluster| (labels.cluster(), cluster)),
        Some((labels.workload(), named)),
        Some((labels.container(), place.container.clone())),
        Some((labels.running(), from.trim_end().to_owned())),
        Some((labels.back_to(), back_to(page, pick).await)),
    ];
    let confirm = Confirm {
        pairs: pairs.into_iter().flatten().collect(),
        tick: Some(page.words.tick(Tick::ReadBack, "")),
        field: form.one("w").map(|pick| ("w", pick)),
        ..Confirm::new(&url, ("action", "rollback"), page.words.button(Button::RollBack, version.as_str()))
    };
    confirm.show(page, View::Fleet, Sure::Back(running.as_ref().map_or("", Tag::as_str), version.as_str())).await
}

/// What is gone back to, and whether it failed on this workload when it ran there last.
async fn back_to(page: &Page<'_>, pick: &Pick) -> String {
    let Pick { place, version, digest, .. } = pick;
    let named = format!("{version} {}", digest.as_ref().map_or("", Digest::as_str)).trim_end().to_owned();
    let Ok(workload) = page.web.backend.workload(place).await else { return named };
    match workload.changes.failed_last(&place.container, version, digest.as_ref()) {
        Some(last) => format!("{named}, {}", page.words.ran(last.outcome)),
        None => named,
    }
}

/// What is asked once more before it is done: a page with one button.
struct Confirm<'c> {
    /// Where its form is sent.
    url: &'c str,
    /// Where somebody goes who leaves it.
    back: &'c str,
    /// What it is about, line by line.
    lines: Vec<String>,
    /// What it is about, each with its name.
    pairs: Vec<(&'static str, String)>,
    /// What has to be ticked.
    tick: Option<String>,
    /// What the form brings along.
    field: Option<(&'static str, &'c str)>,
    button: (&'static str, &'c str),
    word: String,
}

impl<'c> Confirm<'c> {
    fn new(url: &'c str, button: (&'static str, &'c str), word: impl Into<String>) -> Self {
        Self {
            url,
            back: url,
            lines: Vec::new(),
            pairs: Vec::new(),
            tick: None,
            field: None,
            button,
            word: word.into(),
        }
    }

    async fn show(self, page: &Page<'_>, view: View, sure: Sure<'_>) -> HttpResponse {
        let said = page.words.sure(sure);
        let fields = self.field.into_iter().map(|(name, value)| context! { name => name, value => value });
        let values = context! {
            title => said.title,
            text => said.text,
            narrow => true,
            lines => self.lines,
            pairs => super::pages::value(self.pairs),
            action => self.url,
            back => self.back,
            tick => self.tick,
            fields => fields.collect::<Vec<_>>(),
            button => context! { name => self.button.0, value => self.button.1, word => self.word },
        };
        // What it is about stands above, and not once more in the banner that leads here.
        let values = if matches!(sure, Sure::Release) {
            context! { brake => (), ..values }
        } else {
            values
        };
        page.show(StatusCode::OK, (view, "confirm.html"), values).await
    }
}

async fn report(page: &Page<'_>, picks: &[Pick], decision: (Action, &How)) -> HttpResponse {
    match decide::report(page.web, page.visitor, picks, decision, page.shown()).await {
        Ok(values) => page.show(StatusCode::OK, (View::Approvals, "report.html"), values).await,
        Err(problem) => page.problem(&problem).await,
    }
}

/// Does what a form says, if it is one that was made for who sends it. What of the request was not read is let go of.
async fn answered(
    page: &Page<'_>,
    request: &HttpRequest,
    mut payload: Payload,
    act: impl AsyncFnOnce(&Form) -> HttpResponse,
) -> HttpResponse {
    let answer = match form_of(page, request, &mut payload).await {
        Ok(form) => act(&form).await,
        Err(problem) => page.problem(&problem).await,
    };
    unread(answer, payload)
}

/// `GET /approvals`: all that wait for a person.
pub(super) async fn approvals(web: Data<Web>, visitor: Visitor, request: HttpRequest) -> HttpResponse {
    let page = Page::new(&web, &visitor, request.headers());
    let Approvable { rows: mut found, more, others } = web.backend.approvable(decide::MOST).await;
    for row in &mut found {
        web.backend.shown_to(&visitor, Arc::make_mut(&mut row.workload));
    }
    found.retain(|row| row.both().and_then(|(_, it)| it.question.as_ref()).is_some_and(decide::may_approve));
    let values = decide::values(&found, None, page.may_decide(), page.shown());
    let rest = (more > 0).then(|| page.words.rest(more));
    let others = (others > 0).then(|| page.words.others_need_you(others));
    let values = context! { rest => rest, others => others, ..values };
    page.show(StatusCode::OK, (View::Approvals, "approvals.html"), values).await
}

/// `POST /approvals`: those that are ticked are shown once more, or decided.
pub(super) async fn decide_many(
    web: Data<Web>,
    visitor: Visitor,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    let page = Page::answering(&web, &visitor, request.headers());
    answered(&page, &request, payload, async |form| decided_many(&page, form).await).await
}

async fn decided_many(page: &Page<'_>, form: &Form) -> HttpResponse {
    let picks = Pick::all(form);
    if form.one("action") == Some("review") {
        let places: Vec<Place> = picks.iter().map(|pick| pick.place.clone()).collect();
        let found = decide::as_seen(page.web.backend.at(&places).await, &picks);
        let values = decide::values(&found, Some(picks.len()), page.may_decide(), page.shown());
        return page.show(StatusCode::OK, (View::Approvals, "approvals.html"), values).await;
    }
    match decide::decision(form) {
        // Each was ticked beside what there is to read of it.
        Some((Action::Approve, how)) => report(page, &picks, (Action::Approve, &How { confirmed: true, ..how })).await,
        Some((action @ (Action::Skip | Action::Snooze), how)) => report(page, &picks, (action, &how)).await,
        _ => page.problem(&NO_BUTTON).await,
    }
}

/// `GET /sources`
pub(super) async fn sources(web: Data<Web>, visitor: Visitor, request: HttpRequest) -> HttpResponse {
    let page = Page::new(&web, &visitor, request.headers());
    let (backend, poll) = (&web.backend, web.backend.poll().await);
    let values = super::sources::values(&backend.sources(), &backend.registries(), poll, page.shown());
    page.show(StatusCode::OK, (View::Sources, "sources.html"), values).await
}

/// `GET /deliveries`
pub(super) async fn deliveries(web: Data<Web>, visitor: Visitor, request: HttpRequest) -> HttpResponse {
    let page = Page::new(&web, &visitor, request.headers());
    show_deliveries(&page, request.query_string(), None).await
}

async fn show_deliveries(page: &Page<'_>, query: &str, did: Option<Did>) -> HttpResponse {
    let asked = match super::deliveries::asked(query) {
        Ok(asked) => asked,
        Err(problem) => return page.problem(&problem).await,
    };
    match page.web.backend.deliveries(asked.clone()).await {
        Ok((letters, next)) => {
            let values = super::deliveries::values(
                (&letters, next.as_deref()),
                &page.web.backend.closed_channels(),
                &asked,
                page.shown(),
            );
            let values = context! { said => did.map(|did| page.words.did(did)), ..values };
            page.show(StatusCode::OK, (View::Deliveries, "deliveries.html"), values).await
        }
        Err(problem) => page.problem(&problem).await,
    }
}

/// `POST /deliveries`: messages that were given up go out again, or are thrown away.
pub(super) async fn handle(web: Data<Web>, visitor: Visitor, request: HttpRequest, payload: Payload) -> HttpResponse {
    let page = Page::answering(&web, &visitor, request.headers());
    answered(&page, &request, payload, async |form| handled(&page, form).await).await
}

async fn handled(page: &Page<'_>, form: &Form) -> HttpResponse {
    let Some(handling) = super::deliveries::handling(form) else { return page.problem(&NO_BUTTON).await };
    let did = match &handling {
        Handling::Discard(id) if form.one("sure") != Some("yes") => return sure_discard(page, id).await,
        Handling::Discard(_) => Did::Discarded,
        Handling::Retry(_) | Handling::RetryAll(_) => Did::Retried,
    };
    match page.web.backend.handle(page.visitor, handling).await {
        Ok(()) => show_deliveries(page, "", Some(did)).await,
        Err(problem) => page.problem(&problem).await,
    }
}

/// Throwing away is asked once more.
async fn sure_discard(page: &Page<'_>, id: &str) -> HttpResponse {
    let url = format!("{}/deliveries", page.web.base);
    let confirm = Confirm {
        lines: vec![id.to_owned()],
        field: Some(("sure", "yes")),
        ..Confirm::new(&url, ("discard", id), page.words.labels().throw_away())
    };
    confirm.show(page, View::Deliveries, Sure::Discard).await
}

/// `GET /brake`: whether automatic updates are to be resumed.
pub(super) async fn brake(web: Data<Web>, visitor: Visitor, request: HttpRequest) -> HttpResponse {
    let page = Page::new(&web, &visitor, request.headers());
    let Some(stopped) = web.backend.brake().await.stopped else {
        return super::pages::see_other(&format!("{}/", web.base));
    };
    let url = format!("{}/brake", web.base);
    let failed = stopped.failed.iter().map(|it| format!("{}: {} ({})", it.workload, it.version, it.reason));
    let root = format!("{}/", web.base);
    let confirm = Confirm {
        lines: failed.collect(),
        back: &root,
        ..Confirm::new(&url, ("action", "release"), page.words.labels().release())
    };
    confirm.show(&page, View::Other, Sure::Release).await
}

/// `POST /brake`: automatic updates are resumed.
pub(super) async fn release(web: Data<Web>, visitor: Visitor, request: HttpRequest, payload: Payload) -> HttpResponse {
    let page = Page::answering(&web, &visitor, request.headers());
    answered(&page, &request, payload, async |form| released(&page, form).await).await
}

async fn released(page: &Page<'_>, form: &Form) -> HttpResponse {
    if form.one("action") != Some("release") {
        return page.problem(&NO_BUTTON).await;
    }
    match page.web.backend.release(page.visitor).await {
        Ok(()) => super::pages::see_other(&format!("{}/", page.web.base)),
        Err(problem) => page.problem(&problem).await,
    }
}

/// Why automatic updates are stopped, where they are.
pub(super) fn stopped(brake: &BrakeView, shown: Shown<'_>) -> Option<Value> {
    let stopped = brake.stopped.as_ref()?;
    let failed = stopped.failed.iter().map(|failed| {
        let mut pieces = failed.workload.split('/');
        let url = match (pieces.next(), pieces.next(), pieces.next()) {
            (Some(namespace), Some(kind), Some(name)) => Some(workload_url(shown.base, namespace, kind, name)),
            _ => None,
        };
        context! { url => url, words => format!("{} {}", failed.workload, failed.version) }
    });
    Some(context! { why => shown.words.stopped(stopped), failed => failed.collect::<Vec<_>>() })
}
