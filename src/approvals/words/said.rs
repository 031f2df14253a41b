//! What is said of each state of a link, whatever the language.

use actix_web::http::StatusCode;

use super::Reader;
use crate::domain::actor::Actor;
use crate::domain::approval::Allows;
use crate::domain::history::Entry;
use crate::domain::record::Closed;
use crate::domain::refusal::Refusal;
use crate::reconcile::{Answer, Resuming};

/// What a page says, in words.
pub(in crate::approvals) struct Said {
    pub(in crate::approvals) status: StatusCode,
    pub(in crate::approvals) title: &'static str,
    pub(in crate::approvals) message: String,
    pub(in crate::approvals) details: Vec<String>,
    /// Why nothing was done, for programs.
    pub(in crate::approvals) reason: Option<&'static str>,
    /// Whether what was decided came to nothing good, or comes to nothing as things stand.
    is_bad: bool,
    /// Whether a new link may be asked for.
    pub(in crate::approvals) is_renewable: bool,
}

impl Said {
    pub(in crate::approvals) fn tone(&self) -> &'static str {
        if self.status.is_success() && !self.is_bad { "ok" } else { "neutral" }
    }
}

/// What is said of a state, to whoever reads it. What was decided is `gone` for a program that decides again.
pub(in crate::approvals) fn said_to(answer: &Answer, gone: bool, to: Reader) -> Said {
    Said {
        status: status(answer, gone),
        title: to.words().title(answer),
        message: to.words().message(answer, to),
        details: details(answer, to),
        reason: reason(answer),
        is_bad: matches!(answer, Answer::Approved(it) | Answer::WentBack(it) if it.is_bad()),
        is_renewable: matches!(answer, Answer::Expired(asked) if asked.is_renewable),
    }
}

fn status(answer: &Answer, gone: bool) -> StatusCode {
    let decided = if gone { StatusCode::GONE } else { StatusCode::OK };
    match answer {
        Answer::Unknown => StatusCode::NOT_FOUND,
        Answer::Open(_) | Answer::Snoozed(..) | Answer::Voted { .. } | Answer::Renewed(_) => StatusCode::OK,
        Answer::Approved(_) | Answer::Skipped(_) | Answer::Resumed(_) | Answer::WentBack(_) => decided,
        Answer::Unconfirmed(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Answer::Forbidden(_) | Answer::NotAllowed(_) => StatusCode::FORBIDDEN,
        Answer::Expired(_) => StatusCode::GONE,
        Answer::RenewedLately(_) => StatusCode::TOO_MANY_REQUESTS,
        Answer::Superseded { .. }
        | Answer::Refused(..)
        | Answer::Moved(_)
        | Answer::Changed(_)
        | Answer::Over(..)
        | Answer::NotWritten(..) => StatusCode::CONFLICT,
        Answer::Unread | Answer::Later(_) | Answer::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
        Answer::Resuming(resuming) => match **resuming {
            Resuming::Open(_) => StatusCode::OK,
            Resuming::DryRun(_) => StatusCode::CONFLICT,
            Resuming::Expired(_) => StatusCode::GONE,
            Resuming::Done(_) => decided,
        },
    }
}

/// Why nothing was done, for programs.
fn reason(answer: &Answer) -> Option<&'static str> {
    match answer {
        Answer::Unconfirmed(_) => Some("unconfirmed"),
        Answer::Forbidden(_) => Some("forbidden"),
        Answer::Busy(_) => Some("busy"),
        Answer::Refused(_, refusal) => Some(refusal.as_str()),
        Answer::Resuming(resuming) if matches!(**resuming, Resuming::DryRun(_)) => Some(Refusal::DryRun.as_str()),
        Answer::Over(_, Closed::Withdrawn) => Some(Refusal::Withdrawn.as_str()),
        _ => None,
    }
}

fn details(answer: &Answer, to: Reader) -> Vec<String> {
    let words = to.words();
    let decided = |entry: &Entry| words.decided_by(&Actor::from(entry.by.as_str()), &to.moment_of(&entry.time));
    match answer {
        Answer::Approved(applied) => vec![decided(&applied.entry), applied.entry.digest.clone()],
        Answer::WentBack(applied) => vec![decided(&applied.entry)],
        Answer::Skipped(entry) | Answer::Resumed(entry) => vec![decided(entry)],
        Answer::Voted { asked, .. } => {
            asked.ballot.votes.iter().map(|vote| words.approved_by(&vote.by, &to.moment(vote.at))).collect()
        }
        Answer::Open(asked) if asked.approval.allows == Allows::Held => {
            asked.held.iter().map(|held| words.held_since(held, to)).collect()
        }
        Answer::Resuming(resuming) => match &**resuming {
            Resuming::Done(release) => vec![words.decided_by(&release.by, &to.moment(release.at))],
            Resuming::Open(_) | Resuming::DryRun(_) | Resuming::Expired(_) => Vec::new(),
        },
        _ => Vec::new(),
    }
}
