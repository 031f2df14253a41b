//! What there is to say of each state of a link, in English.

use super::refusal::refused;
use crate::approvals::words::{Reader, command};
use crate::domain::approval::Allows;
use crate::domain::history::{Entry, Outcome};
use crate::domain::record::Closed;
use crate::domain::reference::Tag;
use crate::domain::refusal::Refusal;
use crate::domain::rollout::Refusal as Refused;
use crate::domain::view::Stands;
use crate::domain::wording::counted;
use crate::reconcile::{About, Answer, Answerable, Applied, Asked, Resuming, Successor};

pub(super) fn title(answer: &Answer) -> &'static str {
    match answer {
        Answer::Unknown => "No such link",
        Answer::Open(asked) if asked.approval.allows == Allows::Held => "Held",
        Answer::Open(_) => "Open",
        Answer::Snoozed(..) => "Snoozed",
        Answer::Approved(applied) if applied.outcome() == Outcome::Failed => "The rollout failed",
        Answer::Approved(_) => "Approved",
        Answer::Skipped(_) => "Skipped",
        Answer::Resumed(_) => "Allowed again",
        Answer::WentBack(_) => "Rolled back",
        Answer::Voted { is_again: true, .. } => "You have approved already",
        Answer::Voted { is_again: false, .. } => "Your approval counts",
        Answer::Unconfirmed(_) => "One more thing",
        Answer::Forbidden(_) => "You may not change this workload",
        Answer::Expired(_) => "This link has expired",
        Answer::Renewed(_) => "A new link is on its way",
        Answer::RenewedLately(_) => "A new link was sent a moment ago",
        Answer::Superseded { by, .. } => taken(*by),
        Answer::Refused(_, Refusal::OutsideWindow(_)) => "Its window is closed",
        Answer::Refused(_, Refusal::DryRun) => "Nothing is decided now",
        Answer::Refused(..) => "This would not be asked today",
        Answer::Moved(_) => "The tag has moved",
        Answer::Changed(_) => "The workload has changed",
        Answer::Over(_, Closed::Withdrawn) => "This version was withdrawn",
        Answer::Over(..) => "This question is over",
        Answer::NotAllowed(_) => "Not with this link",
        Answer::NotWritten(..) => "The cluster refuses it",
        Answer::Unread | Answer::Later(_) | Answer::Busy(_) => "Not now",
        Answer::Resuming(resuming) => match **resuming {
            Resuming::Open(_) => "Open",
            Resuming::DryRun(_) => "Nothing is decided now",
            Resuming::Expired(_) => "This link has expired",
            Resuming::Done(_) => "Resumed",
        },
    }
}

pub(super) fn message(answer: &Answer, to: Reader) -> String {
    match answer {
        Answer::Open(asked) => open(asked, to),
        Answer::Snoozed(asked, until) => format!(
            "{} is put off until {}. You are asked before that if there is a newer version.",
            asked.approval.to_tag,
            to.moment(*until)
        ),
        Answer::Approved(applied) => approved(applied),
        Answer::Skipped(entry) => format!("{} is not proposed again. Newer versions are.", entry.version),
        Answer::Resumed(entry) => {
            format!("{} is no longer held. The next check decides on it as on any other version.", entry.version)
        }
        Answer::WentBack(applied) => went_back(applied),
        Answer::Voted { asked, is_again } => voted(asked, *is_again),
        Answer::Expired(asked) => expired(asked, to),
        Answer::Renewed(asked) => to.words().is_sent(true, &to.sent_to(&asked.holder)),
        Answer::RenewedLately(asked) => to.words().is_sent(false, &to.sent_to(&asked.holder)),
        Answer::Resuming(resuming) => resuming_of(resuming, to),
        Answer::Unknown
        | Answer::Unconfirmed(_)
        | Answer::Forbidden(_)
        | Answer::Superseded { .. }
        | Answer::Refused(..)
        | Answer::Moved(_)
        | Answer::Changed(_)
        | Answer::Over(..)
        | Answer::NotAllowed(_)
        | Answer::NotWritten(..)
        | Answer::Unread
        | Answer::Later(_)
        | Answer::Busy(_) => nothing_done(answer, to),
    }
}

