//! What takes more than a few words.

use chrono::{DateTime, Utc};

use super::English;
use crate::api::view::{ChangeView, QuestionView};
use crate::domain::actor::Actor;
use crate::domain::history::Outcome;
use crate::domain::wording::counted;
use crate::web::words::{Care, Check, FactName, Sure, Titled, Words, beside};

pub(super) fn told(change: &ChangeView) -> (&'static str, &'static str) {
    let is_policy = Actor::from(change.by.as_str()) == Actor::Policy;
    let done = match change.outcome {
        Outcome::Skipped => return ("Skipped", ""),
        Outcome::Resumed => return ("Let go", "it may be applied again"),
        _ if change.is_back => "Went back",
        _ if is_policy => "Updated",
        _ => "Approved",
    };
    let outcome = match change.outcome {
        Outcome::RollingOut => "rolling out",
        Outcome::Healthy => "healthy",
        Outcome::Failed => "failed",
        Outcome::Replaced => "something else was written since",
        Outcome::Skipped | Outcome::Resumed => "",
    };
    (done, outcome)
}

pub(super) fn batch(updates: usize, namespaces: usize, may_decide: bool) -> Titled {
    let (all, spaces) = (counted(updates, "update", "updates"), counted(namespaces, "namespace", "namespaces"));
    let they = if updates == 1 { "It is" } else { "They are" };
    if !may_decide {
        let wait = if updates == 1 { "waits" } else { "wait" };
        return Titled::new(format!("{all} {wait} for a decision"), format!("{they} in {spaces}."));
    }
    let each = if updates == 1 { "It is" } else { "Each is" };
    Titled::new(
        format!("Review {all}"),
        format!(
            "{they} in {spaces}. {each} looked at once more when the button is pressed: what has moved since is left out, and told."
        ),
    )
}

pub(super) fn list(is_ticked: bool, may_decide: bool) -> Titled {
    let title = match (is_ticked, may_decide) {
        (true, true) => "Ticked already",
        (true, false) => "Simple ones",
        (false, true) => "Each of these wants its own tick",
        (false, false) => "Each of these wants a closer look",
    };
    let note = if is_ticked {
        "no major step, and nothing that is known speaks against them"
    } else {
        "majors, declared breaks, foreign owners, failures elsewhere, closed windows"
    };
    Titled::new(title, note)
}

pub(super) fn care(care: &Care) -> String {
    match care {
        Care::Major => "A major update".to_owned(),
        Care::Said(words) => words.clone(),
        Care::OutsideWindow(when) => {
            format!("Outside its window, which opens {when}; to have it before that, decide on its own page")
        }
        Care::Together(members) => format!("{members} of its group go together"),
    }
}

pub(super) fn report(done: usize, of: usize) -> Titled {
    let title = match (done, of) {
        (0, _) => "Nothing was done".to_owned(),
        (1, 1) => "Your answer counts".to_owned(),
        (done, of) if done == of => format!("All {of} answers count"),
        (1, of) => format!("1 of {of} answers counts"),
        (done, of) => format!("{done} of {of} answers count"),
    };
    let lead = if of == 1 {
        "What became of it; its own page says how it goes on."
    } else {
        "Line by line, what became of it. Its own page says how each goes on."
    };
    Titled::new(title, lead)
}

pub(super) fn question(question: &QuestionView, now: DateTime<Utc>) -> Titled {
    let version = &question.tag;
    let title = match question.actions {
        ["resume", ..] => format!("Let {version} be applied again?"),
        ["rollback", ..] => format!("Go back to {version}?"),
        _ => format!("Take {version}?"),
    };
    let words: &dyn Words = &English;
    let (asked, ends) = (words.moment(question.asked.0), words.moment(question.expires.0));
    let left = beside(question.expires.0, now, words);
    Titled::new(
        title,
        match question.actions {
            ["rollback", ..] => format!("Possible on this page until {ends}, {left}."),
            _ => match question.put_off() {
                Some((until, true)) => format!(
                    "Asked {asked}. Put off until {}: people are asked anew then. Before that it can be answered here until {ends}, {left}.",
                    words.moment(until)
                ),
                Some((until, false)) => format!(
                    "Asked {asked}. Put off until {}; it can be answered at any time until {ends}, {left}.",
                    words.moment(until)
                ),
                None => format!("Asked {asked}. It can be answered until {ends}, {left}."),
            },
        },
    )
}

pub(super) fn fact(fact: FactName) -> &'static str {
    match fact {
        FactName::FirstSeen => "Known since",
        FactName::Reason => "Why this one",
        FactName::Declared => "Declared",
        FactName::Size => "Size",
        FactName::Window => "Window",
        FactName::Mode => "Mode",
        FactName::Strategy => "Strategy",
        FactName::User => "User",
        FactName::Entrypoint => "Entrypoint",
        FactName::Command => "Command",
        FactName::Environment => "Environment",
        FactName::Ports => "Ports",
        FactName::Volumes => "Volumes",
    }
}

pub(super) fn check(check: Check) -> String {
    match check {
        Check::Blobs(1) => "Its manifest and its one blob are there".to_owned(),
        Check::Blobs(many) => format!("Its manifest and all {many} blobs are there"),
        Check::Nodes => "Its platforms fit the nodes".to_owned(),
        Check::Platforms => "It has the platforms of what runs".to_owned(),
        Check::Start => "User and command fit the pod".to_owned(),
        Check::DryRun => "The API server would take it".to_owned(),
        Check::DryRunWarned(1) => "The API server would take it, with a warning".to_owned(),
        Check::DryRunWarned(many) => format!("The API server would take it, with {many} warnings"),
    }
}

pub(super) fn refused(word: &str, many: u64) -> String {
    let why = match word {
        "bad_signature" => "with a wrong credential",
        "bad_payload" => "that can't be read",
        "limited" => "too many at once",
        "overloaded" => "that could not be stored",
        other => other,
    };
    format!("{many} {why}")
}

/// How a question to a registry ended.
pub(super) fn answered(word: &str) -> &str {
    match word {
        "ok" => "answered",
        "unauthorized" => "wants another credential",
        "throttled" => "asked to be asked less",
        "unreachable" => "gave no answer",
        "untrusted" => "shows a certificate that is not trusted",
        "blocked" => "may not be asked",
        "unusable" => "answered what can't be used",
        "too_many_tags" => "has too many tags",
        "unknown_repository" => "does not have it",
        "passed_over" => "has it not, or only a part: another is asked",
        other => other,
    }
}

/// Why a registry is not asked for a while.
pub(super) fn spares(word: &str) -> &str {
    match word {
        "asked" => "it asked for it",
        "unavailable" => "it is not available, and asked for it",
        "little_left" => "little of its budget is left",
        "ceiling" => "the ceiling of one's own",
        "no_answer" => "it gave no answer",
        "untrusted" => "its certificate is not trusted",
        other => other,
    }
}

pub(super) fn sure(sure: Sure<'_>) -> Titled {
    match sure {
        Sure::Release => Titled::new(
            "Resume automatic updates?",
            "What is allowed to apply itself does so again, everywhere. These failed before it was stopped:",
        ),
        Sure::Discard => Titled::new("Throw this message away?", "Nobody gets it, and it can't be brought back."),
        Sure::Back(from, to) => Titled::new(
            format!("Go back from {from} to {to}?"),
            format!(
                "{to} is written and followed until it is healthy. {from} is held back here until somebody lets it go."
            ),
        ),
    }
}
