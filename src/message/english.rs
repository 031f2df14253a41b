//! The words of messages in English.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::catalogue::{Catalogue, Ends, Label, Names};
use super::clean;
use crate::domain::event::{Failure, MOST_REMINDERS, NoLink, Notice, NoticeKind, Trouble, TroubleKind, WayBack};
use crate::domain::group::{Move, Plan};
use crate::domain::release::{AlertKind, FoundBy, Highlight, ReleaseNotes, Risk, Summary};
use crate::domain::rollout::obstacle::{InTheWay, ObstacleKind};
use crate::domain::wording::sentence as sentence_of;

/// English.
pub(super) struct English;

impl Catalogue for English {
    fn moment(&self, at: DateTime<Utc>, zone: Tz) -> String {
        at.with_timezone(&zone).format("%-d %b %Y %H:%M %Z").to_string()
    }

    fn label(&self, label: Label) -> &'static str {
        match label {
            Label::Workload => "Workload",
            Label::Container => "Container",
            Label::Group => "Group",
            Label::Image => "Image",
            Label::Why => "Why",
            Label::Declared => "Declared",
            Label::AskedAs => "Asked as",
            Label::Changes => "Changes",
            Label::LookedAt => "Looked at",
            Label::Owner => "Owner",
            Label::Failure => "Failure",
            Label::Note => "Note",
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

    fn why(&self, notice: &Notice) -> Option<String> {
        notice.why.as_ref().map(|why| clean(&why.to_string()))
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

    fn because(&self, notice: &Notice) -> Option<String> {
        notice.because.as_ref().map(|because| sentence_of(&clean(&because.to_string())))
    }

    fn changes(&self, notice: &Notice) -> Option<String> {
        let changes = notice.preflight.as_ref()?.changes.as_ref()?;
        Some(clean(&changes.to_string())).filter(|it| !it.is_empty())
    }

    fn looked_at(&self, notice: &Notice) -> Option<String> {
        notice.preflight.as_ref().map(|preflight| clean(&preflight.to_string()))
    }

    fn owner(&self, notice: &Notice) -> Option<String> {
        notice.owner.as_deref().map(clean)
    }

    fn failure(&self, notice: &Notice) -> Option<String> {
        notice.failure.as_ref().map(|failure| clean(&in_words(failure)))
    }

    fn no_link(&self, reason: NoLink, notice: &Notice) -> String {
        no_link(reason, notice, &clean(&notice.workload.namespace))
    }

    fn way_on(&self, notice: &Notice, names: &Names) -> Option<String> {
        way_on(notice, &names.from, &names.to, names.asks)
    }

    fn decided(&self, notice: &Notice, at: &str) -> Option<String> {
        notice.by.as_ref().map(|by| format!("by {}, {at}", clean(&by.words())))
    }

    fn reason(&self, notice: &Notice, cluster: Option<&str>) -> String {
        let policy = clean(&notice.policy);
        let policy = if policy.is_empty() { policy } else { format!(" ({policy})") };
        format!("You get this because of image-watcher/mode on this workload{policy}{}.", of_cluster(cluster))
    }

    fn review(&self) -> &'static str {
        "Review and decide"
    }

    fn link_hint(&self, until: Option<&str>) -> String {
        let until = until.map(|until| format!(" and valid until {until}")).unwrap_or_default();
        format!("It opens a page; nothing happens before you press a button there. The link is yours alone{until}.")
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
        format!("… and {more} more versions")
    }

    fn several(&self, count: usize, one_cause: Option<&Notice>, names: &Names) -> String {
        match one_cause {
            Some(notice) => format!("{} on {count} workloads: {} → {}.", heading(notice), names.from, names.to),
            None => format!("{count} things happened to your workloads."),
        }
    }

    fn several_subject(&self, count: usize, one_cause: Option<&Notice>, names: &Names) -> String {
        match one_cause {
            Some(_) => format!("{} → {} on {count} workloads", names.from, names.to),
            None => format!("{count} updates at a glance"),
        }
    }

    fn section(&self, kind: NoticeKind, count: usize) -> String {
        let what = match kind {
            NoticeKind::Available => "available",
            NoticeKind::Granted => "approved",
            NoticeKind::Skipped => "skipped",
            NoticeKind::Applied => "updated and healthy",
            NoticeKind::Failed => "passed over or failed",
            NoticeKind::Stalled => "whose rollout stands still",
            NoticeKind::RolledBack => "rolled back",
            NoticeKind::Held => "set back and held",
            NoticeKind::Gone => "gone from their registry",
            NoticeKind::Stopped => "stopped",
        };
        format!("{count} {what}")
    }

    fn more_items(&self, more: usize) -> String {
        format!("… and {more} more")
    }

    fn reason_of_several(&self, cluster: Option<&str>) -> String {
        format!("You get this because of image-watcher/mode on these workloads{}.", of_cluster(cluster))
    }

    fn trouble(&self, trouble: &Trouble) -> (String, String) {
        let channel = clean(&trouble.channel);
        match trouble.kind {
            TroubleKind::ChannelPaused => (
                format!("Channel {channel} refuses our messages"),
                format!(
                    "Channel {channel} refuses our messages, so none is sent to it for now. They are kept, and it is tried again from time to time. Look at its address and its credentials."
                ),
            ),
            TroubleKind::ChannelGone => (
                format!("Channel {channel} is gone"),
                format!(
                    "Channel {channel} says that its address is gone for good, so nothing is sent to it until image-watcher starts again. Give it a new address, or take it out of the configuration."
                ),
            ),
            TroubleKind::DeadLetters => (
                format!("Messages to channel {channel} were given up"),
                format!(
                    "Messages to channel {channel} could not be delivered and are kept for 30 days: image-watcher deliveries --state dead --channel {channel} shows them, image-watcher deliveries retry --channel {channel} sends them again."
                ),
            ),
        }
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
    let Failure { reason, message, log } = failure;
    let log = if log.is_empty() { String::new() } else { format!("; its log ends: {}", log.join(" | ")) };
    format!("{reason}: {message}{log}")
}

/// Whether it is about a member of a group that goes back, and does not go back with the others.
fn stays(notice: &Notice) -> bool {
    let is_of_group = notice.failure.as_ref().is_some_and(Failure::is_of_group);
    let goes = matches!(notice.way_back, Some(WayBack::Goes | WayBack::Further | WayBack::Failed));
    notice.kind == NoticeKind::Failed && is_of_group && !goes
}

/// Whether the image is there, and its project calls it no release any more.
fn is_taken_back(notice: &Notice) -> bool {
    notice.lost.is_some_and(|lost| !lost.is_of_registry())
}

fn heading(notice: &Notice) -> &'static str {
    match notice.kind {
        NoticeKind::Failed if notice.is_passed_over() => "Passed over",
        NoticeKind::Failed if stays(notice) => "Not taken back with its group",
        NoticeKind::Available if notice.reminder > 0 => "Reminder: an update is available",
        NoticeKind::Available => "Update available",
        NoticeKind::Granted => "Approved",
        NoticeKind::Skipped => "Skipped",
        NoticeKind::Applied => "Updated",
        NoticeKind::Failed => "Update failed",
        NoticeKind::Stalled => "The rollout stands still",
        NoticeKind::RolledBack => "Rolled back",
        NoticeKind::Held if notice.reminder > 0 => "Reminder: set back and held",
        NoticeKind::Held => "Set back and held",
        NoticeKind::Gone if is_taken_back(notice) => "Taken back by its project",
        NoticeKind::Gone => "Gone from its registry",
        NoticeKind::Stopped => "Automatic updates are stopped",
    }
}

/// That its reader was told before, and how often that still happens.
fn reminder(notice: &Notice) -> String {
    match notice.reminder {
        0 => String::new(),
        MOST_REMINDERS.. => format!(" Reminder {MOST_REMINDERS} of {MOST_REMINDERS}: it is the last."),
        number => format!(" Reminder {number} of {MOST_REMINDERS}."),
    }
}

fn sentence(notice: &Notice, Names { workload, from, to, asks }: &Names) -> String {
    let (what, level) = (workload.clone(), clean(&notice.level));
    let what = match &notice.group {
        Some(plan) => format!("group {} ({what})", plan.name),
        None => what,
    };
    match notice.kind {
        NoticeKind::Available if *asks => {
            format!("{what}: {from} → {to} ({level}) is available and waits for your approval.")
        }
        NoticeKind::Available if notice.no_link == Some(NoLink::WouldApply) => {
            format!("{what}: {from} → {to} ({level}) would be applied now (dry run: nothing is written).")
        }
        NoticeKind::Available if notice.no_link == Some(NoLink::WouldAsk) => {
            format!("{what}: {from} → {to} ({level}) would wait for your approval (dry run: nothing is written).")
        }
        NoticeKind::Available => format!("{what}: {from} → {to} ({level}) is available."),
        NoticeKind::Granted => format!("{what}: {from} → {to} ({level}) was approved and is being rolled out."),
        NoticeKind::Skipped => format!("{what}: {to} was skipped; {from} goes on running."),
        NoticeKind::Applied => format!("{what} was updated: {from} → {to} ({level}), and is healthy."),
        NoticeKind::Failed if notice.way_back == Some(WayBack::Failed) => {
            format!("{what}: going back from {from} to {to} failed.")
        }
        NoticeKind::Failed if notice.is_passed_over() => {
            format!("{what}: {to} is passed over, as it can't take the place of {from}.")
        }
        NoticeKind::Failed if stays(notice) => {
            format!("{what}: the others of the group go back to {from}, and this one stays at {to}.")
        }
        NoticeKind::Failed => format!("{what}: the update {from} → {to} ({level}) failed."),
        NoticeKind::Stalled => {
            format!("{what}: the rollout {from} → {to} ({level}) stands still, and does not end by itself.")
        }
        NoticeKind::RolledBack => {
            format!("{what} runs {from} again, and is healthy. {to} is held: it is not applied again by itself.")
        }
        NoticeKind::Gone if is_taken_back(notice) => {
            format!("{what} runs {from}, which is no release of its project any more.")
        }
        NoticeKind::Gone => format!("{what} runs {from}, which is gone from its registry."),
        NoticeKind::Stopped => {
            format!("Automatic updates are stopped everywhere: one after another failed, the last on {what} ({to}).")
        }
        NoticeKind::Held => {
            let by = notice.by.as_ref().map(|by| format!(" by {}", clean(&by.words()))).unwrap_or_default();
            format!("{what} was set back from {to} to {from}{by}. {to} is held: it is not applied again by itself.")
        }
    }
}

/// What comes of it, and what can be done: how a version that is held can be applied again, and what becomes of an update that
/// failed, or how it can be undone.
fn way_on(notice: &Notice, from: &str, to: &str, has_link: bool) -> Option<String> {
    let button = if has_link { "press the button behind the link, or " } else { "" };
    let by_hand = || format!("To go back to {from}, {button}set the image to it yourself.");
    match (notice.kind, notice.way_back) {
        (NoticeKind::Held | NoticeKind::RolledBack, _) => Some(format!(
            "{}A newer version is handled as usual. To have {to} applied again, {button}set the image to it yourself.",
            removed(notice)
        )),
        (NoticeKind::Failed, Some(WayBack::Goes)) => {
            let others = if notice.group.is_some() { "All of the group that were written go back: " } else { "" };
            let blocked = in_the_way(notice);
            Some(format!(
                "{others}{from} is written again, by the digest that ran; you are told when it runs.{blocked}"
            ))
        }
        (NoticeKind::Failed, Some(WayBack::Further)) => Some(format!(
            "{from} never ran well here, so what ran well before it is written again; you are told when it runs.{}",
            in_the_way(notice)
        )),
        (NoticeKind::Failed, Some(WayBack::Before)) => Some(format!(
            "Pods of the version before are in the same trouble, so going back mends nothing, and nothing is undone. {}",
            by_hand()
        )),
        (NoticeKind::Failed, Some(WayBack::Gone)) => Some(format!(
            "What ran before is no longer in its registry, so nothing is undone: a pod could not start with it. Push it again and set the image to {from} yourself, or to another version."
        )),
        (NoticeKind::Failed, Some(WayBack::Refused)) => {
            Some(format!("The API server refuses to write what ran before, so nothing is undone. {}", by_hand()))
        }
        (NoticeKind::Failed, Some(WayBack::Off)) => {
            Some(format!("image-watcher/rollback leaves going back to people. {}", by_hand()))
        }
        (NoticeKind::Failed, Some(WayBack::Migration)) => Some(format!(
            "Nothing is undone by itself, as its makers declare that {to} changes stored data, which {from} may not read. {}",
            by_hand()
        )),
        (NoticeKind::Failed, Some(WayBack::Unread)) => Some(format!(
            "Nothing is undone by itself, as it could not be read whether {to} changes stored data, which {from} may not read. {}",
            by_hand()
        )),
        (NoticeKind::Failed, Some(WayBack::Unknown)) => Some(format!(
            "What ran before is not known by digest, or somebody has changed the image since, so nothing is undone. {}",
            by_hand()
        )),
        (NoticeKind::Failed, Some(WayBack::Failed)) => {
            let again = if has_link {
                format!(" To have {from} applied again all the same, press the button behind the link.")
            } else {
                String::new()
            };
            Some(format!("Nothing more is done by itself: look at the pods of the workload.{again}"))
        }
        (NoticeKind::Stalled, _) => Some(format!(
            "Look at the pods of the workload. You are told when it is healthy after all. To go back to {from}, set the image to it yourself."
        )),
        (NoticeKind::Stopped, _) => Some(format!(
            "What would be applied by itself is asked about meanwhile. To resume, {button}run image-watcher brake --resume where the service runs."
        )),
        (NoticeKind::Applied, _) if has_link => {
            Some(format!("To go back to {from}, press the button behind the link."))
        }
        _ => None,
    }
}

/// What going back has to wait for, and who deletes it.
fn in_the_way(notice: &Notice) -> String {
    let namespace = &notice.workload.namespace;
    let of = |one: &InTheWay| {
        let waits = match one.kind {
            ObstacleKind::Pod => format!("Its controller waits for {one}, which does not come up"),
            ObstacleKind::Job => format!("No other run begins beside {one}"),
        };
        if one.is_ours {
            format!(" {waits}, so image-watcher deletes it.")
        } else {
            format!(" {waits}, until somebody deletes it: {}", one.command(namespace))
        }
    };
    clean(&notice.in_the_way.iter().map(of).collect::<String>())
}

/// What was deleted for it.
fn removed(notice: &Notice) -> String {
    let of = |one: &InTheWay| format!("{one} was deleted, as nothing went on before. ");
    let told: String = notice.in_the_way.iter().map(of).collect();
    clean(&told)
}
/// Why nothing comes of it, where nothing is written.
const DRY_RUN: &str = "image-watcher runs as a dry run (IMAGE_WATCHER_DRY_RUN): it writes nothing to the cluster, so there is no link to act with.";

fn no_link(reason: NoLink, notice: &Notice, namespace: &str) -> String {
    let effect = match reason {
        NoLink::NoBaseUrl => {
            return "There is no link to decide with, as BASE_URL is not set. Whoever runs image-watcher can set it to \
                    the address that people reach it at."
                .to_owned();
        }
        NoLink::WriteRefused => {
            return "There is no link to decide with, as the API server refuses what image-watcher has to write on the \
                    workload for one. Whoever runs the cluster can let it pass; until then the image can be set by hand."
                .to_owned();
        }
        NoLink::WouldApply => return format!("The policy would apply this update by itself. {DRY_RUN}"),
        NoLink::WouldAsk => return format!("You would be asked here whether to apply it. {DRY_RUN}"),
        NoLink::MayNotPatch => "There is no link to decide with",
        NoLink::MayNotApply => "The policy allows this update, and it is not applied",
    };
    let kind = notice.workload.kind.plural();
    format!(
        "{effect}: image-watcher may not patch {kind} in namespace {namespace}. Whoever runs the cluster can allow it: \
         kubectl apply -k deploy/namespace -n {namespace}"
    )
}
