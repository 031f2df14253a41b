//! What a decision came to, for programs and in words.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;

use super::answer::done;
use super::view::{DecidedItem, DecisionView, Time};
use crate::domain::actor::Actor;
use crate::domain::answer::Action;
use crate::domain::history::Entry;
use crate::domain::record::Closed;
use crate::domain::refusal::Refusal;
use crate::domain::wording::{moment, moment_of};
use crate::domain::workload::WorkloadId;
use crate::reconcile::{Answer, Asked, NotShown};

/// What a decision came to.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The status of an answer that says nothing else.
    pub status: StatusCode,
    /// What was decided on, and what came of it.
    pub view: DecisionView,
    /// Why it would not be asked today, where that is why nothing was done.
    pub refusal: Option<Refusal>,
}

impl Decided {
    pub(super) fn of(id: &WorkloadId, container: &str, action: Action, answered: Result<Answer, NotShown>) -> Self {
        let (status, outcome, detail) = match &answered {
            Ok(answer) => came_to(answer),
            Err(not_shown) => missed(not_shown),
        };
        let approvals = match &answered {
            Ok(Answer::Voted { asked, .. }) => asked.ballot.words(),
            _ => None,
        };
        let (until, refusal) = match answered {
            Ok(Answer::Snoozed(_, until)) => (Some(Time(until)), None),
            Ok(Answer::Refused(_, refusal)) => (None, Some(refusal)),
            _ => (None, None),
        };
        let view = DecisionView {
            schema: "image-watcher/decision/v1",
            workload: id.to_string(),
            container: container.to_owned(),
            action: action.as_str(),
            outcome,
            detail,
            reason: refusal.as_ref().map(Refusal::as_str),
            approvals,
            until,
        };
        Self { status, view, refusal }
    }

    /// The same of a version that failed when it ran there last: whoever goes back to it, or could, hears that.
    pub(super) fn of_what_failed(mut self, words: &str) -> Self {
        if matches!(self.view.outcome, "unconfirmed" | "went-back" | "held") {
            self.view.detail = format!("{}. {words}", self.view.detail.trim_end_matches('.'));
        }
        self
    }

    /// The same as one of many.
    pub(super) fn item(&self) -> DecidedItem {
        let view = &self.view;
        DecidedItem {
            workload: view.workload.clone(),
            container: view.container.clone(),
            status: self.status.as_u16(),
            outcome: view.outcome.to_owned(),
            detail: view.detail.clone(),
            reason: view.reason.map(str::to_owned),
        }
    }

    /// The answer of the API: a problem where nothing was done.
    pub(super) fn answer(&self) -> HttpResponse {
        if self.status.is_success() {
            return done(self.status, &self.view);
        }
        let DecisionView { outcome, detail, reason, .. } = &self.view;
        let title = self.status.canonical_reason().unwrap_or("error");
        let body = serde_json::json!({
            "title": title, "status": self.status.as_u16(), "detail": detail, "outcome": outcome, "reason": reason,
        });
        let mut answer = HttpResponse::build(self.status);
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            answer.insert_header((RETRY_AFTER, "5"));
        }
        answer.content_type("application/problem+json").body(body.to_string())
    }
}

fn decided(entry: &Entry, what: &str) -> String {
    let by = Actor::from(entry.by.clone()).words();
    format!("{} {what}: decided by {by}, {}", entry.version, moment_of(&entry.time))
}

/// The same of what was written, with how its rollout stands.
fn written(answer: &Answer, entry: &Entry, what: &str) -> String {
    format!("{}. {}", decided(entry, what), crate::approvals::stands(answer))
}

