//! What the page says of each state of a link.

use actix_web::http::StatusCode;

use crate::access::Refused;
use crate::domain::actor::{Actor, Person, masked};
use crate::domain::approval::Allows;
use crate::domain::history::{Entry, Outcome};
use crate::domain::policy::Track;
use crate::domain::preflight::Flaw;
use crate::domain::record::Closed;
use crate::domain::reference::Tag;
use crate::domain::refusal::Refusal;
use crate::domain::votes::Ballot;
use crate::domain::wording::{moment, moment_of, somebody};
use crate::domain::workload::WorkloadId;
use crate::reconcile::{Answer, Asked, Resuming};

/// What a page says, in words.
pub(super) struct Said {
    pub(super) status: StatusCode,
    pub(super) title: &'static str,
    pub(super) message: String,
    pub(super) details: Vec<String>,
    /// Why nothing was done, for programs.
    pub(super) reason: Option<&'static str>,
    /// Whether what was decided came to nothing good.
    is_bad: bool,
    /// Whether a new link may be asked for.
    pub(super) is_renewable: bool,
}

impl Said {
    /// Nothing but words.
    fn new(status: StatusCode, title: &'static str, message: String) -> Self {
        Self { status, title, message, details: Vec::new(), reason: None, is_bad: false, is_renewable: false }
    }

    /// Of what was decided before, as a program learns it that tries to decide again.
    fn decided(entry: &Entry, gone: bool, title: &'static str, message: String) -> Self {
        let status = if gone { StatusCode::GONE } else { StatusCode::OK };
        let details =
            vec![format!("Decided by {}, {}.", Actor::from(entry.by.as_str()).words(), moment_of(&entry.time))];
        Self { details, ..Self::new(status, title, message) }
    }

    pub(super) fn tone(&self) -> &'static str {
        if self.status.is_success() && !self.is_bad { "ok" } else { "neutral" }
    }
}

/// As whom whoever looks at the page acts.
pub(super) fn acting_as(person: &Person) -> String {
    let holder = match person {
        Person::Holder(link) => link,
        Person::SignedIn { .. } | Person::Slack { .. } | Person::Visitor(_) | Person::Command(_) => {
            return person.actor().words();
        }
    };
    match masked(holder).split_once(':') {
        Some((channel, address)) => format!("{address} ({channel})"),
        None => "whoever reads the channel this was sent to".to_owned(),
    }
}

/// What is to be said to have been read before the button does anything.
pub(super) fn to_read(asked: &Asked) -> Option<String> {
    let to = &asked.approval.to_tag;
    match asked.approval.allows {
        _ if !asked.is_to_be_read() => None,
        Allows::Back => Some("I have read what this goes back to, and what may be lost by it".to_owned()),
        Allows::Update | Allows::Held => Some(format!("I have read what changes with {to}: this is a major update")),
    }
}

/// That it was not.
pub(super) const NOT_READ: &str = "Nothing was done: tick the box above the buttons first.";

/// Who approved, and how many have to: `1 of 2: o…@example.com (email), 18 Nov 2026 11:06 UTC`.
pub(super) fn approvals(ballot: &Ballot) -> Option<String> {
    let votes: Vec<String> =
        ballot.votes.iter().map(|vote| format!("{}, {}", vote.by.words(), moment(vote.at))).collect();
    let who = if votes.is_empty() { String::new() } else { format!(": {}", votes.join("; ")) };
    ballot.words().map(|words| format!("{words}{who}"))
}

/// What whoever has approved already is told.
pub(super) fn have_approved(ballot: &Ballot) -> Option<String> {
    let words = ballot.words().filter(|_| ballot.waits_for_others())?;
    Some(format!("You have approved already, {words}. It is applied when enough others approve, too."))
}

