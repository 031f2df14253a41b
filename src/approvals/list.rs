//! The page of a list: each line is its own decision, and «all of these» asks once more.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use minijinja::{Value, context};

use super::form::{self, ListPress};
use super::page::place;
use super::words::{Care, Count, Reader, said_to};
use super::wrong::Wrong;
use super::{Approvals, Pages, followed};
use crate::cluster::Cluster;
use crate::domain::approval::Allows;
use crate::domain::reference::ImageReference;
use crate::listener::Meter;
use crate::queue::{Queue, Records};
use crate::reconcile::{Answer, Asked, Line, Lines, OpenedList, RenewedList};
use crate::registry::Registry;
use crate::telemetry::chain;

/// The list as it stands now.
pub(super) async fn show<Q: Queue + Records, R: Registry, C: Cluster>(
    shared: &Approvals<Q, R, C>,
    list: &OpenedList,
    to: Reader,
) -> HttpResponse {
    let view = View::of(shared, list, to);
    if shared.reconciler.is_list_over(list).is_some() {
        return view.over(is_renewable(shared, list).await);
    }
    match lines(shared, list).await {
        Some(lines) => view.list(&lines, None),
        None => shared.pages.answer(&Answer::Unread, to, false),
    }
}

/// What its buttons do.
pub(super) async fn act<Q: Queue + Records, R: Registry, C: Cluster>(
    shared: &Approvals<Q, R, C>,
    list: &OpenedList,
    request: &HttpRequest,
    payload: &mut Payload,
    to: Reader,
) -> HttpResponse {
    let press = match form::read_list(&shared.bodies, request, payload).await {
        Ok(press) => press,
        Err(wrong) => return shared.pages.wrong(&wrong, to),
    };
    let view = View::of(shared, list, to);
    if shared.reconciler.is_list_over(list).is_some() {
        return match press {
            ListPress::Renew => renew(shared, &view).await,
            ListPress::All | ListPress::ApproveAll { .. } => view.over(is_renewable(shared, list).await),
        };
    }
    let fixed = to.words().fixed();
    let (shown, refused) = match press {
        ListPress::ApproveAll { ids, is_confirmed: true } => {
            if let Some(connection) = request.conn_data::<Meter>() {
                connection.known(&list.holder);
            }
            let act = async |trace: &str| shared.reconciler.approve_each(list, &ids, trace).await;
            return view.report(&followed(&shared.ambient, act).await);
        }
        ListPress::ApproveAll { ids, is_confirmed: false } => (Some(ids), Some(fixed.not_ticked)),
        ListPress::All => (None, None),
        // Its time is not over.
        ListPress::Renew => return shared.pages.wrong(&Wrong::NoButton, to),
    };
    let Some(mut lines) = lines(shared, list).await else {
        return shared.pages.answer(&Answer::Unread, to, false);
    };
    if !lines.lines.iter().any(Line::is_approvable) {
        return view.list(&lines, Some(fixed.nothing_together));
    }
    lines.lines.retain(|line| shown.as_ref().is_none_or(|shown| shown.contains(&line.id)));
    view.all(&lines, refused)
}

/// Whether a list whose time is over may have a new link: not where that can't be read now.
async fn is_renewable<Q: Queue + Records, R: Registry, C: Cluster>(
    shared: &Approvals<Q, R, C>,
    list: &OpenedList,
) -> bool {
    shared.reconciler.is_list_renewable(list).await.unwrap_or_else(|error| {
        tracing::warn!(error = %chain(&error), "what a list was about can't be read now");
        false
    })
}

/// Sends a new link in its place.
async fn renew<Q: Queue + Records, R: Registry, C: Cluster>(
    shared: &Approvals<Q, R, C>,
    view: &View<'_>,
) -> HttpResponse {
    let act = async |trace: &str| shared.reconciler.renew_list(view.list, trace).await;
    match followed(&shared.ambient, act).await {
        Ok(RenewedList::Nothing) => view.over(false),
        Ok(renewed) => view.renewed(renewed),
        Err(error) => {
            tracing::warn!(error = %chain(&error), "a new link to a list can't be sent now");
            shared.pages.answer(&Answer::Unread, view.to, false)
        }
    }
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
    pub(super) to: Reader,
}

