//! The pages that people see, and the headers that keep them harmless: no script, no frame, nothing remembered.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, CROSS_ORIGIN_OPENER_POLICY, HeaderName, HeaderValue,
    LOCATION, REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpResponse, HttpResponseBuilder};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Environment, context};
use sha2::{Digest as _, Sha256};

use super::words::{Said, acting_as, approvals, have_approved, said, stranger, to_read};
use crate::access::Refused;
use crate::domain::actor::Person;
use crate::domain::approval::Allows;
use crate::domain::group::Move;
use crate::domain::history::{Choice, Outcome, Ran, rfc3339};
use crate::domain::reference::Digest;
use crate::domain::release::{ReleaseNotes, Room};
use crate::domain::tag::Level;
use crate::domain::votes::{Ballot, Vote};
use crate::domain::wording::{moment, moment_of, sentence, somebody};
use crate::listener::Problem;
use crate::reconcile::{Answer, Asked, AskedToResume};

const STYLE: &str = include_str!("../../templates/page/style.css");
const TEMPLATES: [(&str, &str); 8] = [
    ("layout.html", include_str!("../../templates/page/layout.html")),
    ("confirm.html", include_str!("../../templates/page/confirm.html")),
    ("list.html", include_str!("../../templates/page/list.html")),
    ("all.html", include_str!("../../templates/page/all.html")),
    ("report.html", include_str!("../../templates/page/report.html")),
    ("resume.html", include_str!("../../templates/page/resume.html")),
    ("done.html", include_str!("../../templates/page/done.html")),
    ("problem.html", include_str!("../../templates/page/problem.html")),
];

/// What the page has room for.
const ROOM: Room = Room { alerts: 40, releases: 20, lines: 60, characters: 40_000 };