/// Why a request is not answered, by whom it is.
pub(super) fn stranger(refused: Refused) -> (StatusCode, &'static str) {
    match refused {
        Refused::NobodySignedIn => (
            StatusCode::UNAUTHORIZED,
            "sign in first: links are opened here by people whom the proxy in front has signed in; nothing was done",
        ),
        Refused::NoName => (
            StatusCode::BAD_REQUEST,
            "the proxy in front does not say who you are in a way that can be read; nothing was done",
        ),
        Refused::Elsewhere => (
            StatusCode::FORBIDDEN,
            "this did not come from the page of this link: open the link again, and press its button; nothing was done",
        ),
    }
}

fn resuming_said(resuming: &Resuming, gone: bool) -> Said {
    match resuming {
        Resuming::Open(asked) => {
            let message = format!(
                "Automatic updates are stopped everywhere; this link resumes them until {}.",
                moment(asked.expires)
            );
            Said::new(StatusCode::OK, "Open", message)
        }
        Resuming::Expired(asked) => {
            let message = format!(
                "It was valid until {}. Automatic updates are stopped still; image-watcher brake --resume, run where the service runs, resumes them.",
                moment(asked.expires)
            );
            Said::new(StatusCode::GONE, "This link has expired", message)
        }
        Resuming::Done(release) => {
            let status = if gone { StatusCode::GONE } else { StatusCode::OK };
            let message = "Automatic updates are resumed. What waited for it is looked at now.".to_owned();
            let details = vec![format!("Decided by {}, {}.", release.by.words(), moment(release.at))];
            Said { details, ..Said::new(status, "Resumed", message) }
        }
    }
}