impl<'v> View<'v> {
    fn of<Q, R, C>(shared: &'v Approvals<Q, R, C>, list: &'v OpenedList, to: Reader) -> Self {
        Self { pages: &shared.pages, base_path: &shared.base_path, list, to }
    }

    /// What is asked.
    pub(super) fn list(&self, lines: &Lines, refused: Option<&str>) -> HttpResponse {
        let (count, together) = (lines.lines.len(), lines.lines.iter().filter(|line| line.is_approvable()).count());
        let is_update = |line: &Line| asked(&line.answer).is_none_or(|asked| asked.approval.allows == Allows::Update);
        let are_updates = lines.lines.iter().all(is_update);
        let title = self.to.words().count(if are_updates { Count::Listed(count) } else { Count::Questions(count) });
        let status = if refused.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
        if self.to.is_program {
            let actions: &[&str] = if together > 0 { &["all"] } else { &[] };
            let more = serde_json::json!({"actions": actions, "leftOut": lines.left_out});
            return self.program(status, &title, refused.unwrap_or_default(), &lines.lines, more);
        }
        let (to, until) = (self.to, self.to.moment(self.list.listing.expires()));
        let values = context! {
            title => title,
            lines => lines.lines.iter().map(|line| self.shown(line)).collect::<Vec<_>>(),
            left_out => some(lines.left_out).map(|more| to.words().count(Count::LeftOut(more))),
            button => some(together).map(|together| to.words().count(Count::ButtonOfList(together, count))),
            are_all_together => together == count,
            refused => refused,
            footer => to.words().nothing_happens_until(&self.holder(), &until),
        };
        self.pages.render(status, "list.html", to, values)
    }

    /// What would be approved together, once more.
    pub(super) fn all(&self, lines: &Lines, refused: Option<&str>) -> HttpResponse {
        let (together, alone): (Vec<&Line>, Vec<&Line>) = lines.lines.iter().partition(|line| line.is_approvable());
        let of = together.iter().map(|line| line.id.as_str()).collect::<Vec<_>>().join(".");
        let (to, count) = (self.to, together.len());
        let title = to.words().count(Count::Together(count));
        let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        if to.is_program {
            let more = serde_json::json!({"actions": ["approve-all"], "confirm": {"read": "yes"}, "of": of});
            return self.program(status, &title, refused.unwrap_or_default(), together, more);
        }
        let values = context! {
            title => title,
            lines => together.iter().map(|line| self.shown(line)).collect::<Vec<_>>(),
            of => of,
            alone => some(alone.len()).map(|more| to.words().count(Count::Alone(more))),
            button => to.words().count(Count::ButtonOfAll(count)),
            refused => refused,
            footer => to.words().nothing_happens(&self.holder()),
        };
        self.pages.render(status, "all.html", to, values)
    }

    /// What became of each.
    pub(super) fn report(&self, lines: &Lines) -> HttpResponse {
        let counts = |line: &&Line| {
            line.is_pressed && matches!(line.answer, Answer::Approved(_) | Answer::Voted { is_again: false, .. })
        };
        let (count, all) = (lines.lines.iter().filter(counts).count(), lines.lines.len() + lines.left_out);
        let (to, title) = (self.to, self.to.words().count(Count::Approved(count, all)));
        if to.is_program {
            let more = serde_json::json!({"leftOut": lines.left_out});
            return self.program(StatusCode::OK, &title, "", &lines.lines, more);
        }
        let values = context! {
            title => title,
            lines => lines.lines.iter().map(|line| self.reported(line)).collect::<Vec<_>>(),
            tone => if count == all { "ok" } else { "neutral" },
            left_out => some(lines.left_out).map(|more| to.words().count(Count::NotComeTo(more))),
            footer => to.words().acted_as(&self.holder()),
        };
        self.pages.render(StatusCode::OK, "report.html", to, values)
    }

    /// That it is too late.
    pub(super) fn over(&self, is_renewable: bool) -> HttpResponse {
        let (words, until) = (self.to.words(), self.to.moment(self.list.listing.expires()));
        let sent_to = is_renewable.then(|| self.to.sent_to(&self.list.holder));
        let message = words.list_is_over(&until, sent_to.as_deref());
        self.notice(StatusCode::GONE, words.fixed().list_over_title, &message, is_renewable)
    }