/// A template is broken; told at the start.
#[derive(Debug, thiserror::Error)]
#[error("a page template can't be read")]
pub struct TemplateError(#[from] minijinja::Error);

/// The pages, read once.
#[derive(Debug)]
pub struct Pages {
    templates: Environment<'static>,
    policy: HeaderValue,
}

impl Pages {
    /// Reads the templates.
    ///
    /// # Errors
    /// [`TemplateError`] when one is broken.
    pub fn new() -> Result<Self, TemplateError> {
        let mut templates = Environment::new();
        for (name, text) in TEMPLATES {
            templates.add_template(name, text)?;
        }
        let style = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        let policy = HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"));
        Ok(Self { templates, policy })
    }

    /// The page, or the JSON, of a question that is open, or put off.
    #[must_use]
    pub fn question(&self, answer: &Answer, asked: &Asked, notes: Option<&ReleaseNotes>, json: bool) -> HttpResponse {
        let notes = notes.map(|notes| notes.within(ROOM));
        let said = said(answer, false);
        if json {
            let actions = Some(asked.approval.allows.words());
            return self.json(&said, &More { asked: Some(asked), actions, notes: notes.as_ref() });
        }
        let snoozed = match answer {
            Answer::Snoozed(_, until) => Some(moment(*until)),
            _ => None,
        };
        let page = notes.as_ref().map(|notes| notes.page.clone()).or_else(|| asked.release_url.clone());
        let notes = notes.map(|notes| minijinja::Value::from(minijinja::value::Serde(notes)));
        let refused = matches!(answer, Answer::Unconfirmed(_)).then_some(said.message);
        let values = context! { notes => notes, release_url => page, refused => refused, ..confirm(asked, snoozed) };
        self.render(said.status, "confirm.html", values)
    }

    /// The page, or the JSON, of whether automatic updates are to be resumed.
    #[must_use]
    pub fn resume(&self, answer: &Answer, asked: &AskedToResume, json: bool) -> HttpResponse {
        if json {
            return self.json(&said(answer, false), &More { actions: Some(&["resume"]), ..More::default() });
        }
        let failed: Vec<String> = asked.stopped.failed.iter().map(ToString::to_string).collect();
        let values = context! {
            title => "Resume automatic updates?",
            failed => failed,
            expires => moment(asked.expires),
            holder => acting_as(&Person::Holder(asked.holder.clone())),
        };
        self.render(StatusCode::OK, "resume.html", values)
    }

    /// The page, or the JSON, of an answer. A program that answers a second time (`replayed`) is told 410, a person is
    /// shown what was decided.
    #[must_use]
    pub fn answer(&self, answer: &Answer, json: bool, replayed: bool) -> HttpResponse {
        let said = said(answer, json && replayed);
        if json {
            let asked = match answer {
                Answer::Voted { asked, .. } => Some(&**asked),
                _ => None,
            };
            let actions = said.is_renewable.then_some(&["renew"][..]);
            return self.json(&said, &More { asked, actions, notes: None });
        }
        let tone = said.tone();
        let name = if said.status.is_success() { "done.html" } else { "problem.html" };
        let values = context! {
            title => said.title,
            message => said.message,
            details => said.details,
            tone => tone,
            is_renewable => said.is_renewable,
        };
        self.render(said.status, name, values)
    }

    /// The page, or the JSON, of a request that is none.
    #[must_use]
    pub fn problem(&self, problem: &Problem, json: bool) -> HttpResponse {
        if json {
            let mut response = actix_web::ResponseError::error_response(problem);
            for (name, value) in self.headers() {
                response.headers_mut().insert(name, value);
            }
            return response;
        }
        let title = "That did not work";
        let message = sentence(&problem.detail);
        let values =
            context! { title => title, message => message, details => Vec::<String>::new(), tone => "neutral" };
        let mut response = self.render(problem.status, "problem.html", values);
        if let Some(seconds) = problem.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }

    /// The page, or the JSON, of a request by somebody who is not known as it takes.
    #[must_use]
    pub(super) fn stranger(&self, refused: Refused, json: bool) -> HttpResponse {
        let (status, detail) = stranger(refused);
        let mut response = self.problem(&Problem::new(status, detail), json);
        if status == StatusCode::UNAUTHORIZED {
            // The proxy that signs people in is not ours to name.
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Proxy"));
        }
        response
    }

    /// Leads on with a GET.
    #[must_use]
    pub fn see_other(&self, location: &str) -> HttpResponse {
        self.nothing(StatusCode::SEE_OTHER).insert_header((LOCATION, location)).finish()
    }

    /// No page, with the headers of one.
    pub(super) fn nothing(&self, status: StatusCode) -> HttpResponseBuilder {
        let mut response = HttpResponse::build(status);
        self.head(&mut response);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((RETRY_AFTER, "30"));
        }
        response
    }

    pub(super) fn render(&self, status: StatusCode, name: &str, values: minijinja::Value) -> HttpResponse {
        let page = self.templates.get_template(name).and_then(|template| {
            template.render(context! { style => minijinja::Value::from_safe_string(STYLE.into()), ..values })
        });
        let mut response = self.nothing(status);
        match page {
            Ok(page) => response.content_type("text/html; charset=utf-8").body(page),
            Err(error) => {
                tracing::error!(template = name, error = %crate::telemetry::chain(&error), "a page can't be made of its template");
                response.content_type("text/plain; charset=utf-8").body("This page can't be shown now.")
            }
        }
    }

    /// What a program is told of a state.
    fn json(&self, said: &Said, more: &More<'_>) -> HttpResponse {
        let mut body = serde_json::Map::new();
        let status = said.status.as_u16();
        body.insert("title".to_owned(), said.title.into());
        body.insert("status".to_owned(), status.into());
        body.insert("detail".to_owned(), said.message.as_str().into());
        body.insert("details".to_owned(), said.details.as_slice().into());
        body.extend(said.reason.map(|reason| ("reason".to_owned(), reason.into())));
        more.add_to(&mut body);
        self.send_json(said.status, &serde_json::Value::Object(body))
    }

    /// A document for a program.
    pub(super) fn send_json(&self, status: StatusCode, body: &serde_json::Value) -> HttpResponse {
        let kind = if status.is_success() { "application/json" } else { "application/problem+json" };
        self.nothing(status).insert_header((CONTENT_TYPE, kind)).body(body.to_string())
    }

    fn head(&self, response: &mut HttpResponseBuilder) {
        for header in self.headers() {
            response.insert_header(header);
        }
    }

    /// What keeps every answer under a link harmless.
    fn headers(&self) -> [(HeaderName, HeaderValue); 6] {
        let value = HeaderValue::from_static;
        [
            (CACHE_CONTROL, value("no-store")),
            (CONTENT_SECURITY_POLICY, self.policy.clone()),
            (X_CONTENT_TYPE_OPTIONS, value("nosniff")),
            (HeaderName::from_static("x-robots-tag"), value("noindex, nofollow, noarchive")),
            (CROSS_ORIGIN_OPENER_POLICY, value("same-origin")),
            // Not no-referrer: with it a browser sends «Origin: null» with the form, and honest clicks look forged.
            (REFERRER_POLICY, value("same-origin")),
        ]
    }
}

