//! The pages that people see, and the headers that keep them harmless: no script, no frame, nothing remembered.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, CROSS_ORIGIN_OPENER_POLICY, HeaderName, HeaderValue,
    LOCATION, REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpResponse, HttpResponseBuilder};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Environment, UndefinedBehavior, context};
use sha2::{Digest as _, Sha256};

use super::words::{Reader, Said, said_to};
use super::wrong::Wrong;
use crate::access::Refused;
use crate::domain::actor::Person;
use crate::domain::approval::Allows;
use crate::domain::group::Move;
use crate::domain::history::{Choice, Ran, rfc3339};
use crate::domain::owner::{Keep, OwnerTold, OwnerView};
use crate::domain::reference::{Digest, ImageReference};
use crate::domain::release::{ReleaseNotes, Room};
use crate::domain::tag::Level;
use crate::domain::votes::{Ballot, Vote};
use crate::domain::wording::sentence;
use crate::domain::workload::WorkloadId;
use crate::listener::Problem;
use crate::message::{Catalogue, NotesPart};
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
    cluster: Option<String>,
}

impl Pages {
    /// Reads the templates.
    ///
    /// # Errors
    /// [`TemplateError`] when one is broken.
    pub fn new() -> Result<Self, TemplateError> {
        let mut templates = Environment::new();
        // What a template names and nobody gives is a mistake, and is not shown as nothing.
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, text) in TEMPLATES {
            templates.add_template(name, text)?;
        }
        let style = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        let policy = HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"));
        Ok(Self { templates, policy, cluster: None })
    }

    /// The same for the links of this cluster, so that nobody takes one for another's.
    #[must_use]
    pub fn of_cluster(self, cluster: Option<String>) -> Self {
        Self { cluster, ..self }
    }

    /// The page, or the JSON, of a question that is open, or put off.
    pub(super) fn question(
        &self,
        answer: &Answer,
        asked: &Asked,
        notes: Option<&ReleaseNotes>,
        to: Reader,
    ) -> HttpResponse {
        let notes = notes.map(|notes| notes.within(ROOM));
        let said = said_to(answer, false, to);
        if to.is_program {
            let actions = Some(asked.approval.allows.words());
            return self.json(&said, &More { asked: Some(asked), actions, notes: notes.as_ref() });
        }
        let state = match answer {
            Answer::Snoozed(_, until) => Some(to.words().put_off(&to.moment(*until))),
            _ => None,
        };
        let page = notes.as_ref().map(|notes| notes.page.clone()).or_else(|| asked.release_url.clone());
        let notes = notes.map(|notes| minijinja::value::Serde(for_people(&notes, to.words())));
        let values = context! {
            notes => notes.map(minijinja::Value::from),
            release_url => page,
            refused => matches!(answer, Answer::Unconfirmed(_)).then_some(said.message),
            state => state,
            ..confirm(asked, to)
        };
        self.render(said.status, "confirm.html", to, values)
    }

    /// The page, or the JSON, of whether automatic updates are to be resumed.
    pub(super) fn resume(&self, answer: &Answer, asked: &AskedToResume, to: Reader) -> HttpResponse {
        if to.is_program {
            return self.json(&said_to(answer, false, to), &More { actions: Some(&["resume"]), ..More::default() });
        }
        let words = to.words();
        let failed: Vec<String> = asked.stopped.failed.iter().map(|one| words.failed(one, to.zone)).collect();
        let values = context! {
            title => words.fixed().resume_title,
            failed => failed,
            expires => to.moment(asked.expires),
            footer => words.nothing_happens(&to.acting_as(&Person::Holder(asked.holder.clone()))),
        };
        self.render(StatusCode::OK, "resume.html", to, values)
    }

    /// The page, or the JSON, of an answer. A program that answers a second time (`replayed`) is told 410, a person is
    /// shown what was decided.
    pub(super) fn answer(&self, answer: &Answer, to: Reader, replayed: bool) -> HttpResponse {
        self.answer_about(answer, None, to, replayed)
    }

    /// The same with the workload that the link is about.
    pub(super) fn answer_about(
        &self,
        answer: &Answer,
        about: Option<&WorkloadId>,
        to: Reader,
        replayed: bool,
    ) -> HttpResponse {
        let said = said_to(answer, to.is_program && replayed, to);
        if to.is_program {
            let asked = match answer {
                Answer::Voted { asked, .. } => Some(&**asked),
                _ => None,
            };
            let actions = said.is_renewable.then_some(&["renew"][..]);
            return self.json(&said, &More { asked, actions, notes: None });
        }
        let name = if said.status.is_success() { "done.html" } else { "problem.html" };
        let values = context! {
            tone => said.tone(),
            title => said.title,
            place => about.map(place),
            message => said.message,
            details => said.details,
            is_renewable => said.is_renewable,
        };
        self.render(said.status, name, to, values)
    }

    /// The page, or the JSON, of a request that is none, and of one by somebody who is not known as it takes.
    pub(super) fn wrong(&self, wrong: &Wrong, to: Reader) -> HttpResponse {
        let mut response = if to.is_program {
            let mut response = actix_web::ResponseError::error_response(&for_program(wrong));
            for (name, value) in self.headers() {
                response.headers_mut().insert(name, value);
            }
            response
        } else {
            let words = to.words();
            self.notice(wrong.status(), (words.fixed().did_not_work, &sentence(&words.wrong(wrong))), false, to)
        };
        if let Some(seconds) = wrong.retry_after() {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        if *wrong == Wrong::Person(Refused::NobodySignedIn) {
            // The proxy that signs people in is not ours to name.
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Proxy"));
        }
        response
    }

    /// The page of what can't be done, in a heading and a few sentences.
    pub(super) fn notice(
        &self,
        status: StatusCode,
        (title, message): (&str, &str),
        is_renewable: bool,
        to: Reader,
    ) -> HttpResponse {
        let values = context! {
            title => title,
            place => None::<String>,
            message => message,
            details => Vec::<String>::new(),
            tone => if status.is_success() { "ok" } else { "neutral" },
            is_renewable => is_renewable,
        };
        self.render(status, "problem.html", to, values)
    }

    /// Leads on with a GET.
    pub(super) fn see_other(&self, location: &str) -> HttpResponse {
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

    pub(super) fn render(&self, status: StatusCode, name: &str, to: Reader, values: minijinja::Value) -> HttpResponse {
        let fixed = to.words().fixed();
        let page = self.templates.get_template(name).and_then(|template| {
            template.render(context! {
                style => minijinja::Value::from_safe_string(STYLE.into()),
                language => to.language.code(),
                cluster => &self.cluster,
                colon => to.words().colon(),
                t => minijinja::Value::from(minijinja::value::Serde(fixed)),
                ..values
            })
        });
        let mut response = self.nothing(status);
        match page {
            Ok(page) => response.content_type("text/html; charset=utf-8").body(page),
            Err(error) => {
                tracing::error!(template = name, error = %crate::telemetry::chain(&error), "a page can't be made of its template");
                response.content_type("text/plain; charset=utf-8").body(fixed.not_shown)
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

/// What notes say, with days as people read them.
fn for_people(notes: &ReleaseNotes, words: &dyn Catalogue) -> NotesPart {
    let mut part = NotesPart::of(notes, words);
    for release in part.changes.iter_mut().flat_map(|changes| &mut changes.releases) {
        release.published = release.published.take().map(|day| words.day(&day));
    }
    part
}

fn confirm(asked: &Asked, to: Reader) -> minijinja::Value {
    let (words, approval) = (to.words(), &asked.approval);
    let (id, allows) = (&approval.workload, approval.allows);
    let held = asked.held.as_ref().filter(|_| allows == Allows::Held);
    let from = ImageReference::parse(&approval.from_image).ok();
    let tag = from.as_ref().and_then(|from| from.tag()).map(ToString::to_string).unwrap_or_default();
    let repository = from.as_ref().map(|from| from.repository().to_string()).unwrap_or_default();
    context! {
        title => words.question(allows),
        is_held => allows == Allows::Held,
        is_back => allows == Allows::Back,
        choices => choices(asked, to),
        set_back_by => held.filter(|held| held.failure.is_none()).map(|held| words.somebody(&held.by)),
        failure => held.and_then(|held| held.failure.as_ref()).map(|failure| words.broken(failure)),
        group => asked.group.as_ref().map(|plan| words.group_of(plan.name.as_str())),
        moves => asked.group.iter().flat_map(|plan| &plan.moves).map(|one| moves(one, to)).collect::<Vec<_>>(),
        lead => words.place(&place(id), &approval.container, &asked.with),
        from_tag => tag.as_str(),
        from_digest => approval.from_digest.as_ref().map(Digest::short),
        to_tag => approval.to_tag.as_str(),
        to_digest => approval.to_digest.short(),
        to_digest_full => approval.to_digest.as_str(),
        level => words.level(asked.level.as_str()),
        asked => to.moment(asked.asked),
        expires => to.moment(approval.expires),
        window_opens => asked.window_opens.filter(|_| allows == Allows::Update).map(|at| words.window_opens(&to.moment(at))),
        footer => words.nothing_happens(&to.acting_as(&asked.person())),
        approvals => to.approvals(&asked.ballot),
        have_approved => to.have_approved(&asked.ballot),
        to_read => to.to_read(asked),
        ..speaks_for(asked, (&repository, &tag), to)
    }
}

/// What speaks for an update, and against it.
fn speaks_for(asked: &Asked, (repository, tag): (&str, &str), to: Reader) -> minijinja::Value {
    let (words, version, preflight) = (to.words(), &asked.approval.to_tag, asked.preflight.as_deref());
    let owner = asked.workload.owner.as_ref().map(|owner| {
        let keep = Keep { repository: repository.to_owned(), tag: version.to_string() };
        let keep = Some(keep).filter(|_| asked.level != Level::Digest);
        words.owned_by(&OwnerView::Known(OwnerTold { owner: (**owner).clone(), keep, asks_first: false }))
    });
    let declared = match asked.approval.allows {
        Allows::Back => asked.declares.migration.then(|| words.changes_data(tag, version.as_str())),
        Allows::Update | Allows::Held => words.kinds(asked.declares),
    };
    context! {
        repository => repository,
        why => asked.why.as_ref().map(|why| words.grounds(why)),
        declared => declared,
        because => asked.because.as_ref().map(|because| words.asks(because, to.zone)),
        changes => preflight.and_then(|it| it.changes.as_ref()).map(|changes| words.image_changes(changes)),
        looked_at => preflight.map(|preflight| words.preflight(preflight)),
        owner => owner,
    }
}

/// Which workload, as people read it.
pub(super) fn place(workload: &WorkloadId) -> String {
    format!("{} / {} / {}", workload.namespace, workload.kind.as_str(), workload.name)
}

/// What can be gone back to, what is suggested first. Nothing where there is no choice.
fn choices(asked: &Asked, to: Reader) -> Vec<minijinja::Value> {
    let approval = &asked.approval;
    let suggested = Choice { version: approval.to_tag.clone(), digest: approval.to_digest.clone() };
    let (known, others): (Vec<&Ran>, Vec<&Ran>) = asked.ran.iter().partition(|ran| ran.what == suggested);
    if others.is_empty() {
        return Vec::new();
    }
    let choice = |what: &Choice, ran: Option<&Ran>, is_suggested: bool| {
        let time = ran.and_then(|ran| ran.time.as_deref()).map(|time| to.words().written(&to.moment_of(time)));
        let how = ran.map(|ran| to.words().ran(ran.outcome).to_owned());
        context! {
            to => what.to_string(),
            version => what.version.as_str(),
            digest => what.digest.short(),
            known => time.into_iter().chain(how).collect::<Vec<_>>(),
            is_suggested => is_suggested,
        }
    };
    let first = choice(&suggested, known.first().copied(), true);
    std::iter::once(first).chain(others.into_iter().map(|ran| choice(&ran.what, Some(ran), false))).collect()
}

/// Where one member of a group goes.
fn moves(one: &Move, to: Reader) -> minijinja::Value {
    let from = one.from_tag().map(|tag| tag.to_string()).unwrap_or_default();
    context! {
        member => one.member(),
        step => to.words().step_with(&from, one.tag.as_str(), &one.with),
        to_digest => one.digest.as_str(),
    }
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
        if asked.ballot.is_worth_saying() {
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

/// What a program is told of a request that is none.
fn for_program(wrong: &Wrong) -> Problem {
    let detail = Reader::PROGRAM.words().wrong(wrong).into();
    Problem { status: wrong.status(), detail, retry_after: wrong.retry_after() }
}
