//! The words of messages in English.

mod chat;
mod led;
mod origin;
mod sentence;
mod ways;

use std::fmt::Write as _;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use super::catalogue::{Catalogue, Ends, Label, Names, TroubleTold, is_pushed_again, is_said_by_step, is_taken_back};
use super::clean;
use super::phrases::Phrases;
use crate::domain::actor::Actor;
use crate::domain::declared::Kinds;
use crate::domain::event::{Approvals, Failure, NoLink, Notice, NoticeKind, Trouble, TroubleKind};
use crate::domain::fleet::{Asks, Failed};
use crate::domain::grounds::Grounds;
use crate::domain::group::{Move, Plan};
use crate::domain::owner::OwnerView;
use crate::domain::policy::Verdict;
use crate::domain::preflight::{Changes, Flaw, Preflight};
use crate::domain::release::{AlertKind, FoundBy, Highlight, ReleaseNotes, Risk, Summary};
use crate::domain::settings::Problems;
use crate::domain::undelivered::{Kept, TOO_OLD};
use crate::domain::view::Led;
use crate::domain::wording::counted;
use crate::domain::workload::Origin;
use led::led;
use origin::{origin, origin_of_several};
use sentence::{heading, reminder, sentence};
use ways::{no_link, way_on};

/// English.
#[derive(Clone, Copy, Debug)]
pub struct English;

impl Phrases for English {
    fn day(&self, day: &str) -> String {
        day.parse::<NaiveDate>().map_or_else(|_| clean(day), |day| day.format("%-d %b %Y").to_string())
    }

    fn moment(&self, at: DateTime<Utc>, zone: Tz) -> String {
        at.with_timezone(&zone).format("%-d %b %Y %H:%M %Z").to_string()
    }

    fn level(&self, level: &str) -> String {
        clean(level)
    }

    fn colon(&self) -> &'static str {
        ":"
    }

    fn all_of(&self, all: &[&str]) -> String {
        match all {
            [] => String::new(),
            [one] => (*one).to_owned(),
            [before @ .., last] => format!("{} and {last}", before.join(", ")),
        }
    }

    fn votes(&self, given: usize, needed: usize) -> String {
        format!("{given} of {needed}")
    }

    fn actor(&self, who: &Actor) -> String {
        who.words()
    }

    fn outside_the_window(&self, who: &str) -> String {
        format!("{who}, outside the window")
    }

    fn grounds(&self, grounds: &Grounds) -> String {
        grounds.to_string()
    }

    fn verdict(&self, verdict: &Verdict<'_>, _: Tz) -> String {
        verdict.to_string()
    }

    fn asks(&self, asks: &Asks, zone: Tz) -> String {
        asks.words(&|at| self.moment(at, zone))
    }

    fn failed(&self, failed: &Failed, zone: Tz) -> String {
        failed.words(&|at| self.moment(at, zone))
    }

    fn kinds(&self, kinds: Kinds) -> Option<String> {
        kinds.sentence()
    }

    fn image_changes(&self, changes: &Changes) -> String {
        changes.to_string()
    }

    fn preflight(&self, preflight: &Preflight) -> String {
        preflight.to_string()
    }

    fn flaw(&self, flaw: &Flaw) -> String {
        flaw.to_string()
    }

    fn owned_by(&self, owner: &OwnerView) -> String {
        owner.to_string()
    }

    fn problems(&self, problems: &Problems) -> String {
        problems.to_string()
    }

    fn broken(&self, failure: &Failure) -> String {
        in_words(failure)
    }
}