fn confirm(asked: &Asked, snoozed_until: Option<String>) -> minijinja::Value {
    let approval = &asked.approval;
    let id = &approval.workload;
    let is_held = approval.allows == Allows::Held;
    let is_back = approval.allows == Allows::Back;
    let held = asked.held.as_ref().filter(|_| is_held);
    let from = crate::domain::reference::ImageReference::parse(&approval.from_image).ok();
    let tag = from.as_ref().and_then(|from| from.tag()).map(ToString::to_string).unwrap_or_default();
    let repository = from.as_ref().map(|from| from.repository().to_string()).unwrap_or_default();
    let owner = asked.workload.owner.as_ref().map(|owner| match asked.level {
        Level::Digest => owner.warning(),
        _ => owner.advice(&repository, approval.to_tag.as_str()),
    });
    context! {
        title => match approval.allows {
            Allows::Update => "Approve an update?",
            Allows::Held => "Let this version be applied again?",
            Allows::Back => "Go back to the version before?",
        },
        is_held => is_held,
        is_back => is_back,
        choices => choices(asked),
        set_back_by => held.filter(|held| held.failure.is_none()).map(|held| somebody(&held.by)),
        failure => held.and_then(|held| held.failure.as_ref()).map(|it| format!("{}: {}", it.reason, it.message)),
        group => asked.group.as_ref().map(|plan| plan.name.as_str()),
        moves => asked.group.iter().flat_map(|plan| &plan.moves).map(moves).collect::<Vec<_>>(),
        with => asked.with.iter().map(|name| &**name).collect::<Vec<&str>>().join(", "),
        namespace => &*id.namespace,
        kind => id.kind.as_str(),
        name => &*id.name,
        container => approval.container.as_str(),
        repository => repository,
        from_tag => tag.as_str(),
        from_digest => approval.from_digest.as_ref().map(Digest::short),
        to_tag => approval.to_tag.as_str(),
        to_digest => approval.to_digest.short(),
        to_digest_full => approval.to_digest.as_str(),
        level => asked.level.as_str(),
        why => asked.why.as_ref().map(ToString::to_string).unwrap_or_default(),
        declared => if is_back { back_over(asked, &tag) } else { asked.declares.sentence() },
        because => asked.because.as_ref().map(ToString::to_string),
        changes => asked.preflight.as_ref().and_then(|it| Some(it.changes.as_ref()?.to_string())).unwrap_or_default(),
        looked_at => asked.preflight.as_ref().map(ToString::to_string).unwrap_or_default(),
        owner => owner,
        asked => moment(asked.asked),
        expires => moment(approval.expires),
        snoozed_until => snoozed_until,
        window_opens => asked.window_opens.filter(|_| approval.allows == Allows::Update).map(moment),
        holder => acting_as(&asked.person()),
        approvals => approvals(&asked.ballot),
        have_approved => have_approved(&asked.ballot),
        to_read => to_read(asked),
    }
}