/// Of what came to nothing.
fn nothing_done(answer: &Answer, to: Reader) -> String {
    match answer {
        Answer::Unknown => {
            "This link is not known here. It may be cut off, or too old; open it again from the message.".to_owned()
        }
        Answer::Unconfirmed(_) => "Nothing was done: tick the box above the buttons first.".to_owned(),
        Answer::Forbidden(asked) => format!(
            "{} may not patch {}, says the cluster, so this answer does not count. Nothing was done, and the link stays valid for whoever may.",
            asked.by().words(),
            asked.workload.id
        ),
        Answer::Superseded { version, newer, by } => superseded(version, newer, *by),
        Answer::Refused(asked, refusal) => format!(
            "{} Nothing was done, and the link stays valid.",
            refused(&asked.approval.to_tag, &asked.workload.id, refusal, to)
        ),
        Answer::Moved(asked) => format!(
            "{} no longer points to {}, which this link is about. Nothing was done; you are asked again about what it is now.",
            asked.approval.to_tag, asked.approval.to_digest
        ),
        Answer::Changed(asked) if asked.is_unwatched => format!(
            "image-watcher does not look at {} any more: its settings were taken off, or a rule that named it. Nothing was done.",
            asked.workload.id
        ),
        Answer::Changed(asked) if !asked.has_container() => format!(
            "{} has no container {} any more: it was removed, or has another name by now. Nothing was done; what there is to ask of others has links of its own.",
            asked.workload.id, asked.approval.container
        ),
        Answer::Changed(asked) => {
            format!("{} is not what it was when you were asked: it runs something else, or was deleted since, and perhaps made again. Nothing was done.", asked.workload.id)
        }
        Answer::Over(asked, Closed::Withdrawn) => format!(
            "The registry has {} no more, or its project took it back or marks it as a prerelease, so there is nothing to decide. Nothing was done; you are asked again if it comes back, or if there is another.",
            asked.approval.to_tag
        ),
        Answer::Over(asked, _) => format!(
            "There is nothing to decide about {} any more: it may be gone from the registry, or another version takes its place. Nothing was done.",
            asked.approval.to_tag
        ),
        Answer::NotAllowed(asked) => {
            let allowed = match asked.approval.allows {
                Allows::Update => "approve, skip or snooze an update",
                Allows::Held => "let a version that is held be applied again",
                Allows::Back => "go back to what ran before an update",
            };
            format!("This link can only {allowed}. Nothing was done.")
        }
        Answer::NotWritten(asked, reason) => format!(
            "The API server refuses to write {} to {}: {reason}. Nothing was done, and the link stays valid.",
            asked.approval.to_tag, asked.workload.id
        ),
        Answer::Unread => {
            "What is known of this link can't be read now. Nothing was done: try again in a minute.".to_owned()
        }
        Answer::Busy(asked) => format!(
            "{} was changed in this moment, by other answers perhaps. Nothing was done, and the link stays valid: press again.",
            asked.workload.id
        ),
        _ => "The registry or the cluster does not answer. Nothing was done, and the link stays valid: try again in a minute.".to_owned(),
    }
}

/// What took the place of a question, in few words.
fn taken(by: Successor) -> &'static str {
    match by.about {
        About::Newer if by.answerable == Answerable::Now => "There is a newer version",
        About::Newer | About::Held => "A newer question took its place",
        About::Other => "Another version took its place",
        About::Again => "It was asked about again",
        About::Moved => "The tag has moved",
        About::Elsewhere => "The workload has changed",
        About::Back => "Another version was applied",
    }
}

/// What took the place of a question, and what is to be done about that.
fn superseded(version: &Tag, newer: &Tag, by: Successor) -> String {
    let since = match by.about {
        About::Newer | About::Other | About::Again => String::new(),
        About::Moved => " That tag points to something else by now.".to_owned(),
        About::Elsewhere => " It was to take the place of what ran then, and something else runs by now.".to_owned(),
        About::Back => " Another version was applied since.".to_owned(),
        About::Held => format!(" {newer} is held by now."),
    };
    let next = match (by.about, by.answerable) {
        (About::Newer, Answerable::Now) => format!(" {newer} is available now and has a link of its own."),
        (About::Other, Answerable::Now) => format!(" {newer} took its place and has a link of its own."),
        (About::Newer | About::Other, Answerable::ByNewLink) => {
            format!(
                " {newer} took its place, and people are asked about it still: open its own link to have a new one sent."
            )
        }
        (About::Newer | About::Other, Answerable::NotNow) => {
            format!(" {newer} took its place, and is refused now: its own link says why, and stays valid.")
        }
        (About::Newer | About::Other, Answerable::NoMore) => {
            format!(" {newer} took its place, and is no longer open either.")
        }
        (About::Back, _) | (About::Held, Answerable::ByNewLink | Answerable::NoMore) => String::new(),
        (About::Held, Answerable::NotNow) => " It has a link of its own, which says why it is refused now.".to_owned(),
        (About::Held, Answerable::Now) => " It has a link of its own.".to_owned(),
        (_, Answerable::Now) => " It is asked about again, with a link of its own.".to_owned(),
        (_, Answerable::ByNewLink) => {
            " People are asked about it still: open the newer link to have a new one sent.".to_owned()
        }
        (_, Answerable::NotNow) => {
            " It is asked about again, and is refused now: the newer link says why, and stays valid.".to_owned()
        }
        (_, Answerable::NoMore) => " Nothing is asked about it any more.".to_owned(),
    };
    format!("This link was about {version}.{since}{next} Nothing was done.")
}