    /// That a new link is on its way, or was sent a moment ago.
    pub(super) fn renewed(&self, renewed: RenewedList) -> HttpResponse {
        let (fixed, sent_to) = (self.to.words().fixed(), self.to.sent_to(&self.list.holder));
        let (status, title) = match renewed {
            RenewedList::Sent => (StatusCode::OK, fixed.list_sent_title),
            RenewedList::Lately | RenewedList::Nothing => (StatusCode::TOO_MANY_REQUESTS, fixed.list_sent_lately_title),
        };
        self.notice(status, title, &self.to.words().is_sent(status.is_success(), &sent_to), false)
    }

    fn notice(&self, status: StatusCode, title: &str, message: &str, is_renewable: bool) -> HttpResponse {
        if self.to.is_program {
            let actions: &[&str] = if is_renewable { &["renew"] } else { &[] };
            return self.program(status, title, message, [], serde_json::json!({"actions": actions}));
        }
        self.pages.notice(status, (title, message), is_renewable, self.to)
    }

    fn holder(&self) -> String {
        self.to.acting_as(&self.list.person())
    }

    fn url(&self, line: &Line) -> String {
        format!("{}/a/{}", self.base_path, line.token)
    }

    fn shown(&self, line: &Line) -> Value {
        let step = asked(&line.answer).map(Step::of);
        context! {
            url => self.url(line),
            workload => place(&line.workload),
            container => &line.container,
            step => step.as_ref().map(|step| step.words.as_str()),
            level => step.as_ref().map(|step| self.to.words().level(step.level)),
            care => care(&line.answer, self.to),
            is_declared => asked(&line.answer).is_some_and(|asked| asked.declares.any()),
            is_alone => !line.is_approvable(),
        }
    }

    fn reported(&self, line: &Line) -> Value {
        let said = said_to(&line.answer, false, self.to);
        let text = std::iter::once(&said.message).chain(&said.details).take(2).cloned().collect::<Vec<_>>().join(" ");
        context! {
            url => self.url(line),
            workload => place(&line.workload),
            container => &line.container,
            tone => said.tone(),
            state => if line.is_pressed { said.title.to_owned() } else { self.to.words().before(said.title) },
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
            let said = said_to(&line.answer, false, Reader::PROGRAM);
            let step = asked(&line.answer).map(Step::of);
            serde_json::json!({
                "workload": line.workload.to_string(), "container": line.container, "url": self.url(line),
                "step": step.as_ref().map(|step| &step.words), "level": step.as_ref().map(|step| step.level),
                "state": said.title, "status": said.status.as_u16(), "detail": said.message,
                "together": line.is_approvable(), "pressed": line.is_pressed, "care": care(&line.answer, Reader::PROGRAM),
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

/// A number of which there is something to say.
fn some(count: usize) -> Option<usize> {
    (count > 0).then_some(count)
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
fn care(answer: &Answer, to: Reader) -> Vec<String> {
    let (asked, put_off) = match answer {
        Answer::Open(asked) => (asked, None),
        Answer::Snoozed(asked, until) => (asked, Some(Care::PutOff(*until))),
        other => return vec![said_to(other, false, to).message],
    };
    let gesture = match asked.approval.allows {
        Allows::Held => Some(Care::Held),
        Allows::Back => Some(Care::Back),
        Allows::Update => asked.is_to_be_read().then_some(Care::Major),
    };
    let ballot = &asked.ballot;
    let (given, needed) = (ballot.votes.count(), ballot.needed.number());
    let votes = if ballot.waits_for_others() { Care::YouApproved(given, needed) } else { Care::Votes(given, needed) };
    let all = [
        gesture,
        put_off,
        (!asked.declares.is_none()).then_some(Care::Declared(asked.declares)),
        ballot.is_worth_saying().then_some(votes),
        asked.group.as_ref().map(|plan| Care::Group(plan.name.as_str())),
        (!asked.with.is_empty()).then_some(Care::With(&asked.with)),
        asked.window_opens.map(Care::Window),
    ];
    all.into_iter().flatten().map(|care| to.words().care(care, to)).collect()
}