impl Catalogue for English {
    fn label(&self, label: Label) -> &'static str {
        match label {
            Label::Workload => "Workload",
            Label::Container => "Container",
            Label::Group => "Group",
            Label::Image => "Image",
            Label::Why => "Why",
            Label::Declared => "Declared",
            Label::AskedAs => "Why asked",
            Label::Changes => "Changes",
            Label::LookedAt => "Looked at",
            Label::Owner => "Owner",
            Label::Failure => "Failure",
            Label::Note => "Note",
            Label::Approvals => "Approvals",
            Label::WhatNext => "What next",
            Label::Channel => "Channel",
            Label::Since => "Since",
        }
    }

    fn ends(&self, kind: NoticeKind) -> Ends {
        let (from, to, by) = match kind {
            NoticeKind::Applied | NoticeKind::Failed | NoticeKind::Stalled => ("Before", "New", "Decided"),
            NoticeKind::RolledBack => ("Running", "Held", "Decided"),
            NoticeKind::Held => ("Running", "Held", "Set back"),
            NoticeKind::Gone => ("Running", "There is", ""),
            NoticeKind::Stopped => ("Running", "Failed", ""),
            NoticeKind::Available | NoticeKind::Granted | NoticeKind::Skipped => ("Running", "New", "Decided"),
        };
        Ends { from, to, by }
    }

    fn heading(&self, notice: &Notice) -> &'static str {
        heading(notice)
    }

    fn sentence(&self, notice: &Notice, names: &Names) -> String {
        format!("{}{}", sentence(notice, names), reminder(notice))
    }

    fn step(&self, notice: &Notice, Names { from, to, .. }: &Names) -> String {
        match notice.kind {
            NoticeKind::Held => format!("{to} set back to {from} and held"),
            NoticeKind::Gone if is_taken_back(notice) => format!("{from} is no release any more"),
            NoticeKind::Gone if is_pushed_again(notice) => format!("{from} was pushed again"),
            NoticeKind::Gone => format!("{from} is gone from its registry"),
            NoticeKind::Stopped => "automatic updates are stopped everywhere".to_owned(),
            _ => format!("{from} → {to}"),
        }
    }

    fn dry_run(&self) -> &'static str {
        "[dry run] "
    }

    fn none_known(&self) -> &'static str {
        "none that is known"
    }

    fn group(&self, notice: &Notice) -> Option<String> {
        notice.group.as_ref().map(|plan| group(plan))
    }

    fn declared(&self, notice: &Notice, notes: Option<&ReleaseNotes>) -> Option<String> {
        let mut told = notice.declared.kinds.sentence()?;
        if notes.is_none_or(|notes| notes.alerts.is_empty()) {
            for quote in &notice.declared.quotes {
                let _ = write!(told, " «{quote}»");
            }
        }
        Some(clean(&told))
    }

    fn failure(&self, notice: &Notice) -> Option<String> {
        notice.failure.as_ref().map(|failure| clean(&self.broken(failure)))
    }

    fn led(&self, why: &Led) -> String {
        clean(&led(why))
    }

    fn no_link(&self, reason: NoLink, notice: &Notice) -> String {
        no_link(reason, notice, &clean(&notice.workload.namespace))
    }

    fn way_on(&self, notice: &Notice, names: &Names) -> Option<String> {
        way_on(notice, &names.from, &names.to, names.asks)
    }

    fn approvals(&self, Approvals { needed, given }: Approvals) -> String {
        format!(
            "{given} of {needed}: it is applied when {needed} different people have approved, each with their own link."
        )
    }

    fn decided(&self, notice: &Notice, at: &str) -> Option<String> {
        notice.by.as_ref().map(|by| format!("by {}, {at}", clean(&by.words())))
    }

    fn reason(&self, notice: &Notice, cluster: Option<&str>) -> String {
        let policy = clean(&notice.policy);
        let policy = if policy.is_empty() { policy } else { format!(" ({policy})") };
        let origin = origin(notice.mode_from, &clean(&notice.container));
        format!("You get this because {origin}{policy}{}.", of_cluster(cluster))
    }

    fn review(&self, is_way_back: bool) -> &'static str {
        if is_way_back { "See it, or go back" } else { "Review and decide" }
    }

    fn link_hint(&self, until: Option<&str>) -> String {
        let until = until.map(|until| format!("; it is valid until {until}")).unwrap_or_default();
        format!(
            "The link opens a page; nothing happens before you press a button there. Whoever has the link can decide with it{until}."
        )
    }

    fn release_notes(&self) -> &'static str {
        "Release notes"
    }

    fn alert(&self, kind: AlertKind) -> &'static str {
        kind.title()
    }

    fn more_alerts(&self, more: usize) -> String {
        format!("… and {more} more like these")
    }

    fn in_short(&self) -> &'static str {
        "In short"
    }

    fn highlight(&self, highlight: &Highlight) -> String {
        format!("{}: {}", highlight.kind.as_str(), highlight.text)
    }

    fn summary_by(&self, summary: &Summary) -> String {
        let risk = if summary.risk == Risk::High { " It advises to look closely." } else { "" };
        format!("Summary by {}, unverified.{risk}", summary.model)
    }

    fn what_changes(&self) -> &'static str {
        "What changes"
    }

    fn words_of_makers(&self, found_by: FoundBy) -> &'static str {
        match found_by {
            FoundBy::Guess => "In the words of its makers, found by a guess from the image's name.",
            FoundBy::Annotation | FoundBy::Label | FoundBy::Known => "In the words of its makers.",
        }
    }

    fn goes_on(&self) -> &'static str {
        "… the rest is behind the link"
    }

    fn more_versions(&self, more: usize) -> String {
        format!("… and {more} more {}", if more == 1 { "version" } else { "versions" })
    }

    fn several(&self, count: usize, one_cause: Option<&Notice>, names: &Names) -> String {
        match one_cause {
            // The step says what the heading does.
            Some(notice) if is_said_by_step(notice) => {
                let reminder = if notice.reminder > 0 { "Reminder: " } else { "" };
                format!("{reminder}{}.", self.several_subject(count, one_cause, names))
            }
            Some(notice) => format!("{} on {}: {}.", heading(notice), workloads(count), self.step(notice, names)),
            None if count == 1 => "One thing happened to your workloads.".to_owned(),
            None => format!("{count} things happened to your workloads."),
        }
    }

    fn waiting(&self, waiting: usize, is_all: bool) -> String {
        match (waiting, is_all) {
            (1, true) => "It waits for your decision.".to_owned(),
            (_, true) => "They wait for your decision.".to_owned(),
            (1, false) => "1 of them waits for your decision.".to_owned(),
            (_, false) => format!("{waiting} of them wait for your decision."),
        }
    }

    fn several_subject(&self, count: usize, one_cause: Option<&Notice>, names: &Names) -> String {
        match one_cause {
            Some(notice) => format!("{} on {}", self.step(notice, names), workloads(count)),
            None if count == 1 => "1 update at a glance".to_owned(),
            None => format!("{count} updates at a glance"),
        }
    }

    fn section(&self, kind: NoticeKind, count: usize) -> String {
        let what = match kind {
            NoticeKind::Available => "available",
            NoticeKind::Granted => "approved",
            NoticeKind::Skipped => "skipped",
            NoticeKind::Applied => "updated and healthy",
            NoticeKind::Failed => "passed over",
            NoticeKind::Stalled => "whose rollout stands still",
            NoticeKind::RolledBack => "rolled back",
            NoticeKind::Held => "set back and held",
            NoticeKind::Gone => "gone from their registry",
            NoticeKind::Stopped => "stopped",
        };
        format!("{count} {what}")
    }

    fn more_items(&self, more: usize, are_listed: bool) -> String {
        format!(
            "… and {more} more{}",
            if are_listed { ": the page behind the link lists what can be decided" } else { "" }
        )
    }

    fn of_some(&self, count: usize, sentence: &str) -> String {
        format!("For {count} of these: {sentence}")
    }

    fn reason_of_several(&self, mode_from: Option<Origin>, cluster: Option<&str>) -> String {
        format!("You get this because {}{}.", origin_of_several(mode_from), of_cluster(cluster))
    }

    fn trouble(&self, trouble: &Trouble) -> TroubleTold {
        let channel = clean(&trouble.channel);
        let (subject, sentence, what_next) = match trouble.kind {
            TroubleKind::ChannelPaused => (
                format!("Channel {channel} refuses our messages"),
                format!("Channel {channel} refuses our messages, so none is sent to it for now."),
                "They are kept, and it is tried again from time to time. Look at its address and its credentials.".to_owned(),
            ),
            TroubleKind::ChannelFailing => (
                format!("Channel {channel} takes no messages"),
                format!("Channel {channel} has taken no message for an hour or longer."),
                "They are kept, and it is tried again from time to time. Look whether its server works and can be reached from here.".to_owned(),
            ),
            TroubleKind::ChannelGone => (
                format!("Channel {channel} is gone"),
                format!("Channel {channel} says that its address is gone for good, so nothing is sent to it."),
                format!("Its messages are kept. Give it a new address, or take it out of the configuration. It is tried again when image-watcher starts, or once you run: image-watcher deliveries retry --channel {channel}"),
            ),
            TroubleKind::DeadLetters => (
                format!("Messages to channel {channel} were given up"),
                format!("Messages to channel {channel} could not be delivered."),
                format!("They are kept for 30 days: image-watcher deliveries --state dead --channel {channel} shows them, image-watcher deliveries retry --channel {channel} sends them again."),
            ),
        };
        TroubleTold { subject, sentence, what_next }
    }

    fn undelivered(&self, kept: &Kept) -> Option<String> {
        Some(format!("{}{}", if kept.is_too_old { TOO_OLD } else { "" }, kept.why))
    }

    fn quoted(&self, words: &str) -> String {
        words.to_owned()
    }

    fn trial(&self, channel: &str) -> (String, String) {
        (
            format!("TEST of channel {}", clean(channel)),
            format!(
                "TEST: messages of image-watcher to channel {} arrive here. There is nothing to do.",
                clean(channel)
            ),
        )
    }

    fn reason_of_service(&self, cluster: Option<&str>) -> String {
        format!("You get this because this channel is configured in image-watcher{}.", of_cluster(cluster))
    }
}