pub(super) fn said(answer: &Answer, gone: bool) -> Said {
    let say = Said::new;
    match answer {
        Answer::Unknown => {
            say(StatusCode::NOT_FOUND, "No such link", "This link is not known here. It may be cut off, or too old; open it again from the message.".into())
        }
        Answer::Open(asked) if asked.approval.allows == Allows::Held => held(asked),
        Answer::Open(asked) if asked.approval.allows == Allows::Back => say(StatusCode::OK, "Open", format!("{} can go back to {} until {}.", asked.workload.id, asked.approval.to_tag, moment(asked.approval.expires))),
        Answer::Open(asked) => say(StatusCode::OK, "Open", format!("{} can be approved until {}.", asked.approval.to_tag, moment(asked.approval.expires))),
        Answer::Snoozed(asked, until) => say(StatusCode::OK, "Snoozed", format!("{} is put off until {}. You are asked before that if there is a newer version.", asked.approval.to_tag, moment(*until))),
        Answer::Approved(entry) => approved(entry, gone),
        Answer::Skipped(entry) => Said::decided(entry, gone, "Skipped", format!("{} is not proposed again. Newer versions are.", entry.version)),
        Answer::Resumed(entry) => Said::decided(entry, gone, "Allowed again", format!("{} is no longer held. The next check decides on it as on any other version.", entry.version)),
        Answer::WentBack(entry) => went_back(entry, gone),
        Answer::Voted { asked, is_again } => voted(asked, *is_again),
        Answer::Unconfirmed(_) => Said { reason: Some("unconfirmed"), ..say(StatusCode::UNPROCESSABLE_ENTITY, "One more thing", NOT_READ.into()) },
        Answer::Forbidden(asked) => Said {
            reason: Some("forbidden"),
            ..say(StatusCode::FORBIDDEN, "You may not change this workload", format!("{} may not patch {}, says the cluster, so this answer does not count. Nothing was done, and the link stays valid for whoever may.", asked.by().words(), asked.workload.id))
        },
        Answer::Expired(asked) => expired(asked),
        Answer::Renewed(asked) => say(StatusCode::OK, "A new link is on its way", format!("It is sent to {}, and to nobody else.", sent_to(&asked.holder))),
        Answer::RenewedLately(asked) => say(StatusCode::TOO_MANY_REQUESTS, "A new link was sent a moment ago", format!("It went to {}. If it does not arrive, try again in ten minutes.", sent_to(&asked.holder))),
        Answer::Superseded { version, newer, is_open: true } => say(
            StatusCode::CONFLICT,
            "There is a newer version",
            format!("This link was about {version}. {newer} is available now and has a link of its own. Nothing was done."),
        ),
        Answer::Superseded { version, newer, is_open: false } => say(
            StatusCode::CONFLICT,
            "A newer question took its place",
            format!("This link was about {version}. {newer} took its place, and is no longer open either. Nothing was done."),
        ),
        Answer::Refused(asked, refusal) => Said {
            reason: Some(refusal.as_str()),
            ..say(StatusCode::CONFLICT, "This would not be asked today", format!("{} Nothing was done, and the link stays valid.", refused(&asked.approval.to_tag, &asked.workload.id, refusal)))
        },
        Answer::Moved(asked) => say(
            StatusCode::CONFLICT,
            "The tag has moved",
            format!("{} no longer points to {}, which this link is about. Nothing was done; you are asked again about what it is now.", asked.approval.to_tag, asked.approval.to_digest),
        ),
        Answer::Changed(asked) => say(
            StatusCode::CONFLICT,
            "The workload has changed",
            format!("{} is not what it was when you were asked: it runs something else, or was deleted since, and perhaps made again. Nothing was done.", asked.workload.id),
        ),
        Answer::Over(asked, Closed::Withdrawn) => Said {
            reason: Some(Refusal::Withdrawn.as_str()),
            ..say(
                StatusCode::CONFLICT,
                "This version was withdrawn",
                format!("The registry has {} no more, or its project took it back or marks it as a prerelease, so there is nothing to decide. Nothing was done; you are asked again if it comes back, or if there is another.", asked.approval.to_tag),
            )
        },
        Answer::Over(asked, _) => say(
            StatusCode::CONFLICT,
            "This question is over",
            format!("There is nothing to decide about {} any more: it may be gone from the registry, or another version takes its place. Nothing was done.", asked.approval.to_tag),
        ),
        Answer::NotAllowed(asked) => {
            let allowed = match asked.approval.allows {
                Allows::Update => "approve, skip or snooze an update",
                Allows::Held => "let a version that is held be applied again",
                Allows::Back => "go back to what ran before an update",
            };
            say(StatusCode::FORBIDDEN, "Not with this link", format!("This link can only {allowed}. Nothing was done."))
        }
        Answer::NotWritten(asked, reason) => say(
            StatusCode::CONFLICT,
            "The cluster refuses it",
            format!("The API server refuses to write {} to {}: {reason}. Nothing was done, and the link stays valid.", asked.approval.to_tag, asked.workload.id),
        ),
        Answer::Resuming(resuming) => resuming_said(resuming, gone),
        Answer::Unread => say(
            StatusCode::SERVICE_UNAVAILABLE,
            "Not now",
            "What is known of this link can't be read now. Nothing was done: try again in a minute.".into(),
        ),
        Answer::Later(_) => say(
            StatusCode::SERVICE_UNAVAILABLE,
            "Not now",
            "The registry or the cluster does not answer. Nothing was done, and the link stays valid: try again in a minute.".into(),
        ),
    }
}

