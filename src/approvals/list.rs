//! The page of a list: each line is its own decision, and «all of these» asks once more.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use minijinja::{Value, context};
use tracing::Instrument as _;

use super::form::{self, ListPress};
use super::words::{acting_as, said};
use super::{Approvals, Pages, wants_json};
use crate::cluster::Cluster;
use crate::domain::approval::Allows;
use crate::domain::reference::ImageReference;
use crate::domain::wording::moment;
use crate::listener::Meter;
use crate::queue::{Queue, Records};
use crate::reconcile::{Answer, Asked, Line, Lines, OpenedList};
use crate::registry::Registry;
use crate::telemetry::chain;

const NOT_TICKED: &str = "Nothing was done: tick the box first.";
const NOTHING_TO_APPROVE: &str =
    "Nothing was done: there is nothing here that can be approved together. Open the lines one by one.";

/// The list as it stands now.
pub(super) async fn show<Q: Queue + Records, R: Registry, C: Cluster>(
    shared: &Approvals<Q, R, C>,
    list: &OpenedList,
    json: bool,
) -> HttpResponse {
    if let Some(over) = over(shared, list, json) {
        return over;
    }
    match lines(shared, list).await {
        Some(lines) => View { pages: &shared.pages, base_path: &shared.base_path, list, json }.list(&lines, None),
        None => shared.pages.answer(&Answer::Unread, json, false),
    }
}

/// What its buttons do.
pub(super) async fn act<Q: Queue + Records, R: Registry, C: Cluster>(
    shared: &Approvals<Q, R, C>,
    list: &OpenedList,
    request: &HttpRequest,
    payload: &mut Payload,
) -> HttpResponse {
    let json = wants_json(request.headers());
    let press = match form::read_list(&shared.bodies, request, payload).await {
        Ok(press) => press,
        Err(problem) => return shared.pages.problem(&problem, json),
    };
    if let Some(over) = over(shared, list, json) {
        return over;
    }
    let view = View { pages: &shared.pages, base_path: &shared.base_path, list, json };
    let (shown, refused) = match press {
        ListPress::ApproveAll { ids, is_confirmed: true } => {
            if let Some(connection) = request.conn_data::<Meter>() {
                connection.known();
            }
            let trace = shared.ambient.trace_id();
            let span = tracing::info_span!("approval", trace_id = trace);
            return view.report(&shared.reconciler.approve_each(list, &ids, &trace).instrument(span).await);
        }
        ListPress::ApproveAll { ids, is_confirmed: false } => (Some(ids), Some(NOT_TICKED)),
        ListPress::All => (None, None),
    };
    let Some(mut lines) = lines(shared, list).await else {
        return shared.pages.answer(&Answer::Unread, json, false);
    };
    if !lines.lines.iter().any(Line::is_approvable) {
        return view.list(&lines, Some(NOTHING_TO_APPROVE));
    }
    lines.lines.retain(|line| shown.as_ref().is_none_or(|shown| shown.contains(&line.id)));
    view.all(&lines, refused)
}

/// What is said once its time is over.
fn over<Q: Queue + Records, R: Registry, C: Cluster>(
    shared: &Approvals<Q, R, C>,
    list: &OpenedList,
    json: bool,
) -> Option<HttpResponse> {
    let expires = shared.reconciler.is_list_over(list)?;
    Some(View { pages: &shared.pages, base_path: &shared.base_path, list, json }.over(&moment(expires)))
}

async fn lines<Q: Queue + Records, R: Registry, C: Cluster>(
    shared: &Approvals<Q, R, C>,
    list: &OpenedList,
) -> Option<Lines> {
    match shared.reconciler.lines(list).await {
        Ok(lines) => Some(lines),
        Err(error) => {
            tracing::warn!(error = %chain(&error), "what a list is about can't be read now");
            None
        }
    }
}

/// How a list is shown to whoever opened it.
pub(super) struct View<'v> {
    pub(super) pages: &'v Pages,
    pub(super) base_path: &'v str,
    pub(super) list: &'v OpenedList,
    pub(super) json: bool,
}