fn open(asked: &Asked, to: Reader) -> String {
    let (version, expires) = (&asked.approval.to_tag, to.moment(asked.approval.expires));
    match asked.approval.allows {
        Allows::Update => format!("{version} can be approved until {expires}."),
        Allows::Back => format!("{} can go back to {version} until {expires}.", asked.workload.id),
        Allows::Held => {
            let failed = asked.held.as_ref().is_some_and(|held| held.failure.is_some());
            let why = if failed { "failed" } else { "was set back" };
            format!("{version} {why}, and is not applied again by itself. This link can allow it until {expires}.")
        }
    }
}

/// A link whose time is over.
fn expired(asked: &Asked, to: Reader) -> String {
    let version = &asked.approval.to_tag;
    let next = match asked.approval.allows {
        _ if asked.is_renewable => {
            format!(
                "People are asked still: a new link can be sent to {}, where this one went.",
                to.sent_to(&asked.holder)
            )
        }
        Allows::Update => "If the update is still available, the next check asks again, with a new link.".to_owned(),
        Allows::Held => {
            format!("A version that is held can be let go without a link, too: {}", command("resume", asked))
        }
        Allows::Back => match asked.from_tag().filter(|_| asked.runs_still()) {
            Some(runs) => {
                format!("{runs} runs still. To go back to {version} without a link: {}", command("rollback", asked))
            }
            None => "What it was to go back from does not run any more.".to_owned(),
        },
    };
    format!("It was valid until {}. Nothing was done. {next}", to.moment(asked.approval.expires))
}

/// An approval that counts, or did before.
fn voted(asked: &Asked, is_again: bool) -> String {
    let (version, ballot) = (&asked.approval.to_tag, &asked.ballot);
    let needed = counted(ballot.needed.number(), "approval", "approvals");
    let votes = format!("{} of {needed}", ballot.votes.count());
    if is_again {
        format!(
            "{version} has {votes}, and yours is one of them. Nothing more was done: it is applied when enough others approve, too."
        )
    } else {
        format!("{version} has {votes}. It is applied when enough others approve, too.")
    }
}

fn approved(applied: &Applied) -> String {
    let state = match applied.outcome() {
        Outcome::Healthy => "is running and healthy".to_owned(),
        Outcome::Failed => "was approved and applied, but its rollout failed".to_owned(),
        Outcome::Replaced => "was applied. Something else was written since".to_owned(),
        Outcome::RollingOut | Outcome::Skipped | Outcome::Resumed => under_way(applied, "is written"),
    };
    format!("{} → {} {state}.", applied.entry.previous, applied.entry.version)
}

/// How the rollout stands of what is not done, in a sentence that its subject stands before.
fn under_way(applied: &Applied, is_written: &str) -> String {
    match &applied.rollout {
        None | Some(Stands::UnderWay | Stands::Failed) => "is being rolled out".to_owned(),
        Some(Stands::Refused(Refused { reason, message })) => {
            format!("is being rolled out, and its pods are refused: {reason}: {message}")
        }
        Some(Stands::StandsStill(said) | Stands::Slow(said)) => format!("{is_written}; {said}"),
        Some(Stands::Waits(waits)) => format!("{is_written}; its rollout waits: {}", waits.until()),
    }
}

/// A workload that went back.
fn went_back(applied: &Applied) -> String {
    let state = match applied.outcome() {
        Outcome::Healthy => "runs again, and is healthy".to_owned(),
        Outcome::Failed => "was written again, but its rollout failed".to_owned(),
        Outcome::Replaced => "was written again. Something else was written since".to_owned(),
        Outcome::RollingOut | Outcome::Skipped | Outcome::Resumed => under_way(applied, "is written again"),
    };
    let Entry { previous, version, .. } = &applied.entry;
    format!("Back from {previous} to {version}. It {state}. {previous} is held.")
}

fn resuming_of(resuming: &Resuming, to: Reader) -> String {
    match resuming {
        Resuming::Open(asked) => format!(
            "Automatic updates are stopped everywhere; this link resumes them until {}.",
            to.moment(asked.expires)
        ),
        Resuming::DryRun(_) => "Automatic updates are stopped everywhere, and image-watcher runs as a dry run (IMAGE_WATCHER_DRY_RUN): it writes nothing to the cluster, so they can't be resumed. The link stays valid for when it does.".to_owned(),
        Resuming::Expired(asked) => format!(
            "It was valid until {}. Automatic updates are stopped still; image-watcher brake --resume, run where the service runs, resumes them.",
            to.moment(asked.expires)
        ),
        Resuming::Done(_) => "Automatic updates are resumed. What waited for it is looked at now.".to_owned(),
    }
}