fn workloads(count: usize) -> String {
    counted(count, "workload", "workloads")
}

/// Which cluster speaks.
fn of_cluster(cluster: Option<&str>) -> String {
    cluster.map(|cluster| format!(", in cluster {}", clean(cluster))).unwrap_or_default()
}

/// Where each member of a group goes, so that nothing is left out.
fn group(plan: &Plan) -> String {
    let one = |one: &Move| {
        let from = one.from_tag().map(|tag| tag.to_string()).unwrap_or_default();
        let all: Vec<String> = [one.member()].into_iter().chain(one.with.iter().map(ToString::to_string)).collect();
        format!("{} {from} → {}", clean(&all.join(" and ")), one.tag)
    };
    let all: Vec<String> = plan.moves.iter().map(one).collect();
    format!("{}, all in this order or none: {}", plan.name, all.join("; "))
}

/// Why it failed, with the end of its log where that is known.
fn in_words(failure: &Failure) -> String {
    let Failure { reason, message, log, .. } = failure;
    let log = if log.is_empty() { String::new() } else { format!("; its log ends: {}", log.join(" | ")) };
    format!("{reason}: {message}{log}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        let names = Names { workload: "shop/web".into(), from: "1.2.3".into(), to: "1.3.0".into(), asks: false };
        let notice = crate::domain::event::tests::notice(NoticeKind::Available);
        let said = |count| {
            [
                English.several(count, None, &names),
                English.several(count, Some(&notice), &names),
                English.several_subject(count, None, &names),
                English.several_subject(count, Some(&notice), &names),
                English.more_versions(count),
            ]
            .join("\n")
        };
        let one = "One thing happened to your workloads.\nUpdate available on 1 workload: 1.2.3 → 1.3.0.\n\
                   1 update at a glance\n1.2.3 → 1.3.0 on 1 workload\n… and 1 more version";
        assert_eq!(said(1), one);
        let two = "2 things happened to your workloads.\nUpdate available on 2 workloads: 1.2.3 → 1.3.0.\n\
                   2 updates at a glance\n1.2.3 → 1.3.0 on 2 workloads\n… and 2 more versions";
        assert_eq!(said(2), two);
    }
}