/// Why a question would not be asked today, and what would have to be otherwise.
pub(crate) fn refused(version: &Tag, workload: &WorkloadId, refusal: &Refusal) -> String {
    match refusal {
        Refusal::Settings(problems) => format!("The settings of {workload} are not understood: {problems}."),
        Refusal::Disabled { forced: true } => {
            "The operator leaves all workloads alone: IMAGE_WATCHER_MODE is DISABLED.".into()
        }
        Refusal::Disabled { forced: false } => {
            format!("{workload} is to be left alone: its image-watcher/mode is DISABLED.")
        }
        Refusal::OtherTrack(Track::Digest) => {
            format!("{workload} stays at its tag now and follows what that points to: image-watcher/track is digest.")
        }
        Refusal::OtherTrack(Track::Version) => format!(
            "{workload} follows versions now, and not what its tag points to: image-watcher/track is not digest."
        ),
        Refusal::AboveStrategy { level, strategy, forced } => {
            let by = if *forced { "IMAGE_WATCHER_STRATEGY" } else { "image-watcher/strategy" };
            format!(
                "{version} goes further than is allowed now: it is a {} update, and {by} is {strategy}.",
                level.as_str()
            )
        }
        Refusal::BehindStep(first) => {
            format!("image-watcher/steps of {workload} jumps over none: {first} goes before {version}.")
        }
        Refusal::WithoutLevel => {
            format!("The operator forces IMAGE_WATCHER_STRATEGY, and how far {version} goes can't be told.")
        }
        Refusal::NotIncluded => format!("image-watcher/include of {workload} does not take {version} any more."),
        Refusal::Excluded => format!("image-watcher/exclude of {workload} keeps {version} out."),
        Refusal::Prerelease => {
            format!("{version} is a prerelease, and image-watcher/prerelease of {workload} is not true.")
        }
        Refusal::Skipped => format!("image-watcher/skip of {workload} names {version}."),
        Refusal::Cooldown(until) => {
            format!("{version} waits for image-watcher/cooldown of {workload} until {}.", moment(*until))
        }
        Refusal::OutsideWindow(until) => format!(
            "image-watcher/window of {workload} is closed: {version} can be applied from {}, or now by whoever ticks that it is to be applied outside the window.",
            moment(*until)
        ),
        Refusal::OutsidePattern => {
            format!("image-watcher/tag-policy of {workload} does not take both {version} and what runs.")
        }
        Refusal::NotNewer => format!("{version} is not newer than what {workload} runs."),
        Refusal::OtherKind => format!(
            "{version} is no longer taken for the same kind of thing as what {workload} runs; image-watcher explain says why."
        ),
        Refusal::NeverRan => format!(
            "The history of {workload} has no {version} of this digest any more, or it is held, or runs already: open the link again and choose another."
        ),
        Refusal::Withdrawn => {
            format!("The registry has {version} no more: it was withdrawn, or its tag was removed.")
        }
        Refusal::Unreleased(standing) => format!("{version} is not what it was when you were asked: {standing}."),
        Refusal::Unfit(Flaw::Admission(said)) => {
            format!("The API server refuses to write {version} on {workload}: {said}")
        }
        Refusal::Unfit(flaw) => format!("{version} would not start: {flaw}."),
        Refusal::Member(of) => {
            let (member, version, why) = &**of;
            format!("{} All of the group go together, or none.", refused(version, member, why))
        }
        Refusal::MemberGone(member) => {
            format!(
                "{member} is of the group no more: it was deleted, made anew, or left it. You are asked again about the others."
            )
        }
        Refusal::MemberChanged(member) => {
            format!("{member} of the group no longer runs what it ran when you were asked.")
        }
        Refusal::MemberMoved(member) => {
            format!("The tag that {member} of the group would go to points to something else than when you were asked.")
        }
        Refusal::MemberJoined(member) => {
            format!("{member} is of the group now, and you were not asked about it. You are asked again about all.")
        }
        Refusal::MemberPaused(member) => {
            format!("The rollouts of {member} are paused, and all of the group go together, or none.")
        }
        Refusal::MemberUnderWay(member) => format!("An update of {member} of the group is under way."),
        Refusal::MemberHolds(member) => format!("{member} of the group holds its version: it was set back, or failed."),
        Refusal::MemberNotWritable(member) => format!("{member} of the group may not be patched."),
        Refusal::Untimed => {
            format!(
                "The registry does not say of all tags when they were pushed, and image-watcher/tag-order of {workload} is newest."
            )
        }
        Refusal::DryRun => {
            "image-watcher runs as a dry run (IMAGE_WATCHER_DRY_RUN): it writes nothing to the cluster, so nothing can be answered. The link stays valid for when it does.".into()
        }
        Refusal::List(doubt) => format!("The registry's answer is not believed: {doubt}."),
    }
}