fn came_to(answer: &Answer) -> (StatusCode, &'static str, String) {
    use StatusCode as Status;
    let of = |asked: &Asked, rest: &str| format!("{} {rest}", asked.approval.to_tag);
    let conflict = |word, detail: String| (Status::CONFLICT, word, format!("{detail}; nothing was done"));
    match answer {
        Answer::Approved(applied) => (Status::OK, "approved", written(answer, &applied.entry, "is approved")),
        Answer::Skipped(entry) => (Status::OK, "skipped", decided(entry, "is not proposed again")),
        Answer::Resumed(entry) => (Status::OK, "resumed", decided(entry, "may be applied again")),
        Answer::WentBack(applied) => (Status::OK, "went-back", written(answer, &applied.entry, "is written again")),
        Answer::Snoozed(asked, until) => {
            (Status::OK, "snoozed", of(asked, &format!("is put off until {}", moment(*until))))
        }
        Answer::Voted { asked, is_again } => {
            let words = asked.ballot.words().unwrap_or_default();
            let word = if *is_again { "voted-before" } else { "voted" };
            let again = if *is_again { "was approved by you before" } else { "is approved by you" };
            (Status::ACCEPTED, word, of(asked, &format!("{again}, {words}: others have to approve, too")))
        }
        Answer::Unconfirmed(asked) => (
            Status::UNPROCESSABLE_ENTITY,
            "unconfirmed",
            of(asked, "takes confirmed: true, as there is something to be read first: a major update, or going back"),
        ),
        Answer::Forbidden(asked) => (
            Status::FORBIDDEN,
            "forbidden",
            format!("{} may not patch {}, says the cluster", asked.by().words(), asked.workload.id),
        ),
        Answer::Superseded { newer, .. } => conflict("superseded", format!("{newer} is asked about now")),
        Answer::Refused(asked, refusal) => {
            let words = crate::approvals::refused(&asked.approval.to_tag, &asked.workload.id, refusal);
            (Status::CONFLICT, "refused", format!("{words} Nothing was done."))
        }
        Answer::Moved(asked) => conflict("moved", of(asked, "does not point any more to what was asked about")),
        Answer::Changed(asked) => conflict("changed", format!("{} runs something else by now", asked.workload.id)),
        Answer::Over(asked, Closed::Withdrawn) => conflict("withdrawn", of(asked, "is gone from its registry")),
        Answer::Over(asked, _) => conflict("over", of(asked, "is nothing to decide on any more")),
        Answer::Expired(asked) => conflict("expired", of(asked, "is asked about no more")),
        Answer::NotWritten(asked, said) => {
            (Status::CONFLICT, "not-written", of(asked, &format!("is refused by the API server: {said}")))
        }
        Answer::Busy(asked) => (
            Status::SERVICE_UNAVAILABLE,
            "busy",
            format!("{} was changed in this moment; try again", asked.workload.id),
        ),
        Answer::Later(_) | Answer::Unread => {
            (Status::SERVICE_UNAVAILABLE, "later", "registry or API server can't be asked now; try again".to_owned())
        }
        Answer::Unknown
        | Answer::Open(_)
        | Answer::NotAllowed(_)
        | Answer::Renewed(_)
        | Answer::RenewedLately(_)
        | Answer::Resuming(_) => conflict("not-asked", "this is not asked now".to_owned()),
    }
}

fn missed(not_shown: &NotShown) -> (StatusCode, &'static str, String) {
    let conflict = |word, detail: String| (StatusCode::CONFLICT, word, format!("{detail}; nothing was done"));
    match not_shown {
        NotShown::NoWorkload => (StatusCode::NOT_FOUND, "unknown", "no such workload is watched any more".to_owned()),
        NotShown::NoContainer => (StatusCode::NOT_FOUND, "unknown", "the workload has no such container".to_owned()),
        NotShown::Runs(Some(tag)) => conflict("changed", format!("{tag} runs by now")),
        NotShown::Runs(None) => conflict("changed", "what runs can't be read by now".to_owned()),
        NotShown::Asks(Some(tag)) => conflict("superseded", format!("{tag} is asked about now")),
        NotShown::Asks(None) => conflict("not-asked", "this is not asked now".to_owned()),
        NotShown::Points(digest) => conflict("moved", format!("the question is about {digest}")),
        NotShown::NotHeld => conflict("not-held", "this version is not held".to_owned()),
        NotShown::Held(tag) => conflict("held", format!("{tag} is held; let it be applied again first")),
        NotShown::NeverRan => {
            conflict("never-ran", "this version is not known to have run here before what runs".to_owned())
        }
        NotShown::Unread => {
            (StatusCode::SERVICE_UNAVAILABLE, "later", "what is known of it can't be read now; try again".to_owned())
        }
    }
}
