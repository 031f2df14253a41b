//! Why a container stands as it does.

use chrono::{DateTime, Utc};

use super::English;
use crate::api::view::ContainerView;
use crate::domain::fleet::{Asks, Waits};
use crate::domain::grounds::Grounds;
use crate::domain::view::{Blocker, Cause, Stands, Unfinished};
use crate::web::words::{Said, Words, beside};

pub(super) fn why(container: &ContainerView, now: DateTime<Utc>) -> Said {
    let when = |at: DateTime<Utc>| beside(at, now, &English);
    let words: &dyn Words = &English;
    match &container.status.cause {
        Cause::Asked { .. } => asked(container, now),
        Cause::Unanswered => Said::new("Nobody answered in time", "it is asked again"),
        Cause::Blocked(blocker) => blocked(blocker, now),
        Cause::Gone(gone) => Said::new(words.of_messages().grounds(&Grounds::Gone(gone.as_ref().clone())), ""),
        Cause::Rollout(rollout, reason) => of_rollout(rollout, reason.as_deref(), now),
        Cause::WentBack(returned) => {
            let held = &returned.held;
            let reason = held.failure.as_ref().map(|failure| failure.reason.clone()).unwrap_or_default();
            match returned.left() {
                Some(left) => Said::new(format!("Goes back to {}: {} failed", held.back_to, held.tag), left),
                None => Said::new(format!("Went back to {}: {} failed", held.back_to, held.tag), reason),
            }
        }
        Cause::PutBack(version, put_back, _) => {
            Said::new(format!("{version} failed here and was put back"), format!("by {}", put_back.by))
        }
        Cause::Settings(problems) => Said::new(words.of_messages().problems(problems), ""),
        Cause::Record(_) => Said::new("The record on the workload is not ours", "the next look puts it right"),
        Cause::Undecided(why) => Said::foreign(&why.words),
        Cause::Group(of) => Said::foreign(&of.to_string()),
        Cause::Applies => Said::new("It is applied in a moment", ""),
        Cause::MayNotWrite(kind, namespace) => English.no_right(kind.plural(), namespace),
        Cause::Unfit(version, why) => Said::new(format!("{version} would not start"), why.to_string()),
        Cause::NotLookedAt => Said::new("Not looked at yet", ""),
        Cause::NothingNewer => match &container.checked {
            Some(at) => Said::new(format!("Looked at {}", when(at.0)), ""),
            None => Said::new("Nothing newer is allowed", ""),
        },
        Cause::Disabled => Said::new("Left alone", "mode DISABLED"),
    }
}

fn of_rollout(
    Unfinished { version, since, stands, .. }: &Unfinished,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Said {
    let rolls = || format!("{version} is being rolled out");
    match stands {
        Stands::Failed => Said::new(format!("{version} failed"), reason.unwrap_or_default()),
        Stands::UnderWay => Said::new(rolls(), format!("begun {}", beside(*since, now, &English))),
        Stands::Refused(refusal) => Said::new(rolls(), format!("{}: {}", refusal.reason, refusal.message)),
        Stands::StandsStill(stuck) | Stands::Slow(stuck) => Said::foreign(&stuck.to_string()),
        Stands::Waits(waits) => Said::new(format!("The rollout of {version} stands still"), waits.until()),
    }
}

fn asked(container: &ContainerView, now: DateTime<Utc>) -> Said {
    let Cause::Asked { until, given, needed } = &container.status.cause else { return Said::default() };
    let because = container.question.as_ref().and_then(|question| question.because.as_deref());
    let fact = match because {
        Some(Asks::Failed(failed)) => format!("{} failed on {}", failed.tag, failed.workload),
        Some(Asks::Stopped(_)) => "Automatic updates are stopped".to_owned(),
        None if *needed > 1 => format!("{given} of {needed} approvals"),
        None => "A person is asked first".to_owned(),
    };
    // What is said before it does not end by itself.
    let end = if because.is_some() { "the question ends" } else { "ends" };
    Said::new(fact, format!("{end} {}", beside(*until, now, &English)))
}

fn blocked(blocker: &Blocker, now: DateTime<Utc>) -> Said {
    let when = |at: DateTime<Utc>| beside(at, now, &English);
    match blocker {
        Blocker::Disabled => Said::new("Left alone", "mode DISABLED"),
        Blocker::Cooldown(until) => Said::new("In its cooldown", format!("over {}", when(*until))),
        Blocker::Held(held) if held.by.is_empty() => {
            Said::new(format!("{} is held back here", held.tag), "until somebody lets it go, or there is a newer one")
        }
        Blocker::Held(held) => {
            Said::new(format!("{} is held back here", held.tag), format!("set back by {}", held.by.join(", ")))
        }
        Blocker::Refused(refused) => {
            Said::new(format!("The API server refused {}", refused.tag), format!("tried again {}", when(refused.again)))
        }
        Blocker::Snoozed(until) => Said::new("Put off", format!("asked again {}", when(*until))),
        Blocker::Asked(until, _) => Said::new("A person is asked first", format!("ends {}", when(*until))),
        Blocker::Person => Said::new("A person is asked first", ""),
        Blocker::AsksOnly(why) => Said::new("A person is asked first", why.words()),
        Blocker::Owned(owner) => Said::new("A person is asked first", format!("{owner} owns it")),
        Blocker::Window(until) => Said::new("Outside its window", format!("opens {}", when(*until))),
        Blocker::Rolling { container, tag } => {
            Said::new("Another container goes first", format!("{container} goes to {tag}"))
        }
        Blocker::Paused => Said::new("Its rollouts are paused", ""),
        Blocker::Because(because) => match &**because {
            Asks::Failed(failed) => {
                Said::new(format!("{} failed on {}", failed.tag, failed.workload), "a person is asked")
            }
            Asks::Stopped(_) => Said::new("Automatic updates are stopped", "a person is asked"),
        },
        Blocker::Waits(waits) => match &**waits {
            Waits::First { workload, tag } => Said::new("Another workload goes first", format!("{workload}, to {tag}")),
            Waits::Full(bound) => Said::new("Waits for its turn", bound.to_string()),
            Waits::Unlisted => Said::new("Waits for its turn", "until all workloads are listed"),
            Waits::BrakeUnread => {
                Said::new("Waits for its turn", "whether automatic updates are stopped can't be read now")
            }
        },
        Blocker::Notes(until) => {
            Said::new("Its release notes can't be read now", format!("it goes without them {}", when(*until)))
        }
        Blocker::WasStopped(_) => Said::new("Automatic updates were stopped", "who resumed them is not known here"),
    }
}