/// A link whose time is over.
fn expired(asked: &Asked) -> Said {
    let over = format!("It was valid until {}. Nothing was done.", moment(asked.approval.expires));
    let next = if asked.is_renewable {
        format!("People are asked still: a new link can be sent to {}, where this one went.", sent_to(&asked.holder))
    } else {
        "If the update is still available, the next check asks again, with a new link.".to_owned()
    };
    let said = Said::new(StatusCode::GONE, "This link has expired", format!("{over} {next}"));
    Said { is_renewable: asked.is_renewable, ..said }
}

/// An approval that counts, or did before.
fn voted(asked: &Asked, is_again: bool) -> Said {
    let (ballot, to) = (&asked.ballot, &asked.approval.to_tag);
    let words = ballot.words().unwrap_or_default();
    let (title, message) = if is_again {
        (
            "You have approved already",
            format!(
                "{to} has {words} approvals, and yours is one of them. Nothing more was done: it is applied when enough others approve, too."
            ),
        )
    } else {
        ("Your approval counts", format!("{to} has {words} approvals. It is applied when enough others approve, too."))
    };
    let details = ballot.votes.iter().map(|vote| format!("Approved by {}, {}.", vote.by.words(), moment(vote.at)));
    Said { details: details.collect(), ..Said::new(StatusCode::OK, title, message) }
}

/// To whom a link was sent, masked.
fn sent_to(holder: &str) -> String {
    match masked(holder).split_once(':') {
        Some((channel, address)) => format!("{address} ({channel})"),
        None => format!("the channel {}", masked(holder)),
    }
}

fn approved(entry: &Entry, gone: bool) -> Said {
    let (title, state) = match entry.outcome {
        Outcome::Healthy => ("Approved", "is running and healthy"),
        Outcome::Failed => ("The rollout failed", "was approved and applied, but its rollout failed"),
        Outcome::Replaced => ("Approved", "was applied. Something else was written since"),
        Outcome::RollingOut | Outcome::Skipped | Outcome::Resumed => ("Approved", "is being rolled out"),
    };
    let message = format!("{} → {} {state}.", entry.previous, entry.version);
    let mut said = Said::decided(entry, gone, title, message);
    said.details.push(entry.digest.clone());
    Said { is_bad: entry.outcome == Outcome::Failed, ..said }
}

/// A workload that went back.
fn went_back(entry: &Entry, gone: bool) -> Said {
    let state = match entry.outcome {
        Outcome::Healthy => "It runs again, and is healthy",
        Outcome::Failed => "It was written again, but its rollout failed",
        Outcome::Replaced => "It was written again. Something else was written since",
        Outcome::RollingOut | Outcome::Skipped | Outcome::Resumed => "It is being rolled out",
    };
    let message = format!("Back from {} to {}. {state}. {} is held.", entry.previous, entry.version, entry.previous);
    let said = Said::decided(entry, gone, "Rolled back", message);
    Said { is_bad: entry.outcome == Outcome::Failed, ..said }
}

/// A version that is held, and that this link can let go.
fn held(asked: &Asked) -> Said {
    let (version, expires) = (&asked.approval.to_tag, moment(asked.approval.expires));
    let failure = asked.held.as_ref().and_then(|held| held.failure.as_ref());
    let why = if failure.is_some() { "failed" } else { "was set back" };
    let message =
        format!("{version} {why}, and is not applied again by itself. This link can allow it until {expires}.");
    let mut said = Said::new(StatusCode::OK, "Held", message);
    if let Some(held) = &asked.held {
        let since = moment(held.since);
        said.details.push(match failure {
            Some(failure) => format!("Went back to {}, {since}: {}: {}", held.back_to, failure.reason, failure.message),
            None => format!("Set back to {} by {}, {since}.", held.back_to, somebody(&held.by)),
        });
    }
    said
}