impl View<'_> {
    /// What is asked.
    pub(super) fn list(&self, lines: &Lines, refused: Option<&str>) -> HttpResponse {
        let (count, together) = (lines.lines.len(), lines.lines.iter().filter(|line| line.is_approvable()).count());
        let title = match count {
            0 => "Nothing is open".to_owned(),
            1 => "One update to decide".to_owned(),
            _ => format!("{count} updates to decide"),
        };
        let status = if refused.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
        if self.json {
            let actions: &[&str] = if together > 0 { &["all"] } else { &[] };
            let more = serde_json::json!({"actions": actions, "leftOut": lines.left_out});
            return self.program(status, &title, refused.unwrap_or_default(), &lines.lines, more);
        }
        let values = context! {
            lines => lines.lines.iter().map(|line| self.shown(line)).collect::<Vec<_>>(),
            together => together,
            refused => refused,
            ..self.frame(&title, lines.left_out)
        };
        self.pages.render(status, "list.html", values)
    }

    /// What would be approved together, once more.
    pub(super) fn all(&self, lines: &Lines, refused: Option<&str>) -> HttpResponse {
        let (together, alone): (Vec<&Line>, Vec<&Line>) = lines.lines.iter().partition(|line| line.is_approvable());
        let of = together.iter().map(|line| line.id.as_str()).collect::<Vec<_>>().join(".");
        let title = match together.len() {
            1 => "Approve this update?".to_owned(),
            count => format!("Approve these {count} updates?"),
        };
        let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        if self.json {
            let more = serde_json::json!({"actions": ["approve-all"], "confirm": {"read": "yes"}, "of": of});
            return self.program(status, &title, refused.unwrap_or_default(), together, more);
        }
        let values = context! {
            lines => together.iter().map(|line| self.shown(line)).collect::<Vec<_>>(),
            of => of,
            alone => alone.len(),
            refused => refused,
            ..self.frame(&title, 0)
        };
        self.pages.render(status, "all.html", values)
    }

    /// What became of each.
    pub(super) fn report(&self, lines: &Lines) -> HttpResponse {
        let counts = |line: &&Line| {
            line.is_pressed && matches!(line.answer, Answer::Approved(_) | Answer::Voted { is_again: false, .. })
        };
        let (count, all) = (lines.lines.iter().filter(counts).count(), lines.lines.len() + lines.left_out);
        let title = format!("{count} of {all} approved");
        if self.json {
            let more = serde_json::json!({"leftOut": lines.left_out});
            return self.program(StatusCode::OK, &title, "", &lines.lines, more);
        }
        let values = context! {
            lines => lines.lines.iter().map(|line| self.reported(line)).collect::<Vec<_>>(),
            tone => if count == all { "ok" } else { "neutral" },
            ..self.frame(&title, lines.left_out)
        };
        self.pages.render(StatusCode::OK, "report.html", values)
    }

    /// That it is too late.
    pub(super) fn over(&self, expires: &str) -> HttpResponse {
        let title = "This link has expired";
        let message =
            format!("It was valid until {expires}. What is still asked has links in newer messages. Nothing was done.");
        if self.json {
            return self.program(StatusCode::GONE, title, &message, [], serde_json::json!({}));
        }
        let values =
            context! { title => title, message => message, details => Vec::<String>::new(), tone => "neutral" };
        self.pages.render(StatusCode::GONE, "problem.html", values)
    }

    fn frame(&self, title: &str, left_out: usize) -> Value {
        context! {
            title => title,
            left_out => left_out,
            expires => moment(self.list.listing.expires()),
            holder => acting_as(&self.list.person()),
        }
    }

    fn url(&self, line: &Line) -> String {
        format!("{}/a/{}", self.base_path, line.token)
    }

    fn shown(&self, line: &Line) -> Value {
        let step = asked(&line.answer).map(Step::of);
        context! {
            url => self.url(line),
            workload => place(line),
            step => step.as_ref().map(|step| step.words.as_str()),
            level => step.as_ref().map(|step| step.level),
            care => care(&line.answer),
            is_declared => asked(&line.answer).is_some_and(|asked| asked.declares.any()),
            is_alone => !line.is_approvable(),
        }
    }

    fn reported(&self, line: &Line) -> Value {
        let said = said(&line.answer, false);
        let text = std::iter::once(&said.message).chain(&said.details).take(2).cloned().collect::<Vec<_>>().join(" ");
        context! {
            url => self.url(line),
            workload => place(line),
            tone => said.tone(),
            state => if line.is_pressed { said.title.to_owned() } else { format!("{}, before", said.title) },
            text => text,
        }
    }

    /// What a program is told.
    fn program<'l>(
        &self,
        status: StatusCode,
        title: &str,
        detail: &str,
        lines: impl IntoIterator<Item = &'l Line>,
        more: serde_json::Value,
    ) -> HttpResponse {
        let item = |line: &Line| {
            let said = said(&line.answer, false);
            let step = asked(&line.answer).map(Step::of);
            serde_json::json!({
                "workload": line.workload.to_string(), "container": line.container, "url": self.url(line),
                "step": step.as_ref().map(|step| &step.words), "level": step.as_ref().map(|step| step.level),
                "state": said.title, "status": said.status.as_u16(), "detail": said.message,
                "together": line.is_approvable(), "pressed": line.is_pressed, "care": care(&line.answer),
            })
        };
        let items: Vec<_> = lines.into_iter().map(item).collect();
        let mut body = serde_json::json!({"title": title, "status": status.as_u16(), "detail": detail, "items": items});
        if let (Some(body), serde_json::Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        self.pages.send_json(status, &body)
    }
}