/// What can be gone back to, what is suggested first. Nothing where there is no choice.
fn choices(asked: &Asked) -> Vec<minijinja::Value> {
    let approval = &asked.approval;
    let suggested = Choice { version: approval.to_tag.clone(), digest: approval.to_digest.clone() };
    let (known, others): (Vec<&Ran>, Vec<&Ran>) = asked.ran.iter().partition(|ran| ran.what == suggested);
    if others.is_empty() {
        return Vec::new();
    }
    let how = |ran: &Ran| match ran.outcome {
        Outcome::Healthy => "ran well",
        Outcome::Failed => "failed",
        Outcome::RollingOut | Outcome::Replaced | Outcome::Skipped | Outcome::Resumed => "not known how it ran",
    };
    let choice = |what: &Choice, ran: Option<&Ran>, is_suggested: bool| {
        context! {
            to => what.to_string(),
            version => what.version.as_str(),
            digest => what.digest.short(),
            time => ran.and_then(|ran| ran.time.as_deref()).map(moment_of),
            how => ran.map(how),
            is_suggested => is_suggested,
        }
    };
    let first = choice(&suggested, known.first().copied(), true);
    std::iter::once(first).chain(others.into_iter().map(|ran| choice(&ran.what, Some(ran), false))).collect()
}

/// Where one member of a group goes.
fn moves(one: &Move) -> minijinja::Value {
    context! {
        member => one.member(),
        with => one.with.iter().map(|name| &**name).collect::<Vec<&str>>().join(", "),
        from_tag => one.from_tag().map(|tag| tag.to_string()).unwrap_or_default(),
        to_tag => one.tag.as_str(),
        to_digest => one.digest.as_str(),
    }
}

/// What its makers declared of the update that is to be undone.
fn back_over(asked: &Asked, from: &str) -> Option<String> {
    let (to, changes_data) = (&asked.approval.to_tag, asked.declares.migration);
    changes_data.then(|| format!("{from} changes stored data, say its makers; {to} may not be able to read them"))
}

/// What a program is told beside what people are.
#[derive(Default)]
struct More<'m> {
    asked: Option<&'m Asked>,
    actions: Option<&'m [&'m str]>,
    notes: Option<&'m ReleaseNotes>,
}

impl More<'_> {
    fn add_to(&self, body: &mut serde_json::Map<String, serde_json::Value>) {
        if let Some(notes) = self.notes {
            body.insert("notes".to_owned(), serde_json::json!(notes));
        }
        if let Some(actions) = self.actions {
            body.insert("actions".to_owned(), actions.into());
        }
        let Some(asked) = self.asked else { return };
        if !asked.ran.is_empty() {
            let choice = |ran: &Ran| serde_json::json!({"to": ran.what.to_string(), "time": ran.time, "outcome": ran.outcome.as_str()});
            body.insert("choices".to_owned(), asked.ran.iter().map(choice).collect());
        }
        if asked.is_to_be_read() {
            body.insert("confirm".to_owned(), serde_json::json!({"read": "yes"}));
        }
        if asked.ballot.words().is_some() {
            body.insert("approvals".to_owned(), approvals_json(&asked.ballot));
        }
    }
}

/// Who approved, and how many have to.
fn approvals_json(ballot: &Ballot) -> serde_json::Value {
    let given = |vote: &Vote| serde_json::json!({"by": vote.by.to_string(), "at": rfc3339(vote.at)});
    let given: Vec<serde_json::Value> = ballot.votes.iter().map(given).collect();
    serde_json::json!({"needed": ballot.needed.number(), "given": given, "yours": ballot.is_yours})
}