fn place(line: &Line) -> String {
    format!("{} / {} / {}", line.workload.namespace, line.workload.kind.as_str(), line.workload.name)
}

/// What a line is about, where it is about something still.
fn asked(answer: &Answer) -> Option<&Asked> {
    match answer {
        Answer::Open(asked) | Answer::Snoozed(asked, _) | Answer::Refused(asked, _) | Answer::Changed(asked) => {
            Some(asked)
        }
        _ => None,
    }
}

struct Step {
    words: String,
    level: &'static str,
}

impl Step {
    fn of(asked: &Asked) -> Self {
        let (approval, level) = (&asked.approval, asked.level.as_str());
        let image = ImageReference::parse(&approval.from_image).ok();
        let tag = image.as_ref().and_then(|image| image.tag()).map(ToString::to_string).unwrap_or_default();
        let to = approval.to_tag.as_str();
        let words = match &approval.from_digest {
            Some(from) if tag == to => format!("{tag} ({}) → {to} ({})", from.short(), approval.to_digest.short()),
            _ if tag == to => format!("{tag} → {to} ({})", approval.to_digest.short()),
            _ => format!("{tag} → {to}"),
        };
        Self { words, level }
    }
}

/// What there is to know of a line before it is approved with others, and why it can't be.
fn care(answer: &Answer) -> Vec<String> {
    let (asked, state) = match answer {
        Answer::Open(asked) => (asked, None),
        Answer::Snoozed(asked, until) => (asked, Some(format!("Put off until {}.", moment(*until)))),
        other => return vec![said(other, false).message],
    };
    let gesture = match asked.approval.allows {
        Allows::Held => Some("A version that is held: decide on its own page.".to_owned()),
        Allows::Back => Some("Going back: decide on its own page.".to_owned()),
        Allows::Update if asked.is_to_be_read() => Some("A major update: read it on its own page.".to_owned()),
        Allows::Update => None,
    };
    let ballot = asked.ballot.words().map(|words| {
        if asked.ballot.waits_for_others() {
            format!("You have approved it already, {words}.")
        } else {
            format!("{words} approvals.")
        }
    });
    let all = [
        gesture,
        state,
        asked.declares.sentence(),
        ballot,
        asked.group.as_ref().map(|plan| format!("With all of the group {}.", plan.name)),
        (!asked.with.is_empty()).then(|| format!("And with it {}.", asked.with.join(", "))),
        asked
            .window_opens
            .map(|until| format!("Its window is closed until {}: decide on its own page.", moment(until))),
    ];
    all.into_iter().flatten().collect()
}
